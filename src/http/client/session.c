/* SPDX-License-Identifier: MIT */
/*
 * session.c — the life of a session.
 *
 * A session that was closed lives on while responses, requests and links
 * refer to it; it only does nothing new any more.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "http/client/client.h"

#define HEAD_MAX ((size_t)1 << 20)

/* ── Options ──────────────────────────────────────────────────────────── */

static int check_seconds(const char *name, double *seconds, double otherwise)
{
    if (!(*seconds >= 0))
        return bide_raise(-EINVAL, "%s is %g seconds, must not be negative",
                          name, *seconds);
    if (*seconds <= 0)
        *seconds = otherwise;
    return 0;
}

static int fill_in(bide_http_session_options *options)
{
    int rc = check_seconds("timeout", &options->timeout, 300);
    if (rc == 0)
        rc = check_seconds("connect_timeout", &options->connect_timeout, 30);
    if (rc == 0)
        rc = check_seconds("read_timeout", &options->read_timeout, INFINITY);
    if (rc == 0)
        rc = check_seconds("idle_timeout", &options->idle_timeout, 15);
    if (rc == 0)
        rc = check_seconds("max_age", &options->max_age, 0);
    if (rc < 0)
        return rc;
    if (options->head > HEAD_MAX)
        return bide_raise(-EINVAL, "head is %zu bytes, at most %zu",
                          options->head, HEAD_MAX);
    if (options->head == 0)
        options->head = 65536;
    if (options->fields == 0)
        options->fields = 128;
    if (options->connections == 0)
        options->connections = 100;
    if (options->body == 0)
        options->body = (size_t)64 << 20;
    if (options->redirects == 0)
        options->redirects = 10;
    return 0;
}

static int copy_headers(bide_http_session *session,
                        const bide_http_pair *headers)
{
    for (; headers && headers->name; headers++) {
        int rc = bide__header_check(headers);
        if (rc == 0)
            rc = bide__bytes_add(&session->headers, headers->name,
                                 strlen(headers->name) + 1);
        if (rc == 0)
            rc = bide__bytes_add(&session->headers, headers->value,
                                 strlen(headers->value) + 1);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

void bide__session_ref(bide_http_session *session)
{
    session->users++;
}

void bide__session_unref(bide_http_session *session)
{
    if (--session->users > 0)
        return;
    bide__bytes_free(&session->headers);
    bide__proxy_forget(session);
    bide__jar_free(session->jar);
    bide__secure_close(session);
    bide_release(session);
}

static int prepare(bide_http_session *session,
                   const bide_http_session_options *options)
{
    if (options)
        session->options = *options;
    int rc = fill_in(&session->options);
    if (rc == 0)
        rc = copy_headers(session, session->options.headers);
    session->options.headers = NULL;
    if (rc == 0)
        rc = bide__proxy_prepare(session);
    session->tls = session->options.tls;
    return rc;
}

int bide_http_session_open(const bide_http_session_options *options,
                           bide_http_session **ret_session)
{
    bide_http_session *session = bide_allocate(sizeof *session);
    if (!session)
        return -ENOMEM;
    memset(session, 0, sizeof *session);
    session->users = 1;
    int rc = prepare(session, options);
    if (rc < 0) {
        bide__session_unref(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

void bide_http_session_close(bide_http_session *session)
{
    if (!session)
        return;
    session->closed = true;
    bide__pool_shut(session);
    bide__session_unref(session);
}

size_t bide_http_session_connections(const bide_http_session *session)
{
    return session->links;
}

/* SPDX-License-Identifier: MIT */
/*
 * client.h — what the client's tests share: a session, our own server with a
 * few pages, and servers that send what they are told to, byte for byte.
 */
#ifndef BIDE_TESTS_HTTP_CLIENT_CLIENT_H
#define BIDE_TESTS_HTTP_CLIENT_CLIENT_H

#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/server.h"

/* ── Sessions ─────────────────────────────────────────────────────────── */

static inline bide_http_session *
open_session(const bide_http_session_options *options)
{
    bide_http_session *http = NULL;
    CHECK_OK(bide_http_session_open(options, &http));
    return http;
}

/* Get a URL and its text. Returns the status or a
 * negative code. */
static inline int get_text(bide_http_session *http, const char *url,
                           char *text, size_t size)
{
    bide_http_response *response;
    const char *body;
    int rc = bide_http_get(http, url, &response);
    if (rc < 0)
        return rc;
    rc = bide_http_response_text(response, &body);
    if (rc == 0) {
        snprintf(text, size, "%s", body);
        rc = bide_http_response_status(response);
    }
    bide_http_response_close(response);
    return rc;
}

/* ── Our own server ───────────────────────────────────────────────────── */

static inline bide_http_server *serve(bide_http_handler *handler, void *arg)
{
    bide_http_server *server = NULL;
    CHECK_OK(bide_http_serve("127.0.0.1", 0, handler, arg, NULL, &server));
    return server;
}

static inline const char *url_of(const bide_http_server *server,
                                 const char *target)
{
    static char url[8][512];
    static unsigned turn;
    char *text = url[turn++ % 8];
    snprintf(text, sizeof url[0], "http://127.0.0.1:%d%s",
             bide_http_server_port(server), target);
    return text;
}

/* ── Servers of raw bytes ─────────────────────────────────────────────── */

/* What a raw server does on each connection: wait for the end of a request's
 * head, send its reply, and so on until it runs out of replies. */
struct raw {
    const char *const *replies; /* NULL at the end */
    size_t lens[8];             /* 0: strlen */
    bool keep;                  /* start over for each connection */
    bool hang;                  /* afterwards, wait instead of closing */
    bool reset;                 /* close by a reset */
    int connections, requests;
    size_t next;                /* reply */
    char request[4096];         /* the last one's head */
    bide_server *server;
};

static inline int raw_handler(bide_stream *stream, void *arg)
{
    struct raw *raw = arg;
    size_t next = raw->keep ? 0 : raw->next;
    raw->connections++;
    for (; raw->replies[next]; next++) {
        ssize_t n = bide_stream_readuntil(stream, "\r\n\r\n", 4, raw->request,
                                          sizeof raw->request - 1);
        if (n < 0)
            return 0;
        raw->request[n] = '\0';
        raw->requests++;
        raw->next = next + 1;
        const char *reply = raw->replies[next];
        size_t len = raw->lens[next] ? raw->lens[next] : strlen(reply);
        if (len > 0 && bide_stream_write(stream, reply, len) < 0)
            return 0;
        if (strstr(reply, "Connection: close") && !raw->hang) {
            raw->next = next + 1;
            return 0;
        }
    }
    if (raw->hang)
        return bide_sleep(1e6);
    if (raw->reset)
        bide_stream_abort(stream);
    return 0;
}

static inline void raw_open(struct raw *raw)
{
    CHECK_OK(bide_start_server("127.0.0.1", 0, raw_handler, raw, NULL,
                               &raw->server));
}

static inline const char *raw_url(const struct raw *raw, const char *target)
{
    static char url[8][512];
    static unsigned turn;
    char *text = url[turn++ % 8];
    snprintf(text, sizeof url[0], "http://127.0.0.1:%d%s",
             bide_server_port(raw->server), target);
    return text;
}

static inline void raw_close(struct raw *raw)
{
    CHECK_OK(bide_server_close(raw->server));
}

#endif

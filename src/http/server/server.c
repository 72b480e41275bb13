/* SPDX-License-Identifier: MIT */
/*
 * server.c — the life of an HTTP server on one loop, over a server of
 * streams. Several loops: workers.c.
 */
#include <errno.h>
#include <string.h>

#include "http/http2/http2.h"
#include "http/server/server.h"

#define HEAD_DEFAULT 32768
#define HEAD_MAX 1048576
#define FIELDS_DEFAULT 100
#define FIELDS_MAX 10000
#define BODY_DEFAULT (UINT64_C(2) << 20)
#define STREAMS_DEFAULT 100
#define STREAMS_MAX 1000

/* ── Options ──────────────────────────────────────────────────────────── */

static int set_time(double *seconds, double normal, const char *name)
{
    if (!(*seconds >= 0))
        return bide_raise(-EINVAL, "%s is %g s, must be at least 0", name,
                          *seconds);
    if (*seconds == 0)
        *seconds = normal;
    return 0;
}

static int set_sizes(bide_http_server_options *options)
{
    if (options->head > HEAD_MAX)
        return bide_raise(-EINVAL, "head is %zu bytes, at most %d",
                          options->head, HEAD_MAX);
    if (options->fields > FIELDS_MAX)
        return bide_raise(-EINVAL, "fields is %u, at most %d",
                          options->fields, FIELDS_MAX);
    if (options->streams > STREAMS_MAX)
        return bide_raise(-EINVAL, "streams is %u, at most %d",
                          options->streams, STREAMS_MAX);
    if (options->streams == 0)
        options->streams = STREAMS_DEFAULT;
    if (options->head == 0)
        options->head = HEAD_DEFAULT;
    if (options->fields == 0)
        options->fields = FIELDS_DEFAULT;
    if (options->body == 0)
        options->body = BODY_DEFAULT;
    return 0;
}

static int set_defaults(bide_http_server_options *options)
{
    int rc = set_sizes(options);
    if (rc == 0)
        rc = set_time(&options->idle_timeout, 60, "idle_timeout");
    if (rc == 0)
        rc = set_time(&options->head_timeout, 15, "head_timeout");
    if (rc == 0)
        rc = set_time(&options->request_timeout, 300, "request_timeout");
    if (rc == 0)
        rc = set_time(&options->write_timeout, 60, "write_timeout");
    return rc;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

/* The first member of a server is the security that its streams are given. */
static int secure(const bide_security *security, bide_stream *stream,
                  const char *host)
{
    const bide_http_server *server = (const bide_http_server *)security;
    const bide_security *given = server->options.tls;
    return given->secure_for(
        given, stream, host,
        server->options.no_http2 ? "http/1.1" : "h2,http/1.1");
}

/* What TLS gave us, or the program's own if it cannot be told protocols; the
 * core checks whether it is any good. */
static const void *security_of(bide_http_server *server)
{
    const bide_security *given = server->options.tls;
    if (!given || given->size < sizeof *given || !given->secure_for)
        return given;
    server->security = *given;
    server->security.size = sizeof server->security;
    server->security.secure = secure;
    return &server->security;
}

static int start(bide_http_server *server, const char *host, int port)
{
    const bide_http_server_options *own = &server->options;
    size_t limit = own->head + 1;
    const bide_server_options options = {
        .limit = limit > BIDE_STREAM_LIMIT ? limit : BIDE_STREAM_LIMIT,
        .connections = own->connections,
        .stack_size = own->stack_size,
        .reuse_port = own->reuse_port,
        .tls = security_of(server),
    };
    return bide_start_server(host, port, bide__http_converse, server, &options,
                             &server->server);
}

int bide__http_server_new(bide_http_handler *handler, void *arg,
                          const bide_http_server_options *options,
                          bide_http_server **ret_server)
{
    bide_http_server_options given = {.head = 0};
    if (options)
        given = *options;
    if (!handler)
        return bide_raise(-EINVAL, "handler is NULL, must be a function that "
                                   "replies to a request");
    int rc = set_defaults(&given);
    if (rc < 0)
        return rc;
    bide_http_server *server = bide_allocate(sizeof *server);
    if (!server)
        return -ENOMEM;
    memset(server, 0, sizeof *server);
    server->handler = handler;
    server->arg = arg;
    server->options = given;
    *ret_server = server;
    return 0;
}

int bide__http_serve_here(const char *host, int port,
                          bide_http_handler *handler, void *arg,
                          const bide_http_server_options *options,
                          bide_http_server **ret_server)
{
    bide_http_server *server;
    int rc = bide__http_server_new(handler, arg, options, &server);
    if (rc < 0)
        return rc;
    rc = start(server, host, port);
    if (rc < 0)
        bide_release(server);
    else
        *ret_server = server;
    return rc;
}

int bide_http_server_port(const bide_http_server *server)
{
    return bide_server_port(server->server);
}

void bide__http_stop_here(bide_http_server *server)
{
    server->stopping = true;
    bide_server_stop(server->server);
    struct bide__http_connection *one = server->connections;
    for (; one; one = one->next)
        if (one->http2)
            bide__http2_stop(one->http2);
        else if (one->idle)
            (void)bide_task_cancel(one->task);
}

int bide__http_wait_here(bide_http_server *server)
{
    return bide_server_wait(server->server);
}

int bide__http_close_here(bide_http_server *server)
{
    if (server)
        server->stopping = true;
    int rc = bide_server_close(server ? server->server : NULL);
    if (server)
        bide__bytes_free(&server->spare);
    bide_release(server);
    return rc;
}

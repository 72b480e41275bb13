/* SPDX-License-Identifier: MIT */
/* http.h — a server of the tests, and raw bytes to and from it. */
#ifndef BIDE_TESTS_HTTP_HTTP_H
#define BIDE_TESTS_HTTP_HTTP_H

#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/server.h"

static inline bide_http_server *
serve(bide_http_handler *handler, void *arg,
      const bide_http_server_options *options)
{
    bide_http_server *server = NULL;
    CHECK_OK(bide_http_serve("127.0.0.1", 0, handler, arg, options, &server));
    return server;
}

static inline bide_stream *dial(const bide_http_server *server)
{
    bide_stream *stream = NULL;
    CHECK_OK(bide_open_connection("127.0.0.1", bide_http_server_port(server),
                                  NULL, &stream));
    return stream;
}

static inline void say(bide_stream *stream, const char *text)
{
    CHECK_OK(bide_stream_write(stream, text, strlen(text)));
}

/* What comes until the end of the connection, NUL-terminated. */
static inline ssize_t hear_all(bide_stream *stream, char *buf, size_t size)
{
    size_t got = 0;
    ssize_t n = 1;
    while (n > 0 && got < size - 1) {
        n = bide_stream_read(stream, buf + got, size - 1 - got);
        got += n > 0 ? (size_t)n : 0;
    }
    buf[got] = '\0';
    return n < 0 ? n : (ssize_t)got;
}

/* One reply with a Content-Length: its body, NUL-terminated. Returns its
 * status or a negative code. */
static inline int hear(bide_stream *stream, char *body, size_t size)
{
    char line[512];
    int status = 0;
    size_t length = 0;
    for (;;) {
        ssize_t n = bide_stream_readline(stream, line, sizeof line);
        if (n <= 0)
            return n < 0 ? (int)n : BIDE_E_INCOMPLETE;
        if (n == 2)
            break;
        (void)sscanf(line, "HTTP/1.1 %d", &status);
        (void)sscanf(line, "Content-Length: %zu", &length);
    }
    if (length >= size)
        return -EMSGSIZE;
    ssize_t n = bide_stream_readexactly(stream, body, length);
    if (n < 0)
        return (int)n;
    body[length] = '\0';
    return status;
}

/* Replies with the method, the target and the body. */
static inline int tell(bide_http_request *request, void *arg)
{
    const char *body;
    char text[2048];
    (void)arg;
    ssize_t len = bide_http_request_body(request, &body);
    if (len < 0)
        return (int)len;
    int n = snprintf(text, sizeof text, "%s %s %s",
                     bide_http_request_method(request),
                     bide_http_request_target(request), body);
    return bide_http_reply(request, 200, "text/plain", text, (size_t)n);
}

#endif

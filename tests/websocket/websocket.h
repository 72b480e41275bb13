/* SPDX-License-Identifier: MIT */
/* websocket.h — servers and clients of the tests, and frames by hand. */
#ifndef BIDE_TESTS_WEBSOCKET_WEBSOCKET_H
#define BIDE_TESTS_WEBSOCKET_WEBSOCKET_H

#include <bide/websocket.h>

#include "http/http.h"

/* A handler's options, and how it ended. */
struct serving {
    bide_websocket_options options;
    int result;            /* of the last receive */
    int close_code;
    char close_reason[128];
    int ended;             /* handlers */
};

static inline int end_serving(struct serving *serving, bide_websocket *ws,
                              int rc)
{
    serving->result = rc;
    serving->close_code = bide_websocket_close_code(ws);
    snprintf(serving->close_reason, sizeof serving->close_reason, "%s",
             bide_websocket_close_reason(ws));
    int closed = bide_websocket_close(ws, 1000, NULL);
    serving->ended++;
    return closed;
}

/* Sends back what it receives. */
static inline int echo_messages(bide_http_request *request, void *arg)
{
    struct serving *serving = arg;
    bide_websocket *ws;
    bide_websocket_message message;
    int rc = bide_websocket_accept(request, &serving->options, &ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        rc = bide_websocket_send(ws, message.kind, message.data, message.len);
        if (rc < 0)
            break;
    }
    return end_serving(serving, ws, rc);
}

/* ── Clients of ours ──────────────────────────────────────────────────── */

static inline bide_websocket *join(const bide_http_server *server,
                                   const bide_websocket_options *options)
{
    char url[64];
    bide_websocket *ws = NULL;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/",
             bide_http_server_port(server));
    CHECK_OK(bide_websocket_connect(url, options, &ws));
    return ws;
}

/* A task that receives until the end. */
struct closing {
    bide_websocket *ws;
    int received;
};

static inline int receive_all(void *arg)
{
    struct closing *closing = arg;
    bide_websocket_message message;
    int rc;
    while ((rc = bide_websocket_receive(closing->ws, &message)) > 0)
        closing->received++;
    return rc;
}

/* ── Clients by hand ──────────────────────────────────────────────────── */

#define HANDSHAKE                                                             \
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"                     \
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                    \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* Shake hands by hand; `more` are further headers. */
static inline bide_stream *dial_up(const bide_http_server *server,
                                   const char *more, char *answer, size_t size)
{
    bide_stream *stream = dial(server);
    char text[1024];
    snprintf(text, sizeof text, HANDSHAKE "%s\r\n", more);
    say(stream, text);
    ssize_t n =
        bide_stream_readuntil(stream, "\r\n\r\n", 4, answer, size - 1);
    CHECK_OK(n);
    answer[n > 0 ? n : 0] = '\0';
    return stream;
}

/* A frame with the mask 1 2 3 4. Returns its length. */
static inline size_t put_frame(char *out, int first, const char *data,
                               size_t len)
{
    size_t at = 0;
    out[at++] = (char)first;
    if (len < 126) {
        out[at++] = (char)(0x80 | len);
    } else if (len <= 0xffff) {
        out[at++] = (char)(0x80 | 126);
        out[at++] = (char)(len >> 8);
        out[at++] = (char)len;
    } else {
        out[at++] = (char)(0x80 | 127);
        for (int i = 7; i >= 0; i--)
            out[at++] = (char)((uint64_t)len >> (8 * i));
    }
    for (int i = 0; i < 4; i++)
        out[at++] = (char)(i + 1);
    for (size_t i = 0; i < len; i++)
        out[at++] = (char)((unsigned char)data[i] ^ (1 + (i & 3)));
    return at;
}

static inline void send_frame(bide_stream *stream, int first,
                              const char *data, size_t len)
{
    char frame[4096];
    CHECK(len < sizeof frame - 14);
    CHECK_OK(bide_stream_write(stream, frame,
                               put_frame(frame, first, data, len)));
}

/* Read a frame without a mask. Returns its first byte, or a negative code. */
static inline int hear_frame(bide_stream *stream, char *data, size_t size,
                             size_t *ret_len)
{
    unsigned char head[10];
    *ret_len = 0;
    ssize_t n = bide_stream_readexactly(stream, head, 2);
    if (n < 0)
        return (int)n;
    size_t len = head[1] & 127, more = len < 126 ? 0 : len == 126 ? 2 : 8;
    CHECK(!(head[1] & 128));
    n = bide_stream_readexactly(stream, head + 2, more);
    if (n < 0)
        return (int)n;
    for (size_t i = 0; more && i < more; i++)
        len = (i ? len << 8 : 0) | (size_t)head[2 + i];
    if (!CHECK(len < size))
        return -EMSGSIZE;
    n = bide_stream_readexactly(stream, data, len);
    if (n < 0)
        return (int)n;
    data[len] = '\0';
    *ret_len = len;
    return head[0];
}

#endif

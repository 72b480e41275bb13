/* SPDX-License-Identifier: MIT */
/*
 * http2.h — a client of HTTP/2 for the tests, by nghttp2: several requests at
 * once on a connection, and whatever else nghttp2 lets a client do.
 *
 * Windows are granted by hand: `hold` keeps the server waiting.
 */
#ifndef BIDE_TESTS_HTTP_HTTP2_H
#define BIDE_TESTS_HTTP_HTTP2_H

#include <nghttp2/nghttp2.h>

#include "http.h"

#define EXCHANGES 256

/* A request and what became of it. */
struct exchange {
    int32_t id;
    int status;         /* 0: there was none */
    int interim;        /* statuses of 1xx before it */
    char body[4096];    /* its beginning, NUL-terminated */
    size_t len;         /* of all of it */
    char trailers[256]; /* "name: value\n" */
    bool ended;         /* by the server's END_STREAM */
    bool closed;
    uint32_t error;     /* why it was closed */
    const char *sends;  /* what is left of the body to send */
    size_t left;
    bool never_ends;    /* the body is not ended */
};

struct client {
    bide_stream *stream;
    nghttp2_session *session;
    struct exchange exchanges[EXCHANGES];
    int count;
    bool hold;       /* do not let the server send more */
    bool gone;       /* the server has ended the connection */
    uint32_t goaway; /* the error of its GOAWAY, and ... */
    bool dismissed;  /* ... whether there was one */
};

static inline struct exchange *exchange_of(struct client *client, int32_t id)
{
    for (int i = 0; i < client->count; i++)
        if (client->exchanges[i].id == id)
            return &client->exchanges[i];
    return NULL;
}

static inline int client_header(nghttp2_session *session,
                                const nghttp2_frame *frame,
                                const uint8_t *name, size_t name_len,
                                const uint8_t *value, size_t value_len,
                                uint8_t flags, void *data)
{
    struct exchange *exchange = exchange_of(data, frame->hd.stream_id);
    (void)session;
    (void)flags;
    if (!exchange)
        return 0;
    if (strcmp((const char *)name, ":status") == 0) {
        int status = atoi((const char *)value);
        if (status < 200)
            exchange->interim++;
        else
            exchange->status = status;
    } else if (frame->headers.cat == NGHTTP2_HCAT_HEADERS &&
               exchange->status) {
        size_t used = strlen(exchange->trailers);
        snprintf(exchange->trailers + used, sizeof exchange->trailers - used,
                 "%.*s: %.*s\n", (int)name_len, (const char *)name,
                 (int)value_len, (const char *)value);
    }
    return 0;
}

static inline int client_data(nghttp2_session *session, uint8_t flags,
                              int32_t id, const uint8_t *bytes, size_t len,
                              void *data)
{
    struct client *client = data;
    struct exchange *exchange = exchange_of(client, id);
    (void)flags;
    if (!client->hold)
        (void)nghttp2_session_consume(session, id, len);
    if (!exchange)
        return 0;
    size_t room = sizeof exchange->body - 1;
    if (exchange->len < room) {
        size_t n = room - exchange->len < len ? room - exchange->len : len;
        memcpy(exchange->body + exchange->len, bytes, n);
    }
    exchange->len += len;
    return 0;
}

static inline int client_frame(nghttp2_session *session,
                               const nghttp2_frame *frame, void *data)
{
    struct client *client = data;
    struct exchange *exchange = exchange_of(client, frame->hd.stream_id);
    (void)session;
    if (exchange && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        exchange->ended = true;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->goaway = frame->goaway.error_code;
        client->dismissed = true;
    }
    return 0;
}

static inline int client_close(nghttp2_session *session, int32_t id,
                               uint32_t error, void *data)
{
    struct exchange *exchange = exchange_of(data, id);
    (void)session;
    if (exchange) {
        exchange->closed = true;
        exchange->error = error;
    }
    return 0;
}

static inline ssize_t client_body(nghttp2_session *session, int32_t id,
                                  uint8_t *buf, size_t len, uint32_t *flags,
                                  nghttp2_data_source *source, void *data)
{
    struct exchange *exchange = source->ptr;
    (void)session;
    (void)id;
    (void)data;
    if (exchange->left == 0 && exchange->never_ends)
        return NGHTTP2_ERR_DEFERRED;
    if (len > exchange->left)
        len = exchange->left;
    if (len > 0)
        memcpy(buf, exchange->sends, len);
    exchange->sends += len;
    exchange->left -= len;
    if (exchange->left == 0 && !exchange->never_ends)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

/* Begin on a connection; `window` is how much of a body the server may send
 * ahead, 0: as much as is usual. */
static inline void client_open(struct client *client, bide_stream *stream,
                               uint32_t window)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    memset(client, 0, sizeof *client);
    client->stream = stream;
    CHECK_INT(nghttp2_session_callbacks_new(&callbacks), 0);
    CHECK_INT(nghttp2_option_new(&options), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, client_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              client_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                         client_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           client_close);
    nghttp2_option_set_no_auto_window_update(options, 1);
    CHECK_INT(nghttp2_session_client_new2(&client->session, callbacks, client,
                                          options),
              0);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry setting = {
        NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
        window,
    };
    CHECK_INT(nghttp2_submit_settings(client->session, 0, &setting,
                                      window > 0),
              0);
}

static inline void client_close_all(struct client *client)
{
    nghttp2_session_del(client->session);
    bide_stream_close(client->stream);
}

#define FIELD(name, value)                                                    \
    ((nghttp2_nv){(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), \
                  strlen(name), strlen(value), 0})

/* Begin a request; `body` is borrowed, NULL for none. */
static inline struct exchange *
client_ask_with(struct client *client, const char *method, const char *path,
                const nghttp2_nv *more, size_t count, const char *body,
                size_t len)
{
    nghttp2_nv fields[160] = {
        FIELD(":method", method),
        FIELD(":scheme", "http"),
        FIELD(":authority", "x"),
        FIELD(":path", path),
    };
    struct exchange *exchange = &client->exchanges[client->count++];
    const nghttp2_data_provider provider = {
        .source.ptr = exchange,
        .read_callback = client_body,
    };
    for (size_t i = 0; i < count; i++)
        fields[4 + i] = more[i];
    exchange->sends = body;
    exchange->left = len;
    exchange->id =
        nghttp2_submit_request(client->session, NULL, fields, 4 + count,
                               body ? &provider : NULL, NULL);
    CHECK(exchange->id > 0);
    return exchange;
}

static inline struct exchange *client_ask(struct client *client,
                                          const char *path)
{
    return client_ask_with(client, "GET", path, NULL, 0, NULL, 0);
}

/* Send what there is to send. Returns 0 or a negative code. */
static inline int client_flush(struct client *client)
{
    const uint8_t *data;
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = nghttp2_session_mem_send(client->session,
                                                    &data)) > 0)
        rc = bide_stream_write(client->stream, data, (size_t)n);
    return rc;
}

/* Send, and receive once. Returns 0, 1 at the end, or a negative code. */
static inline int client_turn(struct client *client)
{
    char buf[16384];
    int rc = client_flush(client);
    if (rc < 0)
        return rc;
    ssize_t n = bide_stream_read(client->stream, buf, sizeof buf);
    if (n <= 0) {
        client->gone = true;
        return n < 0 ? (int)n : 1;
    }
    CHECK_INT(nghttp2_session_mem_recv(client->session, (uint8_t *)buf,
                                       (size_t)n),
              n);
    return client_flush(client);
}

/* Until the server has ended the exchange, or the connection. */
static inline int client_await(struct client *client,
                               const struct exchange *exchange)
{
    int rc = 0;
    while (rc == 0 && !exchange->closed && !exchange->ended)
        rc = client_turn(client);
    return rc;
}

/* Until the server has ended the connection. */
static inline int client_await_end(struct client *client)
{
    int rc = 0;
    while (rc == 0)
        rc = client_turn(client);
    return rc < 0 ? rc : 0;
}

#endif

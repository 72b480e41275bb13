/* SPDX-License-Identifier: MIT */
/*
 * reply.c — what is sent for a request.
 *
 * A reply goes to the connection's `out`. It is sent at once, with the pieces
 * of the body behind it in the same write, unless it is short and more
 * requests have arrived already: their replies then go out together.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>

#include "http/server/server.h"

#define OUT_MOST 16384 /* bytes of replies that wait for others */

#define ADD(bytes, text) bide__bytes_add(bytes, text, sizeof(text) - 1)

/* ── Headers ──────────────────────────────────────────────────────────── */

/* Fields that say how to read the message, or what becomes of the connection:
 * a second one of them would have it understood in two ways. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "connection", "content-length", "keep-alive", "proxy-connection",
        "transfer-encoding",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static int add_field(struct bide__bytes *bytes, const char *name,
                     const char *value)
{
    size_t name_len = strlen(name);
    size_t value_len = strlen(value);
    if (!bide__http_is_token(name, name_len))
        return bide_raise(-EINVAL, "\"%.80s\" is no name of a header", name);
    if (!bide__http_is_value(value, value_len))
        return bide_raise(-EINVAL,
                          "the value of %.80s has control characters", name);
    if (is_ours(name))
        return bide_raise(-EINVAL, "%.80s is added by the server", name);
    int rc = bide__bytes_reserve(bytes, name_len + value_len + 4);
    if (rc < 0)
        return rc;
    (void)bide__bytes_add(bytes, name, name_len);
    (void)ADD(bytes, ": ");
    (void)bide__bytes_add(bytes, value, value_len);
    (void)ADD(bytes, "\r\n");
    return 0;
}

int bide_http_reply_header(bide_http_request *request, const char *name,
                           const char *value)
{
    if (request->replied)
        return bide_raise(-EALREADY, "the reply has begun");
    return add_field(&request->headers, name, value);
}

int bide_http_reply_trailer(bide_http_request *request, const char *name,
                            const char *value)
{
    return add_field(&request->reply_trailers, name, value);
}

static bool has_body(int status)
{
    return status != 204 && status != 304;
}

/* How the body will end, and what the head says of it. */
static int add_framing(bide_http_request *request, struct bide__bytes *out,
                       int status, int64_t length)
{
    request->reply_left = length > 0 ? (uint64_t)length : 0;
    request->reply_framing = BIDE__BODY_LENGTH;
    if (!has_body(status)) {
        request->reply_left = 0;
        return 0;
    }
    if (length >= 0) {
        int rc = ADD(out, "Content-Length: ");
        if (rc == 0)
            rc = bide__bytes_add_number(out, (uint64_t)length);
        return rc == 0 ? ADD(out, "\r\n") : rc;
    }
    if (request->http10) {
        request->reply_framing = BIDE__BODY_CLOSE;
        request->connection->last = true;
        return 0;
    }
    request->reply_framing = BIDE__BODY_CHUNKED;
    return ADD(out, "Transfer-Encoding: chunked\r\n");
}

static int add_line(struct bide__bytes *out, int status)
{
    const char *reason = bide__http_reason(status);
    if (status == 200)
        return ADD(out, "HTTP/1.1 200 OK\r\n");
    char line[80];
    int n = snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", status, reason);
    return bide__bytes_add(out, line, (size_t)n);
}

static int add_head(bide_http_request *request, int status, const char *type,
                    int64_t length)
{
    struct bide__http_connection *connection = request->connection;
    struct bide__bytes *out = &connection->out;
    int rc = add_line(out, status);
    if (rc == 0)
        rc = bide__bytes_add(out, bide__http_date(), BIDE__HTTP_DATE_LEN);
    if (rc == 0 && type) {
        rc = ADD(out, "Content-Type: ");
        if (rc == 0)
            rc = bide__bytes_add(out, type, strlen(type));
        if (rc == 0)
            rc = ADD(out, "\r\n");
    }
    if (rc == 0)
        rc = bide__bytes_add(out, request->headers.data,
                             request->headers.len);
    if (rc == 0)
        rc = add_framing(request, out, status, length);
    if (rc == 0 && connection->last)
        rc = ADD(out, "Connection: close\r\n");
    else if (rc == 0 && request->http10)
        rc = ADD(out, "Connection: keep-alive\r\n");
    return rc == 0 ? ADD(out, "\r\n") : rc;
}

static int check_begin(const bide_http_request *request, int status,
                       const char *type)
{
    if (request->replied)
        return bide_raise(-EALREADY, "the reply has begun");
    if (status < 200 || status > 599)
        return bide_raise(-EINVAL, "status is %d, must be 200 to 599", status);
    if (type && !bide__http_is_value(type, strlen(type)))
        return bide_raise(-EINVAL, "type has control characters");
    return 0;
}

static bool is_last(const bide_http_request *request)
{
    const struct bide__http_connection *connection = request->connection;
    uint64_t most = connection->server->options.requests;
    return request->close || request->failed ||
           connection->server->stopping ||
           (most > 0 && connection->served >= most);
}

/* On failure nothing of it stays in `out`. */
static int begin(bide_http_request *request, int status, const char *type,
                 int64_t length)
{
    struct bide__http_connection *connection = request->connection;
    size_t before = connection->out.len;
    int rc = check_begin(request, status, type);
    if (rc < 0)
        return rc;
    if (is_last(request))
        connection->last = true;
    rc = add_head(request, status, type, length);
    if (rc < 0)
        connection->out.len = before;
    else
        request->replied = true;
    return rc;
}

/* ── All at once ──────────────────────────────────────────────────────── */

static int send_or_fail(bide_http_request *request, const struct iovec *more,
                        size_t count)
{
    int rc = bide__http_send(request->connection, more, count);
    if (rc < 0)
        request->broken = true;
    return rc;
}

/* Whether replies wait for those of the requests that are there already. */
static bool may_wait(const struct bide__http_connection *connection)
{
    return connection->ahead > 0 && !connection->last &&
           connection->request.complete &&
           connection->out.len < OUT_MOST;
}

int bide_http_reply(bide_http_request *request, int status, const char *type,
                    const void *body, size_t len)
{
    struct bide__http_connection *connection = request->connection;
    if (len > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "len is %zu bytes, at most %zu", len,
                          BIDE_IO_MAX);
    int rc = begin(request, status, type, (int64_t)len);
    if (rc < 0)
        return rc;
    request->reply_left = 0;
    if (request->head_only || !has_body(status))
        len = 0;
    const struct iovec piece = {(void *)(uintptr_t)body, len};
    if (len < OUT_MOST / 4 &&
        bide__bytes_add(&connection->out, body, len) == 0)
        len = 0;
    if (len == 0 && may_wait(connection))
        return bide__http_send_soon(connection), 0;
    return send_or_fail(request, &piece, len > 0);
}

/* ── In pieces ────────────────────────────────────────────────────────── */

int bide_http_reply_begin(bide_http_request *request, int status,
                          const char *type, int64_t length)
{
    if (length < -1)
        return bide_raise(-EINVAL, "length is %lld, must be at least -1",
                          (long long)length);
    return begin(request, status, type, length);
}

static int write_chunk(bide_http_request *request, const void *data,
                       size_t len)
{
    char size[24];
    int n = snprintf(size, sizeof size, "%zx\r\n", len);
    const struct iovec pieces[] = {
        {size, (size_t)n},
        {(void *)(uintptr_t)data, len},
        {(void *)(uintptr_t) "\r\n", 2},
    };
    return send_or_fail(request, pieces, 3);
}

int bide_http_reply_write(bide_http_request *request, const void *data,
                          size_t len)
{
    if (!request->replied)
        return bide_raise(-EINVAL, "the reply has not begun; call "
                                   "bide_http_reply_begin() first");
    if (len > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "len is %zu bytes, at most %zu", len,
                          BIDE_IO_MAX);
    if (request->reply_framing == BIDE__BODY_LENGTH &&
        !request->head_only) {
        if (len > request->reply_left)
            return bide_raise(-EMSGSIZE,
                              "%zu bytes of the body, of which only %llu are "
                              "left",
                              len, (unsigned long long)request->reply_left);
        request->reply_left -= len;
    }
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    if (len == 0 || request->head_only)
        return send_or_fail(request, &piece, 0);
    if (request->reply_framing == BIDE__BODY_CHUNKED)
        return write_chunk(request, data, len);
    return send_or_fail(request, &piece, 1);
}

static int add_last_chunk(bide_http_request *request)
{
    struct bide__bytes *out = &request->connection->out;
    const struct bide__bytes *trailers = &request->reply_trailers;
    int rc = ADD(out, "0\r\n");
    if (rc == 0)
        rc = bide__bytes_add(out, trailers->data, trailers->len);
    return rc == 0 ? ADD(out, "\r\n") : rc;
}

int bide__http_finish_reply(bide_http_request *request)
{
    struct bide__http_connection *connection = request->connection;
    if (request->broken)
        return -EPIPE;
    if (request->head_only)
        request->reply_left = 0;
    else if (request->reply_framing == BIDE__BODY_CHUNKED &&
             add_last_chunk(request) < 0)
        return -ENOMEM;
    if (request->reply_left > 0)
        return bide_raise(-EPROTO,
                          "the handler ended %llu bytes before the reply's "
                          "announced end",
                          (unsigned long long)request->reply_left);
    if (connection->out.len == 0 || connection->armed)
        return 0;
    return send_or_fail(request, NULL, 0);
}

int bide__http_refuse(bide_http_request *request, int status)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %s\n", status,
                     bide__http_reason(status));
    request->close = true;
    bide__bytes_free(&request->headers);
    return bide_http_reply(request, status, "text/plain", text, (size_t)n);
}

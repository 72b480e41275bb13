/* SPDX-License-Identifier: MIT */
/*
 * send.c — a reply's head and body, as HTTP/1 has them.
 *
 * A reply goes to the connection's `out`. It is sent at once, with the pieces
 * of the body behind it in the same write, unless it is short and more
 * requests have arrived already: their replies then go out together.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "http/server/server.h"

#define OUT_MOST 16384 /* bytes of replies that wait for others */
#define LINE_MOST 80   /* of a status line */
#define HEAD_MOST 256  /* of a head without what the handler has added */

#define ADD(bytes, text) bide__bytes_add(bytes, text, sizeof(text) - 1)

/* ── The head ─────────────────────────────────────────────────────────── */

/* There is room: each piece is no more than was reserved for it. */
#define PUT(to, text) mempcpy(to, text, sizeof(text) - 1)

static char *put_number(char *to, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return mempcpy(to, digits + at, sizeof digits - at);
}

static char *put_line(char *to, int status)
{
    if (status == 200)
        return PUT(to, "HTTP/1.1 200 OK\r\n");
    return to + snprintf(to, LINE_MOST, "HTTP/1.1 %d %s\r\n", status,
                         bide__http_reason(status));
}

/* How the body will end, as the head says it. */
static char *put_framing(bide_http_request *request, char *to, int status,
                         int64_t length)
{
    if (status == 204 || status == 304)
        return to;
    if (length >= 0) {
        to = PUT(to, "Content-Length: ");
        to = put_number(to, (uint64_t)length);
        return PUT(to, "\r\n");
    }
    if (!request->http10)
        return PUT(to, "Transfer-Encoding: chunked\r\n");
    request->reply_framing = BIDE__BODY_CLOSE;
    request->connection->last = true;
    return to;
}

static int add_head(bide_http_request *request, int status, const char *type,
                    int64_t length)
{
    struct bide__http_connection *connection = request->connection;
    struct bide__bytes *out = &connection->out;
    size_t type_len = type ? strlen(type) : 0;
    if (!out->data) {
        *out = request->server->spare;
        request->server->spare = (struct bide__bytes){.data = NULL};
    }
    int rc = bide__bytes_reserve(out, HEAD_MOST + type_len +
                                          request->headers.len);
    if (rc < 0)
        return rc;
    char *to = put_line(out->data + out->len, status);
    if (!request->dated)
        to = mempcpy(to, bide__http_date(), BIDE__HTTP_DATE_LEN);
    if (type) {
        to = PUT(to, "Content-Type: ");
        to = mempcpy(to, type, type_len);
        to = PUT(to, "\r\n");
    }
    if (request->headers.len > 0)
        to = mempcpy(to, request->headers.data, request->headers.len);
    to = put_framing(request, to, status, length);
    if (connection->last)
        to = PUT(to, "Connection: close\r\n");
    else if (request->http10)
        to = PUT(to, "Connection: keep-alive\r\n");
    to = PUT(to, "\r\n");
    out->len = (size_t)(to - out->data);
    return 0;
}

static bool is_last(const bide_http_request *request)
{
    const struct bide__http_connection *connection = request->connection;
    uint64_t most = request->server->options.requests;
    return request->close || request->failed || request->server->stopping ||
           (most > 0 && connection->served >= most);
}

/* On failure nothing of it stays in `out`. */
static int http1_begin(bide_http_request *request, int status,
                       const char *type, int64_t length)
{
    struct bide__http_connection *connection = request->connection;
    size_t before = connection->out.len;
    if (is_last(request))
        connection->last = true;
    int rc = add_head(request, status, type, length);
    if (rc < 0)
        connection->out.len = before;
    return rc;
}

/* ── The body ─────────────────────────────────────────────────────────── */

/* Whether replies wait for those of the requests that are there already. */
static bool may_wait(const struct bide__http_connection *connection)
{
    return connection->ahead > 0 && !connection->last &&
           connection->request.complete &&
           connection->out.len < OUT_MOST;
}

static int http1_write_all(bide_http_request *request, const void *data,
                           size_t len)
{
    struct bide__http_connection *connection = request->connection;
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    if (len < OUT_MOST / 4 &&
        bide__bytes_add(&connection->out, data, len) == 0)
        len = 0;
    if (len == 0 && may_wait(connection))
        return bide__http_send_soon(connection), 0;
    return bide__http_send(connection, &piece, len > 0);
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
    return bide__http_send(request->connection, pieces, 3);
}

static int http1_write(bide_http_request *request, const void *data,
                       size_t len)
{
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    if (len > 0 && request->reply_framing == BIDE__BODY_CHUNKED)
        return write_chunk(request, data, len);
    return bide__http_send(request->connection, &piece, len > 0);
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
    if (!request->bodyless &&
        request->reply_framing == BIDE__BODY_CHUNKED &&
        add_last_chunk(request) < 0)
        return -ENOMEM;
    if (connection->out.len == 0 || connection->armed)
        return 0;
    int rc = bide__http_send(connection, NULL, 0);
    if (rc < 0)
        request->broken = true;
    return rc;
}

const struct bide__http_exchange bide__http1_exchange = {
    .read = bide__http1_read,
    .begin = http1_begin,
    .write = http1_write,
    .write_all = http1_write_all,
};

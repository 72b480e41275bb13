/* SPDX-License-Identifier: MIT */
/*
 * reply.c — what handlers have sent, whatever version it goes out by.
 *
 * Here is checked what a reply may be and how long its body may get; the
 * request's exchange sends it. Headers that the handler adds are kept as the
 * lines that HTTP/1 sends.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/compress/compress.h"
#include "http/log/log.h"
#include "http/server/server.h"

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
    int rc = add_field(&request->headers, name, value);
    if (rc == 0 && strcasecmp(name, "date") == 0)
        request->dated = true;
    return rc;
}

int bide_http_reply_trailer(bide_http_request *request, const char *name,
                            const char *value)
{
    return add_field(&request->reply_trailers, name, value);
}

/* ── Beginning ────────────────────────────────────────────────────────── */

static int check(const bide_http_request *request, int status,
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

/* Whether it can begin, and whether it is compressed. */
static int prepare(bide_http_request *request, int status, const char *type,
                   int64_t length)
{
    int rc = check(request, status, type);
    const bide_http_compress_options *compress =
        request->server->options.compress;
    if (rc == 0 && compress && !request->compressor)
        rc = bide_http_reply_compress(request, compress);
    if (rc == 0 && request->compressor)
        rc = bide__compress_begin(request, status, type, length);
    return rc;
}

static bool is_compressed(const bide_http_request *request)
{
    return request->compressor && request->compressor->on;
}

static int begin(bide_http_request *request, int status, const char *type,
                 int64_t length)
{
    bool none = status == 204 || status == 304;
    request->status = status;
    request->bodyless = none || request->head_only;
    request->reply_left = length > 0 && !none ? (uint64_t)length : 0;
    request->reply_framing =
        length >= 0 || none ? BIDE__BODY_LENGTH : BIDE__BODY_CHUNKED;
    int rc = request->exchange->begin(request, status, type, length);
    request->replied = rc == 0;
    if (rc < 0)
        bide__compress_undo(request);
    return rc;
}

static int check_len(size_t len)
{
    if (len > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "len is %zu bytes, at most %zu", len,
                          BIDE_IO_MAX);
    return 0;
}

/* After a failure to send, nothing can follow. */
static int sent(bide_http_request *request, int rc)
{
    if (rc < 0)
        request->broken = true;
    return rc;
}

/* ── All at once ──────────────────────────────────────────────────────── */

int bide_http_reply(bide_http_request *request, int status, const char *type,
                    const void *body, size_t len)
{
    int rc = check_len(len);
    if (rc == 0)
        rc = prepare(request, status, type, (int64_t)len);
    if (rc == 0 && is_compressed(request)) {
        rc = bide__compress_push(request, body, len, true);
        body = request->compressor->out.data;
        len = request->compressor->out.len;
    }
    if (rc == 0)
        rc = begin(request, status, type, (int64_t)len);
    if (rc < 0)
        return rc;
    if (request->compressor)
        request->compressor->on = false; /* that was all */
    request->reply_left = 0;
    if (request->bodyless)
        len = 0;
    request->sent = len;
    return sent(request, request->exchange->write_all(request, body, len));
}

/* ── In pieces ────────────────────────────────────────────────────────── */

int bide_http_reply_begin(bide_http_request *request, int status,
                          const char *type, int64_t length)
{
    if (length < -1)
        return bide_raise(-EINVAL, "length is %lld, must be at least -1",
                          (long long)length);
    int rc = prepare(request, status, type, length);
    if (rc == 0)
        rc = begin(request, status, type,
                   is_compressed(request) ? -1 : length);
    return rc;
}

/* Account for a piece of a body whose length was announced. */
static int take_from_length(bide_http_request *request, size_t len)
{
    if (len > request->reply_left)
        return bide_raise(-EMSGSIZE,
                          "%zu bytes of the body, of which only %llu are left",
                          len, (unsigned long long)request->reply_left);
    request->reply_left -= len;
    return 0;
}

int bide_http_reply_write(bide_http_request *request, const void *data,
                          size_t len)
{
    if (!request->replied)
        return bide_raise(-EINVAL, "the reply has not begun; call "
                                   "bide_http_reply_begin() first");
    int rc = check_len(len);
    if (rc == 0 && request->reply_framing == BIDE__BODY_LENGTH &&
        !request->head_only)
        rc = take_from_length(request, len);
    if (rc < 0)
        return rc;
    if (request->bodyless)
        len = 0;
    if (len > 0 && is_compressed(request)) {
        rc = bide__compress_push(request, data, len, false);
        if (rc < 0)
            return sent(request, rc);
        data = request->compressor->out.data;
        len = request->compressor->out.len;
    }
    request->sent += len;
    return sent(request, request->exchange->write(request, data, len));
}

/* ── Ending ───────────────────────────────────────────────────────────── */

/* What a compressed body has at its end. */
static int end_compressed(bide_http_request *request)
{
    int rc = bide__compress_end(request);
    const struct bide__bytes *out = &request->compressor->out;
    if (rc < 0 || request->bodyless)
        return rc;
    request->sent += out->len;
    return sent(request,
                request->exchange->write(request, out->data, out->len));
}

int bide__http_call_handler(bide_http_request *request)
{
    bide_http_server *server = request->server;
    int rc = server->handler(request, server->arg);
    if (rc >= 0 && request->replied && !request->broken &&
        is_compressed(request))
        rc = end_compressed(request);
    return rc;
}

void bide__http_end_request(bide_http_request *request)
{
    if (request->status && request->server->options.log)
        bide__http_log_add(request->server->options.log, request);
    request->status = 0; /* once */
    bide__compressor_free(request->compressor);
    request->compressor = NULL;
}

int bide__http_check_reply(const bide_http_request *request)
{
    if (!request->replied)
        return bide_raise(-EPROTO, "the handler of %.80s has not replied",
                          request->target);
    if (request->broken)
        return -EPIPE;
    if (request->reply_left > 0 && !request->head_only)
        return bide_raise(-EPROTO,
                          "the handler ended %llu bytes before the reply's "
                          "announced end",
                          (unsigned long long)request->reply_left);
    return 0;
}

int bide__http_refuse(bide_http_request *request, int status)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %s\n", status,
                     bide__http_reason(status));
    request->close = true;
    bide__bytes_free(&request->headers);
    bide__bytes_free(&request->reply_trailers);
    request->dated = false;
    return bide_http_reply(request, status, "text/plain", text, (size_t)n);
}

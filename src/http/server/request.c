/* SPDX-License-Identifier: MIT */
/*
 * request.c — what handlers ask of a request, whatever version it came by.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "http/server/server.h"

#define PIECE 16384 /* bytes that a body of unknown length grows by */

/* ── The head ─────────────────────────────────────────────────────────── */

const char *bide_http_request_method(const bide_http_request *request)
{
    return request->method;
}

const char *bide_http_request_target(const bide_http_request *request)
{
    return request->target;
}

int bide_http_request_version(const bide_http_request *request)
{
    return (int)request->version;
}

const char *bide_http_request_scheme(const bide_http_request *request)
{
    return request->server->options.tls ? "https" : "http";
}

const char *bide_http_request_header(const bide_http_request *request,
                                     const char *name)
{
    for (unsigned i = 0; i < request->count; i++)
        if (strcasecmp(request->fields[i].name, name) == 0)
            return request->fields[i].value;
    return NULL;
}

bool bide_http_request_field(const bide_http_request *request, size_t index,
                             const char **ret_name, const char **ret_value)
{
    if (index >= request->count)
        return false;
    *ret_name = request->fields[index].name;
    *ret_value = request->fields[index].value;
    return true;
}

const bide_stream *bide_http_request_stream(const bide_http_request *request)
{
    return request->stream;
}

/* ── The body ─────────────────────────────────────────────────────────── */

int bide__http_cut_off(bide_http_request *request)
{
    request->failed = bide_raise(
        BIDE_E_INCOMPLETE, "the client left after %llu bytes of the body",
        (unsigned long long)request->received);
    return request->failed;
}

int bide__http_too_large(bide_http_request *request)
{
    request->failed =
        bide_raise(-EMSGSIZE, "the body is larger than %llu bytes",
                   (unsigned long long)request->server->options.body);
    return request->failed;
}

int bide__http_status_of_failure(const bide_http_request *request)
{
    switch (request->failed) {
    case -EBADMSG:
        return 400;
    case -EMSGSIZE:
        return 413;
    case -ETIME:
        return 408;
    default:
        return 500;
    }
}

ssize_t bide_http_request_read(bide_http_request *request, void *buf,
                               size_t len)
{
    if (request->failed)
        return request->failed;
    if (len == 0)
        return bide_raise(-EINVAL, "len is 0 bytes, must be at least 1");
    if (request->complete)
        return 0;
    return request->exchange->read(request, buf, len);
}

ssize_t bide_http_request_body(bide_http_request *request,
                               const char **ret_data)
{
    struct bide__bytes bytes = {.data = NULL};
    int rc = 0;
    if (request->body)
        return bide_raise(-EALREADY, "the body was read already");
    if (request->framing == BIDE__BODY_LENGTH)
        rc = request->left < SIZE_MAX
                 ? bide__bytes_reserve(&bytes, (size_t)request->left + 1)
                 : -ENOMEM;
    while (rc == 0) {
        size_t room = bytes.cap - bytes.len;
        if (room < 2) {
            rc = bide__bytes_reserve(&bytes, PIECE);
            continue;
        }
        ssize_t n = bide_http_request_read(request, bytes.data + bytes.len,
                                           room - 1);
        if (n <= 0) {
            rc = (int)n;
            break;
        }
        bytes.len += (size_t)n;
    }
    if (rc < 0) {
        bide__bytes_free(&bytes);
        return rc;
    }
    bytes.data[bytes.len] = '\0';
    request->body = bytes.data;
    *ret_data = bytes.data;
    return (ssize_t)bytes.len;
}

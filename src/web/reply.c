/* SPDX-License-Identifier: MIT */
/*
 * reply.c — making replies, and sending them.
 *
 * A reply is a status, a type and a body in the request's arena, and a list of
 * headers, until the outermost middleware has returned. What can be wrong with
 * it is checked when it is made, where the caller is told; sending then only
 * fails for the connection.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "web/web.h"

#define DETAIL_MAX 1024 /* bytes of an error's text */

/* ── Making ───────────────────────────────────────────────────────────── */

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 127)
            return false;
    return true;
}

static int check(const bide_web_request *request, int status, const char *type)
{
    if (request->begun_reply)
        return bide_raise(-EALREADY, "the reply has begun to be sent");
    if (status < 200 || status > 599)
        return bide_raise(-EINVAL, "status is %d, must be 200 to 599", status);
    if (type && !is_clean(type))
        return bide_raise(-EINVAL, "type has control characters");
    return 0;
}

static int status_of(const bide_web_request *request, int status)
{
    if (status)
        return status;
    int routes = request->route->options.status;
    return routes ? routes : 200;
}

int bide__web_reply_own(bide_web_request *request, int status,
                        const char *type, const char *body, size_t len)
{
    status = status_of(request, status);
    int rc = check(request, status, type);
    if (rc < 0)
        return rc;
    request->status = status;
    request->type = type;
    request->reply = body;
    request->reply_len = len;
    return 0;
}

/* The types that we give ourselves need no copy. */
static int reply_copy(bide_web_request *request, int status, const char *type,
                      const void *body, size_t len)
{
    const char *copy = "";
    if (len > 0)
        copy = bide_arena_copy(&request->arena, body, len);
    if (!copy)
        return bide_raise(-ENOMEM, "no memory for a reply of %zu bytes", len);
    return bide__web_reply_own(request, status, type, copy, len);
}

int bide_web_reply(bide_web_request *request, int status, const char *type,
                   const void *body, size_t len)
{
    if (type) {
        type = bide_arena_copy(&request->arena, type, strlen(type));
        if (!type)
            return -ENOMEM;
    }
    return reply_copy(request, status, type, body, len);
}

int bide_web_reply_text(bide_web_request *request, int status,
                        const char *text)
{
    return reply_copy(request, status, "text/plain; charset=utf-8", text,
                      strlen(text));
}

int bide_web_reply_html(bide_web_request *request, int status,
                        const char *html)
{
    return reply_copy(request, status, "text/html; charset=utf-8", html,
                      strlen(html));
}

int bide_web_reply_json(bide_web_request *request, int status,
                        const char *json)
{
    return reply_copy(request, status, "application/json", json,
                      strlen(json));
}

static bool is_url(const char *url)
{
    for (; *url; url++)
        if ((unsigned char)*url <= ' ' || *url == 127)
            return false;
    return true;
}

int bide_web_reply_redirect(bide_web_request *request, int status,
                            const char *url)
{
    status = status ? status : 307;
    if (status < 300 || status > 399)
        return bide_raise(-EINVAL, "status is %d, must be 300 to 399 for a "
                                   "redirect", status);
    if (!is_url(url))
        return bide_raise(-EINVAL, "the url has spaces or control characters; "
                                   "they must be percent-encoded");
    int rc = bide_web_reply_header(request, "Location", url);
    return rc < 0 ? rc : bide__web_reply_own(request, status, NULL, "", 0);
}

/* ── Headers ──────────────────────────────────────────────────────────── */

static bool is_name(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t len = 0;
    for (; name[len]; len++) {
        char c = name[len];
        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
            !(c >= '0' && c <= '9') && !strchr(others, c))
            return false;
    }
    return len > 0;
}

int bide_web_reply_header(bide_web_request *request, const char *name,
                          const char *value)
{
    if (request->begun_reply)
        return bide_raise(-EALREADY, "the reply has begun to be sent");
    if (!is_name(name))
        return bide_raise(-EINVAL, "\"%.80s\" is no name of a header", name);
    if (!is_clean(value))
        return bide_raise(-EINVAL,
                          "the value of %.80s has control characters", name);
    struct bide__web_header *header =
        bide_arena_allocate(&request->arena, sizeof *header);
    if (!header)
        return -ENOMEM;
    header->next = NULL;
    header->name = bide_arena_copy(&request->arena, name, strlen(name));
    header->value = bide_arena_copy(&request->arena, value, strlen(value));
    if (!header->name || !header->value)
        return -ENOMEM;
    *request->headers_end = header;
    request->headers_end = &header->next;
    return 0;
}

/* ── Errors ───────────────────────────────────────────────────────────── */

const char *bide__web_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } known[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status)
            return known[i].phrase;
    return "Error";
}

/* {"detail": "..."} in the arena. */
static int reply_detail(bide_web_request *request, int status,
                        const char *detail)
{
    char text[2 * DETAIL_MAX];
    bide_json_writer writer;
    bide_json_begin_on(&writer, text, sizeof text);
    bide_json_begin_object(&writer);
    bide_json_key(&writer, "detail");
    bide_json_string(&writer, detail);
    bide_json_end_object(&writer);
    int rc = bide_json_finish(&writer);
    if (rc == 0)
        rc = reply_copy(request, status, "application/json", writer.text,
                        writer.len);
    bide_json_free(&writer);
    return rc;
}

int bide_web_error(bide_web_request *request, int status, const char *format,
                   ...)
{
    char detail[DETAIL_MAX];
    va_list args;
    if (status < 400 || status > 599)
        return bide_raise(-EINVAL, "status is %d, must be 400 to 599 for an "
                                   "error", status);
    va_start(args, format);
    if (format)
        vsnprintf(detail, sizeof detail, format, args);
    else
        snprintf(detail, sizeof detail, "%s", bide__web_phrase(status));
    va_end(args);
    int rc = reply_detail(request, status, detail);
    if (rc < 0)
        return rc;
    return bide_raise(BIDE_E_WEB_ERROR, "%d: %.150s", status, detail);
}

int bide_web_reply_status(const bide_web_request *request)
{
    return request->status;
}

void bide__web_reply_clear(bide_web_request *request)
{
    request->status = 0;
    request->type = NULL;
    request->reply = NULL;
    request->reply_len = 0;
}

/* ── Sending ──────────────────────────────────────────────────────────── */

static int call_hooks(bide_web_request *request)
{
    while (request->hooks) {
        struct bide__web_hook *hook = request->hooks;
        while (hook && hook->kind != BIDE__WEB_ON_REPLY)
            hook = hook->next;
        if (!hook)
            return 0;
        hook->kind = BIDE__WEB_DONE;
        int rc = hook->on_reply(request, hook->arg);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Each is handed over once, also if a reply fails and another follows. */
static int add_headers(bide_web_request *request)
{
    while (request->headers) {
        const struct bide__web_header *header = request->headers;
        int rc = bide_http_reply_header(request->http, header->name,
                                        header->value);
        if (rc < 0)
            return rc;
        request->headers = header->next;
    }
    return 0;
}

/* Before anything goes out. */
static int prepare(bide_web_request *request)
{
    int rc = call_hooks(request);
    if (rc == 0)
        rc = add_headers(request);
    return rc;
}

int bide__web_reply_send(bide_web_request *request)
{
    int rc = prepare(request);
    if (rc < 0)
        return rc;
    request->begun_reply = true;
    return bide_http_reply(request->http, request->status, request->type,
                           request->reply, request->reply_len);
}

int bide_web_request_take(bide_web_request *request,
                          bide_http_request **ret_http)
{
    if (request->begun_reply)
        return bide_raise(-EALREADY, "the reply has begun to be sent");
    int rc = prepare(request);
    if (rc < 0)
        return rc;
    request->begun_reply = true;
    request->status = 0; /* it is not known here */
    *ret_http = request->http;
    return 0;
}

int bide_web_reply_begin(bide_web_request *request, int status,
                         const char *type, int64_t length)
{
    int rc = bide__web_reply_own(request, status, type, "", 0);
    if (rc == 0)
        rc = prepare(request);
    if (rc < 0)
        return rc;
    request->begun_reply = true;
    return bide_http_reply_begin(request->http, request->status, type, length);
}

int bide_web_reply_write(bide_web_request *request, const void *data,
                         size_t len)
{
    if (!request->begun_reply)
        return bide_raise(-EINVAL, "the reply has not begun; call "
                                   "bide_web_reply_begin() first");
    return bide_http_reply_write(request->http, data, len);
}

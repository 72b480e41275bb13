/* SPDX-License-Identifier: MIT */
/* describe.c — answers that say what was asked. */
#include <bide/tls.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <zlib.h>

#include "httpbin.h"

/* ── Parts ────────────────────────────────────────────────────────────── */

/* "x-some-name" as "X-Some-Name": HTTP/2 has small letters only. */
static void capitalize(const char *name, char *to, size_t size)
{
    bool first = true;
    size_t i = 0;
    for (; name[i] && i < size - 1; i++) {
        to[i] = (char)(first ? toupper((unsigned char)name[i])
                             : tolower((unsigned char)name[i]));
        first = name[i] == '-';
    }
    to[i] = '\0';
}

static bool came_before(const bide_http_request *request, size_t index,
                        const char *name)
{
    const char *other, *value;
    for (size_t i = 0; i < index; i++)
        if (bide_http_request_field(request, i, &other, &value) &&
            strcasecmp(other, name) == 0)
            return true;
    return false;
}

/* All values of a name, with commas between them. */
static void add_joined(const bide_http_request *request, size_t index,
                       const char *name, struct text *text)
{
    struct text joined = {.data = NULL};
    const char *other, *value;
    for (size_t i = index;
         bide_http_request_field(request, i, &other, &value); i++) {
        if (strcasecmp(other, name) != 0)
            continue;
        if (joined.len > 0)
            text_add(&joined, ",", 1);
        text_add(&joined, value, strlen(value));
    }
    text_add_json(text, joined.data ? joined.data : "", joined.len);
    text->failed |= joined.failed;
    text_free(&joined);
}

static void add_headers(const bide_http_request *request, struct text *text)
{
    const char *name, *value, *comma = "";
    char pretty[128];
    text_print(text, "{");
    for (size_t i = 0; bide_http_request_field(request, i, &name, &value);
         i++) {
        if (came_before(request, i, name))
            continue;
        capitalize(name, pretty, sizeof pretty);
        text_print(text, "%s\n    ", comma);
        text_add_json(text, pretty, strlen(pretty));
        text_print(text, ": ");
        add_joined(request, i, name, text);
        comma = ",";
    }
    text_print(text, "\n  }");
}

static void add_origin(const bide_http_request *request, struct text *text)
{
    struct sockaddr_storage address;
    char origin[128] = "";
    int len = bide_stream_peername(bide_http_request_stream(request),
                                   &address);
    if (len > 0)
        bide_address_text(&address, (size_t)len, origin, sizeof origin);
    char *port = strrchr(origin, ':');
    if (port)
        *port = '\0';
    text_add_json(text, origin, strlen(origin));
}

static void add_url(const struct exchange *exchange, struct text *text)
{
    struct text url = {.data = NULL};
    bide_tls_info info;
    const bide_http_request *request = exchange->request;
    const char *host = bide_http_request_header(request, "Host");
    bool secure = bide_stream_tls_info(bide_http_request_stream(request),
                                       &info) == 0;
    const char *target = bide_http_request_target(request);
    text_print(&url, "%s://", secure ? "https" : "http");
    text_add(&url, host ? host : "", host ? strlen(host) : 0);
    text_add(&url, target, strlen(target));
    text_add_json(text, url.data ? url.data : "", url.len);
    text->failed |= url.failed;
    text_free(&url);
}

/* "data", "files", "form" and "json". */
static void add_body(const struct exchange *exchange, struct text *text)
{
    struct pairs form, files;
    form.count = files.count = 0;
    const char *type = bide_http_request_header(exchange->request,
                                                "Content-Type");
    char *body = exchange->body;
    size_t len = exchange->body_len;
    if (!type)
        type = "";
    bool json = len > 0 && is_json(body, len);
    text_print(text, ",\n  \"data\": ");
    if (len > 0 && strncasecmp(type, "application/x-www-form-urlencoded",
                               33) == 0) {
        parse_query(body, &form);
        json = false;
        len = 0;
    } else if (len > 0 && parse_multipart(body, len, type, &form, &files)) {
        json = false;
        len = 0;
    }
    text_add_json(text, body, len);
    text_print(text, ",\n  \"files\": ");
    text_add_pairs(text, &files);
    text_print(text, ",\n  \"form\": ");
    text_add_pairs(text, &form);
    text_print(text, ",\n  \"json\": ");
    if (json)
        text_add(text, body, len);
    else
        text_print(text, "null");
}

void describe(struct exchange *exchange, struct text *text, bool body)
{
    text_print(text, "{\n  \"args\": ");
    text_add_pairs(text, &exchange->args);
    if (body)
        add_body(exchange, text);
    text_print(text, ",\n  \"headers\": ");
    add_headers(exchange->request, text);
    text_print(text, ",\n  \"origin\": ");
    add_origin(exchange->request, text);
    text_print(text, ",\n  \"url\": ");
    add_url(exchange, text);
}

/* ── Answers ──────────────────────────────────────────────────────────── */

int answer_get(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    describe(exchange, &text, false);
    text_print(&text, "\n}\n");
    return reply_json(exchange, 200, &text);
}

static int describe_all(struct exchange *exchange, bool method)
{
    struct text text = {.data = NULL};
    bool refused;
    int rc = read_body(exchange, &refused);
    if (rc < 0 || refused)
        return rc;
    describe(exchange, &text, true);
    if (method) {
        text_print(&text, ",\n  \"method\": ");
        text_add_json(&text, exchange->method, strlen(exchange->method));
    }
    text_print(&text, "\n}\n");
    return reply_json(exchange, 200, &text);
}

int answer_post(struct exchange *exchange)
{
    return describe_all(exchange, false);
}

int answer_anything(struct exchange *exchange)
{
    return describe_all(exchange, true);
}

int answer_delay(struct exchange *exchange)
{
    double delay;
    int rc;
    if (!rest_number(exchange, 60, &delay, &rc))
        return rc;
    rc = bide_sleep(delay);
    return rc < 0 ? rc : describe_all(exchange, false);
}

int answer_headers(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    text_print(&text, "{\n  \"headers\": ");
    add_headers(exchange->request, &text);
    text_print(&text, "\n}\n");
    return reply_json(exchange, 200, &text);
}

int answer_ip(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    text_print(&text, "{\n  \"origin\": ");
    add_origin(exchange->request, &text);
    text_print(&text, "\n}\n");
    return reply_json(exchange, 200, &text);
}

int answer_user_agent(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    const char *agent = bide_http_request_header(exchange->request,
                                                 "User-Agent");
    text_print(&text, "{\n  \"user-agent\": ");
    if (agent)
        text_add_json(&text, agent, strlen(agent));
    else
        text_print(&text, "null");
    text_print(&text, "\n}\n");
    return reply_json(exchange, 200, &text);
}

/* Lines of JSON, as many as asked for. */
int answer_stream(struct exchange *exchange)
{
    double count;
    int rc;
    if (!rest_number(exchange, 100000, &count, &rc))
        return rc;
    rc = bide_http_reply_begin(exchange->request, 200, "application/json", -1);
    for (int i = 0; rc == 0 && i < (int)count; i++) {
        struct text text = {.data = NULL};
        describe(exchange, &text, false);
        for (size_t at = 0; at < text.len; at++)
            if (text.data[at] == '\n')
                text.data[at] = ' '; /* those in strings are escaped */
        text_print(&text, ", \"id\": %d}\n", i);
        rc = text.failed ? -ENOMEM
                         : bide_http_reply_write(exchange->request, text.data,
                                                 text.len);
        text_free(&text);
    }
    return rc;
}

/* ── Compressed ───────────────────────────────────────────────────────── */

#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for gzip's format */

static int reply_gzip(struct exchange *exchange, const struct text *text)
{
    z_stream stream = {.next_in = (unsigned char *)text->data,
                       .avail_in = (unsigned)text->len};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
                     8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    unsigned long most = deflateBound(&stream, text->len);
    unsigned char *packed = malloc(most);
    int rc = packed ? 0 : -ENOMEM;
    if (packed) {
        stream.next_out = packed;
        stream.avail_out = (unsigned)most;
        (void)deflate(&stream, Z_FINISH); /* there is room for all */
        rc = bide_http_reply_header(exchange->request, "Content-Encoding",
                                    "gzip");
    }
    if (rc == 0)
        rc = bide_http_reply(exchange->request, 200, "application/json",
                             packed, stream.total_out);
    deflateEnd(&stream);
    free(packed);
    return rc;
}

int answer_gzip(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    text_print(&text, "{\n  \"gzipped\": true,\n  \"headers\": ");
    add_headers(exchange->request, &text);
    text_print(&text, ",\n  \"method\": ");
    text_add_json(&text, exchange->method, strlen(exchange->method));
    text_print(&text, ",\n  \"origin\": ");
    add_origin(exchange->request, &text);
    text_print(&text, "\n}\n");
    int rc = text.failed ? -ENOMEM : reply_gzip(exchange, &text);
    text_free(&text);
    return rc;
}

/* ── Entity tags ──────────────────────────────────────────────────────── */

/* Whether a tag is in a list such as `"a", W/"b"`, or the list is "*". */
static bool lists_tag(const char *list, const char *tag)
{
    size_t len = strlen(tag);
    if (strcmp(list, "*") == 0)
        return true;
    for (const char *at = list; (at = strchr(at, '"')); at++) {
        const char *end = strchr(at + 1, '"');
        if (!end)
            return false;
        if ((size_t)(end - at - 1) == len && memcmp(at + 1, tag, len) == 0)
            return true;
        at = end;
    }
    return false;
}

int answer_etag(struct exchange *exchange)
{
    char quoted[256];
    bide_http_request *request = exchange->request;
    const char *none = bide_http_request_header(request, "If-None-Match");
    const char *match = bide_http_request_header(request, "If-Match");
    if (strlen(exchange->rest) > sizeof quoted - 3)
        return reply_error(exchange, 414, "the tag is too long");
    if (strchr(exchange->rest, '"'))
        return reply_error(exchange, 400, "a tag has no quotes in it");
    snprintf(quoted, sizeof quoted, "\"%s\"", exchange->rest);
    int rc = bide_http_reply_header(request, "ETag", quoted);
    if (rc < 0)
        return reply_error(exchange, 400, "this cannot be a tag");
    if (none && lists_tag(none, exchange->rest))
        return bide_http_reply(request, 304, NULL, NULL, 0);
    if (match && !lists_tag(match, exchange->rest))
        return bide_http_reply(request, 412, NULL, NULL, 0);
    return answer_get(exchange);
}

/* SPDX-License-Identifier: MIT */
/*
 * route.c — which function answers which path.
 *
 * A route that ends in '/' has a rest behind it: "/status/" and "404". Routes
 * are looked up in their order, those asked for most come first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "httpbin.h"

static int answer_plaintext(struct exchange *exchange)
{
    return bide_http_reply(exchange->request, 200, "text/plain",
                           "Hello, World!", 13);
}

static int answer_index(struct exchange *exchange)
{
    static const char text[] =
        "<!DOCTYPE html>\n<title>bide-httpbin</title>\n"
        "<h1>bide-httpbin</h1>\n<p>Answers to try HTTP clients with: "
        "<a href=/get>/get</a>, <a href=/headers>/headers</a>, "
        "<a href=/json>/json</a>, <a href=/stream/3>/stream/3</a>, "
        "<a href=/sse>/sse</a> and more.\n";
    return bide_http_reply(exchange->request, 200, "text/html; charset=utf-8",
                           text, sizeof text - 1);
}

static const struct route {
    const char *path;
    const char *methods; /* "" is any */
    answer *answer;
} routes[] = {
    {"/plaintext", "GET HEAD", answer_plaintext},
    {"/json", "GET HEAD", answer_json},
    {"/ws", "GET", answer_websocket},
    {"/", "GET HEAD", answer_index},
    {"/get", "GET HEAD", answer_get},
    {"/post", "POST", answer_post},
    {"/put", "PUT", answer_post},
    {"/patch", "PATCH", answer_post},
    {"/delete", "DELETE", answer_post},
    {"/anything", "", answer_anything},
    {"/anything/", "", answer_anything},
    {"/headers", "GET HEAD", answer_headers},
    {"/ip", "GET HEAD", answer_ip},
    {"/user-agent", "GET HEAD", answer_user_agent},
    {"/status/", "", answer_status},
    {"/delay/", "", answer_delay},
    {"/bytes/", "GET HEAD", answer_bytes},
    {"/drip", "GET HEAD", answer_drip},
    {"/stream/", "GET HEAD", answer_stream},
    {"/gzip", "GET HEAD", answer_gzip},
    {"/redirect/", "GET HEAD", answer_redirect},
    {"/cookies", "GET HEAD", answer_cookies},
    {"/cookies/set", "GET HEAD", answer_cookies_set},
    {"/cookies/delete", "GET HEAD", answer_cookies_delete},
    {"/etag/", "GET HEAD", answer_etag},
    {"/range/", "GET HEAD", answer_range},
    {"/sse", "GET HEAD", answer_sse},
    {"/upload", "POST PUT", answer_upload},
    {"/basic-auth/", "GET HEAD", answer_basic_auth},
    {"/bearer", "GET HEAD", answer_bearer},
    {"/response-headers", "GET HEAD POST", answer_response_headers},
    {"/uuid", "GET HEAD", answer_uuid},
};

/* Returns the length of what the route names, 0 if it is another one. */
static size_t match(const struct route *route, const char *path)
{
    size_t len = strlen(route->path);
    bool rest = len > 1 && route->path[len - 1] == '/';
    if (strncmp(path, route->path, len) != 0 || (!rest && path[len]))
        return 0;
    return len;
}

static bool allows(const struct route *route, const char *method)
{
    size_t len = strlen(method);
    const char *at = route->methods;
    if (!*at)
        return true;
    for (; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, method, len) == 0 && (!at[len] || at[len] == ' '))
            return true;
    }
    return false;
}

static int refuse_method(struct exchange *exchange, const struct route *route)
{
    char allow[64];
    char *to = allow;
    for (const char *at = route->methods; *at; at++) {
        if (*at == ' ')
            *to++ = ',';
        *to++ = *at;
    }
    *to = '\0';
    int rc = bide_http_reply_header(exchange->request, "Allow", allow);
    return rc < 0 ? rc : reply_error(exchange, 405, "method not allowed");
}

static int route(struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        size_t len = match(&routes[i], exchange->path);
        if (len == 0)
            continue;
        exchange->rest = exchange->path + len;
        if (!allows(&routes[i], exchange->method))
            return refuse_method(exchange, &routes[i]);
        return routes[i].answer(exchange);
    }
    return reply_error(exchange, 404, "there is no such path");
}

int serve_httpbin(bide_http_request *request, void *arg)
{
    struct exchange exchange;
    (void)arg;
    char *target = strdup(bide_http_request_target(request));
    if (!target)
        return -ENOMEM;
    exchange.request = request;
    exchange.method = bide_http_request_method(request);
    exchange.args.count = 0;
    exchange.body = NULL;
    exchange.body_len = 0;
    char *query = strchr(target, '?');
    if (query) {
        *query++ = '\0';
        parse_query(query, &exchange.args);
    }
    percent_decode(target, false);
    exchange.path = target;
    int rc = route(&exchange);
    free(exchange.body);
    free(target);
    return rc;
}

/* ── What several answers do ──────────────────────────────────────────── */

int reply_json(struct exchange *exchange, int status, struct text *text)
{
    int rc = -ENOMEM;
    if (!text->failed)
        rc = bide_http_reply(exchange->request, status, "application/json",
                             text->data, text->len);
    text_free(text);
    return rc;
}

int reply_error(struct exchange *exchange, int status, const char *reason)
{
    struct text text = {.data = NULL};
    text_print(&text, "{\n  \"error\": ");
    text_add_json(&text, reason, strlen(reason));
    text_print(&text, "\n}\n");
    return reply_json(exchange, status, &text);
}

int read_body(struct exchange *exchange, bool *ret_refused)
{
    struct text body = {.data = NULL};
    char piece[8192];
    ssize_t n;
    *ret_refused = false;
    while ((n = bide_http_request_read(exchange->request, piece,
                                       sizeof piece)) > 0) {
        text_add(&body, piece, (size_t)n);
        if (body.len > BODY_MOST)
            break;
    }
    exchange->body = body.data;
    exchange->body_len = body.len;
    if (n < 0)
        return (int)n;
    *ret_refused = body.len > BODY_MOST;
    if (*ret_refused)
        return reply_error(exchange, 413, "the body is longer than 16 MiB");
    return body.failed ? -ENOMEM : 0;
}

bool rest_number(struct exchange *exchange, double most, double *ret_number,
                 int *ret_rc)
{
    char reason[100];
    char *end;
    *ret_number = strtod(exchange->rest, &end);
    if (end != exchange->rest && !*end && *ret_number >= 0 &&
        *ret_number <= most)
        return true;
    snprintf(reason, sizeof reason, "'%.40s' is not a number from 0 to %.0f",
             exchange->rest, most);
    *ret_rc = reply_error(exchange, 400, reason);
    return false;
}

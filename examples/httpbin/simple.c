/* SPDX-License-Identifier: MIT */
/* simple.c — answers of one piece. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "httpbin.h"

int answer_json(struct exchange *exchange)
{
    static const struct message {
        const char *message;
    } hello = {"Hello, World!"};
    char text[64];
    int len = snprintf(text, sizeof text, "{\"message\":\"%s\"}",
                       hello.message);
    return bide_http_reply(exchange->request, 200, "application/json", text,
                           (size_t)len);
}

/* ── Statuses and redirections ────────────────────────────────────────── */

int answer_status(struct exchange *exchange)
{
    double status;
    int rc;
    if (!rest_number(exchange, 599, &status, &rc))
        return rc;
    if (status < 200)
        return reply_error(exchange, 400, "the status is below 200");
    int code = (int)status;
    if (code == 401)
        rc = bide_http_reply_header(exchange->request, "WWW-Authenticate",
                                    "Basic realm=\"Fake Realm\"");
    else if ((code >= 301 && code <= 303) || code == 307 || code == 308)
        rc = bide_http_reply_header(exchange->request, "Location",
                                    "/redirect/1");
    else
        rc = 0;
    if (rc == 0)
        rc = bide_http_reply(exchange->request, code, "text/plain", NULL, 0);
    return rc;
}

int answer_redirect(struct exchange *exchange)
{
    char where[64] = "/get";
    double left;
    int rc;
    if (!rest_number(exchange, 1000, &left, &rc))
        return rc;
    if (left >= 2)
        snprintf(where, sizeof where, "/redirect/%d", (int)left - 1);
    rc = bide_http_reply_header(exchange->request, "Location", where);
    if (rc == 0)
        rc = bide_http_reply(exchange->request, 302, "text/plain", NULL, 0);
    return rc;
}

/* ── Cookies ──────────────────────────────────────────────────────────── */

/* "a=1; b=2" */
static void parse_cookies(char *header, struct pairs *pairs)
{
    char *next;
    for (char *at = header; at; at = next) {
        next = strchr(at, ';');
        if (next)
            *next++ = '\0';
        at += strspn(at, " ");
        char *value = strchr(at, '=');
        if (!value || pairs->count == PAIRS_MOST)
            continue;
        *value++ = '\0';
        pairs->items[pairs->count++] =
            (struct pair){at, value, strlen(value)};
    }
}

int answer_cookies(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    struct pairs pairs;
    pairs.count = 0;
    const char *header = bide_http_request_header(exchange->request,
                                                  "Cookie");
    char *copy = strdup(header ? header : "");
    if (!copy)
        return -ENOMEM;
    parse_cookies(copy, &pairs);
    text_print(&text, "{\n  \"cookies\": ");
    text_add_pairs(&text, &pairs);
    text_print(&text, "\n}\n");
    free(copy);
    return reply_json(exchange, 200, &text);
}

static int set_cookies(struct exchange *exchange, bool gone)
{
    char line[1024];
    for (size_t i = 0; i < exchange->args.count; i++) {
        const struct pair *one = &exchange->args.items[i];
        int len = snprintf(line, sizeof line, "%s=%s; Path=/%s", one->name,
                           gone ? "" : one->value,
                           gone ? "; Max-Age=0" : "");
        if (len >= (int)sizeof line || strpbrk(one->name, ";= ") ||
            strchr(one->value, ';') ||
            bide_http_reply_header(exchange->request, "Set-Cookie", line) < 0)
            return reply_error(exchange, 400, "this cannot be a cookie");
    }
    int rc = bide_http_reply_header(exchange->request, "Location",
                                    "/cookies");
    if (rc == 0)
        rc = bide_http_reply(exchange->request, 302, "text/plain", NULL, 0);
    return rc;
}

int answer_cookies_set(struct exchange *exchange)
{
    return set_cookies(exchange, false);
}

int answer_cookies_delete(struct exchange *exchange)
{
    return set_cookies(exchange, true);
}

/* ── Who asks ─────────────────────────────────────────────────────────── */

static int reply_authenticated(struct exchange *exchange, const char *name,
                               const char *value)
{
    struct text text = {.data = NULL};
    text_print(&text, "{\n  \"authenticated\": true,\n  \"%s\": ", name);
    text_add_json(&text, value, strlen(value));
    text_print(&text, "\n}\n");
    return reply_json(exchange, 200, &text);
}

static int refuse_stranger(struct exchange *exchange, const char *scheme)
{
    int rc = bide_http_reply_header(exchange->request, "WWW-Authenticate",
                                    scheme);
    if (rc == 0)
        rc = bide_http_reply(exchange->request, 401, "text/plain", NULL, 0);
    return rc;
}

/* /basic-auth/USER/PASSWORD */
int answer_basic_auth(struct exchange *exchange)
{
    struct text expected = {.data = NULL};
    char *user = strdup(exchange->rest);
    const char *header = bide_http_request_header(exchange->request,
                                                  "Authorization");
    char *password = user ? strchr(user, '/') : NULL;
    int rc;
    if (password) {
        *password = ':';
        text_print(&expected, "Basic ");
        text_add_base64(&expected, user, strlen(user));
        *password = '\0';
    }
    if (!user || expected.failed)
        rc = -ENOMEM;
    else if (!password)
        rc = reply_error(exchange, 404, "say /basic-auth/USER/PASSWORD");
    else if (!header || strcmp(header, expected.data) != 0)
        rc = refuse_stranger(exchange, "Basic realm=\"Fake Realm\"");
    else
        rc = reply_authenticated(exchange, "user", user);
    text_free(&expected);
    free(user);
    return rc;
}

int answer_bearer(struct exchange *exchange)
{
    const char *header = bide_http_request_header(exchange->request,
                                                  "Authorization");
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return refuse_stranger(exchange, "Bearer");
    return reply_authenticated(exchange, "token", header + 7);
}

/* ── Others ───────────────────────────────────────────────────────────── */

int answer_response_headers(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    for (size_t i = 0; i < exchange->args.count; i++) {
        const struct pair *one = &exchange->args.items[i];
        int rc = bide_http_reply_header(exchange->request, one->name,
                                        one->value);
        if (rc < 0)
            return reply_error(exchange, 400, bide_errmsg(rc));
    }
    text_add_pairs(&text, &exchange->args);
    text_print(&text, "\n");
    return reply_json(exchange, 200, &text);
}

int answer_uuid(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return -EIO;
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    text_print(&text,
               "{\n  \"uuid\": \"%02x%02x%02x%02x-%02x%02x-%02x%02x-"
               "%02x%02x-%02x%02x%02x%02x%02x%02x\"\n}\n",
               b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
               b[10], b[11], b[12], b[13], b[14], b[15]);
    return reply_json(exchange, 200, &text);
}

/* SPDX-License-Identifier: MIT */
/*
 * cors.c — what pages of other origins may do.
 *
 * A browser asks before it sends what a form could not send (OPTIONS with
 * Access-Control-Request-Method), and looks at the headers of each reply. All
 * names are compared with lists of the options; nothing that a client says is
 * repeated to it unless it stands there, or "*" does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "web/web.h"

#define VALUE_MAX 2048

/* What browsers may always send. */
static const char always[] =
    "Accept, Accept-Language, Content-Language, Content-Type";

static bool is_star(const char *list)
{
    return list && strcmp(list, "*") == 0;
}

/* Whether a list has an item, of len bytes. */
static bool has(const char *list, const char *item, size_t len)
{
    while (list && *list) {
        list += strspn(list, ", ");
        size_t width = strcspn(list, ", ");
        if (width == len && len > 0 && strncasecmp(list, item, len) == 0)
            return true;
        list += width;
    }
    return false;
}

static bool allows_origin(const bide_web_cors_options *options,
                          const char *origin)
{
    return is_star(options->origins) ||
           has(options->origins, origin, strlen(origin));
}

static const char *methods_of(const bide_web_cors_options *options)
{
    return options->methods ? options->methods : "GET";
}

static bool allows_headers(const bide_web_cors_options *options,
                           const char *asked)
{
    if (is_star(options->headers))
        return true;
    while (asked && *asked) {
        asked += strspn(asked, ", ");
        size_t len = strcspn(asked, ", ");
        if (len > 0 && !has(options->headers, asked, len) &&
            !has(always, asked, len))
            return false;
        asked += len;
    }
    return true;
}

/* "*" cannot go with credentials: then the origin itself is named. */
static int add_origin(bide_web_request *request,
                      const bide_web_cors_options *options,
                      const char *origin)
{
    bool all = is_star(options->origins) && !options->credentials;
    int rc = bide_web_reply_header(request, "Access-Control-Allow-Origin",
                                   all ? "*" : origin);
    if (rc == 0 && !all)
        rc = bide_web_reply_header(request, "Vary", "Origin");
    if (rc == 0 && options->credentials)
        rc = bide_web_reply_header(request,
                                   "Access-Control-Allow-Credentials", "true");
    return rc;
}

/* ── The question before ──────────────────────────────────────────────── */

static int refuse(bide_web_request *request, bool origin, bool method,
                  bool headers)
{
    char text[128];
    snprintf(text, sizeof text, "Disallowed CORS %s%s%s%s%s",
             origin ? "" : "origin", origin || (method && headers) ? "" : ", ",
             method ? "" : "method", method || headers ? "" : ", ",
             headers ? "" : "headers");
    return bide_web_reply_text(request, 400, text);
}

static int add_permissions(bide_web_request *request,
                           const bide_web_cors_options *options,
                           const char *method, const char *headers)
{
    char text[VALUE_MAX];
    const char *allowed = text;
    int age = options->max_age ? options->max_age : 600;
    bool all = is_star(options->methods);
    int rc = bide_web_reply_header(request, "Access-Control-Allow-Methods",
                                   all ? method : methods_of(options));
    snprintf(text, sizeof text, "%s%s%s", always,
             options->headers ? ", " : "",
             options->headers ? options->headers : "");
    if (is_star(options->headers))
        allowed = headers ? headers : always;
    if (rc == 0)
        rc = bide_web_reply_header(request, "Access-Control-Allow-Headers",
                                   allowed);
    snprintf(text, sizeof text, "%d", age);
    if (rc == 0)
        rc = bide_web_reply_header(request, "Access-Control-Max-Age", text);
    return rc;
}

static int answer(bide_web_request *request,
                  const bide_web_cors_options *options, const char *origin,
                  const char *method)
{
    const char *headers =
        bide_web_request_header(request, "Access-Control-Request-Headers");
    bool origin_ok = allows_origin(options, origin);
    bool method_ok = is_star(options->methods) ||
                     has(methods_of(options), method, strlen(method));
    bool headers_ok = allows_headers(options, headers);
    int rc = origin_ok ? add_origin(request, options, origin) : 0;
    if (rc == 0)
        rc = add_permissions(request, options, method, headers);
    if (rc < 0)
        return rc;
    if (origin_ok && method_ok && headers_ok)
        return bide_web_reply_text(request, 200, "OK");
    return refuse(request, origin_ok, method_ok, headers_ok);
}

int bide_web_cors(bide_web_request *request, void *arg)
{
    const bide_web_cors_options *options = arg;
    const char *origin = bide_web_request_header(request, "Origin");
    const char *method =
        bide_web_request_header(request, "Access-Control-Request-Method");
    if (!origin)
        return bide_web_next(request);
    if (method && strcmp(bide_web_request_method(request), "OPTIONS") == 0)
        return answer(request, options, origin, method);
    int rc = 0;
    if (allows_origin(options, origin)) {
        rc = add_origin(request, options, origin);
        if (rc == 0 && options->expose)
            rc = bide_web_reply_header(
                request, "Access-Control-Expose-Headers", options->expose);
    }
    return rc < 0 ? rc : bide_web_next(request);
}

/* SPDX-License-Identifier: MIT */
/*
 * builtin.c — what every application has: its description, a page that shows
 * it, metrics, and a sign of life.
 *
 * They are routes like others, added when the application is about to serve,
 * where the program has none of its own.
 */
#include <errno.h>
#include <string.h>

#include "web/docs.h"
#include "web/web.h"

static int reply_openapi(bide_web_request *request)
{
    const char *text = bide_web_openapi(request->app);
    if (!text)
        return bide_raise(-ENOMEM, "no memory for the OpenAPI document");
    return bide_web_reply_json(request, 200, text);
}

static int reply_health(bide_web_request *request)
{
    return bide_web_reply_json(request, 200, "{\"status\":\"ok\"}");
}

/* The page asks for the description by the address that is put into it. */
static int reply_docs(bide_web_request *request)
{
    static const char mark[] = "{{openapi_url}}";
    const char *page = (const char *)bide__web_docs;
    const char *at = strstr(page, mark);
    const char *url = request->app->options.openapi_url;
    size_t len = strlen(page);
    char *text =
        bide_arena_allocate(&request->arena, len + strlen(url) + 1);
    if (!text)
        return -ENOMEM;
    memcpy(text, page, (size_t)(at - page));
    char *end = stpcpy(text + (at - page), url);
    end = stpcpy(end, at + sizeof mark - 1);
    int rc = bide_web_reply_header(request, "Content-Security-Policy",
                                   "default-src 'self' 'unsafe-inline'");
    return rc < 0 ? rc
                  : bide__web_reply_own(request, 200,
                                        "text/html; charset=utf-8", text,
                                        (size_t)(end - text));
}

static bool is_there(const bide_web_app *app, const char *path)
{
    const struct bide__web_route *route = app->routes;
    for (; route; route = route->next)
        if (strcmp(route->path, path) == 0 &&
            strcmp(route->method, "GET") == 0)
            return true;
    return false;
}

/* It stands in an attribute of the page. */
static bool is_plain(const char *path)
{
    return path[0] == '/' && !strpbrk(path, "\"'<>& {}");
}

static void add(bide_web_app *app, const char *path, bide_web_handler *handler)
{
    static const bide_web_route_options hidden = {.hidden = true};
    if (!*path || is_there(app, path))
        return;
    if (!is_plain(path))
        bide__web_fault(app, -EINVAL,
                        "\"%.80s\" in the options is no path: it must begin "
                        "with a \"/\" and have no quotes, spaces or braces",
                        path);
    else
        bide_web_route(app, "GET", path, handler, &hidden);
}

void bide__web_add_builtin(bide_web_app *app)
{
    const bide_web_options *options = &app->options;
    add(app, options->openapi_url, reply_openapi);
    if (*options->openapi_url)
        add(app, options->docs_url, reply_docs);
    add(app, options->metrics_url, bide__web_reply_metrics);
    add(app, options->health_url, reply_health);
}

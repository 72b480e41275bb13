/* SPDX-License-Identifier: MIT */
/*
 * app.c — applications: making them, mounting them, what they are told.
 *
 * All that is said about an application is said before it serves, in calls
 * that return nothing: the first fault stays in `fault` of the outermost one,
 * with its message, and is what bide_web_start() returns.
 *
 * Routes of mounted applications lie in the tree of the outermost, under their
 * whole path; only the middleware remembers which one they were added to.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "web/web.h"

#define MEMORY_DEFAULT ((size_t)16 << 20)
#define BACKGROUND_DEFAULT 10000
#define CALLS_MAX 32 /* middleware of one application */

char *bide__web_copy(const char *text, size_t len)
{
    char *copy = bide_allocate(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void bide__web_fault(bide_web_app *app, int code, const char *format, ...)
{
    bide_web_app *root = app->root;
    va_list args;
    if (root->fault < 0)
        return;
    root->fault = code;
    va_start(args, format);
    vsnprintf(root->fault_text, sizeof root->fault_text, format, args);
    va_end(args);
}

/* ── Making ───────────────────────────────────────────────────────────── */

static void set_text(const char **text, const char *normal)
{
    if (!*text)
        *text = normal;
}

static void set_defaults(bide_web_options *options)
{
    set_text(&options->title, "bide");
    set_text(&options->version, "0.1.0");
    set_text(&options->openapi_url, "/openapi.json");
    set_text(&options->docs_url, "/docs");
    set_text(&options->metrics_url, "/metrics");
    set_text(&options->health_url, "/healthz");
    if (options->memory == 0)
        options->memory = MEMORY_DEFAULT;
    if (options->background == 0)
        options->background = BACKGROUND_DEFAULT;
    if (options->shutdown_timeout == 0)
        options->shutdown_timeout = 30;
}

bide_web_app *bide_web_app_new(const bide_web_options *options)
{
    bide_web_app *app = bide_allocate(sizeof *app);
    if (!app)
        return NULL;
    memset(app, 0, sizeof *app);
    app->root = app;
    app->routes_end = &app->routes;
    app->lifespans_end = &app->lifespans;
    app->nowhere.app = app;
    app->nowhere.handler = bide__web_not_found;
    bide_event_init(&app->idle);
    bide_event_set(&app->idle);
    if (options)
        app->options = *options;
    set_defaults(&app->options);
    if (!(app->options.shutdown_timeout >= 0))
        bide__web_fault(app, -EINVAL,
                        "shutdown_timeout is %g s, must be at least 0",
                        app->options.shutdown_timeout);
    if (app->options.http.workers > 1)
        bide__web_fault(app, -EINVAL,
                        "workers is %u, but an application belongs to one "
                        "loop; start one for each worker",
                        app->options.http.workers);
    return app;
}

static void free_route(struct bide__web_route *route)
{
    for (size_t i = 0; i < route->n_params; i++)
        bide_release(route->params[i]);
    bide_release(route->params);
    bide_release(route->method);
    bide_release(route->path);
    bide_release(route->calls.all);
    bide_release(route);
}

static void free_mounts(bide_web_app *app)
{
    while (app->mounts) {
        bide_web_app *mount = app->mounts;
        app->mounts = mount->sibling;
        free_mounts(mount);
        bide_release(mount->prefix);
        bide_release(mount->calls.all);
        bide_release(mount);
    }
}

void bide_web_app_free(bide_web_app *app)
{
    if (!app || app != app->root)
        return;
    bide__web_forget_spare(app);
    bide__web_tree_free(&app->tree);
    while (app->routes) {
        struct bide__web_route *route = app->routes;
        app->routes = route->next;
        free_route(route);
    }
    while (app->lifespans) {
        struct bide__web_lifespan *lifespan = app->lifespans;
        app->lifespans = lifespan->next;
        bide_release(lifespan);
    }
    while (app->overrides) {
        struct bide__web_override *one = app->overrides;
        app->overrides = one->next;
        bide_release(one);
    }
    bide__web_inputs_free(app);
    bide__web_statics_free(app);
    free_mounts(app);
    bide_event_fini(&app->idle);
    bide_release(app->nowhere.calls.all);
    bide_release(app->calls.all);
    bide_release(app->openapi);
    bide_release(app);
}

/* ── Mounting ─────────────────────────────────────────────────────────── */

static const char *prefix_of(const bide_web_app *app)
{
    return app->prefix ? app->prefix : "";
}

static bool is_prefix(const char *path)
{
    size_t len = strlen(path);
    return path[0] == '/' && len > 1 && path[len - 1] != '/' &&
           !strstr(path, "...}");
}

bide_web_app *bide_web_mount(bide_web_app *app, const char *path)
{
    if (!app)
        return NULL;
    if (!path || !is_prefix(path)) {
        bide__web_fault(app, -EINVAL,
                        "\"%.80s\" cannot be mounted on: a path must begin "
                        "with a \"/\" and not end in one",
                        path ? path : "(null)");
        return NULL;
    }
    bide_web_app *mount = bide_allocate(sizeof *mount);
    size_t before = strlen(prefix_of(app));
    char *prefix = bide_allocate(before + strlen(path) + 1);
    if (!mount || !prefix) {
        bide__web_fault(app, -ENOMEM, "no memory to mount %.80s", path);
        bide_release(mount);
        bide_release(prefix);
        return NULL;
    }
    memcpy(prefix, prefix_of(app), before);
    memcpy(prefix + before, path, strlen(path) + 1);
    memset(mount, 0, sizeof *mount);
    mount->root = app->root;
    mount->parent = app;
    mount->prefix = prefix;
    mount->sibling = app->mounts;
    app->mounts = mount;
    return mount;
}

/* ── Routes ───────────────────────────────────────────────────────────── */

static bool is_method(const char *method)
{
    size_t len = method ? strlen(method) : 0;
    for (size_t i = 0; i < len; i++)
        if (!isalpha((unsigned char)method[i]) && method[i] != '-')
            return false;
    return len > 0 && len <= 32;
}

static char *join(const bide_web_app *app, const char *path)
{
    size_t before = strlen(prefix_of(app));
    char *whole = bide_allocate(before + strlen(path) + 1);
    if (!whole)
        return NULL;
    memcpy(whole, prefix_of(app), before);
    memcpy(whole + before, path, strlen(path) + 1);
    return whole;
}

static struct bide__web_route *make_route(bide_web_app *app,
                                          const char *method, const char *path)
{
    struct bide__web_route *route = bide_allocate(sizeof *route);
    if (!route)
        return NULL;
    memset(route, 0, sizeof *route);
    route->app = app;
    route->method = bide__web_copy(method, strlen(method));
    route->path = join(app, path);
    if (!route->method || !route->path) {
        free_route(route);
        return NULL;
    }
    return route;
}

struct bide__web_route *
bide__web_add(bide_web_app *app, const char *method, const char *path,
              bide_web_handler *handler, const bide_web_route_options *options)
{
    bide_web_app *root = app->root;
    if (!is_method(method) || !path || !handler) {
        bide__web_fault(app, -EINVAL,
                        "\"%.32s\" %.80s: a route needs a method, a path and "
                        "a handler",
                        method ? method : "(null)", path ? path : "(null)");
        return NULL;
    }
    struct bide__web_route *route = make_route(app, method, path);
    if (!route) {
        bide__web_fault(app, -ENOMEM, "no memory for the route %.80s", path);
        return NULL;
    }
    route->handler = handler;
    if (options)
        route->options = *options;
    if (bide__web_tree_add(root, route) < 0) {
        free_route(route);
        return NULL;
    }
    root->prepared = false;
    *root->routes_end = route;
    root->routes_end = &route->next;
    bide_release(root->openapi);
    root->openapi = NULL;
    return route;
}

void bide_web_route(bide_web_app *app, const char *method, const char *path,
                    bide_web_handler *handler,
                    const bide_web_route_options *options)
{
    if (app)
        (void)bide__web_add(app, method, path, handler, options);
}

/* ── Middleware ───────────────────────────────────────────────────────── */

static int add_calls(struct bide__web_calls *calls,
                     const struct bide__web_call *more, size_t count)
{
    if (count == 0)
        return 0;
    struct bide__web_call *all = bide_reallocate(
        calls->all, (calls->count + count) * sizeof *all);
    if (!all)
        return -ENOMEM;
    memcpy(all + calls->count, more, count * sizeof *all);
    calls->all = all;
    calls->count += count;
    return 0;
}

void bide_web_use(bide_web_app *app, bide_web_middleware *middleware, void *arg)
{
    if (!app)
        return;
    const struct bide__web_call call = {middleware, arg};
    app->root->prepared = false;
    if (!middleware)
        bide__web_fault(app, -EINVAL, "middleware is NULL");
    else if (app->calls.count == CALLS_MAX)
        bide__web_fault(app, -E2BIG, "more than %d middleware", CALLS_MAX);
    else if (add_calls(&app->calls, &call, 1) < 0)
        bide__web_fault(app, -ENOMEM, "no memory for middleware");
}

/* From the outermost application inwards. */
static int gather_calls(const bide_web_app *app, struct bide__web_calls *calls)
{
    int rc = app->parent ? gather_calls(app->parent, calls) : 0;
    return rc < 0 ? rc : add_calls(calls, app->calls.all, app->calls.count);
}

static int prepare_route(struct bide__web_route *route)
{
    bide_release(route->calls.all);
    route->calls = (struct bide__web_calls){.all = NULL};
    return gather_calls(route->app, &route->calls);
}

int bide__web_prepare(bide_web_app *app)
{
    if (!app)
        return -ENOMEM;
    if (app->root != app)
        return bide_raise(-EINVAL,
                          "the application is mounted on another one; "
                          "serve that");
    if (app->prepared)
        return 0;
    bide__web_add_builtin(app);
    if (app->fault < 0)
        return bide_raise(app->fault, "%s", app->fault_text);
    int rc = prepare_route(&app->nowhere);
    struct bide__web_route *route = app->routes;
    for (; rc == 0 && route; route = route->next)
        rc = prepare_route(route);
    app->prepared = rc == 0;
    return rc;
}

/* ── Lifespans ────────────────────────────────────────────────────────── */

void bide_web_lifespan(bide_web_app *app, bide_coroutine *startup,
                       bide_coroutine *shutdown, void *arg)
{
    if (!app)
        return;
    struct bide__web_lifespan *lifespan = bide_allocate(sizeof *lifespan);
    if (!lifespan) {
        bide__web_fault(app, -ENOMEM, "no memory for a lifespan");
        return;
    }
    *lifespan = (struct bide__web_lifespan){
        .startup = startup,
        .shutdown = shutdown,
        .arg = arg,
    };
    *app->root->lifespans_end = lifespan;
    app->root->lifespans_end = &lifespan->next;
}

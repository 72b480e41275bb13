/* SPDX-License-Identifier: MIT */
/*
 * <bide/web_app.h> — applications, routes, middleware, and serving;
 * <bide/web.h> includes it.
 *
 * An application is made, gets its routes, and is served. What is wrong with a
 * route is remembered and told by the call that serves, so that a list of
 * routes reads as a list:
 *
 *     bide_web_app *app = bide_web_app_new(NULL);
 *     bide_web_use(app, count_requests, &counts);
 *     bide_web_route(app, "GET", "/users/{id}", get_user, NULL);
 *     bide_web_app *admin = bide_web_mount(app, "/admin");
 *     bide_web_use(admin, check_password, NULL);
 *     bide_web_route(admin, "DELETE", "/users/{id}", delete_user, NULL);
 *     rc = bide_web_run(app, "127.0.0.1", 8000);
 *     bide_web_app_free(app);
 *
 * A path is made of segments: "users" stands for itself, "{id}" for one
 * segment, whatever it is, and "{path...}" at the end for all that is left.
 * Which route takes a request does not depend on their order: a segment's own
 * text comes before a "{name}", and that before a "{name...}".
 *
 * A path that only other methods have gives 405 with Allow; HEAD is answered
 * by a GET without its body, OPTIONS by the methods; a path that only lacks or
 * only has too much a "/" at its end is redirected by 307.
 */
#ifndef BIDE_WEB_APP_H
#define BIDE_WEB_APP_H

#include <bide/http_files.h>
#include <bide/http_server.h>

BIDE_BEGIN

typedef struct bide_web_app bide_web_app;
typedef struct bide_web_request bide_web_request;

/* Segments of a path, and what a route can capture of them. */
#define BIDE_WEB_SEGMENTS_MAX 64
#define BIDE_WEB_PARAMS_MAX 16

/*
 * Replies to a request, by one of bide_web_reply_* or bide_web_error(). A
 * negative code that is not BIDE_E_WEB_ERROR gives 500, and is reported to the
 * loop's exception handler.
 */
typedef int bide_web_handler(bide_web_request *request);

/*
 * Stands around handlers: bide_web_next() calls what is within. What it does
 * before that it does on the way in, the rest on the way out, when the reply
 * has been made but (unless it was begun in pieces) not sent. It may reply
 * itself and not call what is within.
 */
typedef int bide_web_middleware(bide_web_request *request, void *arg);

/* Zeroed means: the defaults. Strings are borrowed until the app is freed. */
typedef struct bide_web_options {
    const char *title;       /* of the documentation, NULL: "bide" */
    const char *version;     /* of the API, NULL: "0.1.0" */
    const char *description; /* of the API, may be NULL */
    const char *openapi_url; /* NULL: "/openapi.json"; "": none, and no docs */
    const char *docs_url;    /* NULL: "/docs"; "": none */
    const char *metrics_url; /* NULL: "/metrics"; "": none */
    const char *health_url;  /* NULL: "/healthz"; "": none */
    void *state;             /* what handlers get by bide_web_state() */
    size_t memory;           /* bytes of one request's, 0: 16 MiB */
    size_t background;       /* requests whose background tasks run, at most;
                                0: 10,000 */
    double shutdown_timeout; /* seconds for requests and background tasks at
                                the end before they are cancelled, 0: 30 */
    bool no_redirects;       /* 404 instead of a redirect to or from a "/" */
    bide_http_server_options http; /* of the servers */
    void *reserved[8];       /* zero */
} bide_web_options;

/* Zeroed means: the defaults. Strings are borrowed until the app is freed. */
typedef struct bide_web_route_options {
    void *arg;               /* what the handler gets by bide_web_arg() */
    int status;              /* of a reply that does not say, 0: 200 */
    const char *tags;        /* in the documentation, with commas between */
    const char *summary;     /* one line, NULL: made of the handler's name */
    const char *description; /* in Markdown */
    const char *operation_id; /* NULL: the handler's name */
    bool deprecated;
    bool hidden;             /* not in the documentation */
    void *reserved[8];       /* zero */
} bide_web_route_options;

/* ── Applications ─────────────────────────────────────────────────────── */

/*
 * bide_web_app_new — make an application without routes.
 *
 * Returns:  the application, or NULL: out of memory. What takes one takes
 *           NULL, too, and the call that serves it returns -ENOMEM.
 *   options   copied; NULL means the defaults
 * Suspends: never.
 * Owns:     the caller frees it by bide_web_app_free().
 * Thread:   the loop's.
 * Like:     fastapi.FastAPI().
 */
BIDE_API BIDE_NODISCARD bide_web_app *
bide_web_app_new(const bide_web_options *options);

/*
 * bide_web_app_free — free an application and those that are mounted on it.
 *
 *   app   not running; NULL is allowed
 * Suspends: never.
 * Owns:     takes the app.
 * Thread:   the loop's.
 */
BIDE_API void bide_web_app_free(bide_web_app *app);

/*
 * bide_web_mount — an application below a path of another one.
 *
 * Its routes have the path in front of theirs, and the middleware of both.
 *
 * Returns:  the application, the other one's; or NULL, and the fault is told
 *           when that is served.
 *   path   copied: "/admin", may capture: "/shops/{shop}"
 * Suspends: never.
 * Errors:   -EINVAL for a path that is none, -ENOMEM: when it is served
 * Owns:     the app that it is mounted on.
 * Thread:   the loop's.
 * Like:     FastAPI.include_router, Starlette.mount.
 */
BIDE_API bide_web_app *bide_web_mount(bide_web_app *app, const char *path);

/*
 * bide_web_route — have a handler reply to requests.
 *
 *   app       not running; NULL is allowed
 *   method    copied, "GET"
 *   path      copied, "/users/{id}"
 *   handler   for each request
 *   options   copied; NULL means the defaults
 * Suspends: never.
 * Errors:   -EINVAL for a method or path that is none, -EEXIST for one that
 *           is there, -ENOMEM: when it is served
 * Thread:   the loop's.
 * Like:     FastAPI.add_api_route, @app.get.
 */
BIDE_API void bide_web_route(bide_web_app *app, const char *method,
                             const char *path, bide_web_handler *handler,
                             const bide_web_route_options *options);

/*
 * bide_web_use — put middleware around the routes of an application and of
 * those mounted on it; that of the outermost also around 404 and 405.
 *
 * The first one is the outermost.
 *
 *   app          not running; NULL is allowed
 *   middleware   called for each request
 *   arg          passed to it; borrowed until the app is freed
 * Suspends: never.
 * Errors:   -ENOMEM, when it is served
 * Thread:   the loop's.
 * Like:     FastAPI.add_middleware (where the last one is the outermost).
 */
BIDE_API void bide_web_use(bide_web_app *app, bide_web_middleware *middleware,
                           void *arg);

/*
 * bide_web_next — call what middleware stands around.
 *
 * Returns:  what it returned: 0 when a reply was made, of whatever status, or
 *           a negative code that becomes a 500 unless it is caught.
 * Suspends: as the handler does; to be taken for a cancellation point.
 * Cancel:   as the handler does.
 * Errors:   -EALREADY when it was called before; those of the handler
 * Thread:   the loop's, in the middleware.
 * Like:     call_next of Starlette's middleware.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_next(bide_web_request *request);

/*
 * bide_web_static — serve the files of a directory.
 *
 * Conditions, ranges and pages of directories as <bide/http_files.h> has them.
 *
 *   path        copied: "/static" for what is below "/static/"
 *   directory   opened by this call
 *   options     NULL means the defaults; `prefix` is ignored
 * Suspends: never; looks a path up.
 * Errors:   those of bide_http_files_open(), when it is served
 * Thread:   the loop's.
 * Like:     app.mount(path, StaticFiles(directory=directory)).
 */
BIDE_API void bide_web_static(bide_web_app *app, const char *path,
                              const char *directory,
                              const bide_http_files_options *options);

/*
 * bide_web_lifespan — what is done before an application serves, and after.
 *
 * Several begin in the order of these calls and end in the reverse; when one
 * fails to begin, those before it are ended and the app is not served.
 *
 *   startup    may be NULL; returns 0 or a negative code
 *   shutdown   may be NULL; after the last request and background task
 *   arg        passed to both; borrowed until the app is freed
 * Suspends: never; what it names may.
 * Errors:   -ENOMEM, when it is served
 * Thread:   the loop's.
 * Like:     FastAPI(lifespan=).
 */
BIDE_API void bide_web_lifespan(bide_web_app *app, bide_coroutine *startup,
                                bide_coroutine *shutdown, void *arg);

/* ── Serving ──────────────────────────────────────────────────────────── */

/*
 * bide_web_start — begin an application's life, and listen.
 *
 * Returns:  0 or a negative code.
 *   host, port   as for bide_start_server()
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing listens, and what had begun was ended.
 * Errors:   the first fault of a route, with a message that names it; those
 *           of bide_http_serve() and of what bide_web_lifespan() names;
 *           -EALREADY if it runs; -EINVAL for an app that is mounted
 * Owns:     the caller ends it by bide_web_stop().
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_start(bide_web_app *app, const char *host, int port);

/*
 * bide_web_port — the port that an application listens on, 0 if it does not.
 *
 * Returns:  the port.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API int bide_web_port(const bide_web_app *app);

/*
 * bide_web_stop — stop listening, finish requests and background tasks, and
 * end the application's life.
 *
 * What has not ended after shutdown_timeout is cancelled.
 *
 * Returns:  0, or the first negative code of what was done, after all of it.
 *   app   one that does not run gives 0; NULL is allowed
 * Suspends: always; a request to cancel is delivered after the last step.
 * Cancel:   requests and background tasks are cancelled at once; the rest is
 *           done all the same.
 * Errors:   -ECANCELED; those of what bide_web_lifespan() names
 * Thread:   the loop's, not in a request or background task of the app.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_web_stop(bide_web_app *app);

/*
 * bide_web_run — serve until SIGINT or SIGTERM comes, then stop; prints where
 * it listens to standard error.
 *
 * Returns:  0 after a signal, or a negative code.
 *   host, port   as for bide_start_server()
 * Suspends: always a cancellation point.
 * Cancel:   stops, as a signal does.
 * Errors:   those of bide_web_start() and bide_web_stop()
 * Thread:   the loop's.
 * Like:     uvicorn.run.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_run(bide_web_app *app, const char *host, int port);

/*
 * bide_web_openapi — the description of an application's routes.
 *
 * Returns:  an OpenAPI 3.1 document, the app's, until a route is added or the
 *           app is freed; NULL: out of memory, or there is a fault in a route.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     FastAPI.openapi.
 * Source:   https://spec.openapis.org/oas/v3.1.0.
 */
BIDE_API const char *bide_web_openapi(bide_web_app *app);

BIDE_END

#endif

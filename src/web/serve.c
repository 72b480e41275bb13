/* SPDX-License-Identifier: MIT */
/*
 * serve.c — one request: from the server's handler to its end.
 *
 *     find the route ─► middleware ─► handler      (makes a reply)
 *                           │
 *     hooks before the reply, the reply            (reply.c)
 *                           │
 *     hooks after the reply                        (dependencies, depend.c)
 *                           │
 *     tasks after the reply                        (background.c)
 *
 * Whatever happens on the way, what follows it is done: hooks are called once,
 * in the reverse order of their making, and the request's memory goes back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "web/web.h"

#define SPARE_MAX 256        /* requests that are kept */
#define SPARE_BYTES_MAX 65536 /* of the memory of each */

/* ── Requests' memory ─────────────────────────────────────────────────── */

static bide_web_request *take(bide_web_app *app)
{
    bide_web_request *request = app->spare;
    if (request) {
        app->spare = request->next;
        app->n_spare--;
    } else {
        request = bide_allocate(sizeof *request);
        if (!request)
            return NULL;
        request->arena = (bide_arena){.max = app->options.memory};
    }
    bide_arena arena = request->arena;
    memset(request, 0, offsetof(bide_web_request, segments));
    request->arena = arena;
    request->app = app;
    request->headers_end = &request->headers;
    request->jobs_end = &request->jobs;
    request->route = &app->nowhere;
    return request;
}

void bide__web_request_release(bide_web_request *request)
{
    bide_web_app *app = request->app;
    if (app->n_spare < SPARE_MAX && request->arena.held <= SPARE_BYTES_MAX) {
        bide_arena_reset(&request->arena);
        request->next = app->spare;
        app->spare = request;
        app->n_spare++;
        return;
    }
    bide_arena_free(&request->arena);
    bide_release(request);
}

void bide__web_forget_spare(bide_web_app *app)
{
    while (app->spare) {
        bide_web_request *request = app->spare;
        app->spare = request->next;
        bide_arena_free(&request->arena);
        bide_release(request);
    }
    app->n_spare = 0;
}

/* ── Reports ──────────────────────────────────────────────────────────── */

struct unseen {
    int code;
    char text[BIDE_ERRMSG_MAX];
};

static int raise_unseen(void *arg)
{
    const struct unseen *unseen = arg;
    return bide_raise(unseen->code, "%s", unseen->text);
}

/* A task that fails and that nobody awaits is reported: that is how. */
void bide__web_report(const char *method, const char *path, int code)
{
    struct unseen unseen = {.code = code};
    const bide_task_options options = {
        .name = "request",
        .copy = &unseen,
        .copy_size = sizeof unseen,
    };
    snprintf(unseen.text, sizeof unseen.text, "%.16s %.80s: %s", method, path,
             bide_errmsg(code));
    bide_task *task = bide_create_task_with(raise_unseen, NULL, &options);
    if (task)
        bide_task_detach(task);
}

/* ── Hooks ────────────────────────────────────────────────────────────── */

static struct bide__web_hook *add_hook(bide_web_request *request, void *arg)
{
    struct bide__web_hook *hook =
        bide_arena_allocate(&request->arena, sizeof *hook);
    if (!hook)
        return NULL;
    memset(hook, 0, sizeof *hook);
    hook->arg = arg;
    hook->next = request->hooks;
    request->hooks = hook;
    return hook;
}

int bide_web_on_reply(bide_web_request *request,
                      int (*fn)(bide_web_request *request, void *arg),
                      void *arg)
{
    struct bide__web_hook *hook = add_hook(request, arg);
    if (!hook)
        return -ENOMEM;
    hook->kind = BIDE__WEB_ON_REPLY;
    hook->on_reply = fn;
    return 0;
}

int bide_web_on_end(bide_web_request *request,
                    void (*fn)(bide_web_request *request, void *arg),
                    void *arg)
{
    struct bide__web_hook *hook = add_hook(request, arg);
    if (!hook)
        return -ENOMEM;
    hook->kind = BIDE__WEB_ON_END;
    hook->on_end = fn;
    return 0;
}

static void end(bide_web_request *request)
{
    bide__web_finish(request);
    while (request->hooks) {
        struct bide__web_hook *hook = request->hooks;
        request->hooks = hook->next;
        if (hook->kind == BIDE__WEB_ON_END)
            hook->on_end(request, hook->arg);
    }
}

/* ── Routes that are not there ────────────────────────────────────────── */

/* A Location that begins with two slashes would name another host; browsers
 * take a backslash for a slash. */
static int redirect(bide_web_request *request)
{
    const char *path = request->path;
    const char *query = request->query_text;
    size_t len = strlen(path);
    char *url = bide_arena_allocate(&request->arena, len + strlen(query) + 3);
    if (!url)
        return -ENOMEM;
    char *at = stpcpy(url, path);
    if (len > 1 && path[len - 1] == '/')
        at--;
    else
        *at++ = '/';
    *at = '\0';
    if (*query) {
        *at++ = '?';
        stpcpy(at, query);
    }
    return bide_web_reply_redirect(request, 307, url);
}

static bool may_redirect(bide_web_request *request)
{
    return !request->app->options.no_redirects && request->path[0] == '/' &&
           request->path[1] != '/' && request->path[1] != '\\' &&
           bide__web_would_find(request);
}

static int wrong_method(bide_web_request *request)
{
    char allow[512];
    snprintf(allow, sizeof allow, "%s, OPTIONS", request->allowed);
    int rc = bide_web_reply_header(request, "Allow", allow);
    if (rc < 0)
        return rc;
    if (strcmp(bide_web_request_method(request), "OPTIONS") == 0)
        return bide__web_reply_own(request, 204, NULL, "", 0);
    return bide_web_error(request, 405, NULL);
}

int bide__web_not_found(bide_web_request *request)
{
    if (request->refused)
        return bide_web_error(request, request->refused, NULL);
    if (request->allowed)
        return wrong_method(request);
    if (may_redirect(request))
        return redirect(request);
    return bide_web_error(request, 404, NULL);
}

/* ── The way in ───────────────────────────────────────────────────────── */

/* A failure that has replied is a reply from here on. */
static int call_handler(bide_web_request *request)
{
    int rc = bide__web_finish_early(request,
                                    request->route->handler(request));
    request->failed = rc < 0;
    return rc == BIDE_E_WEB_ERROR && request->status ? 0 : rc;
}

int bide_web_next(bide_web_request *request)
{
    const struct bide__web_calls *calls = &request->route->calls;
    if (request->at > calls->count)
        return bide_raise(-EALREADY, "bide_web_next() was called before");
    size_t at = request->at++;
    if (at < calls->count)
        return calls->all[at].fn(request, calls->all[at].arg);
    return call_handler(request);
}

static int find(bide_web_request *request)
{
    int rc = bide__web_divide(request);
    if (rc > 0)
        request->refused = rc;
    return rc == 0 ? bide__web_find(request) : rc < 0 ? rc : 0;
}

/* ── The way out ──────────────────────────────────────────────────────── */

static int send_made(bide_web_request *request)
{
    if (request->begun_reply)
        return 0;
    if (request->status == 0)
        return bide_raise(-EPROTO, "the handler has not replied");
    return bide__web_reply_send(request);
}

/* Whether the server below says better why: a malformed body, a client that
 * has left. */
static bool is_below(const bide_web_request *request, int code)
{
    return code == -ECANCELED || code == BIDE_E_INCOMPLETE ||
           request->begun_reply ||
           (request->body_len < 0 && code == request->body_len);
}

static int fail(bide_web_request *request, int code)
{
    if (is_below(request, code))
        return code;
    bide__web_report(bide_web_request_method(request), request->path, code);
    int rc = bide_web_error(request, 500, NULL);
    if (rc != BIDE_E_WEB_ERROR)
        return rc;
    rc = bide__web_reply_send(request);
    return rc;
}

static int serve(bide_web_request *request)
{
    int rc = find(request);
    if (rc == 0)
        rc = bide_web_next(request);
    if (rc == BIDE_E_WEB_ERROR && request->status)
        rc = 0;
    if (rc >= 0)
        rc = send_made(request);
    if (rc == BIDE_E_WEB_ERROR && request->status && !request->begun_reply)
        rc = bide__web_reply_send(request);
    return rc < 0 ? fail(request, rc) : 0;
}

int bide__web_handle(bide_http_request *http, void *arg)
{
    bide_web_app *app = arg;
    bide_web_request *request = take(app);
    if (!request)
        return -ENOMEM;
    request->http = http;
    request->begun = bide_time();
    app->in_flight++;
    int rc = serve(request);
    app->in_flight--;
    bide__web_count(request, rc);
    end(request);
    request->http = NULL;
    bide__web_run_jobs(request);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * background.c — tasks after the reply.
 *
 * A request's coroutines run one after the other in one task, which owns the
 * request from then on: its arena holds what they were given. The application
 * counts such requests, refuses more than its options say, and waits for them
 * when it stops.
 */
#include <errno.h>
#include <string.h>

#include <bide/timeout.h>

#include "web/web.h"

int bide_web_background(bide_web_request *request, bide_coroutine *fn,
                        void *arg)
{
    bide_web_app *app = request->app;
    if (!request->jobs && app->n_background >= app->options.background)
        return bide_web_error(request, 503,
                              "background tasks of %zu requests are running, "
                              "at most %zu", app->n_background,
                              app->options.background);
    struct bide__web_job *job =
        bide_arena_allocate(&request->arena, sizeof *job);
    if (!job)
        return -ENOMEM;
    if (!request->jobs) {
        app->n_background++;
        bide_event_clear(&app->idle);
    }
    *job = (struct bide__web_job){.fn = fn, .arg = arg};
    *request->jobs_end = job;
    request->jobs_end = &job->next;
    return 0;
}

static void leave(bide_web_request *request)
{
    bide_web_app *app = request->app;
    struct bide__web_after *after = &request->after;
    if (after->place) {
        *after->place = after->next;
        if (after->next)
            after->next->place = after->place;
    }
    if (request->jobs && --app->n_background == 0)
        bide_event_set(&app->idle);
    bide__web_request_release(request);
}

static void enlist(bide_web_request *request)
{
    bide_web_app *app = request->app;
    struct bide__web_after *after = &request->after;
    after->task = bide_current_task();
    after->next = app->after;
    after->place = &app->after;
    if (after->next)
        after->next->place = &after->next;
    app->after = after;
}

struct start {
    bide_web_request *request;
    bool begun;
};

/* One that was cancelled ends them all. */
static int run_jobs(void *arg)
{
    struct start *start = arg;
    bide_web_request *request = start->request;
    struct bide__web_job *job = request->jobs;
    int rc = 0;
    start->begun = true; /* it is gone when this first waits */
    enlist(request);
    for (; job && rc != -ECANCELED; job = job->next) {
        rc = job->fn(job->arg);
        if (rc < 0 && rc != -ECANCELED)
            bide__web_report("background task of", request->path, rc);
    }
    leave(request);
    return rc == -ECANCELED ? rc : 0;
}

/* The task begins at once, so that none is cancelled before it has begun and
 * owns the request. Without memory for a task they run in this one. */
void bide__web_run_jobs(bide_web_request *request)
{
    static const bide_task_options options = {
        .name = "background",
        .eager_start = true,
    };
    struct start start = {request, false};
    if (!request->jobs || request->failed) {
        leave(request);
        return;
    }
    bide_task *task = bide_create_task_with(run_jobs, &start, &options);
    if (task)
        bide_task_detach(task);
    if (!start.begun)
        (void)run_jobs(&start);
}

/* ── At the end ───────────────────────────────────────────────────────── */

static void cancel_all(const bide_web_app *app)
{
    const struct bide__web_after *after = app->after;
    for (; after; after = after->next)
        (void)bide_task_cancel(after->task);
}

int bide__web_await_jobs(bide_web_app *app, double until)
{
    bide_timeout timeout;
    bide_timeout_enter_at(&timeout, until);
    int first = bide_timeout_exit(&timeout, bide_event_wait(&app->idle));
    if (first == 0)
        return 0;
    cancel_all(app);
    int rc = bide_event_wait(&app->idle);
    while (rc < 0 && !bide_event_is_set(&app->idle)) {
        first = rc;
        rc = bide_event_wait(&app->idle);
    }
    return first == -ETIME ? 0 : first;
}

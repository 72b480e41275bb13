/* SPDX-License-Identifier: MIT */
/*
 * work.c — the worker.
 *
 *     feed ──take──► a task for each job ──► handler ──► done, or fail
 *      ▲                                                     │
 *      └──────────────── the bell ◄──────────────────────────┘
 *
 * One task takes jobs, as many as may still run, and starts a task for each.
 * When nothing is due it waits: for the bell, which enqueuing here and every
 * job's end ring, or for the time when the next one is due. A second task
 * renews leases; a third hears what other processes enqueue, where the store
 * can tell.
 *
 * Invariant: a job is in the list of running ones from when it was taken until
 * its task has said what became of it.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "jobs/jobs.h"

#define CONCURRENCY 10
#define CONCURRENCY_MAX 1000
#define LONGEST_BACKOFF 3600.0

struct worker {
    bide_jobs *jobs;
    const bide_job_route *routes;
    size_t count;
    unsigned concurrency;
    unsigned running;
    bool until_empty;
    struct bide__job *list; /* of running jobs */
    bide_group group;
};

/* What the task of a job gets. */
struct errand {
    struct worker *worker;
    struct bide__job *job;
};

/* ── What became of a job ─────────────────────────────────────────────── */

static double pause_after(const struct bide__job *job)
{
    double seconds = job->backoff;
    for (unsigned i = 1; i < job->job.attempt && seconds < LONGEST_BACKOFF;
         i++)
        seconds *= 2;
    return fmin(seconds, LONGEST_BACKOFF);
}

static int say(struct bide__store *store, struct bide__job *job, int result,
               bool cancelled)
{
    if (result >= 0)
        return store->kind->done(store, &job->job);
    if (cancelled)
        return store->kind->fail(store, &job->job, 0, "it was cancelled",
                                 false);
    bool last = job->job.attempt >= job->job.attempts;
    return store->kind->fail(store, &job->job, last ? -1 : pause_after(job),
                             bide_errmsg(result), true);
}

static int handle(const struct worker *worker, const struct bide__job *job)
{
    for (size_t i = 0; i < worker->count; i++) {
        const bide_job_route *route = &worker->routes[i];
        if (strcmp(route->name, job->job.name) == 0)
            return route->handler(&job->job, route->arg);
    }
    return bide_raise(-ENOSYS, "this worker has no handler for '%s'",
                      job->job.name);
}

static void end(struct worker *worker, struct bide__job *job)
{
    struct bide__job **place = &worker->list;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    worker->running--;
    bide_release(job);
    bide_event_set(&worker->jobs->bell);
}

static int do_job(void *arg)
{
    const struct errand *errand = arg;
    struct worker *worker = errand->worker;
    struct bide__job *job = errand->job;
    int result = handle(worker, job);
    bool cancelled = result == -ECANCELED &&
                     bide_task_cancelling(bide_current_task()) > 0;
    int rc = say(worker->jobs->store, job, result, cancelled);
    end(worker, job);
    return rc < 0 ? rc : cancelled ? -ECANCELED : 0;
}

/* ── Leases ───────────────────────────────────────────────────────────── */

static struct bide__job *next_to_renew(struct worker *worker)
{
    double now = bide_time();
    for (struct bide__job *job = worker->list; job; job = job->next)
        if (job->renew <= now)
            return job;
    return NULL;
}

/* The job may end while its lease is renewed: what is passed is a copy. */
static int renew(struct worker *worker, struct bide__job *job)
{
    char id[BIDE__JOBS_ID + 1];
    bide_job copy = job->job;
    double lease = worker->jobs->lease;
    strcpy(id, copy.id);
    copy.id = id;
    job->renew = bide_time() + lease / 3;
    return worker->jobs->store->kind->renew(worker->jobs->store, &copy,
                                            lease);
}

static int renew_leases(void *arg)
{
    struct worker *worker = arg;
    for (;;) {
        int rc = bide_sleep(worker->jobs->lease / 10);
        struct bide__job *job;
        while (rc >= 0 && (job = next_to_renew(worker)))
            rc = renew(worker, job);
        if (rc < 0)
            return rc;
    }
}

/* ── Taking ───────────────────────────────────────────────────────────── */

static int hear(void *arg)
{
    struct worker *worker = arg;
    struct bide__store *store = worker->jobs->store;
    void *listener = NULL;
    int rc = 0;
    while (rc == 0) {
        rc = store->kind->listen(store, &listener);
        if (rc < 0 && rc != -ECANCELED) /* polling goes on meanwhile */
            rc = bide_sleep(worker->jobs->poll);
        if (rc == 0)
            bide_event_set(&worker->jobs->bell);
    }
    store->kind->let_go(listener);
    return rc;
}

/* What was taken and not begun is free for others, and no attempt of it was
 * made. Takes the list. */
static void give_back(struct bide__store *store, struct bide__job *list)
{
    int rc = 0;
    while (list) {
        struct bide__job *job = list;
        list = job->next;
        if (rc >= 0)
            rc = store->kind->fail(store, &job->job, 0, "it was cancelled",
                                   false);
        bide_release(job);
    }
}

/* Takes the job, also on failure: its lease ends by itself. */
static int start(struct worker *worker, struct bide__job *job)
{
    struct errand errand = {worker, job};
    const bide_task_options options = {.copy = &errand,
                                       .copy_size = sizeof errand};
    job->renew = bide_time() + worker->jobs->lease / 3;
    job->next = worker->list;
    worker->list = job;
    worker->running++;
    if (bide_group_create_task_with(&worker->group, do_job, &errand,
                                    &options))
        return 0;
    end(worker, job);
    return -ENOMEM;
}

/* One whose workers have died again and again is not tried once more. */
static int start_or_bury(struct worker *worker, struct bide__job *job)
{
    if (job->job.attempt <= job->job.attempts)
        return start(worker, job);
    struct bide__store *store = worker->jobs->store;
    int rc = store->kind->fail(store, &job->job, -1,
                               "its worker died at the last attempt", true);
    bide_release(job);
    return rc;
}

static int start_all(struct worker *worker, struct bide__job *list)
{
    int rc = 0;
    while (list && rc >= 0) {
        struct bide__job *job = list;
        list = job->next;
        rc = start_or_bury(worker, job);
    }
    give_back(worker->jobs->store, list);
    return rc < 0 ? rc : 0;
}

struct taking {
    const struct worker *worker;
    struct bide__job *list;
    double wait; /* seconds until the next job is due */
};

static int take(void *arg)
{
    struct taking *taking = arg;
    const struct worker *worker = taking->worker;
    struct bide__store *store = worker->jobs->store;
    return store->kind->take(store, worker->concurrency - worker->running,
                             worker->jobs->lease, &taking->list,
                             &taking->wait);
}

/* A worker that is cancelled waits until it knows what it has taken, though
 * no longer than the leases are, and gives that back: otherwise attempts
 * would be counted that nobody has made. */
static int take_whole(struct taking *taking)
{
    const bide_jobs *jobs = taking->worker->jobs;
    bool ended;
    bide_timeout timeout;
    bide_task *task = bide_create_task(take, taking);
    if (!task)
        return -ENOMEM;
    int rc = bide_shield(task, &ended);
    if (ended)
        return rc;
    bide_timeout_enter(&timeout, jobs->lease);
    if (bide_timeout_exit(&timeout, bide_await(task)) >= 0 || taking->list)
        give_back(jobs->store, taking->list);
    return -ECANCELED;
}

static int wait_for_bell(struct worker *worker, double seconds)
{
    bide_timeout timeout;
    bide_timeout_enter(&timeout, seconds);
    int rc = bide_event_wait(&worker->jobs->bell);
    rc = bide_timeout_exit(&timeout, rc);
    return rc == -ETIME ? 0 : rc;
}

/* Returns 1 when the worker is to end. */
static int feed_once(struct worker *worker)
{
    bide_event_clear(&worker->jobs->bell);
    if (worker->running >= worker->concurrency)
        return wait_for_bell(worker, INFINITY);
    struct taking taking = {.worker = worker, .wait = INFINITY};
    int rc = take_whole(&taking);
    if (rc < 0 || taking.list)
        return rc < 0 ? rc : start_all(worker, taking.list);
    if (worker->until_empty && worker->running == 0)
        return 1;
    return wait_for_bell(worker, fmin(fmax(taking.wait, 0.001),
                                      worker->jobs->poll));
}

/* ── The worker ───────────────────────────────────────────────────────── */

/* A child that runs beside the work, and is to be stopped. NULL: no memory,
 * which the group knows. */
static bide_task *accompany(struct worker *worker, bide_coroutine *fn)
{
    bide_task *task = bide_group_create_task(&worker->group, fn, worker);
    return task ? bide_task_ref(task) : NULL;
}

static void stop(bide_task *task)
{
    if (!task)
        return;
    (void)bide_task_cancel(task);
    bide_task_unref(task);
}

static int feed(struct worker *worker)
{
    bide_task *renewing = accompany(worker, renew_leases);
    bide_task *hearing =
        worker->jobs->store->kind->listen ? accompany(worker, hear) : NULL;
    int rc = 0;
    while (rc == 0)
        rc = feed_once(worker);
    stop(renewing);
    stop(hearing);
    return rc < 0 ? rc : 0;
}

static int check(const bide_job_route *routes, size_t count,
                 const bide_jobs_worker_options *options)
{
    if (count == 0)
        return bide_raise(-EINVAL, "count is 0 routes, must be at least 1");
    for (size_t i = 0; i < count; i++)
        if (!routes[i].name || !routes[i].handler)
            return bide_raise(-EINVAL, "route %zu has no name or no handler",
                              i);
    if (options->concurrency > CONCURRENCY_MAX)
        return bide_raise(-EINVAL, "concurrency is %u, at most %d",
                          options->concurrency, CONCURRENCY_MAX);
    return 0;
}

int bide_jobs_work(bide_jobs *jobs, const bide_job_route *routes, size_t count,
                   const bide_jobs_worker_options *options)
{
    bide_jobs_worker_options given = {.concurrency = 0};
    if (options)
        given = *options;
    int rc = check(routes, count, &given);
    if (rc < 0)
        return rc;
    struct worker worker = {
        .jobs = jobs,
        .routes = routes,
        .count = count,
        .concurrency = given.concurrency ? given.concurrency : CONCURRENCY,
        .until_empty = given.until_empty,
    };
    bide_group_enter(&worker.group);
    rc = feed(&worker);
    return bide_group_exit(&worker.group, rc);
}

/* SPDX-License-Identifier: MIT */
/*
 * workers.c — one server on several loops, each in a thread of its own.
 *
 * Every worker has a loop, a listening socket by SO_REUSEPORT and a server of
 * its own, so that nothing is shared and nothing is locked: the kernel deals
 * the connections out. The caller's loop is the first worker. It leads the
 * others by posts, each of which is sent once at most:
 *
 *     leader                              worker
 *                  ◄── serving ──         listens
 *     stop ──stop──►                      finishes what is in flight
 *                  ◄── drained ──
 *     close ─leave─►                      cancels what is left, closes
 *                  ◄── ended ──           its thread's last act
 *
 * A task of the leader's loop, the keeper, lives as long as there are threads:
 * it is what close awaits, and it is cancelled by close as by the loop's end.
 *
 * Invariant: a worker that serves keeps its loop until it is told to leave,
 * and nothing is sent to it afterwards.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bide/engine.h>
#include <bide/loop.h>
#include <bide/sync.h>

#include "http/server/server.h"

#define WORKERS_MAX 1024

struct worker {
    struct bide__http_crew *crew;
    unsigned number;
    pthread_t thread;

    /* Of the leader's thread. */
    bool serving;
    bool left; /* it was told to leave */

    /* Written by the worker before it reports. */
    bide_loop *loop;
    int rc;
    char message[BIDE_ERRMSG_MAX];
    bide_post report_serving, report_drained, report_ended;

    /* Of the worker's thread, but for the posts, which lead there. */
    bide_http_server *server;
    bide_event told;
    bool stopping, leaving;
    bide_post stop, leave;
};

struct bide__http_crew {
    bide_loop *loop; /* the leader's */
    bide_task *keeper;
    bide_event changed; /* somebody has reported */
    bide_event drained; /* nobody has a connection */
    unsigned count;
    unsigned threads; /* that have not ended */
    unsigned silent;  /* that have reported neither serving nor ended */
    unsigned busy;    /* that have not reported to be drained */
    bool stopping, leaving;
    const char *host; /* during the start */
    int port;
    bide_http_handler *handler;
    void *arg;
    bide_http_server_options options;
    struct worker workers[];
};

#define WORKER_OF(post, field)                                                \
    ((struct worker *)(void *)((char *)(post) - offsetof(struct worker, field)))

/* ── In the worker's thread ───────────────────────────────────────────── */

static void told_to_stop(bide_post *post)
{
    struct worker *worker = WORKER_OF(post, stop);
    worker->stopping = true;
    bide_event_set(&worker->told);
}

static void told_to_leave(bide_post *post)
{
    struct worker *worker = WORKER_OF(post, leave);
    worker->leaving = true;
    bide_event_set(&worker->told);
}

static void report(struct worker *worker, bide_post *post)
{
    bide_engine_post(bide_loop_engine(worker->crew->loop), post);
}

/* Waits to be told; nothing else ends a worker. */
static void await_order(struct worker *worker, const bool *order)
{
    while (!*order && !worker->leaving) {
        bide_event_clear(&worker->told);
        (void)bide_event_wait(&worker->told); /* it is not cancelled */
    }
}

/* Have the connections end, unless told to leave meanwhile. */
static int drain(void *arg)
{
    struct worker *worker = arg;
    bide__http_stop_here(worker->server);
    int rc = bide__http_wait_here(worker->server);
    report(worker, &worker->report_drained);
    return rc == -ECANCELED ? 0 : rc;
}

static int serve_and_obey(struct worker *worker, void *state)
{
    struct bide__http_crew *crew = worker->crew;
    int rc = bide__http_serve_here(crew->host, crew->port, crew->handler,
                                   state, &crew->options, &worker->server);
    if (rc < 0)
        return rc;
    report(worker, &worker->report_serving);
    await_order(worker, &worker->stopping);
    bide_task *drainer = NULL;
    if (worker->stopping)
        drainer = bide_create_task(drain, worker);
    await_order(worker, &worker->leaving);
    if (drainer) {
        (void)bide_task_cancel(drainer);
        (void)bide_await(drainer); /* it reports by itself */
    }
    return bide__http_close_here(worker->server);
}

static int work(void *arg)
{
    struct worker *worker = arg;
    const bide_http_server_options *options = &worker->crew->options;
    void *state = worker->crew->arg;
    int rc = 0;
    if (options->worker_start)
        rc = options->worker_start(worker->number, worker->crew->arg, &state);
    if (rc < 0)
        return rc;
    rc = serve_and_obey(worker, state);
    if (options->worker_stop)
        options->worker_stop(worker->number, state);
    return rc;
}

static void *run_thread(void *arg)
{
    struct worker *worker = arg;
    const bide_options options = {.no_signals = true};
    int rc = bide_loop_new(&options, &worker->loop);
    if (rc == 0) {
        rc = bide_loop_run_until_complete(worker->loop, work, worker);
        snprintf(worker->message, sizeof worker->message, "%s",
                 bide_errmsg(rc));
        bide_loop_close(worker->loop);
    }
    worker->rc = rc;
    report(worker, &worker->report_ended);
    return NULL;
}

/* ── What workers report, in the leader's thread ──────────────────────── */

static void tell_to_leave(struct worker *worker)
{
    if (!worker->serving || worker->left)
        return;
    worker->left = true;
    bide_engine_post(bide_loop_engine(worker->loop), &worker->leave);
}

static void tell_to_stop(struct worker *worker)
{
    if (worker->serving && !worker->left)
        bide_engine_post(bide_loop_engine(worker->loop), &worker->stop);
}

static void one_serves(bide_post *post)
{
    struct worker *worker = WORKER_OF(post, report_serving);
    struct bide__http_crew *crew = worker->crew;
    worker->serving = true;
    crew->silent--;
    if (crew->leaving)
        tell_to_leave(worker);
    bide_event_set(&crew->changed);
}

static void one_is_drained(bide_post *post)
{
    struct bide__http_crew *crew = WORKER_OF(post, report_drained)->crew;
    if (--crew->busy == 0)
        bide_event_set(&crew->drained);
}

static void one_has_ended(bide_post *post)
{
    struct worker *worker = WORKER_OF(post, report_ended);
    struct bide__http_crew *crew = worker->crew;
    crew->threads--;
    if (!worker->serving)
        crew->silent--;
    pthread_join(worker->thread, NULL); /* this was all it had to do */
    bide_event_set(&crew->changed);
}

/* ── The keeper ───────────────────────────────────────────────────────── */

static void tell_all_to_leave(struct bide__http_crew *crew)
{
    crew->leaving = true;
    for (unsigned i = 0; i < crew->count; i++)
        tell_to_leave(&crew->workers[i]);
}

static int keep(void *arg)
{
    struct bide__http_crew *crew = arg;
    while (crew->threads > 0) {
        bide_event_clear(&crew->changed);
        if (bide_event_wait(&crew->changed) == -ECANCELED)
            tell_all_to_leave(crew);
    }
    return 0;
}

/* ── Starting ─────────────────────────────────────────────────────────── */

/* Signals are for the threads that the program has made itself. */
static int start_thread(struct worker *worker)
{
    sigset_t all, before;
    char name[16];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&worker->thread, NULL, run_thread, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return bide_raise(-error, "no thread for worker %u: %s",
                          worker->number, bide_strerror(-error));
    snprintf(name, sizeof name, "bide-http-%u", worker->number);
    pthread_setname_np(worker->thread, name);
    return 0;
}

static void prepare(struct bide__http_crew *crew, unsigned i)
{
    struct worker *worker = &crew->workers[i];
    worker->crew = crew;
    worker->number = i + 1;
    worker->report_serving.run = one_serves;
    worker->report_drained.run = one_is_drained;
    worker->report_ended.run = one_has_ended;
    worker->stop.run = told_to_stop;
    worker->leave.run = told_to_leave;
}

static struct bide__http_crew *new_crew(const bide_http_server_options *options)
{
    unsigned count = options->workers - 1;
    size_t size = sizeof(struct bide__http_crew) +
                  count * sizeof(struct worker);
    struct bide__http_crew *crew = bide_allocate(size);
    if (!crew)
        return NULL;
    memset(crew, 0, size);
    crew->loop = bide_loop_current();
    crew->options = *options;
    crew->count = count;
    for (unsigned i = 0; i < count; i++)
        prepare(crew, i);
    return crew;
}

/* Start the threads and wait until each has reported. */
static int start_all(struct bide__http_crew *crew)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < crew->count; i++) {
        rc = start_thread(&crew->workers[i]);
        if (rc < 0)
            return rc;
        crew->threads++;
        crew->silent++;
        crew->busy++;
    }
    crew->keeper = bide_create_task(keep, crew);
    if (!crew->keeper)
        rc = -ENOMEM;
    while (rc == 0 && crew->silent > 0) {
        rc = bide_event_wait(&crew->changed);
        bide_event_clear(&crew->changed);
    }
    for (unsigned i = 0; rc == 0 && i < crew->count; i++)
        if (!crew->workers[i].serving)
            rc = bide_raise(crew->workers[i].rc, "worker %u: %s", i + 1,
                            crew->workers[i].message);
    return rc;
}

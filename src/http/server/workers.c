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
    bide_task *task;
    bool stopping, leaving;
    bool draining; /* cancel the task to have it leave */
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
    const char *host; /* until all serve, or have ended */
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
    if (worker->draining)
        (void)bide_task_cancel(worker->task);
    bide_event_set(&worker->told);
}

static void report(struct worker *worker, bide_post *post)
{
    bide_engine_post(bide_loop_engine(worker->crew->loop), post);
}

/* Waits to be told; nothing else ends a worker, a cancellation neither. */
static void await_order(struct worker *worker, const bool *order)
{
    int rc = 0;
    while (rc <= 0 && !*order && !worker->leaving) {
        bide_event_clear(&worker->told);
        rc = bide_event_wait(&worker->told);
    }
}

/* Have the connections end; an order to leave cuts it short. */
static void drain(struct worker *worker)
{
    bide__http_stop_here(worker->server);
    worker->draining = true;
    int rc = bide__http_wait_here(worker->server);
    worker->draining = false;
    if (bide_task_cancelling(worker->task) > 0)
        (void)bide_task_uncancel(worker->task);
    if (rc == 0)
        report(worker, &worker->report_drained);
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
    if (worker->stopping && !worker->leaving)
        drain(worker);
    await_order(worker, &worker->leaving);
    return bide__http_close_here(worker->server);
}

static int work(void *arg)
{
    struct worker *worker = arg;
    const bide_http_server_options *options = &worker->crew->options;
    void *state = worker->crew->arg;
    int rc = 0;
    worker->task = bide_current_task();
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
    const bide_options options = {
        .backend = bide_engine_backend(bide_loop_engine(worker->crew->loop)),
    };
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

/* Wait until there are no threads; a cancellation has them leave. */
static void await_threads(struct bide__http_crew *crew)
{
    while (crew->threads > 0) {
        bide_event_clear(&crew->changed);
        if (bide_event_wait(&crew->changed) < 0)
            tell_all_to_leave(crew);
    }
}

static int keep(void *arg)
{
    await_threads(arg);
    return 0;
}

/* Returns 0, or -ECANCELED if the caller was cancelled meanwhile. The keeper
 * does not run at all if it is cancelled before its first step. */
static int end_crew(struct bide__http_crew *crew)
{
    bide_task *self = bide_current_task();
    unsigned before = bide_task_cancelling(self);
    tell_all_to_leave(crew);
    if (crew->keeper && bide_await(crew->keeper) < 0)
        crew->keeper = NULL; /* it has not run */
    await_threads(crew);
    bide_release(crew);
    return bide_task_cancelling(self) > before ? -ECANCELED : 0;
}

/* ── Starting ─────────────────────────────────────────────────────────── */

/* Signals are for the threads that the program has made itself, but for those
 * that tell of a fault of this very thread. */
static void signals_of_others(sigset_t *ret_set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                 SIGABRT, SIGTRAP, SIGSYS};
    sigfillset(ret_set);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(ret_set, faults[i]);
}

static int start_thread(struct worker *worker)
{
    sigset_t others, before;
    char name[16];
    signals_of_others(&others);
    pthread_sigmask(SIG_BLOCK, &others, &before);
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
    for (unsigned i = 0; i < crew->count; i++) {
        rc = start_thread(&crew->workers[i]);
        if (rc < 0)
            return rc;
        crew->threads++;
        crew->silent++;
        crew->busy++;
    }
    crew->keeper = bide_create_task(keep, crew);
    if (!crew->keeper)
        return -ENOMEM;
    bide_task_set_name(crew->keeper, "http-workers");
    while (rc == 0 && crew->silent > 0) {
        bide_event_clear(&crew->changed);
        rc = bide_event_wait(&crew->changed);
    }
    for (unsigned i = 0; rc == 0 && i < crew->count; i++)
        if (!crew->workers[i].serving)
            rc = bide_raise(crew->workers[i].rc, "worker %u: %s", i + 1,
                            crew->workers[i].message);
    return rc;
}

static int start_crew(bide_http_server *server, const char *host,
                      const bide_http_server_options *options, void *arg)
{
    struct bide__http_crew *crew = new_crew(options);
    if (!crew)
        return -ENOMEM;
    crew->host = host;
    crew->port = bide_http_server_port(server);
    crew->handler = server->handler;
    crew->arg = arg;
    int rc = start_all(crew);
    if (rc < 0)
        (void)end_crew(crew); /* the first failure is told */
    else
        server->crew = crew;
    return rc;
}

/* The leader's own part of a worker's life. */
static int lead(const char *host, int port, bide_http_handler *handler,
                void *arg, const bide_http_server_options *options,
                bide_http_server **ret_server)
{
    bide_http_server *server;
    void *state = arg;
    int rc = 0;
    if (options->worker_start)
        rc = options->worker_start(0, arg, &state);
    if (rc < 0)
        return rc;
    rc = bide__http_serve_here(host, port, handler, state, options, &server);
    if (rc == 0 && options->workers > 1) {
        rc = start_crew(server, host, options, arg);
        if (rc < 0)
            (void)bide__http_close_here(server);
    }
    if (rc == 0)
        *ret_server = server;
    else if (options->worker_stop)
        options->worker_stop(0, state);
    return rc;
}

/* ── The whole ────────────────────────────────────────────────────────── */

int bide_http_serve(const char *host, int port, bide_http_handler *handler,
                    void *arg, const bide_http_server_options *options,
                    bide_http_server **ret_server)
{
    bide_http_server_options given = {.head = 0};
    if (options)
        given = *options;
    if (given.workers > WORKERS_MAX)
        return bide_raise(-EINVAL, "workers is %u, at most %d", given.workers,
                          WORKERS_MAX);
    if (given.workers > 1)
        given.reuse_port = true;
    return lead(host, port, handler, arg, &given, ret_server);
}

void bide_http_server_stop(bide_http_server *server)
{
    struct bide__http_crew *crew = server->crew;
    bide__http_stop_here(server);
    if (!crew || crew->stopping)
        return;
    crew->stopping = true;
    for (unsigned i = 0; i < crew->count; i++)
        tell_to_stop(&crew->workers[i]);
}

int bide_http_server_wait(bide_http_server *server)
{
    int rc = bide__http_wait_here(server);
    if (rc == 0 && server->crew)
        rc = bide_event_wait(&server->crew->drained);
    return rc;
}

int bide_http_server_close(bide_http_server *server)
{
    if (!server)
        return bide__http_close_here(NULL);
    struct bide__http_crew *crew = server->crew;
    const bide_http_server_options options = server->options;
    void *state = server->arg;
    if (crew)
        tell_all_to_leave(crew);
    int rc = bide__http_close_here(server);
    int ended = crew ? end_crew(crew) : 0;
    if (options.worker_stop)
        options.worker_stop(0, state);
    return rc < 0 ? rc : ended;
}

/* SPDX-License-Identifier: MIT */
/*
 * worker.c — jobs to the connection's thread and back.
 *
 *     task ──► queue ──► thread ──► finished ──► task
 *              (visit)             (post, or the end of the visit)
 *
 * The thread is that of a pool of one, and visits the queue by one operation
 * of the engine, which goes on as long as there are jobs. Tasks whose jobs are
 * finished are told in batches: by a post when the thread has been at work for
 * a while and has more to do, and otherwise by the end of the visit. Waking
 * somebody on another processor costs more than a statement does, so how many
 * are told at a time is what decides about the speed.
 *
 * A connection ends when neither a visit nor a post is under way, which may be
 * a moment after its last job.
 *
 * Cancelling: a job in the queue is taken out. One that runs is interrupted,
 * and the task waits until it has ended: the thread uses memory of its frame.
 * The lock keeps an interruption from hitting the job after it. The thread
 * takes jobs one by one, so that all others can be taken out.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <bide/loop.h>

#include "sqlite/sqlite.h"

/* How long the thread works before it tells of what it has finished. */
#define PUBLISH_NS 40000

/* ── Lists ────────────────────────────────────────────────────────────── */

static void init_list(struct bide__sqlite_list *list)
{
    list->first = NULL;
    list->last = &list->first;
    list->count = 0;
}

void bide__sqlite_append(struct bide__sqlite_list *list,
                         struct bide__sqlite_job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
    list->count++;
}

struct bide__sqlite_job *bide__sqlite_pop(struct bide__sqlite_list *list)
{
    struct bide__sqlite_job *job = list->first;
    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->last = &list->first;
    list->count--;
    return job;
}

/* Move all of one list to the end of another. */
static void splice(struct bide__sqlite_list *to,
                   struct bide__sqlite_list *from)
{
    if (!from->first)
        return;
    *to->last = from->first;
    to->last = from->last;
    to->count += from->count;
    init_list(from);
}

static bool unlink_job(struct bide__sqlite_list *list,
                       const struct bide__sqlite_job *job)
{
    struct bide__sqlite_job **at = &list->first;
    while (*at && *at != job)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = job->next;
    if (!*at)
        list->last = at;
    list->count--;
    return true;
}

/* ── On the thread ────────────────────────────────────────────────────── */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Make what is ready known; `post`: and wake the loop for it. */
static void publish(struct bide__sqlite *sqlite, bool post)
{
    pthread_mutex_lock(&sqlite->lock);
    splice(&sqlite->finished, &sqlite->ready);
    bool wake = post && sqlite->finished.first && !sqlite->posted;
    if (wake) {
        sqlite->posted = true;
        bide_engine_post(sqlite->engine, &sqlite->post);
    }
    pthread_mutex_unlock(&sqlite->lock);
}

void bide__sqlite_finish(struct bide__sqlite *sqlite,
                         struct bide__sqlite_job *job)
{
    bide__sqlite_append(&sqlite->ready, job);
}

/* There is more to do: tell of what is ready if it has waited long enough. */
static void publish_in_time(struct bide__sqlite *sqlite)
{
    if (!sqlite->ready.first)
        return;
    int64_t now = now_ns();
    if (now - sqlite->published_ns < PUBLISH_NS)
        return;
    publish(sqlite, true);
    sqlite->published_ns = now;
}

uint64_t bide__sqlite_newest(struct bide__sqlite *sqlite)
{
    pthread_mutex_lock(&sqlite->lock);
    uint64_t number = sqlite->sent;
    pthread_mutex_unlock(&sqlite->lock);
    return number;
}

struct bide__sqlite_job *bide__sqlite_next(struct bide__sqlite *sqlite,
                                           uint64_t number)
{
    struct bide__sqlite_job *job = NULL;
    pthread_mutex_lock(&sqlite->lock);
    if (sqlite->queue.first && sqlite->queue.first->number <= number)
        job = bide__sqlite_pop(&sqlite->queue);
    pthread_mutex_unlock(&sqlite->lock);
    return job;
}

/* Whether the job may run: nobody has cancelled it by now. */
static bool enter(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    pthread_mutex_lock(&sqlite->lock);
    bool cancelled = job->cancelled;
    sqlite->running = cancelled ? NULL : job;
    pthread_mutex_unlock(&sqlite->lock);
    return !cancelled;
}

static void leave(struct bide__sqlite *sqlite)
{
    pthread_mutex_lock(&sqlite->lock);
    sqlite->running = NULL;
    atomic_store_explicit(&sqlite->interrupted, false, memory_order_relaxed);
    pthread_mutex_unlock(&sqlite->lock);
}

void bide__sqlite_perform(struct bide__sqlite *sqlite,
                          struct bide__sqlite_job *job)
{
    publish_in_time(sqlite);
    job->message[0] = '\0';
    if (!enter(sqlite, job)) {
        job->code = -ECANCELED;
        return;
    }
    job->code = job->request ? bide__sqlite_run(sqlite, job->request)
                             : job->fn(sqlite, job);
    if (job->code < 0)
        snprintf(job->message, sizeof job->message, "%s",
                 bide_errmsg(job->code));
    leave(sqlite);
}

static int visit(void *arg)
{
    struct bide__sqlite *sqlite = arg;
    sqlite->published_ns = now_ns();
    bide__sqlite_work(sqlite);
    publish(sqlite, false);
    return 0;
}

/* ── On the loop ──────────────────────────────────────────────────────── */

static void deliver(struct bide__sqlite *sqlite)
{
    struct bide__sqlite_list told;
    init_list(&told);
    pthread_mutex_lock(&sqlite->lock);
    splice(&told, &sqlite->finished);
    pthread_mutex_unlock(&sqlite->lock);
    struct bide__sqlite_job *job;
    while ((job = bide__sqlite_pop(&told)))
        bide_event_set(&job->done);
    if (sqlite->idle)
        bide_event_set(sqlite->idle);
}

static void on_post(bide_post *post)
{
    struct bide__sqlite *sqlite =
        (void *)((char *)post - offsetof(struct bide__sqlite, post));
    pthread_mutex_lock(&sqlite->lock);
    sqlite->posted = false;
    pthread_mutex_unlock(&sqlite->lock);
    deliver(sqlite);
}

static void start_visit(struct bide__sqlite *sqlite)
{
    bide_op_work(&sqlite->op, sqlite->pool, visit, sqlite);
    sqlite->visiting = true;
    if (bide_engine_submit(sqlite->engine, &sqlite->op))
        sqlite->op.done(&sqlite->op);
}

/* The visit could not begin: no thread could be started. */
static void fail_all(struct bide__sqlite *sqlite, int code)
{
    pthread_mutex_lock(&sqlite->lock);
    for (struct bide__sqlite_job *job = sqlite->queue.first; job;
         job = job->next)
        job->code = code;
    splice(&sqlite->finished, &sqlite->queue);
    pthread_mutex_unlock(&sqlite->lock);
}

static void on_visited(bide_op *op)
{
    struct bide__sqlite *sqlite =
        (void *)((char *)op - offsetof(struct bide__sqlite, op));
    sqlite->visiting = false;
    if (op->result < 0)
        fail_all(sqlite, (int)op->result);
    pthread_mutex_lock(&sqlite->lock);
    bool more = sqlite->queue.first != NULL;
    pthread_mutex_unlock(&sqlite->lock);
    if (more)
        start_visit(sqlite);
    deliver(sqlite);
}

/* Take the job back, or have it interrupted. */
static bool cancel(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    pthread_mutex_lock(&sqlite->lock);
    bool taken = unlink_job(&sqlite->queue, job);
    if (!taken)
        job->cancelled = true;
    if (sqlite->running == job) {
        atomic_store(&sqlite->interrupted, true);
        if (sqlite->db)
            sqlite3_interrupt(sqlite->db);
    }
    pthread_mutex_unlock(&sqlite->lock);
    return taken;
}

static void put_off_cancel(void)
{
    bide_task *self = bide_current_task();
    (void)bide_task_uncancel(self);
    (void)bide_task_cancel(self);
}

static void send(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    pthread_mutex_lock(&sqlite->lock);
    job->number = ++sqlite->sent;
    bide__sqlite_append(&sqlite->queue, job);
    pthread_mutex_unlock(&sqlite->lock);
    if (!sqlite->visiting)
        start_visit(sqlite);
}

/* Raise what the thread noted. */
static int outcome(const struct bide__sqlite_job *job)
{
    if (job->code < 0 && job->message[0])
        return bide_raise(job->code, "%s", job->message);
    return job->code;
}

int bide__sqlite_do(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    send(sqlite, job);
    int rc = bide_event_wait(&job->done);
    if (rc == 0)
        return outcome(job);
    if (!bide_event_is_set(&job->done) && cancel(sqlite, job))
        return rc;
    while (!bide_event_is_set(&job->done))
        rc = bide_event_wait(&job->done) < 0 ? -ECANCELED : rc;
    if (job->code == -ECANCELED)
        return rc;
    put_off_cancel();
    return outcome(job);
}

int bide__sqlite_insist(struct bide__sqlite *sqlite,
                        struct bide__sqlite_job *job)
{
    bool cancelled = false;
    send(sqlite, job);
    while (!bide_event_is_set(&job->done))
        cancelled |= bide_event_wait(&job->done) < 0;
    if (cancelled)
        put_off_cancel();
    return outcome(job);
}

int bide__sqlite_start(struct bide__sqlite *sqlite)
{
    sqlite->engine = bide_loop_engine(bide_loop_current());
    init_list(&sqlite->queue);
    init_list(&sqlite->finished);
    init_list(&sqlite->ready);
    sqlite->post.run = on_post;
    sqlite->op.done = on_visited;
    int rc = bide_pool_new(1, 1, "bide-sqlite", &sqlite->pool);
    if (rc < 0)
        return rc;
    pthread_mutex_init(&sqlite->lock, NULL);
    return 0;
}

static bool is_idle(struct bide__sqlite *sqlite)
{
    pthread_mutex_lock(&sqlite->lock);
    bool idle = !sqlite->visiting && !sqlite->posted;
    pthread_mutex_unlock(&sqlite->lock);
    return idle;
}

/* The last job may have been told of by a post, before the visit's end. */
void bide__sqlite_stop(struct bide__sqlite *sqlite)
{
    bide_event idle = {.is_set = false};
    bool cancelled = false;
    sqlite->idle = &idle;
    while (!is_idle(sqlite)) {
        bide_event_clear(&idle);
        cancelled |= bide_event_wait(&idle) < 0;
    }
    if (cancelled)
        put_off_cancel();
    bide_pool_free(sqlite->pool, true);
    pthread_mutex_destroy(&sqlite->lock);
}

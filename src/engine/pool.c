/* SPDX-License-Identifier: MIT */
/*
 * pool.c — pools of threads for what blocks.
 *
 *     submit ──► queue ──► thread ──► inbox of the engine ──► op.done
 *              (of the pool)          (one post, however many are in it)
 *
 * A thread is started when work arrives and none is idle, up to the pool's
 * limit; threads then stay until the pool ends. While an operation is here,
 * its private fields are the pool's: op->progress holds the phase below, and
 * op->result the engine, until there is a result.
 *
 *     QUEUED ──► RUNNING ──► DONE         in the inbox, or delivered
 *        │          └──────► ABANDONED    the engine may be gone: untouched
 *        └► taken out by cancel or abandon
 *
 * Locks: a pool's lock guards its queue and the phase of every operation in
 * it; an inbox's lock guards that inbox; a thread that holds both took the
 * pool's first. Because a phase changes only under the pool's lock, abandoning
 * and finishing exclude each other. And because a thread posts while it holds
 * the inbox, the engine cannot deliver, and then be freed, before the thread
 * has let go of it.
 *
 * A pool that ends without waiting belongs to its threads: the last one frees
 * it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/oplist.h"

#define THREADS_MAX 1024
#define NAME_SIZE 16 /* with its NUL: what the kernel keeps */

/* Bytes of a thread's stack: getaddrinfo(3) with its modules wants 100 KiB. */
#define STACK_SIZE (512u * 1024)

enum phase { PHASE_QUEUED = 1, PHASE_RUNNING, PHASE_DONE, PHASE_ABANDONED };

struct bide_pool {
    pthread_mutex_t lock;
    pthread_cond_t arrived; /* work was queued, or the pool is closing */
    bide_op *queue;         /* waiting for a thread, oldest first */
    size_t queued;          /* length of that */
    size_t queue_max;
    unsigned threads; /* started and not ended */
    unsigned busy;    /* of those, with an operation */
    unsigned threads_max;
    bool closing;
    bool orphaned; /* the last thread frees the pool */
    pid_t pid;     /* whose threads they are */
    char name[NAME_SIZE];
    pthread_t handles[]; /* threads_max of them */
};

static void destroy(bide_pool *pool)
{
    pthread_cond_destroy(&pool->arrived);
    pthread_mutex_destroy(&pool->lock);
    bide__free(pool);
}

/* ── The inbox of an engine ───────────────────────────────────────────── */

/* Call done for what was in the inbox at the beginning; what comes meanwhile
 * has posted again. One at a time, because done may abandon the next one. */
static void deliver_inbox(bide_post *post)
{
    bide_engine *engine = BIDE__CONTAINER(post, bide_engine, inbox.post);
    struct bide__inbox *inbox = &engine->inbox;
    pthread_mutex_lock(&inbox->lock);
    inbox->posted = false;
    size_t left = inbox->count;
    pthread_mutex_unlock(&inbox->lock);
    for (; left > 0; left--) {
        pthread_mutex_lock(&inbox->lock);
        bide_op *op = inbox->first;
        if (op) {
            bide__oplist_remove(&inbox->first, op);
            inbox->count--;
        }
        pthread_mutex_unlock(&inbox->lock);
        if (!op)
            break;
        op->progress = 0;
        engine->on_pool--;
        bide__engine_deliver(engine, op, op->result, false);
    }
}

void bide__pool_reset(bide_engine *engine)
{
    engine->on_pool = 0;
    engine->inbox = (struct bide__inbox){.post = {.run = deliver_inbox}};
    pthread_mutex_init(&engine->inbox.lock, NULL);
}

/* Hand a finished operation to its engine. Pre: the pool's lock is held. */
static void hand_over(bide_op *op, int64_t result)
{
    bide_engine *engine = (bide_engine *)(uintptr_t)op->result;
    struct bide__inbox *inbox = &engine->inbox;
    op->progress = PHASE_DONE;
    op->result = result;
    pthread_mutex_lock(&inbox->lock);
    bide__oplist_append(&inbox->first, op);
    inbox->count++;
    if (!inbox->posted) {
        inbox->posted = true;
        bide_engine_post(engine, &inbox->post);
    }
    pthread_mutex_unlock(&inbox->lock);
}

/* ── Threads ──────────────────────────────────────────────────────────── */

static int64_t run(bide_op *op)
{
    if (op->code != BIDE_OP_WORK)
        return bide__op_perform(op);
    union {
        int (*fn)(void *);
        uint64_t bits;
    } function = {.bits = op->len};
    return function.fn(op->buffer);
}

/* Run one operation. Pre and post: the pool's lock is held. */
static void serve(bide_pool *pool, bide_op *op)
{
    bide__oplist_remove(&pool->queue, op);
    pool->queued--;
    pool->busy++;
    op->progress = PHASE_RUNNING;
    pthread_mutex_unlock(&pool->lock);
    int64_t result = run(op);
    pthread_mutex_lock(&pool->lock);
    if (op->progress == PHASE_ABANDONED) {
        pthread_mutex_unlock(&pool->lock);
        op->progress = 0;
        op->result = result;
        op->state = BIDE__OP_IDLE;
        op->done(op);
        pthread_mutex_lock(&pool->lock);
    } else {
        hand_over(op, result);
    }
    pool->busy--;
}

static void *thread_main(void *arg)
{
    bide_pool *pool = arg;
    pthread_setname_np(pthread_self(), pool->name);
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->queue && !pool->closing)
            pthread_cond_wait(&pool->arrived, &pool->lock);
        if (!pool->queue)
            break;
        serve(pool, pool->queue);
    }
    pool->threads--;
    bool last = pool->orphaned && pool->threads == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        destroy(pool);
    return NULL;
}

/* Signals are for the program's own threads. Those that a fault raises stay
 * open: blocked, they would end the process without the handler's report. */
static void worker_signals(sigset_t *set)
{
    static const int faults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGTRAP, SIGABRT, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < BIDE__COUNT(faults); i++)
        sigdelset(set, faults[i]);
}

/* Start one more. The new thread inherits the signal mask: set before, no
 * signal can slip in. Pre: the lock is held. */
static bool start_thread(bide_pool *pool)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigset_t blocked, before;
    worker_signals(&blocked);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int rc = pthread_create(&pool->handles[pool->threads], &attributes,
                            thread_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (rc != 0)
        return false;
    pool->threads++;
    return true;
}

/* ── Interface of the engine ──────────────────────────────────────────── */

static bide_pool *pool_of(const bide_engine *engine, const bide_op *op)
{
    if (op->code == BIDE_OP_WORK)
        return (bide_pool *)(void *)op->file;
    return engine->pools[BIDE_POOL_FILE];
}

/* Is there a thread, or room to wait for one? Threads that are not busy count
 * as taken by what is queued already. Pre: the lock is held. */
static bool has_room(bide_pool *pool)
{
    size_t spare = pool->threads - pool->busy;
    if (pool->queued < spare)
        return true;
    if (pool->threads < pool->threads_max && start_thread(pool))
        return true;
    return pool->threads > 0 && pool->queued - spare < pool->queue_max;
}

void bide__pool_submit(bide_engine *engine, bide_pool *pool, bide_op *op)
{
    if (!pool) {
        bide__engine_finish(engine, op, -ENOMEM);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    bool room = has_room(pool);
    if (room) {
        op->state = BIDE__OP_QUEUED;
        op->progress = PHASE_QUEUED;
        op->result = (int64_t)(uintptr_t)engine;
        bide__oplist_append(&pool->queue, op);
        pool->queued++;
        engine->on_pool++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (room)
        pthread_cond_signal(&pool->arrived);
    else
        bide__engine_finish(engine, op, -EAGAIN);
}

/* Take an operation out if no thread has begun it. Pre: the lock is held. */
static bool unqueue(bide_pool *pool, bide_op *op)
{
    if (op->progress != PHASE_QUEUED)
        return false;
    bide__oplist_remove(&pool->queue, op);
    pool->queued--;
    op->progress = 0;
    return true;
}

void bide__pool_cancel(bide_engine *engine, bide_op *op)
{
    bide_pool *pool = pool_of(engine, op);
    pthread_mutex_lock(&pool->lock);
    bool taken = unqueue(pool, op);
    pthread_mutex_unlock(&pool->lock);
    if (taken) {
        engine->on_pool--;
        bide__engine_finish(engine, op, -ECANCELED);
    }
}

/* ── Public interface ─────────────────────────────────────────────────── */

int bide_pool_new(unsigned threads, size_t queue_max, const char *name,
                  bide_pool **ret_pool)
{
    if (threads < 1 || threads > THREADS_MAX)
        return bide_raise(-EINVAL, "threads is %u, must be 1 to %u", threads,
                          THREADS_MAX);
    if (queue_max < 1)
        return bide_raise(-EINVAL, "queue_max is 0, must be at least 1");
    size_t len = strnlen(name, NAME_SIZE);
    if (len == NAME_SIZE)
        return bide_raise(-EINVAL, "name '%s' is longer than %d characters",
                          name, NAME_SIZE - 1);
    bide_pool *pool =
        bide__calloc(1, sizeof *pool + threads * sizeof pool->handles[0]);
    if (!pool)
        return -ENOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->arrived, NULL);
    pool->queue_max = queue_max;
    pool->threads_max = threads;
    pool->pid = getpid();
    memcpy(pool->name, name, len + 1);
    *ret_pool = pool;
    return 0;
}

void bide_pool_free(bide_pool *pool, bool wait)
{
    if (!pool)
        return;
    if (pool->pid != getpid())
        return; /* the threads and the state of the lock are the parent's */
    pthread_mutex_lock(&pool->lock);
    BIDE__REQUIRE(!pool->queue,
                  "bide_pool_free: %zu operations still wait in pool '%s'; "
                  "cancel and await them, or abandon them, first",
                  pool->queued, pool->name);
    unsigned threads = pool->threads;
    pool->closing = true;
    pool->orphaned = !wait && threads > 0;
    for (unsigned i = 0; !wait && i < threads; i++)
        pthread_detach(pool->handles[i]);
    pthread_cond_broadcast(&pool->arrived);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; wait && i < threads; i++)
        pthread_join(pool->handles[i], NULL);
    if (wait || threads == 0)
        destroy(pool);
}

/* Take an operation out of the list of those that finished without the
 * kernel; false if it is not there. */
static bool unfinish(bide_engine *engine, bide_op *op)
{
    bide_op **link = &engine->finished_first;
    while (*link && *link != op)
        link = &(*link)->next;
    if (!*link)
        return false;
    *link = op->next;
    if (!*link)
        engine->finished_end = link;
    return true;
}

/* Take one that is done out of the inbox. Pre: the pool's lock is held. */
static void take_back(bide_engine *engine, bide_op *op)
{
    struct bide__inbox *inbox = &engine->inbox;
    pthread_mutex_lock(&inbox->lock);
    bide__oplist_remove(&inbox->first, op);
    inbox->count--;
    pthread_mutex_unlock(&inbox->lock);
}

bool bide_pool_abandon(bide_engine *engine, bide_op *op)
{
    if (op->state != BIDE__OP_QUEUED) {
        BIDE__REQUIRE(op->state == BIDE__OP_IDLE || unfinish(engine, op),
                      "bide_pool_abandon: operation %u is not on a pool; use "
                      "bide_engine_cancel()",
                      op->code);
        op->state = BIDE__OP_IDLE;
        return false;
    }
    bide_pool *pool = pool_of(engine, op);
    bool running = false;
    pthread_mutex_lock(&pool->lock);
    if (op->progress == PHASE_RUNNING) {
        op->progress = PHASE_ABANDONED;
        running = true;
    } else if (!unqueue(pool, op)) {
        take_back(engine, op);
    }
    pthread_mutex_unlock(&pool->lock);
    engine->on_pool--;
    if (!running)
        op->state = BIDE__OP_IDLE;
    return running;
}

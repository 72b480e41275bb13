/* SPDX-License-Identifier: MIT */
/*
 * engine.h — the engine's own struct, for its backends and for the scheduler
 * above it, which takes ready items out of the queue itself in order to
 * switch from one task to the next without a detour.
 */
#ifndef BIDE_SRC_ENGINE_ENGINE_H
#define BIDE_SRC_ENGINE_ENGINE_H

#include <bide/engine.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/base.h"
#include "engine/backend.h"
#include "engine/timers.h"

/* Items that may run between two polls of a real backend, so that neither
 * descriptors nor timers starve while tasks keep each other ready. */
#define BIDE__TURN_BUDGET 256

/* Operations that pool threads have finished, on their way to the engine's
 * thread. pool.c alone uses it. */
struct bide__inbox {
    pthread_mutex_t lock;
    bide_op *first; /* a queue of oplist.h */
    size_t count;
    bool posted; /* the post is on its way */
    bide_post post;
};

struct bide_engine {
    /* The ready queue: singly linked, first in, first out. */
    bide_ready *ready_first;
    bide_ready **ready_end; /* where the next item is linked in */
    int budget;             /* items left to run before the next poll */

    const struct bide__backend *backend;
    void *state;    /* the backend's */
    int64_t now_ns; /* the clock as of the last poll */
    struct bide__timers timers;

    /* Finished without the kernel (cancelled, tried with success): delivered
     * by the next poll. Linked by op->next. */
    bide_op *finished_first;
    bide_op **finished_end;

    bool keeping;  /* the buffer that is being delivered is kept */
    uint32_t kept; /* pooled buffers that are */

    _Atomic(bide_post *) posts; /* last in, first out; reversed when taken */
    atomic_bool wake_sent;      /* coalesces wake-ups */
    atomic_uint posting;        /* threads inside bide_engine_post() */

    void (*before_block)(void *data);
    void (*after_block)(void *data);
    void *block_data;

    bide_pool *pools[BIDE_POOL_COUNT]; /* made when first used */
    size_t on_pool;                    /* operations there and in the inbox */
    struct bide__inbox inbox;
    uint64_t random;                   /* state of the schedule's shuffle */
    pid_t pid;                         /* who made it: fork is noticed */
    bide_engine_options options;       /* completed with the defaults */
};

/* Append an item; the inline twin of bide_engine_ready(). */
static inline void bide__ready_push(bide_engine *engine, bide_ready *ready)
{
    ready->next = NULL;
    *engine->ready_end = ready;
    engine->ready_end = &ready->next;
}

/* Put an item in front of all others. */
static inline void bide__ready_push_front(bide_engine *engine,
                                          bide_ready *ready)
{
    ready->next = engine->ready_first;
    if (!ready->next)
        engine->ready_end = &ready->next;
    engine->ready_first = ready;
}

/* Take the first item; the queue must not be empty. */
static inline bide_ready *bide__ready_pop(bide_engine *engine)
{
    bide_ready *ready = engine->ready_first;
    engine->ready_first = ready->next;
    if (!ready->next)
        engine->ready_end = &engine->ready_first;
    return ready;
}

/* Begin a turn: set the budget, shuffle if the schedule is seeded. */
void bide__engine_begin_turn(bide_engine *engine);

/* A completion: calls op->done. `more` says that the operation goes on. */
void bide__engine_deliver(bide_engine *engine, bide_op *op, int64_t result,
                          bool more);

/* The same with a pooled buffer, which is the backend's again afterwards. */
void bide__engine_deliver_data(bide_engine *engine, bide_op *op, void *data,
                               int64_t len, bool more);

/* Have an operation delivered by the next poll, for when done may not be
 * called now. Sets its state to FINISHED. */
void bide__engine_finish(bide_engine *engine, bide_op *op, int64_t result);

/* The hooks around a wait that blocks. */
void bide__engine_before_block(bide_engine *engine);
void bide__engine_after_block(bide_engine *engine);

/* Do what an operation says by plain system calls, on any thread. Blocks
 * where the call blocks; on a non-blocking descriptor the result can be
 * -EAGAIN. Returns the result: >= 0 or a negative errno. EINTR is retried.
 * For one-shot operations with a system call: not POLL, MULTI, WORK, NOP. */
int64_t bide__op_perform(bide_op *op);

/* Give an operation to a pool: WORK, or a file operation to BIDE_POOL_FILE.
 * The result arrives by bide_engine_poll(). */
void bide__pool_submit(bide_engine *engine, bide_pool *pool, bide_op *op);

/* Cancel one that is queued there; one that runs is left alone. */
void bide__pool_cancel(bide_engine *engine, bide_op *op);

/* Nothing is on a pool: for a new engine, and in the child of a fork. */
void bide__pool_reset(bide_engine *engine);

/* Pseudo-random bits for the schedule (splitmix64). */
uint64_t bide__engine_random(bide_engine *engine);

#endif

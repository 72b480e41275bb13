/* SPDX-License-Identifier: MIT */
/*
 * engine.c — turns: run what is ready, poll, deliver.
 *
 *   run ──► ready items ──► poll ──► completions, timers, posts ──► run …
 *
 * Order within a poll: completions of the kernel, then operations finished
 * without it, then timers, then posts. A completion and a timer of the same
 * turn therefore resolve in favour of the completion: work that was done
 * counts.
 *
 * Not here: the kernel (uring.c, epoll.c, sim.c), deadlines (timers.c),
 * threads (pool.c), choosing a backend (open.c).
 */
#include "engine/engine.h"

#include <errno.h>

/* ── Ready queue ──────────────────────────────────────────────────────── */

void bide_engine_ready(bide_engine *engine, bide_ready *ready)
{
    bide__ready_push(engine, ready);
}

uint64_t bide__engine_random(bide_engine *engine)
{
    uint64_t z = engine->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Deal the ready items out over a few queues at random and join those: every
 * order is possible, in one pass and without memory. Repeated, because one
 * deal keeps the order within each queue. */
static void shuffle(bide_engine *engine)
{
    enum { QUEUES = 8, PASSES = 3 };
    for (int pass = 0; pass < PASSES; pass++) {
        bide_ready *first[QUEUES] = {NULL};
        bide_ready **end[QUEUES];
        for (int i = 0; i < QUEUES; i++)
            end[i] = &first[i];
        for (bide_ready *item = engine->ready_first; item; item = item->next) {
            unsigned queue = bide__engine_random(engine) % QUEUES;
            *end[queue] = item;
            end[queue] = &item->next;
        }
        engine->ready_end = &engine->ready_first;
        for (int i = 0; i < QUEUES; i++) {
            *end[i] = NULL;
            *engine->ready_end = first[i];
            if (first[i])
                engine->ready_end = end[i];
        }
    }
}

void bide__engine_begin_turn(bide_engine *engine)
{
    engine->budget = BIDE__TURN_BUDGET;
    if (BIDE__UNLIKELY(engine->random)) {
        shuffle(engine);
        engine->budget = 0;
        for (bide_ready *item = engine->ready_first; item; item = item->next)
            engine->budget++;
    }
}

size_t bide_engine_run(bide_engine *engine)
{
    size_t count = 0;
    bide__engine_begin_turn(engine);
    bide_ready **end = engine->ready_end;
    while (engine->ready_first) {
        bide_ready *ready = bide__ready_pop(engine);
        bool last = &ready->next == end;
        ready->run(ready);
        count++;
        if (last)
            break;
    }
    return count;
}

/* ── Delivery ─────────────────────────────────────────────────────────── */

void bide__engine_deliver(bide_engine *engine, bide_op *op, int64_t result,
                          bool more)
{
    (void)engine;
    op->result = result;
    op->flags = more ? BIDE_OP_MORE : 0;
    if (!more)
        op->state = BIDE__OP_IDLE;
    op->done(op);
}

void bide__engine_deliver_data(bide_engine *engine, bide_op *op, void *data,
                               int64_t len, bool more)
{
    (void)engine;
    op->result = len;
    op->buffer = data;
    op->flags = (uint16_t)(BIDE_OP_DATA | (more ? BIDE_OP_MORE : 0));
    if (!more)
        op->state = BIDE__OP_IDLE;
    op->done(op);
}

bool bide_engine_keep(bide_engine *engine)
{
    if (!engine->backend->give_back ||
        engine->kept >= engine->options.buffer_count / 2)
        return false;
    engine->keeping = true;
    engine->kept++;
    return true;
}

void bide_engine_give_back(bide_engine *engine, void *buffer)
{
    BIDE__ASSERT(engine->kept > 0);
    engine->kept--;
    engine->backend->give_back(engine, buffer);
}

void bide__engine_finish(bide_engine *engine, bide_op *op, int64_t result)
{
    op->state = BIDE__OP_FINISHED;
    op->result = result;
    op->next = NULL;
    *engine->finished_end = op;
    engine->finished_end = &op->next;
}

static int deliver_finished(bide_engine *engine)
{
    int count = 0;
    bide_op **end = engine->finished_end;
    bide_op *op;
    while ((op = engine->finished_first)) { /* done may abandon the next */
        bool last = &op->next == end;
        engine->finished_first = op->next;
        if (!op->next)
            engine->finished_end = &engine->finished_first;
        bide__engine_deliver(engine, op, op->result, false);
        count++;
        if (last)
            break;
    }
    return count;
}

static int fire_timers(bide_engine *engine)
{
    int count = 0;
    bide_timer *timer;
    while ((timer = bide__timers_pop(&engine->timers, engine->now_ns))) {
        timer->fire(timer);
        count++;
    }
    return count;
}

static int run_posts(bide_engine *engine)
{
    int count = 0;
    bide_post *newest = atomic_exchange(&engine->posts, NULL);
    bide_post *oldest = NULL;
    while (newest) {
        bide_post *rest = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = rest;
    }
    while (oldest) {
        bide_post *rest = oldest->next;
        oldest->run(oldest);
        oldest = rest;
        count++;
    }
    return count;
}

/* ── Polling ──────────────────────────────────────────────────────────── */

void bide_engine_on_block(bide_engine *engine, void (*before)(void *data),
                          void (*after)(void *data), void *data)
{
    engine->before_block = before;
    engine->after_block = after;
    engine->block_data = data;
}

void bide__engine_before_block(bide_engine *engine)
{
    if (engine->before_block)
        engine->before_block(engine->block_data);
}

void bide__engine_after_block(bide_engine *engine)
{
    if (engine->after_block)
        engine->after_block(engine->block_data);
}

int64_t bide_engine_clock(const bide_engine *engine)
{
    return engine->backend->clock(engine);
}

int64_t bide_engine_now(const bide_engine *engine)
{
    return engine->now_ns;
}

int64_t bide_engine_timeout(bide_engine *engine)
{
    if (engine->ready_first || engine->finished_first ||
        atomic_load_explicit(&engine->posts, memory_order_relaxed))
        return 0;
    int64_t next = bide__timers_next(&engine->timers);
    if (next == BIDE_FOREVER)
        return BIDE_FOREVER;
    int64_t wait = next - bide_engine_clock(engine);
    return wait > 0 ? wait : 0;
}

int bide_engine_poll(bide_engine *engine, int64_t timeout_ns)
{
    int64_t wait = bide_engine_timeout(engine);
    if (timeout_ns < wait)
        wait = timeout_ns;
    int delivered = engine->backend->poll(engine, wait);
    if (delivered < 0)
        return delivered;
    engine->now_ns = bide_engine_clock(engine);
    delivered += deliver_finished(engine);
    delivered += fire_timers(engine);
    /* Cleared before the posts are taken: a post that comes after that wakes
     * the next poll, one before it is taken now. Without a wake-up there is
     * none, and no locked instruction is spent on looking. */
    if (atomic_load_explicit(&engine->wake_sent, memory_order_acquire)) {
        atomic_store(&engine->wake_sent, false);
        delivered += run_posts(engine);
    }
    return delivered;
}

int bide_engine_fileno(const bide_engine *engine)
{
    return engine->backend->fileno(engine);
}

void bide_engine_post(bide_engine *engine, bide_post *post)
{
    atomic_fetch_add(&engine->posting, 1);
    bide_post *head = atomic_load(&engine->posts);
    do {
        post->next = head;
    } while (!atomic_compare_exchange_weak(&engine->posts, &head, post));
    if (!atomic_exchange(&engine->wake_sent, true))
        engine->backend->wake(engine);
    atomic_fetch_sub(&engine->posting, 1);
}

/* ── Timers ───────────────────────────────────────────────────────────── */

void bide_engine_timer_set(bide_engine *engine, bide_timer *timer,
                           int64_t deadline_ns)
{
    bide__timers_set(&engine->timers, timer, deadline_ns);
}

bool bide_engine_timer_clear(bide_engine *engine, bide_timer *timer)
{
    return bide__timers_clear(&engine->timers, timer);
}

/* ── Operations and descriptors ───────────────────────────────────────── */

bool bide_engine_submit(bide_engine *engine, bide_op *op)
{
    BIDE__ASSERT(op->state == BIDE__OP_IDLE);
    if (op->code != BIDE_OP_WORK)
        return engine->backend->submit(engine, op);
    bide__pool_submit(engine, (bide_pool *)(void *)op->file, op);
    return false;
}

void bide_engine_cancel(bide_engine *engine, bide_op *op)
{
    switch (op->state) {
    case BIDE__OP_QUEUED:
        bide__pool_cancel(engine, op);
        break;
    case BIDE__OP_WAITING:
    case BIDE__OP_KERNEL:
        engine->backend->cancel(engine, op);
        break;
    default: /* complete, or being cancelled already */
        break;
    }
}

int bide_engine_attach(bide_engine *engine, bide_fd *file, int fd,
                       enum bide_fd_kind kind)
{
    *file = (bide_fd){.fd = fd, .kind = kind, .slot = -1};
    int rc = engine->backend->attach(engine, file);
    if (rc < 0)
        file->fd = -1;
    return rc;
}

void bide_engine_detach(bide_engine *engine, bide_fd *file)
{
    engine->backend->detach(engine, file, false);
    file->fd = -1;
}

void bide_engine_close(bide_engine *engine, bide_fd *file)
{
    engine->backend->detach(engine, file, true);
    file->fd = -1;
}

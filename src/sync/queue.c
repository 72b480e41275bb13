/* SPDX-License-Identifier: MIT */
/*
 * queue.c — putting and getting, and the tasks that wait to.
 *
 * Whoever makes a wait possible completes it: a put copies its item straight
 * into the buffer of the getter that has waited longest, and a get moves the
 * item of the first waiting putter into the room that it made. So a task that
 * wakes up has nothing left to do, and a cancellation comes too late for it:
 * the waits are not `weak`.
 *
 * Queues by priority and last in, first out differ in one point: which item
 * comes next may still change until the getter runs. There the item goes into
 * the queue and one is promised to the getter, who takes the best one then.
 *
 * Invariants: getters wait only while every item is promised; putters wait
 * only while the queue is full (count - promised == limit); so there are
 * never both.
 */
#include <errno.h>

#include "sync/queue.h"

/* A task that waits to put or to get. */
struct item_waiter {
    struct bide__waiter waiter;
    void *item; /* to be copied from or to */
};

static inline struct item_waiter *item_waiter_of(struct bide__waiter *waiter)
{
    return BIDE__CONTAINER(waiter, struct item_waiter, waiter);
}

static void cancel_item_wait(bide_task *task, void *object)
{
    struct item_waiter *waiter = object;
    bide__waiter_cancel(task, &waiter->waiter);
}

static const struct bide__wait put_wait = {
    .name = "bide_queue_put",
    .cancel = cancel_item_wait,
};

static const struct bide__wait get_wait = {
    .name = "bide_queue_get",
    .cancel = cancel_item_wait,
};

static int no_memory(const bide_queue *queue)
{
    if (!queue)
        return bide_raise(-ENOMEM, "there was no memory to make the queue");
    return bide_raise(-ENOMEM, "no memory for item %zu of the queue",
                      queue->count + 1);
}

/* ── Putting ──────────────────────────────────────────────────────────── */

/* Give an item to the first getter that waits. */
static inline int hand_over(bide_queue *queue, const void *item)
{
    struct item_waiter *getter = item_waiter_of(queue->getters.first);
    if (BIDE__LIKELY(queue->kind == BIDE__QUEUE_FIFO)) {
        bide__queue_copy(getter->item, item, queue->item_size);
    } else {
        if (!bide__queue_push(queue, item))
            return no_memory(queue);
        queue->promised++;
        queue->owed++;
    }
    queue->unfinished++;
    bide__waiter_wake(&getter->waiter, 0, "bide_queue_put");
    return 0;
}

static inline int put_now(bide_queue *queue, const void *item)
{
    if (BIDE__UNLIKELY(queue->shut))
        return -ESHUTDOWN;
    if (queue->getters.first)
        return hand_over(queue, item);
    if (queue->count - queue->promised >= queue->limit) {
        if (queue->maxsize)
            return -EAGAIN;
        return bide_raise(-ENOSPC,
                          "the queue holds %zu items, the most it can",
                          BIDE_QUEUE_MAX);
    }
    if (BIDE__UNLIKELY(!bide__queue_push(queue, item)))
        return no_memory(queue);
    queue->unfinished++;
    return 0;
}

int bide_queue_put_nowait(bide_queue *queue, const void *item)
{
    if (BIDE__UNLIKELY(!queue))
        return no_memory(NULL);
    return put_now(queue, item);
}

int bide_queue_put(bide_queue *queue, const void *item)
{
    bide_task *self = bide__enter("bide_queue_put");
    if (BIDE__UNLIKELY(!queue))
        return no_memory(NULL);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = put_now(queue, item);
    if (rc != -EAGAIN)
        return rc;
    struct item_waiter waiter = {
        .waiter.task = self,
        .item = (void *)(uintptr_t)item,
    };
    bide__waiters_append(&queue->putters, &waiter.waiter);
    return bide__park(self, &put_wait, &waiter);
}

/* ── Getting ──────────────────────────────────────────────────────────── */

/* An item has left: there is room for that of the first putter, without
 * needing memory. */
static void admit(bide_queue *queue)
{
    struct item_waiter *putter = item_waiter_of(queue->putters.first);
    (void)bide__queue_push(queue, putter->item);
    queue->unfinished++;
    bide__waiter_wake(&putter->waiter, 0, "bide_queue_get");
}

static inline int get_now(bide_queue *queue, void *ret_item)
{
    if (queue->count == queue->promised)
        return queue->shut ? -ESHUTDOWN : -EAGAIN;
    bide__queue_pop(queue, ret_item);
    if (queue->putters.first)
        admit(queue);
    return 0;
}

/* The getter has been woken: take what was promised. */
static int take_promised(bide_queue *queue, void *ret_item)
{
    queue->owed--;
    if (queue->drained)
        return -ESHUTDOWN;
    queue->promised--;
    bide__queue_pop(queue, ret_item);
    return 0;
}

int bide_queue_get_nowait(bide_queue *queue, void *ret_item)
{
    if (BIDE__UNLIKELY(!queue))
        return no_memory(NULL);
    return get_now(queue, ret_item);
}

int bide_queue_get(bide_queue *queue, void *ret_item)
{
    bide_task *self = bide__enter("bide_queue_get");
    if (BIDE__UNLIKELY(!queue))
        return no_memory(NULL);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = get_now(queue, ret_item);
    if (rc != -EAGAIN)
        return rc;
    bool promises = queue->kind != BIDE__QUEUE_FIFO;
    struct item_waiter waiter = {.waiter.task = self, .item = ret_item};
    bide__waiters_append(&queue->getters, &waiter.waiter);
    rc = bide__park(self, &get_wait, &waiter);
    return BIDE__UNLIKELY(promises && rc == 0)
               ? take_promised(queue, ret_item)
               : rc;
}

/* ── Work that is done ────────────────────────────────────────────────── */

static void finish_work(bide_queue *queue, size_t items, const char *function)
{
    queue->unfinished -= items;
    while (queue->unfinished == 0 && queue->joiners.first)
        bide__waiter_wake(queue->joiners.first, 0, function);
}

void bide_queue_task_done(bide_queue *queue)
{
    if (!queue)
        return;
    BIDE__REQUIRE(queue->unfinished > 0,
                  "bide_queue_task_done() was called more often than items "
                  "were put into the queue; call it once for each item gotten");
    finish_work(queue, 1, "bide_queue_task_done");
}

static const struct bide__wait join_wait = {
    .name = "bide_queue_join",
    .cancel = bide__waiter_cancel,
    .weak = true,
};

int bide_queue_join(bide_queue *queue)
{
    bide_task *self = bide__enter("bide_queue_join");
    if (BIDE__UNLIKELY(!queue))
        return no_memory(NULL);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (queue->unfinished == 0)
        return 0;
    struct bide__waiter waiter = {.task = self};
    bide__waiters_append(&queue->joiners, &waiter);
    return bide__park(self, &join_wait, &waiter);
}

/* ── Shutting down ────────────────────────────────────────────────────── */

static void shut(bide_queue *queue, const char *function)
{
    queue->shut = true;
    while (queue->getters.first)
        bide__waiter_wake(queue->getters.first, -ESHUTDOWN, function);
    while (queue->putters.first)
        bide__waiter_wake(queue->putters.first, -ESHUTDOWN, function);
}

void bide_queue_shutdown(bide_queue *queue)
{
    if (queue)
        shut(queue, "bide_queue_shutdown");
}

void bide_queue_shutdown_immediate(bide_queue *queue)
{
    if (!queue)
        return;
    size_t forgotten = queue->count;
    queue->drained = true;
    queue->count = 0;
    queue->promised = 0;
    finish_work(queue, forgotten, "bide_queue_shutdown_immediate");
    shut(queue, "bide_queue_shutdown_immediate");
}

/* ── State ────────────────────────────────────────────────────────────── */

size_t bide_queue_qsize(const bide_queue *queue)
{
    return queue ? queue->count - queue->promised : 0;
}

bool bide_queue_empty(const bide_queue *queue)
{
    return bide_queue_qsize(queue) == 0;
}

bool bide_queue_full(const bide_queue *queue)
{
    return queue && queue->maxsize &&
           bide_queue_qsize(queue) >= queue->maxsize;
}

size_t bide_queue_maxsize(const bide_queue *queue)
{
    return queue ? queue->maxsize : 0;
}

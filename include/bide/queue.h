/* SPDX-License-Identifier: MIT */
/*
 * <bide/queue.h> — queues between the tasks of one loop: first in first out,
 * last in first out, or by priority. Items are copied in and out by value.
 *
 *     bide_queue *queue = bide_queue_new(sizeof(struct job), 100);
 *     ...
 *     rc = bide_queue_put(queue, &job);    // waits while the queue is full
 *     ...
 *     rc = bide_queue_get(queue, &job);    // waits while it is empty
 *
 * Tasks that wait are served in the order in which they came. An item that is
 * put while a task waits for one belongs to that task from then on: it is no
 * longer counted by bide_queue_qsize(), and nobody else can get it. Nor can
 * cancelling the task lose it: bide_queue_get() returns it, and the
 * cancellation is delivered by the call after it. The same holds for a task
 * that waits to put: once its item is in, it has succeeded.
 *
 * Making a queue can fail for lack of memory and then gives NULL; every
 * function accepts that and treats it as an empty queue whose calls fail with
 * -ENOMEM, so the check can wait until the first put or get.
 */
#ifndef BIDE_QUEUE_H
#define BIDE_QUEUE_H

#include <bide/base.h>

BIDE_BEGIN

/* The most items in a queue, and the greatest maxsize. */
#define BIDE_QUEUE_MAX ((size_t)1 << 24)

/* The most bytes of an item; of larger things, queue pointers. */
#define BIDE_QUEUE_ITEM_MAX ((size_t)1 << 16)

typedef struct bide_queue bide_queue;

/*
 * bide_queue_new — make a queue: first in, first out.
 *
 *   item_size   bytes of an item, 1..BIDE_QUEUE_ITEM_MAX; misuse otherwise
 *   maxsize     items in the queue before putting has to wait, at most
 *               BIDE_QUEUE_MAX, misuse otherwise; 0: putting never waits, and
 *               beyond BIDE_QUEUE_MAX items fails with -ENOSPC
 *
 * Returns:  the queue; NULL when there is no memory.
 * Suspends: never.
 * Owns:     the caller frees it by bide_queue_free().
 * Thread:   any; all other calls are made on the thread of one loop.
 * Like:     asyncio.Queue.
 */
BIDE_API BIDE_NODISCARD bide_queue *bide_queue_new(size_t item_size,
                                                   size_t maxsize);

/*
 * bide_lifo_queue_new — make a queue that gives the latest item first.
 *
 *   item_size, maxsize   as for bide_queue_new()
 *
 * Returns:  the queue; NULL when there is no memory.
 * Suspends: never.
 * Owns:     the caller frees it by bide_queue_free().
 * Thread:   as bide_queue_new().
 * Like:     asyncio.LifoQueue.
 */
BIDE_API BIDE_NODISCARD bide_queue *bide_lifo_queue_new(size_t item_size,
                                                        size_t maxsize);

/*
 * bide_priority_queue_new — make a queue that gives the smallest item first.
 *
 *   item_size, maxsize   as for bide_queue_new()
 *   compare   negative if a comes before b, positive if after, 0 if they are
 *             equal: then the one that was put first comes first. May not
 *             suspend or use the queue
 *   arg       passed to compare
 *
 * Returns:  the queue; NULL when there is no memory.
 * Suspends: never.
 * Owns:     the caller frees it by bide_queue_free(); arg is borrowed until
 *           then.
 * Thread:   as bide_queue_new().
 * Like:     asyncio.PriorityQueue.
 */
BIDE_API BIDE_NODISCARD bide_queue *bide_priority_queue_new(
    size_t item_size, size_t maxsize,
    int (*compare)(const void *a, const void *b, void *arg), void *arg);

/*
 * bide_queue_free — release a queue and forget the items in it.
 *
 *   queue   no task waits for it or has yet to take an item that is its own;
 *           misuse otherwise. NULL is allowed
 * Suspends: never.
 * Owns:     takes the queue; what items point at is the caller's.
 * Thread:   the loop's.
 */
BIDE_API void bide_queue_free(bide_queue *queue);

/*
 * bide_queue_put — put an item, waiting while the queue is full.
 *
 * Returns:  0, or a negative code and the item is not in the queue.
 *   item   item_size bytes; copied
 * Suspends: always a cancellation point; does not wait if there is room.
 * Cancel:   leaves the line. An item that is in counts as success.
 * Errors:   -ESHUTDOWN  the queue was shut down
 *           -ENOSPC     beyond BIDE_QUEUE_MAX items
 *           -ENOMEM, -ECANCELED
 * Thread:   the loop's.
 * Like:     Queue.put.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_queue_put(bide_queue *queue,
                                                         const void *item);

/*
 * bide_queue_get — take an item, waiting while the queue is empty.
 *
 * Returns:  0, or a negative code and *ret_item is as before.
 *   ret_item   item_size bytes; filled on success
 * Suspends: always a cancellation point; does not wait if there is an item.
 * Cancel:   leaves the line. An item that was given counts as success.
 * Errors:   -ESHUTDOWN  the queue was shut down and is empty
 *           -ENOMEM, only for queue NULL; -ECANCELED
 * Thread:   the loop's.
 * Like:     Queue.get.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_queue_get(bide_queue *queue,
                                                         void *ret_item);

/*
 * bide_queue_put_nowait — put an item if there is room.
 *
 * Returns:  0 or a negative code.
 *   item   item_size bytes; copied
 * Suspends: never; may be called from callbacks.
 * Errors:   -EAGAIN  the queue is full
 *           -ESHUTDOWN, -ENOSPC, -ENOMEM as bide_queue_put()
 * Thread:   the loop's.
 * Like:     Queue.put_nowait.
 */
BIDE_API BIDE_NODISCARD int bide_queue_put_nowait(bide_queue *queue,
                                                  const void *item);

/*
 * bide_queue_get_nowait — take an item if there is one.
 *
 * Returns:  0 or a negative code.
 *   ret_item   item_size bytes; filled on success
 * Suspends: never; may be called from callbacks.
 * Errors:   -EAGAIN  the queue is empty
 *           -ESHUTDOWN, -ENOMEM as bide_queue_get()
 * Thread:   the loop's.
 * Like:     Queue.get_nowait.
 */
BIDE_API BIDE_NODISCARD int bide_queue_get_nowait(bide_queue *queue,
                                                  void *ret_item);

/*
 * bide_queue_task_done — say that the work on one item is complete.
 *
 * Once for each item gotten; more often than items were put is misuse.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Queue.task_done.
 */
BIDE_API void bide_queue_task_done(bide_queue *queue);

/*
 * bide_queue_join — wait until the work on all items is complete.
 *
 * Returns:  0 once bide_queue_task_done() was called for every item that had
 *           been put, or a negative code.
 * Suspends: always a cancellation point; does not wait if there is none.
 * Cancel:   changes nothing.
 * Errors:   -ENOMEM, only for queue NULL; -ECANCELED
 * Thread:   the loop's.
 * Like:     Queue.join.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_queue_join(bide_queue *queue);

/*
 * bide_queue_shutdown — take no more items.
 *
 * Putting fails with -ESHUTDOWN, also for tasks that wait to put. Getting
 * goes on until the queue is empty and then fails the same way, also for
 * tasks that wait.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Queue.shutdown.
 */
BIDE_API void bide_queue_shutdown(bide_queue *queue);

/*
 * bide_queue_shutdown_immediate — the same, and forget the items in it.
 *
 * The work on each of them counts as complete, which may end a
 * bide_queue_join(). In a queue by priority or last in first out, an item
 * that a task was given but has not taken yet is forgotten, too.
 * Suspends: never.
 * Owns:     what the items point at is the caller's: take them out by
 *           bide_queue_get_nowait() first if that must be released.
 * Thread:   the loop's.
 * Like:     Queue.shutdown(immediate=True).
 */
BIDE_API void bide_queue_shutdown_immediate(bide_queue *queue);

/*
 * bide_queue_qsize — how many items are in the queue.
 *
 * Returns:  the count, without items that already belong to a waiting task.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Queue.qsize.
 */
BIDE_API size_t bide_queue_qsize(const bide_queue *queue);

/*
 * bide_queue_empty — whether getting would have to wait.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Queue.empty.
 */
BIDE_API bool bide_queue_empty(const bide_queue *queue);

/*
 * bide_queue_full — whether putting would have to wait.
 *
 * Returns:  true if so; never with maxsize 0.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Queue.full.
 */
BIDE_API bool bide_queue_full(const bide_queue *queue);

/*
 * bide_queue_maxsize — how many items the queue was made for.
 *
 * Returns:  the maxsize it was made with.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Queue.maxsize.
 */
BIDE_API size_t bide_queue_maxsize(const bide_queue *queue);

BIDE_END

#endif

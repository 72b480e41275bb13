/* SPDX-License-Identifier: MIT */
/*
 * queue.h — the items of a queue, without anything that waits.
 *
 * One block of slots, a power of two of them, serves three orders:
 *
 *     FIFO       a ring from `head`, `count` long
 *     LIFO       the first `count` slots; the last one is next
 *     PRIORITY   the first `count` slots as a binary heap; behind each item
 *                lies the number of its arrival, which decides between equals
 *
 * Memory is taken for what is in the queue, not for maxsize: it doubles as
 * needed, except that a small queue has all of it from the start, so that
 * putting into it cannot fail.
 */
#ifndef BIDE_SRC_SYNC_QUEUE_H
#define BIDE_SRC_SYNC_QUEUE_H

#include <bide/queue.h>
#include <string.h>

#include "task/waiter.h"

enum bide__queue_kind {
    BIDE__QUEUE_FIFO = 0,
    BIDE__QUEUE_LIFO,
    BIDE__QUEUE_PRIORITY
};

typedef int bide__queue_compare(const void *a, const void *b, void *arg);

struct bide_queue {
    char *slots;
    size_t item_size;
    size_t stride; /* bytes from slot to slot */
    size_t mask;   /* number of slots, less one */
    size_t head;   /* FIFO: the first item's slot, before masking */
    size_t count;  /* items in slots */
    size_t promised; /* of these, for getters that were woken: queue.c */
    size_t limit;    /* of items that are not promised */
    size_t owed;     /* getters woken by a promise that have not yet run */
    struct bide__waiters getters;
    struct bide__waiters putters;
    size_t unfinished; /* items put and not yet reported done */
    uint8_t kind;      /* enum bide__queue_kind */
    bool shut;
    bool drained; /* shut down at once: what was promised is gone */
    struct bide__waiters joiners;
    size_t maxsize;
    uint64_t arrivals; /* PRIORITY: the next number of arrival */
    bide__queue_compare *compare;
    void *compare_arg;
};

/* The common sizes become single moves. */
static inline void bide__queue_copy(void *to, const void *from, size_t size)
{
    if (size == 8)
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else
        memcpy(to, from, size);
}

static inline char *bide__queue_slot(const bide_queue *queue, size_t index)
{
    return queue->slots + (index & queue->mask) * queue->stride;
}

/* Twice the slots. False: no memory, and nothing has changed. */
bool bide__queue_grow(bide_queue *queue);

/* Heap operations; push needs a free slot, pop an item. */
void bide__queue_heap_push(bide_queue *queue, const void *item);
void bide__queue_heap_pop(bide_queue *queue, void *ret_item);

/* Add an item; false when there is no memory. */
static inline bool bide__queue_push(bide_queue *queue, const void *item)
{
    if (BIDE__UNLIKELY(queue->count > queue->mask) && !bide__queue_grow(queue))
        return false;
    if (BIDE__LIKELY(queue->kind != BIDE__QUEUE_PRIORITY)) {
        /* LIFO: head stays 0. */
        char *slot = bide__queue_slot(queue, queue->head + queue->count++);
        bide__queue_copy(slot, item, queue->item_size);
    } else {
        bide__queue_heap_push(queue, item);
    }
    return true;
}

/* Take the next item; there must be one. */
static inline void bide__queue_pop(bide_queue *queue, void *ret_item)
{
    BIDE__ASSERT(queue->count > 0);
    if (BIDE__LIKELY(queue->kind == BIDE__QUEUE_FIFO)) {
        char *slot = bide__queue_slot(queue, queue->head++);
        queue->count--;
        bide__queue_copy(ret_item, slot, queue->item_size);
    } else if (queue->kind == BIDE__QUEUE_LIFO) {
        char *slot = bide__queue_slot(queue, --queue->count);
        bide__queue_copy(ret_item, slot, queue->item_size);
    } else {
        bide__queue_heap_pop(queue, ret_item);
    }
}

#endif

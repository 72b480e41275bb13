/* SPDX-License-Identifier: MIT */
/*
 * queue_items.c — making queues, growing them, and the heap of those by
 * priority. queue.h shows how items lie in memory.
 */
#include <stdalign.h>

#include "sync/queue.h"

/* Bytes that a queue has for its items from the start. */
#define FIRST_BYTES 4096

/* ── Making and freeing ───────────────────────────────────────────────── */

/* Items of a heap are compared where they lie, so each must be aligned for
 * whatever type it is; those of the other kinds are only copied. */
static size_t stride_of(enum bide__queue_kind kind, size_t item_size)
{
    const size_t align = alignof(max_align_t);
    if (kind != BIDE__QUEUE_PRIORITY)
        return item_size;
    return (item_size + sizeof(uint64_t) + align - 1) & ~(align - 1);
}

/* As many slots as fit into FIRST_BYTES, at least one, and not more than the
 * queue can use. */
static size_t first_slots(size_t stride, size_t limit)
{
    size_t slots = 1;
    while (slots < limit && slots * 2 * stride <= FIRST_BYTES)
        slots *= 2;
    return slots;
}

static bide_queue *make(enum bide__queue_kind kind, size_t item_size,
                        size_t maxsize, const char *function)
{
    BIDE__REQUIRE(item_size >= 1 && item_size <= BIDE_QUEUE_ITEM_MAX,
                  "%s() was called for items of %zu bytes, at least 1 and at "
                  "most %zu; queue pointers to larger ones",
                  function, item_size, BIDE_QUEUE_ITEM_MAX);
    BIDE__REQUIRE(maxsize <= BIDE_QUEUE_MAX,
                  "%s() was called with the maxsize %zu, at most %zu",
                  function, maxsize, BIDE_QUEUE_MAX);
    bide_queue *queue = bide__calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->kind = (uint8_t)kind;
    queue->item_size = item_size;
    queue->stride = stride_of(kind, item_size);
    queue->maxsize = maxsize;
    queue->limit = maxsize ? maxsize : BIDE_QUEUE_MAX;
    size_t slots = first_slots(queue->stride, queue->limit);
    queue->mask = slots - 1;
    queue->slots = bide__malloc(slots * queue->stride);
    if (queue->slots)
        return queue;
    bide__free(queue);
    return NULL;
}

bide_queue *bide_queue_new(size_t item_size, size_t maxsize)
{
    return make(BIDE__QUEUE_FIFO, item_size, maxsize, "bide_queue_new");
}

bide_queue *bide_lifo_queue_new(size_t item_size, size_t maxsize)
{
    return make(BIDE__QUEUE_LIFO, item_size, maxsize, "bide_lifo_queue_new");
}

bide_queue *bide_priority_queue_new(size_t item_size, size_t maxsize,
                                    bide__queue_compare *compare, void *arg)
{
    BIDE__REQUIRE(compare, "bide_priority_queue_new() was called without a "
                           "function to compare items");
    bide_queue *queue = make(BIDE__QUEUE_PRIORITY, item_size, maxsize,
                             "bide_priority_queue_new");
    if (queue) {
        queue->compare = compare;
        queue->compare_arg = arg;
    }
    return queue;
}

void bide_queue_free(bide_queue *queue)
{
    if (!queue)
        return;
    bide__waiters_fini(&queue->getters, "bide_queue_free");
    bide__waiters_fini(&queue->putters, "bide_queue_free");
    bide__waiters_fini(&queue->joiners, "bide_queue_free");
    BIDE__REQUIRE(queue->owed == 0,
                  "bide_queue_free() was called while %zu tasks have yet to "
                  "take an item that they were given; await them first",
                  queue->owed);
    bide__free(queue->slots);
    bide__free(queue);
}

/* ── Growing ──────────────────────────────────────────────────────────── */

bool bide__queue_grow(bide_queue *queue)
{
    size_t slots = queue->mask + 1;
    char *grown = bide__malloc(slots * 2 * queue->stride);
    if (!grown)
        return false;
    size_t first = queue->head & queue->mask; /* 0 but for FIFO */
    size_t to_end = (slots - first) * queue->stride;
    memcpy(grown, queue->slots + first * queue->stride, to_end);
    memcpy(grown + to_end, queue->slots, first * queue->stride);
    bide__free(queue->slots);
    queue->slots = grown;
    queue->head = 0;
    queue->mask = slots * 2 - 1;
    return true;
}

/* ── The heap ─────────────────────────────────────────────────────────── */

static uint64_t arrival_at(const bide_queue *queue, size_t index)
{
    uint64_t arrival;
    memcpy(&arrival, bide__queue_slot(queue, index) + queue->item_size,
           sizeof arrival);
    return arrival;
}

/* Whether the item at index i comes before the one at index j. */
static bool before(const bide_queue *queue, size_t i, size_t j)
{
    int order = queue->compare(bide__queue_slot(queue, i),
                               bide__queue_slot(queue, j), queue->compare_arg);
    if (order != 0)
        return order < 0;
    return arrival_at(queue, i) < arrival_at(queue, j);
}

static void swap(bide_queue *queue, size_t i, size_t j)
{
    char *a = bide__queue_slot(queue, i);
    char *b = bide__queue_slot(queue, j);
    char part[64];
    for (size_t left = queue->stride; left > 0;) {
        size_t size = left < sizeof part ? left : sizeof part;
        memcpy(part, a, size);
        memcpy(a, b, size);
        memcpy(b, part, size);
        a += size;
        b += size;
        left -= size;
    }
}

void bide__queue_heap_push(bide_queue *queue, const void *item)
{
    size_t i = queue->count++;
    char *slot = bide__queue_slot(queue, i);
    uint64_t arrival = queue->arrivals++;
    bide__queue_copy(slot, item, queue->item_size);
    memcpy(slot + queue->item_size, &arrival, sizeof arrival);
    while (i > 0 && before(queue, i, (i - 1) / 2)) {
        swap(queue, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

void bide__queue_heap_pop(bide_queue *queue, void *ret_item)
{
    bide__queue_copy(ret_item, queue->slots, queue->item_size);
    size_t count = --queue->count;
    if (count == 0)
        return;
    memcpy(queue->slots, bide__queue_slot(queue, count), queue->stride);
    size_t i = 0;
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < count && before(queue, child, least))
                least = child;
        if (least == i)
            return;
        swap(queue, i, least);
        i = least;
    }
}

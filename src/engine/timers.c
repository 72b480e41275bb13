/* SPDX-License-Identifier: MIT */
/*
 * timers.c — a hierarchical wheel in front of a pairing heap.
 *
 * Most timers are timeouts: set for seconds and cleared long before. Those go
 * into the wheel, where setting and clearing are a few stores whatever the
 * number of timers. Only those due within the next tick (about a millisecond)
 * are kept in exact order, in an intrusive pairing heap:
 *
 *     heap      deadline < horizon           exact: (deadline, order)
 *     level 0   64 slots of 2^20 ns          unordered lists
 *     level 1   64 slots of 2^26 ns
 *       …       each level 64 times coarser
 *     level 5   64 slots of 2^50 ns          2.3 years; later ones wait in
 *                                            its last slot and move again
 *
 * When the clock reaches a slot, its timers move one or more levels down; the
 * soonest end up in the heap. So they fire to the nanosecond and in order, and
 * a far timer costs at most one extra wake-up a level.
 *
 * Invariants: a timer is in the heap iff its tick is below `horizon`; no slot
 * of the wheel holds a tick below it; the slot that the horizon stands in is
 * empty on every level but 0, so what a finer level holds is sooner than what
 * a coarser one does; a bit of `occupied` may be stale (set over an empty
 * slot), never missing. Nothing is allocated.
 *
 * See docs/internals/timers.md.
 */
#include "engine/timers.h"

#include "base/base.h"

#define TICK_BITS 20 /* a tick is 2^20 ns, 1.05 ms */

enum { PLACE_NONE, PLACE_HEAP, PLACE_WHEEL };

/* The ticks that the wheel covers, less one. */
#define WHEEL_SPAN                                                            \
    ((UINT64_C(1) << (BIDE__WHEEL_BITS * BIDE__WHEEL_LEVELS)) - 1)

static unsigned slot_index(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * BIDE__WHEEL_BITS)) &
           (BIDE__WHEEL_SLOTS - 1);
}

static uint64_t tick_of(int64_t ns)
{
    return ns <= 0 ? 0 : (uint64_t)ns >> TICK_BITS;
}

/* ── Pairing heap ─────────────────────────────────────────────────────── */
/* `child` is the first child, `next` the next sibling, `prev` the previous
 * sibling or, for a first child, the parent. */

static bool sooner(const bide_timer *a, const bide_timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->order < b->order;
}

/* Make `child` the first child of a timer that is due no later. */
static void heap_adopt(bide_timer *parent, bide_timer *child)
{
    child->prev = parent;
    child->next = parent->child;
    if (parent->child)
        parent->child->prev = child;
    parent->child = child;
}

static bide_timer *heap_meld(bide_timer *a, bide_timer *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    if (sooner(b, a)) {
        bide_timer *swap = a;
        a = b;
        b = swap;
    }
    heap_adopt(a, b);
    return a;
}

/* Make one heap of a list of siblings: in pairs from the left, then together
 * from the right. */
static bide_timer *heap_meld_siblings(bide_timer *first)
{
    bide_timer *pairs = NULL; /* melded pairs, the last one first */
    while (first) {
        bide_timer *a = first;
        bide_timer *b = a->next;
        first = b ? b->next : NULL;
        a->next = NULL;
        if (b)
            b->next = NULL;
        bide_timer *pair = heap_meld(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    bide_timer *root = NULL;
    while (pairs) {
        bide_timer *rest = pairs->next;
        pairs->next = NULL;
        root = heap_meld(root, pairs);
        pairs = rest;
    }
    return root;
}

static void heap_insert(struct bide__timers *timers, bide_timer *timer)
{
    timer->place = PLACE_HEAP;
    timer->child = NULL;
    timer->prev = NULL;
    timer->next = NULL;
    timers->heap = heap_meld(timers->heap, timer);
}

static void heap_remove(struct bide__timers *timers, bide_timer *timer)
{
    bide_timer *below = heap_meld_siblings(timer->child);
    if (below)
        below->prev = NULL;
    if (timers->heap == timer) {
        timers->heap = below;
        return;
    }
    if (timer->prev->child == timer)
        timer->prev->child = timer->next;
    else
        timer->prev->next = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    timers->heap = heap_meld(timers->heap, below);
}

/* ── Wheel ────────────────────────────────────────────────────────────── */

/* The level is given by the highest bit in which the tick and the horizon
 * differ: so a slot never mixes two turns of its level. */
static void wheel_insert(struct bide__timers *timers, bide_timer *timer,
                         uint64_t tick)
{
    if ((tick ^ timers->horizon) > WHEEL_SPAN)
        tick = timers->horizon | WHEEL_SPAN;
    uint64_t differing = tick ^ timers->horizon;
    unsigned top = differing ? 63u - (unsigned)__builtin_clzll(differing) : 0;
    unsigned level = top / BIDE__WHEEL_BITS;
    BIDE__ASSERT(level < BIDE__WHEEL_LEVELS);
    unsigned index = slot_index(tick, level);
    bide_timer *head = &timers->slots[level][index];
    timers->occupied[level] |= UINT64_C(1) << index;
    timer->place = PLACE_WHEEL;
    timer->prev = head->prev;
    timer->next = head;
    head->prev->next = timer;
    head->prev = timer;
}

static void insert(struct bide__timers *timers, bide_timer *timer)
{
    uint64_t tick = tick_of(timer->deadline_ns);
    if (tick < timers->horizon)
        heap_insert(timers, timer);
    else
        wheel_insert(timers, timer, tick);
}

/* Find the first occupied slot at or after the horizon. Returns its level, or
 * -1 when the wheel is empty, and sets the tick at which the slot begins. */
static int wheel_first(struct bide__timers *timers, uint64_t *ret_begin)
{
    for (unsigned level = 0; level < BIDE__WHEEL_LEVELS; level++) {
        unsigned shift = level * BIDE__WHEEL_BITS;
        unsigned from = slot_index(timers->horizon, level);
        uint64_t later = timers->occupied[level] & (~UINT64_C(0) << from);
        for (; later; later &= later - 1) {
            unsigned index = (unsigned)__builtin_ctzll(later);
            const bide_timer *head = &timers->slots[level][index];
            if (head->next != head) {
                uint64_t turn = timers->horizon >> shift >> BIDE__WHEEL_BITS;
                *ret_begin = ((turn << BIDE__WHEEL_BITS) | index) << shift;
                return (int)level;
            }
            timers->occupied[level] &= ~(UINT64_C(1) << index);
        }
    }
    return -1;
}

/*
 * Insert the timers of a slot anew: they land lower, or in the heap.
 *
 * Timers of equal delay come in the order of their deadlines. A run of these
 * enters the heap as a chain, each the only child of the one before, so that
 * a million that are due together cost no comparison each when they are
 * taken.
 */
static void empty_slot(struct bide__timers *timers, unsigned level,
                       unsigned index)
{
    bide_timer *head = &timers->slots[level][index];
    bide_timer *timer = head->next;
    bide_timer *last = NULL; /* of the run */
    timers->occupied[level] &= ~(UINT64_C(1) << index);
    if (timer == head)
        return;
    head->prev->next = NULL;
    head->prev = head;
    head->next = head;
    while (timer) {
        bide_timer *rest = timer->next;
        uint64_t tick = tick_of(timer->deadline_ns);
        if (tick >= timers->horizon) {
            wheel_insert(timers, timer, tick);
        } else if (last && !sooner(timer, last)) {
            timer->place = PLACE_HEAP;
            timer->child = NULL;
            heap_adopt(last, timer);
            last = timer;
        } else {
            heap_insert(timers, timer);
            last = timer;
        }
        timer = rest;
    }
}

/* Set the horizon, and empty the coarse slots that it has come to stand in. */
static void move_horizon(struct bide__timers *timers, uint64_t horizon)
{
    timers->horizon = horizon;
    for (unsigned level = BIDE__WHEEL_LEVELS - 1; level > 0; level--) {
        unsigned index = slot_index(horizon, level);
        if (timers->occupied[level] >> index & 1)
            empty_slot(timers, level, index);
    }
}

/* Bring every timer up to and including the tick into the heap. */
static void advance(struct bide__timers *timers, uint64_t tick)
{
    while (timers->horizon <= tick) {
        uint64_t begin;
        int level = wheel_first(timers, &begin);
        if (level < 0 || begin > tick) {
            move_horizon(timers, tick + 1);
        } else if (level > 0) {
            move_horizon(timers, begin);
        } else {
            timers->horizon = begin + 1; /* so that the slot's go to the heap */
            empty_slot(timers, 0, slot_index(begin, 0));
            move_horizon(timers, begin + 1);
        }
    }
}

/* ── Interface ────────────────────────────────────────────────────────── */

void bide__timers_init(struct bide__timers *timers, int64_t now_ns)
{
    timers->heap = NULL;
    timers->horizon = tick_of(now_ns);
    timers->order = 0;
    timers->count = 0;
    for (unsigned level = 0; level < BIDE__WHEEL_LEVELS; level++) {
        timers->occupied[level] = 0;
        for (unsigned index = 0; index < BIDE__WHEEL_SLOTS; index++) {
            bide_timer *head = &timers->slots[level][index];
            head->prev = head;
            head->next = head;
        }
    }
}

void bide__timers_set(struct bide__timers *timers, bide_timer *timer,
                      int64_t deadline_ns)
{
    (void)bide__timers_clear(timers, timer);
    timer->deadline_ns = deadline_ns;
    timer->order = timers->order++;
    timers->count++;
    insert(timers, timer);
}

bool bide__timers_clear(struct bide__timers *timers, bide_timer *timer)
{
    switch (timer->place) {
    case PLACE_HEAP:
        heap_remove(timers, timer);
        break;
    case PLACE_WHEEL:
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        break;
    default:
        return false;
    }
    timer->place = PLACE_NONE;
    timers->count--;
    return true;
}

bide_timer *bide__timers_pop(struct bide__timers *timers, int64_t now_ns)
{
    if (timers->count == 0)
        return NULL;
    uint64_t tick = tick_of(now_ns);
    if (timers->horizon <= tick)
        advance(timers, tick);
    bide_timer *timer = timers->heap;
    if (!timer || timer->deadline_ns > now_ns)
        return NULL;
    (void)bide__timers_clear(timers, timer);
    return timer;
}

int64_t bide__timers_next(struct bide__timers *timers)
{
    if (timers->count == 0)
        return BIDE_FOREVER;
    if (timers->heap)
        return timers->heap->deadline_ns;
    uint64_t begin;
    if (wheel_first(timers, &begin) < 0)
        return BIDE_FOREVER;
    return (int64_t)(begin << TICK_BITS);
}

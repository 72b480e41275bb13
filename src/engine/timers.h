/* SPDX-License-Identifier: MIT */
/* timers.h — deadlines of one engine; timers.c tells how they are kept. */
#ifndef BIDE_SRC_ENGINE_TIMERS_H
#define BIDE_SRC_ENGINE_TIMERS_H

#include <bide/engine.h>

#define BIDE__WHEEL_BITS 6
#define BIDE__WHEEL_SLOTS (1u << BIDE__WHEEL_BITS)
#define BIDE__WHEEL_LEVELS 6

struct bide__timers {
    bide_timer *heap;    /* soonest of those before `horizon`, or NULL */
    uint64_t horizon;    /* in ticks: all earlier deadlines are in the heap */
    uint64_t order;      /* counts settings, to break ties */
    size_t count;        /* timers that are set */
    uint64_t occupied[BIDE__WHEEL_LEVELS]; /* a bit a slot; may be stale */
    bide_timer slots[BIDE__WHEEL_LEVELS][BIDE__WHEEL_SLOTS]; /* list heads */
};

void bide__timers_init(struct bide__timers *timers, int64_t now_ns);
void bide__timers_set(struct bide__timers *timers, bide_timer *timer,
                      int64_t deadline_ns);
bool bide__timers_clear(struct bide__timers *timers, bide_timer *timer);

/* Take the next timer that is due at now_ns; NULL when none is. */
bide_timer *bide__timers_pop(struct bide__timers *timers, int64_t now_ns);

/* When to look again: the soonest deadline, or an earlier time at which a
 * far slot of the wheel must be sorted; BIDE_FOREVER when nothing is set. */
int64_t bide__timers_next(struct bide__timers *timers);

#endif

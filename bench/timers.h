/* SPDX-License-Identifier: MIT */
/*
 * timers.h — what the timer benchmarks share: the deadlines and the order of
 * cancelling, which are the same numbers in all of them.
 *
 * Deadlines are whole milliseconds, because libuv knows no finer ones. Those
 * to be cancelled lie between 1 and 61 s, as timeouts do; those to fire lie
 * between 20 and 70 ms. The best of a few rounds counts: the first one pays
 * for the pages of memory.
 */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include "bench.h"

#define BENCH_TIMERS_MAX 10000000
#define BENCH_TIMER_ROUNDS 5
#define BENCH_TIMER_SEED 2463534242u

static inline uint32_t bench_far_ms(uint32_t *seed)
{
    return 1000 + bench_random(seed) % 60000;
}

static inline uint32_t bench_near_ms(uint32_t *seed)
{
    return 20 + bench_random(seed) % 50;
}

/* The numbers below count in a random order; the caller frees them. */
static inline uint32_t *bench_shuffled(long count)
{
    uint32_t seed = BENCH_TIMER_SEED;
    uint32_t *order = malloc((size_t)count * sizeof *order);
    if (!order)
        bench_die("out of memory");
    for (long i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (long i = count - 1; i > 0; i--) {
        long other = (long)(bench_random(&seed) % (uint32_t)(i + 1));
        uint32_t swap = order[i];
        order[i] = order[other];
        order[other] = swap;
    }
    return order;
}

static inline int bench_compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The median of the rounds, in ns a timer. */
static inline double bench_timer_ns(int64_t rounds[BENCH_TIMER_ROUNDS],
                                    long count)
{
    qsort(rounds, BENCH_TIMER_ROUNDS, sizeof *rounds, bench_compare);
    return (double)rounds[BENCH_TIMER_ROUNDS / 2] / (double)count;
}

#endif

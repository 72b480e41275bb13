/* SPDX-License-Identifier: MIT */
/*
 * timers.c — timers of the engine, set and cleared, set and fired; and timeout
 * scopes of a task, entered and left.
 *
 *     timers [timers]
 */
#include "bench.h"
#include "timers.h"

#include <bide.h>

static long fired;

static void on_fire(bide_timer *timer)
{
    (void)timer;
    fired++;
}

static int64_t set_and_clear(bide_engine *engine, bide_timer *timers,
                             const uint32_t *order, long count, uint32_t *seed)
{
    int64_t now = bide_engine_clock(engine);
    int64_t begin = bench_cpu_ns();
    for (long i = 0; i < count; i++)
        bide_engine_timer_set(engine, &timers[i],
                              now + bench_far_ms(seed) * INT64_C(1000000));
    for (long i = 0; i < count; i++)
        bide_engine_timer_clear(engine, &timers[order[i]]);
    return bench_cpu_ns() - begin;
}

static int64_t set_and_fire(bide_engine *engine, bide_timer *timers,
                            long count, uint32_t *seed)
{
    int64_t now = bide_engine_clock(engine);
    int64_t begin = bench_cpu_ns();
    fired = 0;
    for (long i = 0; i < count; i++)
        bide_engine_timer_set(engine, &timers[i],
                              now + bench_near_ms(seed) * INT64_C(1000000));
    while (fired < count) {
        int rc = bide_engine_poll(engine, BIDE_FOREVER);
        if (rc < 0)
            bench_die("%s", bide_errmsg(rc));
    }
    return bench_cpu_ns() - begin;
}

static int scopes(void *arg)
{
    long count = *(long *)arg;
    int64_t rounds[BENCH_TIMER_ROUNDS];
    for (int round = 0; round < BENCH_TIMER_ROUNDS; round++) {
        int64_t begin = bench_cpu_ns();
        for (long i = 0; i < count; i++) {
            bide_timeout timeout;
            bide_timeout_enter(&timeout, 30.0);
            int rc = bide_timeout_exit(&timeout, 0);
            if (rc < 0)
                return rc;
        }
        rounds[round] = bench_cpu_ns() - begin;
    }
    printf("scope_ns=%.3f ", bench_timer_ns(rounds, count));
    return 0;
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, 1, BENCH_TIMERS_MAX, 100000);
    bide_timer *timers = calloc((size_t)count, sizeof *timers);
    uint32_t *order = bench_shuffled(count);
    if (!timers)
        bench_die("out of memory");
    for (long i = 0; i < count; i++)
        timers[i].fire = on_fire;
    int rc = bide_run(scopes, &count);
    bide_engine *engine = NULL;
    if (rc >= 0)
        rc = bide_engine_new(NULL, &engine);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));

    int64_t cancel_ns[BENCH_TIMER_ROUNDS], fire_ns[BENCH_TIMER_ROUNDS];
    for (int round = 0; round < BENCH_TIMER_ROUNDS; round++) {
        uint32_t seed = BENCH_TIMER_SEED;
        cancel_ns[round] = set_and_clear(engine, timers, order, count, &seed);
        fire_ns[round] = set_and_fire(engine, timers, count, &seed);
    }
    printf("cancel_ns=%.3f fire_ns=%.3f\n", bench_timer_ns(cancel_ns, count),
           bench_timer_ns(fire_ns, count));
    bide_engine_free(engine);
    free(timers);
    free(order);
    return 0;
}

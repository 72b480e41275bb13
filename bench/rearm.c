/* SPDX-License-Identifier: MIT */
/*
 * rearm.c — what setting and clearing a timer costs while many others are
 * pending: the timeout of an operation, on a server with many connections.
 *
 *     rearm [pending]
 */
#include "bench.h"
#include "timers.h"

#include <bide/engine.h>

#define BATCH 1000
#define BATCHES 500

static void never(bide_timer *timer)
{
    (void)timer;
    bench_die("a timer fired that was not due");
}

static int64_t far(bide_engine *engine, uint32_t *seed)
{
    return bide_engine_clock(engine) +
           (60000 + bench_far_ms(seed)) * INT64_C(1000000);
}

int main(int argc, char **argv)
{
    long pending = bench_arg(argc, argv, 1, 1, BENCH_TIMERS_MAX, 1000000);
    bide_timer *others = calloc((size_t)pending, sizeof *others);
    static bide_timer batch[BATCH];
    uint32_t seed = BENCH_TIMER_SEED;
    bide_engine *engine;
    if (!others || bide_engine_new(NULL, &engine) < 0)
        bench_die("no memory or no engine");
    for (long i = 0; i < pending; i++) {
        others[i].fire = never;
        bide_engine_timer_set(engine, &others[i], far(engine, &seed));
    }
    int64_t deadlines[BATCH];
    for (int i = 0; i < BATCH; i++) {
        batch[i].fire = never;
        deadlines[i] = far(engine, &seed);
    }
    int64_t begin = bench_cpu_ns();
    for (int round = 0; round < BATCHES; round++) {
        for (int i = 0; i < BATCH; i++)
            bide_engine_timer_set(engine, &batch[i], deadlines[i]);
        for (int i = 0; i < BATCH; i++)
            bide_engine_timer_clear(engine, &batch[i]);
    }
    double ns = (double)(bench_cpu_ns() - begin);
    printf("rearm_ns=%.3f\n", ns / (BATCH * BATCHES));
    for (long i = 0; i < pending; i++)
        bide_engine_timer_clear(engine, &others[i]);
    bide_engine_free(engine);
    free(others);
    return 0;
}

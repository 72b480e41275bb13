/* SPDX-License-Identifier: MIT */
/*
 * uv_timers.c — timers of libuv: set and stopped, set and fired.
 *
 * The same as timers.c and hand_timers.c: see bench/README.md, claim 5.
 *
 *     uv_timers [timers]
 */
#include "../bench.h"
#include "../timers.h"

#include <uv.h>

static long fired;

static void on_fire(uv_timer_t *timer)
{
    (void)timer;
    fired++;
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, 1, BENCH_TIMERS_MAX, 100000);
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *timers = calloc((size_t)count, sizeof *timers);
    uint32_t *order = bench_shuffled(count);
    if (!timers)
        bench_die("out of memory");
    for (long i = 0; i < count; i++)
        uv_timer_init(loop, &timers[i]);

    int64_t cancel_ns[BENCH_TIMER_ROUNDS], fire_ns[BENCH_TIMER_ROUNDS];
    for (int round = 0; round < BENCH_TIMER_ROUNDS; round++) {
        uint32_t seed = BENCH_TIMER_SEED;
        uv_update_time(loop);
        int64_t begin = bench_cpu_ns();
        for (long i = 0; i < count; i++)
            uv_timer_start(&timers[i], on_fire, bench_far_ms(&seed), 0);
        for (long i = 0; i < count; i++)
            uv_timer_stop(&timers[order[i]]);
        cancel_ns[round] = bench_cpu_ns() - begin;

        fired = 0;
        uv_update_time(loop);
        begin = bench_cpu_ns();
        for (long i = 0; i < count; i++)
            uv_timer_start(&timers[i], on_fire, bench_near_ms(&seed), 0);
        uv_run(loop, UV_RUN_DEFAULT);
        fire_ns[round] = bench_cpu_ns() - begin;
        if (fired != count)
            bench_die("%ld of %ld timers fired", fired, count);
    }
    printf("cancel_ns=%.3f fire_ns=%.3f\n", bench_timer_ns(cancel_ns, count),
           bench_timer_ns(fire_ns, count));
    free(timers);
    free(order);
    return 0;
}

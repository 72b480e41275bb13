/* SPDX-License-Identifier: MIT */
/*
 * hand_timers.c — timers as one writes them by hand: an array that is a 4-ary
 * heap, each timer knowing its place in it, and a sleep until the next.
 *
 * Keys lie in the array beside the pointers, so that comparing touches no
 * timer. See bench/README.md, claim 5.
 *
 *     hand_timers [timers]
 */
#include "../bench.h"
#include "../timers.h"

struct timer {
    void (*fire)(struct timer *timer);
    size_t place;
};

struct entry {
    int64_t deadline_ns;
    struct timer *timer;
};

static struct entry *heap;
static size_t heap_count;
static long fired;

static void put(size_t place, struct entry entry)
{
    heap[place] = entry;
    entry.timer->place = place;
}

static void rise(size_t place, struct entry entry)
{
    while (place > 0) {
        size_t parent = (place - 1) / 4;
        if (heap[parent].deadline_ns <= entry.deadline_ns)
            break;
        put(place, heap[parent]);
        place = parent;
    }
    put(place, entry);
}

static void sink(size_t place, struct entry entry)
{
    for (;;) {
        size_t first = place * 4 + 1;
        if (first >= heap_count)
            break;
        size_t end = first + 4 < heap_count ? first + 4 : heap_count;
        size_t least = first;
        for (size_t child = first + 1; child < end; child++)
            if (heap[child].deadline_ns < heap[least].deadline_ns)
                least = child;
        if (heap[least].deadline_ns >= entry.deadline_ns)
            break;
        put(place, heap[least]);
        place = least;
    }
    put(place, entry);
}

static void set(struct timer *timer, int64_t deadline_ns)
{
    rise(heap_count++, (struct entry){deadline_ns, timer});
}

static void clear(struct timer *timer)
{
    size_t place = timer->place;
    struct entry last = heap[--heap_count];
    if (place == heap_count)
        return;
    if (place > 0 && last.deadline_ns < heap[(place - 1) / 4].deadline_ns)
        rise(place, last);
    else
        sink(place, last);
}

static void run_all(void)
{
    while (heap_count > 0) {
        int64_t now = bench_wall_ns();
        while (heap_count > 0 && heap[0].deadline_ns <= now) {
            struct timer *timer = heap[0].timer;
            clear(timer);
            timer->fire(timer);
        }
        if (heap_count == 0)
            return;
        struct timespec until = {heap[0].deadline_ns / 1000000000,
                                 heap[0].deadline_ns % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}

static void on_fire(struct timer *timer)
{
    (void)timer;
    fired++;
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, 1, BENCH_TIMERS_MAX, 100000);
    struct timer *timers = calloc((size_t)count, sizeof *timers);
    heap = calloc((size_t)count, sizeof *heap);
    uint32_t *order = bench_shuffled(count);
    if (!timers || !heap)
        bench_die("out of memory");
    for (long i = 0; i < count; i++)
        timers[i].fire = on_fire;

    int64_t cancel_ns[BENCH_TIMER_ROUNDS], fire_ns[BENCH_TIMER_ROUNDS];
    for (int round = 0; round < BENCH_TIMER_ROUNDS; round++) {
        uint32_t seed = BENCH_TIMER_SEED;
        int64_t now = bench_wall_ns();
        int64_t begin = bench_cpu_ns();
        for (long i = 0; i < count; i++)
            set(&timers[i], now + bench_far_ms(&seed) * INT64_C(1000000));
        for (long i = 0; i < count; i++)
            clear(&timers[order[i]]);
        cancel_ns[round] = bench_cpu_ns() - begin;

        fired = 0;
        now = bench_wall_ns();
        begin = bench_cpu_ns();
        for (long i = 0; i < count; i++)
            set(&timers[i], now + bench_near_ms(&seed) * INT64_C(1000000));
        run_all();
        fire_ns[round] = bench_cpu_ns() - begin;
        if (fired != count)
            bench_die("%ld of %ld timers fired", fired, count);
    }
    printf("cancel_ns=%.3f fire_ns=%.3f\n", bench_timer_ns(cancel_ns, count),
           bench_timer_ns(fire_ns, count));
    free(timers);
    free(heap);
    free(order);
    return 0;
}

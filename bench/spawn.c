/* SPDX-License-Identifier: MIT */
/*
 * spawn.c — create tasks and await them, 1,000 at a time; and count what the
 * library allocates meanwhile, once it is warm.
 *
 *     spawn [tasks]
 */
#include "bench.h"

#include <bide.h>

enum { BATCH = 1000, WARM_UP = 20 };

static long allocations;

static void *count_allocate(void *data, size_t size)
{
    (void)data;
    allocations++;
    return malloc(size);
}

static void *count_reallocate(void *data, void *memory, size_t size)
{
    (void)data;
    allocations++;
    return realloc(memory, size);
}

static void count_release(void *data, void *memory)
{
    (void)data;
    free(memory);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int batches(long count)
{
    static bide_task *tasks[BATCH];
    for (long i = 0; i < count; i++) {
        for (int at = 0; at < BATCH; at++)
            tasks[at] = bide_create_task(nothing, NULL);
        int rc = bide_gather(tasks, BATCH);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int measure(void *arg)
{
    long count = *(long *)arg / BATCH;
    int rc = batches(WARM_UP);
    if (rc < 0)
        return rc;
    long before = allocations;
    int64_t begin = bench_cpu_ns();
    rc = batches(count);
    double ns = (double)(bench_cpu_ns() - begin);
    if (rc < 0)
        return rc;
    printf("ns=%.3f allocations=%ld\n", ns / (double)(count * BATCH),
           allocations - before);
    return 0;
}

int main(int argc, char **argv)
{
    static const bide_allocator counting = {.allocate = count_allocate,
                                            .reallocate = count_reallocate,
                                            .release = count_release};
    long tasks = bench_arg(argc, argv, 1, BATCH, 2000000000, 5000000);
    bide_set_allocator(&counting);
    int rc = bide_run(measure, &tasks);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

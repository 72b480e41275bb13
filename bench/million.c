/* SPDX-License-Identifier: MIT */
/*
 * million.c — a million tasks asleep at once: created, fired, joined.
 *
 * When the last one has gone to sleep, and before the first one wakes, the
 * memory is read from the kernel: resident, and page tables. Time is processor
 * time, so that the sleep itself does not count.
 *
 *     million [tasks [seconds of sleep]]
 */
#include "bench.h"

#include <bide.h>

struct crowd {
    long count;
    double delay; /* seconds */
    long asleep;
    long woken;
    bide_task **tasks;
};

/* Resident memory and page tables of the process, in bytes. */
static long long memory(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    if (!status)
        bench_die("/proc/self/status: %s", strerror(errno));
    char line[256];
    long long sum = 0, kib;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %lld", &kib) == 1 ||
            sscanf(line, "VmPTE: %lld", &kib) == 1)
            sum += kib << 10;
    fclose(status);
    return sum;
}

static long mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!maps)
        bench_die("/proc/self/maps: %s", strerror(errno));
    long lines = 0;
    int byte;
    while ((byte = getc(maps)) != EOF)
        lines += byte == '\n';
    fclose(maps);
    return lines;
}

static int sleeper(void *arg)
{
    struct crowd *crowd = arg;
    crowd->asleep++;
    int rc = bide_sleep(crowd->delay);
    crowd->woken++;
    return rc;
}

static int measure(void *arg)
{
    struct crowd *crowd = arg;
    long long before = memory();
    int64_t begin = bench_cpu_ns();
    for (long i = 0; i < crowd->count; i++)
        crowd->tasks[i] = bide_create_task(sleeper, crowd);
    while (crowd->asleep < crowd->count) {
        int rc = bide_sleep(0);
        if (rc < 0)
            return rc;
    }
    if (crowd->woken > 0)
        bench_die("too slow: some woke before all were asleep");
    long long bytes = memory() - before;
    long maps = mappings();
    int rc = bide_gather(crowd->tasks, (size_t)crowd->count);
    if (rc < 0)
        return rc;
    printf("seconds=%.3f bytes=%.1f mappings=%ld\n",
           (double)(bench_cpu_ns() - begin) / 1e9,
           (double)bytes / (double)crowd->count, maps);
    return 0;
}

int main(int argc, char **argv)
{
    struct crowd crowd = {
        .count = bench_arg(argc, argv, 1, 1, 10000000, 1000000),
        .delay = (double)bench_arg(argc, argv, 2, 1, 600, 8)};
    crowd.tasks = calloc((size_t)crowd.count, sizeof *crowd.tasks);
    if (!crowd.tasks)
        bench_die("out of memory");
    int rc = bide_run(measure, &crowd);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    free(crowd.tasks);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * processes.c — start /usr/bin/true and wait for its end, so many times, so
 * many at once: microseconds of the wall for each.
 *
 *     processes [count [at once]]
 */
#include "bench.h"

#include <bide.h>

enum { AT_ONCE_MAX = 100 };

static int run_one(void *arg)
{
    static const char *const argv[] = {"/usr/bin/true", NULL};
    bide_process *process;
    int code;
    (void)arg;
    int rc = bide_process_exec(argv, NULL, &process);
    if (rc < 0)
        return rc;
    rc = bide_process_wait(process, &code);
    bide_process_close(process);
    if (rc == 0 && code != 0)
        return bide_raise(-ECHILD, "true has ended with %d", code);
    return rc;
}

static int run_batch(long at_once)
{
    bide_task *tasks[AT_ONCE_MAX];
    if (at_once == 1)
        return run_one(NULL);
    for (long i = 0; i < at_once; i++)
        tasks[i] = bide_create_task(run_one, NULL);
    return bide_gather(tasks, (size_t)at_once);
}

static int measure(void *arg)
{
    const long *numbers = arg;
    long batches = numbers[0] / numbers[1];
    int rc = run_batch(numbers[1]);
    int64_t begin = bench_wall_ns();
    for (long i = 0; i < batches && rc >= 0; i++)
        rc = run_batch(numbers[1]);
    double us = (double)(bench_wall_ns() - begin) / 1000;
    if (rc >= 0)
        printf("us=%.2f\n", us / (double)(batches * numbers[1]));
    return rc;
}

int main(int argc, char **argv)
{
    long numbers[] = {
        bench_arg(argc, argv, 1, AT_ONCE_MAX, 1000000, 1000),
        bench_arg(argc, argv, 2, 1, AT_ONCE_MAX, 1),
    };
    int rc = bide_run(measure, numbers);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * requests.c — so many requests of one second each, all together: how long the
 * whole takes over that second. A request is a task that waits for a second.
 *
 *     requests [count]
 */
#include "bench.h"

#include <bide.h>

static int request(void *arg)
{
    (void)arg;
    return bide_sleep(1.0);
}

static int measure(void *arg)
{
    size_t count = (size_t) * (long *)arg;
    bide_task **tasks = calloc(count, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    int64_t begin = bench_wall_ns();
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(request, NULL);
    int rc = bide_gather(tasks, count);
    double ns = (double)(bench_wall_ns() - begin);
    free(tasks);
    if (rc < 0)
        return rc;
    printf("seconds=%.4f\n", ns / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, 1, 1000000, 10);
    int rc = bide_run(measure, &count);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * yield.c — two tasks that yield to each other through the scheduler.
 *
 *     yield [switches]
 */
#include "bench.h"

#include <bide.h>

static int yielder(void *arg)
{
    long times = *(long *)arg;
    for (long i = 0; i < times; i++) {
        int rc = bide_sleep(0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The caller is one of the two. */
static int two_yielders(long switches)
{
    long times = switches / 2;
    bide_task *other = bide_create_task(yielder, &times);
    int rc = yielder(&times);
    int other_rc = bide_await(other);
    return rc < 0 ? rc : other_rc;
}

static int measure(void *arg)
{
    long switches = *(long *)arg;
    int rc = two_yielders(switches / 20);
    if (rc < 0)
        return rc;
    int64_t begin = bench_cpu_ns();
    rc = two_yielders(switches);
    double ns = (double)(bench_cpu_ns() - begin);
    if (rc < 0)
        return rc;
    printf("ns=%.3f\n", ns / (double)switches);
    return 0;
}

int main(int argc, char **argv)
{
    long switches = bench_arg(argc, argv, 1, 2, 2000000000, 20000000);
    int rc = bide_run(measure, &switches);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

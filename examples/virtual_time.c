/* SPDX-License-Identifier: MIT */
/*
 * virtual_time.c — a day passes in a moment: on the backend `sim` the clock
 * jumps whenever everybody waits. Try the default: come back tomorrow.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

#define HOURS 3600.0

static int tick(void *arg)
{
    int *ticks = arg;
    for (;;) {
        int rc = bide_sleep(1 * HOURS);
        if (rc < 0)
            return rc;
        ++*ticks;
    }
}

static int a_day(void *arg)
{
    int ticks = 0;
    (void)arg;
    double begin = bide_time();
    int rc = bide_wait_for(tick, &ticks, 24.5 * HOURS);
    printf("%s after %.1f hours and %d ticks\n", bide_errname(rc),
           (bide_time() - begin) / HOURS, ticks);
    return rc == -ETIME ? 0 : rc;
}

int main(void)
{
    const bide_options options = {.backend = "sim", .seed = 1};
    return bide_run_with(a_day, NULL, &options) < 0;
}

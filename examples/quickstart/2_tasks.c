/* SPDX-License-Identifier: MIT */
/*
 * 2_tasks.c — two tasks that run at the same time. Try to call make() twice
 * instead: then the toast waits until the tea is ready.
 */
#include <bide.h>
#include <stdio.h>

struct dish {
    const char *name;
    double minutes; /* of 0.1 s each */
};

static int make(void *arg)
{
    const struct dish *dish = arg;
    printf("%s: begun\n", dish->name);
    int rc = bide_sleep(0.1 * dish->minutes);
    if (rc < 0)
        return rc;
    printf("%s: ready\n", dish->name);
    return 0;
}

static int breakfast(void *arg)
{
    (void)arg;
    struct dish tea = {"tea", 2}, toast = {"toast", 1};
    bide_task *first = bide_create_task(make, &tea);
    bide_task *second = bide_create_task(make, &toast);
    puts("two tasks, none has run yet");
    int rc = bide_await(first);
    int rc2 = bide_await(second);
    return rc < 0 ? rc : rc2;
}

int main(void)
{
    int rc = bide_run(breakfast, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", bide_errmsg(rc));
    return rc < 0;
}

/* Expected output:
 *
 *     two tasks, none has run yet
 *     tea: begun
 *     toast: begun
 *     toast: ready
 *     tea: ready
 */

/* SPDX-License-Identifier: MIT */
/*
 * 4_timeout.c — a time limit, and a task that is asked to end. Try a limit of
 * two seconds, or leave bide_task_cancel() out and see the program go on.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static int count(void *arg)
{
    const char *who = arg;
    int rc = 0;
    for (int i = 1; i <= 5 && rc == 0; i++) {
        printf("%s: %d\n", who, i);
        rc = bide_sleep(0.2);
    }
    if (rc == -ECANCELED)
        printf("%s: stopped, cleaning up\n", who);
    return rc;
}

static int demonstrate(void *arg)
{
    (void)arg;
    int rc = bide_wait_for(count, "limited", 0.5);
    if (rc == -ETIME)
        printf("%s\n", bide_errmsg(rc));

    bide_task *task = bide_create_task(count, "cancelled");
    rc = bide_sleep(0.3);
    bide_task_cancel(task);
    int result = bide_await(task);
    if (result == -ECANCELED)
        puts("the task has ended");
    return rc;
}

int main(void)
{
    return bide_run(demonstrate, NULL) < 0;
}

/* Expected output:
 *
 *     limited: 1
 *     limited: 2
 *     limited: 3
 *     limited: stopped, cleaning up
 *     timed out after 0.5 s
 *     cancelled: 1
 *     cancelled: 2
 *     cancelled: stopped, cleaning up
 *     the task has ended
 */

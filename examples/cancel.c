/* SPDX-License-Identifier: MIT */
/*
 * cancel.c — a task is asked to end, cleans up, and says that it was
 * cancelled; then the same by a deadline. Try to return 0 instead of rc, with
 * BIDE_DEBUG=1: a swallowed cancellation is reported.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static int long_running_task(void *arg)
{
    (void)arg;
    int rc = 0;
    for (int i = 0; i < 10 && rc == 0; i++) {
        printf("Working... %d\n", i);
        rc = bide_sleep(0.2);
    }
    if (rc == -ECANCELED)
        puts("Task was cancelled");
    return rc;
}

static int amain(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(long_running_task, NULL);
    int rc = bide_sleep(0.5);
    if (rc < 0)
        return rc;
    bide_task_cancel(task);
    if (bide_await(task) == -ECANCELED)
        puts("Task cancelled successfully");

    if (bide_wait_for(long_running_task, NULL, 0.3) == -ETIME)
        puts("Task exceeded the time limit");
    return 0;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * limit.c — a semaphore lets two of five tasks work at a time. Try other
 * numbers: the rounds follow.
 */
#include <bide.h>
#include <stdio.h>

struct limited {
    bide_semaphore *semaphore;
    int number;
};

static int limited_task(void *arg)
{
    struct limited *limited = arg;
    int rc = bide_semaphore_acquire(limited->semaphore);
    if (rc < 0)
        return rc;
    printf("Task-%d started\n", limited->number);
    rc = bide_sleep(0.1 + 0.05 * limited->number);
    printf("Task-%d completed\n", limited->number);
    bide_semaphore_release(limited->semaphore);
    return rc;
}

static int amain(void *arg)
{
    bide_semaphore semaphore;
    struct limited limited[5];
    bide_task *tasks[5];
    (void)arg;
    bide_semaphore_init(&semaphore, 2);
    for (int i = 0; i < 5; i++) {
        limited[i] = (struct limited){&semaphore, i};
        tasks[i] = bide_create_task(limited_task, &limited[i]);
    }
    return bide_gather(tasks, 5);
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

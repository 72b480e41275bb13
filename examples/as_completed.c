/* SPDX-License-Identifier: MIT */
/*
 * as_completed.c — results in the order in which they come, and the first one
 * alone. Try to cancel the losers of the race, too, before the sleep.
 */
#include <bide.h>
#include <stdio.h>

static int answer(void *arg) /* the slower, the greater the number */
{
    int number = *(const int *)arg;
    int rc = bide_sleep(0.05 * number);
    return rc < 0 ? rc : number;
}

static int one_by_one(bide_task *const tasks[], size_t count)
{
    bide_as_completed iteration;
    bide_task *task;
    int rc;
    bide_as_completed_init(&iteration, tasks, count);
    while ((rc = bide_as_completed_next(&iteration, &task)) > 0)
        printf("came: %d\n", bide_task_result(task));
    bide_as_completed_fini(&iteration);
    return rc;
}

static int only_the_first(bide_task *const tasks[], size_t count)
{
    int rc = bide_wait(tasks, count, BIDE_FIRST_COMPLETED, 1.0);
    for (size_t i = 0; rc > 0 && i < count; i++)
        if (bide_task_done(tasks[i]))
            printf("first: %d\n", bide_task_result(tasks[i]));
    return rc;
}

static int amain(void *arg)
{
    static const int numbers[] = {3, 1, 2};
    bide_task *tasks[3];
    (void)arg;
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(answer, (void *)&numbers[i]);
    int rc = only_the_first(tasks, 3);
    if (rc >= 0)
        rc = one_by_one(tasks, 3);
    int ended = bide_gather(tasks, 3); /* releases the handles */
    return rc < 0 ? rc : ended;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * detach.c — tasks that nobody awaits, each with an argument of its own. Try
 * `arg` in place of `copy`: all three then see the variable as it is later.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static bide_semaphore ended; /* zeroed: its value is 0 */

static int greet(void *arg)
{
    const int *number = arg; /* the copy, on this task's own stack */
    int rc = bide_sleep(0.01);
    printf("greetings from task %d\n", *number);
    bide_semaphore_release(&ended);
    return rc;
}

static int start_greeting(int number)
{
    const bide_task_options options = {
        .copy = &number,
        .copy_size = sizeof number,
    };
    bide_task *task = bide_create_task_with(greet, NULL, &options);
    if (!task)
        return bide_raise(-ENOMEM, "no memory for greeting %d", number);
    bide_task_detach(task);
    return 0;
}

static int amain(void *arg)
{
    int rc = 0;
    (void)arg;
    for (int i = 1; i <= 3 && rc == 0; i++)
        rc = start_greeting(i); /* the number is gone after each return */
    for (int i = 1; i <= 3 && rc == 0; i++)
        rc = bide_semaphore_acquire(&ended);
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * shield.c — work that is to be finished even if the task that waits for it
 * is cancelled. Try bide_await() in place of the shield: nothing gets saved.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static int save(void *arg)
{
    (void)arg;
    int rc = bide_sleep(0.1); /* a disk, as it were */
    puts(rc == 0 ? "saved" : "not saved");
    return rc;
}

static int work(void *arg)
{
    (void)arg;
    bide_task *saving = bide_create_task(save, NULL);
    bool released;
    int rc = bide_shield(saving, &released);
    if (released)
        return rc; /* of save() itself */
    puts("cancelled while saving, so wait for the rest");
    int saved = bide_await(saving);
    return saved < 0 ? saved : rc;
}

static int amain(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(work, NULL);
    int rc = bide_sleep(0.01);
    bide_task_cancel(task);
    int result = bide_await(task);
    printf("the task: %s\n", bide_errname(result));
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

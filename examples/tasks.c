/* SPDX-License-Identifier: MIT */
/*
 * tasks.c — tasks start when the one that created them waits, and end in
 * their own order. Try bide_await() on each in place of bide_gather().
 */
#include <bide.h>
#include <stdio.h>

struct work {
    const char *name;
    double delay; /* seconds */
    char result[32];
};

static int work(void *arg)
{
    struct work *work = arg;
    printf("Task %s starting\n", work->name);
    int rc = bide_sleep(work->delay);
    if (rc < 0)
        return rc;
    printf("Task %s completed\n", work->name);
    snprintf(work->result, sizeof work->result, "Result from %s", work->name);
    return 0;
}

static int amain(void *arg)
{
    struct work a = {"A", 0.10, ""}, b = {"B", 0.05, ""}, c = {"C", 0.15, ""};
    (void)arg;
    bide_task *tasks[] = {
        bide_create_task(work, &a),
        bide_create_task(work, &b),
        bide_create_task(work, &c),
    };
    int rc = bide_gather(tasks, 3);
    if (rc < 0)
        return rc;
    printf("All results: %s, %s, %s\n", a.result, b.result, c.result);
    return 0;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

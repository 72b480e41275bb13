/* SPDX-License-Identifier: MIT */
/*
 * outcomes.c — three tasks of which one fails; the others go on, and each has
 * its own outcome. Try bide_gather(): then the failure ends the others.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct job {
    const char *name;
    bool should_fail;
};

static int run_job(void *arg)
{
    const struct job *job = arg;
    int rc = bide_sleep(0.05);
    if (rc < 0)
        return rc;
    if (job->should_fail)
        return bide_raise(-EIO, "error in task %s", job->name);
    return 0;
}

static int amain(void *arg)
{
    struct job jobs[] = {{"A", false}, {"B", true}, {"C", false}};
    bide_task *tasks[3];
    bide_outcome outcomes[3];
    (void)arg;
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(run_job, &jobs[i]);
    int rc = bide_gather_outcomes(tasks, 3, outcomes);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 3; i++) {
        if (outcomes[i].code < 0)
            printf("Task %d failed: %s\n", i, outcomes[i].message);
        else
            printf("Task %d successful: %s\n", i, jobs[i].name);
    }
    return 0;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

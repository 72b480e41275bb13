/* SPDX-License-Identifier: MIT */
/*
 * own_executor.c — a library that one thread at a time may use gets a thread
 * of its own. Try two threads: the steps of the jobs mix.
 */
#include <bide.h>
#include <stdio.h>
#include <unistd.h>

struct job {
    bide_executor *executor;
    const char *name;
};

static int use_library(void *arg) /* on the thread: may block */
{
    const struct job *job = arg;
    printf("%s begins\n", job->name);
    usleep(10 * 1000);
    printf("%s ends\n", job->name);
    return 0;
}

static int run_job(void *arg)
{
    struct job *job = arg;
    return bide_run_in_executor(job->executor, use_library, job);
}

static int amain(void *arg)
{
    bide_executor *executor;
    (void)arg;
    int rc = bide_executor_new(1, 100, &executor);
    if (rc < 0)
        return rc;
    struct job jobs[] = {{executor, "first"}, {executor, "second"}};
    bide_task *tasks[] = {bide_create_task(run_job, &jobs[0]),
                          bide_create_task(run_job, &jobs[1])};
    rc = bide_gather(tasks, 2);
    bide_executor_free(executor);
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

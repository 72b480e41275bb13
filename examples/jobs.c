/* SPDX-License-Identifier: MIT */
/*
 * jobs.c — work that outlives the program: jobs in a store, done at least once.
 * Needs bide-jobs. Needs bide-sqlite.
 */
#include <bide.h>
#include <bide/jobs.h>
#include <bide/sqlite.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first attempt fails, as calls over a network do. */
static int send_mail(const bide_job *job, void *arg)
{
    (void)arg;
    printf("attempt %u: mail to %s\n", job->attempt, job->data);
    if (job->attempt == 1)
        return bide_raise(-ETIMEDOUT, "the mail server does not answer");
    return 0;
}

/* What a web server does: the answer need not wait for the mail. */
static int sign_up(bide_jobs *jobs, const char *address)
{
    const bide_job_options options = {.attempts = 5, .backoff = 0.1};
    return bide_jobs_enqueue(jobs, "mail", address, strlen(address),
                             &options);
}

/* What a worker does, in this process or another. */
static int work(bide_jobs *jobs)
{
    const bide_job_route routes[] = {{"mail", send_mail, NULL}};
    bide_timeout timeout;
    bide_timeout_enter(&timeout, 0.5); /* or for ever */
    int rc = bide_timeout_exit(&timeout, bide_jobs_work(jobs, routes, 1, NULL));
    return rc == -ETIME ? 0 : rc;
}

static int amain(void *arg)
{
    (void)arg;
    bide_jobs *jobs;
    bide_jobs_counts counts;
    int rc = bide_jobs_open("sqlite::memory:", NULL, &jobs);
    if (rc < 0)
        return rc;
    rc = sign_up(jobs, "ada@example.org");
    if (rc >= 0)
        rc = work(jobs);
    if (rc >= 0)
        rc = bide_jobs_count(jobs, &counts);
    if (rc >= 0)
        printf("left: %d ready, %d dead\n", (int)counts.ready,
               (int)counts.dead);
    bide_jobs_close(jobs);
    return rc;
}

int main(void)
{
    int rc = bide_sqlite_register();
    return rc < 0 || bide_run(amain, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* gather_test.c — gather, wait and as_completed. */
#include <bide.h>
#include <errno.h>
#include <math.h>

#include "test.h"

struct job {
    double delay;
    int code;
    int seen;
};

static int run_job(void *arg)
{
    struct job *job = arg;
    job->seen = bide_sleep(job->delay);
    if (job->seen < 0)
        return job->seen;
    return job->code < 0 ? bide_raise(job->code, "job %g", job->delay)
                         : job->code;
}

static void start(struct job *jobs, bide_task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(run_job, &jobs[i]);
}

/* ── Gather ───────────────────────────────────────────────────────────── */

static int gather_failing(void *arg)
{
    struct job jobs[] = {{.delay = 10}, {.delay = 1, .code = -EIO},
                         {.delay = 2, .code = -EDOM}};
    bide_task *tasks[3];
    (void)arg;
    start(jobs, tasks, 3);
    CHECK_ERR(bide_gather(tasks, 3), -EIO);
    CHECK_STR(bide_errmsg(-EIO), "job 1");
    CHECK_INT(jobs[0].seen, -ECANCELED);
    CHECK_INT(jobs[2].seen, -ECANCELED);
    return 0;
}

TEST(gather_returns_the_first_error_and_cancels_the_rest)
{
    CHECK_INT(bide_run(gather_failing, NULL), 0);
}

static int gather_ended(void *arg)
{
    struct job jobs[] = {{.delay = 0}, {.delay = 0, .code = -EIO}};
    bide_task *tasks[2];
    (void)arg;
    start(jobs, tasks, 2);
    CHECK_OK(bide_sleep(1));
    CHECK_ERR(bide_gather(tasks, 2), -EIO);
    CHECK_OK(bide_gather(NULL, 0));
    return 0;
}

TEST(gather_takes_tasks_that_have_ended_already)
{
    CHECK_INT(bide_run(gather_ended, NULL), 0);
}

static int gather_missing(void *arg)
{
    struct job job = {.delay = 10};
    (void)arg;
    bide_task *tasks[2] = {bide_create_task(run_job, &job), NULL};
    CHECK_ERR(bide_gather(tasks, 2), -ENOMEM);
    CHECK_INT(job.seen, 0); /* it never ran */
    bide_task *again[2] = {bide_create_task(run_job, &job), NULL};
    bide_outcome outcomes[2];
    CHECK_OK(bide_gather_outcomes(again, 2, outcomes));
    CHECK_INT(outcomes[0].code, 0);
    CHECK_INT(outcomes[1].code, -ENOMEM);
    return 0;
}

TEST(a_task_that_could_not_be_created_is_a_failure)
{
    CHECK_INT(bide_run(gather_missing, NULL), 0);
}

static int gather_two(void *arg)
{
    struct job *jobs = arg;
    bide_task *tasks[2];
    start(jobs, tasks, 2);
    return bide_gather(tasks, 2);
}

static int cancel_gather(void *arg)
{
    struct job jobs[] = {{.delay = 10}, {.delay = 20}};
    (void)arg;
    bide_task *task = bide_create_task(gather_two, jobs);
    CHECK_OK(bide_sleep(1));
    bide_task_cancel(task);
    CHECK_ERR(bide_await(task), -ECANCELED);
    CHECK_INT(jobs[0].seen, -ECANCELED);
    CHECK_INT(jobs[1].seen, -ECANCELED);
    return 0;
}

TEST(cancelling_a_gather_cancels_every_task)
{
    CHECK_INT(bide_run(cancel_gather, NULL), 0);
}

static int gather_outcomes(void *arg)
{
    struct job jobs[] = {{.delay = 3, .code = 4}, {.delay = 1, .code = -EIO},
                         {.delay = 2}};
    bide_task *tasks[3];
    bide_outcome outcomes[3];
    (void)arg;
    start(jobs, tasks, 3);
    bide_task_cancel(tasks[2]);
    CHECK_OK(bide_gather_outcomes(tasks, 3, outcomes));
    CHECK_INT(outcomes[0].code, 4);
    CHECK_STR(outcomes[0].message, "");
    CHECK_INT(outcomes[1].code, -EIO);
    CHECK_STR(outcomes[1].message, "job 1");
    CHECK_INT(outcomes[2].code, -ECANCELED);
    return 0;
}

TEST(outcomes_keep_every_code_and_message)
{
    CHECK_INT(bide_run(gather_outcomes, NULL), 0);
}

/* ── Wait ─────────────────────────────────────────────────────────────── */

static int wait_variants(void *arg)
{
    struct job jobs[] = {{.delay = 1}, {.delay = 2, .code = -EIO},
                         {.delay = 3}, {.delay = 100}};
    bide_task *tasks[4];
    (void)arg;
    start(jobs, tasks, 4);
    CHECK_INT(bide_wait(tasks, 4, BIDE_FIRST_COMPLETED, 0), 0);
    CHECK_INT(bide_wait(tasks, 4, BIDE_FIRST_COMPLETED, (double)INFINITY), 1);
    CHECK(bide_task_done(tasks[0]));
    CHECK_INT(bide_wait(tasks, 4, BIDE_FIRST_EXCEPTION, (double)INFINITY), 2);
    CHECK(bide_task_done(tasks[1]));
    CHECK_INT(bide_wait(tasks, 4, BIDE_ALL_COMPLETED, 5.0), 3);
    CHECK(!bide_task_done(tasks[3]));
    CHECK_ERR(bide_wait(tasks, 4, BIDE_ALL_COMPLETED, -1), -EINVAL);
    CHECK_ERR(bide_wait(tasks, 4, 9, 1), -EINVAL);
    bide_task_cancel(tasks[3]);
    bide_outcome outcomes[4];
    return bide_gather_outcomes(tasks, 4, outcomes);
}

TEST(wait_returns_when_it_was_asked_to)
{
    CHECK_INT(bide_run(wait_variants, NULL), 0);
}

static int wait_for_one(void *arg)
{
    return bide_wait(arg, 1, BIDE_ALL_COMPLETED, (double)INFINITY);
}

static int cancel_wait(void *arg)
{
    struct job job = {.delay = 1, .code = 6};
    (void)arg;
    bide_task *task = bide_create_task(run_job, &job);
    bide_task *waiting = bide_create_task(wait_for_one, &task);
    CHECK_OK(bide_sleep(0.1));
    bide_task_cancel(waiting);
    CHECK_ERR(bide_await(waiting), -ECANCELED);
    CHECK_INT(bide_await(task), 6);
    return 0;
}

TEST(cancelling_a_wait_leaves_the_tasks_alone)
{
    CHECK_INT(bide_run(cancel_wait, NULL), 0);
}

/* ── As completed ─────────────────────────────────────────────────────── */

static int iterate(void *arg)
{
    struct job jobs[] = {{.delay = 3, .code = 30}, {.delay = 1, .code = 10},
                         {.delay = 2, .code = 20}};
    bide_task *tasks[4];
    (void)arg;
    start(jobs, tasks, 3);
    tasks[3] = NULL;
    bide_as_completed iteration;
    bide_as_completed_init(&iteration, tasks, 4);
    bide_task *task;
    int order[4], count = 0, rc;
    while ((rc = bide_as_completed_next(&iteration, &task)) > 0)
        order[count++] = bide_await(task);
    CHECK_INT(rc, 0);
    CHECK_INT(count, 4);
    CHECK_INT(order[0], -ENOMEM);
    CHECK_INT(order[1], 10);
    CHECK_INT(order[2], 20);
    CHECK_INT(order[3], 30);
    bide_as_completed_fini(&iteration);
    return 0;
}

TEST(tasks_are_handed_out_in_the_order_they_end)
{
    CHECK_INT(bide_run(iterate, NULL), 0);
}

static int leave_iteration(void *arg)
{
    struct job jobs[] = {{.delay = 1, .code = 1}, {.delay = 2, .code = 2}};
    bide_task *tasks[2], *task;
    (void)arg;
    start(jobs, tasks, 2);
    bide_as_completed iteration;
    bide_as_completed_init(&iteration, tasks, 2);
    CHECK_INT(bide_as_completed_next(&iteration, &task), 1);
    CHECK(task == tasks[0]);
    CHECK_INT(bide_await(task), 1);
    bide_as_completed_fini(&iteration);
    CHECK_INT(bide_await(tasks[1]), 2); /* it can be awaited as usual */
    return 0;
}

TEST(an_iteration_can_be_left_early)
{
    CHECK_INT(bide_run(leave_iteration, NULL), 0);
}

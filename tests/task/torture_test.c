/* SPDX-License-Identifier: MIT */
/* torture_test.c — tasks, groups and timeouts when anything goes wrong. */
#include <bide.h>
#include <errno.h>
#include <math.h>

#include "helpers/torture.h"
#include "test.h"

static int nap(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int rc = bide_sleep(i * 0.001);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Cleans up with an await of its own when it is cancelled. */
static int nap_and_tidy(void *arg)
{
    int rc = nap(arg);
    if (rc < 0) {
        int tidied = bide_sleep(0);
        return tidied < 0 ? tidied : rc;
    }
    return rc;
}

static int gather_three(void *arg)
{
    bide_task *tasks[] = {
        bide_create_task(nap, arg),
        bide_create_task(nap_and_tidy, arg),
        bide_create_task(nap, arg),
    };
    return bide_gather(tasks, 3);
}

static int gather_nested(void *arg)
{
    bide_task *tasks[] = {
        bide_create_task(gather_three, arg),
        bide_create_task(nap, arg),
    };
    return bide_gather(tasks, 2);
}

TEST(gather_survives_anything)
{
    struct torture_counts counts = torture(gather_nested);
    CHECK(counts.suspensions >= 8);
    CHECK(counts.runs > counts.suspensions);
}

static int collect_outcomes(void *arg)
{
    bide_outcome outcomes[2];
    bide_task *tasks[] = {
        bide_create_task(nap, arg),
        bide_create_task(nap_and_tidy, arg),
    };
    int rc = bide_gather_outcomes(tasks, 2, outcomes);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = outcomes[i].code;
    return rc;
}

TEST(outcomes_survive_anything)
{
    CHECK(torture(collect_outcomes).suspensions >= 4);
}

static int grow_group(void *arg)
{
    bide_group group;
    bide_group_enter(&group);
    bide_group_create_task(&group, nap, arg);
    bide_group_create_task(&group, gather_three, arg);
    int rc = bide_sleep(0.0005);
    if (rc == 0)
        bide_group_create_task(&group, nap_and_tidy, arg);
    return bide_group_exit(&group, rc);
}

TEST(groups_survive_anything)
{
    CHECK(torture(grow_group).suspensions >= 8);
}

static int nest_scopes(void *arg)
{
    bide_timeout outer, inner;
    bide_timeout_enter(&outer, 100);
    bide_timeout_enter(&inner, 0.01);
    int rc = bide_sleep(50);
    rc = bide_timeout_exit(&inner, rc);
    if (rc == -ETIME)
        rc = nap(arg);
    return bide_timeout_exit(&outer, rc);
}

TEST(timeout_scopes_survive_anything)
{
    CHECK(torture(nest_scopes).suspensions >= 3);
}

static int iterate(void *arg)
{
    bide_task *tasks[] = {
        bide_create_task(nap, arg),
        bide_create_task(nap_and_tidy, arg),
        bide_create_task(nap, arg),
    };
    bide_as_completed iteration;
    bide_as_completed_init(&iteration, tasks, 3);
    bide_task *task;
    int rc, first = 0;
    while ((rc = bide_as_completed_next(&iteration, &task)) > 0) {
        for (int i = 0; i < 3; i++)
            if (tasks[i] == task)
                tasks[i] = NULL; /* the handle goes by the await */
        int result = bide_await(task);
        if (first == 0)
            first = result;
    }
    bide_as_completed_fini(&iteration);
    for (int i = 0; i < 3; i++)
        bide_task_cancel(tasks[i]);
    for (int i = 0; i < 3; i++)
        if (tasks[i])
            (void)!bide_await(tasks[i]);
    return rc < 0 ? rc : first;
}

TEST(as_completed_survives_anything)
{
    CHECK(torture(iterate).suspensions >= 6);
}

static int wait_for_some(void *arg)
{
    bide_task *tasks[] = {
        bide_create_task(nap, arg),
        bide_create_task(gather_three, arg),
    };
    int rc = bide_wait(tasks, 2, BIDE_FIRST_COMPLETED, (double)INFINITY);
    int rest = bide_gather(tasks, 2);
    return rc < 0 ? rc : rest;
}

TEST(wait_survives_anything)
{
    CHECK(torture(wait_for_some).suspensions >= 8);
}

static int shield_one(void *arg)
{
    bool released;
    bide_task *task = bide_create_task(nap, arg);
    int rc = bide_shield(task, &released);
    if (!released) {
        int result = bide_await(task); /* it went on */
        return rc < 0 ? rc : result;
    }
    return rc;
}

TEST(shield_survives_anything)
{
    CHECK(torture(shield_one).suspensions >= 3);
}

static void count_end(bide_task *task, void *arg)
{
    (void)task;
    ++*(int *)arg;
}

static int add_callbacks(void *arg)
{
    int ended = 0;
    bide_task *task = bide_create_task(nap, arg);
    int first = bide_task_add_done_callback(task, count_end, &ended);
    int second = bide_task_add_done_callback(task, count_end, &ended);
    int rc = bide_await(task);
    int expected = (first == 0) + (second == 0);
    while (ended < expected)
        (void)!bide_sleep(0); /* they refer to this frame */
    if (first < 0 || second < 0)
        return first < 0 ? first : second;
    return rc;
}

TEST(callbacks_survive_anything)
{
    CHECK(torture(add_callbacks).allocations >= 2);
}

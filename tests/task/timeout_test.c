/* SPDX-License-Identifier: MIT */
/* timeout_test.c — deadline scopes. Runs on virtual time. */
#include <bide.h>
#include <errno.h>
#include <math.h>

#include "test.h"

static int run_sim(bide_coroutine *fn)
{
    const bide_options sim = {.backend = "sim"};
    return bide_run_with(fn, NULL, &sim);
}

static int expire(void *arg)
{
    bide_timeout timeout;
    (void)arg;
    double begin = bide_time();
    bide_timeout_enter(&timeout, 2.5);
    int rc = bide_sleep(100);
    CHECK_INT(rc, -ECANCELED);
    CHECK(bide_timeout_expired(&timeout));
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    CHECK_STR(bide_errmsg(-ETIME), "timed out after 2.5 s");
    CHECK(fabs(bide_time() - begin - 2.5) < 1e-6);
    CHECK_INT(bide_task_cancelling(bide_current_task()), 0);
    return bide_sleep(1);
}

TEST(a_scope_that_expires_turns_its_cancellation_into_etime)
{
    CHECK_INT(run_sim(expire), 0);
}

static int in_time(void *arg)
{
    bide_timeout timeout;
    (void)arg;
    bide_timeout_enter(&timeout, 2.0);
    CHECK_OK(bide_sleep(1.0));
    CHECK(!bide_timeout_expired(&timeout));
    CHECK_INT(bide_timeout_exit(&timeout, 7), 7);
    return bide_sleep(10); /* the deadline is gone */
}

TEST(a_scope_that_is_left_in_time_has_no_effect)
{
    CHECK_INT(run_sim(in_time), 0);
}

static int nest(void *arg)
{
    bide_timeout outer, inner;
    (void)arg;
    bide_timeout_enter(&outer, 1.0);
    bide_timeout_enter(&inner, 5.0);
    int rc = bide_sleep(100);
    rc = bide_timeout_exit(&inner, rc);
    CHECK_INT(rc, -ECANCELED); /* not the inner one's doing */
    rc = bide_timeout_exit(&outer, rc);
    CHECK_INT(rc, -ETIME);
    return 0;
}

TEST(an_outer_deadline_passes_through_an_inner_scope)
{
    CHECK_INT(run_sim(nest), 0);
}

static int at_the_same_time(void *arg)
{
    bide_timeout outer, inner;
    (void)arg;
    bide_timeout_enter(&outer, 1.0);
    bide_timeout_enter_at(&inner, bide_timeout_when(&outer));
    int rc = bide_sleep(100);
    rc = bide_timeout_exit(&inner, rc);
    CHECK_INT(rc, -ECANCELED); /* the outer request is still there */
    rc = bide_timeout_exit(&outer, rc);
    CHECK_INT(rc, -ETIME);
    CHECK_INT(bide_task_cancelling(bide_current_task()), 0);
    return 0;
}

TEST(two_scopes_that_expire_together_blame_the_outer)
{
    CHECK_INT(run_sim(at_the_same_time), 0);
}

static int sleep_in_scope(void *arg)
{
    bide_timeout timeout;
    (void)arg;
    bide_timeout_enter(&timeout, 50);
    int rc = bide_sleep(100);
    return bide_timeout_exit(&timeout, rc);
}

static int cancel_from_outside(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(sleep_in_scope, NULL);
    CHECK_OK(bide_sleep(1));
    bide_task_cancel(task);
    CHECK_ERR(bide_await(task), -ECANCELED);
    return 0;
}

TEST(a_cancellation_from_outside_is_no_timeout)
{
    CHECK_INT(run_sim(cancel_from_outside), 0);
}

static int finish_late(void *arg)
{
    bide_timeout timeout;
    (void)arg;
    bide_timeout_enter(&timeout, 0);
    (void)!bide_sleep(0); /* may come before the deadline is noticed */
    (void)!bide_sleep(0);
    CHECK_INT(bide_timeout_exit(&timeout, 5), 5);
    CHECK_INT(bide_task_cancelling(bide_current_task()), 0);
    return bide_sleep(0);
}

TEST(work_that_finished_counts_though_the_deadline_has_passed)
{
    CHECK_INT(run_sim(finish_late), 0);
}

static int reschedule(void *arg)
{
    bide_timeout timeout;
    (void)arg;
    bide_timeout_enter(&timeout, 1.0);
    bide_timeout_reschedule(&timeout, bide_time() + 10.0);
    CHECK_OK(bide_sleep(5));
    bide_timeout_reschedule(&timeout, (double)INFINITY);
    CHECK(isinf(bide_timeout_when(&timeout)));
    CHECK_OK(bide_sleep(1000));
    bide_timeout_reschedule(&timeout, bide_time() - 1);
    int rc = bide_sleep(1000);
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    return 0;
}

TEST(a_deadline_can_be_moved)
{
    CHECK_INT(run_sim(reschedule), 0);
}

static int sleep_long(void *arg)
{
    (void)arg;
    return bide_sleep(100);
}

static int sleep_short(void *arg)
{
    (void)arg;
    int rc = bide_sleep(0.1);
    return rc < 0 ? rc : 3;
}

static int wait_for(void *arg)
{
    (void)arg;
    CHECK_ERR(bide_wait_for(sleep_long, NULL, 1), -ETIME);
    CHECK_INT(bide_wait_for(sleep_short, NULL, 1), 3);
    CHECK_INT(bide_wait_for(sleep_short, NULL, (double)INFINITY), 3);
    CHECK_ERR(bide_wait_for(sleep_short, NULL, -1), -EINVAL);
    CHECK_ERR(bide_wait_for(sleep_short, NULL, (double)NAN), -EINVAL);
    return 0;
}

TEST(wait_for_bounds_one_call)
{
    CHECK_INT(run_sim(wait_for), 0);
}

static int swallow_timeout(void *arg)
{
    bide_timeout timeout;
    (void)arg;
    bide_timeout_enter(&timeout, 1);
    CHECK_ERR(bide_sleep(10), -ECANCELED);
    CHECK_OK(bide_sleep(10)); /* delivered once: cleaning up may take long */
    CHECK_INT(bide_timeout_exit(&timeout, 0), 0);
    return 0;
}

TEST(a_deadline_is_delivered_once)
{
    CHECK_INT(run_sim(swallow_timeout), 0);
}

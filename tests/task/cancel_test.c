/* SPDX-License-Identifier: MIT */
/* cancel_test.c — cancellation: delivered once, at an await, counted. */
#include <bide.h>
#include <errno.h>
#include <math.h>

#include "test.h"

struct seen {
    int first, second; /* what two awaits in a row gave */
    int runs;
};

static int sleep_twice(void *arg)
{
    struct seen *seen = arg;
    seen->runs++;
    seen->first = bide_sleep(100);
    seen->second = bide_sleep(0.001);
    return seen->first;
}

static int cancel_sleeper(void *arg)
{
    struct seen *seen = arg;
    bide_task *task = bide_create_task(sleep_twice, seen);
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(task));
    CHECK_INT(bide_task_cancelling(task), 1);
    CHECK_ERR(bide_await(task), -ECANCELED);
    return 0;
}

TEST(a_cancellation_is_delivered_once)
{
    struct seen seen = {0};
    CHECK_INT(bide_run(cancel_sleeper, &seen), 0);
    CHECK_INT(seen.first, -ECANCELED);
    CHECK_INT(seen.second, 0);
}

static int cancel_before_start(void *arg)
{
    struct seen *seen = arg;
    bide_task *task = bide_create_task(sleep_twice, seen);
    CHECK(bide_task_cancel(task));
    CHECK_ERR(bide_await(task), -ECANCELED);
    return 0;
}

TEST(a_task_that_has_not_started_never_runs)
{
    struct seen seen = {0};
    CHECK_INT(bide_run(cancel_before_start, &seen), 0);
    CHECK_INT(seen.runs, 0);
}

static int cancel_itself(void *arg)
{
    struct seen *seen = arg;
    CHECK(bide_task_cancel(bide_current_task()));
    seen->first = bide_sleep(0);
    seen->second = bide_sleep(0);
    return 0;
}

TEST(a_task_that_cancels_itself_feels_it_at_its_next_await)
{
    struct seen seen = {0};
    CHECK_INT(bide_run(cancel_itself, &seen), 0);
    CHECK_INT(seen.first, -ECANCELED);
    CHECK_INT(seen.second, 0);
}

static int yield_forever(void *arg)
{
    int rc;
    while ((rc = bide_sleep(0)) == 0)
        ++*(int *)arg;
    return rc;
}

static int cancel_yielding(void *arg)
{
    bide_task *task = bide_create_task(yield_forever, arg);
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(task)); /* it is ready, not parked */
    CHECK_ERR(bide_await(task), -ECANCELED);
    return 0;
}

TEST(a_ready_task_is_cancelled_at_the_await_it_is_in)
{
    int count = 0;
    CHECK_INT(bide_run(cancel_yielding, &count), 0);
    CHECK_INT(count, 2);
}

static int sleep_long(void *arg)
{
    (void)arg;
    return bide_sleep(1000);
}

static int await_sleeper(void *arg)
{
    bide_task **inner = arg;
    *inner = bide_create_task(sleep_long, NULL);
    bide_task_ref(*inner);
    return bide_await(*inner);
}

static int cancel_chain(void *arg)
{
    bide_task *inner;
    (void)arg;
    bide_task *outer = bide_create_task(await_sleeper, &inner);
    CHECK_OK(bide_sleep(0));
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(outer));
    CHECK_ERR(bide_await(outer), -ECANCELED);
    CHECK(bide_task_cancelled(inner));
    bide_task_unref(inner);
    return 0;
}

TEST(cancelling_an_awaiting_task_cancels_the_awaited)
{
    CHECK_INT(bide_run(cancel_chain, NULL), 0);
}

static int swallow(void *arg)
{
    (void)arg;
    CHECK_ERR(bide_sleep(1000), -ECANCELED);
    CHECK_INT(bide_task_uncancel(bide_current_task()), 0);
    return 17;
}

static int await_swallower(void *arg)
{
    (void)arg;
    int rc = bide_await(bide_create_task(swallow, NULL));
    CHECK_INT(rc, 17);
    return rc;
}

static int cancel_swallower(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(await_swallower, NULL);
    CHECK_OK(bide_sleep(0));
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(task));
    CHECK_INT(bide_await(task), 17);
    return 0;
}

TEST(a_child_that_swallows_its_cancellation_ends_normally)
{
    CHECK_INT(bide_run(cancel_swallower, NULL), 0);
}

static int take_back(void *arg)
{
    (void)arg;
    bide_task *self = bide_current_task();
    bide_task_cancel(self);
    bide_task_cancel(self);
    CHECK_INT(bide_task_cancelling(self), 2);
    CHECK_INT(bide_task_uncancel(self), 1);
    CHECK_INT(bide_task_uncancel(self), 0);
    CHECK_INT(bide_task_uncancel(self), 0);
    return bide_sleep(0); /* nothing is left to deliver */
}

TEST(uncancel_to_zero_drops_an_undelivered_request)
{
    CHECK_INT(bide_run(take_back, NULL), 0);
}

static int end_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static int cancel_ended(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(end_at_once, NULL);
    CHECK_OK(bide_sleep(0));
    CHECK(!bide_task_cancel(task));
    CHECK(!bide_task_cancelled(task));
    return bide_await(task);
}

TEST(a_task_that_has_ended_cannot_be_cancelled)
{
    CHECK_INT(bide_run(cancel_ended, NULL), 0);
}

/* ── Shield ───────────────────────────────────────────────────────────── */

static int sleep_little(void *arg)
{
    int rc = bide_sleep(0.01);
    return rc < 0 ? rc : *(int *)arg;
}

static int shield_it(void *arg)
{
    bool released = true;
    int rc = bide_shield(arg, &released);
    CHECK(!released);
    return rc;
}

static int cancel_shielding(void *arg)
{
    bide_task *inner = bide_create_task(sleep_little, arg);
    bide_task *outer = bide_create_task(shield_it, inner);
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(outer));
    CHECK_ERR(bide_await(outer), -ECANCELED);
    CHECK(!bide_task_done(inner));
    CHECK_INT(bide_task_cancelling(inner), 0);
    CHECK_INT(bide_await(inner), 23);
    return 0;
}

TEST(a_shielded_task_survives_the_cancellation_of_who_awaits_it)
{
    int value = 23;
    CHECK_INT(bide_run(cancel_shielding, &value), 0);
}

static int shield_to_the_end(void *arg)
{
    bool released = false;
    CHECK_INT(bide_shield(bide_create_task(sleep_little, arg), &released), 23);
    CHECK(released);
    return 0;
}

TEST(shield_returns_the_result_and_releases_the_handle)
{
    int value = 23;
    CHECK_INT(bide_run(shield_to_the_end, &value), 0);
}

/* ── Sleep ────────────────────────────────────────────────────────────── */

static int sleep_badly(void *arg)
{
    (void)arg;
    CHECK_ERR(bide_sleep(-1), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "delay is -1 s, must be at least 0");
    CHECK_ERR(bide_sleep((double)NAN), -EINVAL);
    return 0;
}

TEST(a_delay_that_is_no_delay_is_refused)
{
    CHECK_INT(bide_run(sleep_badly, NULL), 0);
}

static int sleep_forever(void *arg)
{
    (void)arg;
    return bide_sleep((double)INFINITY);
}

static int cancel_forever(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(sleep_forever, NULL);
    CHECK_OK(bide_sleep(0.001));
    CHECK(bide_task_cancel(task));
    CHECK_ERR(bide_await(task), -ECANCELED);
    return 0;
}

TEST(sleeping_for_ever_ends_by_cancellation)
{
    CHECK_INT(bide_run(cancel_forever, NULL), 0);
}

static int sleep_an_hour(void *arg)
{
    double *took = arg;
    double begin = bide_time();
    int rc = bide_sleep(3600);
    *took = bide_time() - begin;
    return rc;
}

TEST(an_hour_of_virtual_time_takes_no_time)
{
    const bide_options sim = {.backend = "sim"};
    double took = 0;
    CHECK_INT(bide_run_with(sleep_an_hour, &took, &sim), 0);
    CHECK(took >= 3600 && took < 3600.001);
}

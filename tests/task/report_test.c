/* SPDX-License-Identifier: MIT */
/* report_test.c — what is reported where nobody could be told. */
#include <bide.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "test.h"

static char reported[8][400];
static int count;

static void keep(const bide_report *report, void *data)
{
    (void)data;
    if (count < 8)
        snprintf(reported[count], sizeof reported[count], "%s", report->text);
    count++;
}

static int run_reporting(bide_coroutine *fn, bool debug)
{
    const bide_options options = {.debug = debug, .slow_callback = 0.02};
    bide_loop *loop;
    count = 0;
    memset(reported, 0, sizeof reported);
    int rc = bide_loop_new(&options, &loop);
    if (rc < 0)
        return rc;
    bide_set_exception_handler(loop, keep, NULL);
    rc = bide_loop_run_until_complete(loop, fn, NULL);
    bide_loop_close(loop);
    return rc;
}

static int fail(void *arg)
{
    (void)arg;
    return bide_raise(-EIO, "the disk");
}

static int forget_failure(void *arg)
{
    const bide_task_options named = {.name = "lost", .detached = true};
    (void)arg;
    bide_create_task_with(fail, NULL, &named);
    return bide_sleep(0.001);
}

TEST(an_error_that_nobody_retrieved_is_reported)
{
    CHECK_OK(run_reporting(forget_failure, false));
    CHECK_INT(count, 1);
    CHECK_STR(reported[0], "task 'lost' ended with EIO (the disk) and nobody "
                           "awaited it");
}

static bide_task *unreleased;

static int keep_handle(void *arg)
{
    (void)arg;
    unreleased = bide_create_task(fail, NULL);
    return bide_sleep(0.001);
}

TEST(an_error_behind_a_handle_is_reported_at_the_loops_end)
{
    CHECK_OK(run_reporting(keep_handle, false));
    CHECK_INT(count, 1);
    CHECK(strstr(reported[0], "EIO (the disk) and nobody awaited it") != NULL);
}

static int retrieve(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(fail, NULL);
    CHECK_OK(bide_sleep(0));
    CHECK_INT(bide_task_result(task), -EIO);
    bide_task_detach(task);
    return 0;
}

TEST(a_result_that_was_asked_for_is_not_reported)
{
    CHECK_OK(run_reporting(retrieve, true));
    CHECK_INT(count, 0);
}

static int be_slow(void *arg)
{
    const struct timespec pause = {.tv_nsec = 40 * 1000 * 1000};
    (void)arg;
    int rc = bide_sleep(0);
    nanosleep(&pause, NULL);
    return rc;
}

static int await_slow(void *arg)
{
    const bide_task_options named = {.name = "sloth"};
    (void)arg;
    return bide_await(bide_create_task_with(be_slow, NULL, &named));
}

TEST(a_slow_step_is_reported_in_debug_mode)
{
    CHECK_OK(run_reporting(await_slow, true));
    CHECK_INT(count, 1);
    CHECK(strstr(reported[0], "task 'sloth' ran for 0.0") != NULL);
    CHECK(strstr(reported[0], "bide_sleep()") != NULL);
    CHECK_OK(run_reporting(await_slow, false));
    CHECK_INT(count, 0);
}

static int swallow(void *arg)
{
    (void)arg;
    (void)!bide_sleep(100);
    return 1;
}

static int cancel_swallower(void *arg)
{
    const bide_task_options named = {.name = "glutton"};
    (void)arg;
    bide_task *task = bide_create_task_with(swallow, NULL, &named);
    CHECK_OK(bide_sleep(0));
    bide_task_cancel(task);
    return bide_await(task);
}

TEST(a_swallowed_cancellation_is_reported_with_its_place)
{
    CHECK_INT(run_reporting(cancel_swallower, true), 1);
    CHECK_INT(count, 1);
    CHECK(strstr(reported[0], "task 'glutton' swallowed its cancellation"));
    CHECK(strstr(reported[0], "last in bide_sleep()"));
    CHECK_INT(run_reporting(cancel_swallower, false), 1);
    CHECK_INT(count, 0);
}

static int sleep_long(void *arg)
{
    (void)arg;
    return bide_sleep(1000);
}

static int leave_pending(void *arg)
{
    const bide_task_options named = {.name = "left", .detached = true};
    (void)arg;
    bide_create_task_with(sleep_long, NULL, &named);
    return bide_sleep(0);
}

TEST(tasks_still_pending_at_the_end_are_reported_in_debug_mode)
{
    CHECK_OK(run_reporting(leave_pending, true));
    CHECK_INT(count, 1);
    CHECK_STR(reported[0], "task 'left' is still pending, in bide_sleep(), "
                           "and will be cancelled");
}

static int leave_stream_open(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    int rc = bide_stream_pair(pair);
    if (rc == 0)
        bide_stream_close(pair[0]);
    return rc;
}

TEST(a_stream_left_open_is_closed_and_reported)
{
    CHECK_OK(run_reporting(leave_stream_open, true));
    CHECK_INT(count, 1);
    CHECK(strstr(reported[0], "a stream was never closed") != NULL);
}

/* SPDX-License-Identifier: MIT */
/* misuse_test.c — misuse ends in a message that says what to do instead. */
#include <bide.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "test.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return bide_sleep(1000);
}

static void sleep_outside(void)
{
    (void)!bide_sleep(1);
}

TEST(awaiting_outside_a_task)
{
    CHECK_DIES(sleep_outside, "bide_sleep() was called outside a task");
    CHECK_DIES(sleep_outside, "call it from a coroutine");
}

static void create_outside(void)
{
    (void)!bide_create_task(nothing, NULL);
}

TEST(creating_a_task_without_a_loop)
{
    CHECK_DIES(create_outside,
               "bide_create_task() was called while no loop runs");
}

static int run_nested(void *arg)
{
    (void)arg;
    return bide_run(nothing, NULL);
}

static void nest_runs(void)
{
    (void)!bide_run(run_nested, NULL);
}

TEST(running_a_loop_within_a_loop)
{
    CHECK_DIES(nest_runs,
               "bide_run() was called while a loop runs on this thread");
    CHECK_DIES(nest_runs, "start it with bide_create_task()");
}

static int await_other(void *arg)
{
    return bide_await(arg);
}

static int await_twice(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(sleep_long, NULL);
    bide_task *first = bide_create_task(await_other, task);
    bide_task *second = bide_create_task(await_other, task);
    bide_task *both[] = {first, second};
    return bide_gather(both, 2);
}

static void double_await(void)
{
    (void)!bide_run(await_twice, NULL);
}

TEST(awaiting_a_task_that_another_awaits)
{
    CHECK_DIES(double_await, "which is already awaited; let one task await");
}

static int await_itself(void *arg)
{
    (void)arg;
    return bide_await(bide_current_task());
}

static void self_await(void)
{
    (void)!bide_run(await_itself, NULL);
}

TEST(awaiting_oneself)
{
    CHECK_DIES(self_await, "for itself, which would wait for ever");
}

static int use_released(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(nothing, NULL);
    int rc = bide_await(task);
    return rc < 0 ? rc : bide_await(task);
}

static void use_after_release(void)
{
    (void)!bide_run(use_released, NULL);
}

TEST(using_a_handle_after_its_release)
{
    CHECK_DIES(use_after_release, "whose handle has been released");
}

static void sleep_here(void *arg)
{
    (void)arg;
    (void)!bide_sleep(1);
}

static int call_sleeper(void *arg)
{
    (void)arg;
    int rc = bide_loop_call_soon(bide_loop_current(), NULL, sleep_here, NULL);
    return rc < 0 ? rc : bide_sleep(1);
}

static void suspend_in_callback(void)
{
    (void)!bide_run(call_sleeper, NULL);
}

TEST(suspending_in_a_callback)
{
    CHECK_DIES(suspend_in_callback, "from a callback, which cannot suspend");
}

static void *cancel_from_thread(void *arg)
{
    bide_task_cancel(arg);
    return NULL;
}

static int use_thread(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(sleep_long, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_from_thread, task);
    pthread_join(thread, NULL);
    return bide_await(task);
}

static void call_on_wrong_thread(void)
{
    (void)!bide_run(use_thread, NULL);
}

TEST(calling_from_the_wrong_thread)
{
    CHECK_DIES(call_on_wrong_thread, "of another thread's loop");
}

static int exit_scope_twice(void *arg)
{
    bide_timeout timeout;
    (void)arg;
    bide_timeout_enter(&timeout, 1);
    int rc = bide_timeout_exit(&timeout, 0);
    return rc < 0 ? rc : bide_timeout_exit(&timeout, 0);
}

static void double_exit(void)
{
    (void)!bide_run(exit_scope_twice, NULL);
}

TEST(leaving_a_timeout_twice)
{
    CHECK_DIES(double_exit, "exit it there, once");
}

static int skip_one(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    bide_stream_skip(pair[0], 1);
    return 0;
}

static void skip_too_much(void)
{
    (void)!bide_run(skip_one, NULL);
}

TEST(skipping_more_than_was_shown)
{
    CHECK_DIES(skip_too_much, "was asked to skip 1 bytes of 0");
}

/* SPDX-License-Identifier: MIT */
/* loop_test.c — loops as objects, and callbacks. */
#include <bide.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "test.h"

static char log_text[32];

static void note(void *arg)
{
    strncat(log_text, arg, sizeof log_text - strlen(log_text) - 1);
}

static void stop(void *arg)
{
    bide_loop_stop(arg);
}

static int return_arg(void *arg)
{
    int rc = bide_sleep(0.001);
    return rc < 0 ? rc : *(int *)arg;
}

TEST(a_loop_runs_coroutines_one_after_the_other)
{
    bide_loop *loop;
    int one = 1, two = 2;
    if (!CHECK_OK(bide_loop_new(NULL, &loop)))
        return;
    CHECK(bide_loop_current() == NULL);
    CHECK_INT(bide_loop_run_until_complete(loop, return_arg, &one), 1);
    CHECK_INT(bide_loop_run_until_complete(loop, return_arg, &two), 2);
    bide_loop_close(loop);
}

TEST(callbacks_run_in_the_order_of_their_scheduling)
{
    bide_loop *loop;
    if (!CHECK_OK(bide_loop_new(NULL, &loop)))
        return;
    log_text[0] = '\0';
    CHECK_OK(bide_loop_call_later(loop, NULL, 0.002, note, "5"));
    CHECK_OK(bide_loop_call_later(loop, NULL, 0.001, note, "4"));
    CHECK_OK(bide_loop_call_later(loop, NULL, 0.003, stop, loop));
    CHECK_OK(bide_loop_call_soon(loop, NULL, note, "1"));
    CHECK_OK(bide_loop_call_soon(loop, NULL, note, "2"));
    CHECK_OK(bide_loop_call_at(loop, NULL, 0, note, "3"));
    CHECK_OK(bide_loop_run_forever(loop));
    CHECK_STR(log_text, "12345");
    bide_loop_close(loop);
}

TEST(a_callback_can_be_cancelled_by_its_handle)
{
    bide_loop *loop;
    bide_handle soon = {0}, later = {0}, never = {0};
    if (!CHECK_OK(bide_loop_new(NULL, &loop)))
        return;
    log_text[0] = '\0';
    CHECK_OK(bide_loop_call_soon(loop, &soon, note, "s"));
    CHECK_OK(bide_loop_call_later(loop, &later, 0.001, note, "l"));
    CHECK(!bide_handle_cancel(&never));
    CHECK(bide_handle_cancel(&soon));
    CHECK(!bide_handle_cancel(&soon));
    CHECK(bide_handle_cancel(&later));
    CHECK(!bide_handle_cancel(&later));
    CHECK_OK(bide_loop_call_later(loop, NULL, 0.002, stop, loop));
    CHECK_OK(bide_loop_run_forever(loop));
    CHECK_STR(log_text, "");
    CHECK_OK(bide_loop_call_soon(loop, &soon, note, "again"));
    CHECK_OK(bide_loop_call_soon(loop, NULL, stop, loop));
    CHECK_OK(bide_loop_run_forever(loop));
    CHECK_STR(log_text, "again");
    bide_loop_close(loop);
}

TEST(a_handle_is_the_callers_again_as_soon_as_it_is_cancelled)
{
    bide_loop *loop;
    bide_handle first = {0}, middle = {0}, last = {0};
    if (!CHECK_OK(bide_loop_new(NULL, &loop)))
        return;
    log_text[0] = '\0';
    CHECK_OK(bide_loop_call_soon(loop, &first, note, "f"));
    CHECK_OK(bide_loop_call_soon(loop, &middle, note, "m"));
    CHECK_OK(bide_loop_call_soon(loop, &last, note, "l"));
    CHECK(bide_handle_cancel(&middle));
    CHECK(bide_handle_cancel(&last));
    CHECK(bide_handle_cancel(&first));
    memset(&first, 0xff, sizeof first);
    memset(&last, 0xff, sizeof last);
    CHECK_OK(bide_loop_call_soon(loop, &middle, note, "again"));
    CHECK_OK(bide_loop_call_soon(loop, NULL, stop, loop));
    CHECK_OK(bide_loop_run_forever(loop));
    CHECK_STR(log_text, "again");
    bide_loop_close(loop);
}

static int stop_and_go_on(void *arg)
{
    bide_loop_stop(bide_loop_current());
    int rc = bide_sleep(0.001);
    *(int *)arg = rc;
    return rc;
}

TEST(stopping_a_loop_leaves_its_coroutine_to_the_next_run)
{
    bide_loop *loop;
    int slept = 1, one = 1;
    if (!CHECK_OK(bide_loop_new(NULL, &loop)))
        return;
    CHECK_ERR(bide_loop_run_until_complete(loop, stop_and_go_on, &slept),
              BIDE_E_INVALID_STATE);
    CHECK_STR(bide_errmsg(BIDE_E_INVALID_STATE),
              "the loop was stopped before the coroutine had ended");
    CHECK_INT(slept, 1);
    CHECK_OK(bide_loop_call_later(loop, NULL, 0.01, stop, loop));
    CHECK_OK(bide_loop_run_forever(loop));
    CHECK_INT(slept, 0);
    CHECK_INT(bide_loop_run_until_complete(loop, return_arg, &one), 1);
    bide_loop_close(loop);
}

TEST(stopping_the_loop_of_bide_run_cancels_main)
{
    int slept = 1;
    CHECK_ERR(bide_run(stop_and_go_on, &slept), BIDE_E_INVALID_STATE);
    CHECK_INT(slept, -ECANCELED);
}

TEST(a_bad_delay_is_refused)
{
    bide_loop *loop;
    if (!CHECK_OK(bide_loop_new(NULL, &loop)))
        return;
    CHECK_ERR(bide_loop_call_later(loop, NULL, -1, note, ""), -EINVAL);
    CHECK_ERR(bide_loop_call_at(loop, NULL, (double)NAN, note, ""), -EINVAL);
    CHECK_ERR(bide_loop_step(loop, -1), -EINVAL);
    bide_loop_close(loop);
}

TEST(a_loop_can_be_driven_step_by_step)
{
    bide_loop *loop;
    if (!CHECK_OK(bide_loop_new(NULL, &loop)))
        return;
    log_text[0] = '\0';
    CHECK_OK(bide_loop_call_later(loop, NULL, 0.001, note, "x"));
    int steps = 0;
    while (log_text[0] == '\0' && steps++ < 1000)
        CHECK_OK(bide_loop_step(loop, 1.0));
    CHECK(steps < 10);
    bide_loop_close(loop);
}

TEST(options_of_a_loop_are_checked)
{
    bide_loop *loop;
    const bide_options huge = {.stack_size = (size_t)2 << 30};
    CHECK_ERR(bide_loop_new(&huge, &loop), -EINVAL);
    const bide_options unknown = {.backend = "windows"};
    CHECK_ERR(bide_loop_new(&unknown, &loop), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "unknown backend 'windows', use 'uring', "
                                    "'epoll' or 'sim'");
}

static int note_order(void *arg)
{
    note(arg);
    return 0;
}

static int start_three(void *arg)
{
    (void)arg;
    bide_task *tasks[] = {
        bide_create_task(note_order, "a"), bide_create_task(note_order, "b"),
        bide_create_task(note_order, "c"), bide_create_task(note_order, "d"),
        bide_create_task(note_order, "e"), bide_create_task(note_order, "f"),
    };
    return bide_gather(tasks, 6);
}

TEST(a_seed_shuffles_the_schedule_and_repeats_it)
{
    char orders[8][sizeof log_text];
    int different = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const bide_options sim = {.backend = "sim", .seed = seed};
        for (int again = 0; again < 2; again++) {
            log_text[0] = '\0';
            CHECK_OK(bide_run_with(start_three, NULL, &sim));
            CHECK_INT(strlen(log_text), 6);
            strcpy(orders[2 * (seed - 1) + (uint64_t)again], log_text);
        }
        CHECK_STR(orders[2 * (seed - 1)], orders[2 * (seed - 1) + 1]);
        different += strcmp(orders[2 * (seed - 1)], "abcdef") != 0;
    }
    CHECK(different >= 3);
}

TEST(without_a_seed_the_schedule_is_first_come_first_served)
{
    const bide_options sim = {.backend = "sim"};
    log_text[0] = '\0';
    CHECK_OK(bide_run_with(start_three, NULL, &sim));
    CHECK_STR(log_text, "abcdef");
}

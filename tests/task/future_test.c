/* SPDX-License-Identifier: MIT */
/* future_test.c — one outcome, for all that await it. */
#include <bide/future.h>
#include <bide/group.h>
#include <bide/loop.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static bide_future future;
static int answer = 42;

/* Notes what it got: v for the value, e for an error, c for -ECANCELED. */
static int awaiter(void *arg)
{
    (void)arg;
    void *value = NULL;
    int rc = bide_future_await(&future, &value);
    journal_add(rc == -ECANCELED ? 'c' : rc < 0 ? 'e' : 'v');
    CHECK(rc < 0 ? value == NULL : value == &answer);
    return rc;
}

static int shielder(void *arg)
{
    (void)arg;
    void *value = NULL;
    int rc = bide_future_shield(&future, &value);
    journal_add(rc == -ECANCELED ? 'C' : rc < 0 ? 'E' : 'V');
    return rc;
}

/* ── Results and errors ───────────────────────────────────────────────── */

static int amain_gets_a_result(void *arg)
{
    (void)arg;
    void *value = NULL;
    bide_task *tasks[3];
    bide_future_init(&future);
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(awaiter, NULL);
    settle();
    CHECK(!bide_future_done(&future));
    CHECK_ERR(bide_future_result(&future, &value), BIDE_E_INVALID_STATE);
    CHECK_ERR(bide_future_exception(&future), BIDE_E_INVALID_STATE);
    CHECK_OK(bide_future_set_result(&future, &answer));
    bide_future_fini(&future);
    memset(&future, 0xee, sizeof future); /* nobody needs it any more */
    CHECK_OK(bide_gather(tasks, 3));
    CHECK_STR(journal_take(), "vvv");
    return 0;
}

TEST(all_that_await_a_future_get_its_result)
{
    run(amain_gets_a_result);
}

static int amain_looks_at_a_result(void *arg)
{
    (void)arg;
    void *value = NULL;
    bide_future_init(&future);
    CHECK_OK(bide_future_set_result(&future, &answer));
    CHECK(bide_future_done(&future));
    CHECK(!bide_future_cancelled(&future));
    CHECK_OK(bide_future_result(&future, &value));
    CHECK(value == &answer);
    value = NULL;
    CHECK_OK(bide_future_await(&future, &value)); /* does not wait */
    CHECK(value == &answer);
    CHECK_OK(bide_future_await(&future, NULL));
    CHECK_INT(bide_future_exception(&future), 0);
    CHECK_ERR(bide_future_set_result(&future, NULL), BIDE_E_INVALID_STATE);
    CHECK_ERR(bide_future_set_exception(&future, -EIO), BIDE_E_INVALID_STATE);
    CHECK(!bide_future_cancel(&future));
    CHECK_OK(bide_future_result(&future, &value)); /* nothing has changed */
    CHECK(value == &answer);
    bide_future_fini(&future);
    return 0;
}

TEST(a_future_is_done_once_and_can_be_asked_again)
{
    run(amain_looks_at_a_result);
}

static int failing(void *arg)
{
    (void)arg;
    int rc = bide_future_await(&future, NULL);
    CHECK_ERR(rc, -EPROTO);
    CHECK_STR(bide_errmsg(rc), "line 7 is not a header");
    journal_add('e');
    return 0;
}

static int amain_gets_an_error(void *arg)
{
    (void)arg;
    bide_future_init(&future);
    bide_task *a = bide_create_task(failing, NULL);
    bide_task *b = bide_create_task(failing, NULL);
    settle();
    int rc = bide_raise(-EPROTO, "line %d is not a header", 7);
    CHECK_OK(bide_future_set_exception(&future, rc));
    (void)bide_raise(-EIO, "of no interest");
    CHECK_OK(bide_await(a));
    CHECK_OK(bide_await(b));
    CHECK_STR(journal_take(), "ee");
    CHECK_ERR(bide_future_result(&future, NULL), -EPROTO);
    CHECK_STR(bide_errmsg(-EPROTO), "line 7 is not a header");
    CHECK_ERR(bide_future_exception(&future), -EPROTO);
    CHECK(!bide_future_cancelled(&future));
    bide_future_fini(&future);
    return 0;
}

TEST(an_error_brings_its_message_to_all_that_await_it)
{
    run(amain_gets_an_error);
}

/* ── Reports ──────────────────────────────────────────────────────────── */

static char reported[300];

static void keep_report(const bide_report *report, void *data)
{
    (void)data;
    snprintf(reported, sizeof reported, "%s", report->text);
}

static int amain_forgets_an_error(void *arg)
{
    (void)arg;
    reported[0] = '\0';
    bide_set_exception_handler(bide_loop_current(), keep_report, NULL);
    bide_future_init(&future);
    CHECK_OK(bide_future_set_exception(
        &future, bide_raise(-EIO, "block 9 is unreadable")));
    bide_future_fini(&future);
    CHECK_STR(reported, "a future ended with EIO (block 9 is unreadable) and "
                        "nobody asked for its result");
    reported[0] = '\0';
    bide_future_init(&future);
    CHECK_OK(bide_future_set_exception(&future, -EIO));
    CHECK_ERR(bide_future_exception(&future), -EIO);
    bide_future_fini(&future);
    bide_future_init(&future);
    CHECK(bide_future_cancel(&future));
    bide_future_fini(&future);
    CHECK_STR(reported, ""); /* these two were nobody's mistake */
    return 0;
}

TEST(an_error_that_nobody_asks_for_is_reported)
{
    run(amain_forgets_an_error);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static int amain_cancels_one_of_many(void *arg)
{
    (void)arg;
    bide_future_init(&future);
    bide_task *a = bide_create_task(awaiter, NULL);
    bide_task *b = bide_create_task(awaiter, NULL);
    settle();
    (void)bide_task_cancel(a);
    CHECK(bide_future_cancelled(&future));
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_ERR(bide_await(b), -ECANCELED);
    CHECK_STR(journal_take(), "cc");
    CHECK_ERR(bide_future_result(&future, NULL), -ECANCELED);
    CHECK_ERR(bide_future_set_result(&future, NULL), BIDE_E_INVALID_STATE);
    bide_future_fini(&future);
    return 0;
}

TEST(cancelling_an_awaiting_task_cancels_the_future)
{
    run(amain_cancels_one_of_many);
}

static int amain_shields(void *arg)
{
    (void)arg;
    bide_future_init(&future);
    bide_task *a = bide_create_task(shielder, NULL);
    bide_task *b = bide_create_task(shielder, NULL);
    settle();
    (void)bide_task_cancel(a);
    CHECK(!bide_future_done(&future));
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_OK(bide_future_set_result(&future, &answer));
    CHECK_OK(bide_await(b));
    CHECK_OK(shielder(NULL));
    CHECK_STR(journal_take(), "CVV");
    bide_future_fini(&future);
    return 0;
}

TEST(a_shielded_future_outlives_the_cancellation_of_who_awaits_it)
{
    run(amain_shields);
}

static int amain_cancels_after_the_result(void *arg)
{
    (void)arg;
    void *value = NULL;
    bide_future_init(&future);
    bide_task *a = bide_create_task(awaiter, NULL);
    settle();
    CHECK_OK(bide_future_set_result(&future, &answer));
    (void)bide_task_cancel(a);
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_OK(bide_future_result(&future, &value)); /* it is not lost */
    CHECK(value == &answer);
    CHECK_STR(journal_take(), "c");
    bide_future_fini(&future);
    return 0;
}

TEST(a_result_survives_the_cancellation_of_who_was_woken_for_it)
{
    run(amain_cancels_after_the_result);
}

static int amain_with_a_pending_request(void *arg)
{
    (void)arg;
    bide_task *self = bide_current_task();
    bide_future_init(&future);
    (void)bide_task_cancel(self);
    CHECK_ERR(bide_future_shield(&future, NULL), -ECANCELED);
    CHECK(!bide_future_done(&future));
    (void)bide_task_cancel(self);
    CHECK_ERR(bide_future_await(&future, NULL), -ECANCELED);
    CHECK(bide_future_cancelled(&future));
    (void)bide_task_uncancel(self);
    (void)bide_task_uncancel(self);
    bide_future_fini(&future);
    return 0;
}

TEST(a_pending_cancellation_reaches_the_future_but_not_through_a_shield)
{
    run(amain_with_a_pending_request);
}

/* ── Callbacks ────────────────────────────────────────────────────────── */

static void note_done(bide_future *done, void *arg)
{
    CHECK(bide_future_done(done));
    CHECK(!bide_current_task());
    journal_add(*(const char *)arg);
}

static void end_future(bide_future *done, void *arg)
{
    bide_future_fini(done);
    memset(done, 0xee, sizeof *done);
    journal_add(*(const char *)arg);
}

static int add(const char *letter)
{
    return bide_future_add_done_callback(&future, note_done,
                                         (void *)(uintptr_t)letter);
}

static int amain_calls_back(void *arg)
{
    (void)arg;
    static const char b[] = "b";
    bide_future_init(&future);
    CHECK_OK(add("a"));
    CHECK_OK(add(b));
    CHECK_OK(add(b));
    CHECK_OK(add("c"));
    CHECK_INT(bide_future_remove_done_callback(&future, note_done,
                                               (void *)(uintptr_t)b),
              2);
    CHECK_OK(bide_future_set_result(&future, NULL));
    CHECK_STR(journal_take(), ""); /* not before the loop's next turn */
    CHECK_INT(bide_future_remove_done_callback(&future, note_done, NULL), 0);
    CHECK_OK(add("d")); /* though it is done already */
    settle();
    CHECK_STR(journal_take(), "acd");
    CHECK_OK(bide_future_add_done_callback(&future, end_future,
                                           (void *)(uintptr_t)"x"));
    settle();
    CHECK_STR(journal_take(), "x");
    return 0;
}

TEST(callbacks_are_called_by_the_loop_in_the_order_of_adding)
{
    run(amain_calls_back);
}

static int amain_ends_futures_with_callbacks(void *arg)
{
    (void)arg;
    bide_future_init(&future);
    CHECK_OK(add("p")); /* pending */
    bide_future_fini(&future);
    bide_future_init(&future);
    CHECK_OK(add("s"));
    CHECK_OK(bide_future_set_result(&future, NULL)); /* scheduled */
    bide_future_fini(&future);
    memset(&future, 0xee, sizeof future);
    settle();
    CHECK_STR(journal_take(), "");
    return 0;
}

TEST(a_future_that_has_ended_calls_nobody_back)
{
    run(amain_ends_futures_with_callbacks);
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static int amain_ends_a_future_in_use(void *arg)
{
    (void)arg;
    bide_future_init(&future);
    bide_task_detach(bide_create_task(awaiter, NULL));
    settle();
    bide_future_fini(&future);
    return 0;
}

static void end_while_awaited(void)
{
    run(amain_ends_a_future_in_use);
}

static void fail_with_success(void)
{
    bide_future_init(&future);
    (void)!bide_future_set_exception(&future, 1);
}

TEST(misuse_of_a_future_ends_the_program)
{
    CHECK_DIES(end_while_awaited, "bide_future_fini() was called while task "
                                  "'Task-2' waits");
    CHECK_DIES(fail_with_success,
               "bide_future_set_exception() was called with the code 1");
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int fulfil(void *arg)
{
    (void)arg;
    int rc = bide_sleep(0.001);
    if (rc == 0)
        rc = bide_future_add_done_callback(&future, note_done,
                                           (void *)(uintptr_t)"-");
    if (rc < 0)
        (void)bide_future_set_exception(&future, rc);
    else
        (void)bide_future_set_result(&future, &answer);
    return rc;
}

static int sharing(void *arg)
{
    (void)arg;
    bide_future_init(&future);
    bide_task *tasks[] = {
        bide_create_task(awaiter, NULL),
        bide_create_task(shielder, NULL),
        bide_create_task(fulfil, NULL),
        bide_create_task(awaiter, NULL),
    };
    bide_outcome outcomes[4];
    int rc = bide_gather_outcomes(tasks, 4, outcomes);
    for (int i = 0; i < 4 && rc == 0; i++)
        rc = outcomes[i].code;
    CHECK(outcomes[2].code < 0 || bide_future_done(&future));
    bide_future_fini(&future);
    (void)journal_take();
    return rc;
}

TEST(a_future_survives_failures_and_cancellation_everywhere)
{
    struct torture_counts counts = torture(sharing);
    CHECK(counts.suspensions >= 5);
    CHECK(counts.allocations > 0);
}

/* SPDX-License-Identifier: MIT */
/* condition_test.c — a wait ends with the lock held, and no notification is
 * lost, whenever a cancellation comes. */
#include <bide/group.h>
#include <bide/sync.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static bide_condition condition;
static int items;

static int waiter(void *arg)
{
    const char *letter = arg;
    int rc = bide_condition_acquire(&condition);
    if (rc < 0)
        return rc;
    rc = bide_condition_wait(&condition);
    CHECK(bide_condition_locked(&condition));
    journal_add(rc == 0 ? *letter : '!');
    bide_condition_release(&condition);
    return rc;
}

static void notify(size_t count)
{
    CHECK_OK(bide_condition_acquire(&condition));
    bide_condition_notify(&condition, count);
    bide_condition_release(&condition);
}

static int amain_notifies(void *arg)
{
    (void)arg;
    bide_task *tasks[6];
    bide_condition_init(&condition, NULL);
    for (int i = 0; i < 6; i++)
        tasks[i] = bide_create_task(waiter, (void *)(uintptr_t)&"abcdef"[i]);
    settle();
    CHECK(!bide_condition_locked(&condition)); /* waiting gives it up */
    notify(1);
    settle();
    CHECK_STR(journal_take(), "a");
    notify(2);
    settle();
    CHECK_STR(journal_take(), "bc");
    notify(0);
    settle();
    CHECK_STR(journal_take(), "");
    CHECK_OK(bide_condition_acquire(&condition));
    bide_condition_notify_all(&condition);
    settle();
    CHECK_STR(journal_take(), ""); /* not before they get the lock */
    bide_condition_release(&condition);
    settle();
    CHECK_STR(journal_take(), "def");
    notify(5); /* nobody waits: it is not remembered */
    CHECK_OK(bide_gather(tasks, 6));
    bide_condition_fini(&condition);
    return 0;
}

TEST(notify_wakes_the_longest_waiting_under_the_lock)
{
    run(amain_notifies);
}

static int amain_shares_a_lock(void *arg)
{
    (void)arg;
    bide_lock lock = {0};
    bide_condition other = {0};
    bide_condition_init(&condition, &lock);
    bide_condition_init(&other, &lock);
    bide_task *a = bide_create_task(waiter, (void *)(uintptr_t)"a");
    settle();
    CHECK_OK(bide_lock_acquire(&lock));
    CHECK(bide_condition_locked(&condition));
    CHECK(bide_condition_locked(&other));
    bide_condition_notify_all(&other); /* is not a's */
    bide_lock_release(&lock);
    settle();
    CHECK_STR(journal_take(), "");
    notify(1);
    CHECK_OK(bide_await(a));
    CHECK_STR(journal_take(), "a");
    bide_condition_fini(&condition);
    bide_condition_fini(&other);
    bide_lock_fini(&lock);
    return 0;
}

TEST(conditions_can_share_a_lock)
{
    run(amain_shares_a_lock);
}

static bool has_two(void *arg)
{
    int *calls = arg;
    ++*calls;
    CHECK(bide_condition_locked(&condition));
    return items >= 2;
}

static int until_two(void *arg)
{
    int rc = bide_condition_acquire(&condition);
    if (rc < 0)
        return rc;
    rc = bide_condition_wait_for(&condition, has_two, arg);
    bide_condition_release(&condition);
    return rc;
}

static int amain_waits_for_a_predicate(void *arg)
{
    (void)arg;
    int calls = 0;
    items = 0;
    bide_condition_init(&condition, NULL);
    bide_task *task = bide_create_task(until_two, &calls);
    settle();
    CHECK_INT(calls, 1);
    items = 1;
    notify(1);
    settle();
    CHECK_INT(calls, 2);
    CHECK(!bide_task_done(task));
    items = 2;
    notify(1);
    CHECK_OK(bide_await(task));
    CHECK_INT(calls, 3);
    CHECK_OK(until_two(&calls)); /* it holds at once */
    CHECK_INT(calls, 4);
    return 0;
}

TEST(wait_for_waits_until_its_predicate_holds)
{
    run(amain_waits_for_a_predicate);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static int amain_cancels_a_wait(void *arg)
{
    (void)arg;
    bide_condition_init(&condition, NULL);
    bide_task *a = bide_create_task(waiter, (void *)(uintptr_t)"a");
    bide_task *b = bide_create_task(waiter, (void *)(uintptr_t)"b");
    settle();
    (void)bide_task_cancel(a); /* the lock is free */
    CHECK(bide_condition_locked(&condition)); /* and now a's */
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_OK(bide_condition_acquire(&condition));
    (void)bide_task_cancel(b); /* the lock is held */
    settle();
    CHECK_STR(journal_take(), "!");
    CHECK(!bide_task_done(b)); /* it cannot return without the lock */
    bide_condition_release(&condition);
    CHECK_ERR(bide_await(b), -ECANCELED);
    CHECK(!bide_condition_locked(&condition));
    bide_condition_fini(&condition);
    (void)journal_take();
    return 0;
}

TEST(a_cancelled_wait_returns_with_the_lock_held)
{
    run(amain_cancels_a_wait);
}

static int amain_cancels_the_notified(void *arg)
{
    (void)arg;
    bide_condition_init(&condition, NULL);
    bide_task *a = bide_create_task(waiter, (void *)(uintptr_t)"a");
    bide_task *b = bide_create_task(waiter, (void *)(uintptr_t)"b");
    bide_task *c = bide_create_task(waiter, (void *)(uintptr_t)"c");
    settle();
    CHECK_OK(bide_condition_acquire(&condition));
    bide_condition_notify(&condition, 1);
    (void)bide_task_cancel(a); /* in the lock's line */
    bide_condition_release(&condition);
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_OK(bide_await(b)); /* got what was a's */
    notify(1);
    (void)bide_task_cancel(c); /* the lock was handed to c, it has not run */
    bide_task *d = bide_create_task(waiter, (void *)(uintptr_t)"d");
    CHECK_ERR(bide_await(c), -ECANCELED);
    settle();
    CHECK(!bide_task_done(d)); /* came later: nothing was left for it */
    CHECK_STR(journal_take(), "!b!");
    notify(1);
    CHECK_OK(bide_await(d));
    bide_condition_fini(&condition);
    (void)journal_take();
    return 0;
}

TEST(a_notification_of_a_cancelled_task_goes_to_another)
{
    run(amain_cancels_the_notified);
}

static int amain_with_a_pending_request(void *arg)
{
    (void)arg;
    int calls = 0;
    items = 2;
    bide_condition_init(&condition, NULL);
    CHECK_OK(bide_condition_acquire(&condition));
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_condition_wait(&condition), -ECANCELED);
    CHECK(bide_condition_locked(&condition));
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_condition_wait_for(&condition, has_two, &calls),
              -ECANCELED);
    CHECK(bide_condition_locked(&condition));
    bide_condition_release(&condition);
    (void)bide_task_uncancel(bide_current_task());
    (void)bide_task_uncancel(bide_current_task());
    return 0;
}

TEST(a_pending_cancellation_is_delivered_with_the_lock_held)
{
    run(amain_with_a_pending_request);
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static int amain_waits_without_the_lock(void *arg)
{
    (void)arg;
    bide_condition_init(&condition, NULL);
    return bide_condition_wait(&condition);
}

static void wait_without_the_lock(void)
{
    run(amain_waits_without_the_lock);
}

static void notify_without_the_lock(void)
{
    bide_condition_init(&condition, NULL);
    bide_condition_notify_all(&condition);
}

TEST(using_a_condition_without_its_lock_ends_the_program)
{
    CHECK_DIES(wait_without_the_lock, "bide_condition_wait() was called while "
                                      "the condition's lock is not held");
    CHECK_DIES(notify_without_the_lock, "bide_condition_notify() was called");
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static bool has_one(void *arg)
{
    (void)arg;
    return items > 0;
}

static int consumer(void *arg)
{
    (void)arg;
    int rc = bide_condition_acquire(&condition);
    if (rc < 0)
        return rc;
    rc = bide_condition_wait_for(&condition, has_one, NULL);
    if (rc == 0)
        items--;
    CHECK(bide_condition_locked(&condition));
    bide_condition_release(&condition);
    return rc;
}

/* As many items as consumers, notified one by one: one notification that got
 * lost would leave a consumer without its item, waiting for ever. */
static int producer(void *arg)
{
    (void)arg;
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++) {
        rc = bide_condition_acquire(&condition);
        if (rc < 0)
            break;
        items++;
        bide_condition_notify(&condition, 1);
        if (i % 2)
            rc = bide_sleep(0);
        bide_condition_release(&condition);
        if (rc == 0)
            rc = bide_sleep(0.001);
    }
    return rc;
}

static int exchange(void *arg)
{
    (void)arg;
    bide_task *tasks[5];
    bide_outcome outcomes[5];
    items = 0;
    bide_condition_init(&condition, NULL);
    for (int i = 0; i < 4; i++)
        tasks[i] = bide_create_task(consumer, NULL);
    tasks[4] = bide_create_task(producer, NULL);
    int rc = bide_await(tasks[4]);
    for (int i = 0; rc < 0 && i < 4; i++)
        (void)bide_task_cancel(tasks[i]);
    int all = bide_gather_outcomes(tasks, 4, outcomes);
    int consumed = 0;
    for (int i = 0; i < 4; i++)
        consumed += outcomes[i].code == 0;
    if (rc == 0)
        CHECK_INT(items + consumed, 4);
    CHECK(!bide_condition_locked(&condition));
    bide_condition_fini(&condition);
    return rc < 0 ? rc : all;
}

TEST(a_condition_survives_failures_and_cancellation_everywhere)
{
    CHECK(torture(exchange).suspensions >= 5);
}

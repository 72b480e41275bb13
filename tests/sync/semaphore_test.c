/* SPDX-License-Identifier: MIT */
/* semaphore_test.c — permits are limited, handed on in order, never lost. */
#include <bide/group.h>
#include <bide/sync.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static bide_semaphore semaphore;
static bide_bounded_semaphore bounded;

static int taker(void *arg)
{
    const char *letter = arg;
    int rc = bide_semaphore_acquire(&semaphore);
    journal_add(rc == 0 ? *letter : '!');
    return rc;
}

static int amain_counts(void *arg)
{
    (void)arg;
    bide_semaphore_init(&semaphore, 2);
    CHECK(!bide_semaphore_locked(&semaphore));
    CHECK_OK(bide_semaphore_acquire(&semaphore));
    CHECK(!bide_semaphore_locked(&semaphore));
    CHECK_OK(bide_semaphore_acquire(&semaphore));
    CHECK(bide_semaphore_locked(&semaphore));
    bide_semaphore_release(&semaphore);
    CHECK(!bide_semaphore_locked(&semaphore));
    bide_semaphore_release(&semaphore);
    bide_semaphore_release(&semaphore); /* beyond the first value is fine */
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_semaphore_acquire(&semaphore));
    CHECK(bide_semaphore_locked(&semaphore));
    bide_semaphore_fini(&semaphore);
    return 0;
}

TEST(a_semaphore_counts_down_and_up)
{
    run(amain_counts);
}

static int amain_of_fairness(void *arg)
{
    (void)arg;
    bide_task *tasks[3];
    bide_semaphore_init(&semaphore, 0);
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(taker, (void *)(uintptr_t)&"abc"[i]);
    settle();
    bide_semaphore_release(&semaphore);
    CHECK(bide_semaphore_locked(&semaphore)); /* it is a's already */
    bide_semaphore_release(&semaphore);
    settle();
    CHECK_STR(journal_take(), "ab");
    bide_semaphore_release(&semaphore);
    CHECK_OK(bide_gather(tasks, 3));
    CHECK_STR(journal_take(), "c");
    return 0;
}

TEST(permits_go_to_who_has_waited_longest)
{
    run(amain_of_fairness);
}

static int amain_cancels(void *arg)
{
    (void)arg;
    bide_semaphore_init(&semaphore, 0);
    bide_task *a = bide_create_task(taker, (void *)(uintptr_t)"a");
    bide_task *b = bide_create_task(taker, (void *)(uintptr_t)"b");
    bide_task *c = bide_create_task(taker, (void *)(uintptr_t)"c");
    settle();
    (void)bide_task_cancel(b); /* while it waits */
    bide_semaphore_release(&semaphore);
    (void)bide_task_cancel(a); /* after it was given the permit */
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_ERR(bide_await(b), -ECANCELED);
    CHECK_OK(bide_await(c));
    a = bide_create_task(taker, (void *)(uintptr_t)"a");
    settle();
    bide_semaphore_release(&semaphore);
    (void)bide_task_cancel(a);
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK(!bide_semaphore_locked(&semaphore)); /* the permit came back */
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_semaphore_acquire(&semaphore), -ECANCELED);
    (void)bide_task_uncancel(bide_current_task());
    CHECK(!bide_semaphore_locked(&semaphore));
    (void)journal_take();
    return 0;
}

TEST(a_permit_that_a_cancelled_task_was_given_is_passed_on)
{
    run(amain_cancels);
}

static int amain_bounded(void *arg)
{
    (void)arg;
    bide_bounded_semaphore_init(&bounded, 1);
    CHECK_OK(bide_bounded_semaphore_acquire(&bounded));
    CHECK(bide_bounded_semaphore_locked(&bounded));
    bide_bounded_semaphore_release(&bounded);
    CHECK(!bide_bounded_semaphore_locked(&bounded));
    bide_bounded_semaphore_fini(&bounded);
    return 0;
}

TEST(a_bounded_semaphore_counts_like_any_other)
{
    run(amain_bounded);
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static void release_too_often(void)
{
    bide_bounded_semaphore_init(&bounded, 3);
    bide_bounded_semaphore_release(&bounded);
}

static void begin_too_high(void)
{
    bide_semaphore_init(&semaphore, BIDE_SEMAPHORE_MAX + 1);
}

static void rise_too_high(void)
{
    bide_semaphore_init(&semaphore, BIDE_SEMAPHORE_MAX);
    bide_semaphore_release(&semaphore);
}

TEST(misuse_of_a_semaphore_ends_the_program)
{
    CHECK_DIES(release_too_often,
               "bide_bounded_semaphore_release() was called more often than "
               "the semaphore was acquired: its value is back at 3");
    CHECK_DIES(begin_too_high,
               "with the value 2147483648, at most 2147483647");
    CHECK_DIES(rise_too_high, "whose value is 2147483647 already");
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int running;

static int worker(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int rc = bide_bounded_semaphore_acquire(&bounded);
        if (rc < 0)
            return rc;
        CHECK(++running <= 2);
        rc = bide_sleep(0.001 * i);
        running--;
        bide_bounded_semaphore_release(&bounded);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int contention(void *arg)
{
    (void)arg;
    bide_task *tasks[6];
    bide_bounded_semaphore_init(&bounded, 2);
    for (int i = 0; i < 6; i++)
        tasks[i] = bide_create_task(worker, NULL);
    int rc = bide_gather(tasks, 6);
    CHECK_INT(bounded.semaphore.value, 2); /* every permit is back */
    bide_bounded_semaphore_fini(&bounded);
    return rc;
}

TEST(a_semaphore_survives_failures_and_cancellation_everywhere)
{
    CHECK(torture(contention).suspensions > 20);
}

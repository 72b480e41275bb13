/* SPDX-License-Identifier: MIT */
/* event_test.c — an event wakes all that wait, and stays set. */
#include <bide/group.h>
#include <bide/sync.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static bide_event event; /* shared: whoever uses it clears it first */

static int waiter(void *arg)
{
    const char *letter = arg;
    int rc = bide_event_wait(&event);
    journal_add(rc == 0 ? *letter : '!');
    return rc;
}

static int amain_of_waking(void *arg)
{
    (void)arg;
    bide_task *tasks[3];
    bide_event_init(&event);
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(waiter, (void *)(uintptr_t)&"abc"[i]);
    settle();
    CHECK(!bide_event_is_set(&event));
    CHECK_STR(journal_take(), "");
    bide_event_set(&event);
    bide_event_set(&event); /* twice is as once */
    CHECK(bide_event_is_set(&event));
    CHECK_OK(bide_gather(tasks, 3));
    CHECK_STR(journal_take(), "abc");
    CHECK_OK(bide_event_wait(&event)); /* does not wait: it stays set */
    bide_event_clear(&event);
    CHECK(!bide_event_is_set(&event));
    bide_event_fini(&event);
    return 0;
}

TEST(setting_wakes_all_that_wait_in_their_order)
{
    run(amain_of_waking);
}

static int amain_clears_at_once(void *arg)
{
    (void)arg;
    bide_event_clear(&event);
    bide_task *a = bide_create_task(waiter, (void *)(uintptr_t)"a");
    settle();
    bide_event_set(&event);
    bide_event_clear(&event);
    bide_task *b = bide_create_task(waiter, (void *)(uintptr_t)"b");
    settle();
    CHECK_STR(journal_take(), "a");
    bide_event_set(&event);
    CHECK_OK(bide_await(a));
    CHECK_OK(bide_await(b));
    bide_event_clear(&event);
    return journal_take()[0] == 'b' ? 0 : -EINVAL;
}

TEST(who_waited_when_it_was_set_has_succeeded_though_it_is_cleared)
{
    run(amain_clears_at_once);
}

static int amain_cancels(void *arg)
{
    (void)arg;
    bide_event_clear(&event);
    bide_task *a = bide_create_task(waiter, (void *)(uintptr_t)"a");
    bide_task *b = bide_create_task(waiter, (void *)(uintptr_t)"b");
    bide_task *c = bide_create_task(waiter, (void *)(uintptr_t)"c");
    settle();
    (void)bide_task_cancel(b); /* while it waits */
    settle();
    bide_event_set(&event);
    (void)bide_task_cancel(a); /* after it was woken */
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_ERR(bide_await(b), -ECANCELED);
    CHECK_OK(bide_await(c));
    CHECK_STR(journal_take(), "!!c");
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_event_wait(&event), -ECANCELED); /* though it is set */
    (void)bide_task_uncancel(bide_current_task());
    bide_event_clear(&event);
    return 0;
}

TEST(a_cancelled_wait_ends_before_and_after_the_event_is_set)
{
    run(amain_cancels);
}

static int amain_ends_an_event_in_use(void *arg)
{
    (void)arg;
    bide_event_clear(&event);
    bide_task_detach(bide_create_task(waiter, (void *)(uintptr_t)"a"));
    settle();
    bide_event_fini(&event);
    return 0;
}

static void end_while_awaited(void)
{
    run(amain_ends_an_event_in_use);
}

TEST(ending_an_event_that_a_task_waits_for_ends_the_program)
{
    CHECK_DIES(end_while_awaited, "bide_event_fini() was called while task "
                                  "'Task-2' waits");
}

static int rounds(void *arg)
{
    (void)arg;
    bide_task *tasks[3];
    bide_event_clear(&event);
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(waiter, (void *)(uintptr_t)"w");
    int rc = bide_sleep(0.001);
    bide_event_set(&event);
    int all = bide_gather(tasks, 3);
    bide_event_fini(&event);
    return rc < 0 ? rc : all;
}

TEST(an_event_survives_failures_and_cancellation_everywhere)
{
    CHECK(torture(rounds).suspensions >= 4);
    (void)journal_take();
}

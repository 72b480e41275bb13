/* SPDX-License-Identifier: MIT */
/* lock_test.c — a lock excludes, is fair, and is never lost. */
#include <bide/group.h>
#include <bide/loop.h>
#include <bide/sync.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static bide_lock lock;

/* Acquires, says so by its letter, and keeps the lock. */
static int taker(void *arg)
{
    const char *letter = arg;
    int rc = bide_lock_acquire(&lock);
    journal_add(rc == 0 ? *letter : '!');
    return rc;
}

static int amain_takes_a_free_lock(void *arg)
{
    (void)arg;
    CHECK(!bide_lock_locked(&lock));
    CHECK_OK(bide_lock_acquire(&lock));
    CHECK(bide_lock_locked(&lock));
    bide_lock_release(&lock);
    CHECK(!bide_lock_locked(&lock));
    bide_lock_fini(&lock);
    return 0;
}

TEST(a_free_lock_is_taken_and_given_back)
{
    bide_lock_init(&lock);
    run(amain_takes_a_free_lock);
}

static int amain_of_fairness(void *arg)
{
    (void)arg;
    bide_task *tasks[3];
    CHECK_OK(bide_lock_acquire(&lock));
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(taker, (void *)(uintptr_t)&"abc"[i]);
    settle();
    CHECK_STR(journal_take(), "");
    bide_lock_release(&lock);
    CHECK(bide_lock_locked(&lock)); /* handed over, not free in between */
    bide_task *self = bide_create_task(taker, (void *)(uintptr_t)"m");
    for (int i = 0; i < 4; i++) {
        settle();
        CHECK_INT(journal.len, (size_t)i + 1);
        bide_lock_release(&lock);
    }
    CHECK_STR(journal_take(), "abcm");
    CHECK(!bide_lock_locked(&lock));
    CHECK_OK(bide_await(self));
    return bide_gather(tasks, 3);
}

TEST(a_release_hands_the_lock_to_who_has_waited_longest)
{
    run(amain_of_fairness);
}

static int amain_cancels_one_in_line(void *arg)
{
    (void)arg;
    CHECK_OK(bide_lock_acquire(&lock));
    bide_task *a = bide_create_task(taker, (void *)(uintptr_t)"a");
    bide_task *b = bide_create_task(taker, (void *)(uintptr_t)"b");
    settle();
    CHECK(bide_task_cancel(a));
    CHECK_ERR(bide_await(a), -ECANCELED);
    bide_lock_release(&lock);
    CHECK_OK(bide_await(b));
    CHECK_STR(journal_take(), "!b");
    bide_lock_release(&lock);
    bide_lock_fini(&lock);
    return 0;
}

TEST(a_cancelled_task_leaves_the_line)
{
    run(amain_cancels_one_in_line);
}

static int amain_cancels_after_the_grant(void *arg)
{
    (void)arg;
    CHECK_OK(bide_lock_acquire(&lock));
    bide_task *a = bide_create_task(taker, (void *)(uintptr_t)"a");
    bide_task *b = bide_create_task(taker, (void *)(uintptr_t)"b");
    settle();
    bide_lock_release(&lock); /* it is a's now, who has not run yet */
    CHECK(bide_task_cancel(a));
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_OK(bide_await(b));
    CHECK_STR(journal_take(), "!b");
    a = bide_create_task(taker, (void *)(uintptr_t)"a");
    settle();
    bide_lock_release(&lock);
    CHECK(bide_task_cancel(a));
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_STR(journal_take(), "!");
    CHECK(!bide_lock_locked(&lock)); /* nobody was left to pass it on to */
    return 0;
}

TEST(a_lock_that_a_cancelled_task_was_handed_goes_to_the_next)
{
    run(amain_cancels_after_the_grant);
}

static int amain_with_a_pending_request(void *arg)
{
    (void)arg;
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_lock_acquire(&lock), -ECANCELED);
    CHECK(!bide_lock_locked(&lock));
    CHECK_OK(bide_lock_acquire(&lock)); /* a request is delivered once */
    bide_lock_release(&lock);
    (void)bide_task_uncancel(bide_current_task());
    return 0;
}

TEST(acquiring_a_free_lock_delivers_a_pending_cancellation)
{
    run(amain_with_a_pending_request);
}

static void release_in_callback(void *arg)
{
    bide_lock_release(arg);
}

static int amain_releases_in_a_callback(void *arg)
{
    (void)arg;
    CHECK_OK(bide_lock_acquire(&lock));
    CHECK_OK(bide_loop_call_soon(bide_loop_current(), NULL,
                                 release_in_callback, &lock));
    CHECK_OK(bide_lock_acquire(&lock)); /* waits for the callback */
    bide_lock_release(&lock);
    return 0;
}

TEST(callbacks_may_release)
{
    run(amain_releases_in_a_callback);
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static void release_what_is_free(void)
{
    bide_lock_release(&lock);
}

static void end_while_held(void)
{
    run(amain_takes_a_free_lock);
    lock.locked = true;
    bide_lock_fini(&lock);
}

static int amain_ends_a_lock_in_use(void *arg)
{
    (void)arg;
    CHECK_OK(bide_lock_acquire(&lock));
    bide_task_detach(bide_create_task(taker, (void *)(uintptr_t)"a"));
    settle();
    bide_lock_fini(&lock);
    return 0;
}

static void end_while_awaited(void)
{
    run(amain_ends_a_lock_in_use);
}

static void acquire_outside_a_task(void)
{
    (void)!bide_lock_acquire(&lock);
}

static void *release_there(void *arg)
{
    bide_lock_release(arg);
    return NULL;
}

static int amain_lets_a_thread_release(void *arg)
{
    (void)arg;
    pthread_t thread;
    CHECK_OK(bide_lock_acquire(&lock));
    bide_task_detach(bide_create_task(taker, (void *)(uintptr_t)"a"));
    settle();
    CHECK_INT(pthread_create(&thread, NULL, release_there, &lock), 0);
    pthread_join(thread, NULL);
    return 0;
}

static void release_on_another_thread(void)
{
    run(amain_lets_a_thread_release);
}

TEST(misuse_of_a_lock_ends_the_program)
{
    CHECK_DIES(release_on_another_thread,
               "bide_lock_release() was called on another thread than the "
               "loop's whose task 'Task-2' waits");
    CHECK_DIES(release_what_is_free, "bide_lock_release() was called for a "
                                     "lock that is not held");
    CHECK_DIES(end_while_held, "bide_lock_fini() was called for a lock that "
                               "is held");
    CHECK_DIES(end_while_awaited, "bide_lock_fini() was called while task "
                                  "'Task-2' waits");
    CHECK_DIES(acquire_outside_a_task,
               "bide_lock_acquire() was called outside a task");
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int inside;

static int worker(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int rc = bide_lock_acquire(&lock);
        if (rc < 0)
            return rc;
        CHECK_INT(++inside, 1);
        rc = bide_sleep(i == 1 ? 0.001 : 0);
        inside--;
        bide_lock_release(&lock);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int contention(void *arg)
{
    (void)arg;
    bide_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = bide_create_task(worker, NULL);
    int rc = bide_gather(tasks, 4);
    CHECK(!bide_lock_locked(&lock));
    bide_lock_fini(&lock);
    return rc;
}

TEST(a_lock_survives_failures_and_cancellation_everywhere)
{
    bide_lock_init(&lock);
    CHECK(torture(contention).suspensions > 20);
}

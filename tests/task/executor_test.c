/* SPDX-License-Identifier: MIT */
/* executor_test.c — functions on threads: results, bounds, cancellation. */
#include <bide/error.h>
#include <bide/executor.h>
#include <bide/group.h>
#include <bide/timeout.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static pthread_t loop_thread;

static int square(void *arg)
{
    int *number = arg;
    CHECK(!pthread_equal(pthread_self(), loop_thread));
    CHECK(!bide_current_task());
    *number *= *number;
    return *number;
}

static int refuse(void *arg)
{
    const char *name = arg;
    (void)bide_raise(-EIO, "not this one");
    return bide_raise(-EACCES, "%s may not enter", name);
}

static int refuse_silently(void *arg)
{
    (void)arg;
    return -EACCES;
}

static int amain_of_results(void *arg)
{
    (void)arg;
    int number = 7;
    loop_thread = pthread_self();
    CHECK_INT(bide_to_thread(square, &number), 49);
    CHECK_INT(number, 49);
    CHECK_ERR(bide_to_thread(refuse, (void *)(uintptr_t)"bob"), -EACCES);
    CHECK_STR(bide_errmsg(-EACCES), "bob may not enter");
    (void)bide_raise(-EIO, "something else");
    CHECK_ERR(bide_to_thread(refuse_silently, NULL), -EACCES);
    CHECK_STR(bide_errmsg(-EACCES), bide_strerror(-EACCES));
    number = 3;
    CHECK_INT(bide_run_in_executor(NULL, square, &number), 9);
    return 0;
}

TEST(results_and_messages_come_back_from_the_thread)
{
    run(amain_of_results);
}

/* ── Bounds ───────────────────────────────────────────────────────────── */

/* Functions that wait until they are let go. */
static struct gate {
    sem_t open;
    atomic_int running, most, begun;
} gate;

static void gate_close(void)
{
    sem_init(&gate.open, 0, 0);
    atomic_store(&gate.running, 0);
    atomic_store(&gate.most, 0);
    atomic_store(&gate.begun, 0);
}

static void gate_open(int count)
{
    while (count-- > 0)
        sem_post(&gate.open);
}

static int pass_gate(void *arg)
{
    atomic_fetch_add(&gate.begun, 1);
    int now = atomic_fetch_add(&gate.running, 1) + 1;
    if (now > atomic_load(&gate.most))
        atomic_store(&gate.most, now);
    while (sem_wait(&gate.open) < 0) {
    }
    atomic_fetch_sub(&gate.running, 1);
    return arg ? *(int *)arg : 0;
}

/* Until so many have begun; the threads take their time. */
static int await_begun(int count)
{
    int rc = 0;
    while (rc == 0 && atomic_load(&gate.begun) < count)
        rc = bide_to_thread(refuse_silently, NULL) == -EACCES ? 0 : -1;
    return rc;
}

static bide_executor *executor;

static int caller(void *arg)
{
    int rc = bide_run_in_executor(executor, pass_gate, NULL);
    journal_add(rc == 0 ? *(const char *)arg : '!');
    return rc;
}

static bide_task *start_caller(const char *letter)
{
    return bide_create_task(caller, (void *)(uintptr_t)letter);
}

static int amain_of_bounds(void *arg)
{
    (void)arg;
    bide_task *tasks[6];
    gate_close();
    CHECK_OK(bide_executor_new(1, 1, &executor));
    for (int i = 0; i < 6; i++)
        tasks[i] = start_caller(&"abcdef"[i]);
    CHECK_OK(await_begun(1));
    gate_open(6);
    CHECK_OK(bide_gather(tasks, 6));
    CHECK_STR(journal_take(), "abcdef"); /* none was refused, all in order */
    CHECK_INT(atomic_load(&gate.most), 1);
    bide_executor_free(executor);
    bide_executor_free(NULL);
    return 0;
}

TEST(calls_wait_in_line_for_a_full_executor)
{
    run(amain_of_bounds);
}

TEST(an_executor_checks_its_numbers)
{
    CHECK_ERR(bide_executor_new(0, 1, &executor), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "threads is 0, must be 1 to 1024");
    CHECK_ERR(bide_executor_new(1025, 1, &executor), -EINVAL);
    CHECK_ERR(bide_executor_new(1, 0, &executor), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "queue_max is 0, must be 1 to 1048576");
    CHECK_ERR(bide_executor_new(1, BIDE_EXECUTOR_MAX + 1, &executor),
              -EINVAL);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static int amain_cancels_before_the_start(void *arg)
{
    (void)arg;
    gate_close();
    CHECK_OK(bide_executor_new(1, 1, &executor));
    bide_task *a = start_caller("a"); /* on the thread */
    CHECK_OK(await_begun(1));
    bide_task *b = start_caller("b"); /* in the queue */
    bide_task *c = start_caller("c"); /* waits for room in it */
    bide_task *d = start_caller("d");
    settle();
    (void)bide_task_cancel(c);
    CHECK_ERR(bide_await(c), -ECANCELED);
    (void)bide_task_cancel(b);
    CHECK_ERR(bide_await(b), -ECANCELED); /* d takes the room */
    CHECK_STR(journal_take(), "!!");
    gate_open(2);
    CHECK_OK(bide_await(a));
    CHECK_OK(bide_await(d));
    CHECK_STR(journal_take(), "ad");
    CHECK_INT(atomic_load(&gate.begun), 2);
    bide_executor_free(executor);
    return 0;
}

TEST(a_call_that_is_cancelled_before_its_start_never_starts)
{
    run(amain_cancels_before_the_start);
}

/* When the call returns, the next in line has been given its room. */
static int cancelling_caller(void *arg)
{
    bide_task **victim = arg;
    int rc = bide_run_in_executor(executor, pass_gate, NULL);
    (void)bide_task_cancel(*victim);
    return rc;
}

static int amain_cancels_after_the_grant(void *arg)
{
    (void)arg;
    bide_task *victims[2];
    gate_close();
    CHECK_OK(bide_executor_new(1, 1, &executor));
    bide_task *a = bide_create_task(cancelling_caller, &victims[0]);
    CHECK_OK(await_begun(1));
    bide_task *b = bide_create_task(cancelling_caller, &victims[1]);
    settle();
    for (int i = 0; i < 2; i++)
        victims[i] = start_caller(&"vw"[i]);
    bide_task *d = start_caller("d");
    settle();
    gate_open(1);
    CHECK_OK(bide_await(a));
    CHECK_ERR(bide_await(victims[0]), -ECANCELED);
    /* The room went to the second victim. Were it lost, then this one would
     * be cancelled in the same way, and no room be left for d. */
    gate_open(3);
    CHECK_OK(bide_await(b));
    (void)!bide_await(victims[1]);
    CHECK_OK(bide_await(d));
    (void)journal_take();
    bide_executor_free(executor);
    return 0;
}

TEST(room_that_a_cancelled_call_was_given_goes_to_the_next)
{
    run(amain_cancels_after_the_grant);
}

static int cancelled_caller(void *arg)
{
    int result = 5;
    int rc = bide_run_in_executor(executor, pass_gate, &result);
    CHECK_INT(rc, 5); /* what had begun is waited for and counts */
    *(bool *)arg = true;
    return bide_sleep(0);
}

static int amain_cancels_after_the_start(void *arg)
{
    (void)arg;
    bool returned = false;
    gate_close();
    CHECK_OK(bide_executor_new(1, 1, &executor));
    bide_task *task = bide_create_task(cancelled_caller, &returned);
    CHECK_OK(await_begun(1));
    (void)bide_task_cancel(task);
    settle();
    CHECK(!returned);
    gate_open(1);
    CHECK_ERR(bide_await(task), -ECANCELED); /* at the call after it */
    CHECK(returned);
    bide_executor_free(executor);
    return 0;
}

TEST(a_call_that_has_begun_returns_its_result_and_then_the_cancellation)
{
    run(amain_cancels_after_the_start);
}

static int amain_with_a_pending_request(void *arg)
{
    (void)arg;
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_to_thread(refuse, NULL), -ECANCELED);
    (void)bide_task_uncancel(bide_current_task());
    return 0;
}

TEST(a_pending_cancellation_is_delivered_instead_of_the_call)
{
    run(amain_with_a_pending_request);
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static int sleep_on_thread(void *arg)
{
    (void)arg;
    return bide_sleep(0);
}

static int amain_suspends_on_a_thread(void *arg)
{
    (void)arg;
    return bide_to_thread(sleep_on_thread, NULL);
}

static void suspend_on_a_thread(void)
{
    run(amain_suspends_on_a_thread);
}

static int amain_frees_in_use(void *arg)
{
    (void)arg;
    gate_close();
    CHECK_OK(bide_executor_new(1, 1, &executor));
    bide_task_detach(start_caller("a"));
    CHECK_OK(await_begun(1));
    bide_executor_free(executor);
    return 0;
}

static void free_in_use(void)
{
    run(amain_frees_in_use);
}

TEST(misuse_of_threads_ends_the_program)
{
    CHECK_DIES(suspend_on_a_thread, "bide_sleep() was called outside a task");
    CHECK_DIES(free_in_use, "bide_executor_free() was called while 1 calls");
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int work(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int worker(void *arg)
{
    int rc = bide_run_in_executor(executor, work, arg);
    return rc < 0 ? rc : bide_to_thread(work, arg);
}

static int load(void *arg)
{
    (void)arg;
    static atomic_int done;
    bide_task *tasks[5];
    atomic_store(&done, 0);
    int rc = bide_executor_new(1, 1, &executor);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 5; i++)
        tasks[i] = bide_create_task(worker, &done);
    rc = bide_gather(tasks, 5);
    CHECK(rc < 0 || atomic_load(&done) == 10);
    bide_executor_free(executor);
    return rc;
}

TEST(an_executor_survives_failures_and_cancellation_everywhere)
{
    struct torture_counts counts = torture(load);
    CHECK(counts.suspensions >= 11);
}

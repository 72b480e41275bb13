/* SPDX-License-Identifier: MIT */
/* signal_test.c — signals reach the loops that asked, and nobody else. */
#include <bide/group.h>
#include <bide/loop.h>
#include <bide/signal.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/journal.h"
#include "helpers/torture.h"
#include "process/dispatch.h"

static void (*disposition(int number))(int)
{
    struct sigaction action;
    sigaction(number, NULL, &action);
    return action.sa_handler;
}

static void note_letter(int number, void *arg)
{
    (void)number;
    journal_add(*(char *)arg);
}

static char letters[] = "abc";

/* Let the loop poll: that is when signals are told. */
static void poll_once(void)
{
    CHECK_OK(bide_sleep(0.001));
}

/* ── Handlers ─────────────────────────────────────────────────────────── */

static int amain_handler(void *arg)
{
    bide_loop *loop = bide_loop_current();
    (void)arg;
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGUSR1, note_letter,
                                          &letters[0]));
    raise(SIGUSR1);
    CHECK_STR(journal_take(), ""); /* not in the signal's context */
    poll_once();
    CHECK_STR(journal_take(), "a");
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGUSR1, note_letter,
                                          &letters[1])); /* replaces */
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGUSR2, note_letter,
                                          &letters[2]));
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    poll_once();
    CHECK_STR(journal_take(), "bc");
    CHECK(bide_loop_remove_signal_handler(loop, SIGUSR1));
    CHECK(!bide_loop_remove_signal_handler(loop, SIGUSR1));
    CHECK(disposition(SIGUSR1) == SIG_DFL);
    CHECK(disposition(SIGUSR2) != SIG_DFL);
    return 0;
}

TEST(a_handler_is_called_by_the_loop_and_ends_with_it)
{
    run(amain_handler);
    CHECK(disposition(SIGUSR2) == SIG_DFL);
}

static int amain_storm(void *arg)
{
    bide_loop *loop = bide_loop_current();
    (void)arg;
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGUSR1, note_letter,
                                          &letters[0]));
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGUSR2, note_letter,
                                          &letters[1]));
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGRTMIN, note_letter,
                                          &letters[2]));
    for (int i = 0; i < 10000; i++) {
        raise(SIGUSR1);
        if (i == 5000) {
            raise(SIGRTMIN);
            raise(SIGUSR2);
        }
    }
    poll_once();
    CHECK_STR(journal_take(), "abc");
    return 0;
}

TEST(a_storm_is_told_once_and_hides_no_other_signal)
{
    run(amain_storm);
}

static int amain_wrong(void *arg)
{
    static const int wrong[] = {0,       -1,     65,     SIGKILL, SIGSTOP,
                                SIGSEGV, SIGBUS, SIGFPE, SIGILL,  32};
    bide_loop *loop = bide_loop_current();
    bide_signals *signals;
    (void)arg;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int numbers[] = {SIGUSR1, wrong[i]};
        CHECK_ERR(bide_loop_add_signal_handler(loop, wrong[i], note_letter,
                                               letters),
                  -EINVAL);
        CHECK_ERR(bide_signals_open(numbers, 2, &signals), -EINVAL);
        CHECK_ERR(bide_signal_wait(wrong[i]), -EINVAL);
        CHECK(!bide_loop_remove_signal_handler(loop, wrong[i]));
    }
    CHECK(disposition(SIGUSR1) == SIG_DFL);
    CHECK_STR(bide_errmsg(-EINVAL), "signal 32 cannot be caught");
    return 0;
}

TEST(what_cannot_be_caught_is_refused)
{
    run(amain_wrong);
}

static void remove_and_close(int number, void *arg)
{
    bide_signals_close(arg);
    CHECK(bide_loop_remove_signal_handler(bide_loop_current(), number));
    journal_add('r');
}

static int amain_within(void *arg)
{
    bide_loop *loop = bide_loop_current();
    int number = SIGUSR1;
    bide_signals *signals;
    (void)arg;
    CHECK_OK(bide_signals_open(&number, 1, &signals));
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGUSR1, remove_and_close,
                                          signals));
    raise(SIGUSR1);
    poll_once();
    CHECK_STR(journal_take(), "r");
    CHECK(disposition(SIGUSR1) == SIG_DFL);
    return 0;
}

TEST(a_handler_may_remove_itself_and_all_else)
{
    run(amain_within);
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

static int raise_later(void *arg)
{
    int rc = bide_sleep(0);
    raise((int)(intptr_t)arg);
    return rc;
}

static int wait_once(void *arg)
{
    return bide_signal_wait((int)(intptr_t)arg);
}

static int amain_once(void *arg)
{
    (void)arg;
    bide_task *waiter = bide_create_task(wait_once, (void *)SIGUSR1);
    bide_task *raiser = bide_create_task(raise_later, (void *)SIGUSR1);
    CHECK_INT(bide_await(waiter), SIGUSR1);
    CHECK_OK(bide_await(raiser));
    CHECK(disposition(SIGUSR1) == SIG_DFL);
    waiter = bide_create_task(wait_once, (void *)SIGUSR1);
    CHECK_OK(bide_sleep(0));
    CHECK(disposition(SIGUSR1) != SIG_DFL);
    bide_task_cancel(waiter);
    CHECK_ERR(bide_await(waiter), -ECANCELED);
    CHECK(disposition(SIGUSR1) == SIG_DFL);
    return 0;
}

TEST(a_task_can_wait_for_a_signal_once)
{
    run(amain_once);
}

static int wait_set(void *arg)
{
    return bide_signals_wait(arg);
}

static void cancel_task(int number, void *arg)
{
    (void)number;
    CHECK(bide_task_cancel(arg));
}

static int amain_set(void *arg)
{
    (void)arg;
    int numbers[] = {SIGUSR2, SIGUSR1, SIGUSR1};
    bide_signals *signals, *others;
    CHECK_OK(bide_signals_open(numbers, 3, &signals));
    CHECK_OK(bide_signals_open(numbers, 1, &others));
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    poll_once();
    CHECK_INT(bide_signals_wait(signals), SIGUSR1);
    CHECK_INT(bide_signals_wait(signals), SIGUSR2);
    CHECK_INT(bide_signals_wait(others), SIGUSR2);
    bide_task *task = bide_create_task(wait_set, signals);
    CHECK_OK(bide_sleep(0));
    raise(SIGUSR2);
    CHECK_INT(bide_await(task), SIGUSR2);
    /* Cancelled between its wake-up and its turn: nothing is lost. */
    task = bide_create_task(wait_set, signals);
    CHECK_OK(bide_loop_add_signal_handler(bide_loop_current(), SIGUSR1,
                                          cancel_task, task));
    CHECK_OK(bide_sleep(0));
    raise(SIGUSR1);
    CHECK_ERR(bide_await(task), -ECANCELED);
    CHECK_INT(bide_signals_wait(signals), SIGUSR1);
    task = bide_create_task(wait_set, signals);
    CHECK_OK(bide_sleep(0));
    bide_signals_close(signals);
    CHECK_ERR(bide_await(task), -EBADF);
    bide_signals_close(others);
    bide_signals_close(NULL);
    return 0;
}

TEST(a_set_of_signals_remembers_each)
{
    run(amain_set);
}

static int amain_left_open(void *arg)
{
    int number = SIGUSR1;
    (void)arg;
    bide_signals *signals;
    return bide_signals_open(&number, 1, &signals);
}

TEST(the_end_of_the_loop_closes_what_is_left)
{
    run(amain_left_open);
    CHECK(disposition(SIGUSR1) == SIG_DFL);
}

/* ── Living with others ───────────────────────────────────────────────── */

static atomic_int counted;

static void count(int number)
{
    (void)number;
    atomic_fetch_add(&counted, 1);
}

static int amain_before(void *arg)
{
    (void)arg;
    bide_loop *loop = bide_loop_current();
    signal(SIGUSR1, count);
    CHECK_OK(
        bide_loop_add_signal_handler(loop, SIGUSR1, note_letter, letters));
    raise(SIGUSR1);
    poll_once();
    CHECK_STR(journal_take(), "a");
    CHECK_INT(atomic_load(&counted), 0);
    CHECK(bide_loop_remove_signal_handler(loop, SIGUSR1));
    CHECK(disposition(SIGUSR1) == count);
    CHECK_OK(
        bide_loop_add_signal_handler(loop, SIGUSR1, note_letter, letters));
    signal(SIGUSR1, SIG_IGN); /* somebody has other plans */
    CHECK(bide_loop_remove_signal_handler(loop, SIGUSR1));
    CHECK(disposition(SIGUSR1) == SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
    return 0;
}

TEST(the_disposition_from_before_is_restored)
{
    atomic_store(&counted, 0);
    run(amain_before);
}

static int amain_takes_sigint(void *arg)
{
    (void)arg;
    CHECK_OK(bide_loop_add_signal_handler(bide_loop_current(), SIGINT,
                                          note_letter, letters));
    raise(SIGINT);
    poll_once();
    CHECK_STR(journal_take(), "a");
    return 0;
}

TEST(a_handler_of_SIGINT_takes_over_from_bide_run)
{
    run(amain_takes_sigint);
    CHECK(disposition(SIGINT) == SIG_DFL);
    run(amain_takes_sigint); /* and again */
    CHECK(disposition(SIGINT) == SIG_DFL);
}

static int amain_gives_sigint_back(void *arg)
{
    (void)arg;
    bide_loop *loop = bide_loop_current();
    CHECK_OK(bide_loop_add_signal_handler(loop, SIGINT, note_letter, letters));
    CHECK(bide_loop_remove_signal_handler(loop, SIGINT));
    raise(SIGINT);
    return bide_sleep(1000);
}

TEST(SIGINT_is_given_back_to_bide_run)
{
    CHECK_ERR(bide_run(amain_gives_sigint_back, NULL), -EINTR);
    CHECK_STR(journal_take(), "");
    CHECK(disposition(SIGINT) == SIG_DFL);
}

/* ── Several loops ────────────────────────────────────────────────────── */

#define LOOPS 4

static atomic_int ready, go_on;

static int amain_thread(void *arg)
{
    int number = SIGUSR1;
    bide_signals *signals;
    (void)arg;
    CHECK_OK(bide_signals_open(&number, 1, &signals));
    atomic_fetch_add(&ready, 1);
    CHECK_INT(bide_signals_wait(signals), SIGUSR1);
    bide_signals_close(signals);
    return 0;
}

static void *run_thread(void *arg)
{
    (void)arg;
    CHECK_OK(bide_run(amain_thread, NULL));
    return NULL;
}

TEST(each_loop_that_asked_gets_the_signal)
{
    pthread_t threads[LOOPS];
    atomic_store(&ready, 0);
    for (int i = 0; i < LOOPS; i++)
        pthread_create(&threads[i], NULL, run_thread, NULL);
    while (atomic_load(&ready) < LOOPS)
        usleep(1000);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(threads[i], NULL);
    CHECK(disposition(SIGUSR1) == SIG_DFL);
}

/* Loops come and go while signals hit every thread. */
static int amain_flutter(void *arg)
{
    int number = SIGUSR1;
    (void)arg;
    for (int i = 0; i < 20; i++) {
        bide_signals *signals;
        CHECK_OK(bide_signals_open(&number, 1, &signals));
        CHECK_OK(bide_sleep(0));
        bide_signals_close(signals);
    }
    return 0;
}

static void *flutter(void *arg)
{
    while (!atomic_load(&go_on))
        CHECK_OK(bide_run(amain_flutter, NULL));
    return arg;
}

TEST(loops_end_safely_while_signals_come)
{
    pthread_t threads[LOOPS];
    signal(SIGUSR1, SIG_IGN);
    atomic_store(&go_on, 0);
    for (int i = 0; i < LOOPS; i++)
        pthread_create(&threads[i], NULL, flutter, NULL);
    for (int i = 0; i < 3000; i++)
        pthread_kill(threads[i % LOOPS], SIGUSR1);
    atomic_store(&go_on, 1);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(threads[i], NULL);
    CHECK(disposition(SIGUSR1) == SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
}

static int amain_forks(void *arg)
{
    (void)arg;
    CHECK_OK(bide_loop_add_signal_handler(bide_loop_current(), SIGTERM,
                                          note_letter, letters));
    pid_t child = fork();
    if (child == 0) {
        raise(SIGTERM); /* must kill it */
        _exit(0);
    }
    int status;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    poll_once();
    CHECK_STR(journal_take(), "");
    raise(SIGTERM);
    poll_once();
    CHECK_STR(journal_take(), "a");
    return 0;
}

TEST(a_child_of_fork_has_the_dispositions_from_before)
{
    run(amain_forks);
}

/* The places are bounded, and used again. */
TEST(there_is_a_place_for_so_many_loops_and_no_more)
{
    struct bide__hub *hubs[BIDE_SIGNAL_LOOPS_MAX], *one_more;
    bide_engine *engine;
    CHECK_OK(bide_engine_new(NULL, &engine));
    for (int i = 0; i < BIDE_SIGNAL_LOOPS_MAX; i++)
        CHECK_OK(bide__hub_open(engine, NULL, NULL, &hubs[i]));
    CHECK_ERR(bide__hub_open(engine, NULL, NULL, &one_more), -ENOSPC);
    for (int i = 0; i < BIDE_SIGNAL_LOOPS_MAX; i++)
        bide__hub_close(hubs[i]);
    CHECK_OK(bide__hub_open(engine, NULL, NULL, &one_more));
    bide__hub_close(one_more);
    bide_engine_free(engine);
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int scenario(void *arg)
{
    (void)arg;
    bide_task *tasks[] = {
        bide_create_task(wait_once, (void *)SIGUSR1),
        bide_create_task(wait_once, (void *)SIGUSR2),
        bide_create_task(raise_later, (void *)SIGUSR1),
        bide_create_task(raise_later, (void *)SIGUSR2),
    };
    return bide_gather(tasks, 4);
}

TEST(waiting_for_signals_survives_failures_and_cancellation_everywhere)
{
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    CHECK(torture(scenario).suspensions >= 4);
    CHECK(disposition(SIGUSR1) == SIG_IGN);
    CHECK(disposition(SIGUSR2) == SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

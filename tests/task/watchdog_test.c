/* SPDX-License-Identifier: MIT */
/* watchdog_test.c — a report of a slow step says where the time went. */
#include <bide.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arch/switch.h"
#include "test.h"

#if defined(__SANITIZE_THREAD__)
#define TRACES_COME_LATE true /* it holds signals back until a call of libc */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TRACES_COME_LATE true
#endif
#endif
#ifndef TRACES_COME_LATE
#define TRACES_COME_LATE false
#endif

#define LIMIT 0.05

struct found {
    int count;
    char text[2][300];
    char trace[2][4000];
};

static void keep(const bide_report *report, void *data)
{
    struct found *found = data;
    int i = found->count++;
    if (i >= 2)
        return;
    snprintf(found->text[i], sizeof found->text[i], "%s", report->text);
    snprintf(found->trace[i], sizeof found->trace[i], "%s",
             report->trace ? report->trace : "");
}

static int run_watched(bide_coroutine *fn, struct found *found,
                       bool no_signals)
{
    const bide_options options = {
        .debug = true,
        .slow_callback = LIMIT,
        .no_signals = no_signals,
    };
    bide_loop *loop;
    memset(found, 0, sizeof *found);
    int rc = bide_loop_new(&options, &loop);
    if (rc < 0)
        return rc;
    bide_set_exception_handler(loop, keep, found);
    rc = bide_loop_run_until_complete(loop, fn, NULL);
    bide_loop_close(loop);
    return rc;
}

static double wall_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Long enough for the watchdog to be given a processor. */
__attribute__((noinline)) static void compute(void)
{
    double end = wall_clock() + 4 * LIMIT;
    while (wall_clock() < end)
        continue;
}

static int compute_long(void *arg)
{
    (void)arg;
    int rc = bide_sleep(0);
    compute();
    return rc;
}

TEST(a_slow_step_is_reported_with_its_calls_innermost_first)
{
    struct found found;
    CHECK_OK(run_watched(compute_long, &found, false));
    CHECK_INT(found.count, 1);
    if (TRACES_COME_LATE)
        return;
    const char *inner = strstr(found.trace[0], "at compute (watchdog_test.c:");
    const char *outer = strstr(found.trace[0], "at compute_long (watchdog_");
    CHECK(inner != NULL && outer > inner);
    if (bide__switch_start[0] != 0) /* the portable switch knows no start */
        CHECK(!strstr(found.trace[0], "task_main"));
    CHECK(!strstr(found.trace[0], "on_signal"));
    CHECK(!strstr(found.text[0], "cut"));
}

static int sleep_in_a_step(void *arg)
{
    const struct timespec pause = {.tv_nsec = 500 * 1000 * 1000};
    (void)arg;
    nanosleep(&pause, NULL);
    return 0;
}

TEST(a_blocking_call_is_found_and_said_to_be_cut_short)
{
    struct found found;
    CHECK_OK(run_watched(sleep_in_a_step, &found, false));
    CHECK_INT(found.count, 1);
    if (TRACES_COME_LATE)
        return;
    CHECK(strstr(found.trace[0], "nanosleep") != NULL);
    CHECK(strstr(found.trace[0], "at sleep_in_a_step (") != NULL);
    CHECK(strstr(found.text[0], "looking cut a blocking call short") != NULL);
}

static void compute_in_callback(void *arg)
{
    bool *done = arg;
    compute();
    *done = true;
}

static int call_back(void *arg)
{
    (void)arg;
    bool done = false;
    int rc = bide_loop_call_soon(bide_loop_current(), NULL,
                                 compute_in_callback, &done);
    while (rc == 0 && !done)
        rc = bide_sleep(0);
    return rc;
}

TEST(a_slow_callback_is_traced_too)
{
    struct found found;
    CHECK_OK(run_watched(call_back, &found, false));
    CHECK_INT(found.count, 1);
    CHECK(strstr(found.text[0], "a callback ran for ") != NULL);
    if (!TRACES_COME_LATE)
        CHECK(strstr(found.trace[0], "at compute_in_callback (") != NULL);
}

static int compute_twice(void *arg)
{
    (void)arg;
    compute();
    int rc = bide_sleep(3 * LIMIT); /* the watchdog falls asleep */
    compute();
    return rc;
}

TEST(each_slow_step_has_its_own_trace)
{
    struct found found;
    CHECK_OK(run_watched(compute_twice, &found, false));
    CHECK_INT(found.count, 2);
    if (TRACES_COME_LATE)
        return;
    CHECK(strstr(found.trace[0], "at compute_twice (") != NULL);
    CHECK(strstr(found.trace[1], "at compute_twice (") != NULL);
    CHECK(strcmp(found.trace[0], found.trace[1]) != 0);
}

TEST(without_signals_a_slow_step_is_reported_without_a_trace)
{
    struct found found;
    CHECK_OK(run_watched(compute_long, &found, true));
    CHECK_INT(found.count, 1);
    CHECK_STR(found.trace[0], "");
}

/* ── Somebody else's SIGURG ───────────────────────────────────────────── */

static volatile sig_atomic_t urgent;

static void count_urgent(int number)
{
    (void)number;
    urgent++;
}

static int send_urgent(void *arg)
{
    (void)arg;
    kill(getpid(), SIGURG); /* not by tgkill(2), as raise(3) would */
    return bide_sleep(0);
}

TEST(the_programs_own_handler_still_gets_its_signals)
{
    struct found found;
    struct sigaction mine = {.sa_handler = count_urgent}, old, now;
    sigaction(SIGURG, &mine, &old);
    urgent = 0;
    CHECK_OK(run_watched(send_urgent, &found, false));
    CHECK_INT(urgent, 1);
    CHECK_OK(run_watched(compute_long, &found, false));
    CHECK_INT(urgent, 1);
    sigaction(SIGURG, &old, &now);
    CHECK(now.sa_handler == count_urgent);
}

/* ── Two loops ────────────────────────────────────────────────────────── */

static void *run_on_a_thread(void *arg)
{
    CHECK_OK(run_watched(compute_twice, arg, false));
    return NULL;
}

TEST(loops_of_two_threads_are_watched_each_for_itself)
{
    struct found found[2];
    pthread_t other;
    CHECK_OK(-pthread_create(&other, NULL, run_on_a_thread, &found[0]));
    CHECK_OK(run_watched(compute_long, &found[1], false));
    pthread_join(other, NULL);
    CHECK_INT(found[0].count, 2);
    CHECK_INT(found[1].count, 1);
    if (TRACES_COME_LATE)
        return;
    CHECK(strstr(found[0].trace[0], "at compute_twice (") != NULL);
    CHECK(strstr(found[1].trace[0], "at compute_long (") != NULL);
}

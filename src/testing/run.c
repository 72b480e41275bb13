/* SPDX-License-Identifier: MIT */
/*
 * run.c — one test with one seed, and what must not be left after it.
 *
 *     supervise (the loop's main task) ── timeout ──► the test's own task
 *
 * The test runs in a task of its own, so that after a timeout it can be left
 * as it stands: the loop's end, in debug mode, then reports each task that
 * has not ended and what it waits in, which is what tells a deadlock. The
 * same reports find what a test that passed has left behind. Memory is seen
 * by counting what bide allocates and releases.
 *
 * A test that never suspends, or whose tasks wake each other for ever, keeps
 * virtual time from passing. An alarm in real time ends the program then.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/debug.h>
#include <bide/loop.h>
#include <bide/timeout.h>

#include "testing/testing.h"

/* Seconds: nobody has to wait for virtual ones. */
#define VIRTUAL_TIMEOUT 3600.0
#define REAL_TIMEOUT 30.0

struct run {
    const bide_test *test;
    double timeout;
    bool interrupted;
};

/* ── Memory ───────────────────────────────────────────────────────────── */

static atomic_long live; /* allocations that were not released */

static void *allocate(void *data, size_t size)
{
    (void)data;
    void *memory = malloc(size);
    if (memory)
        atomic_fetch_add(&live, 1);
    return memory;
}

static void *reallocate(void *data, void *memory, size_t size)
{
    (void)data;
    void *moved = realloc(memory, size);
    if (moved && !memory)
        atomic_fetch_add(&live, 1);
    return moved;
}

static void release(void *data, void *memory)
{
    (void)data;
    if (memory)
        atomic_fetch_sub(&live, 1);
    free(memory);
}

static const bide_allocator allocator = {
    .allocate = allocate,
    .reallocate = reallocate,
    .release = release,
};

/* ── A test that does not come back ───────────────────────────────────── */

static char hang_message[1000]; /* made beforehand, for a signal handler */

static void on_alarm(int number)
{
    (void)number;
    ssize_t written =
        write(STDOUT_FILENO, hang_message, strlen(hang_message));
    _exit(written < 0 ? 2 : 1);
}

static void set_alarm(const bide_test *test, unsigned limit,
                      const char *repeat)
{
    struct sigaction action = {.sa_handler = on_alarm};
    snprintf(hang_message, sizeof hang_message,
             "# %s has run for %u s of real time: it never suspends, or its "
             "tasks wake each other for ever\n"
             "# repeat it: %s\n"
             "Bail out! %s does not end\n",
             test->name, limit, repeat, test->name);
    sigaction(SIGALRM, &action, NULL);
    alarm(limit);
}

/* ── The run ──────────────────────────────────────────────────────────── */

static void on_report(const bide_report *report, void *data)
{
    (void)data;
    if (report->code != BIDE_E_TEST_FAILED) /* which has said what failed */
        bide__checks_fail("%s", report->text);
}

/* What the test returned, unless that was said already. */
static void judge(int rc)
{
    if (rc < 0 && rc != BIDE_E_TEST_FAILED && rc != BIDE_E_TEST_SKIPPED)
        bide__checks_fail("the test returned %d (%s: %s)", rc,
                          bide_errname(rc), bide_errmsg(rc));
}

/* The tasks as they stand, which tells who waits for whom. */
static void print_tasks(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    if (!file)
        return;
    bide_print_call_graph(file, BIDE_GRAPH_STACKS);
    fclose(file);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) && *line;)
        printf("#   %s\n", line);
    free(text);
}

static int supervise(void *arg)
{
    struct run *run = arg;
    const bide_test *test = run->test;
    const bide_task_options named = {.name = test->name};
    bide_set_exception_handler(bide_loop_current(), on_report, NULL);
    bide_task *task = bide_create_task_with(test->run, NULL, &named);
    bool ended;
    bide_timeout timeout;
    bide_timeout_enter(&timeout, run->timeout);
    int rc = bide_shield(task, &ended);
    int timed = bide_timeout_exit(&timeout, rc);
    if (ended) {
        judge(rc);
        return 0;
    }
    if (timed == -ETIME) {
        bide__checks_fail("%s has not ended after %g s:", test->name,
                          run->timeout);
        print_tasks();
    } else {
        run->interrupted = true;
    }
    bide__checks_end();
    bide_task_detach(task);
    return 0;
}

static bool interrupted;

bool bide__test_interrupted(void)
{
    return interrupted;
}

/* A test that leaves memory behind runs a second time: what a library derives
 * once and keeps, such as the plan of a model, is there then; what was lost is
 * lost again. */
static int run_once(struct run *run, const bide_options *options,
                    unsigned limit, const char *repeat, long *ret_left)
{
    bide__checks_begin(options->seed);
    bide_set_allocator(&allocator);
    set_alarm(run->test, limit, repeat);
    long before = atomic_load(&live);
    int rc = bide_run_with(supervise, run, options);
    *ret_left = atomic_load(&live) - before;
    alarm(0);
    return rc;
}

enum bide__outcome bide__test_run(const bide_test *test, const char *backend,
                                  uint64_t seed, unsigned limit,
                                  const char *repeat)
{
    bool simulated = !strcmp(backend, "sim");
    struct run run = {
        .test = test,
        .timeout = simulated ? VIRTUAL_TIMEOUT : REAL_TIMEOUT,
    };
    if (test->timeout > 0)
        run.timeout = test->timeout;
    const bide_options options = {
        .debug = true,
        .backend = backend,
        .seed = seed,
        .stack_size = test->stack_size,
        .slow_callback = 1e9, /* a busy machine fails no test */
    };
    long left = 0;
    int rc = run_once(&run, &options, limit, repeat, &left);
    if (rc >= 0 && left > 0 && !bide__checks_failed())
        rc = run_once(&run, &options, limit, repeat, &left);
    interrupted = run.interrupted;
    if (rc < 0)
        bide__checks_fail("no loop: %s (%s)", bide_errname(rc),
                          bide_errmsg(rc));
    if (left > 0)
        bide__checks_fail("%ld allocation%s of bide's %s not released", left,
                          left == 1 ? "" : "s", left == 1 ? "was" : "were");
    if (bide__checks_failed())
        return BIDE__FAILED;
    return bide__checks_skipped() ? BIDE__SKIPPED : BIDE__PASSED;
}

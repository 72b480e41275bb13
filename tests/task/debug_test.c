/* SPDX-License-Identifier: MIT */
/* debug_test.c — tasks can be looked at: the graph, stacks, what was left. */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "helpers/death.h"
#include "test.h"

/* What fn(file) prints, in a static buffer. */
static const char *printed(void (*fn)(FILE *file, void *arg), void *arg)
{
    static char text[8192];
    FILE *file = fmemopen(text, sizeof text, "w");
    if (!CHECK(file != NULL))
        return "";
    fn(file, arg);
    CHECK(!ferror(file));
    fclose(file);
    return text;
}

static void print_graph(FILE *file, void *arg)
{
    bide_print_call_graph(file, *(unsigned *)arg);
}

static const char *graph(unsigned flags)
{
    return printed(print_graph, &flags);
}

static bide_task *start(bide_coroutine *fn, void *arg, const char *name)
{
    const bide_task_options options = {.name = name};
    return bide_create_task_with(fn, arg, &options);
}

/* ── The graph ────────────────────────────────────────────────────────── */

static int leaf(void *arg)
{
    (void)arg;
    int rc = bide_sleep(1000);
    return rc == -ECANCELED ? rc : -EIO; /* no call in tail position */
}

static int gather_two(void *arg)
{
    bide_task *tasks[] = {start(leaf, NULL, "a"), start(leaf, NULL, "b")};
    (void)arg;
    return bide_gather(tasks, 2);
}

static int group_one(void *arg)
{
    const bide_task_options named = {.name = "child"};
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    bide_group_create_task_with(&group, leaf, NULL, &named);
    int rc = bide_sleep(1000); /* in the block, not at its end */
    return bide_group_exit(&group, rc);
}

static int await_gathering(void *arg)
{
    (void)arg;
    return bide_await(start(gather_two, NULL, "gatherer"));
}

static int end_all(bide_task *const tasks[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        bide_task_cancel(tasks[i]);
    int rc = bide_gather(tasks, count);
    return rc == -ECANCELED ? 0 : rc;
}

static int look_at_graph(void *arg)
{
    (void)arg;
    bide_task *tasks[] = {start(await_gathering, NULL, "top"),
                          start(group_one, NULL, "grouper")};
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++)
        rc = bide_sleep(0);
    bide_task *fresh = start(leaf, NULL, "fresh");
    CHECK_STR(graph(0), "main (look_at_graph), running\n"
                        "top (await_gathering), in bide_await()\n"
                        "  gatherer (gather_two), in bide_gather()\n"
                        "    a (leaf), in bide_sleep()\n"
                        "    b (leaf), in bide_sleep()\n"
                        "grouper (group_one), in bide_sleep()\n"
                        "  child (leaf), in bide_sleep()\n"
                        "fresh (leaf), not started\n");
    bide_task *all[] = {tasks[0], tasks[1], fresh};
    return rc < 0 ? rc : end_all(all, 3);
}

TEST(each_task_stands_below_who_awaits_it)
{
    CHECK_OK(bide_run(look_at_graph, NULL));
}

static int look_at_waiters(void *arg)
{
    (void)arg;
    bide_task *tasks[] = {start(leaf, NULL, "one")};
    bide_task *waiter = bide_current_task();
    bide_task_set_name(waiter, "waiter");
    CHECK_INT(bide_wait(tasks, 1, BIDE_ALL_COMPLETED, 0.01), 0);
    CHECK(strstr(graph(0), "\none (leaf), in bide_sleep()\n") != NULL);
    return end_all(tasks, 1);
}

TEST(a_wait_that_has_ended_awaits_nothing)
{
    CHECK_OK(bide_run(look_at_waiters, NULL));
}

static int sleep_in_debug_mode(void *arg)
{
    (void)arg;
    bide_task *task = start(leaf, NULL, "one");
    int rc = bide_sleep(2);
    CHECK(strstr(graph(0), "one (leaf), in bide_sleep(), for 2.000 s\n"));
    return rc < 0 ? rc : end_all(&task, 1);
}

TEST(debug_mode_tells_since_when)
{
    const bide_options options = {.debug = true, .backend = "sim"};
    CHECK_OK(bide_run_with(sleep_in_debug_mode, NULL, &options));
}

/* ── Deadlocks ────────────────────────────────────────────────────────── */

static bide_task *circle[2];

static int await_other(void *arg)
{
    int rc = bide_sleep(0);
    rc = rc < 0 ? rc : bide_await(circle[*(int *)arg]);
    return rc < 0 ? rc : 0;
}

static int make_circle(void *arg)
{
    int zero = 0, one = 1;
    (void)arg;
    circle[0] = start(await_other, &one, "chicken");
    circle[1] = start(await_other, &zero, "egg");
    int rc = bide_sleep(0.001);
    bide_print_call_graph(stderr, 0);
    return rc;
}

static void run_circle(void)
{
    (void)!bide_run(make_circle, NULL);
}

TEST(tasks_in_a_circle_are_told_apart_and_cannot_end)
{
    CHECK_DIES(run_circle, "deadlock: these tasks await each other\n"
                           "  chicken (await_other), in bide_await()\n"
                           "    awaited by egg\n"
                           "  egg (await_other), in bide_await()\n"
                           "    awaited by chicken\n");
    CHECK_DIES(run_circle, "which awaits it in turn");
}

/* ── Stacks ───────────────────────────────────────────────────────────── */

static void print_stack(FILE *file, void *task)
{
    bide_task_print_stack(task, file);
}

static int look_at_stacks(void *arg)
{
    (void)arg;
    bide_task *task = start(leaf, NULL, "one");
    void *frames[64];
    CHECK_INT(bide_task_get_stack(task, frames, 64), 0);
    int rc = bide_sleep(0);
    size_t count = bide_task_get_stack(task, frames, 64);
    if (count == 0) {
        test_skip("no backtraces on this platform");
        return end_all(&task, 1);
    }
    const char *text = printed(print_stack, task);
    CHECK(strstr(text, "one (leaf), in bide_sleep()\n  at ") == text);
    CHECK(strstr(text, "\n  at bide_sleep (") != NULL);
    CHECK(strstr(text, "\n  at leaf (debug_test.c:") != NULL);
    CHECK(!strstr(text, "task_main"));
    CHECK(count >= 2);
    CHECK_INT(bide_task_get_stack(task, frames, 1), 1);
    text = printed(print_stack, bide_current_task());
    CHECK(strstr(text, "main (look_at_stacks), running\n") == text);
    CHECK(strstr(text, "\n  at look_at_stacks (debug_test.c:") != NULL);
    CHECK(strstr(graph(BIDE_GRAPH_STACKS), "\n  at leaf (debug_test.c:"));
    return rc < 0 ? rc : end_all(&task, 1);
}

TEST(stacks_of_sleeping_and_running_tasks_are_printed)
{
    CHECK_OK(bide_run(look_at_stacks, NULL));
}

static int sleep_twice(void *arg)
{
    (void)arg;
    int rc = bide_sleep(0);
    if (rc == 0)
        rc = bide_sleep(0);
    return rc < 0 ? rc : 7;
}

static int look_and_go_on(void *arg)
{
    (void)arg;
    bide_task *task = start(sleep_twice, NULL, "one");
    void *frames[8];
    for (int i = 0; i < 2; i++) {
        CHECK_OK(bide_sleep(0));
        (void)bide_task_get_stack(task, frames, 8);
    }
    return bide_await(task);
}

TEST(a_task_that_was_looked_at_goes_on_as_before)
{
    CHECK_INT(bide_run(look_and_go_on, NULL), 7);
}

#define DEEP ((size_t)20 << 10)

static int go_deep(void *arg)
{
    char bytes[DEEP];
    memset(bytes, 1, sizeof bytes);
    __asm__ volatile("" : : "r"(bytes) : "memory");
    (void)arg;
    return bide_sleep(0);
}

static int measure_stacks(void *arg)
{
    (void)arg;
    bide_task *deep = start(go_deep, NULL, "deep");
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_stack_size(deep) > (size_t)32 << 10);
    CHECK(bide_task_stack_size(deep) < (size_t)64 << 10);
    CHECK(bide_task_stack_used(deep) >= DEEP);
    CHECK(bide_task_stack_used(deep) <= bide_task_stack_size(deep));
    int rc = bide_await(deep);
    bide_task *shallow = start(leaf, NULL, "shallow"); /* on the same stack */
    CHECK(shallow == deep);
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_stack_used(shallow) < DEEP);
    return rc < 0 ? rc : end_all(&shallow, 1);
}

TEST(debug_mode_tells_how_deep_each_tasks_stack_has_been)
{
    const bide_options options = {.debug = true};
    CHECK_OK(bide_run_with(measure_stacks, NULL, &options));
}

/* ── What was left ────────────────────────────────────────────────────── */

static char reported[400];
static int reports;

static void keep(const bide_report *report, void *data)
{
    (void)data;
    reports++;
    snprintf(reported, sizeof reported, "%s", report->text);
}

static int run_reporting(bide_coroutine *fn, bool debug)
{
    const bide_options options = {.debug = debug};
    bide_loop *loop;
    reports = 0;
    int rc = bide_loop_new(&options, &loop);
    if (rc < 0)
        return rc;
    bide_set_exception_handler(loop, keep, NULL);
    rc = bide_loop_run_until_complete(loop, fn, NULL);
    bide_loop_close(loop);
    return rc;
}

static int return_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static bide_task *kept; /* as a program would that forgets it */

static int forget_handle(void *arg)
{
    (void)arg;
    kept = start(return_at_once, NULL, "lost");
    return bide_sleep(0);
}

TEST(a_handle_that_was_never_released_is_reported_in_debug_mode)
{
    CHECK_OK(run_reporting(forget_handle, true));
    CHECK_INT(reports, 1);
    CHECK(strstr(reported, "task 'lost' has ended and its handle was never "
                           "released") == reported);
    CHECK_OK(run_reporting(forget_handle, false));
    CHECK_INT(reports, 0);
}

static int forget_running(void *arg)
{
    (void)arg;
    kept = start(leaf, NULL, "left");
    return bide_sleep(0);
}

TEST(a_task_that_is_left_running_is_reported_once)
{
    CHECK_OK(run_reporting(forget_running, true));
    CHECK_INT(reports, 1);
    CHECK(strstr(reported, "task 'left' is still pending") == reported);
}

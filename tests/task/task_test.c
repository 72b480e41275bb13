/* SPDX-License-Identifier: MIT */
/* task_test.c — creating, awaiting and looking at tasks. */
#include <bide.h>
#include <errno.h>
#include <string.h>

#include "test.h"

static int log_len;
static char log_text[64];

static void note(char what)
{
    if (log_len < (int)sizeof log_text - 1)
        log_text[log_len++] = what;
    log_text[log_len] = '\0';
}

static void forget(void)
{
    log_len = 0;
    log_text[0] = '\0';
}

static int note_arg(void *arg)
{
    note(*(const char *)arg);
    return 0;
}

static int note_twice(void *arg)
{
    note(*(const char *)arg);
    int rc = bide_sleep(0);
    note(*(const char *)arg);
    return rc;
}

static int return_arg(void *arg)
{
    return *(int *)arg;
}

static int fail(void *arg)
{
    return bide_raise(-EPROTO, "%s is wrong", (const char *)arg);
}

/* ── Running ──────────────────────────────────────────────────────────── */

TEST(run_returns_what_main_returns)
{
    int value = 42;
    CHECK_INT(bide_run(return_arg, &value), 42);
}

TEST(the_message_of_main_is_current_after_run)
{
    CHECK_ERR(bide_run(fail, "everything"), -EPROTO);
    CHECK_STR(bide_errmsg(-EPROTO), "everything is wrong");
}

static int leave_children(void *arg)
{
    bide_task_detach(bide_create_task(note_twice, arg));
    bide_task_detach(bide_create_task(note_twice, arg));
    return bide_sleep(0);
}

TEST(run_cancels_what_is_left_and_waits_for_it)
{
    forget();
    CHECK_INT(bide_run(leave_children, "x"), 0);
    CHECK_STR(log_text, "xxxx");
}

/* ── Order ────────────────────────────────────────────────────────────── */

static int create_three(void *arg)
{
    (void)arg;
    bide_task *tasks[] = {
        bide_create_task(note_twice, "a"),
        bide_create_task(note_twice, "b"),
        bide_create_task(note_twice, "c"),
    };
    note('-');
    return bide_gather(tasks, 3);
}

TEST(tasks_run_in_the_order_of_their_creation_and_take_turns)
{
    forget();
    CHECK_INT(bide_run(create_three, NULL), 0);
    CHECK_STR(log_text, "-abcabc");
}

static int create_eagerly(void *arg)
{
    (void)arg;
    const bide_task_options eager = {.eager_start = true};
    bide_task *other = bide_create_task(note_arg, "o");
    note('1');
    bide_task *task = bide_create_task_with(note_twice, "e", &eager);
    note('2');
    int rc = bide_await(task);
    int second = bide_await(other);
    return rc < 0 ? rc : second;
}

TEST(an_eager_task_runs_at_once_until_it_suspends)
{
    forget();
    CHECK_INT(bide_run(create_eagerly, NULL), 0);
    CHECK_STR(log_text, "1e2oe");
}

static int create_eager_that_ends(void *arg)
{
    const bide_task_options eager = {.eager_start = true};
    bide_task *task = bide_create_task_with(return_arg, arg, &eager);
    CHECK(bide_task_done(task));
    return bide_await(task);
}

TEST(an_eager_task_may_end_within_its_creation)
{
    int value = 7;
    CHECK_INT(bide_run(create_eager_that_ends, &value), 7);
}

/* ── Results ──────────────────────────────────────────────────────────── */

static int await_results(void *arg)
{
    int value = 5;
    (void)arg;
    bide_task *task = bide_create_task(return_arg, &value);
    CHECK_INT(bide_task_result(task), BIDE_E_INVALID_STATE);
    CHECK(!bide_task_done(task));
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_done(task));
    CHECK_INT(bide_task_result(task), 5);
    CHECK_INT(bide_await(task), 5);

    bide_task *failing = bide_create_task(fail, "it");
    CHECK_ERR(bide_await(failing), -EPROTO);
    CHECK_STR(bide_errmsg(-EPROTO), "it is wrong");
    return 0;
}

TEST(await_brings_the_result_and_the_message)
{
    CHECK_INT(bide_run(await_results, NULL), 0);
}

static int await_nothing(void *arg)
{
    (void)arg;
    CHECK_ERR(bide_await(NULL), -ENOMEM);
    CHECK(bide_task_done(NULL));
    CHECK(!bide_task_cancel(NULL));
    bide_task_detach(NULL);
    return 0;
}

TEST(no_task_counts_as_one_that_lacked_memory)
{
    CHECK_INT(bide_run(await_nothing, NULL), 0);
}

static int stale_message(void *arg)
{
    (void)arg;
    CHECK_ERR(bide_await(bide_create_task(fail, "old")), -EPROTO);
    CHECK_STR(bide_errmsg(-EIO), "Input/output error");
    CHECK_STR(bide_errmsg(-EPROTO), "old is wrong");
    return 0;
}

TEST(a_message_answers_only_for_its_own_code)
{
    CHECK_INT(bide_run(stale_message, NULL), 0);
}

/* ── Names, options, lists ────────────────────────────────────────────── */

static int name_tasks(void *arg)
{
    (void)arg;
    CHECK_STR(bide_task_name(bide_current_task()), "main");
    const bide_task_options named = {.name = "collector"};
    bide_task *task = bide_create_task_with(note_arg, "x", &named);
    CHECK_STR(bide_task_name(task), "collector");
    bide_task_set_name(task, "a name that is longer than thirty-one bytes");
    CHECK_STR(bide_task_name(task), "a name that is longer than thir");
    bide_task *other = bide_create_task(note_arg, "x");
    CHECK_INT(strncmp(bide_task_name(other), "Task-", 5), 0);
    bide_task *tasks[] = {task, other};
    return bide_gather(tasks, 2);
}

TEST(tasks_have_names)
{
    CHECK_INT(bide_run(name_tasks, NULL), 0);
}

static int check_copy(void *arg)
{
    const char *text = arg;
    int rc = bide_sleep(0);
    note(text[0]);
    return rc;
}

static int pass_copies(void *arg)
{
    (void)arg;
    char text[100] = "k";
    const bide_task_options copied = {.copy = text, .copy_size = sizeof text};
    bide_task *task = bide_create_task_with(check_copy, NULL, &copied);
    text[0] = '!'; /* the task has its own */
    return bide_await(task);
}

TEST(a_task_can_own_a_copy_of_its_argument)
{
    forget();
    CHECK_INT(bide_run(pass_copies, NULL), 0);
    CHECK_STR(log_text, "k");
}

static int refuse_options(void *arg)
{
    static char big[65536];
    (void)arg;
    const bide_task_options huge = {.stack_size = (size_t)2 << 30};
    CHECK(!bide_create_task_with(note_arg, "x", &huge));
    CHECK_STR(bide_errmsg(-EINVAL),
              "stack_size is 2147483648 bytes, at most 1073741824");
    const bide_task_options copy = {.copy = big, .copy_size = sizeof big};
    CHECK(!bide_create_task_with(note_arg, "x", &copy));
    CHECK_STR(bide_errmsg(-EINVAL), "copy_size is 65536 bytes, at most 16384 "
                                    "for this stack");
    return 0;
}

TEST(options_out_of_range_are_named_with_their_limit)
{
    CHECK_INT(bide_run(refuse_options, NULL), 0);
}

static int list_tasks(void *arg)
{
    (void)arg;
    bide_task *tasks[3], *found[8];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(note_twice, "t");
    CHECK_INT(bide_all_tasks(NULL, 0), 4);
    CHECK_INT(bide_all_tasks(found, 8), 4);
    int seen = 0;
    for (int i = 0; i < 4; i++)
        seen += found[i] == bide_current_task() || found[i] == tasks[0] ||
                found[i] == tasks[1] || found[i] == tasks[2];
    CHECK_INT(seen, 4);
    int rc = bide_gather(tasks, 3);
    CHECK_INT(bide_all_tasks(NULL, 0), 1);
    return rc;
}

TEST(all_tasks_lists_those_that_have_not_ended)
{
    CHECK_INT(bide_run(list_tasks, NULL), 0);
}

/* ── Handles and callbacks ────────────────────────────────────────────── */

static int use_references(void *arg)
{
    bide_task *task = bide_create_task(return_arg, arg);
    bide_task_ref(task);
    CHECK_INT(bide_await(task), 3);
    CHECK(bide_task_done(task)); /* ours is still there */
    CHECK_INT(bide_task_result(task), 3);
    bide_task_unref(task);
    return 0;
}

TEST(a_reference_outlives_the_await)
{
    int value = 3;
    CHECK_INT(bide_run(use_references, &value), 0);
}

static void note_end(bide_task *task, void *arg)
{
    CHECK(bide_task_done(task));
    CHECK(bide_current_task() == NULL);
    note(*(const char *)arg);
}

static int add_callbacks(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(note_arg, "t");
    CHECK_OK(bide_task_add_done_callback(task, note_end, "1"));
    CHECK_OK(bide_task_add_done_callback(task, note_end, "x"));
    CHECK_OK(bide_task_add_done_callback(task, note_end, "2"));
    static const char same[] = "s";
    CHECK_OK(bide_task_add_done_callback(task, note_end, (void *)same));
    CHECK_OK(bide_task_add_done_callback(task, note_end, (void *)same));
    CHECK_INT(bide_task_remove_done_callback(task, note_end, (void *)same), 2);
    CHECK_OK(bide_sleep(0));
    CHECK_OK(bide_sleep(0));
    CHECK_STR(log_text, "t1x2");
    CHECK_OK(bide_task_add_done_callback(task, note_end, "3"));
    CHECK_OK(bide_await(task));
    return bide_sleep(0);
}

TEST(done_callbacks_run_in_order_after_the_end)
{
    forget();
    CHECK_INT(bide_run(add_callbacks, NULL), 0);
    CHECK_STR(log_text, "t1x23");
}

/* ── Many ─────────────────────────────────────────────────────────────── */

static int count_up(void *arg)
{
    int rc = bide_sleep(1e-6);
    ++*(int *)arg;
    return rc;
}

static int create_many(void *arg)
{
    enum { MANY = 20000 };
    static bide_task *tasks[MANY];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            tasks[i] = bide_create_task(count_up, arg);
        CHECK_OK(bide_gather(tasks, MANY));
    }
    return 0;
}

TEST(tens_of_thousands_of_tasks_sleep_and_end)
{
    int count = 0;
    CHECK_INT(bide_run(create_many, &count), 0);
    CHECK_INT(count, 40000);
}

static int spawn_chain(void *arg)
{
    int *left = arg;
    if (--*left == 0)
        return 0;
    bide_task_detach(bide_create_task(spawn_chain, arg));
    return 0;
}

static int run_chain(void *arg)
{
    int left = 1000;
    (void)arg;
    bide_task_detach(bide_create_task(spawn_chain, &left));
    while (left > 0)
        CHECK_OK(bide_sleep(0));
    return 0;
}

TEST(detached_tasks_release_themselves)
{
    CHECK_INT(bide_run(run_chain, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
/* fork_test.c — a child of fork has no loop; its parent's is undisturbed. */
#include <bide/group.h>
#include <bide/loop.h>
#include <bide/stream.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/death.h"
#include "helpers/journal.h"

static void check_exits(pid_t child, int code)
{
    int status = 0;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), code);
}

/* ── A loop of the child's own ────────────────────────────────────────── */

static int sleep_some(void *arg)
{
    (void)arg;
    return bide_sleep(0.001);
}

static int child_main(void *arg)
{
    bide_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(sleep_some, arg);
    return bide_gather(tasks, 3);
}

static int echo_one(void *arg)
{
    char byte;
    bide_stream **pair = arg;
    int rc = (int)bide_stream_readexactly(pair[1], &byte, 1);
    return rc < 0 ? rc : bide_stream_write(pair[1], &byte, 1);
}

static int amain_forks(void *arg)
{
    (void)arg;
    char byte = 'x', back = 0;
    bide_stream *pair[2];
    CHECK_OK(bide_stream_pair(pair));
    bide_task *reader = bide_create_task(echo_one, pair);
    bide_task *sleeper = bide_create_task(sleep_some, NULL);
    CHECK_OK(bide_sleep(0)); /* a receive and a timer are under way */
    pid_t child = fork();
    if (child == 0) {
        bool none = !bide_loop_current() && !bide_current_task();
        _exit(none && bide_run(child_main, NULL) == 0 ? 42 : 1);
    }
    check_exits(child, 42);
    CHECK_OK(bide_await(sleeper));
    CHECK_OK(bide_stream_write(pair[0], &byte, 1));
    CHECK_INT(bide_stream_readexactly(pair[0], &back, 1), 1);
    CHECK_INT(back, 'x');
    CHECK_OK(bide_await(reader));
    bide_stream_close(pair[0]);
    bide_stream_close(pair[1]);
    return 0;
}

TEST(a_child_forked_in_a_coroutine_can_run_a_loop_of_its_own)
{
    run(amain_forks);
}

TEST(a_child_can_run_a_loop_after_its_parent_had_one)
{
    run(sleep_some);
    pid_t child = fork();
    if (child == 0)
        _exit(bide_run(child_main, NULL) == 0 ? 43 : 1);
    check_exits(child, 43);
    run(child_main);
}

static int amain_interrupted(void *arg)
{
    (void)arg;
    pid_t child = fork();
    int status;
    if (child == 0) {
        raise(SIGINT);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    child = fork();
    if (child == 0) {
        raise(SIGINT);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    return bide_sleep(0.001); /* not cancelled by the child's SIGINT */
}

TEST(SIGINT_of_a_child_is_its_own)
{
    CHECK_OK(bide_run(amain_interrupted, NULL));
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static bide_loop *loop_of_parent;

static void use_loop_of_parent(void)
{
    (void)!bide_loop_step(loop_of_parent, 0);
}

TEST(a_loop_made_before_the_fork_is_refused)
{
    CHECK_OK(bide_loop_new(NULL, &loop_of_parent));
    CHECK_DIES(use_loop_of_parent,
               "bide_loop_step() was called in a child of fork()");
    CHECK_OK(bide_loop_run_until_complete(loop_of_parent, sleep_some, NULL));
    bide_loop_close(loop_of_parent);
}

/* What the child of the fork below does instead of going its own way. */
static int (*misuse)(void);

static int suspend_in_child(void)
{
    return bide_sleep(0);
}

static int create_in_child(void)
{
    bide_task *task = bide_create_task(sleep_some, NULL);
    return task == NULL;
}

static int return_in_child(void)
{
    return 0;
}

/* The child's death becomes this process's. */
static int amain_misuse(void *arg)
{
    (void)arg;
    int status;
    pid_t child = fork();
    if (child == 0)
        return misuse();
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        abort();
    return 0;
}

static void misuse_in_child(void)
{
    run(amain_misuse);
}

static void call_misuse(void *arg)
{
    (void)amain_misuse(arg);
}

static int amain_calls(void *arg)
{
    CHECK_OK(
        bide_loop_call_soon(bide_loop_current(), NULL, call_misuse, arg));
    return bide_sleep(0.01);
}

static void misuse_in_callback(void)
{
    run(amain_calls);
}

TEST(a_child_that_goes_on_in_its_parents_loop_is_told_so)
{
    misuse = suspend_in_child;
    CHECK_DIES(misuse_in_child,
               "bide_sleep() was called in a child of fork(), for its "
               "parent's loop; call bide_run() there");
    misuse = create_in_child;
    CHECK_DIES(misuse_in_child,
               "bide_create_task() was called in a child of fork()");
    misuse = return_in_child;
    CHECK_DIES(misuse_in_child,
               "a child of fork() went on in its parent's loop");
    CHECK_DIES(misuse_in_callback,
               "a child of fork() went on in its parent's loop");
}

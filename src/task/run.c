/* SPDX-License-Identifier: MIT */
/*
 * run.c — bide_run: a loop for one coroutine, and Ctrl-C.
 *
 * The first SIGINT cancels the main task, so that the program cleans up; the
 * handler then restores the default, so the second one kills. It is installed
 * only where nobody else handles SIGINT, and in one loop at a time: the first
 * to ask.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include "task/task.h"

/* ── SIGINT ───────────────────────────────────────────────────────────── */

/* Static, because the handler may still be using it on another thread's stack
 * while the loop that it interrupts is on its way out. */
static struct interrupt {
    bide_post post;
    _Atomic(bide_engine *) engine; /* set while a loop is to be told */
    bide_task *main;
    atomic_bool seen;
} interrupt;

static void cancel_main(bide_post *post)
{
    (void)post;
    (void)bide_task_cancel(interrupt.main);
}

static void on_interrupt(int number)
{
    int saved = errno;
    signal(number, SIG_DFL); /* the next one kills */
    bide_engine *engine = atomic_load(&interrupt.engine);
    if (engine && !atomic_exchange(&interrupt.seen, true))
        bide_engine_post(engine, &interrupt.post);
    errno = saved;
}

static bool watch_interrupt(bide_loop *loop, bide_task *main)
{
    struct sigaction current;
    sigaction(SIGINT, NULL, &current);
    if ((current.sa_flags & SA_SIGINFO) || current.sa_handler != SIG_DFL)
        return false; /* somebody else's business */
    bide_engine *none = NULL;
    if (!atomic_compare_exchange_strong(&interrupt.engine, &none,
                                        loop->engine))
        return false; /* another thread's loop is told */
    interrupt.post.run = cancel_main;
    interrupt.main = main;
    atomic_store(&interrupt.seen, false);
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    return true;
}

/* Returns whether SIGINT came. */
static bool unwatch_interrupt(void)
{
    signal(SIGINT, SIG_DFL);
    atomic_store(&interrupt.engine, NULL);
    return atomic_load(&interrupt.seen);
}

/* ── Running ──────────────────────────────────────────────────────────── */

static int run_main(bide_loop *loop, bide_coroutine *main, void *arg,
                    bool signals)
{
    const bide_task_options named = {.name = "main"};
    bide_task *task = bide_create_task_with(main, arg, &named);
    if (!task)
        return -ENOMEM;
    bide_task_ref(task); /* the handler may still name it */
    bool watching = signals && watch_interrupt(loop, task);
    int rc = bide__loop_run_task(loop, task);
    bool interrupted = watching && unwatch_interrupt();
    bide_task_unref(task);
    if (interrupted && rc == -ECANCELED)
        rc = bide_raise(-EINTR, "interrupted by SIGINT");
    return rc;
}

int bide_run_with(bide_coroutine *main, void *arg, const bide_options *options)
{
    BIDE__REQUIRE(!bide__loop,
                  "bide_run() was called while a loop runs on this thread; "
                  "await the coroutine, or start it with bide_create_task()");
    bide_loop *loop;
    int rc = bide_loop_new(options, &loop);
    if (rc < 0)
        return rc;
    bide__loop = loop;
    rc = run_main(loop, main, arg, !options || !options->no_signals);
    bide__loop = NULL;
    bide_loop_close(loop);
    return rc;
}

int bide_run(bide_coroutine *main, void *arg)
{
    return bide_run_with(main, arg, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * run.c — bide_run: a loop for one coroutine, and Ctrl-C.
 *
 * The first SIGINT cancels the main task, so that the program cleans up; the
 * handler then restores the default, so the second one kills. It is installed
 * only where nobody else handles SIGINT, and in one loop at a time: the first
 * to ask.
 *
 * Whoever installs a handler of his own while the loop runs takes over, and
 * may give the signal back (process/dispatch.c does both). He may even do so
 * when the loop has gone: the handler then acts as the default.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "task/fork.h"
#include "task/task.h"

/* ── SIGINT ───────────────────────────────────────────────────────────── */

/* A loop that is to be told. In the frame of bide_run_with(): it must outlive
 * the loop, which may have the post in its queue. */
struct watch {
    bide_engine *engine;
    bide_post post;
    bide_task *main; /* NULL once it has ended */
    atomic_bool seen;
};

static struct {
    pthread_mutex_t lock;          /* of the disposition; not the handler's */
    _Atomic(struct watch *) watch; /* NULL: nobody is to be told */
    atomic_uint users;             /* handlers that may be telling it */
} interrupt = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void cancel_main(bide_post *post)
{
    struct watch *watch = BIDE__CONTAINER(post, struct watch, post);
    (void)bide_task_cancel(watch->main);
}

static void on_interrupt(int number)
{
    int saved = errno;
    signal(number, SIG_DFL); /* the next one kills */
    atomic_fetch_add(&interrupt.users, 1);
    struct watch *watch = atomic_load(&interrupt.watch);
    if (!watch)
        raise(number); /* takes effect on return */
    else if (!atomic_exchange(&watch->seen, true))
        bide_engine_post(watch->engine, &watch->post);
    atomic_fetch_sub(&interrupt.users, 1);
    errno = saved;
}

static void (*disposition(void))(int)
{
    struct sigaction current;
    sigaction(SIGINT, NULL, &current);
    return current.sa_flags & SA_SIGINFO ? SIG_ERR : current.sa_handler;
}

/* Returns false if SIGINT is somebody else's business, or told to another
 * thread's loop. */
static bool watch_interrupt(struct watch *watch, bide_loop *loop,
                            bide_task *main)
{
    pthread_mutex_lock(&interrupt.lock);
    bool granted = !atomic_load(&interrupt.watch) &&
                   (disposition() == SIG_DFL ||
                    disposition() == on_interrupt);
    if (granted) {
        watch->engine = loop->engine;
        watch->main = main;
        atomic_store(&interrupt.watch, watch);
        struct sigaction action = {.sa_handler = on_interrupt};
        sigemptyset(&action.sa_mask);
        sigaction(SIGINT, &action, NULL);
    }
    pthread_mutex_unlock(&interrupt.lock);
    return granted;
}

/* Returns whether SIGINT came. */
static bool unwatch_interrupt(struct watch *watch)
{
    pthread_mutex_lock(&interrupt.lock);
    if (disposition() == on_interrupt)
        signal(SIGINT, SIG_DFL);
    atomic_store(&interrupt.watch, NULL);
    pthread_mutex_unlock(&interrupt.lock);
    while (atomic_load(&interrupt.users) > 0)
        sched_yield(); /* it is on another thread, at work */
    watch->main = NULL;
    return atomic_load(&watch->seen);
}

/* The loop's end has given SIGINT back to a handler that nobody needs. */
static void forget_interrupt(void)
{
    pthread_mutex_lock(&interrupt.lock);
    if (disposition() == on_interrupt && !atomic_load(&interrupt.watch))
        signal(SIGINT, SIG_DFL);
    pthread_mutex_unlock(&interrupt.lock);
}

void bide__interrupt_after_fork(void)
{
    pthread_mutex_init(&interrupt.lock, NULL); /* whoever held it is gone */
    atomic_store(&interrupt.watch, NULL);
    atomic_store(&interrupt.users, 0);
}

/* ── Running ──────────────────────────────────────────────────────────── */

static int run_main(bide_loop *loop, bide_coroutine *main, void *arg,
                    struct watch *watch)
{
    const bide_task_options named = {.name = "main"};
    bide_task *task = bide_create_task_with(main, arg, &named);
    if (!task)
        return -ENOMEM;
    bide_task_ref(task); /* a post may still name it */
    bool watching = watch && watch_interrupt(watch, loop, task);
    int rc = bide__loop_run_task(loop, task);
    bool interrupted = watching && unwatch_interrupt(watch);
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
    struct watch watch = {.post.run = cancel_main};
    bool signals = !options || !options->no_signals;
    bide__loop = loop;
    rc = run_main(loop, main, arg, signals ? &watch : NULL);
    bide__loop = NULL;
    bide_loop_close(loop);
    if (signals)
        forget_interrupt();
    return rc;
}

int bide_run(bide_coroutine *main, void *arg)
{
    return bide_run_with(main, arg, NULL);
}

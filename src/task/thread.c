/* SPDX-License-Identifier: MIT */
/*
 * thread.c — a coroutine started from another thread, and its result.
 *
 * The future is shared by the thread that asked and the loop that runs the
 * task, and freed by whichever lets go last:
 *
 *     asking thread ──post──► loop: create task ──► its end: done, signal
 *            └────────── waits on the condition ◄──────────────┘
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "task/task.h"

struct bide_thread_future {
    bide_post start;
    bide_post cancel;
    atomic_bool cancel_sent; /* the post is in use */
    atomic_uint refs;        /* the thread's, the task's, a cancel's */
    bide_loop *loop;
    bide_coroutine *fn;
    void *arg;
    bide_task *task; /* on the loop's thread only */
    pthread_mutex_t lock;
    pthread_cond_t ended; /* on CLOCK_MONOTONIC */
    bool done;            /* under the lock, as all below */
    int result;
    struct bide__message message;
};

static void unref(bide_thread_future *future)
{
    if (atomic_fetch_sub(&future->refs, 1) > 1)
        return;
    pthread_cond_destroy(&future->ended);
    pthread_mutex_destroy(&future->lock);
    bide__free(future);
}

static void resolve(bide_thread_future *future, int result,
                    const struct bide__message *message)
{
    pthread_mutex_lock(&future->lock);
    future->done = true;
    future->result = result;
    if (message)
        bide__message_copy(&future->message, message);
    pthread_cond_broadcast(&future->ended);
    pthread_mutex_unlock(&future->lock);
    unref(future);
}

static void task_ended(bide_task *task, void *data)
{
    bide_thread_future *future = data;
    future->task = NULL;
    task->flags |= BIDE__FLAG_RETRIEVED;
    resolve(future, task->result,
            task->flags & BIDE__FLAG_MESSAGE ? &task->message : NULL);
}

static void start_task(bide_post *post)
{
    bide_thread_future *future =
        BIDE__CONTAINER(post, bide_thread_future, start);
    if (future->loop->closing) {
        resolve(future, -ECANCELED, NULL);
        return;
    }
    bide_task *task = bide_create_task(future->fn, future->arg);
    if (!task) {
        resolve(future, -ENOMEM, NULL);
        return;
    }
    future->task = task;
    task->on_done = task_ended;
    task->on_done_data = future;
    bide__task_unref(task); /* it runs by itself */
}

static void cancel_task(bide_post *post)
{
    bide_thread_future *future =
        BIDE__CONTAINER(post, bide_thread_future, cancel);
    atomic_store(&future->cancel_sent, false);
    if (future->task)
        (void)bide_task_cancel(future->task);
    unref(future);
}

int bide_run_coroutine_threadsafe(bide_loop *loop, bide_coroutine *fn,
                                  void *arg, bide_thread_future **ret_future)
{
    bide_thread_future *future = bide__calloc(1, sizeof *future);
    if (!future)
        return -ENOMEM;
    future->start.run = start_task;
    future->cancel.run = cancel_task;
    atomic_init(&future->refs, 2);
    future->loop = loop;
    future->fn = fn;
    future->arg = arg;
    pthread_mutex_init(&future->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&future->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_future = future;
    bide_engine_post(loop->engine, &future->start);
    return 0;
}

static int wait_until(bide_thread_future *future, int64_t timeout_ns)
{
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    if (timeout_ns == BIDE_FOREVER)
        return pthread_cond_wait(&future->ended, &future->lock);
    int64_t ns = when.tv_nsec + timeout_ns % 1000000000;
    when.tv_sec += (time_t)(timeout_ns / 1000000000 + ns / 1000000000);
    when.tv_nsec = (long)(ns % 1000000000);
    return pthread_cond_timedwait(&future->ended, &future->lock, &when);
}

int bide_thread_future_result(bide_thread_future *future, double timeout)
{
    BIDE__REQUIRE(future->loop != bide__loop,
                  "bide_thread_future_result() was called on the thread of "
                  "the loop that it waits for; use bide_await() there");
    int64_t timeout_ns = bide__seconds(timeout);
    if (timeout_ns < 0)
        return bide_raise(-EINVAL, "timeout is %g s, must be at least 0",
                          timeout);
    pthread_mutex_lock(&future->lock);
    int error = 0;
    while (!future->done && error == 0)
        error = wait_until(future, timeout_ns);
    bool done = future->done;
    pthread_mutex_unlock(&future->lock);
    if (!done)
        return bide_raise(-ETIME, "timed out after %g s", timeout);
    if (future->result < 0 && future->message.code == future->result)
        return bide_raise(future->result, "%s", future->message.text);
    return future->result;
}

void bide_thread_future_cancel(bide_thread_future *future)
{
    if (atomic_exchange(&future->cancel_sent, true))
        return;
    atomic_fetch_add(&future->refs, 1);
    bide_engine_post(future->loop->engine, &future->cancel);
}

void bide_thread_future_free(bide_thread_future *future)
{
    if (future)
        unref(future);
}

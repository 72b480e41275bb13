/* SPDX-License-Identifier: MIT */
/*
 * executor.c — functions on threads, awaited.
 *
 * The engine's pool does the work. What is added here is what a task expects
 * of an awaited call: the message of an error, the context values, and a line
 * in front of a full queue. The pool would refuse a call that finds no room;
 * so an executor counts its places (one a thread and one a queued call) and
 * has tasks wait for one, first come, first served.
 *
 * Invariant: while tasks wait for a place, `places` is 0.
 */
#include <bide/executor.h>
#include <errno.h>

#include "task/context.h"
#include "task/waiter.h"

struct bide_executor {
    bide_pool *pool;
    size_t places; /* calls that may go to the pool now */
    size_t calls;  /* calls that have not returned */
    struct bide__waiters waiters;
};

/* A call, in the frame of the task that waits for it. */
struct job {
    bide_op op;
    int (*fn)(void *arg);
    void *arg;
    const struct bide__context *context;
    bool began;
    struct bide__message message; /* of fn's error; code 0: none */
};

/* ── On the thread ────────────────────────────────────────────────────── */

static int run_job(void *arg)
{
    struct job *job = arg;
    struct bide__message *slot = bide__message_of_thread();
    job->began = true;
    slot->code = 0;
    bide__context_lend(job->context);
    int rc = job->fn(job->arg);
    bide__context_lend(NULL);
    if (rc < 0 && slot->code == rc)
        bide__message_copy(&job->message, slot);
    return rc;
}

/* ── In the task ──────────────────────────────────────────────────────── */

static const struct bide__wait job_wait = {
    .name = "bide_run_in_executor",
    .cancel = bide__op_wait_cancel,
};

static int await_job(bide_task *self, bide_pool *pool, int (*fn)(void *arg),
                     void *arg)
{
    struct job job = {.fn = fn, .arg = arg, .context = self->context};
    bide_op_work(&job.op, pool, run_job, &job);
    int rc = (int)bide__op_await(self, &job.op, &job_wait);
    if (job.message.code < 0)
        return bide_raise(rc, "%s", job.message.text);
    if (rc == -EAGAIN && !job.began)
        return bide_raise(rc, "no thread could be started for the call");
    return rc;
}

static void give_place(bide_executor *executor)
{
    if (executor->waiters.first)
        bide__waiter_wake(executor->waiters.first, 0, "bide_run_in_executor");
    else
        executor->places++;
}

static const struct bide__wait place_wait = {
    .name = "bide_run_in_executor",
    .cancel = bide__waiter_cancel,
    .weak = true,
};

static int take_place(bide_task *self, bide_executor *executor)
{
    if (executor->places > 0) {
        executor->places--;
        return 0;
    }
    struct bide__waiter waiter = {.task = self};
    bide__waiters_append(&executor->waiters, &waiter);
    int rc = bide__park(self, &place_wait, &waiter);
    if (rc < 0 && waiter.granted)
        give_place(executor);
    return rc;
}

static int run_in(bide_task *self, bide_executor *executor,
                  int (*fn)(void *arg), void *arg)
{
    executor->calls++;
    int rc = take_place(self, executor);
    if (rc == 0) {
        rc = await_job(self, executor->pool, fn, arg);
        give_place(executor);
    }
    executor->calls--;
    return rc;
}

int bide_run_in_executor(bide_executor *executor, int (*fn)(void *arg),
                         void *arg)
{
    bide_task *self = bide__enter("bide_run_in_executor");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (executor)
        return run_in(self, executor, fn, arg);
    bide_pool *pool = bide_engine_pool(self->loop->engine, BIDE_POOL_USER);
    return await_job(self, pool, fn, arg);
}

int bide_to_thread(int (*fn)(void *arg), void *arg)
{
    return bide_run_in_executor(NULL, fn, arg);
}

/* ── Executors ────────────────────────────────────────────────────────── */

int bide_executor_new(unsigned threads, size_t queue_max,
                      bide_executor **ret_executor)
{
    if (queue_max < 1 || queue_max > BIDE_EXECUTOR_MAX)
        return bide_raise(-EINVAL, "queue_max is %zu, must be 1 to %zu",
                          queue_max, BIDE_EXECUTOR_MAX);
    bide_executor *executor = bide__calloc(1, sizeof *executor);
    if (!executor)
        return bide_raise(-ENOMEM, "no memory for an executor");
    executor->places = threads + queue_max;
    /* Where fewer threads can be started than asked for, more calls queue. */
    int rc = bide_pool_new(threads, executor->places, "bide-executor",
                           &executor->pool);
    if (rc < 0) {
        bide__free(executor);
        return rc;
    }
    *ret_executor = executor;
    return 0;
}

void bide_executor_free(bide_executor *executor)
{
    if (!executor)
        return;
    BIDE__REQUIRE(executor->calls == 0,
                  "bide_executor_free() was called while %zu calls of "
                  "bide_run_in_executor() wait for it; await those tasks "
                  "first",
                  executor->calls);
    bide_pool_free(executor->pool, true);
    bide__free(executor);
}

/* SPDX-License-Identifier: MIT */
/*
 * callback.c — functions that the loop calls: soon, later, from elsewhere,
 * and when a task has ended.
 *
 * Callbacks run on the loop's own stack, between tasks. Those scheduled with
 * a handle of the caller's allocate nothing; those without get one from us
 * that is released once it has run.
 */
#include <errno.h>
#include <math.h>

#include "task/task.h"

/* ── Handles ──────────────────────────────────────────────────────────── */

static void run_handle(bide_handle *handle)
{
    void (*fn)(void *) = handle->fn;
    void *arg = handle->arg;
    handle->queued = false;
    if (handle->owned)
        bide__free(handle);
    fn(arg);
}

static void run_ready_handle(bide_ready *ready)
{
    run_handle(BIDE__CONTAINER(ready, bide_handle, ready));
}

static void fire_handle(bide_timer *timer)
{
    bide_handle *handle = BIDE__CONTAINER(timer, bide_handle, timer);
    bide__ready_push(handle->loop->engine, &handle->ready);
}

/* Complete the caller's handle or one of ours. */
static bide_handle *prepare_handle(bide_loop *loop, bide_handle *handle,
                                   void (*fn)(void *), void *arg,
                                   const char *function)
{
    bool owned = !handle;
    if (owned)
        handle = bide__calloc(1, sizeof *handle);
    if (!handle)
        return NULL;
    BIDE__REQUIRE(!handle->queued,
                  "%s() was given a handle that is scheduled already; cancel "
                  "it first, or use another",
                  function);
    handle->fn = fn;
    handle->arg = arg;
    handle->loop = loop;
    handle->ready.run = run_ready_handle;
    handle->timer.fire = fire_handle;
    handle->owned = owned;
    handle->queued = true;
    return handle;
}

int bide_loop_call_soon(bide_loop *loop, bide_handle *handle,
                        void (*fn)(void *arg), void *arg)
{
    handle = prepare_handle(loop, handle, fn, arg, "bide_loop_call_soon");
    if (!handle)
        return -ENOMEM;
    bide__ready_push(loop->engine, &handle->ready);
    return 0;
}

static int call_at(bide_loop *loop, bide_handle *handle, int64_t deadline_ns,
                   void (*fn)(void *arg), void *arg, const char *function)
{
    handle = prepare_handle(loop, handle, fn, arg, function);
    if (!handle)
        return -ENOMEM;
    bide_engine_timer_set(loop->engine, &handle->timer, deadline_ns);
    return 0;
}

int bide_loop_call_later(bide_loop *loop, bide_handle *handle, double delay,
                         void (*fn)(void *arg), void *arg)
{
    int64_t delay_ns = bide__seconds(delay);
    if (delay_ns < 0)
        return bide_raise(-EINVAL, "delay is %g s, must be at least 0", delay);
    return call_at(loop, handle, bide__deadline(loop, delay_ns), fn, arg,
                   "bide_loop_call_later");
}

int bide_loop_call_at(bide_loop *loop, bide_handle *handle, double when,
                      void (*fn)(void *arg), void *arg)
{
    if (isnan(when))
        return bide_raise(-EINVAL, "when is not a number");
    int64_t deadline_ns = when > 0 ? bide__seconds(when) : 0;
    return call_at(loop, handle, deadline_ns, fn, arg, "bide_loop_call_at");
}

/* Its memory may be gone soon, so it cannot stay in the queue to be skipped.
 * Who cancels rarely comes so late that there is something to search. */
static void unqueue(bide_engine *engine, const bide_ready *ready)
{
    bide_ready **place = &engine->ready_first;
    while (*place != ready)
        place = &(*place)->next;
    *place = ready->next;
    if (!*place)
        engine->ready_end = place;
}

bool bide_handle_cancel(bide_handle *handle)
{
    if (!handle->queued)
        return false;
    handle->queued = false;
    bide_engine *engine = handle->loop->engine;
    if (!bide_engine_timer_clear(engine, &handle->timer))
        unqueue(engine, &handle->ready);
    return true;
}

/* ── From other threads ───────────────────────────────────────────────── */

struct posted_call {
    bide_post post;
    bide_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    bide_ready ready;
};

static void run_posted_call(bide_ready *ready)
{
    struct posted_call *call =
        BIDE__CONTAINER(ready, struct posted_call, ready);
    void (*fn)(void *) = call->fn;
    void *arg = call->arg;
    bide__free(call);
    fn(arg);
}

static void queue_posted_call(bide_post *post)
{
    struct posted_call *call = BIDE__CONTAINER(post, struct posted_call, post);
    bide__ready_push(call->loop->engine, &call->ready);
}

int bide_loop_call_soon_threadsafe(bide_loop *loop, void (*fn)(void *arg),
                                   void *arg)
{
    struct posted_call *call = bide__malloc(sizeof *call);
    if (!call)
        return -ENOMEM;
    *call = (struct posted_call){
        .post.run = queue_posted_call,
        .loop = loop,
        .fn = fn,
        .arg = arg,
        .ready.run = run_posted_call,
    };
    bide_engine_post(loop->engine, &call->post);
    return 0;
}

/* ── When a task has ended ────────────────────────────────────────────── */

struct bide__callback {
    struct bide__callback *next;
    bide_task *task; /* holds a reference once it is scheduled */
    void (*fn)(bide_task *task, void *arg);
    void *arg;
    bide_ready ready;
};

static void run_callback(bide_ready *ready)
{
    struct bide__callback *callback =
        BIDE__CONTAINER(ready, struct bide__callback, ready);
    bide_task *task = callback->task;
    if (callback->fn)
        callback->fn(task, callback->arg);
    bide__free(callback);
    bide__task_unref(task);
}

static void schedule_callback(struct bide__callback *callback)
{
    callback->task->refs++;
    bide__ready_push(callback->task->loop->engine, &callback->ready);
}

void bide__callbacks_schedule(bide_task *task)
{
    struct bide__callback *callback = task->callbacks;
    task->callbacks = NULL;
    while (callback) {
        struct bide__callback *rest = callback->next;
        schedule_callback(callback);
        callback = rest;
    }
}

void bide__callbacks_free(bide_task *task)
{
    while (task->callbacks) {
        struct bide__callback *callback = task->callbacks;
        task->callbacks = callback->next;
        bide__free(callback);
    }
}

int bide_task_add_done_callback(bide_task *task,
                                void (*fn)(bide_task *task, void *arg),
                                void *arg)
{
    if (!task)
        return -ENOMEM;
    bide__require_own(task, "bide_task_add_done_callback");
    struct bide__callback *callback = bide__malloc(sizeof *callback);
    if (!callback)
        return -ENOMEM;
    *callback = (struct bide__callback){
        .task = task,
        .fn = fn,
        .arg = arg,
        .ready.run = run_callback,
    };
    if (task->state == BIDE__TASK_DONE) {
        schedule_callback(callback);
        return 0;
    }
    struct bide__callback **end = &task->callbacks;
    while (*end)
        end = &(*end)->next;
    *end = callback;
    return 0;
}

size_t bide_task_remove_done_callback(bide_task *task,
                                      void (*fn)(bide_task *task, void *arg),
                                      void *arg)
{
    size_t removed = 0;
    if (!task)
        return 0;
    bide__require_own(task, "bide_task_remove_done_callback");
    struct bide__callback **place = &task->callbacks;
    while (*place) {
        struct bide__callback *callback = *place;
        if (callback->fn == fn && callback->arg == arg) {
            *place = callback->next;
            bide__free(callback);
            removed++;
        } else {
            place = &callback->next;
        }
    }
    return removed;
}

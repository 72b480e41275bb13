/* SPDX-License-Identifier: MIT */
/*
 * future.c — a result that is not there yet.
 *
 * Fulfilling a future hands the outcome to every task that awaits it: the
 * value into its waiter, the message into its slot. They need not come back
 * to the future, which may be gone by the time they run.
 *
 * Invariants: a future that is done has no waiters. Before that, `callbacks`
 * are those to be scheduled; after it, those that are scheduled and have not
 * run, which fini() cuts off from the future.
 */
#include <bide/future.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "task/waiter.h"

struct future_waiter {
    struct bide__waiter waiter;
    bide_future *future;
    void *value; /* set when the task is woken */
};

struct bide__future_callback {
    struct bide__future_callback *next;
    bide_future *future; /* NULL: it has ended */
    void (*fn)(bide_future *future, void *arg);
    void *arg;
    bide_ready ready;
};

void bide_future_init(bide_future *future)
{
    *future = (bide_future){.done = false};
}

/* ── Callbacks ────────────────────────────────────────────────────────── */

static void append_callback(struct bide__future_callback **place,
                            struct bide__future_callback *callback)
{
    while (*place)
        place = &(*place)->next;
    *place = callback;
}

static void unlink_callback(struct bide__future_callback **place,
                            const struct bide__future_callback *callback)
{
    while (*place != callback)
        place = &(*place)->next;
    *place = callback->next;
}

static void run_callback(bide_ready *ready)
{
    struct bide__future_callback *callback =
        BIDE__CONTAINER(ready, struct bide__future_callback, ready);
    bide_future *future = callback->future;
    void (*fn)(bide_future *, void *) = callback->fn;
    void *arg = callback->arg;
    if (future)
        unlink_callback(&future->callbacks, callback);
    bide__free(callback);
    if (future)
        fn(future, arg);
}

int bide_future_add_done_callback(bide_future *future,
                                  void (*fn)(bide_future *future, void *arg),
                                  void *arg)
{
    bide_loop *loop = bide__enter_loop("bide_future_add_done_callback");
    struct bide__future_callback *callback = bide__malloc(sizeof *callback);
    if (!callback)
        return bide_raise(-ENOMEM, "no memory for a callback of a future");
    *callback = (struct bide__future_callback){
        .future = future,
        .fn = fn,
        .arg = arg,
        .ready.run = run_callback,
    };
    append_callback(&future->callbacks, callback);
    if (future->done)
        bide__ready_push(loop->engine, &callback->ready);
    return 0;
}

size_t
bide_future_remove_done_callback(bide_future *future,
                                 void (*fn)(bide_future *future, void *arg),
                                 void *arg)
{
    size_t removed = 0;
    struct bide__future_callback **place = &future->callbacks;
    while (*place && !future->done) {
        struct bide__future_callback *callback = *place;
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

/* ── Being done ───────────────────────────────────────────────────────── */

static void set_message(bide_task *task, int code, const char *text)
{
    task->flags |= BIDE__FLAG_MESSAGE;
    task->message.code = code;
    memcpy(task->message.text, text, strlen(text) + 1);
}

static int complete(bide_future *future, int code, void *value,
                    const char *function)
{
    if (future->done)
        return BIDE_E_INVALID_STATE;
    future->done = true;
    future->code = code;
    future->value = value;
    future->unretrieved = code < 0 && code != -ECANCELED;
    while (future->waiters.first) {
        struct bide__waiter *first = future->waiters.first;
        struct future_waiter *waiter =
            BIDE__CONTAINER(first, struct future_waiter, waiter);
        waiter->value = value;
        future->unretrieved = false;
        bide__waiter_wake(first, code, function);
        if (future->message[0])
            set_message(first->task, code, future->message);
    }
    if (!future->callbacks)
        return 0;
    bide_loop *loop = bide__enter_loop(function);
    struct bide__future_callback *callback = future->callbacks;
    for (; callback; callback = callback->next)
        bide__ready_push(loop->engine, &callback->ready);
    return 0;
}

int bide_future_set_result(bide_future *future, void *value)
{
    return complete(future, 0, value, "bide_future_set_result");
}

int bide_future_set_exception(bide_future *future, int code)
{
    BIDE__REQUIRE(code < 0,
                  "bide_future_set_exception() was called with the code %d; "
                  "use bide_future_set_result() for what is no error",
                  code);
    if (!future->done)
        snprintf(future->message, sizeof future->message, "%s",
                 bide_errmsg(code));
    return complete(future, code, NULL, "bide_future_set_exception");
}

bool bide_future_cancel(bide_future *future)
{
    return complete(future, -ECANCELED, NULL, "bide_future_cancel") == 0;
}

static void report_unretrieved(const bide_future *future)
{
    char text[2 * BIDE_ERRMSG_MAX];
    snprintf(text, sizeof text,
             "a future ended with %s (%s) and nobody asked for its result",
             bide_errname(future->code), future->message);
    const bide_report report = {
        .text = text,
        .code = future->code,
        .message = future->message,
    };
    bide_loop *loop = bide__loop;
    if (loop && loop->on_report)
        loop->on_report(&report, loop->on_report_data);
    else
        bide__complain("%s", text);
}

void bide_future_fini(bide_future *future)
{
    bide__waiters_fini(&future->waiters, "bide_future_fini");
    if (future->unretrieved)
        report_unretrieved(future);
    while (future->callbacks) {
        struct bide__future_callback *callback = future->callbacks;
        future->callbacks = callback->next;
        if (future->done)
            callback->future = NULL; /* it frees itself when it comes up */
        else
            bide__free(callback);
    }
}

/* ── Awaiting ─────────────────────────────────────────────────────────── */

static void cancel_future(bide_task *task, void *object)
{
    (void)task; /* is woken with the others that await it */
    struct future_waiter *waiter = object;
    (void)bide_future_cancel(waiter->future);
}

static const struct bide__wait await_wait = {
    .name = "bide_future_await",
    .cancel = cancel_future,
    .weak = true,
};

static void leave_future(bide_task *task, void *object)
{
    struct future_waiter *waiter = object;
    bide__waiter_cancel(task, &waiter->waiter);
}

static const struct bide__wait shield_wait = {
    .name = "bide_future_shield",
    .cancel = leave_future,
    .weak = true,
};

static int wait_until_done(bide_task *self, bide_future *future,
                           const struct bide__wait *wait, void **ret_value)
{
    struct future_waiter waiter = {.waiter.task = self, .future = future};
    bide__waiters_append(&future->waiters, &waiter.waiter);
    int rc = bide__park(self, wait, &waiter);
    if (rc == 0 && ret_value)
        *ret_value = waiter.value;
    return rc;
}

int bide_future_await(bide_future *future, void **ret_value)
{
    bide_task *self = bide__enter("bide_future_await");
    if (BIDE__UNLIKELY(self->must_cancel)) {
        (void)bide_future_cancel(future);
        return bide__take_cancel(self);
    }
    if (future->done)
        return bide_future_result(future, ret_value);
    return wait_until_done(self, future, &await_wait, ret_value);
}

int bide_future_shield(bide_future *future, void **ret_value)
{
    bide_task *self = bide__enter("bide_future_shield");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (future->done)
        return bide_future_result(future, ret_value);
    return wait_until_done(self, future, &shield_wait, ret_value);
}

/* ── State ────────────────────────────────────────────────────────────── */

bool bide_future_done(const bide_future *future)
{
    return future->done;
}

bool bide_future_cancelled(const bide_future *future)
{
    return future->done && future->code == -ECANCELED;
}

int bide_future_exception(bide_future *future)
{
    if (!future->done)
        return BIDE_E_INVALID_STATE;
    future->unretrieved = false;
    if (future->message[0])
        return bide_raise(future->code, "%s", future->message);
    return future->code;
}

int bide_future_result(bide_future *future, void **ret_value)
{
    int rc = bide_future_exception(future);
    if (rc == 0 && ret_value)
        *ret_value = future->value;
    return rc;
}

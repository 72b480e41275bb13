/* SPDX-License-Identifier: MIT */
/*
 * <bide/loop.h> — the event loop as an object: callbacks, other threads,
 * driving it by hand.
 *
 * bide_run() needs none of this. A loop belongs to the thread that runs it,
 * and a process may have one in each thread. Only the functions whose names
 * end in _threadsafe may be called from elsewhere:
 *
 *     bide_loop_call_soon_threadsafe(loop, wake_up, &state);
 *
 * A child of fork(2) has no loop, even when it was forked in a coroutine: it
 * may not use its parent's, nor return from the coroutine, but it may make one
 * of its own, by bide_run() for instance.
 */
#ifndef BIDE_LOOP_H
#define BIDE_LOOP_H

#include <bide/engine.h>
#include <bide/task.h>

BIDE_BEGIN

/* ── Life ─────────────────────────────────────────────────────────────── */

/*
 * bide_loop_new — make a loop.
 *
 * Returns:  0 or a negative code with a message.
 *   options    copied; NULL means the defaults
 *   ret_loop   set on success
 * Suspends: never.
 * Errors:   -ENOMEM, -EMFILE; -EINVAL for an option out of range; -ENOSYS for
 *           a backend that the kernel refuses
 * Owns:     the caller frees it by bide_loop_close().
 * Thread:   any; the loop then belongs to the calling thread.
 * Like:     asyncio.new_event_loop.
 */
BIDE_API BIDE_NODISCARD int bide_loop_new(const bide_options *options,
                                          bide_loop **ret_loop);

/*
 * bide_loop_close — cancel what is left, wait for it, release the loop.
 *
 *   loop   not running; NULL is allowed
 * Suspends: never; blocks until every task has ended.
 * Owns:     takes the loop. Handles of its tasks become invalid.
 * Thread:   the loop's.
 * Like:     Runner.close.
 */
BIDE_API void bide_loop_close(bide_loop *loop);

/*
 * bide_loop_run_until_complete — run the loop until a coroutine has ended.
 *
 * Other tasks stay where they are and go on when the loop runs again. SIGINT is
 * left alone, unlike by bide_run().
 *
 * Returns:  what the coroutine returned; its message is current afterwards.
 * Suspends: never; blocks the thread. Misuse if a loop runs on it already.
 * Errors:   those of the coroutine; -ENOMEM; BIDE_E_INVALID_STATE if somebody
 *           called bide_loop_stop() before it had ended: it goes on when the
 *           loop runs again, and its result is lost
 * Thread:   the loop's.
 * Like:     loop.run_until_complete.
 */
BIDE_API BIDE_NODISCARD int
bide_loop_run_until_complete(bide_loop *loop, bide_coroutine *fn, void *arg);

/*
 * bide_loop_run_forever — run the loop until bide_loop_stop().
 *
 * Returns:  0, or a negative code if the kernel failed.
 * Suspends: never; blocks the thread. Misuse if a loop runs on it already.
 * Thread:   the loop's.
 * Like:     loop.run_forever.
 */
BIDE_API BIDE_NODISCARD int bide_loop_run_forever(bide_loop *loop);

/*
 * bide_loop_stop — have a running loop return at the end of this turn.
 *
 * Without effect on a loop that does not run.
 *
 * Suspends: never.
 * Thread:   the loop's; from elsewhere, use a threadsafe callback.
 * Like:     loop.stop.
 */
BIDE_API void bide_loop_stop(bide_loop *loop);

/*
 * bide_loop_step — run what is ready, wait at most so long, deliver.
 *
 * For loops inside a foreign main loop, with bide_loop_engine() and
 * bide_engine_fileno().
 *
 * Returns:  1 if there is more to run at once, 0 if not, or a negative code.
 *   timeout   seconds, >= 0; INFINITY waits for an event
 * Suspends: never; blocks the thread up to timeout.
 * Errors:   -EINVAL for a negative timeout or NaN; those of the kernel
 * Thread:   the loop's.
 */
BIDE_API BIDE_NODISCARD int bide_loop_step(bide_loop *loop, double timeout);

/*
 * bide_loop_current — the loop that runs on this thread.
 *
 * Returns:  the loop, borrowed; NULL when none runs.
 * Suspends: never.
 * Thread:   any.
 * Like:     asyncio.get_running_loop.
 */
BIDE_API bide_loop *bide_loop_current(void);

/*
 * bide_loop_engine — the engine under a loop.
 *
 * Returns:  the engine; the loop's.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API bide_engine *bide_loop_engine(bide_loop *loop);

/* ── Callbacks ────────────────────────────────────────────────────────── */

/* A callback that was scheduled. In the caller's memory, where it must stay
 * until it has run or was cancelled. Zeroed is its initial state. */
typedef struct bide_handle {
    void (*fn)(void *arg);
    void *arg;
    bide_loop *loop;
    bide_ready ready; /* private, as all that follows */
    bide_timer timer;
    bool queued;
    bool owned; /* the library's memory */
} bide_handle;

/*
 * bide_loop_call_soon — call a function soon, outside of tasks.
 *
 * It is called by the loop, never from here, after what is ready already.
 * Callbacks run in the order in which they were scheduled.
 *
 * Returns:  0 or a negative code.
 *   handle   to cancel it by; NULL if it will not be cancelled
 *   fn       may not suspend
 *   arg      passed to fn; borrowed
 * Suspends: never.
 * Errors:   -ENOMEM, only with handle NULL
 * Owns:     handle stays the caller's.
 * Thread:   the loop's.
 * Like:     loop.call_soon.
 */
BIDE_API BIDE_NODISCARD int bide_loop_call_soon(bide_loop *loop,
                                                bide_handle *handle,
                                                void (*fn)(void *arg),
                                                void *arg);

/*
 * bide_loop_call_later — call a function after a delay.
 *
 * Returns:  0 or a negative code.
 *   handle   as for bide_loop_call_soon()
 *   delay    seconds, >= 0
 * Suspends: never.
 * Errors:   -ENOMEM, only with handle NULL; -EINVAL for a negative delay or
 *           NaN
 * Owns:     handle stays the caller's.
 * Thread:   the loop's.
 * Like:     loop.call_later.
 */
BIDE_API BIDE_NODISCARD int bide_loop_call_later(bide_loop *loop,
                                                 bide_handle *handle,
                                                 double delay,
                                                 void (*fn)(void *arg),
                                                 void *arg);

/*
 * bide_loop_call_at — call a function at a time of bide_time().
 *
 * Returns:  0 or a negative code.
 *   handle   as for bide_loop_call_soon()
 *   when     seconds; a time that has passed means the next turn
 * Suspends: never.
 * Errors:   -ENOMEM, only with handle NULL; -EINVAL for NaN
 * Owns:     handle stays the caller's.
 * Thread:   the loop's.
 * Like:     loop.call_at.
 */
BIDE_API BIDE_NODISCARD int bide_loop_call_at(bide_loop *loop,
                                              bide_handle *handle, double when,
                                              void (*fn)(void *arg),
                                              void *arg);

/*
 * bide_handle_cancel — take a callback back; its handle may be reused.
 *
 * Returns:  true if it was scheduled and will not run.
 *   handle   zeroed, scheduled, run or cancelled
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Handle.cancel, TimerHandle.cancel.
 */
BIDE_API bool bide_handle_cancel(bide_handle *handle);

/* ── Other threads ────────────────────────────────────────────────────── */

/*
 * bide_loop_call_soon_threadsafe — the same from any thread; wakes the loop.
 *
 * Returns:  0 or a negative code.
 *   loop   must not be closed while the call is made
 *   fn     called by the loop, on its thread
 *   arg    passed to fn; borrowed
 * Suspends: never.
 * Errors:   -ENOMEM
 * Thread:   any.
 * Like:     loop.call_soon_threadsafe.
 */
BIDE_API BIDE_NODISCARD int
bide_loop_call_soon_threadsafe(bide_loop *loop, void (*fn)(void *arg),
                               void *arg);

/* The result of a coroutine that runs on another thread's loop. */
typedef struct bide_thread_future bide_thread_future;

/*
 * bide_run_coroutine_threadsafe — start a task on another thread's loop.
 *
 * Returns:  0 or a negative code.
 *   loop         must not be closed while the call is made
 *   fn, arg      the coroutine; arg is borrowed until it has ended
 *   ret_future   set on success
 * Suspends: never.
 * Errors:   -ENOMEM
 * Owns:     the caller releases the future by bide_thread_future_free().
 * Thread:   any.
 * Like:     asyncio.run_coroutine_threadsafe.
 */
BIDE_API BIDE_NODISCARD int
bide_run_coroutine_threadsafe(bide_loop *loop, bide_coroutine *fn, void *arg,
                              bide_thread_future **ret_future);

/*
 * bide_thread_future_result — block until the coroutine has ended.
 *
 * Returns:  what it returned, with its message; or -ETIME.
 *   timeout   seconds, >= 0; INFINITY for none
 * Suspends: never; blocks the thread. Misuse on the thread of the same loop.
 * Errors:   those of the coroutine; -ETIME when the timeout has passed first,
 *           which changes nothing; -ECANCELED if the loop was closed before;
 *           -EINVAL for a negative timeout or NaN
 * Thread:   any but the loop's.
 * Like:     concurrent.futures.Future.result.
 */
BIDE_API BIDE_NODISCARD int
bide_thread_future_result(bide_thread_future *future, double timeout);

/*
 * bide_thread_future_cancel — ask the task to end, from another thread.
 *
 * Suspends: never.
 *   future   the task may have ended already
 * Thread:   any, while the loop is not closed.
 * Like:     concurrent.futures.Future.cancel.
 */
BIDE_API void bide_thread_future_cancel(bide_thread_future *future);

/*
 * bide_thread_future_free — release a future; the task goes on.
 *
 *   future   NULL is allowed
 * Suspends: never.
 * Owns:     takes the future.
 * Thread:   any.
 */
BIDE_API void bide_thread_future_free(bide_thread_future *future);

/* ── Reports ──────────────────────────────────────────────────────────── */

/* Something that went wrong where nobody could be told. */
typedef struct bide_report {
    const char *text;    /* one line, with everything below in it */
    const char *task;    /* name of the task concerned, or NULL */
    int code;            /* error code concerned, or 0 */
    const char *message; /* of code, or NULL */
    const char *trace;   /* where a slow step was when its time was over: lines
                            "at function (file:line)", each with its end,
                            innermost first; or NULL */
} bide_report;

/*
 * bide_set_exception_handler — receive reports instead of standard error.
 *
 *   handler   called on the loop's thread, may not suspend; the report is
 *             borrowed during the call. NULL writes to standard error again
 *   data      passed to handler
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     loop.set_exception_handler.
 */
BIDE_API void bide_set_exception_handler(
    bide_loop *loop, void (*handler)(const bide_report *report, void *data),
    void *data);

/*
 * bide_call_exception_handler — report what went wrong where nobody is told.
 *
 * For libraries that run functions of others: the report goes where those of
 * the loop go.
 *
 *   loop     the running one
 *   report   borrowed during the call; `text` must be set
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     loop.call_exception_handler.
 */
BIDE_API void bide_call_exception_handler(bide_loop *loop,
                                          const bide_report *report);

BIDE_END

#endif

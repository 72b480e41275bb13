/* SPDX-License-Identifier: MIT */
/*
 * <bide/task.h> — coroutines, tasks, and awaiting them.
 *
 * A coroutine is a plain C function, int (*)(void *), that may suspend. A
 * task runs one concurrently with others on the same loop:
 *
 *     bide_task *task = bide_create_task(fetch, &request);
 *     ...                                  // others run while this suspends
 *     int rc = bide_await(task);           // its result; releases the handle
 *
 * A handle (the pointer that bide_create_task returns) is released exactly
 * once: by bide_await(), bide_gather(), bide_gather_outcomes() or
 * bide_task_detach(). Creating a task can fail for lack of memory and then
 * returns NULL; every function that takes a task accepts NULL and treats it
 * as one that has ended with -ENOMEM, so the check can wait until the await.
 *
 * Cancellation is asyncio's. bide_task_cancel() makes the task's current or
 * next suspending call return -ECANCELED, once. The task cleans up, may await
 * while it does, and returns the code. What had succeeded before the request
 * arrived (bytes read, a task awaited) is reported as success, and the
 * cancellation is delivered at the call after it: nothing is lost.
 *
 * All functions here belong to the thread of the loop, unless they say
 * otherwise; a call from a wrong place ends the program with a message that
 * says what to do.
 */
#ifndef BIDE_TASK_H
#define BIDE_TASK_H

#include <bide/base.h>
#include <bide/error.h>

BIDE_BEGIN

typedef struct bide_task bide_task;
typedef struct bide_loop bide_loop;

/* A coroutine: >= 0 is success, a negative code is raised to who awaits. */
typedef int bide_coroutine(void *arg);

/* ── Running a program ────────────────────────────────────────────────── */

/* How to run. Zeroed means: the defaults. */
typedef struct bide_options {
    bool debug;           /* report slow steps, swallowed cancellations, and
                             what is left at the end: tasks, handles, streams;
                             also by BIDE_DEBUG=1 */
    bool no_signals;      /* leave SIGINT and SIGSEGV alone */
    const char *backend;  /* as in struct bide_engine_options */
    uint64_t seed;        /* likewise */
    size_t stack_size;    /* bytes of a task's stack, 0: 65,536; rounded up to
                             a power of two, 16 KiB to 1 GiB */
    double slow_callback; /* seconds that a step may take before debug mode
                             reports it, 0: 0.1 */
    void *reserved[8];    /* zero */
} bide_options;

/*
 * bide_run — run a coroutine to its end on a new loop.
 *
 * Then cancels the tasks that are left, waits for them, ends the threads of
 * to_thread, and closes the loop. The first SIGINT cancels main, and the
 * result is -EINTR if main then ends with -ECANCELED; the second one kills
 * the process. That holds where SIGINT has its default effect, and for one
 * loop at a time: the first one to run.
 *
 * Returns:  what main returned, or a negative code with a message.
 *   main   the first coroutine; its task is named "main"
 *   arg    passed to it; borrowed until the end
 * Suspends: never; it blocks the thread. A call within a running loop of the
 *           same thread is misuse.
 * Errors:   those of main; -ENOMEM, -EMFILE; -EINVAL and -ENOSYS for
 *           BIDE_BACKEND and BIDE_SEED; BIDE_E_INVALID_STATE if main had not
 *           ended when somebody called bide_loop_stop()
 * Owns:     nothing moves.
 * Thread:   any that has no running loop.
 * Like:     asyncio.run.
 */
BIDE_API BIDE_NODISCARD int bide_run(bide_coroutine *main, void *arg);

/*
 * bide_run_with — the same with options.
 *
 * Returns:  as bide_run().
 *   options   copied; NULL means the defaults
 * Suspends: never; it blocks the thread.
 * Errors:   as bide_run(); -EINVAL for an option out of range
 * Owns:     nothing moves.
 * Thread:   any that has no running loop.
 * Like:     asyncio.run(main, debug=True), asyncio.Runner.
 */
BIDE_API BIDE_NODISCARD int bide_run_with(bide_coroutine *main, void *arg,
                                          const bide_options *options);

/* ── Creating tasks ───────────────────────────────────────────────────── */

/* Zeroed means: the defaults. */
typedef struct bide_task_options {
    const char *name;   /* copied, up to 31 bytes; NULL: "Task-N" */
    size_t stack_size;  /* bytes, 0: the loop's; as in bide_options */
    bool eager_start;   /* run at once, until it first suspends */
    bool detached;      /* no handle: the call returns NULL on success, too,
                           so a failure goes unnoticed; where that matters,
                           use bide_task_detach() */
    const void *copy;   /* pass a copy of this to the coroutine, not arg ... */
    size_t copy_size;   /* ... of so many bytes, at most a quarter of the
                           stack; it lies on the task's stack */
    void *reserved[4];  /* zero */
} bide_task_options;

/*
 * bide_create_task — start a coroutine concurrently.
 *
 * It first runs when the caller suspends. The new task inherits the caller's
 * context values.
 *
 * Returns:  the handle, or NULL when there is no memory for a stack.
 *   fn    the coroutine
 *   arg   passed to it; borrowed until the task ends
 * Suspends: never.
 * Errors:   -ENOMEM as NULL, which bide_await() turns into the code
 * Owns:     the handle is the caller's, see above.
 * Thread:   the loop's.
 * Like:     asyncio.create_task.
 */
BIDE_API BIDE_NODISCARD bide_task *bide_create_task(bide_coroutine *fn,
                                                    void *arg);

/*
 * bide_create_task_with — the same with options.
 *
 * Returns:  the handle; NULL on failure, and always with options->detached.
 *   options   copied; NULL means the defaults
 * Suspends: never; an eager task runs within the call until it suspends.
 * Errors:   -ENOMEM, -EINVAL for options out of range: NULL, with the message
 *           in bide_errmsg()
 * Owns:     the handle is the caller's unless detached.
 * Thread:   the loop's.
 * Like:     asyncio.create_task(name=, eager_start=).
 */
BIDE_API bide_task *bide_create_task_with(bide_coroutine *fn, void *arg,
                                          const bide_task_options *options);

/* ── Awaiting ─────────────────────────────────────────────────────────── */

/*
 * bide_await — wait until a task has ended, and release its handle.
 *
 * Cancelling the awaiting task cancels the awaited one and goes on waiting
 * for its end: a child never outlives the frame that awaits it. The result is
 * then the child's, -ECANCELED as a rule.
 *
 * Returns:  what the coroutine returned. A negative code brings its message
 *           along.
 *   task   awaited by nobody else; NULL gives -ENOMEM
 * Suspends: a cancellation point unless the task has ended: then its result is
 *           returned, and the next call delivers the request.
 * Cancel:   cancels the task, see above; the handle is released.
 * Errors:   those of the coroutine; -ECANCELED if it was cancelled before it
 *           started
 * Owns:     takes the handle.
 * Thread:   the loop's.
 * Like:     await task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_await(bide_task *task);

/*
 * bide_shield — await a task without passing cancellation on to it.
 *
 * Returns:  the task's result, and the handle is released; or -ECANCELED
 *           because the caller was cancelled: then the task goes on and the
 *           handle stays the caller's, to be awaited again or detached.
 *           bide_task_done() does not tell the two apart, *ret_released does.
 *   task           as for bide_await()
 *   ret_released   set to whether the handle was released; NULL: the task is
 *                  detached in that case
 * Suspends: a cancellation point unless the task has ended, as bide_await().
 * Cancel:   the task is untouched. With ret_released NULL it is detached.
 * Errors:   those of the coroutine; -ECANCELED
 * Owns:     takes the handle if *ret_released, or if ret_released is NULL.
 * Thread:   the loop's.
 * Like:     asyncio.shield.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_shield(bide_task *task,
                                                      bool *ret_released);

/*
 * bide_sleep — suspend for a time; 0 lets the others run once.
 *
 * Returns:  0, or -ECANCELED, or -EINVAL.
 *   delay   seconds, >= 0; INFINITY sleeps until cancelled
 * Suspends: always a cancellation point.
 * Cancel:   ends the sleep; nothing is left behind.
 * Errors:   -ECANCELED; -EINVAL for a negative delay or NaN
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     asyncio.sleep.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_sleep(double delay);

/*
 * bide_time — the loop's clock.
 *
 * Returns:  seconds since a point in the past; CLOCK_MONOTONIC, or virtual
 *           time on the backend `sim`. Outside a loop, CLOCK_MONOTONIC.
 * Suspends: never.
 * Thread:   any.
 * Like:     loop.time.
 */
BIDE_API double bide_time(void);

/* ── A task's state ───────────────────────────────────────────────────── */

/*
 * bide_current_task — the task that is running.
 *
 * Returns:  the task, borrowed; NULL outside tasks.
 * Suspends: never.
 * Thread:   any.
 * Like:     asyncio.current_task.
 */
BIDE_API bide_task *bide_current_task(void);

/*
 * bide_all_tasks — the tasks of this loop that have not ended.
 *
 * Returns:  how many there are; at most `max` are stored, in no order.
 *   tasks   filled with borrowed tasks, valid until the caller suspends; NULL
 *           is allowed with max 0
 *   max     room in tasks
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     asyncio.all_tasks.
 */
BIDE_API size_t bide_all_tasks(bide_task **tasks, size_t max);

/*
 * bide_task_cancel — ask a task to end.
 *
 * Adds one to its count of requests. A task that has not started ends with
 * -ECANCELED without running. One that awaits another task passes the request
 * on to that. Cancelling the running task itself takes effect at its next
 * suspending call.
 *
 * Returns:  true if the request was made, false if the task had ended.
 *   task   NULL counts as ended
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.cancel.
 */
BIDE_API bool bide_task_cancel(bide_task *task);

/*
 * bide_task_cancelling — requests of cancellation less those taken back.
 *
 * Returns:  the count.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.cancelling.
 */
BIDE_API unsigned bide_task_cancelling(const bide_task *task);

/*
 * bide_task_uncancel — take one request back: it has been dealt with.
 *
 * A task that catches its cancellation and goes on says so by this call. At
 * zero, a request that was not delivered yet is dropped.
 *
 * Returns:  the count that remains.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.uncancel.
 */
BIDE_API unsigned bide_task_uncancel(bide_task *task);

/*
 * bide_task_done — whether a task has ended.
 *
 * Returns:  true for one that returned or was cancelled, and for NULL.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.done.
 */
BIDE_API bool bide_task_done(const bide_task *task);

/*
 * bide_task_cancelled — whether a task has ended with -ECANCELED.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.cancelled.
 */
BIDE_API bool bide_task_cancelled(const bide_task *task);

/*
 * bide_task_result — the result of a task that has ended; keeps the handle.
 *
 * Returns:  what its coroutine returned, or BIDE_E_INVALID_STATE while it has
 *           not ended. A negative code counts as retrieved, and its message
 *           is bide_task_errmsg().
 * Suspends: never.
 * Errors:   BIDE_E_INVALID_STATE
 * Thread:   the loop's.
 * Like:     Task.result, Task.exception.
 */
BIDE_API int bide_task_result(bide_task *task);

/*
 * bide_task_errmsg — the message of the error that a task ended with.
 *
 * Returns:  the message, borrowed until the handle is released.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     str(task.exception()).
 */
BIDE_API const char *bide_task_errmsg(const bide_task *task);

/*
 * bide_task_name — the name that messages and tools show.
 *
 * Returns:  the name; borrowed until the task is renamed or released.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.get_name.
 */
BIDE_API const char *bide_task_name(bide_task *task);

/*
 * bide_task_set_name — rename a task.
 *
 *   task   NULL is allowed
 *   name   copied, cut after 31 bytes
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.set_name.
 */
BIDE_API void bide_task_set_name(bide_task *task, const char *name);

/*
 * bide_task_detach — release a handle without awaiting it.
 *
 * The task goes on by itself. If it ends with an error, that is reported to
 * the loop's exception handler, because nobody can retrieve it.
 *
 *   task   NULL is allowed
 * Suspends: never.
 * Owns:     takes the handle.
 * Thread:   the loop's.
 * Like:     dropping the last reference to a Task.
 */
BIDE_API void bide_task_detach(bide_task *task);

/*
 * bide_task_ref — take one more handle.
 *
 * Each handle is released by its own bide_task_unref() or by one of the calls
 * that take a handle. For a task of a group this makes a handle that outlives
 * the task's end.
 *
 * Returns:  task.
 * Suspends: never.
 * Owns:     the new handle is the caller's.
 * Thread:   the loop's.
 */
BIDE_API bide_task *bide_task_ref(bide_task *task);

/*
 * bide_task_unref — release a handle; what the task does is not changed.
 *
 * What bide_task_detach() does, under the name that goes with bide_task_ref().
 * An error that nobody has retrieved is reported when the last handle goes.
 *
 *   task   NULL is allowed
 * Suspends: never.
 * Owns:     takes one handle.
 * Thread:   the loop's.
 */
BIDE_API void bide_task_unref(bide_task *task);

/*
 * bide_task_trim — give back the memory of a waiting task's stack.
 *
 * For tasks that wait long and were deep before: their stack keeps what it has
 * touched otherwise, a page at least. A task that does not wait is left alone.
 *
 *   task   has not ended
 * Suspends: never; it is a system call.
 * Thread:   the loop's.
 * Source:   madvise(2) with MADV_DONTNEED.
 */
BIDE_API void bide_task_trim(bide_task *task);

/*
 * bide_task_add_done_callback — have a function called when a task has ended.
 *
 * It is called by the loop, outside of any task and never from within this
 * call, after what is ready already; several in the order of adding. For a
 * task that has ended it is called likewise.
 *
 * Returns:  0 or a negative code.
 *   fn    may not suspend; task is borrowed and valid during the call
 *   arg   passed to it; borrowed
 * Suspends: never.
 * Errors:   -ENOMEM
 * Thread:   the loop's.
 * Like:     Task.add_done_callback.
 */
BIDE_API BIDE_NODISCARD int
bide_task_add_done_callback(bide_task *task,
                            void (*fn)(bide_task *task, void *arg), void *arg);

/*
 * bide_task_remove_done_callback — take callbacks back.
 *
 * Returns:  how many were removed: all with this fn and arg.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.remove_done_callback.
 */
BIDE_API size_t
bide_task_remove_done_callback(bide_task *task,
                               void (*fn)(bide_task *task, void *arg),
                               void *arg);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * <bide/executor.h> — functions that block or compute, on threads.
 *
 *     static int digest(void *arg) { ... }  // runs on a thread
 *
 *     rc = bide_to_thread(digest, &file);   // other tasks run meanwhile
 *
 * The function may block; it may not call what suspends, nor touch objects of
 * the loop. It can read context values of the task that waits for it, and a
 * message that it attaches by bide_raise() reaches that task.
 *
 * A call returns when the function has returned, so `arg` may lie in the
 * caller's frame. When the caller is cancelled, a function that has not begun
 * does not begin. One that has begun cannot be stopped: the call waits for its
 * end and returns its result, and the cancellation is delivered by the
 * caller's next suspending call.
 */
#ifndef BIDE_EXECUTOR_H
#define BIDE_EXECUTOR_H

#include <bide/base.h>

BIDE_BEGIN

/* Threads of one's own, with a bounded queue in front of them. */
typedef struct bide_executor bide_executor;

/*
 * bide_to_thread — run a function on a thread and wait for its result.
 *
 * The loop has up to as many threads as the machine has processors, plus 4,
 * at most 32; they are started as needed.
 *
 *   fn    what it returns is the result: >= 0, or a negative code
 *   arg   passed to fn; borrowed until the call returns
 *
 * Returns:  what fn returned, with its message; or a negative code.
 * Suspends: always a cancellation point.
 * Cancel:   -ECANCELED if fn had not begun; else waits, see above.
 * Errors:   those of fn; -ECANCELED
 *           -EAGAIN  no thread could be started, or 1,048,576 calls wait
 *           -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     asyncio.to_thread.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_to_thread(int (*fn)(void *arg),
                                                         void *arg);

/*
 * bide_executor_new — make an executor.
 *
 *   threads        most threads, 1..1024; started as needed
 *   queue_max      calls that may wait for a thread, 1..BIDE_EXECUTOR_MAX;
 *                  those beyond wait for room in that queue, in the order in
 *                  which they came
 *   ret_executor   set on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: never.
 * Errors:   -EINVAL for a number out of range; -ENOMEM
 * Owns:     the caller frees it by bide_executor_free().
 * Thread:   any; all other calls are made on the thread of one loop.
 * Like:     concurrent.futures.ThreadPoolExecutor.
 */
BIDE_API BIDE_NODISCARD int bide_executor_new(unsigned threads,
                                              size_t queue_max,
                                              bide_executor **ret_executor);

/* The greatest queue_max. */
#define BIDE_EXECUTOR_MAX ((size_t)1 << 20)

/*
 * bide_executor_free — end an executor and its threads.
 *
 *   executor   no call waits for it; misuse otherwise. NULL is allowed
 * Suspends: never.
 * Owns:     takes the executor.
 * Thread:   the loop's.
 * Like:     Executor.shutdown.
 */
BIDE_API void bide_executor_free(bide_executor *executor);

/*
 * bide_run_in_executor — run a function on a thread of an executor.
 *
 *   executor   NULL: the loop's own, as bide_to_thread()
 *   fn, arg    as for bide_to_thread()
 *
 * Returns:  what fn returned, with its message; or a negative code.
 * Suspends: always a cancellation point.
 * Cancel:   -ECANCELED if fn had not begun; else waits, see above.
 * Errors:   as bide_to_thread()
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.run_in_executor.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_run_in_executor(bide_executor *executor, int (*fn)(void *arg), void *arg);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * <bide/timeout.h> — deadlines for a call or a block, in the same task.
 *
 * A scope bounds everything between its enter and its exit, and scopes nest:
 *
 *     bide_timeout timeout;
 *     bide_timeout_enter(&timeout, 5.0);
 *     int rc = talk(stream);               // its awaits give -ECANCELED ...
 *     rc = bide_timeout_exit(&timeout, rc); // ... and this turns it to -ETIME
 *
 * When the deadline passes, the scope cancels the task; exit recognises its
 * own request by asyncio's counts and turns the -ECANCELED that it caused
 * into -ETIME, while a cancellation from outside passes through. No task is
 * created and nothing is allocated.
 */
#ifndef BIDE_TIMEOUT_H
#define BIDE_TIMEOUT_H

#include <bide/engine.h>
#include <bide/task.h>

BIDE_BEGIN

/* A scope. In the caller's frame; fields private. */
typedef struct bide_timeout {
    bide_timer timer;
    bide_task *task;
    double delay;        /* as given, for the message */
    unsigned cancelling; /* the task's count on entry */
    bool expired;
} bide_timeout;

/*
 * bide_timeout_enter — bound what follows, up to bide_timeout_exit().
 *
 *   timeout   the caller's memory; filled here
 *   delay     seconds from now; INFINITY for no bound; 0, negative or NaN has
 *             passed already: the first call that has to wait is cancelled
 * Suspends: never.
 * Thread:   the loop's, in a task.
 * Like:     async with asyncio.timeout(delay).
 */
BIDE_API void bide_timeout_enter(bide_timeout *timeout, double delay);

/*
 * bide_timeout_enter_at — the same with a point in time.
 *
 *   when   seconds of bide_time()
 * Suspends: never.
 * Thread:   the loop's, in a task.
 * Like:     asyncio.timeout_at.
 */
BIDE_API void bide_timeout_enter_at(bide_timeout *timeout, double when);

/*
 * bide_timeout_reschedule — move the deadline of an open scope.
 *
 *   when   seconds of bide_time(); INFINITY for no bound
 * Suspends: never.
 * Thread:   the loop's. No effect on a scope that has expired.
 * Like:     Timeout.reschedule.
 */
BIDE_API void bide_timeout_reschedule(bide_timeout *timeout, double when);

/*
 * bide_timeout_when — the deadline of a scope.
 *
 * Returns:  seconds of bide_time(), or INFINITY.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Timeout.when.
 */
BIDE_API double bide_timeout_when(const bide_timeout *timeout);

/*
 * bide_timeout_expired — whether the deadline has passed in the scope.
 *
 * Returns:  true if the scope has cancelled the task.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Timeout.expired.
 */
BIDE_API bool bide_timeout_expired(const bide_timeout *timeout);

/*
 * bide_timeout_exit — end a scope. Inner scopes end before outer ones.
 *
 * Returns:  -ETIME if rc is the -ECANCELED of this scope, else rc: a block that
 *           succeeded although the deadline passed has succeeded, and the
 *           scope's request is taken back.
 *   rc   what the block came to
 * Suspends: never.
 * Errors:   -ETIME with the message "timed out after N s"
 * Thread:   the loop's.
 * Like:     leaving the async with block of asyncio.timeout.
 */
BIDE_API BIDE_NODISCARD int bide_timeout_exit(bide_timeout *timeout, int rc);

/*
 * bide_wait_for — run a coroutine in this task, with a deadline.
 *
 * Returns:  what fn returned, or -ETIME.
 *   fn, arg   called directly, no task is created
 *   delay     seconds, >= 0; 0 as in bide_timeout_enter(); INFINITY for no
 *             bound
 * Suspends: as fn does.
 * Cancel:   passes to fn.
 * Errors:   -ETIME; -EINVAL for a negative delay or NaN; those of fn
 * Owns:     nothing moves.
 * Thread:   the loop's, in a task.
 * Like:     asyncio.wait_for.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_wait_for(bide_coroutine *fn,
                                                        void *arg,
                                                        double delay);

BIDE_END

#endif

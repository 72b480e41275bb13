/* SPDX-License-Identifier: MIT */
/*
 * <bide/future.h> — a result that is not there yet, for code that is not a
 * task to fulfil and for any number of tasks to await.
 *
 *     bide_future answer = {0};
 *     send_request(connection, &answer);   // keeps the pointer
 *     void *value;
 *     int rc = bide_future_await(&answer, &value);
 *     bide_future_fini(&answer);
 *
 * A future lies in the caller's memory, where it must stay. It is pending
 * until it is given a result, given an error, or cancelled; once it is done
 * it does not change any more. As soon as bide_future_set_result() or one of
 * its like has returned, tasks that awaited the future need it no longer.
 *
 * Like a task that is awaited, a future is cancelled when a task that awaits
 * it is cancelled, and then every task that awaits it gets -ECANCELED. Where
 * several tasks share a future, bide_future_shield() is what to await it by.
 */
#ifndef BIDE_FUTURE_H
#define BIDE_FUTURE_H

#include <bide/error.h>
#include <bide/waiters.h>

BIDE_BEGIN

struct bide__future_callback;

/* Zeroed is a pending future. Fields private. */
typedef struct bide_future {
    struct bide__waiters waiters;
    struct bide__future_callback *callbacks; /* oldest first */
    void *value;
    int code; /* what awaiting gives: 0 or an error */
    bool done;
    bool unretrieved; /* an error that nobody has asked for */
    char message[BIDE_ERRMSG_MAX]; /* of code; "" if it has none */
} bide_future;

/*
 * bide_future_init — make a pending future; the same as zeroing it.
 *
 * Suspends: never.
 * Thread:   any.
 * Like:     loop.create_future.
 */
BIDE_API void bide_future_init(bide_future *future);

/*
 * bide_future_fini — end a future, pending or done.
 *
 * Callbacks that have not been called yet will not be. An error that no task
 * has asked for is reported to the loop's exception handler.
 *
 *   future   no task awaits it; misuse otherwise
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_future_fini(bide_future *future);

/*
 * bide_future_set_result — fulfil a future, and wake who awaits it.
 *
 *   value   what they get; the library does not look at it
 *
 * Returns:  0, or BIDE_E_INVALID_STATE if the future is done already, perhaps
 *           cancelled by who awaited it.
 * Suspends: never.
 * Errors:   BIDE_E_INVALID_STATE
 * Owns:     value is the caller's.
 * Thread:   the loop's.
 * Like:     Future.set_result.
 */
BIDE_API int bide_future_set_result(bide_future *future, void *value);

/*
 * bide_future_set_exception — give a future an error, and wake who awaits it.
 *
 *   code   negative, misuse otherwise; the message that bide_errmsg(code)
 *          has at this moment goes along. -ECANCELED cancels the future
 *
 * Returns:  0, or BIDE_E_INVALID_STATE if the future is done already, perhaps
 *           cancelled by who awaited it.
 * Suspends: never.
 * Errors:   BIDE_E_INVALID_STATE
 * Thread:   the loop's.
 * Like:     Future.set_exception.
 */
BIDE_API int bide_future_set_exception(bide_future *future, int code);

/*
 * bide_future_cancel — cancel a future: who awaits it gets -ECANCELED.
 *
 * Returns:  true, or false if the future is done already.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Future.cancel.
 */
BIDE_API bool bide_future_cancel(bide_future *future);

/*
 * bide_future_await — wait until a future is done.
 *
 *   future      may be awaited by many tasks
 *   ret_value   set to the result's value on success; NULL is allowed
 *
 * Returns:  0, or the future's error with its message.
 * Suspends: always a cancellation point; does not wait if it is done.
 * Cancel:   cancels the future, and with it every other task that awaits it.
 * Errors:   what the future was given; -ECANCELED
 * Owns:     value is the caller's.
 * Thread:   the loop's.
 * Like:     await future.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_future_await(bide_future *future, void **ret_value);

/*
 * bide_future_shield — the same without passing cancellation on to it.
 *
 *   ret_value   as for bide_future_await()
 *
 * Returns:  as bide_future_await().
 * Suspends: always a cancellation point; does not wait if it is done.
 * Cancel:   the future is untouched.
 * Errors:   what the future was given; -ECANCELED
 * Owns:     value is the caller's.
 * Thread:   the loop's.
 * Like:     await asyncio.shield(future).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_future_shield(bide_future *future, void **ret_value);

/*
 * bide_future_done — whether a future has a result or an error.
 *
 * Returns:  true if so, or if it was cancelled.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Future.done.
 */
BIDE_API bool bide_future_done(const bide_future *future);

/*
 * bide_future_cancelled — whether a future was cancelled.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Future.cancelled.
 */
BIDE_API bool bide_future_cancelled(const bide_future *future);

/*
 * bide_future_result — the result of a future that is done.
 *
 *   ret_value   set to the value on success; NULL is allowed
 *
 * Returns:  0, the future's error with its message, or BIDE_E_INVALID_STATE
 *           while it is pending.
 * Suspends: never.
 * Errors:   what the future was given; -ECANCELED; BIDE_E_INVALID_STATE
 * Owns:     value is the caller's.
 * Thread:   the loop's.
 * Like:     Future.result.
 */
BIDE_API BIDE_NODISCARD int bide_future_result(bide_future *future,
                                               void **ret_value);

/*
 * bide_future_exception — the error of a future that is done.
 *
 * Returns:  the error with its message, 0 if there is a result,
 *           BIDE_E_INVALID_STATE while it is pending.
 * Suspends: never.
 * Errors:   as bide_future_result()
 * Thread:   the loop's.
 * Like:     Future.exception.
 */
BIDE_API int bide_future_exception(bide_future *future);

/*
 * bide_future_add_done_callback — have a function called when it is done.
 *
 * It is called by the loop in a later turn, outside of any task, in the order
 * of adding; if the future is done already, in the next turn.
 *
 *   fn    may not suspend; may end the future
 *   arg   passed to fn; borrowed
 *
 * Returns:  0 or a negative code.
 * Suspends: never.
 * Errors:   -ENOMEM
 * Thread:   the loop's.
 * Like:     Future.add_done_callback.
 */
BIDE_API BIDE_NODISCARD int
bide_future_add_done_callback(bide_future *future,
                              void (*fn)(bide_future *future, void *arg),
                              void *arg);

/*
 * bide_future_remove_done_callback — take callbacks back.
 *
 * Returns:  how many were removed: all with this fn and arg. Once the future
 *           is done, its callbacks are on their way and none is.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Future.remove_done_callback.
 */
BIDE_API size_t
bide_future_remove_done_callback(bide_future *future,
                                 void (*fn)(bide_future *future, void *arg),
                                 void *arg);

BIDE_END

#endif

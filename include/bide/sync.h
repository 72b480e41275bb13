/* SPDX-License-Identifier: MIT */
/*
 * <bide/sync.h> — locks, events, conditions, semaphores and barriers.
 *
 * For tasks of one loop; they do not protect from other threads. All lie in
 * the caller's memory, where they must stay, and waiting allocates nothing:
 *
 *     bide_lock lock = {0};
 *     ...
 *     int rc = bide_lock_acquire(&lock);
 *     if (rc < 0)
 *         return rc;
 *     rc = transfer(account);              // may suspend
 *     bide_lock_release(&lock);
 *
 * Who waits longest is served first, and is handed the thing itself: no other
 * task can get in between. A task that is cancelled while it waits, or after
 * it was served and before it could run, gets -ECANCELED, and what it had been
 * given goes to the next one.
 *
 * Every function that suspends delivers a pending cancellation even when it
 * would not have to wait, and then changes nothing. Functions that do not
 * suspend may also be called from callbacks.
 */
#ifndef BIDE_SYNC_H
#define BIDE_SYNC_H

#include <bide/base.h>
#include <bide/waiters.h>

BIDE_BEGIN

/* ── Lock ─────────────────────────────────────────────────────────────── */

/* Zeroed is an unlocked lock. Fields private. */
typedef struct bide_lock {
    struct bide__waiters waiters;
    bool locked;
} bide_lock;

/*
 * bide_lock_init — make a lock; the same as zeroing it.
 *
 * Suspends: never.
 * Thread:   any.
 * Like:     asyncio.Lock.
 */
BIDE_API void bide_lock_init(bide_lock *lock);

/*
 * bide_lock_fini — end a lock. It may be neither held nor waited for.
 *
 * Holds no resource, so calling it serves only to find mistakes.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_lock_fini(bide_lock *lock);

/*
 * bide_lock_acquire — wait until the lock is free, and hold it.
 *
 * Not recursive: a task that acquires a lock it holds waits for ever.
 *
 * Returns:  0, or -ECANCELED and the lock is not held.
 * Suspends: always a cancellation point; does not wait if the lock is free.
 * Cancel:   leaves the line; a lock that was handed over goes to the next.
 * Errors:   -ECANCELED
 * Thread:   the loop's.
 * Like:     Lock.acquire.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_lock_acquire(bide_lock *lock);

/*
 * bide_lock_release — give a lock up; any task may do so for the holder.
 *
 * With tasks in line the lock passes to the first of them and stays locked.
 *
 *   lock   held; misuse otherwise
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Lock.release.
 */
BIDE_API void bide_lock_release(bide_lock *lock);

/*
 * bide_lock_locked — whether a task holds the lock.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Lock.locked.
 */
BIDE_API bool bide_lock_locked(const bide_lock *lock);

/* ── Event ────────────────────────────────────────────────────────────── */

/* Zeroed is an event that is not set. Fields private. */
typedef struct bide_event {
    struct bide__waiters waiters;
    bool is_set;
} bide_event;

/*
 * bide_event_init — make an event; the same as zeroing it.
 *
 * Suspends: never.
 * Thread:   any.
 * Like:     asyncio.Event.
 */
BIDE_API void bide_event_init(bide_event *event);

/*
 * bide_event_fini — end an event that no task waits for.
 *
 * Holds no resource, so calling it serves only to find mistakes.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_event_fini(bide_event *event);

/*
 * bide_event_wait — wait until the event is set.
 *
 * A task that waited when the event was set has succeeded, even if the event
 * is cleared before the task runs.
 *
 * Returns:  0 or -ECANCELED.
 * Suspends: always a cancellation point; does not wait if the event is set.
 * Cancel:   changes nothing.
 * Errors:   -ECANCELED
 * Thread:   the loop's.
 * Like:     Event.wait.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_event_wait(bide_event *event);

/*
 * bide_event_set — set the event and wake every task that waits for it.
 *
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Event.set.
 */
BIDE_API void bide_event_set(bide_event *event);

/*
 * bide_event_clear — unset the event: tasks wait for it again.
 *
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Event.clear.
 */
BIDE_API void bide_event_clear(bide_event *event);

/*
 * bide_event_is_set — whether the event is set.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Event.is_set.
 */
BIDE_API bool bide_event_is_set(const bide_event *event);

/* ── Condition ────────────────────────────────────────────────────────── */

/* Zeroed is a condition with a lock of its own. Fields private. */
typedef struct bide_condition {
    struct bide__waiters waiters;
    bide_lock *lock; /* NULL: own_lock */
    bide_lock own_lock;
} bide_condition;

/*
 * bide_condition_init — make a condition.
 *
 *   lock   what protects the state that tasks wait for; conditions can share
 *          it. NULL: a lock of its own
 * Suspends: never.
 * Owns:     lock is borrowed until the end of the condition.
 * Thread:   any.
 * Like:     asyncio.Condition.
 */
BIDE_API void bide_condition_init(bide_condition *condition, bide_lock *lock);

/*
 * bide_condition_fini — end a condition that no task waits for.
 *
 * Holds no resource, so calling it serves only to find mistakes.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_condition_fini(bide_condition *condition);

/*
 * bide_condition_acquire — acquire the condition's lock.
 *
 * Returns:  as bide_lock_acquire().
 * Suspends: always a cancellation point; does not wait if the lock is free.
 * Cancel:   as bide_lock_acquire().
 * Errors:   -ECANCELED
 * Thread:   the loop's.
 * Like:     Condition.acquire.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_condition_acquire(bide_condition *condition);

/*
 * bide_condition_release — release the condition's lock.
 *
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Condition.release.
 */
BIDE_API void bide_condition_release(bide_condition *condition);

/*
 * bide_condition_locked — whether a task holds the condition's lock.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Condition.locked.
 */
BIDE_API bool bide_condition_locked(const bide_condition *condition);

/*
 * bide_condition_wait — give the lock up, wait until notified, take it again.
 *
 * The state may have changed again by then: check it, or use
 * bide_condition_wait_for().
 *
 * Returns:  0 or -ECANCELED, with the lock held in either case.
 *   condition   its lock is held; misuse otherwise
 * Suspends: always a cancellation point.
 * Cancel:   waits for the lock first; a notification that had arrived goes to
 *           another waiting task.
 * Errors:   -ECANCELED
 * Thread:   the loop's.
 * Like:     Condition.wait.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_condition_wait(bide_condition *condition);

/*
 * bide_condition_wait_for — wait until a predicate holds.
 *
 * Returns:  0 when it does, or -ECANCELED, with the lock held in either case.
 *   condition   its lock is held; misuse otherwise
 *   predicate   called with the lock held, first before any waiting; may not
 *               suspend
 *   arg         passed to predicate
 * Suspends: always a cancellation point; does not wait if predicate holds.
 * Cancel:   as bide_condition_wait().
 * Errors:   -ECANCELED
 * Thread:   the loop's.
 * Like:     Condition.wait_for.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_condition_wait_for(bide_condition *condition,
                        bool (*predicate)(void *arg), void *arg);

/*
 * bide_condition_notify — wake some of the tasks that wait.
 *
 * They go on once the lock has come to them: it is not released here.
 *
 *   condition   its lock is held; misuse otherwise
 *   count       of tasks, the longest waiting ones; all if there are fewer
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Condition.notify.
 */
BIDE_API void bide_condition_notify(bide_condition *condition, size_t count);

/*
 * bide_condition_notify_all — wake all tasks that wait.
 *
 *   condition   its lock is held; misuse otherwise
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Condition.notify_all.
 */
BIDE_API void bide_condition_notify_all(bide_condition *condition);

/* ── Semaphore ────────────────────────────────────────────────────────── */

/* The greatest value of a semaphore. */
#define BIDE_SEMAPHORE_MAX 0x7fffffffu

/* Zeroed is a semaphore of value 0. Fields private. */
typedef struct bide_semaphore {
    struct bide__waiters waiters;
    unsigned value;
} bide_semaphore;

/*
 * bide_semaphore_init — make a semaphore.
 *
 *   value   how many tasks may hold it at once, 0..BIDE_SEMAPHORE_MAX
 * Suspends: never.
 * Thread:   any.
 * Like:     asyncio.Semaphore.
 */
BIDE_API void bide_semaphore_init(bide_semaphore *semaphore, unsigned value);

/*
 * bide_semaphore_fini — end a semaphore that no task waits for.
 *
 * Holds no resource, so calling it serves only to find mistakes.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_semaphore_fini(bide_semaphore *semaphore);

/*
 * bide_semaphore_acquire — wait until the value is above 0, and lower it.
 *
 * Returns:  0, or -ECANCELED and the value is as before.
 * Suspends: always a cancellation point; does not wait if the value is > 0.
 * Cancel:   leaves the line; what was handed over goes to the next.
 * Errors:   -ECANCELED
 * Thread:   the loop's.
 * Like:     Semaphore.acquire.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_semaphore_acquire(bide_semaphore *semaphore);

/*
 * bide_semaphore_release — let the first task in line go on, or, when none
 * waits, raise the value.
 *
 * Any task may do so; raising it beyond BIDE_SEMAPHORE_MAX is misuse.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Semaphore.release.
 */
BIDE_API void bide_semaphore_release(bide_semaphore *semaphore);

/*
 * bide_semaphore_locked — whether acquiring would have to wait.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Semaphore.locked.
 */
BIDE_API bool bide_semaphore_locked(const bide_semaphore *semaphore);

/* One whose value cannot rise above what it began with. Fields private. */
typedef struct bide_bounded_semaphore {
    bide_semaphore semaphore;
    unsigned bound;
} bide_bounded_semaphore;

/*
 * bide_bounded_semaphore_init — make a bounded semaphore.
 *
 *   value   how many tasks may hold it at once, 0..BIDE_SEMAPHORE_MAX
 * Suspends: never.
 * Thread:   any.
 * Like:     asyncio.BoundedSemaphore.
 */
BIDE_API void bide_bounded_semaphore_init(bide_bounded_semaphore *semaphore,
                                          unsigned value);

/*
 * bide_bounded_semaphore_fini — end one that no task waits for.
 *
 * Holds no resource, so calling it serves only to find mistakes.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_bounded_semaphore_fini(bide_bounded_semaphore *semaphore);

/*
 * bide_bounded_semaphore_acquire — as bide_semaphore_acquire().
 *
 * Returns:  0, or -ECANCELED and the value is as before.
 * Suspends: always a cancellation point; does not wait if the value is > 0.
 * Cancel:   as bide_semaphore_acquire().
 * Errors:   -ECANCELED
 * Thread:   the loop's.
 * Like:     BoundedSemaphore.acquire.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_bounded_semaphore_acquire(bide_bounded_semaphore *semaphore);

/*
 * bide_bounded_semaphore_release — as bide_semaphore_release(), but misuse if
 * the value would rise above the one it began with.
 *
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     BoundedSemaphore.release.
 */
BIDE_API void
bide_bounded_semaphore_release(bide_bounded_semaphore *semaphore);

/*
 * bide_bounded_semaphore_locked — whether acquiring would have to wait.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     BoundedSemaphore.locked.
 */
BIDE_API bool
bide_bounded_semaphore_locked(const bide_bounded_semaphore *semaphore);

/* ── Barrier ──────────────────────────────────────────────────────────── */

/* The most parties of a barrier. */
#define BIDE_BARRIER_MAX 0x7fffffffu

/* Initialise by bide_barrier_init(). Fields private. */
typedef struct bide_barrier {
    struct bide__waiters waiters;
    unsigned parties;
    unsigned waiting;
    bool broken;
} bide_barrier;

/*
 * bide_barrier_init — make a barrier.
 *
 *   parties   how many tasks wait for each other, 1..BIDE_BARRIER_MAX
 * Suspends: never.
 * Thread:   any.
 * Like:     asyncio.Barrier.
 */
BIDE_API void bide_barrier_init(bide_barrier *barrier, unsigned parties);

/*
 * bide_barrier_fini — end a barrier that no task waits at.
 *
 * Holds no resource, so calling it serves only to find mistakes.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_barrier_fini(bide_barrier *barrier);

/*
 * bide_barrier_wait — wait until all parties have come.
 *
 * The barrier is then empty and serves the next round.
 *
 * Returns:  the index of arrival, 0 to parties - 1, each of them once in a
 *           round; or a negative code.
 * Suspends: always a cancellation point; the last to come does not wait.
 * Cancel:   the task no longer counts as come. The barrier is not broken.
 * Errors:   BIDE_E_BROKEN_BARRIER  the barrier was aborted, or reset while
 *                                  the task waited
 *           -ECANCELED
 * Thread:   the loop's.
 * Like:     Barrier.wait.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_barrier_wait(bide_barrier *barrier);

/*
 * bide_barrier_reset — make the barrier empty and whole again.
 *
 * Tasks that wait get BIDE_E_BROKEN_BARRIER.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Barrier.reset.
 */
BIDE_API void bide_barrier_reset(bide_barrier *barrier);

/*
 * bide_barrier_abort — break the barrier, until bide_barrier_reset().
 *
 * Tasks that wait, and those that come, get BIDE_E_BROKEN_BARRIER.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Barrier.abort.
 */
BIDE_API void bide_barrier_abort(bide_barrier *barrier);

/*
 * bide_barrier_parties — how many tasks the barrier waits for.
 *
 * Returns:  the number given to bide_barrier_init().
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Barrier.parties.
 */
BIDE_API unsigned bide_barrier_parties(const bide_barrier *barrier);

/*
 * bide_barrier_n_waiting — how many tasks have come and wait.
 *
 * Returns:  the count, less than the number of parties.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Barrier.n_waiting.
 */
BIDE_API unsigned bide_barrier_n_waiting(const bide_barrier *barrier);

/*
 * bide_barrier_broken — whether the barrier was aborted.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Barrier.broken.
 */
BIDE_API bool bide_barrier_broken(const bide_barrier *barrier);

BIDE_END

#endif

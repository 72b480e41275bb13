/* SPDX-License-Identifier: MIT */
/*
 * condition.c — waiting, under a lock, for a state that others bring about.
 *
 * A notified task needs the lock before it can go on, and the notifier holds
 * it. So notifying does not wake: it moves the waiter from the condition's
 * line to the end of the lock's, and the release that comes to it wakes it,
 * with the lock. A wait is thus suspended once, however it ends:
 *
 *     wait ──► line of the condition ──notify──► line of the lock ──► runs,
 *                      │                               ▲     holding the lock
 *                      └────────────cancel─────────────┘
 *
 * A cancelled waiter stands in the lock's line, too, because the wait returns
 * with the lock held in any case. If it had been notified, it notifies the
 * next one instead of itself: no notification is lost.
 */
#include <bide/sync.h>
#include <errno.h>

#include "task/waiter.h"

struct condition_waiter {
    struct bide__waiter waiter; /* in the condition's list, then the lock's */
    bide_condition *condition;
    bool notified;
    bool cancelled;
};

static bide_lock *lock_of(bide_condition *condition)
{
    return condition->lock ? condition->lock : &condition->own_lock;
}

void bide_condition_init(bide_condition *condition, bide_lock *lock)
{
    *condition = (bide_condition){.lock = lock};
}

void bide_condition_fini(bide_condition *condition)
{
    bide__waiters_fini(&condition->waiters, "bide_condition_fini");
    if (!condition->lock)
        bide_lock_fini(&condition->own_lock);
}

int bide_condition_acquire(bide_condition *condition)
{
    return bide_lock_acquire(lock_of(condition));
}

void bide_condition_release(bide_condition *condition)
{
    bide_lock_release(lock_of(condition));
}

bool bide_condition_locked(const bide_condition *condition)
{
    const bide_lock *lock =
        condition->lock ? condition->lock : &condition->own_lock;
    return lock->locked;
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

static void require_locked(const bide_condition *condition,
                           const char *function)
{
    BIDE__REQUIRE(bide_condition_locked(condition),
                  "%s() was called while the condition's lock is not held; "
                  "call bide_condition_acquire() first",
                  function);
}

/* In the lock's line there is nothing to do but to stay in it. */
static void cancel_wait(bide_task *task, void *object)
{
    struct condition_waiter *waiter = object;
    bide_condition *condition = waiter->condition;
    bide_lock *lock = lock_of(condition);
    waiter->cancelled = true;
    if (waiter->waiter.list != &condition->waiters)
        return;
    bide__waiter_remove(&waiter->waiter);
    if (lock->locked) {
        bide__waiters_append(&lock->waiters, &waiter->waiter);
    } else {
        lock->locked = true;
        bide__wake(task, 0);
    }
}

static const struct bide__wait condition_wait = {
    .name = "bide_condition_wait",
    .cancel = cancel_wait,
    .weak = true,
};

static int wait_once(bide_task *self, bide_condition *condition)
{
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    struct condition_waiter waiter = {
        .waiter.task = self,
        .condition = condition,
    };
    bide__waiters_append(&condition->waiters, &waiter.waiter);
    bide_lock_release(lock_of(condition));
    int rc = bide__park(self, &condition_wait, &waiter);
    if (BIDE__LIKELY(rc == 0 && !waiter.cancelled))
        return 0;
    if (waiter.notified)
        bide_condition_notify(condition, 1);
    return -ECANCELED;
}

int bide_condition_wait(bide_condition *condition)
{
    bide_task *self = bide__enter("bide_condition_wait");
    require_locked(condition, "bide_condition_wait");
    return wait_once(self, condition);
}

int bide_condition_wait_for(bide_condition *condition,
                            bool (*predicate)(void *arg), void *arg)
{
    bide_task *self = bide__enter("bide_condition_wait_for");
    require_locked(condition, "bide_condition_wait_for");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = 0;
    while (rc == 0 && !predicate(arg))
        rc = wait_once(self, condition);
    return rc;
}

/* ── Notifying ────────────────────────────────────────────────────────── */

void bide_condition_notify(bide_condition *condition, size_t count)
{
    require_locked(condition, "bide_condition_notify");
    bide_lock *lock = lock_of(condition);
    for (; count > 0 && condition->waiters.first; count--) {
        struct bide__waiter *first = condition->waiters.first;
        struct condition_waiter *waiter =
            BIDE__CONTAINER(first, struct condition_waiter, waiter);
        waiter->notified = true;
        bide__waiter_remove(first);
        bide__waiters_append(&lock->waiters, first);
    }
}

void bide_condition_notify_all(bide_condition *condition)
{
    bide_condition_notify(condition, SIZE_MAX);
}

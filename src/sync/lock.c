/* SPDX-License-Identifier: MIT */
/*
 * lock.c — mutual exclusion between tasks.
 *
 * A release hands the lock to the task that has waited longest: it stays
 * locked all the while, so nobody can take it in between and no task starves.
 *
 * Invariant: while tasks wait, the lock is locked.
 */
#include <bide/sync.h>
#include <errno.h>

#include "task/waiter.h"

void bide_lock_init(bide_lock *lock)
{
    *lock = (bide_lock){.locked = false};
}

void bide_lock_fini(bide_lock *lock)
{
    bide__waiters_fini(&lock->waiters, "bide_lock_fini");
    BIDE__REQUIRE(!lock->locked,
                  "bide_lock_fini() was called for a lock that is held; "
                  "release it first");
}

bool bide_lock_locked(const bide_lock *lock)
{
    return lock->locked;
}

void bide_lock_release(bide_lock *lock)
{
    BIDE__REQUIRE(lock->locked,
                  "bide_lock_release() was called for a lock that is not "
                  "held; release it once for each bide_lock_acquire() that "
                  "returned 0");
    if (lock->waiters.first)
        bide__waiter_wake(lock->waiters.first, 0, "bide_lock_release");
    else
        lock->locked = false;
}

static const struct bide__wait lock_wait = {
    .name = "bide_lock_acquire",
    .cancel = bide__waiter_cancel,
    .weak = true,
};

int bide_lock_acquire(bide_lock *lock)
{
    bide_task *self = bide__enter("bide_lock_acquire");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (!lock->locked) {
        lock->locked = true;
        return 0;
    }
    struct bide__waiter waiter = {.task = self};
    bide__waiters_append(&lock->waiters, &waiter);
    int rc = bide__park(self, &lock_wait, &waiter);
    if (BIDE__UNLIKELY(rc < 0 && waiter.granted))
        bide_lock_release(lock);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * semaphore.c — a number of permits.
 *
 * A release hands its permit to the task that has waited longest; the value
 * counts only permits that nobody waits for.
 *
 * Invariant: while tasks wait, the value is 0.
 */
#include <bide/sync.h>
#include <errno.h>

#include "task/waiter.h"

void bide_semaphore_init(bide_semaphore *semaphore, unsigned value)
{
    BIDE__REQUIRE(value <= BIDE_SEMAPHORE_MAX,
                  "bide_semaphore_init() was called with the value %u, at "
                  "most %u",
                  value, BIDE_SEMAPHORE_MAX);
    *semaphore = (bide_semaphore){.value = value};
}

void bide_semaphore_fini(bide_semaphore *semaphore)
{
    bide__waiters_fini(&semaphore->waiters, "bide_semaphore_fini");
}

bool bide_semaphore_locked(const bide_semaphore *semaphore)
{
    return semaphore->value == 0;
}

static void release(bide_semaphore *semaphore, const char *function)
{
    if (semaphore->waiters.first) {
        bide__waiter_wake(semaphore->waiters.first, 0, function);
        return;
    }
    BIDE__REQUIRE(semaphore->value < BIDE_SEMAPHORE_MAX,
                  "%s() was called for a semaphore whose value is %u already, "
                  "the most there can be",
                  function, BIDE_SEMAPHORE_MAX);
    semaphore->value++;
}

void bide_semaphore_release(bide_semaphore *semaphore)
{
    release(semaphore, "bide_semaphore_release");
}

static int acquire(bide_semaphore *semaphore, const struct bide__wait *wait)
{
    bide_task *self = bide__enter(wait->name);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (semaphore->value > 0) {
        semaphore->value--;
        return 0;
    }
    struct bide__waiter waiter = {.task = self};
    bide__waiters_append(&semaphore->waiters, &waiter);
    int rc = bide__park(self, wait, &waiter);
    if (BIDE__UNLIKELY(rc < 0 && waiter.granted))
        release(semaphore, wait->name);
    return rc;
}

static const struct bide__wait semaphore_wait = {
    .name = "bide_semaphore_acquire",
    .cancel = bide__waiter_cancel,
    .weak = true,
};

int bide_semaphore_acquire(bide_semaphore *semaphore)
{
    return acquire(semaphore, &semaphore_wait);
}

/* ── Bounded ──────────────────────────────────────────────────────────── */

void bide_bounded_semaphore_init(bide_bounded_semaphore *semaphore,
                                 unsigned value)
{
    bide_semaphore_init(&semaphore->semaphore, value);
    semaphore->bound = value;
}

void bide_bounded_semaphore_fini(bide_bounded_semaphore *semaphore)
{
    bide__waiters_fini(&semaphore->semaphore.waiters,
                       "bide_bounded_semaphore_fini");
}

bool bide_bounded_semaphore_locked(const bide_bounded_semaphore *semaphore)
{
    return bide_semaphore_locked(&semaphore->semaphore);
}

void bide_bounded_semaphore_release(bide_bounded_semaphore *semaphore)
{
    BIDE__REQUIRE(semaphore->semaphore.value < semaphore->bound,
                  "bide_bounded_semaphore_release() was called more often "
                  "than the semaphore was acquired: its value is back at %u",
                  semaphore->bound);
    release(&semaphore->semaphore, "bide_bounded_semaphore_release");
}

static const struct bide__wait bounded_wait = {
    .name = "bide_bounded_semaphore_acquire",
    .cancel = bide__waiter_cancel,
    .weak = true,
};

int bide_bounded_semaphore_acquire(bide_bounded_semaphore *semaphore)
{
    return acquire(&semaphore->semaphore, &bounded_wait);
}

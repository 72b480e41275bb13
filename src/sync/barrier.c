/* SPDX-License-Identifier: MIT */
/*
 * barrier.c — tasks that wait for each other.
 *
 * The last party to arrive releases all at once and empties the barrier, so
 * the next round can begin before the tasks of this one have run: there is no
 * draining phase to wait for.
 *
 * Invariant: `waiting` is the length of the list, and less than `parties`; a
 * broken barrier has nobody waiting.
 */
#include <bide/sync.h>
#include <errno.h>

#include "task/waiter.h"

struct party {
    struct bide__waiter waiter;
    bide_barrier *barrier;
};

void bide_barrier_init(bide_barrier *barrier, unsigned parties)
{
    BIDE__REQUIRE(parties >= 1 && parties <= BIDE_BARRIER_MAX,
                  "bide_barrier_init() was called for %u parties, at least 1 "
                  "and at most %u",
                  parties, BIDE_BARRIER_MAX);
    *barrier = (bide_barrier){.parties = parties};
}

void bide_barrier_fini(bide_barrier *barrier)
{
    bide__waiters_fini(&barrier->waiters, "bide_barrier_fini");
}

unsigned bide_barrier_parties(const bide_barrier *barrier)
{
    return barrier->parties;
}

unsigned bide_barrier_n_waiting(const bide_barrier *barrier)
{
    return barrier->waiting;
}

bool bide_barrier_broken(const bide_barrier *barrier)
{
    return barrier->broken;
}

static void break_waits(bide_barrier *barrier, const char *function)
{
    barrier->waiting = 0;
    while (barrier->waiters.first)
        bide__waiter_wake(barrier->waiters.first, BIDE_E_BROKEN_BARRIER,
                          function);
}

void bide_barrier_reset(bide_barrier *barrier)
{
    barrier->broken = false;
    break_waits(barrier, "bide_barrier_reset");
}

void bide_barrier_abort(bide_barrier *barrier)
{
    barrier->broken = true;
    break_waits(barrier, "bide_barrier_abort");
}

static void cancel_party(bide_task *task, void *object)
{
    struct party *party = object;
    party->barrier->waiting--;
    bide__waiter_cancel(task, &party->waiter);
}

static const struct bide__wait barrier_wait = {
    .name = "bide_barrier_wait",
    .cancel = cancel_party,
    .weak = true,
};

/* Everybody's index is the place in the line, so the indices are distinct
 * even if some who had come were cancelled. */
static int release_all(bide_barrier *barrier)
{
    int index = 0;
    barrier->waiting = 0;
    while (barrier->waiters.first)
        bide__waiter_wake(barrier->waiters.first, index++,
                          "bide_barrier_wait");
    return index;
}

int bide_barrier_wait(bide_barrier *barrier)
{
    bide_task *self = bide__enter("bide_barrier_wait");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (barrier->broken)
        return BIDE_E_BROKEN_BARRIER;
    if (barrier->waiting + 1 >= barrier->parties)
        return release_all(barrier);
    struct party party = {.waiter.task = self, .barrier = barrier};
    barrier->waiting++;
    bide__waiters_append(&barrier->waiters, &party.waiter);
    return bide__park(self, &barrier_wait, &party);
}

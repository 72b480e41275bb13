/* SPDX-License-Identifier: MIT */
/*
 * event.c — a flag that tasks wait for.
 *
 * Setting wakes every task that waits at that moment, and each of them
 * succeeds even if the flag is cleared before it runs.
 *
 * Invariant: while tasks wait, the flag is not set.
 */
#include <bide/sync.h>

#include "task/waiter.h"

void bide_event_init(bide_event *event)
{
    *event = (bide_event){.is_set = false};
}

void bide_event_fini(bide_event *event)
{
    bide__waiters_fini(&event->waiters, "bide_event_fini");
}

bool bide_event_is_set(const bide_event *event)
{
    return event->is_set;
}

void bide_event_set(bide_event *event)
{
    event->is_set = true;
    while (event->waiters.first)
        bide__waiter_wake(event->waiters.first, 0, "bide_event_set");
}

void bide_event_clear(bide_event *event)
{
    event->is_set = false;
}

static const struct bide__wait event_wait = {
    .name = "bide_event_wait",
    .cancel = bide__waiter_cancel,
    .weak = true,
};

int bide_event_wait(bide_event *event)
{
    bide_task *self = bide__enter("bide_event_wait");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (event->is_set)
        return 0;
    struct bide__waiter waiter = {.task = self};
    bide__waiters_append(&event->waiters, &waiter);
    return bide__park(self, &event_wait, &waiter);
}

/* SPDX-License-Identifier: MIT */
/*
 * waiter.h — first come, first served: the tasks that wait for one object.
 *
 * A waiter lies in the frame of the waiting function, so waiting allocates
 * nothing and cannot fail. Whoever fulfils a wait takes the waiter out and
 * hands over what it waited for in the same step (bide__waiter_wake): nobody
 * who comes in between can take it away.
 *
 *     struct bide__waiter waiter = {.task = self};
 *     bide__waiters_append(&lock->waiters, &waiter);
 *     int rc = bide__park(self, &lock_wait, &waiter);
 *     if (rc < 0 && waiter.granted)     // cancelled after the grant
 *         … pass on what was granted …
 *
 * Invariants: a waiter's task is parked as long as the waiter is in a list,
 * and `list` is NULL when it is in none.
 */
#ifndef BIDE_SRC_TASK_WAITER_H
#define BIDE_SRC_TASK_WAITER_H

#include <bide/waiters.h>

#include "task/task.h"

struct bide__waiter {
    struct bide__waiter *next;  /* came later */
    struct bide__waiter *prev;  /* came earlier */
    struct bide__waiters *list; /* the list it is in */
    bide_task *task;
    bool granted; /* it was woken with what it waited for */
};

static inline void bide__waiters_append(struct bide__waiters *list,
                                        struct bide__waiter *waiter)
{
    waiter->list = list;
    waiter->next = NULL;
    waiter->prev = list->last;
    if (list->last)
        list->last->next = waiter;
    else
        list->first = waiter;
    list->last = waiter;
}

static inline void bide__waiter_remove(struct bide__waiter *waiter)
{
    struct bide__waiters *list = waiter->list;
    if (waiter->prev)
        waiter->prev->next = waiter->next;
    else
        list->first = waiter->next;
    if (waiter->next)
        waiter->next->prev = waiter->prev;
    else
        list->last = waiter->prev;
    waiter->list = NULL;
}

/* Take a waiter out and wake its task with `value`, >= 0 or an error of the
 * object's own. `function` is whom to blame for a call on a wrong thread. */
static inline void bide__waiter_wake(struct bide__waiter *waiter, int value,
                                     const char *function)
{
    BIDE__REQUIRE(waiter->task->loop == bide__loop,
                  "%s() was called on another thread than the loop's whose "
                  "task '%s' waits; use bide_loop_call_soon_threadsafe()",
                  function, bide_task_name(waiter->task));
    bide__waiter_remove(waiter);
    waiter->granted = true;
    bide__wake(waiter->task, value);
}

/* The `cancel` of a wait whose object is a waiter, where leaving the list is
 * all there is to do. */
void bide__waiter_cancel(bide_task *task, void *object);

/* Die if tasks still wait for an object that is about to end. */
void bide__waiters_fini(const struct bide__waiters *list,
                        const char *function);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * waiter.c — what all objects with waiting tasks share and what need not be
 * inline.
 */
#include "task/waiter.h"

#include <errno.h>

void bide__waiter_cancel(bide_task *task, void *object)
{
    bide__waiter_remove(object);
    bide__wake(task, -ECANCELED);
}

void bide__waiters_fini(const struct bide__waiters *list, const char *function)
{
    if (BIDE__UNLIKELY(list->first != NULL))
        bide__die("%s() was called while task '%s' waits for it; await or "
                  "cancel the tasks that use it first",
                  function, bide_task_name(list->first->task));
}

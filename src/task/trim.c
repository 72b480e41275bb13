/* SPDX-License-Identifier: MIT */
/*
 * trim.c — give back what a waiting task's stack has taken and does not need.
 *
 * A stack keeps every page that was ever touched, so a task that was deep once
 * holds as much while it waits for a day. What lies beyond the frames of a
 * waiting task holds nothing.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "task/task.h"

#define RED_ZONE 128 /* bytes below the stack pointer that may be in use */

void bide_task_trim(bide_task *task)
{
    bide__require_own(task, "bide_task_trim");
    if (task->state != BIDE__TASK_PARKED)
        return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    char *limit = bide__stack_limit(&task->loop->stacks, task->stack_class,
                                    task);
    char *end =
        (char *)(((uintptr_t)task->sp - RED_ZONE) & ~(page - 1));
    if (end > limit)
        (void)madvise(limit, (size_t)(end - limit), MADV_DONTNEED);
}

/* SPDX-License-Identifier: MIT */
/* trim_test.c — the memory of a stack that was deep once. */
#include <bide.h>
#include <string.h>

#include "task/stack.h"
#include "task/task.h"
#include "test.h"

#define DEEP 30000

__attribute__((noinline)) static void be_deep(void)
{
    volatile char room[DEEP];
    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = 1;
}

static int wait_after_depth(void *arg)
{
    volatile int kept = 42;
    be_deep();
    int rc = bide_event_wait(arg);
    CHECK_INT(kept, 42);
    be_deep();
    return rc;
}

static size_t touched(const bide_task *task)
{
    return bide__stack_touched(&task->loop->stacks, task->stack_class, task);
}

static int amain(void *arg)
{
    bide_event event = {.is_set = false};
    bide_task *task = bide_create_task(wait_after_depth, &event);
    (void)arg;
    bide_task_trim(task); /* it has not begun */
    CHECK_OK(bide_sleep(0));
    CHECK(touched(task) > DEEP);
    bide_task_trim(task);
    CHECK(touched(task) < DEEP);
    bide_event_set(&event);
    bide_task_trim(task); /* it is about to go on */
    return bide_await(task);
}

TEST(a_waiting_task_gives_back_what_it_does_not_need)
{
    CHECK_OK(bide_run(amain, NULL));
}

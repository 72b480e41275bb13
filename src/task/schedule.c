/* SPDX-License-Identifier: MIT */
/*
 * schedule.c — who runs next.
 *
 * A task that suspends takes the next ready item out of the engine's queue
 * and, when that is a task, switches to it directly: one switch instead of
 * two through the loop's stack. When the queue is empty, its next item is a
 * callback, or the turn's budget is used up, it switches to the loop, which
 * runs callbacks on its own large stack and polls.
 *
 *      task A ──────► task B ──────► task C ──────► loop ──► poll ──► …
 *         bide__suspend   bide__suspend   (queue empty)
 *
 * Invariants: loop->current is the running task, or NULL on the loop's stack;
 * a running task has state READY and is not in the queue; the value that
 * bide__suspend() returns is the resumed task's resume_value at the moment of
 * the switch.
 *
 * See docs/internals/scheduling.md.
 */
#include "task/task.h"

#include <errno.h>

#include "task/fork.h"
#include "task/probe.h"

_Thread_local bide_loop *bide__loop;

/* ── Switching ────────────────────────────────────────────────────────── */

#ifdef BIDE__FIBERS

/* ThreadSanitizer counts the calls of instrumented functions for each fiber,
 * so what spans a switch must not be instrumented. */
__attribute__((no_sanitize("thread"), noinline)) static int
exchange(bide_loop *loop, struct bide__fiber *from, void **save, bool forever,
         struct bide__fiber *to, void *sp, int value)
{
    loop->left = from;
    bide__fiber_leave(forever ? NULL : from, to);
    int resumed = bide__switch(save, sp, value);
    bide__fiber_arrive(from, loop->left);
    return resumed;
}

#else
#define exchange(loop, from, save, forever, to, sp, value)                    \
    ((void)(forever), bide__switch(save, sp, value))
#endif

static inline int switch_to(bide_loop *loop, bide_task *task, bide_task *next,
                            bool forever)
{
    loop->current = next;
    return exchange(loop, &task->fiber, &task->sp, forever, &next->fiber,
                    next->sp, next->resume_value);
}

/* Leave the task for whatever is next. */
static inline int switch_away(bide_task *task, bool forever)
{
    bide_loop *loop = task->loop;
    bide_engine *engine = loop->engine;
    bide_ready *first = engine->ready_first;
    if (BIDE__LIKELY(first && first->run == bide__task_run &&
                     --engine->budget > 0)) {
        bide_task *next = BIDE__CONTAINER(first, bide_task, ready);
        (void)bide__ready_pop(engine);
        if (BIDE__UNLIKELY(next == task))
            return task->resume_value;
        return switch_to(loop, task, next, forever);
    }
    loop->current = NULL;
    return exchange(loop, &task->fiber, &task->sp, forever, &loop->fiber,
                    loop->sp, 0);
}

int bide__suspend(bide_task *task)
{
    return switch_away(task, false);
}

/* A task that has ended could not release the stack it stood on: it is left
 * to the next one that ends, or to the loop. */
static void bury(bide_loop *loop)
{
    bide_task *zombie = loop->zombie;
    if (!zombie)
        return;
    loop->zombie = NULL;
    bide__fiber_destroy(&zombie->fiber);
    zombie->state = BIDE__TASK_FREE;
    bide__stack_give(&loop->stacks, zombie->stack_class, zombie);
}

void bide__loop_switch_to(bide_loop *loop, bide_task *task)
{
    loop->current = task;
    (void)exchange(loop, &loop->fiber, &loop->sp, false, &task->fiber,
                   task->sp, task->resume_value);
    bury(loop);
}

void bide__task_run(bide_ready *ready)
{
    bide_task *task = BIDE__CONTAINER(ready, bide_task, ready);
    bide__loop_switch_to(task->loop, task);
}

/* ── Beginning and end of a task ──────────────────────────────────────── */

void bide__task_release(bide_task *task)
{
    bide_loop *loop = task->loop;
    if (BIDE__UNLIKELY(task->result < 0 && task->result != -ECANCELED &&
                       !(task->flags & BIDE__FLAG_RETRIEVED)))
        bide__report_unretrieved(task);
    if (BIDE__UNLIKELY(task->callbacks != NULL))
        bide__callbacks_free(task);
    if (task == loop->current) {
        bury(loop);
        loop->zombie = task;
        return;
    }
    bide__fiber_destroy(&task->fiber);
    task->state = BIDE__TASK_FREE;
    bide__stack_give(&loop->stacks, task->stack_class, task);
}

static void finish(bide_task *task, int result)
{
    bide_loop *loop = task->loop;
    if (BIDE__UNLIKELY(bide__loop != loop))
        bide__die_forked();
    task->result = result;
    task->state = BIDE__TASK_DONE;
    BIDE__PROBE2(task_done, task->id, result);
    loop->live--;
    if (BIDE__UNLIKELY(loop->debug))
        bide__report_swallowed(task);
    struct bide__context *context = task->context;
    task->context = NULL; /* a value's release function may look at it */
    if (context)
        bide__context_unref(context);
    if (task->group)
        bide__group_child_done(task);
    if (task->on_done)
        task->on_done(task, task->on_done_data);
    if (BIDE__UNLIKELY(task->callbacks != NULL))
        bide__callbacks_schedule(task);
    bide__task_unref(task);
    (void)switch_away(task, true);
}

/* The first function on every task's stack. It never returns: finish() leaves
 * the stack for good. */
static void task_main(int value)
{
    (void)value;
    bide_loop *loop = bide__loop;
    bide_task *task = loop->current;
#ifdef BIDE__FIBERS
    bide__fiber_arrive(&task->fiber, loop->left);
#endif
    task->state = BIDE__TASK_READY;
    BIDE__PROBE1(task_start, task->id);
    int result = -ECANCELED;
    if (task->must_cancel) /* cancelled before it started */
        task->must_cancel = false;
    else
        result = task->fn(task->arg);
    finish(task, result);
    __builtin_unreachable();
}

void bide__task_prepare(bide_task *task, void *top)
{
    task->sp = bide__switch_prepare(top, task_main);
}

static const struct bide__wait eager_wait = {
    .name = "bide_create_task_with",
    .weak = true,
};

/* The creator is put in front of all others, so that it goes on right after
 * the new task first suspends. */
void bide__task_start_eagerly(bide_task *task)
{
    bide_loop *loop = task->loop;
    bide_task *self = loop->current;
    if (!self) {
        bide__loop_switch_to(loop, task);
        return;
    }
    self->wait = &eager_wait;
    self->resume_value = 0;
    bide__ready_push_front(loop->engine, &self->ready);
    if (switch_to(loop, self, task, false) < 0)
        self->must_cancel = true; /* creating a task is no suspending call */
}

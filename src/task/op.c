/* SPDX-License-Identifier: MIT */
/*
 * op.c — awaiting an operation of the engine.
 *
 * The operation lies in the frame of the task that awaits it, and the kernel
 * may use it and its buffers until its final completion. So a cancelled task
 * stays parked until that completion has come: cancelling only asks for it.
 * If the operation succeeded all the same, the success is returned and the
 * request waits for the next call.
 */
#include <errno.h>

#include "task/task.h"

static void wake_awaiting(bide_op *op)
{
    bide__wake(op->data, 0);
}

void bide__op_wait_cancel(bide_task *task, void *object)
{
    task->must_cancel = true; /* until it turns out that it took effect */
    bide_engine_cancel(task->loop->engine, object);
}

int64_t bide__op_await(bide_task *self, bide_op *op,
                       const struct bide__wait *wait)
{
    bide_engine *engine = self->loop->engine;
    op->done = wake_awaiting;
    op->data = self;
    if (bide_engine_submit(engine, op))
        return bide__op_yield(self), op->result;
    (void)bide__park(self, wait, op);
    if (op->result == -ECANCELED && self->must_cancel)
        self->must_cancel = false;
    return op->result;
}

static const struct bide__wait yield_wait = {
    .name = "bide_sleep",
};

/* Operations that complete at once count against the turn's budget, so that
 * a descriptor that is always ready does not starve the others. */
void bide__op_yield(bide_task *self)
{
    bide_engine *engine = self->loop->engine;
    if (BIDE__LIKELY(--engine->budget > 0))
        return;
    self->wait = &yield_wait;
    self->resume_value = 0;
    bide__ready_push(engine, &self->ready);
    (void)bide__suspend(self);
}

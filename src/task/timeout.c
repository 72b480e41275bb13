/* SPDX-License-Identifier: MIT */
/*
 * timeout.c — deadline scopes, on asyncio's counts of cancellation.
 *
 * When the deadline passes, the scope makes one request to cancel its task.
 * On exit it takes that request back; if no other request is left beyond
 * those that were there on entry, the -ECANCELED was the scope's own doing
 * and becomes -ETIME. Otherwise somebody else wants the task to end, and the
 * code passes through.
 */
#include <errno.h>
#include <math.h>

#include <bide/timeout.h>

#include "task/task.h"

static void expire(bide_timer *timer)
{
    bide_timeout *timeout = BIDE__CONTAINER(timer, bide_timeout, timer);
    timeout->expired = true;
    (void)bide_task_cancel(timeout->task);
}

static void set_deadline(bide_timeout *timeout, int64_t deadline_ns)
{
    bide_engine *engine = timeout->task->loop->engine;
    timeout->timer.deadline_ns = deadline_ns;
    if (deadline_ns == BIDE_FOREVER)
        (void)bide_engine_timer_clear(engine, &timeout->timer);
    else
        bide_engine_timer_set(engine, &timeout->timer, deadline_ns);
}

static bide_task *begin(bide_timeout *timeout, const char *function)
{
    bide_task *self = bide__enter(function);
    timeout->timer = (bide_timer){.fire = expire};
    timeout->task = self;
    timeout->cancelling = self->cancels;
    timeout->expired = false;
    return self;
}

/* A time of the loop's clock; what has passed or is no number is due now. */
static int64_t time_to_ns(double when)
{
    return when > 0 ? bide__seconds(when) : 0;
}

void bide_timeout_enter(bide_timeout *timeout, double delay)
{
    bide_task *self = begin(timeout, "bide_timeout_enter");
    int64_t delay_ns = bide__seconds(delay);
    timeout->delay = delay;
    set_deadline(timeout,
                 bide__deadline(self->loop, delay_ns < 0 ? 0 : delay_ns));
}

void bide_timeout_enter_at(bide_timeout *timeout, double when)
{
    (void)begin(timeout, "bide_timeout_enter_at");
    timeout->delay = when - bide_time();
    set_deadline(timeout, time_to_ns(when));
}

void bide_timeout_reschedule(bide_timeout *timeout, double when)
{
    bide__require_own(timeout->task, "bide_timeout_reschedule");
    if (timeout->expired)
        return;
    timeout->delay = when - bide_time();
    set_deadline(timeout, time_to_ns(when));
}

double bide_timeout_when(const bide_timeout *timeout)
{
    if (timeout->timer.deadline_ns == BIDE_FOREVER)
        return (double)INFINITY;
    return (double)timeout->timer.deadline_ns * 1e-9;
}

bool bide_timeout_expired(const bide_timeout *timeout)
{
    return timeout->expired;
}

int bide_timeout_exit(bide_timeout *timeout, int rc)
{
    bide_task *self = bide__enter("bide_timeout_exit");
    BIDE__REQUIRE(timeout->task == self,
                  "bide_timeout_exit() was called by task '%s' for a scope "
                  "that another task has entered; exit it there, once",
                  bide_task_name(self));
    (void)bide_engine_timer_clear(self->loop->engine, &timeout->timer);
    timeout->task = NULL;
    if (!timeout->expired)
        return rc;
    unsigned left = bide_task_uncancel(self);
    if (rc == -ECANCELED && left <= timeout->cancelling)
        return bide_raise(-ETIME, "timed out after %g s", timeout->delay);
    return rc;
}

int bide_wait_for(bide_coroutine *fn, void *arg, double delay)
{
    if (!(delay >= 0))
        return bide_raise(-EINVAL, "delay is %g s, must be at least 0", delay);
    bide_timeout timeout;
    bide_timeout_enter(&timeout, delay);
    int rc = fn(arg);
    return bide_timeout_exit(&timeout, rc);
}

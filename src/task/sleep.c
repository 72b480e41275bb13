/* SPDX-License-Identifier: MIT */
/*
 * sleep.c — suspending for a time, and what a time is.
 *
 * bide_sleep(0) is the shortest way through the scheduler and is kept so: the
 * task goes to the end of the ready queue and the switch is its last step.
 */
#include <errno.h>
#include <math.h>
#include <time.h>

#include "task/task.h"

int64_t bide__seconds(double seconds)
{
    if (!(seconds >= 0))
        return -1;
    double ns = ceil(seconds * 1e9);
    return ns < 9.2e18 ? (int64_t)ns : BIDE_FOREVER;
}

int64_t bide__deadline(bide_loop *loop, int64_t delay_ns)
{
    int64_t now = bide_engine_clock(loop->engine);
    return delay_ns < BIDE_FOREVER - now ? now + delay_ns : BIDE_FOREVER;
}

double bide_time(void)
{
    if (bide__loop)
        return (double)bide_engine_clock(bide__loop->engine) * 1e-9;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct sleeper {
    bide_timer timer;
    bide_task *task;
};

static void wake_sleeper(bide_timer *timer)
{
    struct sleeper *sleeper = BIDE__CONTAINER(timer, struct sleeper, timer);
    bide__wake(sleeper->task, 0);
}

static void cancel_sleeper(bide_task *task, void *object)
{
    struct sleeper *sleeper = object;
    (void)bide_engine_timer_clear(task->loop->engine, &sleeper->timer);
    bide__wake(task, -ECANCELED);
}

static const struct bide__wait sleep_wait = {
    .name = "bide_sleep",
    .cancel = cancel_sleeper,
    .weak = true,
};

static int sleep_for(bide_task *self, double delay)
{
    int64_t delay_ns = bide__seconds(delay);
    if (delay_ns < 0)
        return bide_raise(-EINVAL, "delay is %g s, must be at least 0", delay);
    struct sleeper sleeper = {.timer.fire = wake_sleeper, .task = self};
    int64_t deadline = bide__deadline(self->loop, delay_ns);
    if (deadline != BIDE_FOREVER)
        bide_engine_timer_set(self->loop->engine, &sleeper.timer, deadline);
    return bide__park(self, &sleep_wait, &sleeper);
}

int bide_sleep(double delay)
{
    bide_task *self = bide__enter("bide_sleep");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (delay != 0)
        return sleep_for(self, delay);
    self->wait = &sleep_wait;
    self->resume_value = 0;
    bide__ready_push(self->loop->engine, &self->ready);
    return bide__suspend(self);
}

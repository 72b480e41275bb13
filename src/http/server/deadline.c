/* SPDX-License-Identifier: MIT */
/*
 * deadline.c — how long a connection may wait, without a timer for each wait.
 *
 * A connection has one timer, and its deadline changes by an assignment. The
 * timer goes off at the deadline at the latest, and when it does so before,
 * because that was moved meanwhile, it is set anew. It is never set further
 * ahead than the shortest of the server's timeouts, so that no wait that
 * begins later can end before it, and than a second at first: who still waits
 * then gives back the stack that it does not need.
 *
 *      wait ─── wait ── wait ────── wait ─────────►
 *       └ set ·············· fires, set anew ······ fires: passed, cancel
 *
 * Times are those of the loop's turn (bide_engine_now()): nobody asks the
 * system for each.
 */
#include <errno.h>

#include "http/server/server.h"

#define STEP_MOST 1.0 /* seconds until a look at who waits */
#define SECONDS_MOST 1e9 /* beyond: for ever */

static int64_t to_ns(double seconds)
{
    return seconds < SECONDS_MOST ? (int64_t)(seconds * 1e9) : BIDE_FOREVER;
}

static void set_timer(struct bide__http_deadline *deadline, int64_t when_ns)
{
    deadline->set_ns = when_ns;
    bide_engine_timer_set(deadline->engine, &deadline->timer, when_ns);
}

static void fire(bide_timer *timer)
{
    struct bide__http_deadline *deadline =
        (struct bide__http_deadline *)(void *)timer;
    deadline->set_ns = BIDE_FOREVER;
    if (deadline->due_ns == BIDE_FOREVER) /* it waits for nothing of ours */
        return;
    if (bide_engine_now(deadline->engine) < deadline->due_ns) {
        /* It has waited for a while. */
        bide_task_trim(deadline->task);
        set_timer(deadline, deadline->due_ns);
        return;
    }
    deadline->expired = true;
    (void)bide_task_cancel(deadline->task);
}

static double shortest(const bide_http_server_options *options)
{
    double least = options->idle_timeout;
    if (options->head_timeout < least)
        least = options->head_timeout;
    if (options->request_timeout < least)
        least = options->request_timeout;
    if (options->write_timeout < least)
        least = options->write_timeout;
    return least < STEP_MOST ? least : STEP_MOST;
}

void bide__http_deadline_init(struct bide__http_deadline *deadline,
                              const bide_http_server_options *options)
{
    *deadline = (struct bide__http_deadline){
        .timer = {.fire = fire},
        .engine = bide_loop_engine(bide_loop_current()),
        .task = bide_current_task(),
        .due_ns = BIDE_FOREVER,
        .set_ns = BIDE_FOREVER,
        .step_ns = to_ns(shortest(options)),
    };
}

void bide__http_deadline_fini(struct bide__http_deadline *deadline)
{
    (void)bide_engine_timer_clear(deadline->engine, &deadline->timer);
}

double bide__http_now(const struct bide__http_deadline *deadline)
{
    return (double)bide_engine_now(deadline->engine) * 1e-9;
}

void bide__http_wait_until(struct bide__http_deadline *deadline, double when)
{
    deadline->due_ns = to_ns(when);
    deadline->expired = false;
    deadline->cancelling = bide_task_cancelling(deadline->task);
    if (deadline->due_ns >= deadline->set_ns)
        return;
    int64_t next_ns = bide_engine_now(deadline->engine) + deadline->step_ns;
    bool far = deadline->step_ns < BIDE_FOREVER && next_ns < deadline->due_ns;
    set_timer(deadline, far ? next_ns : deadline->due_ns);
}

int bide__http_waited(struct bide__http_deadline *deadline, int rc)
{
    deadline->due_ns = BIDE_FOREVER;
    if (!deadline->expired)
        return rc;
    deadline->expired = false;
    unsigned left = bide_task_uncancel(deadline->task);
    if (rc == -ECANCELED && left <= deadline->cancelling)
        return bide_raise(-ETIME, "the client was too slow");
    return rc;
}

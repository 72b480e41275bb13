/* SPDX-License-Identifier: MIT */
/*
 * gather.c — awaiting many tasks at once: gather, wait, as_completed.
 *
 * Each task has one place for whoever awaits it (bide__task_watch). These
 * functions put themselves there for all of their tasks; the state is in the
 * caller's frame, so nothing is allocated however many tasks there are.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "task/task.h"

/* ── Gather ───────────────────────────────────────────────────────────── */

struct gathering {
    bide_task *self;
    bide_task *const *tasks;
    size_t count;
    size_t left;       /* tasks that have not ended */
    bide_task *failed; /* the first that did, of those that fail fast */
    bool fail_fast;
    bool missing;   /* a NULL is among them */
    bool aborting;  /* the tasks have been cancelled */
    bool parked;    /* self is in bide__park() */
    bool cancelled; /* a request came while they were awaited */
};

static void cancel_tasks(struct gathering *gathering)
{
    if (gathering->aborting)
        return;
    gathering->aborting = true;
    for (size_t i = 0; i < gathering->count; i++)
        (void)bide_task_cancel(gathering->tasks[i]);
}

static void note_end(struct gathering *gathering, bide_task *task)
{
    if (task->result >= 0 || !gathering->fail_fast || gathering->failed)
        return;
    gathering->failed = task;
    cancel_tasks(gathering);
}

static void gathered_one(bide_task *task, void *data)
{
    struct gathering *gathering = data;
    gathering->left--;
    note_end(gathering, task);
    if (gathering->left == 0 && gathering->parked)
        bide__wake(gathering->self, 0);
}

static void cancel_gathering(bide_task *task, void *object)
{
    struct gathering *gathering = object;
    (void)task;
    gathering->cancelled = true;
    cancel_tasks(gathering);
}

static const struct bide__wait gather_wait = {
    .name = "bide_gather",
    .cancel = cancel_gathering,
};

/* Wait until every task has ended. */
static void gather(struct gathering *gathering, const char *function)
{
    bide_task *self = gathering->self;
    for (size_t i = 0; i < gathering->count; i++) {
        bide_task *task = gathering->tasks[i];
        if (!task) {
            gathering->missing = true;
            continue;
        }
        bide__require_own(task, function);
        bide__task_watch(task, gathered_one, gathering, function);
        if (task->state == BIDE__TASK_DONE)
            note_end(gathering, task);
        else
            gathering->left++;
    }
    if (self->must_cancel) {
        self->must_cancel = false;
        gathering->cancelled = true;
        cancel_tasks(gathering);
    }
    if (gathering->missing && gathering->fail_fast)
        cancel_tasks(gathering);
    gathering->parked = gathering->left > 0;
    if (gathering->parked)
        (void)bide__park(self, &gather_wait, gathering);
}

/* What a gathering comes to: the first failure; of one that was cancelled, the
 * first that is not just the cancellation's echo. */
static int first_error(const struct gathering *gathering)
{
    if (gathering->missing)
        return bide_raise(-ENOMEM, "a task could not be created");
    if (!gathering->cancelled)
        return gathering->failed ? bide__task_collect(gathering->failed) : 0;
    for (size_t i = 0; i < gathering->count; i++) {
        bide_task *task = gathering->tasks[i];
        if (task->result < 0 && task->result != -ECANCELED)
            return bide__task_collect(task);
    }
    return -ECANCELED;
}

static void release_tasks(bide_task *const tasks[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!tasks[i])
            continue;
        tasks[i]->flags |= BIDE__FLAG_RETRIEVED;
        bide__task_unref(tasks[i]);
    }
}

int bide_gather(bide_task *const tasks[], size_t count)
{
    struct gathering gathering = {
        .self = bide__enter("bide_gather"),
        .tasks = tasks,
        .count = count,
        .fail_fast = true,
    };
    gather(&gathering, "bide_gather");
    int rc = first_error(&gathering);
    release_tasks(tasks, count);
    return rc;
}

static void fill_outcome(bide_outcome *outcome, bide_task *task)
{
    outcome->code = task ? task->result : -ENOMEM;
    outcome->message[0] = '\0';
    if (outcome->code >= 0)
        return;
    const char *message = bide_task_errmsg(task);
    size_t len = strnlen(message, sizeof outcome->message - 1);
    memcpy(outcome->message, message, len);
    outcome->message[len] = '\0';
}

int bide_gather_outcomes(bide_task *const tasks[], size_t count,
                         bide_outcome outcomes[])
{
    struct gathering gathering = {
        .self = bide__enter("bide_gather_outcomes"),
        .tasks = tasks,
        .count = count,
    };
    gather(&gathering, "bide_gather_outcomes");
    for (size_t i = 0; i < count; i++)
        fill_outcome(&outcomes[i], tasks[i]);
    release_tasks(tasks, count);
    return gathering.cancelled ? -ECANCELED : 0;
}

/* ── Wait ─────────────────────────────────────────────────────────────── */

struct waiting {
    bide_task *self;
    enum bide_wait_until until;
    size_t left; /* tasks that have not ended */
    bide_timer timer;
    bool parked;
    bool enough;
};

static void note_waited(struct waiting *waiting, const bide_task *task)
{
    bool failed = task && task->result < 0 && task->result != -ECANCELED;
    if (waiting->until == BIDE_FIRST_COMPLETED ||
        (waiting->until == BIDE_FIRST_EXCEPTION && (failed || !task)))
        waiting->enough = true;
}

static void finish_waiting(struct waiting *waiting, int value)
{
    if (!waiting->parked)
        return;
    waiting->parked = false;
    (void)bide_engine_timer_clear(waiting->self->loop->engine,
                                  &waiting->timer);
    bide__wake(waiting->self, value);
}

static void waited_one(bide_task *task, void *data)
{
    struct waiting *waiting = data;
    waiting->left--;
    note_waited(waiting, task);
    if (waiting->enough || waiting->left == 0)
        finish_waiting(waiting, 0);
}

static void wait_timed_out(bide_timer *timer)
{
    finish_waiting(BIDE__CONTAINER(timer, struct waiting, timer), 0);
}

static void cancel_waiting(bide_task *task, void *object)
{
    (void)task;
    finish_waiting(object, -ECANCELED);
}

static const struct bide__wait wait_wait = {
    .name = "bide_wait",
    .cancel = cancel_waiting,
    .weak = true,
};

static int park_waiting(struct waiting *waiting, int64_t timeout_ns)
{
    bide_loop *loop = waiting->self->loop;
    int64_t deadline = bide__deadline(loop, timeout_ns);
    if (deadline != BIDE_FOREVER)
        bide_engine_timer_set(loop->engine, &waiting->timer, deadline);
    waiting->parked = true;
    return bide__park(waiting->self, &wait_wait, waiting);
}

static int check_wait(enum bide_wait_until until, double timeout)
{
    if (!(timeout >= 0))
        return bide_raise(-EINVAL, "timeout is %g s, must be at least 0",
                          timeout);
    if (until < BIDE_FIRST_COMPLETED || until > BIDE_ALL_COMPLETED)
        return bide_raise(-EINVAL, "until is %d, must be one of enum "
                                   "bide_wait_until",
                          (int)until);
    return 0;
}

int bide_wait(bide_task *const tasks[], size_t count,
              enum bide_wait_until until, double timeout)
{
    bide_task *self = bide__enter("bide_wait");
    int rc = check_wait(until, timeout);
    if (rc < 0)
        return rc;
    if (self->must_cancel)
        return bide__take_cancel(self);
    struct waiting waiting = {
        .self = self,
        .until = until,
        .timer.fire = wait_timed_out,
    };
    for (size_t i = 0; i < count; i++) {
        if (bide_task_done(tasks[i])) {
            note_waited(&waiting, tasks[i]);
            continue;
        }
        bide__require_own(tasks[i], "bide_wait");
        bide__task_watch(tasks[i], waited_one, &waiting, "bide_wait");
        waiting.left++;
    }
    if (!waiting.enough && waiting.left > 0)
        rc = park_waiting(&waiting, bide__seconds(timeout));
    int done = 0;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i] && tasks[i]->on_done == waited_one &&
            tasks[i]->on_done_data == &waiting)
            tasks[i]->on_done = NULL;
        done += bide_task_done(tasks[i]);
    }
    return rc < 0 ? rc : done;
}

/* ── As completed ─────────────────────────────────────────────────────── */

static void append_completed(bide_as_completed *iteration, bide_task *task)
{
    task->on_done = NULL; /* so that it can be awaited for its result */
    task->chain = NULL;
    *iteration->end = task;
    iteration->end = &task->chain;
}

static void completed_one(bide_task *task, void *data)
{
    bide_as_completed *iteration = data;
    append_completed(iteration, task);
    bide_task *waiter = iteration->waiter;
    iteration->waiter = NULL;
    if (waiter)
        bide__wake(waiter, 0);
}

void bide_as_completed_init(bide_as_completed *iteration,
                            bide_task *const tasks[], size_t count)
{
    (void)bide__enter("bide_as_completed_init");
    *iteration = (bide_as_completed){.tasks = tasks, .count = count};
    iteration->end = &iteration->first;
    for (size_t i = 0; i < count; i++) {
        if (!tasks[i]) {
            iteration->missing++;
            continue;
        }
        bide__require_own(tasks[i], "bide_as_completed_init");
        bide__task_watch(tasks[i], completed_one, iteration,
                         "bide_as_completed_init");
        if (tasks[i]->state == BIDE__TASK_DONE)
            append_completed(iteration, tasks[i]);
    }
}

static void cancel_next(bide_task *task, void *object)
{
    bide_as_completed *iteration = object;
    iteration->waiter = NULL;
    bide__wake(task, -ECANCELED);
}

static const struct bide__wait next_wait = {
    .name = "bide_as_completed_next",
    .cancel = cancel_next,
    .weak = true,
};

int bide_as_completed_next(bide_as_completed *iteration, bide_task **ret_task)
{
    bide_task *self = bide__enter("bide_as_completed_next");
    if (self->must_cancel)
        return bide__take_cancel(self);
    if (iteration->taken == iteration->count)
        return 0;
    if (iteration->missing > 0) {
        iteration->missing--;
        iteration->taken++;
        *ret_task = NULL;
        return 1;
    }
    BIDE__REQUIRE(!iteration->waiter,
                  "bide_as_completed_next() was called while another task "
                  "waits in it; iterate in one task");
    if (!iteration->first) {
        iteration->waiter = self;
        int rc = bide__park(self, &next_wait, iteration);
        if (rc < 0)
            return rc;
    }
    bide_task *task = iteration->first;
    iteration->first = task->chain;
    if (!iteration->first)
        iteration->end = &iteration->first;
    iteration->taken++;
    *ret_task = task;
    return 1;
}

void bide_as_completed_fini(bide_as_completed *iteration)
{
    if (iteration->taken == iteration->count)
        return;
    for (size_t i = 0; i < iteration->count; i++) {
        bide_task *task = iteration->tasks[i];
        /* A handle that was released since cannot be watching us: its slot
         * holds nothing, or another task. */
        if (task && task->on_done == completed_one &&
            task->on_done_data == iteration)
            task->on_done = NULL;
    }
    iteration->taken = iteration->count;
}

/* ── For tools ────────────────────────────────────────────────────────── */

bide_task *bide__gathering_awaiter(const bide_task *task)
{
    void *data = task->on_done_data;
    if (task->on_done == gathered_one)
        return ((struct gathering *)data)->self;
    if (task->on_done == waited_one)
        return ((struct waiting *)data)->self;
    if (task->on_done == completed_one)
        return ((bide_as_completed *)data)->waiter;
    return NULL;
}

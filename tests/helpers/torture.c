/* SPDX-License-Identifier: MIT */
/*
 * torture.c — runs a scenario with one disturbance at a time.
 *
 * Allocations are counted and failed by an allocator of our own. Suspensions
 * are seen by wrapping the one function that every task suspends in: there,
 * the task has done all that it does before it waits, so cancelling it then
 * is what another task could do at that moment.
 */
#include "helpers/torture.h"

#include <bide/timeout.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "task/task.h"
#include "test.h"

/* Seconds after which a run is taken to hang; virtual ones on `sim`. */
#define PATIENCE 5.0

enum disturbance {
    UNDISTURBED,
    FAIL_ALLOCATION,
    CANCEL_SUSPENDING,
    CANCEL_FIRST_WOKEN,
    CANCEL_LAST_WOKEN,
    DISTURBANCES
};

static const char *const names[DISTURBANCES] = {
    [UNDISTURBED] = "undisturbed",
    [FAIL_ALLOCATION] = "allocation fails",
    [CANCEL_SUSPENDING] = "the suspending task is cancelled",
    [CANCEL_FIRST_WOKEN] = "the first woken task is cancelled",
    [CANCEL_LAST_WOKEN] = "the last woken task is cancelled",
};

static struct {
    enum disturbance what;
    size_t at; /* which allocation or suspension, from 1 */
    atomic_size_t allocations;
    atomic_long live; /* allocations that were not released */
    size_t suspensions;
    bool armed; /* within the scenario */
} state;

bool torture_disturbs(void)
{
    return state.what != UNDISTURBED;
}

/* ── Allocations ──────────────────────────────────────────────────────── */

static bool fails(void)
{
    size_t number = atomic_fetch_add(&state.allocations, 1) + 1;
    return state.what == FAIL_ALLOCATION && number == state.at;
}

static void *allocate(void *data, size_t size)
{
    (void)data;
    void *memory = fails() ? NULL : malloc(size);
    if (memory)
        atomic_fetch_add(&state.live, 1);
    return memory;
}

static void *reallocate(void *data, void *memory, size_t size)
{
    (void)data;
    void *moved = fails() ? NULL : realloc(memory, size);
    if (moved && !memory)
        atomic_fetch_add(&state.live, 1);
    return moved;
}

static void release(void *data, void *memory)
{
    (void)data;
    if (memory)
        atomic_fetch_sub(&state.live, 1);
    free(memory);
}

static const bide_allocator allocator = {
    .allocate = allocate,
    .reallocate = reallocate,
    .release = release,
};

/* ── Suspensions ──────────────────────────────────────────────────────── */

/* A task that was woken and waits for its turn. */
static bide_task *woken(bide_task *self, bool last)
{
    bide_task *found = NULL;
    bide_ready *ready = self->loop->engine->ready_first;
    for (; ready && (last || !found); ready = ready->next) {
        if (ready->run != bide__task_run)
            continue;
        bide_task *task = BIDE__CONTAINER(ready, bide_task, ready);
        if (task != self && task->state == BIDE__TASK_READY)
            found = task;
    }
    return found;
}

static void disturb(bide_task *self)
{
    if (!state.armed || ++state.suspensions != state.at)
        return;
    if (state.what == CANCEL_SUSPENDING)
        (void)bide_task_cancel(self);
    else if (state.what == CANCEL_FIRST_WOKEN)
        (void)bide_task_cancel(woken(self, false));
    else if (state.what == CANCEL_LAST_WOKEN)
        (void)bide_task_cancel(woken(self, true));
}

/* Names that the linker's --wrap asks for. */
int __real_bide__suspend(bide_task *task);
int __wrap_bide__suspend(bide_task *task);

int __wrap_bide__suspend(bide_task *task)
{
    disturb(task);
    return __real_bide__suspend(task);
}

/* ── Runs ─────────────────────────────────────────────────────────────── */

static int run_scenario(void *arg)
{
    bide_coroutine *const *scenario = arg;
    state.armed = true;
    int rc = bide_wait_for(*scenario, NULL, PATIENCE);
    state.armed = false;
    return rc;
}

static bool is_expected(int rc)
{
    if (rc == 0)
        return true;
    if (state.what == FAIL_ALLOCATION)
        return rc == -ENOMEM;
    return state.what != UNDISTURBED && rc == -ECANCELED;
}

static void run_once(bide_coroutine *scenario, enum disturbance what,
                     size_t at)
{
    state.what = what;
    state.at = at;
    state.suspensions = 0;
    atomic_store(&state.allocations, 0);
    atomic_store(&state.live, 0);
    if (getenv("TORTURE_VERBOSE"))
        printf("# %s, %zu\n", names[what], at);
    bide_set_allocator(&allocator);
    int rc = bide_run(run_scenario, &scenario);
    bide_set_allocator(NULL);
    bool ended = CHECK(rc != -ETIME);
    bool expected = CHECK(is_expected(rc));
    bool released = CHECK_INT(atomic_load(&state.live), 0);
    if (!ended || !expected || !released)
        printf("# it came to %s (%s) when this was disturbed: %s, %zu\n",
               bide_errname(rc), bide_errmsg(rc), names[what], at);
    state.what = UNDISTURBED;
}

struct torture_counts torture(bide_coroutine *scenario)
{
    struct torture_counts counts = {0};
    run_once(scenario, UNDISTURBED, 0);
    counts.allocations = atomic_load(&state.allocations);
    counts.suspensions = state.suspensions;
    counts.runs = 1;
    CHECK(counts.suspensions > 0);
    for (size_t i = 1; i <= counts.allocations; i++, counts.runs++)
        run_once(scenario, FAIL_ALLOCATION, i);
    for (int what = CANCEL_SUSPENDING; what < DISTURBANCES; what++)
        for (size_t i = 1; i <= counts.suspensions; i++, counts.runs++)
            run_once(scenario, (enum disturbance)what, i);
    return counts;
}

/* SPDX-License-Identifier: MIT */
/*
 * task.c — tasks as users see them: create, await, cancel, look at.
 *
 * A task's struct lies on its own stack's first page (stack.c), so creating
 * one takes a free slot and fills a few lines of it; nothing is allocated
 * once slots are warm. It is released when its last reference goes: one for
 * each handle and one for its running.
 */
#include "task/task.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "task/fork.h"
#include "task/probe.h"

/* ── Misuse ───────────────────────────────────────────────────────────── */

static void require_not_orphaned(const char *function)
{
    BIDE__REQUIRE(!bide__fork_orphaned(),
                  "%s() was called in a child of fork(), for its parent's "
                  "loop; call bide_run() there for a loop of its own",
                  function);
}

void bide__die_outside_task(const char *function)
{
    if (bide__loop)
        bide__die("%s() was called from a callback, which cannot suspend; "
                  "start a task there with bide_create_task()",
                  function);
    require_not_orphaned(function);
    bide__die("%s() was called outside a task; call it from a coroutine that "
              "bide_run() or bide_create_task() has started",
              function);
}

bide_loop *bide__enter_loop(const char *function)
{
    bide_loop *loop = bide__loop;
    require_not_orphaned(function);
    BIDE__REQUIRE(loop,
                  "%s() was called while no loop runs on this thread; call it "
                  "from a coroutine that bide_run() has started, or use a "
                  "function whose name ends in _threadsafe",
                  function);
    return loop;
}

void bide__require_own(const bide_task *task, const char *function)
{
    BIDE__REQUIRE(task->loop == bide__loop,
                  "%s() was called for a task of another thread's loop; use "
                  "bide_loop_call_soon_threadsafe() to call it there",
                  function);
    BIDE__REQUIRE(task->state != BIDE__TASK_FREE,
                  "%s() was called for a task whose handle has been released; "
                  "a handle ends with bide_await(), bide_gather() or "
                  "bide_task_detach()",
                  function);
}

/* ── Creation ─────────────────────────────────────────────────────────── */

static const bide_task_options default_options;

/* Where the frames begin: below the struct and a copy of the argument. */
static char *place_copy(bide_task *task, const bide_task_options *options)
{
    char *top = (char *)task;
    if (options->copy) {
        top -= (options->copy_size + 63) & ~(size_t)63;
        task->arg = memcpy(top, options->copy, options->copy_size);
    }
    return top;
}

static int check_options(bide_loop *loop, const bide_task_options *options,
                         int *ret_class)
{
    *ret_class = options->stack_size
                     ? bide__stack_class_of(options->stack_size)
                     : loop->default_class;
    if (*ret_class < 0)
        return bide_raise(-EINVAL, "stack_size is %zu bytes, at most %u",
                          options->stack_size, BIDE__STACK_MAX);
    size_t most = bide__stack_size(*ret_class) / 4;
    if (options->copy && options->copy_size > most)
        return bide_raise(-EINVAL,
                          "copy_size is %zu bytes, at most %zu for this stack",
                          options->copy_size, most);
    return 0;
}

static void fill(bide_task *task, bide_loop *loop, bide_coroutine *fn,
                 void *arg, int stack_class)
{
    task->ready.run = bide__task_run;
    task->loop = loop;
    task->wait = NULL;
    task->object = NULL;
    task->resume_value = 0;
    task->state = BIDE__TASK_NEW;
    task->must_cancel = false;
    task->stack_class = (uint8_t)stack_class;
    task->flags = 0;
    task->cancels = 0;
    task->refs = 2;
    task->fn = fn;
    task->arg = arg;
    task->on_done = NULL;
    task->context = NULL;
    task->callbacks = NULL;
    task->group = NULL;
    task->id = loop->next_id++;
    task->created_ns = loop->engine->now_ns;
}

/* What tools show of a task in debug mode. */
static void begin_accounts(bide_task *task)
{
    task->created_ns = bide_engine_clock(task->loop->engine);
    task->since_ns = task->created_ns;
    task->busy_ns = 0;
    bide__stack_clean(&task->loop->stacks, task->stack_class, task);
}

bide_task *bide__task_new(bide_loop *loop, bide_coroutine *fn, void *arg,
                          const bide_task_options *options)
{
    int stack_class;
    if (check_options(loop, options, &stack_class) < 0)
        return NULL;
    bide_task *task =
        bide__stack_take(&loop->stacks, stack_class, sizeof *task);
    if (BIDE__UNLIKELY(!task)) {
        (void)bide_raise(-ENOMEM, "no memory for the stack of a task");
        return NULL;
    }
    fill(task, loop, fn, arg, stack_class);
    if (options->name)
        bide_task_set_name(task, options->name);
    if (BIDE__UNLIKELY(loop->debug))
        begin_accounts(task);
    struct bide__context *context =
        loop->current ? loop->current->context : loop->context;
    if (context)
        task->context = bide__context_ref(context);
#ifdef BIDE__FIBERS
    char *limit = bide__stack_limit(&loop->stacks, stack_class, task);
    bide__fiber_create(&task->fiber, limit, (size_t)((char *)task - limit));
#endif
    bide__task_prepare(task, place_copy(task, options));
    loop->live++;
    BIDE__PROBE2(task_create, task->id, fn);
    return task;
}

bide_task *bide_create_task(bide_coroutine *fn, void *arg)
{
    bide_loop *loop = bide__enter_loop("bide_create_task");
    bide_task *task = bide__task_new(loop, fn, arg, &default_options);
    if (task)
        bide__ready_push(loop->engine, &task->ready);
    return task;
}

bide_task *bide__task_launch(bide_task *task, const bide_task_options *options)
{
    if (options->eager_start) {
        task->state = BIDE__TASK_READY;
        bide__task_start_eagerly(task);
    } else {
        bide__ready_push(task->loop->engine, &task->ready);
    }
    return task;
}

bide_task *bide_create_task_with(bide_coroutine *fn, void *arg,
                                 const bide_task_options *options)
{
    bide_loop *loop = bide__enter_loop("bide_create_task_with");
    if (!options)
        options = &default_options;
    bide_task *task = bide__task_new(loop, fn, arg, options);
    if (!task)
        return NULL;
    bool detached = options->detached; /* an eager task may end the caller's
                                          interest in its options */
    (void)bide__task_launch(task, options);
    if (!detached)
        return task;
    bide__task_unref(task);
    return NULL;
}

/* ── Awaiting ─────────────────────────────────────────────────────────── */

int bide__take_cancel(bide_task *task)
{
    task->must_cancel = false;
    return -ECANCELED;
}

void bide__task_watch(bide_task *task,
                      void (*on_done)(bide_task *task, void *data),
                      void *data, const char *function)
{
    BIDE__REQUIRE(task != bide__loop->current,
                  "%s() was called by task '%s' for itself, which would wait "
                  "for ever; await it from another task",
                  function, bide_task_name(task));
    BIDE__REQUIRE(!task->on_done,
                  "%s() was called for task '%s', which is already awaited; "
                  "let one task await it and share the result, or use a "
                  "bide_future",
                  function, bide_task_name(task));
    task->on_done = on_done;
    task->on_done_data = data;
}

int bide__task_collect(bide_task *task)
{
    task->flags |= BIDE__FLAG_RETRIEVED;
    if (BIDE__UNLIKELY(task->result < 0 &&
                       (task->flags & BIDE__FLAG_MESSAGE) &&
                       task->message.code == task->result))
        (void)bide_raise(task->result, "%s", task->message.text);
    return task->result;
}

static void wake_awaiting(bide_task *task, void *data)
{
    (void)task;
    bide__wake(data, 0);
}

/* The request goes to the child; its end wakes the parent. In a circle of
 * tasks it would go round for ever, as they would wait. */
static void cancel_awaited(bide_task *task, void *object)
{
    BIDE__REQUIRE(!(task->flags & BIDE__FLAG_PASSING),
                  "task '%s' awaits task '%s', which awaits it in turn: "
                  "neither can end; let one of them end first",
                  bide_task_name(task), bide_task_name(object));
    task->flags |= BIDE__FLAG_PASSING;
    (void)bide_task_cancel(object);
    task->flags &= (uint8_t)~BIDE__FLAG_PASSING;
}

static const struct bide__wait await_wait = {
    .name = "bide_await",
    .cancel = cancel_awaited,
};

int bide_await(bide_task *task)
{
    bide_task *self = bide__enter("bide_await");
    if (BIDE__UNLIKELY(!task))
        return -ENOMEM;
    bide__require_own(task, "bide_await");
    if (task->state != BIDE__TASK_DONE) {
        bide__task_watch(task, wake_awaiting, self, "bide_await");
        if (BIDE__UNLIKELY(self->must_cancel)) {
            self->must_cancel = false;
            (void)bide_task_cancel(task);
        }
        (void)bide__park(self, &await_wait, task);
    }
    int result = bide__task_collect(task);
    bide__task_unref(task);
    return result;
}

/* The child is left alone: stop watching it. */
static void cancel_shielding(bide_task *task, void *object)
{
    bide_task *child = object;
    child->on_done = NULL;
    bide__wake(task, -ECANCELED);
}

static const struct bide__wait shield_wait = {
    .name = "bide_shield",
    .cancel = cancel_shielding,
};

int bide_shield(bide_task *task, bool *ret_released)
{
    bide_task *self = bide__enter("bide_shield");
    if (ret_released)
        *ret_released = true;
    if (!task)
        return -ENOMEM;
    bide__require_own(task, "bide_shield");
    int rc = 0;
    if (task->state != BIDE__TASK_DONE) {
        bide__task_watch(task, wake_awaiting, self, "bide_shield");
        if (self->must_cancel) {
            task->on_done = NULL;
            rc = bide__take_cancel(self);
        } else {
            rc = bide__park(self, &shield_wait, task);
        }
    }
    if (rc < 0) {
        if (ret_released)
            *ret_released = false;
        else
            bide_task_detach(task);
        return rc;
    }
    int result = bide__task_collect(task);
    bide__task_unref(task);
    return result;
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

bool bide_task_cancel(bide_task *task)
{
    if (!task || task->state == BIDE__TASK_DONE)
        return false;
    bide__require_own(task, "bide_task_cancel");
    BIDE__PROBE1(task_cancel, task->id);
    task->cancels++;
    if (task->state == BIDE__TASK_PARKED)
        task->wait->cancel(task, task->object);
    else if (task->state == BIDE__TASK_READY && task != bide__loop->current &&
             (task->wait->weak || task->resume_value == -ECANCELED))
        task->resume_value = -ECANCELED; /* two requests, one delivery */
    else
        task->must_cancel = true;
    return true;
}

unsigned bide_task_cancelling(const bide_task *task)
{
    return task ? task->cancels : 0;
}

unsigned bide_task_uncancel(bide_task *task)
{
    if (!task)
        return 0;
    bide__require_own(task, "bide_task_uncancel");
    if (task->cancels > 0 && --task->cancels == 0)
        task->must_cancel = false;
    return task->cancels;
}

/* ── State ────────────────────────────────────────────────────────────── */

bide_task *bide_current_task(void)
{
    return bide__loop ? bide__loop->current : NULL;
}

bool bide_task_done(const bide_task *task)
{
    return !task || task->state == BIDE__TASK_DONE;
}

bool bide_task_cancelled(const bide_task *task)
{
    return task && task->state == BIDE__TASK_DONE &&
           task->result == -ECANCELED;
}

int bide_task_result(bide_task *task)
{
    if (!task)
        return -ENOMEM;
    if (task->state != BIDE__TASK_DONE)
        return BIDE_E_INVALID_STATE;
    task->flags |= BIDE__FLAG_RETRIEVED;
    return task->result;
}

const char *bide_task_errmsg(const bide_task *task)
{
    if (!task)
        return bide_strerror(-ENOMEM);
    if ((task->flags & BIDE__FLAG_MESSAGE) &&
        task->message.code == task->result)
        return task->message.text;
    return bide_strerror(task->result);
}

const char *bide_task_name(bide_task *task)
{
    if (!task)
        return "(no task)";
    if (!(task->flags & BIDE__FLAG_NAMED)) {
        snprintf(task->name, sizeof task->name, "Task-%llu",
                 (unsigned long long)task->id);
        task->flags |= BIDE__FLAG_NAMED;
    }
    return task->name;
}

void bide_task_set_name(bide_task *task, const char *name)
{
    if (!task)
        return;
    snprintf(task->name, sizeof task->name, "%s", name);
    task->flags |= BIDE__FLAG_NAMED;
}

void bide_task_detach(bide_task *task)
{
    bide_task_unref(task);
}

bide_task *bide_task_ref(bide_task *task)
{
    if (task) {
        bide__require_own(task, "bide_task_ref");
        task->refs++;
    }
    return task;
}

void bide_task_unref(bide_task *task)
{
    if (!task)
        return;
    bide__require_own(task, "bide_task_detach");
    bide__task_unref(task);
}

bide_task *bide__awaiter(const bide_task *task)
{
    if (task->group)
        return task->group->parent;
    if (task->on_done == wake_awaiting)
        return task->on_done_data;
    return bide__gathering_awaiter(task);
}

/* ── All tasks ────────────────────────────────────────────────────────── */

struct each_task {
    bool (*visit)(void *data, bide_task *task);
    void *data;
};

static bool visit_slot(void *data, void *slot)
{
    const struct each_task *each = data;
    bide_task *task = slot;
    if (task->state == BIDE__TASK_FREE || task->state == BIDE__TASK_DONE)
        return true;
    return each->visit(each->data, task);
}

void bide__each_task(bide_loop *loop, bool (*visit)(void *data, bide_task *),
                     void *data)
{
    struct each_task each = {visit, data};
    bide__stacks_visit(&loop->stacks, sizeof(bide_task), visit_slot, &each);
}

struct task_list {
    bide_task **tasks;
    size_t count, max;
};

static bool append_task(void *data, bide_task *task)
{
    struct task_list *list = data;
    if (task->flags & BIDE__FLAG_OURS)
        return true;
    if (list->count < list->max)
        list->tasks[list->count] = task;
    list->count++;
    return true;
}

size_t bide_all_tasks(bide_task **tasks, size_t max)
{
    bide_loop *loop = bide__enter_loop("bide_all_tasks");
    struct task_list list = {tasks, 0, max};
    bide__each_task(loop, append_task, &list);
    return list.count;
}

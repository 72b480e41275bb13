/* SPDX-License-Identifier: MIT */
/*
 * loop.c — an event loop: turns of running and polling, for tasks.
 *
 * Runs on the thread's own stack, where callbacks run, too. Whether a task or
 * the loop runs is told by loop->current; whether a loop runs on this thread
 * by bide__loop.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/fork.h"
#include "task/guard.h"
#include "task/inspect.h"
#include "task/task.h"
#include "task/watchdog.h"

#define TRIM_EVERY_NS INT64_C(1000000000)
#define DEFAULT_SLOW_NS INT64_C(100000000)

/* ── Messages ─────────────────────────────────────────────────────────── */

/* The slot for errors of whatever runs on this thread. */
static struct bide__message *message_slot(void)
{
    bide_loop *loop = bide__loop;
    if (!loop)
        return bide__message_of_thread();
    bide_task *task = loop->current;
    if (!task)
        return &loop->message;
    if (!(task->flags & BIDE__FLAG_MESSAGE)) {
        task->flags |= BIDE__FLAG_MESSAGE;
        task->message.code = 0;
    }
    return &task->message;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static int read_options(bide_loop *loop, const bide_options *options)
{
    const char *debug = getenv("BIDE_DEBUG");
    loop->debug = options->debug || (debug && *debug && strcmp(debug, "0"));
    size_t size =
        options->stack_size ? options->stack_size : BIDE__STACK_DEFAULT;
    loop->default_class = bide__stack_class_of(size);
    if (loop->default_class < 0)
        return bide_raise(-EINVAL, "stack_size is %zu bytes, at most %u", size,
                          BIDE__STACK_MAX);
    loop->slow_ns = bide__seconds(options->slow_callback);
    if (loop->slow_ns < 0)
        return bide_raise(-EINVAL, "slow_callback is %g s, at least 0",
                          options->slow_callback);
    if (loop->slow_ns == 0)
        loop->slow_ns = DEFAULT_SLOW_NS;
    return 0;
}

/* Virtual time does not pass while something runs. */
static bool is_timed(const bide_loop *loop)
{
    return strcmp(bide_engine_backend(loop->engine), "sim") != 0;
}

bide_loop *bide__loops;
static pthread_mutex_t loops_lock = PTHREAD_MUTEX_INITIALIZER;

static void list_loop(bide_loop *loop)
{
    pthread_mutex_lock(&loops_lock);
    loop->next_loop = bide__loops;
    bide__loops = loop;
    pthread_mutex_unlock(&loops_lock);
}

static void unlist_loop(bide_loop *loop)
{
    pthread_mutex_lock(&loops_lock);
    bide_loop **at = &bide__loops;
    while (*at != loop)
        at = &(*at)->next_loop;
    *at = loop->next_loop;
    pthread_mutex_unlock(&loops_lock);
}

int bide_loop_new(const bide_options *options, bide_loop **ret_loop)
{
    static const bide_options defaults;
    if (!options)
        options = &defaults;
    bide__message_set_finder(message_slot);
    bide__fork_watch();
    bide_loop *loop = bide__calloc(1, sizeof *loop);
    if (!loop)
        return -ENOMEM;
    loop->next_id = 1;
    loop->thread = pthread_self();
    bide__list_init(&loop->resources);
    bide__fiber_adopt_thread(&loop->fiber);
    int rc = read_options(loop, options);
    if (rc == 0) {
        bide_engine_options engine = {
            .backend = options->backend,
            .seed = options->seed,
        };
        rc = bide_engine_new(&engine, &loop->engine);
    }
    if (rc < 0) {
        bide__free(loop);
        return rc;
    }
    loop->guarded = !options->no_signals && bide__guard_install();
    if (loop->debug && !options->no_signals && is_timed(loop))
        loop->watchdog = bide__watchdog_new(loop->slow_ns);
    list_loop(loop);
    bide__inspect_start(loop);
    *ret_loop = loop;
    return 0;
}

bide_loop *bide_loop_current(void)
{
    return bide__loop;
}

bide_engine *bide_loop_engine(bide_loop *loop)
{
    return loop->engine;
}

/* ── Turns ────────────────────────────────────────────────────────────── */

/* In debug mode each step is timed, so each must come back to the loop: a
 * budget of one keeps a task from switching to the next by itself. */
static void run_timed(bide_loop *loop, bide_ready *ready)
{
    bide_engine *engine = loop->engine;
    bide_task *task = ready->run == bide__task_run
                          ? BIDE__CONTAINER(ready, bide_task, ready)
                          : NULL;
    int budget = engine->budget;
    engine->budget = 1;
    bide_task_ref(task);
    const struct bide__trace *trace = NULL;
    bool cut = false;
    int64_t begin = bide_engine_clock(engine);
    if (loop->watchdog)
        bide__watchdog_begin(loop->watchdog, begin);
    ready->run(ready);
    int64_t end = bide_engine_clock(engine);
    if (loop->watchdog)
        trace = bide__watchdog_end(loop->watchdog, &cut);
    if (task) {
        task->busy_ns += end - begin;
        task->since_ns = end;
    }
    if (end - begin > loop->slow_ns)
        bide__report_slow(loop, task, end - begin, trace, cut);
    bide_task_unref(task);
    engine->budget = budget;
}

static void run_ready(bide_loop *loop)
{
    bide_engine *engine = loop->engine;
    bide__engine_begin_turn(engine);
    while (engine->ready_first && engine->budget > 0) {
        engine->budget--;
        bide_ready *ready = bide__ready_pop(engine);
        if (BIDE__UNLIKELY(loop->debug))
            run_timed(loop, ready);
        else
            ready->run(ready);
    }
}

static int poll_engine(bide_loop *loop, int64_t timeout_ns)
{
    bide_engine *engine = loop->engine;
    if (BIDE__UNLIKELY(bide__loop != loop))
        bide__die_forked();
    if (engine->now_ns >= loop->trim_ns) {
        bide__stacks_trim(&loop->stacks);
        loop->trim_ns = engine->now_ns + TRIM_EVERY_NS;
    }
    return bide_engine_poll(engine, timeout_ns);
}

static void begin_running(bide_loop *loop, const char *function)
{
    BIDE__REQUIRE(!bide__loop,
                  "%s() was called while a loop runs on this thread; await "
                  "the coroutine, or start it with bide_create_task()",
                  function);
    BIDE__REQUIRE(loop->engine->pid == getpid(),
                  "%s() was called in a child of fork() for the parent's "
                  "loop; make a new loop in the child",
                  function);
    bide__loop = loop;
    loop->running = true;
    loop->stopping = false;
}

static void end_running(bide_loop *loop)
{
    bide__loop = NULL;
    loop->running = false;
}

/* Turns until `stopping`. The budget of a turn bounds what runs between two
 * polls, so descriptors and timers are never starved. */
static int run_turns(bide_loop *loop)
{
    int rc = 0;
    while (!loop->stopping && rc >= 0) {
        run_ready(loop);
        if (!loop->stopping)
            rc = poll_engine(loop, BIDE_FOREVER);
    }
    return rc < 0 ? rc : 0;
}

int bide_loop_run_forever(bide_loop *loop)
{
    begin_running(loop, "bide_loop_run_forever");
    int rc = run_turns(loop);
    end_running(loop);
    return rc;
}

void bide_loop_stop(bide_loop *loop)
{
    loop->stopping = true;
}

int bide_loop_step(bide_loop *loop, double timeout)
{
    int64_t timeout_ns = bide__seconds(timeout);
    if (timeout_ns < 0)
        return bide_raise(-EINVAL, "timeout is %g s, must be at least 0",
                          timeout);
    begin_running(loop, "bide_loop_step");
    run_ready(loop);
    int rc = poll_engine(loop, timeout_ns);
    end_running(loop);
    return rc < 0 ? rc : loop->engine->ready_first != NULL;
}

static void stop_loop(bide_task *task, void *data)
{
    (void)task;
    bide_loop_stop(data);
}

int bide__loop_run_task(bide_loop *loop, bide_task *task)
{
    task->on_done = stop_loop;
    task->on_done_data = loop;
    int rc = run_turns(loop);
    if (task->state != BIDE__TASK_DONE)
        task->on_done = NULL; /* it goes on when the loop runs again */
    if (rc == 0 && task->state == BIDE__TASK_DONE)
        rc = bide__task_collect(task);
    else if (rc == 0)
        rc = bide_raise(BIDE_E_INVALID_STATE, "the loop was stopped before "
                                              "the coroutine had ended");
    bide__task_unref(task);
    return rc;
}

/* Bring the loop's message to where the caller will look for it. */
static void hand_out_message(bide_loop *loop)
{
    bide__message_copy(bide__message_of_thread(), &loop->message);
}

int bide_loop_run_until_complete(bide_loop *loop, bide_coroutine *fn,
                                 void *arg)
{
    begin_running(loop, "bide_loop_run_until_complete");
    bide_task *task = bide_create_task(fn, arg);
    int rc = task ? bide__loop_run_task(loop, task) : -ENOMEM;
    end_running(loop);
    hand_out_message(loop);
    return rc;
}

/* ── The end ──────────────────────────────────────────────────────────── */

static bool cancel_one(void *data, bide_task *task)
{
    const uint64_t *first_id = data;
    if (task->id >= *first_id)
        (void)bide_task_cancel(task);
    return true;
}

/* Each task is cancelled once, those that are created meanwhile, too; then
 * they have all the time they need to clean up. */
static void cancel_all(bide_loop *loop)
{
    uint64_t first_id = 0;
    while (loop->live > 0) {
        if (first_id < loop->next_id) {
            uint64_t end = loop->next_id;
            bide__each_task(loop, cancel_one, &first_id);
            first_id = end;
        }
        run_ready(loop);
        if (loop->live > 0 && poll_engine(loop, BIDE_FOREVER) < 0)
            return;
    }
}

static bool release_one(void *data, void *slot)
{
    (void)data;
    bide_task *task = slot;
    if (task->state == BIDE__TASK_DONE) {
        if (task->loop->debug)
            bide__report_unreleased(task);
        task->refs = 0;
        bide__task_release(task);
    }
    return true;
}

/* Close what the program has left open. Closing can take turns, while the
 * kernel lets go of memory, and can close other resources as well: so a link
 * of our own, and not one of theirs, marks how far we are. */
static void close_resources(bide_loop *loop)
{
    struct bide__link *head = &loop->resources;
    struct bide__link here;
    bide__list_init(&here);
    bide__list_prepend(head, &here);
    while (here.next != head) {
        struct bide__link *link = here.next;
        struct bide__resource *resource =
            BIDE__CONTAINER(link, struct bide__resource, link);
        bide__list_remove(&here);
        bide__list_prepend(link, &here);
        if (loop->debug && resource->close && resource->kind)
            bide__report_unclosed(loop, resource);
        if (resource->close)
            resource->close(resource);
    }
    bide__list_remove(&here);
    while (!bide__list_empty(head) && poll_engine(loop, BIDE_FOREVER) >= 0)
        run_ready(loop);
}

void bide__loop_shut_down(bide_loop *loop)
{
    if (loop->debug)
        bide__report_pending(loop);
    loop->closing = true;
    do {
        cancel_all(loop);
        /* Posts of other threads, and descriptors on their way to close. */
        (void)bide_engine_poll(loop->engine, 0);
        run_ready(loop);
    } while (loop->live > 0);
    /* Handles that nobody released: their errors are reported now. */
    bide__stacks_visit(&loop->stacks, sizeof(bide_task), release_one, NULL);
    close_resources(loop);
    (void)bide_engine_poll(loop->engine, 0); /* hands over the last closes */
}

void bide_loop_close(bide_loop *loop)
{
    if (!loop)
        return;
    begin_running(loop, "bide_loop_close");
    bide__loop_shut_down(loop);
    end_running(loop);
    hand_out_message(loop);
    if (loop->context)
        bide__context_unref(loop->context);
    unlist_loop(loop);
    bide__watchdog_free(loop->watchdog);
    bide_engine_free(loop->engine);
    bide__stacks_free(&loop->stacks);
    bide__free(loop->spare);
    if (loop->guarded)
        bide__guard_remove();
    bide__free(loop);
}

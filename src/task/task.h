/* SPDX-License-Identifier: MIT */
/*
 * task.h — tasks and loops from inside: how a primitive parks the running
 * task and how anything wakes it.
 *
 * A primitive (sleep, lock, queue, stream …) suspends in four steps:
 *
 *     bide_task *self = bide__enter("bide_lock_acquire");
 *     if (self->must_cancel)                   // every call is a checkpoint
 *         return bide__take_cancel(self);
 *     … enqueue a waiter that lies in this frame …
 *     int rc = bide__park(self, &lock_wait, &waiter);   // others run
 *
 * Whoever fulfils the wait takes the waiter out of its queue and calls
 * bide__wake(task, 0). bide_task_cancel() calls the wait's `cancel`, which
 * takes the waiter out and calls bide__wake(task, -ECANCELED), or starts
 * something that will end in a wake-up.
 *
 * A request that arrives between the wake-up and the moment the task runs
 * again turns the result into -ECANCELED if the wait is `weak`; the primitive
 * must then pass on what it had been granted. Where something irrevocable has
 * happened (bytes read, a child awaited) the wait is not weak: the success is
 * reported and the request is delivered at the next call.
 *
 * docs/internals/cancellation.md says how to write a primitive.
 */
#ifndef BIDE_SRC_TASK_TASK_H
#define BIDE_SRC_TASK_TASK_H

#include <bide/group.h>
#include <bide/loop.h>
#include <bide/task.h>
#include <pthread.h>

#include "arch/switch.h"
#include "base/list.h"
#include "engine/engine.h"
#include "task/sanitize.h"
#include "task/stack.h"

#define BIDE__NAME_MAX 32 /* bytes of a name with its NUL */

/* FREE must be 0: a slot that was never used reads as zero. */
enum bide__task_state {
    BIDE__TASK_FREE = 0,
    BIDE__TASK_NEW,    /* in the ready queue, never ran */
    BIDE__TASK_READY,  /* runs, or is in the ready queue */
    BIDE__TASK_PARKED, /* waits */
    BIDE__TASK_DONE    /* has ended; the handle is not yet released */
};

/* A kind of wait. One static instance for each primitive. */
struct bide__wait {
    const char *name; /* for tools: "bide_lock_acquire" */
    void (*cancel)(bide_task *task, void *object);
    bool weak; /* a cancellation may still replace the wake-up */
};

struct bide__context; /* context.c */
struct bide__callback; /* callback.c */
struct bide__trace; /* trace.h */
struct bide__watchdog; /* watchdog.c */

struct bide_task {
    /* What switching touches: one cache line. */
    bide_ready ready;  /* run is bide__task_run */
    void *sp;          /* saved context while it does not run */
    bide_loop *loop;
    const struct bide__wait *wait; /* what it waits in, or last waited in */
    void *object;                  /* what it waits for: the wait knows */
    int resume_value;              /* what bide__park() will return */
    uint8_t state;                 /* enum bide__task_state */
    bool must_cancel;              /* a request waits for its delivery */
    uint8_t stack_class;
    uint8_t flags; /* enum bide__task_flags */
    uint32_t cancels; /* requests less those taken back */
    uint32_t refs;    /* handles, and one while it has not ended */

    /* What starting and ending touch. */
    bide_coroutine *fn;
    void *arg;
    void (*on_done)(bide_task *task, void *data); /* one awaits it */
    void *on_done_data;
    struct bide__context *context;
    struct bide__callback *callbacks; /* oldest first */
    struct bide_group *group;
    int result;

    /* The rest. */
    struct bide__link siblings; /* in its group */
    bide_task *chain;           /* in an as_completed iteration */
    uint64_t id;
    int64_t created_ns;         /* as of the poll before */
    int64_t since_ns;           /* parked since; set in debug mode */
    int64_t busy_ns;            /* ran for so long; counted in debug mode */
    bide_task *awaiter;         /* graph.c: scratch, as the next two */
    bide_task *first_awaited;
    bide_task *next_awaited;    /* by the same awaiter */
    struct bide__fiber fiber;
    char name[BIDE__NAME_MAX];  /* only with BIDE__FLAG_NAMED */
    struct bide__message message; /* only with BIDE__FLAG_MESSAGE */
};

enum bide__task_flags {
    BIDE__FLAG_RETRIEVED = 1, /* the result was asked for, or is not wanted */
    BIDE__FLAG_MESSAGE = 2,   /* message is initialised */
    BIDE__FLAG_NAMED = 4,     /* name is set */
    BIDE__FLAG_OURS = 8,      /* the library's own: tools do not list it */
    BIDE__FLAG_LEFT = 16,     /* was reported as pending at the loop's end */
    BIDE__FLAG_SHOWN = 32,    /* graph.c: was printed */
    BIDE__FLAG_PASSING = 64   /* passes a request on to whom it awaits */
};

/*
 * Something that a loop must close before it can end: a stream, a server, a
 * file. Listed while it exists; `close` is called for what the program has
 * left open, and may finish later: the loop waits until it is unlisted.
 */
struct bide__resource {
    struct bide__link link;
    const char *kind; /* "stream": for the report in debug mode; NULL: there
                         is nothing to report */
    void (*close)(struct bide__resource *resource); /* NULL: under way */
};

struct bide_loop {
    bide_loop *next_loop; /* of the process; see bide__loops */
    bide_engine *engine;
    bide_task *current; /* NULL while the loop itself runs */
    void *sp;           /* the loop's own context while a task runs */
    bool running;
    bool stopping;
    bool debug;
    bool closing;       /* other threads' coroutines are refused */
    bool guarded;       /* guard.c watches for overflows */
    bool inspected;     /* inspect.c serves tools */
    int default_class;  /* of stacks */
    size_t live;        /* tasks that have not ended */
    uint64_t next_id;
    int64_t slow_ns;    /* a step longer than this is reported in debug mode */
    struct bide__watchdog *watchdog; /* in debug mode, or NULL */
    int64_t trim_ns;    /* when stacks are trimmed next */
    pthread_t thread;
    struct bide__context *context; /* of callbacks, outside tasks */
    struct bide__fiber fiber;
    struct bide__fiber *left; /* whom the last switch left */
    bide_task *zombie; /* ended and released, but its stack was in use */
    void (*on_report)(const struct bide_report *report, void *data);
    void *on_report_data;
    struct bide__message message; /* of callbacks, outside tasks */
    struct bide__link resources; /* struct bide__resource */
    char *spare;                 /* a stream's buffer that is not in use */
    size_t spare_cap;
    struct bide__loop_signals *signals; /* process/signal.c, or NULL */
    struct bide__watches *watches;      /* io/ready.c, or NULL */
    struct bide__stacks stacks;
};

/* Every loop of the process: for debuggers, which read nothing else. */
extern bide_loop *bide__loops __attribute__((visibility("hidden")));

/* The loop that runs on this thread, or NULL. */
extern _Thread_local bide_loop *bide__loop
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

/* Report misuse of a function that needs a running task, and abort. */
_Noreturn void bide__die_outside_task(const char *function);

/* The running task; misuse ends the program. */
static inline bide_task *bide__enter(const char *function)
{
    bide_loop *loop = bide__loop;
    if (BIDE__UNLIKELY(!loop || !loop->current))
        bide__die_outside_task(function);
    return loop->current;
}

/* The running loop; misuse ends the program. */
bide_loop *bide__enter_loop(const char *function);

/* Die unless the task belongs to the loop that runs on this thread. */
void bide__require_own(const bide_task *task, const char *function);

/* Deliver a pending request: clears it and returns -ECANCELED. */
int bide__take_cancel(bide_task *task);

/* Run something else until this task is woken. Returns what bide__wake() was
 * given. The state has been set and, if READY, the task queued. */
int bide__suspend(bide_task *task);

static inline int bide__park(bide_task *task, const struct bide__wait *wait,
                             void *object)
{
    task->wait = wait;
    task->object = object;
    task->state = BIDE__TASK_PARKED;
    return bide__suspend(task);
}

/* Make a parked task ready; bide__park() returns value. */
static inline void bide__wake(bide_task *task, int value)
{
    BIDE__ASSERT(task->state == BIDE__TASK_PARKED);
    task->state = BIDE__TASK_READY;
    task->resume_value = value;
    bide__ready_push(task->loop->engine, &task->ready);
}

/* The ready item of every task; never called with the task running. */
void bide__task_run(bide_ready *ready);

/* Run a ready task from the loop's own stack, until something is left for the
 * loop to do. */
void bide__loop_switch_to(bide_loop *loop, bide_task *task);

/* Run turns until the task has ended; takes the handle. Pre: the loop is the
 * thread's, the task unwatched. */
int bide__loop_run_task(bide_loop *loop, bide_task *task);

/* Cancel and await every task, release every handle. */
void bide__loop_shut_down(bide_loop *loop);

/* A task with one reference for its handle and one for its running. Returns
 * NULL with a message in the current slot. */
bide_task *bide__task_new(bide_loop *loop, bide_coroutine *fn, void *arg,
                          const bide_task_options *options);

/* Give a new task its first context, below `top`; schedule.c. */
void bide__task_prepare(bide_task *task, void *top);

/* The last reference is gone: report what nobody retrieved, free the stack. */
void bide__task_release(bide_task *task);

static inline void bide__task_unref(bide_task *task)
{
    BIDE__ASSERT(task->refs > 0);
    if (--task->refs == 0)
        bide__task_release(task);
}

/* Run a new task at once, until it first suspends. Pre: state READY, not in
 * the ready queue. */
void bide__task_start_eagerly(bide_task *task);

/* Queue a new task, or run it at once if it is to start eagerly. */
bide_task *bide__task_launch(bide_task *task,
                             const bide_task_options *options);

/* Claim the one place for who awaits the task; misuse ends the program. */
void bide__task_watch(bide_task *task,
                      void (*on_done)(bide_task *task, void *data),
                      void *data, const char *function);

/* Move a task's result into the current message slot; returns the code. */
int bide__task_collect(bide_task *task);

/* The task that awaits this one, alone or among others, or that entered its
 * group; NULL if there is none. */
bide_task *bide__awaiter(const bide_task *task);
bide_task *bide__gathering_awaiter(const bide_task *task); /* gather.c */

/* The slots of a loop's tasks that have not ended; see bide__stacks_visit. */
void bide__each_task(bide_loop *loop, bool (*visit)(void *data, bide_task *),
                     void *data);

/* Seconds to nanoseconds, saturating; NaN and negative give -1. */
int64_t bide__seconds(double seconds);

/* When something that is due `delay_ns` from now must fire. */
int64_t bide__deadline(bide_loop *loop, int64_t delay_ns);

/* A child of a group has ended, group.c. */
void bide__group_child_done(bide_task *task);

/* A task that has ended schedules its callbacks, callback.c. */
void bide__callbacks_schedule(bide_task *task);
void bide__callbacks_free(bide_task *task);

/* Reports, report.c. */
void bide__report_unretrieved(bide_task *task);
void bide__report_swallowed(bide_task *task);
void bide__report_pending(bide_loop *loop);
void bide__report_unreleased(bide_task *task);
void bide__report_unclosed(bide_loop *loop,
                           const struct bide__resource *resource);
void bide__report_handler(bide_loop *loop, bide_task *task, int code);
void bide__report_watch(bide_loop *loop, int fd, int code);
void bide__report_accept(bide_loop *loop, int code, const char *address);
void bide__report_slow(bide_loop *loop, bide_task *task, int64_t took_ns,
                       const struct bide__trace *trace, bool cut);

/* Context values, context.c. */
struct bide__context *bide__context_ref(struct bide__context *context);
void bide__context_unref(struct bide__context *context);

/* An engine operation, awaited: op.c. Returns op->result. Cancelling asks the
 * engine to end it; a result that comes all the same is reported. */
int64_t bide__op_await(bide_task *self, bide_op *op,
                       const struct bide__wait *wait);

/* After an operation that completed at once: lets others run once the turn's
 * budget is used up. Not a cancellation point. */
void bide__op_yield(bide_task *self);

/* For waits of their own kind that await an operation in `object`. */
void bide__op_wait_cancel(bide_task *task, void *object);

#endif

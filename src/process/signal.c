/* SPDX-License-Identifier: MIT */
/*
 * signal.c — signals as a loop sees them: handlers, and tasks that wait.
 *
 *     dispatch.c ──post──► deliver ──► handler of the number
 *                                 └──► each bide_signals that has it: pending
 *
 * What a loop needs for signals exists while it asks for any. Several askers
 * of a loop for the same signal count as one at the dispatcher.
 *
 * Invariant: wants[number] is 1 for a handler, and 1 for each bide_signals of
 * the loop that has the number; the dispatcher is asked while it is not 0.
 */
#include <bide/signal.h>

#include <errno.h>
#include <signal.h>

#include "process/dispatch.h"
#include "task/task.h"

struct handler {
    void (*fn)(int number, void *arg); /* NULL: there is none */
    void *arg;
};

struct bide__loop_signals {
    bide_loop *loop;
    struct bide__resource resource; /* nothing that a program must close */
    struct bide__hub *hub;
    struct bide__link askers; /* struct bide_signals */
    unsigned total;           /* sum of wants */
    bool delivering;          /* is not released meanwhile */
    unsigned wants[BIDE__SIGNAL_MAX + 1];
    struct handler handlers[BIDE__SIGNAL_MAX + 1];
};

struct bide_signals {
    struct bide__loop_signals *signals;
    struct bide__resource resource;
    struct bide__link link; /* among the askers */
    uint64_t set;
    uint64_t pending; /* of those, came and were not told */
    bide_task *task;  /* waits, or NULL */
    bool in_wait;     /* a call of bide_signals_wait() is in progress ... */
    bool closed;      /* ... and has to free it */
};

/* ── What a loop has for signals ──────────────────────────────────────── */

static void release_unwanted(struct bide__loop_signals *signals)
{
    if (signals->total > 0 || signals->delivering)
        return;
    bide__hub_close(signals->hub);
    signals->loop->signals = NULL;
    bide__list_remove(&signals->resource.link);
    bide__free(signals);
}

static void unwant(struct bide__loop_signals *signals, int number)
{
    signals->total--;
    if (--signals->wants[number] == 0)
        bide__hub_unwant(signals->hub, number);
}

static int want(struct bide__loop_signals *signals, int number)
{
    int rc = 0;
    if (signals->wants[number] == 0)
        rc = bide__hub_want(signals->hub, number);
    if (rc < 0)
        return bide_raise(rc, "signal %d cannot be caught", number);
    signals->wants[number]++;
    signals->total++;
    return 0;
}

static void remove_handler(struct bide__loop_signals *signals, int number)
{
    signals->handlers[number].fn = NULL;
    unwant(signals, number);
}

/* At the loop's end: sets of signals are closed as resources of their own. */
static void remove_all_handlers(struct bide__resource *resource)
{
    struct bide__loop_signals *signals =
        BIDE__CONTAINER(resource, struct bide__loop_signals, resource);
    resource->close = NULL;
    for (int number = 1; number <= BIDE__SIGNAL_MAX; number++)
        if (signals->handlers[number].fn)
            remove_handler(signals, number);
    release_unwanted(signals);
}

static void tell_asker(bide_signals *asker, uint64_t came)
{
    asker->pending |= came & asker->set;
    if (!asker->pending || !asker->task)
        return;
    bide__wake(asker->task, 0);
    asker->task = NULL;
}

static void call_handlers(struct bide__loop_signals *signals, uint64_t came)
{
    for (int number = 1; number <= BIDE__SIGNAL_MAX; number++) {
        struct handler handler = signals->handlers[number];
        if ((came & BIDE__SIGNAL_BIT(number)) && handler.fn)
            handler.fn(number, handler.arg);
    }
}

/* Handlers come last: they may close what they like. */
static void deliver(void *data)
{
    struct bide__loop_signals *signals = data;
    uint64_t came = bide__hub_take(signals->hub);
    struct bide__link *head = &signals->askers;
    for (struct bide__link *link = head->next; link != head; link = link->next)
        tell_asker(BIDE__CONTAINER(link, bide_signals, link), came);
    signals->delivering = true;
    call_handlers(signals, came);
    signals->delivering = false;
    release_unwanted(signals);
}

static int open_signals(bide_loop *loop,
                        struct bide__loop_signals **ret_signals)
{
    *ret_signals = loop->signals;
    if (loop->signals)
        return 0;
    struct bide__loop_signals *signals = bide__calloc(1, sizeof *signals);
    if (!signals)
        return -ENOMEM;
    int rc = bide__hub_open(loop->engine, deliver, signals, &signals->hub);
    if (rc < 0) {
        bide__free(signals);
        return rc;
    }
    signals->loop = loop;
    bide__list_init(&signals->askers);
    signals->resource.close = remove_all_handlers;
    bide__list_append(&loop->resources, &signals->resource.link);
    loop->signals = signals;
    *ret_signals = signals;
    return 0;
}

/* ── Numbers ──────────────────────────────────────────────────────────── */

static int check_number(int number)
{
    switch (number) {
    case SIGKILL:
    case SIGSTOP:
        return bide_raise(-EINVAL, "signal %d cannot be caught", number);
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return bide_raise(-EINVAL,
                          "signal %d tells of a fault of the program, which "
                          "no loop can deal with",
                          number);
    default:
        if (number >= 1 && number <= BIDE__SIGNAL_MAX)
            return 0;
        return bide_raise(-EINVAL, "signal is %d, must be 1 to %d", number,
                          BIDE__SIGNAL_MAX);
    }
}

/* ── Handlers ─────────────────────────────────────────────────────────── */

static void check_thread(const bide_loop *loop, const char *function)
{
    BIDE__REQUIRE(pthread_equal(loop->thread, pthread_self()),
                  "%s() was called on another thread than the loop's; use "
                  "bide_loop_call_soon_threadsafe() to call it there",
                  function);
}

int bide_loop_add_signal_handler(bide_loop *loop, int number,
                                 void (*fn)(int number, void *arg), void *arg)
{
    check_thread(loop, "bide_loop_add_signal_handler");
    struct bide__loop_signals *signals = NULL;
    int rc = check_number(number);
    if (rc == 0)
        rc = open_signals(loop, &signals);
    if (rc < 0)
        return rc;
    if (!signals->handlers[number].fn)
        rc = want(signals, number);
    if (rc == 0)
        signals->handlers[number] = (struct handler){fn, arg};
    else
        release_unwanted(signals);
    return rc;
}

bool bide_loop_remove_signal_handler(bide_loop *loop, int number)
{
    check_thread(loop, "bide_loop_remove_signal_handler");
    struct bide__loop_signals *signals = loop->signals;
    if (!signals || number < 1 || number > BIDE__SIGNAL_MAX ||
        !signals->handlers[number].fn)
        return false;
    remove_handler(signals, number);
    release_unwanted(signals);
    return true;
}

/* ── Sets ─────────────────────────────────────────────────────────────── */

static void unwant_set(bide_signals *asker)
{
    for (int number = 1; number <= BIDE__SIGNAL_MAX; number++)
        if (asker->set & BIDE__SIGNAL_BIT(number))
            unwant(asker->signals, number);
}

static int want_set(bide_signals *asker, const int *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rc = check_number(numbers[i]);
        if (rc == 0 && !(asker->set & BIDE__SIGNAL_BIT(numbers[i])))
            rc = want(asker->signals, numbers[i]);
        if (rc < 0) {
            unwant_set(asker);
            return rc;
        }
        asker->set |= BIDE__SIGNAL_BIT(numbers[i]);
    }
    return 0;
}

static void close_left_open(struct bide__resource *resource)
{
    bide_signals_close(BIDE__CONTAINER(resource, bide_signals, resource));
}

int bide_signals_open(const int *numbers, size_t count,
                      bide_signals **ret_signals)
{
    bide_loop *loop = bide__enter_loop("bide_signals_open");
    bide_signals *asker = bide__calloc(1, sizeof *asker);
    if (!asker)
        return -ENOMEM;
    int rc = open_signals(loop, &asker->signals);
    if (rc == 0) {
        rc = want_set(asker, numbers, count);
        if (rc < 0)
            release_unwanted(asker->signals);
    }
    if (rc < 0) {
        bide__free(asker);
        return rc;
    }
    asker->signals->total++; /* also one of no signal at all */
    bide__list_append(&asker->signals->askers, &asker->link);
    asker->resource.kind = "set of signals";
    asker->resource.close = close_left_open;
    bide__list_append(&loop->resources, &asker->resource.link);
    *ret_signals = asker;
    return 0;
}

static void check_asker(const bide_signals *asker, const char *function)
{
    BIDE__REQUIRE(asker->signals->loop == bide__loop,
                  "%s() was called on another thread than the loop's; use "
                  "bide_loop_call_soon_threadsafe() to call it there",
                  function);
}

void bide_signals_close(bide_signals *asker)
{
    if (!asker)
        return;
    check_asker(asker, "bide_signals_close");
    if (asker->task)
        bide__wake(asker->task, 0);
    asker->task = NULL;
    unwant_set(asker);
    asker->signals->total--;
    bide__list_remove(&asker->link);
    bide__list_remove(&asker->resource.link);
    release_unwanted(asker->signals);
    asker->closed = true;
    if (!asker->in_wait)
        bide__free(asker);
}

static void cancel_wait(bide_task *task, void *object)
{
    bide_signals *asker = object;
    asker->task = NULL;
    bide__wake(task, -ECANCELED);
}

/* Weak: what came stays pending until it is taken. */
static const struct bide__wait signals_wait = {
    .name = "bide_signals_wait",
    .cancel = cancel_wait,
    .weak = true,
};

static int take_lowest(bide_signals *asker)
{
    int number = __builtin_ctzll(asker->pending) + 1;
    asker->pending &= ~BIDE__SIGNAL_BIT(number);
    return number;
}

int bide_signals_wait(bide_signals *asker)
{
    bide_task *self = bide__enter("bide_signals_wait");
    check_asker(asker, "bide_signals_wait");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    BIDE__REQUIRE(!asker->in_wait,
                  "bide_signals_wait() was called by task '%s' while another "
                  "task waits for the same signals; open a set for each",
                  bide_task_name(self));
    if (asker->pending)
        return take_lowest(asker);
    asker->task = self;
    asker->in_wait = true;
    int rc = bide__park(self, &signals_wait, asker);
    asker->in_wait = false;
    if (asker->closed) {
        bide__free(asker);
        return rc < 0 ? rc : -EBADF;
    }
    return rc < 0 ? rc : take_lowest(asker);
}

int bide_signal_wait(int number)
{
    bide_signals *asker;
    bide_task *self = bide__enter("bide_signal_wait");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = bide_signals_open(&number, 1, &asker);
    if (rc < 0)
        return rc;
    rc = bide_signals_wait(asker);
    bide_signals_close(asker);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * drive.c — the engine under a loop, and turns:
 *
 *     hand over ──► wait (without the GIL) ──► deliver ──► run what is ready
 *         ▲                                                       │
 *         └───────────────────────────────────────────────────────┘
 *
 * Only what was ready when its step began is run in a turn, as asyncio
 * promises. The queue is ours, not the engine's: it holds handles. What the
 * engine delivers comes after what was ready before, as with asyncio: where
 * that is nothing, protocols are called from inside the delivery, else by
 * way of the queue.
 *
 * An engine belongs to one thread. A loop may be made in one and run in
 * another, may be run in several, one after the other, and may be inherited
 * by a child process. So an engine is made when the loop is run; until then,
 * and whenever another thread or process runs it, its timers and sources
 * wait, and are started anew with the engine that drive_run() gets them.
 */
#include "core.h"

#include <pthread.h>

/* Turns that wait for cancellations when the loop stops; one is the rule. */
#define LAST_TURNS 64

/* How many handles ahead of the one that runs are fetched from memory. */
#define AHEAD 4

static unsigned forks; /* that led to this process, since the import */

static void count_fork(void)
{
    forks++;
}

int drive_init(void)
{
    int code = pthread_atfork(NULL, NULL, count_fork);
    if (code == 0)
        return 0;
    raise_code(-code);
    return -1;
}

/* ── The engine ───────────────────────────────────────────────────────── */

static void before_block(void *data)
{
    LoopObject *loop = data;
    loop->blocked = true;
    loop->saved = PyEval_SaveThread();
}

static void after_block(void *data)
{
    LoopObject *loop = data;
    PyEval_RestoreThread(loop->saved);
    loop->blocked = false;
}

static void on_wake(bide_post *post)
{
    CONTAINER(post, LoopObject, wake)->wake_posted = false;
}

void drive_wake(LoopObject *loop)
{
    if (!loop->blocked || loop->wake_posted)
        return;
    loop->wake_posted = true;
    loop->wake.run = on_wake;
    bide_engine_post(loop->engine, &loop->wake);
}

/* Identities of threads can come again, those of processes cost a system
 * call: so each thread of each process gets a number when it first asks. */
static uint64_t this_thread(void)
{
    static uint64_t last;
    static _Thread_local uint64_t mine;
    static _Thread_local unsigned forks_seen;
    if (mine == 0 || forks_seen != forks) {
        mine = ++last; /* the GIL is held */
        forks_seen = forks;
    }
    return mine;
}

bool drive_ready(const LoopObject *loop)
{
    return loop->engine && loop->engine_owner == this_thread();
}

static void for_sources(LoopObject *loop, bool starting)
{
    Link all; /* a source may leave the list, or come */
    link_init(&all);
    while (loop->sources.next != &loop->sources) {
        Link *link = loop->sources.next;
        link_remove(link);
        link_append(&all, link);
    }
    while (all.next != &all) {
        Source *source = CONTAINER(all.next, Source, link);
        link_remove(&source->link);
        link_append(&loop->sources, &source->link);
        if (starting)
            source->start(source);
        else
            source->forget(source);
    }
}

/* The engine is ours now, whoever had it; what was in flight is gone. */
static int adopt(LoopObject *loop)
{
    int rc = bide_engine_after_fork(loop->engine);
    loop->engine_owner = this_thread();
    loop->wake_posted = false;
    loop->ending = 0;
    for_sources(loop, false);
    return rc;
}

static int make_engine(LoopObject *loop)
{
    int rc = bide_engine_new(NULL, &loop->engine);
    if (rc < 0)
        return rc;
    bide_engine_on_block(loop->engine, before_block, after_block, loop);
    loop->engine_owner = this_thread();
    return 0;
}

/* Those that were made while it had no engine, or not this thread's. */
static void start_timers(LoopObject *loop)
{
    for (Link *link = loop->timers.next; link != &loop->timers;
         link = link->next) {
        TimerObject *timer = CONTAINER(link, TimerObject, link);
        if (timer->timer.place == 0)
            bide_engine_timer_set(loop->engine, &timer->timer,
                                  timer->when_ns);
    }
}

/* Have an engine of this thread. -1: an exception is set. */
static int enter(LoopObject *loop)
{
    if (drive_ready(loop))
        return 0;
    int rc = loop->engine ? adopt(loop) : make_engine(loop);
    if (rc < 0) {
        PyErr_Format(PyExc_OSError, "no engine: %s", bide_errmsg(rc));
        return -1;
    }
    start_timers(loop);
    for_sources(loop, true);
    return 0;
}

void drive_close(LoopObject *loop)
{
    if (!loop->engine)
        return;
    if (!drive_ready(loop) && adopt(loop) < 0)
        PyErr_WriteUnraisable((PyObject *)loop);
    /* Nobody may detach what operations are in flight on: the engine would
     * still have to tell them, and their memory goes before it does. */
    bide_engine *engine = loop->engine;
    loop->engine = NULL;
    for_sources(loop, false);
    bide_engine_free(engine);
}

/* ── Deliveries ───────────────────────────────────────────────────────── */

void timer_fire(bide_timer *engine_timer)
{
    TimerObject *timer = CONTAINER(engine_timer, TimerObject, timer);
    LoopObject *loop = (LoopObject *)timer->handle.loop;
    link_remove(&timer->link);
    Py_SETREF(timer->scheduled, Py_NewRef(Py_False));
    if (queue_push(&loop->ready, (PyObject *)timer) < 0)
        drive_failed(loop);
}

void drive_failed(LoopObject *loop)
{
    PyObject *exception = exception_take();
    if (loop->failure) /* the first one counts */
        Py_DECREF(exception);
    else
        loop->failure = exception;
}

/* ── Turns ────────────────────────────────────────────────────────────── */

static void flush(LoopObject *loop)
{
    while (loop->unflushed.next != &loop->unflushed) {
        StreamObject *stream =
            CONTAINER(loop->unflushed.next, StreamObject, unflushed);
        link_remove(&stream->unflushed);
        Py_INCREF(stream);
        stream_flush(stream);
        Py_DECREF(stream);
    }
}

/* Hand over, wait, deliver; `direct`: protocols may be called from inside.
 * -1: an exception is set. */
static int poll_once(LoopObject *loop, int64_t timeout_ns, bool direct)
{
    flush(loop);
    if (loop->ready.len > 0)
        timeout_ns = 0;
    loop->polling = true;
    loop->direct = direct && loop->ready.len == 0;
    int rc = bide_engine_poll(loop->engine, timeout_ns);
    loop->polling = loop->direct = false;
    if (rc < 0) {
        raise_code(rc);
        return -1;
    }
    if (loop->failure) {
        exception_raise(loop->failure);
        loop->failure = NULL;
        return -1;
    }
    return PyErr_CheckSignals();
}

static int run_ready(LoopObject *loop)
{
    Queue *ready = &loop->ready;
    for (size_t left = ready->len; left > 0 && ready->len > 0; left--) {
        PyObject *handle = queue_pop(ready);
        if (ready->len > AHEAD) { /* handles in great number lie apart */
            const char *next = (const char *)
                ready->items[(ready->first + AHEAD) & (ready->room - 1)];
            __builtin_prefetch(next);
            __builtin_prefetch(next + 64);
        }
        int rc = handle_run(loop, (HandleObject *)handle);
        handle_let_go(handle);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* Nothing that was cancelled is left in the kernel when others look: there it
 * would keep sockets open that the program has closed. */
static void finish_cancelled(LoopObject *loop)
{
    PyObject *failure = PyErr_Occurred() ? exception_take() : NULL;
    loop->finishing = loop->polling = true;
    flush(loop);
    for (int i = 0; i < LAST_TURNS && loop->ending > 0; i++)
        if (bide_engine_poll(loop->engine, 0) < 0)
            break;
    loop->finishing = loop->polling = false;
    if (!failure && loop->failure) {
        failure = loop->failure;
        loop->failure = NULL;
    }
    if (failure)
        exception_raise(failure);
}

void drive_settle(LoopObject *loop)
{
    if (loop->ending > 0 && !loop->polling && drive_ready(loop))
        finish_cancelled(loop);
}

static PyObject *already_running(void)
{
    PyErr_SetString(PyExc_RuntimeError, "This event loop is already running");
    return NULL;
}

PyObject *drive_poll(LoopObject *loop, int64_t timeout_ns)
{
    if (loop->polling)
        return already_running();
    if (enter(loop) < 0 || poll_once(loop, timeout_ns, false) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *drive_run(LoopObject *loop)
{
    if (loop->driving)
        return already_running();
    if (enter(loop) < 0)
        return NULL;
    loop->driving = true;
    int rc = 0;
    do {
        bool busy = loop->ready.len > 0 || loop->stopping;
        rc = poll_once(loop, busy ? 0 : BIDE_FOREVER, true);
        if (rc == 0)
            rc = run_ready(loop);
    } while (rc == 0 && !loop->stopping);
    finish_cancelled(loop);
    loop->driving = false;
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

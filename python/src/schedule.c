/* SPDX-License-Identifier: MIT */
/*
 * schedule.c — the loop's ready queue, call_soon() and call_later().
 *
 * A timed callback is in the engine's timers and in a list of the loop, which
 * owns it; when it is due it moves to the ready queue, as timer_fire() of
 * drive.c says.
 */
#include "core.h"

#include <time.h>

/* Callbacks that may be ready at once: a program that has more has lost
 * control, and hears of it before memory is short. */
#define READY_MAX ((size_t)1 << 28)

/* ── The ready queue ──────────────────────────────────────────────────── */

static int queue_grow(Queue *queue)
{
    size_t room = queue->room ? queue->room * 2 : 256;
    PyObject **items = room > READY_MAX
                           ? NULL
                           : PyMem_Malloc(room * sizeof *items);
    if (!items) {
        PyErr_Format(PyExc_MemoryError, "%zu callbacks are ready to be called",
                     queue->len);
        return -1;
    }
    for (size_t i = 0; i < queue->len; i++)
        items[i] = queue->items[(queue->first + i) & (queue->room - 1)];
    PyMem_Free(queue->items);
    queue->items = items;
    queue->first = 0;
    queue->room = room;
    return 0;
}

int queue_push(Queue *queue, PyObject *item)
{
    if (queue->len == queue->room && queue_grow(queue) < 0) {
        Py_DECREF(item);
        return -1;
    }
    queue->items[(queue->first + queue->len++) & (queue->room - 1)] = item;
    return 0;
}

/* ── Arguments ────────────────────────────────────────────────────────── */

/* Find `context` among keyword arguments; no other is allowed. */
static int take_context(PyObject *const *values, PyObject *kwnames,
                        const char *function, PyObject **ret_context)
{
    *ret_context = NULL;
    Py_ssize_t count = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        if (name != names.context &&
            PyUnicode_Compare(name, names.context) != 0) {
            PyErr_Format(PyExc_TypeError,
                         "%s() got an unexpected keyword argument %R",
                         function, name);
            return -1;
        }
        *ret_context = values[i];
    }
    return 0;
}

int loop_check_count(const char *function, Py_ssize_t count, Py_ssize_t min)
{
    if (count >= min)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes at least %zd arguments (%zd "
                 "given)", function, min, count);
    return -1;
}

int loop_check_open(LoopObject *loop)
{
    if (!loop->closed)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    return -1;
}

/* The checks of debug mode are asyncio's. */
static int check_call(LoopObject *loop, PyObject *callback,
                      const char *function, bool any_thread)
{
    if (loop_check_open(loop) < 0)
        return -1;
    if (!loop->debug)
        return 0;
    PyObject *self = (PyObject *)loop;
    PyObject *result = NULL;
    if (!any_thread) {
        result = PyObject_CallMethodNoArgs(self, names._check_thread);
        if (!result)
            return -1;
        Py_DECREF(result);
    }
    result = PyObject_CallMethod(self, "_check_callback", "Os", callback,
                                 function);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* ── Calling soon ─────────────────────────────────────────────────────── */

static PyObject *call_soon(LoopObject *loop, PyObject *const *args,
                           Py_ssize_t count, PyObject *context)
{
    HandleObject *handle =
        handle_new(loop, args[0], args + 1, count - 1, context);
    if (!handle ||
        queue_push(&loop->ready, Py_NewRef((PyObject *)handle)) < 0)
        Py_CLEAR(handle);
    return (PyObject *)handle;
}

int loop_soon(LoopObject *loop, PyObject *callback, PyObject *argument)
{
    PyObject *args[] = {callback, argument};
    PyObject *handle = call_soon(loop, args, argument ? 2 : 1, NULL);
    Py_XDECREF(handle);
    return handle ? 0 : -1;
}

PyObject *loop_call_soon(PyObject *self, PyObject *const *args,
                         Py_ssize_t count, PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)self;
    PyObject *context;
    if (loop_check_count("call_soon", count, 1) < 0 ||
        take_context(args + count, kwnames, "call_soon", &context) < 0 ||
        check_call(loop, args[0], "call_soon", false) < 0)
        return NULL;
    return call_soon(loop, args, count, context);
}

PyObject *loop_call_soon_threadsafe(PyObject *self, PyObject *const *args,
                                    Py_ssize_t count, PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)self;
    const char *name = "call_soon_threadsafe";
    PyObject *context;
    if (loop_check_count(name, count, 1) < 0 ||
        take_context(args + count, kwnames, name, &context) < 0 ||
        check_call(loop, args[0], name, true) < 0)
        return NULL;
    PyObject *handle = call_soon(loop, args, count, context);
    drive_wake(loop);
    return handle;
}

/* For asyncio's code, which makes some handles itself. */
PyObject *loop_add_callback(PyObject *self, PyObject *handle)
{
    if (!PyObject_TypeCheck(handle, (PyTypeObject *)imports.handle_type)) {
        PyErr_SetString(PyExc_TypeError, "not an asyncio.Handle");
        return NULL;
    }
    if (queue_push(&((LoopObject *)self)->ready, Py_NewRef(handle)) < 0)
        return NULL;
    drive_wake((LoopObject *)self);
    Py_RETURN_NONE;
}

PyObject *loop_wake(PyObject *self, PyObject *unused)
{
    (void)unused;
    drive_wake((LoopObject *)self);
    Py_RETURN_NONE;
}

/* ── Calling later ────────────────────────────────────────────────────── */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

PyObject *loop_time(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyFloat_FromDouble(seconds_now());
}

/* Seconds to nanoseconds; what is too far away is never. */
static int64_t deadline_of(double when)
{
    double ns = when * 1e9;
    if (!(ns < 9e18))
        return BIDE_FOREVER - 1;
    return ns < 0 ? 0 : (int64_t)ns;
}

static PyObject *call_at(LoopObject *loop, PyObject *when,
                         PyObject *const *args, Py_ssize_t count,
                         PyObject *context)
{
    double seconds = PyFloat_AsDouble(when);
    if (seconds == -1.0 && PyErr_Occurred())
        return NULL;
    TimerObject *timer =
        timer_new(loop, when, args[0], args + 1, count - 1, context);
    if (!timer)
        return NULL;
    timer->when_ns = deadline_of(seconds);
    Py_SETREF(timer->scheduled, Py_NewRef(Py_True));
    link_append(&loop->timers, &timer->link);
    if (drive_ready(loop))
        bide_engine_timer_set(loop->engine, &timer->timer, timer->when_ns);
    return Py_NewRef((PyObject *)timer);
}

PyObject *loop_call_later(PyObject *self, PyObject *const *args,
                          Py_ssize_t count, PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)self;
    PyObject *context;
    if (loop_check_count("call_later", count, 2) < 0 ||
        take_context(args + count, kwnames, "call_later", &context) < 0)
        return NULL;
    if (args[0] == Py_None) {
        PyErr_SetString(PyExc_TypeError, "delay must not be None");
        return NULL;
    }
    double delay = PyFloat_AsDouble(args[0]);
    if ((delay == -1.0 && PyErr_Occurred()) ||
        check_call(loop, args[1], "call_later", false) < 0)
        return NULL;
    PyObject *when = PyFloat_FromDouble(seconds_now() + delay);
    if (!when)
        return NULL;
    PyObject *timer = call_at(loop, when, args + 1, count - 1, context);
    Py_DECREF(when);
    return timer;
}

PyObject *loop_call_at(PyObject *self, PyObject *const *args,
                       Py_ssize_t count, PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)self;
    PyObject *context;
    if (loop_check_count("call_at", count, 2) < 0 ||
        take_context(args + count, kwnames, "call_at", &context) < 0)
        return NULL;
    if (args[0] == Py_None) {
        PyErr_SetString(PyExc_TypeError, "when cannot be None");
        return NULL;
    }
    if (check_call(loop, args[1], "call_at", false) < 0)
        return NULL;
    return call_at(loop, args[0], args + 1, count - 1, context);
}

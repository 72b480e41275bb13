/* SPDX-License-Identifier: MIT */
/*
 * accel_await.c — Await: what acquire(), get(), wait() and their like return.
 *
 * It behaves as a coroutine, without a frame: what a coroutine would run until
 * its first suspension is the kind's start(), what follows is resume(). One
 * that is never awaited warns as a coroutine does; one that is collected while
 * it waits is closed first, so that its waiter leaves its queue.
 *
 * Memory of those that ended is kept for the next: one is made and ended for
 * each call.
 */
#include "accel.h"

#include <structmember.h>

static PyTypeObject *Await_Type;

#define KEPT_MAX 64
static PyObject *kept[KEPT_MAX];
static int kept_len;

/* ── Going on ─────────────────────────────────────────────────────────── */

static void end(Await *await)
{
    await->state = AWAIT_DONE;
    Py_CLEAR(await->iterator);
    Py_CLEAR(await->waits_for);
    Py_CLEAR(await->item);
    Py_CLEAR(await->owner);
}

static PyObject *iterator_of(PyObject *awaitable)
{
    if (PyCoro_CheckExact(awaitable))
        return Py_NewRef(awaitable);
    PyAsyncMethods *methods = Py_TYPE(awaitable)->tp_as_async;
    if (methods && methods->am_await)
        return methods->am_await(awaitable);
    PyErr_Format(PyExc_TypeError,
                 "object %.100s can't be used in 'await' expression",
                 Py_TYPE(awaitable)->tp_name);
    return NULL;
}

/* After start() or resume() returned rc: wait, or end. */
static PySendResult go_on(Await *await, int rc, PyObject **ret_result)
{
    while (rc == 0) {
        PyObject *value = NULL;
        PySendResult sent = PYGEN_ERROR;
        await->iterator = iterator_of(await->waits_for);
        if (await->iterator)
            sent = PyIter_Send(await->iterator, Py_None, &value);
        if (sent == PYGEN_NEXT) {
            await->state = AWAIT_WAITING;
            await->running = false;
            *ret_result = value;
            return PYGEN_NEXT;
        }
        Py_CLEAR(await->iterator);
        rc = await->kind->resume(await, value, ret_result);
        Py_XDECREF(value);
    }
    await->running = false;
    if (rc > 0) {
        end(await);
        return PYGEN_RETURN;
    }
    PyObject *exception = exception_take();
    end(await);
    exception_raise(exception);
    *ret_result = NULL;
    return PYGEN_ERROR;
}

static int check_ready(const Await *await)
{
    if (await->running)
        PyErr_SetString(PyExc_ValueError, "coroutine already executing");
    else if (await->state == AWAIT_DONE)
        PyErr_SetString(PyExc_RuntimeError,
                        "cannot reuse already awaited coroutine");
    else
        return 0;
    return -1;
}

static PySendResult await_send(PyObject *self, PyObject *value,
                               PyObject **ret_result)
{
    Await *await = (Await *)self;
    *ret_result = NULL;
    if (check_ready(await) < 0)
        return PYGEN_ERROR;
    if (await->state == AWAIT_NEW) {
        if (value && value != Py_None) {
            PyErr_SetString(PyExc_TypeError, "can't send non-None value to a "
                            "just-started coroutine");
            return PYGEN_ERROR;
        }
        await->running = true;
        return go_on(await, await->kind->start(await, ret_result),
                     ret_result);
    }
    await->running = true;
    PyObject *given = NULL;
    PySendResult sent =
        PyIter_Send(await->iterator, value ? value : Py_None, &given);
    if (sent == PYGEN_NEXT) {
        await->running = false;
        *ret_result = given;
        return PYGEN_NEXT;
    }
    Py_CLEAR(await->iterator);
    int rc = await->kind->resume(await, given, ret_result);
    Py_XDECREF(given);
    return go_on(await, rc, ret_result);
}

static void set_stop(PyObject *result)
{
    /* A tuple would be taken for the exception's arguments. */
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    if (stop)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
}

/* As an iterator: a result is a StopIteration. */
static PyObject *as_iterator(PySendResult sent, PyObject *result)
{
    if (sent != PYGEN_RETURN)
        return result;
    set_stop(result);
    Py_DECREF(result);
    return NULL;
}

static PyObject *await_next(PyObject *self)
{
    PyObject *result;
    PySendResult sent = await_send(self, Py_None, &result);
    return as_iterator(sent, result);
}

static PyObject *await_send_method(PyObject *self, PyObject *value)
{
    PyObject *result;
    PySendResult sent = await_send(self, value, &result);
    return as_iterator(sent, result);
}

/* ── Throwing and closing ─────────────────────────────────────────────── */

/* The value of the StopIteration that is set, if it is one. */
static PyObject *take_stop(void)
{
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return NULL;
    PyObject *stop = exception_take();
    PyObject *value =
        Py_NewRef(((PyStopIterationObject *)stop)->value
                      ? ((PyStopIterationObject *)stop)->value : Py_None);
    Py_DECREF(stop);
    return value;
}

/* Throw into what is awaited. */
static PySendResult throw_into(Await *await, PyObject *exception,
                               PyObject **ret_result)
{
    await->running = true;
    PyObject *given = NULL;
    PyObject *throw = PyObject_GetAttr(await->iterator, accel_names.throw);
    if (throw) {
        given = PyObject_CallOneArg(throw, exception);
        Py_DECREF(throw);
    } else if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        exception_raise(Py_NewRef(exception));
    }
    if (given) {
        await->running = false;
        *ret_result = given;
        return PYGEN_NEXT;
    }
    if (!PyErr_Occurred())
        PyErr_SetNone(PyExc_StopIteration);
    PyObject *value = take_stop();
    Py_CLEAR(await->iterator);
    int rc = await->kind->resume(await, value, ret_result);
    Py_XDECREF(value);
    return go_on(await, rc, ret_result);
}

static PyObject *await_throw(PyObject *self, PyObject *args)
{
    PyObject *type, *value = NULL, *traceback = NULL, *result = NULL;
    Await *await = (Await *)self;
    if (!PyArg_ParseTuple(args, "O|OO:throw", &type, &value, &traceback))
        return NULL;
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
    } else if (PyExceptionClass_Check(type)) {
        PyErr_SetObject(type, value == Py_None ? NULL : value);
    } else {
        PyErr_Format(PyExc_TypeError, "exceptions must be classes or "
                     "instances deriving from BaseException, not %s",
                     Py_TYPE(type)->tp_name);
        return NULL;
    }
    PyObject *exception = exception_take();
    if (check_ready(await) < 0) {
        Py_DECREF(exception);
        return NULL;
    }
    if (await->state == AWAIT_NEW) {
        end(await);
        exception_raise(exception);
        return NULL;
    }
    PySendResult sent = throw_into(await, exception, &result);
    Py_DECREF(exception);
    return as_iterator(sent, result);
}

static int end_early(Await *await)
{
    if (await->running) {
        PyErr_SetString(PyExc_ValueError, "coroutine already executing");
        return -1;
    }
    if (await->state != AWAIT_WAITING) {
        end(await);
        return 0;
    }
    PyObject *exit = PyObject_CallNoArgs(PyExc_GeneratorExit);
    if (!exit)
        return -1;
    PyObject *result = NULL;
    PySendResult sent = throw_into(await, exit, &result);
    Py_DECREF(exit);
    Py_XDECREF(result);
    if (sent == PYGEN_NEXT) {
        PyErr_SetString(PyExc_RuntimeError,
                        "coroutine ignored GeneratorExit");
        return -1;
    }
    if (sent == PYGEN_ERROR) {
        if (!PyErr_ExceptionMatches(PyExc_GeneratorExit))
            return -1;
        PyErr_Clear();
    }
    return 0;
}

static PyObject *await_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (end_early((Await *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ── Its end ──────────────────────────────────────────────────────────── */

static void await_finalize(PyObject *self)
{
    Await *await = (Await *)self;
    if (await->state == AWAIT_DONE || await->running)
        return;
    bool failing = PyErr_Occurred();
    PyObject *before = failing ? exception_take() : NULL;
    if (await->state == AWAIT_NEW &&
        PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                         "coroutine '%.50s' was never awaited",
                         await->kind->name) < 0)
        PyErr_WriteUnraisable(self);
    if (end_early(await) < 0)
        PyErr_WriteUnraisable(self);
    if (failing)
        exception_raise(before);
}

static int await_traverse(PyObject *self, visitproc visit, void *arg)
{
    Await *await = (Await *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(await->owner);
    Py_VISIT(await->item);
    Py_VISIT(await->waits_for);
    Py_VISIT(await->iterator);
    return 0;
}

static int await_clear(PyObject *self)
{
    end((Await *)self);
    return 0;
}

static void await_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    bool ended = ((Await *)self)->state == AWAIT_DONE;
    if (!ended && PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    end((Await *)self);
    if (ended && kept_len < KEPT_MAX && !PyObject_GC_IsFinalized(self))
        kept[kept_len++] = self;
    else
        type->tp_free(self);
    Py_DECREF(type);
}

PyObject *await_new(const AwaitKind *kind, PyObject *owner, PyObject *item)
{
    Await *await;
    if (kept_len > 0) {
        await = (Await *)PyObject_Init(kept[--kept_len], Await_Type);
    } else {
        await = PyObject_GC_New(Await, Await_Type);
        if (!await)
            return NULL;
    }
    await->kind = kind;
    await->owner = Py_NewRef(owner);
    await->item = Py_XNewRef(item);
    await->waits_for = NULL;
    await->iterator = NULL;
    await->state = AWAIT_NEW;
    await->running = false;
    PyObject_GC_Track((PyObject *)await);
    return (PyObject *)await;
}

/* ── The type ─────────────────────────────────────────────────────────── */

static PyObject *get_name(PyObject *self, void *unused)
{
    (void)unused;
    const char *name = ((Await *)self)->kind->name;
    const char *dot = strrchr(name, '.');
    return PyUnicode_FromString(dot ? dot + 1 : name);
}

static PyObject *get_qualname(PyObject *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(((Await *)self)->kind->name);
}

static PyObject *get_awaited(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *iterator = ((Await *)self)->iterator;
    return Py_NewRef(iterator ? iterator : Py_None);
}

static PyObject *get_suspended(PyObject *self, void *unused)
{
    (void)unused;
    Await *await = (Await *)self;
    return PyBool_FromLong(await->state == AWAIT_WAITING && !await->running);
}

/* It has no frame and no code. */
static PyObject *get_none(PyObject *self, void *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

static PyObject *await_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<coroutine object %s at %p>",
                                ((Await *)self)->kind->name, self);
}

static PyMethodDef methods[] = {
    {"send", await_send_method, METH_O, "Go on."},
    {"throw", await_throw, METH_VARARGS, "Go on with an exception."},
    {"close", await_close, METH_NOARGS, "End it."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"cr_running", T_BOOL, offsetof(Await, running), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"__name__", get_name, NULL, NULL, NULL},
    {"__qualname__", get_qualname, NULL, NULL, NULL},
    {"cr_await", get_awaited, NULL, NULL, NULL},
    {"cr_code", get_none, NULL, NULL, NULL},
    {"cr_frame", get_none, NULL, NULL, NULL},
    {"cr_origin", get_none, NULL, NULL, NULL},
    {"cr_suspended", get_suspended, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, await_dealloc},   {Py_tp_traverse, await_traverse},
    {Py_tp_clear, await_clear},       {Py_tp_finalize, await_finalize},
    {Py_tp_methods, methods},         {Py_tp_members, members},
    {Py_tp_getset, getters},          {Py_tp_repr, await_repr},
    {Py_tp_iter, PyObject_SelfIter},  {Py_tp_iternext, await_next},
    {Py_am_await, PyObject_SelfIter}, {Py_am_send, await_send},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "bide._core.Await",
    .basicsize = sizeof(Await),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int await_init_type(PyObject *module)
{
    Await_Type = (PyTypeObject *)PyType_FromSpec(&spec);
    return Await_Type ? PyModule_AddObjectRef(module, "Await",
                                              (PyObject *)Await_Type)
                      : -1;
}

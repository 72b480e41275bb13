/* SPDX-License-Identifier: MIT */
/*
 * accel_gather.c — gather(), and the set of all tasks.
 *
 * gather() makes one object, a Gather, which is the callback of all children,
 * and asyncio's own future on the outside. That a coroutine was given twice is
 * found by a dictionary, but not asked where nobody else has a reference to it.
 *
 * asyncio enters each task into a WeakSet, in Python; task_set_add() and
 * task_set_remove() do the same on the same object.
 */
#include "accel.h"

static PyTypeObject *Gather_Type;

typedef struct {
    PyObject_HEAD
    PyObject *children; /* a list */
    PyObject *outer;    /* NULL until all children are known */
    Py_ssize_t expected, finished;
    bool keep_exceptions;
} Gather;

/* ── When a child is done ─────────────────────────────────────────────── */

/* Set the exception of the outer future; takes the reference. */
static int fail_outer(Gather *gather, PyObject *exception)
{
    PyObject *result = exception
                           ? PyObject_CallMethodOneArg(
                                 gather->outer, names.set_exception, exception)
                           : NULL;
    Py_XDECREF(exception);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *cancelled_error(PyObject *future)
{
    return PyObject_CallMethodNoArgs(future,
                                     accel_names._make_cancelled_error);
}

/* A cancellation that is one of the results. */
static PyObject *cancelled_result(PyObject *future)
{
    PyObject *message =
        PyObject_GetAttr(future, accel_names._cancel_message);
    if (message == Py_None)
        Py_SETREF(message, PyUnicode_New(0, 0));
    PyObject *error =
        message ? PyObject_CallOneArg(accel_imports.cancelled_error, message)
                : NULL;
    Py_XDECREF(message);
    return error;
}

static PyObject *result_of(PyObject *future)
{
    int cancelled = future_is_cancelled(future);
    if (cancelled)
        return cancelled < 0 ? NULL : cancelled_result(future);
    PyObject *result = future_exception(future);
    if (result == Py_None)
        Py_SETREF(result, future_result(future));
    return result;
}

static int finish_all(Gather *gather)
{
    Py_ssize_t count = PyList_GET_SIZE(gather->children);
    PyObject *results = PyList_New(count);
    for (Py_ssize_t i = 0; results && i < count; i++) {
        PyObject *result = result_of(PyList_GET_ITEM(gather->children, i));
        if (result)
            PyList_SET_ITEM(results, i, result);
        else
            Py_CLEAR(results);
    }
    if (!results)
        return -1;
    PyObject *asked =
        PyObject_GetAttr(gather->outer, accel_names._cancel_requested);
    int truth = asked ? PyObject_IsTrue(asked) : -1;
    Py_XDECREF(asked);
    int rc = -1;
    if (truth > 0)
        rc = fail_outer(gather, cancelled_error(PyList_GET_ITEM(
                                    gather->children, count - 1)));
    else if (truth == 0)
        rc = future_finish(gather->outer, results);
    Py_DECREF(results);
    return rc;
}

/* Nobody asks any more: an exception is not reported as never retrieved. */
static int mark_retrieved(PyObject *future)
{
    int cancelled = future_is_cancelled(future);
    if (cancelled)
        return cancelled < 0 ? -1 : 0;
    PyObject *exception = future_exception(future);
    Py_XDECREF(exception);
    return exception ? 0 : -1;
}

static int child_done(Gather *gather, PyObject *future)
{
    gather->finished++;
    int done = gather->outer ? future_is_done(gather->outer) : 1;
    if (done)
        return done < 0 ? -1 : mark_retrieved(future);
    if (!gather->keep_exceptions) {
        int cancelled = future_is_cancelled(future);
        if (cancelled)
            return cancelled < 0
                       ? -1 : fail_outer(gather, cancelled_error(future));
        PyObject *exception = future_exception(future);
        if (exception != Py_None)
            return exception ? fail_outer(gather, exception) : -1;
        Py_DECREF(exception);
    }
    return gather->finished == gather->expected ? finish_all(gather) : 0;
}

static PyObject *gather_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    (void)kwargs;
    PyObject *future;
    if (!PyArg_UnpackTuple(args, "gather", 1, 1, &future) ||
        child_done((Gather *)self, future) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ── Its children ─────────────────────────────────────────────────────── */

/* A future is returned as it is; what else can be awaited becomes a task. */
static PyObject *ensure_future(PyObject *item, PyObject *loop)
{
    if (PyCoro_CheckExact(item) && loop != Py_None)
        return PyObject_CallMethodOneArg(loop, accel_names.create_task, item);
    PyObject *args[] = {item, loop};
    return PyObject_Vectorcall(accel_imports.ensure_future, args, 1,
                               loop_keyword);
}

/* Ours where it is a future that we made of an item. */
static int add_child(Gather *gather, PyObject *future, bool ours,
                     PyObject *done_already)
{
    if (ours && PyObject_SetAttr(future, accel_names._log_destroy_pending,
                                 Py_False) < 0)
        return -1;
    gather->expected++;
#if PY_VERSION_HEX >= 0x030c0000
    int done = future_is_done(future);
    if (done)
        return done < 0 ? -1 : PyList_Append(done_already, future);
#else
    (void)done_already;
#endif
    PyObject *result = PyObject_CallMethodOneArg(
        future, accel_names.add_done_callback, (PyObject *)gather);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *loop_of(PyObject *future)
{
    return PyObject_CallOneArg(accel_imports.get_loop, future);
}

/* The future of an item, new or known. */
static PyObject *child_of(Gather *gather, PyObject *item, PyObject *known,
                          PyObject *done_already, PyObject **loop)
{
    bool single = PyCoro_CheckExact(item) && Py_REFCNT(item) == 1;
    PyObject *future = NULL;
    if (!single) {
        future = PyDict_GetItemWithError(known, item);
        if (future || PyErr_Occurred())
            return Py_XNewRef(future);
    }
    future = ensure_future(item, *loop);
    if (!future)
        return NULL;
    if (*loop == Py_None) {
        PyObject *of_future = loop_of(future);
        if (!of_future)
            goto failed;
        Py_SETREF(*loop, of_future);
    }
    if ((!single && PyDict_SetItem(known, item, future) < 0) ||
        add_child(gather, future, future != item, done_already) < 0)
        goto failed;
    return future;
failed:
    Py_DECREF(future);
    return NULL;
}

/* The collector waits until all tasks are made: there is nothing to collect,
 * and it would go through those that are there over and over. */
static int add_children(Gather *gather, PyObject *items,
                        PyObject *done_already, PyObject **loop)
{
    PyObject *known = PyDict_New();
    int rc = known ? 0 : -1;
    int collecting = PyGC_Disable();
    for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(items); i++) {
        PyObject *future = child_of(gather, PyTuple_GET_ITEM(items, i), known,
                                    done_already, loop);
        rc = future ? PyList_Append(gather->children, future) : -1;
        Py_XDECREF(future);
    }
    if (collecting)
        PyGC_Enable();
    Py_XDECREF(known);
    return rc;
}

static int make_outer(Gather *gather, PyObject *loop)
{
    PyObject *type = PyDict_GetItemWithError(imports.tasks,
                                             accel_names._GatheringFuture);
    PyObject *args[] = {gather->children, loop};
    gather->outer =
        type ? PyObject_Vectorcall(type, args, 1, loop_keyword) : NULL;
    return gather->outer ? 0 : -1;
}

/* gather(items, return_exceptions), of at least one item. */
static PyObject *accel_gather(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *items;
    int keep;
    if (!PyArg_ParseTuple(args, "O!p", &PyTuple_Type, &items, &keep))
        return NULL;
    Gather *gather = (Gather *)Gather_Type->tp_alloc(Gather_Type, 0);
    PyObject *done_already = PyList_New(0);
    PyObject *loop = PyObject_CallNoArgs(accel_imports.get_running_loop);
    PyObject *outer = NULL;
    if (!gather || !done_already || !loop)
        goto end;
    /* The loop of the first item counts if that is a future. */
    if (loop != Py_None && PyTuple_GET_SIZE(items) > 0 &&
        !PyCoro_CheckExact(PyTuple_GET_ITEM(items, 0)))
        Py_SETREF(loop, Py_NewRef(Py_None));
    gather->keep_exceptions = keep;
    gather->children = PyList_New(0);
    if (!gather->children ||
        add_children(gather, items, done_already, &loop) < 0 ||
        make_outer(gather, loop) < 0)
        goto end;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(done_already); i++)
        if (child_done(gather, PyList_GET_ITEM(done_already, i)) < 0)
            goto end;
    outer = Py_NewRef(gather->outer);
end:
    Py_XDECREF(loop);
    Py_XDECREF(done_already);
    Py_XDECREF((PyObject *)gather);
    return outer;
}

/* ── The set of all tasks ─────────────────────────────────────────────── */

/* Add a task to a set of weak references: (set, callback), bound to which the
 * function is. */
static PyObject *accel_task_set_add(PyObject *set_and_callback, PyObject *task)
{
    PyObject *reference = PyWeakref_NewRef(
        task, PyTuple_GET_ITEM(set_and_callback, 1));
    int rc = reference ? PySet_Add(PyTuple_GET_ITEM(set_and_callback, 0),
                                   reference)
                       : -1;
    Py_XDECREF(reference);
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* A task is no more: (WeakSet, its set). Who iterates over the set has the
 * removal wait, as the WeakSet has it itself. */
static PyObject *accel_task_set_remove(PyObject *both, PyObject *reference)
{
    PyObject *weak_set = PyTuple_GET_ITEM(both, 0);
    PyObject *iterating = PyObject_GetAttr(weak_set, accel_names._iterating);
    int busy = iterating ? PyObject_IsTrue(iterating) : -1;
    Py_XDECREF(iterating);
    if (busy == 0) {
        if (PySet_Discard(PyTuple_GET_ITEM(both, 1), reference) < 0)
            return NULL;
        Py_RETURN_NONE;
    }
    PyObject *pending =
        busy < 0 ? NULL
                 : PyObject_GetAttr(weak_set, accel_names._pending_removals);
    int rc = pending ? PyList_Append(pending, reference) : -1;
    Py_XDECREF(pending);
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *make_task_set(PyObject *module, PyObject *weak_set)
{
    (void)module;
    static PyMethodDef add = {"add", accel_task_set_add, METH_O, NULL};
    static PyMethodDef remove = {"_remove", accel_task_set_remove, METH_O,
                                 NULL};
    PyObject *set = PyObject_GetAttr(weak_set, accel_names.data);
    PyObject *made = NULL;
    if (set && PyAnySet_Check(set)) {
        PyObject *both = PyTuple_Pack(2, weak_set, set);
        PyObject *callback = both ? PyCFunction_New(&remove, both) : NULL;
        PyObject *state = callback ? PyTuple_Pack(2, set, callback) : NULL;
        made = state ? PyCFunction_New(&add, state) : NULL;
        Py_XDECREF(state);
        Py_XDECREF(callback);
        Py_XDECREF(both);
    } else if (set) {
        PyErr_SetString(PyExc_TypeError, "not a set of weak references");
    }
    Py_XDECREF(set);
    return made;
}

/* ── The type ─────────────────────────────────────────────────────────── */

static int gather_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Gather *)self)->children);
    Py_VISIT(((Gather *)self)->outer);
    return 0;
}

static int gather_clear(PyObject *self)
{
    Py_CLEAR(((Gather *)self)->children);
    Py_CLEAR(((Gather *)self)->outer);
    return 0;
}

static void gather_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    gather_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *gather_repr(PyObject *self)
{
    Gather *gather = (Gather *)self;
    return PyUnicode_FromFormat("<gather, %zd of %zd done>", gather->finished,
                                gather->expected);
}

static PyType_Slot slots[] = {
    {Py_tp_dealloc, gather_dealloc}, {Py_tp_traverse, gather_traverse},
    {Py_tp_clear, gather_clear},     {Py_tp_call, gather_call},
    {Py_tp_repr, gather_repr},       {0, NULL},
};

static PyType_Spec spec = {
    .name = "bide._core.Gather",
    .basicsize = sizeof(Gather),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

static PyMethodDef functions[] = {
    {"gather", accel_gather, METH_VARARGS, "See asyncio.gather()."},
    {"make_task_set", make_task_set, METH_O,
     "The add() of a WeakSet of tasks."},
    {NULL, NULL, 0, NULL},
};

int gather_init_type(PyObject *module)
{
    Gather_Type = (PyTypeObject *)PyType_FromSpec(&spec);
    return Gather_Type ? PyModule_AddFunctions(module, functions) : -1;
}

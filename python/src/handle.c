/* SPDX-License-Identifier: MIT */
/*
 * handle.c — Handle and TimerHandle: a callback that a loop will call.
 *
 * They are asyncio's classes with another way to be made, run and cancelled:
 * repr(), comparison and everything else is inherited, and so is their memory,
 * which is why an asyncio.Handle itself can be run by handle_run(), too.
 *
 * Hundreds of thousands may wait, and each collection would walk them all. So
 * a handle that its loop owns is not tracked by the garbage collector: the
 * loop's traversal looks through it. It is tracked from when the loop lets it
 * go, if somebody else has it then.
 */
#include "core.h"

#include <structmember.h>
#include <time.h>

PyTypeObject *Handle_Type, *Timer_Type;

/* ── Making ───────────────────────────────────────────────────────────── */

/* In debug mode: where it was made. NULL: an exception is set. */
static PyObject *traceback_now(void)
{
    PyObject *frame = (PyObject *)PyEval_GetFrame(); /* borrowed */
    if (!frame)
        Py_RETURN_NONE;
    return PyObject_CallOneArg(imports.extract_stack, frame);
}

static PyObject *pack(PyObject *const *args, Py_ssize_t count)
{
    if (count == 0)
        return Py_NewRef(empty_tuple);
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple && i < count; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    return tuple;
}

/* Fill the slots of asyncio.Handle. */
static int fill(HandleObject *handle, LoopObject *loop, PyObject *callback,
                PyObject *const *args, Py_ssize_t count, PyObject *context)
{
    handle->cancelled = Py_NewRef(Py_False);
    handle->repr = Py_NewRef(Py_None);
    handle->loop = Py_NewRef((PyObject *)loop);
    handle->callback = Py_NewRef(callback);
    handle->args = pack(args, count);
    if (!handle->args)
        return -1;
    handle->context = context && context != Py_None ? Py_NewRef(context)
                                                    : PyContext_CopyCurrent();
    if (!handle->context)
        return -1;
    handle->source_traceback =
        loop->debug ? traceback_now() : Py_NewRef(Py_None);
    return handle->source_traceback ? 0 : -1;
}

HandleObject *handle_new(LoopObject *loop, PyObject *callback,
                         PyObject *const *args, Py_ssize_t count,
                         PyObject *context)
{
    HandleObject *handle = (HandleObject *)Handle_Type->tp_alloc(Handle_Type,
                                                                 0);
    if (handle)
        PyObject_GC_UnTrack(handle);
    if (handle && fill(handle, loop, callback, args, count, context) < 0)
        Py_CLEAR(handle);
    return handle;
}

TimerObject *timer_new(LoopObject *loop, PyObject *when, PyObject *callback,
                       PyObject *const *args, Py_ssize_t count,
                       PyObject *context)
{
    TimerObject *timer = (TimerObject *)Timer_Type->tp_alloc(Timer_Type, 0);
    if (!timer)
        return NULL;
    PyObject_GC_UnTrack(timer);
    link_init(&timer->link);
    timer->timer.fire = timer_fire;
    timer->when = Py_NewRef(when);
    timer->scheduled = Py_NewRef(Py_False);
    if (fill(&timer->handle, loop, callback, args, count, context) < 0)
        Py_CLEAR(timer);
    return timer;
}

/* ── Running ──────────────────────────────────────────────────────────── */

/* An exception came out of the callback. */
static int failed(HandleObject *handle)
{
    if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
        PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        return -1;
    PyObject *exception = exception_take();
    PyObject *result = PyObject_CallFunctionObjArgs(imports.report, handle,
                                                    exception, NULL);
    Py_XDECREF(result);
    Py_DECREF(exception);
    return result ? 0 : -1;
}

static int run_plain(HandleObject *handle)
{
    /* cancel() may drop them while they run. */
    PyObject *callback = Py_NewRef(handle->callback);
    PyObject *args = Py_NewRef(handle->args);
    PyObject *context = Py_NewRef(handle->context);
    PyObject *result = NULL;
    if (PyContext_Enter(context) == 0) {
        result = PyObject_Vectorcall(callback,
                                     &PyTuple_GET_ITEM(args, 0),
                                     (size_t)PyTuple_GET_SIZE(args), NULL);
        if (PyContext_Exit(context) < 0)
            Py_CLEAR(result);
    }
    Py_DECREF(callback);
    Py_DECREF(args);
    Py_DECREF(context);
    if (!result)
        return failed(handle);
    Py_DECREF(result);
    return 0;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* In debug mode: say which handle runs, and complain of a slow one. */
static int run_watched(LoopObject *loop, HandleObject *handle)
{
    Py_XSETREF(loop->current_handle, Py_NewRef((PyObject *)handle));
    double start = seconds_now();
    int rc = run_plain(handle);
    double seconds = seconds_now() - start;
    if (rc == 0 && seconds >= loop->slow_callback_duration) {
        PyObject *result = PyObject_CallFunction(imports.slow, "Od", handle,
                                                 seconds);
        rc = result ? 0 : -1;
        Py_XDECREF(result);
    }
    Py_XSETREF(loop->current_handle, Py_NewRef(Py_None));
    return rc;
}

int handle_run(LoopObject *loop, HandleObject *handle)
{
    if (handle->cancelled != Py_False)
        return 0;
    return loop->debug ? run_watched(loop, handle) : run_plain(handle);
}

static PyObject *handle_run_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (run_plain((HandleObject *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ── Cancelling ───────────────────────────────────────────────────────── */

static int cancel(HandleObject *handle)
{
    if (handle->cancelled == Py_True)
        return 0;
    Py_SETREF(handle->cancelled, Py_NewRef(Py_True));
    if (PyObject_TypeCheck(handle->loop, Loop_Type) &&
        ((LoopObject *)handle->loop)->debug) {
        PyObject *text = PyObject_Repr((PyObject *)handle);
        if (!text)
            return -1;
        Py_XSETREF(handle->repr, text);
    }
    Py_XSETREF(handle->callback, Py_NewRef(Py_None));
    Py_XSETREF(handle->args, Py_NewRef(Py_None));
    return 0;
}

static PyObject *handle_cancel(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (cancel((HandleObject *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *timer_cancel(PyObject *self, PyObject *unused)
{
    (void)unused;
    TimerObject *timer = (TimerObject *)self;
    Py_INCREF(self); /* the loop's reference may be the last */
    if (timer->link.next != &timer->link) {
        LoopObject *loop = (LoopObject *)timer->handle.loop;
        if (loop->engine && timer->timer.place)
            bide_engine_timer_clear(loop->engine, &timer->timer);
        link_remove(&timer->link);
        Py_SETREF(timer->scheduled, Py_NewRef(Py_False));
        handle_let_go(self);
    }
    int rc = cancel(&timer->handle);
    Py_DECREF(self);
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ── The types ────────────────────────────────────────────────────────── */

static int handle_traverse(PyObject *self, visitproc visit, void *arg)
{
    HandleObject *handle = (HandleObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(handle->args);
    Py_VISIT(handle->callback);
    Py_VISIT(handle->context);
    Py_VISIT(handle->loop);
    Py_VISIT(handle->source_traceback);
    return 0;
}

int handle_visit(PyObject *handle, visitproc visit, void *arg)
{
    if (PyObject_GC_IsTracked(handle))
        Py_VISIT(handle);
    else if (Py_REFCNT(handle) == 1) /* what it refers to is the loop's */
        return handle_traverse(handle, visit, arg);
    return 0;
}

static int handle_clear(PyObject *self)
{
    HandleObject *handle = (HandleObject *)self;
    Py_CLEAR(handle->args);
    Py_CLEAR(handle->callback);
    Py_CLEAR(handle->cancelled);
    Py_CLEAR(handle->context);
    Py_CLEAR(handle->loop);
    Py_CLEAR(handle->repr);
    Py_CLEAR(handle->source_traceback);
    return 0;
}

static void clear_weakrefs(PyObject *self)
{
#if PY_VERSION_HEX < 0x030c0000
    if (!((HandleObject *)self)->weakrefs)
        return;
#endif
    PyObject_ClearWeakRefs(self);
}

static void handle_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, handle_dealloc)
    clear_weakrefs(self);
    handle_clear(self);
    if (PyType_IsSubtype(type, Timer_Type)) {
        Py_CLEAR(((TimerObject *)self)->when);
        Py_CLEAR(((TimerObject *)self)->scheduled);
    }
    type->tp_free(self);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

static PyMethodDef handle_methods[] = {
    {"cancel", handle_cancel, METH_NOARGS, "Do not call it."},
    {"_run", handle_run_method, METH_NOARGS, "Call it."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef timer_methods[] = {
    {"cancel", timer_cancel, METH_NOARGS, "Do not call it."},
    {"_run", handle_run_method, METH_NOARGS, "Call it."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject *make(PyObject *module, const char *name, int size,
                          PyMethodDef *methods, PyObject *base)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, handle_dealloc}, {Py_tp_traverse, handle_traverse},
        {Py_tp_clear, handle_clear},     {Py_tp_methods, methods},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = name,
        .basicsize = size,
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpecWithBases(&spec, base);
    if (type && PyModule_AddObjectRef(module, strrchr(name, '.') + 1, type) < 0)
        Py_CLEAR(type);
    return (PyTypeObject *)type;
}

/* The offset of a slot must be what our struct says. */
static int check_slot(PyObject *type, const char *name, size_t offset)
{
    PyObject *member = PyObject_GetAttrString(type, name);
    if (!member)
        return -1;
    bool same = Py_IS_TYPE(member, &PyMemberDescr_Type) &&
                ((PyMemberDescrObject *)member)->d_member->offset ==
                    (Py_ssize_t)offset;
    Py_DECREF(member);
    if (same)
        return 0;
    PyErr_Format(PyExc_ImportError, "this Python's %s.%s lies elsewhere than "
                 "bide expects; bide needs CPython 3.11 to 3.14",
                 ((PyTypeObject *)type)->tp_name, name);
    return -1;
}

static int check_layout(void)
{
    static const struct {
        const char *name;
        size_t offset;
    } slots[] = {
        {"_args", offsetof(HandleObject, args)},
        {"_callback", offsetof(HandleObject, callback)},
        {"_cancelled", offsetof(HandleObject, cancelled)},
        {"_context", offsetof(HandleObject, context)},
        {"_loop", offsetof(HandleObject, loop)},
        {"_repr", offsetof(HandleObject, repr)},
        {"_source_traceback", offsetof(HandleObject, source_traceback)},
        {"_scheduled", offsetof(TimerObject, scheduled)},
        {"_when", offsetof(TimerObject, when)},
    };
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (check_slot(imports.timer_type, slots[i].name,
                       slots[i].offset) < 0)
            return -1;
    PyTypeObject *base = (PyTypeObject *)imports.timer_type;
#if PY_VERSION_HEX < 0x030c0000
    bool same = base->tp_weaklistoffset == offsetof(HandleObject, weakrefs);
#else
    bool same = base->tp_flags & Py_TPFLAGS_MANAGED_WEAKREF;
#endif
    if (same && base->tp_basicsize == offsetof(TimerObject, link))
        return 0;
    PyErr_SetString(PyExc_ImportError, "this Python's asyncio.TimerHandle is "
                    "not laid out as bide expects");
    return -1;
}

int handle_init_types(PyObject *module)
{
    if (check_layout() < 0)
        return -1;
    Handle_Type = make(module, "bide._core.Handle", sizeof(HandleObject),
                       handle_methods, imports.handle_type);
    if (Handle_Type)
        Timer_Type = make(module, "bide._core.TimerHandle",
                          sizeof(TimerObject), timer_methods,
                          imports.timer_type);
    return Timer_Type ? 0 : -1;
}

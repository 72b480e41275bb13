/* SPDX-License-Identifier: MIT */
/*
 * loop.c — the loop: its state, its life and its type.
 *
 * bide.Loop derives from this type first and from asyncio's own loop second:
 * what is not here, policy that runs seldom, is asyncio's code. The members
 * that this code reads (_stopping, _debug, _closed, _thread_id …) are members
 * of our struct under the same names.
 */
#include "core.h"

#include <structmember.h>

PyTypeObject *Loop_Type;

/* ── Futures and tasks ────────────────────────────────────────────────── */

static PyObject *loop_create_future(PyObject *self, PyObject *unused)
{
    (void)unused;
    return future_new((LoopObject *)self);
}

/* asyncio's own code does it where a factory or debug mode asks for more
 * than making the task. */
static PyObject *loop_create_task(PyObject *self, PyObject *const *args,
                                  Py_ssize_t count, PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)self;
    Py_ssize_t keywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    if (count != 1 || keywords > 4 || loop->debug || loop->closed ||
        loop->task_factory != Py_None) {
        PyObject *slow = PyObject_GetAttr(self, names._create_task_slowly);
        PyObject *task =
            slow ? PyObject_Vectorcall(slow, args, (size_t)count, kwnames)
                 : NULL;
        Py_XDECREF(slow);
        return task;
    }
    PyObject *values[6] = {args[0], self};
    PyObject *type = task_type();
    PyObject *all = type ? PyTuple_New(keywords + 1) : NULL;
    if (!all)
        return NULL;
    PyTuple_SET_ITEM(all, 0, Py_NewRef(names.loop));
    for (Py_ssize_t i = 0; i < keywords; i++) {
        values[i + 2] = args[i + 1];
        PyTuple_SET_ITEM(all, i + 1,
                         Py_NewRef(PyTuple_GET_ITEM(kwnames, i)));
    }
    PyObject *task = PyObject_Vectorcall(type, values, 1, all);
    Py_DECREF(all);
    return task;
}

/* ── State ────────────────────────────────────────────────────────────── */

static PyObject *loop_get_debug(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((LoopObject *)self)->debug);
}

static PyObject *loop_is_running(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((LoopObject *)self)->thread_id != Py_None);
}

static PyObject *loop_is_closed(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((LoopObject *)self)->closed);
}

static PyObject *loop_check_closed(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (loop_check_open((LoopObject *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *loop_run_once(PyObject *self, PyObject *unused)
{
    (void)unused;
    return drive_run((LoopObject *)self);
}

/* ── For who writes a _run_once() of his own ──────────────────────────── */

static PyObject *loop_poll(PyObject *self, PyObject *timeout)
{
    int64_t ns = BIDE_FOREVER;
    if (timeout != Py_None) {
        double seconds = PyFloat_AsDouble(timeout);
        if (seconds == -1.0 && PyErr_Occurred())
            return NULL;
        if (seconds < 9e9)
            ns = seconds > 0 ? (int64_t)(seconds * 1e9) : 0;
    }
    return drive_poll((LoopObject *)self, ns);
}

static PyObject *loop_count_ready(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(((LoopObject *)self)->ready.len);
}

static PyObject *loop_pop_ready(PyObject *self, PyObject *unused)
{
    (void)unused;
    LoopObject *loop = (LoopObject *)self;
    if (loop->ready.len > 0) {
        PyObject *handle = queue_pop(&loop->ready);
        if (!PyObject_GC_IsTracked(handle))
            PyObject_GC_Track(handle);
        return handle;
    }
    PyErr_SetString(PyExc_IndexError, "nothing is ready");
    return NULL;
}

static PyObject *loop_close_core(PyObject *self, PyObject *unused)
{
    (void)unused;
    loop_release((LoopObject *)self);
    Py_RETURN_NONE;
}

static PyObject *loop_settle(PyObject *self, PyObject *unused)
{
    (void)unused;
    drive_settle((LoopObject *)self);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *loop_backend(PyObject *self, void *unused)
{
    (void)unused;
    LoopObject *loop = (LoopObject *)self;
    if (!loop->engine)
        Py_RETURN_NONE;
    return PyUnicode_FromString(bide_engine_backend(loop->engine));
}

/* ── Readers and writers ──────────────────────────────────────────────── */

static PyObject *add_watch(PyObject *self, PyObject *const *args,
                           Py_ssize_t count, int side, const char *name)
{
    LoopObject *loop = (LoopObject *)self;
    if (loop_check_count(name, count, 2) < 0 || loop_check_open(loop) < 0)
        return NULL;
    int fd = PyObject_AsFileDescriptor(args[0]);
    if (fd < 0)
        return NULL;
    HandleObject *handle =
        handle_new(loop, args[1], args + 2, count - 2, NULL);
    if (!handle ||
        watch_set(loop, fd, side, Py_NewRef((PyObject *)handle)) < 0)
        Py_CLEAR(handle);
    else
        PyObject_GC_Track(handle); /* the watch has it, too */
    return (PyObject *)handle;
}

static PyObject *remove_watch(PyObject *self, PyObject *file, int side)
{
    LoopObject *loop = (LoopObject *)self;
    if (loop->closed)
        Py_RETURN_FALSE;
    int fd = PyObject_AsFileDescriptor(file);
    if (fd < 0)
        return NULL;
    int rc = watch_clear(loop, fd, side);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}

static PyObject *loop_add_reader(PyObject *self, PyObject *const *args,
                                 Py_ssize_t count)
{
    return add_watch(self, args, count, READER, "add_reader");
}

static PyObject *loop_add_writer(PyObject *self, PyObject *const *args,
                                 Py_ssize_t count)
{
    return add_watch(self, args, count, WRITER, "add_writer");
}

static PyObject *loop_remove_reader(PyObject *self, PyObject *file)
{
    return remove_watch(self, file, READER);
}

static PyObject *loop_remove_writer(PyObject *self, PyObject *file)
{
    return remove_watch(self, file, WRITER);
}

static PyObject *loop_watched(PyObject *self, PyObject *args)
{
    int fd, side;
    if (!PyArg_ParseTuple(args, "ii:_watched", &fd, &side))
        return NULL;
    return PyBool_FromLong(watch_has((LoopObject *)self, fd, side));
}

static PyObject *loop_refuse(PyObject *self, PyObject *number)
{
    int fd = PyObject_AsFileDescriptor(number);
    if (fd < 0 || loop_refuse_stream((LoopObject *)self, fd) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* _open_stream(fd, protocol, waiter) */
static PyObject *loop_open_stream(PyObject *self, PyObject *args)
{
    int fd;
    PyObject *protocol, *waiter;
    if (!PyArg_ParseTuple(args, "iOO:_open_stream", &fd, &protocol, &waiter))
        return NULL;
    return stream_open((LoopObject *)self, fd, protocol, Py_None, waiter);
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static PyObject *loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    LoopObject *loop = (LoopObject *)type->tp_alloc(type, 0);
    if (!loop)
        return NULL;
    link_init(&loop->timers);
    link_init(&loop->sources);
    link_init(&loop->unflushed);
    loop->thread_id = Py_NewRef(Py_None);
    loop->task_factory = Py_NewRef(Py_None);
    loop->current_handle = Py_NewRef(Py_None);
    return (PyObject *)loop;
}

static void drop_timers(LoopObject *loop)
{
    while (loop->timers.next != &loop->timers) {
        TimerObject *timer =
            CONTAINER(loop->timers.next, TimerObject, link);
        if (loop->engine && timer->timer.place)
            bide_engine_timer_clear(loop->engine, &timer->timer);
        link_remove(&timer->link);
        handle_let_go((PyObject *)timer);
    }
}

void loop_release(LoopObject *loop)
{
    drop_timers(loop);
    drive_close(loop);
    while (loop->sources.next != &loop->sources) {
        Source *source = CONTAINER(loop->sources.next, Source, link);
        link_remove(&source->link);
        source->drop(source);
    }
    while (loop->ready.len > 0)
        handle_let_go(queue_pop(&loop->ready));
}

static int traverse_handles(LoopObject *loop, visitproc visit, void *arg)
{
    const Queue *ready = &loop->ready;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ready->len; i++)
        rc = handle_visit(ready->items[(ready->first + i) & (ready->room - 1)],
                          visit, arg);
    for (Link *link = loop->timers.next; rc == 0 && link != &loop->timers;
         link = link->next)
        rc = handle_visit((PyObject *)CONTAINER(link, TimerObject, link),
                          visit, arg);
    return rc;
}

static int loop_traverse(PyObject *self, visitproc visit, void *arg)
{
    LoopObject *loop = (LoopObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(loop->dict);
    Py_VISIT(loop->task_factory);
    Py_VISIT(loop->current_handle);
    Py_VISIT(loop->transports);
    Py_VISIT(loop->stream_type);
    Py_VISIT(loop->failure);
    int rc = traverse_handles(loop, visit, arg);
    for (Link *link = loop->sources.next; rc == 0 && link != &loop->sources;
         link = link->next) {
        Source *source = CONTAINER(link, Source, link);
        rc = source->traverse(source, visit, arg);
    }
    return rc;
}

static int loop_clear(PyObject *self)
{
    LoopObject *loop = (LoopObject *)self;
    loop_release(loop);
    Py_CLEAR(loop->dict);
    Py_CLEAR(loop->task_factory);
    Py_CLEAR(loop->current_handle);
    Py_CLEAR(loop->transports);
    Py_CLEAR(loop->stream_type);
    Py_CLEAR(loop->thread_id);
    Py_CLEAR(loop->failure);
    return 0;
}

static void loop_dealloc(PyObject *self)
{
    LoopObject *loop = (LoopObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    if (loop->weakrefs)
        PyObject_ClearWeakRefs(self);
    loop_clear(self);
    PyMem_Free(loop->ready.items);
    PyMem_Free(loop->watches);
    PyMem_Free(loop->streams);
    PyMem_Free(loop->scratch);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ── The type ─────────────────────────────────────────────────────────── */

#define FAST(name, function, doc)                                             \
    {name, (PyCFunction)(void (*)(void))function,                             \
     METH_FASTCALL | METH_KEYWORDS, doc}
#define FAST_PLAIN(name, function, doc)                                       \
    {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, doc}

static PyMethodDef methods[] = {
    FAST("call_soon", loop_call_soon, "Call in the next turn."),
    FAST("call_soon_threadsafe", loop_call_soon_threadsafe,
         "The same, from any thread."),
    FAST("call_later", loop_call_later, "Call after a delay in seconds."),
    FAST("call_at", loop_call_at, "Call at a time of loop.time()."),
    FAST("create_task", loop_create_task, "Run a coroutine as a task."),
#define X(name) FAST("sock_" #name, loop_sock_##name, NULL),
    SOCK_METHODS(X)
#undef X
    FAST_PLAIN("_add_reader", loop_add_reader, "Without asyncio's checks."),
    FAST_PLAIN("_add_writer", loop_add_writer, "Without asyncio's checks."),
    {"create_future", loop_create_future, METH_NOARGS, "A future."},
    {"time", loop_time, METH_NOARGS, "Seconds of the monotonic clock."},
    {"get_debug", loop_get_debug, METH_NOARGS, "Whether debug mode is on."},
    {"is_running", loop_is_running, METH_NOARGS, "Whether it runs."},
    {"is_closed", loop_is_closed, METH_NOARGS, "Whether it was closed."},
    {"_check_closed", loop_check_closed, METH_NOARGS, "Raise if closed."},
    {"_add_callback", loop_add_callback, METH_O, "Queue a handle."},
    {"_add_callback_signalsafe", loop_add_callback, METH_O,
     "Queue a handle and wake up."},
    {"_write_to_self", loop_wake, METH_NOARGS, "Wake up."},
    {"_run_once", loop_run_once, METH_NOARGS, "Turns until it is stopped."},
    {"_close_core", loop_close_core, METH_NOARGS, "Release the engine."},
    {"_poll", loop_poll, METH_O, "Wait once; None: without limit."},
    {"_count_ready", loop_count_ready, METH_NOARGS, "Handles to be run."},
    {"_pop_ready", loop_pop_ready, METH_NOARGS, "The next of them."},
    {"_open_stream", loop_open_stream, METH_VARARGS,
     "A transport: of a descriptor, for a protocol."},
    {"_dial", loop_dial, METH_VARARGS, "Connect to an address in digits."},
    {"_resolve", loop_resolve, METH_VARARGS, "Such an address, looked up."},
    {"_refuse_stream", loop_refuse, METH_O,
     "Raise if a transport has this descriptor."},
    {"_settle", loop_settle, METH_NOARGS,
     "Have what was removed be out of the kernel."},
    {"_remove_reader", loop_remove_reader, METH_O,
     "Without asyncio's checks."},
    {"_remove_writer", loop_remove_writer, METH_O,
     "Without asyncio's checks."},
    {"_watched", loop_watched, METH_VARARGS, "Is there a reader or writer?"},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_stopping", T_BOOL, offsetof(LoopObject, stopping), 0, NULL},
    {"_debug", T_BOOL, offsetof(LoopObject, debug), 0, NULL},
    {"_closed", T_BOOL, offsetof(LoopObject, closed), 0, NULL},
    {"slow_callback_duration", T_DOUBLE,
     offsetof(LoopObject, slow_callback_duration), 0,
     "Seconds from which debug mode complains."},
    {"_thread_id", T_OBJECT, offsetof(LoopObject, thread_id), 0, NULL},
    {"_task_factory", T_OBJECT, offsetof(LoopObject, task_factory), 0, NULL},
    {"_current_handle", T_OBJECT, offsetof(LoopObject, current_handle), 0,
     NULL},
    {"_transports_data", T_OBJECT, offsetof(LoopObject, transports), 0, NULL},
    {"_stream_type", T_OBJECT, offsetof(LoopObject, stream_type), 0, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(LoopObject, dict), READONLY,
     NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LoopObject, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"backend", loop_backend, NULL,
     "'uring' or 'epoll', or None until it runs.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, loop_new},           {Py_tp_dealloc, loop_dealloc},
    {Py_tp_traverse, loop_traverse}, {Py_tp_clear, loop_clear},
    {Py_tp_methods, methods},        {Py_tp_members, members},
    {Py_tp_getset, getters},         {0, NULL},
};

static PyType_Spec spec = {
    .name = "bide._core.Loop",
    .basicsize = sizeof(LoopObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int loop_init_type(PyObject *module)
{
    Loop_Type = (PyTypeObject *)PyType_FromSpec(&spec);
    return Loop_Type ? PyModule_AddObjectRef(module, "Loop",
                                             (PyObject *)Loop_Type)
                     : -1;
}

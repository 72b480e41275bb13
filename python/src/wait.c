/* SPDX-License-Identifier: MIT */
/*
 * wait.c — awaitables that try a call, and wait for the socket between tries.
 *
 * What loop.sock_recv() and its like return. As a coroutine does, it begins
 * when it is first awaited; then it tries, and while the kernel has nothing
 * it yields a future of asyncio's that a poll of the engine completes. The
 * call itself is made in the task's own step, so that a cancelled one has
 * never taken anything from the socket.
 *
 *     NEW ──try──► DONE
 *      │            ▲
 *      └► WAITING ──┘   a future, and mostly a poll in flight
 *
 * A poll in flight owns a reference to its object.
 */
#include "core.h"

#include <poll.h>
#include <structmember.h>

PyTypeObject *Wait_Type;

static LoopObject *loop_of(const Wait *wait)
{
    return (LoopObject *)wait->loop;
}

/* ── The poll ─────────────────────────────────────────────────────────── */

static void detach(Wait *wait)
{
    if (wait->attached && loop_of(wait)->engine)
        bide_engine_detach(loop_of(wait)->engine, &wait->file);
    wait->attached = false;
    link_remove(&wait->source.link);
}

/* Close what is ours, but not under the engine's hands. */
static void give_up_fd(Wait *wait)
{
    if (wait->owned && !wait->flying && wait->state == WAIT_DONE) {
        wait->owned = false;
        close(wait->fd);
    }
}

/* Have the task go on. */
static void wake(Wait *wait)
{
    PyObject *future = wait->future;
    if (!future)
        return;
    wait->future = NULL;
    PyObject *done = PyObject_CallMethodNoArgs(future, names.done);
    PyObject *result =
        done == Py_False
            ? PyObject_CallMethodOneArg(future, names.set_result, Py_None)
            : Py_XNewRef(done);
    if (!result)
        drive_failed(loop_of(wait));
    Py_XDECREF(result);
    Py_XDECREF(done);
    Py_DECREF(future);
}

static void landed(Wait *wait)
{
    wait->flying = false;
    if (wait->ending)
        loop_of(wait)->ending--;
    wait->ending = false;
    detach(wait);
    give_up_fd(wait);
}

static void on_event(bide_op *op)
{
    Wait *wait = op->data;
    landed(wait);
    wake(wait);
    Py_DECREF(wait);
}

/* Poll. An error is the next try's to find. */
static void launch(Wait *wait)
{
    bide_engine *engine = loop_of(wait)->engine;
    if (bide_engine_attach(engine, &wait->file, wait->fd,
                           BIDE_FD_FOREIGN) < 0) {
        wake(wait);
        return;
    }
    wait->attached = true;
    wait->op = (bide_op){.done = on_event, .data = wait};
    bide_op_poll(&wait->op, &wait->file, wait->kind->events);
    if (bide_engine_submit(engine, &wait->op)) {
        detach(wait);
        wake(wait);
    } else {
        wait->flying = true;
        Py_INCREF(wait);
    }
}

/* Nobody waits any more. */
static void abandon(Wait *wait)
{
    LoopObject *loop = loop_of(wait);
    Py_CLEAR(wait->future);
    if (!wait->flying) {
        link_remove(&wait->source.link);
    } else if (!wait->ending && drive_ready(loop)) {
        wait->ending = true;
        loop->ending++;
        bide_engine_cancel(loop->engine, &wait->op);
        if (!loop->driving)
            drive_settle(loop);
    }
}

/* ── As a source of its loop ──────────────────────────────────────────── */

static void start(Source *source)
{
    Wait *wait = CONTAINER(source, Wait, source);
    if (wait->future && !wait->flying)
        launch(wait);
}

static void forget(Source *source)
{
    Wait *wait = CONTAINER(source, Wait, source);
    if (!wait->flying)
        return;
    wait->flying = wait->ending = false;
    if (!wait->future)
        detach(wait);
    give_up_fd(wait);
    Py_DECREF(wait);
}

static void drop(Source *source)
{
    Wait *wait = CONTAINER(source, Wait, source);
    wait->attached = false;
    Py_CLEAR(wait->future);
}

static int traverse_as_source(Source *source, visitproc visit, void *arg)
{
    Wait *wait = CONTAINER(source, Wait, source);
    if (wait->flying)
        Py_VISIT(wait);
    return 0;
}

/* ── Stepping ─────────────────────────────────────────────────────────── */

/* asyncio's complaint of a descriptor that a transport reads. */
static int check_transport(Wait *wait)
{
    PyObject *transports = loop_of(wait)->transports;
    if (loop_refuse_stream(loop_of(wait), wait->fd) < 0)
        return -1;
    if (!transports || PyDict_Size(transports) == 0)
        return 0;
    PyObject *result = PyObject_CallMethod(
        wait->loop, "_ensure_fd_no_transport", "i", wait->fd);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* A future that the task will wait for; the wait's own is borrowed. */
static PyObject *begin_waiting(Wait *wait)
{
    if (check_transport(wait) < 0)
        return NULL;
    PyObject *future = future_new(loop_of(wait));
    if (!future || PyObject_SetAttr(future, names._asyncio_future_blocking,
                                    Py_True) < 0) {
        Py_XDECREF(future);
        return NULL;
    }
    wait->state = WAIT_WAITING;
    wait->future = Py_NewRef(future);
    link_append(&loop_of(wait)->sources, &wait->source.link);
    if (drive_ready(loop_of(wait)))
        launch(wait);
    return future;
}

static void finish(Wait *wait)
{
    wait->state = WAIT_DONE;
    if (wait->loop)
        abandon(wait);
    give_up_fd(wait);
    if (wait->view.obj)
        PyBuffer_Release(&wait->view);
    Py_CLEAR(wait->data);
    Py_CLEAR(wait->sock);
}

static PySendResult wait_send(PyObject *self, PyObject *value,
                              PyObject **ret_result)
{
    Wait *wait = (Wait *)self;
    (void)value;
    *ret_result = NULL;
    if (wait->state == WAIT_DONE) {
        PyErr_SetString(PyExc_RuntimeError,
                        "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    }
    if (wait->flying || wait->future) {
        PyErr_SetString(PyExc_RuntimeError, "coroutine is being awaited "
                        "already");
        return PYGEN_ERROR;
    }
    int rc = wait->kind->attempt(wait, ret_result);
    if (rc == 0) {
        *ret_result = begin_waiting(wait);
        if (*ret_result)
            return PYGEN_NEXT;
    }
    finish(wait);
    return rc > 0 ? PYGEN_RETURN : PYGEN_ERROR;
}

/* As an iterator: a result is a StopIteration. */
static PyObject *wait_next(PyObject *self)
{
    PyObject *result;
    PySendResult sent = wait_send(self, Py_None, &result);
    if (sent != PYGEN_RETURN)
        return result;
    if (result != Py_None) {
        /* A tuple would be taken for the exception's arguments. */
        PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
        if (stop)
            PyErr_SetObject(PyExc_StopIteration, stop);
        Py_XDECREF(stop);
    }
    Py_DECREF(result);
    return NULL;
}

static PyObject *wait_send_method(PyObject *self, PyObject *value)
{
    (void)value;
    PyObject *result = wait_next(self);
    if (!result && !PyErr_Occurred())
        PyErr_SetNone(PyExc_StopIteration);
    return result;
}

static PyObject *wait_throw(PyObject *self, PyObject *args)
{
    PyObject *type, *value = NULL, *traceback = NULL;
    if (!PyArg_ParseTuple(args, "O|OO:throw", &type, &value, &traceback))
        return NULL;
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
    } else if (PyExceptionClass_Check(type)) {
        PyErr_SetObject(type, value);
    } else {
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
        return NULL;
    }
    PyObject *exception = exception_take();
    finish((Wait *)self);
    exception_raise(exception);
    return NULL;
}

static PyObject *wait_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    finish((Wait *)self);
    Py_RETURN_NONE;
}

static PyObject *wait_name(PyObject *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(((Wait *)self)->kind->name);
}

/* ── The type ─────────────────────────────────────────────────────────── */

Wait *wait_new(LoopObject *loop, const WaitKind *kind, PyObject *sock, int fd)
{
    Wait *wait = (Wait *)Wait_Type->tp_alloc(Wait_Type, 0);
    if (!wait)
        return NULL;
    wait->source = (Source){.start = start, .forget = forget, .drop = drop,
                            .traverse = traverse_as_source};
    link_init(&wait->source.link);
    wait->kind = kind;
    wait->fd = fd;
    wait->loop = Py_NewRef((PyObject *)loop);
    wait->sock = Py_XNewRef(sock);
    return wait;
}

static int is_result(Wait *wait, PyObject **ret_result)
{
    *ret_result = Py_NewRef(wait->data);
    return 1;
}

PyObject *wait_with_result(LoopObject *loop, PyObject *result)
{
    static const WaitKind kind = {"getaddrinfo", 0, is_result};
    Wait *wait = result ? wait_new(loop, &kind, NULL, -1) : NULL;
    if (wait)
        wait->data = result;
    else
        Py_XDECREF(result);
    return (PyObject *)wait;
}

static int wait_traverse(PyObject *self, visitproc visit, void *arg)
{
    Wait *wait = (Wait *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(wait->loop);
    Py_VISIT(wait->sock);
    Py_VISIT(wait->future);
    Py_VISIT(wait->data);
    Py_VISIT(wait->view.obj);
    return 0;
}

/* `loop` stays: its list of sources is left by it. */
static int wait_clear(PyObject *self)
{
    finish((Wait *)self);
    return 0;
}

static void wait_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    finish((Wait *)self);
    Py_CLEAR(((Wait *)self)->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"send", wait_send_method, METH_O, "Go on."},
    {"throw", wait_throw, METH_VARARGS, "End it by an exception."},
    {"close", wait_close, METH_NOARGS, "End it."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"__name__", wait_name, NULL, NULL, NULL},
    {"__qualname__", wait_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, wait_dealloc}, {Py_tp_traverse, wait_traverse},
    {Py_tp_clear, wait_clear},     {Py_tp_methods, methods},
    {Py_tp_getset, getters},       {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, wait_next},   {Py_am_await, PyObject_SelfIter},
    {Py_am_send, wait_send},       {0, NULL},
};

static PyType_Spec spec = {
    .name = "bide._core.Wait",
    .basicsize = sizeof(Wait),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int wait_init_type(PyObject *module)
{
    Wait_Type = (PyTypeObject *)PyType_FromSpec(&spec);
    return Wait_Type ? PyModule_AddObjectRef(module, "Wait",
                                             (PyObject *)Wait_Type)
                     : -1;
}

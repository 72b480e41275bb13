/* SPDX-License-Identifier: MIT */
/*
 * accept.c — servers without TLS: connections come from one operation that
 * goes on, and become transports.
 *
 * Where the operation fails, for want of descriptors mostly, Python's code is
 * told and starts it again later. Connections that come while nobody may be
 * called wait in a list of descriptors.
 *
 * The operation in flight owns a reference to its acceptor.
 */
#include "core.h"

#include <structmember.h>

PyTypeObject *Acceptor_Type;

typedef struct {
    PyObject_HEAD
    Source source;
    PyObject *loop;    /* a LoopObject */
    PyObject *sock;    /* the listening socket */
    PyObject *factory; /* makes protocols */
    PyObject *server;
    PyObject *context; /* the factory is called in it */
    int fd;
    bide_fd file;
    bide_op op;
    bool started;      /* connections are wanted */
    bool attached;
    bool flying;       /* `op` is in flight */
    bool ending;       /* and cancelled */
    bool due;          /* a call for those that wait is scheduled */
    int *waiting;      /* descriptors of connections */
    size_t len, room;
} Acceptor;

static LoopObject *loop_of(const Acceptor *acceptor)
{
    return (LoopObject *)acceptor->loop;
}

/* ── Connections ──────────────────────────────────────────────────────── */

/* asyncio, too, keeps silent about a factory that fails. */
static void welcome(Acceptor *acceptor, int fd)
{
    PyObject *protocol = NULL;
    PyObject *context = Py_NewRef(acceptor->context);
    if (PyContext_Enter(context) < 0) {
        close(fd);
    } else {
        protocol = PyObject_CallNoArgs(acceptor->factory);
        if (!protocol) {
            close(fd);
        } else {
            PyObject *stream =
                stream_open(loop_of(acceptor), fd, protocol, acceptor->server,
                            Py_None);
            Py_XDECREF(stream);
            if (!stream)
                Py_CLEAR(protocol);
        }
        PyObject *failure = protocol ? NULL : exception_take();
        if (PyContext_Exit(context) < 0)
            PyErr_WriteUnraisable(context);
        if (failure)
            exception_raise(failure);
    }
    Py_DECREF(context);
    if (protocol)
        Py_DECREF(protocol);
    else if (PyErr_ExceptionMatches(PyExc_Exception))
        PyErr_Clear();
    else
        drive_failed(loop_of(acceptor));
}

static void drop_waiting(Acceptor *acceptor)
{
    while (acceptor->len > 0)
        close(acceptor->waiting[--acceptor->len]);
}

static PyObject *acceptor_welcome(PyObject *self, PyObject *unused)
{
    (void)unused;
    Acceptor *acceptor = (Acceptor *)self;
    acceptor->due = false;
    if (!acceptor->started)
        drop_waiting(acceptor);
    for (size_t left = acceptor->len; left > 0 && acceptor->len > 0; left--) {
        int fd = acceptor->waiting[0];
        memmove(acceptor->waiting, acceptor->waiting + 1,
                --acceptor->len * sizeof *acceptor->waiting);
        welcome(acceptor, fd); /* may stop it */
    }
    if (loop_of(acceptor)->failure) {
        exception_raise(loop_of(acceptor)->failure);
        loop_of(acceptor)->failure = NULL;
        return NULL;
    }
    Py_RETURN_NONE;
}

static int call_soon(Acceptor *acceptor, const char *name, PyObject *argument)
{
    PyObject *method = PyObject_GetAttrString((PyObject *)acceptor, name);
    int rc = method ? loop_soon(loop_of(acceptor), method, argument) : -1;
    Py_XDECREF(method);
    return rc;
}

static void have_wait(Acceptor *acceptor, int fd)
{
    if (acceptor->len == acceptor->room) {
        size_t room = acceptor->room ? acceptor->room * 2 : 16;
        int *waiting =
            PyMem_Realloc(acceptor->waiting, room * sizeof *waiting);
        if (!waiting) {
            close(fd);
            return;
        }
        acceptor->waiting = waiting;
        acceptor->room = room;
    }
    acceptor->waiting[acceptor->len++] = fd;
    if (!acceptor->due) {
        acceptor->due = true;
        if (call_soon(acceptor, "_welcome", NULL) < 0)
            drive_failed(loop_of(acceptor));
    }
}

/* ── The operation ────────────────────────────────────────────────────── */

static void launch(Acceptor *acceptor);

static void land(Acceptor *acceptor)
{
    acceptor->flying = false;
    if (acceptor->ending)
        loop_of(acceptor)->ending--;
    acceptor->ending = false;
    if (!acceptor->started && acceptor->attached) {
        bide_engine_detach(loop_of(acceptor)->engine, &acceptor->file);
        acceptor->attached = false;
    }
}

/* It ended by itself: Python's code starts it again. */
static void tell_failure(Acceptor *acceptor, int64_t code)
{
    acceptor->started = false;
    raise_code(code);
    PyObject *exception = exception_take();
    PyObject *method =
        PyObject_GetAttrString(acceptor->loop, "_accept_failed");
    PyObject *handle =
        method ? PyObject_CallMethod(acceptor->loop, "call_soon", "OOOO",
                                     method, acceptor, acceptor->sock,
                                     exception)
               : NULL;
    if (!handle)
        drive_failed(loop_of(acceptor));
    Py_XDECREF(handle);
    Py_XDECREF(method);
    Py_DECREF(exception);
}

static void on_accept(bide_op *op)
{
    Acceptor *acceptor = op->data;
    bool more = op->flags & BIDE_OP_MORE;
    int64_t result = op->result;
    LoopObject *loop = loop_of(acceptor);
    Py_INCREF(acceptor);
    if (!more)
        land(acceptor);
    if (result >= 0 && !acceptor->started)
        close((int)result);
    else if (result >= 0 && loop->direct && acceptor->len == 0)
        welcome(acceptor, (int)result);
    else if (result >= 0)
        have_wait(acceptor, (int)result);
    else if (acceptor->started && result != -ECONNABORTED &&
             result != -ECANCELED)
        tell_failure(acceptor, result);
    if (!more) {
        launch(acceptor);
        Py_DECREF(acceptor); /* the operation's */
    }
    Py_DECREF(acceptor);
}

static void launch(Acceptor *acceptor)
{
    LoopObject *loop = loop_of(acceptor);
    if (!acceptor->started || acceptor->flying || !drive_ready(loop))
        return;
    int rc = acceptor->attached
                 ? 0
                 : bide_engine_attach(loop->engine, &acceptor->file,
                                      acceptor->fd, BIDE_FD_STREAM);
    acceptor->attached = rc == 0;
    if (rc == 0) {
        acceptor->op = (bide_op){.done = on_accept, .data = acceptor};
        bide_op_accept_multi(&acceptor->op, &acceptor->file);
        if (!bide_engine_submit(loop->engine, &acceptor->op)) {
            acceptor->flying = true;
            Py_INCREF(acceptor);
            return;
        }
        rc = (int)acceptor->op.result;
    }
    tell_failure(acceptor, rc);
}

static PyObject *acceptor_start(PyObject *self, PyObject *unused)
{
    (void)unused;
    Acceptor *acceptor = (Acceptor *)self;
    if (!acceptor->started && loop_of(acceptor)->closed == 0 &&
        acceptor->sock) {
        acceptor->started = true;
        launch(acceptor);
    }
    Py_RETURN_NONE;
}

/* For good. */
static PyObject *acceptor_stop(PyObject *self, PyObject *unused)
{
    (void)unused;
    Acceptor *acceptor = (Acceptor *)self;
    LoopObject *loop = loop_of(acceptor);
    acceptor->started = false;
    Py_CLEAR(acceptor->sock);
    drop_waiting(acceptor);
    if (!drive_ready(loop))
        Py_RETURN_NONE;
    if (acceptor->flying && !acceptor->ending) {
        acceptor->ending = true;
        loop->ending++;
        bide_engine_cancel(loop->engine, &acceptor->op);
    } else if (!acceptor->flying && acceptor->attached) {
        bide_engine_detach(loop->engine, &acceptor->file);
        acceptor->attached = false;
    }
    Py_RETURN_NONE;
}

/* ── As a source of its loop ──────────────────────────────────────────── */

static void start(Source *source)
{
    launch(CONTAINER(source, Acceptor, source));
}

static void forget(Source *source)
{
    Acceptor *acceptor = CONTAINER(source, Acceptor, source);
    if (!acceptor->flying)
        return;
    acceptor->flying = acceptor->ending = false;
    Py_DECREF(acceptor);
}

static void drop(Source *source)
{
    Acceptor *acceptor = CONTAINER(source, Acceptor, source);
    acceptor->started = acceptor->attached = false;
    drop_waiting(acceptor);
}

static int traverse_as_source(Source *source, visitproc visit, void *arg)
{
    Acceptor *acceptor = CONTAINER(source, Acceptor, source);
    if (acceptor->flying)
        Py_VISIT(acceptor);
    return 0;
}

/* ── The type ─────────────────────────────────────────────────────────── */

/* Acceptor(loop, sock, factory, server) */
static PyObject *acceptor_new(PyTypeObject *type, PyObject *args,
                              PyObject *kwargs)
{
    PyObject *loop, *sock, *factory, *server;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!OOO:Acceptor", Loop_Type, &loop, &sock,
                          &factory, &server))
        return NULL;
    int fd = PyObject_AsFileDescriptor(sock);
    Acceptor *acceptor = fd < 0 ? NULL : (Acceptor *)type->tp_alloc(type, 0);
    if (!acceptor)
        return NULL;
    acceptor->source = (Source){.start = start, .forget = forget,
                                .drop = drop, .traverse = traverse_as_source};
    link_append(&((LoopObject *)loop)->sources, &acceptor->source.link);
    acceptor->fd = fd;
    acceptor->loop = Py_NewRef(loop);
    acceptor->sock = Py_NewRef(sock);
    acceptor->factory = Py_NewRef(factory);
    acceptor->server = Py_NewRef(server);
    acceptor->context = PyContext_CopyCurrent();
    if (!acceptor->context)
        Py_CLEAR(acceptor);
    return (PyObject *)acceptor;
}

static int acceptor_traverse(PyObject *self, visitproc visit, void *arg)
{
    Acceptor *acceptor = (Acceptor *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(acceptor->loop);
    Py_VISIT(acceptor->sock);
    Py_VISIT(acceptor->factory);
    Py_VISIT(acceptor->server);
    Py_VISIT(acceptor->context);
    return 0;
}

/* `loop` stays: its list of sources is left by it. */
static int acceptor_clear(PyObject *self)
{
    Acceptor *acceptor = (Acceptor *)self;
    acceptor->started = false;
    Py_CLEAR(acceptor->sock);
    Py_CLEAR(acceptor->factory);
    Py_CLEAR(acceptor->server);
    Py_CLEAR(acceptor->context);
    return 0;
}

static void acceptor_dealloc(PyObject *self)
{
    Acceptor *acceptor = (Acceptor *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (acceptor->attached && loop_of(acceptor)->engine)
        bide_engine_detach(loop_of(acceptor)->engine, &acceptor->file);
    link_remove(&acceptor->source.link);
    drop_waiting(acceptor);
    PyMem_Free(acceptor->waiting);
    acceptor_clear(self);
    Py_CLEAR(acceptor->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"start", acceptor_start, METH_NOARGS, "Accept connections."},
    {"stop", acceptor_stop, METH_NOARGS, "Accept none any more, for good."},
    {"_welcome", acceptor_welcome, METH_NOARGS,
     "Make transports of those that wait."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, acceptor_new},           {Py_tp_dealloc, acceptor_dealloc},
    {Py_tp_traverse, acceptor_traverse}, {Py_tp_clear, acceptor_clear},
    {Py_tp_methods, methods},            {0, NULL},
};

static PyType_Spec spec = {
    .name = "bide._core.Acceptor",
    .basicsize = sizeof(Acceptor),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int acceptor_init_type(PyObject *module)
{
    Acceptor_Type = (PyTypeObject *)PyType_FromSpec(&spec);
    return Acceptor_Type ? PyModule_AddObjectRef(module, "Acceptor",
                                                 (PyObject *)Acceptor_Type)
                         : -1;
}

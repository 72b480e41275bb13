/* SPDX-License-Identifier: MIT */
/*
 * stream.c — transports of connected sockets: their life and their type.
 *
 * While an operation is in flight it owns a reference to its transport, so a
 * transport lives as long as its loop reads for it. The socket is closed when
 * nothing is in flight any more, or else the kernel would keep it open.
 *
 * What runs once a connection is in Python: bide._transports.
 */
#include "core.h"

#include <structmember.h>

PyTypeObject *Stream_Type;

LoopObject *stream_loop(const StreamObject *stream)
{
    return stream->loop && stream->loop != Py_None
               ? (LoopObject *)stream->loop
               : NULL;
}

/* ── Errors ───────────────────────────────────────────────────────────── */

void stream_fatal(StreamObject *stream, const char *message)
{
    LoopObject *loop = stream_loop(stream);
    if (loop && (PyErr_ExceptionMatches(PyExc_SystemExit) ||
                 PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))) {
        drive_failed(loop);
        return;
    }
    PyObject *exception = exception_take();
    PyObject *text = PyUnicode_FromString(message);
    PyObject *result =
        text ? PyObject_CallMethodObjArgs((PyObject *)stream,
                                          names._fatal_error, exception, text,
                                          NULL)
             : NULL;
    if (!result && loop)
        drive_failed(loop);
    Py_XDECREF(result);
    Py_XDECREF(text);
    Py_DECREF(exception);
}

void stream_attach(StreamObject *stream)
{
    if (stream->attached)
        return;
    int rc = bide_engine_attach(stream_loop(stream)->engine, &stream->file,
                                stream->fd, BIDE_FD_STREAM);
    if (rc == 0) {
        stream->attached = true;
        return;
    }
    raise_code(rc);
    stream_fatal(stream, "Fatal error on transport");
}

/* ── Methods ──────────────────────────────────────────────────────────── */

static PyObject *stream_start(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    stream->started = true;
    if (stream_loop(stream))
        stream_start_reading(stream);
    Py_RETURN_NONE;
}

static PyObject *stream_pause_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    if (!stream->closing && !stream->paused) {
        stream->paused = true;
        stream_stop_reading(stream);
    }
    Py_RETURN_NONE;
}

static PyObject *stream_resume_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    if (stream->closing || !stream->paused)
        Py_RETURN_NONE;
    stream->paused = false;
    if (stream->stash || stream->end_seen) {
        if (stream_schedule_stash(stream) < 0)
            return NULL;
    } else {
        stream_start_reading(stream);
    }
    Py_RETURN_NONE;
}

static PyObject *stream_is_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    return PyBool_FromLong(!stream->closing && !stream->paused);
}

static PyObject *stream_is_closing(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((StreamObject *)self)->closing);
}

int stream_schedule_loss(StreamObject *stream, PyObject *exception)
{
    PyObject *method =
        PyObject_GetAttr((PyObject *)stream, names._call_connection_lost);
    int rc = -1;
    if (method)
        rc = loop_soon(stream_loop(stream), method, exception);
    Py_XDECREF(method);
    return rc;
}

static PyObject *stream_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    if (stream->closing)
        Py_RETURN_NONE;
    stream_flush(stream);
    if (stream->closing) /* that failed */
        Py_RETURN_NONE;
    stream->closing = true;
    stream_stop_reading(stream);
    if (!stream_pending(stream)) {
        stream->conn_lost++;
        if (stream_schedule_loss(stream, Py_None) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *stream_force_close(PyObject *self, PyObject *exception)
{
    StreamObject *stream = (StreamObject *)self;
    if (stream->conn_lost || !stream_loop(stream))
        Py_RETURN_NONE;
    stream_drop_chunks(stream);
    stream_end_writing(stream);
    if (!stream->closing) {
        stream->closing = true;
        stream_stop_reading(stream);
    }
    stream->conn_lost++;
    if (stream_schedule_loss(stream, exception) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ── Closing the socket ───────────────────────────────────────────────── */

void stream_settle(StreamObject *stream)
{
    if (!stream->close_due || stream->reading || stream->writing)
        return;
    LoopObject *loop = stream_loop(stream);
    stream->close_due = false;
    if (stream->attached && loop->engine)
        bide_engine_detach(loop->engine, &stream->file);
    stream->attached = false;
    link_remove(&stream->source.link);
    loop_remove_stream(loop, stream);
    stream_close_fd(stream);
    Py_SETREF(stream->loop, Py_NewRef(Py_None));
}

/* For one that nobody has any more. */
static PyObject *stream_close_now(PyObject *self, PyObject *unused)
{
    (void)unused;
    stream_close_fd((StreamObject *)self);
    Py_RETURN_NONE;
}

/* The protocol knows; close the socket as soon as it may be. */
static PyObject *stream_release(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    if (!stream_loop(stream))
        Py_RETURN_NONE;
    Py_XSETREF(stream->protocol, Py_NewRef(Py_None));
    Py_CLEAR(stream->stash);
    stream->close_due = true;
    stream_settle(stream);
    Py_RETURN_NONE;
}

/* ── As a source of its loop ──────────────────────────────────────────── */

static void start(Source *source)
{
    StreamObject *stream = CONTAINER(source, StreamObject, source);
    Py_INCREF(stream);
    stream_start_reading(stream);
    if (stream_loop(stream))
        stream_write_start(stream);
    Py_DECREF(stream);
}

/* Operations are gone, and with them their references. */
static void forget(Source *source)
{
    StreamObject *stream = CONTAINER(source, StreamObject, source);
    int references = stream->reading + stream->writing;
    stream->reading = stream->writing = false;
    stream->ending = stream->write_ending = false;
    Py_INCREF(stream);
    stream_settle(stream);
    while (references-- > 0)
        Py_DECREF(stream);
    Py_DECREF(stream);
}

static void drop(Source *source)
{
    (void)source; /* forgotten already, and out of the list */
}

/* The references are the operations', which the loop's engine has. */
static int traverse_as_source(Source *source, visitproc visit, void *arg)
{
    StreamObject *stream = CONTAINER(source, StreamObject, source);
    if (stream->reading)
        Py_VISIT(stream);
    if (stream->writing)
        Py_VISIT(stream);
    return 0;
}

/* ── The type ─────────────────────────────────────────────────────────── */

StreamObject *stream_alloc(PyTypeObject *type, LoopObject *loop, int fd,
                           PyObject *sock)
{
    StreamObject *stream = (StreamObject *)type->tp_alloc(type, 0);
    if (!stream)
        return NULL;
    stream->source = (Source){.start = start, .forget = forget, .drop = drop,
                              .traverse = traverse_as_source};
    link_init(&stream->unflushed);
    link_append(&loop->sources, &stream->source.link);
    stream->fd = fd;
    stream->high_water = 64 * 1024;
    stream->low_water = 16 * 1024;
    stream->loop = Py_NewRef((PyObject *)loop);
    stream->sock = Py_XNewRef(sock);
    stream->protocol = Py_NewRef(Py_None);
    stream->server = Py_NewRef(Py_None);
    stream->empty_waiter = Py_NewRef(Py_None);
    stream->context = PyContext_CopyCurrent();
    if (!stream->context)
        Py_CLEAR(stream);
    return stream;
}

static PyObject *stream_new(PyTypeObject *type, PyObject *args,
                            PyObject *kwargs)
{
    PyObject *loop, *sock;
    (void)kwargs;
    if (PyTuple_GET_SIZE(args) < 2) {
        PyErr_SetString(PyExc_TypeError, "a loop and a socket are needed");
        return NULL;
    }
    loop = PyTuple_GET_ITEM(args, 0);
    sock = PyTuple_GET_ITEM(args, 1);
    if (!PyObject_TypeCheck(loop, Loop_Type)) {
        PyErr_SetString(PyExc_TypeError, "the loop must be a bide.Loop");
        return NULL;
    }
    int fd = PyObject_AsFileDescriptor(sock);
    if (fd < 0)
        return NULL;
    return (PyObject *)stream_alloc(type, (LoopObject *)loop, fd, sock);
}

static int stream_traverse(PyObject *self, visitproc visit, void *arg)
{
    StreamObject *stream = (StreamObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(stream->extra);
    Py_VISIT(stream->loop);
    Py_VISIT(stream->sock);
    Py_VISIT(stream->protocol);
    Py_VISIT(stream->server);
    Py_VISIT(stream->empty_waiter);
    Py_VISIT(stream->context);
    Py_VISIT(stream->stash);
    return 0;
}

/* `loop` stays: its list of sources is left by it. */
static int stream_clear(PyObject *self)
{
    StreamObject *stream = (StreamObject *)self;
    Py_CLEAR(stream->extra);
    Py_CLEAR(stream->sock);
    Py_CLEAR(stream->protocol);
    Py_CLEAR(stream->server);
    Py_CLEAR(stream->empty_waiter);
    Py_CLEAR(stream->context);
    Py_CLEAR(stream->stash);
    return 0;
}

static void stream_dealloc(PyObject *self)
{
    StreamObject *stream = (StreamObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    if (stream->weakrefs)
        PyObject_ClearWeakRefs(self);
    LoopObject *loop = stream_loop(stream);
    if (stream->attached && loop && loop->engine)
        bide_engine_detach(loop->engine, &stream->file);
    if (loop)
        loop_remove_stream(loop, stream);
    link_remove(&stream->source.link);
    link_remove(&stream->unflushed);
    stream_drop_chunks(stream);
    PyMem_Free(stream->chunks);
    stream_clear(self);
    Py_CLEAR(stream->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"write", stream_write, METH_O, "Send bytes, in this turn if possible."},
    {"writelines", stream_writelines, METH_O, "Send several at once."},
    {"write_eof", stream_write_eof, METH_NOARGS,
     "Close the writing end after what was written."},
    {"pause_reading", stream_pause_reading, METH_NOARGS,
     "Call data_received() no more."},
    {"resume_reading", stream_resume_reading, METH_NOARGS, "Go on reading."},
    {"is_reading", stream_is_reading, METH_NOARGS, "Whether it reads."},
    {"is_closing", stream_is_closing, METH_NOARGS,
     "Whether it is closing, or closed."},
    {"close", stream_close, METH_NOARGS, "Close it after what was written."},
    {"_force_close", stream_force_close, METH_O, "Close it at once."},
    {"_set_limits", stream_set_limits, METH_VARARGS, "Set the water marks."},
    {"_start_reading", stream_start, METH_NOARGS, "Begin to read."},
    {"_deliver_stash", stream_deliver_stash, METH_NOARGS,
     "Deliver what came while reading was paused."},
    {"get_extra_info",
     (PyCFunction)(void (*)(void))stream_get_extra_info,
     METH_FASTCALL | METH_KEYWORDS, "What is known of the connection."},
    {"set_protocol", stream_set_protocol, METH_O,
     "Have another protocol from now on."},
    {"_set_up", stream_set_up, METH_VARARGS, "Protocol, server, extra."},
    {"_begin", stream_begin, METH_O, "Tell the protocol, and read."},
    {"_begin_soon", stream_begin_soon, METH_O, "In the next turn."},
    {"_close_fd", stream_close_now, METH_NOARGS, "Close the socket at once."},
    {"_release", stream_release, METH_NOARGS, "Close the socket."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_loop", T_OBJECT, offsetof(StreamObject, loop), READONLY, NULL},
    {"_sock_fd", T_INT, offsetof(StreamObject, fd), READONLY, NULL},
    {"_protocol", T_OBJECT, offsetof(StreamObject, protocol), 0, NULL},
    {"_server", T_OBJECT, offsetof(StreamObject, server), 0, NULL},
    {"_empty_waiter", T_OBJECT, offsetof(StreamObject, empty_waiter), 0,
     NULL},
    {"_closing", T_BOOL, offsetof(StreamObject, closing), READONLY, NULL},
    {"_paused", T_BOOL, offsetof(StreamObject, paused), READONLY, NULL},
    {"_lent", T_BOOL, offsetof(StreamObject, lent), 0, NULL},
    {"_eof", T_BOOL, offsetof(StreamObject, eof), READONLY, NULL},
    {"_conn_lost", T_INT, offsetof(StreamObject, conn_lost), READONLY, NULL},
    {"_buffered", T_BOOL, offsetof(StreamObject, buffered), 0, NULL},
    {"_protocol_connected", T_BOOL, offsetof(StreamObject, connected), 0,
     NULL},
    {"_protocol_paused", T_BOOL, offsetof(StreamObject, protocol_paused), 0,
     NULL},
    {"_write_buffer_size", T_ULONG, offsetof(StreamObject, buffered_bytes),
     READONLY, NULL},
    {"_high_water", T_PYSSIZET, offsetof(StreamObject, high_water), READONLY,
     NULL},
    {"_low_water", T_PYSSIZET, offsetof(StreamObject, low_water), READONLY,
     NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(StreamObject, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyObject *stream_is_open(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((StreamObject *)self)->sock != Py_None);
}

static PyGetSetDef getters[] = {
    {"_extra", stream_get_extra, NULL, NULL, NULL},
    {"_sock", stream_get_sock, NULL, NULL, NULL},
    {"_is_open", stream_is_open, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_getset, getters},
    {Py_tp_new, stream_new},           {Py_tp_dealloc, stream_dealloc},
    {Py_tp_traverse, stream_traverse}, {Py_tp_clear, stream_clear},
    {Py_tp_methods, methods},          {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "bide._core.StreamTransport",
    .basicsize = sizeof(StreamObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int stream_init_type(PyObject *module)
{
    PyTypeObject *base = (PyTypeObject *)imports.transport_type;
    if (base->tp_basicsize != offsetof(StreamObject, weakrefs)) {
        PyErr_SetString(PyExc_ImportError, "this Python's asyncio.Transport "
                        "is not laid out as bide expects");
        return -1;
    }
    Stream_Type = (PyTypeObject *)PyType_FromSpecWithBases(
        &spec, imports.transport_type);
    return Stream_Type ? PyModule_AddObjectRef(module, "StreamTransport",
                                               (PyObject *)Stream_Type)
                       : -1;
}

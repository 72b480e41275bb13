/* SPDX-License-Identifier: MIT */
/*
 * stream.c — transports of connected sockets: life and reading.
 *
 * One receive that goes on (RECV_MULTI) fills the engine's pooled buffers.
 * Its bytes go to the protocol at once, from inside the poll: as a bytes
 * object, or copied into the buffer of a BufferedProtocol. What comes after
 * pause_reading(), because the cancellation is still under way, is stashed
 * and delivered first when reading goes on.
 *
 * While an operation is in flight it owns a reference to its transport, so a
 * transport lives as long as its loop reads for it. The socket is closed when
 * nothing is in flight any more, or else the kernel would keep it open.
 *
 * What runs once a connection is in Python: bide._transports.
 */
#include "core.h"

#include <poll.h>
#include <structmember.h>

PyTypeObject *Stream_Type;

LoopObject *stream_loop(const StreamObject *stream)
{
    return stream->loop && stream->loop != Py_None
               ? (LoopObject *)stream->loop
               : NULL;
}

/* ── Calling the protocol ─────────────────────────────────────────────── */

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

/* Call a method of the protocol in the transport's context; argument may be
 * NULL. Returns the result; NULL with an exception. */
static PyObject *call_protocol(StreamObject *stream, PyObject *name,
                               PyObject *argument)
{
    PyObject *protocol = Py_NewRef(stream->protocol);
    PyObject *context = Py_NewRef(stream->context);
    PyObject *args[] = {protocol, argument};
    PyObject *result = NULL;
    if (PyContext_Enter(context) == 0) {
        result = PyObject_VectorcallMethod(name, args, argument ? 2 : 1, NULL);
        if (PyContext_Exit(context) < 0)
            Py_CLEAR(result);
    }
    Py_DECREF(context);
    Py_DECREF(protocol);
    return result;
}

static void deliver_bytes(StreamObject *stream, PyObject *bytes)
{
    PyObject *result = call_protocol(stream, names.data_received, bytes);
    if (result)
        Py_DECREF(result);
    else
        stream_fatal(stream,
                     "Fatal error: protocol.data_received() call failed.");
}

/* Ask for a buffer, fill it, tell. Returns how much of it was taken. */
static Py_ssize_t fill_buffer(StreamObject *stream, const char *data,
                              Py_ssize_t len)
{
    PyObject *hint = PyLong_FromLong(-1);
    PyObject *buffer =
        hint ? call_protocol(stream, names.get_buffer, hint) : NULL;
    Py_XDECREF(hint);
    Py_buffer view;
    if (!buffer || PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE) < 0) {
        Py_XDECREF(buffer);
        return -1;
    }
    Py_ssize_t taken = view.len < len ? view.len : len;
    memcpy(view.buf, data, (size_t)taken);
    PyBuffer_Release(&view);
    Py_DECREF(buffer);
    if (taken == 0)
        PyErr_SetString(PyExc_RuntimeError,
                        "get_buffer() returned an empty buffer");
    return taken ? taken : -1;
}

static void deliver_buffered(StreamObject *stream, const char *data,
                             Py_ssize_t len)
{
    while (len > 0 && !stream->conn_lost && stream->buffered) {
        Py_ssize_t taken = fill_buffer(stream, data, len);
        if (taken < 0) {
            stream_fatal(stream,
                         "Fatal error: protocol.get_buffer() call failed.");
            return;
        }
        PyObject *count = PyLong_FromSsize_t(taken);
        PyObject *result =
            count ? call_protocol(stream, names.buffer_updated, count) : NULL;
        Py_XDECREF(count);
        if (!result) {
            stream_fatal(stream, "Fatal error: protocol.buffer_updated() "
                                 "call failed.");
            return;
        }
        Py_DECREF(result);
        data += taken;
        len -= taken;
    }
    if (len > 0 && !stream->conn_lost) { /* another protocol was set */
        PyObject *rest = PyBytes_FromStringAndSize(data, len);
        if (rest)
            deliver_bytes(stream, rest);
        Py_XDECREF(rest);
    }
}

static void deliver(StreamObject *stream, const char *data, Py_ssize_t len)
{
    if (stream->buffered) {
        deliver_buffered(stream, data, len);
        return;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(data, len);
    if (!bytes) {
        stream_fatal(stream, "Fatal read error on socket transport");
        return;
    }
    deliver_bytes(stream, bytes);
    Py_DECREF(bytes);
}

static void deliver_end(StreamObject *stream)
{
    PyObject *result = call_protocol(stream, names.eof_received, NULL);
    int keep = result ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    if (keep < 0) {
        stream_fatal(stream,
                     "Fatal error: protocol.eof_received() call failed.");
    } else if (!keep) {
        result = PyObject_CallMethodNoArgs((PyObject *)stream, names.close);
        if (!result)
            drive_failed((LoopObject *)stream->loop);
        Py_XDECREF(result);
    }
}

/* ── The stash ────────────────────────────────────────────────────────── */

static int schedule_stash(StreamObject *stream)
{
    if (stream->stash_due)
        return 0;
    PyObject *method =
        PyObject_GetAttrString((PyObject *)stream, "_deliver_stash");
    int rc = method ? loop_soon(stream_loop(stream), method, NULL) : -1;
    Py_XDECREF(method);
    stream->stash_due = rc == 0;
    return rc;
}

/* Whether bytes may go to the protocol right now. */
static bool open_for(const StreamObject *stream)
{
    return !stream->paused && !stream->stash &&
           !stream_loop(stream)->finishing;
}

static int stash(StreamObject *stream, const char *data, Py_ssize_t len)
{
    if (!stream->stash && !(stream->stash = PyList_New(0)))
        return -1;
    PyObject *bytes = PyBytes_FromStringAndSize(data, len);
    int rc = bytes ? PyList_Append(stream->stash, bytes) : -1;
    Py_XDECREF(bytes);
    if (rc == 0 && !stream->paused)
        rc = schedule_stash(stream);
    return rc;
}

static void start_reading(StreamObject *stream);

static PyObject *stream_deliver_stash(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    stream->stash_due = false;
    while (stream->stash && !stream->paused && !stream->closing) {
        if (PyList_GET_SIZE(stream->stash) == 0) {
            Py_CLEAR(stream->stash);
            break;
        }
        PyObject *bytes = Py_NewRef(PyList_GET_ITEM(stream->stash, 0));
        if (PyList_SetSlice(stream->stash, 0, 1, NULL) < 0) {
            Py_DECREF(bytes);
            return NULL;
        }
        if (stream->buffered)
            deliver_buffered(stream, PyBytes_AS_STRING(bytes),
                             PyBytes_GET_SIZE(bytes));
        else
            deliver_bytes(stream, bytes);
        Py_DECREF(bytes);
    }
    if (!stream->paused && !stream->closing && stream->end_seen) {
        stream->end_seen = false;
        deliver_end(stream);
    } else {
        start_reading(stream);
    }
    Py_RETURN_NONE;
}

/* ── Receiving ────────────────────────────────────────────────────────── */

static void received(StreamObject *stream, bide_op *op)
{
    if (stream->closing)
        return;
    if (open_for(stream))
        deliver(stream, op->buffer, (Py_ssize_t)op->result);
    else if (stash(stream, op->buffer, (Py_ssize_t)op->result) < 0)
        drive_failed(stream_loop(stream));
}

/* The operation has ended by itself. */
static void reading_ended(StreamObject *stream, int64_t result)
{
    if (stream->closing)
        return;
    if (result == 0 && open_for(stream)) {
        deliver_end(stream);
    } else if (result == 0) {
        stream->end_seen = true;
        if (!stream->paused && schedule_stash(stream) < 0)
            drive_failed(stream_loop(stream));
    } else if (result == -ENOBUFS || result == -ECANCELED) {
        start_reading(stream);
    } else {
        raise_code(result);
        stream_fatal(stream, "Fatal read error on socket transport");
    }
}

static void on_read(bide_op *op)
{
    StreamObject *stream = op->data;
    bool more = op->flags & BIDE_OP_MORE;
    Py_INCREF(stream);
    if (!more) {
        if (stream->ending)
            stream_loop(stream)->ending--;
        stream->reading = stream->ending = false;
    }
    if (op->flags & BIDE_OP_DATA)
        received(stream, op);
    else
        reading_ended(stream, op->result);
    if (!more) {
        stream_settle(stream);
        Py_DECREF(stream); /* the operation's */
    }
    Py_DECREF(stream);
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

static void start_reading(StreamObject *stream)
{
    LoopObject *loop = stream_loop(stream);
    if (!stream->started || stream->closing || stream->paused ||
        stream->reading || stream->end_seen || !drive_ready(loop))
        return;
    stream_attach(stream);
    if (!stream->attached)
        return;
    stream->read_op = (bide_op){.done = on_read, .data = stream};
    bide_op_recv_multi(&stream->read_op, &stream->file);
    if (bide_engine_submit(loop->engine, &stream->read_op)) {
        raise_code(stream->read_op.result);
        stream_fatal(stream, "Fatal read error on socket transport");
        return;
    }
    stream->reading = true;
    Py_INCREF(stream);
}

void stream_stop_reading(StreamObject *stream)
{
    LoopObject *loop = stream_loop(stream);
    if (!stream->reading || stream->ending || !drive_ready(loop))
        return;
    stream->ending = true;
    loop->ending++;
    bide_engine_cancel(loop->engine, &stream->read_op);
}

/* ── Methods ──────────────────────────────────────────────────────────── */

static PyObject *stream_start(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    stream->started = true;
    if (stream_loop(stream))
        start_reading(stream);
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
        if (schedule_stash(stream) < 0)
            return NULL;
    } else {
        start_reading(stream);
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

/* connection_lost() is called in the next turn. */
static int schedule_loss(StreamObject *stream, PyObject *exception)
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
        if (schedule_loss(stream, Py_None) < 0)
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
    if (schedule_loss(stream, exception) < 0)
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
    PyObject *sock = stream->sock;
    stream->sock = Py_NewRef(Py_None);
    PyObject *result = PyObject_CallMethodNoArgs(sock, names.close);
    if (!result)
        PyErr_WriteUnraisable(sock);
    Py_XDECREF(result);
    Py_DECREF(sock);
    Py_SETREF(stream->loop, Py_NewRef(Py_None));
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
    start_reading(stream);
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
    StreamObject *stream = (StreamObject *)type->tp_alloc(type, 0);
    if (!stream)
        return NULL;
    stream->source = (Source){.start = start, .forget = forget, .drop = drop,
                              .traverse = traverse_as_source};
    link_init(&stream->unflushed);
    link_append(&((LoopObject *)loop)->sources, &stream->source.link);
    stream->fd = fd;
    stream->high_water = 64 * 1024;
    stream->low_water = 16 * 1024;
    stream->loop = Py_NewRef(loop);
    stream->sock = Py_NewRef(sock);
    stream->protocol = Py_NewRef(Py_None);
    stream->server = Py_NewRef(Py_None);
    stream->empty_waiter = Py_NewRef(Py_None);
    stream->context = PyContext_CopyCurrent();
    if (!stream->context)
        Py_CLEAR(stream);
    return (PyObject *)stream;
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
    {"_release", stream_release, METH_NOARGS, "Close the socket."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_loop", T_OBJECT, offsetof(StreamObject, loop), READONLY, NULL},
    {"_sock", T_OBJECT, offsetof(StreamObject, sock), READONLY, NULL},
    {"_sock_fd", T_INT, offsetof(StreamObject, fd), READONLY, NULL},
    {"_protocol", T_OBJECT, offsetof(StreamObject, protocol), 0, NULL},
    {"_server", T_OBJECT, offsetof(StreamObject, server), 0, NULL},
    {"_empty_waiter", T_OBJECT, offsetof(StreamObject, empty_waiter), 0,
     NULL},
    {"_closing", T_BOOL, offsetof(StreamObject, closing), READONLY, NULL},
    {"_paused", T_BOOL, offsetof(StreamObject, paused), READONLY, NULL},
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

static PyType_Slot slots[] = {
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

/* SPDX-License-Identifier: MIT */
/*
 * read.c — transports of connected sockets: reading.
 *
 * One receive that goes on (RECV_MULTI) fills the engine's pooled buffers.
 * Its bytes go to the protocol at once, from inside the poll: as a bytes
 * object, or copied into the buffer of a BufferedProtocol. What comes after
 * pause_reading(), because the cancellation is still under way, is stashed
 * and delivered first when reading goes on.
 *
 * A peer that fills whole pooled buffers sends in bulk. For it, the socket is
 * polled and then read into one bytes object of the right size, or into the
 * protocol's own buffer: fewer calls of the protocol, and no copy. When
 * little has come for a while, pooled buffers are used again.
 */
#include "core.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Full buffers in a row that mean bulk, and small reads that end it. */
#define BULK_BEGIN 2
#define BULK_END 16

/* The most that is read at once: as asyncio. */
#define BULK_MAX (256 * 1024)

/* The engine's default; what fills it may have more behind it. */
#define POOLED_SIZE 8192

/* ── Calling the protocol ─────────────────────────────────────────────── */

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

static void deliver_tls(StreamObject *stream, const char *data, Py_ssize_t len)
{
    PyObject *protocol = Py_NewRef(stream->protocol);
    PyObject *context = Py_NewRef(stream->context);
    int rc = PyContext_Enter(context);
    if (rc == 0) {
        rc = tls_feed(protocol, data, len);
        if (PyContext_Exit(context) < 0)
            rc = -1;
    }
    Py_DECREF(context);
    Py_DECREF(protocol);
    if (rc < 0)
        stream_fatal(stream,
                     "Fatal error: protocol.buffer_updated() call failed.");
}

static void deliver_bytes(StreamObject *stream, PyObject *bytes)
{
    if (stream->tls) {
        deliver_tls(stream, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
        return;
    }
    PyObject *result = call_protocol(stream, names.data_received, bytes);
    if (result)
        Py_DECREF(result);
    else
        stream_fatal(stream,
                     "Fatal error: protocol.data_received() call failed.");
}

/* Ask the protocol for a buffer. Returns it and its view, or NULL with an
 * exception. */
static PyObject *get_buffer(StreamObject *stream, Py_buffer *ret_view)
{
    PyObject *hint = PyLong_FromLong(-1);
    PyObject *buffer =
        hint ? call_protocol(stream, names.get_buffer, hint) : NULL;
    Py_XDECREF(hint);
    if (!buffer || PyObject_GetBuffer(buffer, ret_view, PyBUF_WRITABLE) < 0) {
        Py_XDECREF(buffer);
        return NULL;
    }
    if (ret_view->len > 0)
        return buffer;
    PyBuffer_Release(ret_view);
    Py_DECREF(buffer);
    PyErr_SetString(PyExc_RuntimeError,
                    "get_buffer() returned an empty buffer");
    return NULL;
}

/* Tell it how much of its buffer was filled. -1: that failed fatally. */
static int buffer_updated(StreamObject *stream, Py_ssize_t len)
{
    PyObject *count = PyLong_FromSsize_t(len);
    PyObject *result =
        count ? call_protocol(stream, names.buffer_updated, count) : NULL;
    Py_XDECREF(count);
    if (!result) {
        stream_fatal(stream,
                     "Fatal error: protocol.buffer_updated() call failed.");
        return -1;
    }
    Py_DECREF(result);
    return 0;
}

static void deliver_buffered(StreamObject *stream, const char *data,
                             Py_ssize_t len)
{
    while (len > 0 && !stream->conn_lost && stream->buffered) {
        Py_buffer view;
        PyObject *buffer = get_buffer(stream, &view);
        if (!buffer) {
            stream_fatal(stream,
                         "Fatal error: protocol.get_buffer() call failed.");
            return;
        }
        Py_ssize_t taken = view.len < len ? view.len : len;
        memcpy(view.buf, data, (size_t)taken);
        PyBuffer_Release(&view);
        Py_DECREF(buffer);
        if (buffer_updated(stream, taken) < 0)
            return;
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
    if (stream->tls) {
        deliver_tls(stream, data, len);
        return;
    }
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

int stream_schedule_stash(StreamObject *stream)
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
    return !stream->paused && !stream->stash && !stream->stash_due &&
           stream_loop(stream)->direct;
}

static int stash(StreamObject *stream, const char *data, Py_ssize_t len)
{
    if (!stream->stash && !(stream->stash = PyList_New(0)))
        return -1;
    PyObject *bytes = PyBytes_FromStringAndSize(data, len);
    int rc = bytes ? PyList_Append(stream->stash, bytes) : -1;
    Py_XDECREF(bytes);
    if (rc == 0 && !stream->paused)
        rc = stream_schedule_stash(stream);
    return rc;
}

/* ── Receiving ────────────────────────────────────────────────────────── */

/* Cancelling may give the operation another result at once, so it is told
 * apart what this delivery brings. */
static void received(StreamObject *stream, const char *data, Py_ssize_t len)
{
    if (stream->closing)
        return;
    stream->streak = len < POOLED_SIZE ? 0 : stream->streak + 1;
    if (stream->streak >= BULK_BEGIN && !stream->bulk) {
        stream->bulk = true;
        stream->streak = 0;
        stream_stop_reading(stream); /* it starts again when that is done */
    }
    if (open_for(stream))
        deliver(stream, data, len);
    else if (stash(stream, data, len) < 0)
        drive_failed(stream_loop(stream));
}

/* The operation has ended by itself. */
static void reading_ended(StreamObject *stream, int64_t result)
{
    if (stream->closing || stream->ended)
        return;
    stream->ended = result == 0;
    if (result == 0 && open_for(stream)) {
        deliver_end(stream);
    } else if (result == 0) {
        stream->end_seen = true;
        if (!stream->paused && stream_schedule_stash(stream) < 0)
            drive_failed(stream_loop(stream));
    } else if (result == -ENOBUFS || result == -ECANCELED) {
        stream_start_reading(stream);
    } else {
        raise_code(result);
        stream_fatal(stream, "Fatal read error on socket transport");
    }
}

static void on_read(bide_op *op)
{
    StreamObject *stream = op->data;
    bool more = op->flags & BIDE_OP_MORE;
    bool data = op->flags & BIDE_OP_DATA;
    Py_INCREF(stream);
    if (!more) {
        if (stream->ending)
            stream_loop(stream)->ending--;
        stream->reading = stream->ending = false;
    }
    if (data)
        received(stream, op->buffer, (Py_ssize_t)op->result);
    else
        reading_ended(stream, op->result);
    if (!more) {
        stream_settle(stream);
        Py_DECREF(stream); /* the operation's */
    }
    Py_DECREF(stream);
}

/* ── Receiving in bulk ────────────────────────────────────────────────── */

/* How much is there to read: a hint, at least a page. */
static Py_ssize_t available(const StreamObject *stream)
{
    int len = 0;
    if (ioctl(stream->fd, FIONREAD, &len) < 0 || len < 4096)
        return 4096;
    return len < BULK_MAX ? len : BULK_MAX;
}

static ssize_t receive(const StreamObject *stream, void *buffer, size_t len)
{
    ssize_t got;
    do {
        got = recv(stream->fd, buffer, len, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* Into a bytes object. Returns the result of recv(2). */
static ssize_t receive_bytes(StreamObject *stream)
{
    Py_ssize_t room = available(stream);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, room);
    if (!bytes) {
        stream_fatal(stream, "Fatal read error on socket transport");
        return -ECANCELED;
    }
    ssize_t got = receive(stream, PyBytes_AS_STRING(bytes), (size_t)room);
    if (got > 0 && got < room && _PyBytes_Resize(&bytes, got) < 0) {
        stream_fatal(stream, "Fatal read error on socket transport");
        return -ECANCELED;
    }
    if (got > 0)
        deliver_bytes(stream, bytes);
    Py_DECREF(bytes);
    return got;
}

/* Into the buffer of the protocol. */
static ssize_t receive_buffered(StreamObject *stream)
{
    Py_buffer view;
    PyObject *buffer = get_buffer(stream, &view);
    if (!buffer) {
        stream_fatal(stream,
                     "Fatal error: protocol.get_buffer() call failed.");
        return -ECANCELED;
    }
    ssize_t got = receive(stream, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    Py_DECREF(buffer);
    if (got > 0)
        (void)buffer_updated(stream, got);
    return got;
}

static void read_bulk(StreamObject *stream)
{
    ssize_t got = stream->buffered ? receive_buffered(stream)
                                   : receive_bytes(stream);
    if (got == -EAGAIN)
        return;
    stream->streak = got >= POOLED_SIZE ? 0 : stream->streak + 1;
    if (stream->streak >= BULK_END) {
        stream->bulk = false;
        stream->streak = 0;
        stream_stop_reading(stream);
    }
    if (got <= 0) {
        stream_stop_reading(stream);
        reading_ended(stream, got);
    }
}

/* Whether a poll's result means that it is to be read. */
static bool ready_for_bulk(const StreamObject *stream, int64_t result)
{
    return result >= 0 && stream->reading && !stream->ending &&
           !stream->closing && !stream->ended && !stream->paused &&
           !stream_loop(stream)->finishing;
}

static void on_readable(bide_op *op)
{
    StreamObject *stream = op->data;
    bool more = op->flags & BIDE_OP_MORE;
    int64_t result = op->result;
    Py_INCREF(stream);
    if (!more) {
        if (stream->ending)
            stream_loop(stream)->ending--;
        stream->reading = stream->ending = false;
    }
    if (ready_for_bulk(stream, result) && open_for(stream))
        read_bulk(stream);
    else if (ready_for_bulk(stream, result) &&
             stream_schedule_stash(stream) < 0)
        drive_failed(stream_loop(stream));
    if (!more) {
        if (result < 0)
            reading_ended(stream, result);
        stream_settle(stream);
        Py_DECREF(stream); /* the operation's */
    }
    Py_DECREF(stream);
}

PyObject *stream_deliver_stash(PyObject *self, PyObject *unused)
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
    } else if (stream->bulk && ready_for_bulk(stream, 0)) {
        read_bulk(stream);
    } else {
        stream_start_reading(stream);
    }
    Py_RETURN_NONE;
}

/* ── Starting and stopping ────────────────────────────────────────────── */

void stream_start_reading(StreamObject *stream)
{
    LoopObject *loop = stream_loop(stream);
    if (!loop || !stream->started || stream->closing || stream->paused ||
        stream->reading || stream->ended || !drive_ready(loop))
        return;
    stream_attach(stream);
    if (!stream->attached)
        return;
    bide_op *op = &stream->read_op;
    *op = (bide_op){.data = stream};
    op->done = stream->bulk ? on_readable : on_read;
    if (stream->bulk)
        bide_op_poll_multi(op, &stream->file, POLLIN);
    else
        bide_op_recv_multi(op, &stream->file);
    stream->reading = true;
    Py_INCREF(stream);
    if (!bide_engine_submit(loop->engine, op))
        return;
    stream->reading = false;
    raise_code(op->result);
    stream_fatal(stream, "Fatal read error on socket transport");
    Py_DECREF(stream);
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

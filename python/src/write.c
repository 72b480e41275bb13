/* SPDX-License-Identifier: MIT */
/*
 * write.c — transports of connected sockets: writing.
 *
 * write() puts its bytes into the transport's queue, and the transport into
 * the loop's list; before the loop waits, what all callbacks of the turn have
 * written goes out in one call a transport. A queue that grows past
 * WRITE_NOW is handed over at once, so that flow control speaks of bytes that
 * the kernel did not take. Outside of a turn everything is.
 *
 * What the kernel does not take waits for a poll of the socket; bytes stay in
 * the queue until they are sent, nothing of it is lent to the kernel.
 */
#include "core.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Bytes that wait for the end of the turn. */
#define WRITE_NOW ((size_t)64 * 1024)

/* Chunks in one call. */
#define CHUNKS_MAX 64

/* ── The queue ────────────────────────────────────────────────────────── */

bool stream_pending(const StreamObject *stream)
{
    return stream->chunk_first < stream->chunk_last;
}

void stream_drop_chunks(StreamObject *stream)
{
    for (size_t i = stream->chunk_first; i < stream->chunk_last; i++)
        Py_DECREF(stream->chunks[i].bytes);
    stream->chunk_first = stream->chunk_last = 0;
    stream->buffered_bytes = 0;
}

static int make_room(StreamObject *stream)
{
    if (stream->chunk_last < stream->chunk_room)
        return 0;
    size_t len = stream->chunk_last - stream->chunk_first;
    if (len < stream->chunk_room / 2) { /* the front is free */
        memmove(stream->chunks, stream->chunks + stream->chunk_first,
                len * sizeof *stream->chunks);
    } else {
        size_t room = stream->chunk_room ? stream->chunk_room * 2 : 4;
        Chunk *chunks = PyMem_Malloc(room * sizeof *chunks);
        if (!chunks) {
            PyErr_NoMemory();
            return -1;
        }
        if (len)
            memcpy(chunks, stream->chunks + stream->chunk_first,
                   len * sizeof *chunks);
        PyMem_Free(stream->chunks);
        stream->chunks = chunks;
        stream->chunk_room = room;
    }
    stream->chunk_first = 0;
    stream->chunk_last = len;
    return 0;
}

/* Append the bytes of an object; what could change is copied. */
static int append(StreamObject *stream, PyObject *data)
{
    if (make_room(stream) < 0)
        return -1;
    PyObject *bytes = PyBytes_CheckExact(data) ? Py_NewRef(data)
                                               : PyBytes_FromObject(data);
    if (!bytes)
        return -1;
    if (PyBytes_GET_SIZE(bytes) == 0) {
        Py_DECREF(bytes);
        return 0;
    }
    stream->chunks[stream->chunk_last++] = (Chunk){.bytes = bytes};
    stream->buffered_bytes += (size_t)PyBytes_GET_SIZE(bytes);
    return 0;
}

static void consume(StreamObject *stream, size_t sent)
{
    stream->buffered_bytes -= sent;
    while (sent > 0) {
        Chunk *chunk = &stream->chunks[stream->chunk_first];
        size_t left = (size_t)PyBytes_GET_SIZE(chunk->bytes) - chunk->sent;
        if (sent < left) {
            chunk->sent += sent;
            return;
        }
        sent -= left;
        stream->chunk_first++;
        Py_DECREF(chunk->bytes);
    }
    if (!stream_pending(stream))
        stream->chunk_first = stream->chunk_last = 0;
}

/* ── Flow control ─────────────────────────────────────────────────────── */

static void tell_protocol(StreamObject *stream, PyObject *method,
                          const char *message)
{
    PyObject *result = PyObject_CallMethodNoArgs(stream->protocol, method);
    if (result) {
        Py_DECREF(result);
        return;
    }
    LoopObject *loop = stream_loop(stream);
    if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
        PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        drive_failed(loop);
        return;
    }
    PyObject *exception = exception_take();
    PyObject *context = Py_BuildValue(
        "{s:s,s:O,s:O,s:O}", "message", message, "exception", exception,
        "transport", stream, "protocol", stream->protocol);
    result = context ? PyObject_CallMethodOneArg(
                           (PyObject *)loop, names.call_exception_handler,
                           context)
                     : NULL;
    if (!result)
        drive_failed(loop);
    Py_XDECREF(result);
    Py_XDECREF(context);
    Py_DECREF(exception);
}

static void maybe_pause(StreamObject *stream)
{
    if (stream->protocol_paused ||
        stream->buffered_bytes <= (size_t)stream->high_water)
        return;
    stream->protocol_paused = true;
    tell_protocol(stream, names.pause_writing,
                  "protocol.pause_writing() failed");
}

static void maybe_resume(StreamObject *stream)
{
    if (!stream->protocol_paused ||
        stream->buffered_bytes > (size_t)stream->low_water)
        return;
    stream->protocol_paused = false;
    tell_protocol(stream, names.resume_writing,
                  "protocol.resume_writing() failed");
}

PyObject *stream_set_limits(PyObject *self, PyObject *args)
{
    StreamObject *stream = (StreamObject *)self;
    if (!PyArg_ParseTuple(args, "nn:_set_limits", &stream->high_water,
                          &stream->low_water))
        return NULL;
    Py_RETURN_NONE;
}

/* ── Sending ──────────────────────────────────────────────────────────── */

static ssize_t send_chunks(StreamObject *stream)
{
    const Chunk *chunk = &stream->chunks[stream->chunk_first];
    size_t count = stream->chunk_last - stream->chunk_first;
    if (count == 1)
        return send(stream->fd, PyBytes_AS_STRING(chunk->bytes) + chunk->sent,
                    (size_t)PyBytes_GET_SIZE(chunk->bytes) - chunk->sent,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    struct iovec pieces[CHUNKS_MAX];
    if (count > CHUNKS_MAX)
        count = CHUNKS_MAX;
    for (size_t i = 0; i < count; i++, chunk++)
        pieces[i] = (struct iovec){
            .iov_base = PyBytes_AS_STRING(chunk->bytes) + chunk->sent,
            .iov_len = (size_t)PyBytes_GET_SIZE(chunk->bytes) - chunk->sent,
        };
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    return sendmsg(stream->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Send until all is sent or the kernel takes no more. Returns 0, or a
 * negative code: -EAGAIN where something is left. */
static int send_all(StreamObject *stream)
{
    while (stream_pending(stream)) {
        ssize_t sent = send_chunks(stream);
        if (sent >= 0)
            consume(stream, (size_t)sent);
        else if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
    return 0;
}

static int set_waiter(StreamObject *stream, PyObject *method,
                      PyObject *argument)
{
    if (stream->empty_waiter == Py_None)
        return 0;
    PyObject *done = PyObject_CallMethod(stream->empty_waiter, "done", NULL);
    int rc = done ? PyObject_IsTrue(done) : -1;
    Py_XDECREF(done);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    PyObject *result =
        PyObject_CallMethodOneArg(stream->empty_waiter, method, argument);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Nothing is left to send. */
static void sent_everything(StreamObject *stream)
{
    maybe_resume(stream); /* may write more */
    if (stream_pending(stream) || !stream_loop(stream))
        return;
    if (set_waiter(stream, names.set_result, Py_None) < 0)
        drive_failed(stream_loop(stream));
    if (stream->closing && !stream->conn_lost) {
        stream->conn_lost++;
        if (stream_schedule_loss(stream, Py_None) < 0)
            drive_failed(stream_loop(stream));
    } else if (stream->eof) {
        shutdown(stream->fd, SHUT_WR);
    }
}

static void failed(StreamObject *stream, int code)
{
    raise_code(code);
    PyObject *exception = exception_take();
    stream_drop_chunks(stream);
    if (set_waiter(stream, names.set_exception, exception) < 0)
        drive_failed(stream_loop(stream));
    exception_raise(exception);
    stream_fatal(stream, "Fatal write error on socket transport");
}

static void wait_writable(StreamObject *stream)
{
    LoopObject *loop = stream_loop(stream);
    if (stream->writing || !drive_ready(loop))
        return;
    stream_attach(stream);
    if (!stream->attached)
        return;
    stream->write_op = (bide_op){.done = stream_on_writable, .data = stream};
    bide_op_poll(&stream->write_op, &stream->file, POLLOUT);
    stream->writing = true;
    Py_INCREF(stream);
    if (bide_engine_submit(loop->engine, &stream->write_op)) {
        stream->writing = false; /* writable again: next turn */
        if (stream->unflushed.next == &stream->unflushed)
            link_append(&loop->unflushed, &stream->unflushed);
        Py_DECREF(stream);
    }
}

void stream_on_writable(bide_op *op)
{
    StreamObject *stream = op->data;
    if (stream->write_ending)
        stream_loop(stream)->ending--;
    stream->writing = stream->write_ending = false;
    if (!stream->conn_lost && stream_pending(stream)) {
        int rc = send_all(stream);
        if (rc == -EAGAIN) {
            wait_writable(stream);
            maybe_resume(stream);
        } else if (rc < 0) {
            failed(stream, rc);
        } else {
            sent_everything(stream);
        }
    }
    stream_settle(stream);
    Py_DECREF(stream);
}

void stream_end_writing(StreamObject *stream)
{
    LoopObject *loop = stream_loop(stream);
    if (!stream->writing || stream->write_ending || !drive_ready(loop))
        return;
    stream->write_ending = true;
    loop->ending++;
    bide_engine_cancel(loop->engine, &stream->write_op);
}

void stream_flush(StreamObject *stream)
{
    link_remove(&stream->unflushed);
    if (!stream_pending(stream) || stream->writing || stream->conn_lost)
        return;
    int rc = send_all(stream);
    if (rc == -EAGAIN)
        wait_writable(stream);
    else if (rc < 0)
        failed(stream, rc);
    else
        sent_everything(stream);
}

void stream_write_start(StreamObject *stream)
{
    if (stream_pending(stream))
        wait_writable(stream);
}

/* Something was appended: now, or before the loop waits. */
static void hand_over(StreamObject *stream)
{
    LoopObject *loop = stream_loop(stream);
    if (stream->writing) {
        maybe_pause(stream);
    } else if (!loop->driving || stream->buffered_bytes >= WRITE_NOW) {
        stream_flush(stream);
        if (stream_loop(stream))
            maybe_pause(stream);
    } else {
        if (stream->unflushed.next == &stream->unflushed)
            link_append(&loop->unflushed, &stream->unflushed);
        if (stream->buffered_bytes > (size_t)stream->high_water) {
            stream_flush(stream);
            if (stream_loop(stream))
                maybe_pause(stream);
        }
    }
}

/* ── Methods ──────────────────────────────────────────────────────────── */

static int check_writable(const StreamObject *stream, const char *what)
{
    if (stream->eof)
        PyErr_Format(PyExc_RuntimeError,
                     "Cannot call %s() after write_eof()", what);
    else if (stream->empty_waiter != Py_None)
        PyErr_Format(PyExc_RuntimeError,
                     "unable to %s; sendfile is in progress", what);
    else
        return 0;
    return -1;
}

/* 1: the connection is lost, and that was noted. */
static int note_lost(StreamObject *stream)
{
    if (!stream->conn_lost)
        return 0;
    PyObject *result = PyObject_CallMethod((PyObject *)stream,
                                           "_write_to_nobody", NULL);
    Py_XDECREF(result);
    stream->conn_lost++;
    return result ? 1 : -1;
}

PyObject *stream_write(PyObject *self, PyObject *data)
{
    StreamObject *stream = (StreamObject *)self;
    if (!PyBytes_Check(data) && !PyByteArray_Check(data) &&
        !PyMemoryView_Check(data))
        return PyErr_Format(PyExc_TypeError,
                            "data argument must be a bytes-like object, not "
                            "'%.200s'", Py_TYPE(data)->tp_name);
    if (check_writable(stream, "write") < 0)
        return NULL;
    int lost = note_lost(stream);
    if (lost < 0 || (!lost && append(stream, data) < 0))
        return NULL;
    if (!lost && stream_pending(stream))
        hand_over(stream);
    Py_RETURN_NONE;
}

PyObject *stream_writelines(PyObject *self, PyObject *list)
{
    StreamObject *stream = (StreamObject *)self;
    if (check_writable(stream, "writelines") < 0)
        return NULL;
    int lost = note_lost(stream);
    PyObject *all = lost ? NULL : PySequence_Fast(list, "a list of bytes");
    if (lost > 0)
        Py_RETURN_NONE;
    if (!all)
        return NULL;
    int rc = 0;
    for (Py_ssize_t i = 0; rc == 0 && i < PySequence_Fast_GET_SIZE(all); i++)
        rc = append(stream, PySequence_Fast_GET_ITEM(all, i));
    Py_DECREF(all);
    if (stream_pending(stream))
        hand_over(stream);
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *stream_write_eof(PyObject *self, PyObject *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    if (stream->closing || stream->eof)
        Py_RETURN_NONE;
    stream_flush(stream);
    if (stream->closing)
        Py_RETURN_NONE;
    stream->eof = true;
    if (!stream_pending(stream) && shutdown(stream->fd, SHUT_WR) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

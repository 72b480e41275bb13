/* SPDX-License-Identifier: MIT */
/*
 * accel_streams.c — StreamReader, StreamWriter and the protocol between them.
 *
 * The bytes that came last are kept as the object they came in, as long as
 * they are all there is: who reads as much gets that object. `_buffer` is
 * asyncio's bytearray; whoever looks at it has the bytes put there first.
 * What happens seldom (limits that are passed, the end within a line, a writer
 * that has to wait) is awaited as asyncio's own coroutine.
 */
#include "accel.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD
    PyObject *loop, *waiter, *exception, *transport;
    PyObject *buffer;     /* a bytearray, or what a program has set */
    PyObject *chunk;      /* bytes behind an empty buffer, or NULL */
    Py_ssize_t chunk_at;  /* so many of them are taken */
    Py_ssize_t limit;
    char eof, paused;
} Reader;

typedef struct {
    PyObject_HEAD
    PyObject *reader; /* a weak reference, or None */
    char paused, lost;
} Protocol;

typedef struct {
    PyObject_HEAD
    PyObject *loop, *transport, *protocol, *reader;
} Writer;

static PyTypeObject *Reader_Type, *Protocol_Type, *Writer_Type;

static bool is_none(PyObject *object)
{
    return !object || object == Py_None;
}

/* ── The buffer ───────────────────────────────────────────────────────── */

static Py_ssize_t chunk_len(const Reader *reader)
{
    return reader->chunk ? PyBytes_GET_SIZE(reader->chunk) - reader->chunk_at
                         : 0;
}

/* -1: an exception is set. */
static Py_ssize_t buffered(const Reader *reader)
{
    if (reader->chunk)
        return chunk_len(reader);
    if (reader->buffer && PyByteArray_CheckExact(reader->buffer))
        return PyByteArray_GET_SIZE(reader->buffer);
    return is_none(reader->buffer) ? 0 : PyObject_Size(reader->buffer);
}

static int append(Reader *reader, PyObject *data)
{
    if (!reader->buffer)
        reader->buffer = PyByteArray_FromStringAndSize(NULL, 0);
    PyObject *result =
        reader->buffer ? PyObject_CallMethod(reader->buffer, "extend", "O",
                                             data)
                       : NULL;
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Have all bytes in `buffer`. */
static int gather_bytes(Reader *reader)
{
    if (!reader->chunk)
        return 0;
    PyObject *rest = PyBytes_FromStringAndSize(
        PyBytes_AS_STRING(reader->chunk) + reader->chunk_at,
        chunk_len(reader));
    if (!rest)
        return -1;
    Py_CLEAR(reader->chunk);
    int rc = append(reader, rest);
    Py_DECREF(rest);
    return rc;
}

static PyObject *get_buffer(PyObject *self, void *unused)
{
    (void)unused;
    Reader *reader = (Reader *)self;
    if (gather_bytes(reader) < 0)
        return NULL;
    return Py_NewRef(reader->buffer ? reader->buffer : Py_None);
}

static int set_buffer(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    Reader *reader = (Reader *)self;
    Py_CLEAR(reader->chunk);
    Py_XSETREF(reader->buffer, Py_XNewRef(value));
    return 0;
}

/* The first n bytes, or all where there are fewer. */
static PyObject *take(Reader *reader, Py_ssize_t n)
{
    Py_ssize_t len = buffered(reader);
    if (len < 0)
        return NULL;
    n = n < len ? n : len;
    if (reader->chunk && reader->chunk_at == 0 && n == len) {
        PyObject *whole = reader->chunk;
        reader->chunk = NULL;
        return whole;
    }
    if (reader->chunk) {
        PyObject *part = PyBytes_FromStringAndSize(
            PyBytes_AS_STRING(reader->chunk) + reader->chunk_at, n);
        if (part)
            reader->chunk_at += n;
        if (chunk_len(reader) == 0)
            Py_CLEAR(reader->chunk);
        return part;
    }
    PyObject *part =
        reader->buffer && PyByteArray_CheckExact(reader->buffer)
            ? PyBytes_FromStringAndSize(PyByteArray_AS_STRING(reader->buffer),
                                        n)
            : PyBytes_FromStringAndSize(NULL, 0);
    if (part && n > 0 && PySequence_DelSlice(reader->buffer, 0, n) < 0)
        Py_CLEAR(part);
    return part;
}

/* ── Feeding ──────────────────────────────────────────────────────────── */

static int wake(Reader *reader)
{
    PyObject *waiter = reader->waiter;
    if (is_none(waiter))
        return 0;
    reader->waiter = NULL;
    int cancelled = future_is_cancelled(waiter);
    int rc = cancelled == 0 ? future_finish(waiter, Py_None) : cancelled;
    Py_DECREF(waiter);
    return rc < 0 ? -1 : 0;
}

/* More than twice the limit is there: have no more come. */
static int pause_transport(Reader *reader)
{
    PyObject *result =
        PyObject_CallMethod(reader->transport, "pause_reading", NULL);
    Py_XDECREF(result);
    if (result) {
        reader->paused = 1;
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_NotImplementedError))
        return -1;
    PyErr_Clear();
    Py_CLEAR(reader->transport);
    return 0;
}

static int feed(Reader *reader, PyObject *data)
{
    if (reader->eof) {
        PyErr_SetString(PyExc_AssertionError, "feed_data after feed_eof");
        return -1;
    }
    int some = PyObject_IsTrue(data);
    if (some <= 0)
        return some;
    Py_ssize_t len = buffered(reader);
    if (len < 0)
        return -1;
    if (len == 0 && PyBytes_CheckExact(data)) {
        reader->chunk_at = 0;
        Py_XSETREF(reader->chunk, Py_NewRef(data));
    } else if (gather_bytes(reader) < 0 || append(reader, data) < 0) {
        return -1;
    }
    if (wake(reader) < 0)
        return -1;
    if (!is_none(reader->transport) && !reader->paused &&
        buffered(reader) / 2 >= reader->limit &&
        buffered(reader) > 2 * reader->limit)
        return pause_transport(reader);
    return 0;
}

static PyObject *reader_feed_data(PyObject *self, PyObject *data)
{
    if (feed((Reader *)self, data) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *reader_feed_eof(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((Reader *)self)->eof = 1;
    if (wake((Reader *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *reader_exception(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *exception = ((Reader *)self)->exception;
    return Py_NewRef(exception ? exception : Py_None);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static int resume_transport(Reader *reader)
{
    reader->paused = 0;
    PyObject *result =
        PyObject_CallMethod(reader->transport, "resume_reading", NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Return what was taken, when there is room again. */
static int taken(Reader *reader, PyObject *data, PyObject **ret_result)
{
    if (data && reader->paused && buffered(reader) <= reader->limit &&
        resume_transport(reader) < 0)
        Py_CLEAR(data);
    *ret_result = data;
    return data ? 1 : -1;
}

static int wait_for_data(Await *await, const char *function)
{
    Reader *reader = (Reader *)await->owner;
    if (!is_none(reader->waiter)) {
        PyErr_Format(PyExc_RuntimeError, "%s() called while another coroutine "
                     "is already waiting for incoming data", function);
        return -1;
    }
    if (reader->paused && resume_transport(reader) < 0)
        return -1;
    PyObject *future = loop_future(reader->loop);
    if (!future)
        return -1;
    Py_XSETREF(reader->waiter, Py_NewRef(future));
    Py_XSETREF(await->waits_for, future);
    return 0;
}

/* The wait is over; 0: it went well. */
static int waited(Await *await, PyObject *value)
{
    PyObject *exception = value ? NULL : exception_take();
    Py_CLEAR(((Reader *)await->owner)->waiter);
    if (exception)
        exception_raise(exception);
    return exception ? -1 : 0;
}

static int check_failed(Reader *reader)
{
    if (is_none(reader->exception))
        return 0;
    PyErr_SetObject((PyObject *)Py_TYPE(reader->exception),
                    reader->exception);
    return -1;
}

/* Leave it to asyncio's coroutine. */
static int call_own(Await *await, PyObject *name)
{
    PyObject *args[] = {await->owner, await->item};
    PyObject *own = PyObject_GetAttr(
        PyObject_TypeCheck(await->owner, Writer_Type)
            ? accel_imports.stream_writer : accel_imports.stream_reader,
        name);
    Py_XSETREF(await->waits_for,
               own ? PyObject_Vectorcall(own, args, await->item ? 2 : 1, NULL)
                   : NULL);
    Py_XDECREF(own);
    return await->waits_for ? 0 : -1;
}

static bool is_own(Await *await)
{
    return await->waits_for && PyCoro_CheckExact(await->waits_for);
}

static int own_result(PyObject *value, PyObject **ret_result)
{
    *ret_result = Py_XNewRef(value);
    return value ? 1 : -1;
}

/* How much is asked for; all where nothing is said. */
static Py_ssize_t count_of(PyObject *item)
{
    return item ? PyNumber_AsSsize_t(item, PyExc_OverflowError) : -1;
}

static int read_start(Await *await, PyObject **ret_result)
{
    Reader *reader = (Reader *)await->owner;
    Py_ssize_t n = count_of(await->item);
    if (PyErr_Occurred() || check_failed(reader) < 0)
        return -1;
    if (n < 0)
        return call_own(await, names.read);
    Py_ssize_t len = buffered(reader);
    if (len < 0)
        return -1;
    if (n > 0 && len == 0 && !reader->eof)
        return wait_for_data(await, "read");
    return taken(reader, take(reader, n), ret_result);
}

static int read_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    Reader *reader = (Reader *)await->owner;
    if (is_own(await))
        return own_result(value, ret_result);
    if (waited(await, value) < 0)
        return -1;
    return taken(reader, take(reader, count_of(await->item)), ret_result);
}

/* As the loop of asyncio's readexactly(). */
static int exactly_go_on(Await *await, PyObject **ret_result)
{
    Reader *reader = (Reader *)await->owner;
    Py_ssize_t n = count_of(await->item), len = buffered(reader);
    if (len < 0)
        return -1;
    if (len >= n)
        return taken(reader, take(reader, n), ret_result);
    if (reader->eof)
        return call_own(await, accel_names.readexactly);
    return wait_for_data(await, "readexactly");
}

static int exactly_start(Await *await, PyObject **ret_result)
{
    Py_ssize_t n = count_of(await->item);
    if (PyErr_Occurred())
        return -1;
    if (n <= 0)
        return call_own(await, accel_names.readexactly);
    if (check_failed((Reader *)await->owner) < 0)
        return -1;
    return exactly_go_on(await, ret_result);
}

static int exactly_resume(Await *await, PyObject *value,
                          PyObject **ret_result)
{
    if (is_own(await))
        return own_result(value, ret_result);
    return waited(await, value) < 0 ? -1 : exactly_go_on(await, ret_result);
}

/* The length of the line that is there, with its end, 0 for none. */
static Py_ssize_t line_len(Reader *reader)
{
    const char *bytes;
    Py_ssize_t len = chunk_len(reader);
    if (reader->chunk) {
        bytes = PyBytes_AS_STRING(reader->chunk) + reader->chunk_at;
    } else if (reader->buffer && PyByteArray_CheckExact(reader->buffer)) {
        bytes = PyByteArray_AS_STRING(reader->buffer);
        len = PyByteArray_GET_SIZE(reader->buffer);
    } else {
        return 0;
    }
    const char *end = memchr(bytes, '\n', (size_t)len);
    return end ? end - bytes + 1 : 0;
}

static int line_go_on(Await *await, PyObject **ret_result)
{
    Reader *reader = (Reader *)await->owner;
    Py_ssize_t len = line_len(reader);
    if (len > 0 && len - 1 <= reader->limit)
        return taken(reader, take(reader, len), ret_result);
    Py_ssize_t all = buffered(reader);
    if (all < 0)
        return -1;
    if (len > 0 || reader->eof || all > reader->limit)
        return call_own(await, accel_names.readline);
    return wait_for_data(await, "readuntil");
}

static int line_start(Await *await, PyObject **ret_result)
{
    if (check_failed((Reader *)await->owner) < 0)
        return -1;
    return line_go_on(await, ret_result);
}

static int line_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    if (is_own(await))
        return own_result(value, ret_result);
    return waited(await, value) < 0 ? -1 : line_go_on(await, ret_result);
}

static PyObject *reader_read(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const AwaitKind kind = {"StreamReader.read", read_start,
                                   read_resume};
    static char *keywords[] = {"n", NULL};
    PyObject *n = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:read", keywords, &n))
        return NULL;
    return await_new(&kind, self, n);
}

static PyObject *reader_readexactly(PyObject *self, PyObject *args,
                                    PyObject *kwargs)
{
    static const AwaitKind kind = {"StreamReader.readexactly", exactly_start,
                                   exactly_resume};
    static char *keywords[] = {"n", NULL};
    PyObject *n;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:readexactly", keywords,
                                     &n))
        return NULL;
    return await_new(&kind, self, n);
}

static PyObject *reader_readline(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"StreamReader.readline", line_start,
                                   line_resume};
    return await_new(&kind, self, NULL);
}

/* ── The protocol ─────────────────────────────────────────────────────── */

static PyObject *protocol_data_received(PyObject *self, PyObject *data)
{
    PyObject *weak = ((Protocol *)self)->reader;
    PyObject *reader = is_none(weak) ? Py_NewRef(Py_None)
                                     : PyObject_CallNoArgs(weak);
    PyObject *result = reader;
    if (reader && reader != Py_None) {
        result = PyObject_CallMethodOneArg(reader, accel_names.feed_data,
                                           data);
        Py_DECREF(reader);
    }
    return result;
}

/* ── The writer ───────────────────────────────────────────────────────── */

static PyObject *transport_of(Writer *writer)
{
    if (is_none(writer->transport)) {
        PyErr_SetString(PyExc_AttributeError, "the writer has no transport");
        return NULL;
    }
    return writer->transport;
}

static PyObject *writer_write(PyObject *self, PyObject *data)
{
    PyObject *transport = transport_of((Writer *)self);
    PyObject *result =
        transport ? PyObject_CallMethodOneArg(transport, names.write, data)
                  : NULL;
    if (result)
        Py_SETREF(result, Py_NewRef(Py_None));
    return result;
}

static int drain_start(Await *await, PyObject **ret_result)
{
    Writer *writer = (Writer *)await->owner;
    PyObject *reader = writer->reader, *protocol = writer->protocol;
    PyObject *transport = transport_of(writer);
    if (!transport)
        return -1;
    if (!is_none(reader)) {
        if (!PyObject_TypeCheck(reader, Reader_Type))
            return call_own(await, accel_names.drain);
        if (check_failed((Reader *)reader) < 0)
            return -1;
    }
    if (is_none(protocol) || !PyObject_TypeCheck(protocol, Protocol_Type) ||
        ((Protocol *)protocol)->paused || ((Protocol *)protocol)->lost)
        return call_own(await, accel_names.drain);
    int closing = ask(transport, accel_names.is_closing);
    if (closing)
        return closing < 0 ? -1 : call_own(await, accel_names.drain);
    return await_none(ret_result);
}

static int drain_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    (void)await;
    return own_result(value, ret_result);
}

static PyObject *writer_drain(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"StreamWriter.drain", drain_start,
                                   drain_resume};
    return await_new(&kind, self, NULL);
}

/* ── The types ────────────────────────────────────────────────────────── */

static void dealloc(PyObject *self, inquiry clear)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static int reader_traverse(PyObject *self, visitproc visit, void *arg)
{
    Reader *reader = (Reader *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(reader->loop);
    Py_VISIT(reader->waiter);
    Py_VISIT(reader->exception);
    Py_VISIT(reader->transport);
    Py_VISIT(reader->buffer);
    return 0;
}

static int reader_clear(PyObject *self)
{
    Reader *reader = (Reader *)self;
    Py_CLEAR(reader->loop);
    Py_CLEAR(reader->waiter);
    Py_CLEAR(reader->exception);
    Py_CLEAR(reader->transport);
    Py_CLEAR(reader->buffer);
    Py_CLEAR(reader->chunk);
    return 0;
}

static void reader_dealloc(PyObject *self)
{
    dealloc(self, reader_clear);
}

static int protocol_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Protocol *)self)->reader);
    return 0;
}

static int protocol_clear(PyObject *self)
{
    Py_CLEAR(((Protocol *)self)->reader);
    return 0;
}

static void protocol_dealloc(PyObject *self)
{
    dealloc(self, protocol_clear);
}

static int writer_traverse(PyObject *self, visitproc visit, void *arg)
{
    Writer *writer = (Writer *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(writer->loop);
    Py_VISIT(writer->transport);
    Py_VISIT(writer->protocol);
    Py_VISIT(writer->reader);
    return 0;
}

static int writer_clear(PyObject *self)
{
    Writer *writer = (Writer *)self;
    Py_CLEAR(writer->loop);
    Py_CLEAR(writer->transport);
    Py_CLEAR(writer->protocol);
    Py_CLEAR(writer->reader);
    return 0;
}

static void writer_dealloc(PyObject *self)
{
    dealloc(self, writer_clear);
}

static PyMemberDef reader_members[] = {
    {"_loop", T_OBJECT, offsetof(Reader, loop), 0, NULL},
    {"_waiter", T_OBJECT, offsetof(Reader, waiter), 0, NULL},
    {"_exception", T_OBJECT, offsetof(Reader, exception), 0, NULL},
    {"_transport", T_OBJECT, offsetof(Reader, transport), 0, NULL},
    {"_limit", T_PYSSIZET, offsetof(Reader, limit), 0, NULL},
    {"_eof", T_BOOL, offsetof(Reader, eof), 0, NULL},
    {"_paused", T_BOOL, offsetof(Reader, paused), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef reader_getters[] = {
    {"_buffer", get_buffer, set_buffer, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef reader_methods[] = {
    {"exception", reader_exception, METH_NOARGS, "What went wrong."},
    {"feed_data", reader_feed_data, METH_O, "Bytes came."},
    {"feed_eof", reader_feed_eof, METH_NOARGS, "No more will come."},
    {"read", (PyCFunction)(void (*)(void))reader_read,
     METH_VARARGS | METH_KEYWORDS, "Read up to n bytes, or all."},
    {"readexactly", (PyCFunction)(void (*)(void))reader_readexactly,
     METH_VARARGS | METH_KEYWORDS, "Read n bytes."},
    {"readline", reader_readline, METH_NOARGS, "Read up to a line's end."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef protocol_members[] = {
    {"_stream_reader_wr", T_OBJECT, offsetof(Protocol, reader), 0, NULL},
    {"_paused", T_BOOL, offsetof(Protocol, paused), 0, NULL},
    {"_connection_lost", T_BOOL, offsetof(Protocol, lost), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef protocol_methods[] = {
    {"data_received", protocol_data_received, METH_O, "Bytes came."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef writer_members[] = {
    {"_loop", T_OBJECT, offsetof(Writer, loop), 0, NULL},
    {"_transport", T_OBJECT, offsetof(Writer, transport), 0, NULL},
    {"_protocol", T_OBJECT, offsetof(Writer, protocol), 0, NULL},
    {"_reader", T_OBJECT, offsetof(Writer, reader), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef writer_methods[] = {
    {"drain", writer_drain, METH_NOARGS, "Wait until there is room."},
    {"write", writer_write, METH_O, "Write bytes."},
    {NULL, NULL, 0, NULL},
};

static const PyType_Slot reader_slots[] = {
    {Py_tp_dealloc, reader_dealloc}, {Py_tp_traverse, reader_traverse},
    {Py_tp_clear, reader_clear},     {Py_tp_methods, reader_methods},
    {Py_tp_members, reader_members}, {Py_tp_getset, reader_getters},
    {0, NULL},
};

static const PyType_Slot protocol_slots[] = {
    {Py_tp_dealloc, protocol_dealloc}, {Py_tp_traverse, protocol_traverse},
    {Py_tp_clear, protocol_clear},     {Py_tp_methods, protocol_methods},
    {Py_tp_members, protocol_members}, {0, NULL},
};

static const PyType_Slot writer_slots[] = {
    {Py_tp_dealloc, writer_dealloc}, {Py_tp_traverse, writer_traverse},
    {Py_tp_clear, writer_clear},     {Py_tp_methods, writer_methods},
    {Py_tp_members, writer_members}, {0, NULL},
};

int streams_init_types(PyObject *module)
{
    Reader_Type = accel_make_type(module, "bide._core.StreamReader",
                                  sizeof(Reader), NULL, reader_slots);
    Protocol_Type =
        accel_make_type(module, "bide._core.StreamReaderProtocol",
                        sizeof(Protocol), NULL, protocol_slots);
    Writer_Type = accel_make_type(module, "bide._core.StreamWriter",
                                  sizeof(Writer), NULL, writer_slots);
    return Reader_Type && Protocol_Type && Writer_Type ? 0 : -1;
}

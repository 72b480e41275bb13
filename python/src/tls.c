/* SPDX-License-Identifier: MIT */
/*
 * tls.c — TLS: what runs with every message.
 *
 * bide._tls.SSLProtocol derives from the first type here and from asyncio's
 * SSLProtocol: handshake, shutdown, time limits and errors are asyncio's code.
 * The cipher is Python's ssl module, between two memory BIOs:
 *
 *     transport ─bytes─► incoming ─► SSLObject.read() ──► data_received()
 *     transport ◄─bytes─ outgoing ◄─ SSLObject.write() ◄─ write()
 *
 * An exception of Python that only says "nothing more" costs more than the
 * cipher does. So reading ends without one where the incoming BIO is empty.
 * What is written from inside data_received() leaves in one piece after it.
 */
#include "tls.h"

/* The most that one call of read() can yield: a record. */
#define RECORD_MAX ((size_t)16384)

/* Data for one call of data_received(). */
#define SCRATCH_SIZE ((size_t)256 * 1024)

/* ── Helpers ──────────────────────────────────────────────────────────── */

/* Call for effect. */
static int call(PyObject *object, PyObject *name)
{
    PyObject *result = PyObject_CallMethodNoArgs(object, name);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Bytes in a BIO; -1: an exception is set. */
static Py_ssize_t pending(PyObject *bio)
{
    PyObject *number = PyObject_GetAttr(bio, names.pending);
    Py_ssize_t len = number ? PyLong_AsSsize_t(number) : -1;
    Py_XDECREF(number);
    return len;
}

/* Clears the exception if it says that the other side is to be heard. */
static bool clear_again(void)
{
    if (!PyErr_ExceptionMatches(imports.ssl_want_read) &&
        !PyErr_ExceptionMatches(imports.ssl_syscall))
        return false;
    PyErr_Clear();
    return true;
}

/* Borrowed. An SSLObject of a program's own class is asked itself. */
static PyObject *inner_of(Tls *tls)
{
    if (!tls->inner)
        tls->inner = Py_IS_TYPE(tls->object, (PyTypeObject *)imports.ssl_object)
                         ? PyObject_GetAttr(tls->object, names._sslobj)
                         : Py_XNewRef(tls->object);
    return tls->inner;
}

/* An exception other than those that end the loop is fatal for the connection
 * only. */
static int fatal(Tls *tls)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyObject *exception = exception_take();
    PyObject *result =
        PyObject_CallMethod((PyObject *)tls, "_fatal_error", "Os", exception,
                            "Fatal error on SSL protocol");
    Py_DECREF(exception);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* ── Outgoing ─────────────────────────────────────────────────────────── */

static int control_writing(Tls *tls)
{
    Py_ssize_t size = tls->backlog_size;
    if (tls->ssl_writing_paused) { /* or else the BIO is empty now */
        Py_ssize_t more = pending(tls->outgoing);
        if (more < 0)
            return -1;
        size += more;
    }
    if (tls->app_writing_paused ? size > tls->out_low : size < tls->out_high)
        return 0;
    return call((PyObject *)tls, names._control_app_writing);
}

/* Hand what is encrypted to the transport. */
static int send_outgoing(Tls *tls)
{
    if (!tls->ssl_writing_paused && tls->transport &&
        tls->transport != Py_None) {
        PyObject *data = PyObject_CallMethodNoArgs(tls->outgoing, names.read);
        if (!data)
            return -1;
        PyObject *result = Py_None;
        if (PyBytes_GET_SIZE(data) > 0) {
            result = PyObject_TypeCheck(tls->transport, Stream_Type)
                         ? stream_write(tls->transport, data)
                         : PyObject_CallMethodOneArg(tls->transport,
                                                     names.write, data);
            Py_XDECREF(result);
        }
        Py_DECREF(data);
        if (!result)
            return -1;
    }
    return control_writing(tls);
}

PyObject *tls_process_outgoing(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (send_outgoing((Tls *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Keep what is left of data for later; it may change meanwhile. */
static int keep(Tls *tls, PyObject *data, Py_ssize_t from)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0)
        return -1;
    PyObject *rest = from == 0 && PyBytes_CheckExact(data)
                         ? Py_NewRef(data)
                         : PyBytes_FromStringAndSize((char *)view.buf + from,
                                                     view.len - from);
    PyObject *result =
        rest ? PyObject_CallMethodOneArg(tls->backlog, names.append, rest)
             : NULL;
    if (result)
        tls->backlog_size += view.len - from;
    PyBuffer_Release(&view);
    Py_XDECREF(rest);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Encrypt, or keep it. */
static int take_data(Tls *tls, PyObject *data)
{
    Py_ssize_t len = PyObject_Size(data);
    if (len <= 0)
        return len < 0 ? -1 : 0;
    if (tls->state != imports.tls_wrapped || tls->backlog_size > 0)
        return keep(tls, data, 0);
    PyObject *inner = inner_of(tls);
    PyObject *count =
        inner ? PyObject_CallMethodOneArg(inner, names.write, data) : NULL;
    if (!count)
        return inner && clear_again() ? keep(tls, data, 0) : -1;
    Py_ssize_t written = PyLong_AsSsize_t(count);
    Py_DECREF(count);
    if (written < 0 && PyErr_Occurred())
        return -1;
    return written < len ? keep(tls, data, written) : 0;
}

static bool is_closing(const Tls *tls)
{
    return tls->state != imports.tls_wrapped &&
           tls->state != imports.tls_handshake;
}

/* Data was taken, or that failed. */
static int data_taken(Tls *tls, int rc)
{
    bool now = !tls->reading && tls->state == imports.tls_wrapped;
    if (rc == 0 && now && tls->backlog_size > 0)
        rc = call((PyObject *)tls, names._do_write);
    else if (rc == 0 && now)
        rc = send_outgoing(tls);
    return rc < 0 ? fatal(tls) : 0;
}

/* In asyncio's words. */
static PyObject *write_to_nobody(Tls *tls)
{
    return PyObject_CallMethod((PyObject *)tls, "_write_to_nobody", NULL);
}

PyObject *tls_write_appdata(PyObject *self, PyObject *list)
{
    Tls *tls = (Tls *)self;
    if (is_closing(tls))
        return write_to_nobody(tls);
    PyObject *iterator = PyObject_GetIter(list);
    if (!iterator)
        return NULL;
    PyObject *data;
    int rc = 0;
    while (rc == 0 && (data = PyIter_Next(iterator))) {
        rc = take_data(tls, data);
        Py_DECREF(data);
    }
    Py_DECREF(iterator);
    if (data_taken(tls, PyErr_Occurred() ? -1 : rc) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *tls_transport_write(PyObject *self, PyObject *data)
{
    TlsTransport *transport = (TlsTransport *)self;
    if (!PyBytes_Check(data) && !PyByteArray_Check(data) &&
        !PyMemoryView_Check(data))
        return PyErr_Format(PyExc_TypeError,
                            "data: expecting a bytes-like instance, got %s",
                            Py_TYPE(data)->tp_name);
    if (!transport->protocol ||
        !PyObject_TypeCheck(transport->protocol, Tls_Type)) {
        PyErr_SetString(PyExc_AttributeError, "the transport is closed");
        return NULL;
    }
    Tls *tls = (Tls *)transport->protocol;
    Py_ssize_t len = PyObject_Size(data);
    if (len < 0)
        return NULL;
    if (len > 0 && is_closing(tls))
        return write_to_nobody(tls);
    if (len > 0 && data_taken(tls, take_data(tls, data)) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ── Incoming ─────────────────────────────────────────────────────────── */

static int control_reading(Tls *tls)
{
    Py_ssize_t size = pending(tls->incoming);
    if (size < 0)
        return -1;
    if (tls->ssl_reading_paused ? size > tls->in_low : size < tls->in_high)
        return 0;
    return call((PyObject *)tls, names._control_ssl_reading);
}

/* Decrypt once. Returns the bytes, 0 at the end; -1: an exception is set. */
static Py_ssize_t decrypt(Tls *tls, char *buffer, size_t room)
{
    PyObject *inner = inner_of(tls);
    PyObject *view =
        inner ? PyMemoryView_FromMemory(buffer, (Py_ssize_t)room, PyBUF_WRITE)
              : NULL;
    PyObject *size = view ? PyLong_FromSize_t(room) : NULL;
    PyObject *got = size ? PyObject_CallMethodObjArgs(inner, names.read, size,
                                                      view, NULL)
                         : NULL;
    Py_XDECREF(size);
    Py_XDECREF(view);
    if (!got)
        return -1;
    Py_ssize_t len = PyLong_AsSsize_t(got);
    Py_DECREF(got);
    return len;
}

/* What came of one reading. */
enum outcome { FAILED = -1, DRAINED, FULL, ENDED };

/* Decrypt what is there, as far as it fits. */
static enum outcome decrypt_all(Tls *tls, char *buffer, size_t *ret_len)
{
    size_t len = 0;
    enum outcome outcome = FULL;
    while (outcome == FULL && SCRATCH_SIZE - len >= RECORD_MAX) {
        Py_ssize_t got = decrypt(tls, buffer + len, SCRATCH_SIZE - len);
        if (got > 0) {
            len += (size_t)got;
            Py_ssize_t more = pending(tls->incoming);
            if (more <= 0)
                outcome = more < 0 ? FAILED : DRAINED;
        } else if (got == 0) {
            outcome = ENDED;
        } else {
            outcome = clear_again() ? DRAINED : FAILED;
        }
    }
    *ret_len = len;
    return outcome;
}

static int deliver(Tls *tls, const char *data, size_t len)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)len);
    PyObject *result =
        bytes ? PyObject_CallMethodOneArg(tls->app_protocol,
                                          names.data_received, bytes)
              : NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* In pieces as large as the loop's buffer. -1: an exception is set. */
static int read_copied(Tls *tls)
{
    LoopObject *loop = (LoopObject *)tls->loop;
    if (!loop->scratch && !(loop->scratch = PyMem_Malloc(SCRATCH_SIZE))) {
        PyErr_NoMemory();
        return -1;
    }
    enum outcome outcome;
    do {
        size_t len;
        outcome = decrypt_all(tls, loop->scratch, &len);
        if (outcome == FAILED || (len > 0 && deliver(tls, loop->scratch,
                                                     len) < 0))
            return -1;
    } while (outcome == FULL && !tls->app_reading_paused &&
             (tls->state == imports.tls_wrapped ||
              tls->state == imports.tls_flushing));
    if (outcome != ENDED)
        return 0;
    if (call((PyObject *)tls, names._call_eof_received) < 0)
        return -1;
    return call((PyObject *)tls, names._start_shutdown);
}

static int read_and_answer(Tls *tls)
{
    if (!tls->app_reading_paused) {
        bool nested = tls->reading;
        tls->reading = true;
        int rc = tls->is_buffer
                     ? call((PyObject *)tls, names._do_read__buffered)
                     : read_copied(tls);
        tls->reading = nested;
        if (rc == 0)
            rc = tls->backlog_size > 0
                     ? call((PyObject *)tls, names._do_write)
                     : send_outgoing(tls);
        if (rc < 0)
            return -1;
    }
    return control_reading(tls);
}

static int do_read(Tls *tls)
{
    if ((tls->state != imports.tls_wrapped &&
         tls->state != imports.tls_flushing) ||
        read_and_answer(tls) == 0)
        return 0;
    return fatal(tls);
}

PyObject *tls_do_read(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (do_read((Tls *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int feed(Tls *tls, PyObject *data)
{
    PyObject *self = (PyObject *)tls;
    PyObject *count =
        PyObject_CallMethodOneArg(tls->incoming, names.write, data);
    if (!count)
        return -1;
    Py_DECREF(count);
    if (tls->state == imports.tls_wrapped)
        return do_read(tls);
    if (tls->state == imports.tls_handshake)
        return call(self, names._do_handshake);
    if (tls->state == imports.tls_flushing)
        return call(self, names._do_flush);
    if (tls->state == imports.tls_shutdown)
        return call(self, names._do_shutdown);
    return 0;
}

PyObject *tls_feed_method(PyObject *self, PyObject *data)
{
    if (feed((Tls *)self, data) < 0)
        return NULL;
    Py_RETURN_NONE;
}

bool tls_check(PyObject *protocol)
{
    return PyObject_TypeCheck(protocol, Tls_Type);
}

int tls_feed(PyObject *protocol, const char *data, Py_ssize_t len)
{
    PyObject *view =
        PyMemoryView_FromMemory((char *)(uintptr_t)data, len, PyBUF_READ);
    int rc = view ? feed((Tls *)protocol, view) : -1;
    Py_XDECREF(view);
    return rc;
}

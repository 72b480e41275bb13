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
#include "core.h"

#include <structmember.h>

/* The most that one call of read() can yield: a record. */
#define RECORD_MAX ((size_t)16384)

/* Data for one call of data_received(). */
#define SCRATCH_SIZE ((size_t)256 * 1024)

static PyTypeObject *Tls_Type, *TlsTransport_Type;

/* The members have the names that asyncio's SSLProtocol uses. */
typedef struct {
    PyObject_HEAD
    PyObject *state;
    PyObject *incoming, *outgoing;
    PyObject *object;   /* ssl.SSLObject */
    PyObject *inner;    /* what that wraps; NULL until it is needed */
    PyObject *loop;
    PyObject *transport;
    PyObject *app_protocol;
    PyObject *backlog;  /* a deque: what could not be encrypted yet */
    Py_ssize_t backlog_size;
    Py_ssize_t out_high, out_low, in_high, in_low;
    char is_buffer;     /* app_protocol is a BufferedProtocol */
    char ssl_writing_paused, ssl_reading_paused;
    char app_writing_paused, app_reading_paused;
    bool reading;       /* inside do_read() */
} Tls;

/* Under asyncio's _FlowControlMixin, as transports are. */
typedef struct {
    PyObject_HEAD
    PyObject *extra;
    PyObject *flow[4];  /* asyncio's code keeps its loop there */
    PyObject *weakrefs;
    PyObject *protocol; /* a Tls, or None */
} TlsTransport;

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

static PyObject *tls_process_outgoing(PyObject *self, PyObject *unused)
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

static PyObject *tls_write_appdata(PyObject *self, PyObject *list)
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

static PyObject *transport_write(PyObject *self, PyObject *data)
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

static PyObject *tls_do_read(PyObject *self, PyObject *unused)
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

static PyObject *tls_feed_method(PyObject *self, PyObject *data)
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

/* ── The types ────────────────────────────────────────────────────────── */

static int tls_traverse(PyObject *self, visitproc visit, void *arg)
{
    Tls *tls = (Tls *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(tls->state);
    Py_VISIT(tls->incoming);
    Py_VISIT(tls->outgoing);
    Py_VISIT(tls->object);
    Py_VISIT(tls->inner);
    Py_VISIT(tls->loop);
    Py_VISIT(tls->transport);
    Py_VISIT(tls->app_protocol);
    Py_VISIT(tls->backlog);
    return 0;
}

static int tls_clear(PyObject *self)
{
    Tls *tls = (Tls *)self;
    Py_CLEAR(tls->state);
    Py_CLEAR(tls->incoming);
    Py_CLEAR(tls->outgoing);
    Py_CLEAR(tls->object);
    Py_CLEAR(tls->inner);
    Py_CLEAR(tls->loop);
    Py_CLEAR(tls->transport);
    Py_CLEAR(tls->app_protocol);
    Py_CLEAR(tls->backlog);
    return 0;
}

static void tls_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    tls_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef tls_methods[] = {
    {"_feed", tls_feed_method, METH_O, "Bytes came."},
    {"_do_read", tls_do_read, METH_NOARGS, "Decrypt and deliver."},
    {"_write_appdata", tls_write_appdata, METH_O, "Encrypt and send."},
    {"_process_outgoing", tls_process_outgoing, METH_NOARGS, "Send."},
    {NULL, NULL, 0, NULL},
};

#define OBJECT(name, member)                                                  \
    {name, T_OBJECT, offsetof(Tls, member), 0, NULL}
#define FLAG(name, member) {name, T_BOOL, offsetof(Tls, member), 0, NULL}
#define SIZE(name, member) {name, T_PYSSIZET, offsetof(Tls, member), 0, NULL}

static PyMemberDef tls_members[] = {
    OBJECT("_state", state),
    OBJECT("_incoming", incoming),
    OBJECT("_outgoing", outgoing),
    OBJECT("_sslobj", object),
    OBJECT("_loop", loop),
    OBJECT("_transport", transport),
    OBJECT("_app_protocol", app_protocol),
    OBJECT("_write_backlog", backlog),
    FLAG("_app_protocol_is_buffer", is_buffer),
    FLAG("_ssl_writing_paused", ssl_writing_paused),
    FLAG("_ssl_reading_paused", ssl_reading_paused),
    FLAG("_app_writing_paused", app_writing_paused),
    FLAG("_app_reading_paused", app_reading_paused),
    SIZE("_write_buffer_size", backlog_size),
    SIZE("_outgoing_high_water", out_high),
    SIZE("_outgoing_low_water", out_low),
    SIZE("_incoming_high_water", in_high),
    SIZE("_incoming_low_water", in_low),
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot tls_slots[] = {
    {Py_tp_dealloc, tls_dealloc}, {Py_tp_traverse, tls_traverse},
    {Py_tp_clear, tls_clear},     {Py_tp_methods, tls_methods},
    {Py_tp_members, tls_members}, {0, NULL},
};

static PyType_Spec tls_spec = {
    .name = "bide._core.Tls",
    .basicsize = sizeof(Tls),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = tls_slots,
};

static int transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    TlsTransport *transport = (TlsTransport *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(transport->extra);
    for (int i = 0; i < 4; i++)
        Py_VISIT(transport->flow[i]);
    Py_VISIT(transport->protocol);
    return 0;
}

static int transport_clear(PyObject *self)
{
    TlsTransport *transport = (TlsTransport *)self;
    Py_CLEAR(transport->extra);
    for (int i = 0; i < 4; i++)
        Py_CLEAR(transport->flow[i]);
    Py_CLEAR(transport->protocol);
    return 0;
}

static void transport_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    if (((TlsTransport *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    transport_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef transport_methods[] = {
    {"write", transport_write, METH_O, "Encrypt and send bytes."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef transport_members[] = {
    {"_ssl_protocol", T_OBJECT, offsetof(TlsTransport, protocol), 0, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TlsTransport, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot transport_slots[] = {
    {Py_tp_dealloc, transport_dealloc}, {Py_tp_traverse, transport_traverse},
    {Py_tp_clear, transport_clear},     {Py_tp_methods, transport_methods},
    {Py_tp_members, transport_members}, {0, NULL},
};

static PyType_Spec transport_spec = {
    .name = "bide._core.TlsTransport",
    .basicsize = sizeof(TlsTransport),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = transport_slots,
};

int tls_init_types(PyObject *module)
{
    Tls_Type = (PyTypeObject *)PyType_FromSpec(&tls_spec);
    TlsTransport_Type = (PyTypeObject *)PyType_FromSpecWithBases(
        &transport_spec, imports.transport_type);
    if (!Tls_Type || !TlsTransport_Type ||
        PyModule_AddObjectRef(module, "Tls", (PyObject *)Tls_Type) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "TlsTransport",
                                 (PyObject *)TlsTransport_Type);
}

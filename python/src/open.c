/* SPDX-License-Identifier: MIT */
/*
 * open.c — transports of connected sockets: their beginning, and what is known
 * of their socket.
 *
 * A transport that the loop accepted or connected itself has a descriptor and
 * no socket object: that, and its addresses as Python writes them, are made
 * when they are asked for. The kernel is asked for the addresses at the
 * beginning, because later the peer may be gone.
 */
#include "core.h"

#include <netinet/tcp.h>

/* ── The socket ───────────────────────────────────────────────────────── */

PyObject *stream_get_sock(PyObject *self, void *unused)
{
    (void)unused;
    StreamObject *stream = (StreamObject *)self;
    if (!stream->sock)
        stream->sock = sock_of(stream->fd, -1, -1, -1);
    return Py_XNewRef(stream->sock);
}

void stream_close_fd(StreamObject *stream)
{
    PyObject *sock = stream->sock;
    if (sock == Py_None)
        return;
    stream->sock = Py_NewRef(Py_None);
    if (!sock) {
        close(stream->fd);
        return;
    }
    PyObject *result = PyObject_CallMethodNoArgs(sock, names.close);
    if (!result)
        PyErr_WriteUnraisable(sock);
    Py_XDECREF(result);
    Py_DECREF(sock);
}

/* ── What is known of it ──────────────────────────────────────────────── */

static PyObject *extra_dict(StreamObject *stream)
{
    if (!stream->extra)
        stream->extra = PyDict_New();
    return stream->extra;
}

/* As asyncio's, for a socket that is closed: one without a descriptor. */
static PyObject *transport_socket(StreamObject *stream)
{
    PyObject *sock =
        stream->sock == Py_None
            ? PyObject_CallMethod(imports.socket_type, "__new__", "O",
                                  imports.socket_type)
            : stream_get_sock((PyObject *)stream, NULL);
    PyObject *result =
        sock ? PyObject_CallOneArg(imports.transport_socket, sock) : NULL;
    Py_XDECREF(sock);
    return result;
}

static PyObject *endpoint_to_python(const struct sockaddr_in6 *endpoint)
{
    Address address = {.len = endpoint->sin6_family ? sizeof *endpoint : 0};
    memcpy(&address.any, endpoint, sizeof *endpoint);
    return address_to_python(&address);
}

/* What was not asked for before. NULL without an exception: not known. */
static PyObject *find_out(StreamObject *stream, PyObject *name)
{
    if (PyUnicode_Compare(name, names.peername) == 0)
        return endpoint_to_python(&stream->peer);
    if (PyUnicode_Compare(name, names.sockname) == 0)
        return endpoint_to_python(&stream->local);
    if (PyUnicode_Compare(name, names.socket) == 0)
        return transport_socket(stream);
    return NULL;
}

PyObject *stream_get_extra_info(PyObject *self, PyObject *const *args,
                                Py_ssize_t count, PyObject *kwnames)
{
    StreamObject *stream = (StreamObject *)self;
    Py_ssize_t given = count + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    if (count < 1 || given > 2) {
        PyErr_SetString(PyExc_TypeError, "get_extra_info() takes a name and a "
                        "default");
        return NULL;
    }
    PyObject *extra = extra_dict(stream);
    PyObject *known =
        extra ? PyDict_GetItemWithError(extra, args[0]) : NULL;
    if (known || PyErr_Occurred())
        return Py_XNewRef(known);
    PyObject *found =
        PyUnicode_Check(args[0]) ? find_out(stream, args[0]) : NULL;
    if (!found && !PyErr_Occurred())
        return Py_NewRef(given == 2 ? args[1] : Py_None);
    if (found && PyDict_SetItem(extra, args[0], found) < 0)
        Py_CLEAR(found);
    return found;
}

/* asyncio's dictionary, with everything in it. */
PyObject *stream_get_extra(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *all[] = {names.socket, names.sockname, names.peername};
    for (int i = 0; i < 3; i++) {
        PyObject *value = stream_get_extra_info(self, &all[i], 1, NULL);
        if (!value)
            return NULL;
        Py_DECREF(value);
    }
    return Py_NewRef(((StreamObject *)self)->extra);
}

/* Keep an address: as it is, or as Python writes it. */
static int keep_endpoint(StreamObject *stream, const Address *address,
                         struct sockaddr_in6 *endpoint, PyObject *name)
{
    sa_family_t family = address->any.ss_family;
    if (family == AF_INET || family == AF_INET6) {
        memcpy(endpoint, &address->any, sizeof *endpoint);
        return 0;
    }
    PyObject *extra = extra_dict(stream);
    PyObject *value = NULL;
    if (address_is_known(address))
        value = address_to_python(address);
    else if (stream->sock && stream->sock != Py_None)
        value = PyObject_CallMethodNoArgs(
            stream->sock,
            name == names.peername ? names.getpeername : names.getsockname);
    if (!value && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        value = Py_NewRef(Py_None);
    }
    int rc = value && extra ? PyDict_SetItem(extra, name, value) : -1;
    Py_XDECREF(value);
    return rc;
}

/* Ask the kernel for both addresses. */
static int find_endpoints(StreamObject *stream)
{
    Address address = {.len = sizeof address.any};
    if (getsockname(stream->fd, (struct sockaddr *)&address.any,
                    &address.len) == 0 &&
        keep_endpoint(stream, &address, &stream->local, names.sockname) < 0)
        return -1;
    sa_family_t family = address.any.ss_family;
    if (family == AF_INET || family == AF_INET6) {
        int one = 1; /* fails where it is not TCP */
        setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    address.len = sizeof address.any;
    if (stream->extra) { /* its maker may know the peer */
        int rc = PyDict_Contains(stream->extra, names.peername);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    if (getpeername(stream->fd, (struct sockaddr *)&address.any,
                    &address.len) == 0)
        return keep_endpoint(stream, &address, &stream->peer, names.peername);
    return 0;
}

/* ── Beginning ────────────────────────────────────────────────────────── */

static int set_protocol(StreamObject *stream, PyObject *protocol)
{
    int buffered = PyObject_IsInstance(protocol, imports.buffered_protocol);
    if (buffered < 0)
        return -1;
    stream->tls = tls_check(protocol);
    stream->buffered = buffered && !stream->tls;
    Py_XSETREF(stream->protocol, Py_NewRef(protocol));
    stream->connected = true;
    return 0;
}

PyObject *stream_set_protocol(PyObject *self, PyObject *protocol)
{
    if (set_protocol((StreamObject *)self, protocol) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int attach_to_server(StreamObject *stream, PyObject *server)
{
    if (server == Py_None)
        return 0;
    PyObject *args[] = {server, (PyObject *)stream};
    /* From Python 3.13 on, servers know their transports. */
    size_t count = PY_VERSION_HEX >= 0x030d0000 ? 2 : 1;
    PyObject *result =
        PyObject_VectorcallMethod(names._attach, args, count, NULL);
    if (!result)
        return -1;
    Py_DECREF(result);
    Py_XSETREF(stream->server, Py_NewRef(server));
    return 0;
}

static int set_up(StreamObject *stream, PyObject *protocol, PyObject *server)
{
    if (set_protocol(stream, protocol) < 0 || find_endpoints(stream) < 0 ||
        attach_to_server(stream, server) < 0)
        return -1;
    return loop_add_stream(stream_loop(stream), stream);
}

/* _set_up(protocol, server, extra) */
PyObject *stream_set_up(PyObject *self, PyObject *args)
{
    StreamObject *stream = (StreamObject *)self;
    PyObject *protocol, *server, *extra;
    if (!PyArg_ParseTuple(args, "OOO:_set_up", &protocol, &server, &extra))
        return NULL;
    if (PyDict_Check(extra))
        Py_XSETREF(stream->extra, Py_NewRef(extra));
    if (set_up(stream, protocol, server) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* connection_made() raised: that is told, and nothing else changes. */
static int made_failed(StreamObject *stream)
{
    if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
        PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        return -1;
    PyObject *exception = exception_take();
    PyObject *context = Py_BuildValue(
        "{s:s,s:O,s:O,s:O}", "message",
        "Exception in callback protocol.connection_made()", "exception",
        exception, "transport", stream, "protocol", stream->protocol);
    PyObject *result =
        context ? PyObject_CallMethodOneArg(
                      stream->loop, names.call_exception_handler, context)
                : NULL;
    Py_XDECREF(result);
    Py_XDECREF(context);
    Py_DECREF(exception);
    return result ? 0 : -1;
}

/* Tell the protocol, then read, then tell who waits for it. */
PyObject *stream_begin(PyObject *self, PyObject *waiter)
{
    StreamObject *stream = (StreamObject *)self;
    PyObject *made = PyObject_CallMethodOneArg(
        stream->protocol, names.connection_made, self);
    if (!made && made_failed(stream) < 0)
        return NULL;
    Py_XDECREF(made);
    stream->started = true;
    if (stream_loop(stream))
        stream_start_reading(stream);
    if (waiter == Py_None)
        Py_RETURN_NONE;
    PyObject *done = PyObject_CallMethodNoArgs(waiter, names.done);
    if (done != Py_False)
        return done;
    Py_DECREF(done);
    return PyObject_CallMethodOneArg(waiter, names.set_result, Py_None);
}

/* In the next turn. */
static int begin_soon(StreamObject *stream, PyObject *waiter)
{
    PyObject *method = PyObject_GetAttr((PyObject *)stream, names._begin);
    int rc = method ? loop_soon(stream_loop(stream), method, waiter) : -1;
    Py_XDECREF(method);
    return rc;
}

PyObject *stream_open(LoopObject *loop, int fd, PyObject *protocol,
                      PyObject *server, PyObject *waiter)
{
    PyTypeObject *type = (PyTypeObject *)loop->stream_type;
    StreamObject *stream = stream_alloc(type, loop, fd, NULL);
    if (!stream) {
        close(fd);
        return NULL;
    }
    if (set_up(stream, protocol, server) < 0 ||
        begin_soon(stream, waiter) < 0) {
        PyObject *exception = exception_take();
        stream_close_fd(stream); /* or it would warn of itself */
        exception_raise(exception);
        Py_CLEAR(stream);
    }
    return (PyObject *)stream;
}

/* _begin_soon(waiter), after _set_up() */
PyObject *stream_begin_soon(PyObject *self, PyObject *waiter)
{
    if (begin_soon((StreamObject *)self, waiter) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ── Which descriptors are transports' ────────────────────────────────── */

int loop_add_stream(LoopObject *loop, StreamObject *stream)
{
    size_t index = (size_t)stream->fd;
    if (index >= loop->streams_len) {
        size_t len = loop->streams_len ? loop->streams_len : 64;
        while (len <= index)
            len *= 2;
        StreamObject **table =
            PyMem_Realloc(loop->streams, len * sizeof *table);
        if (!table) {
            PyErr_NoMemory();
            return -1;
        }
        memset(table + loop->streams_len, 0,
               (len - loop->streams_len) * sizeof *table);
        loop->streams = table;
        loop->streams_len = len;
    }
    loop->streams[index] = stream;
    return 0;
}

void loop_remove_stream(LoopObject *loop, StreamObject *stream)
{
    size_t index = (size_t)stream->fd;
    if (index < loop->streams_len && loop->streams[index] == stream)
        loop->streams[index] = NULL;
}

int loop_refuse_stream(LoopObject *loop, int fd)
{
    StreamObject *stream =
        fd >= 0 && (size_t)fd < loop->streams_len ? loop->streams[fd] : NULL;
    if (!stream || stream->closing || stream->lent)
        return 0;
    PyErr_Format(PyExc_RuntimeError,
                 "File descriptor %d is used by transport %R", fd, stream);
    return -1;
}

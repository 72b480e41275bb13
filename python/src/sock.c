/* SPDX-License-Identifier: MIT */
/*
 * sock.c — loop.sock_recv() and its like: the calls that wait.c tries.
 *
 * Taken on here are plain sockets (socket.socket itself) with positional
 * arguments, and addresses that address.c knows; debug mode and everything
 * else is asyncio's code, which does the same with add_reader(). A call asks
 * the kernel not to block, whatever the socket's mode.
 */
#include "core.h"

#include <poll.h>

/* What is received up to this size is copied out of one buffer of the loop:
 * cheaper than to make a large object and to shrink it. */
#define SCRATCH_SIZE ((size_t)64 * 1024)

/* asyncio's own function. */
static PyObject *leave(PyObject *self, const char *name,
                       PyObject *const *args, Py_ssize_t count,
                       PyObject *kwnames)
{
    PyObject *function = PyObject_GetAttrString(imports.loop_type, name);
    size_t all = (size_t)count + 1 +
                 (kwnames ? (size_t)PyTuple_GET_SIZE(kwnames) : 0);
    PyObject **values = PyMem_Malloc(all * sizeof *values);
    PyObject *result = NULL;
    if (function && values) {
        values[0] = self;
        memcpy(values + 1, args, (all - 1) * sizeof *values);
        result = PyObject_Vectorcall(function, values, (size_t)count + 1,
                                     kwnames);
    }
    PyMem_Free(values);
    Py_XDECREF(function);
    return result;
}

/* 0: not ready. -1: an exception is set. */
static int not_done(void)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

#define WITHOUT_INTERRUPTION(result, call)                                    \
    do {                                                                      \
        (result) = (call);                                                    \
    } while ((result) < 0 && errno == EINTR)

/* ── The calls ────────────────────────────────────────────────────────── */

/* Receive a bytes object; `address` may be NULL. */
static int receive(Wait *wait, Address *address, PyObject **ret_bytes)
{
    static char scratch[SCRATCH_SIZE]; /* the GIL is held */
    PyObject *bytes = NULL;
    char *buffer = scratch;
    if (wait->size > SCRATCH_SIZE) {
        bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)wait->size);
        if (!bytes)
            return -1;
        buffer = PyBytes_AS_STRING(bytes);
    }
    ssize_t got;
    if (address)
        address->len = sizeof address->any;
    WITHOUT_INTERRUPTION(
        got, recvfrom(wait->fd, buffer, wait->size, MSG_DONTWAIT,
                      address ? (struct sockaddr *)&address->any : NULL,
                      address ? &address->len : NULL));
    if (got < 0) {
        Py_XDECREF(bytes);
        return not_done();
    }
    if (!bytes)
        bytes = PyBytes_FromStringAndSize(scratch, got);
    else if ((size_t)got < wait->size)
        (void)_PyBytes_Resize(&bytes, got);
    *ret_bytes = bytes;
    return bytes ? 1 : -1;
}

/* As Python's own, which asks the kernel nothing for no bytes. */
static int try_recv(Wait *wait, PyObject **ret_result)
{
    if (wait->size == 0) {
        *ret_result = PyBytes_FromStringAndSize(NULL, 0);
        return *ret_result ? 1 : -1;
    }
    return receive(wait, NULL, ret_result);
}

static int pair(PyObject *first, const Address *address, PyObject **ret_result)
{
    PyObject *second = first ? address_to_python(address) : NULL;
    *ret_result = second ? PyTuple_Pack(2, first, second) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(second);
    return *ret_result ? 1 : -1;
}

static int try_recvfrom(Wait *wait, PyObject **ret_result)
{
    Address address;
    PyObject *bytes;
    int rc = receive(wait, &address, &bytes);
    return rc > 0 ? pair(bytes, &address, ret_result) : rc;
}

static ssize_t receive_into(Wait *wait, Address *address)
{
    ssize_t got;
    if (address)
        address->len = sizeof address->any;
    WITHOUT_INTERRUPTION(
        got, recvfrom(wait->fd, wait->view.buf, wait->size, MSG_DONTWAIT,
                      address ? (struct sockaddr *)&address->any : NULL,
                      address ? &address->len : NULL));
    return got;
}

static int try_recv_into(Wait *wait, PyObject **ret_result)
{
    ssize_t got = wait->size == 0 ? 0 : receive_into(wait, NULL);
    if (got < 0)
        return not_done();
    *ret_result = PyLong_FromSsize_t(got);
    return *ret_result ? 1 : -1;
}

static int try_recvfrom_into(Wait *wait, PyObject **ret_result)
{
    Address address;
    ssize_t got = receive_into(wait, &address);
    if (got < 0)
        return not_done();
    return pair(PyLong_FromSsize_t(got), &address, ret_result);
}

static int try_sendall(Wait *wait, PyObject **ret_result)
{
    size_t len = (size_t)wait->view.len;
    do {
        ssize_t sent;
        WITHOUT_INTERRUPTION(
            sent, send(wait->fd, (char *)wait->view.buf + wait->size,
                       len - wait->size, MSG_DONTWAIT | MSG_NOSIGNAL));
        if (sent < 0)
            return not_done();
        wait->size += (size_t)sent;
    } while (wait->size < len);
    *ret_result = Py_NewRef(Py_None);
    return 1;
}

static int try_sendto(Wait *wait, PyObject **ret_result)
{
    ssize_t sent;
    WITHOUT_INTERRUPTION(
        sent, sendto(wait->fd, wait->view.buf, (size_t)wait->view.len,
                     MSG_DONTWAIT | MSG_NOSIGNAL,
                     (struct sockaddr *)&wait->address.any,
                     wait->address.len));
    if (sent < 0)
        return not_done();
    *ret_result = PyLong_FromSsize_t(sent);
    return *ret_result ? 1 : -1;
}

static int connect_failed(Wait *wait, int code)
{
    PyObject *text = PyUnicode_FromFormat("Connect call failed %S",
                                          wait->data);
    PyObject *args = text ? Py_BuildValue("iN", code, text) : NULL;
    if (args)
        PyErr_SetObject(PyExc_OSError, args);
    Py_XDECREF(args);
    return -1;
}

/* Connecting goes on by itself; the second time, its result is asked for. */
static int try_connect(Wait *wait, PyObject **ret_result)
{
    if (wait->state == WAIT_NEW) {
        if (connect(wait->fd, (struct sockaddr *)&wait->address.any,
                    wait->address.len) < 0) {
            if (errno == EINPROGRESS || errno == EAGAIN || errno == EINTR)
                return 0;
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
    } else {
        int code = 0;
        socklen_t len = sizeof code;
        getsockopt(wait->fd, SOL_SOCKET, SO_ERROR, &code, &len);
        if (code == EAGAIN || code == EINPROGRESS)
            return 0;
        if (code)
            return connect_failed(wait, code);
    }
    *ret_result = Py_NewRef(Py_None);
    return 1;
}

/* A socket.socket of a descriptor, which stays the caller's if it fails. */
PyObject *sock_of(int fd, int family, int type, int protocol)
{
    PyObject *sock = PyObject_CallFunction(imports.socket_type, "iiii", family,
                                           type, protocol, fd);
    if (!sock)
        return NULL;
    PyObject *result = PyObject_CallMethodOneArg(sock, names.setblocking,
                                                 Py_False);
    Py_XDECREF(result);
    if (result)
        return sock;
    Py_XDECREF(PyObject_CallMethod(sock, "detach", NULL));
    Py_DECREF(sock);
    return NULL;
}

/* A result that is a descriptor is the caller's to close. */
static int try_dial(Wait *wait, PyObject **ret_result)
{
    int rc = try_connect(wait, ret_result);
    if (rc <= 0)
        return rc;
    Py_SETREF(*ret_result, PyLong_FromLong(wait->fd));
    wait->owned = *ret_result == NULL;
    return *ret_result ? 1 : -1;
}

static int try_accept(Wait *wait, PyObject **ret_result)
{
    Address address = {.len = sizeof address.any};
    int fd;
    WITHOUT_INTERRUPTION(fd, accept4(wait->fd,
                                     (struct sockaddr *)&address.any,
                                     &address.len,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd < 0)
        return errno == ECONNABORTED ? 0 : not_done();
    PyObject *protocol = PyObject_GetAttr(wait->sock, names.proto);
    PyObject *sock = protocol ? sock_of(fd, address.any.ss_family, -1,
                                        (int)PyLong_AsLong(protocol))
                              : NULL;
    Py_XDECREF(protocol);
    if (!sock)
        close(fd);
    return pair(sock, &address, ret_result);
}

static const WaitKind kind_recv = {"sock_recv", POLLIN, try_recv},
    kind_recv_into = {"sock_recv_into", POLLIN, try_recv_into},
    kind_recvfrom = {"sock_recvfrom", POLLIN, try_recvfrom},
    kind_recvfrom_into = {"sock_recvfrom_into", POLLIN, try_recvfrom_into},
    kind_sendall = {"sock_sendall", POLLOUT, try_sendall},
    kind_sendto = {"sock_sendto", POLLOUT, try_sendto},
    kind_connect = {"sock_connect", POLLOUT, try_connect},
    kind_dial = {"create_connection", POLLOUT, try_dial},
    kind_accept = {"sock_accept", POLLIN, try_accept};

/* ── The loop's methods ───────────────────────────────────────────────── */

/* The wait for a call that is ours to make; NULL without an exception where
 * it is asyncio's. */
static Wait *take(PyObject *self, const WaitKind *kind, PyObject *const *args,
                  Py_ssize_t count, Py_ssize_t expected, PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)self;
    if (count != expected || kwnames || loop->debug ||
        !Py_IS_TYPE(args[0], (PyTypeObject *)imports.socket_type))
        return NULL;
    int fd = PyObject_AsFileDescriptor(args[0]);
    if (fd < 0) {
        PyErr_Clear();
        return NULL;
    }
    return wait_new(loop, kind, args[0], fd);
}

static int family_of(int fd)
{
    int family = -1;
    socklen_t len = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
        return -1;
    return family;
}

static bool known_family(int fd)
{
    Address address = {.any.ss_family = (sa_family_t)family_of(fd)};
    return address_is_known(&address);
}

/* A size that may be received; asyncio's code complains of others. */
static bool take_size(Wait *wait, PyObject *size)
{
    if (!PyLong_Check(size))
        return false;
    Py_ssize_t value = PyLong_AsSsize_t(size);
    if (value < 0) {
        PyErr_Clear();
        return false;
    }
    wait->size = (size_t)value;
    return true;
}

/* Its buffer is kept until the end of the wait. */
static bool take_buffer(Wait *wait, PyObject *buffer, int flags)
{
    if (PyObject_GetBuffer(buffer, &wait->view, flags) == 0)
        return true;
    PyErr_Clear();
    return false;
}

static PyObject *finish_taking(Wait *wait, bool good, PyObject *self,
                               const WaitKind *kind, PyObject *const *args,
                               Py_ssize_t count, PyObject *kwnames)
{
    if (wait && good)
        return (PyObject *)wait;
    Py_XDECREF(wait);
    if (PyErr_Occurred())
        return NULL;
    return leave(self, kind->name, args, count, kwnames);
}

#define METHOD(name, expected, condition)                                     \
    PyObject *loop_sock_##name(PyObject *self, PyObject *const *args,         \
                               Py_ssize_t count, PyObject *kwnames)           \
    {                                                                         \
        const WaitKind *kind = &kind_##name;                                  \
        Wait *wait = take(self, kind, args, count, expected, kwnames);        \
        return finish_taking(wait, wait && (condition), self, kind, args,     \
                             count, kwnames);                                 \
    }

static bool into(Wait *wait, PyObject *buffer)
{
    if (!take_buffer(wait, buffer, PyBUF_WRITABLE))
        return false;
    wait->size = (size_t)wait->view.len;
    return true;
}

static bool to(Wait *wait, PyObject *address)
{
    wait->data = Py_NewRef(address);
    return address_from_python(family_of(wait->fd), address, &wait->address);
}

static bool connect_to(Wait *wait, PyObject *address)
{
    return to(wait, address) &&
           PySys_Audit("socket.connect", "OO", wait->sock, address) == 0;
}

METHOD(recv, 2, take_size(wait, args[1]))
METHOD(recv_into, 2, into(wait, args[1]))
METHOD(recvfrom, 2, known_family(wait->fd) && take_size(wait, args[1]))
METHOD(recvfrom_into, 2, known_family(wait->fd) && into(wait, args[1]))
METHOD(sendall, 2, take_buffer(wait, args[1], PyBUF_SIMPLE))
METHOD(sendto, 3,
       to(wait, args[2]) && take_buffer(wait, args[1], PyBUF_SIMPLE))
METHOD(connect, 2, connect_to(wait, args[1]))
METHOD(accept, 1, known_family(wait->fd))

/* ── Addresses in digits ──────────────────────────────────────────────── */

/* Of either family, unless `family` says which. */
static bool take_digits(PyObject *host, PyObject *port, int family,
                        Address *ret)
{
    PyObject *number = port == Py_None ? PyLong_FromLong(0) : Py_NewRef(port);
    PyObject *address = number ? PyTuple_Pack(2, host, number) : NULL;
    bool good = false;
    Py_XDECREF(number);
    if (address && family != AF_INET6)
        good = address_from_python(AF_INET, address, ret);
    if (address && !good && family != AF_INET)
        good = address_from_python(AF_INET6, address, ret);
    Py_XDECREF(address);
    PyErr_Clear();
    return good;
}

/* _dial(host, port, family): an awaitable of a connected descriptor, or None
 * where the address is not one in digits. */
PyObject *loop_dial(PyObject *self, PyObject *args)
{
    PyObject *host, *port;
    int family;
    Address address;
    if (!PyArg_ParseTuple(args, "OOi:_dial", &host, &port, &family))
        return NULL;
    if (port == Py_None || !take_digits(host, port, family, &address))
        Py_RETURN_NONE;
    int fd = socket(address.any.ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Wait *wait = wait_new((LoopObject *)self, &kind_dial, NULL, fd);
    if (!wait) {
        close(fd);
        return NULL;
    }
    wait->owned = true;
    wait->address = address;
    wait->data = address_to_python(&address);
    if (!wait->data)
        Py_CLEAR(wait);
    return (PyObject *)wait;
}

/* _resolve(host, port, family, type, proto): an awaitable of what
 * getaddrinfo() answers without asking anybody, or None. */
PyObject *loop_resolve(PyObject *self, PyObject *args)
{
    PyObject *host, *port;
    int family, type, protocol;
    Address address;
    if (!PyArg_ParseTuple(args, "OOiii:_resolve", &host, &port, &family, &type,
                          &protocol))
        return NULL;
    int usual = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if ((type != SOCK_STREAM && type != SOCK_DGRAM) ||
        (protocol != 0 && protocol != usual) ||
        !take_digits(host, port, family, &address))
        Py_RETURN_NONE;
    PyObject *list = Py_BuildValue(
        "[(OOisN)]",
        address.any.ss_family == AF_INET ? imports.af_inet : imports.af_inet6,
        type == SOCK_STREAM ? imports.sock_stream : imports.sock_dgram, usual,
        "", address_to_python(&address));
    return wait_with_result((LoopObject *)self, list);
}

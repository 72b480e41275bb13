/* SPDX-License-Identifier: MIT */
/*
 * address.c — addresses of sockets, as Python writes them and as the kernel
 * does.
 *
 * Only addresses in digits and paths, of the three families that programs
 * use. Names, and families such as netlink, are left to Python's own code:
 * the functions then say that they do not know.
 */
#include "core.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

/* ── From Python ──────────────────────────────────────────────────────── */

/* A whole number from 0 to max; -1: it is none. Sets no exception. */
static long number_of(PyObject *object, long max)
{
    if (!PyLong_Check(object))
        return -1;
    int overflow;
    long value = PyLong_AsLongAndOverflow(object, &overflow);
    return overflow || value < 0 || value > max ? -1 : value;
}

static const char *digits_of(PyObject *host)
{
    if (!PyUnicode_Check(host))
        return NULL;
    Py_ssize_t len;
    const char *text = PyUnicode_AsUTF8AndSize(host, &len);
    if (text && strlen(text) == (size_t)len)
        return text;
    PyErr_Clear();
    return NULL;
}

static bool from_inet(PyObject *address, Address *ret)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&ret->any;
    if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) != 2)
        return false;
    const char *host = digits_of(PyTuple_GET_ITEM(address, 0));
    long port = number_of(PyTuple_GET_ITEM(address, 1), 65535);
    *in = (struct sockaddr_in){.sin_family = AF_INET};
    if (!host || port < 0 || inet_pton(AF_INET, host, &in->sin_addr) != 1)
        return false;
    in->sin_port = htons((uint16_t)port);
    ret->len = sizeof *in;
    return true;
}

static bool from_inet6(PyObject *address, Address *ret)
{
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&ret->any;
    Py_ssize_t count = PyTuple_Check(address) ? PyTuple_GET_SIZE(address) : 0;
    if (count < 2 || count > 4)
        return false;
    const char *host = digits_of(PyTuple_GET_ITEM(address, 0));
    long port = number_of(PyTuple_GET_ITEM(address, 1), 65535);
    long flow = count < 3 ? 0
                          : number_of(PyTuple_GET_ITEM(address, 2), 0xfffff);
    long scope = count < 4
                     ? 0
                     : number_of(PyTuple_GET_ITEM(address, 3), UINT32_MAX);
    *in = (struct sockaddr_in6){.sin6_family = AF_INET6};
    if (!host || port < 0 || flow < 0 || scope < 0 ||
        inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
        return false;
    in->sin6_port = htons((uint16_t)port);
    in->sin6_flowinfo = htonl((uint32_t)flow);
    in->sin6_scope_id = (uint32_t)scope;
    ret->len = sizeof *in;
    return true;
}

static bool from_path(PyObject *address, Address *ret)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->any;
    PyObject *bytes = NULL;
    if (!PyUnicode_FSConverter(address, &bytes)) {
        PyErr_Clear(); /* bytes with a NUL, perhaps: an abstract name */
        return false;
    }
    size_t len = (size_t)PyBytes_GET_SIZE(bytes);
    bool fits = len > 0 && len < sizeof un->sun_path;
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (fits)
        memcpy(un->sun_path, PyBytes_AS_STRING(bytes), len);
    Py_DECREF(bytes);
    ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return fits;
}

bool address_from_python(int family, PyObject *address, Address *ret)
{
    switch (family) {
    case AF_INET:
        return from_inet(address, ret);
    case AF_INET6:
        return from_inet6(address, ret);
    case AF_UNIX:
        return from_path(address, ret);
    default:
        return false;
    }
}

/* ── To Python ────────────────────────────────────────────────────────── */

static PyObject *to_path(const Address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->any;
    size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t len = address->len > start ? address->len - start : 0;
    if (len > 0 && un->sun_path[0] == '\0')
        return PyBytes_FromStringAndSize(un->sun_path, (Py_ssize_t)len);
    len = strnlen(un->sun_path, len);
    return PyUnicode_DecodeFSDefaultAndSize(un->sun_path, (Py_ssize_t)len);
}

bool address_is_known(const Address *address)
{
    sa_family_t family = address->any.ss_family;
    return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
}

PyObject *address_to_python(const Address *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->len == 0)
        Py_RETURN_NONE;
    if (address->any.ss_family == AF_INET) {
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)&address->any;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        return Py_BuildValue("si", text, (int)ntohs(in->sin_port));
    }
    if (address->any.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in =
            (const struct sockaddr_in6 *)&address->any;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        return Py_BuildValue("siII", text, (int)ntohs(in->sin6_port),
                             (unsigned)ntohl(in->sin6_flowinfo),
                             (unsigned)in->sin6_scope_id);
    }
    return to_path(address);
}

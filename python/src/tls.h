/* SPDX-License-Identifier: MIT */
/*
 * tls.h — what tls.c and tls_type.c share: the objects of a TLS connection.
 */
#ifndef BIDE_PYTHON_TLS_H
#define BIDE_PYTHON_TLS_H

#include "core.h"

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

extern PyTypeObject *Tls_Type, *TlsTransport_Type;

PyObject *tls_feed_method(PyObject *self, PyObject *data);
PyObject *tls_do_read(PyObject *self, PyObject *unused);
PyObject *tls_write_appdata(PyObject *self, PyObject *list);
PyObject *tls_process_outgoing(PyObject *self, PyObject *unused);
PyObject *tls_transport_write(PyObject *self, PyObject *data);

#endif

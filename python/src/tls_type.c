/* SPDX-License-Identifier: MIT */
/*
 * tls_type.c — the types of tls.c: their memory, and the members that
 * asyncio's code reads and sets.
 */
#include "tls.h"

#include <structmember.h>

PyTypeObject *Tls_Type, *TlsTransport_Type;

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
    {"write", tls_transport_write, METH_O, "Encrypt and send bytes."},
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

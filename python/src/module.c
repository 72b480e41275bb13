/* SPDX-License-Identifier: MIT */
/*
 * module.c — bide._core: names, imported objects, the module itself.
 *
 * The state is static: asyncio's classes, which are ours' bases, exist once a
 * process for all that concerns this module, and a sub-interpreter that
 * imports it a second time is refused.
 */
#include "accel.h"

struct names names;
struct imports imports;
PyObject *empty_tuple;
PyObject *loop_keyword;

/* ── Exceptions ───────────────────────────────────────────────────────── */

PyObject *exception_take(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_XDECREF(type);
    return value;
#endif
}

void exception_raise(PyObject *exception)
{
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(exception)), exception,
                  PyException_GetTraceback(exception));
#endif
}

PyObject *raise_code(int64_t code)
{
    errno = (int)-code;
    return PyErr_SetFromErrno(PyExc_OSError);
}

/* ── Names and imports ────────────────────────────────────────────────── */

static int intern_names(void)
{
    const struct {
        PyObject **where;
        const char *text;
    } all[] = {
#define X(name) {&names.name, #name},
        NAMES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!(*all[i].where = PyUnicode_InternFromString(all[i].text)))
            return -1;
    empty_tuple = PyTuple_New(0);
    loop_keyword = PyTuple_Pack(1, names.loop);
    return empty_tuple && loop_keyword ? 0 : -1;
}

static int import_states(void)
{
    const struct {
        PyObject **where;
        const char *name;
    } all[] = {
        {&imports.tls_handshake, "DO_HANDSHAKE"},
        {&imports.tls_wrapped, "WRAPPED"},
        {&imports.tls_flushing, "FLUSHING"},
        {&imports.tls_shutdown, "SHUTDOWN"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!(*all[i].where = PyObject_GetAttrString(imports.tls_states,
                                                     all[i].name)))
            return -1;
    return 0;
}

static int import_objects(void)
{
    const struct {
        PyObject **where;
        const char *module, *name;
    } all[] = {
        {&imports.handle_type, "asyncio.events", "Handle"},
        {&imports.timer_type, "asyncio.events", "TimerHandle"},
        {&imports.transport_type, "asyncio.transports",
         "_FlowControlMixin"},
        {&imports.futures, "asyncio.futures", "__dict__"},
        {&imports.tasks, "asyncio.tasks", "__dict__"},
        {&imports.loop_type, "asyncio.selector_events",
         "BaseSelectorEventLoop"},
        {&imports.socket_type, "socket", "socket"},
        {&imports.ssl_object, "ssl", "SSLObject"},
        {&imports.ssl_want_read, "ssl", "SSLWantReadError"},
        {&imports.ssl_syscall, "ssl", "SSLSyscallError"},
        {&imports.tls_states, "asyncio.sslproto", "SSLProtocolState"},
        {&imports.af_inet, "socket", "AF_INET"},
        {&imports.af_inet6, "socket", "AF_INET6"},
        {&imports.sock_stream, "socket", "SOCK_STREAM"},
        {&imports.sock_dgram, "socket", "SOCK_DGRAM"},
        {&imports.transport_socket, "asyncio.trsock", "TransportSocket"},
        {&imports.buffered_protocol, "asyncio.protocols",
         "BufferedProtocol"},
        {&imports.extract_stack, "asyncio.format_helpers", "extract_stack"},
        {&imports.report, "bide._report", "callback_failed"},
        {&imports.slow, "bide._report", "callback_was_slow"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        PyObject *module = PyImport_ImportModule(all[i].module);
        if (!module)
            return -1;
        *all[i].where = PyObject_GetAttrString(module, all[i].name);
        Py_DECREF(module);
        if (!*all[i].where)
            return -1;
    }
    return import_states();
}

static PyObject *find(PyObject *dict, PyObject *name)
{
    PyObject *found = PyDict_GetItemWithError(dict, name);
    if (!found && !PyErr_Occurred())
        PyErr_SetObject(PyExc_NameError, name);
    return found;
}

PyObject *future_type(void)
{
    return find(imports.futures, names.Future);
}

PyObject *task_type(void)
{
    return find(imports.tasks, names.Task);
}

PyObject *future_new(LoopObject *loop)
{
    PyObject *type = future_type();
    PyObject *self = (PyObject *)loop;
    return type ? PyObject_Vectorcall(type, &self, 0, loop_keyword) : NULL;
}

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "bide._core",
    .m_doc = "The parts of bide that run often.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__core(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module)
        return NULL;
    if (drive_init() < 0 || intern_names() < 0 || import_objects() < 0 ||
        handle_init_types(module) < 0 || loop_init_type(module) < 0 ||
        stream_init_type(module) < 0 || wait_init_type(module) < 0 ||
        acceptor_init_type(module) < 0 || tls_init_types(module) < 0 ||
        accel_init(module) < 0)
        Py_CLEAR(module);
    return module;
}

/* SPDX-License-Identifier: MIT */
/*
 * accel_bound.c — what locks and queues share: futures in a deque.
 *
 * The futures are the loop's own, and the deques are Python's: programs look
 * into `_waiters` and `_queue`. A class may have a subclass that overrides
 * what we call of ourselves; bound_is_plain() says that none does, and is
 * found again whenever the type was changed.
 */
#include "accel.h"

/* ── Overridden methods ───────────────────────────────────────────────── */

static bool is_ours(PyTypeObject *type, PyObject *name)
{
    PyObject *found = _PyType_Lookup(type, name);
    if (!found)
        return true;
    static const char prefix[] = "bide._core.";
    return Py_IS_TYPE(found, &PyMethodDescr_Type) &&
           strncmp(PyDescr_TYPE(found)->tp_name, prefix,
                   sizeof prefix - 1) == 0;
}

bool bound_check_plain(Bound *bound)
{
    PyObject *const called[] = {
        accel_names._get,          accel_names._put,
        accel_names._wake_up_first, accel_names._wake_up_next,
        accel_names._wakeup_next,  accel_names.acquire,
        accel_names.clear,         accel_names.empty,
        accel_names.full,          accel_names.get_nowait,
        accel_names.is_set,        accel_names.locked,
        accel_names.put_nowait,    accel_names.qsize,
        accel_names.release,       accel_names.set,
        accel_names.wait,
    };
    PyTypeObject *type = Py_TYPE(bound);
    bool plain = true;
    for (size_t i = 0; plain && i < sizeof called / sizeof called[0]; i++)
        plain = is_ours(type, called[i]);
    bound->tag = type->tp_version_tag;
    bound->plain = plain;
    return plain;
}

/* ── Direct calls ─────────────────────────────────────────────────────── */

/* A method in C of a type that nobody can change, found once. */
typedef struct {
    PyTypeObject *type, *derived; /* Future and Task */
    PyCFunction function;
} Direct;

static struct {
    Direct done, cancelled, exception, result; /* of Future and Task */
    Direct set_result;                         /* of Future */
    Direct append, popleft, remove;             /* of deque */
} direct;

static PyCFunction find_method(PyObject *type, PyObject *name, int flags)
{
    PyTypeObject *owner = (PyTypeObject *)type;
    if (!PyType_Check(type) || !(owner->tp_flags & Py_TPFLAGS_IMMUTABLETYPE))
        return NULL;
    PyObject *method = _PyType_Lookup(owner, name);
    if (!method || !Py_IS_TYPE(method, &PyMethodDescr_Type))
        return NULL;
    PyMethodDef *definition = ((PyMethodDescrObject *)method)->d_method;
    return definition->ml_flags == flags ? definition->ml_meth : NULL;
}

static void direct_find(Direct *found, PyObject *type, PyObject *derived,
                        PyObject *name, int flags)
{
    found->function = find_method(type, name, flags);
    if (!found->function)
        return;
    found->type = (PyTypeObject *)type;
    if (derived && find_method(derived, name, flags) == found->function)
        found->derived = (PyTypeObject *)derived;
}

int bound_init(void)
{
    PyObject *future = future_type(), *task = task_type();
    if (!future || !task)
        return -1;
    PyObject *deque = accel_imports.deque;
    direct_find(&direct.done, future, task, accel_names.done, METH_NOARGS);
    direct_find(&direct.cancelled, future, task, accel_names.cancelled,
                METH_NOARGS);
    direct_find(&direct.exception, future, task, names.exception,
                METH_NOARGS);
    direct_find(&direct.result, future, task, accel_names.result,
                METH_NOARGS);
    direct_find(&direct.set_result, future, NULL, accel_names.set_result,
                METH_O);
    direct_find(&direct.append, deque, NULL, accel_names.append, METH_O);
    direct_find(&direct.popleft, deque, NULL, accel_names.popleft,
                METH_NOARGS);
    direct_find(&direct.remove, deque, NULL, accel_names.remove, METH_O);
    return 0;
}

static PyObject *call(const Direct *known, PyObject *self, PyObject *name,
                      PyObject *argument)
{
    if (Py_IS_TYPE(self, known->type) || Py_IS_TYPE(self, known->derived))
        return known->function(self, argument);
    return argument ? PyObject_CallMethodOneArg(self, name, argument)
                    : PyObject_CallMethodNoArgs(self, name);
}

PyObject *deque_append(PyObject *deque, PyObject *item)
{
    return call(&direct.append, deque, accel_names.append, item);
}

PyObject *deque_popleft(PyObject *deque)
{
    return call(&direct.popleft, deque, accel_names.popleft, NULL);
}

/* ── Futures ──────────────────────────────────────────────────────────── */

/* asyncio's way to the running loop asks the kernel who we are. */
static bool runs_here(PyObject *loop)
{
    return loop && PyObject_TypeCheck(loop, Loop_Type) &&
           ((LoopObject *)loop)->driving && drive_ready((LoopObject *)loop);
}

/* The loop is bound by the first wait, as asyncio does it. */
static PyObject *bound_loop(Bound *bound)
{
    if (runs_here(bound->loop))
        return Py_NewRef(bound->loop);
    PyObject *loop = PyObject_CallNoArgs(accel_imports.get_running_loop);
    if (!loop)
        return NULL;
    if (!bound->loop || bound->loop == Py_None)
        Py_XSETREF(bound->loop, Py_NewRef(loop));
    if (loop == bound->loop)
        return loop;
    Py_DECREF(loop);
    PyErr_Format(PyExc_RuntimeError, "%R is bound to a different event loop",
                 bound);
    return NULL;
}

/* As future_new(), without a dictionary and a tuple for each. */
static PyObject *make_future(PyObject *loop)
{
    static PyObject *kept;
    PyTypeObject *type = (PyTypeObject *)future_type();
    if (!type)
        return NULL;
    PyObject *keywords = kept ? kept : PyDict_New();
    kept = NULL;
    PyObject *future = NULL;
    if (keywords && PyDict_SetItem(keywords, names.loop, loop) == 0)
        future = type->tp_new(type, empty_tuple, keywords);
    if (future && type->tp_init(future, empty_tuple, keywords) < 0)
        Py_CLEAR(future);
    if (!keywords || !future || kept || Py_REFCNT(keywords) > 1 ||
        PyDict_SetItem(keywords, names.loop, Py_None) < 0)
        Py_XDECREF(keywords);
    else
        kept = keywords;
    return future;
}

PyObject *loop_future(PyObject *loop)
{
    PyTypeObject *type = (PyTypeObject *)future_type();
    if (!type)
        return NULL;
    PyObject *method =
        PyObject_TypeCheck(loop, Loop_Type) && type == direct.done.type
            ? _PyType_Lookup(Py_TYPE(loop), accel_names.create_future)
            : NULL;
    if (method && Py_IS_TYPE(method, &PyMethodDescr_Type) &&
        PyDescr_TYPE(method) == Loop_Type)
        return make_future(loop);
    return PyObject_CallMethodNoArgs(loop, accel_names.create_future);
}

PyObject *bound_future(PyObject *bound)
{
    PyObject *loop = bound_loop((Bound *)bound);
    PyObject *future = loop ? loop_future(loop) : NULL;
    Py_XDECREF(loop);
    return future;
}

PyObject *bound_enqueue(PyObject *bound, PyObject **deque)
{
    if (!*deque || *deque == Py_None) {
        PyObject *made = PyObject_CallNoArgs(accel_imports.deque);
        if (!made)
            return NULL;
        Py_XSETREF(*deque, made);
    }
    PyObject *future = bound_future(bound);
    PyObject *result =
        future ? deque_append(*deque, future) : NULL;
    if (!result)
        Py_CLEAR(future);
    Py_XDECREF(result);
    return future;
}

static int truth(PyObject *answer)
{
    if (!answer)
        return -1;
    int truth = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return truth;
}

int future_is_done(PyObject *future)
{
    return truth(call(&direct.done, future, accel_names.done, NULL));
}

int future_is_cancelled(PyObject *future)
{
    return truth(call(&direct.cancelled, future, accel_names.cancelled,
                      NULL));
}

PyObject *future_exception(PyObject *future)
{
    return call(&direct.exception, future, names.exception, NULL);
}

PyObject *future_result(PyObject *future)
{
    return call(&direct.result, future, accel_names.result, NULL);
}

int ask(PyObject *object, PyObject *method)
{
    return truth(PyObject_CallMethodNoArgs(object, method));
}

int future_finish(PyObject *future, PyObject *result)
{
    PyObject *none =
        call(&direct.set_result, future, accel_names.set_result, result);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

int call_method(PyObject *self, PyObject *name)
{
    PyObject *result = PyObject_CallMethodNoArgs(self, name);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int deque_remove(PyObject *deque, PyObject *item)
{
    PyObject *before = PyErr_Occurred() ? exception_take() : NULL;
    PyObject *result = call(&direct.remove, deque, accel_names.remove, item);
    Py_XDECREF(result);
    if (!result) {
        Py_XDECREF(before);
        return -1;
    }
    if (before)
        exception_raise(before);
    return 0;
}

Py_ssize_t deque_len(PyObject *deque)
{
    return deque && deque != Py_None ? PyObject_Size(deque) : 0;
}

/* ── Arguments ────────────────────────────────────────────────────────── */

int accel_take_one(PyObject *args, PyObject *kwargs, const char *class,
                   const char *keyword, PyObject **ret_value)
{
    Py_ssize_t count = PyTuple_GET_SIZE(args), max = keyword ? 1 : 0;
    if (count > max) {
        PyErr_Format(PyExc_TypeError, keyword
                         ? "%s.__init__() takes from 1 to 2 positional "
                           "arguments but %zd were given"
                         : "%s.__init__() takes 1 positional argument but "
                           "%zd were given", class, count + 1);
        return -1;
    }
    if (count > 0)
        *ret_value = PyTuple_GET_ITEM(args, 0);
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (kwargs && PyDict_Next(kwargs, &at, &name, &value)) {
        bool known = keyword &&
                     PyUnicode_CompareWithASCIIString(name, keyword) == 0;
        if (!known || count > 0) {
            PyErr_Format(PyExc_TypeError, "%s.__init__() got %s '%U'", class,
                         known ? "multiple values for argument"
                               : "an unexpected keyword argument", name);
            return -1;
        }
        *ret_value = value;
    }
    return 0;
}

/* ── Types ────────────────────────────────────────────────────────────── */

int bound_traverse(PyObject *self, visitproc visit, void *arg)
{
    Bound *bound = (Bound *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(bound->loop);
    Py_VISIT(bound->waiters);
    return 0;
}

int bound_clear(PyObject *self)
{
    Bound *bound = (Bound *)self;
    Py_CLEAR(bound->loop);
    Py_CLEAR(bound->waiters);
    return 0;
}

void bound_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    bound_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyTypeObject *accel_make_type(PyObject *module, const char *name, size_t size,
                              PyTypeObject *base, const PyType_Slot *slots)
{
    PyType_Spec spec = {
        .name = name,
        .basicsize = (int)size,
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_BASETYPE,
        .slots = (PyType_Slot *)slots,
    };
    PyObject *type = PyType_FromSpecWithBases(&spec, (PyObject *)base);
    if (type &&
        PyModule_AddObjectRef(module, strrchr(name, '.') + 1, type) < 0)
        Py_CLEAR(type);
    return (PyTypeObject *)type;
}

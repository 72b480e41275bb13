/* SPDX-License-Identifier: MIT */
/*
 * accel_queues.c — Queue, PriorityQueue and LifoQueue.
 *
 * `_queue` is a deque, or a list of the other two, as in asyncio. Where a
 * subclass overrides a method that asyncio's get() and put() call of
 * themselves, it is called here, too; otherwise its work is done in place.
 */
#include "accel.h"

#include <structmember.h>

typedef struct {
    Bound bound; /* `waiters` is _getters */
    PyObject *putters;
    PyObject *queue;
    PyObject *maxsize;
    PyObject *finished; /* an Event */
    Py_ssize_t unfinished;
    char shut_down;
    enum { IN_ORDER, BY_VALUE, LAST_FIRST } order; /* of the type */
} QueueObject;

static PyTypeObject *Queue_Type, *Priority_Type, *Lifo_Type;
static PyObject *zero;

/* ── Items ────────────────────────────────────────────────────────────── */

static PyObject *queue_init_items(PyObject *self, PyObject *unused)
{
    (void)unused;
    QueueObject *queue = (QueueObject *)self;
    PyObject *items = queue->order == IN_ORDER
                          ? PyObject_CallNoArgs(accel_imports.deque)
                          : PyList_New(0);
    if (!items)
        return NULL;
    Py_XSETREF(queue->queue, items);
    Py_RETURN_NONE;
}

static PyObject *take_item(QueueObject *queue)
{
    if (queue->order == IN_ORDER)
        return deque_popleft(queue->queue);
    if (queue->order == LAST_FIRST)
        return PyObject_CallMethodNoArgs(queue->queue, accel_names.pop);
    return PyObject_CallOneArg(accel_imports.heappop, queue->queue);
}

static PyObject *add_item(QueueObject *queue, PyObject *item)
{
    PyObject *args[] = {queue->queue, item};
    if (queue->order == BY_VALUE)
        return PyObject_Vectorcall(accel_imports.heappush, args, 2, NULL);
    return queue->order == IN_ORDER
               ? deque_append(queue->queue, item)
               : PyObject_CallMethodOneArg(queue->queue, accel_names.append,
                                           item);
}

static PyObject *queue_take_item(PyObject *self, PyObject *unused)
{
    (void)unused;
    return take_item((QueueObject *)self);
}

static PyObject *queue_add_item(PyObject *self, PyObject *item)
{
    return add_item((QueueObject *)self, item);
}

/* ── How many ─────────────────────────────────────────────────────────── */

static int is_empty(QueueObject *queue)
{
    if (!bound_is_plain(&queue->bound))
        return ask((PyObject *)queue, accel_names.empty);
    int some = PyObject_IsTrue(queue->queue);
    return some < 0 ? -1 : !some;
}

/* By what asyncio's full() calls. */
static int count_full(QueueObject *queue, PyObject *size)
{
    int full = PyObject_RichCompareBool(queue->maxsize, zero, Py_GT);
    return full <= 0 ? full
                     : PyObject_RichCompareBool(size, queue->maxsize, Py_GE);
}

static int is_full_plain(QueueObject *queue)
{
    Py_ssize_t len = PyObject_Size(queue->queue);
    if (len < 0)
        return -1;
    if (PyLong_CheckExact(queue->maxsize)) {
        int overflow;
        long max = PyLong_AsLongAndOverflow(queue->maxsize, &overflow);
        return overflow == 0 && max > 0 && len >= max;
    }
    PyObject *size = PyLong_FromSsize_t(len);
    int full = size ? count_full(queue, size) : -1;
    Py_XDECREF(size);
    return full;
}

static int is_full(QueueObject *queue)
{
    if (bound_is_plain(&queue->bound))
        return is_full_plain(queue);
    return ask((PyObject *)queue, accel_names.full);
}

static PyObject *queue_full(PyObject *self, PyObject *unused)
{
    (void)unused;
    QueueObject *queue = (QueueObject *)self;
    if (bound_is_plain(&queue->bound)) {
        int plain = is_full_plain(queue);
        return plain < 0 ? NULL : PyBool_FromLong(plain);
    }
    int limited = PyObject_RichCompareBool(queue->maxsize, zero, Py_GT);
    if (limited <= 0)
        return limited < 0 ? NULL : Py_NewRef(Py_False);
    PyObject *size = PyObject_CallMethodNoArgs(self, accel_names.qsize);
    int full = size ? count_full(queue, size) : -1;
    Py_XDECREF(size);
    return full < 0 ? NULL : PyBool_FromLong(full);
}

static PyObject *queue_empty(PyObject *self, PyObject *unused)
{
    (void)unused;
    int some = PyObject_IsTrue(((QueueObject *)self)->queue);
    return some < 0 ? NULL : PyBool_FromLong(!some);
}

static PyObject *queue_qsize(PyObject *self, PyObject *unused)
{
    (void)unused;
    Py_ssize_t len = PyObject_Size(((QueueObject *)self)->queue);
    return len < 0 ? NULL : PyLong_FromSsize_t(len);
}

/* ── Waking ───────────────────────────────────────────────────────────── */

static int wake_one(PyObject *waiters)
{
    Py_ssize_t left;
    while ((left = deque_len(waiters)) > 0) {
        PyObject *future =
            deque_popleft(waiters);
        int done = future ? future_is_done(future) : -1;
        int rc = done == 0 ? future_finish(future, Py_None) : done;
        Py_XDECREF(future);
        if (done <= 0)
            return rc;
    }
    return (int)left;
}

static PyObject *queue_wake_next(PyObject *self, PyObject *waiters)
{
    (void)self;
    if (wake_one(waiters) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int wake_next(QueueObject *queue, PyObject *waiters)
{
    if (bound_is_plain(&queue->bound))
        return wake_one(waiters);
    PyObject *result = PyObject_CallMethodOneArg(
        (PyObject *)queue, accel_names._wakeup_next, waiters);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* ── Without waiting ──────────────────────────────────────────────────── */

static int refuse(QueueObject *queue, PyObject *otherwise)
{
    if (queue->shut_down && accel_imports.queue_shut_down)
        otherwise = accel_imports.queue_shut_down;
    if (otherwise)
        PyErr_SetNone(otherwise);
    return otherwise ? -1 : 0;
}

/* The item is put: there is one more to be done, and one to be got. */
static int put_now(QueueObject *queue, PyObject *item)
{
    PyObject *result =
        bound_is_plain(&queue->bound)
            ? add_item(queue, item)
            : PyObject_CallMethodOneArg((PyObject *)queue, accel_names._put,
                                        item);
    if (!result)
        return -1;
    Py_DECREF(result);
    queue->unfinished++;
    if (event_clear(queue->finished) < 0)
        return -1;
    return wake_next(queue, queue->bound.waiters);
}

static PyObject *get_now(QueueObject *queue)
{
    PyObject *item =
        bound_is_plain(&queue->bound)
            ? take_item(queue)
            : PyObject_CallMethodNoArgs((PyObject *)queue, accel_names._get);
    if (item && wake_next(queue, queue->putters) < 0)
        Py_CLEAR(item);
    return item;
}

static PyObject *queue_put_nowait(PyObject *self, PyObject *const *args,
                                  Py_ssize_t count, PyObject *kwnames)
{
    if (PyVectorcall_NARGS((size_t)count) +
            (kwnames ? PyTuple_GET_SIZE(kwnames) : 0) != 1) {
        PyErr_SetString(PyExc_TypeError, "Queue.put_nowait() takes exactly "
                        "one argument: 'item'");
        return NULL;
    }
    QueueObject *queue = (QueueObject *)self;
    if (refuse(queue, NULL) < 0)
        return NULL;
    int full = is_full(queue);
    if (full > 0)
        PyErr_SetNone(accel_imports.queue_full);
    if (full != 0 || put_now(queue, args[0]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *queue_get_nowait(PyObject *self, PyObject *unused)
{
    (void)unused;
    QueueObject *queue = (QueueObject *)self;
    int empty = is_empty(queue);
    if (empty > 0)
        refuse(queue, accel_imports.queue_empty);
    return empty == 0 ? get_now(queue) : NULL;
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

/* A wait among `waiters` failed: give up the place, and pass on what came.
 * `usable` says whether the next could go on. */
static int give_up(Await *await, PyObject *waiters,
                   int (*blocked)(QueueObject *))
{
    QueueObject *queue = (QueueObject *)await->owner;
    PyObject *exception = exception_take();
    PyObject *future = await->waits_for;
    int rc = call_method(future, accel_names.cancel);
    if (rc == 0 && deque_remove(waiters, future) < 0) {
        /* It was taken out when it was woken. */
        if (PyErr_ExceptionMatches(PyExc_ValueError))
            PyErr_Clear();
        else
            rc = -1;
    }
    int closed = rc == 0 ? blocked(queue) : -1;
    int cancelled =
        closed == 0 ? future_is_cancelled(future) : closed;
    if (cancelled == 0)
        cancelled = wake_next(queue, waiters);
    if (cancelled < 0) {
        Py_DECREF(exception);
        return -1;
    }
    exception_raise(exception);
    return -1;
}

static int get_start(Await *await, PyObject **ret_result)
{
    QueueObject *queue = (QueueObject *)await->owner;
    int empty = is_empty(queue);
    if (empty < 0)
        return -1;
    if (empty) {
        if (refuse(queue, NULL) < 0)
            return -1;
        Py_XSETREF(await->waits_for,
                   bound_enqueue(await->owner, &queue->bound.waiters));
        return await->waits_for ? 0 : -1;
    }
    *ret_result = bound_is_plain(&queue->bound)
                      ? get_now(queue)
                      : PyObject_CallMethodNoArgs(await->owner,
                                                  accel_names.get_nowait);
    return *ret_result ? 1 : -1;
}

static int get_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    if (value)
        return get_start(await, ret_result);
    if (!await->waits_for)
        return -1;
    return give_up(await, ((QueueObject *)await->owner)->bound.waiters,
                   is_empty);
}

static PyObject *queue_get(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"Queue.get", get_start, get_resume};
    return await_new(&kind, self, NULL);
}

static int put_start(Await *await, PyObject **ret_result)
{
    QueueObject *queue = (QueueObject *)await->owner;
    int full = is_full(queue);
    if (full < 0)
        return -1;
    if (full) {
        if (refuse(queue, NULL) < 0)
            return -1;
        Py_XSETREF(await->waits_for,
                   bound_enqueue(await->owner, &queue->putters));
        return await->waits_for ? 0 : -1;
    }
    if (!bound_is_plain(&queue->bound)) {
        *ret_result = PyObject_CallMethodOneArg(
            await->owner, accel_names.put_nowait, await->item);
        return *ret_result ? 1 : -1;
    }
    if (refuse(queue, NULL) < 0 || put_now(queue, await->item) < 0)
        return -1;
    return await_none(ret_result);
}

static int put_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    if (value)
        return put_start(await, ret_result);
    if (!await->waits_for)
        return -1;
    return give_up(await, ((QueueObject *)await->owner)->putters, is_full);
}

static PyObject *queue_put(PyObject *self, PyObject *const *args,
                           Py_ssize_t count, PyObject *kwnames)
{
    static const AwaitKind kind = {"Queue.put", put_start, put_resume};
    if (PyVectorcall_NARGS((size_t)count) +
            (kwnames ? PyTuple_GET_SIZE(kwnames) : 0) != 1) {
        PyErr_SetString(PyExc_TypeError, "Queue.put() takes exactly one "
                        "argument: 'item'");
        return NULL;
    }
    return await_new(&kind, self, args[0]);
}

/* ── All done ─────────────────────────────────────────────────────────── */

static PyObject *queue_task_done(PyObject *self, PyObject *unused)
{
    (void)unused;
    QueueObject *queue = (QueueObject *)self;
    if (queue->unfinished <= 0) {
        PyErr_SetString(PyExc_ValueError,
                        "task_done() called too many times");
        return NULL;
    }
    if (--queue->unfinished == 0 && event_set(queue->finished) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int join_start(Await *await, PyObject **ret_result)
{
    QueueObject *queue = (QueueObject *)await->owner;
    if (queue->unfinished <= 0)
        return await_none(ret_result);
    await->waits_for =
        PyObject_CallMethodNoArgs(queue->finished, accel_names.wait);
    return await->waits_for ? 0 : -1;
}

static int join_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    (void)await;
    return value ? await_none(ret_result) : -1;
}

static PyObject *queue_join(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"Queue.join", join_start, join_resume};
    return await_new(&kind, self, NULL);
}

/* ── The types ────────────────────────────────────────────────────────── */

/* What a subclass that does not call __init__() of its base, or has __new__()
 * only, finds is None throughout. */
static PyObject *queue_new(PyTypeObject *type, PyObject *args,
                           PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    QueueObject *queue = (QueueObject *)type->tp_alloc(type, 0);
    if (!queue)
        return NULL;
    queue->order = PyType_IsSubtype(type, Priority_Type) ? BY_VALUE
                   : PyType_IsSubtype(type, Lifo_Type)   ? LAST_FIRST
                                                         : IN_ORDER;
    queue->bound.waiters = Py_NewRef(Py_None);
    queue->putters = Py_NewRef(Py_None);
    queue->queue = Py_NewRef(Py_None);
    queue->finished = Py_NewRef(Py_None);
    queue->maxsize = Py_NewRef(zero);
    return (PyObject *)queue;
}

static int set_deque(PyObject **where)
{
    PyObject *deque = PyObject_CallNoArgs(accel_imports.deque);
    if (!deque)
        return -1;
    Py_XSETREF(*where, deque);
    return 0;
}

static int queue_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    QueueObject *queue = (QueueObject *)self;
    PyObject *maxsize = zero;
    if (accel_take_one(args, kwargs, "Queue", "maxsize", &maxsize) < 0)
        return -1;
    PyObject *type = PyDict_GetItemWithError(accel_imports.locks,
                                             accel_names.Event);
    PyObject *event = type ? PyObject_CallNoArgs(type) : NULL;
    if (!event)
        return -1;
    Py_XSETREF(queue->finished, event);
    Py_XSETREF(queue->maxsize, Py_NewRef(maxsize));
    queue->unfinished = 0;
    queue->shut_down = 0;
    if (set_deque(&queue->bound.waiters) < 0 ||
        set_deque(&queue->putters) < 0 || event_set(event) < 0)
        return -1;
    PyObject *result =
        PyObject_CallMethodOneArg(self, accel_names._init, maxsize);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int queue_traverse(PyObject *self, visitproc visit, void *arg)
{
    QueueObject *queue = (QueueObject *)self;
    Py_VISIT(queue->putters);
    Py_VISIT(queue->queue);
    Py_VISIT(queue->maxsize);
    Py_VISIT(queue->finished);
    return bound_traverse(self, visit, arg);
}

/* Nothing is NULL afterwards: the methods may still be called. */
static int queue_clear(PyObject *self)
{
    QueueObject *queue = (QueueObject *)self;
    Py_XSETREF(queue->putters, Py_NewRef(Py_None));
    Py_XSETREF(queue->queue, Py_NewRef(Py_None));
    Py_XSETREF(queue->finished, Py_NewRef(Py_None));
    return bound_clear(self);
}

static void queue_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    QueueObject *queue = (QueueObject *)self;
    Py_CLEAR(queue->putters);
    Py_CLEAR(queue->queue);
    Py_CLEAR(queue->maxsize);
    Py_CLEAR(queue->finished);
    bound_dealloc(self);
}

static PyMemberDef members[] = {
    {"_loop", T_OBJECT, offsetof(Bound, loop), 0, NULL},
    {"_getters", T_OBJECT_EX, offsetof(Bound, waiters), 0, NULL},
    {"_putters", T_OBJECT_EX, offsetof(QueueObject, putters), 0, NULL},
    {"_queue", T_OBJECT_EX, offsetof(QueueObject, queue), 0, NULL},
    {"_maxsize", T_OBJECT_EX, offsetof(QueueObject, maxsize), 0, NULL},
    {"_finished", T_OBJECT_EX, offsetof(QueueObject, finished), 0, NULL},
    {"_unfinished_tasks", T_PYSSIZET, offsetof(QueueObject, unfinished), 0,
     NULL},
    {"_is_shutdown", T_BOOL, offsetof(QueueObject, shut_down), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

#define ORDER_METHODS                                                         \
    {"_init", queue_init_items, METH_O, NULL},                                \
    {"_get", queue_take_item, METH_NOARGS, NULL},                             \
    {"_put", queue_add_item, METH_O, NULL}

static PyMethodDef methods[] = {
    ORDER_METHODS,
    {"_wakeup_next", queue_wake_next, METH_O, NULL},
    {"empty", queue_empty, METH_NOARGS, "Whether there is no item."},
    {"full", queue_full, METH_NOARGS, "Whether there are maxsize items."},
    {"get", queue_get, METH_NOARGS, "Wait for an item and take it."},
    {"get_nowait", queue_get_nowait, METH_NOARGS, "Take an item that is."},
    {"join", queue_join, METH_NOARGS, "Wait until all items are done."},
    {"put", (PyCFunction)(void (*)(void))queue_put,
     METH_FASTCALL | METH_KEYWORDS, "Wait for room and put an item."},
    {"put_nowait", (PyCFunction)(void (*)(void))queue_put_nowait,
     METH_FASTCALL | METH_KEYWORDS, "Put an item where there is room."},
    {"qsize", queue_qsize, METH_NOARGS, "How many items there are."},
    {"task_done", queue_task_done, METH_NOARGS, "An item that was got is "
                                                "done."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef order_methods[] = {ORDER_METHODS, {NULL, NULL, 0, NULL}};

static const PyType_Slot slots[] = {
    {Py_tp_dealloc, queue_dealloc}, {Py_tp_traverse, queue_traverse},
    {Py_tp_clear, queue_clear},     {Py_tp_new, queue_new},
    {Py_tp_init, queue_init},       {Py_tp_methods, methods},
    {Py_tp_members, members},       {0, NULL},
};

static const PyType_Slot order_slots[] = {
    {Py_tp_dealloc, queue_dealloc}, {Py_tp_traverse, queue_traverse},
    {Py_tp_clear, queue_clear},     {Py_tp_methods, order_methods},
    {0, NULL},
};

int queues_init_types(PyObject *module)
{
    zero = PyLong_FromLong(0);
    Queue_Type = zero ? accel_make_type(module, "bide._core.Queue",
                                        sizeof(QueueObject), NULL, slots)
                      : NULL;
    if (!Queue_Type)
        return -1;
    Priority_Type = accel_make_type(module, "bide._core.PriorityQueue",
                                    sizeof(QueueObject), Queue_Type,
                                    order_slots);
    Lifo_Type = accel_make_type(module, "bide._core.LifoQueue",
                                sizeof(QueueObject), Queue_Type, order_slots);
    return Priority_Type && Lifo_Type ? 0 : -1;
}

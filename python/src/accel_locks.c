/* SPDX-License-Identifier: MIT */
/*
 * accel_locks.c — Event, Lock, Semaphore and BoundedSemaphore.
 *
 * Their rules are asyncio's. A waiter leaves `_waiters` itself when it goes
 * on, whatever woke it; who wakes it only looks for the first that is not done.
 */
#include "accel.h"

#include <structmember.h>

typedef struct {
    Bound bound;
    char locked;
} LockObject;

typedef struct {
    Bound bound;
    PyObject *value; /* an integer, or whatever compares with one */
    PyObject *limit; /* of a bounded one */
} SemaphoreObject;

PyTypeObject *Event_Type;
static PyTypeObject *Lock_Type, *Semaphore_Type, *Bounded_Type;
static PyObject *zero, *one;

static PyObject **waiters_of(PyObject *self)
{
    return &((Bound *)self)->waiters;
}

/* Have the future at this await leave the waiters; the exception stays. */
static int leave(Await *await)
{
    return deque_remove(*waiters_of(await->owner), await->waits_for);
}

static bool is_cancellation(void)
{
    return PyErr_ExceptionMatches(accel_imports.cancelled_error);
}

/* ── async with ───────────────────────────────────────────────────────── */

static int enter_start(Await *await, PyObject **ret_result)
{
    (void)ret_result;
    await->waits_for =
        PyObject_CallMethodNoArgs(await->owner, accel_names.acquire);
    return await->waits_for ? 0 : -1;
}

static int enter_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    (void)await;
    return value ? await_none(ret_result) : -1;
}

static int exit_start(Await *await, PyObject **ret_result)
{
    if (call_method(await->owner, accel_names.release) < 0)
        return -1;
    return await_none(ret_result);
}

static const AwaitKind enter_kind = {"_ContextManagerMixin.__aenter__",
                                     enter_start, enter_resume};

static PyObject *start_exit(PyObject *self, PyObject *args)
{
    (void)args;
    static const AwaitKind kind = {"_ContextManagerMixin.__aexit__",
                                   exit_start, enter_resume};
    return await_new(&kind, self, NULL);
}

/* ── Event ────────────────────────────────────────────────────────────── */

static int event_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    if (accel_take_one(args, kwargs, "Event", NULL, NULL) < 0)
        return -1;
    PyObject *deque = PyObject_CallNoArgs(accel_imports.deque);
    if (!deque)
        return -1;
    Py_XSETREF(*waiters_of(self), deque);
    ((EventObject *)self)->value = 0;
    return 0;
}

static int wake_all(PyObject *waiters)
{
    PyObject *iterator = PyObject_GetIter(waiters);
    if (!iterator)
        return -1;
    PyObject *future;
    int rc = 0;
    while (rc == 0 && (future = PyIter_Next(iterator))) {
        rc = future_is_done(future);
        if (rc == 0)
            rc = future_finish(future, Py_True);
        else if (rc > 0)
            rc = 0;
        Py_DECREF(future);
    }
    Py_DECREF(iterator);
    return rc < 0 || PyErr_Occurred() ? -1 : 0;
}

static PyObject *event_set_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    EventObject *event = (EventObject *)self;
    if (!event->value) {
        event->value = 1;
        Py_ssize_t len = deque_len(event->bound.waiters);
        if (len < 0 || (len > 0 && wake_all(event->bound.waiters) < 0))
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *event_clear_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((EventObject *)self)->value = 0;
    Py_RETURN_NONE;
}

static PyObject *event_is_set(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((EventObject *)self)->value);
}

static bool is_plain_event(PyObject *event)
{
    return PyObject_TypeCheck(event, Event_Type) &&
           bound_is_plain((Bound *)event);
}

int event_set(PyObject *event)
{
    return call_method(event, accel_names.set);
}

int event_clear(PyObject *event)
{
    if (!is_plain_event(event))
        return call_method(event, accel_names.clear);
    ((EventObject *)event)->value = 0;
    return 0;
}

static int event_start(Await *await, PyObject **ret_result)
{
    if (((EventObject *)await->owner)->value) {
        *ret_result = Py_NewRef(Py_True);
        return 1;
    }
    await->waits_for = bound_enqueue(await->owner, waiters_of(await->owner));
    return await->waits_for ? 0 : -1;
}

static int event_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    if (leave(await) < 0 || !value)
        return -1;
    *ret_result = Py_NewRef(Py_True);
    return 1;
}

static PyObject *event_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"Event.wait", event_start, event_resume};
    return await_new(&kind, self, NULL);
}

/* ── Lock ─────────────────────────────────────────────────────────────── */

static int lock_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    if (accel_take_one(args, kwargs, "Lock", NULL, NULL) < 0)
        return -1;
    Py_CLEAR(*waiters_of(self));
    ((LockObject *)self)->locked = 0;
    return 0;
}

/* Wake the first waiter; it will wake the next if it was cancelled. */
static int lock_wake(PyObject *self)
{
    Py_ssize_t len = deque_len(*waiters_of(self));
    if (len <= 0)
        return (int)len;
    PyObject *first = PySequence_GetItem(*waiters_of(self), 0);
    if (!first)
        return -1;
    int done = future_is_done(first);
    if (done == 0)
        done = future_finish(first, Py_True);
    Py_DECREF(first);
    return done < 0 ? -1 : 0;
}

static PyObject *lock_wake_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (lock_wake(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int lock_wake_first(PyObject *self)
{
    if (bound_is_plain((Bound *)self))
        return lock_wake(self);
    return call_method(self, accel_names._wake_up_first);
}

static PyObject *lock_release(PyObject *self, PyObject *unused)
{
    (void)unused;
    LockObject *lock = (LockObject *)self;
    if (!lock->locked) {
        PyErr_SetString(PyExc_RuntimeError, "Lock is not acquired.");
        return NULL;
    }
    lock->locked = 0;
    if (lock_wake_first(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* 1: all futures were cancelled; 0: one was not; -1: an exception is set. */
static int all_cancelled(PyObject *waiters)
{
    Py_ssize_t len = deque_len(waiters);
    if (len <= 0)
        return len < 0 ? -1 : 1;
    PyObject *iterator = PyObject_GetIter(waiters);
    if (!iterator)
        return -1;
    PyObject *future;
    int all = 1;
    while (all > 0 && (future = PyIter_Next(iterator))) {
        all = future_is_cancelled(future);
        Py_DECREF(future);
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : all;
}

static int lock_start(Await *await, PyObject **ret_result)
{
    LockObject *lock = (LockObject *)await->owner;
    int free = lock->locked ? 0 : all_cancelled(lock->bound.waiters);
    if (free < 0)
        return -1;
    if (free) {
        lock->locked = 1;
        *ret_result = Py_NewRef(Py_True);
        return 1;
    }
    await->waits_for = bound_enqueue(await->owner, &lock->bound.waiters);
    return await->waits_for ? 0 : -1;
}

static int lock_resume(Await *await, PyObject *value, PyObject **ret_result)
{
    LockObject *lock = (LockObject *)await->owner;
    if (leave(await) < 0)
        return -1;
    if (value) {
        lock->locked = 1;
        *ret_result = Py_NewRef(Py_True);
        return 1;
    }
    if (is_cancellation() && !lock->locked) {
        PyObject *exception = exception_take();
        if (lock_wake_first(await->owner) < 0)
            Py_DECREF(exception);
        else
            exception_raise(exception);
    }
    return -1;
}

static PyObject *lock_acquire(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"Lock.acquire", lock_start, lock_resume};
    return await_new(&kind, self, NULL);
}

static int lock_enter_resume(Await *await, PyObject *value,
                             PyObject **ret_result)
{
    int rc = lock_resume(await, value, ret_result);
    if (rc > 0)
        Py_SETREF(*ret_result, Py_NewRef(Py_None));
    return rc;
}

static int lock_enter_start(Await *await, PyObject **ret_result)
{
    int rc = lock_start(await, ret_result);
    if (rc > 0)
        Py_SETREF(*ret_result, Py_NewRef(Py_None));
    return rc;
}

static PyObject *lock_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"_ContextManagerMixin.__aenter__",
                                   lock_enter_start, lock_enter_resume};
    return await_new(bound_is_plain((Bound *)self) ? &kind : &enter_kind,
                     self, NULL);
}

static PyObject *lock_locked(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((LockObject *)self)->locked);
}

/* ── Semaphore ────────────────────────────────────────────────────────── */

static int semaphore_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    SemaphoreObject *semaphore = (SemaphoreObject *)self;
    PyObject *value = one;
    if (accel_take_one(args, kwargs, PyObject_TypeCheck(self, Bounded_Type)
                           ? "BoundedSemaphore" : "Semaphore",
                       "value", &value) < 0)
        return -1;
    int negative = PyObject_RichCompareBool(value, zero, Py_LT);
    if (negative < 0)
        return -1;
    if (negative) {
        PyErr_SetString(PyExc_ValueError,
                        "Semaphore initial value must be >= 0");
        return -1;
    }
    Py_XSETREF(semaphore->value, Py_NewRef(value));
    Py_XSETREF(semaphore->limit, Py_NewRef(value));
    Py_CLEAR(semaphore->bound.waiters);
    return 0;
}

static PyObject *value_of(SemaphoreObject *semaphore)
{
    return semaphore->value ? semaphore->value : zero;
}

/* Add 1 or take 1 away. */
static int change(SemaphoreObject *semaphore, bool up)
{
    PyObject *old = value_of(semaphore);
    PyObject *changed = up ? PyNumber_Add(old, one)
                           : PyNumber_Subtract(old, one);
    if (!changed)
        return -1;
    Py_XSETREF(semaphore->value, changed);
    return 0;
}

/* 1: a waiter was woken; 0: there is none. */
static int semaphore_wake(SemaphoreObject *semaphore)
{
    Py_ssize_t len = deque_len(semaphore->bound.waiters);
    if (len <= 0)
        return (int)len;
    PyObject *iterator = PyObject_GetIter(semaphore->bound.waiters);
    if (!iterator)
        return -1;
    PyObject *future;
    int woken = 0;
    while (woken == 0 && (future = PyIter_Next(iterator))) {
        int done = future_is_done(future);
        if (done == 0)
            woken = change(semaphore, false) < 0 ||
                            future_finish(future, Py_True) < 0
                        ? -1 : 1;
        else if (done < 0)
            woken = -1;
        Py_DECREF(future);
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : woken;
}

static PyObject *semaphore_wake_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    int woken = semaphore_wake((SemaphoreObject *)self);
    return woken < 0 ? NULL : PyBool_FromLong(woken);
}

/* As semaphore_wake(), of a subclass or not. */
static int semaphore_wake_next(SemaphoreObject *semaphore)
{
    if (bound_is_plain(&semaphore->bound))
        return semaphore_wake(semaphore);
    PyObject *result = PyObject_CallMethodNoArgs((PyObject *)semaphore,
                                                 accel_names._wake_up_next);
    int woken = result ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    return woken;
}

static PyObject *semaphore_release(PyObject *self, PyObject *unused)
{
    (void)unused;
    SemaphoreObject *semaphore = (SemaphoreObject *)self;
    if (change(semaphore, true) < 0 || semaphore_wake_next(semaphore) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *bounded_release(PyObject *self, PyObject *unused)
{
    SemaphoreObject *semaphore = (SemaphoreObject *)self;
    int full = PyObject_RichCompareBool(
        value_of(semaphore), semaphore->limit ? semaphore->limit : zero,
        Py_GE);
    if (full < 0)
        return NULL;
    if (full) {
        PyErr_SetString(PyExc_ValueError,
                        "BoundedSemaphore released too many times");
        return NULL;
    }
    return semaphore_release(self, unused);
}

/* Whether who comes now must wait: none is left, or others came before. */
static int semaphore_is_locked(SemaphoreObject *semaphore)
{
    int none = PyObject_RichCompareBool(value_of(semaphore), zero, Py_EQ);
    if (none != 0)
        return none;
    int all = all_cancelled(semaphore->bound.waiters);
    return all < 0 ? -1 : !all;
}

static PyObject *semaphore_locked(PyObject *self, PyObject *unused)
{
    (void)unused;
    int locked = semaphore_is_locked((SemaphoreObject *)self);
    return locked < 0 ? NULL : PyBool_FromLong(locked);
}

static int semaphore_start(Await *await, PyObject **ret_result)
{
    SemaphoreObject *semaphore = (SemaphoreObject *)await->owner;
    int locked = bound_is_plain(&semaphore->bound)
                     ? semaphore_is_locked(semaphore)
                     : ask(await->owner, accel_names.locked);
    if (locked < 0)
        return -1;
    if (!locked) {
        *ret_result = Py_NewRef(Py_True);
        return change(semaphore, false) < 0 ? -1 : 1;
    }
    await->waits_for = bound_enqueue(await->owner, &semaphore->bound.waiters);
    return await->waits_for ? 0 : -1;
}

/* Those who came later had to wait behind us: wake as many as may go on. */
static int wake_allowed(SemaphoreObject *semaphore)
{
    int woken = 1;
    while (woken > 0) {
        int some = PyObject_RichCompareBool(value_of(semaphore), zero, Py_GT);
        woken = some > 0 ? semaphore_wake_next(semaphore) : some;
    }
    return woken;
}

static int semaphore_resume(Await *await, PyObject *value,
                            PyObject **ret_result)
{
    SemaphoreObject *semaphore = (SemaphoreObject *)await->owner;
    if (leave(await) < 0)
        return -1;
    PyObject *exception = value ? NULL : exception_take();
    if (exception && PyErr_GivenExceptionMatches(
                         exception, accel_imports.cancelled_error)) {
        /* It was given to us, and we cannot take it. */
        int done = future_is_done(await->waits_for);
        int lost = future_is_cancelled(await->waits_for);
        if (done < 0 || lost < 0 ||
            (done && !lost && change(semaphore, true) < 0)) {
            Py_DECREF(exception);
            return -1;
        }
    }
    if (wake_allowed(semaphore) < 0) {
        Py_XDECREF(exception);
        return -1;
    }
    if (exception) {
        exception_raise(exception);
        return -1;
    }
    *ret_result = Py_NewRef(Py_True);
    return 1;
}

static PyObject *semaphore_acquire(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"Semaphore.acquire", semaphore_start,
                                   semaphore_resume};
    return await_new(&kind, self, NULL);
}

static int semaphore_enter_start(Await *await, PyObject **ret_result)
{
    int rc = semaphore_start(await, ret_result);
    if (rc > 0)
        Py_SETREF(*ret_result, Py_NewRef(Py_None));
    return rc;
}

static int semaphore_enter_resume(Await *await, PyObject *value,
                                  PyObject **ret_result)
{
    int rc = semaphore_resume(await, value, ret_result);
    if (rc > 0)
        Py_SETREF(*ret_result, Py_NewRef(Py_None));
    return rc;
}

static PyObject *semaphore_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    static const AwaitKind kind = {"_ContextManagerMixin.__aenter__",
                                   semaphore_enter_start,
                                   semaphore_enter_resume};
    return await_new(bound_is_plain((Bound *)self) ? &kind : &enter_kind,
                     self, NULL);
}

static int semaphore_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((SemaphoreObject *)self)->value);
    Py_VISIT(((SemaphoreObject *)self)->limit);
    return bound_traverse(self, visit, arg);
}

static int semaphore_clear(PyObject *self)
{
    Py_CLEAR(((SemaphoreObject *)self)->value);
    Py_CLEAR(((SemaphoreObject *)self)->limit);
    return bound_clear(self);
}

static void semaphore_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    semaphore_clear(self);
    bound_dealloc(self);
}

/* ── The types ────────────────────────────────────────────────────────── */

#define BOUND_MEMBERS                                                         \
    {"_loop", T_OBJECT, offsetof(Bound, loop), 0, NULL},                      \
    {"_waiters", T_OBJECT, offsetof(Bound, waiters), 0, NULL}

static PyMemberDef event_members[] = {
    BOUND_MEMBERS,
    {"_value", T_BOOL, offsetof(EventObject, value), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef event_methods[] = {
    {"set", event_set_method, METH_NOARGS, "Set it: who waits goes on."},
    {"clear", event_clear_method, METH_NOARGS, "Who waits from now on waits."},
    {"is_set", event_is_set, METH_NOARGS, "Whether it is set."},
    {"wait", event_wait, METH_NOARGS, "Wait until it is set."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef lock_members[] = {
    BOUND_MEMBERS,
    {"_locked", T_BOOL, offsetof(LockObject, locked), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef lock_methods[] = {
    {"acquire", lock_acquire, METH_NOARGS, "Wait until it is ours."},
    {"release", lock_release, METH_NOARGS, "Give it to the next."},
    {"locked", lock_locked, METH_NOARGS, "Whether somebody has it."},
    {"_wake_up_first", lock_wake_method, METH_NOARGS, "Wake who is next."},
    {"__aenter__", lock_enter, METH_NOARGS, NULL},
    {"__aexit__", start_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef semaphore_members[] = {
    BOUND_MEMBERS,
    {"_value", T_OBJECT, offsetof(SemaphoreObject, value), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef semaphore_methods[] = {
    {"acquire", semaphore_acquire, METH_NOARGS, "Wait until one is ours."},
    {"release", semaphore_release, METH_NOARGS, "Give one back."},
    {"locked", semaphore_locked, METH_NOARGS,
     "Whether acquire() would have to wait."},
    {"_wake_up_next", semaphore_wake_method, METH_NOARGS,
     "Wake who is next."},
    {"__aenter__", semaphore_enter, METH_NOARGS, NULL},
    {"__aexit__", start_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef bounded_members[] = {
    {"_bound_value", T_OBJECT, offsetof(SemaphoreObject, limit), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef bounded_methods[] = {
    {"release", bounded_release, METH_NOARGS, "Give one back."},
    {NULL, NULL, 0, NULL},
};

static const PyType_Slot event_slots[] = {
    {Py_tp_dealloc, bound_dealloc}, {Py_tp_traverse, bound_traverse},
    {Py_tp_clear, bound_clear},     {Py_tp_init, event_init},
    {Py_tp_methods, event_methods}, {Py_tp_members, event_members},
    {0, NULL},
};

static const PyType_Slot lock_slots[] = {
    {Py_tp_dealloc, bound_dealloc}, {Py_tp_traverse, bound_traverse},
    {Py_tp_clear, bound_clear},     {Py_tp_init, lock_init},
    {Py_tp_methods, lock_methods},  {Py_tp_members, lock_members},
    {0, NULL},
};

static const PyType_Slot semaphore_slots[] = {
    {Py_tp_dealloc, semaphore_dealloc},
    {Py_tp_traverse, semaphore_traverse},
    {Py_tp_clear, semaphore_clear},
    {Py_tp_init, semaphore_init},
    {Py_tp_methods, semaphore_methods},
    {Py_tp_members, semaphore_members},
    {0, NULL},
};

static const PyType_Slot bounded_slots[] = {
    {Py_tp_dealloc, semaphore_dealloc},
    {Py_tp_traverse, semaphore_traverse},
    {Py_tp_clear, semaphore_clear},
    {Py_tp_methods, bounded_methods},
    {Py_tp_members, bounded_members},
    {0, NULL},
};

int locks_init_types(PyObject *module)
{
    zero = PyLong_FromLong(0);
    one = PyLong_FromLong(1);
    if (!zero || !one)
        return -1;
    Event_Type = accel_make_type(module, "bide._core.Event",
                                 sizeof(EventObject), NULL, event_slots);
    Lock_Type = accel_make_type(module, "bide._core.Lock",
                                sizeof(LockObject), NULL, lock_slots);
    Semaphore_Type = accel_make_type(module, "bide._core.Semaphore",
                                     sizeof(SemaphoreObject), NULL,
                                     semaphore_slots);
    if (!Event_Type || !Lock_Type || !Semaphore_Type)
        return -1;
    Bounded_Type = accel_make_type(module, "bide._core.BoundedSemaphore",
                                   sizeof(SemaphoreObject), Semaphore_Type,
                                   bounded_slots);
    return Bounded_Type ? 0 : -1;
}

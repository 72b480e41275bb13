/* SPDX-License-Identifier: MIT */
/*
 * accel.h — what the accelerated classes share.
 *
 * bide/_accel.py makes a class of each of these types and asyncio's own class
 * behind it: what is here runs in C, what is not is asyncio's code, which
 * finds its attributes (_waiters, _locked, …) as members of our structs.
 */
#ifndef BIDE_PYTHON_ACCEL_H
#define BIDE_PYTHON_ACCEL_H

#include "core.h"

/* ── accel_await.c: what stands for a coroutine ───────────────────────── */

typedef struct Await Await;

/* Both return 1: done, with a result; 0: `waits_for` is to be awaited;
 * -1: an exception is set. */
typedef struct {
    const char *name; /* as of a coroutine: "Lock.acquire" */
    int (*start)(Await *await, PyObject **ret_result);
    /* What was awaited gave a value, or NULL: an exception is set. */
    int (*resume)(Await *await, PyObject *value, PyObject **ret_result);
} AwaitKind;

struct Await {
    PyObject_HEAD
    const AwaitKind *kind;
    PyObject *owner;     /* the lock, the queue… */
    PyObject *item;      /* the kind's; may be NULL */
    PyObject *waits_for; /* a future or another awaitable, or NULL */
    PyObject *iterator;  /* of it, while suspended */
    enum { AWAIT_NEW, AWAIT_WAITING, AWAIT_DONE } state;
    bool running;
};

int await_init_type(PyObject *module);
PyObject *await_new(const AwaitKind *kind, PyObject *owner, PyObject *item);

/* A result that is None, for `start` and `resume`. */
static inline int await_none(PyObject **ret_result)
{
    *ret_result = Py_NewRef(Py_None);
    return 1;
}

/* ── accel_locks.c: what waits in a loop ──────────────────────────────── */

typedef struct {
    PyObject_HEAD
    PyObject *loop;    /* NULL before the first wait */
    PyObject *waiters; /* a deque of futures; NULL is None */
    unsigned tag;      /* the type's version when `plain` was found */
    bool plain;        /* no subclass has methods of its own that we call */
} Bound;

int bound_init(void);
bool bound_check_plain(Bound *bound);
static inline bool bound_is_plain(Bound *bound)
{
    unsigned tag = Py_TYPE(bound)->tp_version_tag;
    return tag && tag == bound->tag ? bound->plain : bound_check_plain(bound);
}

/* A future of the running loop, which must be the object's. */
PyObject *bound_future(PyObject *bound);

/* A future at the end of a deque; the deque is made where there is none. */
PyObject *bound_enqueue(PyObject *bound, PyObject **deque);

int bound_traverse(PyObject *self, visitproc visit, void *arg);
int bound_clear(PyObject *self);
void bound_dealloc(PyObject *self);

/* A future as create_future() makes it. */
PyObject *loop_future(PyObject *loop);

/* 1 or 0; -1: an exception is set. */
int future_is_done(PyObject *future);
int future_is_cancelled(PyObject *future);
int ask(PyObject *object, PyObject *method); /* any other */
PyObject *future_exception(PyObject *future);
PyObject *future_result(PyObject *future);
int future_finish(PyObject *future, PyObject *result);

/* Call a method for its effect. */
int call_method(PyObject *self, PyObject *name);

PyObject *deque_append(PyObject *deque, PyObject *item); /* None */
PyObject *deque_popleft(PyObject *deque);

/* Remove what was added; an exception that is set stays. */
int deque_remove(PyObject *deque, PyObject *item);
Py_ssize_t deque_len(PyObject *deque); /* 0 for NULL and None */

/* What a class in Python would say of the arguments of its __init__(), which
 * has one with a default, or none where keyword is NULL. */
int accel_take_one(PyObject *args, PyObject *kwargs, const char *class,
                   const char *keyword, PyObject **ret_value);

/* Make a type `name` of `bide._core`. */
PyTypeObject *accel_make_type(PyObject *module, const char *name, size_t size,
                              PyTypeObject *base, const PyType_Slot *slots);

typedef struct {
    Bound bound;
    char value;
} EventObject;

extern PyTypeObject *Event_Type;
int event_set(PyObject *event);   /* of any class */
int event_clear(PyObject *event);

int locks_init_types(PyObject *module);
int queues_init_types(PyObject *module);
int gather_init_type(PyObject *module);
int streams_init_types(PyObject *module);

#define ACCEL_NAMES(X)                                                        \
    X(Event) X(_get) X(_init) X(_put)         \
    X(_wake_up_first) X(_wake_up_next) X(_wakeup_next) X(acquire) X(append)   \
    X(cancel) X(cancelled) X(clear) X(create_future) X(done) X(empty)         \
    X(full) X(get_nowait) X(is_set) X(locked) X(pop) X(popleft)               \
    X(put_nowait) X(qsize) X(release) X(remove) X(result) X(set)              \
    X(set_result) X(throw) X(wait) X(_GatheringFuture) X(_cancel_message)     \
    X(_cancel_requested) X(_iterating) X(_log_destroy_pending)                \
    X(_make_cancelled_error) X(_pending_removals) X(add_done_callback)        \
    X(create_task) X(data) X(drain) X(feed_data) X(is_closing)                \
    X(readexactly) X(readline)

struct accel_names {
#define X(name) PyObject *name;
    ACCEL_NAMES(X)
#undef X
};
extern struct accel_names accel_names;

struct accel_imports {
    PyObject *get_running_loop;
    PyObject *cancelled_error;
    PyObject *deque;
    PyObject *locks; /* asyncio.locks.__dict__ */
    PyObject *queue_empty, *queue_full;
    PyObject *queue_shut_down; /* NULL before 3.13 */
    PyObject *heappush, *heappop;
    PyObject *stream_reader, *stream_writer; /* asyncio's own */
    PyObject *ensure_future; /* of asyncio.tasks */
    PyObject *get_loop;      /* of a future: asyncio.futures._get_loop() */
};
extern struct accel_imports accel_imports;

/* files.c: reads and writes of files. */
int files_init_type(PyObject *module);

/* accel.c: all of the above. */
int accel_init(PyObject *module);

#endif

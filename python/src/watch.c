/* SPDX-License-Identifier: MIT */
/*
 * watch.c — readers and writers: add_reader() and its like.
 *
 * A watch is a descriptor with up to two sides, each a handle and a poll that
 * goes on until it is cancelled. It stays in the loop's table by descriptor
 * while it has a handle. Once it has none, it leaves the table and is freed
 * after the last completion of its operations.
 *
 * The descriptor is somebody else's, who may close it and open another with
 * the same number: then that one gets a watch of its own.
 */
#include "core.h"

#include <poll.h>

typedef struct {
    PyObject *handle; /* NULL: none */
    bide_op op;
    bool flying;      /* the operation is in flight */
    bool ending;      /* and cancelled */
} Side;

struct Watch {
    Source source;
    LoopObject *loop; /* borrowed: it outlasts its watches */
    bide_fd file;
    bool attached;
    Side sides[2];
};

/* ── Life ─────────────────────────────────────────────────────────────── */

static void release(Watch *watch)
{
    if (watch->attached && watch->loop->engine)
        bide_engine_detach(watch->loop->engine, &watch->file);
    link_remove(&watch->source.link);
    PyMem_Free(watch);
}

/* Free it if nothing needs it any more. */
static void settle(Watch *watch)
{
    for (int i = 0; i < 2; i++)
        if (watch->sides[i].handle || watch->sides[i].flying)
            return;
    release(watch);
}

static void leave_table(Watch *watch)
{
    LoopObject *loop = watch->loop;
    if (loop->watches[watch->file.fd] == watch)
        loop->watches[watch->file.fd] = NULL;
}

/* ── Operations ───────────────────────────────────────────────────────── */

static int launch(Watch *watch, int side);

static void on_event(bide_op *op)
{
    Watch *watch = op->data;
    int index = op == &watch->sides[WRITER].op ? WRITER : READER;
    Side *side = &watch->sides[index];
    if (!(op->flags & BIDE_OP_MORE)) {
        side->flying = false;
        if (side->ending)
            watch->loop->ending--;
        side->ending = false;
    }
    /* What is not told at the end of a run is told in the next. */
    if (side->handle && op->result >= 0 && !watch->loop->finishing &&
        queue_push(&watch->loop->ready, Py_NewRef(side->handle)) < 0)
        drive_failed(watch->loop);
    if (side->flying)
        return;
    /* Set anew while the cancellation was under way. */
    if (side->handle && (op->result >= 0 || op->result == -ECANCELED)) {
        if (launch(watch, index) < 0)
            drive_failed(watch->loop);
    } else {
        settle(watch);
    }
}

/* Start polling. -1: an exception is set. */
static int launch(Watch *watch, int index)
{
    Side *side = &watch->sides[index];
    bide_engine *engine = watch->loop->engine;
    int rc = 0;
    if (!watch->attached) {
        rc = bide_engine_attach(engine, &watch->file, watch->file.fd,
                                BIDE_FD_FOREIGN);
        watch->attached = rc == 0;
    }
    if (rc == 0) {
        side->op = (bide_op){.done = on_event, .data = watch};
        bide_op_poll_multi(&side->op, &watch->file,
                           index == READER ? POLLIN | POLLPRI : POLLOUT);
        if (bide_engine_submit(engine, &side->op))
            rc = (int)side->op.result;
        else
            side->flying = true;
    }
    if (rc < 0)
        raise_code(rc);
    return rc < 0 ? -1 : 0;
}

static void start(Source *source)
{
    Watch *watch = CONTAINER(source, Watch, source);
    for (int i = 0; i < 2; i++) {
        Side *side = &watch->sides[i];
        if (side->handle && !side->flying && launch(watch, i) < 0)
            PyErr_WriteUnraisable(side->handle); /* closed meanwhile */
    }
}

static void forget(Source *source)
{
    Watch *watch = CONTAINER(source, Watch, source);
    for (int i = 0; i < 2; i++)
        watch->sides[i].flying = watch->sides[i].ending = false;
    settle(watch);
}

static int traverse(Source *source, visitproc visit, void *arg)
{
    Watch *watch = CONTAINER(source, Watch, source);
    Py_VISIT(watch->sides[READER].handle);
    Py_VISIT(watch->sides[WRITER].handle);
    return 0;
}

/* The engine is gone, or will be without another turn. */
static void drop(Source *source)
{
    Watch *watch = CONTAINER(source, Watch, source);
    PyObject *handles[2];
    leave_table(watch);
    for (int i = 0; i < 2; i++) {
        handles[i] = watch->sides[i].handle;
        watch->sides[i].handle = NULL;
    }
    watch->attached = false;
    release(watch);
    Py_XDECREF(handles[READER]);
    Py_XDECREF(handles[WRITER]);
}

/* ── The table ────────────────────────────────────────────────────────── */

static int grow(LoopObject *loop, int fd)
{
    size_t len = loop->watches_len ? loop->watches_len : 64;
    while (len <= (size_t)fd)
        len *= 2;
    Watch **table = PyMem_Realloc(loop->watches, len * sizeof *table);
    if (!table) {
        PyErr_NoMemory();
        return -1;
    }
    memset(table + loop->watches_len, 0,
           (len - loop->watches_len) * sizeof *table);
    loop->watches = table;
    loop->watches_len = len;
    return 0;
}

static Watch *find(const LoopObject *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->watches_len)
        return NULL;
    return loop->watches[fd];
}

static Watch *make(LoopObject *loop, int fd)
{
    if ((size_t)fd >= loop->watches_len && grow(loop, fd) < 0)
        return NULL;
    Watch *watch = PyMem_Calloc(1, sizeof *watch);
    if (!watch) {
        PyErr_NoMemory();
        return NULL;
    }
    watch->source = (Source){.start = start, .forget = forget, .drop = drop,
                             .traverse = traverse};
    link_append(&loop->sources, &watch->source.link);
    watch->loop = loop;
    watch->file.fd = fd;
    loop->watches[fd] = watch;
    return watch;
}

static int cancel_handle(PyObject *handle)
{
    PyObject *result = PyObject_CallMethod(handle, "cancel", NULL);
    Py_DECREF(handle);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int watch_set(LoopObject *loop, int fd, int index, PyObject *handle)
{
    Watch *watch = find(loop, fd);
    if (!watch)
        watch = make(loop, fd);
    if (!watch) {
        Py_DECREF(handle);
        return -1;
    }
    Side *side = &watch->sides[index];
    PyObject *old = side->handle;
    side->handle = handle;
    if (!side->flying && drive_ready(loop) && launch(watch, index) < 0) {
        Py_CLEAR(side->handle);
        if (!watch->sides[!index].handle)
            leave_table(watch);
        settle(watch);
        Py_XDECREF(old);
        return -1;
    }
    return old ? cancel_handle(old) : 0;
}

int watch_clear(LoopObject *loop, int fd, int index)
{
    Watch *watch = find(loop, fd);
    if (!watch || !watch->sides[index].handle)
        return 0;
    Side *side = &watch->sides[index];
    PyObject *handle = side->handle;
    side->handle = NULL;
    if (!watch->sides[!index].handle)
        leave_table(watch);
    if (side->flying && !side->ending && drive_ready(loop)) {
        side->ending = true;
        loop->ending++;
        bide_engine_cancel(loop->engine, &side->op);
    }
    settle(watch);
    if (!loop->driving) /* the descriptor may be closed next */
        drive_settle(loop);
    return cancel_handle(handle) < 0 ? -1 : 1;
}

bool watch_has(const LoopObject *loop, int fd, int index)
{
    const Watch *watch = find(loop, fd);
    return watch && watch->sides[index].handle;
}

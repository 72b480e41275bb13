/* SPDX-License-Identifier: MIT */
/*
 * files.c — one read or write of a file as an operation of the engine.
 *
 * For bide/aio.py. The operation owns the buffer until the kernel is done with
 * it, whoever stopped waiting meanwhile: it is not cancelled. An operation in
 * flight owns a reference to itself.
 */
#include "accel.h"

static PyTypeObject *FileOp_Type;

typedef struct {
    PyObject_HEAD
    Source source;
    PyObject *loop;
    PyObject *future;
    Py_buffer view;
    bide_fd file;
    bide_op op;
    bool attached;
    bool flying;
} FileOp;

static LoopObject *loop_of(const FileOp *file)
{
    return (LoopObject *)file->loop;
}

static void detach(FileOp *file)
{
    if (file->attached && loop_of(file)->engine)
        bide_engine_detach(loop_of(file)->engine, &file->file);
    file->attached = false;
    link_remove(&file->source.link);
}

static int set_outcome(PyObject *future, int64_t result)
{
    if (result >= 0) {
        PyObject *count = PyLong_FromLongLong(result);
        int rc = count ? future_finish(future, count) : -1;
        Py_XDECREF(count);
        return rc;
    }
    raise_code(result);
    PyObject *exception = exception_take();
    PyObject *none = PyObject_CallMethodOneArg(future, names.set_exception,
                                               exception);
    Py_DECREF(exception);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

static void finish(FileOp *file)
{
    PyObject *future = file->future;
    file->future = NULL;
    detach(file);
    if (!future || loop_of(file)->closed) {
        Py_XDECREF(future);
        return;
    }
    int done = future_is_done(future);
    if (done < 0 || (!done && set_outcome(future, file->op.result) < 0))
        drive_failed(loop_of(file));
    Py_DECREF(future);
}

static void on_done(bide_op *op)
{
    FileOp *file = op->data;
    file->flying = false;
    finish(file);
    Py_DECREF(file);
}

/* ── As a source of its loop ──────────────────────────────────────────── */

static void start(Source *source)
{
    (void)source; /* it is submitted when it is made */
}

/* The process was forked: it goes on in the parent only. */
static void forget(Source *source)
{
    FileOp *file = CONTAINER(source, FileOp, source);
    if (!file->flying)
        return;
    file->flying = false;
    file->op.result = -ECANCELED;
    finish(file);
    Py_DECREF(file);
}

static void drop(Source *source)
{
    FileOp *file = CONTAINER(source, FileOp, source);
    file->attached = false;
    Py_CLEAR(file->future);
}

static int traverse_as_source(Source *source, visitproc visit, void *arg)
{
    FileOp *file = CONTAINER(source, FileOp, source);
    if (file->flying)
        Py_VISIT(file);
    return 0;
}

/* ── The type ─────────────────────────────────────────────────────────── */

static int file_traverse(PyObject *self, visitproc visit, void *arg)
{
    FileOp *file = (FileOp *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(file->loop);
    Py_VISIT(file->future);
    Py_VISIT(file->view.obj);
    return 0;
}

static void file_dealloc(PyObject *self)
{
    FileOp *file = (FileOp *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (file->source.link.next)
        link_remove(&file->source.link);
    if (file->view.obj)
        PyBuffer_Release(&file->view);
    Py_CLEAR(file->future);
    Py_CLEAR(file->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static void launch(FileOp *file, int fd, int64_t offset, bool writing)
{
    bide_engine *engine = loop_of(file)->engine;
    int rc = bide_engine_attach(engine, &file->file, fd, BIDE_FD_FILE);
    if (rc < 0) {
        file->op.result = rc;
        finish(file);
        return;
    }
    file->attached = true;
    file->op = (bide_op){.done = on_done, .data = file};
    if (writing)
        bide_op_write(&file->op, &file->file, file->view.buf,
                      (size_t)file->view.len, offset);
    else
        bide_op_read(&file->op, &file->file, file->view.buf,
                     (size_t)file->view.len, offset);
    if (bide_engine_submit(engine, &file->op)) {
        finish(file);
        return;
    }
    file->flying = true;
    Py_INCREF(file);
}

/* file_io(loop, fd, buffer, offset, writing): a future, or None where the loop
 * does not run here. */
static PyObject *file_io(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *loop, *buffer;
    int fd, writing;
    long long offset;
    if (!PyArg_ParseTuple(args, "O!iOLp", Loop_Type, &loop, &fd, &buffer,
                          &offset, &writing))
        return NULL;
    if (!((LoopObject *)loop)->driving || !drive_ready((LoopObject *)loop))
        Py_RETURN_NONE;
    FileOp *file = (FileOp *)FileOp_Type->tp_alloc(FileOp_Type, 0);
    if (!file)
        return NULL;
    file->source = (Source){.start = start, .forget = forget, .drop = drop,
                            .traverse = traverse_as_source};
    link_init(&file->source.link);
    file->loop = Py_NewRef(loop);
    file->future = loop_future(loop);
    PyObject *future = Py_XNewRef(file->future);
    if (future && PyObject_GetBuffer(buffer, &file->view,
                                     writing ? PyBUF_SIMPLE
                                             : PyBUF_WRITABLE) == 0) {
        link_append(&((LoopObject *)loop)->sources, &file->source.link);
        launch(file, fd, offset, writing);
    } else {
        Py_CLEAR(future);
    }
    Py_DECREF(file);
    return future;
}

static PyType_Slot slots[] = {
    {Py_tp_dealloc, file_dealloc},
    {Py_tp_traverse, file_traverse},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "bide._core.FileOp",
    .basicsize = sizeof(FileOp),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

static PyMethodDef functions[] = {
    {"file_io", file_io, METH_VARARGS, "Read or write a file at an offset."},
    {NULL, NULL, 0, NULL},
};

int files_init_type(PyObject *module)
{
    FileOp_Type = (PyTypeObject *)PyType_FromSpec(&spec);
    return FileOp_Type ? PyModule_AddFunctions(module, functions) : -1;
}

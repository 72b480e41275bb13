/* SPDX-License-Identifier: MIT */
/*
 * accel.c — names and imported objects of the accelerated classes.
 *
 * They are in the module always: that asyncio has them in place of its own is
 * the doing of bide/_accel.py, when a program asks for it.
 */
#include "accel.h"

struct accel_names accel_names;
struct accel_imports accel_imports;

static int intern_names(void)
{
    const struct {
        PyObject **where;
        const char *text;
    } all[] = {
#define X(name) {&accel_names.name, #name},
        ACCEL_NAMES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!(*all[i].where = PyUnicode_InternFromString(all[i].text)))
            return -1;
    return 0;
}

static int import_objects(void)
{
    const struct {
        PyObject **where;
        const char *module, *name;
    } all[] = {
        {&accel_imports.get_running_loop, "asyncio.events",
         "_get_running_loop"},
        {&accel_imports.cancelled_error, "asyncio.exceptions",
         "CancelledError"},
        {&accel_imports.deque, "collections", "deque"},
        {&accel_imports.locks, "asyncio.locks", "__dict__"},
        {&accel_imports.queue_empty, "asyncio.queues", "QueueEmpty"},
        {&accel_imports.queue_full, "asyncio.queues", "QueueFull"},
#if PY_VERSION_HEX >= 0x030d0000
        {&accel_imports.queue_shut_down, "asyncio.queues", "QueueShutDown"},
#endif
        {&accel_imports.heappush, "heapq", "heappush"},
        {&accel_imports.heappop, "heapq", "heappop"},
        {&accel_imports.ensure_future, "asyncio.tasks", "ensure_future"},
        {&accel_imports.stream_reader, "asyncio.streams", "StreamReader"},
        {&accel_imports.stream_writer, "asyncio.streams", "StreamWriter"},
        {&accel_imports.get_loop, "asyncio.futures", "_get_loop"},
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
    return 0;
}

int accel_init(PyObject *module)
{
    if (intern_names() < 0 || import_objects() < 0 || bound_init() < 0 ||
        await_init_type(module) < 0 || locks_init_types(module) < 0 ||
        queues_init_types(module) < 0 || gather_init_type(module) < 0 ||
        streams_init_types(module) < 0 || files_init_type(module) < 0)
        return -1;
    return 0;
}

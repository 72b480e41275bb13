/* SPDX-License-Identifier: MIT */
/*
 * ready.c — to be told when descriptors of others are ready.
 *
 * A callback is a poll that goes on (BIDE_OP_POLL_MULTI) and is found by the
 * number of its descriptor, one table for each direction. A task that waits
 * has a poll of its own in its frame.
 *
 *     watched ──remove──► ending ──last completion──► freed
 *
 * Invariants: a watch in the table has a function; `live` counts the watches
 * whose operation is in flight, those that are ending too, and the loop's end
 * waits until it is 0.
 */
#include <bide/ready.h>

#include <errno.h>
#include <poll.h>

#include "task/task.h"

enum direction { READING, WRITING, DIRECTIONS };

struct watch {
    bide_op op;
    bide_fd file;
    struct bide__watches *watches;
    enum direction direction;
    void (*fn)(int fd, void *arg); /* NULL: ending */
    void *arg;
};

/* What a loop has while anything is watched. */
struct bide__watches {
    bide_loop *loop;
    struct bide__resource resource; /* nothing that a program must close */
    size_t live;
    size_t len;                        /* of each table */
    struct watch **tables[DIRECTIONS]; /* by number; NULL: not watched */
};

/* ── What a loop has ──────────────────────────────────────────────────── */

static void release_unused(struct bide__watches *watches)
{
    if (watches->live > 0)
        return;
    watches->loop->watches = NULL;
    bide__list_remove(&watches->resource.link);
    for (int i = 0; i < DIRECTIONS; i++)
        bide__free(watches->tables[i]);
    bide__free(watches);
}

static void end_watch(struct watch *watch)
{
    struct bide__watches *watches = watch->watches;
    watches->tables[watch->direction][watch->file.fd] = NULL;
    watch->fn = NULL;
    bide_engine_cancel(watches->loop->engine, &watch->op);
}

static void end_all(struct bide__resource *resource)
{
    struct bide__watches *watches =
        BIDE__CONTAINER(resource, struct bide__watches, resource);
    resource->close = NULL;
    for (int direction = 0; direction < DIRECTIONS; direction++)
        for (size_t fd = 0; fd < watches->len; fd++)
            if (watches->tables[direction][fd])
                end_watch(watches->tables[direction][fd]);
}

static struct bide__watches *watches_of(bide_loop *loop)
{
    if (loop->watches)
        return loop->watches;
    struct bide__watches *watches = bide__calloc(1, sizeof *watches);
    if (!watches)
        return NULL;
    watches->loop = loop;
    watches->resource.close = end_all;
    bide__list_append(&loop->resources, &watches->resource.link);
    loop->watches = watches;
    return watches;
}

/* Have room for a number in both tables. */
static bool make_room(struct bide__watches *watches, size_t fd)
{
    size_t len = watches->len ? watches->len : 64;
    while (len <= fd)
        len *= 2;
    if (len == watches->len)
        return true;
    for (int i = 0; i < DIRECTIONS; i++) {
        struct watch **table =
            bide__realloc(watches->tables[i], len * sizeof *table);
        if (!table)
            return false; /* the first one is longer than it need be */
        for (size_t j = watches->len; j < len; j++)
            table[j] = NULL;
        watches->tables[i] = table;
    }
    watches->len = len;
    return true;
}

/* ── Watching ─────────────────────────────────────────────────────────── */

static void release_watch(struct watch *watch)
{
    struct bide__watches *watches = watch->watches;
    bide_engine_detach(watches->loop->engine, &watch->file);
    bide__free(watch);
    watches->live--;
    release_unused(watches);
}

/* What polls as invalid was closed by its owner, and would do so for ever. */
static void on_event(bide_op *op)
{
    struct watch *watch = BIDE__CONTAINER(op, struct watch, op);
    int64_t result = op->result;
    bool more = op->flags & BIDE_OP_MORE;
    bool valid = result > 0 && !(result & POLLNVAL);
    if (watch->fn && valid)
        watch->fn(watch->file.fd, watch->arg);
    else if (watch->fn) {
        int code = result < 0 ? (int)result : -EBADF;
        bide__report_watch(watch->watches->loop, watch->file.fd, code);
        end_watch(watch);
    }
    if (!more)
        release_watch(watch);
}

static int start_watch(struct bide__watches *watches, int fd,
                       enum direction direction,
                       void (*fn)(int fd, void *arg), void *arg)
{
    bide_engine *engine = watches->loop->engine;
    struct watch *watch = bide__calloc(1, sizeof *watch);
    if (!watch || !make_room(watches, (size_t)fd)) {
        bide__free(watch);
        return -ENOMEM;
    }
    int rc = bide_engine_attach(engine, &watch->file, fd, BIDE_FD_FOREIGN);
    if (rc < 0) {
        bide__free(watch);
        return rc;
    }
    bide_op_poll_multi(&watch->op, &watch->file,
                       direction == READING ? POLLIN : POLLOUT);
    watch->op.done = on_event;
    if (bide_engine_submit(engine, &watch->op)) {
        rc = (int)watch->op.result;
        bide_engine_detach(engine, &watch->file);
        bide__free(watch);
        return rc;
    }
    watch->watches = watches;
    watch->direction = direction;
    watch->fn = fn;
    watch->arg = arg;
    watches->tables[direction][fd] = watch;
    watches->live++;
    return 0;
}

static void check_thread(const bide_loop *loop, const char *function)
{
    BIDE__REQUIRE(pthread_equal(loop->thread, pthread_self()),
                  "%s() was called on another thread than the loop's; use "
                  "bide_loop_call_soon_threadsafe() to call it there",
                  function);
}

static bool remove_watch(bide_loop *loop, int fd, enum direction direction,
                         const char *function)
{
    check_thread(loop, function);
    struct bide__watches *watches = loop->watches;
    if (!watches || fd < 0 || (size_t)fd >= watches->len ||
        !watches->tables[direction][fd])
        return false;
    end_watch(watches->tables[direction][fd]);
    return true;
}

static int add_watch(bide_loop *loop, int fd, enum direction direction,
                     void (*fn)(int fd, void *arg), void *arg,
                     const char *function)
{
    (void)remove_watch(loop, fd, direction, function);
    if (fd < 0)
        return bide_raise(-EBADF, "fd is %d, must be at least 0", fd);
    struct bide__watches *watches = watches_of(loop);
    if (!watches)
        return -ENOMEM;
    int rc = start_watch(watches, fd, direction, fn, arg);
    release_unused(watches);
    return rc;
}

int bide_loop_add_reader(bide_loop *loop, int fd,
                         void (*fn)(int fd, void *arg), void *arg)
{
    return add_watch(loop, fd, READING, fn, arg, "bide_loop_add_reader");
}

int bide_loop_add_writer(bide_loop *loop, int fd,
                         void (*fn)(int fd, void *arg), void *arg)
{
    return add_watch(loop, fd, WRITING, fn, arg, "bide_loop_add_writer");
}

bool bide_loop_remove_reader(bide_loop *loop, int fd)
{
    return remove_watch(loop, fd, READING, "bide_loop_remove_reader");
}

bool bide_loop_remove_writer(bide_loop *loop, int fd)
{
    return remove_watch(loop, fd, WRITING, "bide_loop_remove_writer");
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

static const struct bide__wait readable_wait = {
    .name = "bide_wait_readable",
    .cancel = bide__op_wait_cancel,
};

static const struct bide__wait writable_wait = {
    .name = "bide_wait_writable",
    .cancel = bide__op_wait_cancel,
};

static int wait_for(int fd, uint32_t events, const struct bide__wait *wait)
{
    bide_task *self = bide__enter(wait->name);
    bide_engine *engine = self->loop->engine;
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    bide_fd file;
    int rc = bide_engine_attach(engine, &file, fd, BIDE_FD_FOREIGN);
    if (rc < 0)
        return rc;
    bide_op op;
    bide_op_poll(&op, &file, events);
    int64_t bits = bide__op_await(self, &op, wait);
    bide_engine_detach(engine, &file);
    if (bits < 0)
        return (int)bits;
    return bits & POLLNVAL ? -EBADF : 0;
}

int bide_wait_readable(int fd)
{
    return wait_for(fd, POLLIN, &readable_wait);
}

int bide_wait_writable(int fd)
{
    return wait_for(fd, POLLOUT, &writable_wait);
}

/* SPDX-License-Identifier: MIT */
/*
 * file.c — handles: opening, closing, and what a call on one begins and ends
 * with.
 *
 * Closing a file that others use asks for the end of their operations and
 * waits until the last has left; so the descriptor is never used after its
 * number may have gone to another file, nor the memory after it is free.
 *
 *     open ──► calls come and go ──► closing: no call enters ──► calls is 0
 *                                                             ──► closed
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "file/file.h"

/* ── Calls ────────────────────────────────────────────────────────────── */

static int check(const bide_file *file, const char *function)
{
    BIDE__REQUIRE(file->loop == bide__loop,
                  "%s() was called on another thread than the file's loop; "
                  "use bide_loop_call_soon_threadsafe() to call it there",
                  function);
    return file->closing ? -EBADF : 0;
}

int bide__file_enter(bide_file *file, const char *function)
{
    bide_task *self = bide__enter(function);
    int rc = check(file, function);
    if (BIDE__UNLIKELY(rc < 0))
        return rc;
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    file->calls++;
    return 0;
}

void bide__file_leave(bide_file *file)
{
    BIDE__ASSERT(file->calls > 0);
    if (--file->calls > 0 || !file->closer)
        return;
    bide_task *closer = file->closer;
    file->closer = NULL;
    bide__wake(closer, 0);
}

static void pass_turn(bide_file *file)
{
    if (file->turns.first)
        bide__waiter_wake(file->turns.first, 0, "bide_file_read");
    else
        file->turn_taken = false;
}

static int wait_for_turn(bide_file *file, const char *function)
{
    static const struct bide__wait wait = {
        .name = "bide_file_read",
        .cancel = bide__waiter_cancel,
        .weak = true,
    };
    struct bide__waiter waiter = {.task = bide__enter(function)};
    bide__waiters_append(&file->turns, &waiter);
    int rc = bide__park(waiter.task, &wait, &waiter);
    if (rc == 0 && file->closing)
        rc = -EBADF;
    if (rc < 0 && waiter.granted)
        pass_turn(file);
    return rc;
}

int bide__file_enter_turn(bide_file *file, const char *function)
{
    int rc = bide__file_enter(file, function);
    if (BIDE__UNLIKELY(rc < 0))
        return rc;
    if (BIDE__LIKELY(!file->turn_taken)) {
        file->turn_taken = true;
        return 0;
    }
    rc = wait_for_turn(file, function);
    if (rc < 0)
        bide__file_leave(file);
    return rc;
}

void bide__file_leave_turn(bide_file *file)
{
    pass_turn(file);
    bide__file_leave(file);
}

int bide__file_go_on(bide_file *file)
{
    bide_task *self = file->loop->current;
    if (BIDE__UNLIKELY(file->closing))
        return -EBADF;
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    return 0;
}

/* O_NONBLOCK, which opening at once has left, tells io_uring that reading
 * never waits, whatever the file: then it would not use a thread of its own.
 * And where there are no offsets it would ignore them and wait for what may
 * never come: pipes and terminals are refused. */
static int attach(bide_file *file)
{
    int fd = file->fd.fd;
    if (lseek(fd, 0, SEEK_CUR) < 0)
        return -errno;
    if ((file->flags & O_NONBLOCK) &&
        fcntl(fd, F_SETFL, file->flags & ~O_NONBLOCK) < 0)
        return -errno;
    int rc = bide_engine_attach(file->loop->engine, &file->fd, fd,
                                BIDE_FD_FILE);
    file->fd.fd = fd;
    file->flags &= ~O_NONBLOCK;
    file->attached = rc == 0;
    return rc;
}

/* An operation in flight for a file, in the frame of the call. */
struct flight {
    struct bide__link link;
    bide_op *op;
};

int64_t bide__file_await_other(bide_file *file, bide_op *op,
                               const struct bide__wait *wait)
{
    bide_task *self = file->loop->current;
    struct flight flight = {.op = op};
    uint32_t cancels = self->cancels;
    bide__list_append(&file->flights, &flight.link);
    int64_t result = bide__op_await(self, op, wait);
    bide__list_remove(&flight.link);
    if (BIDE__UNLIKELY(result == -ECANCELED) && self->cancels == cancels)
        return -EBADF; /* it was for the closing */
    if (BIDE__UNLIKELY(result == -EAGAIN))
        return bide_raise(-EAGAIN, "no thread could be started for the call");
    return result;
}

int64_t bide__file_await(bide_file *file, bide_op *op,
                         const struct bide__wait *wait)
{
    int rc = file->attached ? 0 : attach(file);
    return rc < 0 ? rc : bide__file_await_other(file, op, wait);
}

/* ── Opening ──────────────────────────────────────────────────────────── */

void bide__file_init(bide_file *file, bide_loop *loop, int fd, int flags)
{
    *file = (bide_file){
        .loop = loop,
        .fd = {.fd = fd, .kind = BIDE_FD_FILE, .slot = -1},
        .flags = flags,
        .now = true,
    };
    bide__list_init(&file->flights);
    bide__list_init(&file->resource.link);
}

void bide__file_fini(bide_file *file)
{
    if (!file->attached)
        return;
    int fd = file->fd.fd;
    bide_engine_detach(file->loop->engine, &file->fd);
    file->fd.fd = fd;
    file->attached = false;
}

static void free_file(bide_file *file)
{
    bide__list_remove(&file->resource.link);
    bide__free(file->ahead.data);
    bide__free(file);
}

/* The loop ends, and no task is left to wait for anything. */
static void close_left_open(struct bide__resource *resource)
{
    bide_file *file = BIDE__CONTAINER(resource, bide_file, resource);
    BIDE__ASSERT(file->calls == 0);
    bide__file_fini(file);
    close(file->fd.fd);
    free_file(file);
}

/* Takes the descriptor on success. */
static int new_file(bide_task *self, int fd, int flags, bide_file **ret_file)
{
    bide_file *file = bide__malloc(sizeof *file);
    if (!file)
        return bide_raise(-ENOMEM, "no memory for a file");
    bide__file_init(file, self->loop, fd, flags);
    if (flags & O_APPEND) {
        off_t end = lseek(fd, 0, SEEK_END);
        file->position = end > 0 ? end : 0;
    }
    file->resource.kind = "file";
    file->resource.close = close_left_open;
    bide__list_append(&self->loop->resources, &file->resource.link);
    *ret_file = file;
    return 0;
}

int bide__file_new(bide_task *self, int fd, int flags, bide_file **ret_file)
{
    int rc = new_file(self, fd, flags, ret_file);
    if (rc < 0)
        close(fd);
    return rc;
}

int bide__open(bide_task *self, const char *path, int *flags,
               unsigned permissions, const struct bide__wait *wait)
{
    int fd = bide__open_now(path, *flags);
    if (fd >= 0) {
        *flags |= O_NONBLOCK;
        bide__op_yield(self);
        return fd;
    }
    if (fd == -EAGAIN) {
        bide_op op;
        bide_op_open(&op, path, (uint32_t)*flags, permissions);
        fd = (int)bide__op_await(self, &op, wait);
    }
    return fd < 0 ? bide__raise_path(fd, "opening", path) : fd;
}

static const struct bide__wait open_wait = {
    .name = "bide_file_open",
    .cancel = bide__op_wait_cancel,
};

static int open_file(bide_task *self, const char *path, int flags,
                     unsigned permissions, bide_file **ret_file)
{
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    flags &= ~O_NONBLOCK;
    int fd = bide__open(self, path, &flags, permissions, &open_wait);
    return fd < 0 ? fd : bide__file_new(self, fd, flags, ret_file);
}

int bide_file_open_flags(const char *path, int flags, unsigned permissions,
                         bide_file **ret_file)
{
    bide_task *self = bide__enter("bide_file_open_flags");
    return open_file(self, path, flags, permissions, ret_file);
}

/* The flags of a mode as fopen(3) takes it; -1 if it is none. */
static int flags_of(const char *mode)
{
    static const struct {
        char letter;
        int flags;
    } kinds[] = {
        {'r', 0},
        {'w', O_CREAT | O_TRUNC},
        {'a', O_CREAT | O_APPEND},
        {'x', O_CREAT | O_EXCL},
    };
    int flags = -1;
    for (size_t i = 0; i < BIDE__COUNT(kinds); i++)
        if (*mode && kinds[i].letter == *mode)
            flags = kinds[i].flags;
    if (flags < 0)
        return -1;
    int access = *mode == 'r' ? O_RDONLY : O_WRONLY;
    for (const char *more = mode + 1; *more; more++) {
        if (strchr(mode, *more) != more || (*more != '+' && *more != 'b'))
            return -1; /* twice, or unknown */
        if (*more == '+')
            access = O_RDWR;
    }
    return flags | access;
}

int bide_file_open(const char *path, const char *mode, bide_file **ret_file)
{
    bide_task *self = bide__enter("bide_file_open");
    int flags = flags_of(mode);
    if (flags < 0)
        return bide_raise(-EINVAL,
                          "mode is \"%.16s\", must be r, w, a or x, and may "
                          "have + and b",
                          mode);
    return open_file(self, path, flags, 0666, ret_file);
}

int bide_file_open_fd(int fd, bide_file **ret_file)
{
    bide_task *self = bide__enter("bide_file_open_fd");
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || lseek(fd, 0, SEEK_CUR) < 0)
        return bide_raise(-errno, "descriptor %d: %s", fd,
                          bide_strerror(-errno));
    return new_file(self, fd, flags, ret_file);
}

/* ── Closing ──────────────────────────────────────────────────────────── */

/* A request waits for the end; what is going on goes on. */
static void postpone_cancel(bide_task *task, void *object)
{
    (void)object;
    task->must_cancel = true;
}

static const struct bide__wait close_wait = {
    .name = "bide_file_close",
    .cancel = postpone_cancel,
};

int bide__close(bide_task *self, int fd)
{
    bide_op op;
    int rc = -EAGAIN;
    if (bide_engine_pool(self->loop->engine, BIDE_POOL_FILE)) {
        bide_op_close(&op, fd);
        rc = (int)bide__op_await(self, &op, &close_wait);
    }
    if (rc == -EAGAIN) /* no thread could be had: it was not tried */
        rc = close(fd) < 0 ? -errno : 0;
    return rc;
}

/* End the calls of others: those in the kernel, then those that wait. */
static void end_calls(bide_task *self, bide_file *file)
{
    bide_engine *engine = self->loop->engine;
    struct bide__link *link = file->flights.next;
    for (; link != &file->flights; link = link->next) {
        struct flight *flight = BIDE__CONTAINER(link, struct flight, link);
        bide_engine_cancel(engine, flight->op);
    }
    if (file->calls == 0)
        return;
    file->closer = self;
    (void)bide__park(self, &close_wait, file);
}

int bide_file_close(bide_file *file)
{
    bide_task *self = bide__enter("bide_file_close");
    int rc = 0;
    if (file) {
        BIDE__REQUIRE(check(file, "bide_file_close") == 0,
                      "bide_file_close() was called for a file that another "
                      "task is closing; close it once");
        file->closing = true;
        end_calls(self, file);
        bide__file_fini(file);
        /* Where nothing was written, closing does not wait. */
        if ((file->flags & O_ACCMODE) != O_RDONLY)
            rc = bide__close(self, file->fd.fd);
        else
            close(file->fd.fd);
        free_file(file);
    }
    if (rc == 0 && self->must_cancel)
        return bide__take_cancel(self);
    return rc;
}

/* ── Looking ──────────────────────────────────────────────────────────── */

int bide_file_fileno(const bide_file *file)
{
    return file->fd.fd;
}

int bide_file_stat(const bide_file *file, struct stat *ret_status)
{
    int rc = check(file, "bide_file_stat");
    if (rc < 0)
        return rc;
    struct statx status;
    if (statx(file->fd.fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
              STATX_BASIC_STATS, &status) < 0)
        return -errno;
    bide__stat_convert(&status, ret_status);
    return 0;
}

static int64_t end_of(const bide_file *file)
{
    struct statx status;
    if (statx(file->fd.fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE,
              &status) < 0)
        return -errno;
    if (S_ISREG(status.stx_mode))
        return (int64_t)status.stx_size;
    off_t end = lseek(file->fd.fd, 0, SEEK_END); /* a block device */
    return end < 0 ? -errno : end;
}

int64_t bide_file_seek(bide_file *file, int64_t offset, int whence)
{
    int64_t base = check(file, "bide_file_seek");
    if (base < 0)
        return base;
    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = file->position;
        break;
    case SEEK_END:
        base = end_of(file);
        break;
    default:
        return bide_raise(-EINVAL,
                          "whence is %d, must be SEEK_SET, SEEK_CUR or "
                          "SEEK_END",
                          whence);
    }
    int64_t position;
    if (base < 0)
        return base;
    if (__builtin_add_overflow(base, offset, &position) || position < 0)
        return bide_raise(-EINVAL, "seeking to %lld from %lld, must lead to "
                                   "at least 0",
                          (long long)offset, (long long)base);
    return file->position = position;
}

int64_t bide_file_tell(const bide_file *file)
{
    return file->position;
}

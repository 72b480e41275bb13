/* SPDX-License-Identifier: MIT */
/*
 * transfer.c — reading and writing.
 *
 * Reading is tried at once, in portions that keep nobody waiting for long;
 * what is not in memory is read by an operation. Writing always is one: where
 * data only goes to memory it would not wait as a rule, but few file systems
 * can promise it.
 *
 * A short read is no end, as a rule: only a read of nothing is. So what lies
 * in memory in part is read in part, and the rest is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "file/file.h"

/* Bytes that take about as long as any other operation. */
#define BYTES_AS_ONE 16384

static size_t at_most(size_t len, size_t max)
{
    return len < max ? len : max;
}

void bide__file_charge(bide_task *self, size_t bytes)
{
    self->loop->engine->budget -= (int)(bytes / BYTES_AS_ONE);
    bide__op_yield(self);
}

/* ── One buffer ───────────────────────────────────────────────────────── */

static int64_t read_by_operation(bide_file *file, void *buf, size_t len,
                                 int64_t offset, const struct bide__wait *wait)
{
    bide_op op;
    bide_op_read(&op, &file->fd, buf,
                 at_most(len, BIDE__FILE_STEP_MAX), offset);
    return bide__file_await(file, &op, wait);
}

int64_t bide__file_fill(bide_file *file, void *buf, size_t len, int64_t offset,
                        const struct bide__wait *wait)
{
    size_t done = 0;
    while (done < len) {
        int rc = bide__file_go_on(file);
        if (rc < 0)
            return rc;
        char *to = (char *)buf + done;
        int64_t at = offset + (int64_t)done;
        struct iovec iov = {to, at_most(len - done, BIDE__FILE_NOW_MAX)};
        int64_t n = bide__file_read_now(file, &iov, 1, at);
        if (n >= 0)
            bide__file_charge(file->loop->current, (size_t)n);
        else
            n = read_by_operation(file, to, len - done, at, wait);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        done += (size_t)n;
        if (file->memory && (size_t)n < iov.iov_len)
            break;
    }
    return (int64_t)done;
}

/* Write all of it. An offset of -1 appends. */
static int64_t drain(bide_file *file, const void *buf, size_t len,
                     int64_t offset, const struct bide__wait *wait)
{
    size_t done = 0;
    while (done < len) {
        int rc = bide__file_go_on(file);
        if (rc < 0)
            return rc;
        bide_op op;
        bide_op_write(&op, &file->fd, (const char *)buf + done,
                      at_most(len - done, BIDE__FILE_STEP_MAX),
                      offset < 0 ? -1 : offset + (int64_t)done);
        int64_t n = bide__file_await(file, &op, wait);
        if (n <= 0)
            return n < 0 ? n : -EIO;
        done += (size_t)n;
    }
    return (int64_t)done;
}

/* ── Several buffers ──────────────────────────────────────────────────── */

/* One attempt for all buffers together, which may move only a part. */
static int64_t attempt_all(bide_file *file, const struct iovec *iov,
                           size_t count, size_t total, int64_t offset,
                           bool writing, const struct bide__wait *wait)
{
    bide_op op;
    if (total > BIDE__FILE_STEP_MAX)
        return 0;
    if (writing) {
        bide_op_writev(&op, &file->fd, iov, count, offset);
        return bide__file_await(file, &op, wait);
    }
    if (total <= BIDE__FILE_NOW_MAX) {
        ssize_t n = bide__file_read_now(file, iov, count, offset);
        if (n >= 0)
            return bide__file_charge(file->loop->current, (size_t)n), n;
    }
    bide_op_readv(&op, &file->fd, iov, count, offset);
    return bide__file_await(file, &op, wait);
}

/* Then what is left, buffer by buffer. */
static int64_t transfer(bide_file *file, const struct iovec *iov, size_t count,
                        size_t total, int64_t offset, bool writing,
                        const struct bide__wait *wait)
{
    int64_t done = attempt_all(file, iov, count, total, offset, writing, wait);
    if (done < 0)
        return done;
    size_t skip = (size_t)done;
    for (; count > 0; iov++, count--) {
        if (skip >= iov->iov_len) {
            skip -= iov->iov_len;
            continue;
        }
        char *data = (char *)iov->iov_base + skip;
        size_t len = iov->iov_len - skip;
        int64_t at = offset < 0 ? -1 : offset + done;
        int64_t n = writing ? drain(file, data, len, at, wait)
                            : bide__file_fill(file, data, len, at, wait);
        if (n < 0)
            return n;
        done += n;
        skip = 0;
        if ((size_t)n < len)
            break;
    }
    return done;
}

/* ── At the position, and anywhere ────────────────────────────────────── */

/* After appending, the kernel's own position is behind what was written. */
static void move_position(bide_file *file, int64_t moved, bool writing)
{
    file->position += moved;
    if (!writing || !(file->flags & O_APPEND))
        return;
    off_t end = lseek(file->fd.fd, 0, SEEK_CUR);
    if (end >= 0)
        file->position = end;
}

/* The bytes of all buffers, or -EINVAL. */
static int64_t total_of(const struct iovec *iov, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(total, iov[i].iov_len, &total) ||
            total > BIDE_IO_MAX)
            return bide_raise(-EINVAL, "len is more than %zu bytes",
                              BIDE_IO_MAX);
    return (int64_t)total;
}

static int64_t read_entered(bide_file *file, const struct iovec *iov,
                            size_t count, size_t total, int64_t offset,
                            const struct bide__wait *wait)
{
    if (count == 1)
        return bide__file_fill(file, iov->iov_base, total, offset, wait);
    return transfer(file, iov, count, total, offset, false, wait);
}

static int64_t write_entered(bide_file *file, const struct iovec *iov,
                             size_t count, size_t total, int64_t offset,
                             const struct bide__wait *wait)
{
    if (file->flags & O_APPEND)
        offset = -1;
    int64_t n =
        count == 1 ? drain(file, iov->iov_base, total, offset, wait)
                   : transfer(file, iov, count, total, offset, true, wait);
    bide__file_forget_ahead(file);
    return n;
}

/* Anywhere. */
static int64_t call_at(bide_file *file, const struct iovec *iov, size_t count,
                       int64_t offset, bool writing,
                       const struct bide__wait *wait)
{
    int64_t total = total_of(iov, count);
    if (total < 0)
        return total;
    if (offset < 0)
        return bide_raise(-EINVAL, "offset is %lld bytes, must be at least 0",
                          (long long)offset);
    int rc = bide__file_enter(file, wait->name);
    if (rc < 0)
        return rc;
    int64_t n = (writing ? write_entered : read_entered)(
        file, iov, count, (size_t)total, offset, wait);
    bide__file_leave(file);
    return n;
}

/* At the position. */
static int64_t call(bide_file *file, const struct iovec *iov, size_t count,
                    bool writing, const struct bide__wait *wait)
{
    int64_t total = total_of(iov, count);
    if (total < 0)
        return total;
    int rc = bide__file_enter_turn(file, wait->name);
    if (rc < 0)
        return rc;
    int64_t n = (writing ? write_entered : read_entered)(
        file, iov, count, (size_t)total, file->position, wait);
    if (n > 0)
        move_position(file, n, writing);
    bide__file_leave_turn(file);
    return n;
}

static const struct bide__wait read_wait = {
    .name = "bide_file_read",
    .cancel = bide__op_wait_cancel,
};

static const struct bide__wait write_wait = {
    .name = "bide_file_write",
    .cancel = bide__op_wait_cancel,
};

ssize_t bide_file_read(bide_file *file, void *buf, size_t len)
{
    struct iovec iov = {buf, len};
    return (ssize_t)call(file, &iov, 1, false, &read_wait);
}

ssize_t bide_file_write(bide_file *file, const void *buf, size_t len)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    return (ssize_t)call(file, &iov, 1, true, &write_wait);
}

ssize_t bide_file_read_at(bide_file *file, void *buf, size_t len,
                          int64_t offset)
{
    struct iovec iov = {buf, len};
    return (ssize_t)call_at(file, &iov, 1, offset, false, &read_wait);
}

ssize_t bide_file_write_at(bide_file *file, const void *buf, size_t len,
                           int64_t offset)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    return (ssize_t)call_at(file, &iov, 1, offset, true, &write_wait);
}

static int64_t call_vector(bide_file *file, const struct iovec *iov,
                           size_t count, int64_t offset, bool writing,
                           const struct bide__wait *wait)
{
    if (count > BIDE__FILE_IOV_MAX)
        return bide_raise(-EINVAL, "count is %zu buffers, at most %d", count,
                          BIDE__FILE_IOV_MAX);
    return offset == -1
               ? call(file, iov, count, writing, wait)
               : call_at(file, iov, count, offset, writing, wait);
}

ssize_t bide_file_readv(bide_file *file, const struct iovec *iov, size_t count,
                        int64_t offset)
{
    return (ssize_t)call_vector(file, iov, count, offset, false, &read_wait);
}

ssize_t bide_file_writev(bide_file *file, const struct iovec *iov,
                         size_t count, int64_t offset)
{
    return (ssize_t)call_vector(file, iov, count, offset, true, &write_wait);
}

/* ── What was written ─────────────────────────────────────────────────── */

static int sync_file(bide_file *file, bool data_only,
                     const struct bide__wait *wait)
{
    int rc = bide__file_enter(file, wait->name);
    if (rc < 0)
        return rc;
    bide_op op;
    bide_op_fsync(&op, &file->fd, data_only);
    rc = (int)bide__file_await(file, &op, wait);
    bide__file_leave(file);
    return rc;
}

int bide_file_fsync(bide_file *file)
{
    static const struct bide__wait wait = {
        .name = "bide_file_fsync",
        .cancel = bide__op_wait_cancel,
    };
    return sync_file(file, false, &wait);
}

int bide_file_fdatasync(bide_file *file)
{
    static const struct bide__wait wait = {
        .name = "bide_file_fdatasync",
        .cancel = bide__op_wait_cancel,
    };
    return sync_file(file, true, &wait);
}

struct truncation {
    struct bide__job job;
    int fd;
    int64_t size;
};

static int truncate_job(struct bide__job *job)
{
    struct truncation *truncation =
        BIDE__CONTAINER(job, struct truncation, job);
    return ftruncate(truncation->fd, truncation->size) < 0 ? -errno : 0;
}

int bide_file_truncate(bide_file *file, int64_t size)
{
    static const struct bide__wait wait = {
        .name = "bide_file_truncate",
        .cancel = bide__job_cancel,
    };
    int rc = bide__file_enter(file, wait.name);
    if (rc < 0)
        return rc;
    struct truncation truncation = {
        .job.fn = truncate_job,
        .fd = file->fd.fd,
        .size = size,
    };
    rc = bide__job_run(file->loop->current, &truncation.job, &wait);
    bide__file_forget_ahead(file);
    bide__file_leave(file);
    return rc;
}

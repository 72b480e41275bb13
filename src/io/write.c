/* SPDX-License-Identifier: MIT */
/*
 * write.c — writing to a stream, one task after the other.
 *
 * Nothing is buffered: a call returns when the system has taken its bytes.
 * Tasks that write at the same time queue for their turn on their own stacks,
 * first come, first served, so each call's bytes stay together.
 *
 * Invariant: stream->writer is the task whose turn it is; if it is NULL, the
 * queue is empty.
 */
#include <errno.h>
#include <sys/uio.h>

#include "io/stream.h"

#define IOV_MOST 1024 /* IOV_MAX of Linux, writev(2) */

struct turn {
    struct bide__link link; /* in stream->writers */
    bide_task *task;
};

static void cancel_turn(bide_task *task, void *object)
{
    struct turn *turn = object;
    bide__list_remove(&turn->link);
    bide__wake(task, -ECANCELED);
}

static const struct bide__wait turn_wait = {
    .name = "bide_stream_write",
    .cancel = cancel_turn,
    .weak = true,
};

static void pass_turn(bide_stream *stream)
{
    stream->writer = NULL;
    if (!bide__list_empty(&stream->writers)) {
        struct turn *turn =
            BIDE__CONTAINER(stream->writers.next, struct turn, link);
        bide__list_remove(&turn->link);
        stream->writer = turn->task;
        bide__wake(turn->task, 0);
    } else if (stream->eof_wanted && !stream->closing) {
        stream->eof_wanted = false;
        stream->write_error = -EPIPE;
        (void)stream->transport->write_eof(stream);
    }
    if (!stream->writer)
        stream->transport->written(stream);
}

static int wait_for_turn(bide_stream *stream, bide_task *self)
{
    struct turn turn = {.task = self};
    bide__list_append(&stream->writers, &turn.link);
    int rc = bide__park(self, &turn_wait, &turn);
    if (rc < 0 && stream->writer == self) /* granted, then cancelled */
        pass_turn(stream);
    return rc;
}

/* The turn is the task's only if this returns 0. */
static inline int take_turn(bide_stream *stream, bide_task *self)
{
    int rc = 0;
    if (BIDE__UNLIKELY(stream->writer))
        rc = wait_for_turn(stream, self);
    if (rc < 0)
        return rc;
    stream->writer = self;
    if (BIDE__UNLIKELY(stream->closing))
        rc = -EBADF;
    else if (BIDE__UNLIKELY(stream->write_error))
        rc = stream->write_error;
    if (BIDE__UNLIKELY(rc < 0))
        pass_turn(stream);
    return rc;
}

int bide__stream_begin_write(bide_stream *stream, const char *function)
{
    bide_task *self = bide__enter(function);
    int rc = bide__stream_check(stream, function);
    if (rc < 0)
        return rc;
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    bide__stream_ref(stream);
    rc = take_turn(stream, self);
    if (BIDE__UNLIKELY(rc < 0))
        bide__stream_unref(stream);
    return rc;
}

void bide__stream_end_write(bide_stream *stream, bool failed, bool began)
{
    if (BIDE__UNLIKELY(failed) && began)
        stream->write_error = -EPIPE; /* in the middle of a message */
    pass_turn(stream);
    bide__stream_unref(stream);
}

static int write_all(bide_stream *stream, const struct iovec *iov,
                     size_t count, const char *function)
{
    int rc = bide__stream_begin_write(stream, function);
    if (BIDE__UNLIKELY(rc < 0))
        return rc;
    size_t written = 0;
    rc = stream->transport->write(stream, iov, count, &written);
    bide__stream_end_write(stream, rc < 0, written > 0);
    return rc;
}

int bide_stream_write(bide_stream *stream, const void *buf, size_t len)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    if (BIDE__UNLIKELY(len > BIDE_IO_MAX))
        return bide_raise(-EINVAL, "len is %zu bytes, at most %zu", len,
                          BIDE_IO_MAX);
    return write_all(stream, &iov, len > 0, "bide_stream_write");
}

int bide_stream_writev(bide_stream *stream, const struct iovec *iov,
                       size_t count)
{
    if (count > IOV_MOST)
        return bide_raise(-EINVAL, "count is %zu buffers, at most %d", count,
                          IOV_MOST);
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(total, iov[i].iov_len, &total) ||
            total > BIDE_IO_MAX)
            return bide_raise(-EINVAL,
                              "the buffers hold more than %zu bytes together",
                              BIDE_IO_MAX);
    return write_all(stream, iov, total > 0 ? count : 0,
                     "bide_stream_writev");
}

int bide_stream_write_eof(bide_stream *stream)
{
    int rc = bide__stream_check(stream, "bide_stream_write_eof");
    if (rc < 0)
        return rc;
    if (stream->writer) {
        stream->eof_wanted = true;
        return 0;
    }
    stream->write_error = -EPIPE;
    return stream->transport->write_eof(stream);
}

/* SPDX-License-Identifier: MIT */
/*
 * socket.c — the transport that is a descriptor: operations of the engine.
 *
 * Receiving has two ways. Where the kernel picks the buffer (io_uring), one
 * multishot operation stays in the kernel for the life of the connection and
 * brings data into pooled buffers, from which they are copied to the waiting
 * reader, or to the stream's buffer if nobody waits. An idle connection then
 * holds no memory for receiving. When much comes at once (full buffers, a
 * reader with room for more), and always where multishot is not cheaper, the
 * reader's own memory is received into directly.
 *
 *      IDLE ──► MULTI ──► ENDING ──► IDLE        and  IDLE ──► DIRECT ──► IDLE
 *                 └─ end, error ─────►┘
 *
 * Back-pressure: beyond the stream's limit the multishot operation is ended,
 * and submitted again by the first read that finds the buffer empty.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "io/stream.h"

#define FULL_TO_BULK 4  /* full pooled buffers in a row */
#define SMALL_TO_MULTI 8 /* direct receives in a row that would have fitted */

/* ── Closing ──────────────────────────────────────────────────────────── */

/* Nothing of the stream may be in the kernel when its memory goes. */
static void close_if_idle(bide_stream *stream)
{
    if (stream->closing && stream->receiving == BIDE__RECV_IDLE &&
        !stream->writer)
        bide__stream_closed(stream);
}

static void end_multishot(bide_stream *stream)
{
    stream->receiving = BIDE__RECV_ENDING;
    bide_engine_cancel(stream->loop->engine, &stream->receive);
}

static void wake_reader(bide_stream *stream)
{
    bide_task *reader = stream->reader;
    stream->reader = NULL;
    stream->into = NULL;
    if (reader)
        bide__wake(reader, 0);
}

static void socket_close(bide_stream *stream)
{
    bide_engine *engine = stream->loop->engine;
    wake_reader(stream);
    if (stream->receiving == BIDE__RECV_MULTI)
        end_multishot(stream);
    else if (stream->receiving == BIDE__RECV_DIRECT)
        bide_engine_cancel(engine, &stream->receive);
    if (stream->writer)
        bide_engine_cancel(engine, &stream->send);
    close_if_idle(stream);
}

/* ── Multishot receiving ──────────────────────────────────────────────── */

/* Data of a pooled buffer, which is the engine's again when this returns,
 * unless it is held. */
static void store(bide_stream *stream, char *data, size_t len)
{
    stream->full = len == stream->loop->engine->options.buffer_size
                       ? stream->full + 1
                       : 0;
    if (stream->into) {
        stream->got = len < stream->into_len ? len : stream->into_len;
        memcpy(stream->into, data, stream->got);
        data += stream->got;
        len -= stream->got;
    }
    if (len > 0 && !bide__stream_hold(stream, data, len) &&
        bide__stream_append(stream, data, len) < 0)
        stream->read_error = -ENOMEM; /* bytes are lost: nothing after them
                                         may be read as if they were not */
    if (bide__buffer_len(&stream->buffer) > stream->limit &&
        stream->receiving == BIDE__RECV_MULTI)
        end_multishot(stream);
    wake_reader(stream);
}

static void received(bide_op *op)
{
    bide_stream *stream = op->data;
    bool more = op->flags & BIDE_OP_MORE;
    if (!more)
        stream->receiving = BIDE__RECV_IDLE;
    if ((op->flags & BIDE_OP_DATA) && !stream->closing)
        store(stream, op->buffer, (size_t)op->result);
    if (more)
        return;
    if (op->result == 0)
        stream->eof = true;
    else if (op->result < 0 && op->result != -ECANCELED &&
             op->result != -ENOBUFS)
        stream->read_error = (int)op->result;
    wake_reader(stream); /* it looks, and submits anew if it must */
    close_if_idle(stream);
}

static void submit_multishot(bide_stream *stream)
{
    bide_op *op = &stream->receive;
    bide_op_recv_multi(op, &stream->file);
    op->done = received;
    op->data = stream;
    stream->receiving = BIDE__RECV_MULTI;
    if (bide_engine_submit(stream->loop->engine, op))
        received(op);
}

static void cancel_read(bide_task *task, void *object)
{
    bide_stream *stream = object;
    stream->reader = NULL;
    stream->into = NULL;
    bide__wake(task, -ECANCELED);
}

/* Not weak: what was stored in the reader's memory is a success. */
static const struct bide__wait read_wait = {
    .name = "bide_stream_read",
    .cancel = cancel_read,
};

/* Park until something arrives: at buf, or in the stream's buffer if that is
 * NULL. */
static int await_multishot(bide_stream *stream, void *buf, size_t len)
{
    bide_task *self = bide__loop->current;
    if (BIDE__UNLIKELY(self->must_cancel)) /* since the call's last wait */
        return bide__take_cancel(self);
    if (stream->receiving == BIDE__RECV_IDLE) {
        submit_multishot(stream);
        if (stream->receiving == BIDE__RECV_IDLE)
            return 0; /* ended at once: the caller looks why */
    }
    stream->reader = self;
    stream->into = buf;
    stream->into_len = len;
    return bide__park(self, &read_wait, stream);
}

int bide__socket_quiet(bide_stream *stream)
{
    while (stream->receiving != BIDE__RECV_IDLE) {
        if (stream->receiving == BIDE__RECV_MULTI)
            end_multishot(stream);
        stream->reader = bide__loop->current;
        int rc = bide__park(stream->reader, &read_wait, stream);
        if (rc < 0)
            return rc;
    }
    return stream->closing ? -EBADF : 0;
}

/* ── Direct receiving ─────────────────────────────────────────────────── */

static const struct bide__wait receive_wait = {
    .name = "bide_stream_read",
    .cancel = bide__op_wait_cancel,
};

static ssize_t receive_directly(bide_stream *stream, void *buf, size_t len)
{
    bide_task *self = bide__loop->current;
    bide_op *op = &stream->receive;
    uint32_t cancels = self->cancels;
    int64_t n;
    if (BIDE__UNLIKELY(self->must_cancel)) /* since the call's last wait */
        return bide__take_cancel(self);
    stream->receiving = BIDE__RECV_DIRECT;
    if (stream->socket)
        bide_op_recv(op, &stream->file, buf, len);
    else
        bide_op_read(op, &stream->file, buf, len, -1);
    if (stream->file.kind == BIDE_FD_FOREIGN)
        n = bide__pipe_read(stream, buf, len);
    else
        n = bide__op_await(self, op, &receive_wait);
    stream->receiving = BIDE__RECV_IDLE;
    if (n == 0)
        stream->eof = true;
    else if (n == -ECANCELED && stream->closing && self->cancels == cancels)
        n = -EBADF; /* the close ended it, and nobody else */
    else if (n < 0 && n != -ECANCELED)
        stream->read_error = (int)n;
    close_if_idle(stream);
    return (ssize_t)n;
}

/* ── Choosing between them ────────────────────────────────────────────── */

static bool multishot_pays(bide_stream *stream, size_t len)
{
    const bide_engine *engine = stream->loop->engine;
    if (!engine->backend->prefers_multishot || !stream->socket)
        return false;
    if (stream->full >= FULL_TO_BULK && len > engine->options.buffer_size)
        stream->bulk = true;
    return !stream->bulk;
}

static void judge_direct(bide_stream *stream, ssize_t n)
{
    if (!stream->bulk)
        return;
    bool fits = (size_t)n < stream->loop->engine->options.buffer_size;
    stream->small = fits ? stream->small + 1 : 0;
    if (stream->small < SMALL_TO_MULTI)
        return;
    stream->bulk = false;
    stream->small = 0;
    stream->full = 0;
}

/* What reading gives when nothing is buffered: 1 means wait. */
static int look(const bide_stream *stream)
{
    if (stream->closing)
        return -EBADF;
    if (stream->read_error)
        return stream->read_error;
    return stream->eof ? 0 : 1;
}

static ssize_t socket_read(bide_stream *stream, void *buf, size_t len)
{
    for (;;) {
        int rc = look(stream);
        if (BIDE__UNLIKELY(rc <= 0))
            return rc;
        if (!multishot_pays(stream, len) &&
            stream->receiving == BIDE__RECV_IDLE) {
            ssize_t n = receive_directly(stream, buf, len);
            if (n > 0)
                judge_direct(stream, n);
            return n;
        }
        if (stream->bulk && stream->receiving == BIDE__RECV_MULTI)
            end_multishot(stream);
        stream->got = 0;
        rc = await_multishot(stream, buf, len);
        if (rc < 0)
            return rc;
        if (stream->got > 0)
            return (ssize_t)stream->got;
    }
}

static ssize_t fill_directly(bide_stream *stream)
{
    int rc = bide__stream_reserve(stream,
                                  stream->loop->engine->options.buffer_size);
    if (rc < 0)
        return rc;
    struct bide__buffer *buffer = &stream->buffer;
    ssize_t n = receive_directly(stream, buffer->data + buffer->end,
                                 buffer->cap - buffer->end);
    if (n > 0)
        buffer->end += (size_t)n;
    else
        bide__stream_consume(stream, 0);
    return n;
}

static size_t content_len(const bide_stream *stream)
{
    return stream->held_len + bide__buffer_len(&stream->buffer);
}

static ssize_t socket_fill(bide_stream *stream)
{
    size_t before = content_len(stream);
    for (;;) {
        size_t have = content_len(stream);
        if (have > before)
            return (ssize_t)(have - before);
        int rc = look(stream);
        if (rc <= 0)
            return rc;
        if (!multishot_pays(stream, 0) &&
            stream->receiving == BIDE__RECV_IDLE)
            return fill_directly(stream);
        rc = await_multishot(stream, NULL, 0);
        if (rc < 0)
            return rc;
    }
}

/* ── Sending ──────────────────────────────────────────────────────────── */

static const struct bide__wait send_wait = {
    .name = "bide_stream_write",
    .cancel = bide__op_wait_cancel,
};

/* Sockets: the engine's operation sends all bytes. */
static int send_all(bide_stream *stream, const struct iovec *iov, size_t count,
                    size_t *ret_written)
{
    bide_op *op = &stream->send;
    struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)iov,
        .msg_iovlen = count,
    };
    if (count == 1)
        bide_op_send(op, &stream->file, iov->iov_base, iov->iov_len);
    else
        bide_op_sendmsg(op, &stream->file, &message, 0);
    int64_t n = bide__op_await(stream->writer, op, &send_wait);
    *ret_written = n < 0 ? op->progress : (size_t)n;
    return n < 0 ? (int)n : 0;
}

static int socket_write(bide_stream *stream, const struct iovec *iov,
                        size_t count, size_t *ret_written)
{
    uint32_t cancels = stream->writer->cancels;
    *ret_written = 0;
    if (count == 0)
        return 0;
    int rc = stream->socket ? send_all(stream, iov, count, ret_written)
                            : bide__pipe_write(stream, iov, count,
                                               ret_written);
    if (rc == -ECANCELED && stream->closing &&
        stream->writer->cancels == cancels)
        rc = -EBADF; /* the close ended it, and nobody else */
    return rc;
}

static int socket_write_eof(bide_stream *stream)
{
    if (!stream->socket)
        return bide__pipe_write_eof(stream);
    return shutdown(stream->file.fd, SHUT_WR) < 0 ? -errno : 0;
}

const struct bide__transport bide__socket_transport = {
    .read = socket_read,
    .fill = socket_fill,
    .write = socket_write,
    .write_eof = socket_write_eof,
    .written = close_if_idle,
    .close = socket_close,
};

/* SPDX-License-Identifier: MIT */
/*
 * sendfile.c — bytes of a file to a stream.
 *
 * sendfile(2) on a socket that does not block still blocks on the disk. So a
 * portion whose first and last byte are in memory is sent at once, and any
 * other by a thread, where the task's turn to write keeps everyone else off
 * the socket. Data that is in memory at both ends and not in between costs
 * the loop a moment's wait; readahead makes that rare.
 *
 * When the socket is full, the task waits until it is writable. Streams that
 * are no plain descriptor of ours (they encrypt, or must not be made
 * non-blocking) are written to from a buffer.
 */
#include <errno.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "file/file.h"
#include "io/stream.h"

#define COPY_SIZE ((size_t)64 * 1024)
#define PORTION_MAX ((size_t)1024 * 1024) /* fewer calls than with less */

/* What is being sent, and how far it is. */
struct sending {
    struct bide__job job;
    bide_file *file;
    bide_stream *stream;
    int64_t offset;
    int64_t left; /* -1: up to the end */
    int64_t sent;
    size_t portion;
};

static const struct bide__wait poll_wait = {
    .name = "bide_sendfile",
    .cancel = bide__op_wait_cancel,
};

static const struct bide__wait job_wait = {
    .name = "bide_sendfile",
    .cancel = bide__job_cancel,
};

/* ── By sendfile(2) ───────────────────────────────────────────────────── */

static ssize_t call_sendfile(void *arg)
{
    const struct sending *sending = arg;
    off_t offset = sending->offset + sending->sent;
    return sendfile(sending->stream->file.fd, sending->file->fd.fd, &offset,
                    sending->portion);
}

/* On the thread, where SIGPIPE is blocked. */
static int sendfile_job(struct bide__job *job)
{
    struct sending *sending = BIDE__CONTAINER(job, struct sending, job);
    ssize_t n;
    do {
        n = call_sendfile(sending);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

static bool in_memory(bide_file *file, int64_t offset)
{
    char byte;
    struct iovec iov = {&byte, 1};
    return bide__file_read_now(file, &iov, 1, offset) >= 0;
}

static int64_t send_portion(struct sending *sending)
{
    int64_t first = sending->offset + sending->sent;
    if (in_memory(sending->file, first) &&
        in_memory(sending->file, first + (int64_t)sending->portion - 1)) {
        int64_t n = bide__without_sigpipe(call_sendfile, sending,
                                          sending->portion);
        if (n > 0)
            bide__file_charge(sending->file->loop->current, (size_t)n);
        return n;
    }
    sending->job.fn = sendfile_job;
    return bide__job_run(sending->file->loop->current, &sending->job,
                         &job_wait);
}

/* ── By copying ───────────────────────────────────────────────────────── */

static int64_t copy_portion(struct sending *sending, char *buffer)
{
    size_t len =
        sending->portion < COPY_SIZE ? sending->portion : COPY_SIZE;
    int64_t n = bide__file_fill(sending->file, buffer, len,
                                sending->offset + sending->sent, &poll_wait);
    if (n <= 0)
        return n;
    if (sending->stream->closing)
        return -EBADF;
    struct iovec iov = {buffer, (size_t)n};
    size_t written;
    int rc = sending->stream->transport->write(sending->stream, &iov, 1,
                                               &written);
    if (rc == 0)
        return n;
    sending->sent += (int64_t)written;
    return rc;
}

/* ── Both ─────────────────────────────────────────────────────────────── */

static int go_on(struct sending *sending)
{
    if (sending->stream->closing)
        return -EBADF;
    return bide__file_go_on(sending->file);
}

/* What closes either side while a thread is at work finds no operation to
 * end: so this looks before it waits. */
static int wait_until_writable(struct sending *sending)
{
    bide_stream *stream = sending->stream;
    int64_t rc = go_on(sending);
    if (rc < 0)
        return (int)rc;
    bide_op *op = &stream->send; /* closing the stream ends this one */
    bide_op_poll(op, &stream->file, POLLOUT);
    rc = bide__file_await_other(sending->file, op, &poll_wait);
    return rc < 0 ? (int)rc : 0;
}

/* Send until nothing is left; `buffer` where sendfile(2) does not serve.
 * Returns 0 or a negative code; sending->sent says how far it came. */
static int send_all(struct sending *sending, char *buffer)
{
    while (sending->left != 0) {
        int rc = go_on(sending);
        if (rc < 0)
            return rc;
        sending->portion = PORTION_MAX;
        if (sending->left > 0 && sending->left < (int64_t)sending->portion)
            sending->portion = (size_t)sending->left;
        int64_t n = buffer ? copy_portion(sending, buffer)
                           : send_portion(sending);
        if (n == -EAGAIN && !buffer)
            n = wait_until_writable(sending);
        else if (n == 0)
            return sending->left < 0 ? 0 : BIDE_E_INCOMPLETE;
        if (n < 0)
            return (int)n;
        sending->sent += n;
        if (sending->left > 0)
            sending->left -= n;
    }
    return 0;
}

static int send_by_copying(struct sending *sending)
{
    char *buffer = bide__malloc(COPY_SIZE);
    if (!buffer)
        return bide_raise(-ENOMEM, "no memory for copying a file");
    int rc = send_all(sending, buffer);
    bide__free(buffer);
    return rc;
}

static int send_somehow(struct sending *sending)
{
    const bide_stream *stream = sending->stream;
    if (stream->transport == &bide__socket_transport &&
        stream->file.kind == BIDE_FD_STREAM) {
        int rc = send_all(sending, NULL);
        if ((rc != -EINVAL && rc != -ENOSYS) || sending->sent > 0)
            return rc;
    }
    return send_by_copying(sending); /* also for files without sendfile(2) */
}

int64_t bide_sendfile(bide_stream *stream, bide_file *file, int64_t offset,
                      int64_t count)
{
    if (offset < 0 || count < -1)
        return bide_raise(-EINVAL,
                          "sending %lld bytes from %lld: count must be at "
                          "least -1 and offset at least 0",
                          (long long)count, (long long)offset);
    int rc = bide__file_enter(file, "bide_sendfile");
    if (rc < 0)
        return rc;
    struct sending sending = {
        .file = file,
        .stream = stream,
        .offset = offset,
        .left = count,
    };
    rc = bide__stream_begin_write(stream, "bide_sendfile");
    if (rc == 0) {
        rc = send_somehow(&sending);
        bide__stream_end_write(stream, rc < 0, sending.sent > 0);
    }
    bide__file_leave(file);
    if (rc == BIDE_E_INCOMPLETE)
        return bide_raise(rc, "the file ended after %lld of %lld bytes",
                          (long long)sending.sent, (long long)count);
    return rc < 0 ? rc : sending.sent;
}

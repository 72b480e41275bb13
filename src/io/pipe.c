/* SPDX-License-Identifier: MIT */
/*
 * pipe.c — streams over pipes, FIFOs and terminals, where they differ from
 * sockets.
 *
 * Writing to a pipe that nobody reads raises SIGPIPE, and no flag of write(2)
 * prevents it. So it is blocked for the moment of the call, and taken back
 * when it came: the caller gets -EPIPE, as from a socket, and the disposition
 * of the signal, which is the program's business, is never touched. The call
 * must therefore be ours and not the engine's; it does not block, because the
 * descriptor does not.
 *
 * A standard input that was inherited is shared with other processes, of which
 * none expects it to become non-blocking. There, a read is tried only when
 * poll(2) says that it will not wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "io/stream.h"

/* ── Writing ──────────────────────────────────────────────────────────── */

/* Take the SIGPIPE that a call of ours has raised. */
static void take_signal(const sigset_t *pipe)
{
    static const struct timespec now;
    while (sigtimedwait(pipe, NULL, &now) < 0 && errno == EINTR)
        continue;
}

ssize_t bide__without_sigpipe(ssize_t (*call)(void *arg), void *arg,
                              size_t whole)
{
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigemptyset(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    if (sigismember(&before, SIGPIPE))
        sigpending(&pending); /* one that the program means to take itself */
    ssize_t n;
    do {
        n = call(arg);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        n = -errno;
    /* A part may have gone out before the other end did. */
    bool raised = n == -EPIPE || (n >= 0 && (size_t)n < whole);
    if (raised && !sigismember(&pending, SIGPIPE))
        take_signal(&pipe);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

struct writing {
    int fd;
    const void *data;
    size_t len;
};

static ssize_t call_write(void *arg)
{
    const struct writing *writing = arg;
    return write(writing->fd, writing->data, writing->len);
}

/* write(2) without SIGPIPE. Returns the number of bytes or a negative errno;
 * errno may change. */
static ssize_t write_quietly(int fd, const void *data, size_t len)
{
    return bide__without_sigpipe(call_write,
                                 &(struct writing){fd, data, len}, len);
}

static const struct bide__wait write_wait = {
    .name = "bide_stream_write",
    .cancel = bide__op_wait_cancel,
};

/* Wait until something may be written. Returns 0 or a negative code. */
static int await_room(bide_stream *stream)
{
    if (stream->writer->must_cancel) /* since the call's last wait */
        return bide__take_cancel(stream->writer);
    bide_op_poll(&stream->send, &stream->file, POLLOUT);
    int64_t bits = bide__op_await(stream->writer, &stream->send, &write_wait);
    return bits < 0 ? (int)bits : 0;
}

static int write_piece(bide_stream *stream, const char *data, size_t len,
                       size_t *written)
{
    while (len > 0) {
        if (stream->closing)
            return -EBADF;
        ssize_t n = write_quietly(stream->file.fd, data, len);
        if (n == -EAGAIN) {
            n = await_room(stream);
            if (n < 0)
                return (int)n;
            continue;
        }
        if (n < 0)
            return (int)n;
        data += n;
        len -= (size_t)n;
        *written += (size_t)n;
    }
    return 0;
}

int bide__pipe_write(bide_stream *stream, const struct iovec *iov,
                     size_t count, size_t *ret_written)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = write_piece(stream, iov[i].iov_base, iov[i].iov_len, ret_written);
    if (rc == 0)
        bide__op_yield(stream->writer);
    return rc;
}

/* Only closing tells the reader of a pipe that nothing more comes. */
int bide__pipe_write_eof(bide_stream *stream)
{
    int flags = fcntl(stream->file.fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) != O_WRONLY)
        return -ENOTSOCK;
    bide_engine_close(stream->loop->engine, &stream->file);
    return 0;
}

/* ── Standard input ───────────────────────────────────────────────────── */

static const struct bide__wait read_wait = {
    .name = "bide_stream_read",
    .cancel = bide__op_wait_cancel,
};

ssize_t bide__pipe_read(bide_stream *stream, void *buf, size_t len)
{
    while (!stream->closing) {
        bide_op *op = &stream->receive;
        bide_op_poll(op, &stream->file, POLLIN);
        int64_t bits = bide__op_await(bide__loop->current, op, &read_wait);
        if (bits < 0)
            return (ssize_t)bits;
        ssize_t n = read(stream->file.fd, buf, len);
        if (n >= 0)
            return n;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EBADF;
}

int bide_stream_open_stdin(size_t limit, bide_stream **ret_stream)
{
    bide_loop *loop = bide__enter_loop("bide_stream_open_stdin");
    struct stat status;
    int rc = bide__stream_limit(&limit);
    if (rc < 0)
        return rc;
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    bool file = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
    rc = bide__stream_new_kind(loop, fd,
                               file ? BIDE_FD_FILE : BIDE_FD_FOREIGN, limit,
                               ret_stream);
    if (rc < 0)
        close(fd);
    return rc;
}

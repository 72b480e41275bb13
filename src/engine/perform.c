/* SPDX-License-Identifier: MIT */
/*
 * perform.c — operations by plain system calls.
 *
 * Used by epoll and sim for what can be tried without waiting, by pool
 * threads for what may block, and by uring where a kernel lacks an operation.
 *
 * Sending goes on until every byte is out or the socket is full; op->progress
 * counts what has gone, so that the next call resumes there. The caller's
 * message and its vectors are never written to: what is left of them is
 * described anew on the stack.
 *
 * No call here keeps anything between two calls but op->progress.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/engine.h"

/* Vectors of a resumed message that go out in one call; more take another. */
#define RESUME_VECTORS 64

static int64_t result_of(ssize_t rc)
{
    return rc < 0 ? -errno : rc;
}

/* ── Sockets ──────────────────────────────────────────────────────────── */

/* Asking a second time is how the outcome is learned: the kernel answers with
 * success, with what went wrong, or with EALREADY. op->progress says that this
 * operation has begun the attempt. */
static int64_t perform_connect(bide_op *op)
{
    int rc = connect(op->file->fd, op->buffer, (socklen_t)op->len);
    int code = rc < 0 ? errno : 0;
    if (code == EINPROGRESS || code == EINTR ||
        (code == EALREADY && op->progress)) {
        op->progress = 1;
        return -EINPROGRESS;
    }
    if (code == EISCONN && op->progress) {
        socklen_t len = sizeof code;
        if (getsockopt(op->file->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
            code = errno;
    }
    return -code;
}

static int64_t perform_send(bide_op *op)
{
    if (op->len > UINT32_MAX)
        return -EMSGSIZE; /* more than op->progress can count */
    do {
        const char *rest = (const char *)op->buffer + op->progress;
        ssize_t rc;
        do {
            rc = send(op->file->fd, rest, op->len - op->progress,
                      (int)op->arg | MSG_NOSIGNAL);
        } while (rc < 0 && errno == EINTR);
        if (rc < 0)
            return -errno;
        op->progress += (uint32_t)rc;
    } while (op->progress < op->len);
    return op->progress;
}

/* Sum up the vectors of a message; -EMSGSIZE if progress cannot count it. */
static int64_t message_len(const struct msghdr *message)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        if (message->msg_iov[i].iov_len > UINT32_MAX - sum)
            return -EMSGSIZE;
        sum += message->msg_iov[i].iov_len;
    }
    return (int64_t)sum;
}

/* Describe what is left of a message after `skip` bytes. The address and the
 * control data went out with the first byte and are left away. */
static void message_rest(const struct msghdr *message, size_t skip,
                         struct msghdr *rest, struct iovec *vectors)
{
    size_t count = 0;
    memset(rest, 0, sizeof *rest);
    for (size_t i = 0; i < message->msg_iovlen && count < RESUME_VECTORS;
         i++) {
        struct iovec vector = message->msg_iov[i];
        if (skip >= vector.iov_len) {
            skip -= vector.iov_len;
            continue;
        }
        vectors[count].iov_base = (char *)vector.iov_base + skip;
        vectors[count].iov_len = vector.iov_len - skip;
        skip = 0;
        count++;
    }
    rest->msg_iov = vectors;
    rest->msg_iovlen = count;
}

static int64_t perform_sendmsg(bide_op *op)
{
    const struct msghdr *message = op->buffer;
    int64_t len = message_len(message);
    if (len < 0)
        return len;
    do {
        struct iovec vectors[RESUME_VECTORS];
        struct msghdr rest;
        const struct msghdr *part = message;
        if (op->progress) {
            message_rest(message, op->progress, &rest, vectors);
            part = &rest;
        }
        ssize_t rc;
        do {
            rc = sendmsg(op->file->fd, part, (int)op->arg | MSG_NOSIGNAL);
        } while (rc < 0 && errno == EINTR);
        if (rc < 0)
            return -errno;
        op->progress += (uint32_t)rc;
    } while (op->progress < len);
    return op->progress;
}

/* ── Files ────────────────────────────────────────────────────────────── */

/* A stream has no offsets: as io_uring does, they are ignored there. */
static bool at_position(const bide_op *op)
{
    return op->offset < 0 || op->file->kind != BIDE_FD_FILE;
}

static ssize_t perform_rw(const bide_op *op)
{
    int fd = op->file->fd;
    const struct iovec *vectors = op->buffer;
    int count = op->len > INT_MAX ? -1 : (int)op->len; /* -1: EINVAL */
    bool at = at_position(op);
    switch (op->code) {
    case BIDE_OP_READ:
        return at ? read(fd, op->buffer, op->len)
                  : pread(fd, op->buffer, op->len, op->offset);
    case BIDE_OP_WRITE:
        return at ? write(fd, op->buffer, op->len)
                  : pwrite(fd, op->buffer, op->len, op->offset);
    case BIDE_OP_READV:
        return at ? readv(fd, vectors, count)
                  : preadv(fd, vectors, count, op->offset);
    default:
        return at ? writev(fd, vectors, count)
                  : pwritev(fd, vectors, count, op->offset);
    }
}

/* What one call does, and may do again when a signal interrupted it. */
static ssize_t perform_call(const bide_op *op)
{
    switch (op->code) {
    case BIDE_OP_ACCEPT:
        return accept4(op->file->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    case BIDE_OP_RECV:
        return recv(op->file->fd, op->buffer, op->len, (int)op->arg);
    case BIDE_OP_RECVMSG:
        return recvmsg(op->file->fd, op->buffer, (int)op->arg);
    case BIDE_OP_READ:
    case BIDE_OP_WRITE:
    case BIDE_OP_READV:
    case BIDE_OP_WRITEV:
        return perform_rw(op);
    case BIDE_OP_OPENAT:
        return openat(AT_FDCWD, op->buffer, (int)op->arg | O_CLOEXEC,
                      (mode_t)op->mode);
    case BIDE_OP_STATX:
        return statx(AT_FDCWD, op->buffer, (int)op->arg, op->mode,
                     (struct statx *)(uintptr_t)op->len);
    case BIDE_OP_FSYNC:
        return op->arg ? fdatasync(op->file->fd) : fsync(op->file->fd);
    case BIDE_OP_SHUTDOWN:
        return shutdown(op->file->fd, (int)op->arg);
    default:
        errno = EINVAL;
        return -1;
    }
}

int64_t bide__op_perform(bide_op *op)
{
    ssize_t rc;
    switch (op->code) {
    case BIDE_OP_CONNECT:
        return perform_connect(op);
    case BIDE_OP_SEND:
        return perform_send(op);
    case BIDE_OP_SENDMSG:
        return perform_sendmsg(op);
    case BIDE_OP_CLOSE: /* has released the number even where it says EINTR */
        return result_of(close((int)op->arg));
    default:
        do {
            rc = perform_call(op);
        } while (rc < 0 && errno == EINTR);
        return result_of(rc);
    }
}

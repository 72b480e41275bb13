/* SPDX-License-Identifier: MIT */
/*
 * sock.c — plain sockets of the program: try, and wait where it would block.
 *
 * Their flags are left alone: what can be told not to wait (MSG_DONTWAIT) is
 * told so; what cannot, connecting and accepting, is refused for a socket that
 * blocks. Each call passes through the turn's budget, so a socket that is
 * always ready does not starve the others.
 */
#include <bide/ready.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "task/task.h"

/* Every call is a cancellation point, also where nothing has to wait. */
static int begin(const char *function)
{
    bide_task *self = bide__enter(function);
    return BIDE__UNLIKELY(self->must_cancel) ? bide__take_cancel(self) : 0;
}

/* After a call that failed with errno: wait if it would have blocked. Returns
 * 0 to try again, or the code to return. */
static int wait_or_fail(int fd, int wait(int fd))
{
    if (errno == EINTR)
        return 0;
    if (errno == EAGAIN)
        return wait(fd);
    return -errno;
}

static int require_non_blocking(int fd, const char *function)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (!(flags & O_NONBLOCK))
        return bide_raise(-EINVAL,
                          "%s() needs a non-blocking socket, and %d blocks",
                          function, fd);
    return 0;
}

/* ── Receiving ────────────────────────────────────────────────────────── */

static ssize_t receive(int fd, void *buf, size_t len,
                       struct sockaddr *ret_address,
                       uint32_t *ret_address_len, const char *function)
{
    int rc = begin(function);
    while (rc == 0) {
        ssize_t n = recvfrom(fd, buf, len, MSG_DONTWAIT, ret_address,
                             ret_address_len);
        if (n >= 0) {
            bide__op_yield(bide__loop->current);
            return n;
        }
        rc = wait_or_fail(fd, bide_wait_readable);
    }
    return rc;
}

ssize_t bide_sock_recv(int fd, void *buf, size_t len)
{
    return receive(fd, buf, len, NULL, NULL, "bide_sock_recv");
}

ssize_t bide_sock_recvfrom(int fd, void *buf, size_t len,
                           struct sockaddr *ret_address,
                           uint32_t *ret_address_len)
{
    return receive(fd, buf, len, ret_address, ret_address_len,
                   "bide_sock_recvfrom");
}

/* ── Sending ──────────────────────────────────────────────────────────── */

int bide_sock_sendall(int fd, const void *buf, size_t len)
{
    int rc = begin("bide_sock_sendall");
    const char *rest = buf;
    while (rc == 0 && len > 0) {
        ssize_t n = send(fd, rest, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            rc = wait_or_fail(fd, bide_wait_writable);
            continue;
        }
        rest += n;
        len -= (size_t)n;
    }
    if (rc == 0)
        bide__op_yield(bide__loop->current);
    return rc;
}

ssize_t bide_sock_sendto(int fd, const void *buf, size_t len,
                         const struct sockaddr *address, uint32_t address_len)
{
    int rc = begin("bide_sock_sendto");
    while (rc == 0) {
        ssize_t n = sendto(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL, address,
                           address_len);
        if (n >= 0) {
            bide__op_yield(bide__loop->current);
            return n;
        }
        rc = wait_or_fail(fd, bide_wait_writable);
    }
    return rc;
}

/* ── Connections ──────────────────────────────────────────────────────── */

int bide_sock_connect(int fd, const struct sockaddr *address,
                      uint32_t address_len)
{
    int rc = begin("bide_sock_connect");
    if (rc == 0)
        rc = require_non_blocking(fd, "bide_sock_connect");
    if (rc < 0)
        return rc;
    if (connect(fd, address, address_len) == 0)
        return bide__op_yield(bide__loop->current), 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return -errno;
    rc = bide_wait_writable(fd);
    if (rc < 0)
        return rc;
    int code = 0;
    socklen_t len = sizeof code;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
        return -errno;
    return -code;
}

int bide_sock_accept(int fd)
{
    int rc = begin("bide_sock_accept");
    if (rc == 0)
        rc = require_non_blocking(fd, "bide_sock_accept");
    while (rc == 0) {
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted >= 0) {
            bide__op_yield(bide__loop->current);
            return accepted;
        }
        rc = wait_or_fail(fd, bide_wait_readable);
    }
    return rc;
}

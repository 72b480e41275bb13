/* SPDX-License-Identifier: MIT */
/*
 * <bide/ready.h> — descriptors of others: to be told when they are ready, and
 * plain sockets.
 *
 * For libraries that have descriptors of their own and want to know when to
 * use them. bide neither owns them nor changes their flags; whoever closes one
 * stops watching it first.
 *
 *     rc = bide_loop_add_reader(loop, fd, on_readable, &state);  // a callback
 *     rc = bide_wait_readable(fd);                               // in a task
 *
 * The bide_sock_ functions are for sockets that a program made itself. Streams
 * (<bide/stream.h>) are faster and do more.
 */
#ifndef BIDE_READY_H
#define BIDE_READY_H

#include <bide/task.h>

struct sockaddr;

BIDE_BEGIN

/* ── Callbacks ────────────────────────────────────────────────────────── */

/*
 * bide_loop_add_reader — have a function called while a descriptor is
 * readable.
 *
 * It is called by the loop, outside of tasks, once a turn as long as there is
 * something to read, or the descriptor has hung up or failed. A reader that
 * was there for the same descriptor is replaced; the end of the loop removes
 * it.
 *
 * Returns:  0 or a negative code.
 *   fd    can be polled; a file is always readable
 *   fn    may not suspend; may add and remove as it likes
 *   arg   passed to fn; borrowed
 * Suspends: never.
 * Errors:   -EBADF, -ENOMEM
 * Owns:     fd stays the caller's, who removes the reader before closing it.
 * Thread:   the loop's.
 * Like:     loop.add_reader.
 * Source:   poll(2), POLLIN.
 */
BIDE_API BIDE_NODISCARD int
bide_loop_add_reader(bide_loop *loop, int fd, void (*fn)(int fd, void *arg),
                     void *arg);

/*
 * bide_loop_add_writer — the same for writing.
 *
 * Returns:  0 or a negative code.
 *   fd, fn, arg   as for bide_loop_add_reader(); both may be there at once
 * Suspends: never.
 * Errors:   -EBADF, -ENOMEM
 * Owns:     fd stays the caller's, who removes the writer before closing it.
 * Thread:   the loop's.
 * Like:     loop.add_writer.
 * Source:   poll(2), POLLOUT.
 */
BIDE_API BIDE_NODISCARD int
bide_loop_add_writer(bide_loop *loop, int fd, void (*fn)(int fd, void *arg),
                     void *arg);

/*
 * bide_loop_remove_reader — stop calling it.
 *
 * Returns:  true if there was one.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     loop.remove_reader.
 */
BIDE_API bool bide_loop_remove_reader(bide_loop *loop, int fd);

/*
 * bide_loop_remove_writer — stop calling it.
 *
 * Returns:  true if there was one.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     loop.remove_writer.
 */
BIDE_API bool bide_loop_remove_writer(bide_loop *loop, int fd);

/* ── Waiting ──────────────────────────────────────────────────────────── */

/*
 * bide_wait_readable — wait until a descriptor can be read.
 *
 * Returns:  0 when it is readable, has hung up or failed: reading tells. Or a
 *           negative code.
 *   fd   can be polled; must stay open meanwhile
 * Suspends: always a cancellation point. Several tasks may wait.
 * Cancel:   safe.
 * Errors:   -ECANCELED, -EBADF, -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     trio.lowlevel.wait_readable; loop.add_reader with a future.
 * Source:   poll(2), POLLIN.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_wait_readable(int fd);

/*
 * bide_wait_writable — wait until a descriptor can be written.
 *
 * Returns:  as bide_wait_readable().
 *   fd   can be polled; must stay open meanwhile
 * Suspends: always a cancellation point. Several tasks may wait.
 * Cancel:   safe.
 * Errors:   -ECANCELED, -EBADF, -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   poll(2), POLLOUT.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_wait_writable(int fd);

/* ── Plain sockets ────────────────────────────────────────────────────── */

/*
 * bide_sock_recv — receive from a socket.
 *
 * Returns:  bytes received, 0 at the end of the stream, or a negative code.
 *   fd         a connected socket
 *   buf, len   the caller's memory
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing was received.
 * Errors:   -ECANCELED and those of recv(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.sock_recv_into.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t bide_sock_recv(int fd, void *buf,
                                                             size_t len);

/*
 * bide_sock_recvfrom — the same, and learn who has sent it.
 *
 * Returns:  as bide_sock_recv().
 *   ret_address       filled; room for *ret_address_len bytes
 *   ret_address_len   bytes of it; set to those of the address
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing was received.
 * Errors:   -ECANCELED and those of recvfrom(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.sock_recvfrom_into.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_sock_recvfrom(int fd, void *buf, size_t len, struct sockaddr *ret_address,
                   uint32_t *ret_address_len);

/*
 * bide_sock_sendall — send all bytes.
 *
 * Returns:  0 or a negative code.
 *   fd         a connected socket
 *   buf, len   borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   a prefix may have been sent.
 * Errors:   -ECANCELED and those of send(2); no SIGPIPE
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.sock_sendall.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sock_sendall(int fd, const void *buf, size_t len);

/*
 * bide_sock_sendto — send one datagram.
 *
 * Returns:  bytes sent, or a negative code.
 *   fd                     a socket for datagrams
 *   buf, len               borrowed during the call
 *   address, address_len   of the receiver; NULL and 0: the connected peer
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing was sent.
 * Errors:   -ECANCELED and those of sendto(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.sock_sendto.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_sock_sendto(int fd, const void *buf, size_t len,
                 const struct sockaddr *address, uint32_t address_len);

/*
 * bide_sock_connect — connect a socket.
 *
 * Returns:  0 or a negative code.
 *   fd                     a non-blocking socket
 *   address, address_len   borrowed during the call; numeric as they are
 * Suspends: always a cancellation point.
 * Cancel:   the attempt goes on; the socket can only be closed.
 * Errors:   -ECANCELED; -EINVAL for a socket that blocks; those of connect(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.sock_connect.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sock_connect(int fd, const struct sockaddr *address,
                  uint32_t address_len);

/*
 * bide_sock_accept — accept one connection.
 *
 * Returns:  its descriptor, close-on-exec and non-blocking, or a negative
 *           code.
 *   fd   a non-blocking socket that listens
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing was accepted.
 * Errors:   -ECANCELED; -EINVAL for a socket that blocks; those of accept(2)
 * Owns:     the caller closes the descriptor.
 * Thread:   the loop's.
 * Like:     loop.sock_accept.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_sock_accept(int fd);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * <bide/datagram.h> — datagrams over UDP and Unix sockets.
 *
 *     bide_datagram_options options = {.local_port = 9999};
 *     bide_datagram *socket;
 *     int rc = bide_datagram_open(&options, &socket);
 *     while (rc >= 0) {
 *         char buf[2048];
 *         struct sockaddr_storage from;
 *         size_t from_len;
 *         ssize_t n = bide_datagram_recvfrom(socket, buf, sizeof buf, &from,
 *                                            &from_len);
 *         if (n < 0)
 *             ...
 *         rc = bide_datagram_sendto(socket, buf, (size_t)n, &from, from_len);
 *     }
 *
 * A datagram arrives whole or not at all. Any number of tasks may send and
 * receive on one socket; each receives datagrams of its own. With a remote
 * address the socket is connected: it exchanges datagrams with that peer
 * alone, and learns of errors such as -ECONNREFUSED.
 *
 * Where many datagrams go at once, bide_datagram_send_many() and recv_many()
 * cost a fraction: runs of equal length to one peer leave as one segmented
 * packet (UDP_SEGMENT), and arrive as one with the option `coalesce` (UDP_GRO).
 */
#ifndef BIDE_DATAGRAM_H
#define BIDE_DATAGRAM_H

#include <bide/task.h>

struct sockaddr_storage;

BIDE_BEGIN

typedef struct bide_datagram bide_datagram;

/* How to open a socket. Zeroed means: the defaults. */
typedef struct bide_datagram_options {
    const char *local_host;  /* a name or address to bind; NULL: any */
    const char *remote_host; /* to connect to; NULL: not connected */
    uint16_t local_port;     /* 0: the system chooses */
    uint16_t remote_port;    /* 1 to 65535, with remote_host */
    int family;              /* AF_INET or AF_INET6; 0: whichever works */
    bool reuse_port;         /* SO_REUSEPORT: several sockets share the port */
    bool broadcast;          /* SO_BROADCAST: sending to all is allowed */
    bool coalesce;           /* UDP_GRO: equal datagrams that follow each other
                                come in as one; pays where many do. Where the
                                kernel has it (5.0) */
    int send_buffer;         /* SO_SNDBUF, bytes; 0: the system's */
    int receive_buffer;      /* SO_RCVBUF, bytes; 0: the system's */
    void *reserved[6];       /* zero */
} bide_datagram_options;

/* ── Opening ──────────────────────────────────────────────────────────── */

/*
 * bide_datagram_open — open a UDP socket.
 *
 * Returns:  0 or a negative code.
 *   options        copied; NULL means the defaults: IPv4, any address
 *   ret_datagram   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -ENETUNREACH of the last
 *           address that was tried, with a message that names it;
 *           BIDE_E_DNS_*; -EINVAL; -EMFILE; -ENOMEM
 * Owns:     the caller closes it by bide_datagram_close().
 * Thread:   the loop's.
 * Like:     loop.create_datagram_endpoint.
 * Source:   udp(7).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_datagram_open(const bide_datagram_options *options,
                   bide_datagram **ret_datagram);

/*
 * bide_datagram_open_unix — open a Unix socket for datagrams.
 *
 * Returns:  0 or a negative code.
 *   local_path     to bind, with '@' first for the abstract namespace; NULL:
 *                  none, nobody can answer then. A file that no socket uses
 *                  any more is replaced, and closing removes it
 *   remote_path    to connect to; NULL: not connected
 *   options        copied; only the sizes of buffers apply; NULL: defaults
 *   ret_datagram   set on success
 * Suspends: never.
 * Errors:   -EADDRINUSE, -EACCES, -ENOENT, -ECONNREFUSED with a message;
 *           -ENAMETOOLONG beyond 107 bytes; -EINVAL; -EMFILE; -ENOMEM
 * Owns:     the caller closes it by bide_datagram_close().
 * Thread:   the loop's.
 * Like:     loop.create_datagram_endpoint(family=AF_UNIX).
 * Source:   unix(7).
 */
BIDE_API BIDE_NODISCARD int
bide_datagram_open_unix(const char *local_path, const char *remote_path,
                        const bide_datagram_options *options,
                        bide_datagram **ret_datagram);

/* ── One at a time ────────────────────────────────────────────────────── */

/*
 * bide_datagram_recv — receive one datagram.
 *
 * Returns:  its length, 0 for an empty one, or a negative code.
 *   buf   the caller's memory
 *   len   bytes of buf; 65,535 hold any datagram of UDP
 * Suspends: always a cancellation point.
 * Cancel:   safe; no datagram is lost.
 * Errors:   -ECANCELED; -EMSGSIZE for one longer than len: its beginning is
 *           in buf, the rest is gone; -ECONNREFUSED and the like for what was
 *           sent earlier, on a connected socket; -EBADF it was closed
 *           meanwhile; those of recv(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     DatagramProtocol.datagram_received, error_received.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_datagram_recv(bide_datagram *datagram, void *buf, size_t len);

/*
 * bide_datagram_recvfrom — the same, and learn who has sent it.
 *
 * Returns:  as bide_datagram_recv().
 *   ret_address       filled unless NULL, also with -EMSGSIZE
 *   ret_address_len   set unless NULL; 0 for a Unix socket without a path
 * Suspends: always a cancellation point.
 * Cancel:   as bide_datagram_recv().
 * Errors:   as bide_datagram_recv()
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.sock_recvfrom.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_datagram_recvfrom(bide_datagram *datagram, void *buf, size_t len,
                       struct sockaddr_storage *ret_address,
                       size_t *ret_address_len);

/*
 * bide_datagram_send — send one datagram to the connected peer.
 *
 * Returns:  0 when the system has taken it, or a negative code.
 *   buf, len   borrowed during the call; 0 bytes are allowed
 * Suspends: always a cancellation point.
 * Cancel:   safe; the datagram was not sent.
 * Errors:   -ECANCELED; -EDESTADDRREQ not connected; -EMSGSIZE too long;
 *           -ECONNREFUSED nobody received an earlier one; -EBADF it was
 *           closed meanwhile; those of send(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     DatagramTransport.sendto.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_datagram_send(bide_datagram *datagram, const void *buf, size_t len);

/*
 * bide_datagram_sendto — send one datagram to an address.
 *
 * Returns:  as bide_datagram_send().
 *   address, address_len   as from bide_datagram_recvfrom(), or any address
 *                          of the socket's family; NULL and 0: the peer
 * Suspends: always a cancellation point.
 * Cancel:   as bide_datagram_send().
 * Errors:   as bide_datagram_send(); -ENETUNREACH, -EHOSTUNREACH, -EACCES
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     DatagramTransport.sendto(data, addr), loop.sock_sendto.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_datagram_sendto(bide_datagram *datagram, const void *buf, size_t len,
                     const struct sockaddr_storage *address,
                     size_t address_len);

/* ── Many at once ─────────────────────────────────────────────────────── */

/* A datagram to send or receive. */
typedef struct bide_datagram_message {
    void *data;         /* the bytes, or the room for them */
    size_t len;         /* how many */
    size_t received;    /* set: bytes stored in data */
    bool truncated;     /* set: the datagram was longer than len */
    struct sockaddr_storage *address; /* of the other side; NULL: the peer, or
                                         not wanted */
    size_t address_len; /* of address; set when receiving */
} bide_datagram_message;

/* Messages that one call sends or receives. */
#define BIDE_DATAGRAM_MANY_MAX 1024

/*
 * bide_datagram_recv_many — receive all that have come, at least one.
 *
 * Returns:  how many, 1 to count, or a negative code.
 *   messages   data, len and address are the caller's; the rest is set
 *   count      1 to BIDE_DATAGRAM_MANY_MAX
 * Suspends: always a cancellation point.
 * Cancel:   safe; no datagram is lost.
 * Errors:   as bide_datagram_recv(), but for -EMSGSIZE; -EINVAL for count
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   recvmmsg(2); UDP_GRO, udp(7).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_datagram_recv_many(bide_datagram *datagram,
                        bide_datagram_message *messages, size_t count);

/*
 * bide_datagram_send_many — send several datagrams, in their order.
 *
 * Returns:  how many the system has taken: fewer than count only if the next
 *           one failed, which sending it again tells; or the code of the
 *           first.
 *   messages   borrowed during the call, as what they point at
 *   count      1 to BIDE_DATAGRAM_MANY_MAX
 * Suspends: always a cancellation point.
 * Cancel:   the number that was sent is returned if there were any.
 * Errors:   as bide_datagram_sendto(), of the first; -EINVAL for count
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   sendmmsg(2); UDP_SEGMENT, udp(7).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_datagram_send_many(bide_datagram *datagram,
                        const bide_datagram_message *messages, size_t count);

/* ── Closing and looking ──────────────────────────────────────────────── */

/*
 * bide_datagram_close — close a socket and release it.
 *
 * Tasks that wait for it get -EBADF.
 *
 *   datagram   NULL is allowed
 * Suspends: never.
 * Owns:     takes it.
 * Thread:   the loop's.
 * Like:     DatagramTransport.close.
 */
BIDE_API void bide_datagram_close(bide_datagram *datagram);

/*
 * bide_datagram_fileno — the descriptor, for setsockopt(2) and the like.
 *
 * Returns:  the descriptor, which stays the socket's.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     get_extra_info('socket').fileno.
 */
BIDE_API int bide_datagram_fileno(const bide_datagram *datagram);

/*
 * bide_datagram_sockname — the address of this side.
 *
 * Returns:  its length, or a negative code.
 *   ret_address   filled
 * Suspends: never.
 * Errors:   -EBADF
 * Thread:   the loop's.
 * Like:     get_extra_info('sockname').
 */
BIDE_API BIDE_NODISCARD int
bide_datagram_sockname(const bide_datagram *datagram,
                       struct sockaddr_storage *ret_address);

/*
 * bide_datagram_peername — the address of the other side.
 *
 * Returns:  its length, or a negative code.
 *   ret_address   filled
 * Suspends: never.
 * Errors:   -ENOTCONN, -EBADF
 * Thread:   the loop's.
 * Like:     get_extra_info('peername').
 */
BIDE_API BIDE_NODISCARD int
bide_datagram_peername(const bide_datagram *datagram,
                       struct sockaddr_storage *ret_address);

BIDE_END

#endif

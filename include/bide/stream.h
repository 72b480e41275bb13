/* SPDX-License-Identifier: MIT */
/*
 * <bide/stream.h> — byte streams over TCP and Unix sockets, and servers.
 *
 * A stream reads and writes; one object does what asyncio's StreamReader and
 * StreamWriter do. One task may read while another writes:
 *
 *     static int echo(bide_stream *stream, void *arg)
 *     {
 *         char buf[4096];
 *         ssize_t n;
 *         while ((n = bide_stream_read(stream, buf, sizeof buf)) > 0) {
 *             int rc = bide_stream_write(stream, buf, (size_t)n);
 *             if (rc < 0)
 *                 return rc;
 *         }
 *         return (int)n;
 *     }
 *
 * Reading never loses a byte: a read that fails, is cancelled or finds its
 * separator missing leaves what has arrived in the stream's buffer for the
 * next. The buffer holds at most `limit` bytes (64 KiB) and what one receive
 * brings; beyond, the peer is made to wait. Writing returns when the operating
 * system has taken every byte: it is asyncio's write and drain in one, and
 * buffers nothing.
 */
#ifndef BIDE_STREAM_H
#define BIDE_STREAM_H

#include <bide/task.h>

struct iovec;
struct sockaddr_storage;

BIDE_BEGIN

typedef struct bide_stream bide_stream;
typedef struct bide_server bide_server;

/* Bytes that a stream's read buffer holds unless options say otherwise. */
#define BIDE_STREAM_LIMIT 65536

/* The most bytes that one call reads or writes. */
#define BIDE_IO_MAX ((size_t)0x7ffff000)

/* ── Opening ──────────────────────────────────────────────────────────── */

/* How to connect. Zeroed means: the defaults. */
typedef struct bide_connection_options {
    size_t limit;          /* bytes buffered for reading, 0: 64 KiB; at least
                              16, at most 1 GiB */
    int family;            /* AF_INET or AF_INET6; 0: both */
    const char *local_host; /* numeric address to connect from, NULL: any */
    uint16_t local_port;   /* 0: any */
    bool delay;            /* leave Nagle's algorithm on: TCP_NODELAY is set
                              otherwise */
    bool keep_alive;       /* SO_KEEPALIVE */
    double happy_eyeballs_delay; /* seconds before the next address is tried
                              as well, 0: 0.25, INFINITY: one after another */
    const void *tls;       /* a bide_tls_context for clients of <bide/tls.h>,
                              borrowed during the call; NULL: plain */
    const char *tls_host;  /* the name that the server must prove to have,
                              NULL: host */
    void *reserved[5];     /* zero */
} bide_connection_options;

/*
 * bide_open_connection — connect to a TCP server.
 *
 * Addresses are tried in the order of RFC 8305: families alternate, each a
 * little after the one before, and the first that answers wins.
 *
 * Returns:  0 or a negative code.
 *   host         a name or a numeric address; borrowed during the call
 *   port         1..65535
 *   options      copied; NULL means the defaults
 *   ret_stream   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; attempts in flight are ended.
 * Errors:   -ECONNREFUSED, -ENETUNREACH, -EHOSTUNREACH, -ETIMEDOUT of the
 *           last address that failed, with a message that names it;
 *           BIDE_E_DNS_*; -EINVAL; -EMFILE; -ENOMEM
 * Owns:     the caller closes the stream by bide_stream_close().
 * Thread:   the loop's.
 * Like:     asyncio.open_connection.
 * Source:   RFC 8305 (happy eyeballs), connect(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_open_connection(const char *host, int port,
                     const bide_connection_options *options,
                     bide_stream **ret_stream);

/*
 * bide_open_unix_connection — connect to a server on a Unix socket.
 *
 * Returns:  0 or a negative code.
 *   path         of the socket; '@' first means the abstract namespace
 *   options      copied; NULL means the defaults; only `limit`, `tls` and
 *                `tls_host` apply
 *   ret_stream   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   -ENOENT, -ECONNREFUSED, -EACCES; -ENAMETOOLONG beyond 107 bytes;
 *           -EMFILE; -ENOMEM
 * Owns:     the caller closes the stream by bide_stream_close().
 * Thread:   the loop's.
 * Like:     asyncio.open_unix_connection.
 * Source:   unix(7).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_open_unix_connection(const char *path,
                          const bide_connection_options *options,
                          bide_stream **ret_stream);

/*
 * bide_stream_open — make a stream of a descriptor.
 *
 * Returns:  0 or a negative code.
 *   fd           a connected stream socket, pipe, FIFO or terminal; becomes
 *                non-blocking
 *   limit        bytes buffered for reading, 0: 64 KiB
 *   ret_stream   set on success
 * Suspends: never.
 * Errors:   -EBADF; -EINVAL for a limit out of range; -ENOMEM
 * Owns:     takes fd on success; it is the caller's on failure.
 * Thread:   the loop's.
 * Like:     asyncio.open_connection(sock=), loop.connect_read_pipe.
 */
BIDE_API BIDE_NODISCARD int bide_stream_open(int fd, size_t limit,
                                             bide_stream **ret_stream);

/*
 * bide_stream_open_stdin — a stream of the standard input, whatever it is.
 *
 * A terminal, a pipe, a file: it is shared with other processes as a rule, so
 * its flags are left alone, and closing the stream leaves it open. If another
 * process reads the same input, a read can wait for both of them.
 *
 * Returns:  0 or a negative code.
 *   limit        bytes buffered for reading, 0: 64 KiB
 *   ret_stream   set on success
 * Suspends: never.
 * Errors:   -EBADF; -EINVAL for a limit out of range; -EMFILE; -ENOMEM
 * Owns:     the caller closes the stream by bide_stream_close().
 * Thread:   the loop's.
 * Like:     loop.connect_read_pipe(..., sys.stdin).
 */
BIDE_API BIDE_NODISCARD int bide_stream_open_stdin(size_t limit,
                                                   bide_stream **ret_stream);

/*
 * bide_stream_pair — two streams that are connected to each other.
 *
 * Returns:  0 or a negative code.
 *   ret_pair   both set on success
 * Suspends: never.
 * Errors:   -EMFILE, -ENOMEM
 * Owns:     the caller closes both.
 * Thread:   the loop's.
 * Like:     socket.socketpair.
 * Source:   socketpair(2).
 */
BIDE_API BIDE_NODISCARD int bide_stream_pair(bide_stream *ret_pair[2]);

/* ── Reading ──────────────────────────────────────────────────────────── */

/*
 * bide_stream_read — read whatever has arrived, up to len bytes.
 *
 * Returns:  1..len bytes read, 0 at the end of the stream, or a negative code.
 *   buf   the caller's memory; unspecified beyond what was read
 *   len   bytes, 1..BIDE_IO_MAX
 * Suspends: always a cancellation point.
 * Cancel:   safe; no byte has been consumed.
 * Errors:   -ECANCELED; -EBADF the stream was closed meanwhile; -EINVAL for
 *           len; -ECONNRESET and those of recv(2)
 * Owns:     nothing moves.
 * Thread:   the loop's. One task reads at a time.
 * Like:     StreamReader.read.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_stream_read(bide_stream *stream, void *buf, size_t len);

/*
 * bide_stream_readexactly — read len bytes, no fewer.
 *
 * Returns:  len, or a negative code.
 *   buf   the caller's memory, unspecified on error
 *   len   bytes, 0..BIDE_IO_MAX
 * Suspends: always a cancellation point.
 * Cancel:   safe; no byte has been consumed.
 * Errors:   BIDE_E_INCOMPLETE if the stream ends before: what came is still
 *           there to read; otherwise as bide_stream_read(); -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's. One task reads at a time.
 * Like:     StreamReader.readexactly.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_stream_readexactly(bide_stream *stream, void *buf, size_t len);

/*
 * bide_stream_readuntil — read up to and including a separator.
 *
 * Returns:  the number of bytes, those of the separator included; buf is not
 *           NUL-terminated. Or a negative code.
 *   separator       bytes to look for
 *   separator_len   1..max
 *   buf             the caller's memory
 *   max             bytes of buf
 * Suspends: always a cancellation point.
 * Cancel:   safe; no byte has been consumed.
 * Errors:   BIDE_E_LIMIT if it is not within max bytes, or the stream's
 *           limit; BIDE_E_INCOMPLETE if the stream ends before: in both cases
 *           what came is still there to read; -EINVAL for separator_len;
 *           otherwise as bide_stream_read()
 * Owns:     nothing moves.
 * Thread:   the loop's. One task reads at a time.
 * Like:     StreamReader.readuntil.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_stream_readuntil(bide_stream *stream, const void *separator,
                      size_t separator_len, void *buf, size_t max);

/*
 * bide_stream_readline — read a line with its "\n"; at the end of the stream,
 * what is left of one.
 *
 * Returns:  the number of bytes, 0 at the end; NUL-terminated if there is
 *           room for it. Or a negative code.
 *   buf   the caller's memory
 *   max   bytes of buf, at least 1
 * Suspends: always a cancellation point.
 * Cancel:   safe; no byte has been consumed.
 * Errors:   BIDE_E_LIMIT for a line longer than max, or than the stream's
 *           limit: it is still there to read; -EINVAL for max; otherwise as
 *           bide_stream_read()
 * Owns:     nothing moves.
 * Thread:   the loop's. One task reads at a time.
 * Like:     StreamReader.readline.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_stream_readline(bide_stream *stream, char *buf, size_t max);

/*
 * bide_stream_peek — wait until bytes are buffered, and look at them there.
 *
 * For parsers that work in place: look, then bide_stream_skip() what was
 * understood.
 *
 * Returns:  the number of bytes at *ret_data, at least `least`; fewer only at
 *           the end of the stream. Or a negative code.
 *   least      bytes, 1..limit; what is there already counts
 *   ret_data   set to where they lie: borrowed until the stream is read,
 *              peeked at, skipped or closed. They stay there while it is
 *              written and while more arrives.
 * Suspends: always a cancellation point.
 * Cancel:   safe; peeking consumes nothing.
 * Errors:   BIDE_E_LIMIT if least is 0 or above the limit; -ENOMEM; otherwise
 *           as bide_stream_read()
 * Owns:     nothing moves.
 * Thread:   the loop's. One task reads at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_stream_peek(bide_stream *stream, size_t least, const char **ret_data);

/*
 * bide_stream_skip — consume bytes that bide_stream_peek() has shown.
 *
 *   len   at most what it returned; more is misuse
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_stream_skip(bide_stream *stream, size_t len);

/*
 * bide_stream_at_eof — whether the end of the stream has been read.
 *
 * Returns:  true if the peer has ended its side and the buffer is empty.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     StreamReader.at_eof.
 */
BIDE_API bool bide_stream_at_eof(const bide_stream *stream);

/* ── Writing ──────────────────────────────────────────────────────────── */

/*
 * bide_stream_write — write len bytes, waiting while the peer is slow.
 *
 * Tasks that write at the same time take turns; each call's bytes stay
 * together.
 *
 * Returns:  0 when the system has taken all bytes, or a negative code.
 *   buf   borrowed during the call
 *   len   bytes, 0..BIDE_IO_MAX
 * Suspends: always a cancellation point.
 * Cancel:   a prefix may have been written. If so, the stream can only be
 *           closed: writes after it fail with -EPIPE, since the peer could
 *           not tell where they begin.
 * Errors:   -ECANCELED; -EBADF the stream was closed meanwhile; -EINVAL for
 *           len; -EPIPE, -ECONNRESET and those of send(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     StreamWriter.write and StreamWriter.drain.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_stream_write(bide_stream *stream, const void *buf, size_t len);

/*
 * bide_stream_writev — write several buffers as one.
 *
 * Returns:  0 when the system has taken all bytes, or a negative code.
 *   iov     borrowed during the call, as the buffers
 *   count   of buffers, 0..1024
 * Suspends: always a cancellation point.
 * Cancel:   as bide_stream_write().
 * Errors:   as bide_stream_write(); -EINVAL for count, and for more than
 *           BIDE_IO_MAX bytes together
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     StreamWriter.writelines.
 * Source:   writev(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_stream_writev(bide_stream *stream, const struct iovec *iov, size_t count);

/*
 * bide_stream_write_eof — end this side; reading goes on.
 *
 * A pipe is closed, its stream is still to be closed.
 *
 * Returns:  0 or a negative code. After writes in progress, if there are any.
 * Suspends: never.
 * Errors:   -EBADF if the stream was closed; -ENOTSOCK for what is neither
 *           socket nor pipe; those of shutdown(2)
 * Thread:   the loop's.
 * Like:     StreamWriter.write_eof.
 * Source:   shutdown(2) with SHUT_WR.
 */
BIDE_API BIDE_NODISCARD int bide_stream_write_eof(bide_stream *stream);

/* ── Closing and looking ──────────────────────────────────────────────── */

/*
 * bide_stream_close — close a stream and release it.
 *
 * Tasks that still read or write it get -EBADF. What was written is
 * delivered; what was not read is gone.
 *
 *   stream   NULL is allowed
 * Suspends: never.
 * Owns:     takes the stream. In a server's handler this is allowed and not
 *           needed: the server closes its streams itself.
 * Thread:   the loop's.
 * Like:     StreamWriter.close.
 */
BIDE_API void bide_stream_close(bide_stream *stream);

/*
 * bide_stream_abort — close a stream by resetting the connection.
 *
 *   stream   NULL is allowed
 * Suspends: never.
 * Owns:     takes the stream.
 * Thread:   the loop's.
 * Like:     WriteTransport.abort.
 * Source:   socket(7), SO_LINGER with a time of 0.
 */
BIDE_API void bide_stream_abort(bide_stream *stream);

/*
 * bide_stream_fileno — the descriptor under a stream.
 *
 * Returns:  the descriptor, which stays the stream's; for getsockopt(2) and
 *           the like. -1 once closed.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     get_extra_info('socket').fileno.
 */
BIDE_API int bide_stream_fileno(const bide_stream *stream);

/*
 * bide_stream_peername — the address of the other side.
 *
 * Returns:  its length, or a negative code.
 *   ret_address   filled
 * Suspends: never.
 * Errors:   -EBADF, -ENOTSOCK, -ENOTCONN
 * Thread:   the loop's.
 * Like:     get_extra_info('peername').
 * Source:   getpeername(2).
 */
BIDE_API BIDE_NODISCARD int
bide_stream_peername(const bide_stream *stream,
                     struct sockaddr_storage *ret_address);

/*
 * bide_stream_sockname — the address of this side.
 *
 * Returns:  its length, or a negative code.
 *   ret_address   filled
 * Suspends: never.
 * Errors:   -EBADF, -ENOTSOCK
 * Thread:   the loop's.
 * Like:     get_extra_info('sockname').
 * Source:   getsockname(2).
 */
BIDE_API BIDE_NODISCARD int
bide_stream_sockname(const bide_stream *stream,
                     struct sockaddr_storage *ret_address);

/*
 * bide_address_text — an address as people write it.
 *
 * Returns:  buf, with "127.0.0.1:80", "[::1]:80", "unix:/run/x" or
 *           "unix:@abstract"; cut if it does not fit.
 *   address, address_len   as from bide_stream_peername()
 *   buf, size              the caller's memory; 128 bytes hold any of them
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API char *bide_address_text(const struct sockaddr_storage *address,
                                 size_t address_len, char *buf, size_t size);

/* ── Servers ──────────────────────────────────────────────────────────── */

/*
 * What a server runs for each connection, in a task of its own. The stream is
 * the server's and is closed after the return; a negative code is reported to
 * the loop's exception handler. Two are not: a cancellation, and, unless in
 * debug mode, a peer that went away.
 */
typedef int bide_stream_handler(bide_stream *stream, void *arg);

/* How to serve. Zeroed means: the defaults. */
typedef struct bide_server_options {
    size_t limit;         /* as in bide_connection_options */
    int family;           /* AF_INET or AF_INET6; 0: both */
    int backlog;          /* connections that the kernel queues, 0: 1024 */
    size_t connections;   /* most at once, 0: no limit of ours; further ones
                             wait in the backlog */
    size_t stack_size;    /* of a handler's task, 0: the loop's */
    bool reuse_port;      /* SO_REUSEPORT: several servers share the port */
    bool delay;           /* leave Nagle's algorithm on */
    bool keep_alive;      /* SO_KEEPALIVE */
    unsigned mode;        /* Unix: permissions of the socket, 0: by umask */
    const void *tls;      /* a bide_tls_context for servers of <bide/tls.h>,
                             borrowed until the server is closed; NULL: plain */
    void *reserved[6];    /* zero */
} bide_server_options;

/*
 * bide_start_server — listen on TCP and serve each connection in a task.
 *
 * Returns:  0 or a negative code; serving begins at once.
 *   host         a name or a numeric address to listen on; NULL or "": all
 *                addresses of both families
 *   port         0..65535; 0 lets the system choose, see bide_server_port()
 *   handler      for each connection
 *   arg          passed to handler; borrowed until the server is closed
 *   options      copied; NULL means the defaults
 *   ret_server   set on success
 * Suspends: always a cancellation point: names are looked up.
 * Cancel:   safe; nothing listens.
 * Errors:   -EADDRINUSE, -EADDRNOTAVAIL, -EACCES with a message that names
 *           the address; BIDE_E_DNS_*; -EINVAL; -EMFILE; -ENOMEM
 * Owns:     the caller closes the server by bide_server_close().
 * Thread:   the loop's.
 * Like:     asyncio.start_server.
 * Source:   listen(2), accept(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_start_server(const char *host, int port, bide_stream_handler *handler,
                  void *arg, const bide_server_options *options,
                  bide_server **ret_server);

/*
 * bide_start_unix_server — listen on a Unix socket.
 *
 * A socket file that nobody listens on any more is replaced; the file is
 * removed when the server stops.
 *
 * Returns:  0 or a negative code; serving begins at once.
 *   path   of the socket; '@' first means the abstract namespace
 *   handler, arg, options, ret_server   as for bide_start_server()
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing listens.
 * Errors:   -EADDRINUSE, -EACCES, -ENOENT; -ENAMETOOLONG beyond 107 bytes;
 *           -EMFILE; -ENOMEM
 * Owns:     the caller closes the server by bide_server_close().
 * Thread:   the loop's.
 * Like:     asyncio.start_unix_server.
 * Source:   unix(7).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_start_unix_server(const char *path, bide_stream_handler *handler,
                       void *arg, const bide_server_options *options,
                       bide_server **ret_server);

/*
 * bide_server_port — the port that a TCP server listens on.
 *
 * Returns:  the port, that of its first address; 0 for a Unix server.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     server.sockets[0].getsockname()[1].
 */
BIDE_API int bide_server_port(const bide_server *server);

/*
 * bide_server_connections — how many connections are open.
 *
 * Returns:  the number of handlers that run.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API size_t bide_server_connections(const bide_server *server);

/*
 * bide_server_stop — stop listening; handlers go on.
 *
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Server.close.
 */
BIDE_API void bide_server_stop(bide_server *server);

/*
 * bide_server_wait — wait until the last handler has ended.
 *
 * After bide_server_stop() this is a graceful end; bound it by a timeout
 * scope and call bide_server_close() in any case.
 *
 * Returns:  0 or -ECANCELED.
 * Suspends: always a cancellation point.
 * Cancel:   safe; the handlers are untouched.
 * Errors:   -ECANCELED
 * Thread:   the loop's. One task waits at a time.
 * Like:     Server.wait_closed.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_server_wait(bide_server *server);

/*
 * bide_server_close — stop listening, cancel the handlers, wait for them.
 *
 * Returns:  0; or -ECANCELED if the caller was cancelled meanwhile, after the
 *           same steps.
 *   server   NULL is allowed
 * Suspends: always; a request to cancel is delivered after the last step.
 * Cancel:   the server is closed all the same.
 * Errors:   -ECANCELED
 * Owns:     takes the server.
 * Thread:   the loop's, not in one of the server's handlers.
 * Like:     Server.close, Server.close_clients and Server.wait_closed.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_server_close(bide_server *server);

BIDE_END

#endif

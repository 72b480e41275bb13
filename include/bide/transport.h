/* SPDX-License-Identifier: MIT */
/*
 * <bide/transport.h> — for those who write a transport: what a stream's bytes
 * pass through on their way, such as TLS.
 *
 *      program ── bide_stream_read, _write … ──► stream
 *                                                  │ transport: state
 *                                                lower ──► socket
 *
 * A transport is put on a stream that is open. The stream keeps its identity;
 * what was below it, with the bytes that have arrived already, becomes a
 * stream of its own, `lower`, on which the transport works by the functions of
 * <bide/stream.h>. It never closes it but in its own `close`.
 *
 * The library that has the transport is another than the one that has the
 * streams. So that neither needs to know the other when it is linked, a
 * program hands over a `bide_security` in the options of its connection or
 * server, whose functions the core calls. One of them is
 *
 *     static int secure(const bide_security *security, bide_stream *stream,
 *                       const char *host)
 *     {
 *         struct session *session = session_new(security, host);
 *         if (!session)
 *             return -ENOMEM;
 *         return bide_stream_put_transport(stream, &transport, session);
 *     }
 */
#ifndef BIDE_TRANSPORT_H
#define BIDE_TRANSPORT_H

#include <bide/stream.h>

BIDE_BEGIN

/*
 * What a transport does. All but `close` and `release` run in a task and may
 * suspend there; one task reads and another writes at the same time. A call
 * on `lower` that fails with -EBADF says that the stream is being closed.
 */
typedef struct bide_transport {
    size_t size;      /* sizeof(bide_transport): later versions are longer */
    const char *name; /* "TLS" */

    /* Make ready, as by a handshake. Called once, before all others; nobody
     * reads or writes meanwhile. Returns 0 or a negative code, after which
     * the stream can only be closed. */
    int (*start)(void *state, bide_stream *lower);

    /* As bide_stream_read(). Cancelled, nothing is lost. */
    ssize_t (*read)(void *state, bide_stream *lower, void *buf, size_t len);

    /* As bide_stream_writev(); *ret_begun says whether anything may have gone
     * out, if it fails. */
    int (*write)(void *state, bide_stream *lower, const struct iovec *iov,
                 size_t count, bool *ret_begun);

    /* As bide_stream_write_eof(): never suspends. */
    int (*write_eof)(void *state, bide_stream *lower);

    /* Say good-bye, unless `abort`, and close `lower`. Never suspends. */
    void (*close)(void *state, bide_stream *lower, bool abort);

    /* The stream is gone: free the state. Never suspends. */
    void (*release)(void *state);
} bide_transport;

/*
 * What `tls` of bide_connection_options and bide_server_options points to: a
 * struct that begins with this. The core calls `secure` once connected, or
 * for an accepted connection in the task that will run its handler.
 */
typedef struct bide_security {
    size_t size; /* sizeof(bide_security) */

    /* Put a transport on the stream and start it. `host` is the server's
     * name for a client, NULL for a server. Returns 0 or a negative code.
     * Suspends; a cancellation point. */
    int (*secure)(const struct bide_security *security, bide_stream *stream,
                  const char *host);

    bool server; /* of what use it is: for servers, or for connections */

    /* The same, agreeing on one of `protocols`, as "h2,http/1.1", where the
     * program has not said which by itself. What protocols there are is known
     * to the library that speaks them, not to the program. */
    int (*secure_for)(const struct bide_security *security,
                      bide_stream *stream, const char *host,
                      const char *protocols);
} bide_security;

/*
 * bide_stream_put_transport — let a stream's bytes pass through a transport.
 *
 * Returns:  0 or a negative code.
 *   stream      over a socket, which no other task reads or writes just now
 *   transport   borrowed until the stream is gone
 *   state       what its functions receive
 * Suspends: always a cancellation point.
 * Cancel:   before `start` the stream is what it was; later it can only be
 *           closed.
 * Errors:   -EBADF; -EALREADY if it has a transport; -ENOTSOCK; -ENOMEM;
 *           those of `start`
 * Owns:     takes the state, in any case: releases it by `release`.
 * Thread:   the loop's.
 * Like:     loop.start_tls, for transports of any kind.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_stream_put_transport(bide_stream *stream,
                          const bide_transport *transport, void *state);

/*
 * bide_stream_transport_state — the state of a stream's transport.
 *
 * Returns:  what bide_stream_put_transport() was given; NULL if the stream's
 *           transport is another one.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void *bide_stream_transport_state(const bide_stream *stream,
                                           const bide_transport *transport);

BIDE_END

#endif

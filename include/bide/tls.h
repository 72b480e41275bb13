/* SPDX-License-Identifier: MIT */
/*
 * <bide/tls.h> — secure streams: TLS 1.2 and 1.3 by OpenSSL. Link with
 * libbide-tls (pkg-config bide-tls).
 *
 * A context holds what connections have in common: certificates, whom to
 * trust, sessions to resume. A stream that is secured is a bide_stream like
 * any other:
 *
 *     bide_tls_context *tls;
 *     rc = bide_tls_open_client(NULL, &tls);
 *     const bide_connection_options options = {.tls = tls};
 *     rc = bide_open_connection("example.org", 443, &options, &stream);
 *     ...
 *     bide_stream_close(stream);
 *     bide_tls_close(tls);
 *
 * Clients check that the server's certificate is signed by someone whom the
 * system trusts, and made out to the host that was asked for, unless told
 * otherwise.
 *
 * The end of a stream is the peer's good-bye (close_notify). A connection that
 * ends without it may have been cut off by anyone: reading then gives
 * BIDE_E_TLS_TRUNCATED instead of 0. bide_stream_close() says good-bye, and
 * bide_stream_write_eof() does so while reading goes on.
 */
#ifndef BIDE_TLS_H
#define BIDE_TLS_H

#include <bide/stream.h>

BIDE_BEGIN

typedef struct bide_tls_context bide_tls_context;

/* Of a context. Zeroed means: the defaults. Files are in the PEM format and
 * are read when the context is opened. */
typedef struct bide_tls_options {
    const char *certificate; /* file: our own, and those between it and the
                                root. NULL: none, for clients only */
    const char *key;         /* file: its private key; NULL: in the file of
                                the certificate */
    const char *password;    /* of the key, NULL: none */
    const char *trust;       /* file: whom to trust instead of the system's
                                authorities */
    const char *alpn;        /* application protocols, the best first:
                                "h2,http/1.1"; NULL: none */
    bool insecure;           /* clients: accept any certificate of anybody */
    bool require_certificate; /* servers: clients must show one that `trust`
                                has signed */
    int least_version;       /* 12 or 13 for TLS 1.2 or 1.3, 0: 12 */
    double handshake_timeout; /* seconds, 0: 60 */
    void *reserved[8];       /* zero */
} bide_tls_options;

/* What was agreed. The strings are the stream's, until it is closed. */
typedef struct bide_tls_info {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
    const char *alpn;    /* "h2"; "" without */
    const char *host;    /* what the client asked for by name; "" without */
    const char *peer;    /* the subject of the peer's certificate, as
                            "CN=example.org"; "" without */
    bool resumed;        /* a session from before, without certificates */
} bide_tls_info;

/*
 * bide_tls_open_client — a context for connections to servers.
 *
 * Returns:  0 or a negative code.
 *   options       copied; NULL means the defaults
 *   ret_context   set on success
 * Suspends: never; reads files.
 * Errors:   -EINVAL; BIDE_E_TLS with the file that is unusable; -ENOMEM
 * Owns:     the caller closes the context by bide_tls_close().
 * Thread:   any. A context may be used on several threads at once.
 * Like:     ssl.create_default_context.
 */
BIDE_API BIDE_NODISCARD int
bide_tls_open_client(const bide_tls_options *options,
                     bide_tls_context **ret_context);

/*
 * bide_tls_open_server — a context for servers.
 *
 * Returns:  0 or a negative code.
 *   options       copied; `certificate` must be set
 *   ret_context   set on success
 * Suspends: never; reads files.
 * Errors:   as bide_tls_open_client()
 * Owns:     the caller closes the context by bide_tls_close(), after the
 *           servers that use it.
 * Thread:   any. A context may be used on several threads at once.
 * Like:     ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).
 */
BIDE_API BIDE_NODISCARD int
bide_tls_open_server(const bide_tls_options *options,
                     bide_tls_context **ret_context);

/*
 * bide_tls_close — release a context. Streams that it secured go on.
 *
 *   context   NULL is allowed
 * Suspends: never.
 * Owns:     takes the context.
 * Thread:   any.
 */
BIDE_API void bide_tls_close(bide_tls_context *context);

/*
 * bide_stream_start_tls — secure a stream that is open.
 *
 * What the peer has sent already counts as the beginning of its handshake.
 *
 * Returns:  0 or a negative code; after one, close the stream.
 *   stream    over a socket, which no other task reads or writes just now
 *   context   for a client or a server: that is the part this side takes
 *   host      the name that a server must prove to have; NULL on the server
 * Suspends: always a cancellation point.
 * Cancel:   the stream can only be closed.
 * Errors:   BIDE_E_TLS_CERTIFICATE, BIDE_E_TLS, BIDE_E_TLS_TRUNCATED, -ETIME
 *           with a message that says why; -EALREADY if it is secure; -EINVAL
 *           for host; those of reading and writing
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     StreamWriter.start_tls.
 * Source:   RFC 8446, RFC 5246; RFC 6066 (SNI); RFC 7301 (ALPN); RFC 6125.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_stream_start_tls(bide_stream *stream, const bide_tls_context *context,
                      const char *host);

/*
 * bide_stream_tls_info — what a secure stream has agreed on with its peer.
 *
 * Returns:  0, or -ENOTCONN if the stream is not secure.
 *   ret_info   filled
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     get_extra_info('ssl_object').
 */
BIDE_API BIDE_NODISCARD int bide_stream_tls_info(const bide_stream *stream,
                                                 bide_tls_info *ret_info);

BIDE_END

#endif

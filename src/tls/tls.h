/* SPDX-License-Identifier: MIT */
/*
 * tls.h — secure streams from inside.
 *
 *     context.c    what connections share: certificates, trust, options
 *     session.c    sessions that clients may resume
 *     connection.c the transport: records in and out of OpenSSL
 *     handshake.c  how a connection begins, and what was agreed
 *     failure.c    errors of OpenSSL as ours
 *
 * OpenSSL does no input or output of its own: it reads what the lower stream
 * has buffered and appends records to `out`. So it never waits inside, its
 * thread's queue of errors is ours from call to call, and a reader and a
 * writer that are parked do not meet in it.
 */
#ifndef BIDE_SRC_TLS_TLS_H
#define BIDE_SRC_TLS_TLS_H

#include <bide/tls.h>
#include <bide/transport.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#define BIDE__TLS_OFFER 64    /* bytes of a library's own protocols */
#define BIDE__TLS_SESSIONS 64 /* kept by a client's context */

/* A session of a server, by the name that was asked for. */
struct bide__tls_kept {
    char *host;
    SSL_SESSION *session;
};

struct bide_tls_context {
    bide_security security; /* first: the core knows only this */
    atomic_uint refs;       /* the owner's and each connection's */
    SSL_CTX *ssl;
    bool insecure;
    double handshake_timeout;
    unsigned char *alpn;    /* as on the wire, or NULL */
    unsigned alpn_len;
    pthread_mutex_t lock;   /* of what follows */
    struct bide__tls_kept kept[BIDE__TLS_SESSIONS];
    size_t oldest;          /* where the next one goes when all are used */
};

struct bide__tls {
    bide_tls_context *context;
    SSL *ssl;
    char *host;       /* the server's name on the client's side, or NULL */
    const char *in;   /* during a call of OpenSSL: what has arrived */
    size_t in_len, in_used;
    char *out;        /* records that are to be sent */
    size_t out_len, out_cap;
    bool writing;     /* a task sends records: others must not */
    bool no_memory;   /* `out` could not grow */
    bool ready;       /* the handshake is over */
    bool ended;       /* we said good-bye */
    int code;         /* nothing works any more, and why; or 0 */
    char peer[256];   /* the subject of its certificate */
    char alpn[256];   /* what was agreed; a name has at most 255 bytes */
    unsigned char offer[BIDE__TLS_OFFER]; /* protocols, if the context has
                                             none; as on the wire */
    unsigned offer_len;
};

extern const bide_transport bide__tls_transport;

/* Context: shared by whoever uses it. */
bide_tls_context *bide__tls_ref(const bide_tls_context *context);

/* A new connection that belongs to the context, or NULL. `protocols` are for
 * a context that has none, or NULL. */
struct bide__tls *bide__tls_new(const bide_tls_context *context,
                                const char *host, const char *protocols,
                                int *ret_code);

/* "h2,http/1.1" as it is on the wire, into strlen(text) + 1 bytes: each name
 * after its length. Returns 0 or -EINVAL. */
int bide__tls_alpn_wire(const char *text, unsigned char *wire);

/* bide_stream_start_tls() with protocols for a context that has none. */
int bide__tls_start(bide_stream *stream, const bide_tls_context *context,
                    const char *host, const char *protocols);
void bide__tls_release(void *state);

/* The BIO between OpenSSL and a connection; NULL without memory. */
BIO *bide__tls_bio(struct bide__tls *tls);

/* Wait until something has arrived for OpenSSL: 0 or a negative code. After
 * the call of OpenSSL, `taken` says so to the stream. */
int bide__tls_wait(struct bide__tls *tls, bide_stream *lower);
void bide__tls_taken(struct bide__tls *tls, bide_stream *lower);

/* Send all of `out`, waiting; only one task at a time may. */
int bide__tls_flush(struct bide__tls *tls, bide_stream *lower);

/* Send what the socket takes at once; the rest stays. */
void bide__tls_send_now(struct bide__tls *tls, bide_stream *lower);

/* The transport's start. */
int bide__tls_handshake(void *state, bide_stream *lower);

/* What SSL_get_error() and OpenSSL's queue say, as a code with a message; the
 * connection remembers it. 0 for the peer's good-bye. */
int bide__tls_failed(struct bide__tls *tls, int error);

/* Raise BIDE_E_TLS, or -ENOMEM, with what OpenSSL complained of last. */
int bide__tls_raise(const char *what, const char *name);

/* Sessions of clients: offer one to a new connection, keep new ones. */
void bide__tls_offer_session(struct bide__tls *tls);
void bide__tls_keep_sessions(bide_tls_context *context);
void bide__tls_drop_sessions(bide_tls_context *context);

#endif

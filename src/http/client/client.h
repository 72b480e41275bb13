/* SPDX-License-Identifier: MIT */
/*
 * client.h — HTTP clients from inside.
 *
 *     session.c   options, and what a session holds
 *     fetch.c     one request: redirects, the second try, the deadline
 *     pool.c      connections that are kept, and the line for them
 *     connect.c   a new connection: TCP, proxy, TLS
 *     secure.c    libbide-tls, if the program has it
 *     proxy.c     which proxy
 *     headers.c   the headers of a request
 *     send.c      a request's head and body on HTTP/1.1
 *     content.c   what a body is made of: bytes, forms, files, callbacks
 *     head.c      a response's head on HTTP/1.1
 *     body.c      its body, as it comes from the connection
 *     decode.c    its compression
 *     response.c  what programs read of it
 *     http2.c     requests and responses on HTTP/2: see http2.h
 *     cookies.c   the jar; cookie.c parses Set-Cookie
 *     url.c       URLs
 *
 * A request owns its link, an HTTP/1.1 connection, from the pool until the
 * last byte of the body was read; the link then goes back, and whatever else
 * happens to the request (a failure, a cancellation, a close) closes it.
 */
#ifndef BIDE_SRC_HTTP_CLIENT_CLIENT_H
#define BIDE_SRC_HTTP_CLIENT_CLIENT_H

#include <bide.h>
#include <bide/http_client.h>

#include "http/message.h"

struct bide__h2;
struct bide__h2_stream;
struct bide__decoder;
struct bide__link;

/* ── url.c ────────────────────────────────────────────────────────────── */

struct bide__url {
    char *text;       /* "scheme://host:port/path?query" */
    size_t len;
    size_t authority; /* where "host:port" begins */
    size_t target;    /* where "/path?query" does; before it, the origin */
    char *host;       /* a name, or an address without brackets */
    int port;
    bool secure;      /* https */
    bool literal;     /* host is an IPv6 address */
    char *user, *password; /* decoded; NULL: none */
    char *before;     /* memory of the two, if not in that of text */
};

/* Parse a URL, or resolve a reference against base; NULL: it is absolute.
 * Returns 0, -EINVAL with a message, or -ENOMEM. */
int bide__url_parse(struct bide__url *url, const char *text, size_t len,
                    const struct bide__url *base);
int bide__url_add_query(struct bide__url *url, const bide_http_pair *query);
bool bide__url_same_origin(const struct bide__url *a,
                           const struct bide__url *b);
void bide__url_free(struct bide__url *url);

/* Append a text percent-encoded; as in forms, where a space is '+'. */
int bide__url_add_quoted(struct bide__bytes *bytes, const char *text,
                         bool form);
/* Append "a=1&b=2". */
int bide__url_add_pairs(struct bide__bytes *bytes,
                        const bide_http_pair *pairs);

/* ── pool.c ───────────────────────────────────────────────────────────── */

/* Where links lead: an origin, by way of a proxy or not. Exists while it has
 * links or requests that wait for one. */
struct bide__origin {
    struct bide__origin *next;      /* in its bucket */
    struct bide__origin *wait_prev; /* among those that requests wait for */
    struct bide__origin *wait_next;
    struct bide__place *first, *last; /* those requests, the oldest first */
    struct bide__link *idle;        /* the last used one first */
    struct bide__link *shared;      /* speaks HTTP/2; new requests use it */
    size_t links;                   /* in all, those being opened included */
    size_t users;                   /* requests that hold the pointer */
    bool probing;                   /* the first link will tell whether the
                                       others are needed */
    bool http1;                     /* it has told: they are */
    uint32_t hash;
    bool secure;
    int port;
    char *host;
    char *proxy;                    /* URL, or NULL */
    char key[];                     /* the origin's URL, a space, the proxy */
};

/* A request that waits for a link; on its stack. */
struct bide__place {
    struct bide__place *prev, *next;
    struct bide__origin *origin;
    uint64_t number;         /* of arrival */
    bool served;
    struct bide__link *link; /* what it is given; NULL: the right to open one */
    bide_future ready;
};

/* A connection. */
struct bide__link {
    struct bide__link *older, *newer; /* idle ones of the session */
    struct bide__link *next;          /* idle ones of the origin */
    bide_http_session *session;
    struct bide__origin *origin;
    bide_stream *stream;
    struct bide__h2 *h2; /* what HTTP/2 needs, or NULL */
    double born;
    double idle_since;
    uint64_t served;
    bool exact; /* nothing had come behind the last response */
    struct bide__bytes out; /* a request's head, kept for the next */
};

/* Find or make the origin of a URL; the caller holds it. */
int bide__pool_origin(bide_http_session *session, const struct bide__url *url,
                      const char *proxy, struct bide__origin **ret_origin);
void bide__pool_release_origin(bide_http_session *session,
                               struct bide__origin *origin);

/* Wait for a link; `fresh` for none that was used before. *ret_link is NULL if
 * the caller may open one: it then calls bide__pool_opened(). */
int bide__pool_acquire(bide_http_session *session,
                       struct bide__origin *origin, bool fresh,
                       struct bide__link **ret_link);
void bide__pool_opened(bide_http_session *session,
                       struct bide__origin *origin, struct bide__link *link);

/* Give a link back that is fit for another request, or that is not. */
void bide__pool_keep(struct bide__link *link);
void bide__pool_close(struct bide__link *link);
/* The same for a link whose memory is still referred to. */
void bide__pool_forget(struct bide__link *link);

/* Serve those who wait: something has become free. */
void bide__pool_serve(bide_http_session *session);
void bide__pool_shut(bide_http_session *session);

/* ── session.c ────────────────────────────────────────────────────────── */

#define BIDE__BUCKETS 64

struct bide__jar;

struct bide_http_session {
    bide_http_session_options options; /* with the defaults filled in */
    struct bide__bytes headers;        /* "name\0value\0", twice NUL behind */
    char *proxy;
    bool closed;
    size_t users; /* requests, responses and links */

    /* The pool. */
    struct bide__origin *buckets[BIDE__BUCKETS];
    struct bide__origin *waiting;    /* origins that requests wait for */
    struct bide__link *oldest, *newest; /* idle links */
    size_t links;
    uint64_t numbers;
    bide_handle expiry; /* of the oldest idle link */
    bool expiring;

    struct bide__jar *jar; /* NULL before the first cookie */

    /* TLS, if it was needed. */
    const void *tls;
    void *own_tls;

    /* From the environment. */
    char *env_http, *env_https, *env_none;
};

void bide__session_ref(bide_http_session *session);
void bide__session_unref(bide_http_session *session);

/* ── content.c ────────────────────────────────────────────────────────── */

/* A request's body. */
struct bide__content {
    const char *type;  /* Content-Type, or NULL */
    const void *data;  /* bytes that are all there is, unless ... */
    size_t len;
    bide_http_source *source; /* ... this gives them */
    void *source_arg;
    int64_t length;    /* -1: not known */
    bool any;          /* there is a body, if only an empty one */
    bool once;         /* it cannot be sent again ... */
    bool begun;        /* ... once this is set */
    char *memory;      /* of data */
    struct bide__pieces *pieces; /* files and parts, NULL: none */
};

int bide__content_open(struct bide__content *content,
                       const bide_http_fetch_options *options);
/* Begin again, for a second sending. */
int bide__content_rewind(struct bide__content *content);
/* Returns 0, or -ECANCELED if the task was cancelled meanwhile. */
int bide__content_close(struct bide__content *content);

/* ── fetch.c ──────────────────────────────────────────────────────────── */

/* A request in the making; on the stack of bide_http_fetch(). */
struct bide__call {
    bide_http_session *session;
    const char *method;
    const bide_http_fetch_options *options;
    struct bide__url url;
    struct bide__content content;
    bool no_body;        /* a redirect took it away */
    bool foreign;        /* a redirect led to another origin: no credentials */
    unsigned redirects;
    double deadline;
    bool decode;
    const char *proxy;   /* URL, or NULL */
};

/* ── A response ───────────────────────────────────────────────────────── */

struct bide_http_response {
    bide_http_session *session;
    struct bide__link *link;          /* until the body was read */
    struct bide__h2_stream *h2;       /* its part of it on HTTP/2 */
    int status;
    unsigned minor;                   /* 0 or 1 of HTTP/1.x; 2: HTTP/2 */
    const char *reason;
    char *memory;                     /* the head's text */
    struct bide__field *fields;
    unsigned count, room;
    char *url;
    unsigned redirects;
    double deadline;                  /* of the last byte */

    /* The body as it comes, body.c. */
    enum bide__framing framing;
    uint64_t left;                    /* bytes of the body or the chunk */
    uint64_t received;
    int64_t length;                   /* as announced, -1: not */
    size_t ahead;                     /* bytes there when the head was read */
    bool begun;                       /* within a chunk */
    bool in_trailers;                 /* behind the last one */
    bool head_only;
    bool keep;                        /* the link may be used again */
    bool exact;                       /* all came with the head, and no more */
    bool complete;
    int failed;                       /* and why */
    struct bide__bytes trailers;      /* "name\0value\0" ... */
    struct bide__bytes early;         /* of the body, read while the request
                                         was still being sent */
    size_t early_taken;               /* of it */
    bool held;                        /* the link is still written to */

    /* As programs read it. */
    struct bide__decoder *decoder;
    struct bide__bytes lines;         /* read, and not yet taken */
    size_t taken;                     /* of it */
    struct bide__bytes body;          /* the whole of it */
    bool collected;
    char *converted;                  /* body as UTF-8 */
};

bide_http_response *bide__response_new(struct bide__call *call);

/* The last byte of the body was read: the link goes back. */
void bide__response_complete(bide_http_response *response);

/* ── headers.c ────────────────────────────────────────────────────────── */

/* Whether a header may be sent: 0 or -EINVAL with a message. */
int bide__header_check(const bide_http_pair *header);

/* Append the headers of a request as "Name: value\r\n", all but those that
 * say how the message is framed. */
int bide__headers_write(struct bide__call *call, struct bide__bytes *out);

/* The Host that the caller wants to be sent, or NULL. */
const char *bide__headers_host(const struct bide__call *call);

/* ── send.c, head.c, body.c: HTTP/1.1 ─────────────────────────────────── */

/* Send a request on a link, and read the head of its response. *ret_begun
 * tells whether the server has answered at all. */
int bide__exchange(struct bide__call *call, struct bide__link *link,
                   bide_http_response *response, bool *ret_begun);

/* Read a head. Returns 0 or a negative code. */
int bide__head_read(bide_http_response *response, bool *ret_begun);

/* Parse one that lies in `data`, its empty line included. */
int bide__head_parse(bide_http_response *response, const char *data,
                     size_t len, unsigned lines);

/* Read some of the body as it comes. As bide_http_response_read(). */
ssize_t bide__body_read(bide_http_response *response, void *buf, size_t len);
/* Whether nothing of it is left to be read. */
bool bide__body_at_end(const bide_http_response *response);

/* Parse a line with the size of a chunk. Returns whether it is one. */
bool bide__chunk_size(const char *line, size_t len, uint64_t *ret_size);

/* A response that is not what HTTP allows: -EBADMSG. */
int bide__malformed(const char *what);

/* ── decode.c ─────────────────────────────────────────────────────────── */

/* A decoder for a Content-Encoding. Returns 0, and NULL for what we leave as
 * it is. */
int bide__decoder_new(const char *coding, struct bide__decoder **ret_decoder);
void bide__decoder_free(struct bide__decoder *decoder);
ssize_t bide__decoder_read(struct bide__decoder *decoder,
                           bide_http_response *response, void *buf,
                           size_t len);

/* ── connect.c, secure.c, proxy.c ─────────────────────────────────────── */

int bide__link_open(struct bide__call *call, struct bide__origin *origin,
                  struct bide__link **ret_link);

/* The context for TLS. Returns 0 or a negative code. */
int bide__secure_context(bide_http_session *session);
void bide__secure_close(bide_http_session *session);
/* What a secure stream speaks: "h2", or "". */
bool bide__secure_speaks_h2(const bide_stream *stream);

/* The proxy for a URL, or NULL. */
const char *bide__proxy_for(bide_http_session *session,
                            const bide_http_fetch_options *options,
                            const struct bide__url *url);
/* Whether a text may be a proxy's URL: 0 or a negative code. */
int bide__proxy_check(const char *text);

/* Check and copy what the options and the environment say; forget it. */
int bide__proxy_prepare(bide_http_session *session);
void bide__proxy_forget(bide_http_session *session);

/* Append what a proxy with a user in its URL wants to see. */
int bide__proxy_add_authorization(const char *proxy,
                                  struct bide__bytes *out);

/* Append "Name: Basic base64\r\n". */
int bide__basic_add(struct bide__bytes *out, const char *user,
                    const char *password);

/* ── http2.c ──────────────────────────────────────────────────────────── */

/* Begin to speak HTTP/2; the link is reserved for its opener. */
int bide__h2_start(struct bide__link *link);
bool bide__h2_has_room(const struct bide__link *link);
/* Count a request that was given the link and has not begun on it yet. It
 * keeps the link's memory, even if the connection fails. */
void bide__h2_reserve(struct bide__link *link);
void bide__h2_unreserve(struct bide__link *link);
int bide__h2_exchange(struct bide__call *call, struct bide__link *link,
                      bide_http_response *response, bool *ret_begun);
ssize_t bide__h2_read(bide_http_response *response, void *buf, size_t len);
/* The response needs its stream no more. */
void bide__h2_end(bide_http_response *response);
/* The session is closed: so is the link after its last response. */
void bide__h2_shut(struct bide__link *link);

/* ── cookies.c, cookie.c ──────────────────────────────────────────────── */

struct bide__cookie {
    char *name, *value, *domain, *path;
    int64_t expires;   /* seconds since 1970; INT64_MAX: with the session */
    uint64_t number;   /* of arrival */
    bool host_only;
    bool secure;
    bool http_only;
};

/* Parse a Set-Cookie that a response from `url` brought. Returns 0; -EINVAL
 * for one that is refused; or -ENOMEM. */
int bide__cookie_parse(struct bide__cookie *cookie,
                       const struct bide__url *url, const char *text,
                       int64_t now);
void bide__cookie_free(struct bide__cookie *cookie);
/* Whether a host is a domain's, or lies below it. */
bool bide__domain_matches(const char *host, const char *domain);

int bide__jar_store(bide_http_session *session, const struct bide__url *url,
                    const char *text);
/* Append "name=value; name=value". */
int bide__jar_write(bide_http_session *session, const struct bide__url *url,
                    struct bide__bytes *out);
void bide__jar_free(struct bide__jar *jar);

#endif

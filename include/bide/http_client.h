/* SPDX-License-Identifier: MIT */
/*
 * <bide/http_client.h> — HTTP clients; <bide/http.h> includes it.
 *
 * A session keeps what requests have in common: connections that are used
 * again, cookies, headers, limits.
 *
 *     bide_http_session *http;
 *     bide_http_response *response;
 *     const char *text;
 *     rc = bide_http_session_open(NULL, &http);
 *     rc = bide_http_get(http, "http://127.0.0.1:8080/", &response);
 *     printf("%d\n", bide_http_response_status(response));
 *     rc = bide_http_response_text(response, &text);
 *     bide_http_response_close(response);
 *     bide_http_session_close(http);
 *
 * Any number of tasks use a session at the same time. A request returns when
 * the head of its response is there; the body is read when it is asked for,
 * and a server that sends faster than it is read is made to wait. HTTP/1.1,
 * and HTTP/2 where an https server offers it; redirects are followed, and
 * contents decompressed.
 *
 * URLs with https need libbide-tls beside this library: link the program with
 * it (pkg-config bide-http bide-tls), or give the session a context of
 * <bide/tls.h>.
 *
 * A response that cannot be trusted to end where it seems to (two lengths, a
 * length with chunks) fails, and its connection is closed. A response that a
 * status of 400 or more answers is a success here: see
 * bide_http_response_raise_for_status().
 */
#ifndef BIDE_HTTP_CLIENT_H
#define BIDE_HTTP_CLIENT_H

#include <bide/stream.h>

BIDE_BEGIN

typedef struct bide_http_session bide_http_session;
typedef struct bide_http_response bide_http_response;

/* A name and a value: of a header, of a query, of a form. Arrays of these end
 * with one whose name is NULL: {{"a", "1"}, {"b", "2"}, {0}}. */
typedef struct bide_http_pair {
    const char *name;
    const char *value;
} bide_http_pair;

/* One part of a multipart form: of bytes, or a file. Arrays end with one whose
 * name is NULL. */
typedef struct bide_http_part {
    const char *name;     /* of the form's field */
    const char *filename; /* what the server is told, NULL: no file; with
                             `file` its last component */
    const char *type;     /* Content-Type, NULL: text/plain, or for files
                             application/octet-stream */
    const void *data;     /* bytes ... */
    size_t len;           /* ... and how many */
    const char *file;     /* or a path, read while it is sent */
} bide_http_part;

/*
 * Gives some of a request's body, which it writes to buf: 1..len bytes, 0 at
 * its end, or a negative code, which the request then fails with. May suspend.
 * Called in a task of the session's, not after the request has returned.
 */
typedef ssize_t bide_http_source(void *arg, void *buf, size_t len);

/* Of a session. Zeroed means: the defaults. Strings are copied. */
typedef struct bide_http_session_options {
    const bide_http_pair *headers; /* sent with each request, unless it has
                                      one of that name itself */
    double timeout;         /* seconds of a request, until the last byte of
                               its response was read, 0: 300, INFINITY: none */
    double connect_timeout; /* seconds to connect, a proxy's and TLS's part
                               included, 0: 30 */
    double read_timeout;    /* seconds that the body may pause, 0: no limit
                               but the ones above */
    size_t connections;     /* most at once, 0: 100; further requests wait,
                               who came first goes first */
    size_t connections_per_host; /* likewise, 0: no limit of its own */
    double idle_timeout;    /* seconds that an unused connection is kept, 0:
                               15 */
    double max_age;         /* seconds after which a connection is not used
                               again, 0: no limit */
    size_t head;            /* bytes of a response's headers, 0: 64 KiB, at
                               most 1 MiB */
    unsigned fields;        /* headers of a response, 0: 128 */
    size_t body;            /* bytes that _data and _text collect, as they
                               are after decompression, 0: 64 MiB */
    unsigned redirects;     /* followed for one request, 0: 10 */
    bool no_redirects;      /* follow none */
    bool no_cookies;        /* keep and send none */
    bool no_decompression;  /* neither ask for nor undo compression */
    bool no_http2;          /* HTTP/1.1 alone */
    bool trust_env;         /* proxies from the environment: http_proxy,
                               https_proxy, all_proxy, no_proxy */
    const char *proxy;      /* "http://[user:password@]host:port" */
    const void *tls;        /* a bide_tls_context for clients, borrowed until
                               the session is closed; for HTTP/2 its option
                               alpn is "h2,http/1.1"; NULL: one of our own,
                               which trusts whom the system trusts */
    void *reserved[8];      /* zero */
} bide_http_session_options;

/* Of a request. Zeroed means: the defaults. All is borrowed until the request
 * has returned. At most one of the bodies may be given. */
typedef struct bide_http_fetch_options {
    const bide_http_pair *headers; /* each replaces those of its name that the
                                      session would send */
    const bide_http_pair *query;   /* added to the URL, percent-encoded */
    const char *type;              /* Content-Type of the body */
    const void *data;              /* body: bytes ... */
    size_t len;                    /* ... and how many */
    const char *json;              /* body: a text, as application/json */
    const bide_http_pair *form;    /* body: as x-www-form-urlencoded */
    const bide_http_part *parts;   /* body: as multipart/form-data */
    const char *file;              /* body: the content of this path */
    bide_http_source *source;      /* body: what this gives, called with ... */
    void *source_arg;              /* ... this; sent once, so no redirect that
                                      wants it again is followed */
    uint64_t source_len;           /* its bytes, 0: not known */
    const char *user;              /* basic authentication, also by the URL */
    const char *password;
    const char *bearer;            /* a token */
    double timeout;                /* seconds, as in the session's options,
                                      0: as there */
    bool no_redirects;
    bool no_decompression;
    const char *proxy;             /* instead of the session's; "": none */
    void *reserved[8];             /* zero */
} bide_http_fetch_options;

/* ── Sessions ─────────────────────────────────────────────────────────── */

/*
 * bide_http_session_open — make a session. It connects when it is used.
 *
 * Returns:  0 or a negative code.
 *   options       copied; NULL means the defaults
 *   ret_session   set on success
 * Suspends: never.
 * Errors:   -EINVAL for an option that is out of range, no header or no URL
 *           of a proxy; -ENOMEM
 * Owns:     the caller closes the session by bide_http_session_close().
 * Thread:   the loop's.
 * Like:     aiohttp.ClientSession.
 */
BIDE_API BIDE_NODISCARD int
bide_http_session_open(const bide_http_session_options *options,
                       bide_http_session **ret_session);

/*
 * bide_http_session_close — close a session and its unused connections.
 *
 * Requests that wait for a connection get -EBADF. Responses that are open
 * stay so until they are closed.
 *
 *   session   NULL is allowed
 * Suspends: never.
 * Owns:     takes the session.
 * Thread:   the loop's.
 * Like:     ClientSession.close.
 */
BIDE_API void bide_http_session_close(bide_http_session *session);

/*
 * bide_http_session_connections — how many connections a session has.
 *
 * Returns:  those that are in use, being opened, or kept.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API size_t bide_http_session_connections(const bide_http_session *session);

/*
 * bide_http_session_cookie — the value of a cookie that would be sent.
 *
 * Returns:  the session's, until it suspends; NULL if there is none.
 *   url    where it would be sent to
 *   name   of the cookie
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     CookieJar.filter_cookies.
 */
BIDE_API const char *bide_http_session_cookie(bide_http_session *session,
                                              const char *url,
                                              const char *name);

/*
 * bide_http_session_set_cookie — keep a cookie as if a server had sent it.
 *
 * Returns:  0 or a negative code.
 *   url      of the server
 *   cookie   "name=value; Path=/; Secure", as in Set-Cookie
 * Suspends: never.
 * Errors:   -EINVAL for url, and for a cookie that this server may not set;
 *           -ENOMEM
 * Thread:   the loop's.
 * Like:     CookieJar.update_cookies.
 * Source:   RFC 6265.
 */
BIDE_API BIDE_NODISCARD int
bide_http_session_set_cookie(bide_http_session *session, const char *url,
                             const char *cookie);

/*
 * bide_http_session_clear_cookies — forget all cookies.
 *
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     CookieJar.clear.
 */
BIDE_API void bide_http_session_clear_cookies(bide_http_session *session);

/* ── Requests ─────────────────────────────────────────────────────────── */

/*
 * bide_http_fetch — send a request, and wait for the head of its response.
 *
 * A connection that was kept may have been closed by the server just now: the
 * request is then sent once more over a new one, if it does no harm to be
 * carried out twice (GET, HEAD, PUT, DELETE, OPTIONS, TRACE).
 *
 * Of redirects, 303 turns every method but HEAD into GET, 301 and 302 turn
 * POST into GET, 307 and 308 repeat the request with its body. Credentials
 * are not sent on to another origin.
 *
 * Returns:  0 or a negative code; a response of any status is a success.
 *   method         "GET", "PATCH" ...: capital letters
 *   url            absolute, http or https; no spaces: percent-encoded
 *   options        borrowed during the call; NULL means the defaults
 *   ret_response   set on success
 * Suspends: always a cancellation point.
 * Cancel:   the connection is closed; the session stays usable.
 * Errors:   -EINVAL for url, method and options, with a message that says
 *           where; -ETIME when time is over; -EBADMSG for a response that is
 *           no sound HTTP; -EMSGSIZE for one beyond the limits; -ELOOP for too
 *           many redirects; BIDE_E_INCOMPLETE if the server closes before it
 *           has answered; -EBADF the session was closed meanwhile; -ENOTSUP
 *           for https without libbide-tls; those of bide_open_connection(),
 *           of TLS, and of the body's source; -ENOMEM
 * Owns:     the caller closes the response by bide_http_response_close().
 * Thread:   the loop's.
 * Like:     ClientSession.request.
 * Source:   RFC 9110, RFC 9112, RFC 9113.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_fetch(bide_http_session *session, const char *method,
                const char *url, const bide_http_fetch_options *options,
                bide_http_response **ret_response);

/*
 * bide_http_get — fetch a URL.
 *
 * Returns:  as bide_http_fetch().
 * Suspends: always a cancellation point.
 * Cancel:   as bide_http_fetch().
 * Errors:   as bide_http_fetch()
 * Owns:     as bide_http_fetch().
 * Thread:   the loop's.
 * Like:     ClientSession.get.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_get(bide_http_session *session, const char *url,
              bide_http_response **ret_response);

/*
 * bide_http_post — send bytes to a URL.
 *
 * Returns:  as bide_http_fetch().
 *   type   Content-Type; NULL: application/octet-stream
 *   data   borrowed during the call; NULL: nothing
 *   len    its bytes
 * Suspends: always a cancellation point.
 * Cancel:   as bide_http_fetch().
 * Errors:   as bide_http_fetch()
 * Owns:     as bide_http_fetch().
 * Thread:   the loop's.
 * Like:     ClientSession.post(data=).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_post(bide_http_session *session, const char *url, const char *type,
               const void *data, size_t len,
               bide_http_response **ret_response);

/*
 * bide_http_post_json — send a text that is JSON to a URL.
 *
 * Returns:  as bide_http_fetch().
 *   text   UTF-8; any JSON library makes it
 * Suspends: always a cancellation point.
 * Cancel:   as bide_http_fetch().
 * Errors:   as bide_http_fetch()
 * Owns:     as bide_http_fetch().
 * Thread:   the loop's.
 * Like:     ClientSession.post(json=).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_post_json(bide_http_session *session, const char *url,
                    const char *text, bide_http_response **ret_response);

/*
 * bide_http_post_form — send the fields of a form to a URL.
 *
 * Returns:  as bide_http_fetch().
 *   form   ends with a pair whose name is NULL
 * Suspends: always a cancellation point.
 * Cancel:   as bide_http_fetch().
 * Errors:   as bide_http_fetch()
 * Owns:     as bide_http_fetch().
 * Thread:   the loop's.
 * Like:     ClientSession.post(data={}).
 * Source:   https://url.spec.whatwg.org/#application/x-www-form-urlencoded
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_post_form(bide_http_session *session, const char *url,
                    const bide_http_pair *form,
                    bide_http_response **ret_response);

/* ── What a response says ─────────────────────────────────────────────── */

/*
 * bide_http_response_status — 200, 404 and so on.
 *
 * Returns:  the status.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     ClientResponse.status.
 */
BIDE_API int bide_http_response_status(const bide_http_response *response);

/*
 * bide_http_response_reason — what the server says of the status: "OK".
 *
 * Returns:  the response's; "" if the server says nothing.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     ClientResponse.reason.
 */
BIDE_API const char *
bide_http_response_reason(const bide_http_response *response);

/*
 * bide_http_response_raise_for_status — turn a status of 400 and more into an
 * error.
 *
 * Returns:  0, or BIDE_E_HTTP_STATUS with a message like "404 Not Found:
 *           http://127.0.0.1/x".
 * Suspends: never.
 * Errors:   BIDE_E_HTTP_STATUS
 * Thread:   the loop's.
 * Like:     ClientResponse.raise_for_status.
 */
BIDE_API BIDE_NODISCARD int
bide_http_response_raise_for_status(const bide_http_response *response);

/*
 * bide_http_response_url — where the response came from, after redirects.
 *
 * Returns:  the response's; without user, password and fragment.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     ClientResponse.url.
 */
BIDE_API const char *bide_http_response_url(const bide_http_response *response);

/*
 * bide_http_response_redirects — how many redirects led to the response.
 *
 * Returns:  the number.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     len(ClientResponse.history).
 */
BIDE_API unsigned
bide_http_response_redirects(const bide_http_response *response);

/*
 * bide_http_response_version — "HTTP/1.0", "HTTP/1.1" or "HTTP/2".
 *
 * Returns:  a static string.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     ClientResponse.version.
 */
BIDE_API const char *
bide_http_response_version(const bide_http_response *response);

/*
 * bide_http_response_header — a header of a response.
 *
 * Returns:  the first value of that name, without spaces around it; NULL if
 *           there is none. The response's, until it is closed.
 *   name   in any case of letters
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     ClientResponse.headers.
 */
BIDE_API const char *
bide_http_response_header(const bide_http_response *response,
                          const char *name);

/*
 * bide_http_response_field — the headers of a response in their order.
 *
 * Returns:  whether there is one of that index.
 *   index                  from 0
 *   ret_name, ret_value    set to what is the response's, until it is closed
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     ClientResponse.raw_headers.
 */
BIDE_API bool bide_http_response_field(const bide_http_response *response,
                                       size_t index, const char **ret_name,
                                       const char **ret_value);

/*
 * bide_http_response_trailer — a header that came behind the body.
 *
 * Returns:  the first value of that name; NULL if there is none, or the body
 *           was not read to its end yet. The response's, until it is closed.
 *   name   in any case of letters
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *
bide_http_response_trailer(const bide_http_response *response,
                           const char *name);

/*
 * bide_http_response_length — the bytes of the body, as the server said.
 *
 * Returns:  Content-Length; -1 if it is not known, or the content is being
 *           decompressed.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     ClientResponse.content_length.
 */
BIDE_API int64_t bide_http_response_length(const bide_http_response *response);

/* ── Reading a response ───────────────────────────────────────────────── */

/*
 * bide_http_response_read — read some of a response's body.
 *
 * Returns:  1..len bytes read, 0 at the end of the body, or a negative code.
 *   buf, len   the caller's memory, 1..BIDE_IO_MAX bytes
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing of the body is lost.
 * Errors:   -EBADMSG the body is malformed; BIDE_E_INCOMPLETE the server left
 *           before its end; -ETIME; -EINVAL for len; those of
 *           bide_stream_read(); -ENOMEM. After one of these, -ETIME and
 *           -ENOMEM included, the rest of the body is lost.
 * Thread:   the loop's. One task reads at a time.
 * Like:     ClientResponse.content.read.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_http_response_read(bide_http_response *response, void *buf, size_t len);

/*
 * bide_http_response_readline — read a line of the body with its "\n"; at its
 * end, what is left of one.
 *
 * Returns:  the number of bytes, 0 at the end; NUL-terminated if there is
 *           room for it. Or a negative code.
 *   buf   the caller's memory
 *   max   bytes of buf, 1..1 MiB
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing of the body is lost.
 * Errors:   BIDE_E_LIMIT for a line longer than max: it is still there to
 *           read; otherwise as bide_http_response_read()
 * Thread:   the loop's. One task reads at a time.
 * Like:     ClientResponse.content.readline.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_http_response_readline(bide_http_response *response, char *buf,
                            size_t max);

/*
 * bide_http_response_data — read the whole body, or what is left of it.
 *
 * A second call gives the same again.
 *
 * Returns:  its bytes, or a negative code.
 *   ret_data   set to the response's, until it is closed; a NUL follows
 * Suspends: always a cancellation point.
 * Cancel:   safe; what has come is kept for the next call.
 * Errors:   -EMSGSIZE for more than the session's option `body` allows;
 *           otherwise as bide_http_response_read()
 * Thread:   the loop's. One task reads at a time.
 * Like:     ClientResponse.read.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_http_response_data(bide_http_response *response, const void **ret_data);

/*
 * bide_http_response_text — the same as a text.
 *
 * Returns:  0 or a negative code.
 *   ret_text   set to the response's, until it is closed: UTF-8, which a
 *              response in ISO-8859-1 is turned into; any other charset is
 *              left as it is
 * Suspends: always a cancellation point.
 * Cancel:   safe; what has come is kept for the next call.
 * Errors:   as bide_http_response_data()
 * Thread:   the loop's. One task reads at a time.
 * Like:     ClientResponse.text.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_response_text(bide_http_response *response, const char **ret_text);

/*
 * bide_http_response_close — release a response.
 *
 * If its body was read to the end, its connection is in use for others
 * already; if not, it is closed.
 *
 *   response   NULL is allowed; no task reads it
 * Suspends: never.
 * Owns:     takes the response.
 * Thread:   the loop's.
 * Like:     ClientResponse.close.
 */
BIDE_API void bide_http_response_close(bide_http_response *response);

/* ── URLs ─────────────────────────────────────────────────────────────── */

/*
 * bide_http_quote — percent-encode a text for use in a URL.
 *
 * Letters, digits and "-._~" stay what they are.
 *
 * Returns:  the length, or a negative code.
 *   text   any bytes, NUL-terminated
 *   buf    the caller's memory
 *   size   its bytes; three times the text and one more are enough
 * Suspends: never.
 * Errors:   -EMSGSIZE if it does not fit
 * Thread:   any.
 * Like:     urllib.parse.quote(text, safe='').
 * Source:   RFC 3986, 2.1.
 */
BIDE_API BIDE_NODISCARD ssize_t bide_http_quote(const char *text, char *buf,
                                                size_t size);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * <bide/http_server.h> — HTTP servers; <bide/http.h> includes it.
 *
 * A handler is called for each request, in a task that its connection has:
 * it may wait for anything, and what it returns ends the request.
 *
 *     static int hello(bide_http_request *request, void *arg)
 *     {
 *         return bide_http_reply(request, 200, "text/plain", "hello\n", 6);
 *     }
 *     ...
 *     rc = bide_http_serve("0.0.0.0", 8080, hello, NULL, NULL, &server);
 *
 * HTTP/1.1 and 1.0, with connections that are kept, pipelining, bodies in
 * chunks both ways, trailers and 100-continue; and HTTP/2 on the same port, for
 * clients that know it (h2c) or have agreed on it (h2, by ALPN). Both over TLS
 * by `tls` of the options. Handlers need not care which it is.
 *
 * A request that can be understood in two ways is refused by 400 and its
 * connection closed, as RFC 9112 demands: a proxy in between might have
 * understood the other one.
 *
 * Everything of a request has a limit and a deadline, which the options move.
 */
#ifndef BIDE_HTTP_SERVER_H
#define BIDE_HTTP_SERVER_H

#include <bide/stream.h>

BIDE_BEGIN

typedef struct bide_http_server bide_http_server;
typedef struct bide_http_request bide_http_request;
typedef struct bide_http_compress_options bide_http_compress_options;
typedef struct bide_http_log bide_http_log;

/*
 * What a server calls for each request, which is gone after the return. If it
 * returns a negative code before it has replied, the client gets 500, and the
 * code is reported to the loop's exception handler; later, the connection is
 * cut off.
 */
typedef int bide_http_handler(bide_http_request *request, void *arg);

/*
 * What a worker does first, in a task on its own loop: it opens what its
 * handlers use, a connection to a database for instance. Worker 0 is the
 * caller's loop. What it stores in *ret_state, the handlers of this worker get
 * instead of arg, and worker_stop at the end, after the last of them. Both may
 * wait. A negative code ends the start of the server.
 */
typedef int bide_http_worker_start(unsigned worker, void *arg,
                                   void **ret_state);
typedef void bide_http_worker_stop(unsigned worker, void *state);

/* How to serve. Zeroed means: the defaults. */
typedef struct bide_http_server_options {
    size_t head;            /* bytes of a request line with all headers, 0:
                               32 KiB, at most 1 MiB; beyond: 431 */
    unsigned fields;        /* headers, and trailers, of a request, 0: 100;
                               beyond: 431 */
    uint64_t body;          /* bytes of a body, 0: 2 MiB; beyond: 413 */
    size_t connections;     /* most at once, 0: no limit of ours */
    uint64_t requests;      /* most on one connection, 0: no limit */
    double idle_timeout;    /* seconds until the next request begins, 0: 60 */
    double head_timeout;    /* seconds from a request's first byte to the end
                               of its headers, 0: 15; beyond: 408 */
    double request_timeout; /* seconds from the first byte to the last one of
                               the body, 0: 300 */
    double write_timeout;   /* seconds for the client to take what one call
                               sends, 0: 60 */
    size_t stack_size;      /* of a handler's task, 0: the loop's */
    bool reuse_port;        /* SO_REUSEPORT: several servers share the port */
    const void *tls;        /* as in bide_server_options; unless its context
                               says otherwise by `alpn`, clients choose between
                               HTTP/2 and HTTP/1.1 */
    bool no_http2;          /* HTTP/1 only */
    unsigned streams;       /* HTTP/2: requests at once on one connection, 0:
                               100, at most 1000; beyond: refused, to be sent
                               again */
    unsigned workers;       /* loops that serve: the caller's, and others in
                               threads of their own; 0: 1, at most 1024. See
                               bide_http_serve() */
    bide_http_worker_start *worker_start; /* of each worker; NULL: none */
    bide_http_worker_stop *worker_stop;   /* likewise */
    const bide_http_compress_options *compress; /* compress replies, as
                               <bide/http_compress.h> says; borrowed until the
                               server is closed; NULL: only those that ask */
    bide_http_log *log;     /* where each request is noted, <bide/http_log.h>;
                               borrowed likewise; NULL: nowhere */
    void *reserved[8];      /* zero */
} bide_http_server_options;

/* ── Servers ──────────────────────────────────────────────────────────── */

/*
 * bide_http_serve — listen, and call a handler for each request.
 *
 * With `workers` in the options, so many loops serve the same port, each in a
 * thread of its own; the kernel deals the connections out (SO_REUSEPORT), and
 * each connection stays where it is. The handler is then called in several
 * threads at once: what it uses belongs to its worker, see worker_start, or is
 * fit for threads. Limits count for each worker. The functions below are for
 * all of them together, and belong to the loop that has started the server.
 *
 * Returns:  0 or a negative code; serving begins at once.
 *   host, port    as for bide_start_server()
 *   handler       for each request
 *   arg           passed to handler; borrowed until the server is closed
 *   options       copied; NULL means the defaults
 *   ret_server    set on success
 * Suspends: always a cancellation point: names are looked up.
 * Cancel:   safe; nothing listens.
 * Errors:   those of bide_start_server(); -EINVAL for options out of range;
 *           -EAGAIN no thread could be started; those of worker_start
 * Owns:     the caller closes the server by bide_http_server_close().
 * Thread:   the loop's.
 * Like:     aiohttp.web.TCPSite.
 * Source:   RFC 9110, RFC 9112.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_serve(const char *host, int port, bide_http_handler *handler,
                void *arg, const bide_http_server_options *options,
                bide_http_server **ret_server);

/*
 * bide_http_serve_stream — serve a connection that is there already, to its
 * end.
 *
 * For listeners of another kind, and for tests: with bide_stream_pair() a
 * server can be talked to without a network.
 *
 * Returns:  0 when the client has gone, or a negative code.
 *   stream    borrowed; the caller closes it afterwards
 *   handler   for each request
 *   arg       passed to handler
 *   options   copied; NULL means the defaults. Those of listening are ignored
 * Suspends: always a cancellation point.
 * Cancel:   the handler is cancelled, as it runs in this task.
 * Errors:   -EINVAL for options out of range; -ENOMEM; those of the stream and
 *           of the handler
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_serve_stream(bide_stream *stream, bide_http_handler *handler,
                       void *arg, const bide_http_server_options *options);

/*
 * bide_http_server_port — the port that a server listens on.
 *
 * Returns:  the port.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API int bide_http_server_port(const bide_http_server *server);

/*
 * bide_http_server_stop — stop listening; what is in progress is finished.
 *
 * Connections that wait for a request are closed, the others after the one
 * that they are at.
 *
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_http_server_stop(bide_http_server *server);

/*
 * bide_http_server_wait — wait until the last connection has ended.
 *
 * Returns:  0 or -ECANCELED.
 * Suspends: always a cancellation point.
 * Cancel:   safe; the connections are untouched.
 * Errors:   -ECANCELED
 * Thread:   the loop's. One task waits at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_server_wait(bide_http_server *server);

/*
 * bide_http_server_close — stop listening, cancel the handlers, wait for them.
 *
 * Returns:  0; or -ECANCELED if the caller was cancelled meanwhile, after the
 *           same steps.
 *   server   NULL is allowed
 * Suspends: always; a request to cancel is delivered after the last step.
 * Cancel:   the server is closed all the same.
 * Errors:   -ECANCELED
 * Owns:     takes the server.
 * Thread:   the loop's, not in one of the server's handlers.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_server_close(bide_http_server *server);

/* ── What a request says ──────────────────────────────────────────────── */

/*
 * bide_http_request_method — "GET", "POST" and so on.
 *
 * Returns:  the request's, until the handler returns.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *bide_http_request_method(const bide_http_request *request);

/*
 * bide_http_request_target — what was asked for, as it was sent: "/path?query".
 *
 * Returns:  the request's, until the handler returns.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *bide_http_request_target(const bide_http_request *request);

/*
 * bide_http_request_version — the version of HTTP that a request came by.
 *
 * Returns:  10, 11 or 20.
 *   request   the handler's
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     aiohttp's request.version.
 */
BIDE_API int bide_http_request_version(const bide_http_request *request);

/*
 * bide_http_request_scheme — "https" over TLS, else "http".
 *
 * Returns:  a constant.
 *   request   the handler's
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     aiohttp's request.scheme.
 */
BIDE_API const char *bide_http_request_scheme(const bide_http_request *request);

/*
 * bide_http_request_header — a header of a request.
 *
 * Returns:  the first value of that name, without spaces around it; NULL if
 *           there is none. The request's, until the handler returns.
 *   name   in any case of letters
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *
bide_http_request_header(const bide_http_request *request, const char *name);

/*
 * bide_http_request_field — the headers of a request in their order; after
 * the body was read to its end, its trailers follow them.
 *
 * Returns:  whether there is one of that index.
 *   index                  from 0
 *   ret_name, ret_value    set to what is the request's, until the handler
 *                          returns
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API bool bide_http_request_field(const bide_http_request *request,
                                      size_t index, const char **ret_name,
                                      const char **ret_value);

/*
 * bide_http_request_stream — the connection of a request, to look at: its
 * addresses, its TLS.
 *
 * Returns:  the stream; it is not to be read, written or closed.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const bide_stream *
bide_http_request_stream(const bide_http_request *request);

/*
 * bide_http_request_read — read some of a request's body.
 *
 * A client that has asked for it is told to go on by the first call.
 *
 * Returns:  1..len bytes read, 0 at the end of the body, or a negative code.
 *   buf, len   the caller's memory, 1..BIDE_IO_MAX bytes
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing of the body is lost.
 * Errors:   -EBADMSG the body is malformed; -EMSGSIZE beyond the limit;
 *           -ETIME after request_timeout; BIDE_E_INCOMPLETE the client has
 *           gone; those of bide_stream_read(). A handler that returns the
 *           code has the client told what was wrong.
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_http_request_read(bide_http_request *request, void *buf, size_t len);

/*
 * bide_http_request_body — read the whole body of a request.
 *
 * Returns:  its bytes, or a negative code.
 *   ret_data   set to the request's, until the handler returns; a NUL follows
 * Suspends: always a cancellation point.
 * Cancel:   what has been read is lost.
 * Errors:   as bide_http_request_read(); -ENOMEM
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_http_request_body(bide_http_request *request, const char **ret_data);

/*
 * bide_http_request_upgrade — change to another protocol: 101 goes out, and
 * the connection is the handler's.
 *
 * The stream is to be used as any other until the handler returns; what the
 * client has sent behind its request is the first that is read. A handler that
 * returns a negative code has it reported as that of bide_start_server().
 *
 * Returns:  0 or a negative code.
 *   protocol     what the header Upgrade will say; headers that were added by
 *                bide_http_reply_header() follow
 *   ret_stream   set on success
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   -EALREADY if the reply has begun; -EBUSY if there is a body that
 *           was not read; -EPROTO a client of HTTP/1.0; -EINVAL for protocol;
 *           -ENOMEM; those of bide_stream_write()
 * Owns:     the stream stays the server's, which closes it after the handler.
 * Thread:   the loop's, in the handler's task.
 * Source:   RFC 9110, 7.8.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_request_upgrade(bide_http_request *request, const char *protocol,
                          bide_stream **ret_stream);

/* ── Replying ─────────────────────────────────────────────────────────── */

/*
 * bide_http_reply_header — add a header to the reply, before it begins.
 *
 * Date, Content-Length, Transfer-Encoding and Connection are added by the
 * server.
 *
 * Returns:  0 or a negative code.
 *   name, value   copied
 * Suspends: never.
 * Errors:   -EINVAL for what cannot be a header, so that no value smuggles
 *           in a second one; -EALREADY if the reply has begun; -ENOMEM
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_NODISCARD int bide_http_reply_header(bide_http_request *request,
                                                   const char *name,
                                                   const char *value);

/*
 * bide_http_reply_trailer — add a field behind the reply's body.
 *
 * For what is known at the end only, a checksum for instance. It is sent where
 * there is room for it: after bide_http_reply_begin() with a length of -1, and
 * over HTTP/2 with any length. Elsewhere it is dropped, as RFC 9110 has it.
 *
 * Returns:  0 or a negative code.
 *   name, value   copied; not one that says how to read the message, as
 *                 Content-Length
 * Suspends: never.
 * Errors:   as bide_http_reply_header(), but that the reply may have begun
 * Thread:   the loop's, in the handler's task.
 * Source:   RFC 9110, 6.5.
 */
BIDE_API BIDE_NODISCARD int bide_http_reply_trailer(bide_http_request *request,
                                                    const char *name,
                                                    const char *value);

/*
 * bide_http_reply — reply at once.
 *
 * Returns:  0 or a negative code.
 *   status   200..599
 *   type     Content-Type; NULL: none
 *   body     borrowed during the call; NULL: empty
 *   len      its bytes
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   -EALREADY if the reply has begun; -EINVAL for status and type;
 *           -ETIME after write_timeout; -ENOMEM; those of bide_stream_write()
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_reply(bide_http_request *request, int status, const char *type,
                const void *body, size_t len);

/*
 * bide_http_reply_begin — begin a reply whose body is written in pieces.
 *
 * Returns:  0 or a negative code.
 *   status   200..599
 *   type     Content-Type; NULL: none
 *   length   bytes of the body; -1: not known, it ends with the handler
 * Suspends: never; the headers go out with the first piece.
 * Errors:   -EALREADY if the reply has begun; -EINVAL for status, type and
 *           length; -ENOMEM
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_NODISCARD int bide_http_reply_begin(bide_http_request *request,
                                                  int status, const char *type,
                                                  int64_t length);

/*
 * bide_http_reply_write — write a piece of the reply's body.
 *
 * Returns:  0 when the system has taken it, or a negative code.
 *   data, len   borrowed during the call; 0 bytes send only what waits
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   -EINVAL before bide_http_reply_begin(); -EMSGSIZE for more than
 *           the length that was announced; -ETIME after write_timeout; those
 *           of bide_stream_write()
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_reply_write(bide_http_request *request, const void *data,
                      size_t len);

BIDE_END

#endif

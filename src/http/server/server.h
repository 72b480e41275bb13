/* SPDX-License-Identifier: MIT */
/*
 * server.h — HTTP servers from inside.
 *
 *     server.c      the life of a server on one loop
 *     workers.c     the same on several loops, and the functions of both
 *     connection.c  one request after the other on a connection
 *     deadline.c    how long it may wait
 *     head.c        request line and headers: llhttp, and stricter checks
 *     body.c        the body of a request: by length, or in chunks
 *     reply.c       what the handler sends
 *     stream.c      a server of one connection that is there already
 *     sendfile.c    parts of files
 *     upgrade.c     connections that change to another protocol
 *
 * A request's head is copied once, to memory that lives as long as the
 * handler runs; names and values are strings in there. Replies are collected
 * in the connection's `out` while requests are ahead in the stream's buffer,
 * and go out in one write.
 */
#ifndef BIDE_SRC_HTTP_SERVER_SERVER_H
#define BIDE_SRC_HTTP_SERVER_SERVER_H

#include <bide.h>
#include <bide/http_server.h>
#include <bide/transport.h>

#include "http/message.h"

struct bide__http_connection;
struct bide__http2;

/* How a version of HTTP carries a request and its reply. What is called has
 * been checked by request.c and reply.c. */
struct bide__http_exchange {
    /* Read 1..len bytes of the body, 0 at its end. */
    ssize_t (*read)(bide_http_request *request, void *buf, size_t len);

    /* Begin a reply; `length` is -1 if it is not known. Never suspends. On
     * failure nothing of it is sent. */
    int (*begin)(bide_http_request *request, int status, const char *type,
                 int64_t length);

    /* Write a piece of the body, which is none if `bodyless`. */
    int (*write)(bide_http_request *request, const void *data, size_t len);

    /* After begin: the whole body, and nothing follows. */
    int (*write_all)(bide_http_request *request, const void *data, size_t len);
};

struct bide_http_request {
    const struct bide__http_exchange *exchange;
    bide_http_server *server;
    bide_stream *stream;
    struct bide__http_connection *connection; /* of HTTP/1, else NULL */

    /* The head. */
    char *memory; /* HTTP/1: fields and text, the connection's or its own */
    char *method;
    char *target;
    size_t target_len;
    struct bide__field *fields;
    unsigned count, room; /* of fields */
    unsigned version;     /* 10, 11, 20 */
    bool http10;
    bool close;    /* the client will not send another one */
    bool expects;  /* 100-continue, and was not told yet */
    double deadline; /* of the whole request */

    /* The body. */
    enum bide__framing framing;
    uint64_t left;      /* bytes of the body, or of the chunk */
    uint64_t received;  /* bytes of the body */
    bool begun;         /* within a chunk */
    bool in_trailers;   /* behind the last one */
    bool complete;      /* nothing of the body is left in the stream */
    int failed;         /* reading it does not work any more, and why */
    char *body;         /* the whole of it, if it was asked for */
    char *trailers;     /* their text */
    size_t trailers_len;

    /* The reply. */
    struct bide__bytes headers; /* those that the handler has added */
    struct bide__bytes reply_trailers; /* likewise */
    int status;                 /* once it has begun */
    uint64_t sent;              /* bytes of its body */
    bool head_only;             /* a reply to HEAD has no body */
    bool bodyless;              /* nor has one of this status */
    bool dated;                 /* the handler has added a Date */
    bool replied;               /* it has begun */
    bool broken;                /* sending failed: nothing can follow */
    enum bide__framing reply_framing;
    uint64_t reply_left;
    struct bide__compressor *compressor; /* or NULL */

    /* Another protocol, upgrade.c. */
    bool upgraded; /* the connection is the handler's */
    int denied;    /* a code that the client has been told, or 0 */
};

#define BIDE__HTTP_HEAD 1024 /* bytes of a head that needs no allocation */

/* How long a task may wait for its client, deadline.c. */
struct bide__http_deadline {
    bide_timer timer; /* first */
    bide_engine *engine;
    bide_task *task;
    int64_t due_ns;  /* of the wait, or BIDE_FOREVER */
    int64_t set_ns;  /* when the timer goes off, or BIDE_FOREVER */
    int64_t step_ns; /* the most that it is set ahead */
    unsigned cancelling; /* the task's count when the wait began */
    bool expired;
};

struct bide__http_connection {
    struct bide__http_connection *next, **place; /* of the server's */
    bide_http_server *server;
    bide_stream *stream;
    bide_task *task;
    bool idle;  /* waits for a request */
    bool is_http2; /* its preface has arrived */
    struct bide__http2 *http2; /* it has become one of HTTP/2, or NULL */
    bool last;  /* this request ends the connection */
    bool gone;  /* it was cut off */
    size_t ahead; /* bytes behind the request that were there with it */
    uint64_t served;
    struct bide__bytes out; /* replies that were not sent yet */
    bide_handle handle;     /* sends them once the task waits */
    bool armed;             /* it is scheduled */
    bide_task *sender;      /* it sends them, or NULL */
    struct bide__http_deadline deadline;
    bide_http_request request;
    _Alignas(struct bide__field) char head[BIDE__HTTP_HEAD];
};

struct bide_http_server {
    bide_security security; /* `tls` of the options, offering what we speak */
    bide_server *server;
    bide_http_handler *handler;
    void *arg;
    bide_http_server_options options; /* with the defaults filled in */
    struct bide__http_connection *connections;
    struct bide__bytes spare; /* memory for the next that has a reply */
    bool stopping;
    struct bide__http_crew *crew; /* other workers, or NULL */
};

/* ── server.c ─────────────────────────────────────────────────────────── */

/* A server that does not listen; bide_release() is its end. */
int bide__http_server_new(bide_http_handler *handler, void *arg,
                          const bide_http_server_options *options,
                          bide_http_server **ret_server);

/* What bide_http_serve() and its like do, on the caller's loop alone. */
int bide__http_serve_here(const char *host, int port,
                          bide_http_handler *handler, void *arg,
                          const bide_http_server_options *options,
                          bide_http_server **ret_server);
void bide__http_stop_here(bide_http_server *server);
int bide__http_wait_here(bide_http_server *server);
int bide__http_close_here(bide_http_server *server);

/* ── connection.c ─────────────────────────────────────────────────────── */

/* Serve a connection to its end: a bide_stream_handler. */
int bide__http_converse(bide_stream *stream, void *arg);

/* Send `out`, and more behind it. */
int bide__http_send(struct bide__http_connection *connection,
                    const struct iovec *more, size_t count);

/* The same soon: when the task waits, if it has not done so before. */
void bide__http_send_soon(struct bide__http_connection *connection);

/* ── deadline.c ───────────────────────────────────────────────────────── */

void bide__http_deadline_init(struct bide__http_deadline *deadline,
                              const bide_http_server_options *options);
void bide__http_deadline_fini(struct bide__http_deadline *deadline);

/* The time of the loop's turn, as bide_time() has it. */
double bide__http_now(const struct bide__http_deadline *deadline);

/* What follows may wait until then; what it came to, -ECANCELED being -ETIME
 * if it was for the deadline. Waits do not nest. */
void bide__http_wait_until(struct bide__http_deadline *deadline, double when);
int bide__http_waited(struct bide__http_deadline *deadline, int rc);

/* ── head.c ───────────────────────────────────────────────────────────── */

/* Parse a head; fills the request. Returns 0, or a negative status. */
int bide__http_parse_head(bide_http_request *request, const char *data,
                          size_t len, unsigned lines);

/* Whether a line begins with a method that the parser knows. */
bool bide__http_knows_method(const char *line, size_t len);

/* ── body.c ───────────────────────────────────────────────────────────── */

/* The exchange's. */
ssize_t bide__http1_read(bide_http_request *request, void *buf, size_t len);

/* Read what is left of a body that nobody wanted, if it is little. Returns
 * whether the next request follows. */
bool bide__http_drain(bide_http_request *request);

/* ── request.c ────────────────────────────────────────────────────────── */

/* What a handler's failure to read the body means for the client. */
int bide__http_status_of_failure(const bide_http_request *request);

/* Reading the body has failed for good: raises, remembers, returns the code. */
int bide__http_too_large(bide_http_request *request);
int bide__http_cut_off(bide_http_request *request);

/* ── reply.c ──────────────────────────────────────────────────────────── */

/* Call the server's handler, and end what is compressed of its reply. */
int bide__http_call_handler(bide_http_request *request);

/* After all of it, while the head is still there: note it in the log, release
 * what a request may have whatever its version. */
void bide__http_end_request(bide_http_request *request);

/* The handler has returned well: whether its reply is whole. */
int bide__http_check_reply(const bide_http_request *request);

/* A reply of the server's own, to a request that it refuses. */
int bide__http_refuse(bide_http_request *request, int status);

/* ── send.c ───────────────────────────────────────────────────────────── */

extern const struct bide__http_exchange bide__http1_exchange;

/* The handler has returned: end what it has begun. */
int bide__http_finish_reply(bide_http_request *request);

/* ── sendfile.c ───────────────────────────────────────────────────────── */

/* Write a part of a file as a piece of the reply's body, in the quickest way
 * that there is. What bide_http_reply_write() returns, or -EIO if the file is
 * shorter. */
int bide__http_reply_sendfile(bide_http_request *request, bide_file *file,
                              int64_t offset, int64_t len);

/* ── upgrade.c ────────────────────────────────────────────────────────── */

/* Tell the client what is wrong with its wish for another protocol. Returns
 * the code, and a handler may return it: nobody else has to hear of it. */
int bide__http_deny(bide_http_request *request, int status, int code);

#endif

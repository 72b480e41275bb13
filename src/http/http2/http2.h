/* SPDX-License-Identifier: MIT */
/*
 * http2.h — HTTP/2 on the server's side, by nghttp2.
 *
 *     connection.c  the life of a connection: a reader and a writer
 *     receive.c     frames that have come: heads, data, ends
 *     head.c        what a request says
 *     stream.c      a request and the task of its handler
 *     reply.c       what the handler sends: the exchange of HTTP/2
 *     limit.c       what a client may not do too often
 *
 *      reader ── peek ──► nghttp2 ──► a task for each request ──┐
 *                            ▲                                  │ submit
 *      writer ◄── frames ────┴──────────────────────────────────┘
 *        └─ one write for all that is ready
 *
 * nghttp2 has the protocol and does no input or output. The connection's own
 * task reads. Handlers run eagerly, within the call that brings the end of
 * their heads: most have replied when it returns. Then the writer, a task of
 * its own, takes the frames of all streams and writes them at once.
 *
 * Rules: only the reader calls nghttp2_session_mem_recv(), only the writer
 * nghttp2_session_mem_send(), and neither suspends within. Handlers only
 * submit. A stream is freed when nghttp2 has closed it and its handler has
 * ended, whichever comes last.
 */
#ifndef BIDE_SRC_HTTP_HTTP2_HTTP2_H
#define BIDE_SRC_HTTP_HTTP2_HTTP2_H

#include <nghttp2/nghttp2.h>

#include <bide/timeout.h>

#include "http/server/server.h"

#define BIDE__HTTP2_TEXT 1024   /* bytes of a head that need no allocation */
#define BIDE__HTTP2_FIELDS 24   /* likewise */
#define BIDE__HTTP2_SMALL 512   /* bytes of a reply that need none */
#define BIDE__HTTP2_KEPT 16384  /* bytes of a reply that outlive the handler */
#define BIDE__HTTP2_SPARE 32    /* streams kept for the next requests */
#define BIDE__HTTP2_OUT 114000  /* bytes of frames in one write, about */
#define BIDE__HTTP2_RECENT 64   /* streams that are remembered by number */
#define BIDE__HTTP2_WINDOW 262144      /* bytes of a stream's body ahead */
#define BIDE__HTTP2_WINDOW_ALL 1048576 /* of all streams' of a connection */

/* What may happen so often at once, and so often a second for ever. */
struct bide__http2_budget {
    double left;
    double when; /* it was looked at */
    bool begun;
};

/* The pseudo-fields of a request. */
enum bide__http2_pseudo {
    BIDE__HTTP2_METHOD,
    BIDE__HTTP2_PATH,
    BIDE__HTTP2_AUTHORITY,
    BIDE__HTTP2_SCHEME,
    BIDE__HTTP2_PSEUDOS
};

struct bide__http2_stream {
    bide_http_request request; /* first: handlers know only this */
    struct bide__http2 *http2;
    struct bide__http2_stream *next, **place; /* of the connection's */
    int32_t id;
    bide_task *task; /* the handler's, while it runs */
    bool closed;     /* nghttp2 has forgotten it */
    bool done;       /* the handler has ended, or there was none */

    /* The head, until it is whole: names and values are offsets in text. */
    char *text;
    size_t text_len, text_cap;
    size_t pseudo[BIDE__HTTP2_PSEUDOS]; /* an offset and 1; 0: none */
    size_t head_size;                   /* as SETTINGS count it */
    int refused;                        /* a status, or 0 */
    size_t trailers_len;                /* of the trailers' text */

    /* The request's body: what has come and was not read. */
    struct bide__bytes in;
    size_t in_begin;
    bool ended; /* no more will come */
    uint64_t drained; /* bytes that came for nobody */
    bide_event readable;

    /* The reply's body: what waits for the writer. */
    const char *data;
    size_t left;
    bool last;     /* nothing follows */
    bool deferred; /* nghttp2 waits for more */
    bool sent_all; /* the end has gone out */
    char *kept;    /* what data points to, if it outlives the handler */
    bide_event writable;

    struct bide__field some_fields[BIDE__HTTP2_FIELDS];
    char some_text[BIDE__HTTP2_TEXT];
    char small[BIDE__HTTP2_SMALL];
};

struct bide__http2 {
    struct bide__http_connection *connection;
    bide_http_server *server;
    bide_stream *stream;
    nghttp2_session *session;
    bide_group group;
    struct bide__http2_stream *streams;
    struct bide__http2_stream *spare; /* linked by next */
    unsigned spares;
    unsigned open;    /* streams */
    unsigned running; /* handlers */
    unsigned waiting; /* streams whose handlers have ended */
    double progress_at; /* one of them has come nearer to its end */
    uint64_t served;
    int32_t recent[BIDE__HTTP2_RECENT]; /* streams that were opened last */
    unsigned newest;  /* where the next one goes */
    bide_timeout deadline; /* of the reader's wait */
    double due;            /* what it is set to */
    double idle_since;     /* no stream is open */
    bool in_head;          /* a head has begun and is not whole ... */
    double head_since;     /* ... and when */
    bide_event wake;       /* the writer has something to do */
    bool stopping;         /* no further request is served */
    bool over;             /* the session has ended */
    bool leaving;          /* the reader has: send what there is, and end */
    int broken;            /* the writer has ended by this code, or 0 */
    struct bide__bytes out; /* frames that the writer collects */
    struct bide__http2_budget resets, nuisance;
};

/* ── connection.c ─────────────────────────────────────────────────────── */

/* Serve a connection on which the preface of HTTP/2 has arrived and was not
 * skipped. Returns 0 or a negative code. */
int bide__http2_converse(struct bide__http_connection *connection);

/* Let no further request begin; the connection ends after those it has. */
void bide__http2_stop(struct bide__http2 *http2);

/* There is something to send, or to end. */
void bide__http2_wake(struct bide__http2 *http2);

/* When the reader must have heard something has changed. */
void bide__http2_set_deadline(struct bide__http2 *http2);

/* ── receive.c ────────────────────────────────────────────────────────── */

/* Have a session call what is in receive.c and reply.c. */
void bide__http2_set_callbacks(nghttp2_session_callbacks *callbacks);

/* ── head.c ───────────────────────────────────────────────────────────── */

/* Add a field or a pseudo-field to a head. Returns 0 or -ENOMEM; what is
 * beyond the limits is not added, but noted. */
int bide__http2_add_field(struct bide__http2_stream *stream, const char *name,
                          size_t name_len, const char *value,
                          size_t value_len);

/* The head is whole: what it says. Returns 0, a negative status, or -ENOMEM.
 * Then the same for trailers. */
int bide__http2_understand(struct bide__http2_stream *stream, bool ended);
void bide__http2_end_trailers(struct bide__http2_stream *stream);

/* ── stream.c ─────────────────────────────────────────────────────────── */

/* A new stream, or NULL without memory. */
struct bide__http2_stream *bide__http2_stream_new(struct bide__http2 *http2,
                                                  int32_t id);
void bide__http2_stream_free(struct bide__http2_stream *stream);

/* The head is whole: have the handler called, or refuse. Returns 0 or a
 * negative code, which ends the connection. */
int bide__http2_begin_request(struct bide__http2_stream *stream, bool ended);

/* nghttp2 has closed the stream. */
void bide__http2_closed(struct bide__http2_stream *stream);

/* All of the reply has gone out and the handler has ended: if the client still
 * sends, have it stop, unless it is little. */
void bide__http2_end_of_interest(struct bide__http2_stream *stream);

/* Bytes of a body have been read, or thrown away. */
void bide__http2_consumed(struct bide__http2 *http2, int32_t id, size_t len);

/* The exchange's. */
ssize_t bide__http2_read(bide_http_request *request, void *buf, size_t len);

/* ── reply.c ──────────────────────────────────────────────────────────── */

extern const struct bide__http_exchange bide__http2_exchange;

void bide__http2_set_reply_callbacks(nghttp2_session_callbacks *callbacks);

/* The handler has returned well: end what it has begun. */
void bide__http2_finish_reply(struct bide__http2_stream *stream);

/* End a stream by an error code of RFC 9113, 7. */
void bide__http2_reset(struct bide__http2_stream *stream, uint32_t error);

/* Tell the client to go on: it waits for that with its body. */
int bide__http2_tell_to_go_on(struct bide__http2_stream *stream);

/* ── limit.c ──────────────────────────────────────────────────────────── */

/* A stream was reset, or something came that serves nothing. If that was too
 * often, the connection is ended: "enhance your calm". */
void bide__http2_note_reset(struct bide__http2 *http2);
void bide__http2_note_nuisance(struct bide__http2 *http2);

#endif

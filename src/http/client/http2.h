/* SPDX-License-Identifier: MIT */
/*
 * http2.h — HTTP/2 of clients, by nghttp2.
 *
 *     http2.c          a connection: its tasks, what frames do to it
 *     http2_stream.c   a stream, and the response that comes on it
 *     http2_request.c  the request that goes out
 *
 *        requests ──submit──► nghttp2 ──► writer ──► connection
 *        responses ◄─events── nghttp2 ◄── reader ◄──
 *
 * nghttp2 does no input or output. Two tasks belong to a connection: only the
 * reader gives it bytes, only the writer takes bytes from it; so a request
 * that is cancelled never leaves half a frame behind. Requests wait for the
 * event of their stream.
 *
 * A stream's data is acknowledged when the program has read it, which makes a
 * fast server wait; to the connection as a whole it is acknowledged at once,
 * so that one slow reader does not stop the others.
 *
 * What is left when a connection has failed lives until the last response
 * that refers to it is closed.
 */
#ifndef BIDE_SRC_HTTP_CLIENT_HTTP2_H
#define BIDE_SRC_HTTP_CLIENT_HTTP2_H

#include <nghttp2/nghttp2.h>

#include "http/client/client.h"

#define BIDE__H2_WINDOW (256 << 10) /* bytes of a stream that may wait */
#define BIDE__H2_STREAMS 100        /* at once, unless the server wants fewer */

struct bide__h2 {
    struct bide__link *link;
    bide_stream *stream;     /* the link's, while nothing has failed */
    nghttp2_session *session;
    bide_event wake;         /* of the writer */
    struct bide__h2_stream *streams;
    size_t refs;             /* tasks, reservations, streams with a response */
    size_t active;           /* streams that are open, and reservations */
    int failed;              /* and why */
    bool closing;            /* no new streams */
    bide_handle idle;        /* closes it when nothing happens */
    bool idling;
    struct bide__bytes scratch;
    struct bide__bytes out;
    char in[16384];
};

struct bide__h2_stream {
    struct bide__h2_stream *next, **place;
    struct bide__h2 *h2;
    bide_http_response *response; /* NULL: nobody wants it any more */
    int32_t id;
    bide_event changed;
    struct bide__bytes head;      /* "name\0value\0" ... as they come */
    unsigned count;               /* of them */
    int status;
    bool head_done;
    bool ended;                   /* the last byte has come */
    bool closed;                  /* nghttp2 has forgotten it */
    uint32_t error;               /* why, if it did not end well */
    int failed;                   /* by our own limits */
    struct bide__bytes in;        /* data that was not read yet */
    size_t taken;                 /* of it */

    /* The request's body. */
    const char *out;
    size_t out_len;
    bool out_ended;               /* nothing comes behind */
    bool out_waiting;             /* nghttp2 asked in vain */
};

/* Wake the writer, if there is something to send. */
void bide__h2_wake(struct bide__h2 *h2);

void bide__h2_unref(struct bide__h2 *h2);
/* A stream or a reservation has gone. */
void bide__h2_deactivate(struct bide__h2 *h2);

/* The connection has failed: nothing more comes of it. */
void bide__h2_fail(struct bide__h2 *h2, int code);

/* A frame has come that is not for the connection. */
void bide__h2_on_frame(struct bide__h2 *h2, const nghttp2_frame *frame);

/* nghttp2's callbacks that concern a stream. */
void bide__h2_add_callbacks(nghttp2_session_callbacks *callbacks);

/* A stream for a response, or NULL. */
struct bide__h2_stream *bide__h2_stream_new(struct bide__h2 *h2,
                                            bide_http_response *response);
void bide__h2_stream_free(struct bide__h2_stream *stream);

/* What has ended a stream before its time, as a code with a message, or 0. */
int bide__h2_failure_of(const struct bide__h2_stream *stream);

/* Wait until something has happened to a stream. */
int bide__h2_wait(struct bide__h2_stream *stream);

#endif

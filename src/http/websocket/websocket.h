/* SPDX-License-Identifier: MIT */
/*
 * websocket.h — a WebSocket from inside.
 *
 *     accept.c, connect.c   the handshakes of servers and clients
 *     life.c                what they make, options, closing
 *     receive.c             frames to messages
 *     source.c              bytes from the stream, and whether the peer lives
 *     control.c             Close, Ping, Pong; refusing a peer
 *     send.c                messages to frames, and to the stream
 *     pack.c                compression, by zlib
 *     frame.h               what needs no connection
 *
 * What arrives:
 *
 *     stream ─► in: small, in the struct ─► a whole small message, in place
 *        └────────────────┴─► message: grows ─► any other, whole
 *                         └─► the reader's memory
 *
 * What is sent: messages wait for `turn`, first come, first served. A short
 * one is copied to `out`, which a task, the sender, writes when the present
 * turn of the loop is over; so a call that is cancelled never leaves half a
 * message. A long one is written by its own task, behind what is in `out`.
 * Who writes to the stream holds `writing`.
 */
#ifndef BIDE_SRC_HTTP_WEBSOCKET_WEBSOCKET_H
#define BIDE_SRC_HTTP_WEBSOCKET_WEBSOCKET_H

#include <bide.h>
#include <bide/websocket.h>

#include "http/message.h"
#include "http/websocket/frame.h"

#define BIDE__IN_SIZE 2048    /* bytes; small messages are not copied */
#define BIDE__KEEP_MOST 16384 /* bytes of a buffer that an idle one keeps */
#define BIDE__REASON_MAX 123  /* bytes of a Close's text */
#define BIDE__WINDOW 12         /* bits, unless options say otherwise */

/* zlib's state for one direction; pack.c. */
struct bide__packer {
    void *stream;    /* z_stream, or NULL before the first message */
    int window;      /* bits */
    bool forgets;    /* after each message */
    size_t tail_used; /* bytes of a message's end that zlib was given */
};

struct bide_websocket {
    bide_stream *stream;
    bool client; /* masks what it sends, and owns the stream */
    bide_websocket_options options; /* with the defaults filled in */
    char *protocol;                 /* or NULL */
    struct bide__deflate_terms terms;

    /* Receiving, receive.c. in[begin..end) has arrived; the first `plain`
     * bytes of it are unmasked and checked. */
    size_t begin, end, plain;
    bool receiving;       /* a call is in progress */
    bool in_frame;        /* `frame` is a data frame, not yet used up */
    bool in_message;      /* a message has begun and has not ended */
    bool streamed;        /* it is read by bide_websocket_read() */
    bool packed;          /* it is compressed */
    bool whole;           /* its last frame is used up */
    bool hidden;          /* in[begin] is a NUL, behind what was returned */
    char hidden_byte;     /* what it was */
    bide_event always;    /* set: awaited only to be cancelled */
    bide_timeout *scope;  /* of the task that waits for the stream, or NULL */
    bide_task *waiter;    /* that task, or NULL */
    bide_handle rest;     /* looks whether it still waits, if `looking` */
    bool looking;
    unsigned waits;       /* so far, and when the look was scheduled */
    unsigned waits_then;
    enum bide_websocket_kind kind;
    unsigned fragments;   /* frames of the message */
    unsigned utf8;        /* the state behind it */
    struct bide__frame frame;
    uint64_t left;        /* bytes of the frame's payload that were not used */
    struct bide__bytes message;
    size_t message_read;  /* bytes of it that bide_websocket_read() has had */
    struct bide__packer unpacker;

    /* Sending, send.c. */
    bide_lock turn, writing;
    struct bide__bytes out;
    size_t in_flight;       /* bytes that are being written */
    bide_handle handle;     /* starts the sender */
    bool sending;           /* there is a sender, or will be */
    bide_task *sender;      /* or NULL */
    bide_event room;        /* set when `out` has shrunk */
    bide_event sent;        /* set when there is no sender */
    int broken;             /* writing fails, and why; or 0 */
    enum bide_websocket_kind begun; /* message that is written in pieces, 0 */
    bool begun_frames;      /* a frame of it has been sent */
    unsigned begun_utf8;
    struct bide__bytes packed_out;
    struct bide__packer packer;
    bool pong_waits;        /* there was no room for it */
    unsigned char pong_len;

    /* Keeping alive and closing. */
    bool pinged;            /* and nothing has come since */
    double since;           /* when something came last, or the ping went out;
                               of bide_time() */
    double closing_until;   /* the peer's time to answer a Close */
    bool close_sent;
    int failed;             /* receiving has failed, and why; or 0 */
    int close_code;         /* of the peer, or 1005, 1006; 0 while open */
    char close_reason[BIDE__REASON_MAX + 1];
    char pong[BIDE__CONTROL_MAX];

    char in[BIDE__IN_SIZE + 1]; /* and a NUL */
};

/* ── life.c ───────────────────────────────────────────────────────────── */

/* Check options and fill in the defaults. */
int bide__websocket_options(const bide_websocket_options *given,
                            bide_websocket_options *ret_options);

/* A connection that is open. On failure the stream is the caller's. */
int bide__websocket_new(bide_stream *stream, bool client,
                        const bide_websocket_options *options,
                        const char *protocol, size_t protocol_len,
                        const struct bide__deflate_terms *terms,
                        bide_websocket **ret_ws);

/* Release it; a client's stream as well. Nothing is written. */
void bide__websocket_free(bide_websocket *ws);

/* ── source.c ─────────────────────────────────────────────────────────── */

/* Read from the stream; keeps alive, minds the time to close. Returns bytes,
 * or a negative code: the end of the stream is one. */
ssize_t bide__websocket_pull(bide_websocket *ws, char *buf, size_t len);

/* Wait until `in` has `least` bytes. Returns 0 or a negative code. */
int bide__websocket_need(bide_websocket *ws, size_t least);

/* ── control.c ────────────────────────────────────────────────────────── */

/* The control frame at the beginning of `in`: wait for all of it, answer it.
 * Returns 1 to go on, 0 if it was a Close, or a negative code. */
int bide__websocket_control(bide_websocket *ws,
                            const struct bide__frame *frame, size_t head);

/* Receiving has failed with `code`, whose message says why: tell the peer by
 * a Close with `status`. Returns code. */
int bide__websocket_fail(bide_websocket *ws, int code, int status);

/* ── send.c ───────────────────────────────────────────────────────────── */

/* Put a control frame into `out` and have it written. Returns 0, -EPIPE, or
 * -ENOMEM. */
int bide__websocket_send_control(bide_websocket *ws, enum bide__opcode opcode,
                                 const void *data, size_t len);

/* Wait until all has been written, or writing has failed. If the caller is
 * cancelled, or the time has come, writing is ended. Returns 0 or -ECANCELED.
 */
int bide__websocket_flush(bide_websocket *ws);

/* ── pack.c ───────────────────────────────────────────────────────────── */

/* Compress a piece of a message, `last` or not, to `out`. Returns 0 or a
 * negative code; after that the state is of no use. */
int bide__pack(struct bide__packer *packer, const void *data, size_t len,
               bool last, struct bide__bytes *out);

/*
 * Decompress: *data and *len move over what was used, `room` bytes at `out`
 * are filled. `last` says that the message ends with this data. Returns the
 * bytes at out; *ret_done says that there is nothing more to have. Or a
 * negative code, -EPROTO if the data is bad.
 */
ssize_t bide__unpack(struct bide__packer *packer, const char **data,
                     size_t *len, bool last, char *out, size_t room,
                     bool *ret_done);

void bide__packer_fini(struct bide__packer *packer, bool compresses);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * stream.h — streams from inside: what their parts and the servers share.
 *
 *      read, readuntil, peek …        write, writev        open, close
 *               │ read.c                    │ write.c          stream.c
 *            buffer ◄────── transport ──────┘
 *           buffer.c         socket.c: operations of the engine
 *
 * docs/internals/streams.md says where bytes lie when.
 *
 * A transport moves bytes; everything above is common to all. The socket's is
 * in socket.c; layer.c has the one that another library brings, such as TLS,
 * which works on a stream of its own.
 */
#ifndef BIDE_SRC_IO_STREAM_H
#define BIDE_SRC_IO_STREAM_H

#include <bide/stream.h>

#include "task/task.h"

/* What moves the bytes of a stream. All run in the task that calls. */
struct bide__transport {
    /* Wait for 1..len bytes and store them in buf, the stream's own buffer
     * being empty. Returns their number, 0 at the end, or a negative code.
     * Cancelled: nothing was stored. */
    ssize_t (*read)(bide_stream *stream, void *buf, size_t len);

    /* The same into the stream's buffer, at its end; may append more than
     * one piece. Returns > 0 if anything was appended. */
    ssize_t (*fill)(bide_stream *stream);

    /* Write all bytes. Returns 0 or a negative code; *ret_written says how
     * many had gone out, set in any case. */
    int (*write)(bide_stream *stream, const struct iovec *iov, size_t count,
                 size_t *ret_written);

    /* The last writer has left. Never suspends; may free the stream. */
    void (*written)(bide_stream *stream);

    /* End the writing side. Never suspends. */
    int (*write_eof)(bide_stream *stream);

    /* Begin to close: wake whoever is in read or write with -EBADF. When
     * nothing uses the stream any more, calls bide__stream_closed(). Never
     * suspends. */
    void (*close)(bide_stream *stream);
};

/* Bytes that have arrived and were not read: data[begin..end). */
struct bide__buffer {
    char *data;
    size_t begin, end, cap;
};

/* How receiving stands, in socket.c. */
enum bide__receiving {
    BIDE__RECV_IDLE,   /* nothing is submitted */
    BIDE__RECV_MULTI,  /* multishot, into pooled buffers */
    BIDE__RECV_ENDING, /* multishot, its cancellation was asked for */
    BIDE__RECV_DIRECT  /* one-shot, into the reading task's buffer */
};

struct bide_stream {
    const struct bide__transport *transport;
    bide_loop *loop;
    struct bide__resource resource; /* open streams of the loop */
    bide_fd file;
    unsigned refs; /* the owner's, and one for each call in progress */
    bool closing;
    bool socket;      /* shutdown(2) and the like apply */
    bool eof;         /* the end has arrived; the buffer may hold more */
    bool eof_wanted;  /* write_eof() came while a task was writing */
    int read_error;   /* what reading will give once the buffer is empty */
    int write_error;  /* what writing gives from now on */
    size_t limit;
    struct bide__buffer buffer;
    char *held;      /* a pooled buffer's unread bytes, which come before
                        those of the buffer; or NULL */
    size_t held_len;
    char *held_base; /* what is to be given back */
    bool lent;       /* the program looks at bytes where they lie */
    char *stale;     /* the buffer's memory that it looks at still, or NULL */

    /* Reading: one task at a time. */
    bide_op receive;
    enum bide__receiving receiving;
    bide_task *reader; /* parked in socket.c, or NULL */
    char *into;        /* where the reader wants bytes, NULL once it has */
    size_t into_len;
    size_t got;        /* bytes stored there */
    unsigned full;     /* receives in a row that filled a pooled buffer */
    unsigned small;    /* direct ones in a row that would have fitted one */
    bool bulk;         /* receive directly: much comes at once */
    bool in_read;      /* a call is in progress */
    bool in_peek;      /* it takes the bytes where they come to lie */

    /* Writing: tasks take turns. */
    bide_op send;
    struct bide__link writers; /* tasks that wait for their turn */
    bide_task *writer;         /* whose turn it is, or NULL */

    struct bide_server *server; /* that accepted it, or NULL */

    /* A transport of another library, layer.c. */
    const struct bide_transport *layer; /* or NULL, as the two below */
    void *state;
    bide_stream *lower; /* what the layer works on */
    bool aborting;      /* closing is to be rude */
};

/*
 * A stream over a connected socket of the running loop. On success the
 * descriptor is the stream's. Returns 0 or a negative code. Never suspends.
 */
int bide__stream_new(bide_loop *loop, int fd, size_t limit,
                     bide_stream **ret_stream);

/* The same over another descriptor: a pipe of our own (BIDE_FD_STREAM), a
 * file, or what belongs to others as well (BIDE_FD_FOREIGN). */
int bide__stream_new_kind(bide_loop *loop, int fd, enum bide_fd_kind kind,
                          size_t limit, bide_stream **ret_stream);

/* Check a limit from options and replace 0; a message on -EINVAL. */
int bide__stream_limit(size_t *limit);

/* Checks at the beginning of every call: the stream is open and the loop's.
 * Returns 0 or -EBADF. */
int bide__stream_check(const bide_stream *stream, const char *function);

/* The transport has let go: release the descriptor and, without users, the
 * memory. */
void bide__stream_closed(bide_stream *stream);

static inline void bide__stream_ref(bide_stream *stream)
{
    stream->refs++;
}

void bide__stream_unref(bide_stream *stream);

/* Wait for the turn to write, and pass it on. Begin returns 0 or a negative
 * code; only after 0 there is something to end. `failed` after bytes have
 * gone out (`began`) leaves the stream good for closing only. */
int bide__stream_begin_write(bide_stream *stream, const char *function);
void bide__stream_end_write(bide_stream *stream, bool failed, bool began);

/* Make a system call that would raise SIGPIPE, and that returns `whole` if it
 * has done all. Returns what it returned, or a negative errno; errno may
 * change. */
ssize_t bide__without_sigpipe(ssize_t (*call)(void *arg), void *arg,
                              size_t whole);

extern const struct bide__transport bide__socket_transport;

/* Wait until the kernel receives nothing for the stream any more. Returns 0
 * or a negative code; then it may receive. A cancellation point. */
int bide__socket_quiet(bide_stream *stream);

/* The `tls` of options: check it, and secure a new stream by it, whose peer
 * is `host`; NULL for a server. */
int bide__check_security(const void *tls, bool server);
int bide__stream_secure(bide_stream *stream, const void *tls,
                        const char *host);

/* The stream that has the descriptor. */
static inline const bide_stream *bide__stream_base(const bide_stream *stream)
{
    return stream->lower ? stream->lower : stream;
}

/* What socket.c does by these where the descriptor is no socket; pipe.c.
 * Reading so is for descriptors of others only (BIDE_FD_FOREIGN). */
ssize_t bide__pipe_read(bide_stream *stream, void *buf, size_t len);
int bide__pipe_write(bide_stream *stream, const struct iovec *iov,
                     size_t count, size_t *ret_written);
int bide__pipe_write_eof(bide_stream *stream);

/* Room for at least `more` bytes behind the content. Returns 0 or -ENOMEM. */
int bide__stream_reserve(bide_stream *stream, size_t more);

/* Add bytes behind the content, or before it. Return 0 or -ENOMEM. */
int bide__stream_append(bide_stream *stream, const void *data, size_t len);
int bide__stream_unread(bide_stream *stream, const void *data, size_t len);

/* Bytes that came while nobody was reading stay in the pooled buffer that
 * brought them, if they are the only ones and it can be kept: the read that
 * comes for them, in the same turn as a rule, then copies them once. */
bool bide__stream_hold(bide_stream *stream, char *data, size_t len);

/* Hand out held bytes, drop some of them, or move them to the buffer. */
size_t bide__stream_take_held(bide_stream *stream, void *buf, size_t len);
void bide__stream_consume_held(bide_stream *stream, size_t len);
int bide__stream_unhold(bide_stream *stream);

/* The program has done with the bytes that were lent to it. */
void bide__stream_take_back(bide_stream *stream);

/* Release all content and its memory. */
void bide__stream_drop_content(bide_stream *stream);

/* Drop bytes at the beginning; memory goes when nothing is left. */
void bide__stream_consume(bide_stream *stream, size_t len);

static inline size_t bide__buffer_len(const struct bide__buffer *buffer)
{
    return buffer->end - buffer->begin;
}

/* TCP options of a socket: TCP_NODELAY unless `delay`, SO_KEEPALIVE. */
void bide__socket_options(int fd, bool delay, bool keep_alive);

#endif

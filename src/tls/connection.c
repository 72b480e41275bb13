/* SPDX-License-Identifier: MIT */
/*
 * connection.c — the transport: plain bytes to records and back.
 *
 *      read:  lower's buffer ──► BIO ──► SSL_read ──► the caller's memory
 *      write: the caller's buffers ──► SSL_write ──► BIO ──► out ──► lower
 *
 * Several small buffers of a writev become one record; all records of a call
 * up to OUT_MOST go out in one write.
 *
 * Reading can produce records as well (answers to a change of keys, alerts).
 * They are sent if that does not wait, else before the next write.
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bide/task.h>
#include <bide/timeout.h>

#include "tls/tls.h"

#define RECORD 16384            /* plain bytes of the largest record */
#define OUT_MOST ((size_t)65536) /* bytes of records in one write */
#define OUT_LIMIT ((size_t)1 << 20) /* that a peer can make us collect */
#define FAREWELL_SECONDS 30.0   /* for a peer that reads slowly */

/* ── Between OpenSSL and the connection ───────────────────────────────── */

static int bio_read(BIO *bio, char *buf, int len)
{
    struct bide__tls *tls = BIO_get_data(bio);
    size_t n = tls->in_len - tls->in_used;
    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n > (size_t)len)
        n = (size_t)len;
    memcpy(buf, tls->in + tls->in_used, n);
    tls->in_used += n;
    return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct bide__tls *tls = BIO_get_data(bio);
    size_t need = tls->out_len + (size_t)len;
    BIO_clear_retry_flags(bio);
    if (need > tls->out_cap) {
        size_t cap = tls->out_cap ? tls->out_cap : 2048;
        while (cap < need)
            cap *= 2;
        char *out =
            need > OUT_LIMIT ? NULL : bide_reallocate(tls->out, cap);
        if (!out) {
            tls->no_memory = true;
            return -1;
        }
        tls->out = out;
        tls->out_cap = cap;
    }
    memcpy(tls->out + tls->out_len, data, (size_t)len);
    tls->out_len = need;
    return len;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bide");
    if (!method)
        return;
    (void)BIO_meth_set_read(method, bio_read);
    (void)BIO_meth_set_write(method, bio_write);
    (void)BIO_meth_set_ctrl(method, bio_control);
}

BIO *bide__tls_bio(struct bide__tls *tls)
{
    pthread_once(&method_once, make_method);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio) {
        BIO_set_data(bio, tls);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* ── Sending records ──────────────────────────────────────────────────── */

static void drop_out(struct bide__tls *tls)
{
    bide_release(tls->out);
    tls->out = NULL;
    tls->out_len = tls->out_cap = 0;
}

/* While it waits, a reader may append to a new `out`. */
int bide__tls_flush(struct bide__tls *tls, bide_stream *lower)
{
    int rc = 0;
    tls->writing = true;
    while (tls->out_len > 0 && rc == 0) {
        char *data = tls->out;
        size_t len = tls->out_len;
        tls->out = NULL;
        tls->out_len = tls->out_cap = 0;
        rc = bide_stream_write(lower, data, len);
        bide_release(data);
    }
    tls->writing = false;
    return rc;
}

void bide__tls_send_now(struct bide__tls *tls, bide_stream *lower)
{
    if (tls->writing || tls->out_len == 0)
        return;
    ssize_t n = send(bide_stream_fileno(lower), tls->out, tls->out_len,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return;
    tls->out_len -= (size_t)n;
    if (tls->out_len == 0)
        drop_out(tls);
    else
        memmove(tls->out, tls->out + n, tls->out_len);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

int bide__tls_wait(struct bide__tls *tls, bide_stream *lower)
{
    ssize_t n = bide_stream_peek(lower, 1, &tls->in);
    if (n > 0) {
        tls->in_len = (size_t)n;
        return 0;
    }
    if (n < 0)
        return (int)n;
    tls->code = bide_raise(BIDE_E_TLS_TRUNCATED,
                           "%.100s ended the connection without a good-bye",
                           tls->host ? tls->host : "the peer");
    return tls->code;
}

void bide__tls_taken(struct bide__tls *tls, bide_stream *lower)
{
    if (tls->in_used > 0)
        bide_stream_skip(lower, tls->in_used);
    tls->in = NULL;
    tls->in_len = tls->in_used = 0;
}

static ssize_t tls_read(void *state, bide_stream *lower, void *buf, size_t len)
{
    struct bide__tls *tls = state;
    for (;;) {
        if (tls->code)
            return tls->code;
        if (!SSL_has_pending(tls->ssl)) {
            int rc = bide__tls_wait(tls, lower);
            if (rc < 0)
                return rc;
        }
        ERR_clear_error();
        size_t got = 0;
        int done = SSL_read_ex(tls->ssl, buf, len, &got);
        bide__tls_taken(tls, lower);
        int error = done ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, done);
        bide__tls_send_now(tls, lower);
        if (done)
            return (ssize_t)got;
        if (error != SSL_ERROR_WANT_READ)
            return bide__tls_failed(tls, error);
        if (SSL_has_pending(tls->ssl)) { /* the beginning of a record */
            int rc = bide__tls_wait(tls, lower);
            if (rc < 0)
                return rc;
        }
    }
}

/* ── Writing ──────────────────────────────────────────────────────────── */

struct gather {
    char *room; /* of RECORD bytes, for what is collected; NULL: not yet */
    size_t len;
};

/* One call of OpenSSL, which takes all: `out` grows as it must. */
static int encrypt(struct bide__tls *tls, bide_stream *lower,
                   const char *data, size_t len)
{
    while (len > 0) {
        size_t piece = len < OUT_MOST ? len : OUT_MOST;
        size_t done = 0;
        if (tls->code)
            return tls->code;
        ERR_clear_error();
        int ok = SSL_write_ex(tls->ssl, data, piece, &done);
        if (!ok)
            return bide__tls_failed(tls, SSL_get_error(tls->ssl, ok));
        data += done;
        len -= done;
        if (tls->out_len >= OUT_MOST) {
            int rc = bide__tls_flush(tls, lower);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int encrypt_gathered(struct bide__tls *tls, bide_stream *lower,
                            struct gather *gather)
{
    size_t len = gather->len;
    gather->len = 0;
    return encrypt(tls, lower, gather->room, len);
}

/* Small buffers fill a record together; large ones go as they are. */
static int encrypt_one(struct bide__tls *tls, bide_stream *lower,
                       struct gather *gather, const struct iovec *one)
{
    int rc = 0;
    if (one->iov_len > RECORD - gather->len)
        rc = encrypt_gathered(tls, lower, gather);
    if (rc < 0)
        return rc;
    if (one->iov_len >= RECORD)
        return encrypt(tls, lower, one->iov_base, one->iov_len);
    if (!gather->room)
        gather->room = bide_allocate(RECORD);
    if (!gather->room)
        return -ENOMEM;
    if (one->iov_len > 0)
        memcpy(gather->room + gather->len, one->iov_base, one->iov_len);
    gather->len += one->iov_len;
    return 0;
}

static int encrypt_all(struct bide__tls *tls, bide_stream *lower,
                       const struct iovec *iov, size_t count)
{
    struct gather gather = {.room = NULL};
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = encrypt_one(tls, lower, &gather, &iov[i]);
    if (rc == 0)
        rc = encrypt_gathered(tls, lower, &gather);
    bide_release(gather.room);
    return rc;
}

static int tls_write(void *state, bide_stream *lower, const struct iovec *iov,
                     size_t count, bool *ret_begun)
{
    struct bide__tls *tls = state;
    int rc = count == 1 ? encrypt(tls, lower, iov->iov_base, iov->iov_len)
                        : encrypt_all(tls, lower, iov, count);
    if (rc == 0)
        rc = bide__tls_flush(tls, lower);
    *ret_begun = true; /* records are numbered: none may be missing */
    return rc;
}

/* ── Ending ───────────────────────────────────────────────────────────── */

struct farewell {
    bide_stream *stream;
    size_t len;
    char data[];
};

/* What did not fit into the socket's buffer goes after it. */
static int say_farewell(void *arg)
{
    struct farewell *farewell = arg;
    bide_timeout timeout;
    bide_timeout_enter(&timeout, FAREWELL_SECONDS);
    int rc =
        bide_stream_write(farewell->stream, farewell->data, farewell->len);
    rc = bide_timeout_exit(&timeout, rc);
    bide_stream_close(farewell->stream);
    bide_release(farewell);
    return rc == -ECANCELED ? rc : 0; /* nobody waits for other news */
}

/* By a descriptor of its own, since the stream's is about to be closed. A
 * peer that does not get it sees a connection that was cut off. */
static void send_later(struct bide__tls *tls, bide_stream *lower)
{
    struct farewell *farewell =
        bide_allocate(sizeof *farewell + tls->out_len);
    if (!farewell)
        return;
    farewell->len = tls->out_len;
    memcpy(farewell->data, tls->out, tls->out_len);
    int fd = dup(bide_stream_fileno(lower));
    if (fd >= 0 && bide_stream_open(fd, 0, &farewell->stream) == 0) {
        bide_task *task = bide_create_task(say_farewell, farewell);
        bide_task_detach(task);
        if (task)
            return;
        bide_stream_close(farewell->stream);
    } else if (fd >= 0) {
        close(fd);
    }
    bide_release(farewell);
}

/* Nothing follows a write that was broken off: the good-bye would have to. */
static int tls_write_eof(void *state, bide_stream *lower)
{
    struct bide__tls *tls = state;
    if (tls->ended || !tls->ready)
        return 0;
    tls->ended = true;
    if (tls->code || tls->writing)
        return tls->code;
    ERR_clear_error();
    (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
    bide__tls_send_now(tls, lower);
    return 0;
}

static void tls_close(void *state, bide_stream *lower, bool abort)
{
    struct bide__tls *tls = state;
    if (abort) {
        bide_stream_abort(lower);
        return;
    }
    bide__tls_send_now(tls, lower);
    (void)tls_write_eof(tls, lower);
    if (tls->out_len > 0 && !tls->writing && bide_current_task())
        send_later(tls, lower);
    bide_stream_close(lower);
}

void bide__tls_release(void *state)
{
    struct bide__tls *tls = state;
    SSL_free(tls->ssl);
    drop_out(tls);
    bide_release(tls->host);
    bide_tls_close(tls->context);
    bide_release(tls);
}

const bide_transport bide__tls_transport = {
    .size = sizeof(bide_transport),
    .name = "TLS",
    .start = bide__tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .write_eof = tls_write_eof,
    .close = tls_close,
    .release = bide__tls_release,
};

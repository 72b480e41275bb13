/* SPDX-License-Identifier: MIT */
/*
 * connection.c — the life of a connection of HTTP/2.
 *
 *     reader   peeks, gives nghttp2 what has come, until the client leaves or
 *              the session is over
 *     writer   takes what nghttp2 has to send, until the reader has left
 *
 * One deadline watches over the reader, whatever it waits for: the rest of a
 * head, the next request, or that replies whose handlers have ended are taken.
 * It is moved when one of these changes, not at each read.
 *
 * How it ends:
 *
 *     the client leaves    handlers are cancelled, what is ready is sent
 *     nghttp2 is done      GOAWAY has gone out and no stream is left: this
 *                          side is ended, and what still comes is thrown away
 *                          for a moment, so that the client can read why
 *     sending fails        the deadline is now, and the reader leaves
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "http/http2/http2.h"

#define OUT_KEPT 16384 /* bytes of memory for them that an idle one keeps */
#define LINGER 1.0     /* seconds for a client to read the last frames */
#define OUT_ACKS 1000  /* answers that may wait to be sent */
#define SETTINGS_MOST 32 /* in one frame */

/* ── nghttp2's memory ─────────────────────────────────────────────────── */

static void *allocate(size_t size, void *data)
{
    (void)data;
    return bide_allocate(size);
}

static void *allocate_zeroed(size_t count, size_t size, void *data)
{
    size_t total;
    (void)data;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *memory = bide_allocate(total);
    return memory ? memset(memory, 0, total) : NULL;
}

static void *reallocate(void *memory, size_t size, void *data)
{
    (void)data;
    return memory ? bide_reallocate(memory, size) : bide_allocate(size);
}

static void release(void *memory, void *data)
{
    (void)data;
    bide_release(memory);
}

/* ── The session ──────────────────────────────────────────────────────── */

static int raise_from(int code)
{
    if (code == NGHTTP2_ERR_NOMEM)
        return -ENOMEM;
    return bide_raise(-EPROTO, "HTTP/2: %s", nghttp2_strerror(code));
}

static void set_options(nghttp2_option *options)
{
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_max_outbound_ack(options, OUT_ACKS);
    nghttp2_option_set_max_settings(options, SETTINGS_MOST);
}

static int new_session(struct bide__http2 *http2)
{
    nghttp2_mem memory = {
        .malloc = allocate,
        .calloc = allocate_zeroed,
        .realloc = reallocate,
        .free = release,
    };
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *options = NULL;
    int rc = nghttp2_session_callbacks_new(&callbacks);
    if (rc == 0)
        rc = nghttp2_option_new(&options);
    if (rc == 0) {
        set_options(options);
        bide__http2_set_callbacks(callbacks);
        bide__http2_set_reply_callbacks(callbacks);
        rc = nghttp2_session_server_new3(&http2->session, callbacks, http2,
                                         options, &memory);
    }
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    return rc;
}

static int greet(struct bide__http2 *http2)
{
    const bide_http_server_options *options = &http2->server->options;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, BIDE__HTTP2_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)options->head},
    };
    int rc = nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE,
                                     settings,
                                     sizeof settings / sizeof settings[0]);
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(http2->session,
                                                   NGHTTP2_FLAG_NONE, 0,
                                                   BIDE__HTTP2_WINDOW_ALL);
    return rc;
}

/* ── Deadlines ────────────────────────────────────────────────────────── */

static double earlier(double a, double b)
{
    return a < b ? a : b;
}

static double find_due(const struct bide__http2 *http2)
{
    const bide_http_server_options *options = &http2->server->options;
    double due = (double)INFINITY;
    if (http2->broken)
        return 0;
    if (http2->over)
        return http2->idle_since + LINGER;
    if (http2->in_head)
        due = http2->head_since + options->head_timeout;
    if (http2->open == 0)
        due = earlier(due, http2->idle_since + options->idle_timeout);
    if (http2->waiting > 0)
        due = earlier(due, http2->progress_at + options->write_timeout);
    return due;
}

void bide__http2_set_deadline(struct bide__http2 *http2)
{
    double due = find_due(http2);
    if (due == http2->due || http2->leaving)
        return;
    http2->due = due;
    bide_timeout_reschedule(&http2->deadline, due);
}

/* ── Writing ──────────────────────────────────────────────────────────── */

void bide__http2_wake(struct bide__http2 *http2)
{
    bide_event_set(&http2->wake);
}

/* All that nghttp2 has to send now, up to BIDE__HTTP2_OUT and a frame. */
static int collect(struct bide__http2 *http2)
{
    while (http2->out.len < BIDE__HTTP2_OUT) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(http2->session, &data);
        if (n < 0)
            return raise_from((int)n);
        if (n == 0)
            return 0;
        int rc = bide__bytes_add(&http2->out, data, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int send_out(struct bide__http2 *http2)
{
    struct bide__bytes *out = &http2->out;
    bide_timeout timeout;
    bide_timeout_enter(&timeout, http2->server->options.write_timeout);
    int rc = bide_stream_write(http2->stream, out->data, out->len);
    rc = bide_timeout_exit(&timeout, rc);
    out->len = 0;
    return rc;
}

/* Nothing is left to say: end this side, and give the client a moment. */
static void end_session(struct bide__http2 *http2)
{
    if (http2->over)
        return;
    http2->over = true;
    http2->idle_since = bide_time();
    if (bide_stream_write_eof(http2->stream) < 0)
        http2->idle_since -= LINGER; /* it has gone: there is no sense in it */
}

static int write_on(struct bide__http2 *http2)
{
    for (;;) {
        bide_event_clear(&http2->wake);
        int rc = collect(http2);
        if (rc == 0 && http2->out.len > 0) {
            rc = send_out(http2);
            if (rc < 0)
                return rc;
            continue;
        }
        if (rc < 0)
            return rc;
        if (!nghttp2_session_want_read(http2->session) &&
            !nghttp2_session_want_write(http2->session))
            end_session(http2);
        if (http2->leaving)
            return 0;
        bide__http2_set_deadline(http2);
        if (http2->open == 0 && http2->out.cap > OUT_KEPT)
            bide__bytes_free(&http2->out);
        rc = bide_event_wait(&http2->wake);
        if (rc < 0)
            return rc;
    }
}

/* Without a writer, whatever ended it, the reader has no business. */
static int write_to_end(void *arg)
{
    struct bide__http2 *http2 = arg;
    http2->broken = write_on(http2);
    bide__http2_set_deadline(http2);
    return 0;
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static int receive(struct bide__http2 *http2, const char *data, size_t len)
{
    if (http2->over)
        return 0;
    ssize_t n = nghttp2_session_mem_recv(http2->session,
                                         (const uint8_t *)data, len);
    if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_CALLBACK_FAILURE)
        (void)nghttp2_session_terminate_session(
            http2->session, n == NGHTTP2_ERR_FLOODED
                                ? NGHTTP2_ENHANCE_YOUR_CALM
                                : NGHTTP2_INTERNAL_ERROR);
    else if (n < 0)
        return raise_from((int)n);
    bide__http2_wake(http2);
    bide__http2_set_deadline(http2);
    return 0;
}

static int read_on(struct bide__http2 *http2)
{
    for (;;) {
        const char *data;
        ssize_t n = bide_stream_peek(http2->stream, 1, &data);
        if (n <= 0)
            return (int)n;
        int rc = receive(http2, data, (size_t)n);
        if (rc < 0)
            return rc;
        bide_stream_skip(http2->stream, (size_t)n);
    }
}

/* ── The whole ────────────────────────────────────────────────────────── */

void bide__http2_stop(struct bide__http2 *http2)
{
    if (http2->stopping)
        return;
    http2->stopping = true;
    (void)nghttp2_submit_goaway(
        http2->session, NGHTTP2_FLAG_NONE,
        nghttp2_session_get_last_proc_stream_id(http2->session),
        NGHTTP2_NO_ERROR, NULL, 0);
    bide__http2_wake(http2);
}

static void cancel_handlers(struct bide__http2 *http2)
{
    struct bide__http2_stream *stream = http2->streams;
    for (; stream; stream = stream->next)
        if (stream->task)
            (void)bide_task_cancel(stream->task);
}

/* Streams whose handlers have ended, but not their clients. */
static void reset_waiting(struct bide__http2 *http2)
{
    struct bide__http2_stream *stream = http2->streams;
    for (; stream; stream = stream->next)
        if (stream->done)
            bide__http2_reset(stream, NGHTTP2_CANCEL);
    http2->progress_at = bide_time();
}

/* The deadline has passed. Returns whether the connection goes on. */
static bool expire(struct bide__http2 *http2)
{
    double now = bide_time();
    double write_timeout = http2->server->options.write_timeout;
    if (http2->broken)
        return false;
    if (!http2->over && http2->waiting > 0 &&
        http2->progress_at + write_timeout <= now) {
        reset_waiting(http2);
        return true;
    }
    if (!http2->over)
        (void)nghttp2_session_terminate_session(http2->session,
                                                NGHTTP2_NO_ERROR);
    return false;
}

static int read_until_due(struct bide__http2 *http2)
{
    http2->due = (double)INFINITY;
    bide_timeout_enter_at(&http2->deadline, http2->due);
    bide__http2_set_deadline(http2);
    return bide_timeout_exit(&http2->deadline, read_on(http2));
}

static int serve(struct bide__http2 *http2)
{
    int rc;
    bide_group_enter(&http2->group);
    (void)bide_group_create_task(&http2->group, write_to_end, http2);
    do {
        rc = read_until_due(http2);
    } while (rc == -ETIME && expire(http2));
    if (rc == -ETIME)
        rc = http2->broken;
    http2->leaving = true;
    cancel_handlers(http2);
    bide__http2_wake(http2);
    return bide_group_exit(&http2->group, rc);
}

static void fini(struct bide__http2 *http2)
{
    nghttp2_session_del(http2->session);
    while (http2->streams)
        bide__http2_stream_free(http2->streams);
    while (http2->spare) {
        struct bide__http2_stream *spare = http2->spare;
        http2->spare = spare->next;
        bide_release(spare);
    }
    bide__bytes_free(&http2->out);
    bide_release(http2);
}

int bide__http2_converse(struct bide__http_connection *connection)
{
    struct bide__http2 *http2 = bide_allocate(sizeof *http2);
    if (!http2)
        return -ENOMEM;
    memset(http2, 0, sizeof *http2);
    http2->connection = connection;
    http2->server = connection->server;
    http2->stream = connection->stream;
    http2->idle_since = bide_time();
    int rc = new_session(http2);
    if (rc == 0)
        rc = greet(http2);
    if (rc == 0) {
        connection->http2 = http2;
        if (http2->server->stopping)
            bide__http2_stop(http2);
        rc = serve(http2);
        connection->http2 = NULL;
    } else {
        rc = raise_from(rc);
    }
    fini(http2);
    return rc;
}

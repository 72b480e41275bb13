/* SPDX-License-Identifier: MIT */
/* http2.c — a connection of HTTP/2: its tasks, and how it ends. */
#include "http/client/http2.h"

#include <errno.h>
#include <string.h>

#define OUT_MOST 65536 /* bytes that are collected for one write */

/* ── Memory ───────────────────────────────────────────────────────────── */

static void *allocate(size_t size, void *data)
{
    (void)data;
    return bide_allocate(size);
}

static void release(void *memory, void *data)
{
    (void)data;
    bide_release(memory);
}

static void *allocate_zeroed(size_t count, size_t size, void *data)
{
    size_t whole;
    (void)data;
    if (__builtin_mul_overflow(count, size, &whole))
        return NULL;
    void *memory = bide_allocate(whole);
    if (memory)
        memset(memory, 0, whole);
    return memory;
}

static void *reallocate(void *memory, size_t size, void *data)
{
    (void)data;
    return bide_reallocate(memory, size);
}

static nghttp2_mem memory = {NULL, allocate, release, allocate_zeroed,
                             reallocate};

/* ── Life ─────────────────────────────────────────────────────────────── */

void bide__h2_unref(struct bide__h2 *h2)
{
    if (--h2->refs > 0)
        return;
    nghttp2_session_del(h2->session);
    bide__bytes_free(&h2->scratch);
    bide__bytes_free(&h2->out);
    bide_release(h2->link);
    bide_release(h2);
}

void bide__h2_wake(struct bide__h2 *h2)
{
    if (h2->failed || nghttp2_session_want_write(h2->session) ||
        !nghttp2_session_want_read(h2->session))
        bide_event_set(&h2->wake);
}

static void stop_idling(struct bide__h2 *h2)
{
    if (h2->idling)
        (void)bide_handle_cancel(&h2->idle);
    h2->idling = false;
}

void bide__h2_fail(struct bide__h2 *h2, int code)
{
    struct bide__link *link = h2->link;
    if (h2->failed)
        return;
    h2->failed = code;
    stop_idling(h2);
    if (link->origin->shared == link)
        link->origin->shared = NULL;
    struct bide__h2_stream *next;
    for (struct bide__h2_stream *stream = h2->streams; stream; stream = next) {
        next = stream->next;
        stream->closed = true;
        if (stream->response)
            bide_event_set(&stream->changed);
        else
            bide__h2_stream_free(stream);
    }
    bide_event_set(&h2->wake);
    bide__pool_forget(link); /* closes the stream: the reader is woken */
}

static void close_idle(void *arg)
{
    struct bide__h2 *h2 = arg;
    h2->idling = false;
    bide__h2_fail(h2, -ETIME);
}

void bide__h2_deactivate(struct bide__h2 *h2)
{
    h2->active--;
    if (h2->failed)
        return;
    bide_http_session *session = h2->link->session;
    if (h2->active == 0 && (h2->closing || session->closed)) {
        bide__h2_fail(h2, -ESHUTDOWN);
        return;
    }
    if (h2->active == 0 && session->options.idle_timeout < 1e9)
        h2->idling = bide_loop_call_later(bide_loop_current(), &h2->idle,
                                          session->options.idle_timeout,
                                          close_idle, h2) == 0;
    bide__pool_serve(session);
}

/* ── For the pool ─────────────────────────────────────────────────────── */

bool bide__h2_has_room(const struct bide__link *link)
{
    const struct bide__h2 *h2 = link->h2;
    if (h2->failed || h2->closing)
        return false;
    uint32_t most = nghttp2_session_get_remote_settings(
        h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return h2->active < (most < BIDE__H2_STREAMS ? most : BIDE__H2_STREAMS);
}

void bide__h2_reserve(struct bide__link *link)
{
    struct bide__h2 *h2 = link->h2;
    h2->refs++;
    h2->active++;
    stop_idling(h2);
}

void bide__h2_unreserve(struct bide__link *link)
{
    struct bide__h2 *h2 = link->h2;
    bide__h2_deactivate(h2);
    bide__h2_unref(h2);
}

/* No new streams: the next request opens another connection. */
static void retire(struct bide__h2 *h2)
{
    struct bide__link *link = h2->link;
    h2->closing = true;
    if (link->origin->shared == link)
        link->origin->shared = NULL;
    bide__pool_serve(link->session);
}

void bide__h2_shut(struct bide__link *link)
{
    struct bide__h2 *h2 = link->h2;
    h2->closing = true;
    if (h2->active == 0)
        bide__h2_fail(h2, -ESHUTDOWN);
}

/* ── The two tasks ────────────────────────────────────────────────────── */

static int end_task(struct bide__h2 *h2, int code)
{
    bide__h2_fail(h2, code);
    bide__h2_unref(h2);
    return 0;
}

static int read_frames(void *arg)
{
    struct bide__h2 *h2 = arg;
    for (;;) {
        ssize_t n = bide_stream_read(h2->stream, h2->in, sizeof h2->in);
        if (h2->failed)
            return end_task(h2, h2->failed);
        if (n <= 0)
            return end_task(h2, n < 0 ? (int)n : BIDE_E_INCOMPLETE);
        ssize_t used = nghttp2_session_mem_recv(
            h2->session, (const uint8_t *)h2->in, (size_t)n);
        if (used == NGHTTP2_ERR_NOMEM)
            return end_task(h2, -ENOMEM);
        if (used < 0)
            return end_task(h2, -EBADMSG);
        if (h2->failed)
            return end_task(h2, h2->failed);
        bide__h2_wake(h2);
    }
}

/* Several frames make one write. */
static int collect(struct bide__h2 *h2)
{
    h2->out.len = 0;
    while (h2->out.len < OUT_MOST) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(h2->session, &data);
        if (n == 0)
            return 0;
        if (n < 0)
            return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
        int rc = bide__bytes_add(&h2->out, data, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* nghttp2 has said its last word: the server went, or broke the rules. */
static bool is_over(const struct bide__h2 *h2)
{
    return !nghttp2_session_want_read(h2->session) &&
           !nghttp2_session_want_write(h2->session);
}

static int write_frames(void *arg)
{
    struct bide__h2 *h2 = arg;
    for (;;) {
        bide_event_clear(&h2->wake);
        int rc = h2->failed ? h2->failed : collect(h2);
        if (rc == 0 && h2->out.len > 0)
            rc = bide_stream_write(h2->stream, h2->out.data, h2->out.len);
        else if (rc == 0 && is_over(h2))
            rc = h2->closing ? -ESHUTDOWN : -EBADMSG;
        else if (rc == 0)
            rc = bide_event_wait(&h2->wake);
        if (rc < 0)
            return end_task(h2, rc);
    }
}

/* ── Frames that concern the connection ───────────────────────────────── */

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame,
                    void *data)
{
    struct bide__h2 *h2 = data;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY && !h2->closing)
        retire(h2);
    else if (frame->hd.type == NGHTTP2_SETTINGS &&
             !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        bide__pool_serve(h2->link->session);
    else
        bide__h2_on_frame(h2, frame);
    return 0;
}

static int make_session(struct bide__h2 *h2)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return -ENOMEM;
    int rc = nghttp2_option_new(&option);
    if (rc == 0) {
        bide__h2_add_callbacks(callbacks);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                             on_frame);
        nghttp2_option_set_no_auto_window_update(option, 1);
        rc = nghttp2_session_client_new3(&h2->session, callbacks, h2, option,
                                         &memory);
        nghttp2_option_del(option);
    }
    nghttp2_session_callbacks_del(callbacks);
    return rc == 0 ? 0 : -ENOMEM;
}

static int greet(struct bide__h2 *h2)
{
    const bide_http_session *session = h2->link->session;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, BIDE__H2_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         (uint32_t)session->options.head},
    };
    int rc = nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
                                     sizeof settings / sizeof settings[0]);
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(
            h2->session, NGHTTP2_FLAG_NONE, 0, 4 * BIDE__H2_WINDOW);
    return rc == 0 ? 0 : -ENOMEM;
}

/* Tasks start at once, so that whatever cancels them finds them at work and
 * they put away what is theirs. */
static int start_task(struct bide__h2 *h2, bide_coroutine *fn,
                      const char *name)
{
    const bide_task_options options = {.name = name, .eager_start = true};
    h2->refs++;
    bide_task *task = bide_create_task_with(fn, h2, &options);
    if (!task)
        h2->refs--;
    bide_task_detach(task);
    return task ? 0 : -ENOMEM;
}

/* A task may have failed at once: that shows when the link is used. */
int bide__h2_start(struct bide__link *link)
{
    struct bide__h2 *h2 = bide_allocate(sizeof *h2);
    if (!h2)
        return -ENOMEM;
    memset(h2, 0, offsetof(struct bide__h2, in));
    h2->link = link;
    h2->stream = link->stream;
    h2->refs = h2->active = 1; /* reserved for who has opened the link */
    int rc = make_session(h2);
    if (rc == 0)
        rc = greet(h2);
    if (rc == 0)
        rc = start_task(h2, write_frames, "HTTP/2 writer");
    if (rc == 0 && !h2->failed) {
        rc = start_task(h2, read_frames, "HTTP/2 reader");
        if (rc < 0 && !h2->failed) { /* the writer ends by itself */
            h2->failed = rc;
            bide_event_set(&h2->wake);
        }
    }
    if (rc == 0) {
        link->h2 = h2;
        return 0;
    }
    h2->link = NULL; /* stays the caller's */
    bide__h2_unref(h2);
    return rc;
}

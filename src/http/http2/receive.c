/* SPDX-License-Identifier: MIT */
/*
 * receive.c — frames that have come, as nghttp2 reports them.
 *
 * nghttp2 has checked them already: their order and sizes, that fields are
 * well-formed and pseudo-fields complete, and that a body is as long as was
 * announced. Here the pieces are put together.
 *
 * A negative code of ours ends the session as a callback's failure.
 */
#include <errno.h>
#include <string.h>

#include "http/http2/http2.h"

#define HEAD_TIMES 4 /* the limit of a head at which it is not even decoded */

static struct bide__http2_stream *stream_of(nghttp2_session *session,
                                            int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* ── Heads ────────────────────────────────────────────────────────────── */

/* A client that resets streams as fast as it opens them has handlers that are
 * not done yet: these count as well. */
static bool is_full(const struct bide__http2 *http2)
{
    return http2->running >= http2->server->options.streams;
}

/* Numbers of streams grow. One that was left out can never be opened, which
 * nghttp2 does not tell from one that was closed (RFC 9113, 5.1.1). */
static bool was_left_out(const struct bide__http2 *http2, int32_t id)
{
    int32_t oldest = http2->recent[http2->newest];
    if (id % 2 == 0 || id <= oldest)
        return false;
    for (unsigned i = 0; i < BIDE__HTTP2_RECENT; i++)
        if (http2->recent[i] == id)
            return false;
    unsigned last = (http2->newest + BIDE__HTTP2_RECENT - 1) %
                    BIDE__HTTP2_RECENT;
    return id < http2->recent[last];
}

static void remember(struct bide__http2 *http2, int32_t id)
{
    http2->recent[http2->newest] = id;
    http2->newest = (http2->newest + 1) % BIDE__HTTP2_RECENT;
}

static int on_begin_frame(nghttp2_session *session,
                          const nghttp2_frame_hd *head, void *data)
{
    if (head->type == NGHTTP2_HEADERS && was_left_out(data, head->stream_id))
        return nghttp2_session_terminate_session(session,
                                                 NGHTTP2_PROTOCOL_ERROR);
    return 0;
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *data)
{
    struct bide__http2 *http2 = data;
    int32_t id = frame->hd.stream_id;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    http2->in_head = true;
    http2->head_since = bide_time();
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    remember(http2, id);
    if (is_full(http2))
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id,
                                         NGHTTP2_REFUSED_STREAM);
    struct bide__http2_stream *stream = bide__http2_stream_new(http2, id);
    if (!stream)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(session, id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags,
                     void *data)
{
    struct bide__http2 *http2 = data;
    struct bide__http2_stream *stream =
        stream_of(session, frame->hd.stream_id);
    (void)flags;
    if (!stream)
        return 0;
    int rc = bide__http2_add_field(stream, (const char *)name, name_len,
                                   (const char *)value, value_len);
    if (rc < 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (stream->head_size > HEAD_TIMES * http2->server->options.head)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return 0;
}

static int end_head(struct bide__http2_stream *stream,
                    const nghttp2_frame *frame)
{
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        return bide__http2_begin_request(stream, ended);
    bide__http2_end_trailers(stream);
    return 0;
}

/* ── Bodies ───────────────────────────────────────────────────────────── */

/* Whether anybody will read what comes. */
static bool is_wanted(const struct bide__http2_stream *stream)
{
    return stream && !stream->done && !stream->request.failed;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *bytes, size_t len, void *data)
{
    struct bide__http2 *http2 = data;
    struct bide__http2_stream *stream = stream_of(session, id);
    (void)flags;
    if (!is_wanted(stream)) {
        bide__http2_consumed(http2, id, len);
        if (stream) {
            stream->drained += len;
            bide__http2_end_of_interest(stream);
        }
        return 0;
    }
    bide_http_request *request = &stream->request;
    uint64_t most = http2->server->options.body;
    request->received += len;
    if (request->received > most)
        (void)bide__http_too_large(request);
    else if (bide__bytes_add(&stream->in, bytes, len) < 0)
        request->failed = -ENOMEM;
    if (request->failed)
        bide__http2_consumed(http2, id, len);
    bide_event_set(&stream->readable);
    return 0;
}

static void end_body(struct bide__http2_stream *stream)
{
    stream->ended = true;
    bide_event_set(&stream->readable);
}

/* ── Frames ───────────────────────────────────────────────────────────── */

/* What has nothing in it that would be worth its work. */
static bool is_nuisance(const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        return frame->hd.length == 0 &&
               !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
        return !(frame->hd.flags & NGHTTP2_FLAG_ACK);
    case NGHTTP2_PRIORITY:
        return true;
    default:
        return false;
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame,
                    void *data)
{
    struct bide__http2 *http2 = data;
    struct bide__http2_stream *stream =
        frame->hd.stream_id > 0 ? stream_of(session, frame->hd.stream_id)
                                : NULL;
    int rc = 0;
    if (is_nuisance(frame))
        bide__http2_note_nuisance(http2);
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        bide__http2_note_reset(http2);
    if (frame->hd.type == NGHTTP2_HEADERS) {
        http2->in_head = false;
        if (stream)
            rc = end_head(stream, frame);
    }
    bool body = frame->hd.type == NGHTTP2_HEADERS ||
                frame->hd.type == NGHTTP2_DATA;
    if (stream && body && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        stream = stream_of(session, frame->hd.stream_id);
        if (stream)
            end_body(stream);
    }
    return rc < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id,
                           uint32_t error, void *data)
{
    struct bide__http2_stream *stream = stream_of(session, id);
    (void)data;
    (void)error;
    if (stream)
        bide__http2_closed(stream);
    return 0;
}

/* Of a frame that is wrong: each costs an answer. */
static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame,
                      int error, void *data)
{
    struct bide__http2 *http2 = data;
    (void)session;
    (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS)
        http2->in_head = false;
    bide__http2_note_reset(http2);
    return 0;
}

void bide__http2_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks,
                                                          on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                            on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
                                                                 on_invalid);
}

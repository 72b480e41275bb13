/* SPDX-License-Identifier: MIT */
/*
 * reply.c — what handlers send, as HTTP/2 has it.
 *
 * A short reply is copied and the handler goes on at once; its stream lives
 * until the client has taken it. Longer ones stay in the handler's memory,
 * and the handler waits: nghttp2 asks for data as the client's windows and
 * the connection's turn allow, and what it asks for is appended to what the
 * writer sends, without a copy in between.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/http2/http2.h"

#define FRAME_HEAD 9   /* bytes, RFC 9113, 4.1 */
#define FIELDS_MOST 64 /* of a reply or its trailers, that need no memory */

#define STRING(text) (uint8_t *)(uintptr_t)(text)

static struct bide__http2_stream *stream_of(bide_http_request *request)
{
    return (struct bide__http2_stream *)request;
}

/* ── Fields ───────────────────────────────────────────────────────────── */

struct fields {
    nghttp2_nv *list;
    size_t count, room;
    nghttp2_nv some[FIELDS_MOST];
    char status[4], length[24]; /* their text */
};

static void fields_fini(struct fields *fields)
{
    if (fields->list != fields->some)
        bide_release(fields->list);
}

static nghttp2_nv *next_field(struct fields *fields)
{
    if (fields->count == fields->room) {
        size_t room = 2 * fields->room;
        nghttp2_nv *list = bide_allocate(room * sizeof *list);
        if (!list)
            return NULL;
        memcpy(list, fields->list, fields->count * sizeof *list);
        if (fields->list != fields->some)
            bide_release(fields->list);
        fields->list = list;
        fields->room = room;
    }
    return &fields->list[fields->count++];
}

static int add(struct fields *fields, const char *name, size_t name_len,
               const char *value, size_t value_len, uint8_t flags)
{
    nghttp2_nv *field = next_field(fields);
    if (!field)
        return -ENOMEM;
    *field = (nghttp2_nv){
        .name = STRING(name),
        .value = STRING(value),
        .namelen = name_len,
        .valuelen = value_len,
        .flags = flags,
    };
    return 0;
}

/* A name of ours is a constant in small letters; values are copied. */
#define ADD(fields, name, value, len)                                         \
    add(fields, name, sizeof(name) - 1, value, len,                           \
        NGHTTP2_NV_FLAG_NO_COPY_NAME)

/* Lines "Name: value" that the handler has added. nghttp2 copies them and
 * makes the letters of names small. */
static int add_lines(struct fields *fields, const struct bide__bytes *lines)
{
    int rc = 0;
    if (lines->len == 0)
        return 0;
    const char *line = lines->data;
    const char *end = line + lines->len;
    while (rc == 0 && line < end) {
        size_t name = (size_t)((char *)memchr(line, ':',
                                              (size_t)(end - line)) - line);
        const char *value = line + name + 2;
        size_t len =
            (size_t)((char *)memchr(value, '\r', (size_t)(end - value)) -
                     value);
        if (name != 7 || strncasecmp(line, "upgrade", 7) != 0)
            rc = add(fields, line, name, value, len, NGHTTP2_NV_FLAG_NONE);
        line = value + len + 2;
    }
    return rc;
}

static int make_head(bide_http_request *request, struct fields *fields,
                     int status, const char *type, int64_t length)
{
    snprintf(fields->status, sizeof fields->status, "%d", status);
    int rc = ADD(fields, ":status", fields->status, 3);
    if (rc == 0 && !request->dated) /* without "Date: " and the line's end */
        rc = ADD(fields, "date", bide__http_date() + 6,
                 BIDE__HTTP_DATE_LEN - 8);
    if (rc == 0 && type)
        rc = ADD(fields, "content-type", type, strlen(type));
    if (rc == 0 && length >= 0 && status != 204 && status != 304) {
        int n = snprintf(fields->length, sizeof fields->length, "%lld",
                         (long long)length);
        rc = ADD(fields, "content-length", fields->length, (size_t)n);
    }
    if (rc == 0)
        rc = add_lines(fields, &request->headers);
    return rc;
}

/* ── Data ─────────────────────────────────────────────────────────────── */

static void submit_trailers(struct bide__http2_stream *stream)
{
    struct fields fields = {.room = FIELDS_MOST};
    fields.list = fields.some;
    if (add_lines(&fields, &stream->request.reply_trailers) < 0 ||
        nghttp2_submit_trailer(stream->http2->session, stream->id,
                               fields.list, fields.count) != 0)
        bide__http2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    fields_fini(&fields);
}

/* How much of the body the next frame may have. */
static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buf,
                       size_t len, uint32_t *flags,
                       nghttp2_data_source *source, void *data)
{
    struct bide__http2_stream *stream = source->ptr;
    (void)session;
    (void)id;
    (void)buf;
    (void)data;
    if (stream->left == 0 && !stream->last) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (len > stream->left)
        len = stream->left;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (len < stream->left || !stream->last)
        return (ssize_t)len;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->request.reply_trailers.len > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(stream);
    }
    return (ssize_t)len;
}

/* The frame goes to what the writer collects. nghttp2 would go on to the next
 * one by itself, for as long as the windows are open. */
static int on_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *head, size_t len,
                        nghttp2_data_source *source, void *data)
{
    struct bide__http2 *http2 = data;
    struct bide__http2_stream *stream = source->ptr;
    (void)session;
    (void)frame;
    if (bide__bytes_reserve(&http2->out, FRAME_HEAD + len) < 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    (void)bide__bytes_add(&http2->out, head, FRAME_HEAD);
    (void)bide__bytes_add(&http2->out, stream->data, len);
    stream->left -= len;
    stream->data = stream->left > 0 ? stream->data + len : NULL;
    http2->progress_at = bide_time();
    if (stream->left == 0)
        bide_event_set(&stream->writable);
    return http2->out.len < BIDE__HTTP2_OUT ? 0 : NGHTTP2_ERR_PAUSE;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame,
                         void *data)
{
    (void)data;
    if ((frame->hd.type != NGHTTP2_DATA &&
         frame->hd.type != NGHTTP2_HEADERS) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct bide__http2_stream *stream =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!stream)
        return 0;
    stream->sent_all = true;
    bide__http2_end_of_interest(stream);
    return 0;
}

void bide__http2_set_reply_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
                                                         on_frame_sent);
}

/* There is more to send on the stream, or its end. */
static void resume(struct bide__http2_stream *stream)
{
    if (stream->deferred && !stream->closed) {
        stream->deferred = false;
        (void)nghttp2_session_resume_data(stream->http2->session, stream->id);
    }
    bide__http2_wake(stream->http2);
}

/* ── The exchange ─────────────────────────────────────────────────────── */

static int raise_closed(const struct bide__http2_stream *stream)
{
    (void)stream;
    return bide_raise(-ECONNRESET, "the client has cancelled the request");
}

/* Fields are submitted once it is known whether a body follows them. */
static int submit(bide_http_request *request, int status, const char *type,
                  int64_t length)
{
    struct bide__http2_stream *stream = stream_of(request);
    struct fields fields = {.room = FIELDS_MOST};
    const nghttp2_data_provider body = {
        .source.ptr = stream,
        .read_callback = on_read,
    };
    bool none = request->bodyless ||
                (length == 0 && request->reply_trailers.len == 0);
    fields.list = fields.some;
    int rc = make_head(request, &fields, status, type, length);
    if (rc == 0 && nghttp2_submit_response(stream->http2->session, stream->id,
                                           fields.list, fields.count,
                                           none ? NULL : &body) != 0)
        rc = -ENOMEM;
    fields_fini(&fields);
    return rc;
}

static int http2_begin(bide_http_request *request, int status,
                       const char *type, int64_t length)
{
    struct bide__http2_stream *stream = stream_of(request);
    if (stream->closed)
        return raise_closed(stream);
    request->expects = false;
    return submit(request, status, type, length);
}

/* Wait until the writer has taken what is there. */
static int await_taken(struct bide__http2_stream *stream)
{
    double seconds = stream->http2->server->options.write_timeout;
    bide_timeout timeout;
    int rc = 0;
    bide_timeout_enter(&timeout, seconds);
    while (rc == 0 && stream->left > 0) {
        bide_event_clear(&stream->writable);
        rc = bide_event_wait(&stream->writable);
    }
    rc = bide_timeout_exit(&timeout, rc);
    stream->data = NULL; /* it is the handler's, who may go */
    stream->left = 0;
    if (rc == 0 && stream->closed && !stream->sent_all)
        rc = raise_closed(stream);
    return rc;
}

static int http2_write(bide_http_request *request, const void *data,
                       size_t len)
{
    struct bide__http2_stream *stream = stream_of(request);
    if (stream->closed)
        return raise_closed(stream);
    if (len == 0) {
        resume(stream);
        return bide_sleep(0);
    }
    stream->data = data;
    stream->left = len;
    resume(stream);
    return await_taken(stream);
}

/* Copy a short body, so that the handler need not wait. */
static bool keep(struct bide__http2_stream *stream, const void *data,
                 size_t len)
{
    char *copy = stream->small;
    if (len > BIDE__HTTP2_KEPT)
        return false;
    if (len > sizeof stream->small)
        copy = stream->kept = bide_allocate(len);
    if (!copy)
        return false;
    if (len > 0)
        memcpy(copy, data, len);
    stream->data = copy;
    stream->left = len;
    return true;
}

static int http2_write_all(bide_http_request *request, const void *data,
                           size_t len)
{
    struct bide__http2_stream *stream = stream_of(request);
    if (keep(stream, data, len)) {
        stream->last = request->reply_trailers.len == 0;
        resume(stream);
        return 0;
    }
    return http2_write(request, data, len);
}

int bide__http2_tell_to_go_on(struct bide__http2_stream *stream)
{
    static const nghttp2_nv status = {
        .name = STRING(":status"),
        .value = STRING("100"),
        .namelen = 7,
        .valuelen = 3,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
    stream->request.expects = false;
    if (stream->request.replied || stream->closed)
        return 0;
    int rc = nghttp2_submit_headers(stream->http2->session,
                                    NGHTTP2_FLAG_NONE, stream->id, NULL,
                                    &status, 1, NULL);
    bide__http2_wake(stream->http2);
    return rc < 0 ? -ENOMEM : 0;
}

void bide__http2_finish_reply(struct bide__http2_stream *stream)
{
    stream->last = true;
    if (!stream->closed)
        resume(stream);
}

void bide__http2_reset(struct bide__http2_stream *stream, uint32_t error)
{
    (void)nghttp2_submit_rst_stream(stream->http2->session, NGHTTP2_FLAG_NONE,
                                    stream->id, error);
    bide__http2_wake(stream->http2);
}

const struct bide__http_exchange bide__http2_exchange = {
    .read = bide__http2_read,
    .begin = http2_begin,
    .write = http2_write,
    .write_all = http2_write_all,
};

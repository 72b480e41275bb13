/* SPDX-License-Identifier: MIT */
/*
 * http2_stream.c — a stream of HTTP/2 and the response that comes on it.
 *
 * A stream is in the list of its connection until nghttp2 has closed it and
 * no response refers to it any more, whichever comes last.
 */
#include "http/client/http2.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define TRAILERS_MAX 16384

/* ── Life ─────────────────────────────────────────────────────────────── */

struct bide__h2_stream *bide__h2_stream_new(struct bide__h2 *h2,
                                            bide_http_response *response)
{
    struct bide__h2_stream *stream = bide_allocate(sizeof *stream);
    if (!stream)
        return NULL;
    memset(stream, 0, sizeof *stream);
    stream->h2 = h2;
    stream->response = response;
    stream->next = h2->streams;
    stream->place = &h2->streams;
    if (stream->next)
        stream->next->place = &stream->next;
    h2->streams = stream;
    return stream;
}

void bide__h2_stream_free(struct bide__h2_stream *stream)
{
    *stream->place = stream->next;
    if (stream->next)
        stream->next->place = stream->place;
    bide__bytes_free(&stream->head);
    bide__bytes_free(&stream->in);
    bide_release(stream);
}

void bide__h2_end(bide_http_response *response)
{
    struct bide__h2_stream *stream = response->h2;
    struct bide__h2 *h2 = stream->h2;
    response->h2 = NULL;
    stream->response = NULL;
    stream->out = NULL;
    stream->out_len = 0;
    if (stream->closed) {
        bide__h2_stream_free(stream);
    } else {
        (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE,
                                        stream->id, NGHTTP2_CANCEL);
        bide__h2_wake(h2);
    }
    bide__h2_unref(h2);
}

/* ── A response's head ────────────────────────────────────────────────── */

static struct bide__h2_stream *find(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static void fail(struct bide__h2_stream *stream, int code)
{
    if (!stream->failed)
        stream->failed = code;
    (void)nghttp2_submit_rst_stream(stream->h2->session, NGHTTP2_FLAG_NONE,
                                    stream->id, NGHTTP2_CANCEL);
    bide_event_set(&stream->changed);
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *data)
{
    struct bide__h2_stream *stream = find(session, frame->hd.stream_id);
    (void)data;
    if (stream && !stream->head_done) {
        stream->head.len = 0;
        stream->count = 0;
        stream->status = 0;
    }
    return 0;
}

static int keep_field(struct bide__h2_stream *stream, struct bide__bytes *to,
                      size_t most, const char *name, size_t name_len,
                      const char *value, size_t value_len)
{
    if (to->len + name_len + value_len + 2 > most ||
        ++stream->count > stream->response->session->options.fields)
        return -EMSGSIZE;
    int rc = bide__bytes_reserve(to, name_len + value_len + 2);
    if (rc < 0)
        return rc;
    (void)bide__bytes_add(to, name, name_len);
    (void)bide__bytes_add(to, "", 1);
    (void)bide__bytes_add(to, value, value_len);
    (void)bide__bytes_add(to, "", 1);
    return 0;
}

/* nghttp2 has checked names and values: no control characters, no NUL. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags,
                     void *data)
{
    struct bide__h2_stream *stream = find(session, frame->hd.stream_id);
    (void)flags, (void)data;
    if (!stream || !stream->response || stream->failed)
        return 0;
    if (name_len > 0 && name[0] == ':') {
        if (name_len == 7 && memcmp(name, ":status", 7) == 0 &&
            value_len == 3)
            stream->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 +
                             (value[2] - '0');
        return 0;
    }
    bool trailer = stream->head_done;
    size_t most = trailer ? TRAILERS_MAX
                          : stream->response->session->options.head;
    int rc = keep_field(stream,
                        trailer ? &stream->response->trailers : &stream->head,
                        most, (const char *)name, name_len,
                        (const char *)value, value_len);
    if (rc < 0)
        fail(stream, rc);
    return 0;
}

static void note(bide_http_response *response, const struct bide__field *field)
{
    if (strcmp(field->name, "content-length") != 0)
        return;
    int64_t length = 0;
    for (const char *c = field->value; *c >= '0' && *c <= '9'; c++)
        length = length * 10 + (*c - '0'); /* nghttp2 has checked it */
    response->length = length;
}

/* Fields and text become one piece of memory, as on HTTP/1.1. */
static int finish_head(struct bide__h2_stream *stream, bool ended)
{
    bide_http_response *response = stream->response;
    size_t fields = stream->count * sizeof response->fields[0];
    response->memory = bide_allocate(fields + stream->head.len + 1);
    if (!response->memory)
        return -ENOMEM;
    response->fields = (struct bide__field *)(void *)response->memory;
    char *at = response->memory + fields;
    if (stream->head.len > 0)
        memcpy(at, stream->head.data, stream->head.len);
    for (unsigned i = 0; i < stream->count; i++) {
        struct bide__field *field = &response->fields[i];
        field->name = at;
        field->value = at + strlen(at) + 1;
        at = field->value + strlen(field->value) + 1;
        note(response, field);
    }
    response->count = stream->count;
    response->status = stream->status;
    response->reason = bide__http_reason(stream->status);
    response->minor = 2;
    response->framing = ended ? BIDE__BODY_NONE : BIDE__BODY_CLOSE;
    if (!ended && response->length >= 0) {
        response->framing = BIDE__BODY_LENGTH;
        response->left = (uint64_t)response->length;
    }
    stream->count = 0;
    stream->head_done = true;
    return 0;
}

void bide__h2_on_frame(struct bide__h2 *h2, const nghttp2_frame *frame)
{
    struct bide__h2_stream *stream = find(h2->session, frame->hd.stream_id);
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!stream || !stream->response || stream->failed ||
        (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return;
    if (frame->hd.type == NGHTTP2_HEADERS && !stream->head_done &&
        stream->status >= 200) {
        int rc = finish_head(stream, ended);
        if (rc < 0)
            fail(stream, rc);
    }
    stream->ended |= ended;
    bide_event_set(&stream->changed);
}

/* ── Its body ─────────────────────────────────────────────────────────── */

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *data, size_t len, void *user)
{
    struct bide__h2_stream *stream = find(session, id);
    (void)flags, (void)user;
    (void)nghttp2_session_consume_connection(session, len);
    if (!stream || !stream->response || stream->failed) {
        (void)nghttp2_session_consume_stream(session, id, len);
        return 0;
    }
    struct bide__bytes *in = &stream->in;
    if (stream->taken > 0) {
        in->len -= stream->taken;
        memmove(in->data, in->data + stream->taken, in->len);
        stream->taken = 0;
    }
    int rc = bide__bytes_add(in, data, len);
    if (rc < 0)
        fail(stream, rc);
    else
        bide_event_set(&stream->changed);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error,
                    void *user)
{
    struct bide__h2_stream *stream = find(session, id);
    struct bide__h2 *h2 = user;
    if (!stream)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    stream->closed = true;
    stream->error = error;
    bide_event_set(&stream->changed);
    if (!stream->response)
        bide__h2_stream_free(stream);
    bide__h2_deactivate(h2);
    return 0;
}

void bide__h2_add_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                            on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           on_close);
}

int bide__h2_failure_of(const struct bide__h2_stream *stream)
{
    const struct bide__h2 *h2 = stream->h2;
    if (stream->failed == -EMSGSIZE)
        return bide_raise(-EMSGSIZE, "the head of the response, or its "
                                     "trailers, are larger than allowed");
    if (stream->failed)
        return stream->failed;
    if (stream->ended || !stream->closed)
        return 0;
    if (h2->failed == -EBADMSG)
        return bide__malformed("the server does not keep to HTTP/2");
    if (h2->failed == -ENOMEM)
        return -ENOMEM;
    if (h2->failed)
        return bide_raise(BIDE_E_INCOMPLETE, "the connection ended before "
                                             "the response");
    if (stream->error == NGHTTP2_PROTOCOL_ERROR)
        return bide__malformed("it is no sound message of HTTP/2");
    return bide_raise(-ECONNRESET, "the server reset the stream: %s",
                      nghttp2_http2_strerror(stream->error));
}

int bide__h2_wait(struct bide__h2_stream *stream)
{
    bide_event_clear(&stream->changed);
    return bide_event_wait(&stream->changed);
}

ssize_t bide__h2_read(bide_http_response *response, void *buf, size_t len)
{
    struct bide__h2_stream *stream = response->h2;
    while (stream->taken == stream->in.len) {
        int rc = bide__h2_failure_of(stream);
        if (rc < 0) {
            response->failed = rc;
            return rc;
        }
        if (stream->ended) {
            bide__response_complete(response);
            return 0;
        }
        rc = bide__h2_wait(stream);
        if (rc < 0)
            return rc;
    }
    size_t have = stream->in.len - stream->taken;
    if (len > have)
        len = have;
    memcpy(buf, stream->in.data + stream->taken, len);
    stream->taken += len;
    response->received += len;
    response->left -= len < response->left ? len : response->left;
    if (stream->taken == stream->in.len)
        stream->taken = stream->in.len = 0;
    if (!stream->closed) {
        (void)nghttp2_session_consume_stream(stream->h2->session, stream->id,
                                             len);
        bide__h2_wake(stream->h2);
    }
    if (stream->ended && stream->in.len == 0)
        bide__response_complete(response);
    return (ssize_t)len;
}

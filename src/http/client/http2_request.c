/* SPDX-License-Identifier: MIT */
/*
 * http2_request.c — a request on HTTP/2: its head, its body, and the wait for
 * the head of its response.
 *
 * The body is given to nghttp2 when it asks for data, from memory of the task
 * that sends; what is left when the task goes on is never sent.
 */
#include "http/client/http2.h"

#include <errno.h>
#include <string.h>

#define PIECE 16384

/* ── A request's head ─────────────────────────────────────────────────── */

#define FIELDS_MAX 256

struct request {
    nghttp2_nv fields[FIELDS_MAX];
    size_t count;
};

static int add(struct request *request, const char *name, size_t name_len,
               const char *value, size_t value_len)
{
    if (request->count == FIELDS_MAX)
        return bide_raise(-EINVAL, "more than %d headers", FIELDS_MAX);
    request->fields[request->count++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = name_len,
        .valuelen = value_len,
    };
    return 0;
}

/* "Name: value\r\n" ..., whose names become small letters. */
static int add_lines(struct request *request, char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        char *line = text + at;
        char *colon = memchr(line, ':', len - at);
        char *end = memchr(line, '\r', len - at);
        size_t name_len = (size_t)(colon - line);
        for (size_t i = 0; i < name_len; i++)
            if (line[i] >= 'A' && line[i] <= 'Z')
                line[i] |= 0x20;
        int rc = add(request, line, name_len, colon + 2,
                     (size_t)(end - colon) - 2);
        if (rc < 0)
            return rc;
        at = (size_t)(end + 2 - text);
    }
    return 0;
}

static bool sends_body(const struct bide__call *call)
{
    return call->content.any && !call->no_body;
}

static int write_lines(struct bide__call *call, struct bide__bytes *out)
{
    out->len = 0;
    int rc = bide__headers_write(call, out);
    if (rc < 0 || !sends_body(call) || call->content.length < 0)
        return rc;
    static const char name[] = "content-length: ";
    rc = bide__bytes_add(out, name, sizeof name - 1);
    if (rc == 0)
        rc = bide__bytes_add_number(out, (uint64_t)call->content.length);
    return rc < 0 ? rc : bide__bytes_add(out, "\r\n", 2);
}

static int fill(struct bide__call *call, struct bide__bytes *lines,
                struct request *request)
{
    const struct bide__url *url = &call->url;
    const char *host = bide__headers_host(call);
    const char *authority = host ? host : url->text + url->authority;
    size_t len = host ? strlen(host) : url->target - url->authority;
    int rc = write_lines(call, lines);
    if (rc < 0)
        return rc;
    (void)add(request, ":method", 7, call->method, strlen(call->method));
    (void)add(request, ":scheme", 7, "https", 5);
    (void)add(request, ":authority", 10, authority, len);
    (void)add(request, ":path", 5, url->text + url->target,
              url->len - url->target);
    return add_lines(request, lines->data, lines->len);
}

/* ── A request's body ─────────────────────────────────────────────────── */

/* nghttp2 wants data for a frame. */
static ssize_t give_data(nghttp2_session *session, int32_t id, uint8_t *buf,
                         size_t len, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct bide__h2_stream *stream = source->ptr;
    (void)session, (void)id, (void)user;
    if (!stream->response)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (stream->out_len == 0 && !stream->out_ended) {
        stream->out_waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (len > stream->out_len)
        len = stream->out_len;
    if (len > 0) {
        memcpy(buf, stream->out, len);
        stream->out += len;
        stream->out_len -= len;
    }
    if (stream->out_len == 0) {
        if (stream->out_ended)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        bide_event_set(&stream->changed);
    }
    return (ssize_t)len;
}

static void resume(struct bide__h2_stream *stream)
{
    if (stream->out_waiting && !stream->closed) {
        stream->out_waiting = false;
        (void)nghttp2_session_resume_data(stream->h2->session, stream->id);
        bide__h2_wake(stream->h2);
    }
}

/* Nobody wants the rest of the body. */
static bool is_over(const struct bide__h2_stream *stream)
{
    return stream->closed || stream->failed || stream->ended ||
           (stream->head_done && stream->status >= 300);
}

/* The server answers before it has all: take what comes, or both sides would
 * wait for each other. */
static int absorb(struct bide__h2_stream *stream)
{
    bide_http_response *response = stream->response;
    size_t len = stream->in.len;
    if (len == 0 ||
        response->early.len + len > response->session->options.body)
        return 0;
    int rc = bide__bytes_add(&response->early, stream->in.data, len);
    if (rc < 0)
        return rc;
    stream->in.len = 0;
    if (!stream->closed)
        (void)nghttp2_session_consume_stream(stream->h2->session, stream->id,
                                             len);
    bide__h2_wake(stream->h2);
    return 0;
}

static int drain(struct bide__h2_stream *stream)
{
    int rc = 0;
    while (rc == 0 && stream->out_len > 0 && !is_over(stream)) {
        rc = bide__h2_wait(stream);
        if (rc == 0)
            rc = absorb(stream);
    }
    return rc;
}

static int send_source(struct bide__content *content,
                       struct bide__h2_stream *stream, char *buf)
{
    uint64_t sent = 0;
    content->begun = true;
    while (!is_over(stream)) {
        ssize_t n = content->source(content->source_arg, buf, PIECE);
        if (n < 0)
            return (int)n;
        sent += (uint64_t)n;
        if (content->length >= 0 &&
            (n == 0 ? sent != (uint64_t)content->length
                    : sent > (uint64_t)content->length))
            return bide_raise(-EMSGSIZE, "the source of the body gave %llu "
                                         "bytes, %lld were announced",
                              (unsigned long long)sent,
                              (long long)content->length);
        stream->out = buf;
        stream->out_len = (size_t)n;
        stream->out_ended = n == 0;
        resume(stream);
        int rc = drain(stream);
        if (rc < 0 || n == 0)
            return rc;
    }
    return 0;
}

/* What is left unsent is never sent: its memory goes. */
static void abandon(struct bide__h2_stream *stream)
{
    if (stream->out_len > 0)
        stream->out_ended = false;
    stream->out = NULL;
    stream->out_len = 0;
}

static int send_body(struct bide__content *content,
                     struct bide__h2_stream *stream)
{
    int rc;
    if (content->source) {
        char *buf = bide_allocate(PIECE);
        rc = buf ? send_source(content, stream, buf) : -ENOMEM;
        abandon(stream);
        bide_release(buf);
    } else {
        rc = drain(stream);
        abandon(stream);
    }
    return rc;
}

/* ── Together ─────────────────────────────────────────────────────────── */

static int submit(struct bide__call *call, struct bide__h2 *h2,
                  struct bide__h2_stream *stream)
{
    struct request *request = bide_allocate(sizeof *request);
    if (!request)
        return -ENOMEM;
    request->count = 0;
    const nghttp2_data_provider provider = {{.ptr = stream}, give_data};
    bool body = sends_body(call);
    if (body && !call->content.source) {
        stream->out = call->content.data;
        stream->out_len = call->content.len;
        stream->out_ended = true;
    }
    int rc = fill(call, &h2->scratch, request);
    if (rc == 0) {
        int32_t id = nghttp2_submit_request(h2->session, NULL,
                                            request->fields, request->count,
                                            body ? &provider : NULL, stream);
        stream->id = id;
        if (id < 0)
            rc = id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EAGAIN;
    }
    bide_release(request);
    return rc;
}

static int await_head(struct bide__h2_stream *stream)
{
    while (!stream->head_done) {
        int rc = bide__h2_failure_of(stream);
        if (rc < 0)
            return rc;
        if (stream->closed || stream->ended)
            return bide__malformed("a stream of HTTP/2 without a head");
        rc = bide__h2_wait(stream);
        if (rc < 0)
            return rc;
    }
    return stream->failed ? bide__h2_failure_of(stream) : 0;
}

/* The server has said that it did nothing, or the connection was on its way
 * out when the request came. */
static bool was_untouched(const struct bide__h2_stream *stream)
{
    return stream->closed && !stream->head_done &&
           stream->error == NGHTTP2_REFUSED_STREAM;
}

int bide__h2_exchange(struct bide__call *call, struct bide__link *link,
                      bide_http_response *response, bool *ret_begun)
{
    struct bide__h2 *h2 = link->h2;
    struct bide__h2_stream *stream = NULL;
    int rc = h2->failed || h2->closing ? -EAGAIN : 0;
    if (rc == 0) {
        stream = bide__h2_stream_new(h2, response);
        rc = stream ? submit(call, h2, stream) : -ENOMEM;
    }
    if (rc < 0) {
        if (stream)
            bide__h2_stream_free(stream);
        bide__h2_unreserve(link);
        return rc;
    }
    response->h2 = stream; /* the reservation is its now */
    bide__h2_wake(h2);
    if (sends_body(call))
        rc = send_body(&call->content, stream);
    if (rc == 0)
        rc = await_head(stream);
    *ret_begun = stream->head_done;
    if (rc < 0 && was_untouched(stream))
        rc = -EAGAIN;
    return rc;
}

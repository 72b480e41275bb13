/* SPDX-License-Identifier: MIT */
/*
 * stream.c — a request of HTTP/2: its life, its handler's task, its body.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/http2/http2.h"

#define DRAIN_MAX 65536 /* of a body that nobody read */

/* ── Life ─────────────────────────────────────────────────────────────── */

static void enlist(struct bide__http2_stream *stream)
{
    struct bide__http2 *http2 = stream->http2;
    stream->next = http2->streams;
    stream->place = &http2->streams;
    if (stream->next)
        stream->next->place = &stream->next;
    http2->streams = stream;
    http2->open++;
}

static void delist(struct bide__http2_stream *stream)
{
    struct bide__http2 *http2 = stream->http2;
    *stream->place = stream->next;
    if (stream->next)
        stream->next->place = stream->place;
    http2->open--;
    if (http2->open == 0)
        http2->idle_since = bide_time();
}

struct bide__http2_stream *bide__http2_stream_new(struct bide__http2 *http2,
                                                  int32_t id)
{
    struct bide__http2_stream *stream = http2->spare;
    if (stream) {
        http2->spare = stream->next;
        http2->spares--;
    } else {
        stream = bide_allocate(sizeof *stream);
        if (!stream)
            return NULL;
    }
    memset(stream, 0, offsetof(struct bide__http2_stream, some_fields));
    bide_http_request *request = &stream->request;
    stream->http2 = http2;
    stream->id = id;
    stream->text = stream->some_text;
    stream->text_cap = sizeof stream->some_text;
    request->exchange = &bide__http2_exchange;
    request->server = http2->server;
    request->stream = http2->stream;
    request->version = 20;
    request->fields = stream->some_fields;
    request->room = BIDE__HTTP2_FIELDS;
    request->deadline =
        http2->head_since + http2->server->options.request_timeout;
    enlist(stream);
    return stream;
}

void bide__http2_stream_free(struct bide__http2_stream *stream)
{
    struct bide__http2 *http2 = stream->http2;
    bide_http_request *request = &stream->request;
    delist(stream);
    bide__http_end_request(request);
    if (stream->text != stream->some_text)
        bide_release(stream->text);
    if (request->fields != stream->some_fields)
        bide_release(request->fields);
    bide_release(request->body);
    bide_release(request->trailers);
    bide_release(stream->kept);
    bide__bytes_free(&request->headers);
    bide__bytes_free(&request->reply_trailers);
    bide__bytes_free(&stream->in);
    if (http2->spares < BIDE__HTTP2_SPARE) {
        stream->next = http2->spare;
        http2->spare = stream;
        http2->spares++;
    } else {
        bide_release(stream);
    }
}

/* ── The handler ──────────────────────────────────────────────────────── */

/* Whether so much of a body is to come that it is better not sent. */
static bool is_long(const struct bide__http2_stream *stream)
{
    const bide_http_request *request = &stream->request;
    return request->expects || stream->drained > DRAIN_MAX ||
           (request->framing == BIDE__BODY_LENGTH &&
            request->left > request->received + DRAIN_MAX);
}

/* RFC 9113, 8.1: a client that is told so knows that its request was served
 * all the same. */
void bide__http2_end_of_interest(struct bide__http2_stream *stream)
{
    if (stream->done && stream->sent_all && !stream->ended &&
        is_long(stream))
        bide__http2_reset(stream, NGHTTP2_NO_ERROR);
}

/* Nothing of it is left to do. */
static void settle(struct bide__http2_stream *stream)
{
    struct bide__http2 *http2 = stream->http2;
    if (stream->in.len > stream->in_begin)
        bide__http2_consumed(http2, stream->id,
                             stream->in.len - stream->in_begin);
    stream->in_begin = stream->in.len;
    stream->done = true;
    if (stream->closed) {
        bide__http2_stream_free(stream);
    } else {
        if (http2->waiting++ == 0)
            http2->progress_at = bide_time();
        bide__http2_end_of_interest(stream);
    }
    bide__http2_wake(http2);
}

static void report(bide_http_request *request, int code)
{
    char text[2 * BIDE_ERRMSG_MAX];
    const char *message = bide_errmsg(code);
    snprintf(text, sizeof text,
             "the handler of %.80s, task '%s', failed with %s (%s)",
             request->target, bide_task_name(bide_current_task()),
             bide_errname(code), message);
    const bide_report finding = {
        .text = text,
        .task = bide_task_name(bide_current_task()),
        .code = code,
        .message = message,
    };
    bide_call_exception_handler(bide_loop_current(), &finding);
}

/* The handler has returned a negative code, or no reply. */
static void fail(struct bide__http2_stream *stream, int code)
{
    bide_http_request *request = &stream->request;
    if (!stream->closed && !request->replied && code != -ECANCELED &&
        bide__http_refuse(request,
                          bide__http_status_of_failure(request)) == 0)
        bide__http2_finish_reply(stream);
    else if (!stream->closed)
        bide__http2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    if (code != -ECANCELED && code != request->failed &&
        code != request->denied && !(stream->closed && request->broken))
        report(request, code);
}

static int handle(void *arg)
{
    struct bide__http2_stream *stream = arg;
    struct bide__http2 *http2 = stream->http2;
    bide_http_request *request = &stream->request;
    stream->task = bide_current_task();
    http2->running++;
    int rc = bide__http_call_handler(request);
    if (rc >= 0)
        rc = bide__http_check_reply(request);
    if (rc >= 0)
        bide__http2_finish_reply(stream);
    else
        fail(stream, rc);
    stream->task = NULL;
    http2->running--;
    settle(stream);
    return 0;
}

static void refuse(struct bide__http2_stream *stream, int status)
{
    if (bide__http_refuse(&stream->request, status) == 0)
        bide__http2_finish_reply(stream);
    else
        bide__http2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    settle(stream);
}

int bide__http2_begin_request(struct bide__http2_stream *stream, bool ended)
{
    struct bide__http2 *http2 = stream->http2;
    bide_http_server *server = http2->server;
    const bide_task_options options = {
        .eager_start = true,
        .stack_size = server->options.stack_size,
    };
    stream->ended = ended;
    int rc = bide__http2_understand(stream, ended);
    if (rc < 0 && (rc > -400 || rc < -599))
        return rc;
    if (rc < 0)
        return refuse(stream, -rc), 0;
    http2->served++;
    if (server->options.requests > 0 &&
        http2->served >= server->options.requests)
        bide__http2_stop(http2);
    (void)bide_group_create_task_with(&http2->group, handle, stream,
                                      &options);
    return 0;
}

void bide__http2_closed(struct bide__http2_stream *stream)
{
    struct bide__http2 *http2 = stream->http2;
    stream->closed = true;
    http2->in_head = false;
    http2->waiting -= stream->done;
    http2->progress_at = bide_time();
    bide__http2_wake(http2);
    if (!stream->task) {
        bide__http2_stream_free(stream);
        return;
    }
    if (!stream->ended && !stream->request.failed)
        (void)bide__http_cut_off(&stream->request);
    stream->left = 0;
    bide_event_set(&stream->readable);
    bide_event_set(&stream->writable);
    if (!stream->sent_all)
        (void)bide_task_cancel(stream->task);
}

/* ── The body ─────────────────────────────────────────────────────────── */

void bide__http2_consumed(struct bide__http2 *http2, int32_t id, size_t len)
{
    if (nghttp2_session_consume(http2->session, id, len) == 0)
        bide__http2_wake(http2);
}

static ssize_t take(struct bide__http2_stream *stream, void *buf, size_t len)
{
    struct bide__bytes *in = &stream->in;
    size_t have = in->len - stream->in_begin;
    if (len > have)
        len = have;
    memcpy(buf, in->data + stream->in_begin, len);
    stream->in_begin += len;
    if (stream->in_begin == in->len)
        stream->in_begin = in->len = 0;
    if (!stream->closed)
        bide__http2_consumed(stream->http2, stream->id, len);
    return (ssize_t)len;
}

static int await_data(struct bide__http2_stream *stream)
{
    bide_http_request *request = &stream->request;
    bide_timeout timeout;
    bide_event_clear(&stream->readable);
    bide_timeout_enter_at(&timeout, request->deadline);
    int rc =
        bide_timeout_exit(&timeout, bide_event_wait(&stream->readable));
    if (rc == -ETIME)
        request->failed = rc;
    return rc;
}

ssize_t bide__http2_read(bide_http_request *request, void *buf, size_t len)
{
    struct bide__http2_stream *stream = (struct bide__http2_stream *)request;
    int rc = 0;
    if (request->expects)
        rc = bide__http2_tell_to_go_on(stream);
    while (rc == 0) {
        if (stream->in.len > stream->in_begin)
            return take(stream, buf, len);
        if (request->failed)
            return request->failed;
        if (stream->ended) {
            request->complete = true;
            return 0;
        }
        rc = await_data(stream);
    }
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * stream.c — a request of HTTP/2: its head, its handler's task, its body.
 *
 * The head is collected as text in the stream's own memory, which is enough
 * for most. Its fields hold offsets as long as more may come, since the text
 * may move; then they become strings. Host is :authority, and cookies that
 * were sent apart are one again (RFC 9113, 8.2.3), so that handlers see what
 * HTTP/1 would have shown them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/http2/http2.h"

#define FIELD_OVERHEAD 32 /* RFC 9113, 6.5.2 */
#define TRAILERS_MAX 8192 /* bytes */
#define DRAIN_MAX 65536   /* of a body that nobody read */

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

/* ── Collecting fields ────────────────────────────────────────────────── */

static int reserve_text(struct bide__http2_stream *stream, size_t more)
{
    size_t cap = stream->text_cap;
    if (cap - stream->text_len >= more)
        return 0;
    while (cap - stream->text_len < more)
        cap *= 2;
    char *text = bide_allocate(cap);
    if (!text)
        return -ENOMEM;
    memcpy(text, stream->text, stream->text_len);
    if (stream->text != stream->some_text)
        bide_release(stream->text);
    stream->text = text;
    stream->text_cap = cap;
    return 0;
}

static int reserve_field(struct bide__http2_stream *stream)
{
    bide_http_request *request = &stream->request;
    if (request->count < request->room)
        return 0;
    unsigned room = 2 * request->room;
    struct bide__field *fields = bide_allocate(room * sizeof *fields);
    if (!fields)
        return -ENOMEM;
    memcpy(fields, request->fields, request->count * sizeof *fields);
    if (request->fields != stream->some_fields)
        bide_release(request->fields);
    request->fields = fields;
    request->room = room;
    return 0;
}

/* Returns the offset. There is room. */
static size_t add_text(struct bide__http2_stream *stream, const char *text,
                       size_t len)
{
    size_t at = stream->text_len;
    memcpy(stream->text + at, text, len);
    stream->text[at + len] = '\0';
    stream->text_len = at + len + 1;
    return at;
}

static void note_pseudo(struct bide__http2_stream *stream, const char *name,
                        size_t at)
{
    static const char *const names[BIDE__HTTP2_PSEUDOS] = {
        [BIDE__HTTP2_METHOD] = ":method",
        [BIDE__HTTP2_PATH] = ":path",
        [BIDE__HTTP2_AUTHORITY] = ":authority",
        [BIDE__HTTP2_SCHEME] = ":scheme",
    };
    for (unsigned i = 0; i < BIDE__HTTP2_PSEUDOS; i++)
        if (strcmp(name, names[i]) == 0)
            stream->pseudo[i] = at + 1;
}

/* Whether it is within the limits. */
static bool fits(struct bide__http2_stream *stream, size_t size)
{
    const bide_http_server_options *options =
        &stream->http2->server->options;
    stream->head_size += size;
    if (stream->head_size > options->head ||
        stream->request.count >= options->fields)
        stream->refused = 431;
    return !stream->refused;
}

static int add_to_head(struct bide__http2_stream *stream, const char *name,
                       size_t name_len, const char *value, size_t value_len)
{
    bide_http_request *request = &stream->request;
    int rc = reserve_text(stream, name_len + value_len + 2);
    if (rc < 0)
        return rc;
    if (name[0] == ':') {
        note_pseudo(stream, name, add_text(stream, value, value_len));
        return 0;
    }
    rc = reserve_field(stream);
    if (rc < 0)
        return rc;
    uintptr_t name_at = add_text(stream, name, name_len);
    uintptr_t value_at = add_text(stream, value, value_len);
    request->fields[request->count++] = (struct bide__field){
        .name = (char *)name_at,
        .value = (char *)value_at,
        .name_len = (unsigned)name_len,
        .value_len = (unsigned)value_len,
    };
    return 0;
}

/* The handler may hold what is in the head, so trailers have a memory of
 * their own, which does not move either. */
static int add_to_trailers(struct bide__http2_stream *stream,
                           const char *name, size_t name_len,
                           const char *value, size_t value_len)
{
    bide_http_request *request = &stream->request;
    size_t used = stream->trailers_len;
    if (used + name_len + value_len + 2 > TRAILERS_MAX) {
        stream->refused = 431;
        return 0;
    }
    if (!request->trailers)
        request->trailers = bide_allocate(TRAILERS_MAX);
    if (!request->trailers || reserve_field(stream) < 0)
        return -ENOMEM;
    char *at = request->trailers + used;
    memcpy(at, name, name_len);
    at[name_len] = '\0';
    memcpy(at + name_len + 1, value, value_len);
    at[name_len + 1 + value_len] = '\0';
    request->fields[request->count++] = (struct bide__field){
        .name = at,
        .value = at + name_len + 1,
        .name_len = (unsigned)name_len,
        .value_len = (unsigned)value_len,
    };
    stream->trailers_len += name_len + value_len + 2;
    return 0;
}

int bide__http2_add_field(struct bide__http2_stream *stream, const char *name,
                          size_t name_len, const char *value,
                          size_t value_len)
{
    if (!fits(stream, name_len + value_len + FIELD_OVERHEAD))
        return 0;
    if (!stream->request.method)
        return add_to_head(stream, name, name_len, value, value_len);
    return add_to_trailers(stream, name, name_len, value, value_len);
}

/* ── What the head says ───────────────────────────────────────────────── */

/* :authority is Host; a Host that says something else has the request
 * understood in two ways. */
static int set_host(struct bide__http2_stream *stream, const char *authority)
{
    bide_http_request *request = &stream->request;
    const char *host = bide_http_request_header(request, "host");
    if (!authority)
        return host ? 0 : -400;
    if (host)
        return strcasecmp(host, authority) == 0 ? 0 : -400;
    if (reserve_field(stream) < 0)
        return -ENOMEM;
    memmove(request->fields + 1, request->fields,
            request->count * sizeof *request->fields);
    request->fields[0] = (struct bide__field){
        .name = (char *)(uintptr_t) "host",
        .value = (char *)(uintptr_t)authority,
        .name_len = 4,
        .value_len = (unsigned)strlen(authority),
    };
    request->count++;
    return 0;
}

static bool is_cookie(const struct bide__field *field)
{
    return field->name_len == 6 && memcmp(field->name, "cookie", 6) == 0;
}

/* Join all cookies to the first; the others' places are closed. */
static int join_cookies(struct bide__http2_stream *stream)
{
    bide_http_request *request = &stream->request;
    size_t len = 0;
    unsigned count = 0;
    for (unsigned i = 0; i < request->count; i++)
        if (is_cookie(&request->fields[i])) {
            len += request->fields[i].value_len + 2;
            count++;
        }
    if (count < 2)
        return 0;
    if (reserve_text(stream, len) < 0)
        return -ENOMEM;
    struct bide__field *first = NULL;
    char *begin = stream->text + stream->text_len;
    char *end = begin;
    unsigned used = 0;
    for (unsigned i = 0; i < request->count; i++) {
        struct bide__field *field = &request->fields[i];
        bool cookie = is_cookie(field);
        if (cookie) {
            end = mempcpy(end, first ? "; " : "", first ? 2 : 0);
            end = mempcpy(end, field->value, field->value_len);
        }
        if (!cookie || !first)
            request->fields[used++] = *field;
        if (cookie && !first)
            first = &request->fields[used - 1];
    }
    *end++ = '\0';
    request->count = used;
    first->value = begin;
    first->value_len = (unsigned)(end - begin) - 1;
    stream->text_len = (size_t)(end - stream->text);
    return 0;
}

/* nghttp2 has seen to it that it is a number, and the only one. */
static int note_length(struct bide__http2_stream *stream, bool ended)
{
    bide_http_request *request = &stream->request;
    const char *text = bide_http_request_header(request, "content-length");
    request->complete = ended;
    request->framing = ended ? BIDE__BODY_NONE : BIDE__BODY_CHUNKED;
    if (ended || !text)
        return 0;
    uint64_t length = 0;
    for (; *text; text++)
        if (__builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(*text - '0'), &length))
            return -413;
    if (length > request->server->options.body)
        return -413;
    request->framing = BIDE__BODY_LENGTH;
    request->left = length;
    return 0;
}

static int note_expectation(bide_http_request *request)
{
    const char *expect = bide_http_request_header(request, "expect");
    if (!expect || request->complete)
        return 0;
    request->expects = strcasecmp(expect, "100-continue") == 0;
    return request->expects ? 0 : -417;
}

static char *pseudo_of(const struct bide__http2_stream *stream,
                       enum bide__http2_pseudo which)
{
    size_t at = stream->pseudo[which];
    return at > 0 ? stream->text + at - 1 : NULL;
}

/* Returns 0, a negative status, or -ENOMEM. */
static int understand(struct bide__http2_stream *stream, bool ended)
{
    bide_http_request *request = &stream->request;
    for (unsigned i = 0; i < request->count; i++) {
        struct bide__field *field = &request->fields[i];
        field->name = stream->text + (uintptr_t)field->name;
        field->value = stream->text + (uintptr_t)field->value;
    }
    static char none[] = "";
    request->method = pseudo_of(stream, BIDE__HTTP2_METHOD);
    request->target = pseudo_of(stream, BIDE__HTTP2_PATH);
    if (!request->target) /* CONNECT has none */
        request->target = pseudo_of(stream, BIDE__HTTP2_AUTHORITY);
    if (!request->method || !request->target) {
        request->method = request->method ? request->method : none;
        request->target = none;
        return stream->refused ? -stream->refused : -400;
    }
    request->target_len = strlen(request->target);
    request->head_only = strcmp(request->method, "HEAD") == 0;
    int rc = join_cookies(stream);
    if (rc == 0)
        rc = set_host(stream, pseudo_of(stream, BIDE__HTTP2_AUTHORITY));
    int length = note_length(stream, ended);
    if (rc == 0)
        rc = stream->refused ? -stream->refused : length;
    return rc == 0 ? note_expectation(request) : rc;
}

void bide__http2_end_trailers(struct bide__http2_stream *stream)
{
    bide_http_request *request = &stream->request;
    if (stream->refused && !request->failed)
        request->failed =
            bide_raise(-EBADMSG, "the trailers of the request are too long");
    bide_event_set(&stream->readable);
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
    int rc = understand(stream, ended);
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

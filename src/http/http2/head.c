/* SPDX-License-Identifier: MIT */
/*
 * head.c — the head of a request of HTTP/2, and its trailers.
 *
 * The head is collected as text in the stream's own memory, which is enough
 * for most. Its fields hold offsets as long as more may come, since the text
 * may move; then they become strings. Host is :authority, and cookies that
 * were sent apart are one again (RFC 9113, 8.2.3), so that handlers see what
 * HTTP/1 would have shown them.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/http2/http2.h"

#define FIELD_OVERHEAD 32 /* RFC 9113, 6.5.2 */
#define TRAILERS_MAX 8192 /* bytes */

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

int bide__http2_understand(struct bide__http2_stream *stream, bool ended)
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

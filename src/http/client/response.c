/* SPDX-License-Identifier: MIT */
/*
 * response.c — what programs read of a response.
 *
 *     connection ─► body.c ─► decode.c ─► lines, body, or the caller
 *
 * Bytes that were read for a line and belong behind it wait in `lines`, and
 * every reader takes those first.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/client/client.h"

#define LINE_MOST ((size_t)1 << 20)
#define PIECE 16384

/* ── Life ─────────────────────────────────────────────────────────────── */

bide_http_response *bide__response_new(struct bide__call *call)
{
    bide_http_response *response = bide_allocate(sizeof *response);
    if (!response)
        return NULL;
    memset(response, 0, sizeof *response);
    response->session = call->session;
    response->length = -1;
    response->head_only = strcmp(call->method, "HEAD") == 0;
    response->deadline = call->deadline;
    response->redirects = call->redirects;
    bide__session_ref(call->session);
    return response;
}

/* Bytes that nobody asked for must not answer the next request. */
static bool is_clean(const bide_http_response *response)
{
    return response->keep && response->ahead == 0;
}

void bide__response_complete(bide_http_response *response)
{
    struct bide__link *link = response->link;
    response->complete = true;
    if (response->held)
        return;
    response->link = NULL;
    if (link)
        link->exact = response->exact;
    if (response->h2)
        bide__h2_end(response);
    else if (link && is_clean(response))
        bide__pool_keep(link);
    else if (link)
        bide__pool_close(link);
}

/* The rest of a body that is there already is no reason to close. */
static bool skip_rest(bide_http_response *response)
{
    if (response->failed || response->framing != BIDE__BODY_LENGTH ||
        response->left != response->ahead)
        return false;
    bide_stream_skip(response->link->stream, response->ahead);
    response->ahead = 0;
    return true;
}

void bide_http_response_close(bide_http_response *response)
{
    if (!response)
        return;
    if (response->h2) {
        bide__h2_end(response);
    } else if (response->link) {
        response->keep = response->keep && skip_rest(response);
        bide__response_complete(response);
    }
    bide_release(response->memory);
    bide_release(response->url);
    bide_release(response->converted);
    bide__bytes_free(&response->trailers);
    bide__bytes_free(&response->early);
    bide__bytes_free(&response->lines);
    bide__bytes_free(&response->body);
    bide__decoder_free(response->decoder);
    bide__session_unref(response->session);
    bide_release(response);
}

/* ── What it says ─────────────────────────────────────────────────────── */

int bide_http_response_status(const bide_http_response *response)
{
    return response->status;
}

const char *bide_http_response_reason(const bide_http_response *response)
{
    return response->reason;
}

int bide_http_response_raise_for_status(const bide_http_response *response)
{
    if (response->status < 400)
        return 0;
    return bide_raise(BIDE_E_HTTP_STATUS, "%d%s%.60s: %.120s",
                      response->status, *response->reason ? " " : "",
                      response->reason, response->url);
}

const char *bide_http_response_url(const bide_http_response *response)
{
    return response->url;
}

unsigned bide_http_response_redirects(const bide_http_response *response)
{
    return response->redirects;
}

const char *bide_http_response_version(const bide_http_response *response)
{
    static const char *const versions[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2"};
    return versions[response->minor];
}

const char *bide_http_response_header(const bide_http_response *response,
                                      const char *name)
{
    for (unsigned i = 0; i < response->count; i++)
        if (strcasecmp(response->fields[i].name, name) == 0)
            return response->fields[i].value;
    return NULL;
}

bool bide_http_response_field(const bide_http_response *response, size_t index,
                              const char **ret_name, const char **ret_value)
{
    if (index >= response->count)
        return false;
    *ret_name = response->fields[index].name;
    *ret_value = response->fields[index].value;
    return true;
}

const char *bide_http_response_trailer(const bide_http_response *response,
                                       const char *name)
{
    const struct bide__bytes *trailers = &response->trailers;
    for (size_t at = 0; response->complete && at < trailers->len;) {
        const char *found = trailers->data + at;
        const char *value = found + strlen(found) + 1;
        if (strcasecmp(found, name) == 0)
            return value;
        at = (size_t)(value + strlen(value) + 1 - trailers->data);
    }
    return NULL;
}

int64_t bide_http_response_length(const bide_http_response *response)
{
    return response->decoder ? -1 : response->length;
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static ssize_t read_content(bide_http_response *response, void *buf,
                            size_t len)
{
    if (response->decoder)
        return bide__decoder_read(response->decoder, response, buf, len);
    return bide__body_read(response, buf, len);
}

static double wait_until(const bide_http_response *response)
{
    double patience = response->session->options.read_timeout;
    return isinf(patience) ? response->deadline
                           : fmin(response->deadline, bide_time() + patience);
}

static ssize_t read_in_time(bide_http_response *response, void *buf,
                            size_t len)
{
    bide_timeout timeout;
    if (isinf(response->deadline) &&
        isinf(response->session->options.read_timeout))
        return read_content(response, buf, len);
    bide_timeout_enter_at(&timeout, wait_until(response));
    ssize_t n = read_content(response, buf, len);
    int rc = bide_timeout_exit(&timeout, n < 0 ? (int)n : 0);
    if (rc == -ETIME)
        response->failed = rc;
    return rc < 0 ? rc : n;
}

static ssize_t take_line_bytes(bide_http_response *response, void *buf,
                               size_t len)
{
    struct bide__bytes *lines = &response->lines;
    size_t have = lines->len - response->taken;
    if (len > have)
        len = have;
    memcpy(buf, lines->data + response->taken, len);
    response->taken += len;
    if (response->taken == lines->len)
        response->taken = lines->len = 0;
    return (ssize_t)len;
}

ssize_t bide_http_response_read(bide_http_response *response, void *buf,
                                size_t len)
{
    if (len == 0 || len > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "len is %zu bytes, must be 1 to %zu", len,
                          BIDE_IO_MAX);
    if (response->lines.len > 0)
        return take_line_bytes(response, buf, len);
    return read_in_time(response, buf, len);
}

/* ── Lines ────────────────────────────────────────────────────────────── */

static ssize_t fill_lines(bide_http_response *response)
{
    struct bide__bytes *lines = &response->lines;
    if (response->taken > 0) {
        lines->len -= response->taken;
        memmove(lines->data, lines->data + response->taken, lines->len);
        response->taken = 0;
    }
    int rc = bide__bytes_reserve(lines, 4096);
    if (rc < 0)
        return rc;
    ssize_t n = read_in_time(response, lines->data + lines->len, 4096);
    lines->len += n > 0 ? (size_t)n : 0;
    return n;
}

ssize_t bide_http_response_readline(bide_http_response *response, char *buf,
                                    size_t max)
{
    struct bide__bytes *lines = &response->lines;
    size_t searched = 0;
    if (max == 0 || max > LINE_MOST)
        return bide_raise(-EINVAL, "max is %zu bytes, must be 1 to %zu", max,
                          LINE_MOST);
    for (;;) {
        size_t have = lines->len - response->taken;
        const char *begin = have > 0 ? lines->data + response->taken : "";
        size_t within = have < max ? have : max;
        const char *lf = within > searched ? memchr(begin + searched, '\n',
                                                    within - searched)
                                           : NULL;
        size_t len = lf ? (size_t)(lf - begin) + 1 : 0;
        if (!lf && have >= max)
            return bide_raise(BIDE_E_LIMIT, "no end of the line within %zu "
                                            "bytes",
                              max);
        if (!lf) {
            searched = have;
            ssize_t n = fill_lines(response);
            if (n < 0)
                return n;
            if (n > 0)
                continue;
            len = have;
        }
        if (len > 0)
            (void)take_line_bytes(response, buf, len);
        if (len < max)
            buf[len] = '\0';
        return (ssize_t)len;
    }
}

/* ── The whole body ───────────────────────────────────────────────────── */

static int too_large(bide_http_response *response, size_t most)
{
    response->failed = bide_raise(-EMSGSIZE, "the body is larger than %zu "
                                             "bytes",
                                  most);
    return response->failed;
}

/* How much to read next: what was announced, or ever more. One byte is kept
 * for the NUL. */
static int make_room(bide_http_response *response, size_t most)
{
    struct bide__bytes *body = &response->body;
    size_t room = PIECE;
    if (body->cap - body->len > 1)
        return 0;
    if (!response->decoder && response->framing == BIDE__BODY_LENGTH) {
        if (response->left > most - body->len)
            return too_large(response, most);
        room = (size_t)response->left + 1;
    }
    return bide__bytes_reserve(body, room < 2 ? 2 : room);
}

/* The caller has a scope for the whole, but each read may have one, too. */
static ssize_t read_on(bide_http_response *response, void *buf, size_t len)
{
    return isinf(response->session->options.read_timeout)
               ? read_content(response, buf, len)
               : read_in_time(response, buf, len);
}

static int collect(bide_http_response *response)
{
    size_t most = response->session->options.body;
    struct bide__bytes *body = &response->body;
    for (;;) {
        if (!response->decoder && bide__body_at_end(response) &&
            response->lines.len == 0)
            break;
        int rc = make_room(response, most);
        if (rc < 0)
            return rc;
        char *at = body->data + body->len;
        size_t room = body->cap - body->len - 1;
        ssize_t n = response->lines.len > 0
                        ? take_line_bytes(response, at, room)
                        : read_on(response, at, room);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        body->len += (size_t)n;
        if (body->len > most)
            return too_large(response, most);
    }
    int rc = bide__bytes_reserve(body, 1);
    if (rc < 0)
        return rc;
    body->data[body->len] = '\0';
    response->collected = true;
    return 0;
}

ssize_t bide_http_response_data(bide_http_response *response,
                                const void **ret_data)
{
    if (!response->collected) {
        bide_timeout timeout;
        if (response->failed)
            return response->failed;
        bide_timeout_enter_at(&timeout, response->deadline);
        int rc = bide_timeout_exit(&timeout, collect(response));
        if (rc == -ETIME)
            response->failed = rc;
        if (rc < 0)
            return rc;
    }
    *ret_data = response->body.data;
    return (ssize_t)response->body.len;
}

/* ── Text ─────────────────────────────────────────────────────────────── */

static bool is_latin1(const bide_http_response *response)
{
    const char *type = bide_http_response_header(response, "Content-Type");
    const char *charset = type ? strcasestr(type, "charset=") : NULL;
    if (!charset)
        return false;
    charset += 8 + (charset[8] == '"');
    size_t len = strcspn(charset, "\"; \t");
    return (len == 10 && strncasecmp(charset, "iso-8859-1", len) == 0) ||
           (len == 6 && strncasecmp(charset, "latin1", len) == 0);
}

static int convert(bide_http_response *response)
{
    const struct bide__bytes *body = &response->body;
    char *out = bide_allocate(2 * body->len + 1);
    if (!out)
        return -ENOMEM;
    response->converted = out;
    for (size_t i = 0; i < body->len; i++) {
        unsigned char c = (unsigned char)body->data[i];
        if (c < 0x80) {
            *out++ = (char)c;
        } else {
            *out++ = (char)(0xc0 | c >> 6);
            *out++ = (char)(0x80 | (c & 0x3f));
        }
    }
    *out = '\0';
    return 0;
}

int bide_http_response_text(bide_http_response *response,
                            const char **ret_text)
{
    const void *data;
    ssize_t n = bide_http_response_data(response, &data);
    if (n < 0)
        return (int)n;
    if (!response->converted && is_latin1(response)) {
        int rc = convert(response);
        if (rc < 0)
            return rc;
    }
    *ret_text = response->converted ? response->converted : data;
    return 0;
}

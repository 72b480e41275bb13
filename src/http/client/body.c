/* SPDX-License-Identifier: MIT */
/*
 * body.c — the body of a response on HTTP/1.1, as it comes.
 *
 * Bytes go from the stream to the caller's memory. When the last one was read
 * the connection goes back to the pool, before the program has closed the
 * response. Extensions of chunks, which mean nothing, are skipped.
 */
#include <errno.h>
#include <string.h>

#include "http/client/client.h"

#define LINE_MAX 512
#define TRAILERS_MAX 16384

/* ── Failures ─────────────────────────────────────────────────────────── */

static int malformed(bide_http_response *response, const char *what)
{
    response->failed = bide__malformed(what);
    return response->failed;
}

static int cut_off(bide_http_response *response)
{
    unsigned long long received = response->received;
    if (response->length > 0)
        response->failed = bide_raise(
            BIDE_E_INCOMPLETE, "the server left after %llu of %lld bytes of "
                               "the body",
            received, (long long)response->length);
    else
        response->failed =
            bide_raise(BIDE_E_INCOMPLETE,
                       "the server left after %llu bytes of the body",
                       received);
    return response->failed;
}

/* ── Chunks ───────────────────────────────────────────────────────────── */

/* A line that ends in CR LF; without these, and NUL-terminated. */
static int read_line(bide_http_response *response, char *buf, size_t size)
{
    ssize_t n = bide_stream_readline(response->link->stream, buf, size);
    if (n == BIDE_E_LIMIT)
        return malformed(response, "a line of a chunk is too long");
    if (n < 0)
        return (int)n;
    if (n == 0 || buf[n - 1] != '\n')
        return cut_off(response);
    if (n == 1 || buf[n - 2] != '\r')
        return malformed(response, "a line of a chunk does not end in CR LF");
    buf[n - 2] = '\0';
    return (int)n - 2;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool bide__chunk_size(const char *line, size_t len, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t i = 0;
    for (; i < len && digit(line[i]) >= 0; i++) {
        if (size >> 59)
            return false;
        size = size * 16 + (uint64_t)digit(line[i]);
    }
    *ret_size = size;
    size_t digits = i;
    i += strspn(line + i, " \t");
    if (digits == 0 || (i < len && line[i] != ';'))
        return false;
    return bide__http_is_value(line, len);
}

static int read_trailers(bide_http_response *response)
{
    struct bide__bytes *trailers = &response->trailers;
    char line[LINE_MAX + 1];
    for (;;) {
        struct bide__field field;
        int n = read_line(response, line, sizeof line);
        if (n <= 0)
            return n;
        if (!bide__http_parse_field(line, &field))
            return malformed(response, "a trailer is no header");
        size_t name = strlen(field.name) + 1, value = strlen(field.value) + 1;
        if (trailers->len + name + value > TRAILERS_MAX)
            return malformed(response, "trailers of more than 16384 bytes");
        int rc = bide__bytes_reserve(trailers, name + value);
        if (rc < 0) {
            response->failed = rc; /* the line is gone */
            return rc;
        }
        (void)bide__bytes_add(trailers, field.name, name);
        (void)bide__bytes_add(trailers, field.value, value);
    }
}

/* From the end of one chunk to the data of the next. Cancelled in between, it
 * goes on where it was. */
static int next_chunk(bide_http_response *response)
{
    char line[LINE_MAX + 1];
    int n;
    if (response->in_trailers)
        return read_trailers(response);
    if (response->begun) {
        n = read_line(response, line, 3);
        if (n != 0)
            return n < 0 ? n : malformed(response, "a chunk is too long");
        response->begun = false;
    }
    n = read_line(response, line, sizeof line);
    if (n < 0)
        return n;
    if (!bide__chunk_size(line, (size_t)n, &response->left))
        return malformed(response, "a chunk's size is no number");
    response->begun = response->left > 0;
    response->in_trailers = response->left == 0;
    return response->left > 0 ? 0 : read_trailers(response);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static ssize_t read_data(bide_http_response *response, void *buf, size_t len)
{
    bool bounded = response->framing != BIDE__BODY_CLOSE;
    if (bounded && len > response->left)
        len = (size_t)response->left;
    ssize_t n = bide_stream_read(response->link->stream, buf, len);
    if (n == 0 && bounded)
        return cut_off(response);
    if (n == 0)
        bide__response_complete(response);
    if (n <= 0)
        return n;
    response->received += (uint64_t)n;
    response->ahead = 0;
    if (!bounded)
        return n;
    response->left -= (uint64_t)n;
    if (response->left == 0 && response->framing == BIDE__BODY_LENGTH)
        bide__response_complete(response);
    return n;
}

static ssize_t read_some(bide_http_response *response, void *buf, size_t len)
{
    if (response->framing == BIDE__BODY_CHUNKED && response->left == 0) {
        int rc = next_chunk(response);
        if (rc < 0)
            return rc;
        if (response->left == 0) {
            bide__response_complete(response);
            return 0;
        }
    }
    return read_data(response, buf, len);
}

static ssize_t take_early(bide_http_response *response, void *buf, size_t len)
{
    struct bide__bytes *early = &response->early;
    size_t have = early->len - response->early_taken;
    if (len > have)
        len = have;
    memcpy(buf, early->data + response->early_taken, len);
    response->early_taken += len;
    if (len == have)
        bide__bytes_free(early);
    if (len == have)
        response->early_taken = 0;
    return (ssize_t)len;
}

bool bide__body_at_end(const bide_http_response *response)
{
    return response->complete && response->early.len == 0;
}

ssize_t bide__body_read(bide_http_response *response, void *buf, size_t len)
{
    if (response->early.len > 0 && !response->held)
        return take_early(response, buf, len);
    if (response->failed)
        return response->failed;
    if (response->complete)
        return 0;
    if (response->h2)
        return bide__h2_read(response, buf, len);
    ssize_t n = read_some(response, buf, len);
    if (n < 0 && n != -ECANCELED && !response->failed)
        response->failed = (int)n;
    return n;
}

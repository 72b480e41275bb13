/* SPDX-License-Identifier: MIT */
/*
 * body.c — the body of a request, as the handler reads it.
 *
 * Chunks are parsed here and not by llhttp, which accepts extensions and reads
 * ahead: a size is hexadecimal digits and nothing else, and what follows the
 * data is CR LF. Bytes go from the stream to the handler's memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "http/server/server.h"

#define SIZE_LINE_MAX 18 /* 16 digits and CR LF */
#define TRAILERS_MAX 8192
#define DRAIN_MAX 65536 /* of a body that nobody read */

static int malformed(bide_http_request *request, const char *what)
{
    request->failed =
        bide_raise(-EBADMSG, "the body of the request: %s", what);
    return request->failed;
}

/* ── Chunks ───────────────────────────────────────────────────────────── */

/* A line that ends in CR LF; without these, and NUL-terminated. Returns its
 * length or a negative code. */
static int read_line(bide_http_request *request, char *buf, size_t size)
{
    ssize_t n =
        bide_stream_readline(request->stream, buf, size);
    if (n == BIDE_E_LIMIT)
        return malformed(request, "a line is too long");
    if (n < 0)
        return (int)n;
    if (n == 0 || buf[n - 1] != '\n')
        return bide__http_cut_off(request);
    if (n == 1 || buf[n - 2] != '\r')
        return malformed(request, "a line does not end in CR LF");
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

/* Trailers are fields behind those of the head. */
static int add_trailer(bide_http_request *request, char *line)
{
    if (request->count >= request->room) {
        unsigned most = request->server->options.fields;
        unsigned room = request->count + 8;
        if (request->count >= most)
            return malformed(request, "too many trailers");
        struct bide__field *fields = bide_allocate(room * sizeof *fields);
        if (!fields)
            return -ENOMEM;
        memcpy(fields, request->fields, request->count * sizeof *fields);
        if ((char *)request->fields != request->memory)
            bide_release(request->fields);
        request->fields = fields;
        request->room = room;
    }
    if (!bide__http_parse_field(line, &request->fields[request->count]))
        return malformed(request, "a trailer is no header");
    request->count++;
    return 0;
}

static int keep_trailer(bide_http_request *request, const char *line,
                        size_t size)
{
    if (!request->trailers)
        request->trailers = bide_allocate(TRAILERS_MAX);
    if (!request->trailers)
        return -ENOMEM;
    if (request->trailers_len + size > TRAILERS_MAX)
        return malformed(request, "the trailers are too long");
    char *copy = request->trailers + request->trailers_len;
    memcpy(copy, line, size);
    request->trailers_len += size;
    return add_trailer(request, copy);
}

static int read_trailers(bide_http_request *request)
{
    char line[1024];
    for (;;) {
        int n = read_line(request, line, sizeof line);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        int rc = keep_trailer(request, line, (size_t)n + 1);
        if (rc < 0) {
            request->failed = rc; /* the line is gone */
            return rc;
        }
    }
    request->complete = true;
    return 0;
}

/* From the end of one chunk to the data of the next. Cancelled in between, it
 * goes on where it was. */
static int next_chunk(bide_http_request *request)
{
    char line[SIZE_LINE_MAX + 1];
    int n;
    if (request->in_trailers)
        return read_trailers(request);
    if (request->begun) {
        n = read_line(request, line, 3);
        if (n != 0)
            return n < 0 ? n : malformed(request, "a chunk is too long");
        request->begun = false;
    }
    n = read_line(request, line, sizeof line);
    if (n <= 0)
        return n < 0 ? n : malformed(request, "a chunk has no size");
    uint64_t size = 0;
    for (int i = 0; i < n; i++) {
        int value = digit(line[i]);
        if (value < 0 || size >> 60)
            return malformed(request, "a chunk's size is no number");
        size = size * 16 + (uint64_t)value;
    }
    uint64_t most = request->server->options.body;
    if (size > most - request->received)
        return bide__http_too_large(request);
    request->begun = size > 0;
    request->in_trailers = size == 0;
    request->left = size;
    return size > 0 ? 0 : read_trailers(request);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static ssize_t read_some(bide_http_request *request, void *buf, size_t len)
{
    if (request->framing == BIDE__BODY_CHUNKED && request->left == 0) {
        int rc = next_chunk(request);
        if (rc < 0 || request->complete)
            return rc;
    }
    if (len > request->left)
        len = (size_t)request->left;
    ssize_t n = bide_stream_read(request->stream, buf, len);
    if (n == 0)
        return bide__http_cut_off(request);
    if (n < 0)
        return n;
    request->left -= (uint64_t)n;
    request->received += (uint64_t)n;
    if (request->left == 0 && request->framing == BIDE__BODY_LENGTH)
        request->complete = true;
    return n;
}

static ssize_t read_in_time(bide_http_request *request, void *buf, size_t len)
{
    struct bide__http_deadline *deadline = &request->connection->deadline;
    bide__http_wait_until(deadline, request->deadline);
    ssize_t n = read_some(request, buf, len);
    int rc = bide__http_waited(deadline, n < 0 ? (int)n : 0);
    if (rc == -ETIME)
        request->failed = rc;
    return rc < 0 ? rc : n;
}

/* The client waits to hear that its body is wanted. */
static int tell_to_go_on(bide_http_request *request)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct iovec piece = {(void *)(uintptr_t)text, sizeof text - 1};
    request->expects = false;
    if (request->replied)
        return 0;
    return bide__http_send(request->connection, &piece, 1);
}

ssize_t bide__http1_read(bide_http_request *request, void *buf, size_t len)
{
    if (request->expects) {
        int rc = tell_to_go_on(request);
        if (rc < 0)
            return rc;
    }
    return read_in_time(request, buf, len);
}

bool bide__http_drain(bide_http_request *request)
{
    char buf[2048];
    uint64_t most = request->received + DRAIN_MAX;
    if (request->expects) /* it may or may not come */
        return false;
    while (!request->complete && !request->failed) {
        if (request->received > most || request->left > DRAIN_MAX)
            return false;
        if (read_in_time(request, buf, sizeof buf) < 0)
            return false;
    }
    return request->complete;
}

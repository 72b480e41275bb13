/* SPDX-License-Identifier: MIT */
/* flow.c — answers that take time or are long, uploads, WebSocket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "httpbin.h"

#define PIECE ((size_t)65536)
#define LENGTH_MOST 1073741824.0 /* bytes of an answer */
#define WEBSOCKET_MOST ((size_t)64 << 20) /* bytes of a message */

/* ── Bytes ────────────────────────────────────────────────────────────── */

/* Makes the bytes of an answer from `at` on. */
typedef void fill_fn(char *piece, size_t len, int64_t at, uint64_t *state);

static int write_filled(bide_http_request *request, int64_t at, int64_t len,
                        fill_fn *fill, uint64_t state)
{
    char *piece = malloc(PIECE);
    int rc = piece ? 0 : -ENOMEM;
    while (rc == 0 && len > 0) {
        size_t n = len < (int64_t)PIECE ? (size_t)len : PIECE;
        fill(piece, n, at, &state);
        rc = bide_http_reply_write(request, piece, n);
        at += (int64_t)n;
        len -= (int64_t)n;
    }
    free(piece);
    return rc;
}

/* xorshift64: the same seed gives the same bytes. */
static void fill_random(char *piece, size_t len, int64_t at, uint64_t *state)
{
    (void)at;
    for (size_t i = 0; i < len; i++) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        piece[i] = (char)(*state >> 32);
    }
}

int answer_bytes(struct exchange *exchange)
{
    double count, seed;
    int rc;
    if (!rest_number(exchange, LENGTH_MOST, &count, &rc))
        return rc;
    if (!find_number(&exchange->args, "seed", bide_time() * 1e6, 1e15, &seed))
        return reply_error(exchange, 400, "seed is not a number to 1e15");
    rc = bide_http_reply_begin(exchange->request, 200,
                               "application/octet-stream", (int64_t)count);
    if (rc == 0)
        rc = write_filled(exchange->request, 0, (int64_t)count, fill_random,
                          (uint64_t)seed * 2 + 1);
    return rc;
}

static void fill_letters(char *piece, size_t len, int64_t at, uint64_t *state)
{
    (void)state;
    for (size_t i = 0; i < len; i++)
        piece[i] = (char)('a' + (at + (int64_t)i) % 26);
}

/* "bytes=2-5", "bytes=2-" or "bytes=-5" of so many. Returns whether there is
 * something of it; *ret_ignore: it is none that we understand. */
static bool parse_range(const char *range, int64_t size, int64_t *first,
                        int64_t *last, bool *ret_ignore)
{
    long long from = -1, to = -1;
    char end;
    *ret_ignore = false;
    *first = 0;
    *last = size - 1;
    if (sscanf(range, "bytes=-%lld%c", &to, &end) == 1 && to >= 0) {
        *first = to < size ? size - to : 0;
        return to > 0;
    }
    int n = sscanf(range, "bytes=%lld-%lld%c", &from, &to, &end);
    const char *dash = strchr(range, '-');
    if (n < 1 || n > 2 || from < 0 || !dash || (n == 1 && dash[1]) ||
        (n == 2 && to < from)) {
        *ret_ignore = true;
        return true;
    }
    *first = from;
    if (n == 2 && to < *last)
        *last = to;
    return from < size;
}

int answer_range(struct exchange *exchange)
{
    char text[80];
    double size;
    int64_t first = 0, last;
    int rc, status = 200;
    bide_http_request *request = exchange->request;
    if (!rest_number(exchange, LENGTH_MOST, &size, &rc))
        return rc;
    int64_t len = (int64_t)size;
    last = len - 1;
    snprintf(text, sizeof text, "\"range%lld\"", (long long)len);
    rc = bide_http_reply_header(request, "ETag", text);
    if (rc == 0)
        rc = bide_http_reply_header(request, "Accept-Ranges", "bytes");
    const char *range = bide_http_request_header(request, "Range");
    bool ignore = true;
    if (range && !parse_range(range, len, &first, &last, &ignore))
        status = 416;
    else if (range && !ignore)
        status = 206;
    if (status == 206)
        snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)first,
                 (long long)last, (long long)len);
    else
        snprintf(text, sizeof text, "bytes */%lld", (long long)len);
    if (rc == 0 && status != 200)
        rc = bide_http_reply_header(request, "Content-Range", text);
    if (rc == 0 && status == 416)
        return bide_http_reply(request, 416, NULL, NULL, 0);
    if (rc == 0)
        rc = bide_http_reply_begin(request, status, "application/octet-stream",
                                   last - first + 1);
    return rc < 0 ? rc
                  : write_filled(request, first, last - first + 1,
                                 fill_letters, 0);
}

/* ── In time ──────────────────────────────────────────────────────────── */

int answer_drip(struct exchange *exchange)
{
    double duration, count, code, delay;
    const struct pairs *args = &exchange->args;
    if (!find_number(args, "duration", 2, 60, &duration) ||
        !find_number(args, "delay", 0, 60, &delay) ||
        !find_number(args, "numbytes", 10, 10485760, &count) ||
        !find_number(args, "code", 200, 599, &code) || code < 200 ||
        count < 1)
        return reply_error(exchange, 400,
                           "duration and delay are 0 to 60 seconds, numbytes "
                           "1 to 10485760, code 200 to 599");
    int rc = bide_sleep(delay);
    if (rc == 0)
        rc = bide_http_reply_begin(exchange->request, (int)code,
                                   "application/octet-stream",
                                   (int64_t)count);
    for (int64_t i = 0; rc == 0 && i < (int64_t)count; i++) {
        rc = bide_http_reply_write(exchange->request, "*", 1);
        if (rc == 0 && i < (int64_t)count - 1)
            rc = bide_sleep(duration / count);
    }
    return rc;
}

/* Events, numbered: /sse?count=10&delay=0.1 */
int answer_sse(struct exchange *exchange)
{
    char event[96];
    double count, delay;
    const struct pairs *args = &exchange->args;
    if (!find_number(args, "count", 10, 1000000, &count) ||
        !find_number(args, "delay", 0.1, 60, &delay))
        return reply_error(exchange, 400, "count is 0 to 1000000, delay 0 to "
                                          "60 seconds");
    int rc = bide_http_reply_header(exchange->request, "Cache-Control",
                                    "no-store");
    if (rc == 0)
        rc = bide_http_reply_begin(exchange->request, 200,
                                   "text/event-stream", -1);
    for (int i = 0; rc == 0 && i < (int)count; i++) {
        if (i > 0)
            rc = bide_sleep(delay);
        int len = snprintf(event, sizeof event,
                           "id: %d\nevent: ping\ndata: {\"id\": %d}\n\n", i,
                           i);
        if (rc == 0)
            rc = bide_http_reply_write(exchange->request, event, (size_t)len);
    }
    return rc;
}

/* ── Uploads ──────────────────────────────────────────────────────────── */

/* Any length, read piece by piece: how much came, and its checksum. */
int answer_upload(struct exchange *exchange)
{
    struct text text = {.data = NULL};
    char piece[8192];
    unsigned long sum = crc32(0, NULL, 0);
    unsigned long long count = 0;
    ssize_t n;
    while ((n = bide_http_request_read(exchange->request, piece,
                                       sizeof piece)) > 0) {
        sum = crc32(sum, (unsigned char *)piece, (unsigned)n);
        count += (unsigned long long)n;
    }
    if (n < 0)
        return (int)n;
    text_print(&text, "{\n  \"bytes\": %llu,\n  \"crc32\": \"%08lx\"\n}\n",
               count, sum);
    return reply_json(exchange, 200, &text);
}

/* ── WebSocket ────────────────────────────────────────────────────────── */

/* Every message back to where it came from. */
int answer_websocket(struct exchange *exchange)
{
    const bide_websocket_options options = {
        .message = WEBSOCKET_MOST,
        .compress = true,
    };
    bide_websocket *ws;
    bide_websocket_message message;
    int rc = bide_websocket_accept(exchange->request, &options, &ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        rc = bide_websocket_send(ws, message.kind, message.data, message.len);
        if (rc < 0)
            break;
    }
    int closed = bide_websocket_close(ws, 1000, NULL);
    return rc < 0 ? rc : closed;
}

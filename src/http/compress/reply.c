/* SPDX-License-Identifier: MIT */
/*
 * reply.c — which replies are compressed, what their heads say of it, and
 * where the work is done.
 *
 * A handler's reply passes through here on its way to the exchange, which
 * knows nothing of it: it sends a body of another length, or of none that was
 * announced. Pieces that take long to compress are handed to a thread.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <bide/executor.h>

#include "http/compress/compress.h"
#include "http/server/server.h"

#define LEAST 1024
#define LEVEL 4
#define LONG 262144 /* bytes that are compressed on a thread: some ms */
#define ALL ((1u << BIDE__CODINGS) - 1)

/* ── Arming ───────────────────────────────────────────────────────────── */

int bide_http_reply_compress(bide_http_request *request,
                             const bide_http_compress_options *options)
{
    bide_http_compress_options given = {.least = 0};
    if (options)
        given = *options;
    if (request->replied)
        return bide_raise(-EALREADY, "the reply has begun");
    if (given.level < 0 || given.level > 9)
        return bide_raise(-EINVAL, "level is %d, must be 0 to 9", given.level);
    if (given.level == 0)
        given.level = LEVEL;
    if (given.least == 0)
        given.least = LEAST;
    if (!request->compressor) {
        request->compressor = bide_allocate(sizeof *request->compressor);
        if (!request->compressor)
            return -ENOMEM;
        memset(request->compressor, 0, sizeof *request->compressor);
    }
    request->compressor->options = given;
    return 0;
}

void bide__compressor_free(struct bide__compressor *compressor)
{
    if (!compressor)
        return;
    bide__encoder_close(&compressor->encoder);
    bide__bytes_free(&compressor->out);
    bide_release(compressor);
}

/* ── Deciding ─────────────────────────────────────────────────────────── */

static bool begins(const char *text, size_t len, const char *with)
{
    size_t size = strlen(with);
    return len >= size && strncasecmp(text, with, size) == 0;
}

static bool ends(const char *text, size_t len, const char *with)
{
    size_t size = strlen(with);
    return len >= size && strncasecmp(text + len - size, with, size) == 0;
}

/* Texts, and what is made of text. */
static bool gets_smaller(const char *type)
{
    static const char *const types[] = {
        "application/javascript", "application/json", "application/toml",
        "application/wasm",       "application/xml",  "application/yaml",
        "font/otf",               "font/ttf",         "image/bmp",
        "image/svg+xml",          "image/vnd.microsoft.icon",
        "application/x-ndjson",   "application/vnd.ms-fontobject",
    };
    size_t len = type ? strcspn(type, "; ") : 0;
    if (begins(type ? type : "", len, "text/") ||
        ends(type ? type : "", len, "+json") ||
        ends(type ? type : "", len, "+xml"))
        return true;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strlen(types[i]) == len && begins(type, len, types[i]))
            return true;
    return false;
}

/* The line of a header that the handler has added, NULL if there is none. */
static char *find_line(const bide_http_request *request, const char *name)
{
    size_t len = strlen(name);
    char *line = request->headers.data;
    char *end = line + request->headers.len;
    while (line < end) {
        if (begins(line, (size_t)(end - line), name) && line[len] == ':')
            return line;
        line = (char *)memchr(line, '\n', (size_t)(end - line)) + 1;
    }
    return NULL;
}

/* Whether the line's value has these words in it. */
static bool line_has(const char *line, const char *words)
{
    size_t len = line ? strcspn(line, "\r") : 0;
    return len > 0 && memmem(line, len, words, strlen(words));
}

static bool is_worth_it(const bide_http_request *request, int status,
                        const char *type, int64_t length)
{
    const struct bide__compressor *compressor = request->compressor;
    if (status == 204 || status == 206 || status == 304)
        return false;
    if (length >= 0 && (size_t)length < compressor->options.least)
        return false;
    return gets_smaller(type) && !find_line(request, "Content-Encoding") &&
           !line_has(find_line(request, "Cache-Control"), "no-transform");
}

/* What was true of each byte is now true of the meaning alone. */
static int weaken_tag(bide_http_request *request)
{
    char *line = find_line(request, "ETag");
    if (!line || line_has(line, "W/"))
        return 0;
    size_t at = (size_t)(line - request->headers.data) + 6; /* "ETag: " */
    int rc = bide__bytes_reserve(&request->headers, 2);
    if (rc < 0)
        return rc;
    char *value = request->headers.data + at;
    memmove(value + 2, value, request->headers.len - at);
    memcpy(value, "W/", 2);
    request->headers.len += 2;
    return 0;
}

int bide__compress_begin(bide_http_request *request, int status,
                         const char *type, int64_t length)
{
    enum bide__coding ranked[BIDE__CODINGS];
    struct bide__compressor *compressor = request->compressor;
    compressor->announced = length;
    if (!is_worth_it(request, status, type, length))
        return 0;
    int rc = bide_http_reply_header(request, "Vary", "Accept-Encoding");
    if (rc < 0 || bide__http_rank_codings(request, ALL, ranked) == 0)
        return rc;
    rc = weaken_tag(request);
    compressor->headers_len = request->headers.len;
    if (rc == 0)
        rc = bide_http_reply_header(request, "Content-Encoding",
                                    bide__coding_name(ranked[0]));
    if (rc == 0)
        rc = bide__encoder_open(&compressor->encoder, ranked[0],
                                compressor->options.level);
    compressor->on = rc == 0;
    if (rc < 0)
        request->headers.len = compressor->headers_len;
    return rc;
}

void bide__compress_undo(bide_http_request *request)
{
    struct bide__compressor *compressor = request->compressor;
    if (!compressor || !compressor->on)
        return;
    bide__encoder_close(&compressor->encoder);
    request->headers.len = compressor->headers_len;
    compressor->on = false;
}

/* ── Compressing ──────────────────────────────────────────────────────── */

struct push {
    struct bide__compressor *compressor;
    const void *data;
    size_t len;
    bool last;
};

static int push(void *arg)
{
    const struct push *one = arg;
    return bide__encoder_push(&one->compressor->encoder, one->data, one->len,
                              one->last, &one->compressor->out);
}

int bide__compress_push(bide_http_request *request, const void *data,
                        size_t len, bool last)
{
    struct bide__compressor *compressor = request->compressor;
    struct push one = {compressor, data, len, last};
    compressor->out.len = 0;
    compressor->taken += (int64_t)len;
    return len < LONG ? push(&one) : bide_to_thread(push, &one);
}

int bide__compress_end(bide_http_request *request)
{
    struct bide__compressor *compressor = request->compressor;
    if (compressor->announced >= 0 && !request->head_only &&
        compressor->taken != compressor->announced)
        return bide_raise(-EPROTO,
                          "the handler wrote %lld bytes of a body of %lld",
                          (long long)compressor->taken,
                          (long long)compressor->announced);
    return bide__compress_push(request, NULL, 0, true);
}

/* SPDX-License-Identifier: MIT */
/*
 * compress.h — compressed replies from inside.
 *
 *     coding.c    what a client accepts
 *     encoder.c   zlib, brotli and zstd behind one face
 *     reply.c     which replies are compressed, and their headers
 */
#ifndef BIDE_SRC_HTTP_COMPRESS_COMPRESS_H
#define BIDE_SRC_HTTP_COMPRESS_COMPRESS_H

#include <bide/http_compress.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "http/compress/coding.h"
#include "http/message.h"

/* ── encoder.c ────────────────────────────────────────────────────────── */

/* One of three. Zeroed is none. */
struct bide__encoder {
    enum bide__coding coding;
    bool open;
    z_stream gzip;
    BrotliEncoderState *br;
    ZSTD_CCtx *zstd;
};

/* Returns 0 or -ENOMEM. The level is 1 to 9, and means what it means to zlib;
 * the others get one that costs about as much. */
int bide__encoder_open(struct bide__encoder *encoder, enum bide__coding coding,
                       int level);

/* Add what becomes of some bytes to `out`. All of them can be decoded from
 * there, and if they are the last ones, the end as well. Returns 0 or a
 * negative code. */
int bide__encoder_push(struct bide__encoder *encoder, const void *data,
                       size_t len, bool last, struct bide__bytes *out);

void bide__encoder_close(struct bide__encoder *encoder);

/* ── reply.c ──────────────────────────────────────────────────────────── */

struct bide__compressor {
    bide_http_compress_options options; /* with the defaults filled in */
    bool on;           /* this reply is compressed */
    int64_t announced; /* by the handler, -1: nothing */
    int64_t taken;     /* bytes that it has written */
    size_t headers_len; /* of the request's, before they said so */
    struct bide__encoder encoder;
    struct bide__bytes out;
};

/* Before a reply begins: decide, and add what belongs to its head. Sets
 * request->compressor->on. Returns 0 or a negative code. */
int bide__compress_begin(bide_http_request *request, int status,
                         const char *type, int64_t length);

/* The reply could not begin after all; the handler may try another one. */
void bide__compress_undo(bide_http_request *request);

/* Compress a piece; what came of it is in compressor->out. Suspends. */
int bide__compress_push(bide_http_request *request, const void *data,
                        size_t len, bool last);

/* The handler has returned well: what is still to be sent is in
 * compressor->out. */
int bide__compress_end(bide_http_request *request);

void bide__compressor_free(struct bide__compressor *compressor);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * encoder.c — zlib, brotli and zstd behind one face.
 *
 * Every push is flushed, so that the client can decode all that it has got.
 */
#include <errno.h>
#include <string.h>

#include "http/compress/compress.h"

#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for gzip's format */
#define GZIP_MEMORY 8
#define BR_WINDOW 19          /* bits: 512 KiB, which takes some MiB */
#define ROOM 4096             /* bytes for what comes out, at first */

/* ── Memory ───────────────────────────────────────────────────────────── */

static void *allocate_items(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return bide_allocate((size_t)count * size);
}

static void *allocate(void *opaque, size_t size)
{
    (void)opaque;
    return bide_allocate(size);
}

static void release(void *opaque, void *memory)
{
    (void)opaque;
    bide_release(memory);
}

/* ── Opening and closing ──────────────────────────────────────────────── */

static bool open_gzip(struct bide__encoder *encoder, int level)
{
    encoder->gzip.zalloc = allocate_items;
    encoder->gzip.zfree = release;
    return deflateInit2(&encoder->gzip, level, Z_DEFLATED, GZIP_WINDOW,
                        GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
}

static bool open_br(struct bide__encoder *encoder, int level)
{
    encoder->br = BrotliEncoderCreateInstance(allocate, release, NULL);
    return encoder->br &&
           BrotliEncoderSetParameter(encoder->br, BROTLI_PARAM_QUALITY,
                                     (uint32_t)level) &&
           BrotliEncoderSetParameter(encoder->br, BROTLI_PARAM_LGWIN,
                                     BR_WINDOW);
}

static bool open_zstd(struct bide__encoder *encoder, int level)
{
    encoder->zstd = ZSTD_createCCtx();
    return encoder->zstd &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(
               encoder->zstd, ZSTD_c_compressionLevel, level));
}

int bide__encoder_open(struct bide__encoder *encoder, enum bide__coding coding,
                       int level)
{
    bool opened;
    memset(encoder, 0, sizeof *encoder);
    encoder->coding = coding;
    encoder->open = true;
    if (coding == BIDE__CODING_GZIP)
        opened = open_gzip(encoder, level);
    else if (coding == BIDE__CODING_BR)
        opened = open_br(encoder, level);
    else
        opened = open_zstd(encoder, level);
    if (!opened)
        bide__encoder_close(encoder);
    return opened ? 0 : -ENOMEM;
}

void bide__encoder_close(struct bide__encoder *encoder)
{
    if (!encoder->open)
        return;
    if (encoder->coding == BIDE__CODING_GZIP)
        deflateEnd(&encoder->gzip);
    if (encoder->br)
        BrotliEncoderDestroyInstance(encoder->br);
    ZSTD_freeCCtx(encoder->zstd);
    encoder->open = false;
}

/* ── Encoding ─────────────────────────────────────────────────────────── */

/* One call of the library: from `in` on, to the end of `out`. Each returns
 * whether it is to be called again, or a negative code. */
struct input {
    const unsigned char *at;
    size_t left;
    bool last;
};

static int step_gzip(struct bide__encoder *encoder, struct input *in,
                     struct bide__bytes *out)
{
    z_stream *gzip = &encoder->gzip;
    size_t room = out->cap - out->len;
    gzip->next_in = (unsigned char *)(uintptr_t)in->at;
    gzip->avail_in = (unsigned)in->left;
    gzip->next_out = (unsigned char *)out->data + out->len;
    gzip->avail_out = (unsigned)room;
    int rc = deflate(gzip, in->last ? Z_FINISH : Z_SYNC_FLUSH);
    in->at = gzip->next_in;
    in->left = gzip->avail_in;
    out->len += room - gzip->avail_out;
    if (rc == Z_STREAM_ERROR)
        return bide_raise(-EPROTO, "deflate() has failed");
    return gzip->avail_out == 0 || in->left > 0;
}

static int step_br(struct bide__encoder *encoder, struct input *in,
                   struct bide__bytes *out)
{
    size_t room = out->cap - out->len;
    uint8_t *to = (uint8_t *)out->data + out->len;
    if (!BrotliEncoderCompressStream(encoder->br,
                                     in->last ? BROTLI_OPERATION_FINISH
                                              : BROTLI_OPERATION_FLUSH,
                                     &in->left, &in->at, &room, &to, NULL))
        return -ENOMEM;
    out->len = (size_t)((char *)to - out->data);
    return in->left > 0 || BrotliEncoderHasMoreOutput(encoder->br);
}

static int step_zstd(struct bide__encoder *encoder, struct input *in,
                     struct bide__bytes *out)
{
    ZSTD_inBuffer from = {in->at, in->left, 0};
    ZSTD_outBuffer to = {out->data, out->cap, out->len};
    size_t left = ZSTD_compressStream2(encoder->zstd, &to, &from,
                                       in->last ? ZSTD_e_end : ZSTD_e_flush);
    if (ZSTD_isError(left))
        return bide_raise(-ENOMEM, "%s", ZSTD_getErrorName(left));
    in->at += from.pos;
    in->left -= from.pos;
    out->len = to.pos;
    return left > 0 || in->left > 0;
}

int bide__encoder_push(struct bide__encoder *encoder, const void *data,
                       size_t len, bool last, struct bide__bytes *out)
{
    static int (*const steps[])(struct bide__encoder *, struct input *,
                                struct bide__bytes *) = {
        step_br,
        step_zstd,
        step_gzip,
    };
    struct input in = {data, len, last};
    int more = 1;
    while (more > 0) {
        more = bide__bytes_reserve(out, ROOM);
        if (more == 0)
            more = steps[encoder->coding](encoder, &in, out);
    }
    return more;
}

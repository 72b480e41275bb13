/* SPDX-License-Identifier: MIT */
/*
 * decode.c — the compression of a body: gzip, deflate, br, zstd.
 *
 *     body.c ─► in ─► zlib, brotli or zstd ─► the caller's memory
 *
 * Bytes are decoded as they are read, straight into the memory that the caller
 * gave: however much a small body may unfold to, no more is kept than its
 * compressed piece and the decoder's window, which is bounded. Who collects a
 * body as a whole is bounded by the session's option.
 *
 * A coding that we do not know is left as it is, as is more than one.
 */
#include <brotli/decode.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for its allocator */
#include <zstd.h>
#include <zstd_errors.h>

#include "http/client/client.h"

#define PIECE 16384
#define ZSTD_WINDOW_LOG_MAX 23 /* RFC 9659: 8 MiB */

enum coding { GZIP, DEFLATE, BROTLI, ZSTD };

struct bide__decoder {
    enum coding coding;
    bool begun;    /* something was decoded */
    bool finished; /* the compressed content has ended */
    z_stream zlib;
    BrotliDecoderState *brotli;
    ZSTD_DStream *zstd;
    size_t at, len; /* of in */
    unsigned char in[PIECE];
};

/* ── Memory ───────────────────────────────────────────────────────────── */

static void *allocate(void *data, size_t size)
{
    (void)data;
    return bide_allocate(size);
}

static void release(void *data, void *memory)
{
    (void)data;
    bide_release(memory);
}

static void *allocate_items(void *data, unsigned count, unsigned size)
{
    return allocate(data, (size_t)count * size);
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static bool find_coding(const char *text, enum coding *ret_coding)
{
    static const struct {
        const char *name;
        enum coding coding;
    } codings[] = {
        {"gzip", GZIP}, {"x-gzip", GZIP}, {"deflate", DEFLATE},
        {"br", BROTLI}, {"zstd", ZSTD},
    };
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++)
        if (strcasecmp(text, codings[i].name) == 0) {
            *ret_coding = codings[i].coding;
            return true;
        }
    return false;
}

/* For deflate, the first byte will show whether zlib's header is there. */
static int start(struct bide__decoder *decoder)
{
    static const ZSTD_customMem memory = {allocate, release, NULL};
    decoder->zlib.zalloc = allocate_items;
    decoder->zlib.zfree = release;
    switch (decoder->coding) {
    case GZIP:
        return inflateInit2(&decoder->zlib, 15 + 16) == Z_OK ? 0 : -ENOMEM;
    case DEFLATE:
        return inflateInit2(&decoder->zlib, 15) == Z_OK ? 0 : -ENOMEM;
    case BROTLI:
        decoder->brotli = BrotliDecoderCreateInstance(allocate, release, NULL);
        return decoder->brotli ? 0 : -ENOMEM;
    default:
        decoder->zstd = ZSTD_createDStream_advanced(memory);
        if (!decoder->zstd)
            return -ENOMEM;
        (void)ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax,
                                     ZSTD_WINDOW_LOG_MAX);
        return 0;
    }
}

int bide__decoder_new(const char *coding, struct bide__decoder **ret_decoder)
{
    enum coding found;
    *ret_decoder = NULL;
    if (!find_coding(coding, &found))
        return 0;
    struct bide__decoder *decoder = bide_allocate(sizeof *decoder);
    if (!decoder)
        return -ENOMEM;
    memset(decoder, 0, offsetof(struct bide__decoder, in));
    decoder->coding = found;
    int rc = start(decoder);
    if (rc < 0) {
        bide__decoder_free(decoder);
        return rc;
    }
    *ret_decoder = decoder;
    return 0;
}

void bide__decoder_free(struct bide__decoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->coding <= DEFLATE)
        (void)inflateEnd(&decoder->zlib);
    if (decoder->brotli)
        BrotliDecoderDestroyInstance(decoder->brotli);
    if (decoder->zstd)
        (void)ZSTD_freeDStream(decoder->zstd);
    bide_release(decoder);
}

/* ── Decoding ─────────────────────────────────────────────────────────── */

static int corrupt(const struct bide__decoder *decoder)
{
    static const char *const names[] = {"gzip", "deflate", "br", "zstd"};
    return bide_raise(-EBADMSG, "malformed response: the content is no sound "
                                "%s",
                      names[decoder->coding]);
}

/* What is called deflate has zlib's header, or has not: RFC 9110, 8.4.1.2. */
static int find_header(struct bide__decoder *decoder)
{
    if (decoder->coding != DEFLATE)
        return 0;
    unsigned char first = decoder->in[decoder->at];
    if ((first & 15) == Z_DEFLATED && first >> 4 <= 7)
        return 0;
    return inflateReset2(&decoder->zlib, -15) == Z_OK ? 0 : -ENOMEM;
}

static ssize_t run_zlib(struct bide__decoder *decoder, void *buf, size_t len)
{
    z_stream *zlib = &decoder->zlib;
    if (decoder->finished) { /* another member follows: RFC 1952, 2.2 */
        if (decoder->coding != GZIP || inflateReset(zlib) != Z_OK)
            return corrupt(decoder);
        decoder->finished = false;
    }
    zlib->next_in = decoder->in + decoder->at;
    zlib->avail_in = (unsigned)(decoder->len - decoder->at);
    zlib->next_out = buf;
    zlib->avail_out = len > 1u << 30 ? 1u << 30 : (unsigned)len;
    unsigned room = zlib->avail_out;
    int rc = inflate(zlib, Z_NO_FLUSH);
    decoder->at = decoder->len - zlib->avail_in;
    if (rc == Z_MEM_ERROR)
        return -ENOMEM;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return corrupt(decoder);
    decoder->finished = rc == Z_STREAM_END;
    return (ssize_t)(room - zlib->avail_out);
}

static ssize_t run_brotli(struct bide__decoder *decoder, void *buf, size_t len)
{
    size_t in_len = decoder->len - decoder->at, room = len;
    const uint8_t *in = decoder->in + decoder->at;
    uint8_t *out = buf;
    if (decoder->finished)
        return corrupt(decoder);
    BrotliDecoderResult result = BrotliDecoderDecompressStream(
        decoder->brotli, &in_len, &in, &room, &out, NULL);
    decoder->at = decoder->len - in_len;
    if (result == BROTLI_DECODER_RESULT_ERROR) {
        BrotliDecoderErrorCode code =
            BrotliDecoderGetErrorCode(decoder->brotli);
        bool memory =
            code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
            code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
        return memory ? -ENOMEM : corrupt(decoder);
    }
    decoder->finished = result == BROTLI_DECODER_RESULT_SUCCESS;
    return (ssize_t)(len - room);
}

static ssize_t run_zstd(struct bide__decoder *decoder, void *buf, size_t len)
{
    ZSTD_inBuffer in = {decoder->in, decoder->len, decoder->at};
    ZSTD_outBuffer out = {buf, len, 0};
    size_t rc = ZSTD_decompressStream(decoder->zstd, &out, &in);
    decoder->at = in.pos;
    if (ZSTD_isError(rc))
        return ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation
                   ? -ENOMEM
                   : corrupt(decoder);
    decoder->finished = rc == 0; /* more frames may follow */
    return (ssize_t)out.pos;
}

static ssize_t run(struct bide__decoder *decoder, void *buf, size_t len)
{
    switch (decoder->coding) {
    case BROTLI:
        return run_brotli(decoder, buf, len);
    case ZSTD:
        return run_zstd(decoder, buf, len);
    default:
        return run_zlib(decoder, buf, len);
    }
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static ssize_t end(const struct bide__decoder *decoder)
{
    if (decoder->finished || !decoder->begun)
        return 0;
    return bide_raise(BIDE_E_INCOMPLETE,
                      "the compressed content ends too early");
}

/* A decoder may have output left when its input is used up: it is run before
 * more is read. */
static ssize_t decode(struct bide__decoder *decoder,
                      bide_http_response *response, void *buf, size_t len)
{
    for (;;) {
        bool idle = decoder->at == decoder->len &&
                    (decoder->finished || !decoder->begun);
        if (!idle) {
            ssize_t n = run(decoder, buf, len);
            if (n != 0)
                return n;
            if (decoder->at < decoder->len)
                continue;
        }
        ssize_t n = bide__body_read(response, decoder->in, PIECE);
        if (n < 0)
            return n;
        if (n == 0)
            return end(decoder);
        decoder->at = 0;
        decoder->len = (size_t)n;
        if (!decoder->begun) {
            int rc = find_header(decoder);
            if (rc < 0)
                return rc;
            decoder->begun = true;
        }
    }
}

ssize_t bide__decoder_read(struct bide__decoder *decoder,
                           bide_http_response *response, void *buf, size_t len)
{
    if (response->failed)
        return response->failed;
    ssize_t n = decode(decoder, response, buf, len);
    if (n < 0 && n != -ECANCELED)
        response->failed = (int)n;
    return n;
}

/* SPDX-License-Identifier: MIT */
/*
 * pack.c — permessage-deflate by zlib: RFC 7692, 7.2.
 *
 * A message ends in an empty stored block, of which the last four bytes, 00 00
 * FF FF, are not sent; a message without bytes is one byte, 00. State is made
 * with the first message that needs it.
 *
 * zlib's level is 3: on texts of some hundred bytes 6, its own choice, takes a
 * seventh longer to save a twentieth.
 */
#include <errno.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "http/websocket/websocket.h"

#define LEVEL 3
#define ROOM 1024 /* bytes at a time for what is compressed */

static const char tail[] = {0, 0, (char)0xff, (char)0xff};

/* ── State ────────────────────────────────────────────────────────────── */

static void *allocate(void *data, unsigned count, unsigned size)
{
    (void)data;
    return bide_allocate((size_t)count * size);
}

static void release(void *data, void *memory)
{
    (void)data;
    bide_release(memory);
}

/* Memory goes with the window: zlib's memLevel 9 fits one of 15 bits. */
static int start(z_stream *stream, const struct bide__packer *packer,
                 bool compresses)
{
    int level = packer->window > 10 ? packer->window - 7 : 3;
    if (!compresses)
        return inflateInit2(stream, -packer->window);
    return deflateInit2(stream, LEVEL, Z_DEFLATED, -packer->window, level,
                        Z_DEFAULT_STRATEGY);
}

static z_stream *state(struct bide__packer *packer, bool compresses)
{
    if (packer->stream)
        return packer->stream;
    z_stream *stream = bide_allocate(sizeof *stream);
    if (!stream)
        return NULL;
    memset(stream, 0, sizeof *stream);
    stream->zalloc = allocate;
    stream->zfree = release;
    if (start(stream, packer, compresses) != Z_OK) {
        bide_release(stream);
        return NULL;
    }
    packer->stream = stream;
    return stream;
}

void bide__packer_fini(struct bide__packer *packer, bool compresses)
{
    if (!packer->stream)
        return;
    if (compresses)
        (void)deflateEnd(packer->stream);
    else
        (void)inflateEnd(packer->stream);
    bide_release(packer->stream);
    packer->stream = NULL;
}

/* ── Compressing ──────────────────────────────────────────────────────── */

static int deflate_all(z_stream *stream, int flush, struct bide__bytes *out)
{
    do {
        int rc = bide__bytes_reserve(out, ROOM);
        if (rc < 0)
            return rc;
        stream->next_out = (Bytef *)out->data + out->len;
        stream->avail_out = (unsigned)(out->cap - out->len);
        rc = deflate(stream, flush);
        out->len = out->cap - stream->avail_out;
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return bide_raise(-EIO, "zlib cannot compress: %d", rc);
    } while (stream->avail_out == 0);
    return 0;
}

int bide__pack(struct bide__packer *packer, const void *data, size_t len,
               bool last, struct bide__bytes *out)
{
    size_t before = out->len;
    z_stream *stream = state(packer, true);
    if (!stream)
        return -ENOMEM;
    stream->next_in = data;
    stream->avail_in = (unsigned)len;
    /* zlib makes no second empty block behind one. */
    int rc = deflate_all(stream, last && len > 0 ? Z_SYNC_FLUSH : Z_NO_FLUSH,
                         out);
    if (rc == 0 && last && len == 0)
        rc = deflate_all(stream, Z_SYNC_FLUSH, out);
    if (rc < 0 || !last)
        return rc;
    if (packer->forgets)
        (void)deflateReset(stream);
    if (out->len - before >= sizeof tail) {
        out->len -= sizeof tail;
        return 0;
    }
    return bide__bytes_add(out, "", 1);
}

/* ── Decompressing ────────────────────────────────────────────────────── */

static int inflate_some(z_stream *stream, const char **data, size_t *len)
{
    stream->next_in = (const Bytef *)*data;
    stream->avail_in = (unsigned)(*len < UINT32_MAX ? *len : UINT32_MAX);
    const Bytef *begin = stream->next_in;
    int rc = inflate(stream, Z_SYNC_FLUSH);
    size_t used = (size_t)(stream->next_in - begin);
    *data += used;
    *len -= used;
    if (rc == Z_STREAM_END) /* a block that says it is the last one is legal;
                               others follow, with the same window */
        rc = inflateResetKeep(stream);
    if (rc == Z_OK || rc == Z_BUF_ERROR)
        return 0;
    if (rc == Z_MEM_ERROR)
        return -ENOMEM;
    return bide_raise(-EPROTO, "compressed data is broken: %.80s",
                      stream->msg ? stream->msg : "no message");
}

/* Returns 1 once nothing more is in the inflater. */
static int inflate_tail(z_stream *stream, struct bide__packer *packer)
{
    int rc = 0;
    do {
        const char *rest = tail + packer->tail_used;
        size_t len = sizeof tail - packer->tail_used;
        rc = inflate_some(stream, &rest, &len);
        packer->tail_used = sizeof tail - len;
    } while (rc == 0 && packer->tail_used < sizeof tail &&
             stream->avail_out > 0);
    if (rc < 0 || stream->avail_out == 0)
        return rc;
    packer->tail_used = 0;
    if (packer->forgets)
        (void)inflateReset(stream);
    return 1;
}

ssize_t bide__unpack(struct bide__packer *packer, const char **data,
                     size_t *len, bool last, char *out, size_t room,
                     bool *ret_done)
{
    z_stream *stream = state(packer, false);
    if (!stream)
        return -ENOMEM;
    *ret_done = false;
    if (room > UINT32_MAX)
        room = UINT32_MAX;
    stream->next_out = (Bytef *)out;
    stream->avail_out = (unsigned)room;
    int rc = 0;
    while (rc == 0 && *len > 0 && stream->avail_out > 0)
        rc = inflate_some(stream, data, len);
    if (rc == 0 && *len == 0 && last && stream->avail_out > 0)
        rc = inflate_tail(stream, packer);
    *ret_done = rc == 1;
    return rc < 0 ? rc : (ssize_t)(room - stream->avail_out);
}

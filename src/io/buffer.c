/* SPDX-License-Identifier: MIT */
/*
 * buffer.c — what has arrived on a stream and was not read yet.
 *
 *      data ─► [ read already | content | room ]
 *              0            begin      end    cap
 *
 * An idle stream has no buffer: once the content is consumed the memory goes
 * to the loop, which keeps one piece for the next stream that needs it, so
 * that many idle connections cost nothing here and a busy one does not call
 * malloc for each message.
 *
 * Content that lies in one pooled buffer of the engine may stay there instead
 * ("held"), so that most bytes are copied once, to the reader, and not at all
 * for one who peeks. What arrives behind it goes to the buffer.
 *
 * What a program peeks at is lent to it until it reads again: until then the
 * bytes stay where they are, and memory that had to be replaced is stale.
 *
 * The content is bounded by its users: readers stop at the stream's limit,
 * and receiving is ended beyond it.
 */
#include <errno.h>
#include <string.h>

#include "io/stream.h"

#define FIRST_CAP 4096

static void take_spare(bide_stream *stream)
{
    bide_loop *loop = stream->loop;
    stream->buffer.data = loop->spare;
    stream->buffer.cap = loop->spare ? loop->spare_cap : 0;
    loop->spare = NULL;
}

static void give_spare(bide_stream *stream)
{
    bide_loop *loop = stream->loop;
    struct bide__buffer *buffer = &stream->buffer;
    if (!loop->spare && buffer->cap <= BIDE_STREAM_LIMIT) {
        loop->spare = buffer->data;
        loop->spare_cap = buffer->cap;
    } else {
        bide__free(buffer->data);
    }
    *buffer = (struct bide__buffer){.data = NULL};
}

/* Memory of the buffer that another piece replaces. */
static void retire(bide_stream *stream, char *data)
{
    if (stream->lent && !stream->stale)
        stream->stale = data;
    else
        bide__free(data);
}

void bide__stream_take_back(bide_stream *stream)
{
    bide__free(stream->stale);
    stream->stale = NULL;
    stream->lent = false;
}

int bide__stream_reserve(bide_stream *stream, size_t more)
{
    struct bide__buffer *buffer = &stream->buffer;
    if (!buffer->data)
        take_spare(stream);
    if (buffer->cap - buffer->end >= more)
        return 0;
    size_t len = bide__buffer_len(buffer);
    if (!stream->lent && buffer->begin >= len && buffer->cap - len >= more) {
        memcpy(buffer->data, buffer->data + buffer->begin, len);
    } else {
        size_t cap = buffer->cap ? buffer->cap : FIRST_CAP;
        while (cap - len < more)
            cap *= 2;
        char *data = bide__malloc(cap);
        if (!data)
            return -ENOMEM;
        if (len > 0)
            memcpy(data, buffer->data + buffer->begin, len);
        retire(stream, buffer->data);
        buffer->data = data;
        buffer->cap = cap;
    }
    buffer->begin = 0;
    buffer->end = len;
    return 0;
}

int bide__stream_append(bide_stream *stream, const void *data, size_t len)
{
    int rc = bide__stream_reserve(stream, len);
    if (rc < 0)
        return rc;
    memcpy(stream->buffer.data + stream->buffer.end, data, len);
    stream->buffer.end += len;
    return 0;
}

int bide__stream_unread(bide_stream *stream, const void *data, size_t len)
{
    struct bide__buffer *buffer = &stream->buffer;
    if (len == 0)
        return 0;
    int rc = bide__stream_reserve(stream, len);
    if (rc < 0)
        return rc;
    memmove(buffer->data + buffer->begin + len, buffer->data + buffer->begin,
            bide__buffer_len(buffer));
    memcpy(buffer->data + buffer->begin, data, len);
    buffer->end += len;
    return 0;
}

void bide__stream_consume(bide_stream *stream, size_t len)
{
    struct bide__buffer *buffer = &stream->buffer;
    BIDE__ASSERT(len <= bide__buffer_len(buffer));
    buffer->begin += len;
    if (buffer->begin == buffer->end && buffer->data)
        give_spare(stream);
}

/* ── Held bytes ───────────────────────────────────────────────────────── */

bool bide__stream_hold(bide_stream *stream, char *data, size_t len)
{
    if ((stream->in_read && !stream->in_peek) || stream->held ||
        bide__buffer_len(&stream->buffer) > 0 ||
        !bide_engine_keep(stream->loop->engine))
        return false;
    stream->held = data;
    stream->held_len = len;
    stream->held_base = data;
    return true;
}

static void drop_held(bide_stream *stream)
{
    stream->held = NULL;
    stream->held_len = 0;
    bide_engine_give_back(stream->loop->engine, stream->held_base);
}

void bide__stream_consume_held(bide_stream *stream, size_t len)
{
    BIDE__ASSERT(len <= stream->held_len);
    stream->held += len;
    stream->held_len -= len;
    if (stream->held_len == 0)
        drop_held(stream);
}

size_t bide__stream_take_held(bide_stream *stream, void *buf, size_t len)
{
    if (len > stream->held_len)
        len = stream->held_len;
    memcpy(buf, stream->held, len);
    bide__stream_consume_held(stream, len);
    return len;
}

int bide__stream_unhold(bide_stream *stream)
{
    if (!stream->held)
        return 0;
    int rc = bide__stream_unread(stream, stream->held, stream->held_len);
    if (rc == 0)
        drop_held(stream);
    return rc;
}

void bide__stream_drop_content(bide_stream *stream)
{
    if (stream->held)
        drop_held(stream);
    bide__stream_take_back(stream);
    bide__free(stream->buffer.data);
    stream->buffer = (struct bide__buffer){.data = NULL};
}

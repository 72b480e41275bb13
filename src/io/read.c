/* SPDX-License-Identifier: MIT */
/*
 * read.c — reading from a stream: whatever there is, exactly so much, up to a
 * separator, or in place.
 *
 * Nothing is consumed before the call is sure to succeed. What a call needs
 * is collected in the stream's buffer, up to the stream's limit; only a read
 * of more than that goes straight to the caller's memory, and puts back what
 * it got if it cannot finish.
 */
#include <errno.h>
#include <string.h>

#include "io/stream.h"

/* Every call begins and ends so; between, the stream cannot be freed. Returns
 * 0 or the code to return. */
static int begin(bide_stream *stream, const char *function)
{
    bide_task *self = bide__enter(function);
    int rc = bide__stream_check(stream, function);
    if (rc < 0)
        return rc;
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    BIDE__REQUIRE(!stream->in_read,
                  "%s() was called by task '%s' while another task reads the "
                  "stream; let one task read, or guard it by a bide_lock",
                  function, bide_task_name(self));
    if (stream->lent)
        bide__stream_take_back(stream);
    stream->in_read = true;
    bide__stream_ref(stream);
    return 0;
}

static ssize_t end(bide_stream *stream, ssize_t result)
{
    stream->in_read = false;
    bide__stream_unref(stream);
    return result;
}

/* The same for calls that look at the content: it has to lie in the buffer. */
static int begin_in_buffer(bide_stream *stream, const char *function)
{
    int rc = begin(stream, function);
    if (rc < 0 || !stream->held)
        return rc;
    rc = bide__stream_unhold(stream);
    return rc < 0 ? (int)end(stream, rc) : 0;
}

/* Hand out bytes of the buffer, at least one. */
static size_t take(bide_stream *stream, void *buf, size_t len)
{
    size_t have = bide__buffer_len(&stream->buffer);
    if (len > have)
        len = have;
    memcpy(buf, stream->buffer.data + stream->buffer.begin, len);
    bide__stream_consume(stream, len);
    return len;
}

static ssize_t read_some(bide_stream *stream, void *buf, size_t len)
{
    size_t n;
    if (stream->held)
        n = bide__stream_take_held(stream, buf, len);
    else if (bide__buffer_len(&stream->buffer) > 0)
        n = take(stream, buf, len);
    else
        return stream->transport->read(stream, buf, len);
    bide__op_yield(bide__loop->current);
    return (ssize_t)n;
}

static int check_len(size_t len, size_t least)
{
    if (len < least || len > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "len is %zu bytes, must be %zu to %zu", len,
                          least, BIDE_IO_MAX);
    return 0;
}

ssize_t bide_stream_read(bide_stream *stream, void *buf, size_t len)
{
    int rc = begin(stream, "bide_stream_read");
    if (BIDE__UNLIKELY(rc < 0))
        return rc;
    rc = check_len(len, 1);
    if (BIDE__UNLIKELY(rc < 0))
        return end(stream, rc);
    return end(stream, read_some(stream, buf, len));
}

/* ── Exactly ──────────────────────────────────────────────────────────── */

/* Wait until the buffer holds `least` bytes. Returns how many it holds, fewer
 * at the end of the stream, or a negative code. */
static ssize_t fill_to(bide_stream *stream, size_t least)
{
    for (;;) {
        size_t have = bide__buffer_len(&stream->buffer);
        if (have >= least)
            return (ssize_t)have;
        ssize_t n = stream->transport->fill(stream);
        if (n < 0)
            return n;
        if (n == 0)
            return (ssize_t)have;
    }
}

static int incomplete(size_t got, size_t wanted)
{
    return bide_raise(BIDE_E_INCOMPLETE,
                      "the stream ended after %zu of %zu bytes", got, wanted);
}

/* Give back what was read into the caller's memory. If that fails, bytes are
 * lost, and reading on would hide it. */
static int put_back(bide_stream *stream, const void *data, size_t len)
{
    int rc = bide__stream_unread(stream, data, len);
    if (rc < 0)
        stream->read_error = rc;
    return rc;
}

static ssize_t read_large(bide_stream *stream, char *buf, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = read_some(stream, buf + got, len - got);
        if (n <= 0) {
            int rc = put_back(stream, buf, got);
            if (rc < 0)
                return rc;
            return n < 0 ? n : incomplete(got, len);
        }
        got += (size_t)n;
    }
    return (ssize_t)len;
}

static ssize_t read_exactly(bide_stream *stream, char *buf, size_t len)
{
    if (len > stream->limit)
        return read_large(stream, buf, len);
    if (bide__buffer_len(&stream->buffer) == 0) {
        /* Often all comes at once, and needs no buffer. */
        ssize_t n = stream->transport->read(stream, buf, len);
        if (n < 0 || (size_t)n == len)
            return n;
        int rc = put_back(stream, buf, (size_t)n);
        if (rc < 0)
            return rc;
    }
    ssize_t have = fill_to(stream, len);
    if (have < 0)
        return have;
    if ((size_t)have < len)
        return incomplete((size_t)have, len);
    return (ssize_t)take(stream, buf, len);
}

ssize_t bide_stream_readexactly(bide_stream *stream, void *buf, size_t len)
{
    int rc = begin_in_buffer(stream, "bide_stream_readexactly");
    if (rc < 0)
        return rc;
    rc = check_len(len, 0);
    if (rc < 0 || len == 0)
        return end(stream, rc);
    return end(stream, read_exactly(stream, buf, len));
}

/* ── Up to a separator ────────────────────────────────────────────────── */

static int over_limit(size_t searched, size_t most)
{
    return bide_raise(BIDE_E_LIMIT,
                      "no separator within %zu bytes, at most %zu may precede "
                      "its end",
                      searched, most);
}

/* Wait until the separator is in the buffer. Returns the length up to its
 * end; 0 if the stream ended before; or a negative code. */
static ssize_t find(bide_stream *stream, const void *separator,
                    size_t separator_len, size_t most)
{
    size_t searched = 0; /* bytes that cannot begin a separator */
    for (;;) {
        const struct bide__buffer *buffer = &stream->buffer;
        size_t have = bide__buffer_len(buffer);
        size_t within = have < most ? have : most;
        if (within >= separator_len) {
            const char *data = buffer->data + buffer->begin;
            const char *found = memmem(data + searched, within - searched,
                                       separator, separator_len);
            if (found)
                return found - data + (ssize_t)separator_len;
            searched = within - separator_len + 1;
        }
        if (have >= most)
            return over_limit(within, most);
        ssize_t n = stream->transport->fill(stream);
        if (n <= 0)
            return n;
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

ssize_t bide_stream_readuntil(bide_stream *stream, const void *separator,
                              size_t separator_len, void *buf, size_t max)
{
    int rc = begin_in_buffer(stream, "bide_stream_readuntil");
    if (rc < 0)
        return rc;
    if (separator_len == 0 || separator_len > max)
        return end(stream,
                   bide_raise(-EINVAL,
                              "separator_len is %zu bytes, must be 1 to %zu",
                              separator_len, max));
    ssize_t n = find(stream, separator, separator_len,
                     smaller(max, stream->limit));
    if (n == 0)
        n = bide_raise(BIDE_E_INCOMPLETE,
                       "the stream ended after %zu bytes without a separator",
                       bide__buffer_len(&stream->buffer));
    if (n > 0) {
        (void)take(stream, buf, (size_t)n);
        bide__op_yield(bide__loop->current);
    }
    return end(stream, n);
}

ssize_t bide_stream_readline(bide_stream *stream, char *buf, size_t max)
{
    int rc = begin_in_buffer(stream, "bide_stream_readline");
    if (rc < 0)
        return rc;
    if (max == 0)
        return end(stream,
                   bide_raise(-EINVAL, "max is 0 bytes, must be at least 1"));
    ssize_t n = find(stream, "\n", 1, smaller(max, stream->limit));
    if (n == 0) /* what is left of a line */
        n = (ssize_t)smaller(bide__buffer_len(&stream->buffer), max);
    if (n > 0) {
        (void)take(stream, buf, (size_t)n);
        bide__op_yield(bide__loop->current);
    }
    if (n >= 0 && (size_t)n < max)
        buf[n] = '\0';
    return end(stream, n);
}

/* ── In place ─────────────────────────────────────────────────────────── */

/* Wait for the first bytes. They may stay in the pooled buffer. */
static ssize_t fill_first(bide_stream *stream)
{
    if (stream->held || bide__buffer_len(&stream->buffer) > 0)
        return 1;
    stream->in_peek = true;
    ssize_t n = stream->transport->fill(stream);
    stream->in_peek = false;
    return n;
}

/* One piece that has enough is shown where it lies. */
static ssize_t show(bide_stream *stream, size_t least, const char **ret_data)
{
    ssize_t n = fill_first(stream);
    if (n <= 0) {
        *ret_data = "";
        return n;
    }
    if (stream->held_len >= least) {
        stream->lent = true;
        *ret_data = stream->held;
        return (ssize_t)stream->held_len;
    }
    int rc = bide__stream_unhold(stream);
    if (rc < 0)
        return rc;
    n = fill_to(stream, least);
    if (n >= 0) {
        stream->lent = true;
        *ret_data = stream->buffer.data + stream->buffer.begin;
    }
    return n;
}

ssize_t bide_stream_peek(bide_stream *stream, size_t least,
                         const char **ret_data)
{
    int rc = begin(stream, "bide_stream_peek");
    if (rc < 0)
        return rc;
    if (least == 0 || least > stream->limit)
        return end(stream,
                   bide_raise(BIDE_E_LIMIT,
                              "least is %zu bytes, must be 1 to %zu", least,
                              stream->limit));
    return end(stream, show(stream, least, ret_data));
}

void bide_stream_skip(bide_stream *stream, size_t len)
{
    size_t have = stream->held ? stream->held_len
                               : bide__buffer_len(&stream->buffer);
    BIDE__REQUIRE(len <= have,
                  "bide_stream_skip() was asked to skip %zu bytes of %zu; "
                  "skip at most what bide_stream_peek() has returned",
                  len, have);
    bide__stream_take_back(stream);
    if (stream->held)
        bide__stream_consume_held(stream, len);
    else
        bide__stream_consume(stream, len);
}

bool bide_stream_at_eof(const bide_stream *stream)
{
    return stream->eof && !stream->held &&
           bide__buffer_len(&stream->buffer) == 0;
}

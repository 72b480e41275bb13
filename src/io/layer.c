/* SPDX-License-Identifier: MIT */
/*
 * layer.c — the transport that is another library's (<bide/transport.h>).
 *
 *      stream   what the program holds; its descriptor has moved
 *        │ lower
 *      stream   over the socket, made here, used by the transport alone
 *
 * Putting a transport on a stream moves the descriptor and what has arrived
 * to a new stream below; the kernel must have let go of the old one first.
 *
 * Invariant: `lower` is referenced until the upper stream is gone, so that it
 * can be closed during a call of the transport and still be asked.
 */
#include <bide/transport.h>
#include <errno.h>

#include "io/stream.h"

/* ── The transport, as read.c and write.c see it ──────────────────────── */

static ssize_t layer_read(bide_stream *stream, void *buf, size_t len)
{
    bide_stream *lower = stream->lower;
    if (stream->closing)
        return -EBADF;
    if (stream->read_error)
        return stream->read_error;
    if (stream->eof)
        return 0;
    ssize_t n = stream->layer->read(stream->state, lower, buf, len);
    if (n == 0)
        stream->eof = true;
    else if (n > 0)
        bide__op_yield(bide__loop->current);
    return n;
}

static ssize_t layer_fill(bide_stream *stream)
{
    int rc = bide__stream_reserve(stream,
                                  stream->loop->engine->options.buffer_size);
    if (rc < 0)
        return rc;
    struct bide__buffer *buffer = &stream->buffer;
    ssize_t n = layer_read(stream, buffer->data + buffer->end,
                           buffer->cap - buffer->end);
    if (n > 0)
        buffer->end += (size_t)n;
    else
        bide__stream_consume(stream, 0);
    return n;
}

static int layer_write(bide_stream *stream, const struct iovec *iov,
                       size_t count, size_t *ret_written)
{
    bide_stream *lower = stream->lower;
    bool begun = false;
    *ret_written = 0;
    if (count == 0)
        return 0;
    int rc = stream->layer->write(stream->state, lower, iov, count, &begun);
    *ret_written = begun; /* whether, not how much: write.c asks no more */
    return rc;
}

static int layer_write_eof(bide_stream *stream)
{
    return stream->layer->write_eof(stream->state, stream->lower);
}

static void layer_written(bide_stream *stream)
{
    (void)stream; /* calls in progress hold references of their own */
}

static void layer_close(bide_stream *stream)
{
    stream->layer->close(stream->state, stream->lower, stream->aborting);
    bide__stream_closed(stream);
}

static const struct bide__transport layer_transport = {
    .read = layer_read,
    .fill = layer_fill,
    .write = layer_write,
    .write_eof = layer_write_eof,
    .written = layer_written,
    .close = layer_close,
};

/* ── Putting it on ────────────────────────────────────────────────────── */

/* What has arrived stays in front of what will. */
static void move_content(bide_stream *from, bide_stream *to)
{
    bide__stream_take_back(from);
    to->buffer = from->buffer;
    to->held = from->held;
    to->held_len = from->held_len;
    to->held_base = from->held_base;
    to->eof = from->eof;
    to->read_error = from->read_error;
    from->buffer = (struct bide__buffer){.data = NULL};
    from->held = NULL;
    from->held_len = 0;
    from->eof = false;
    from->read_error = 0;
}

/* The new stream takes the descriptor before the old one gives it up. The
 * loop closes the upper one, and that closes the lower one. */
static int split(bide_stream *stream)
{
    bide_loop *loop = stream->loop;
    bide_stream *lower;
    int rc = bide__stream_new(loop, stream->file.fd, stream->limit, &lower);
    if (rc < 0)
        return rc;
    bide_engine_detach(loop->engine, &stream->file);
    lower->resource.kind = NULL;
    lower->resource.close = NULL;
    move_content(stream, lower);
    stream->lower = lower;
    bide__stream_ref(lower); /* ours, until the stream is gone */
    stream->socket = false;
    return 0;
}

static int put(bide_stream *stream, const bide_transport *transport,
               void *state)
{
    int rc = stream->lower ? -EALREADY : stream->socket ? 0 : -ENOTSOCK;
    if (rc == 0)
        rc = bide__socket_quiet(stream);
    if (rc == 0)
        rc = split(stream);
    if (rc < 0) {
        transport->release(state);
        return rc;
    }
    stream->layer = transport;
    stream->state = state;
    stream->transport = &layer_transport;
    rc = transport->start(state, stream->lower);
    if (rc < 0)
        stream->read_error = rc;
    return rc;
}

int bide_stream_put_transport(bide_stream *stream,
                              const bide_transport *transport, void *state)
{
    int rc = bide__stream_begin_write(stream, "bide_stream_put_transport");
    if (rc < 0) {
        transport->release(state);
        return rc;
    }
    BIDE__REQUIRE(!stream->in_read,
                  "bide_stream_put_transport() was called by task '%s' while "
                  "another task reads the stream; let it end first",
                  bide_task_name(bide__loop->current));
    stream->in_read = true;
    rc = put(stream, transport, state);
    stream->in_read = false;
    bide__stream_end_write(stream, rc < 0, stream->state == state);
    return rc;
}

void *bide_stream_transport_state(const bide_stream *stream,
                                  const bide_transport *transport)
{
    return stream->layer == transport ? stream->state : NULL;
}

int bide__stream_secure(bide_stream *stream, const void *tls, const char *host)
{
    const bide_security *security = tls;
    return security->secure(security, stream, host);
}

int bide__check_security(const void *tls, bool server)
{
    const bide_security *security = tls;
    if (!security)
        return 0;
    if (security->size < sizeof *security)
        return bide_raise(-EINVAL,
                          "tls begins with size %zu, must be at least %zu: is "
                          "it a TLS context?",
                          security->size, sizeof *security);
    if (security->server != server)
        return bide_raise(-EINVAL, "tls is a context for %s",
                          server ? "connections, must be for servers"
                                 : "servers, must be for connections");
    return 0;
}

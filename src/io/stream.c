/* SPDX-License-Identifier: MIT */
/*
 * stream.c — opening, closing and looking at streams.
 *
 * A stream is referenced by its owner, by its transport as long as the kernel
 * may touch it, and by each call in progress. Closing ends the owner's and
 * asks the transport to end its own; the memory goes with the last.
 */
#include <bide/transport.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/stream.h"

#define LIMIT_MIN 16
#define LIMIT_MAX ((size_t)1 << 30)

int bide__stream_limit(size_t *limit)
{
    if (*limit == 0)
        *limit = BIDE_STREAM_LIMIT;
    if (*limit < LIMIT_MIN || *limit > LIMIT_MAX)
        return bide_raise(-EINVAL, "limit is %zu bytes, must be %d to %zu",
                          *limit, LIMIT_MIN, LIMIT_MAX);
    return 0;
}

static void close_left_open(struct bide__resource *resource)
{
    bide_stream_close(BIDE__CONTAINER(resource, bide_stream, resource));
}

int bide__stream_new_kind(bide_loop *loop, int fd, enum bide_fd_kind kind,
                          size_t limit, bide_stream **ret_stream)
{
    bide_stream *stream = bide__calloc(1, sizeof *stream);
    if (!stream)
        return -ENOMEM;
    int rc = bide_engine_attach(loop->engine, &stream->file, fd, kind);
    if (rc < 0) {
        bide__free(stream);
        return rc;
    }
    stream->transport = &bide__socket_transport;
    stream->loop = loop;
    stream->refs = 2; /* the owner's and the transport's */
    stream->limit = limit;
    bide__list_init(&stream->writers);
    stream->resource.kind = "stream";
    stream->resource.close = close_left_open;
    bide__list_append(&loop->resources, &stream->resource.link);
    *ret_stream = stream;
    return 0;
}

int bide__stream_new(bide_loop *loop, int fd, size_t limit,
                     bide_stream **ret_stream)
{
    int rc =
        bide__stream_new_kind(loop, fd, BIDE_FD_STREAM, limit, ret_stream);
    if (rc == 0)
        (*ret_stream)->socket = true;
    return rc;
}

int bide_stream_open(int fd, size_t limit, bide_stream **ret_stream)
{
    bide_loop *loop = bide__enter_loop("bide_stream_open");
    struct stat status;
    int rc = bide__stream_limit(&limit);
    if (rc < 0)
        return rc;
    if (fstat(fd, &status) < 0)
        return -errno;
    rc = bide__stream_new_kind(loop, fd, BIDE_FD_STREAM, limit, ret_stream);
    if (rc == 0)
        (*ret_stream)->socket = S_ISSOCK(status.st_mode);
    return rc;
}

int bide_stream_pair(bide_stream *ret_pair[2])
{
    bide_loop *loop = bide__enter_loop("bide_stream_pair");
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   fds) < 0)
        return -errno;
    bide_stream *first;
    int rc = bide__stream_new(loop, fds[0], BIDE_STREAM_LIMIT, &first);
    if (rc < 0) {
        close(fds[0]);
        close(fds[1]);
        return rc;
    }
    rc = bide__stream_new(loop, fds[1], BIDE_STREAM_LIMIT, &ret_pair[1]);
    if (rc < 0) {
        bide_stream_close(first);
        close(fds[1]);
        return rc;
    }
    ret_pair[0] = first;
    return 0;
}

/* ── Closing ──────────────────────────────────────────────────────────── */

int bide__stream_check(const bide_stream *stream, const char *function)
{
    BIDE__REQUIRE(stream->loop == bide__loop,
                  "%s() was called on another thread than the stream's loop; "
                  "use bide_loop_call_soon_threadsafe() to call it there",
                  function);
    return stream->closing ? -EBADF : 0;
}

void bide__stream_unref(bide_stream *stream)
{
    BIDE__ASSERT(stream->refs > 0);
    if (--stream->refs > 0)
        return;
    if (stream->lower) {
        stream->layer->release(stream->state);
        bide__stream_unref(stream->lower);
    }
    bide__stream_drop_content(stream);
    bide__free(stream);
}

void bide__stream_closed(bide_stream *stream)
{
    if (stream->file.fd >= 0) /* else it was a pipe that was ended */
        bide_engine_close(stream->loop->engine, &stream->file);
    bide__list_remove(&stream->resource.link);
    bide__stream_unref(stream);
}

void bide_stream_close(bide_stream *stream)
{
    if (!stream)
        return;
    BIDE__REQUIRE(bide__stream_check(stream, "bide_stream_close") == 0,
                  "bide_stream_close() was called for a stream that is closed "
                  "already; close it once, and not after its handler's end");
    stream->closing = true;
    stream->resource.close = NULL;
    stream->transport->close(stream);
    bide__stream_unref(stream);
}

void bide_stream_abort(bide_stream *stream)
{
    if (!stream)
        return;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(bide_stream_fileno(stream), SOL_SOCKET, SO_LINGER, &reset,
                     sizeof reset); /* other descriptors are just closed */
    stream->aborting = true;
    bide_stream_close(stream);
}

int bide_stream_fileno(const bide_stream *stream)
{
    return bide__stream_base(stream)->file.fd;
}

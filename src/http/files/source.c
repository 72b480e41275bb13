/* SPDX-License-Identifier: MIT */
/*
 * source.c — the bytes of an open file.
 *
 * A little that is in memory is read at once, with one system call and nothing
 * to prepare. Everything else goes through a bide_file, which knows how to
 * wait for a disk.
 */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bide/file.h>

#include "http/files/files.h"
#include "http/server/server.h"

#define LITTLE 32768 /* bytes that are sent from a buffer */

static int need_file(struct bide__source *source)
{
    if (source->file)
        return 0;
    int rc = bide_file_open_fd(source->fd, &source->file);
    if (rc == 0)
        source->fd = -1;
    return rc;
}

static int too_short(int64_t offset, size_t len, ssize_t n)
{
    return bide_raise(-EIO,
                      "the file has %zd of the %zu bytes at %lld: it became "
                      "shorter",
                      n, len, (long long)offset);
}

int bide__source_read(struct bide__source *source, char *buf, size_t len,
                      int64_t offset)
{
    if (source->fd >= 0) {
        struct iovec iov = {buf, len};
        if (preadv2(source->fd, &iov, 1, offset, RWF_NOWAIT) == (ssize_t)len)
            return 0;
    }
    int rc = need_file(source);
    if (rc < 0)
        return rc;
    ssize_t n = bide_file_read_at(source->file, buf, len, offset);
    if (n < 0)
        return (int)n;
    return (size_t)n < len ? too_short(offset, len, n) : 0;
}

int bide__source_send(struct bide__source *source, bide_http_request *request,
                      int64_t offset, int64_t len)
{
    if (len > LITTLE) {
        int rc = need_file(source);
        return rc < 0 ? rc
                      : bide__http_reply_sendfile(request, source->file,
                                                  offset, len);
    }
    char *buf = bide_allocate((size_t)len + 1);
    if (!buf)
        return -ENOMEM;
    int rc = bide__source_read(source, buf, (size_t)len, offset);
    if (rc == 0 && len > 0)
        rc = bide_http_reply_write(request, buf, (size_t)len);
    bide_release(buf);
    return rc;
}

int bide__source_close(struct bide__source *source, int rc)
{
    if (source->fd >= 0)
        close(source->fd);
    if (!source->file)
        return rc;
    int closed = bide_file_close(source->file);
    return rc < 0 ? rc : closed;
}

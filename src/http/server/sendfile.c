/* SPDX-License-Identifier: MIT */
/*
 * sendfile.c — a part of a file as a piece of a reply's body.
 *
 * HTTP/1 with an announced length has nothing around the bytes: they go from
 * the file to the stream, within the kernel if the stream is a plain one. All
 * else is read and written. A portion has a deadline of its own, so that a
 * slow client may take as long as a large file needs.
 */
#include <errno.h>

#include <bide/file.h>
#include <bide/timeout.h>

#include "http/server/server.h"

#define PORTION ((int64_t)1 << 20)
#define PIECE 65536

/* The head goes first, with what waits in front of it. */
static int send_plainly(bide_http_request *request, bide_file *file,
                        int64_t offset, int64_t len)
{
    bide_timeout timeout;
    int rc = bide__http_send(request->connection, NULL, 0);
    while (rc == 0 && len > 0) {
        int64_t portion = len < PORTION ? len : PORTION;
        bide_timeout_enter(&timeout, request->server->options.write_timeout);
        int64_t n = bide_sendfile(request->stream, file, offset, portion);
        rc = bide_timeout_exit(&timeout, n < 0 ? (int)n : 0);
        offset += portion;
        len -= portion;
    }
    return rc;
}

static int read_and_write(bide_http_request *request, bide_file *file,
                          int64_t offset, int64_t len)
{
    int rc = 0;
    char *buf = bide_allocate(PIECE);
    if (!buf)
        return -ENOMEM;
    while (rc == 0 && len > 0) {
        size_t piece = len < PIECE ? (size_t)len : PIECE;
        ssize_t n = bide_file_read_at(file, buf, piece, offset);
        if (n <= 0)
            rc = n < 0 ? (int)n
                       : bide_raise(-EIO, "the file has become shorter");
        else
            rc = bide_http_reply_write(request, buf, (size_t)n);
        offset += n;
        len -= n;
    }
    bide_release(buf);
    return rc;
}

int bide__http_reply_sendfile(bide_http_request *request, bide_file *file,
                              int64_t offset, int64_t len)
{
    if (request->exchange != &bide__http1_exchange || request->bodyless ||
        !request->replied || request->reply_framing != BIDE__BODY_LENGTH ||
        (uint64_t)len > request->reply_left)
        return read_and_write(request, file, offset, len);
    request->reply_left -= (uint64_t)len;
    request->sent += (uint64_t)len;
    int rc = send_plainly(request, file, offset, len);
    if (rc < 0)
        request->broken = true;
    if (rc == BIDE_E_INCOMPLETE)
        return bide_raise(-EIO, "the file has become shorter");
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * http_connection.c — all that a client can send to a server, and what
 * handlers do with it.
 *
 * The first byte says into pieces of which size the rest is cut, so that
 * requests arrive in parts as well.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include <bide/timeout.h>

#include "http/server/server.h"

/* The target picks what the handler does. */
static int answer(bide_http_request *request, void *arg)
{
    const char *body;
    char buf[64];
    (void)arg;
    switch (bide_http_request_target(request)[1]) {
    case 'b': {
        ssize_t len = bide_http_request_body(request, &body);
        if (len < 0)
            return (int)len;
        return bide_http_reply(request, 200, NULL, body, (size_t)len);
    }
    case 'r': {
        ssize_t n;
        int rc = bide_http_reply_begin(request, 200, "text/plain", -1);
        while (rc == 0 &&
               (n = bide_http_request_read(request, buf, sizeof buf)) != 0)
            rc = n < 0 ? (int)n
                       : bide_http_reply_write(request, buf, (size_t)n);
        return rc < 0 ? rc : bide_http_reply_trailer(request, "a", "b");
    }
    case 'f':
        return bide_raise(-EIO, "it fails");
    case 's': {
        int rc = bide_sleep(0.1);
        return rc < 0 ? rc : bide_http_reply(request, 204, NULL, NULL, 0);
    }
    default:
        return bide_http_reply(request, 200, NULL, "hello", 5);
    }
}

struct talk {
    bide_stream *stream;
    const struct fuzz_input *input;
};

static int say(void *arg)
{
    const struct talk *talk = arg;
    const uint8_t *data = talk->input->data;
    size_t left = talk->input->size;
    size_t piece = left > 0 ? (size_t)data[0] * 16 + 1 : 1;
    int rc = 0;
    if (left > 0) {
        data++;
        left--;
    }
    while (rc == 0 && left > 0) {
        size_t n = left < piece ? left : piece;
        rc = bide_stream_write(talk->stream, data, n);
        data += n;
        left -= n;
        if (rc == 0)
            rc = bide_sleep(0);
    }
    return rc == 0 ? bide_stream_write_eof(talk->stream) : rc;
}

static int hear(void *arg)
{
    const struct talk *talk = arg;
    char buf[4096];
    ssize_t n;
    while ((n = bide_stream_read(talk->stream, buf, sizeof buf)) > 0)
        continue;
    return (int)n;
}

/* The server may cut the connection off. */
static int ignore_end(int rc)
{
    return rc == -ECONNRESET || rc == -EPIPE || rc == -ENOTCONN ? 0 : rc;
}

static void note(const bide_report *report, void *data)
{
    (void)report;
    (void)data;
}

static int amain(void *arg)
{
    const bide_http_server_options options = {
        .head = 2048,
        .body = 65536,
        .fields = 20,
    };
    bide_http_server *server;
    struct talk talk = {.input = arg};
    bide_set_exception_handler(bide_loop_current(), note, NULL);
    int rc = bide_http_serve("127.0.0.1", 0, answer, NULL, &options, &server);
    if (rc < 0)
        return rc;
    rc = bide_open_connection("127.0.0.1", bide_http_server_port(server), NULL,
                              &talk.stream);
    if (rc == 0) {
        bide_task *sayer = bide_create_task(say, &talk);
        rc = ignore_end(hear(&talk));
        int said = ignore_end(bide_await(sayer));
        rc = rc < 0 ? rc : said;
        bide_stream_close(talk.stream);
    }
    bide_http_server_stop(server);
    int waited = bide_http_server_wait(server); /* for ever, if it hangs */
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : waited < 0 ? waited : closed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run(amain, data, size);
    return 0;
}

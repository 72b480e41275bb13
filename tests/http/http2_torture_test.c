/* SPDX-License-Identifier: MIT */
/*
 * http2_torture_test.c — requests and replies of each kind by HTTP/2, each
 * allocation failing and each wait cancelled in turn.
 *
 * The client's frames were recorded, so that the failing allocations are the
 * server's: SETTINGS; a POST with a body in two frames; a GET, whose body is
 * written in pieces; a GET that is reset; GOAWAY.
 */
#include "helpers/torture.h"

#include "http.h"

#define FRAME(length, type, flags, stream)                                    \
    "\0\0" length type flags "\0\0\0" stream

/* :method, :scheme http, :path /, :authority x */
#define POST "\x83\x86\x84\x41\x01x"
#define GET "\x82\x86\x84\x41\x01x"

static const char frames[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" FRAME(
    "\0", "\4", "\0", "\0") FRAME("\6", "\1", "\4", "\1")
    POST FRAME("\3", "\0", "\0", "\1") "abc" FRAME("\3", "\0", "\1",
                                                     "\1") "def"
    FRAME("\6", "\1", "\5", "\3") GET FRAME("\6", "\1", "\4", "\5") POST
    FRAME("\4", "\3", "\0", "\5") "\0\0\0\x8" FRAME("\x8", "\7", "\0", "\0")
    "\0\0\0\0\0\0\0\0";

static int answer(bide_http_request *request, void *arg)
{
    static char text[40000];
    const char *body;
    (void)arg;
    ssize_t n = bide_http_request_body(request, &body);
    if (n < 0)
        return (int)n;
    int rc = bide_http_reply_header(request, "X-A", "1");
    if (rc == 0 && n > 0)
        return bide_http_reply(request, 200, "text/plain", body, (size_t)n);
    if (rc == 0)
        rc = bide_http_reply_begin(request, 200, NULL, -1);
    memset(text, 'x', sizeof text);
    if (rc == 0)
        rc = bide_http_reply_write(request, text, sizeof text);
    return rc == 0 ? bide_http_reply_trailer(request, "X-Sum", "6") : rc;
}

static int ask(bide_stream *stream)
{
    static char buf[100000];
    size_t got = 0;
    ssize_t n = 1;
    int rc = bide_stream_write(stream, frames, sizeof frames - 1);
    if (rc < 0)
        return rc;
    while (n > 0) {
        n = bide_stream_read(stream, buf + got, sizeof buf - 1 - got);
        got += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        return (int)n;
    if (!torture_disturbs()) {
        CHECK(memmem(buf, got, "abcdef", 6));
        CHECK(got > 40000);
    }
    return 0;
}

static void ignore(const bide_report *report, void *data)
{
    (void)report;
    (void)data;
}

static int scenario(void *arg)
{
    bide_http_server *server;
    bide_stream *stream;
    (void)arg;
    bide_set_exception_handler(bide_loop_current(), ignore, NULL);
    int rc = bide_http_serve("127.0.0.1", 0, answer, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    rc = bide_open_connection("127.0.0.1", bide_http_server_port(server), NULL,
                              &stream);
    if (rc == 0) {
        rc = ask(stream);
        bide_stream_close(stream);
    }
    /* The other side was disturbed. */
    if (torture_disturbs() && (rc == -ECONNRESET || rc == -EPIPE))
        rc = 0;
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

TEST(a_connection_of_http2_survives_anything)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.suspensions >= 4);
    CHECK(counts.allocations >= 10);
}

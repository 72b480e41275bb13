/* SPDX-License-Identifier: MIT */
/*
 * torture_test.c — requests and replies of each kind, each allocation failing
 * and each wait cancelled in turn.
 */
#include "helpers/torture.h"

#include "http.h"

static int answer(bide_http_request *request, void *arg)
{
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
    if (rc == 0)
        rc = bide_http_reply_write(request, "some", 4);
    return rc;
}

static int ask(bide_stream *stream)
{
    static const char requests[] =
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n"
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char buf[4096];
    size_t got = 0;
    ssize_t n = 1;
    int rc = bide_stream_write(stream, requests, sizeof requests - 1);
    if (rc < 0)
        return rc;
    while (n > 0) {
        n = bide_stream_read(stream, buf + got, sizeof buf - 1 - got);
        got += n > 0 ? (size_t)n : 0;
    }
    buf[got] = '\0';
    if (n < 0)
        return (int)n;
    if (!torture_disturbs()) {
        CHECK(strstr(buf, "abc"));
        CHECK(strstr(buf, "\r\n4\r\nsome\r\n0\r\n\r\n"));
    }
    return 0;
}

static int scenario(void *arg)
{
    bide_http_server *server;
    bide_stream *stream;
    (void)arg;
    bide_set_exception_handler(bide_loop_current(), note_report, NULL);
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

TEST(a_connection_survives_anything)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.suspensions >= 4);
    CHECK(counts.allocations >= 10);
}

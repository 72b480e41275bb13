/* SPDX-License-Identifier: MIT */
/*
 * files_torture_test.c — files, lists and compressed replies, each allocation
 * failing and each wait cancelled in turn.
 */
#include "helpers/torture.h"

#include "file/desk.h"
#include "http.h"

#define LARGE 200000

static char reply[3 * LARGE];

/* Either a file or a text that is compressed. */
static int answer(bide_http_request *request, void *files)
{
    static char text[5000];
    if (strcmp(bide_http_request_target(request), "/text") != 0)
        return bide_http_files_serve(request, files);
    memset(text, 'a', sizeof text);
    int rc = bide_http_reply_compress(request, NULL);
    if (rc == 0)
        rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    if (rc == 0)
        rc = bide_http_reply_write(request, text, sizeof text);
    return rc;
}

static int ask(bide_stream *stream)
{
    static const char requests[] =
        "GET /text HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
        "GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,9-9\r\n\r\n"
        "GET /dir/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    size_t got = 0;
    ssize_t n = 1;
    int rc = bide_stream_write(stream, requests, sizeof requests - 1);
    if (rc < 0)
        return rc;
    while (n > 0 && got < sizeof reply - 1) {
        n = bide_stream_read(stream, reply + got, sizeof reply - 1 - got);
        got += n > 0 ? (size_t)n : 0;
    }
    reply[got] = '\0';
    if (n < 0)
        return (int)n;
    if (!torture_disturbs()) {
        CHECK(memmem(reply, got, "\r\n\r\nsmall", 9));
        CHECK(memmem(reply, got, "Content-Length: 200000", 22));
        CHECK(memmem(reply, got, "bytes 9-9/200000\r\n\r\nx\r\n", 23));
        CHECK(memmem(reply, got, "<a href=\"./in\">in</a>\n</ul>\n", 28));
    }
    return 0;
}

static int converse(const bide_http_server *server)
{
    bide_stream *stream;
    int rc = bide_open_connection("127.0.0.1", bide_http_server_port(server),
                                  NULL, &stream);
    if (rc < 0)
        return rc;
    rc = ask(stream);
    bide_stream_close(stream);
    return rc;
}

static int scenario(void *arg)
{
    static const bide_http_files_options options = {
        .listing = true,
        .compressed = true,
        .cache_control = "no-cache",
    };
    bide_http_server *server;
    bide_http_files *files;
    (void)arg;
    bide_set_exception_handler(bide_loop_current(), note_report, NULL);
    int rc = bide_http_files_open(desk, &options, &files);
    if (rc < 0)
        return rc;
    rc = bide_http_serve("127.0.0.1", 0, answer, files, NULL, &server);
    if (rc == 0) {
        rc = converse(server);
        int closed = bide_http_server_close(server);
        rc = rc < 0 ? rc : closed;
    }
    bide_http_files_close(files);
    /* The other side was disturbed. */
    if (torture_disturbs() && (rc == -ECONNRESET || rc == -EPIPE))
        rc = 0;
    return rc;
}

TEST(files_survive_anything)
{
    static char large[LARGE];
    memset(large, 'x', sizeof large);
    desk_open();
    CHECK_OK(mkdir(on_desk("dir"), 0755));
    put(on_desk("dir/in"), "", 0);
    put(on_desk("small"), "small", 5);
    put(on_desk("large"), large, sizeof large);
    int before = count_entries("/proc/self/fd");
    struct torture_counts counts = torture(scenario);
    CHECK(counts.suspensions >= 4);
    CHECK(counts.allocations >= 20);
    CHECK_INT(count_entries("/proc/self/fd"), before);
    desk_close();
}

/* SPDX-License-Identifier: MIT */
/*
 * refusal_test.c — requests that two servers could understand differently,
 * and those beyond a limit: refused, the connection closed.
 */
#include "http.h"

/* Send this, read all: returns the status of the one reply. */
static int status_for(const bide_http_server *server, const char *data,
                      size_t len)
{
    char buf[4096];
    bide_stream *stream = dial(server);
    CHECK_OK(bide_stream_write(stream, data, len));
    ssize_t n = hear_all(stream, buf, sizeof buf);
    bide_stream_close(stream);
    if (n < 0)
        return (int)n;
    int status = 0;
    (void)sscanf(buf, "HTTP/1.1 %d", &status);
    CHECK(strstr(buf, "Connection: close\r\n"));
    char *second = strstr(buf + 1, "HTTP/1.1 ");
    CHECK(!second);
    return status;
}

#define HEAD "POST / HTTP/1.1\r\nHost: x\r\n"
#define NEXT "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

static const struct {
    const char *data;
    int status;
} probes[] = {
    {HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
     400},
    {HEAD "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
    {HEAD "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
    {HEAD "Content-Length: 3, 3\r\n\r\nabc", 400},
    {HEAD "Content-Length: +3\r\n\r\nabc", 400},
    {HEAD "Content-Length: -3\r\n\r\nabc", 400},
    {HEAD "Content-Length: 0x3\r\n\r\nabc", 400},
    {HEAD "Content-Length: \r\n\r\n", 400},
    {HEAD "Content-Length: 18446744073709551616\r\n\r\n", 400},
    {HEAD "Content-Length : 3\r\n\r\nabc", 400},
    {HEAD "Content-Length\t: 3\r\n\r\nabc", 400},
    {HEAD "X: a\nContent-Length: 3\r\n\r\nabc", 400},
    {HEAD "X: a\rContent-Length: 3\r\n\r\nabc", 400},
    {"GET / HTTP/1.1\nHost: x\n\n", 400},
    {HEAD "X: a\r\n b\r\n\r\n", 400},
    {HEAD "X: a\r\n\tb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {HEAD "Host: y\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
          "0\r\n\r\n",
     400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc", 400},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"CONNECT  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
    {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    {"GET /\r\n\r\n", 400},
    {HEAD ": a\r\n\r\n", 400},
    {HEAD "no colon\r\n\r\n", 400},
    {HEAD "X\x01: a\r\n\r\n", 400},
    {HEAD "X: a\x7f\r\n\r\n", 400},
    {HEAD "Expect: everything\r\n\r\n", 417},
};

static int amain_probes(void *arg)
{
    bide_http_server *server = serve(tell, NULL, NULL);
    (void)arg;
    watch_reports();
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        char data[512];
        int n = snprintf(data, sizeof data, "%s" NEXT, probes[i].data);
        if (!CHECK_INT(status_for(server, data, (size_t)n), probes[i].status))
            CHECK_STR(probes[i].data, "");
    }
    static const char nul[] = HEAD "X: a\0b\r\n\r\n";
    CHECK_INT(status_for(server, nul, sizeof nul - 1), 400);
    CHECK_INT(reports.count, 0);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(an_ambiguous_request_is_refused_and_nothing_follows_it)
{
    run_clean(amain_probes);
}

static int amain_at_once(void *arg)
{
    bide_http_server *server = serve(tell, NULL, NULL);
    (void)arg;
    /* Not at the end of the headers, which never comes. */
    CHECK_INT(status_for(server, "GET / HTTP/1.1\r\nX: a\x01", 21), 400);
    CHECK_INT(status_for(server, "GET / HTTP/1.1\nX", 16), 400);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(what_cannot_become_right_is_refused_at_once)
{
    run_clean(amain_at_once);
}

/* ── Limits ───────────────────────────────────────────────────────────── */

static int status_for_long(const bide_http_server *server, const char *before,
                           size_t count, const char *piece, const char *after)
{
    size_t size = strlen(before) + count * strlen(piece) + strlen(after) + 1;
    char *data = malloc(size);
    size_t len = (size_t)snprintf(data, size, "%s", before);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(data + len, size - len, "%s", piece);
    len += (size_t)snprintf(data + len, size - len, "%s", after);
    int status = status_for(server, data, len);
    free(data);
    return status;
}

static int amain_limits(void *arg)
{
    const bide_http_server_options options = {
        .head = 1000,
        .fields = 10,
        .body = 20,
    };
    bide_http_server *server = serve(tell, NULL, &options);
    (void)arg;
    CHECK_INT(status_for_long(server, "GET /", 2000, "a", ""), 414);
    CHECK_INT(status_for_long(server, HEAD "X: ", 2000, "a", ""), 431);
    CHECK_INT(status_for_long(server, HEAD, 30, "A: b\r\n", "\r\n"), 431);
    CHECK_INT(status_for_long(server, HEAD "Content-Length: 21\r\n\r\n", 21,
                              "a", ""),
              413);
    CHECK_INT(status_for_long(server,
                              HEAD "Transfer-Encoding: chunked\r\n\r\n", 3,
                              "8\r\nabcdefgh\r\n", "0\r\n\r\n"),
              413);
    CHECK_INT(status_for_long(server,
                              HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n",
                              30, "A: b\r\n", "\r\n"),
              400);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(every_part_of_a_request_has_a_limit)
{
    run_clean(amain_limits);
}

/* ── Deadlines ────────────────────────────────────────────────────────── */

/* One byte now and then, until the server has had enough. */
static int drip(const bide_http_server *server, const char *data, double pause)
{
    char buf[1024];
    int status = 0;
    bide_stream *stream = dial(server);
    for (; *data; data++) {
        if (bide_stream_write(stream, data, 1) < 0)
            break;
        CHECK_OK(bide_sleep(pause));
    }
    if (hear_all(stream, buf, sizeof buf) > 0)
        (void)sscanf(buf, "HTTP/1.1 %d", &status);
    bide_stream_close(stream);
    return status;
}

static int amain_slow(void *arg)
{
    const bide_http_server_options options = {
        .head_timeout = 0.2,
        .request_timeout = 0.6,
        .idle_timeout = 0.3,
    };
    bide_http_server *server = serve(tell, NULL, &options);
    (void)arg;
    watch_reports();
    CHECK_INT(drip(server, "GET / HTTP/1.1\r\n", 0.02), 408);
    CHECK_INT(drip(server, HEAD, 0.02), 408);
    char buf[64];
    bide_stream *stream = dial(server);
    say(stream, HEAD "Content-Length: 20\r\n\r\n");
    for (int i = 0; i < 16; i++) {
        say(stream, "a");
        CHECK_OK(bide_sleep(0.05));
    }
    CHECK_INT(hear(stream, buf, sizeof buf), 408);
    bide_stream_close(stream);
    stream = dial(server);
    CHECK_INT(bide_stream_read(stream, buf, sizeof buf), 0);
    bide_stream_close(stream);
    CHECK_INT(reports.count, 0);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_slow_request_is_given_up_whatever_part_is_slow)
{
    run_clean(amain_slow);
}

/* ── Clients that leave ───────────────────────────────────────────────── */

static int amain_reset(void *arg)
{
    static const char data[] =
        HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n";
    bide_http_server *server = serve(tell, NULL, NULL);
    char buf[256];
    (void)arg;
    watch_reports();
    for (size_t len = 0; len < sizeof data; len++) {
        for (int rude = 0; rude < 2; rude++) {
            bide_stream *stream = dial(server);
            CHECK_OK(bide_stream_write(stream, data, len));
            CHECK_OK(bide_sleep(0));
            if (rude)
                bide_stream_abort(stream);
            else
                bide_stream_close(stream);
        }
    }
    bide_stream *stream = dial(server);
    say(stream, data);
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "POST / abc");
    bide_stream_close(stream);
    bide_http_server_stop(server);
    CHECK_OK(bide_http_server_wait(server));
    CHECK_INT(reports.count, 0);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(clients_may_leave_at_any_byte)
{
    run_clean(amain_reset);
}

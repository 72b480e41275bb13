/* SPDX-License-Identifier: MIT */
/* request_test.c — what a handler learns of a request, and its body. */
#include "http.h"

#include <errno.h>

static int amain_keep_alive(void *arg)
{
    bide_http_server *server = serve(tell, NULL, NULL);
    bide_stream *stream = dial(server);
    char buf[256];
    (void)arg;
    say(stream, "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "GET /a?b ");
    say(stream, "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "POST /c abc");
    say(stream, "\r\nPUT /d HTTP/1.1\r\nHost: x\r\n"
                "Transfer-Encoding: Chunked\r\n\r\n"
                "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "PUT /d abc0123456789");
    say(stream, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_INT(bide_stream_read(stream, buf, 1), 0);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_connection_carries_one_request_after_the_other)
{
    run_clean(amain_keep_alive);
}

static int list_fields(bide_http_request *request, void *arg)
{
    char text[1024] = "", buf[16];
    const char *name, *value;
    (void)arg;
    while (bide_http_request_read(request, buf, sizeof buf) > 0)
        continue;
    for (size_t i = 0; bide_http_request_field(request, i, &name, &value); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%s;",
                 name, value);
    CHECK_STR(bide_http_request_header(request, "x-ONE"), "1");
    CHECK(!bide_http_request_header(request, "X-Three"));
    return bide_http_reply(request, 200, NULL, text, strlen(text));
}

static int amain_fields(void *arg)
{
    bide_http_server *server = serve(list_fields, NULL, NULL);
    bide_stream *stream = dial(server);
    char buf[1024];
    (void)arg;
    say(stream, "POST / HTTP/1.1\r\nHost: x\r\nX-One: \t 1 \t\r\nX-Two:\r\n"
                "X-One:second value\r\nTransfer-Encoding: chunked\r\n\r\n"
                "1\r\na\r\n0\r\nChecksum: 1 2 \r\nB:c\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "Host=x;X-One=1;X-Two=;X-One=second value;"
                   "Transfer-Encoding=chunked;Checksum=1 2;B=c;");
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(headers_come_in_order_and_trailers_after_them)
{
    run_clean(amain_fields);
}

static int amain_split(void *arg)
{
    static const char data[] =
        "POST /split HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        "\r\n3\r\nabc\r\n0\r\n\r\n";
    bide_http_server *server = serve(tell, NULL, NULL);
    bide_stream *stream = dial(server);
    char buf[256];
    (void)arg;
    for (size_t at = 1; at < sizeof data - 1; at++) {
        CHECK_OK(bide_stream_write(stream, data, at));
        CHECK_OK(bide_sleep(0));
        CHECK_OK(bide_sleep(0));
        say(stream, data + at);
        CHECK_INT(hear(stream, buf, sizeof buf), 200);
        CHECK_STR(buf, "POST /split abc");
    }
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_request_may_arrive_in_any_two_pieces)
{
    run_clean(amain_split);
}

static int amain_continue(void *arg)
{
    bide_http_server *server = serve(tell, NULL, NULL);
    bide_stream *stream = dial(server);
    char buf[256];
    (void)arg;
    say(stream, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                "Expect: 100-continue\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 100);
    say(stream, "abc");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "POST / abc");
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_client_that_asks_is_told_to_go_on)
{
    run_clean(amain_continue);
}

static int ignore_body(bide_http_request *request, void *arg)
{
    (void)arg;
    return bide_http_reply(request, 200, NULL, "no", 2);
}

static int amain_ignored(void *arg)
{
    bide_http_server *server = serve(ignore_body, NULL, NULL);
    bide_stream *stream = dial(server);
    char buf[256];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        say(stream, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
                    "abc");
        CHECK_INT(hear(stream, buf, sizeof buf), 200);
    }
    say(stream, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
                "\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_INT(bide_stream_read(stream, buf, 1), 0);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_body_that_nobody_reads_is_skipped_if_it_is_short)
{
    run_clean(amain_ignored);
}

/* The reply must not be lost for what the client still had to say. */
static int amain_unread(void *arg)
{
    static char body[150000];
    bide_http_server *server = serve(ignore_body, NULL, NULL);
    char buf[256];
    (void)arg;
    for (int i = 0; i < 2; i++) {
        bide_stream *stream = dial(server);
        say(stream, i == 0 ? "POST / HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: 150000\r\n\r\n"
                           : "POST / HTTP/1.1\r\nHost: x\r\n"
                             "Connection: close\r\n"
                             "Content-Length: 150000\r\n\r\n");
        CHECK_INT(hear(stream, buf, sizeof buf), 200);
        CHECK_OK(bide_stream_write(stream, body, sizeof body));
        CHECK_INT(bide_stream_read(stream, buf, 1), 0);
        bide_stream_close(stream);
    }
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_long_body_that_nobody_reads_does_not_reset_the_connection)
{
    run_clean(amain_unread);
}

/* Gives up waiting in the middle of the trailers, and goes on later. */
static int read_twice(bide_http_request *request, void *arg)
{
    char buf[16];
    bide_timeout timeout;
    CHECK_INT(bide_http_request_read(request, buf, sizeof buf), 3);
    bide_timeout_enter(&timeout, 0.05);
    ssize_t n = bide_http_request_read(request, buf, sizeof buf);
    CHECK_ERR(bide_timeout_exit(&timeout, (int)n), -ETIME);
    bide_event_set(arg);
    CHECK_INT(bide_http_request_read(request, buf, sizeof buf), 0);
    CHECK_STR(bide_http_request_header(request, "A"), "1");
    CHECK_STR(bide_http_request_header(request, "B"), "2");
    return bide_http_reply(request, 200, NULL, "ok", 2);
}

static int amain_interrupted(void *arg)
{
    bide_event tried = {0};
    bide_http_server *server = serve(read_twice, &tried, NULL);
    bide_stream *stream = dial(server);
    char buf[256];
    (void)arg;
    say(stream, "POST / HTTP/1.1\r\nHost: x\r\n"
                "Transfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n0\r\nA: 1\r\n");
    CHECK_OK(bide_event_wait(&tried));
    say(stream, "B: 2\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(reading_goes_on_where_it_was_cancelled_in_the_trailers)
{
    run_clean(amain_interrupted);
}

static int collect(bide_http_request *request, void *arg)
{
    const char *body;
    (void)arg;
    CHECK_INT(bide_http_request_body(request, &body), -ENOMEM);
    return bide_http_reply(request, 413, NULL, NULL, 0);
}

static int amain_immense(void *arg)
{
    static const char *const lengths[] = {
        "18446744073709551615", "18446744073709551614",
        "9223372036854775808", "9223372036854775807"};
    const bide_http_server_options options = {.body = UINT64_MAX};
    bide_http_server *server = serve(collect, NULL, &options);
    char text[128], buf[256];
    (void)arg;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        bide_stream *stream = dial(server);
        snprintf(text, sizeof text,
                 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n",
                 lengths[i]);
        say(stream, text);
        CHECK_INT(hear(stream, buf, sizeof buf), 413);
        bide_stream_close(stream);
    }
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_length_beyond_all_memory_is_refused_where_bodies_have_no_limit)
{
    run_clean(amain_immense);
}

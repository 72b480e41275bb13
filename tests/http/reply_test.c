/* SPDX-License-Identifier: MIT */
/* reply_test.c — what handlers send, in one piece and in many. */
#include "http.h"

static int exchange(bide_http_handler *handler, const char *request, char *buf,
                    size_t size)
{
    bide_http_server *server = serve(handler, NULL, NULL);
    bide_stream *stream = dial(server);
    say(stream, request);
    ssize_t n = hear_all(stream, buf, size);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return n < 0 ? (int)n : 0;
}

#define GET "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define GET_OLD "GET / HTTP/1.0\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static int with_headers(bide_http_request *request, void *arg)
{
    (void)arg;
    CHECK_OK(bide_http_reply_header(request, "X-A", "1"));
    CHECK_ERR(bide_http_reply_header(request, "X-B", "1\r\nSet-Cookie: a"),
              -EINVAL);
    CHECK_ERR(bide_http_reply_header(request, "X B", "1"), -EINVAL);
    CHECK_ERR(bide_http_reply_header(request, "content-length", "9"), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "content-length is added by the server");
    CHECK_ERR(bide_http_reply(request, 99, NULL, NULL, 0), -EINVAL);
    CHECK_OK(bide_http_reply(request, 201, "text/plain", "made", 4));
    CHECK_ERR(bide_http_reply_header(request, "X-C", "1"), -EALREADY);
    CHECK_ERR(bide_http_reply(request, 200, NULL, NULL, 0), -EALREADY);
    return 0;
}

static int amain_headers(void *arg)
{
    char buf[1024];
    (void)arg;
    CHECK_OK(exchange(with_headers, GET, buf, sizeof buf));
    CHECK(strncmp(buf, "HTTP/1.1 201 Created\r\nDate: ", 28) == 0);
    CHECK(strstr(buf, " GMT\r\nContent-Type: text/plain\r\nX-A: 1\r\n"
                      "Content-Length: 4\r\nConnection: close\r\n\r\nmade"));
    CHECK(!strstr(buf, "Set-Cookie"));
    CHECK_OK(exchange(with_headers, HEAD, buf, sizeof buf));
    CHECK(strstr(buf, "Content-Length: 4\r\nConnection: close\r\n\r\n"));
    CHECK(!strstr(buf, "made"));
    return 0;
}

TEST(a_reply_has_the_headers_of_the_handler_and_no_others_smuggled_in)
{
    run_clean(amain_headers);
}

static int in_pieces(bide_http_request *request, void *arg)
{
    (void)arg;
    CHECK_ERR(bide_http_reply_write(request, "a", 1), -EINVAL);
    CHECK_OK(bide_http_reply_begin(request, 200, NULL, -1));
    CHECK_OK(bide_http_reply_write(request, "abc", 3));
    CHECK_OK(bide_http_reply_write(request, "", 0));
    return bide_http_reply_write(request, "0123456789abcdefg", 17);
}

static int amain_pieces(void *arg)
{
    char buf[1024];
    (void)arg;
    CHECK_OK(exchange(in_pieces, GET, buf, sizeof buf));
    CHECK(strstr(buf, "Transfer-Encoding: chunked\r\n"));
    CHECK(strstr(buf, "\r\n\r\n3\r\nabc\r\n11\r\n0123456789abcdefg\r\n"
                      "0\r\n\r\n"));
    CHECK_OK(exchange(in_pieces, GET_OLD, buf, sizeof buf));
    CHECK(!strstr(buf, "Transfer-Encoding"));
    CHECK(strstr(buf, "Connection: close\r\n\r\nabc0123456789abcdefg"));
    CHECK_OK(exchange(in_pieces, HEAD, buf, sizeof buf));
    CHECK(!strstr(buf, "abc"));
    return 0;
}

TEST(a_reply_of_unknown_length_goes_out_in_chunks)
{
    run_clean(amain_pieces);
}

static int with_length(bide_http_request *request, void *arg)
{
    (void)arg;
    CHECK_OK(bide_http_reply_begin(request, 200, NULL, 5));
    CHECK_OK(bide_http_reply_write(request, "abc", 3));
    CHECK_ERR(bide_http_reply_write(request, "def", 3), -EMSGSIZE);
    return bide_http_reply_write(request, "de", 2);
}

static int too_short(bide_http_request *request, void *arg)
{
    (void)arg;
    CHECK_OK(bide_http_reply_begin(request, 200, NULL, 5));
    return bide_http_reply_write(request, "abc", 3);
}

static int amain_length(void *arg)
{
    char buf[1024];
    (void)arg;
    watch_reports();
    CHECK_OK(exchange(with_length, GET, buf, sizeof buf));
    CHECK(strstr(buf, "Content-Length: 5\r\nConnection: close\r\n\r\nabcde"));
    CHECK_INT(reports.count, 0);
    CHECK_ERR(exchange(too_short, GET, buf, sizeof buf), -ECONNRESET);
    CHECK_INT(reports.count, 1);
    CHECK(strstr(reports.text, "2 bytes before"));
    return 0;
}

TEST(a_length_that_was_announced_is_kept_or_the_connection_cut_off)
{
    run_clean(amain_length);
}

static int fail(bide_http_request *request, void *arg)
{
    (void)request;
    (void)arg;
    return bide_raise(-EIO, "the disk is gone");
}

static int say_nothing(bide_http_request *request, void *arg)
{
    (void)request;
    (void)arg;
    return 0;
}

static int amain_failing(void *arg)
{
    char buf[1024];
    (void)arg;
    watch_reports();
    CHECK_OK(exchange(fail, GET, buf, sizeof buf));
    CHECK(strstr(buf, "HTTP/1.1 500 Internal Server Error\r\n"));
    CHECK(!strstr(buf, "disk"));
    CHECK_INT(reports.count, 1);
    CHECK(strstr(reports.text, "the disk is gone"));
    CHECK_OK(exchange(say_nothing, GET, buf, sizeof buf));
    CHECK(strstr(buf, "HTTP/1.1 500 Internal Server Error\r\n"));
    CHECK_INT(reports.count, 2);
    return 0;
}

TEST(a_handler_that_fails_is_reported_and_the_client_gets_500)
{
    run_clean(amain_failing);
}

static int large(bide_http_request *request, void *arg)
{
    size_t len = 3000000;
    char *data = malloc(len);
    (void)arg;
    memset(data, 'x', len);
    int rc = bide_http_reply(request, 200, NULL, data, len);
    free(data);
    return rc;
}

static int amain_large(void *arg)
{
    char *buf = malloc(3100000);
    (void)arg;
    CHECK_OK(exchange(large, GET, buf, 3100000));
    CHECK_INT(strlen(strstr(buf, "\r\n\r\n")), 3000004);
    free(buf);
    return 0;
}

TEST(a_large_reply_arrives)
{
    run_clean(amain_large);
}

static int with_trailers(bide_http_request *request, void *arg)
{
    const int64_t *length = arg;
    CHECK_OK(bide_http_reply_begin(request, 200, NULL, *length));
    CHECK_OK(bide_http_reply_write(request, "abc", 3));
    CHECK_OK(bide_http_reply_trailer(request, "X-Sum", "6"));
    CHECK_OK(bide_http_reply_trailer(request, "X-More", "7"));
    CHECK_ERR(bide_http_reply_trailer(request, "Transfer-Encoding", "x"),
              -EINVAL);
    return 0;
}

static int amain_trailers(void *arg)
{
    char buf[1024];
    int64_t length = -1;
    (void)arg;
    bide_http_server *server = serve(with_trailers, &length, NULL);
    bide_stream *stream = dial(server);
    say(stream, GET);
    CHECK(hear_all(stream, buf, sizeof buf) > 0);
    CHECK(strstr(buf, "\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\nX-More: 7\r\n"
                      "\r\n"));
    bide_stream_close(stream);
    length = 3;
    stream = dial(server);
    say(stream, GET);
    CHECK(hear_all(stream, buf, sizeof buf) > 0);
    CHECK(strstr(buf, "\r\n\r\nabc"));
    CHECK(!strstr(buf, "X-Sum"));
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(trailers_follow_a_body_in_chunks_and_no_other)
{
    run_clean(amain_trailers);
}

static int say_what(bide_http_request *request, void *arg)
{
    char text[32];
    (void)arg;
    int n = snprintf(text, sizeof text, "%d %s",
                     bide_http_request_version(request),
                     bide_http_request_scheme(request));
    return bide_http_reply(request, 200, NULL, text, (size_t)n);
}

static int amain_what(void *arg)
{
    char buf[1024];
    (void)arg;
    CHECK_OK(exchange(say_what, GET, buf, sizeof buf));
    CHECK(strstr(buf, "\r\n\r\n11 http"));
    CHECK_OK(exchange(say_what, GET_OLD, buf, sizeof buf));
    CHECK(strstr(buf, "\r\n\r\n10 http"));
    return 0;
}

TEST(a_request_knows_its_version_and_scheme)
{
    run_clean(amain_what);
}

/* SPDX-License-Identifier: MIT */
/* upgrade_test.c — connections that change to another protocol. */
#include "http.h"

#define ASK                                                                   \
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

/* Echoes to the end of the connection. */
static int repeat(bide_http_request *request, void *arg)
{
    bide_stream *stream;
    char buf[64];
    int *result = arg;
    int rc = bide_http_reply_header(request, "X-A", "1");
    if (rc == 0)
        rc = bide_http_request_upgrade(request, "echo", &stream);
    *result = rc;
    if (rc < 0)
        return bide_http_reply(request, 400, NULL, NULL, 0);
    CHECK_ERR(bide_http_reply(request, 200, NULL, NULL, 0), -EALREADY);
    ssize_t n;
    while ((n = bide_stream_read(stream, buf, sizeof buf)) > 0)
        CHECK_OK(bide_stream_write(stream, buf, (size_t)n));
    return (int)n;
}

/* Send a text, end, and return what comes. */
static const char *converse(const char *text, int expected)
{
    static char heard[4096];
    int result = 1;
    bide_http_server *server = serve(repeat, &result, NULL);
    bide_stream *stream = dial(server);
    say(stream, text);
    CHECK_OK(bide_stream_write_eof(stream));
    CHECK_OK(hear_all(stream, heard, sizeof heard));
    CHECK_INT(result, expected);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return heard;
}

static int amain_upgrade(void *arg)
{
    (void)arg;
    CHECK_STR(converse(ASK "what comes behind", 0),
              "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
              "Upgrade: echo\r\nX-A: 1\r\n\r\nwhat comes behind");
    return 0;
}

TEST(the_handler_has_the_connection_and_what_came_with_the_request)
{
    run_clean(amain_upgrade);
}

static int amain_refused(void *arg)
{
    (void)arg;
    const char *heard = converse("GET / HTTP/1.0\r\n\r\n", -EPROTO);
    CHECK(strstr(heard, "HTTP/1.1 400 "));
    heard = converse("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                     "\r\nabc",
                     -EBUSY);
    CHECK(strstr(heard, "HTTP/1.1 400 "));
    return 0;
}

TEST(old_clients_and_unread_bodies_are_not_upgraded)
{
    run_clean(amain_refused);
}

static int fail(bide_http_request *request, void *arg)
{
    bide_stream *stream;
    (void)arg;
    CHECK_OK(bide_http_request_upgrade(request, "echo", &stream));
    return bide_raise(-ENOTTY, "not what was expected");
}

static int amain_failing(void *arg)
{
    char heard[512];
    (void)arg;
    watch_reports();
    bide_http_server *server = serve(fail, NULL, NULL);
    bide_stream *stream = dial(server);
    say(stream, ASK);
    CHECK_OK(hear_all(stream, heard, sizeof heard));
    CHECK(strstr(heard, "101 Switching"));
    CHECK(!strstr(heard, "500"));
    CHECK_INT(reports.count, 1);
    CHECK_INT(reports.code, -ENOTTY);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(what_a_handler_returns_after_the_upgrade_is_reported)
{
    run_clean(amain_failing);
}

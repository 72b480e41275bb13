/* SPDX-License-Identifier: MIT */
/* stream_test.c — a server of a connection that is there already. */
#include "http.h"

static int serve_pair(void *arg)
{
    return bide_http_serve_stream(arg, tell, NULL, NULL);
}

static int amain_pair(void *arg)
{
    bide_stream *pair[2];
    char body[64];
    (void)arg;
    if (!CHECK_OK(bide_stream_pair(pair)))
        return 0;
    bide_task *server = bide_create_task(serve_pair, pair[1]);
    say(pair[0], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(hear(pair[0], body, sizeof body), 200);
    CHECK_STR(body, "GET /a ");
    say(pair[0], "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(hear(pair[0], body, sizeof body), 200);
    CHECK_STR(body, "GET /b ");
    bide_stream_close(pair[0]);
    CHECK_OK(bide_await(server));
    bide_stream_close(pair[1]);
    return 0;
}

TEST(a_stream_of_any_kind_is_served_to_its_end)
{
    run_clean(amain_pair);
}

static int fail(bide_http_request *request, void *arg)
{
    (void)arg;
    int rc = bide_http_reply_begin(request, 200, NULL, 100);
    return rc < 0 ? rc : -EIO;
}

static int serve_failing(void *arg)
{
    return bide_http_serve_stream(arg, fail, NULL, NULL);
}

static int amain_failing(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    if (!CHECK_OK(bide_stream_pair(pair)))
        return 0;
    bide_task *server = bide_create_task(serve_failing, pair[1]);
    say(pair[0], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_ERR(bide_await(server), -EIO);
    bide_stream_close(pair[1]); /* it is still the caller's */
    bide_stream_close(pair[0]);
    return 0;
}

TEST(a_handler_that_fails_leaves_the_stream_to_its_owner)
{
    run_clean(amain_failing);
}

static int amain_refused(void *arg)
{
    const bide_http_server_options options = {.idle_timeout = -1};
    (void)arg;
    CHECK_ERR(bide_http_serve_stream(NULL, tell, NULL, &options), -EINVAL);
    return 0;
}

TEST(options_are_checked_before_the_stream_is_touched)
{
    run_clean(amain_refused);
}

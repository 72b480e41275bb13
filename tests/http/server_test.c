/* SPDX-License-Identifier: MIT */
/* server_test.c — pipelining, graceful ends, and curl. */
#include "http.h"

#define REQUEST "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

/* ── Pipelining ───────────────────────────────────────────────────────── */

/* Counts; the one with this number sleeps before it replies. */
struct counting {
    int served;
    int sleeper;
};

static int count(bide_http_request *request, void *arg)
{
    struct counting *counting = arg;
    char text[16];
    int number = ++counting->served;
    if (number == counting->sleeper)
        CHECK_OK(bide_sleep(0.05));
    int n = snprintf(text, sizeof text, "%d", number);
    return bide_http_reply(request, 200, NULL, text, (size_t)n);
}

static int amain_pipelined(void *arg)
{
    struct counting counting = {0, 0};
    bide_http_server *server = serve(count, &counting, NULL);
    bide_stream *stream = dial(server);
    char buf[64], expected[16];
    (void)arg;
    for (int i = 0; i < 100; i++)
        say(stream, REQUEST);
    for (int i = 1; i <= 100; i++) {
        CHECK_INT(hear(stream, buf, sizeof buf), 200);
        snprintf(expected, sizeof expected, "%d", i);
        CHECK_STR(buf, expected);
    }
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(pipelined_requests_are_answered_in_order)
{
    run_clean(amain_pipelined);
}

static int amain_waiting(void *arg)
{
    struct counting counting = {0, 3};
    bide_http_server *server = serve(count, &counting, NULL);
    bide_stream *stream = dial(server);
    char buf[64];
    (void)arg;
    say(stream, REQUEST REQUEST REQUEST REQUEST);
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_INT(counting.served, 3); /* the third is at it */
    CHECK_STR(buf, "2");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "4");
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(replies_do_not_wait_for_a_handler_that_waits)
{
    run_clean(amain_waiting);
}

static int amain_partial(void *arg)
{
    struct counting counting = {0, 0};
    bide_http_server *server = serve(count, &counting, NULL);
    bide_stream *stream = dial(server);
    char buf[64];
    (void)arg;
    say(stream, REQUEST "GET / HT");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    say(stream, "TP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_reply_does_not_wait_for_the_rest_of_the_next_request)
{
    run_clean(amain_partial);
}

/* ── Ends ─────────────────────────────────────────────────────────────── */

static int amain_graceful(void *arg)
{
    struct counting counting = {0, 2};
    bide_http_server *server = serve(count, &counting, NULL);
    bide_stream *idle = dial(server);
    bide_stream *busy = dial(server);
    char buf[64];
    (void)arg;
    say(idle, REQUEST);
    CHECK_INT(hear(idle, buf, sizeof buf), 200);
    say(busy, REQUEST);
    while (counting.served < 2)
        CHECK_OK(bide_sleep(0));
    bide_http_server_stop(server);
    CHECK_INT(bide_stream_read(idle, buf, 1), 0);
    CHECK_INT(hear(busy, buf, sizeof buf), 200);
    CHECK_STR(buf, "2");
    CHECK_INT(bide_stream_read(busy, buf, 1), 0);
    CHECK_OK(bide_http_server_wait(server));
    bide_stream_close(idle);
    bide_stream_close(busy);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(stopping_finishes_what_is_in_progress_and_closes_the_rest)
{
    run_clean(amain_graceful);
}

static int amain_most(void *arg)
{
    struct counting counting = {0, 0};
    const bide_http_server_options options = {.requests = 2};
    bide_http_server *server = serve(count, &counting, &options);
    bide_stream *stream = dial(server);
    char buf[1024];
    (void)arg;
    say(stream, REQUEST REQUEST REQUEST);
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK(hear_all(stream, buf, sizeof buf) > 0);
    CHECK(strstr(buf, "Connection: close\r\n\r\n2"));
    CHECK_INT(counting.served, 2);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_connection_ends_after_the_most_requests)
{
    run_clean(amain_most);
}

static int amain_options(void *arg)
{
    bide_http_server *server;
    const bide_http_server_options head = {.head = (size_t)1 << 30};
    const bide_http_server_options timeout = {.head_timeout = -1};
    (void)arg;
    CHECK_ERR(bide_http_serve("127.0.0.1", 0, tell, NULL, &head, &server),
              -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL),
              "head is 1073741824 bytes, at most 1048576");
    CHECK_ERR(bide_http_serve("127.0.0.1", 0, tell, NULL, &timeout, &server),
              -EINVAL);
    CHECK_ERR(bide_http_serve("127.0.0.1", 0, NULL, NULL, NULL, &server),
              -EINVAL);
    return 0;
}

TEST(options_out_of_range_are_refused_with_the_limit)
{
    run_clean(amain_options);
}

/* ── curl ─────────────────────────────────────────────────────────────── */

static int run_curl(const bide_http_server *server, const char *const *words,
                    char *buf, size_t size)
{
    const char *argv[16] = {"curl", "-sS", "--max-time", "20"};
    char url[64];
    size_t used = 4;
    bide_process_output output;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/path",
             bide_http_server_port(server));
    while (*words)
        argv[used++] = *words++;
    argv[used] = url;
    const bide_process_options options = {.out = BIDE_PIPE};
    bide_process *process;
    int rc = bide_process_exec(argv, &options, &process);
    if (!CHECK_OK(rc))
        return rc;
    rc = bide_process_communicate(process, NULL, 0, 0, &output);
    bide_process_close(process);
    if (!CHECK_OK(rc))
        return rc;
    CHECK_INT(output.returncode, 0);
    snprintf(buf, size, "%.*s", (int)output.out_len, (char *)output.out);
    bide_process_output_fini(&output);
    return 0;
}

static int amain_curl(void *arg)
{
    static const char *const get[] = {NULL};
    static const char *const post[] = {"--data-binary", "some text", NULL};
    static const char *const chunks[] = {
        "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue",
        "--data-binary", "some text", NULL,
    };
    bide_http_server *server = serve(tell, NULL, NULL);
    char buf[256];
    (void)arg;
    CHECK_OK(run_curl(server, get, buf, sizeof buf));
    CHECK_STR(buf, "GET /path ");
    CHECK_OK(run_curl(server, post, buf, sizeof buf));
    CHECK_STR(buf, "POST /path some text");
    CHECK_OK(run_curl(server, chunks, buf, sizeof buf));
    CHECK_STR(buf, "POST /path some text");
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(curl_talks_to_it)
{
    run_clean(amain_curl);
}

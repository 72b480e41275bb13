/* SPDX-License-Identifier: MIT */
/* http2_end_test.c — how streams and connections of HTTP/2 end: by the
 * client, by the server, by a deadline, by a limit. */
#include "http2.h"

struct sleeper {
    int begun, cancelled;
};

static int sleep_long(bide_http_request *request, void *arg)
{
    struct sleeper *sleeper = arg;
    sleeper->begun++;
    int rc = bide_sleep(1000);
    sleeper->cancelled += rc == -ECANCELED;
    return rc < 0 ? rc : bide_http_reply(request, 200, NULL, "late", 4);
}

static int amain_reset(void *arg)
{
    static struct client client;
    struct sleeper sleeper = {0, 0};
    bide_http_server *server = serve(sleep_long, &sleeper, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *get = client_ask(&client, "/");
    while (sleeper.begun < 1)
        CHECK_OK(client_turn(&client));
    CHECK_INT(nghttp2_submit_rst_stream(client.session, 0, get->id,
                                        NGHTTP2_CANCEL),
              0);
    CHECK_OK(client_flush(&client));
    while (sleeper.cancelled < 1)
        CHECK_OK(bide_sleep(0.001));
    (void)client_ask(&client, "/");
    while (sleeper.begun < 2)
        CHECK_OK(client_flush(&client)), CHECK_OK(bide_sleep(0.001));
    client_close_all(&client);
    while (sleeper.cancelled < 2)
        CHECK_OK(bide_sleep(0.001));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_client_that_cancels_or_leaves_has_its_handlers_cancelled)
{
    run_clean(amain_reset);
}

static int sleep_short(bide_http_request *request, void *arg)
{
    struct sleeper *sleeper = arg;
    sleeper->begun++;
    int rc = bide_sleep(0.05);
    return rc < 0 ? rc : bide_http_reply(request, 200, NULL, "done", 4);
}

static int amain_graceful(void *arg)
{
    static struct client client, idle;
    struct sleeper sleeper = {0, 0};
    bide_http_server *server = serve(sleep_short, &sleeper, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    client_open(&idle, dial(server), 0);
    CHECK_OK(client_turn(&idle));
    struct exchange *get = client_ask(&client, "/");
    while (sleeper.begun < 1)
        CHECK_OK(client_turn(&client));
    bide_http_server_stop(server);
    CHECK_OK(client_await_end(&idle));
    CHECK(idle.dismissed);
    CHECK_OK(client_await_end(&client));
    CHECK(client.dismissed);
    CHECK_INT(client.goaway, NGHTTP2_NO_ERROR);
    CHECK_STR(get->body, "done");
    CHECK_INT(get->error, NGHTTP2_NO_ERROR);
    CHECK_OK(bide_http_server_wait(server));
    client_close_all(&client);
    client_close_all(&idle);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(stopping_finishes_streams_and_says_good_bye)
{
    run_clean(amain_graceful);
}

static int amain_most(void *arg)
{
    static struct client client;
    const bide_http_server_options options = {.requests = 2};
    bide_http_server *server = serve(tell, NULL, &options);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *first = client_ask(&client, "/");
    struct exchange *second = client_ask(&client, "/");
    CHECK_OK(client_await_end(&client));
    CHECK(client.dismissed);
    CHECK_INT(client.goaway, NGHTTP2_NO_ERROR);
    CHECK_INT(first->status, 200);
    CHECK_INT(second->status, 200);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_connection_of_http2_ends_after_the_most_requests)
{
    run_clean(amain_most);
}

static int amain_close(void *arg)
{
    static struct client client;
    struct sleeper sleeper = {0, 0};
    bide_http_server *server = serve(sleep_long, &sleeper, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    (void)client_ask(&client, "/");
    (void)client_ask(&client, "/");
    while (sleeper.begun < 2)
        CHECK_OK(client_turn(&client));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(sleeper.cancelled, 2);
    client_close_all(&client);
    return 0;
}

TEST(closing_cancels_the_handlers_of_all_streams)
{
    run_clean(amain_close);
}

/* ── Deadlines ────────────────────────────────────────────────────────── */

static int amain_idle(void *arg)
{
    static struct client client;
    const bide_http_server_options options = {.idle_timeout = 0.05};
    bide_http_server *server = serve(tell, NULL, &options);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *get = client_ask(&client, "/");
    CHECK_OK(client_await_end(&client));
    CHECK_INT(get->status, 200);
    CHECK(client.dismissed);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(an_idle_connection_of_http2_is_ended)
{
    run_clean(amain_idle);
}

static int amain_slow_body(void *arg)
{
    static struct client client;
    const bide_http_server_options options = {.request_timeout = 0.05};
    bide_http_server *server = serve(tell, NULL, &options);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *post =
        client_ask_with(&client, "POST", "/", NULL, 0, "begin", 5);
    post->never_ends = true;
    CHECK_OK(client_await(&client, post));
    CHECK_INT(post->status, 408);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_slow_body_gets_408)
{
    run_clean(amain_slow_body);
}

/* A head that is begun and not ended: HEADERS without END_HEADERS. */
static int amain_slow_head(void *arg)
{
    static const char bytes[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                "\0\0\0\4\0\0\0\0\0"
                                "\0\0\1\1\0\0\0\0\1\x82";
    const bide_http_server_options options = {.head_timeout = 0.05};
    bide_http_server *server = serve(tell, NULL, &options);
    bide_stream *stream = dial(server);
    char buf[1024];
    (void)arg;
    CHECK_OK(bide_stream_write(stream, bytes, sizeof bytes - 1));
    CHECK(hear_all(stream, buf, sizeof buf) > 0);
    bide_stream_close(stream);
    stream = dial(server);
    CHECK_OK(bide_stream_write(stream, bytes, 10)); /* of the preface */
    CHECK(hear_all(stream, buf, sizeof buf) > 0);
    CHECK(strncmp(buf, "HTTP/1.1 408 ", 13) == 0);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_slow_head_of_http2_ends_the_connection)
{
    run_clean(amain_slow_head);
}

struct writing {
    int rc;
    bool begun, ended;
};

static int write_much(bide_http_request *request, void *arg)
{
    static char text[100000];
    struct writing *writing = arg;
    writing->begun = true;
    memset(text, 'x', sizeof text);
    writing->rc = bide_http_reply(request, 200, NULL, text, sizeof text);
    writing->ended = true;
    return writing->rc;
}

static void ignore(const bide_report *report, void *data)
{
    (void)report;
    (void)data;
}

static int amain_shut(void *arg)
{
    static struct client client;
    struct writing writing = {0};
    const bide_http_server_options options = {.write_timeout = 0.1};
    bide_http_server *server = serve(write_much, &writing, &options);
    (void)arg;
    bide_set_exception_handler(bide_loop_current(), ignore, NULL);
    client_open(&client, dial(server), 1000);
    client.hold = true;
    struct exchange *get = client_ask(&client, "/");
    while (get->len < 1000)
        CHECK_OK(client_turn(&client));
    CHECK_OK(bide_sleep(0.01));
    CHECK(!writing.ended);
    CHECK_INT(get->len, 1000);
    client.hold = false;
    CHECK_INT(nghttp2_session_consume(client.session, get->id, 1000), 0);
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->len, 100000);
    CHECK_OK(writing.rc);
    client.hold = true;
    writing.ended = false;
    get = client_ask(&client, "/");
    CHECK_OK(client_await(&client, get));
    CHECK(writing.ended);
    CHECK_INT(writing.rc, -ETIME);
    CHECK_INT(get->error, NGHTTP2_INTERNAL_ERROR);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_reply_waits_for_the_clients_window_but_not_for_ever)
{
    run_clean(amain_shut);
}

/* ── Memory ───────────────────────────────────────────────────────────── */

static size_t largest;

static void *note_allocate(void *data, size_t size)
{
    (void)data;
    largest = size > largest ? size : largest;
    return malloc(size);
}

static void *note_reallocate(void *data, void *memory, size_t size)
{
    (void)data;
    largest = size > largest ? size : largest;
    return realloc(memory, size);
}

static void note_release(void *data, void *memory)
{
    (void)data;
    free(memory);
}

static int amain_bounded(void *arg)
{
    static struct client client;
    struct writing writing = {0};
    bide_http_server *server = serve(write_much, &writing, NULL);
    (void)arg;
    client_open(&client, dial(server), 1 << 30);
    CHECK_INT(nghttp2_session_set_local_window_size(client.session, 0, 0,
                                                    1 << 30),
              0);
    CHECK_OK(client_await(&client, client_ask(&client, "/")));
    largest = 0; /* the loop has its own buffers now */
    for (int i = 0; i < 50; i++)
        (void)client_ask(&client, "/");
    for (int i = 1; i <= 50; i++) {
        CHECK_OK(client_await(&client, &client.exchanges[i]));
        CHECK_INT(client.exchanges[i].len, 100000);
    }
    CHECK(largest <= 1048576); /* of 5 MB */
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(wide_windows_do_not_have_the_server_collect_all_at_once)
{
    const bide_allocator noting = {
        .allocate = note_allocate,
        .reallocate = note_reallocate,
        .release = note_release,
    };
    bide_set_allocator(&noting);
    run_clean(amain_bounded);
    bide_set_allocator(NULL);
}

/* The handler has ended, its reply is not taken. */
static int amain_stuck(void *arg)
{
    static struct client client;
    const bide_http_server_options options = {.write_timeout = 0.05};
    bide_http_server *server = serve(tell, NULL, &options);
    (void)arg;
    client_open(&client, dial(server), 1);
    client.hold = true;
    struct exchange *get = client_ask(&client, "/");
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->status, 200);
    CHECK_INT(get->len, 1);
    CHECK_INT(get->error, NGHTTP2_CANCEL);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_short_reply_that_nobody_takes_does_not_stay)
{
    run_clean(amain_stuck);
}

/* ── Limits ───────────────────────────────────────────────────────────── */

static int amain_limits(void *arg)
{
    static struct client client;
    static char text[3000], body[300];
    memset(text, 'x', sizeof text - 1);
    memset(body, 'x', sizeof body);
    const nghttp2_nv large = FIELD("x-large", text);
    const nghttp2_nv length = FIELD("content-length", "300");
    nghttp2_nv many[30];
    const bide_http_server_options options = {
        .head = 2000,
        .fields = 20,
        .body = 200,
    };
    bide_http_server *server = serve(tell, NULL, &options);
    (void)arg;
    for (int i = 0; i < 30; i++)
        many[i] = FIELD("a", "b");
    client_open(&client, dial(server), 0);
    struct exchange *one =
        client_ask_with(&client, "GET", "/", &large, 1, NULL, 0);
    struct exchange *two =
        client_ask_with(&client, "GET", "/", many, 30, NULL, 0);
    struct exchange *three =
        client_ask_with(&client, "PUT", "/", &length, 1, body, 300);
    struct exchange *four =
        client_ask_with(&client, "PUT", "/", NULL, 0, body, 300);
    struct exchange *five = client_ask(&client, "/");
    CHECK_OK(client_await(&client, one));
    CHECK_OK(client_await(&client, two));
    CHECK_OK(client_await(&client, three));
    CHECK_OK(client_await(&client, four));
    CHECK_OK(client_await(&client, five));
    CHECK_INT(one->status, 431);
    CHECK_INT(two->status, 431);
    CHECK_INT(three->status, 413);
    CHECK_INT(four->status, 413);
    CHECK_INT(five->status, 200);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_request_of_http2_beyond_a_limit_is_refused_by_a_status)
{
    run_clean(amain_limits);
}

static int amain_no_http2(void *arg)
{
    static struct client client;
    const bide_http_server_options options = {.no_http2 = true};
    bide_http_server *server = serve(tell, NULL, &options);
    bide_stream *stream = dial(server);
    char buf[1024];
    (void)arg;
    (void)client;
    say(stream, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    CHECK(hear_all(stream, buf, sizeof buf) > 0);
    CHECK(strncmp(buf, "HTTP/1.1 505 ", 13) == 0);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_server_can_do_without_http2)
{
    run_clean(amain_no_http2);
}

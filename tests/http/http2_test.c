/* SPDX-License-Identifier: MIT */
/* http2_test.c — requests by HTTP/2, bodies both ways, many at once. */
#include "http2.h"

static int amain_one(void *arg)
{
    static struct client client;
    bide_http_server *server = serve(tell, NULL, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *get = client_ask(&client, "/a?b=c");
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->status, 200);
    CHECK_STR(get->body, "GET /a?b=c ");
    struct exchange *post =
        client_ask_with(&client, "POST", "/", NULL, 0, "some text", 9);
    CHECK_OK(client_await(&client, post));
    CHECK_STR(post->body, "POST / some text");
    struct exchange *head =
        client_ask_with(&client, "HEAD", "/", NULL, 0, NULL, 0);
    CHECK_OK(client_await(&client, head));
    CHECK_INT(head->status, 200);
    CHECK_INT(head->len, 0);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(requests_of_http2_are_served_like_others)
{
    run_clean(amain_one);
}

/* ── Heads ────────────────────────────────────────────────────────────── */

static int look(bide_http_request *request, void *arg)
{
    (void)arg;
    CHECK_INT(bide_http_request_version(request), 20);
    CHECK_STR(bide_http_request_scheme(request), "http");
    CHECK_STR(bide_http_request_header(request, "Host"), "x");
    CHECK_STR(bide_http_request_header(request, "Cookie"), "a=b; c=d; e=f");
    CHECK_STR(bide_http_request_header(request, "x-long"), arg);
    const char *name, *value;
    size_t count = 0;
    while (bide_http_request_field(request, count, &name, &value))
        CHECK(strcmp(name, "cookie") != 0 || strlen(value) == 13), count++;
    CHECK_INT(count, 5);
    CHECK_OK(bide_http_reply_header(request, "X-A", "1"));
    CHECK_OK(bide_http_reply_header(request, "Upgrade", "h3"));
    CHECK_OK(bide_http_reply_trailer(request, "X-Sum", "6"));
    return bide_http_reply(request, 200, "text/plain", "text", 4);
}

static int amain_head(void *arg)
{
    static struct client client;
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    const nghttp2_nv fields[] = {
        FIELD("cookie", "a=b"), FIELD("accept", "*/*"),
        FIELD("cookie", "c=d"), FIELD("x-long", text),
        FIELD("x-empty", ""),   FIELD("cookie", "e=f"),
    };
    bide_http_server *server = serve(look, text, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *get =
        client_ask_with(&client, "GET", "/", fields, 6, NULL, 0);
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->status, 200);
    CHECK_STR(get->body, "text");
    CHECK_STR(get->trailers, "x-sum: 6\n");
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_head_is_that_of_http1_and_so_are_its_cookies)
{
    run_clean(amain_head);
}

static int amain_disputed(void *arg)
{
    static struct client client;
    const nghttp2_nv other = FIELD("host", "y");
    const nghttp2_nv same = FIELD("host", "X");
    const nghttp2_nv expects = FIELD("expect", "miracles");
    const nghttp2_nv waits = FIELD("expect", "100-continue");
    bide_http_server *server = serve(tell, NULL, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *get =
        client_ask_with(&client, "GET", "/", &other, 1, NULL, 0);
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->status, 400);
    get = client_ask_with(&client, "GET", "/", &same, 1, NULL, 0);
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->status, 200);
    get = client_ask_with(&client, "PUT", "/", &expects, 1, "a", 1);
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->status, 417);
    get = client_ask_with(&client, "PUT", "/", &waits, 1, "a", 1);
    CHECK_OK(client_await(&client, get));
    CHECK_INT(get->interim, 1);
    CHECK_STR(get->body, "PUT / a");
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_request_of_http2_to_two_hosts_or_with_odd_wishes_is_refused)
{
    run_clean(amain_disputed);
}

/* ── Bodies ───────────────────────────────────────────────────────────── */

static int give_back(bide_http_request *request, void *arg)
{
    char buf[5000];
    ssize_t n;
    (void)arg;
    int rc = bide_http_reply_begin(request, 200, NULL, -1);
    while (rc == 0 &&
           (n = bide_http_request_read(request, buf, sizeof buf)) != 0)
        rc = n < 0 ? (int)n : bide_http_reply_write(request, buf, (size_t)n);
    return rc;
}

static int amain_large(void *arg)
{
    static struct client client;
    static char text[1500000];
    const nghttp2_nv expects = FIELD("expect", "100-continue");
    memset(text, 'x', sizeof text);
    bide_http_server *server = serve(give_back, NULL, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *post = client_ask_with(&client, "POST", "/", &expects, 1,
                                            text, sizeof text);
    struct exchange *other =
        client_ask_with(&client, "POST", "/", NULL, 0, text, sizeof text);
    CHECK_OK(client_await(&client, post));
    CHECK_OK(client_await(&client, other));
    CHECK_INT(post->status, 200);
    CHECK_INT(post->len, sizeof text);
    CHECK_INT(post->interim, 0); /* the reply had begun */
    CHECK_INT(other->len, sizeof text);
    CHECK_INT(other->interim, 0);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(bodies_larger_than_all_windows_pass_both_ways)
{
    run_clean(amain_large);
}

static int say_trailers(bide_http_request *request, void *arg)
{
    const char *body;
    (void)arg;
    const char *before = bide_http_request_method(request);
    ssize_t len = bide_http_request_body(request, &body);
    if (len < 0)
        return (int)len;
    CHECK_STR(before, "POST");
    const char *sum = bide_http_request_header(request, "x-sum");
    return bide_http_reply(request, 200, NULL, sum ? sum : "none",
                           strlen(sum ? sum : "none"));
}

static ssize_t body_and_trailers(nghttp2_session *session, int32_t id,
                                 uint8_t *buf, size_t len, uint32_t *flags,
                                 nghttp2_data_source *source, void *data)
{
    const nghttp2_nv field = FIELD("x-sum", "42");
    (void)buf;
    (void)len;
    (void)source;
    (void)data;
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    CHECK_INT(nghttp2_submit_trailer(session, id, &field, 1), 0);
    buf[0] = 'a';
    return 1;
}

static int amain_trailers(void *arg)
{
    static struct client client;
    const nghttp2_nv fields[] = {
        FIELD(":method", "POST"),
        FIELD(":scheme", "http"),
        FIELD(":authority", "x"),
        FIELD(":path", "/"),
    };
    const nghttp2_data_provider provider = {
        .read_callback = body_and_trailers,
    };
    bide_http_server *server = serve(say_trailers, NULL, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    struct exchange *post = &client.exchanges[client.count++];
    post->id = nghttp2_submit_request(client.session, NULL, fields, 4,
                                      &provider, NULL);
    CHECK_OK(client_await(&client, post));
    CHECK_STR(post->body, "42");
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(trailers_of_a_request_follow_its_headers)
{
    run_clean(amain_trailers);
}

/* ── Many ─────────────────────────────────────────────────────────────── */

struct crowd {
    int now, most;
};

static int sleep_a_second(bide_http_request *request, void *arg)
{
    struct crowd *crowd = arg;
    if (++crowd->now > crowd->most)
        crowd->most = crowd->now;
    int rc = bide_sleep(0.1);
    crowd->now--;
    const char *target = bide_http_request_target(request);
    return rc < 0 ? rc
                  : bide_http_reply(request, 200, NULL, target,
                                    strlen(target));
}

static int amain_many(void *arg)
{
    static struct client client;
    struct crowd crowd = {0, 0};
    char path[100][8];
    bide_http_server *server = serve(sleep_a_second, &crowd, NULL);
    (void)arg;
    client_open(&client, dial(server), 0);
    for (int i = 0; i < 100; i++) {
        snprintf(path[i], sizeof path[i], "/%d", i);
        (void)client_ask(&client, path[i]);
    }
    for (int i = 0; i < 100; i++) {
        CHECK_OK(client_await(&client, &client.exchanges[i]));
        CHECK_STR(client.exchanges[i].body, path[i]);
    }
    CHECK_INT(crowd.most, 100);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_hundred_requests_are_served_at_once)
{
    run_clean(amain_many);
}

/* ── Failures ─────────────────────────────────────────────────────────── */

static int failures;

static void note_failure(const bide_report *report, void *data)
{
    (void)data;
    failures++;
    CHECK_INT(report->code, -EIO);
    CHECK(strstr(report->text, "it is broken"));
}

static int break_off(bide_http_request *request, void *arg)
{
    (void)arg;
    if (strcmp(bide_http_request_target(request), "/late") == 0) {
        CHECK_OK(bide_http_reply_begin(request, 200, NULL, -1));
        CHECK_OK(bide_http_reply_write(request, "some", 4));
    }
    return bide_raise(-EIO, "it is broken");
}

static int amain_fail(void *arg)
{
    static struct client client;
    bide_http_server *server = serve(break_off, NULL, NULL);
    (void)arg;
    failures = 0;
    bide_set_exception_handler(bide_loop_current(), note_failure, NULL);
    client_open(&client, dial(server), 0);
    struct exchange *early = client_ask(&client, "/early");
    struct exchange *late = client_ask(&client, "/late");
    CHECK_OK(client_await(&client, early));
    CHECK_OK(client_await(&client, late));
    CHECK_INT(early->status, 500);
    CHECK_STR(early->body, "500 Internal Server Error\n");
    CHECK_INT(late->status, 200);
    CHECK(late->closed);
    CHECK_INT(late->error, NGHTTP2_INTERNAL_ERROR);
    CHECK_INT(failures, 2);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_handler_that_fails_ends_its_stream_and_no_other)
{
    run_clean(amain_fail);
}

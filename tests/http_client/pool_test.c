/* SPDX-License-Identifier: MIT */
/* pool_test.c — connections that are kept, closed, and tried again. */
#include "client.h"

#include <errno.h>

#define EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static int get(bide_http_session *http, const char *url)
{
    char text[64];
    return get_text(http, url, text, sizeof text);
}

static int post(bide_http_session *http, const char *url)
{
    bide_http_response *response;
    int rc = bide_http_post(http, url, NULL, "x", 1, &response);
    if (rc == 0)
        bide_http_response_close(response);
    return rc;
}

static int amain_reuse(void *arg)
{
    struct raw raw = {.replies = (const char *const[]){
                          EMPTY, EMPTY,
                          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx",
                          EMPTY, EMPTY "surplus", EMPTY, NULL}};
    bide_http_session *http = open_session(NULL);
    (void)arg;
    raw_open(&raw);
    const char *url = raw_url(&raw, "/");
    CHECK_INT(get(http, url), 200);
    CHECK_INT(get(http, url), 200);
    CHECK_INT(raw.connections, 1);
    CHECK_INT(get(http, url), 200);
    CHECK_INT(bide_http_session_connections(http), 0);
    CHECK_INT(get(http, url), 200);
    CHECK_INT(raw.connections, 2);
    CHECK_INT(get(http, url), 200);
    CHECK_INT(bide_http_session_connections(http), 0);
    CHECK_INT(get(http, url), 200);
    CHECK_INT(raw.connections, 3);
    bide_http_session_close(http);
    raw_close(&raw);
    return 0;
}

TEST(a_connection_is_used_again_if_the_response_allows_it)
{
    run_clean(amain_reuse);
}

/* The server closes each connection after one response, as if by a timeout of
 * its own. */
static int amain_stale(void *arg)
{
    struct raw raw = {.replies = (const char *const[]){EMPTY, NULL},
                      .keep = true};
    bide_http_session *http = open_session(NULL);
    (void)arg;
    raw_open(&raw);
    const char *url = raw_url(&raw, "/");
    for (int i = 1; i <= 5; i++) {
        CHECK_INT(get(http, url), 200);
        CHECK_INT(raw.requests, i);
    }
    CHECK_OK(bide_sleep(0.05)); /* the end has arrived: posts notice */
    CHECK_OK(post(http, url));
    CHECK_INT(raw.requests, 6);
    bide_http_session_close(http);
    raw_close(&raw);
    return 0;
}

TEST(a_stale_connection_is_replaced)
{
    run_clean(amain_stale);
}

/* Reads a second request, and closes without an answer. */
static int deaf(bide_stream *stream, void *arg)
{
    int *requests = arg;
    char buf[1024];
    for (int i = 0; i < 2; i++) {
        ssize_t n = bide_stream_readuntil(stream, "\r\n\r\n", 4, buf, 1024);
        if (n < 0)
            return 0;
        ++*requests;
        if (i == 0 && bide_stream_write(stream, EMPTY, sizeof EMPTY - 1) < 0)
            return 0;
    }
    return 0;
}

static int amain_twice(void *arg)
{
    int requests = 0;
    bide_server *server = start(deaf, &requests);
    bide_http_session *http = open_session(NULL);
    char url[64];
    (void)arg;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             bide_server_port(server));
    CHECK_INT(get(http, url), 200);
    CHECK_INT(get(http, url), 200); /* unanswered, and once more */
    CHECK_INT(requests, 3);
    CHECK_ERR(post(http, url), BIDE_E_INCOMPLETE);
    CHECK_INT(requests, 4);
    bide_http_session_close(http);
    CHECK_OK(bide_server_close(server));
    return 0;
}

TEST(only_what_may_be_done_twice_is_sent_twice)
{
    run_clean(amain_twice);
}

static int amain_limit(void *arg)
{
    struct raw one = {.replies = (const char *const[]){EMPTY, EMPTY, NULL},
                      .hang = true};
    struct raw two = one;
    const bide_http_session_options options = {.connections = 1,
                                               .idle_timeout = 0.1};
    bide_http_session *http = open_session(&options);
    (void)arg;
    raw_open(&one);
    raw_open(&two);
    CHECK_INT(get(http, raw_url(&one, "/")), 200);
    CHECK_INT(bide_http_session_connections(http), 1);
    CHECK_INT(get(http, raw_url(&two, "/")), 200);
    CHECK_INT(bide_http_session_connections(http), 1);
    CHECK_INT(get(http, raw_url(&two, "/")), 200);
    CHECK_INT(two.connections, 1);
    CHECK_OK(bide_sleep(0.25));
    CHECK_INT(bide_http_session_connections(http), 0);
    bide_http_session_close(http);
    raw_close(&one);
    raw_close(&two);
    return 0;
}

TEST(idle_connections_make_room_and_expire)
{
    run_clean(amain_limit);
}

static int amain_age(void *arg)
{
    struct raw raw = {.replies = (const char *const[]){EMPTY, EMPTY, NULL},
                      .keep = true};
    const bide_http_session_options options = {.max_age = 0.02};
    bide_http_session *http = open_session(&options);
    (void)arg;
    raw_open(&raw);
    CHECK_INT(get(http, raw_url(&raw, "/")), 200);
    CHECK_OK(bide_sleep(0.05));
    CHECK_INT(get(http, raw_url(&raw, "/")), 200);
    CHECK_INT(raw.connections, 2);
    bide_http_session_close(http);
    raw_close(&raw);
    return 0;
}

TEST(a_connection_is_not_used_beyond_its_age)
{
    run_clean(amain_age);
}

/* ── Closing ──────────────────────────────────────────────────────────── */

struct wanting {
    bide_http_session *http;
    const char *url;
};

static int want(void *arg)
{
    struct wanting *wanting = arg;
    return get(wanting->http, wanting->url);
}

static int amain_close(void *arg)
{
    struct raw raw = {
        .replies = (const char *const[]){
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", NULL},
        .hang = true};
    const bide_http_session_options options = {.connections = 1};
    bide_http_session *http = open_session(&options);
    bide_http_response *response;
    char buf[8];
    (void)arg;
    raw_open(&raw);
    struct wanting wanting = {http, raw_url(&raw, "/")};
    CHECK_OK(bide_http_get(http, wanting.url, &response));
    bide_task *cancelled = bide_create_task(want, &wanting);
    bide_task *waiting = bide_create_task(want, &wanting);
    CHECK_OK(bide_sleep(0.01));
    CHECK(bide_task_cancel(cancelled));
    CHECK_ERR(bide_await(cancelled), -ECANCELED);
    bide_http_session_close(http);
    CHECK_ERR(bide_await(waiting), -EBADF);
    CHECK_INT(bide_http_response_read(response, buf, sizeof buf), 2);
    bide_http_response_close(response);
    raw_close(&raw);
    return 0;
}

TEST(closing_a_session_fails_who_waits_and_leaves_who_reads)
{
    run_clean(amain_close);
}

static int amain_discard(void *arg)
{
    static const char there[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
    struct raw raw = {.replies = (const char *const[]){there, there, NULL},
                      .hang = true};
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    (void)arg;
    raw_open(&raw);
    CHECK_OK(bide_http_get(http, raw_url(&raw, "/"), &response));
    bide_http_response_close(response);
    CHECK_INT(bide_http_session_connections(http), 1);
    CHECK_INT(get(http, raw_url(&raw, "/")), 200);
    CHECK_INT(raw.connections, 1);
    bide_http_session_close(http);
    raw_close(&raw);
    return 0;
}

TEST(a_short_body_that_nobody_read_keeps_its_connection)
{
    run_clean(amain_discard);
}

/* SPDX-License-Identifier: MIT */
/*
 * torture_test.c — requests of each kind, each allocation failing and each
 * wait cancelled in turn.
 */
#include "helpers/torture.h"

#include "client.h"

#include <errno.h>

static int answer(bide_http_request *request, void *arg)
{
    const char *body;
    (void)arg;
    ssize_t n = bide_http_request_body(request, &body);
    if (n < 0)
        return (int)n;
    int rc = bide_http_reply_header(request, "Set-Cookie", "a=1; Path=/");
    if (rc == 0 && strcmp(bide_http_request_target(request), "/moved") == 0) {
        rc = bide_http_reply_header(request, "Location", "/there");
        return rc < 0 ? rc : bide_http_reply(request, 307, NULL, "", 0);
    }
    if (rc == 0)
        rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    if (rc == 0)
        rc = bide_http_reply_write(request, body, (size_t)n);
    return rc;
}

static ssize_t give(void *arg, void *buf, size_t len)
{
    int *left = arg;
    (void)len;
    if (bide_sleep(0) < 0)
        return -ECANCELED;
    if (*left == 0)
        return 0;
    memcpy(buf, "piece", 5);
    --*left;
    return 5;
}

/* The other side may have been disturbed. */
static int forgive(int rc)
{
    bool theirs = rc == -ECONNRESET || rc == -EPIPE ||
                  rc == BIDE_E_INCOMPLETE || rc == -ECONNREFUSED;
    return torture_disturbs() && theirs ? 0 : rc;
}

static int take(int rc, bide_http_response *response, const char *expected)
{
    const char *text;
    if (rc < 0)
        return forgive(rc);
    rc = bide_http_response_text(response, &text);
    if (rc == 0 && !torture_disturbs())
        CHECK_STR(text, expected);
    bide_http_response_close(response);
    return forgive(rc);
}

static int ask(bide_http_session *http, const bide_http_server *server)
{
    bide_http_response *response;
    const bide_http_fetch_options moved = {
        .form = (const bide_http_pair[]){{"a", "b"}, {0}},
        .user = "u",
    };
    int rc = bide_http_fetch(http, "POST", url_of(server, "/moved"), &moved,
                             &response);
    rc = take(rc, response, "a=b");
    if (rc < 0)
        return rc;
    int left = 2;
    const bide_http_fetch_options source = {.source = give,
                                            .source_arg = &left};
    rc = bide_http_fetch(http, "PUT", url_of(server, "/"), &source, &response);
    rc = take(rc, response, "piecepiece");
    if (rc < 0)
        return rc;
    const bide_http_part parts[] = {{.name = "n", .data = "x", .len = 1}, {0}};
    const bide_http_fetch_options multipart = {.parts = parts};
    rc = bide_http_fetch(http, "POST", url_of(server, "/"), &multipart,
                         &response);
    if (rc == 0)
        bide_http_response_close(response); /* in the middle */
    return forgive(rc);
}

/* Others that want the only connection. */
struct rival {
    bide_http_session *http;
    char url[64];
};

static int fetch_rival(void *arg)
{
    struct rival *rival = arg;
    bide_http_response *response;
    int rc = bide_http_get(rival->http, rival->url, &response);
    return take(rc, response, "");
}

static int ask_with_rivals(bide_http_session *http,
                           const bide_http_server *server)
{
    enum { COUNT = 3 };
    struct rival rival = {.http = http};
    bide_task *tasks[COUNT];
    snprintf(rival.url, sizeof rival.url, "%s", url_of(server, "/"));
    for (int i = 0; i < COUNT; i++)
        tasks[i] = bide_create_task(fetch_rival, &rival);
    int rc = ask(http, server);
    int others = bide_gather(tasks, COUNT);
    return rc < 0 ? rc : others;
}

/* Whatever went wrong, the session serves the next request. */
static void check_usable(bide_http_session *http,
                         const bide_http_server *server)
{
    bide_http_response *response;
    int rc = bide_http_get(http, url_of(server, "/"), &response);
    if (rc == 0)
        bide_http_response_close(response);
    CHECK(rc == 0 || rc == -ENOMEM || rc == -ECANCELED || forgive(rc) == 0);
}

static int scenario(void *arg)
{
    bide_http_server *server;
    bide_http_session *http;
    (void)arg;
    bide_set_exception_handler(bide_loop_current(), note_report, NULL);
    int rc = bide_http_serve("127.0.0.1", 0, answer, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    const bide_http_session_options options = {
        .headers = (const bide_http_pair[]){{"X-A", "b"}, {0}},
        .connections = 1,
    };
    rc = bide_http_session_open(&options, &http);
    if (rc == 0) {
        rc = ask_with_rivals(http, server);
        CHECK(bide_http_session_connections(http) <= 1);
        check_usable(http, server);
        bide_http_session_close(http);
    }
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

TEST(requests_survive_anything)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.suspensions >= 10);
    CHECK(counts.allocations >= 40);
}

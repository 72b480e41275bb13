/* SPDX-License-Identifier: MIT */
/*
 * http2_torture_test.c — requests over HTTP/2, each allocation failing and
 * each wait cancelled in turn.
 */
#include "helpers/torture.h"

#include "client.h"

#include <errno.h>

#include "tls/certificates.h"

static int answer(bide_http_request *request, void *arg)
{
    const char *body;
    (void)arg;
    ssize_t n = bide_http_request_body(request, &body);
    if (n < 0)
        return (int)n;
    int rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    if (rc == 0)
        rc = bide_http_reply_write(request, body, (size_t)n);
    return rc < 0 ? rc : bide_http_reply_write(request, "!", 1);
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

/* The other side, or the tasks of the connection, may have been disturbed. */
static int forgive(int rc)
{
    static const int theirs[] = {
        -ECONNRESET, -EPIPE, -ECONNREFUSED, BIDE_E_INCOMPLETE, BIDE_E_TLS,
        BIDE_E_TLS_TRUNCATED, -EBADMSG,
    };
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++)
        if (torture_disturbs() && rc == theirs[i])
            return 0;
    return rc;
}

static int take(int rc, bide_http_response *response, const char *expected)
{
    const char *text;
    if (rc < 0)
        return forgive(rc);
    rc = bide_http_response_text(response, &text);
    if (rc == 0 && !torture_disturbs()) {
        CHECK_STR(text, expected);
        CHECK_STR(bide_http_response_version(response), "HTTP/2");
    }
    bide_http_response_close(response);
    return forgive(rc);
}

static int ask(bide_http_session *http, const char *url)
{
    bide_http_response *response, *unread;
    int rc = bide_http_post(http, url, NULL, "body", 4, &response);
    rc = take(rc, response, "body!");
    if (rc < 0)
        return rc;
    rc = bide_http_get(http, url, &unread);
    if (rc < 0)
        return forgive(rc);
    int left = 2;
    const bide_http_fetch_options source = {.source = give,
                                            .source_arg = &left};
    rc = bide_http_fetch(http, "PUT", url, &source, &response);
    rc = take(rc, response, "piecepiece!");
    bide_http_response_close(unread);
    return rc;
}

/* Others that wait for what the first connection speaks. */
struct rival {
    bide_http_session *http;
    const char *url;
};

static int fetch_rival(void *arg)
{
    const struct rival *rival = arg;
    bide_http_response *response;
    int rc = bide_http_get(rival->http, rival->url, &response);
    return take(rc, response, "!");
}

static int ask_with_rivals(bide_http_session *http, const char *url)
{
    enum { COUNT = 2 };
    struct rival rival = {http, url};
    bide_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = bide_create_task(fetch_rival, &rival);
    int rc = ask(http, url);
    int others = bide_gather(tasks, COUNT);
    return rc < 0 ? rc : others;
}

static int converse(bide_http_session *http, const bide_http_server *server)
{
    char url[64];
    bide_http_response *response;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/",
             bide_http_server_port(server));
    int rc = ask_with_rivals(http, url);
    int again = bide_http_get(http, url, &response);
    if (again == 0)
        bide_http_response_close(response);
    CHECK(again == 0 || again == -ENOMEM || again == -ECANCELED ||
          forgive(again) == 0);
    return rc;
}

static int scenario(void *arg)
{
    const bide_tls_options alpn = {.alpn = "h2"};
    bide_tls_context *server_tls, *client_tls;
    bide_http_server *server = NULL;
    bide_http_session *http = NULL;
    (void)arg;
    bide_set_exception_handler(bide_loop_current(), note_report, NULL);
    bide_tls_options options = alpn;
    options.certificate = certificate_file(GOOD);
    int rc = bide_tls_open_server(&options, &server_tls);
    if (rc < 0)
        return rc;
    options = alpn;
    options.trust = certificate_file(AUTHORITY);
    rc = bide_tls_open_client(&options, &client_tls);
    if (rc < 0) {
        bide_tls_close(server_tls);
        return rc;
    }
    const bide_http_server_options serving = {.tls = server_tls};
    const bide_http_session_options asking = {.tls = client_tls,
                                              .timeout = 3};
    rc = bide_http_serve("127.0.0.1", 0, answer, NULL, &serving, &server);
    if (rc == 0)
        rc = bide_http_session_open(&asking, &http);
    if (rc == 0)
        rc = converse(http, server);
    bide_http_session_close(http);
    int closed = bide_http_server_close(server);
    bide_tls_close(server_tls);
    bide_tls_close(client_tls);
    return rc < 0 ? rc : closed;
}

TEST(requests_over_http_2_survive_anything)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.suspensions >= 10);
    CHECK(counts.allocations >= 40);
}

/* SPDX-License-Identifier: MIT */
/* secure_test.c — https: HTTP/1.1 and HTTP/2 over TLS. */
#include "client.h"

#include <errno.h>

#include "tls/certificates.h"

/* ── A secure server ──────────────────────────────────────────────────── */

struct site {
    bide_tls_context *server_tls, *client_tls;
    bide_http_server *server;
    bide_http_session *http;
};

static int big(bide_http_request *request, size_t size)
{
    char piece[4096];
    memset(piece, 'b', sizeof piece);
    int rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    for (size_t at = 0; rc == 0 && at < size; at += sizeof piece)
        rc = bide_http_reply_write(request, piece, sizeof piece);
    return rc;
}

/* Sends back what it reads, as it reads it. */
static int echo_on(bide_http_request *request)
{
    char buf[8192];
    ssize_t n;
    int rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    while (rc == 0 &&
           (n = bide_http_request_read(request, buf, sizeof buf)) != 0)
        rc = n < 0 ? (int)n : bide_http_reply_write(request, buf, (size_t)n);
    return rc;
}

static int pages(bide_http_request *request, void *arg)
{
    const char *target = bide_http_request_target(request), *body;
    char text[4096];
    (void)arg;
    if (strcmp(target, "/big") == 0)
        return big(request, 2000000);
    if (strcmp(target, "/echo") == 0)
        return echo_on(request);
    if (strcmp(target, "/slow") == 0)
        return bide_sleep(1000);
    if (strcmp(target, "/moved") == 0) {
        int rc = bide_http_reply_header(request, "Location", "/there");
        return rc < 0 ? rc : bide_http_reply(request, 307, NULL, "", 0);
    }
    if (strcmp(target, "/refused") == 0)
        return bide_http_reply(request, 413, NULL, "no", 2);
    if (strcmp(target, "/cookie") == 0) {
        int rc = bide_http_reply_header(request, "Set-Cookie",
                                        "__Host-a=b; Secure; Path=/");
        return rc < 0 ? rc : bide_http_reply(request, 204, NULL, NULL, 0);
    }
    ssize_t len = bide_http_request_body(request, &body);
    if (len < 0)
        return (int)len;
    const char *cookie = bide_http_request_header(request, "cookie");
    int n = snprintf(text, sizeof text, "%s %s %zd %.20s %s",
                     bide_http_request_method(request), target, len, body,
                     cookie ? cookie : "");
    return bide_http_reply(request, 200, "text/plain", text, (size_t)n);
}

static void site_open(struct site *site, bool http2)
{
    const bide_tls_options alpn = {.alpn = "h2,http/1.1"};
    site->server_tls = server_context(GOOD, &alpn);
    site->client_tls = client_context(http2 ? &alpn : NULL);
    const bide_http_server_options options = {.tls = site->server_tls,
                                              .body = 8 << 20};
    const bide_http_session_options session = {.tls = site->client_tls};
    CHECK_OK(bide_http_serve("127.0.0.1", 0, pages, NULL, &options,
                             &site->server));
    site->http = open_session(&session);
}

static void site_close(struct site *site)
{
    bide_http_session_close(site->http);
    CHECK_OK(bide_http_server_close(site->server));
    bide_tls_close(site->server_tls);
    bide_tls_close(site->client_tls);
}

static const char *secure_url(const struct site *site, const char *target)
{
    static char url[8][128];
    static unsigned turn;
    char *text = url[turn++ % 8];
    snprintf(text, sizeof url[0], "https://127.0.0.1:%d%s",
             bide_http_server_port(site->server), target);
    return text;
}

/* ── Requests of each kind ────────────────────────────────────────────── */

static ssize_t give(void *arg, void *buf, size_t len)
{
    size_t *left = arg;
    if (bide_sleep(0) < 0)
        return -ECANCELED;
    len = len < *left ? len : *left;
    memset(buf, 'g', len);
    *left -= len;
    return (ssize_t)len;
}

static void check_get(struct site *site, const char *version)
{
    bide_http_response *response;
    const char *text;
    CHECK_OK(bide_http_get(site->http, secure_url(site, "/x?y"), &response));
    CHECK_INT(bide_http_response_status(response), 200);
    CHECK_STR(bide_http_response_version(response), version);
    CHECK_STR(bide_http_response_reason(response), "OK");
    CHECK_STR(bide_http_response_header(response, "Content-Type"),
              "text/plain");
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "GET /x?y 0  ");
    bide_http_response_close(response);
}

static void check_bodies(struct site *site)
{
    enum { SIZE = 300000 };
    bide_http_response *response;
    const char *text;
    char *data = malloc(SIZE);
    memset(data, 'd', SIZE);
    CHECK_OK(bide_http_post(site->http, secure_url(site, "/moved"), "a/b",
                            data, SIZE, &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "POST /there 300000 dddddddddddddddddddd ");
    bide_http_response_close(response);
    CHECK_OK(bide_http_post(site->http, secure_url(site, "/refused"), "a/b",
                            data, SIZE, &response));
    CHECK_INT(bide_http_response_status(response), 413);
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "no");
    bide_http_response_close(response);
    free(data);
    size_t left = 100000;
    const bide_http_fetch_options options = {.source = give,
                                             .source_arg = &left};
    CHECK_OK(bide_http_fetch(site->http, "PUT", secure_url(site, "/"),
                             &options, &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "PUT / 100000 gggggggggggggggggggg ");
    bide_http_response_close(response);
}

static void check_sent_back(struct site *site)
{
    enum { SIZE = 5 << 20 };
    bide_http_response *response;
    const void *data;
    char *sent = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        sent[i] = (char)(i % 251);
    CHECK_OK(bide_http_post(site->http, secure_url(site, "/echo"), NULL, sent,
                            SIZE, &response));
    CHECK_INT(bide_http_response_data(response, &data), SIZE);
    CHECK(memcmp(data, sent, SIZE) == 0);
    bide_http_response_close(response);
    free(sent);
}

static void check_big(struct site *site)
{
    char buf[10000];
    size_t total = 0;
    ssize_t n;
    bide_http_response *response;
    CHECK_OK(bide_http_get(site->http, secure_url(site, "/big"), &response));
    while ((n = bide_http_response_read(response, buf, sizeof buf)) > 0)
        total += (size_t)n;
    CHECK_INT(n, 0);
    CHECK_INT(total, (2000000 + 4095) / 4096 * 4096);
    bide_http_response_close(response);
}

static void check_cookie(struct site *site)
{
    bide_http_response *response;
    const char *text;
    CHECK_OK(bide_http_get(site->http, secure_url(site, "/cookie"),
                           &response));
    CHECK_INT(bide_http_response_status(response), 204);
    bide_http_response_close(response);
    CHECK_OK(bide_http_fetch(site->http, "HEAD", secure_url(site, "/h"), NULL,
                             &response));
    CHECK(bide_http_response_length(response) > 0);
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "");
    bide_http_response_close(response);
    CHECK_OK(bide_http_get(site->http, secure_url(site, "/h"), &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strstr(text, "__Host-a=b"));
    bide_http_response_close(response);
}

static int amain_secure(void *arg)
{
    struct site site;
    (void)arg;
    site_open(&site, false);
    check_get(&site, "HTTP/1.1");
    check_big(&site);
    check_bodies(&site);
    check_sent_back(&site);
    check_cookie(&site);
    site_close(&site);
    return 0;
}

TEST(https_is_spoken_over_http_1_1)
{
    run_clean(amain_secure);
}

static int amain_http2(void *arg)
{
    struct site site;
    (void)arg;
    site_open(&site, true);
    check_get(&site, "HTTP/2");
    check_big(&site);
    check_bodies(&site);
    check_sent_back(&site);
    check_cookie(&site);
    CHECK_INT(bide_http_session_connections(site.http), 1);
    site_close(&site);
    return 0;
}

TEST(https_is_spoken_over_http_2)
{
    run_clean(amain_http2);
}

static int amain_unwanted(void *arg)
{
    struct site site;
    bide_http_response *response;
    (void)arg;
    site_open(&site, true);
    const bide_http_session_options options = {.tls = site.client_tls,
                                               .no_http2 = true};
    bide_http_session_close(site.http);
    site.http = open_session(&options);
    CHECK_ERR(bide_http_get(site.http, secure_url(&site, "/"), &response),
              -EINVAL);
    site_close(&site);
    return 0;
}

TEST(a_context_that_offers_what_the_session_does_not_want_is_refused)
{
    run_clean(amain_unwanted);
}

/* ── Many at once ─────────────────────────────────────────────────────── */

static int fetch_one(void *arg)
{
    struct site *site = arg;
    bide_http_response *response;
    const char *text;
    int rc = bide_http_get(site->http, secure_url(site, "/m"), &response);
    if (rc < 0)
        return rc;
    rc = bide_http_response_text(response, &text);
    bide_http_response_close(response);
    return rc;
}

static int fetch_slow(void *arg)
{
    struct site *site = arg;
    bide_http_response *response;
    int rc = bide_http_get(site->http, secure_url(site, "/slow"), &response);
    if (rc == 0)
        bide_http_response_close(response);
    return rc;
}

static int amain_many(void *arg)
{
    enum { COUNT = 300 };
    struct site site;
    bide_task *tasks[COUNT];
    bide_http_response *unread;
    (void)arg;
    site_open(&site, true);
    for (int i = 0; i < COUNT; i++)
        tasks[i] = bide_create_task(fetch_one, &site);
    CHECK_OK(bide_gather(tasks, COUNT));
    CHECK_INT(bide_http_session_connections(site.http), 1);
    /* One that nobody reads does not stop the others, and one that is
     * cancelled does not end the connection. */
    CHECK_OK(bide_http_get(site.http, secure_url(&site, "/big"), &unread));
    bide_task *slow = bide_create_task(fetch_slow, &site);
    CHECK_OK(bide_sleep(0.02));
    CHECK(bide_task_cancel(slow));
    CHECK_ERR(bide_await(slow), -ECANCELED);
    for (int i = 0; i < 20; i++)
        CHECK_OK(fetch_one(&site));
    bide_http_response_close(unread);
    CHECK_OK(fetch_one(&site));
    CHECK_INT(bide_http_session_connections(site.http), 1);
    site_close(&site);
    return 0;
}

TEST(requests_share_one_connection_of_http_2)
{
    run_clean(amain_many);
}

static int amain_restart(void *arg)
{
    struct site site;
    (void)arg;
    site_open(&site, true);
    CHECK_OK(fetch_one(&site));
    int port = bide_http_server_port(site.server);
    CHECK_OK(bide_http_server_close(site.server));
    const bide_http_server_options options = {.tls = site.server_tls};
    CHECK_OK(bide_http_serve("127.0.0.1", port, pages, NULL, &options,
                             &site.server));
    CHECK_OK(fetch_one(&site));
    CHECK_INT(bide_http_session_connections(site.http), 1);
    /* Closed while a response is open. */
    bide_http_response *response;
    char buf[100];
    CHECK_OK(bide_http_get(site.http, secure_url(&site, "/big"), &response));
    CHECK_OK(bide_http_server_close(site.server));
    ssize_t n = 1;
    while (n > 0)
        n = bide_http_response_read(response, buf, sizeof buf);
    CHECK(n < 0);
    bide_http_response_close(response);
    CHECK_OK(bide_http_serve("127.0.0.1", port, pages, NULL, &options,
                             &site.server));
    CHECK_OK(fetch_one(&site));
    site_close(&site);
    return 0;
}

TEST(a_connection_of_http_2_that_ends_is_replaced)
{
    run_clean(amain_restart);
}

/* A server that accepts, and never begins to speak TLS. */
static int mute(bide_stream *stream, void *arg)
{
    (void)stream, (void)arg;
    return bide_sleep(1000);
}

static int amain_mute(void *arg)
{
    bide_server *server = start(mute, NULL);
    bide_tls_context *tls = client_context(NULL);
    const bide_http_session_options options = {.tls = tls,
                                               .connect_timeout = 0.05};
    bide_http_session *http = open_session(&options);
    bide_http_response *response;
    char url[64];
    (void)arg;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/",
             bide_server_port(server));
    CHECK_ERR(bide_http_get(http, url, &response), -ETIME);
    CHECK_INT(bide_http_session_connections(http), 0);
    bide_http_session_close(http);
    bide_tls_close(tls);
    CHECK_OK(bide_server_close(server));
    return 0;
}

TEST(connecting_ends_with_the_handshake_or_its_time)
{
    run_clean(amain_mute);
}

/* ── Trust ────────────────────────────────────────────────────────────── */

static int amain_untrusted(void *arg)
{
    struct site site;
    (void)arg;
    site_open(&site, false);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    CHECK_ERR(bide_http_get(http, secure_url(&site, "/"), &response),
              BIDE_E_TLS_CERTIFICATE);
    CHECK_INT(bide_http_session_connections(http), 0);
    bide_http_session_close(http);
    site_close(&site);
    return 0;
}

TEST(a_session_trusts_whom_the_system_trusts)
{
    run_clean(amain_untrusted);
}

static int amain_own(void *arg)
{
    struct site site;
    (void)arg;
    setenv("SSL_CERT_FILE", certificate_file(AUTHORITY), 1);
    site_open(&site, false);
    bide_http_session_close(site.http);
    site.http = open_session(NULL);
    check_get(&site, "HTTP/2");
    const bide_http_session_options options = {.no_http2 = true};
    bide_http_session_close(site.http);
    site.http = open_session(&options);
    check_get(&site, "HTTP/1.1");
    site_close(&site);
    unsetenv("SSL_CERT_FILE");
    return 0;
}

TEST(https_works_without_a_context_of_the_caller)
{
    run_clean(amain_own);
}

/* ── By way of a proxy ────────────────────────────────────────────────── */

struct tunnel {
    int port;
    char request[1024];
    const char *reply;
};

static int relay_back(void *arg)
{
    bide_stream *const *pair = arg;
    char buf[4096];
    ssize_t n;
    while ((n = bide_stream_read(pair[1], buf, sizeof buf)) > 0)
        if (bide_stream_write(pair[0], buf, (size_t)n) < 0)
            break;
    return 0;
}

static int tunnel(bide_stream *stream, void *arg)
{
    struct tunnel *tunnel = arg;
    bide_stream *pair[2] = {stream, NULL};
    char buf[4096];
    ssize_t n = bide_stream_readuntil(stream, "\r\n\r\n", 4, tunnel->request,
                                      sizeof tunnel->request - 1);
    if (n < 0)
        return (int)n;
    tunnel->request[n] = '\0';
    int rc = bide_stream_write(stream, tunnel->reply, strlen(tunnel->reply));
    if (rc == 0)
        rc = bide_open_connection("127.0.0.1", tunnel->port, NULL, &pair[1]);
    if (rc < 0)
        return rc;
    bide_task *back = bide_create_task(relay_back, pair);
    while ((n = bide_stream_read(stream, buf, sizeof buf)) > 0)
        if (bide_stream_write(pair[1], buf, (size_t)n) < 0)
            break;
    (void)bide_task_cancel(back);
    rc = bide_await(back);
    bide_stream_close(pair[1]);
    return rc == -ECANCELED ? 0 : rc;
}

static int amain_proxy(void *arg)
{
    struct site site;
    char proxy[64], expected[64];
    (void)arg;
    site_open(&site, true);
    struct tunnel state = {
        .port = bide_http_server_port(site.server),
        .reply = "HTTP/1.1 200 Connection established\r\nA: b\r\n\r\n",
    };
    bide_server *server = start(tunnel, &state);
    snprintf(proxy, sizeof proxy, "http://u:p@127.0.0.1:%d",
             bide_server_port(server));
    const bide_http_session_options options = {.tls = site.client_tls,
                                               .proxy = proxy};
    bide_http_session_close(site.http);
    site.http = open_session(&options);
    check_get(&site, "HTTP/2");
    snprintf(expected, sizeof expected, "CONNECT 127.0.0.1:%d HTTP/1.1\r\n",
             state.port);
    CHECK(strstr(state.request, expected));
    CHECK(strstr(state.request, "\r\nProxy-Authorization: Basic dTpw\r\n"));
    bide_http_session_close(site.http);
    state.reply = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    site.http = open_session(&options);
    bide_http_response *response;
    int rc = bide_http_get(site.http, secure_url(&site, "/"), &response);
    CHECK_INT(rc, -ECONNREFUSED);
    CHECK_STR(bide_errmsg(rc), "the proxy refused to connect: 407 Proxy "
                               "Authentication Required");
    CHECK_OK(bide_server_close(server));
    site_close(&site);
    return 0;
}

TEST(https_goes_through_a_tunnel_of_a_proxy)
{
    run_clean(amain_proxy);
}

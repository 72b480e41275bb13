/* SPDX-License-Identifier: MIT */
/* proxy_test.c — requests through a proxy. */
#include "client.h"

#include <errno.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static int amain_forward(void *arg)
{
    struct raw raw = {.replies = (const char *const[]){OK, OK, OK, NULL}};
    char proxy[64], text[8];
    (void)arg;
    raw_open(&raw);
    snprintf(proxy, sizeof proxy, "http://me:secret@127.0.0.1:%d",
             bide_server_port(raw.server));
    const bide_http_session_options options = {.proxy = proxy};
    bide_http_session *http = open_session(&options);
    CHECK_INT(get_text(http, "http://a.example/x?y", text, sizeof text), 200);
    CHECK(strncmp(raw.request,
                  "GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\n",
                  52) == 0);
    CHECK(strstr(raw.request,
                 "\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
    CHECK_INT(get_text(http, "http://b.example:81/", text, sizeof text), 200);
    CHECK(strstr(raw.request, "\r\nHost: b.example:81\r\n"));
    CHECK_INT(raw.connections, 1);
    bide_http_response *response;
    const bide_http_fetch_options direct = {.proxy = ""};
    CHECK_OK(bide_http_fetch(http, "GET", raw_url(&raw, "/"), &direct,
                             &response));
    CHECK(strncmp(raw.request, "GET / HTTP/1.1\r\n", 16) == 0);
    CHECK(!strstr(raw.request, "Proxy-"));
    bide_http_response_close(response);
    bide_http_session_close(http);
    raw_close(&raw);
    return 0;
}

TEST(a_proxy_forwards_requests)
{
    run_clean(amain_forward);
}

static int amain_environment(void *arg)
{
    struct raw raw = {.replies = (const char *const[]){OK, OK, NULL}};
    char proxy[64], text[8];
    (void)arg;
    raw_open(&raw);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d",
             bide_server_port(raw.server));
    setenv("http_proxy", proxy, 1);
    setenv("no_proxy", "x.org, .0.0.1", 1);
    const bide_http_session_options options = {.trust_env = true};
    bide_http_session *http = open_session(&options);
    CHECK_INT(get_text(http, "http://a.example/", text, sizeof text), 200);
    CHECK(strstr(raw.request, "GET http://a.example/ HTTP/1.1"));
    CHECK_INT(get_text(http, raw_url(&raw, "/d"), text, sizeof text), 200);
    CHECK(strstr(raw.request, "GET /d HTTP/1.1"));
    bide_http_session_close(http);
    raw_close(&raw);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    return 0;
}

TEST(the_environment_names_proxies_if_it_is_trusted)
{
    run_clean(amain_environment);
}

static int amain_wrong(void *arg)
{
    static const char *const proxies[] = {"https://h", "h:80", "socks5://h"};
    (void)arg;
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        const bide_http_session_options options = {.proxy = proxies[i]};
        bide_http_session *http = NULL;
        CHECK_ERR(bide_http_session_open(&options, &http), -EINVAL);
    }
    return 0;
}

TEST(what_is_no_proxy_is_refused)
{
    run_clean(amain_wrong);
}

/* ── Credentials ──────────────────────────────────────────────────────── */

static int amain_foreign(void *arg)
{
    struct raw there = {.replies = (const char *const[]){OK, NULL}};
    char moved[200];
    (void)arg;
    raw_open(&there);
    snprintf(moved, sizeof moved,
             "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n",
             raw_url(&there, "/elsewhere"));
    struct raw here = {.replies = (const char *const[]){
                           "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
                           "Location: /same\r\n\r\n",
                           moved, NULL}};
    raw_open(&here);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    const bide_http_fetch_options options = {
        .headers = (const bide_http_pair[]){{"Cookie", "mine=1"},
                                            {"X-Kept", "1"}, {0}},
        .bearer = "token",
    };
    CHECK_OK(bide_http_fetch(http, "GET", raw_url(&here, "/"), &options,
                             &response));
    CHECK(strstr(here.request, "GET /same"));
    CHECK(strstr(here.request, "\r\nAuthorization: Bearer token\r\n"));
    CHECK(strstr(here.request, "\r\nCookie: mine=1\r\n"));
    CHECK(strstr(there.request, "GET /elsewhere"));
    CHECK(!strstr(there.request, "Authorization"));
    CHECK(!strstr(there.request, "Cookie"));
    CHECK(strstr(there.request, "\r\nX-Kept: 1\r\n"));
    bide_http_response_close(response);
    bide_http_session_close(http);
    raw_close(&here);
    raw_close(&there);
    return 0;
}

TEST(credentials_stay_with_their_origin)
{
    run_clean(amain_foreign);
}

/* SPDX-License-Identifier: MIT */
/* cookies_test.c — the jar of a session. */
#include "client.h"

#include <errno.h>

static const char *cookie(bide_http_session *http, const char *url,
                          const char *name)
{
    return bide_http_session_cookie(http, url, name);
}

static int amain_jar(void *arg)
{
    bide_http_session *http = open_session(NULL);
    const char *url = "https://www.example.org/a/b";
    (void)arg;
    CHECK_OK(bide_http_session_set_cookie(http, url, "x=1"));
    CHECK_OK(bide_http_session_set_cookie(http, url,
                                          "y=2; Domain=example.org; Path=/"));
    CHECK_OK(bide_http_session_set_cookie(http, url, "z=3; Secure; Path=/"));
    CHECK_STR(cookie(http, "https://www.example.org/a/", "x"), "1");
    CHECK_STR(cookie(http, "https://www.example.org/ab", "x"), NULL);
    CHECK_STR(cookie(http, "https://example.org/a/", "x"), NULL);
    CHECK_STR(cookie(http, "http://other.example.org/", "y"), "2");
    CHECK_STR(cookie(http, "http://badexample.org/", "y"), NULL);
    CHECK_STR(cookie(http, "http://www.example.org/", "z"), NULL);
    CHECK_OK(bide_http_session_set_cookie(http, url, "x=4"));
    CHECK_STR(cookie(http, url, "x"), "4");
    CHECK_OK(bide_http_session_set_cookie(http, url, "x=; Max-Age=0"));
    CHECK_STR(cookie(http, url, "x"), NULL);
    CHECK_ERR(bide_http_session_set_cookie(http, url, "a=b; Domain=org"),
              -EINVAL);
    CHECK_ERR(bide_http_session_set_cookie(http, "nowhere", "a=b"), -EINVAL);
    for (int i = 0; i < 200; i++) {
        char text[32];
        snprintf(text, sizeof text, "n%d=%d; Path=/", i, i);
        CHECK_OK(bide_http_session_set_cookie(http, url, text));
    }
    CHECK_STR(cookie(http, url, "n0"), NULL);
    CHECK_STR(cookie(http, url, "n199"), "199");
    bide_http_session_clear_cookies(http);
    CHECK_STR(cookie(http, url, "n199"), NULL);
    bide_http_session_close(http);
    return 0;
}

TEST(a_session_keeps_cookies_and_bounds_their_number)
{
    run_clean(amain_jar);
}

static int amain_sent(void *arg)
{
    struct raw raw = {.replies = (const char *const[]){
                          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                          "Set-Cookie: a=1\r\nset-cookie: b=2; Path=/deep\r\n"
                          "Set-Cookie: c=3; Domain=com\r\n\r\n",
                          "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
                          "Set-Cookie: a=5\r\nLocation: /deep/er\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                          NULL}};
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    char text[8];
    (void)arg;
    raw_open(&raw);
    CHECK_INT(get_text(http, raw_url(&raw, "/"), text, sizeof text), 200);
    CHECK(!strstr(raw.request, "Cookie"));
    CHECK_INT(get_text(http, raw_url(&raw, "/"), text, sizeof text), 200);
    CHECK_INT(raw.requests, 3);
    CHECK(strstr(raw.request, "\r\nCookie: b=2; a=5\r\n"));
    const bide_http_fetch_options options = {
        .headers = (const bide_http_pair[]){{"Cookie", "own=1"}, {0}},
    };
    CHECK_OK(bide_http_fetch(http, "GET", raw_url(&raw, "/"), &options,
                             &response));
    CHECK(strstr(raw.request, "\r\nCookie: own=1\r\n"));
    CHECK(!strstr(raw.request, "a=5"));
    bide_http_response_close(response);
    bide_http_session_close(http);
    raw_close(&raw);
    return 0;
}

TEST(cookies_are_sent_back_where_they_belong)
{
    run_clean(amain_sent);
}

static int amain_overlaid(void *arg)
{
    static const char secure[] = "https://www.example.org/";
    static const char plain[] = "http://www.example.org/";
    bide_http_session *http = open_session(NULL);
    (void)arg;
    CHECK_OK(bide_http_session_set_cookie(
        http, secure, "id=1; Secure; Domain=example.org; Path=/"));
    CHECK_ERR(bide_http_session_set_cookie(
                  http, plain, "id=2; Domain=example.org; Path=/"),
              -EINVAL);
    CHECK_ERR(bide_http_session_set_cookie(http, plain, "id=2; Path=/a"),
              -EINVAL);
    CHECK_OK(bide_http_session_set_cookie(http, plain, "other=3"));
    CHECK_STR(bide_http_session_cookie(http, secure, "id"), "1");
    CHECK_OK(bide_http_session_set_cookie(
        http, secure, "id=4; Domain=example.org; Path=/"));
    CHECK_STR(bide_http_session_cookie(http, plain, "id"), "4");
    bide_http_session_close(http);
    return 0;
}

TEST(who_speaks_http_cannot_replace_what_https_has_set_as_secure)
{
    run_clean(amain_overlaid);
}

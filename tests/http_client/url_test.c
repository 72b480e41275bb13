/* SPDX-License-Identifier: MIT */
/* url_test.c — URLs and cookies, as they are parsed. */
#include "http/client/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

/* ── URLs ─────────────────────────────────────────────────────────────── */

TEST(a_url_is_brought_to_its_normal_form)
{
    static const struct {
        const char *given, *text, *host;
        int port;
    } cases[] = {
        {"http://Example.ORG", "http://example.org/", "example.org", 80},
        {"HTTPS://h:443/a?b#c", "https://h/a?b", "h", 443},
        {"http://h:8080?x", "http://h:8080/?x", "h", 8080},
        {"http://h:/", "http://h/", "h", 80},
        {"http://[::1]:81/", "http://[::1]:81/", "::1", 81},
        {"http://h/a/./b/../c/", "http://h/a/c/", "h", 80},
        {"http://h/../../a/..", "http://h/", "h", 80},
        {"http://h/%2e%2e/a", "http://h/%2e%2e/a", "h", 80},
        {"http://h/ä?{\"b\"}", "http://h/%C3%A4?%7B%22b%22%7D", "h", 80},
        {"http://u:p%40@h/", "http://h/", "h", 80},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bide__url url;
        if (!CHECK_OK(bide__url_parse(&url, cases[i].given,
                                      strlen(cases[i].given), NULL)))
            continue;
        CHECK_STR(url.text, cases[i].text);
        CHECK_INT(url.len, strlen(cases[i].text));
        CHECK_STR(url.host, cases[i].host);
        CHECK_INT(url.port, cases[i].port);
        bide__url_free(&url);
    }
}

TEST(user_and_password_are_decoded)
{
    struct bide__url url;
    const char *text = "http://a%20b:c%3Ad@h/";
    CHECK_OK(bide__url_parse(&url, text, strlen(text), NULL));
    CHECK_STR(url.user, "a b");
    CHECK_STR(url.password, "c:d");
    bide__url_free(&url);
    text = "http://a@h/";
    CHECK_OK(bide__url_parse(&url, text, strlen(text), NULL));
    CHECK_STR(url.user, "a");
    CHECK_STR(url.password, "");
    bide__url_free(&url);
}

/* RFC 3986, 5.4, but for what has no authority. */
TEST(references_are_resolved_as_the_rfc_has_it)
{
    static const char *const cases[][2] = {
        {"g", "http://a/b/c/g"},         {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},       {"/g", "http://a/g"},
        {"//g", "http://g/"},            {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},     {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},       {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},      {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},         {"..", "http://a/b/"},
        {"../g", "http://a/b/g"},        {"../..", "http://a/"},
        {"../../g", "http://a/g"},       {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},          {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},       {"..g", "http://a/b/c/..g"},
        {"./g/.", "http://a/b/c/g/"},    {"g/../h", "http://a/b/c/h"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"https://x/y", "https://x/y"},
    };
    static const char base_text[] = "http://a/b/c/d;p?q";
    struct bide__url base;
    CHECK_OK(bide__url_parse(&base, base_text, strlen(base_text), NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bide__url url;
        if (!CHECK_OK(bide__url_parse(&url, cases[i][0], strlen(cases[i][0]),
                                      &base)))
            continue;
        CHECK_STR(url.text, cases[i][1]);
        bide__url_free(&url);
    }
    bide__url_free(&base);
}

TEST(a_text_is_quoted)
{
    char buf[16];
    CHECK_INT(bide_http_quote("a/ä~", buf, sizeof buf), 11);
    CHECK_STR(buf, "a%2F%C3%A4~");
    CHECK_ERR(bide_http_quote("abcdef%", buf, 7), -EMSGSIZE);
    CHECK_ERR(bide_http_quote("", buf, 0), -EMSGSIZE);
    CHECK_INT(bide_http_quote("", buf, 1), 0);
}

/* ── Cookies ──────────────────────────────────────────────────────────── */

#define NOW 1000000000 /* 9 September 2001 */

static int parse(struct bide__cookie *cookie, const char *url_text,
                 const char *text)
{
    struct bide__url url;
    int rc = bide__url_parse(&url, url_text, strlen(url_text), NULL);
    if (rc == 0)
        rc = bide__cookie_parse(cookie, &url, text, NOW);
    bide__url_free(&url);
    return rc;
}

TEST(a_cookie_is_parsed_with_its_attributes)
{
    struct bide__cookie cookie;
    CHECK_OK(parse(&cookie, "https://www.example.org/a/b?c",
                   " id = x=y ; domain=.EXAMPLE.org; Path=/p; Secure;"
                   "httponly; Max-Age=60; Expires=Wed, 01 Jan 2020 0:00:00"));
    CHECK_STR(cookie.name, "id");
    CHECK_STR(cookie.value, "x=y");
    CHECK_STR(cookie.domain, "example.org");
    CHECK_STR(cookie.path, "/p");
    CHECK_INT(cookie.expires, NOW + 60);
    CHECK(cookie.secure && cookie.http_only && !cookie.host_only);
    bide__cookie_free(&cookie);
    CHECK_OK(parse(&cookie, "http://h/a/b?c/d", "a="));
    CHECK_STR(cookie.path, "/a");
    CHECK_STR(cookie.domain, "h");
    CHECK(cookie.host_only && cookie.expires == INT64_MAX);
    bide__cookie_free(&cookie);
}

TEST(dates_of_cookies_are_understood_in_their_many_forms)
{
    static const char *const dates[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994", "6 nov 1994 8:49:37",
    };
    struct bide__cookie cookie;
    char text[100];
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        snprintf(text, sizeof text, "a=b; Expires=%s", dates[i]);
        CHECK_OK(parse(&cookie, "http://h/", text));
        CHECK_INT(cookie.expires, 784111777);
        bide__cookie_free(&cookie);
    }
    CHECK_OK(parse(&cookie, "http://h/", "a=b; Expires=tomorrow"));
    CHECK(cookie.expires == INT64_MAX);
    bide__cookie_free(&cookie);
}

TEST(cookies_that_reach_too_far_are_refused)
{
    static const char *const cases[][2] = {
        {"http://example.org/", "a=b; Domain=org"},
        {"http://example.co.uk/", "a=b; Domain=co.uk"},
        {"http://example.org./", "a=b; Domain=org."},
        {"http://example.co.uk./", "a=b; Domain=co.uk."},
        {"http://example.org/", "a=b; Domain=www.example.org"},
        {"http://example.org/", "a=b; Domain=ample.org"},
        {"http://badexample.org/", "a=b; Domain=example.org"},
        {"http://10.0.0.1/", "a=b; Domain=0.0.1"},
        {"http://h/", "a=b; Secure"},
        {"http://h/", "__Secure-a=b"},
        {"https://h/", "__Host-a=b; Secure; Path=/x"},
        {"https://h/", "__Host-a=b; Path=/"},
        {"http://h/", "no value"},
        {"http://h/", "=value"},
        {"http://h/", "a=\x01"},
    };
    struct bide__cookie cookie;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (!CHECK_ERR(parse(&cookie, cases[i][0], cases[i][1]), -EINVAL))
            printf("# %s\n", cases[i][1]);
}

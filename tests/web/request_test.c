/* SPDX-License-Identifier: MIT */
/* request_test.c — what a request says, replies, cookies and middleware. */
#include "web.h"

/* ── Requests ─────────────────────────────────────────────────────────── */

static int tell_query(bide_web_request *request)
{
    char text[4096];
    size_t used = 0;
    const char *name, *value;
    for (size_t i = 0;
         bide_web_request_query_at(request, i, &name, &value); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s=%s;",
                                 name, value);
    text[used] = '\0';
    return bide_web_reply_text(request, 200, text);
}

static int amain_query(void *arg)
{
    static const struct {
        const char *target;
        const char *body;
    } cases[] = {
        {"/", ""},
        {"/?", ""},
        {"/?a=1&b=2&a=3", "a=1;b=2;a=3;"},
        {"/?a+b=c+d&%41%3d=%26", "a b=c d;A==&;"},
        {"/?a&=b&&c=", "a=;=b;c=;"},
        {"/?a=b=c", "a=b=c;"},
        {"/?a=%zz%1", "a=%zz%1;"},
        {"/?%00=1", ""},
        {"/?a=1%00", ""},
    };
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_route(app, "GET", "/", tell_query, NULL);
    bide_web_client *client = open_client(app);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(get(client, cases[i].target, &response), 200);
        CHECK_STR(response.body, cases[i].body);
    }
    char many[6144] = "/?";
    for (int i = 0; i <= BIDE_WEB_PAIRS_MAX; i++)
        strcat(many, "a=&");
    CHECK_INT(get(client, many, &response), 200);
    CHECK_STR(response.body, ""); /* too many are none */
    close_client(client, app);
    return 0;
}

TEST(queries_are_parsed_as_browsers_write_them)
{
    run_clean(amain_query);
}

static int tell_cookies(bide_web_request *request)
{
    static const char *const names[] = {"a", "b", "long"};
    char text[1024] = "";
    for (size_t i = 0; i < 3; i++) {
        const char *value = bide_web_request_cookie(request, names[i]);
        strcat(text, value ? value : "-");
        strcat(text, ";");
    }
    return bide_web_reply_text(request, 200, text);
}

static int amain_cookies(void *arg)
{
    static const struct {
        const char *header;
        const char *body;
    } cases[] = {
        {"X: y", "-;-;-;"},
        {"Cookie: a=1; b=2", "1;2;-;"},
        {"Cookie: a=1;b=\"2\";;;=x; long = 3", "1;2;-;"},
        {"Cookie: a=1\r\nCookie: b=2; a=3", "1;2;-;"},
        {"Cookie: ;=;\"; a", "-;-;-;"},
        {"Cookie: a=\"", "\";-;-;"},
    };
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_route(app, "GET", "/", tell_cookies, NULL);
    bide_web_client *client = open_client(app);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(get_with(client, "/", cases[i].header, &response), 200);
        CHECK_STR(response.body, cases[i].body);
    }
    close_client(client, app);
    return 0;
}

TEST(cookies_are_taken_as_browsers_send_them)
{
    run_clean(amain_cookies);
}

static int body_twice(bide_web_request *request)
{
    const char *first, *second;
    ssize_t n = bide_web_request_body(request, &first);
    if (n < 0)
        return (int)n;
    CHECK_INT(bide_web_request_body(request, &second), n);
    CHECK(first == second);
    return bide_web_reply(request, 200, "x/y", first, (size_t)n);
}

static int amain_body(void *arg)
{
    const bide_web_options options = {.http = {.body = 1000}};
    bide_web_app *app = bide_web_app_new(&options);
    bide_web_response response;
    char large[1200];
    (void)arg;
    bide_web_route(app, "POST", "/", body_twice, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(post(client, "/", "some text", &response), 200);
    CHECK_STR(response.body, "some text");
    CHECK_STR(bide_web_response_header(&response, "content-type"), "x/y");
    CHECK_INT(post(client, "/", "", &response), 200);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    CHECK_INT(post(client, "/", large, &response), 413);
    close_client(client, app);
    return 0;
}

TEST(a_body_is_read_once_and_has_a_limit)
{
    run_clean(amain_body);
}

/* ── Replies ──────────────────────────────────────────────────────────── */

static int silent(bide_web_request *request)
{
    (void)request;
    return 0;
}

static int html(bide_web_request *request)
{
    return bide_web_reply_html(request, 200, "<p>");
}

static int away(bide_web_request *request)
{
    CHECK_ERR(bide_web_reply_redirect(request, 0, "/a b\r\nX: y"), -EINVAL);
    CHECK_ERR(bide_web_reply_redirect(request, 200, "/"), -EINVAL);
    return bide_web_reply_redirect(request, 303, "/elsewhere");
}

static int pieces(bide_web_request *request)
{
    int rc = bide_web_reply_header(request, "X-A", "b");
    if (rc == 0)
        rc = bide_web_reply_begin(request, 201, "text/plain", -1);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = bide_web_reply_write(request, "piece ", 6);
    CHECK_ERR(bide_web_reply_text(request, 200, "late"), -EALREADY);
    CHECK_ERR(bide_web_reply_header(request, "X", "y"), -EALREADY);
    return rc;
}

static int wrong(bide_web_request *request)
{
    CHECK_ERR(bide_web_reply_text(request, 99, ""), -EINVAL);
    CHECK_ERR(bide_web_reply(request, 200, "a\r\nb", "", 0), -EINVAL);
    CHECK_ERR(bide_web_reply_header(request, "X", "a\nSet-Cookie: b"),
              -EINVAL);
    CHECK_ERR(bide_web_reply_header(request, "X Y", "a"), -EINVAL);
    CHECK_ERR(bide_web_reply_header(request, "", "a"), -EINVAL);
    CHECK_ERR(bide_web_error(request, 200, NULL), -EINVAL);
    CHECK_ERR(bide_web_reply_write(request, "x", 1), -EINVAL);
    CHECK_INT(bide_web_reply_status(request), 0);
    return bide_web_error(request, 418, "%s \"%c\" \xff", "quoted", '\n');
}

static int amain_replies(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    watch_reports();
    bide_web_route(app, "GET", "/silent", silent, NULL);
    bide_web_route(app, "GET", "/html", html, NULL);
    bide_web_route(app, "GET", "/away", away, NULL);
    bide_web_route(app, "GET", "/pieces", pieces, NULL);
    bide_web_route(app, "GET", "/wrong", wrong, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/silent", &response), 500);
    CHECK_OK(bide_sleep(0));
    CHECK(strstr(reports.text, "GET /silent: the handler has not replied"));
    CHECK_INT(get(client, "/html", &response), 200);
    CHECK_STR(bide_web_response_header(&response, "Content-Type"),
              "text/html; charset=utf-8");
    CHECK_INT(get(client, "/away", &response), 303);
    CHECK_STR(bide_web_response_header(&response, "Location"), "/elsewhere");
    CHECK_INT(get(client, "/pieces", &response), 201);
    CHECK_STR(response.body, "piece piece piece ");
    CHECK_STR(bide_web_response_header(&response, "X-A"), "b");
    CHECK_INT(get(client, "/wrong", &response), 418);
    CHECK_STR(response.body,
              "{\"detail\":\"quoted \\\"\\n\\\" \xef\xbf\xbd\"}");
    close_client(client, app);
    return 0;
}

TEST(replies_are_checked_when_they_are_made)
{
    run_clean(amain_replies);
}

/* ── Cookies ──────────────────────────────────────────────────────────── */

static int set_cookies(bide_web_request *request)
{
    const bide_web_cookie_options options = {
        .max_age = 60,
        .path = "/x",
        .same_site = "strict",
        .secure = true,
        .scripts = true,
    };
    CHECK_ERR(bide_web_reply_cookie(request, "a", "x; Domain=evil", NULL),
              -EINVAL);
    CHECK_ERR(bide_web_reply_cookie(request, "a=b", "x", NULL), -EINVAL);
    CHECK_ERR(bide_web_reply_cookie(request, "", "x", NULL), -EINVAL);
    const bide_web_cookie_options injecting = {.path = "/; Secure"};
    CHECK_ERR(bide_web_reply_cookie(request, "a", "x", &injecting), -EINVAL);
    int rc = bide_web_reply_cookie(request, "one", "1", NULL);
    if (rc == 0)
        rc = bide_web_reply_cookie(request, "two", "2", &options);
    return rc < 0 ? rc : bide_web_reply_text(request, 200, "");
}

static int drop_cookie(bide_web_request *request)
{
    int rc = bide_web_reply_cookie(request, "one", NULL, NULL);
    return rc < 0 ? rc : tell_cookies(request);
}

static int tell_jar(bide_web_request *request)
{
    const char *one = bide_web_request_cookie(request, "one");
    const char *two = bide_web_request_cookie(request, "two");
    char text[64];
    snprintf(text, sizeof text, "%s %s", one ? one : "-", two ? two : "-");
    return bide_web_reply_text(request, 200, text);
}

static int amain_jar(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_route(app, "GET", "/set", set_cookies, NULL);
    bide_web_route(app, "GET", "/drop", drop_cookie, NULL);
    bide_web_route(app, "GET", "/tell", tell_jar, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/set", &response), 200);
    CHECK_STR(bide_web_response_header(&response, "Set-Cookie"),
              "one=1; Path=/; SameSite=lax; HttpOnly");
    CHECK(memmem(response.head, 400,
                 "two=2; Max-Age=60; Path=/x; SameSite=strict; Secure", 51));
    CHECK_INT(get(client, "/tell", &response), 200);
    CHECK_STR(response.body, "1 2");
    CHECK_INT(get(client, "/drop", &response), 200);
    CHECK_INT(get(client, "/tell", &response), 200);
    CHECK_STR(response.body, "- 2");
    close_client(client, app);
    return 0;
}

TEST(cookies_that_are_set_come_back)
{
    run_clean(amain_jar);
}

/* ── Middleware ───────────────────────────────────────────────────────── */

static char journal[256];

static int around(bide_web_request *request, void *arg)
{
    char word[16];
    snprintf(word, sizeof word, "<%s", (const char *)arg);
    strcat(journal, word);
    int rc = bide_web_next(request);
    snprintf(word, sizeof word, "%s%d>", (const char *)arg,
             rc < 0 ? rc : bide_web_reply_status(request));
    strcat(journal, word);
    return rc;
}

static int guard(bide_web_request *request, void *arg)
{
    (void)arg;
    if (bide_web_request_query(request, "key"))
        return bide_web_next(request);
    return bide_web_error(request, 403, NULL);
}

static int repair(bide_web_request *request, void *arg)
{
    (void)arg;
    int rc = bide_web_next(request);
    if (rc == -EIO)
        return bide_web_reply_text(request, 200, "repaired");
    if (rc == 0)
        CHECK_ERR(bide_web_next(request), -EALREADY);
    return rc;
}

static int break_down(bide_web_request *request)
{
    (void)request;
    return -EIO;
}

static int amain_middleware(void *arg)
{
    static char a[] = "a", b[] = "b";
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_use(app, around, a);
    bide_web_use(app, repair, NULL);
    bide_web_use(app, guard, NULL);
    bide_web_use(app, around, b);
    bide_web_route(app, "GET", "/html", html, NULL);
    bide_web_route(app, "GET", "/broken", break_down, NULL);
    bide_web_client *client = open_client(app);
    journal[0] = '\0';
    CHECK_INT(get(client, "/html?key", &response), 200);
    CHECK_STR(journal, "<a<bb200>a200>");
    journal[0] = '\0';
    CHECK_INT(get(client, "/html", &response), 403);
    CHECK_STR(response.body, "{\"detail\":\"Forbidden\"}");
    CHECK_INT(get(client, "/broken?key", &response), 200);
    CHECK_STR(response.body, "repaired");
    CHECK_STR(journal, "<aa-4696><a<bb-5>a200>");
    journal[0] = '\0';
    CHECK_INT(get(client, "/none?key", &response), 404);
    CHECK_STR(journal, "<a<bb404>a404>");
    close_client(client, app);
    return 0;
}

TEST(middleware_stands_around_what_is_within)
{
    run_clean(amain_middleware);
}

/* ── Memory ───────────────────────────────────────────────────────────── */

static int greedy(bide_web_request *request)
{
    size_t got = 0;
    while (bide_web_request_allocate(request, 1000))
        got += 1000;
    CHECK(got > 50000 && got <= 100000);
    return -ENOMEM;
}

static int amain_memory(void *arg)
{
    const bide_web_options options = {.memory = 100000};
    bide_web_app *app = bide_web_app_new(&options);
    bide_web_response response;
    (void)arg;
    watch_reports();
    bide_web_route(app, "GET", "/greedy", greedy, NULL);
    bide_web_route(app, "GET", "/html", html, NULL);
    bide_web_client *client = open_client(app);
    int rc = get(client, "/greedy", &response);
    CHECK(rc == 500 || rc == BIDE_E_INCOMPLETE);
    CHECK_INT(get(client, "/html", &response), 200);
    close_client(client, app);
    return 0;
}

TEST(a_request_has_a_limit_of_memory)
{
    run_clean(amain_memory);
}

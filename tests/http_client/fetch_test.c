/* SPDX-License-Identifier: MIT */
/* fetch_test.c — requests and responses with our own server. */
#include "client.h"

#include <errno.h>
#include <math.h>

/* ── A server with a few pages ────────────────────────────────────────── */

static int show(bide_http_request *request)
{
    const char *body, *name, *value;
    char text[8192];
    ssize_t len = bide_http_request_body(request, &body);
    if (len < 0)
        return (int)len;
    size_t at = (size_t)snprintf(text, sizeof text, "%s %s\n",
                                 bide_http_request_method(request),
                                 bide_http_request_target(request));
    for (size_t i = 0; bide_http_request_field(request, i, &name, &value); i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s: %s\n", name,
                               value);
    at += (size_t)snprintf(text + at, sizeof text - at, "\n%s", body);
    return bide_http_reply(request, 200, "text/plain", text, at);
}

static int redirect(bide_http_request *request, const char *target)
{
    char location[64];
    int status, left;
    if (sscanf(target, "/redirect/%d/%d", &status, &left) != 2)
        return -EINVAL;
    snprintf(location, sizeof location, left > 1 ? "%d/../%d" : "../../echo?x",
             left, left - 1);
    int rc = bide_http_reply_header(request, "Location", location);
    if (rc == 0 && left % 2 == 0)
        return bide_http_reply(request, status, NULL, "moved", 5);
    if (rc == 0)
        rc = bide_http_reply_begin(request, status, NULL, -1);
    return rc < 0 ? rc : bide_http_reply_write(request, "moved", 5);
}

static int lines(bide_http_request *request)
{
    int rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    for (int i = 0; rc == 0 && i < 3; i++) {
        rc = bide_http_reply_write(request, "li", 2);
        if (rc == 0)
            rc = bide_http_reply_write(request, "ne\nof ", 6);
    }
    return rc;
}

static int pages(bide_http_request *request, void *arg)
{
    const char *target = bide_http_request_target(request);
    (void)arg;
    if (strncmp(target, "/redirect", 9) == 0)
        return redirect(request, target);
    if (strcmp(target, "/lines") == 0)
        return lines(request);
    if (strcmp(target, "/missing") == 0)
        return bide_http_reply(request, 404, "text/plain", "no", 2);
    if (strcmp(target, "/latin") == 0)
        return bide_http_reply(request, 200,
                               "text/plain; charset=\"ISO-8859-1\"", "a\xe9",
                               2);
    if (strncmp(target, "/slow", 5) == 0) {
        int rc = bide_sleep(1000);
        if (rc < 0)
            return rc;
    }
    return show(request);
}

/* ── Plain ────────────────────────────────────────────────────────────── */

static int amain_get(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    const char *text, *again;
    (void)arg;
    const char *url = url_of(server, "/echo?q=1#part");
    CHECK_OK(bide_http_get(http, url, &response));
    CHECK_INT(bide_http_response_status(response), 200);
    CHECK_STR(bide_http_response_reason(response), "OK");
    CHECK_STR(bide_http_response_version(response), "HTTP/1.1");
    CHECK_STR(bide_http_response_url(response), url_of(server, "/echo?q=1"));
    CHECK_STR(bide_http_response_header(response, "content-TYPE"),
              "text/plain");
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strncmp(text, "GET /echo?q=1\n", 14) == 0);
    CHECK(strstr(text, "\nAccept: */*\n"));
    CHECK(strstr(text, "\nUser-Agent: bide/"));
    CHECK_INT(bide_http_response_length(response), strlen(text));
    CHECK_OK(bide_http_response_text(response, &again));
    CHECK(again == text);
    CHECK_OK(bide_http_response_raise_for_status(response));
    bide_http_response_close(response);
    CHECK_INT(bide_http_session_connections(http), 1);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_get_gives_status_headers_and_text)
{
    run_clean(amain_get);
}

static int amain_bodies(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    const char *text, *url = url_of(server, "/echo");
    (void)arg;
    CHECK_OK(bide_http_post(http, url, "text/x", "body", 4, &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strncmp(text, "POST /echo\n", 11) == 0);
    CHECK(strstr(text, "\nContent-Type: text/x\n"));
    CHECK(strstr(text, "\nContent-Length: 4\n"));
    CHECK(strstr(text, "\n\nbody"));
    bide_http_response_close(response);

    CHECK_OK(bide_http_post_json(http, url, "{\"a\": 1}", &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strstr(text, "\nContent-Type: application/json\n"));
    CHECK(strstr(text, "\n\n{\"a\": 1}"));
    bide_http_response_close(response);

    const bide_http_pair form[] = {{"a b", "ä&"}, {"c", ""}, {0}};
    CHECK_OK(bide_http_post_form(http, url, form, &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strstr(text, "\nContent-Type: application/x-www-form-urlencoded\n"));
    CHECK(strstr(text, "\n\na+b=%C3%A4%26&c="));
    bide_http_response_close(response);

    CHECK_OK(bide_http_post(http, url, NULL, NULL, 0, &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strstr(text, "\nContent-Length: 0\n"));
    bide_http_response_close(response);
    CHECK_INT(bide_http_session_connections(http), 1);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(bodies_of_each_kind_arrive)
{
    run_clean(amain_bodies);
}

static int amain_options(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    const bide_http_session_options session = {
        .headers = (const bide_http_pair[]){{"X-A", "1"}, {"X-B", "2"}, {0}},
    };
    bide_http_session *http = open_session(&session);
    bide_http_response *response;
    const char *text;
    (void)arg;
    const bide_http_fetch_options options = {
        .headers = (const bide_http_pair[]){{"x-b", "3"}, {0}},
        .query = (const bide_http_pair[]){{"k", "v w"}, {"l", "/"}, {0}},
        .user = "Aladdin",
        .password = "open sesame",
    };
    CHECK_OK(bide_http_fetch(http, "PATCH", url_of(server, "/echo?a"),
                             &options, &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strncmp(text, "PATCH /echo?a&k=v+w&l=%2F\n", 26) == 0);
    CHECK(strstr(text, "\nX-A: 1\n"));
    CHECK(strstr(text, "\nx-b: 3\n"));
    CHECK(!strstr(text, "X-B"));
    CHECK(strstr(text,
                 "\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n"));
    bide_http_response_close(response);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(options_add_headers_a_query_and_credentials)
{
    run_clean(amain_options);
}

static int amain_refused(void *arg)
{
    bide_http_session *http = open_session(NULL);
    bide_http_response *response = NULL;
    (void)arg;
    static const char *const urls[] = {
        "", "/x", "ftp://h/", "http:/x", "http://", "http://h:0/",
        "http://h:65536/", "http://h:8a/", "http://h o/", "http://h/\r\nX: y",
        "http://h/\n", "http://[::1/", "http://[::g]/", "http://a@b@c/",
        "http://a%0d@c/", "http://h\xc3\xa4/", "http://h/a b",
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        CHECK_ERR(bide_http_get(http, urls[i], &response), -EINVAL);
    const char *url = "http://127.0.0.1:1/";
    CHECK_ERR(bide_http_fetch(http, "GET /", url, NULL, &response), -EINVAL);
    CHECK_ERR(bide_http_fetch(http, "CONNECT", url, NULL, &response), -EINVAL);
    static const bide_http_pair headers[][2] = {
        {{"A b", "c"}}, {{"A", "c\r\nD: e"}}, {{"Content-Length", "1"}},
        {{"transfer-encoding", "chunked"}}, {{"A", NULL}},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        const bide_http_fetch_options options = {.headers = headers[i]};
        CHECK_ERR(bide_http_fetch(http, "GET", url, &options, &response),
                  -EINVAL);
    }
    const bide_http_fetch_options two = {.json = "1", .data = "2", .len = 1};
    CHECK_ERR(bide_http_fetch(http, "POST", url, &two, &response), -EINVAL);
    const bide_http_fetch_options past = {.timeout = -1};
    CHECK_ERR(bide_http_fetch(http, "GET", url, &past, &response), -EINVAL);
    CHECK_ERR(bide_http_get(http, url, &response), -ECONNREFUSED);
    CHECK_INT(bide_http_session_connections(http), 0);
    bide_http_session_close(http);
    return 0;
}

TEST(what_no_request_can_be_made_of_is_refused)
{
    run_clean(amain_refused);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static int amain_lines(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    char line[16];
    const void *rest;
    (void)arg;
    CHECK_OK(bide_http_get(http, url_of(server, "/lines"), &response));
    CHECK_INT(bide_http_response_length(response), -1);
    CHECK_INT(bide_http_response_readline(response, line, sizeof line), 5);
    CHECK_STR(line, "line\n");
    CHECK_ERR(bide_http_response_readline(response, line, 4), BIDE_E_LIMIT);
    CHECK_INT(bide_http_response_read(response, line, 3), 3);
    CHECK_MEM(line, "of ", 3);
    CHECK_INT(bide_http_response_readline(response, line, sizeof line), 5);
    CHECK_INT(bide_http_response_data(response, &rest), 11);
    CHECK_STR(rest, "of line\nof ");
    CHECK_INT(bide_http_response_read(response, line, 3), 0);
    CHECK_INT(bide_http_response_readline(response, line, 3), 0);
    bide_http_response_close(response);
    CHECK_OK(bide_http_get(http, url_of(server, "/latin"), &response));
    const char *text;
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "aé");
    bide_http_response_close(response);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_body_is_read_by_lines_pieces_and_as_a_whole)
{
    run_clean(amain_lines);
}

static int amain_status(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    char expected[200];
    (void)arg;
    const char *url = url_of(server, "/missing");
    CHECK_OK(bide_http_get(http, url, &response));
    CHECK_INT(bide_http_response_status(response), 404);
    int rc = bide_http_response_raise_for_status(response);
    CHECK_INT(rc, BIDE_E_HTTP_STATUS);
    snprintf(expected, sizeof expected, "404 Not Found: %s", url);
    CHECK_STR(bide_errmsg(rc), expected);
    bide_http_response_close(response);
    const char *text;
    CHECK_OK(bide_http_fetch(http, "HEAD", url_of(server, "/x"), NULL,
                             &response));
    CHECK(bide_http_response_length(response) > 0);
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "");
    bide_http_response_close(response);
    CHECK_INT(bide_http_session_connections(http), 1);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(an_error_status_is_an_error_when_asked)
{
    run_clean(amain_status);
}

/* ── Redirects ────────────────────────────────────────────────────────── */

static int amain_redirects(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    const char *text;
    (void)arg;
    CHECK_OK(bide_http_get(http, url_of(server, "/redirect/302/3"),
                           &response));
    CHECK_INT(bide_http_response_status(response), 200);
    CHECK_INT(bide_http_response_redirects(response), 3);
    CHECK_STR(bide_http_response_url(response), url_of(server, "/echo?x"));
    bide_http_response_close(response);
    static const struct {
        int status;
        const char *begin;
    } rules[] = {
        {301, "GET "}, {302, "GET "}, {303, "GET "}, {307, "POST "},
        {308, "POST "},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        char target[32];
        snprintf(target, sizeof target, "/redirect/%d/1", rules[i].status);
        CHECK_OK(bide_http_post(http, url_of(server, target), "text/x", "body",
                                4, &response));
        CHECK_OK(bide_http_response_text(response, &text));
        CHECK(strncmp(text, rules[i].begin, strlen(rules[i].begin)) == 0);
        CHECK_INT(strstr(text, "\n\nbody") != NULL, rules[i].status >= 307);
        CHECK_INT(strstr(text, "text/x") != NULL, rules[i].status >= 307);
        bide_http_response_close(response);
    }
    CHECK_INT(bide_http_session_connections(http), 1);
    CHECK_ERR(bide_http_get(http, url_of(server, "/redirect/302/11"),
                            &response),
              -ELOOP);
    const bide_http_fetch_options none = {.no_redirects = true};
    CHECK_OK(bide_http_fetch(http, "GET", url_of(server, "/redirect/302/1"),
                             &none, &response));
    CHECK_INT(bide_http_response_status(response), 302);
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "moved");
    bide_http_response_close(response);
    CHECK_INT(bide_http_session_connections(http), 1);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(redirects_are_followed_by_the_rules_of_each_status)
{
    run_clean(amain_redirects);
}

static int amain_user(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    char url[128];
    const char *text;
    (void)arg;
    snprintf(url, sizeof url, "http://me:it%%20is@127.0.0.1:%d/redirect/302/3",
             bide_http_server_port(server));
    const bide_http_fetch_options options = {
        .query = (const bide_http_pair[]){{"a", "b"}, {0}},
    };
    CHECK_OK(bide_http_fetch(http, "GET", url, &options, &response));
    CHECK_STR(bide_http_response_url(response), url_of(server, "/echo?x"));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK(strstr(text, "\nAuthorization: Basic bWU6aXQgaXM=\n"));
    bide_http_response_close(response);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(the_user_of_a_url_follows_redirects_within_its_origin)
{
    run_clean(amain_user);
}

/* ── Concurrency ──────────────────────────────────────────────────────── */

struct fetching {
    bide_http_session *http;
    const char *url;
    double timeout;
    int order, *orders;
};

static int fetch_one(void *arg)
{
    struct fetching *fetching = arg;
    bide_http_response *response;
    const bide_http_fetch_options options = {.timeout = fetching->timeout};
    int rc = bide_http_fetch(fetching->http, "GET", fetching->url, &options,
                             &response);
    if (rc < 0)
        return rc;
    if (fetching->orders)
        fetching->order = (*fetching->orders)++;
    const char *text;
    rc = bide_http_response_text(response, &text);
    bide_http_response_close(response);
    return rc;
}

static int amain_line(void *arg)
{
    enum { COUNT = 20 };
    bide_http_server *server = serve(pages, NULL);
    const bide_http_session_options options = {.connections_per_host = 2};
    bide_http_session *http = open_session(&options);
    struct fetching fetching[COUNT];
    bide_task *tasks[COUNT];
    int orders = 0;
    (void)arg;
    const char *url = url_of(server, "/echo");
    for (int i = 0; i < COUNT; i++) {
        fetching[i] = (struct fetching){http, url, 0, -1, &orders};
        tasks[i] = bide_create_task(fetch_one, &fetching[i]);
    }
    CHECK_OK(bide_sleep(0));
    CHECK(bide_http_session_connections(http) <= 2);
    CHECK_OK(bide_gather(tasks, COUNT));
    for (int i = 0; i < COUNT; i++)
        CHECK(fetching[i].order >= 0 && abs(fetching[i].order - i) <= 2);
    CHECK_INT(bide_http_session_connections(http), 2);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(who_waits_for_a_connection_is_served_in_turn)
{
    run_clean(amain_line);
}

static int amain_timeout(void *arg)
{
    bide_http_server *server = serve(pages, NULL);
    bide_http_session *http = open_session(NULL);
    char text[4096];
    (void)arg;
    struct fetching slow = {http, url_of(server, "/slow"), 0.02, 0, NULL};
    CHECK_ERR(fetch_one(&slow), -ETIME);
    CHECK_INT(bide_http_session_connections(http), 0);
    slow.timeout = 0;
    bide_task *task = bide_create_task(fetch_one, &slow);
    CHECK_OK(bide_sleep(0.01));
    CHECK_INT(bide_http_session_connections(http), 1);
    CHECK(bide_task_cancel(task));
    CHECK_ERR(bide_await(task), -ECANCELED);
    CHECK_INT(bide_http_session_connections(http), 0);
    CHECK_INT(get_text(http, url_of(server, "/echo"), text, sizeof text), 200);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_timeout_or_cancellation_leaves_the_session_usable)
{
    run_clean(amain_timeout);
}

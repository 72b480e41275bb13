/* SPDX-License-Identifier: MIT */
/* content_test.c — bodies that are streamed, and those of forms. */
#include "client.h"

#include <errno.h>
#include <unistd.h>

/* ── A server that reads ──────────────────────────────────────────────── */

/* Replies with the length, the framing, and the sum of a body's bytes. */
static int sum(bide_http_request *request, void *arg)
{
    unsigned char buf[4096];
    unsigned long long len = 0, total = 0;
    char text[200];
    ssize_t n;
    (void)arg;
    while ((n = bide_http_request_read(request, buf, sizeof buf)) > 0) {
        len += (unsigned long long)n;
        for (ssize_t i = 0; i < n; i++)
            total += buf[i];
    }
    if (n < 0)
        return (int)n;
    const char *length = bide_http_request_header(request, "Content-Length");
    const char *coding = bide_http_request_header(request,
                                                  "Transfer-Encoding");
    int size = snprintf(text, sizeof text, "%llu bytes, sum %llu, %s", len,
                        total, length ? length : coding ? coding : "nothing");
    return bide_http_reply(request, 200, "text/plain", text, (size_t)size);
}

static int show(bide_http_request *request, void *arg)
{
    const char *body;
    (void)arg;
    ssize_t len = bide_http_request_body(request, &body);
    if (len < 0)
        return (int)len;
    return bide_http_reply(request, 200,
                           bide_http_request_header(request, "Content-Type"),
                           body, (size_t)len);
}

/* Says no at once, and reads nothing. */
static int refuse(bide_http_request *request, void *arg)
{
    (void)arg;
    return bide_http_reply(request, 413, "text/plain", "no", 2);
}

/* ── Sources ──────────────────────────────────────────────────────────── */

struct source {
    size_t left;
    int fails; /* with this, in the end */
    bool sleeps;
    int calls;
};

static ssize_t give(void *arg, void *buf, size_t len)
{
    struct source *source = arg;
    source->calls++;
    if (source->sleeps) {
        int rc = bide_sleep(0.001);
        if (rc < 0)
            return rc;
    }
    if (source->left == 0)
        return source->fails < 0 ? bide_raise(source->fails, "ran dry") : 0;
    if (len > source->left)
        len = source->left;
    if (len > 1000)
        len = 1000;
    memset(buf, 1, len);
    source->left -= len;
    return (ssize_t)len;
}

static int send_source(bide_http_session *http, const char *url,
                       struct source *source, uint64_t len, char *text,
                       size_t size)
{
    bide_http_response *response;
    const char *body;
    const bide_http_fetch_options options = {
        .source = give,
        .source_arg = source,
        .source_len = len,
    };
    int rc = bide_http_fetch(http, "POST", url, &options, &response);
    if (rc < 0)
        return rc;
    rc = bide_http_response_text(response, &body);
    if (rc == 0) {
        snprintf(text, size, "%s", body);
        rc = bide_http_response_status(response);
    }
    bide_http_response_close(response);
    return rc;
}

static int amain_sources(void *arg)
{
    bide_http_server *server = serve(sum, NULL);
    bide_http_session *http = open_session(NULL);
    const char *url = url_of(server, "/");
    char text[200];
    (void)arg;
    struct source source = {.left = 100000};
    CHECK_INT(send_source(http, url, &source, 100000, text, sizeof text), 200);
    CHECK_STR(text, "100000 bytes, sum 100000, 100000");
    source = (struct source){.left = 2500, .sleeps = true};
    CHECK_INT(send_source(http, url, &source, 0, text, sizeof text), 200);
    CHECK_STR(text, "2500 bytes, sum 2500, chunked");
    source = (struct source){.left = 0};
    CHECK_INT(send_source(http, url, &source, 0, text, sizeof text), 200);
    CHECK_STR(text, "0 bytes, sum 0, chunked");
    CHECK_INT(bide_http_session_connections(http), 1);
    source = (struct source){.left = 10};
    CHECK_ERR(send_source(http, url, &source, 11, text, sizeof text),
              -EMSGSIZE);
    source = (struct source){.left = 12};
    CHECK_ERR(send_source(http, url, &source, 11, text, sizeof text),
              -EMSGSIZE);
    source = (struct source){.left = 10, .fails = -ENODATA};
    int rc = send_source(http, url, &source, 0, text, sizeof text);
    CHECK_INT(rc, -ENODATA);
    CHECK_STR(bide_errmsg(rc), "ran dry");
    CHECK_INT(bide_http_session_connections(http), 0);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_callback_gives_a_body_of_known_and_unknown_length)
{
    run_clean(amain_sources);
}

static int amain_refused(void *arg)
{
    bide_http_server *server = serve(refuse, NULL);
    bide_http_session *http = open_session(NULL);
    const char *url = url_of(server, "/");
    char text[200];
    (void)arg;
    struct source source = {.left = (size_t)1 << 40, .sleeps = true};
    CHECK_INT(send_source(http, url, &source, 0, text, sizeof text), 413);
    CHECK_STR(text, "no");
    CHECK(source.left > 0);
    int calls = source.calls;
    CHECK_OK(bide_sleep(0.01));
    CHECK_INT(source.calls, calls);
    CHECK_INT(bide_http_session_connections(http), 0);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_body_that_is_refused_is_not_sent_on)
{
    run_clean(amain_refused);
}

static int amain_large(void *arg)
{
    enum { SIZE = 1500000 };
    bide_http_server *server = serve(sum, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    const char *text;
    (void)arg;
    char *data = malloc(SIZE);
    memset(data, 2, SIZE);
    CHECK_OK(bide_http_post(http, url_of(server, "/"), NULL, data, SIZE,
                            &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "1500000 bytes, sum 3000000, 1500000");
    bide_http_response_close(response);
    free(data);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_large_body_is_sent_while_the_response_is_waited_for)
{
    run_clean(amain_large);
}

/* Sends back what it reads, as it reads it. */
static int echo_on(bide_http_request *request, void *arg)
{
    char buf[8192];
    ssize_t n;
    (void)arg;
    int rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    while (rc == 0 &&
           (n = bide_http_request_read(request, buf, sizeof buf)) != 0)
        rc = n < 0 ? (int)n : bide_http_reply_write(request, buf, (size_t)n);
    return rc;
}

static int amain_echo(void *arg)
{
    enum { SIZE = 20 << 20 };
    const bide_http_server_options options = {.body = SIZE};
    bide_http_server *server = NULL;
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    const void *data;
    (void)arg;
    CHECK_OK(bide_http_serve("127.0.0.1", 0, echo_on, NULL, &options,
                             &server));
    char *sent = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        sent[i] = (char)(i % 251);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(bide_http_post(http, url_of(server, "/"), NULL, sent, SIZE,
                                &response));
        CHECK_INT(bide_http_response_data(response, &data), SIZE);
        CHECK(memcmp(data, sent, SIZE) == 0);
        bide_http_response_close(response);
    }
    CHECK_INT(bide_http_session_connections(http), 1);
    free(sent);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_server_may_answer_while_it_is_sent_to)
{
    run_clean(amain_echo);
}

/* ── Files and parts ──────────────────────────────────────────────────── */

static int amain_file(void *arg)
{
    bide_http_server *server = serve(show, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    const char *text;
    char path[] = "/tmp/bide-content-XXXXXX";
    (void)arg;
    int fd = mkstemp(path);
    CHECK_INT(write(fd, "in a file", 9), 9);
    close(fd);
    const bide_http_fetch_options file = {.file = path, .type = "a/b"};
    CHECK_OK(bide_http_fetch(http, "PUT", url_of(server, "/"), &file,
                             &response));
    CHECK_OK(bide_http_response_text(response, &text));
    CHECK_STR(text, "in a file");
    CHECK_STR(bide_http_response_header(response, "Content-Type"), "a/b");
    bide_http_response_close(response);

    const bide_http_part parts[] = {
        {.name = "note \"x\"", .data = "hello", .len = 5},
        {.name = "upload", .file = path, .filename = "a.txt"},
        {.name = "raw", .data = "{}", .len = 2, .type = "application/json"},
        {0},
    };
    const bide_http_fetch_options form = {.parts = parts};
    CHECK_OK(bide_http_fetch(http, "POST", url_of(server, "/"), &form,
                             &response));
    CHECK_OK(bide_http_response_text(response, &text));
    const char *type = bide_http_response_header(response, "Content-Type");
    CHECK(strncmp(type, "multipart/form-data; boundary=", 30) == 0);
    char expected[1024];
    const char *boundary = type + 30;
    snprintf(expected, sizeof expected,
             "--%s\r\nContent-Disposition: form-data; "
             "name=\"note %%22x%%22\"\r\n\r\nhello\r\n"
             "--%s\r\nContent-Disposition: form-data; name=\"upload\"; "
             "filename=\"a.txt\"\r\nContent-Type: application/octet-stream"
             "\r\n\r\nin a file\r\n"
             "--%s\r\nContent-Disposition: form-data; name=\"raw\"\r\n"
             "Content-Type: application/json\r\n\r\n{}\r\n--%s--\r\n",
             boundary, boundary, boundary, boundary);
    CHECK_STR(text, expected);
    bide_http_response_close(response);
    unlink(path);
    CHECK_ERR(bide_http_fetch(http, "PUT", url_of(server, "/"), &file,
                              &response),
              -ENOENT);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(files_and_multipart_forms_are_sent)
{
    run_clean(amain_file);
}

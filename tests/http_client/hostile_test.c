/* SPDX-License-Identifier: MIT */
/* hostile_test.c — responses that are wrong, late, cut off or too large. */
#include "client.h"

#include <errno.h>

#define OK "HTTP/1.1 200 OK\r\n"

/* What one response of these bytes, and then the end, comes to. */
static int answer(const char *reply, size_t len, bool reset, char *text,
                  size_t size)
{
    struct raw raw = {.replies = (const char *const[]){reply, NULL},
                      .lens = {len},
                      .keep = true,
                      .reset = reset};
    bide_http_session *http = open_session(NULL);
    raw_open(&raw);
    int rc = get_text(http, raw_url(&raw, "/"), text, size);
    bide_http_session_close(http);
    raw_close(&raw);
    return rc;
}

static int amain_sound(void *arg)
{
    static const char *const replies[][2] = {
        {OK "Content-Length: 3\r\n\r\nabc", "abc"},
        {"HTTP/1.0 200 OK\r\n\r\nabc", "abc"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""},
        {"HTTP/1.1 200 \r\n\r\nabc", "abc"},
        {OK "Transfer-Encoding: chunked\r\n\r\n2;x=\"y\"\r\nab\r\n"
            "00A \r\n0123456789\r\n0\r\nA: b\r\n\r\n",
         "ab0123456789"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
         "Link: x\r\n\r\n" OK "Content-Length: 1\r\n\r\na",
         "a"},
        {OK "X:\t a \t\r\nContent-Length:1\r\n\r\na", "a"},
    };
    char text[64];
    (void)arg;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        if (!CHECK_INT(answer(replies[i][0], 0, false, text, sizeof text),
                       200))
            printf("# response %zu\n", i);
        CHECK_STR(text, replies[i][1]);
    }
    return 0;
}

TEST(sound_responses_of_each_framing_are_read)
{
    run_clean(amain_sound);
}

static int amain_unsound(void *arg)
{
    static const char *const replies[] = {
        "220 ready\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        OK "A: b\nC: d\r\n\r\n",
        OK "A: b\r\n c\r\n\r\n",
        OK "A : b\r\n\r\n",
        OK "A\r\n\r\n",
        OK ": b\r\n\r\n",
        OK "A: \x01\r\n\r\n",
        OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        OK "Content-Length: 1, 1\r\n\r\na",
        OK "Content-Length: +1\r\n\r\na",
        OK "Content-Length: 0x1\r\n\r\na",
        OK "Content-Length: 99999999999999999999\r\n\r\na",
        OK "Content-Length:\r\n\r\na",
        OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
           "1\r\na\r\n0\r\n\r\n",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\na",
        OK "Transfer-Encoding: chunked\r\n\r\n0\r\nA b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://a b/\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: //\r\n\r\n",
    };
    char text[64];
    (void)arg;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
        if (!CHECK_ERR(answer(replies[i], 0, false, text, sizeof text),
                       -EBADMSG))
            printf("# response %zu: %s\n", i, replies[i]);
    CHECK_ERR(answer(OK "A: b\0c\r\n\r\n", sizeof OK + 9, false, text,
                     sizeof text),
              -EBADMSG);
    return 0;
}

TEST(unsound_responses_are_refused)
{
    run_clean(amain_unsound);
}

/* A response is cut off behind each of its bytes. */
static void cut(const char *reply, const char *whole, bool reset)
{
    char text[64];
    for (size_t i = 1; i < strlen(reply); i++) {
        int rc = answer(reply, i, reset, text, sizeof text);
        bool expected = rc == BIDE_E_INCOMPLETE || rc == -ECONNRESET;
        if (!CHECK(expected))
            printf("# after %zu bytes of %s: %s\n", i, whole,
                   bide_errname(rc));
    }
}

static int amain_cut(void *arg)
{
    (void)arg;
    for (int reset = 0; reset < 2; reset++) {
        cut(OK "Content-Length: 3\r\n\r\nabc", "a length", reset);
        cut(OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n"
               "\r\n",
            "chunks", reset);
    }
    char text[64];
    CHECK_ERR(answer("", 0, false, text, sizeof text), BIDE_E_INCOMPLETE);
    return 0;
}

TEST(a_response_that_is_cut_off_anywhere_is_incomplete)
{
    run_clean(amain_cut);
}

/* ── Limits ───────────────────────────────────────────────────────────── */

static char *repeat(const char *begin, const char *piece, size_t count,
                    const char *end)
{
    size_t len = strlen(piece);
    char *text = malloc(strlen(begin) + count * len + strlen(end) + 1);
    char *at = stpcpy(text, begin);
    for (size_t i = 0; i < count; i++, at += len)
        memcpy(at, piece, len);
    strcpy(at, end);
    return text;
}

static int amain_large(void *arg)
{
    char text[64];
    (void)arg;
    char *head = repeat(OK "A: ", "bbbbbbbb", 20000, "\r\n\r\n");
    CHECK_ERR(answer(head, 0, false, text, sizeof text), -EMSGSIZE);
    free(head);
    head = repeat("HTTP/1.1 200 ", "bbbbbbbb", 20000, "\r\n\r\n");
    CHECK_ERR(answer(head, 0, false, text, sizeof text), -EMSGSIZE);
    free(head);
    head = repeat(OK, "A: b\r\n", 129, "\r\n");
    CHECK_ERR(answer(head, 0, false, text, sizeof text), -EMSGSIZE);
    free(head);
    head = repeat("", "HTTP/1.1 103 Early Hints\r\n\r\n", 20, "");
    CHECK_ERR(answer(head, 0, false, text, sizeof text), -EBADMSG);
    free(head);
    head = repeat(OK "Transfer-Encoding: chunked\r\n\r\n0\r\n",
                  "Aaaaaaaaaaaaaaaaaaaaaaaaaa: b\r\n", 1000, "\r\n");
    CHECK_ERR(answer(head, 0, false, text, sizeof text), -EBADMSG);
    free(head);
    head = repeat(OK "Transfer-Encoding: chunked\r\n\r\n1;", "aaaa", 1000,
                  "\r\n");
    CHECK_ERR(answer(head, 0, false, text, sizeof text), -EBADMSG);
    free(head);
    return 0;
}

TEST(heads_trailers_and_lines_are_bounded)
{
    run_clean(amain_large);
}

static int amain_body(void *arg)
{
    const bide_http_session_options options = {.body = 10};
    static const char *const replies[] = {
        OK "Content-Length: 11\r\n\r\nabcdefghijk", NULL,
    };
    static const char *const chunked[] = {
        OK "Transfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n",
        NULL,
    };
    struct raw raws[] = {{.replies = replies, .keep = true},
                         {.replies = chunked, .keep = true}};
    (void)arg;
    for (int i = 0; i < 2; i++) {
        char text[64];
        bide_http_session *http = open_session(&options);
        bide_http_response *response;
        raw_open(&raws[i]);
        const char *url = raw_url(&raws[i], "/");
        CHECK_ERR(get_text(http, url, text, sizeof text), -EMSGSIZE);
        CHECK_OK(bide_http_get(http, url, &response));
        CHECK_INT(bide_http_response_read(response, text, sizeof text), 11);
        bide_http_response_close(response);
        bide_http_session_close(http);
        raw_close(&raws[i]);
    }
    return 0;
}

TEST(a_body_too_large_to_collect_can_be_read_in_pieces)
{
    run_clean(amain_body);
}

/* ── Slow ones ────────────────────────────────────────────────────────── */

static int trickle(bide_stream *stream, void *arg)
{
    char buf[512];
    int rc = (int)bide_stream_readuntil(stream, "\r\n\r\n", 4, buf, 512);
    (void)arg;
    if (rc >= 0)
        rc = bide_stream_write(stream, OK "\r\n", sizeof OK + 1);
    while (rc >= 0) {
        rc = bide_stream_write(stream, "x", 1);
        if (rc == 0)
            rc = bide_sleep(0.01);
    }
    return rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

static int amain_slow(void *arg)
{
    bide_server *server = start(trickle, NULL);
    bide_http_session *http = open_session(NULL);
    bide_http_response *response;
    char url[64];
    const char *text;
    (void)arg;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             bide_server_port(server));
    const bide_http_fetch_options options = {.timeout = 0.1};
    CHECK_OK(bide_http_fetch(http, "GET", url, &options, &response));
    CHECK_ERR(bide_http_response_text(response, &text), -ETIME);
    CHECK_ERR(bide_http_response_text(response, &text), -ETIME);
    bide_http_response_close(response);
    CHECK_INT(bide_http_session_connections(http), 0);
    bide_http_session_close(http);
    CHECK_OK(bide_server_close(server));
    return 0;
}

TEST(the_deadline_is_that_of_the_last_byte)
{
    run_clean(amain_slow);
}

/* Steady, but slow: each pause is short. */
static int amain_steady(void *arg)
{
    bide_server *server = start(trickle, NULL);
    const bide_http_session_options session = {.read_timeout = 0.2};
    bide_http_session *http = open_session(&session);
    bide_http_response *response;
    char url[64];
    const char *text;
    (void)arg;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             bide_server_port(server));
    const bide_http_fetch_options options = {.timeout = 0.5};
    CHECK_OK(bide_http_fetch(http, "GET", url, &options, &response));
    double begin = bide_time();
    CHECK_ERR(bide_http_response_text(response, &text), -ETIME);
    CHECK(bide_time() - begin > 0.3);
    bide_http_response_close(response);
    bide_http_session_close(http);
    CHECK_OK(bide_server_close(server));
    return 0;
}

TEST(a_steady_body_may_take_longer_than_a_pause)
{
    run_clean(amain_steady);
}

static int amain_silent(void *arg)
{
    struct raw raw = {
        .replies = (const char *const[]){OK "Content-Length: 9\r\n\r\nab",
                                         NULL},
        .hang = true};
    const bide_http_session_options options = {.read_timeout = 0.05};
    bide_http_session *http = open_session(&options);
    bide_http_response *response;
    char buf[8];
    (void)arg;
    raw_open(&raw);
    CHECK_OK(bide_http_get(http, raw_url(&raw, "/"), &response));
    CHECK_INT(bide_http_response_read(response, buf, sizeof buf), 2);
    CHECK_ERR(bide_http_response_read(response, buf, sizeof buf), -ETIME);
    bide_http_response_close(response);
    bide_http_session_close(http);
    raw_close(&raw);
    return 0;
}

TEST(a_read_waits_no_longer_than_it_may)
{
    run_clean(amain_silent);
}

/* More than was asked for, behind each kind of an end. */
static int amain_surplus(void *arg)
{
    static const char *const firsts[] = {
        OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
           OK "Content-Length: 4\r\n\r\nevil",
        OK "Content-Length: 1\r\n\r\na" OK "Content-Length: 4\r\n\r\nevil",
        "HTTP/1.1 204 No Content\r\n\r\n" OK "Content-Length: 4\r\n\r\nevil",
    };
    char text[64];
    (void)arg;
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct raw raw = {
            .replies = (const char *const[]){
                firsts[i], OK "Content-Length: 4\r\n\r\ngood",
                OK "Content-Length: 4\r\n\r\ngood", NULL}};
        bide_http_session *http = open_session(NULL);
        raw_open(&raw);
        CHECK(get_text(http, raw_url(&raw, "/"), text, sizeof text) >= 200);
        CHECK_INT(get_text(http, raw_url(&raw, "/"), text, sizeof text), 200);
        if (!CHECK_STR(text, "good"))
            printf("# response %zu\n", i);
        bide_http_session_close(http);
        raw_close(&raw);
    }
    return 0;
}

TEST(bytes_behind_a_response_do_not_answer_the_next_request)
{
    run_clean(amain_surplus);
}

/* SPDX-License-Identifier: MIT */
/* events_test.c — server-sent events, from the server and to the client. */
#include "http.h"

/* ── Reading ──────────────────────────────────────────────────────────── */

/* A text in pieces of some size. */
struct text {
    const char *at;
    size_t left, piece;
};

static ssize_t read_text(void *arg, void *buf, size_t len)
{
    struct text *text = arg;
    size_t n = text->left < text->piece ? text->left : text->piece;
    n = n < len ? n : len;
    memcpy(buf, text->at, n);
    text->at += n;
    text->left -= n;
    return (ssize_t)n;
}

/* All events, as "kind(id):data|". */
static void transcribe(const char *input, size_t len, size_t piece, char *out,
                       size_t size)
{
    struct text text = {input, len, piece};
    bide_http_events *events;
    bide_http_event event;
    CHECK_OK(bide_http_events_open_source(read_text, &text, 100, &events));
    *out = '\0';
    int rc;
    while ((rc = bide_http_events_next(events, &event)) > 0) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s(%s):%s|", event.event, event.id,
                 event.data);
    }
    if (rc < 0)
        snprintf(out, size, "%s", bide_errname(rc));
    bide_http_events_close(events);
}

static int amain_reading(void *arg)
{
    static const struct {
        const char *input, *expected;
    } cases[] = {
        {"data: a\n\n", "message():a|"},
        {"data:a\n\ndata:  b\n\n", "message():a|message(): b|"},
        {"data: a\ndata: b\ndata\n\n", "message():a\nb\n|"},
        {"data: a\r\n\r\ndata: b\r\rdata: c\n\n",
         "message():a|message():b|message():c|"},
        {"event: x\ndata: a\n\ndata: b\n\n", "x():a|message():b|"},
        {"event: x\n\ndata: b\n\n", "message():b|"},
        {"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
         "message(1):a|message(1):b|message():c|"},
        {": comment\n\n:\n\ndata: a\n\n", "message():a|"},
        {"data: not ended\n", ""},
        {"data\n\n", "message():|"},
        {"data:\n\n", "message():|"},
        {"\xef\xbb\xbf" "data: a\n\n", "message():a|"},
        {"\n\xef\xbb\xbf" "data: a\n\n", ""},
        {"unknown: x\ndata: a\nevents: y\n\n", "message():a|"},
        {"data: a:b: c\n\n", "message():a:b: c|"},
        {"data: 0123456789012345678901234567890123456789012345678901234567890"
         "1234567890123456789012345678901234567890\n\n",
         "EMSGSIZE"},
    };
    char heard[512];
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece < 20; piece += 6) {
            transcribe(cases[i].input, strlen(cases[i].input), piece, heard,
                       sizeof heard);
            CHECK_STR(heard, cases[i].expected);
        }
    }
    return 0;
}

TEST(events_are_read_as_browsers_read_them)
{
    run_clean(amain_reading);
}

/* ── Both sides ───────────────────────────────────────────────────────── */

static int send_events(bide_http_request *request, void *arg)
{
    const bide_http_event events[] = {
        {.data = "first\nsecond\r\nthird"},
        {.event = "tick", .data = "1", .id = "7", .retry = 1.5},
        {.data = ""},
    };
    const bide_http_event smuggler = {.event = "a\ndata: b", .data = "c"};
    const bide_http_event hasty = {.data = "c", .retry = -1};
    char *last = arg;
    snprintf(last, 20, "%s", bide_http_events_last_id(request));
    int rc = bide_http_events_begin(request);
    for (size_t i = 0; i < 3 && rc == 0; i++) {
        CHECK_OK(bide_http_events_comment(request, "still here"));
        rc = bide_http_events_send(request, &events[i]);
    }
    CHECK_ERR(bide_http_events_send(request, &smuggler), -EINVAL);
    CHECK_ERR(bide_http_events_send(request, &hasty), -EINVAL);
    CHECK_ERR(bide_http_events_comment(request, "a\rb"), -EINVAL);
    return rc;
}

static int amain_both(void *arg)
{
    static const bide_http_pair headers[] = {{"Last-Event-ID", "6"},
                                             {NULL, NULL}};
    char last[20] = "", url[64];
    (void)arg;
    bide_http_server *server = serve(send_events, last, NULL);
    bide_http_session *http;
    bide_http_response *response;
    bide_http_events *events;
    bide_http_event event;
    CHECK_OK(bide_http_session_open(NULL, &http));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             bide_http_server_port(server));
    const bide_http_fetch_options options = {.headers = headers};
    if (!CHECK_OK(bide_http_fetch(http, "GET", url, &options, &response)))
        return -1;
    CHECK_OK(bide_http_events_open(response, &events));
    CHECK_INT(bide_http_events_next(events, &event), 1);
    CHECK_STR(event.data, "first\nsecond\nthird");
    CHECK_INT(bide_http_events_next(events, &event), 1);
    CHECK_STR(event.event, "tick");
    CHECK_STR(event.id, "7");
    CHECK(event.retry > 1.4 && event.retry < 1.6);
    CHECK_INT(bide_http_events_next(events, &event), 1);
    CHECK_STR(event.data, "");
    CHECK_STR(event.id, "7");
    CHECK_INT(bide_http_events_next(events, &event), 0);
    CHECK_STR(last, "6");
    bide_http_events_close(events);
    bide_http_response_close(response);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(what_a_handler_sends_a_client_receives)
{
    run_clean(amain_both);
}

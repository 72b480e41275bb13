/* SPDX-License-Identifier: MIT */
/* handshake_test.c — who is accepted, and by whom. */
#include "websocket.h"

/* ── Servers ──────────────────────────────────────────────────────────── */

struct refusal {
    const char *request;
    const char *answer; /* somewhere in it */
};

#define START "GET / HTTP/1.1\r\nHost: x\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static int amain_refusals(void *arg)
{
    static const struct refusal refusals[] = {
        {START "\r\n", " 426 "},
        {START "\r\n", "Sec-WebSocket-Version: 13\r\n"},
        {START "Upgrade: h2c\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\n" KEY "\r\n",
         " 426 "},
        {START "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY
               "\r\n",
         " 426 "},
        {START "Upgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 8\r\n" KEY "\r\n",
         " 426 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Content-Length: 0\r\n" KEY "\r\n",
         " 426 "},
        {START "Upgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\n\r\n",
         " 400 "},
        {START "Upgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: short\r\n\r\n",
         " 400 "},
        {START "Upgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\n" KEY KEY "\r\n",
         " 400 "},
        {HANDSHAKE "Origin: https://evil.example\r\n\r\n", " 403 "},
        {HANDSHAKE "Origin: https://good.example\r\n\r\n", " 101 "},
        {HANDSHAKE "Origin: http://x\r\n\r\n", " 101 "},
        {START "upgrade: foo, WebSocket\r\nconnection: keep-alive\r\n"
               "connection: x, upgrade\r\nSec-WebSocket-Version: 13\r\n" KEY
               "\r\n",
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
    };
    struct serving serving = {
        .options = {.origins = "https://good.example, same"},
    };
    char answer[2048];
    (void)arg;
    watch_reports();
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        bide_stream *stream = dial(server);
        say(stream, refusals[i].request);
        ssize_t n = bide_stream_readuntil(stream, "\r\n\r\n", 4, answer,
                                          sizeof answer - 1);
        CHECK_OK(n);
        answer[n > 0 ? n : 0] = '\0';
        if (!strstr(answer, refusals[i].answer))
            CHECK_STR(answer, refusals[i].answer);
        bide_stream_close(stream);
    }
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(reports.count, 0);
    return 0;
}

TEST(a_server_accepts_what_it_must_and_refuses_the_rest)
{
    run_clean(amain_refusals);
}

static int amain_subprotocols(void *arg)
{
    static const struct {
        const char *client, *server, *agreed;
    } cases[] = {
        {"chat, superchat", "superchat, chat", "superchat"},
        {"a, b", "c", ""},
        {NULL, "chat", ""},
        {"chat", NULL, ""},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct serving serving = {.options = {.protocols = cases[i].server}};
        const bide_websocket_options options = {
            .protocols = cases[i].client,
        };
        bide_http_server *server = serve(echo_messages, &serving, NULL);
        bide_websocket *ws = join(server, &options);
        CHECK_STR(bide_websocket_protocol(ws), cases[i].agreed);
        CHECK_OK(bide_websocket_close(ws, 1000, NULL));
        CHECK_OK(bide_http_server_close(server));
    }
    return 0;
}

TEST(the_subprotocol_is_the_best_of_the_server_that_the_client_has)
{
    run_clean(amain_subprotocols);
}

/* ── Clients ──────────────────────────────────────────────────────────── */

/* A server that answers anything by a text, and notes what it was asked. */
struct parrot {
    const char *answer;
    char asked[1024];
};

static int answer_so(bide_stream *stream, void *arg)
{
    struct parrot *parrot = arg;
    ssize_t n = bide_stream_readuntil(stream, "\r\n\r\n", 4, parrot->asked,
                                      sizeof parrot->asked - 1);
    if (n < 0)
        return (int)n;
    parrot->asked[n] = '\0';
    return bide_stream_write(stream, parrot->answer, strlen(parrot->answer));
}

#define YES "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADED "Upgrade: websocket\r\nConnection: Upgrade\r\n"

static int amain_answers(void *arg)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 101 OK\r\n\r\n",
        "HTTP/1.1 1010 OK\r\n\r\n",
        YES "\r\n",
        YES UPGRADED "\r\n",
        YES UPGRADED "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
                     "\r\n",
        YES "bad header\r\n\r\n",
    };
    (void)arg;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct parrot parrot = {.answer = answers[i]};
        bide_server *server = start(answer_so, &parrot);
        bide_websocket *ws;
        char url[64];
        snprintf(url, sizeof url, "ws://127.0.0.1:%d/a?b=c",
                 bide_server_port(server));
        CHECK_ERR(bide_websocket_connect(url, NULL, &ws), -EPROTO);
        CHECK(strstr(parrot.asked,
                     "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:") ==
              parrot.asked);
        CHECK_OK(bide_server_close(server));
    }
    return 0;
}

TEST(a_client_refuses_servers_that_do_not_agree)
{
    run_clean(amain_answers);
}

static int amain_silent(void *arg)
{
    struct parrot parrot = {.answer = "HTTP/1.1 101 "};
    const bide_websocket_options options = {.timeout = 0.05};
    bide_server *server = start(answer_so, &parrot);
    bide_websocket *ws;
    char url[64];
    (void)arg;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d", bide_server_port(server));
    int rc = bide_websocket_connect(url, &options, &ws);
    CHECK(rc == -ETIME || rc == BIDE_E_INCOMPLETE);
    CHECK_OK(bide_server_close(server));
    return 0;
}

TEST(a_client_does_not_wait_for_ever)
{
    run_clean(amain_silent);
}

static int amain_addresses(void *arg)
{
    static const char *const urls[] = {
        "http://x/",        "ws:/x",          "ws://",
        "ws://:80/",        "ws://x:0/",      "ws://x:65536/",
        "ws://x:/",         "ws://x:8x/",     "ws://user@x/",
        "ws://x/#fragment", "ws://x/a b",     "ws://[::1/",
        "ws://[::1]x/",     "wss://x/",       "ws://x/\r\nA: b",
    };
    (void)arg;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        bide_websocket *ws;
        int rc = bide_websocket_connect(urls[i], NULL, &ws);
        if (rc != -EINVAL)
            CHECK_STR(urls[i], "refused");
    }
    return 0;
}

TEST(addresses_that_are_none_are_refused)
{
    run_clean(amain_addresses);
}

static int amain_headers(void *arg)
{
    static const char *const good[] = {"X-A: 1", "X-B: 2", NULL};
    static const char *const bad[] = {"X-A: 1\r\nX-B: 2", NULL};
    struct parrot parrot = {.answer = "HTTP/1.1 200 OK\r\n\r\n"};
    bide_websocket_options options = {.headers = good};
    bide_server *server = start(answer_so, &parrot);
    bide_websocket *ws;
    char url[64];
    (void)arg;
    snprintf(url, sizeof url, "ws://localhost:%d?q",
             bide_server_port(server));
    CHECK_ERR(bide_websocket_connect(url, &options, &ws), -EPROTO);
    CHECK(strstr(parrot.asked, "GET /?q HTTP/1.1\r\nHost: localhost:"));
    CHECK(strstr(parrot.asked, "\r\nX-A: 1\r\nX-B: 2\r\n"));
    options.headers = bad;
    CHECK_ERR(bide_websocket_connect(url, &options, &ws), -EINVAL);
    options = (bide_websocket_options){.window = 8};
    CHECK_ERR(bide_websocket_connect(url, &options, &ws), -EINVAL);
    options = (bide_websocket_options){.heartbeat = -1};
    CHECK_ERR(bide_websocket_connect(url, &options, &ws), -EINVAL);
    options = (bide_websocket_options){.buffer = 1};
    CHECK_ERR(bide_websocket_connect(url, &options, &ws), -EINVAL);
    CHECK_OK(bide_server_close(server));
    return 0;
}

TEST(headers_of_the_caller_are_sent_and_cannot_smuggle)
{
    run_clean(amain_headers);
}

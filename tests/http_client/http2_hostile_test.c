/* SPDX-License-Identifier: MIT */
/* http2_hostile_test.c — servers of HTTP/2 that refuse, break off or lie. */
#include "client.h"

#include <errno.h>

#include "tls/certificates.h"

/* ── A server of recorded frames ──────────────────────────────────────── */

#define FRAME(length, type, flags, stream)                                    \
    "\0\0" length type flags "\0\0\0" stream
#define SETTINGS FRAME("\0", "\4", "\0", "\0") FRAME("\0", "\4", "\1", "\0")
#define OK(stream) FRAME("\1", "\1", "\5", stream) "\x88"
#define RESET(stream, code) FRAME("\4", "\3", "\0", stream) "\0\0\0" code
#define GOAWAY(last, code)                                                    \
    FRAME("\x8", "\7", "\0", "\0") "\0\0\0" last "\0\0\0" code

struct frames {
    const char *data;
    size_t len;
};
#define FRAMES(text) {SETTINGS text, sizeof(SETTINGS text) - 1}

/* Frames for each connection in turn; the last ones for all further ones. */
struct script {
    const struct frames *frames;
    size_t count, connections;
    bide_tls_context *server_tls, *client_tls;
    bide_server *server;
    bide_http_session *http;
};

/* The request is there when ":scheme https" of its head has come. */
static int play(bide_stream *stream, void *arg)
{
    struct script *script = arg;
    char buf[16384];
    size_t got = 0;
    ssize_t n = 1;
    size_t index = script->connections++;
    if (index >= script->count)
        index = script->count - 1;
    while (n > 0 && !memmem(buf, got, "\x87", 1) && got < sizeof buf) {
        n = bide_stream_read(stream, buf + got, sizeof buf - got);
        got += n > 0 ? (size_t)n : 0;
    }
    const struct frames *frames = &script->frames[index];
    int rc = bide_stream_write(stream, frames->data, frames->len);
    if (rc == 0) /* until the client has read it */
        rc = bide_sleep(0.02);
    return rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

static void script_open(struct script *script)
{
    const bide_tls_options alpn = {.alpn = "h2"};
    script->server_tls = server_context(GOOD, &alpn);
    script->client_tls = client_context(&alpn);
    const bide_server_options options = {.tls = script->server_tls};
    const bide_http_session_options session = {.tls = script->client_tls,
                                               .timeout = 5};
    CHECK_OK(bide_start_server("127.0.0.1", 0, play, script, &options,
                               &script->server));
    script->http = open_session(&session);
}

static int script_fetch(struct script *script, const char *method,
                        char *text, size_t size)
{
    char url[64];
    bide_http_response *response;
    const char *body;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/",
             bide_server_port(script->server));
    int rc = bide_http_fetch(script->http, method, url, NULL, &response);
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

static void script_close(struct script *script)
{
    bide_http_session_close(script->http);
    CHECK_OK(bide_server_close(script->server));
    bide_tls_close(script->server_tls);
    bide_tls_close(script->client_tls);
}

static int run_script(const struct frames *frames, size_t count,
                      const char *method, size_t *ret_connections)
{
    struct script script = {.frames = frames, .count = count};
    char text[64];
    script_open(&script);
    int rc = script_fetch(&script, method, text, sizeof text);
    *ret_connections = script.connections;
    script_close(&script);
    return rc;
}

/* ── Refusals ─────────────────────────────────────────────────────────── */

static int amain_refused(void *arg)
{
    size_t connections;
    (void)arg;
    const struct frames away[] = {FRAMES(GOAWAY("\0", "\0")),
                                  FRAMES(OK("\1"))};
    CHECK_INT(run_script(away, 2, "POST", &connections), 200);
    CHECK_INT(connections, 2);
    CHECK_ERR(run_script(away, 1, "POST", &connections), -ECONNRESET);
    CHECK_INT(connections, 2);
    return 0;
}

TEST(a_request_that_the_server_left_alone_is_sent_again)
{
    run_clean(amain_refused);
}

/* ── Lies ─────────────────────────────────────────────────────────────── */

static int amain_lies(void *arg)
{
    static const struct {
        struct frames frames;
        int code;
    } cases[] = {
        {FRAMES(RESET("\1", "\2")), -ECONNRESET},
        {FRAMES(""), BIDE_E_INCOMPLETE},
        /* a frame of no length for its type; a stream that nobody opened */
        {FRAMES(FRAME("\1", "\3", "\0", "\1") "\0"), -EBADMSG},
        {FRAMES(OK("\5")), -EBADMSG},
        /* no :status; a name in capital letters; a broken HPACK index */
        {FRAMES(FRAME("\4", "\1", "\5", "\1") "\0\1a\0"), -EBADMSG},
        {FRAMES(FRAME("\6", "\1", "\5", "\1") "\x88\0\1A\1b"), -EBADMSG},
        {FRAMES(FRAME("\2", "\1", "\5", "\1") "\x88\xff"), -EBADMSG},
        /* content-length: 5, and 3 bytes; a head without an end */
        {FRAMES(FRAME("\5", "\1", "\4", "\1") "\x88\x0f\x0d\1" "5"
                FRAME("\3", "\0", "\1", "\1") "abc"),
         -EBADMSG},
        {FRAMES(FRAME("\1", "\1", "\1", "\1") "\x88"), BIDE_E_INCOMPLETE},
        /* data before a head; a head of 103, and the end */
        {FRAMES(FRAME("\3", "\0", "\1", "\1") "abc"), -EBADMSG},
        {FRAMES(FRAME("\5", "\1", "\5", "\1") "\x08\3" "103"), -EBADMSG},
        /* a promise, which was forbidden */
        {FRAMES(FRAME("\5", "\5", "\4", "\1") "\0\0\0\2\x82"), -EBADMSG},
    };
    size_t connections;
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (!CHECK_ERR(run_script(&cases[i].frames, 1, "GET", &connections),
                       cases[i].code))
            printf("# case %zu\n", i);
    return 0;
}

TEST(what_is_no_sound_http_2_is_refused)
{
    run_clean(amain_lies);
}

static int amain_headers(void *arg)
{
    static char data[200000];
    size_t connections, at = 0;
    (void)arg;
    /* x: ... 2000 times, by an entry that HPACK remembers. */
    memcpy(data, SETTINGS, sizeof SETTINGS - 1);
    at += sizeof SETTINGS - 1;
    memcpy(data + at, "\0\x07\xd6\1\5\0\0\0\1\x88\x40\1x\1y", 15);
    at += 15;
    memset(data + at, 0xbe, 2000);
    at += 2000;
    const struct frames frames[] = {{data, at}};
    CHECK_ERR(run_script(frames, 1, "GET", &connections), -EMSGSIZE);
    return 0;
}

TEST(headers_that_multiply_meet_the_limit)
{
    run_clean(amain_headers);
}

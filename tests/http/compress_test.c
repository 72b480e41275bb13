/* SPDX-License-Identifier: MIT */
/* compress_test.c — compressed replies, decoded by the libraries. */
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "http.h"

#define LARGE 600000 /* bytes: compressed on a thread */

/* ── A server that replies as it is told, and a client ────────────────── */

struct told {
    const char *type;
    size_t len;
    int status;
    const char *name, *value; /* a header, or NULL */
    size_t pieces; /* 0: all at once */
    bool announced;
    bool ask;      /* by bide_http_reply_compress() */
    size_t cut;    /* bytes that are not written */
};

static char content[LARGE], reply[2 * LARGE], body[2 * LARGE];

static int reply_in_pieces(bide_http_request *request,
                           const struct told *told)
{
    size_t piece = told->len / told->pieces;
    int rc = bide_http_reply_begin(request, told->status, told->type,
                                   told->announced ? (int64_t)told->len : -1);
    for (size_t i = 0; rc == 0 && i < told->pieces; i++)
        rc = bide_http_reply_write(request, content + i * piece,
                                   piece - (i == 0 ? told->cut : 0));
    return rc;
}

static int do_as_told(bide_http_request *request, void *arg)
{
    const struct told *told = arg;
    int rc = 0;
    if (told->ask)
        rc = bide_http_reply_compress(request, NULL);
    if (rc == 0 && told->name)
        rc = bide_http_reply_header(request, told->name, told->value);
    if (rc < 0)
        return rc;
    if (told->pieces > 0)
        return reply_in_pieces(request, told);
    return bide_http_reply(request, told->status, told->type, content,
                           told->len);
}

static bool said(const char *line)
{
    const char *found = strstr(reply, line);
    return found && found < strstr(reply, "\r\n\r\n") + 2 &&
           found[strlen(line)] == '\r';
}

/* Take chunks apart, in place. Returns the length. */
static size_t unchunk(char *data)
{
    char *from = data, *to = data;
    size_t len;
    while ((len = strtoul(from, &from, 16)) > 0) {
        from += 2;
        memmove(to, from, len);
        to += len;
        from += len + 2;
    }
    return (size_t)(to - data);
}

static size_t decode_gzip(const char *data, size_t len)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data,
                       .avail_in = (unsigned)len,
                       .next_out = (unsigned char *)body,
                       .avail_out = sizeof body};
    CHECK_INT(inflateInit2(&stream, 31), Z_OK);
    CHECK_INT(inflate(&stream, Z_FINISH), Z_STREAM_END);
    CHECK_INT(stream.avail_in, 0);
    inflateEnd(&stream);
    return stream.total_out;
}

static size_t decode(const char *data, size_t len)
{
    size_t size = sizeof body;
    if (said("Content-Encoding: gzip"))
        return decode_gzip(data, len);
    if (said("Content-Encoding: br")) {
        CHECK(BrotliDecoderDecompress(len, (const uint8_t *)data, &size,
                                      (uint8_t *)body) ==
              BROTLI_DECODER_RESULT_SUCCESS);
        return size;
    }
    if (said("Content-Encoding: zstd")) {
        size = ZSTD_decompress(body, sizeof body, data, len);
        CHECK(!ZSTD_isError(size));
        return size;
    }
    memcpy(body, data, len);
    return len;
}

/* Returns how many bytes the body has once decoded; -1: it was cut off. */
static ssize_t ask(const bide_http_server *server, const char *method,
                   const char *accepted)
{
    char text[256];
    bide_stream *stream = dial(server);
    snprintf(text, sizeof text,
             "%s / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
             "Accept-Encoding: %s\r\n\r\n",
             method, accepted);
    say(stream, text);
    ssize_t n = hear_all(stream, reply, sizeof reply);
    bide_stream_close(stream);
    if (n < 0)
        return -1;
    char *data = strstr(reply, "\r\n\r\n") + 4;
    size_t len = (size_t)(reply + n - data);
    if (said("Transfer-Encoding: chunked"))
        len = unchunk(data);
    return len > 0 ? (ssize_t)decode(data, len) : 0;
}

static const bide_http_compress_options defaults;
static const bide_http_server_options compressing = {.compress = &defaults};

static void fill_content(void)
{
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = "some words, and some more; "[i % 27];
}

/* ── Tests ────────────────────────────────────────────────────────────── */

static int amain_codings(void *arg)
{
    static const char *const codings[] = {"gzip", "br", "zstd"};
    struct told told = {.type = "text/plain", .status = 200};
    bide_http_server *server = serve(do_as_told, &told, &compressing);
    char line[64];
    (void)arg;
    fill_content();
    for (size_t i = 0; i < 3; i++)
        for (int way = 0; way < 6; way++) {
            told.len = way % 2 ? LARGE : 20000;
            told.pieces = way < 2 ? 0 : way < 4 ? 1 : 10;
            told.announced = way % 2;
            CHECK_INT(ask(server, "GET", codings[i]), told.len);
            CHECK_MEM(body, content, told.len);
            snprintf(line, sizeof line, "Content-Encoding: %s", codings[i]);
            CHECK(said(line));
            CHECK(said("Vary: Accept-Encoding"));
            CHECK(said("Transfer-Encoding: chunked") == (told.pieces > 0));
        }
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(replies_are_compressed_by_each_coding)
{
    run_clean(amain_codings);
}

#define PLAIN(type_, len_, status_)                                           \
    {.type = type_, .len = len_, .status = status_}

/* A page with one more header. */
#define WITH(name_, value_)                                                   \
    {.type = "text/html",                                                     \
     .len = 5000,                                                             \
     .status = 200,                                                           \
     .name = name_,                                                           \
     .value = value_}

static int amain_left_alone(void *arg)
{
    static const struct {
        struct told told;
        const char *accepted;
        bool compressed, varies;
    } cases[] = {
        {PLAIN("text/html; charset=utf-8", 5000, 200), "gzip", true, true},
        {PLAIN("application/json", 5000, 404), "gzip", true, true},
        {PLAIN("Application/LD+JSON", 5000, 200), "gzip", true, true},
        {PLAIN("image/svg+xml", 1024, 200), "gzip", true, true},
        {PLAIN("text/html", 1023, 200), "gzip", false, false},
        {PLAIN("text/html", 5000, 200), "", false, true},
        {PLAIN("text/html", 5000, 200), "deflate", false, true},
        {PLAIN("text/html", 5000, 200), "gzip;q=0", false, true},
        {PLAIN("text/html", 5000, 206), "gzip", false, false},
        {PLAIN("image/png", 5000, 200), "gzip", false, false},
        {PLAIN(NULL, 5000, 200), "gzip", false, false},
        {WITH("Content-Encoding", "x-own"), "gzip", false, false},
        {WITH("Cache-Control", "a, no-transform"), "gzip", false, false},
        {WITH("Cache-Control", "no-cache"), "gzip", true, true},
    };
    struct told told;
    bide_http_server *server = serve(do_as_told, &told, &compressing);
    (void)arg;
    fill_content();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        told = cases[i].told;
        ssize_t n = ask(server, "GET", cases[i].accepted);
        if (!CHECK_INT(said("Content-Encoding: gzip"), cases[i].compressed) ||
            !CHECK_INT(said("Vary: Accept-Encoding"), cases[i].varies))
            printf("# case %zu\n", i);
        if (!told.name || cases[i].compressed)
            CHECK_INT(n, told.len);
    }
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(what_is_not_worth_it_is_left_alone)
{
    run_clean(amain_left_alone);
}

static int amain_tags(void *arg)
{
    struct told told = {.type = "text/plain",
                        .len = 5000,
                        .status = 200,
                        .name = "ETag",
                        .value = "\"x\""};
    bide_http_server *server = serve(do_as_told, &told, &compressing);
    (void)arg;
    fill_content();
    CHECK_INT(ask(server, "GET", "gzip"), 5000);
    CHECK(said("ETag: W/\"x\""));
    CHECK_INT(ask(server, "GET", ""), 5000);
    CHECK(said("ETag: \"x\""));
    told.value = "W/\"y\"";
    CHECK_INT(ask(server, "GET", "gzip"), 5000);
    CHECK(said("ETag: W/\"y\""));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_compressed_reply_has_a_weak_tag)
{
    run_clean(amain_tags);
}

static int amain_head(void *arg)
{
    struct told told = {.type = "text/plain", .len = 5000, .status = 200};
    bide_http_server *server = serve(do_as_told, &told, &compressing);
    char line[64];
    size_t length = 0;
    (void)arg;
    fill_content();
    CHECK_INT(ask(server, "GET", "gzip"), 5000);
    CHECK_INT(sscanf(strstr(reply, "Content-Length: "),
                     "Content-Length: %zu", &length),
              1);
    CHECK(length > 20 && length < 1000);
    CHECK_INT(ask(server, "HEAD", "gzip"), 0);
    snprintf(line, sizeof line, "Content-Length: %zu", length);
    CHECK(said(line));
    told.pieces = 1;
    CHECK_INT(ask(server, "HEAD", "gzip"), 0);
    CHECK(said("Content-Encoding: gzip"));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(head_is_told_what_get_would_be)
{
    run_clean(amain_head);
}

static int amain_asked(void *arg)
{
    struct told told = {.type = "text/plain", .len = 5000, .status = 200};
    bide_http_server *server = serve(do_as_told, &told, NULL);
    (void)arg;
    fill_content();
    CHECK_INT(ask(server, "GET", "gzip"), 5000);
    CHECK(!said("Content-Encoding: gzip"));
    CHECK(!said("Vary: Accept-Encoding"));
    told.ask = true;
    CHECK_INT(ask(server, "GET", "gzip"), 5000);
    CHECK(said("Content-Encoding: gzip"));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_handler_asks_for_its_own_reply)
{
    run_clean(amain_asked);
}

static int amain_short(void *arg)
{
    struct told told = {.type = "text/plain",
                        .len = 5000,
                        .status = 200,
                        .pieces = 2,
                        .announced = true,
                        .cut = 1};
    bide_http_server *server = serve(do_as_told, &told, &compressing);
    (void)arg;
    fill_content();
    watch_reports();
    CHECK_INT(ask(server, "GET", "gzip"), -1); /* cut off, not ended */
    CHECK_INT(reports.count, 1);
    CHECK(strstr(reports.text, "the handler wrote 4999 bytes of a body of "
                               "5000"));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_body_shorter_than_announced_is_cut_off)
{
    run_clean(amain_short);
}

/* Sends one line and then waits for ever. */
static int send_line_and_wait(bide_http_request *request, void *arg)
{
    (void)arg;
    int rc = bide_http_reply_begin(request, 200, "text/event-stream", -1);
    if (rc == 0)
        rc = bide_http_reply_write(request, "data: 1\n\n", 9);
    return rc < 0 ? rc : bide_sleep(1000);
}

static int amain_flushed(void *arg)
{
    bide_http_server *server = serve(send_line_and_wait, NULL, &compressing);
    bide_stream *stream = dial(server);
    char line[256];
    z_stream inflater = {.next_out = (unsigned char *)body,
                         .avail_out = sizeof body};
    (void)arg;
    CHECK_INT(inflateInit2(&inflater, 31), Z_OK);
    say(stream, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
    do
        CHECK(bide_stream_readline(stream, line, sizeof line) > 0);
    while (line[0] != '\r');
    while (inflater.total_out < 9) {
        CHECK(bide_stream_readline(stream, line, sizeof line) > 0);
        size_t len = strtoul(line, NULL, 16);
        CHECK_OK(bide_stream_readexactly(stream, reply, len + 2));
        inflater.next_in = (unsigned char *)reply;
        inflater.avail_in = (unsigned)len;
        CHECK_INT(inflate(&inflater, Z_SYNC_FLUSH), Z_OK);
    }
    CHECK_MEM(body, "data: 1\n\n", 9);
    inflateEnd(&inflater);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_piece_can_be_decoded_when_it_is_sent)
{
    run_clean(amain_flushed);
}

static int ask_wrongly(bide_http_request *request, void *arg)
{
    const bide_http_compress_options wrong = {.level = 10};
    (void)arg;
    CHECK_ERR(bide_http_reply_compress(request, &wrong), -EINVAL);
    int rc = bide_http_reply(request, 200, NULL, NULL, 0);
    CHECK_ERR(bide_http_reply_compress(request, NULL), -EALREADY);
    return rc;
}

static int amain_wrong(void *arg)
{
    bide_http_server *server = serve(ask_wrongly, NULL, NULL);
    (void)arg;
    CHECK_INT(ask(server, "GET", "gzip"), 0);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(levels_and_late_wishes_are_refused)
{
    run_clean(amain_wrong);
}

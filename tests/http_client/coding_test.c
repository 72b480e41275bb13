/* SPDX-License-Identifier: MIT */
/* coding_test.c — compressed contents. */
#include "client.h"

#include <brotli/encode.h>
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#define TEXT "The same words, the same words, the same words again.\n"

struct coded {
    const char *coding;
    unsigned char data[1 << 16];
    size_t len;
    size_t pieces; /* bytes of a write; 0: all at once */
};

static void by_zlib(struct coded *coded, const char *text, size_t len,
                    int bits)
{
    z_stream zlib = {.next_in = (unsigned char *)(uintptr_t)text,
                     .avail_in = (unsigned)len,
                     .next_out = coded->data + coded->len,
                     .avail_out = (unsigned)(sizeof coded->data - coded->len)};
    CHECK_INT(deflateInit2(&zlib, 9, Z_DEFLATED, bits, 8, 0), Z_OK);
    CHECK_INT(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    coded->len += zlib.total_out;
    CHECK_INT(deflateEnd(&zlib), Z_OK);
}

static void by_brotli(struct coded *coded, const char *text, size_t len)
{
    size_t size = sizeof coded->data;
    CHECK(BrotliEncoderCompress(9, 22, BROTLI_MODE_TEXT, len,
                                (const uint8_t *)text, &size, coded->data));
    coded->len = size;
}

static void by_zstd(struct coded *coded, const char *text, size_t len)
{
    coded->len = ZSTD_compress(coded->data, sizeof coded->data, text, len, 3);
    CHECK(!ZSTD_isError(coded->len));
}

static int send_coded(bide_http_request *request, void *arg)
{
    const struct coded *coded = arg;
    int rc = bide_http_reply_header(request, "Content-Encoding",
                                    coded->coding);
    if (rc == 0 && coded->pieces == 0)
        return bide_http_reply(request, 200, NULL, coded->data, coded->len);
    if (rc == 0)
        rc = bide_http_reply_begin(request, 200, NULL, -1);
    for (size_t at = 0; rc == 0 && at < coded->len; at += coded->pieces) {
        size_t len = coded->len - at;
        rc = bide_http_reply_write(request, coded->data + at,
                                   len < coded->pieces ? len : coded->pieces);
    }
    return rc;
}

static int get_coded(struct coded *coded, char *text, size_t size)
{
    bide_http_server *server = serve(send_coded, coded);
    bide_http_session *http = open_session(NULL);
    int rc = get_text(http, url_of(server, "/"), text, size);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return rc;
}

static void check_coded(struct coded *coded, const char *expected)
{
    char text[1024];
    for (coded->pieces = 0; coded->pieces < 3; coded->pieces++) {
        if (!CHECK_INT(get_coded(coded, text, sizeof text), 200))
            printf("# by %s\n", coded->coding);
        CHECK_STR(text, expected);
    }
    /* Cut off anywhere, it is an error, never a shorter text. */
    coded->pieces = 0;
    for (size_t len = coded->len; --len > 0;) {
        coded->len = len;
        CHECK_ERR(get_coded(coded, text, sizeof text), BIDE_E_INCOMPLETE);
    }
}

static int amain_codings(void *arg)
{
    static struct coded coded;
    size_t len = strlen(TEXT);
    (void)arg;
    coded = (struct coded){.coding = "gzip"};
    by_zlib(&coded, TEXT, len, 15 + 16);
    check_coded(&coded, TEXT);
    coded = (struct coded){.coding = "deflate"};
    by_zlib(&coded, TEXT, len, 15);
    check_coded(&coded, TEXT);
    coded = (struct coded){.coding = "Deflate"};
    by_zlib(&coded, TEXT, len, -15);
    check_coded(&coded, TEXT);
    coded = (struct coded){.coding = "br"};
    by_brotli(&coded, TEXT, len);
    check_coded(&coded, TEXT);
    coded = (struct coded){.coding = "zstd"};
    by_zstd(&coded, TEXT, len);
    check_coded(&coded, TEXT);
    return 0;
}

TEST(contents_are_decompressed_however_they_arrive)
{
    run_clean(amain_codings);
}

static int amain_members(void *arg)
{
    static struct coded coded;
    char text[256];
    (void)arg;
    coded = (struct coded){.coding = "gzip"};
    by_zlib(&coded, "one ", 4, 15 + 16);
    by_zlib(&coded, "two", 3, 15 + 16);
    CHECK_INT(get_coded(&coded, text, sizeof text), 200);
    CHECK_STR(text, "one two");
    memcpy(coded.data + coded.len, "garbage", 7);
    coded.len += 7;
    CHECK_ERR(get_coded(&coded, text, sizeof text), -EBADMSG);
    static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
    for (size_t i = 0; i < 4; i++) {
        coded = (struct coded){.coding = codings[i], .len = 400};
        memset(coded.data, 0xff, coded.len);
        CHECK_ERR(get_coded(&coded, text, sizeof text), -EBADMSG);
        coded.len = 0;
        CHECK_INT(get_coded(&coded, text, sizeof text), 200);
        CHECK_STR(text, "");
    }
    coded = (struct coded){.coding = "rot13", .len = 3};
    memcpy(coded.data, "abc", 3);
    CHECK_INT(get_coded(&coded, text, sizeof text), 200);
    CHECK_STR(text, "abc");
    return 0;
}

TEST(what_is_no_sound_compression_is_refused)
{
    run_clean(amain_members);
}

static int amain_bomb(void *arg)
{
    enum { SIZE = 32 << 20 };
    static struct coded coded;
    char buf[4096];
    (void)arg;
    char *zeros = calloc(1, SIZE);
    coded = (struct coded){.coding = "gzip"};
    by_zlib(&coded, zeros, SIZE, 15 + 16);
    free(zeros);
    const bide_http_session_options options = {.body = 1 << 20};
    bide_http_server *server = serve(send_coded, &coded);
    bide_http_session *http = open_session(&options);
    bide_http_response *response;
    const char *url = url_of(server, "/");
    CHECK_ERR(get_text(http, url, buf, sizeof buf), -EMSGSIZE);
    CHECK_OK(bide_http_get(http, url, &response));
    CHECK_INT(bide_http_response_length(response), -1);
    size_t total = 0;
    ssize_t n;
    while ((n = bide_http_response_read(response, buf, sizeof buf)) > 0)
        total += (size_t)n;
    CHECK_INT(n, 0);
    CHECK_INT(total, SIZE);
    bide_http_response_close(response);
    const bide_http_fetch_options raw = {.no_decompression = true};
    CHECK_OK(bide_http_fetch(http, "GET", url, &raw, &response));
    CHECK_INT(bide_http_response_length(response), coded.len);
    const void *data;
    CHECK_INT(bide_http_response_data(response, &data), coded.len);
    CHECK_MEM(data, coded.data, coded.len);
    bide_http_response_close(response);
    bide_http_session_close(http);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_bomb_meets_the_limit)
{
    run_clean(amain_bomb);
}

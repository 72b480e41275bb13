/* SPDX-License-Identifier: MIT */
/* frame_test.c — the pure parts: heads, masks, UTF-8, proofs, parameters. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/websocket/frame.h"
#include "test.h"

/* ── Heads ────────────────────────────────────────────────────────────── */

TEST(a_head_is_what_it_was_before_it_was_written)
{
    static const uint64_t lens[] = {0,      1,       125,         126,
                                    0xffff, 0x10000, UINT64_MAX >> 1};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        for (int masked = 0; masked < 2; masked++) {
            unsigned char head[BIDE__FRAME_HEAD_MAX];
            struct bide__frame in = {.opcode = BIDE__OP_TEXT,
                                     .fin = true,
                                     .masked = masked,
                                     .len = lens[i]};
            struct bide__frame out = {.opcode = 0};
            memcpy(in.mask, masked ? "abcd" : "\0\0\0\0", 4);
            int len = (int)bide__frame_make(&in, head);
            for (int part = 0; part < len; part++)
                CHECK_INT(bide__frame_parse(head, (size_t)part, false, masked,
                                            &out),
                          0);
            CHECK_INT(bide__frame_parse(head, (size_t)len, false, masked,
                                        &out),
                      len);
            CHECK_INT(out.len, in.len);
            CHECK_INT(out.opcode, in.opcode);
            CHECK(out.fin && !out.compressed);
            CHECK_MEM(out.mask, in.mask, 4);
        }
    }
}

TEST(heads_that_the_protocol_forbids_are_refused_as_early_as_possible)
{
    static const struct {
        const char *what;
        size_t len;
        const char *head;
        bool compressing;
    } cases[] = {
        {"RSV1 without an extension", 1, "\xc1", false},
        {"RSV2", 1, "\xa1", true},
        {"RSV3", 1, "\x91", true},
        {"RSV1 in a continuation", 1, "\xc0", true},
        {"RSV1 in a ping", 1, "\xc9", true},
        {"opcode 3", 1, "\x83", false},
        {"opcode 7", 1, "\x87", false},
        {"opcode 11", 1, "\x8b", false},
        {"opcode 15", 1, "\x8f", false},
        {"a ping in pieces", 1, "\x09", false},
        {"a Close in pieces", 1, "\x08", false},
        {"no mask", 2, "\x81\x05", false},
        {"a ping of 126 bytes", 2, "\x89\xfe", false},
        {"125 in two bytes", 8, "\x82\xfe\x00\x7d....", false},
        {"65535 in eight", 14, "\x82\xff\0\0\0\0\0\0\xff\xff....", false},
        {"the highest bit", 14, "\x82\xff\x80\0\0\0\0\0\0\0....", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bide__frame frame;
        int rc = bide__frame_parse((const unsigned char *)cases[i].head,
                                   cases[i].len, cases[i].compressing, true,
                                   &frame);
        if (rc != -EPROTO)
            CHECK_STR(cases[i].what, "refused");
    }
}

/* ── Masks ────────────────────────────────────────────────────────────── */

TEST(a_mask_is_the_same_in_pieces_of_any_size_and_place)
{
    char data[200], out[200], expected[200];
    const unsigned char mask[4] = {0x11, 0x22, 0x44, 0x88};
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * 7);
        expected[i] = (char)(data[i] ^ mask[i & 3]);
    }
    for (size_t first = 0; first < 90; first++) {
        for (size_t second = 0; second < 90; second += 7) {
            size_t third = sizeof data - first - second;
            bide__frame_mask(out, data, first, mask, 0);
            bide__frame_mask(out + first, data + first, second, mask, first);
            bide__frame_mask(out + first + second, data + first + second,
                             third, mask, first + second);
            if (!CHECK_MEM(out, expected, sizeof data))
                return;
        }
    }
}

/* ── UTF-8 ────────────────────────────────────────────────────────────── */

static int decode(const unsigned char *s, size_t len)
{
    size_t i = 0;
    while (i < len) {
        unsigned c = s[i];
        size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3
                 : c >> 3 == 30 ? 4 : 0;
        if (n == 0 || i + n > len)
            return 0;
        unsigned point = n == 1 ? c : c & (0x7fu >> n);
        for (size_t k = 1; k < n; k++) {
            if (s[i + k] >> 6 != 2)
                return 0;
            point = point << 6 | (s[i + k] & 63);
        }
        static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < least[n] || point > 0x10ffff ||
            (point >= 0xd800 && point <= 0xdfff))
            return 0;
        i += n;
    }
    return 1;
}

/* All of three bytes, and of four behind the bytes that begin four. */
TEST(exactly_the_texts_that_are_utf8_pass)
{
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            for (size_t c = 0; c < sizeof edges * sizeof edges; c++) {
                unsigned char s[4] = {(unsigned char)a, (unsigned char)b,
                                      edges[c % sizeof edges],
                                      edges[c / sizeof edges]};
                for (size_t len = 1; len <= 4; len++) {
                    int is = bide__utf8_check(BIDE__UTF8_BEGIN,
                                              (const char *)s, len) ==
                             BIDE__UTF8_BEGIN;
                    if (is != decode(s, len)) {
                        CHECK_INT(a << 16 | b << 8 | s[2], -1);
                        return;
                    }
                }
            }
        }
    }
}

TEST(a_text_may_be_checked_in_pieces_of_any_size)
{
    static const char text[] =
        "sixty-four plain characters come before the first that is not: \xc3"
        "\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 and then plain ones again, more "
        "than thirty-two of them";
    size_t len = sizeof text - 1;
    for (size_t cut = 0; cut <= len; cut++) {
        unsigned state = bide__utf8_check(BIDE__UTF8_BEGIN, text, cut);
        CHECK(state != BIDE__UTF8_BAD);
        CHECK_INT(bide__utf8_check(state, text + cut, len - cut),
                  BIDE__UTF8_BEGIN);
    }
    unsigned state = bide__utf8_check(BIDE__UTF8_BEGIN, "\xe2\x82", 2);
    CHECK(state != BIDE__UTF8_BEGIN && state != BIDE__UTF8_BAD);
    CHECK_INT(bide__utf8_check(state, "x", 1), BIDE__UTF8_BAD);
    CHECK_INT(bide__utf8_check(BIDE__UTF8_BAD, "x", 1), BIDE__UTF8_BAD);
}

/* ── Proofs ───────────────────────────────────────────────────────────── */

TEST(the_proof_is_that_of_the_rfc)
{
    char proof[BIDE__PROOF_LEN + 1], key[BIDE__KEY_LEN + 1];
    bide__websocket_proof("dGhlIHNhbXBsZSBub25jZQ==", proof);
    CHECK_STR(proof, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK_INT(bide__websocket_new_key(key), 0);
    CHECK(bide__websocket_is_key(key));
    CHECK(!bide__websocket_is_key("dGhlIHNhbXBsZSBub25jZQ="));
    CHECK(!bide__websocket_is_key("dGhlIHNhbXBsZSBub25jZQ==="));
    CHECK(!bide__websocket_is_key("dGhlIHNhbXBsZSBub25jZ!=="));
}

/* ── permessage-deflate ───────────────────────────────────────────────── */

#define NAME "permessage-deflate"

TEST(a_server_takes_the_first_offer_that_it_understands)
{
    static const struct {
        const char *offers, *reply;
    } cases[] = {
        {NAME, NAME},
        {"x-webkit-deflate-frame", ""},
        {"foo, " NAME, NAME},
        {NAME "; client_max_window_bits", NAME "; client_max_window_bits=12"},
        {NAME "; client_max_window_bits=9", NAME "; client_max_window_bits=9"},
        {NAME ";server_max_window_bits=10", NAME "; server_max_window_bits=10"},
        {NAME "; server_max_window_bits=\"15\"",
         NAME "; server_max_window_bits=12"},
        {NAME "; server_no_context_takeover; client_no_context_takeover",
         NAME "; server_no_context_takeover; client_no_context_takeover"},
        {NAME "; server_max_window_bits", ""},
        {NAME "; server_max_window_bits=7", ""},
        {NAME "; server_max_window_bits=16", ""},
        {NAME "; server_max_window_bits=09", ""},
        {NAME "; server_no_context_takeover=1", ""},
        {NAME "; server_no_context_takeover; server_no_context_takeover", ""},
        {NAME "; unknown", ""},
        {NAME "; unknown, " NAME, NAME},
        {NAME ";", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bide__deflate_terms terms;
        char reply[160];
        bide__deflate_choose(cases[i].offers, 12, false, &terms, reply,
                             sizeof reply);
        CHECK_STR(reply, cases[i].reply);
        CHECK_INT(terms.agreed, *reply != '\0');
    }
}

TEST(a_client_refuses_what_it_has_not_offered)
{
    static const struct {
        const char *reply;
        int window;
        bool forget;
        int result;
    } cases[] = {
        {NAME, 0, false, 0},
        {NAME "; server_max_window_bits=10", 0, false, 0},
        {NAME "; client_max_window_bits=9", 12, false, -EPROTO},
        {NAME "; server_max_window_bits=12", 12, false, 0},
        {NAME "; server_max_window_bits=13", 12, false, -EPROTO},
        {NAME, 0, true, -EPROTO},
        {NAME "; server_no_context_takeover", 0, true, 0},
        {NAME "; client_max_window_bits", 0, false, -EPROTO},
        {NAME ", " NAME, 0, false, -EPROTO},
        {"foo", 0, false, -EPROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bide__deflate_terms terms = {.agreed = false};
        CHECK_INT(bide__deflate_accept(cases[i].reply, cases[i].window,
                                       cases[i].forget, &terms),
                  cases[i].result);
        CHECK_INT(terms.agreed, cases[i].result == 0);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * utf8.c — whether bytes are UTF-8, in pieces of any size: RFC 3629.
 *
 * ASCII goes by 32 bytes at a time. The rest goes through an automaton without
 * branches: a state is the number of a bit, at which the row of a byte has the
 * next state in six bits. Only the shift by the state depends on the byte
 * before, so one byte takes about one cycle.
 *
 *     BAD      nothing leads out of it: rows have 0 there
 *     BEGIN    between two characters
 *     LEFT_n   n bytes of a character are to come, any of 80..BF
 *     AFTER_x  the next one is restricted, or the character would be longer
 *              than it has to be, a surrogate, or beyond U+10FFFF
 */
#include "http/websocket/frame.h"

#include <string.h>

enum state {
    BAD = BIDE__UTF8_BAD,
    BEGIN = BIDE__UTF8_BEGIN,
    LEFT_1 = 12,
    LEFT_2 = 18,
    LEFT_3 = 24,
    AFTER_E0 = 30, /* A0..BF */
    AFTER_ED = 36, /* 80..9F */
    AFTER_F0 = 42, /* 90..BF */
    AFTER_F4 = 48  /* 80..8F */
};

#define GO(from, to) ((uint64_t)(to) << (from))
#define FOLLOWS (GO(LEFT_1, BEGIN) | GO(LEFT_2, LEFT_1) | GO(LEFT_3, LEFT_2))

static const uint64_t rows[256] = {
    [0x00 ... 0x7f] = GO(BEGIN, BEGIN),
    [0x80 ... 0x8f] = FOLLOWS | GO(AFTER_ED, LEFT_1) | GO(AFTER_F4, LEFT_2),
    [0x90 ... 0x9f] = FOLLOWS | GO(AFTER_ED, LEFT_1) | GO(AFTER_F0, LEFT_2),
    [0xa0 ... 0xbf] = FOLLOWS | GO(AFTER_E0, LEFT_1) | GO(AFTER_F0, LEFT_2),
    [0xc2 ... 0xdf] = GO(BEGIN, LEFT_1),
    [0xe0] = GO(BEGIN, AFTER_E0),
    [0xe1 ... 0xec] = GO(BEGIN, LEFT_2),
    [0xed] = GO(BEGIN, AFTER_ED),
    [0xee ... 0xef] = GO(BEGIN, LEFT_2),
    [0xf0] = GO(BEGIN, AFTER_F0),
    [0xf1 ... 0xf3] = GO(BEGIN, LEFT_3),
    [0xf4] = GO(BEGIN, AFTER_F4),
};

/* How many bytes at the beginning are ASCII, by blocks. */
static size_t skip_ascii(const char *data, size_t len)
{
    size_t at = 0;
    uint64_t block[4];
    for (; len - at >= 32; at += 32) {
        memcpy(block, data + at, 32);
        uint64_t any = block[0] | block[1] | block[2] | block[3];
        if (any & UINT64_C(0x8080808080808080))
            break;
    }
    for (; len - at >= 8; at += 8) {
        memcpy(block, data + at, 8);
        if (block[0] & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

unsigned bide__utf8_check(unsigned state, const char *data, size_t len)
{
    uint64_t now = state;
    size_t at = 0;
    while (at < len) {
        if ((now & 63) == BEGIN)
            at += skip_ascii(data + at, len - at);
        size_t end = len - at > 64 ? at + 64 : len;
        for (; at < end; at++)
            now = rows[(unsigned char)data[at]] >> (now & 63);
        if ((now & 63) == BAD)
            return BAD;
    }
    return (unsigned)(now & 63);
}

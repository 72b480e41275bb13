/* SPDX-License-Identifier: MIT */
/*
 * proof.c — the proof that a server speaks WebSocket: SHA-1 of the client's
 * key and a fixed text, in base64. RFC 6455, 1.3; FIPS 180-4; RFC 4648.
 *
 * SHA-1 protects nothing here. It is done by 50 lines of our own because the
 * library would need a whole cryptographic one for this alone.
 */
#include "http/websocket/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ── SHA-1 ────────────────────────────────────────────────────────────── */

static uint32_t turn(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static void mix(uint32_t sum[5], const unsigned char block[64])
{
    uint32_t w[80];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 |
               (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = sum[0], b = sum[1], c = sum[2], d = sum[3], e = sum[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? 0x5a827999 + ((b & c) | (~b & d))
                     : i < 40 ? 0x6ed9eba1 + (b ^ c ^ d)
                     : i < 60 ? 0x8f1bbcdc + ((b & c) | (b & d) | (c & d))
                              : 0xca62c1d6 + (b ^ c ^ d);
        uint32_t next = turn(a, 5) + f + e + w[i];
        e = d;
        d = c;
        c = turn(b, 30);
        b = a;
        a = next;
    }
    sum[0] += a;
    sum[1] += b;
    sum[2] += c;
    sum[3] += d;
    sum[4] += e;
}

/* Of at most 119 bytes: two blocks. */
static void sha1(const char *data, size_t len, unsigned char out[20])
{
    unsigned char blocks[128] = {0};
    uint32_t sum[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                       0xc3d2e1f0};
    size_t size = len < 56 ? 64 : 128;
    memcpy(blocks, data, len);
    blocks[len] = 0x80;
    blocks[size - 2] = (unsigned char)(len * 8 >> 8);
    blocks[size - 1] = (unsigned char)(len * 8);
    for (size_t at = 0; at < size; at += 64)
        mix(sum, blocks + at);
    for (unsigned i = 0; i < 20; i++)
        out[i] = (unsigned char)(sum[i / 4] >> (24 - 8 * (i % 4)));
}

/* ── Base64 ───────────────────────────────────────────────────────────── */

static void encode(const unsigned char *data, size_t len, char *out)
{
    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)data[i] << 16;
        three |= i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0;
        three |= i + 2 < len ? data[i + 2] : 0;
        *out++ = letters[three >> 18];
        *out++ = letters[three >> 12 & 63];
        *out++ = i + 1 < len ? letters[three >> 6 & 63] : '=';
        *out++ = i + 2 < len ? letters[three & 63] : '=';
    }
    *out = '\0';
}

/* ── Keys ─────────────────────────────────────────────────────────────── */

void bide__websocket_proof(const char *key, char ret_proof[29])
{
    static const char fixed[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[BIDE__KEY_LEN + sizeof fixed];
    unsigned char sum[20];
    memcpy(text, key, BIDE__KEY_LEN);
    memcpy(text + BIDE__KEY_LEN, fixed, sizeof fixed);
    sha1(text, sizeof text - 1, sum);
    encode(sum, sizeof sum, ret_proof);
}

int bide__websocket_new_key(char ret_key[25])
{
    unsigned char bytes[16];
    ssize_t n = getrandom(bytes, sizeof bytes, 0);
    if (n != (ssize_t)sizeof bytes)
        return n < 0 ? -errno : -EIO;
    encode(bytes, sizeof bytes, ret_key);
    return 0;
}

bool bide__websocket_is_key(const char *key)
{
    return strlen(key) == BIDE__KEY_LEN && strspn(key, letters) == 22 &&
           strcmp(key + 22, "==") == 0;
}

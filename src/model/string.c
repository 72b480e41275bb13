/* SPDX-License-Identifier: MIT */
/*
 * string.c — looking through strings: where they end, whether they are UTF-8.
 *
 * Strings are looked through sixteen bytes at a time where the processor can,
 * which all of x86_64 and aarch64 do. No byte behind `end` is touched.
 */
#include <string.h>

#include "model/model.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

static inline bool is_special(unsigned char byte)
{
    return byte == '"' || byte == '\\' || byte < 0x20;
}

#if defined(__SSE2__)
#define WIDE 16

/* A bit for each special byte of sixteen; whether any is above 127. */
static inline unsigned look(const char *p, bool *high)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)),
                                 bytes);
    *high |= _mm_movemask_epi8(bytes) != 0;
    return (unsigned)_mm_movemask_epi8(
        _mm_or_si128(low, _mm_or_si128(quote, slash)));
}

static inline unsigned first_of(unsigned bits)
{
    return (unsigned)__builtin_ctz(bits);
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define WIDE 16

/* Four bits for each special byte. */
static inline uint64_t look(const char *p, bool *high)
{
    uint8x16_t bytes = vld1q_u8((const uint8_t *)p);
    uint8x16_t special = vorrq_u8(
        vcltq_u8(bytes, vdupq_n_u8(0x20)),
        vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')),
                 vceqq_u8(bytes, vdupq_n_u8('\\'))));
    *high |= vmaxvq_u8(bytes) > 127;
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(
                             vreinterpretq_u16_u8(special), 4)), 0);
}

static inline unsigned first_of(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits) / 4;
}
#endif

const char *bide__string_end(const char *p, const char *end, bool *ret_high)
{
    bool high = false;
#ifdef WIDE
    while (end - p >= WIDE) {
        __auto_type bits = look(p, &high);
        if (bits != 0) {
            *ret_high |= high;
            return p + first_of(bits);
        }
        p += WIDE;
    }
#endif
    while (p < end && !is_special((unsigned char)*p))
        high |= (unsigned char)*p++ > 127;
    *ret_high |= high;
    return p;
}

/* The length of the character at p, or 0 if it is none. RFC 3629: the shortest
 * form, no surrogates, at most U+10FFFF. */
static size_t character(const unsigned char *p, size_t len)
{
    unsigned char a = p[0];
    if (a < 0x80)
        return 1;
    if (a < 0xc2 || len < 2 || (p[1] & 0xc0) != 0x80)
        return 0;
    if (a < 0xe0)
        return 2;
    if (len < 3 || (p[2] & 0xc0) != 0x80)
        return 0;
    if (a < 0xf0)
        return (a == 0xe0 && p[1] < 0xa0) || (a == 0xed && p[1] > 0x9f) ? 0
                                                                       : 3;
    if (a > 0xf4 || len < 4 || (p[3] & 0xc0) != 0x80)
        return 0;
    return (a == 0xf0 && p[1] < 0x90) || (a == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

bool bide__utf8_valid(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    while (len > 0) {
        uint64_t eight;
        if (len >= 8 && (memcpy(&eight, p, 8),
                         (eight & 0x8080808080808080) == 0)) {
            p += 8;
            len -= 8;
            continue;
        }
        size_t size = character(p, len);
        if (size == 0)
            return false;
        p += size;
        len -= size;
    }
    return true;
}

size_t bide__utf8_count(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* ── Written strings ──────────────────────────────────────────────────── */

static const char hex[] = "0123456789abcdef";

/* The escape of a special byte; its length. */
static size_t escape(char *out, unsigned char byte)
{
    static const char letters[] = "btn\0fr"; /* of 8 to 13 */
    out[0] = '\\';
    if (byte == '"' || byte == '\\') {
        out[1] = (char)byte;
        return 2;
    }
    if (byte >= 8 && byte <= 13 && byte != 11) {
        out[1] = letters[byte - 8];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return 6;
}

/* Text with bytes above 127, of which those that are no UTF-8 are replaced. */
static char *write_high(char *out, const char *text, size_t len)
{
    while (len > 0) {
        size_t size = character((const unsigned char *)text, len);
        if (size == 0) {
            memcpy(out, "\xef\xbf\xbd", 3);
            out += 3;
            size = 1;
        } else {
            memcpy(out, text, size);
            out += size;
        }
        text += size;
        len -= size;
    }
    return out;
}

void bide__write_string(bide_json_writer *writer, const char *text,
                        size_t len)
{
    /* A byte becomes six at most. Long strings go piece by piece, so that
     * little room is asked for that is not used. */
    const char *end = text + len;
    char *out = bide__writer_room(writer, 2);
    if (out == NULL)
        return;
    *out = '"';
    writer->len++;
    while (text < end) {
        const char *piece_end = end - text > 4096 ? text + 4096 : end;
        while (piece_end < end && piece_end > text + 4092 &&
               ((unsigned char)*piece_end & 0xc0) == 0x80)
            piece_end--; /* not within a character */
        out = bide__writer_room(writer, 6 * (size_t)(piece_end - text) + 1);
        if (out == NULL)
            return;
        while (text < piece_end) {
            bool high = false;
            const char *stop = bide__string_end(text, piece_end, &high);
            size_t plain = (size_t)(stop - text);
            if (high) {
                out = write_high(out, text, plain);
            } else {
                memcpy(out, text, plain);
                out += plain;
            }
            text = stop;
            if (text < piece_end)
                out += escape(out, (unsigned char)*text++);
        }
        writer->len = (size_t)(out - writer->text);
    }
    out = bide__writer_room(writer, 1);
    if (out != NULL)
        writer->text[writer->len++] = '"';
}

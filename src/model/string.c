/* SPDX-License-Identifier: MIT */
/*
 * string.c — looking through strings: where they end, whether they are UTF-8.
 *
 * No byte behind `end` is touched.
 */
#include <string.h>

#include "model/model.h"
#include "model/wide.h"

static inline bool is_special(unsigned char byte)
{
    return byte == '"' || byte == '\\' || byte < 0x20;
}

const char *bide__string_end(const char *p, const char *end, bool *ret_high)
{
    bool high = false;
#ifdef WIDE
    while (end - p >= WIDE) {
        bide__bits bits = bide__look(p, &high);
        if (bits != 0) {
            *ret_high |= high;
            return p + bide__first_of(bits);
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

#define PIECE 4096

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

#ifdef WIDE
/* Fewer than sixteen bytes: by words that overlap. */
static inline void copy_few(char *out, const char *text, size_t len)
{
    if (len >= 8) {
        memcpy(out, text, 8);
        memcpy(out + len - 8, text + len - 8, 8);
    } else if (len >= 4) {
        memcpy(out, text, 4);
        memcpy(out + len - 4, text + len - 4, 4);
    } else {
        for (size_t i = 0; i < len; i++)
            out[i] = text[i];
    }
}
#endif

/* Text as it stands between the quotes; `out` has room for six times as much
 * and sixteen bytes more. Returns where it ends there. */
static char *write_inside(char *out, const char *text, const char *end)
{
    while (text < end) {
        bool high = false;
        const char *stop;
#ifdef WIDE
        char last[WIDE];
        size_t len = (size_t)(end - text);
        const char *wide = text;
        if (len < WIDE) {
            memset(last, ' ', WIDE); /* nothing special */
            copy_few(last, text, len);
            wide = last;
        }
        bide__bits bits = bide__look(wide, &high);
        if (!high) {
            size_t plain = bits != 0 ? bide__first_of(bits) : WIDE;
            memcpy(out, wide, WIDE); /* there is SLACK */
            if (plain >= len)
                return out + len;
            out += plain;
            text += plain;
            if (bits != 0)
                out += escape(out, (unsigned char)*text++);
            continue;
        }
        high = false;
#endif
        stop = bide__string_end(text, end, &high);
        if (high) {
            out = write_high(out, text, (size_t)(stop - text));
            text = stop;
        } else {
            while (text < stop)
                *out++ = *text++;
        }
        if (text < end)
            out += escape(out, (unsigned char)*text++);
    }
    return out;
}

/* Long strings go piece by piece, so that little room is asked for that is not
 * used, and no character is cut in two. */
void bide__write_string(bide_json_writer *writer, const char *text,
                        size_t len)
{
    const char *end = text + len;
    bool first = true;
    do {
        const char *stop = end - text > PIECE ? text + PIECE : end;
        while (stop < end && stop > text + PIECE - 4 &&
               ((unsigned char)*stop & 0xc0) == 0x80)
            stop--;
        char *begin = bide__writer_room(
            writer, 6 * (size_t)(stop - text) + 2 + SLACK);
        if (begin == NULL)
            return;
        char *out = begin;
        if (first)
            *out++ = '"';
        first = false;
        out = write_inside(out, text, stop);
        text = stop;
        if (text == end)
            *out++ = '"';
        writer->len += (size_t)(out - begin);
    } while (text < end);
}

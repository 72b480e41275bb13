/* SPDX-License-Identifier: MIT */
/*
 * scan.c — the grammar of JSON, without any meaning.
 *
 * What is wrong is named as Python's json names it, and placed where it does:
 * that is what FastAPI's users read. A number that goes wrong, such as 1.,
 * ends where it was right last, and what follows is what nobody expected.
 *
 * Nothing here recurses: brackets within brackets are bits of a word.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

bool bide__wrong(struct bide__decoder *decoder, const char *at,
                 const char *what)
{
    if (decoder->wrong == NULL) {
        decoder->wrong = what;
        decoder->wrong_at = at;
    }
    return false;
}

/* ── Strings ──────────────────────────────────────────────────────────── */

/* Four hexadecimal digits, or -1. */
static int hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char letter = p[i];
        value <<= 4;
        if (letter >= '0' && letter <= '9')
            value |= letter - '0';
        else if (letter >= 'a' && letter <= 'f')
            value |= letter - 'a' + 10;
        else if (letter >= 'A' && letter <= 'F')
            value |= letter - 'A' + 10;
        else
            return -1;
    }
    return value;
}

static size_t put_character(char *out, unsigned code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 63));
        out[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 63));
    out[2] = (char)(0x80 | (code >> 6 & 63));
    out[3] = (char)(0x80 | (code & 63));
    return 4;
}

/* \uXXXX, or two of them; *p is behind the u. Returns the bytes put to `out`,
 * or 0. Half a pair alone is refused: it is no character. */
static size_t unescape_unicode(struct bide__decoder *decoder, const char **p,
                               char *out)
{
    const char *at = *p - 1;
    int code = hex4(*p, decoder->end);
    *p += 4;
    if (code >= 0xd800 && code < 0xdc00 && decoder->end - *p >= 6 &&
        (*p)[0] == '\\' && (*p)[1] == 'u') {
        int low = hex4(*p + 2, decoder->end);
        if (low < 0)
            at = *p + 1;
        code = low >= 0xdc00 && low < 0xe000
            ? 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff) : -1;
        *p += 6;
    } else if (code >= 0xd800 && code < 0xe000) {
        code = -1;
    }
    if (code < 0) {
        bide__wrong(decoder, at, "Invalid \\uXXXX escape");
        return 0;
    }
    return put_character(out, (unsigned)code);
}

/* An escape; *p is at its backslash. As above. */
static size_t unescape(struct bide__decoder *decoder, const char **p,
                       char *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *at = *p;
    char letter = at[1];
    *p += 2;
    if (letter == 'u')
        return unescape_unicode(decoder, p, out);
    const char *found = letter != '\0' ? strchr(from, letter) : NULL;
    if (found == NULL) {
        bide__wrong(decoder, at, "Invalid \\escape");
        return 0;
    }
    *out = to[found - from];
    return 1;
}

/* A string behind its quote; `out` may be NULL. Returns its length there, and
 * passes it by; or -1. */
static ssize_t read_string(struct bide__decoder *decoder, char *out)
{
    const char *begin = decoder->p;
    const char *p = begin;
    const char *end = decoder->end;
    char *at = out;
    for (;;) {
        bool high = false;
        const char *stop = bide__string_end(p, end, &high);
        size_t len = (size_t)(stop - p);
        if (high && !bide__utf8_valid(p, len)) {
            bide__wrong(decoder, p, "Invalid UTF-8");
            return -1;
        }
        if (at != NULL) {
            memcpy(at, p, len);
            at += len;
        }
        if (stop == end || (*stop == '\\' && stop + 1 == end)) {
            bide__wrong(decoder, begin - 1, "Unterminated string starting at");
            return -1;
        }
        p = stop;
        if (*p == '"')
            break;
        if (*p != '\\') {
            bide__wrong(decoder, p, "Invalid control character at");
            return -1;
        }
        char unused[4];
        size_t put = unescape(decoder, &p, at != NULL ? at : unused);
        if (put == 0)
            return -1;
        if (at != NULL)
            at += put;
    }
    decoder->p = p + 1;
    return at != NULL ? at - out : 0;
}

bool bide__string(struct bide__decoder *decoder, const char **ret_text,
                  size_t *ret_len)
{
    char *out = decoder->out;
    ssize_t len = read_string(decoder, out);
    if (len < 0)
        return false;
    out[len] = '\0';
    decoder->out = out + len + 1;
    *ret_text = out;
    *ret_len = (size_t)len;
    return true;
}

/* ── Values ───────────────────────────────────────────────────────────── */

static const char *pass_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* The end of the longest number that begins at p; p if none does. */
static const char *pass_number(const char *p, const char *end)
{
    const char *begin = p;
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else if (p < end && *p >= '1' && *p <= '9')
        p = pass_digits(p, end);
    else
        return begin;
    if (end - p >= 2 && *p == '.') {
        const char *fraction = pass_digits(p + 1, end);
        if (fraction > p + 1)
            p = fraction;
    }
    if (end - p >= 2 && (*p == 'e' || *p == 'E')) {
        const char *digits = p + 1;
        if (*digits == '-' || *digits == '+')
            digits++;
        const char *exponent = pass_digits(digits, end);
        if (exponent > digits)
            p = exponent;
    }
    return p;
}

static bool pass_word(struct bide__decoder *decoder, const char *word,
                      size_t len)
{
    if ((size_t)(decoder->end - decoder->p) < len ||
        memcmp(decoder->p, word, len) != 0)
        return bide__wrong(decoder, decoder->p, "Expecting value");
    decoder->p += len;
    return true;
}

/* A value without parts. */
static bool pass_scalar(struct bide__decoder *decoder,
                        enum bide__input_type *ret)
{
    switch (*decoder->p) {
    case '"':
        decoder->p++;
        *ret = INPUT_STRING;
        return read_string(decoder, NULL) >= 0;
    case 't':
        *ret = INPUT_TRUE;
        return pass_word(decoder, "true", 4);
    case 'f':
        *ret = INPUT_FALSE;
        return pass_word(decoder, "false", 5);
    case 'n':
        *ret = INPUT_NULL;
        return pass_word(decoder, "null", 4);
    default:
        break;
    }
    const char *begin = decoder->p;
    decoder->p = pass_number(begin, decoder->end);
    *ret = INPUT_NUMBER;
    return decoder->p > begin || bide__wrong(decoder, begin, "Expecting value");
}

static char peek(struct bide__decoder *decoder)
{
    bide__spaces(decoder);
    return decoder->p < decoder->end ? *decoder->p : '\0';
}

/* A key and its colon. */
static bool pass_key(struct bide__decoder *decoder)
{
    if (peek(decoder) != '"')
        return bide__wrong(decoder, decoder->p,
                           "Expecting property name enclosed in double "
                           "quotes");
    decoder->p++;
    if (read_string(decoder, NULL) < 0)
        return false;
    if (peek(decoder) != ':')
        return bide__wrong(decoder, decoder->p, "Expecting ':' delimiter");
    decoder->p++;
    bide__spaces(decoder);
    return true;
}

/* The brackets that are open: how many, and which are braces. */
struct brackets {
    uint64_t objects;
    unsigned depth;
};

/* Behind a value: close brackets until another value comes. */
static bool pass_ends(struct bide__decoder *decoder, struct brackets *open)
{
    while (open->depth > 0) {
        bool object = (open->objects & 1) != 0;
        char next = peek(decoder);
        if (next == ',') {
            decoder->p++;
            bide__spaces(decoder);
            return !object || pass_key(decoder);
        }
        if (next != (object ? '}' : ']'))
            return bide__wrong(decoder, decoder->p, "Expecting ',' delimiter");
        decoder->p++;
        open->objects >>= 1;
        open->depth--;
    }
    return true;
}

/* An opening bracket; *ret_empty: and the closing one. */
static bool pass_begin(struct bide__decoder *decoder, struct brackets *open,
                       bool *ret_empty)
{
    bool object = *decoder->p == '{';
    if (decoder->depth + open->depth >= BIDE_JSON_DEPTH_MAX)
        return bide__wrong(decoder, decoder->p, "Too deep");
    decoder->p++;
    *ret_empty = peek(decoder) == (object ? '}' : ']');
    if (*ret_empty) {
        decoder->p++;
        return true;
    }
    open->objects = open->objects << 1 | object;
    open->depth++;
    return !object || pass_key(decoder);
}

bool bide__skip(struct bide__decoder *decoder, struct bide__input *ret)
{
    struct brackets open = {0};
    ret->raw = decoder->p;
    ret->text = NULL;
    ret->len = 0;
    bool first = true;
    do {
        if (decoder->p >= decoder->end)
            return bide__wrong(decoder, decoder->p, "Expecting value");
        enum bide__input_type type;
        bool inside = false;
        char byte = *decoder->p;
        if (byte == '{' || byte == '[') {
            type = byte == '{' ? INPUT_OBJECT : INPUT_ARRAY;
            bool empty;
            if (!pass_begin(decoder, &open, &empty))
                return false;
            inside = !empty;
        } else if (!pass_scalar(decoder, &type)) {
            return false;
        }
        if (first)
            ret->type = type;
        first = false;
        if (!inside && !pass_ends(decoder, &open))
            return false;
    } while (open.depth > 0);
    ret->raw_len = (size_t)(decoder->p - ret->raw);
    return true;
}

int bide_json_check(const char *text, size_t len)
{
    struct bide__decoder decoder = {
        .p = text, .begin = text, .end = text + len};
    struct bide__input input;
    bide__spaces(&decoder);
    if (bide__skip(&decoder, &input)) {
        bide__spaces(&decoder);
        if (decoder.p < decoder.end)
            bide__wrong(&decoder, decoder.p, "Extra data");
    }
    if (decoder.wrong == NULL)
        return 0;
    return bide_raise(-EINVAL, "%s, at byte %zu of %zu", decoder.wrong,
                      (size_t)(decoder.wrong_at - text), len);
}

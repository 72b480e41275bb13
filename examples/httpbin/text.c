/* SPDX-License-Identifier: MIT */
/* text.c — texts that grow, JSON, base64. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "httpbin.h"

/* ── Growing ──────────────────────────────────────────────────────────── */

static bool make_room(struct text *text, size_t more)
{
    size_t need = text->len + more + 1;
    if (text->failed)
        return false;
    if (need <= text->cap)
        return true;
    size_t cap = text->cap ? text->cap : 1024;
    while (cap < need)
        cap *= 2;
    char *data = realloc(text->data, cap);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void text_add(struct text *text, const void *data, size_t len)
{
    if (!make_room(text, len))
        return;
    if (len > 0)
        memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_print(struct text *text, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0)
        text_add(text, line,
                 (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){.data = NULL};
}

/* ── UTF-8 ────────────────────────────────────────────────────────────── */

/* The length of the character at the beginning, 0 if it is none. */
static size_t character(const unsigned char *at, size_t left)
{
    unsigned char c = at[0];
    size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3
                 : c < 0xf5 ? 4 : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) ||
        (c == 0xf0 && at[1] < 0x90) || (c == 0xf4 && at[1] > 0x8f))
        return 0;
    return len;
}

bool is_utf8(const char *data, size_t len)
{
    const unsigned char *at = (const unsigned char *)data;
    while (len > 0) {
        size_t one = character(at, len);
        if (one == 0)
            return false;
        at += one;
        len -= one;
    }
    return true;
}

/* ── JSON out ─────────────────────────────────────────────────────────── */

static void add_escaped(struct text *text, char c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *at = shorts; *at; at += 2)
        if (*at == c) {
            text_print(text, "\\%c", at[1]);
            return;
        }
    text_print(text, "\\u%04x", (unsigned char)c);
}

void text_add_json(struct text *text, const char *data, size_t len)
{
    text_add(text, "\"", 1);
    if (!is_utf8(data, len)) {
        text_print(text, "data:application/octet-stream;base64,");
        text_add_base64(text, data, len);
        len = 0;
    }
    size_t begin = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= ' ' && c != '"' && c != '\\' && c != 0x7f)
            continue;
        text_add(text, data + begin, i - begin);
        add_escaped(text, data[i]);
        begin = i + 1;
    }
    text_add(text, data + begin, len - (len ? begin : 0));
    text_add(text, "\"", 1);
}

void text_add_base64(struct text *text, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = data;
    for (; len > 0; at += 3) {
        size_t n = len < 3 ? len : 3;
        unsigned bits = (unsigned)at[0] << 16;
        bits |= n > 1 ? (unsigned)at[1] << 8 : 0;
        bits |= n > 2 ? at[2] : 0;
        char out[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                       n > 1 ? digits[bits >> 6 & 63] : '=',
                       n > 2 ? digits[bits & 63] : '='};
        text_add(text, out, sizeof out);
        len -= n;
    }
}

/* ── JSON in ──────────────────────────────────────────────────────────── */

#define DEPTH_MOST 100

struct reader {
    const char *at, *end;
    unsigned depth;
};

static void skip_space(struct reader *in)
{
    while (in->at < in->end && strchr(" \t\r\n", *in->at) && *in->at)
        in->at++;
}

static bool take(struct reader *in, char c)
{
    skip_space(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool take_word(struct reader *in, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
        return false;
    in->at += len;
    return true;
}

static bool take_string(struct reader *in)
{
    if (!take(in, '"'))
        return false;
    while (in->at < in->end && *in->at != '"') {
        if ((unsigned char)*in->at < ' ')
            return false;
        if (*in->at == '\\') {
            in->at++;
            if (in->at == in->end || !strchr("\"\\/bfnrtu", *in->at))
                return false;
            if (*in->at == 'u') {
                for (int i = 0; i < 4; i++)
                    if (++in->at == in->end ||
                        !strchr("0123456789abcdefABCDEF", *in->at))
                        return false;
            }
        }
        in->at++;
    }
    return take(in, '"');
}

static bool take_digits(struct reader *in)
{
    const char *begin = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    return in->at > begin;
}

static bool take_number(struct reader *in)
{
    (void)take_word(in, "-");
    const char *begin = in->at;
    if (!take_digits(in) || (*begin == '0' && in->at > begin + 1))
        return false;
    if (take_word(in, ".") && !take_digits(in))
        return false;
    if (take_word(in, "e") || take_word(in, "E")) {
        if (!take_word(in, "+"))
            (void)take_word(in, "-");
        return take_digits(in);
    }
    return true;
}

static bool take_value(struct reader *in);

static bool take_members(struct reader *in, char end, bool named)
{
    in->at++;
    if (take(in, end))
        return true;
    do {
        if (named && (!take_string(in) || !take(in, ':')))
            return false;
        if (!take_value(in))
            return false;
    } while (take(in, ','));
    return take(in, end);
}

static bool take_value(struct reader *in)
{
    bool good;
    skip_space(in);
    if (in->at == in->end || ++in->depth > DEPTH_MOST)
        return false;
    switch (*in->at) {
    case '{':
        good = take_members(in, '}', true);
        break;
    case '[':
        good = take_members(in, ']', false);
        break;
    case '"':
        good = take_string(in);
        break;
    case 't':
        good = take_word(in, "true");
        break;
    case 'f':
        good = take_word(in, "false");
        break;
    case 'n':
        good = take_word(in, "null");
        break;
    default:
        good = take_number(in);
    }
    in->depth--;
    return good;
}

bool is_json(const char *data, size_t len)
{
    struct reader in = {data, data + len, 0};
    if (!is_utf8(data, len) || !take_value(&in))
        return false;
    skip_space(&in);
    return in.at == in.end;
}

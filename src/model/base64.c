/* SPDX-License-Identifier: MIT */
/*
 * base64.c — bytes as text (RFC 4648). Both alphabets are read, with or
 * without their padding at the end; the first one is written, with it.
 */
#include "model/model.h"

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t bide__base64_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

void bide__base64_write(char *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (; len >= 3; len -= 3, p += 3) {
        *out++ = letters[p[0] >> 2];
        *out++ = letters[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = letters[(p[1] & 15) << 2 | p[2] >> 6];
        *out++ = letters[p[2] & 63];
    }
    if (len == 0)
        return;
    unsigned second = len == 2 ? p[1] : 0;
    *out++ = letters[p[0] >> 2];
    *out++ = letters[(p[0] & 3u) << 4 | second >> 4];
    *out++ = len == 2 ? letters[(second & 15) << 2] : '=';
    *out++ = '=';
}

static int value_of(unsigned char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '+' || letter == '-')
        return 62;
    return letter == '/' || letter == '_' ? 63 : -1;
}

ssize_t bide__base64_read(char *out, const char *text, size_t len)
{
    char *begin = out;
    unsigned bits = 0;
    size_t padding = 0;
    while (len > 0 && padding < 2 && text[len - 1] == '=') {
        len--;
        padding++;
    }
    if (len % 4 == 1 || (padding > 0 && (len + padding) % 4 != 0))
        return -1;
    for (size_t i = 0; i < len; i++) {
        int value = value_of((unsigned char)text[i]);
        if (value < 0)
            return -1;
        bits = bits << 6 | (unsigned)value;
        if (i % 4 == 1)
            *out++ = (char)(bits >> 4);
        else if (i % 4 == 2)
            *out++ = (char)(bits >> 2);
        else if (i % 4 == 3)
            *out++ = (char)bits;
    }
    return out - begin;
}

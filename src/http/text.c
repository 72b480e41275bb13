/* SPDX-License-Identifier: MIT */
/*
 * text.c — small texts: the date, statuses, numbers, bytes that grow.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http/message.h"

#define FIRST_CAP 512

/* ── Statuses ─────────────────────────────────────────────────────────── */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *bide__http_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

/* ── The date ─────────────────────────────────────────────────────────── */

/* Each loop is on a thread of its own. strftime(3) would speak the language
 * of the program's locale. */
const char *bide__http_date(void)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static _Thread_local char text[BIDE__HTTP_DATE_LEN + 32];
    static _Thread_local time_t made = -1;
    time_t now = time(NULL);
    if (now == made)
        return text;
    struct tm tm;
    gmtime_r(&now, &tm);
    snprintf(text, sizeof text,
             "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
             days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    made = now;
    return text;
}

/* ── Bytes that grow ──────────────────────────────────────────────────── */

int bide__bytes_reserve(struct bide__bytes *bytes, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(bytes->len, more, &need) ||
        need > PTRDIFF_MAX) /* which the doubling would never reach */
        return -ENOMEM;
    if (need <= bytes->cap)
        return 0;
    size_t cap = bytes->cap ? bytes->cap : FIRST_CAP;
    while (cap < need)
        cap *= 2;
    char *data = bide_reallocate(bytes->data, cap);
    if (!data)
        return -ENOMEM;
    bytes->data = data;
    bytes->cap = cap;
    return 0;
}

int bide__bytes_add(struct bide__bytes *bytes, const void *data, size_t len)
{
    int rc = bide__bytes_reserve(bytes, len);
    if (rc == 0 && len > 0)
        memcpy(bytes->data + bytes->len, data, len);
    if (rc == 0)
        bytes->len += len;
    return rc;
}

int bide__bytes_add_number(struct bide__bytes *bytes, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return bide__bytes_add(bytes, digits + at, sizeof digits - at);
}

void bide__bytes_free(struct bide__bytes *bytes)
{
    bide_release(bytes->data);
    *bytes = (struct bide__bytes){.data = NULL};
}

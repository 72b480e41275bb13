/* SPDX-License-Identifier: MIT */
/*
 * numeric.c — numbers of any length as text.
 *
 * The server sends digits to the base of 10,000, how many of them stand before
 * the point, and how many decimal places to show. Zeros at both ends are left
 * out. Source: numeric_send() of PostgreSQL, whose format is part of its
 * protocol.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "postgres/postgres.h"

#define HEAD 8u /* bytes before the digits */
#define POSITIVE 0x0000
#define NEGATIVE 0x4000

/* The longest that the server makes: 131,072 digits before the point and
 * 16,383 behind it. */
#define PLACES_MAX 16383
#define WEIGHT_MAX 32768

struct numeric {
    int count;  /* of digits */
    int weight; /* the first one stands before 10000^weight */
    int sign;
    int places;
    const char *digits;
};

static unsigned digit(const struct numeric *it, int at)
{
    if (at < 0 || at >= it->count)
        return 0;
    return (unsigned)bide__pg_read(it->digits + 2 * at, 2);
}

static size_t write_whole(const struct numeric *it, char *to)
{
    size_t len = 0;
    if (it->weight < 0)
        return (size_t)sprintf(to, "0");
    for (int i = 0; i <= it->weight; i++)
        len += (size_t)sprintf(to + len, i == 0 ? "%u" : "%04u",
                               digit(it, i));
    return len;
}

/* Four places a digit; the last one is cut to what is to be shown. */
static size_t write_places(const struct numeric *it, char *to)
{
    size_t len = 0;
    if (it->places == 0)
        return 0;
    to[len++] = '.';
    for (int i = 0; i * 4 < it->places; i++)
        len += (size_t)sprintf(to + len, "%04u",
                               digit(it, it->weight + 1 + i));
    return (size_t)it->places + 1;
}

static int keep(bide_sql_rows *rows, bide_sql_value *value, const char *text,
                size_t len)
{
    value->text = bide_sql_rows_copy(rows, text, len);
    if (!value->text)
        return bide_sql_rows_failure(rows);
    value->type = BIDE_SQL_TEXT;
    value->len = (uint32_t)len;
    return 0;
}

static int read_head(const char *bytes, size_t len, struct numeric *it)
{
    if (len < HEAD)
        return -EPROTO;
    *it = (struct numeric){
        .count = (int16_t)bide__pg_read(bytes, 2),
        .weight = (int16_t)bide__pg_read(bytes + 2, 2),
        .sign = (int)bide__pg_read(bytes + 4, 2),
        .places = (int)bide__pg_read(bytes + 6, 2),
        .digits = bytes + HEAD,
    };
    if (it->count < 0 || len != HEAD + 2 * (size_t)it->count ||
        it->places > PLACES_MAX || it->weight >= WEIGHT_MAX)
        return -EPROTO;
    for (int i = 0; i < it->count; i++)
        if (digit(it, i) > 9999)
            return -EPROTO;
    return 0;
}

int bide__pg_numeric(const char *bytes, size_t len, bide_sql_rows *rows,
                     bide_sql_value *value)
{
    struct numeric it;
    if (read_head(bytes, len, &it) < 0)
        return bide_raise(-EPROTO, "the server sent a number of %zu bytes "
                                   "that is none",
                          len);
    if (it.sign != POSITIVE && it.sign != NEGATIVE) {
        const char *text = it.sign == 0xc000   ? "NaN"
                           : it.sign == 0xd000 ? "Infinity"
                                               : "-Infinity";
        return keep(rows, value, text, strlen(text));
    }
    size_t whole = it.weight < 0 ? 1 : ((size_t)it.weight + 1) * 4;
    char few[512];
    char *text = few;
    size_t size = whole + (size_t)it.places + 16;
    if (size > sizeof few)
        text = bide_allocate(size);
    if (!text)
        return -ENOMEM;
    size_t used = 0;
    if (it.sign == NEGATIVE)
        text[used++] = '-';
    used += write_whole(&it, text + used);
    used += write_places(&it, text + used);
    int rc = keep(rows, value, text, used);
    if (text != few)
        bide_release(text);
    return rc;
}

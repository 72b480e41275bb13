/* SPDX-License-Identifier: MIT */
/*
 * encode.c — parameters, in the server's binary format.
 *
 * The type that the server wants decides. Where a value has a binary form of
 * that type, it is written as that; otherwise as text, which the server can
 * read for every type, and refuses with a message of its own if it cannot.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "postgres/postgres.h"

/* Bytes for a number or a time as text. */
#define SCRATCH 40

struct writer {
    struct bide__pg_params *out;
    char *scratch; /* SCRATCH bytes for each parameter */
    char *texts;   /* for texts that need a NUL */
};

static void write_int(char *to, uint64_t number, int len)
{
    for (int i = len - 1; i >= 0; i--, number >>= 8)
        to[i] = (char)number;
}

static void put(struct writer *writer, int i, const char *bytes, size_t len,
                int format)
{
    writer->out->values[i] = bytes;
    writer->out->lengths[i] = (int)len;
    writer->out->formats[i] = format;
}

static void put_int(struct writer *writer, int i, uint64_t number, int len)
{
    char *to = writer->scratch + i * SCRATCH;
    write_int(to, number, len);
    put(writer, i, to, (size_t)len, 1);
}

static int put_integer(struct writer *writer, int i, int64_t number, int len)
{
    int64_t most = len == 8 ? INT64_MAX : (INT64_C(1) << (8 * len - 1)) - 1;
    if (number > most || number < -most - 1)
        return bide_raise(-ERANGE,
                          "the value of $%d is %" PRId64 ", which does not fit "
                          "an int%d",
                          i + 1, number, len);
    put_int(writer, i, (uint64_t)number, len);
    return 0;
}

static void put_float(struct writer *writer, int i, double number, int len)
{
    uint64_t bits = 0;
    if (len == 8) {
        memcpy(&bits, &number, 8);
    } else {
        float narrow = (float)number;
        uint32_t narrow_bits;
        memcpy(&narrow_bits, &narrow, 4);
        bits = narrow_bits;
    }
    put_int(writer, i, bits, len);
}

/* ── As text ──────────────────────────────────────────────────────────── */

static int put_time_text(char *to, int64_t time_us)
{
    int64_t us = time_us % 1000000;
    time_t seconds = time_us / 1000000;
    if (us < 0) {
        us += 1000000;
        seconds--;
    }
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || tm.tm_year > 9999 - 1900)
        return bide_raise(-ERANGE, "a time of %" PRId64 " s is beyond the "
                                   "year 9999",
                          (int64_t)seconds);
    size_t len = strftime(to, SCRATCH, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(to + len, SCRATCH - len, ".%06d+00", (int)us);
    return 0;
}

static int put_text(struct writer *writer, int i, const bide_sql_value *value)
{
    char *to = writer->scratch + i * SCRATCH;
    if (value->type == BIDE_SQL_TEXT) {
        if (memchr(value->text, 0, value->len))
            return bide_raise(-EINVAL, "the text of $%d contains a NUL",
                              i + 1);
        to = writer->texts;
        memcpy(to, value->text, value->len);
        to[value->len] = '\0';
        writer->texts += value->len + 1;
    } else if (value->type == BIDE_SQL_I64) {
        snprintf(to, SCRATCH, "%" PRId64, value->i64);
    } else if (value->type == BIDE_SQL_F64) {
        snprintf(to, SCRATCH, "%.17g", value->f64);
    } else if (value->type == BIDE_SQL_BOOL) {
        snprintf(to, SCRATCH, "%s", value->boolean ? "true" : "false");
    } else {
        int rc = put_time_text(to, value->i64);
        if (rc < 0)
            return rc;
    }
    put(writer, i, to, strlen(to), 0);
    return 0;
}

/* ── By type ──────────────────────────────────────────────────────────── */

/* Types whose binary form is the text itself. */
static bool is_textual(Oid type)
{
    return type == BIDE__PG_TEXT || type == BIDE__PG_VARCHAR ||
           type == BIDE__PG_BPCHAR || type == BIDE__PG_NAME ||
           type == BIDE__PG_JSON;
}

/* The same for a time: microseconds since 2000. */
static int put_time(struct writer *writer, int i, const bide_sql_value *value,
                    Oid type)
{
    if (type != BIDE__PG_TIMESTAMPTZ && type != BIDE__PG_TIMESTAMP)
        return put_text(writer, i, value);
    put_int(writer, i, (uint64_t)(value->i64 - BIDE__PG_EPOCH_US), 8);
    return 0;
}

static int put_number(struct writer *writer, int i,
                      const bide_sql_value *value, Oid type)
{
    bool whole = value->type != BIDE_SQL_F64;
    int64_t number = whole ? bide_sql_as_i64(value) : 0;
    if (type == BIDE__PG_FLOAT8 || type == BIDE__PG_FLOAT4)
        put_float(writer, i, bide_sql_as_f64(value),
                  type == BIDE__PG_FLOAT8 ? 8 : 4);
    else if (whole && type == BIDE__PG_INT8)
        return put_integer(writer, i, number, 8);
    else if (whole && type == BIDE__PG_INT4)
        return put_integer(writer, i, number, 4);
    else if (whole && type == BIDE__PG_INT2)
        return put_integer(writer, i, number, 2);
    else if (type == BIDE__PG_BOOL && (number == 0 || number == 1) && whole)
        put_int(writer, i, (uint64_t)number, 1);
    else
        return put_text(writer, i, value);
    return 0;
}

static int put_value(struct writer *writer, int i,
                     const bide_sql_value *value, Oid type)
{
    switch (value->type) {
    case BIDE_SQL_NULL:
        put(writer, i, NULL, 0, 1);
        return 0;
    case BIDE_SQL_TEXT:
        if (!is_textual(type) || (value->len > 0 &&
                                  memchr(value->text, 0, value->len)))
            return put_text(writer, i, value);
        put(writer, i, value->len ? value->text : "", value->len, 1);
        return 0;
    case BIDE_SQL_BLOB:
        put(writer, i, value->len ? value->blob : "", value->len, 1);
        return 0;
    case BIDE_SQL_TIME:
        return put_time(writer, i, value, type);
    default:
        return put_number(writer, i, value, type);
    }
}

/* Bytes that texts need which are sent as text. */
static size_t text_bytes(const bide_sql_params *params, const Oid *types)
{
    size_t bytes = 0;
    for (size_t i = 0; i < params->count; i++)
        if (params->values[i].type == BIDE_SQL_TEXT && !is_textual(types[i]))
            bytes += params->values[i].len + 1;
    return bytes;
}

int bide__pg_encode(const bide_sql_params *params, const Oid *types,
                    struct bide__pg_params *ret_encoded)
{
    size_t count = params->count;
    size_t each = sizeof(char *) + 2 * sizeof(int) + SCRATCH;
    size_t bytes = count * each + text_bytes(params, types);
    ret_encoded->memory = NULL;
    char *at = ret_encoded->few;
    if (bytes > sizeof ret_encoded->few) {
        at = ret_encoded->memory = bide_allocate(bytes);
        if (!at)
            return -ENOMEM;
    }
    ret_encoded->count = (int)count;
    ret_encoded->values = (void *)at;
    ret_encoded->lengths = (void *)(ret_encoded->values + count);
    ret_encoded->formats = ret_encoded->lengths + count;
    struct writer writer = {
        .out = ret_encoded,
        .scratch = (char *)(ret_encoded->formats + count),
    };
    writer.texts = writer.scratch + count * SCRATCH;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = put_value(&writer, (int)i, &params->values[i], types[i]);
    if (rc < 0)
        bide__pg_params_free(ret_encoded);
    return rc;
}

void bide__pg_params_free(struct bide__pg_params *encoded)
{
    bide_release(encoded->memory);
}

/* SPDX-License-Identifier: MIT */
/*
 * decode.c — values of rows, from the server's binary format or from text.
 *
 * A result is binary if we know the types of all of its columns; libpq cannot
 * ask for one column as text and for the next as binary.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/postgres.h"

bool bide__pg_knows(Oid type)
{
    switch (type) {
    case BIDE__PG_BOOL:
    case BIDE__PG_BYTEA:
    case BIDE__PG_CHAR:
    case BIDE__PG_NAME:
    case BIDE__PG_INT8:
    case BIDE__PG_INT2:
    case BIDE__PG_INT4:
    case BIDE__PG_TEXT:
    case BIDE__PG_OID:
    case BIDE__PG_JSON:
    case BIDE__PG_FLOAT4:
    case BIDE__PG_FLOAT8:
    case BIDE__PG_UNKNOWN:
    case BIDE__PG_BPCHAR:
    case BIDE__PG_VARCHAR:
    case BIDE__PG_DATE:
    case BIDE__PG_TIMESTAMP:
    case BIDE__PG_TIMESTAMPTZ:
    case BIDE__PG_NUMERIC:
    case BIDE__PG_UUID:
    case BIDE__PG_VOID:
    case BIDE__PG_JSONB:
        return true;
    default:
        return false;
    }
}

/* A number of len bytes, the highest first. */
uint64_t bide__pg_read(const char *bytes, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++)
        number = number << 8 | (unsigned char)bytes[i];
    return number;
}

static int keep(bide_sql_rows *rows, bide_sql_value *value,
                enum bide_sql_type type, const void *bytes, size_t len)
{
    value->text = bide_sql_rows_copy(rows, bytes, len);
    if (!value->text)
        return bide_sql_rows_failure(rows);
    value->type = type;
    value->len = (uint32_t)len;
    return 0;
}

static int keep_text(bide_sql_rows *rows, bide_sql_value *value,
                     const char *text)
{
    return keep(rows, value, BIDE_SQL_TEXT, text, strlen(text));
}

/* ── Binary ───────────────────────────────────────────────────────────── */

static double read_float(const char *bytes, size_t len)
{
    uint64_t bits = bide__pg_read(bytes, len);
    if (len == 4) {
        float narrow;
        uint32_t narrow_bits = (uint32_t)bits;
        memcpy(&narrow, &narrow_bits, 4);
        return narrow;
    }
    double number;
    memcpy(&number, &bits, 8);
    return number;
}

static int read_uuid(const char *bytes, bide_sql_rows *rows,
                     bide_sql_value *value)
{
    char text[37];
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", (unsigned char)bytes[i]);
    }
    return keep_text(rows, value, text);
}

/* Days since 2000 as a date of the Gregorian calendar; the arithmetic counts
 * years from March. */
static int read_date(int32_t days, bide_sql_rows *rows, bide_sql_value *value)
{
    char text[64];
    if (days == INT32_MAX || days == INT32_MIN)
        return keep_text(rows, value, days > 0 ? "infinity" : "-infinity");
    int64_t shifted = (int64_t)days + BIDE__PG_EPOCH_DAYS + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 -
                           of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 -
                                year_of_era / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    snprintf(text, sizeof text, "%04" PRId64 "-%02" PRId64 "-%02" PRId64,
             year, month, day);
    return keep_text(rows, value, text);
}

static int malformed(Oid type, size_t len)
{
    return bide_raise(-EPROTO, "the server sent %zu bytes for a value of the "
                               "type %u",
                      len, type);
}

/* How long a value of a type must be; 0: any length. */
static size_t length_of(Oid type)
{
    switch (type) {
    case BIDE__PG_BOOL:
        return 1;
    case BIDE__PG_INT2:
        return 2;
    case BIDE__PG_INT4:
    case BIDE__PG_OID:
    case BIDE__PG_FLOAT4:
    case BIDE__PG_DATE:
        return 4;
    case BIDE__PG_INT8:
    case BIDE__PG_FLOAT8:
    case BIDE__PG_TIMESTAMP:
    case BIDE__PG_TIMESTAMPTZ:
        return 8;
    case BIDE__PG_UUID:
        return 16;
    default:
        return 0;
    }
}

static int read_binary(Oid type, const char *bytes, size_t len,
                       bide_sql_rows *rows, bide_sql_value *value)
{
    if (length_of(type) > 0 && len != length_of(type))
        return malformed(type, len);
    switch (type) {
    case BIDE__PG_BOOL:
        *value = bide_sql_bool(bytes[0]);
        return 0;
    case BIDE__PG_INT2:
        *value = bide_sql_i64((int16_t)bide__pg_read(bytes, 2));
        return 0;
    case BIDE__PG_INT4:
        *value = bide_sql_i64((int32_t)bide__pg_read(bytes, 4));
        return 0;
    case BIDE__PG_OID:
    case BIDE__PG_INT8:
        *value = bide_sql_i64((int64_t)bide__pg_read(bytes, len));
        return 0;
    case BIDE__PG_FLOAT4:
    case BIDE__PG_FLOAT8:
        *value = bide_sql_f64(read_float(bytes, len));
        return 0;
    case BIDE__PG_TIMESTAMP:
    case BIDE__PG_TIMESTAMPTZ:
        *value = bide_sql_time((int64_t)(bide__pg_read(bytes, 8) +
                                         (uint64_t)BIDE__PG_EPOCH_US));
        return 0;
    case BIDE__PG_DATE:
        return read_date((int32_t)bide__pg_read(bytes, 4), rows, value);
    case BIDE__PG_UUID:
        return read_uuid(bytes, rows, value);
    case BIDE__PG_NUMERIC:
        return bide__pg_numeric(bytes, len, rows, value);
    case BIDE__PG_BYTEA:
        return keep(rows, value, BIDE_SQL_BLOB, bytes, len);
    case BIDE__PG_JSONB: /* a byte of version, then the text */
        if (len < 1)
            return malformed(type, len);
        return keep(rows, value, BIDE_SQL_TEXT, bytes + 1, len - 1);
    default:
        return keep(rows, value, BIDE_SQL_TEXT, bytes, len);
    }
}

/* ── Text ─────────────────────────────────────────────────────────────── */

/* "\x00ff": bytes in hexadecimal. */
static int read_hex(const char *text, size_t len, bide_sql_rows *rows,
                    bide_sql_value *value)
{
    if (len < 2 || text[0] != '\\' || text[1] != 'x')
        return keep(rows, value, BIDE_SQL_BLOB, text, len);
    size_t count = (len - 2) / 2;
    int rc = keep(rows, value, BIDE_SQL_BLOB, NULL, count);
    if (rc < 0)
        return rc;
    char *to = (char *)(uintptr_t)value->blob;
    for (size_t i = 0; i < count; i++) {
        const char digits[3] = {text[2 + 2 * i], text[3 + 2 * i], '\0'};
        to[i] = (char)strtoul(digits, NULL, 16);
    }
    return 0;
}

static int read_text(Oid type, const char *text, size_t len,
                     bide_sql_rows *rows, bide_sql_value *value)
{
    const bide_sql_value as_text = bide_sql_text_len(text, len);
    switch (type) {
    case BIDE__PG_BOOL:
        *value = bide_sql_bool(text[0] == 't');
        return 0;
    case BIDE__PG_INT2:
    case BIDE__PG_INT4:
    case BIDE__PG_INT8:
    case BIDE__PG_OID:
        *value = bide_sql_i64(bide_sql_as_i64(&as_text));
        return 0;
    case BIDE__PG_FLOAT4:
    case BIDE__PG_FLOAT8:
        *value = bide_sql_f64(bide_sql_as_f64(&as_text));
        return 0;
    case BIDE__PG_TIMESTAMP:
    case BIDE__PG_TIMESTAMPTZ:
        *value = bide_sql_time(bide_sql_as_time(&as_text));
        return 0;
    case BIDE__PG_BYTEA:
        return read_hex(text, len, rows, value);
    default:
        return keep(rows, value, BIDE_SQL_TEXT, text, len);
    }
}

/* ── Rows ─────────────────────────────────────────────────────────────── */

static int decode_row(const PGresult *result, int row, bide_sql_rows *rows)
{
    int count = PQnfields(result);
    bide_sql_value *values = bide_sql_rows_append(rows);
    if (!values)
        return bide_sql_rows_failure(rows);
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        Oid type = PQftype(result, i);
        if (PQgetisnull(result, row, i) || type == BIDE__PG_VOID)
            continue;
        const char *bytes = PQgetvalue(result, row, i);
        size_t len = (size_t)PQgetlength(result, row, i);
        rc = PQfformat(result, i) ? read_binary(type, bytes, len, rows,
                                                &values[i])
                                  : read_text(type, bytes, len, rows,
                                              &values[i]);
    }
    return rc;
}

int bide__pg_decode(const PGresult *result, bide_sql_columns *columns,
                    bide_sql_rows *rows, size_t rows_max)
{
    int count = PQntuples(result);
    if (rows_max > 0 && (size_t)count > rows_max)
        count = (int)rows_max;
    bide_sql_rows_begin(rows, columns);
    int rc = 0;
    for (int row = 0; rc == 0 && row < count; row++)
        rc = decode_row(result, row, rows);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * value.c — what a value of the database is as a number, a text, a time.
 *
 * SQLite keeps what it is given whatever a column is declared as, PostgreSQL
 * sends numeric and times in types of its own: these functions are where both
 * come to the same.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/sql.h"

static int64_t cut(double number)
{
    if (isnan(number))
        return 0;
    if (number >= 0x1p63)
        return INT64_MAX;
    return number < -0x1p63 ? INT64_MIN : (int64_t)number;
}

int64_t bide_sql_as_i64(const bide_sql_value *value)
{
    switch (value ? value->type : BIDE_SQL_NULL) {
    case BIDE_SQL_BOOL:
        return value->boolean;
    case BIDE_SQL_I64:
    case BIDE_SQL_TIME:
        return value->i64;
    case BIDE_SQL_F64:
        return cut(value->f64);
    case BIDE_SQL_TEXT:
        return strtoll(value->text, NULL, 10);
    default:
        return 0;
    }
}

double bide_sql_as_f64(const bide_sql_value *value)
{
    switch (value ? value->type : BIDE_SQL_NULL) {
    case BIDE_SQL_F64:
        return value->f64;
    case BIDE_SQL_TEXT:
        return strtod(value->text, NULL);
    default:
        return (double)bide_sql_as_i64(value);
    }
}

bool bide_sql_as_bool(const bide_sql_value *value)
{
    if (value && value->type == BIDE_SQL_F64)
        return value->f64 != 0;
    if (value && value->type == BIDE_SQL_TEXT &&
        (!strcmp(value->text, "t") || !strcmp(value->text, "true")))
        return true;
    return bide_sql_as_i64(value) != 0;
}

const char *bide_sql_as_text(const bide_sql_value *value)
{
    return value && value->type == BIDE_SQL_TEXT ? value->text : NULL;
}

/* ── Times ────────────────────────────────────────────────────────────── */

/* Days from 1970-01-01 to a date of the Gregorian calendar, by counting years
 * from March, so that the leap day is the last of its year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + days - 719468;
}

/* Read ".25" as microseconds; *text is moved behind it. */
static int64_t read_fraction(const char **text)
{
    int64_t us = 0;
    if (**text != '.')
        return 0;
    (*text)++;
    for (int64_t unit = 100000; **text >= '0' && **text <= '9'; unit /= 10)
        us += (*(*text)++ - '0') * unit;
    return us;
}

/* Read "+01", "+01:30" or "Z" as seconds. */
static int64_t read_zone(const char *text)
{
    int hours = 0, minutes = 0;
    while (*text == ' ')
        text++;
    if ((*text != '+' && *text != '-') ||
        sscanf(text + 1, "%2d:%2d", &hours, &minutes) < 1)
        return 0;
    int64_t offset = hours * 3600 + minutes * 60;
    return *text == '-' ? -offset : offset;
}

static int64_t read_time(const char *text)
{
    int year, month, day, hour = 0, minute = 0, second = 0, len = 0;
    if (sscanf(text, "%d-%2d-%2d%n", &year, &month, &day, &len) != 3 ||
        month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    text += len;
    len = 0;
    if (sscanf(text, "%*1[T ]%2d:%2d%n", &hour, &minute, &len) == 2)
        text += len;
    len = 0;
    if (sscanf(text, ":%2d%n", &second, &len) == 1)
        text += len;
    int64_t us = read_fraction(&text);
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 +
                      minute * 60 + second - read_zone(text);
    return seconds * 1000000 + us;
}

int64_t bide_sql_as_time(const bide_sql_value *value)
{
    if (value && value->type == BIDE_SQL_TEXT)
        return read_time(value->text);
    return bide_sql_as_i64(value);
}

/* SPDX-License-Identifier: MIT */
/*
 * moment.c — times and UUIDs as text, and what is wrong with one that is not.
 *
 * Times are read as pydantic reads them: RFC 3339, with a space for the T, no
 * seconds, no zone (which is UTC then), or a date alone; or as a number of
 * seconds, of milliseconds if it is large. They are written in UTC.
 */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* A number above this is milliseconds: seconds would be past the year 2600. */
#define SECONDS_MAX 2e10

static const char trailing[] =
    "unexpected extra characters at the end of the input";

/* Days from 1970-01-01 to a day of the Gregorian calendar: years begin in
 * March, so that the day that is not always there is the last. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
        719468;
}

static void date_of(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t years =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(years + era * 400 + (*month <= 2));
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30,
                               31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static void two_digits(char *out, int number)
{
    out[0] = (char)('0' + number / 10);
    out[1] = (char)('0' + number % 10);
}

size_t bide__write_moment(char *out, double seconds)
{
    if (!(seconds >= -62135596800.0 && seconds < 253402300800.0))
        return 0;
    double whole = floor(seconds);
    int64_t second = (int64_t)whole;
    int64_t micro = (int64_t)((seconds - whole) * 1e6 + 0.5);
    if (micro == 1000000) {
        micro = 0;
        second++;
    }
    int64_t days = (second >= 0 ? second : second - 86399) / 86400;
    int of_day = (int)(second - days * 86400);
    int year, month, day;
    date_of(days, &year, &month, &day);
    if (year > 9999)
        return 0;
    two_digits(out, year / 100);
    two_digits(out + 2, year % 100);
    out[4] = out[7] = '-';
    two_digits(out + 5, month);
    two_digits(out + 8, day);
    out[10] = 'T';
    two_digits(out + 11, of_day / 3600);
    out[13] = out[16] = ':';
    two_digits(out + 14, of_day / 60 % 60);
    two_digits(out + 17, of_day % 60);
    char *p = out + 19;
    if (micro != 0) {
        *p++ = '.';
        for (int64_t unit = 100000; unit > 0; unit /= 10)
            *p++ = (char)('0' + micro / unit % 10);
    }
    *p++ = 'Z';
    return (size_t)(p - out);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static int digits(const char *p, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        number = number * 10 + (p[i] - '0');
    }
    return number;
}

static const char *read_date(const char *p, size_t len, int64_t *ret_days)
{
    if (len < 10)
        return "input is too short";
    int year = digits(p, 4);
    if (year < 0)
        return "invalid character in year";
    if (p[4] != '-')
        return "invalid date separator, expected `-`";
    int month = digits(p + 5, 2);
    if (month < 0)
        return "invalid character in month";
    if (p[7] != '-')
        return "invalid date separator, expected `-`";
    int day = digits(p + 8, 2);
    if (day < 0)
        return "invalid character in day";
    if (month < 1 || month > 12)
        return "month value is outside expected range of 1-12";
    if (year < 1)
        return "year value is outside expected range of 1-9999";
    if (day < 1 || day > days_in(year, month))
        return "day value is outside expected range";
    *ret_days = days_of(year, month, day);
    return NULL;
}

/* The part after the point, of at least one digit: where it ends, or NULL.
 * What is finer than a microsecond is cut off. */
static const char *read_fraction(const char *p, const char *end, double *ret)
{
    static const double scales[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    double number = 0;
    ptrdiff_t count = 0;
    const char *begin = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (count < 6) {
            number = number * 10 + (*p - '0');
            count++;
        }
    }
    *ret = number / scales[count];
    return p == begin ? NULL : p;
}

/* Seconds east of UTC; false: it is no zone. */
static bool read_zone(const char *p, const char *end, int *ret)
{
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *ret = 0;
        return true;
    }
    bool colon = end - p == 6 && p[3] == ':';
    if ((*p != '+' && *p != '-') || (!colon && end - p != 5))
        return false;
    int hours = digits(p + 1, 2);
    int minutes = digits(p + (colon ? 4 : 3), 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    *ret = (*p == '-' ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

static bool read_time(const char *p, const char *end, double *ret)
{
    if (end - p < 5 || p[2] != ':')
        return false;
    int hour = digits(p, 2);
    int minute = digits(p + 3, 2);
    int second = 0;
    double fraction = 0;
    int zone = 0;
    p += 5;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    if (end - p >= 3 && *p == ':') {
        second = digits(p + 1, 2);
        p += 3;
        if (second < 0 || second > 59)
            return false;
        if (p < end && (*p == '.' || *p == ',')) {
            p = read_fraction(p + 1, end, &fraction);
            if (p == NULL)
                return false;
        }
    }
    if (p < end && !read_zone(p, end, &zone))
        return false;
    *ret = hour * 3600 + minute * 60 + second - zone + fraction;
    return true;
}

/* A number of seconds, as "1700000000.5". */
static bool read_seconds(const char *text, size_t len, double *ret)
{
    bool point = false;
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+');
    if (i == len || len > 30)
        return false;
    for (; i < len; i++) {
        if (text[i] == '.' && !point && i + 1 < len)
            point = true;
        else if (text[i] < '0' || text[i] > '9')
            return false;
    }
    *ret = bide__read_f64(text, len);
    if (fabs(*ret) > SECONDS_MAX)
        *ret /= 1e3;
    return true;
}

const char *bide__read_moment(const char *text, size_t len, double *ret)
{
    int64_t days;
    double of_day = 0;
    if (read_seconds(text, len, ret))
        return fabs(*ret) <= 253402300799.0 ? NULL
                                            : "dates after 9999 are not "
                                              "supported as unix timestamps";
    const char *why = read_date(text, len, &days);
    if (why != NULL)
        return why;
    if (len > 10) {
        bool between = text[10] == 'T' || text[10] == 't' ||
            text[10] == ' ' || text[10] == '_';
        if (!between || !read_time(text + 11, text + len, &of_day))
            return trailing;
    }
    *ret = (double)(days * 86400) + of_day;
    return NULL;
}

/* ── UUIDs ────────────────────────────────────────────────────────────── */

static int hex_value(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

void bide__write_uuid(char *out, const bide_uuid *uuid)
{
    static const char letters[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = letters[uuid->bytes[i] >> 4];
        *out++ = letters[uuid->bytes[i] & 15];
    }
}

#define WHY_LEN 100

/* Whether the groups have the right number and lengths. */
static bool check_groups(const char *text, size_t len, char *why)
{
    static const size_t expected[] = {8, 4, 4, 4, 12};
    size_t groups = 1;
    for (size_t i = 0; i < len; i++)
        groups += text[i] == '-';
    if (groups == 1 && len != 32) {
        snprintf(why, WHY_LEN, "invalid length: found %zu", len);
        return false;
    }
    if (groups == 1)
        return true;
    if (groups != 5) {
        snprintf(why, WHY_LEN,
                 "invalid group count: expected 5, found %zu", groups);
        return false;
    }
    size_t begin = 0;
    for (size_t group = 0; group < 5; group++) {
        size_t end = begin;
        while (end < len && text[end] != '-')
            end++;
        if (end - begin != expected[group]) {
            snprintf(why, WHY_LEN,
                     "invalid group length in group %zu: expected %zu, "
                     "found %zu", group, expected[group], end - begin);
            return false;
        }
        begin = end + 1;
    }
    return true;
}

bool bide__read_uuid(const char *text, size_t len, bide_uuid *ret, char *why)
{
    if (len == 38 && text[0] == '{' && text[37] == '}') {
        text++;
        len -= 2;
    } else if (len == 45 && memcmp(text, "urn:uuid:", 9) == 0) {
        text += 9;
        len -= 9;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '-' && hex_value(text[i]) < 0) {
            unsigned char bad = (unsigned char)text[i];
            snprintf(why, WHY_LEN, "invalid character: found `%c` at %zu",
                     bad >= 0x20 && bad < 0x7f ? bad : '?', i);
            return false;
        }
    }
    if (!check_groups(text, len, why))
        return false;
    size_t filled = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '-')
            continue;
        ret->bytes[filled++] = (uint8_t)(hex_value(text[i]) << 4 |
                                         hex_value(text[i + 1]));
        i++;
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * date.c — dates of HTTP: RFC 9110, 5.6.7. One format is written, and two old
 * ones are understood as well. strptime(3) would expect the names of days and
 * months in the language of the program's locale.
 */
#include <stdio.h>
#include <string.h>

#include "http/files/files.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void bide__http_date_text(time_t time, char text[BIDE__DATE_SIZE])
{
    struct tm tm;
    if (!gmtime_r(&time, &tm))
        memset(&tm, 0, sizeof tm);
    snprintf(text, BIDE__DATE_SIZE,
             "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
             tm.tm_mday, months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000,
             tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static int month_of(const char *name)
{
    for (int i = 0; i < 12; i++)
        if (memcmp(months + (size_t)i * 3, name, 3) == 0)
            return i;
    return -1;
}

static bool is_time(const struct tm *tm)
{
    return tm->tm_mon >= 0 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
           tm->tm_hour >= 0 && tm->tm_hour <= 23 && tm->tm_min >= 0 &&
           tm->tm_min <= 59 && tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

/* A year of two digits that seems to lie more than 50 years ahead is past. */
static int full_year(int two_digits)
{
    struct tm now;
    time_t seconds = time(NULL);
    gmtime_r(&seconds, &now);
    int year = now.tm_year - now.tm_year % 100 + two_digits;
    return year > now.tm_year + 50 ? year - 100 : year;
}

bool bide__http_parse_date(const char *text, time_t *ret_time)
{
    struct tm tm = {.tm_mon = -1};
    char month[4] = "";
    char gmt[4] = "", end;
    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d %3s%c", &tm.tm_mday,
               month, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, gmt,
               &end) == 7 &&
        strcmp(gmt, "GMT") == 0) {
        tm.tm_year -= 1900; /* Sun, 06 Nov 1994 08:49:37 GMT */
    } else if (sscanf(text, "%*[a-zA-Z], %2d-%3s-%2d %2d:%2d:%2d %3s%c",
                      &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour,
                      &tm.tm_min, &tm.tm_sec, gmt, &end) == 7 &&
               strcmp(gmt, "GMT") == 0) {
        tm.tm_year = full_year(tm.tm_year); /* Sunday, 06-Nov-94 ... */
    } else if (sscanf(text, "%*3s %3s %2d %2d:%2d:%2d %4d%c", month,
                      &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
                      &tm.tm_year, &end) == 6) {
        tm.tm_year -= 1900; /* Sun Nov  6 08:49:37 1994 */
    } else {
        return false;
    }
    tm.tm_mon = month_of(month);
    if (!is_time(&tm))
        return false;
    *ret_time = timegm(&tm);
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * number.c — numbers from and to text, exactly, whatever the locale.
 *
 * Reading: a decimal of up to 19 digits is mantissa * 10^e. If the mantissa is
 * below 2^53 and |e| <= 22 both are doubles, and one multiplication or division
 * rounds correctly (Clinger, "How to read floating point numbers accurately").
 * Others go to strtod.
 *
 * Writing: a double that has a decimal of at most 15 digits is that decimal: no
 * other has the same nearest double. It is found by trying 3, 6, ... places
 * after the point, and proved by the division above. Others are printed with
 * 15, 16 or 17 digits, the first that reads back as the same.
 */
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

#define EXACT_MAX ((uint64_t)1 << 53)
#define TEN_MAX 22 /* 10^22 is a double */

static const double tens[] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static const char digit_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* ── Writing ──────────────────────────────────────────────────────────── */

size_t bide__write_u64(char *out, uint64_t number)
{
    char digits[20];
    char *p = digits + sizeof digits;
    while (number >= 100) {
        p -= 2;
        memcpy(p, digit_pairs + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        p -= 2;
        memcpy(p, digit_pairs + 2 * number, 2);
    } else {
        *--p = (char)('0' + number);
    }
    size_t len = (size_t)(digits + sizeof digits - p);
    memcpy(out, p, len);
    return len;
}

size_t bide__write_i64(char *out, int64_t number)
{
    if (number >= 0)
        return bide__write_u64(out, (uint64_t)number);
    *out = '-';
    return 1 + bide__write_u64(out + 1, 0 - (uint64_t)number);
}

/* n / 10^places, with zeros in front. */
static size_t write_decimal(char *out, uint64_t n, unsigned places)
{
    char digits[20];
    size_t len = bide__write_u64(digits, n);
    char *p = out;
    size_t whole = len > places ? len - places : 0;
    if (whole == 0) {
        *p++ = '0';
    } else {
        memcpy(p, digits, whole);
        p += whole;
    }
    *p++ = '.';
    for (size_t i = len; i < places; i++)
        *p++ = '0';
    memcpy(p, digits + whole, len - whole);
    p += len - whole;
    return (size_t)(p - out);
}

static size_t write_by_printf(char *out, double number)
{
    pthread_once(&locale_once, make_locale);
    locale_t before = uselocale(c_locale);
    int len = 0;
    for (int precision = 15; precision <= 17; precision++) {
        len = snprintf(out, NUMBER_LEN, "%.*g", precision, number);
        if (precision == 17 || strtod(out, NULL) == number)
            break;
    }
    uselocale(before);
    return (size_t)len;
}

size_t bide__write_f64(char *out, double number)
{
    char *p = out;
    if (signbit(number)) {
        *p++ = '-';
        number = -number;
    }
    if (number < 1e16 && number == (double)(uint64_t)number) {
        p += bide__write_u64(p, (uint64_t)number);
        memcpy(p, ".0", 2);
        return (size_t)(p + 2 - out);
    }
    if (number >= 1e-4 && number < 1e15) {
        for (unsigned places = 3; places <= 15; places += 3) {
            double scaled = number * tens[places] + 0.5;
            if (scaled >= 1e15)
                break;
            uint64_t n = (uint64_t)scaled;
            if ((double)n / tens[places] != number)
                continue;
            for (; n % 10 == 0; places--)
                n /= 10;
            return (size_t)(p - out) + write_decimal(p, n, places);
        }
    }
    return (size_t)(p - out) + write_by_printf(p, number);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

bool bide__exact_f64(uint64_t mantissa, int exponent, double *ret)
{
    if (mantissa > EXACT_MAX || exponent < -TEN_MAX || exponent > TEN_MAX)
        return false;
    double number = (double)mantissa;
    *ret = exponent < 0 ? number / tens[-exponent] : number * tens[exponent];
    return true;
}

double bide__read_f64(const char *text, size_t len)
{
    char small[64];
    char *copy = len < sizeof small ? small : bide_allocate(len + 1);
    if (copy == NULL)
        return (double)NAN;
    memcpy(copy, text, len);
    copy[len] = '\0';
    pthread_once(&locale_once, make_locale);
    double number = strtod_l(copy, NULL, c_locale);
    if (copy != small)
        bide_release(copy);
    return number;
}

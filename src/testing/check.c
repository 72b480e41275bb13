/* SPDX-License-Identifier: MIT */
/*
 * check.c — the checks, and what they have seen in this run.
 *
 * Counted in atomics, because checks stand in functions on other threads,
 * too. Each failure is one line, written by one call, so that lines of two
 * threads never mix; what is printed of strings is escaped, because a line
 * that does not begin with "#" would not be TAP.
 */
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "testing/testing.h"

#define LINE_MAX_ 1000 /* bytes of a line, its NUL included */
#define SHOWN_MAX 200  /* bytes of a string, escaped, that are shown */

/* Of the current run. */
static atomic_uint failures;
static _Atomic(const char *) skipped;
static atomic_bool over; /* what fails from now on is a consequence */
static uint64_t random_state;

void bide__checks_begin(uint64_t seed)
{
    atomic_store(&failures, 0);
    atomic_store(&skipped, NULL);
    atomic_store(&over, false);
    random_state = seed;
}

void bide__checks_end(void)
{
    atomic_store(&over, true);
}

const char *bide__checks_skipped(void)
{
    return atomic_load(&skipped);
}

bool bide__checks_failed(void)
{
    return atomic_load(&failures) > 0;
}

/* splitmix64, by Steele, Lea and Flood: any seed will do, 0 included. */
uint64_t bide_test_random(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int bide_test_skip(const char *why)
{
    atomic_store(&skipped, why);
    return BIDE_E_TEST_SKIPPED;
}

/* ── Failures ─────────────────────────────────────────────────────────── */

void bide__checks_fail(const char *format, ...)
{
    char line[LINE_MAX_];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    atomic_fetch_add(&failures, 1);
    printf("# %s\n", line);
}

/* Print a failed check, and attach it to the code as its message. */
static int fail(const char *file, int line, const char *format, ...)
    BIDE_PRINTF(3, 4);

static int fail(const char *file, int line, const char *format, ...)
{
    char text[LINE_MAX_];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!atomic_load(&over))
        bide__checks_fail("%s:%d: %s", file, line, text);
    return bide_raise(BIDE_E_TEST_FAILED, "%s:%d: %s", file, line, text);
}

/* Quote a string, with escapes for what would end or spoil the line. */
static const char *quote(const char *string, char shown[SHOWN_MAX])
{
    if (!string)
        return "NULL";
    size_t used = 0;
    shown[used++] = '"';
    for (; *string && used < SHOWN_MAX - 10; string++) {
        unsigned char c = (unsigned char)*string;
        if (c == '"' || c == '\\') {
            shown[used++] = '\\';
            shown[used++] = (char)c;
        } else if (c == '\n') {
            shown[used++] = '\\';
            shown[used++] = 'n';
        } else if (c < ' ' || c == 0x7f) {
            used += (size_t)snprintf(shown + used, 5, "\\x%02x", c);
        } else {
            shown[used++] = (char)c;
        }
    }
    snprintf(shown + used, SHOWN_MAX - used, "%s", *string ? "\"..." : "\"");
    return shown;
}

/* ── Checks ───────────────────────────────────────────────────────────── */

int bide_test_check(const char *file, int line, const char *what, bool holds)
{
    return holds ? 0 : fail(file, line, "%s is false", what);
}

int bide_test_check_int(const char *file, int line, const char *what,
                        long long actual, long long expected)
{
    if (actual == expected)
        return 0;
    return fail(file, line, "%s is %lld, expected %lld", what, actual,
                expected);
}

int bide_test_check_near(const char *file, int line, const char *what,
                         double actual, double expected, double tolerance)
{
    if (fabs(actual - expected) <= tolerance)
        return 0;
    return fail(file, line, "%s is %.9g, expected %.9g, give or take %.3g",
                what, actual, expected, tolerance);
}

int bide_test_check_str(const char *file, int line, const char *what,
                        const char *actual, const char *expected)
{
    char shown[2][SHOWN_MAX];
    if (actual && expected ? !strcmp(actual, expected) : actual == expected)
        return 0;
    return fail(file, line, "%s is %s, expected %s", what,
                quote(actual, shown[0]), quote(expected, shown[1]));
}

int bide_test_check_mem(const char *file, int line, const char *what,
                        const void *actual, const void *expected, size_t len)
{
    const unsigned char *left = actual;
    const unsigned char *right = expected;
    size_t at = 0;
    while (at < len && left[at] == right[at])
        at++;
    if (at == len)
        return 0;
    return fail(file, line, "byte %zu of %s is 0x%02x, expected 0x%02x", at,
                what, left[at], right[at]);
}

int bide_test_check_ok(const char *file, int line, const char *what,
                       long long result)
{
    if (result >= 0)
        return 0;
    return fail(file, line, "%s is %lld (%s: %s), expected success", what,
                result, bide_errname((int)result), bide_errmsg((int)result));
}

int bide_test_check_err(const char *file, int line, const char *what,
                        long long result, int code)
{
    if (result == code)
        return 0;
    return fail(file, line, "%s is %lld (%s: %s), expected %d (%s)", what,
                result, bide_errname((int)result), bide_errmsg((int)result),
                code, bide_errname(code));
}

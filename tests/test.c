/* SPDX-License-Identifier: MIT */
/*
 * test.c — the test runner: finds the tests, shuffles them, runs them one by
 * one and reports them in the Test Anything Protocol (testanything.org).
 *
 * What fails is counted in an atomic, because checks run on other threads
 * too. Every line is written by one call of printf(3), so lines of several
 * threads never mix. The name is printed before a test runs, because a test
 * that crashes or hangs can no longer tell it.
 */
#include "test.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bide/error.h>

#define EXIT_SKIPPED 77 /* what automake and meson take for "skipped" */

/* The section's bounds. Weak: a program may define no test at all. */
extern struct test __start_bide_tests[] __attribute__((weak));
extern struct test __stop_bide_tests[] __attribute__((weak));

/* Of the test that runs. */
static atomic_uint failed_checks;
static _Atomic(const char *) skip_reason;

void test_skip(const char *why)
{
    atomic_store(&skip_reason, why);
}

bool test_check(const char *file, int line, const char *what, bool holds)
{
    if (holds)
        return true;
    atomic_fetch_add(&failed_checks, 1);
    printf("# %s:%d: %s is false\n", file, line, what);
    return false;
}

bool test_check_int(const char *file, int line, const char *what,
                    long long actual, long long expected)
{
    if (actual == expected)
        return true;
    atomic_fetch_add(&failed_checks, 1);
    printf("# %s:%d: %s is %lld, expected %lld\n", file, line, what, actual,
           expected);
    return false;
}

bool test_check_str(const char *file, int line, const char *what,
                    const char *actual, const char *expected)
{
    if (actual && expected ? !strcmp(actual, expected) : actual == expected)
        return true;
    atomic_fetch_add(&failed_checks, 1);
    printf("# %s:%d: %s is \"%s\", expected \"%s\"\n", file, line, what,
           actual ? actual : "(NULL)", expected ? expected : "(NULL)");
    return false;
}

bool test_check_mem(const char *file, int line, const char *what,
                    const void *actual, const void *expected, size_t len)
{
    const unsigned char *left = actual;
    const unsigned char *right = expected;
    size_t at = 0;
    while (at < len && left[at] == right[at])
        at++;
    if (at == len)
        return true;
    atomic_fetch_add(&failed_checks, 1);
    printf("# %s:%d: byte %zu of %s is 0x%02x, expected 0x%02x\n", file, line,
           at, what, left[at], right[at]);
    return false;
}

bool test_check_ok(const char *file, int line, const char *what,
                   long long result)
{
    if (result >= 0)
        return true;
    atomic_fetch_add(&failed_checks, 1);
    printf("# %s:%d: %s is %lld (%s: %s), expected success\n", file, line,
           what, result, bide_errname((int)result), bide_errmsg((int)result));
    return false;
}

bool test_check_err(const char *file, int line, const char *what,
                    long long result, long long code)
{
    if (result == code)
        return true;
    atomic_fetch_add(&failed_checks, 1);
    printf("# %s:%d: %s is %lld (%s: %s), expected %lld (%s)\n", file, line,
           what, result, bide_errname((int)result), bide_errmsg((int)result),
           code, bide_errname((int)code));
    return false;
}

/* The order in which the linker lays out the tests means nothing, and no test
 * may come to rely on it: shuffle them by a seed that can be given again. */
static void shuffle(struct test *tests, size_t count)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10)
                          : (unsigned)time(NULL) % 100000;
    printf("# TEST_SEED=%u\n", seed);
    uint32_t random = seed * 2654435761u + 1;
    for (size_t left = count; left > 1; left--) {
        random = random * 1664525u + 1013904223u;
        size_t pick = (size_t)(((uint64_t)random * left) >> 32);
        struct test picked = tests[pick];
        tests[pick] = tests[left - 1];
        tests[left - 1] = picked;
    }
}

enum outcome { PASSED, FAILED, SKIPPED };

static enum outcome run(const struct test *test, size_t number)
{
    atomic_store(&failed_checks, 0);
    atomic_store(&skip_reason, NULL);
    printf("# %s\n", test->name);
    test->run();
    const char *reason = atomic_load(&skip_reason);
    bool failed = atomic_load(&failed_checks) > 0;
    printf("%sok %zu - %s%s%s\n", failed ? "not " : "", number, test->name,
           reason ? " # SKIP " : "", reason ? reason : "");
    return failed ? FAILED : reason ? SKIPPED : PASSED;
}

int main(int argc, char **argv)
{
    const char *words = argc > 1 ? argv[1] : "";
    struct test *tests = __start_bide_tests;
    size_t found = tests ? (size_t)(__stop_bide_tests - tests) : 0;
    size_t count = 0;
    size_t outcomes[3] = {0};

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < found; i++)
        if (strstr(tests[i].name, words))
            tests[count++] = tests[i];
    shuffle(tests, count);
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++)
        outcomes[run(&tests[i], i + 1)]++;
    if (count == 0)
        printf("# no test's name contains \"%s\"\n", words);
    if (outcomes[FAILED] > 0 || count == 0)
        return 1;
    return outcomes[SKIPPED] == count ? EXIT_SKIPPED : 0;
}

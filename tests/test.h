/* SPDX-License-Identifier: MIT */
/*
 * test.h — the test runner's interface.
 *
 *     TEST(queue_get_waits_until_something_is_put)
 *     {
 *         struct pair pair;
 *         if (!CHECK_OK(pair_open(&pair)))
 *             return;
 *         CHECK_INT(pair.count, 2);
 *     }
 *
 * A test program is one *_test.c file linked with tests/test.c, which holds
 * main(). A check that fails prints where it stands and what it saw, marks
 * the running test as failed and goes on; its value, a bool, says whether it
 * held, for a caller that cannot go on. Nothing jumps or exits, so checks work
 * inside coroutines, in callbacks and on other threads. Tests must not depend
 * on each other: they run in an order that is shuffled anew each time.
 *
 *     program            run all tests, in the TAP format
 *     program words      run the tests whose names contain `words`
 *     TEST_SEED=7 ...    repeat the order that was printed as seed 7
 *
 * The exit status is 0, 1 when a test failed, 77 when all were skipped.
 */
#ifndef BIDE_TESTS_TEST_H
#define BIDE_TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>

struct test {
    const char *name;
    void (*run)(void);
};

/*
 * A test registers by lying in a section of its own, whose bounds the linker
 * names. clang may drop a section that nobody refers to unless it is retained,
 * and would put ASan's red zones between the entries; gcc does neither, and
 * warns of the second attribute.
 */
#ifdef __clang__
#define TEST__ENTRY                                                           \
    __attribute__((section("bide_tests"), used, retain,                       \
                   no_sanitize("address"), aligned(sizeof(struct test))))
#else
#define TEST__ENTRY                                                           \
    __attribute__((section("bide_tests"), used,                               \
                   aligned(sizeof(struct test))))
#endif

/* Define a test. The name is a sentence, with underscores for the spaces. */
#define TEST(name)                                                            \
    static void name(void);                                                   \
    static struct test test_entry_##name TEST__ENTRY = {#name, name};         \
    static void name(void)

/* The condition holds. */
#define CHECK(condition)                                                      \
    test_check(__FILE__, __LINE__, #condition, !!(condition))

/* Two integers, or two enumerators, are equal. */
#define CHECK_INT(actual, expected)                                           \
    test_check_int(__FILE__, __LINE__, #actual, (long long)(actual),          \
                   (long long)(expected))

/* Two strings are equal; NULL equals only NULL. */
#define CHECK_STR(actual, expected)                                           \
    test_check_str(__FILE__, __LINE__, #actual, (actual), (expected))

/* `len` bytes are equal. */
#define CHECK_MEM(actual, expected, len)                                      \
    test_check_mem(__FILE__, __LINE__, #actual, (actual), (expected), (len))

/* A call succeeds: returns 0 or more. */
#define CHECK_OK(call)                                                        \
    test_check_ok(__FILE__, __LINE__, #call, (long long)(call))

/* A call fails with this very code, which is negative. */
#define CHECK_ERR(call, code)                                                 \
    test_check_err(__FILE__, __LINE__, #call, (long long)(call),              \
                   (long long)(code))

/* Report the running test as skipped and why; return from it afterwards. */
void test_skip(const char *why);

/* What the macros call. Each returns whether the check held. */
bool test_check(const char *file, int line, const char *what, bool holds);
bool test_check_int(const char *file, int line, const char *what,
                    long long actual, long long expected);
bool test_check_str(const char *file, int line, const char *what,
                    const char *actual, const char *expected);
bool test_check_mem(const char *file, int line, const char *what,
                    const void *actual, const void *expected, size_t len);
bool test_check_ok(const char *file, int line, const char *what,
                   long long result);
bool test_check_err(const char *file, int line, const char *what,
                    long long result, long long code);

#endif

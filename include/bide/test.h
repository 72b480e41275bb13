/* SPDX-License-Identifier: MIT */
/*
 * <bide/test.h> — tests that are coroutines, with virtual time and many
 * schedules. Link with bide-test, which also holds main().
 *
 *     #include <bide.h>
 *     #include <bide/test.h>
 *
 *     BIDE_TEST(a_queue_gives_first_what_was_put_first)
 *     {
 *         bide_queue *queue = bide_queue_new(sizeof(int), 2);
 *         int item = 0;
 *         BIDE_CHECK_OK(bide_queue_put(queue, &(int){1}));
 *         BIDE_CHECK_OK(bide_queue_put(queue, &(int){2}));
 *         BIDE_CHECK_OK(bide_queue_get(queue, &item));
 *         BIDE_CHECK_INT(item, 1);
 *         bide_queue_free(queue);
 *         return 0;
 *     }
 *
 * A test is a coroutine: it passes if it returns 0 or more and no check has
 * failed. Each runs in a loop of its own, on the backend `sim`: a sleep takes
 * no time, and a deadlock ends at once, as a timeout that names each task and
 * what it waits in. It runs several times, first in the plain order and then
 * in other orders that a kernel could have caused, which are shuffled by
 * seeds; a failure prints the command that repeats it.
 *
 * After each run nothing may be left: no task that has not ended, no stream,
 * server or process that was not closed, no error that nobody retrieved, no
 * memory of bide's that was not released. Where a test opens a descriptor by
 * itself, closing it is its own matter.
 *
 *     program              run all tests; prints the TAP format
 *     program WORD...      run those whose names contain one of the words
 *     program --list       print the names
 *
 *     BIDE_TEST_SEEDS=N    runs of each test, 1..1000000, 16 if not set
 *     BIDE_SEED=N          one run of each, with this seed; 0: the plain order
 *     BIDE_BACKEND=NAME    on another backend: in real time, one run of each
 *     BIDE_TEST_LIMIT=N    real seconds of a run before the program is ended,
 *                          1..86400, 60 if not set
 *
 * The exit status is 0, 1 when a test failed, and 77 when all were skipped: 0
 * then under `meson test` and prove(1), which read it from the output. Meson
 * takes such a program as test(..., protocol: 'tap').
 */
#ifndef BIDE_TEST_H
#define BIDE_TEST_H

#include <bide/base.h>
#include <bide/error.h>
#include <bide/task.h>

BIDE_BEGIN

/* ── Tests ────────────────────────────────────────────────────────────── */

/* A test. BIDE_TEST() fills one; those options that are zero have their
 * defaults. */
typedef struct bide_test {
    const char *name;
    bide_coroutine *run;
    const char *file;
    int line;
    double timeout;         /* seconds of the loop's clock that a run may
                               take, 0: 3600 virtual ones, 30 real ones */
    unsigned seeds;         /* runs, 0: as BIDE_TEST_SEEDS says */
    const char *backend;    /* NULL: BIDE_BACKEND, or else "sim" */
    size_t stack_size;      /* bytes of a task's stack, as in bide_options */
    struct bide_test *next; /* private */
} bide_test;

/*
 * Define a test. The name is a sentence, with underscores for the spaces;
 * options may follow it:
 *
 *     BIDE_TEST(the_backup_runs_once_a_day, .timeout = 1e6, .seeds = 1)
 *     { ... }
 */
#define BIDE_TEST(...) BIDE__TEST(__VA_ARGS__, .next = NULL)

#define BIDE__TEST(test_name, ...)                                            \
    static int test_name(void *bide__unused);                                 \
    static bide_test bide__test_##test_name = {.name = #test_name,            \
                                               .run = test_name,              \
                                               .file = __FILE__,              \
                                               .line = __LINE__,              \
                                               __VA_ARGS__};                  \
    __attribute__((constructor)) static void bide__register_##test_name(void) \
    {                                                                         \
        bide_test_register(&bide__test_##test_name);                          \
    }                                                                         \
    static int test_name(__attribute__((unused)) void *bide__unused)

/* ── Checks ───────────────────────────────────────────────────────────── */

/*
 * A check that fails prints where it stands and what it saw, fails the test,
 * and returns BIDE_E_TEST_FAILED from the function that it stands in: so it
 * serves in tests and in each coroutine or function that returns an int, on
 * other threads, too. Arguments are evaluated once.
 */

/* The condition holds. */
#define BIDE_CHECK(condition)                                                 \
    BIDE__CHECK(bide_test_check(__FILE__, __LINE__, #condition, !!(condition)))

/* Two integers, or two enumerators, are equal. */
#define BIDE_CHECK_INT(actual, expected)                                      \
    BIDE__CHECK(bide_test_check_int(__FILE__, __LINE__, #actual,              \
                                    (long long)(actual),                      \
                                    (long long)(expected)))

/* Two real numbers differ by no more than `tolerance`: times, as a rule. */
#define BIDE_CHECK_NEAR(actual, expected, tolerance)                          \
    BIDE__CHECK(bide_test_check_near(__FILE__, __LINE__, #actual, (actual),   \
                                     (expected), (tolerance)))

/* Two strings are equal; NULL equals only NULL. */
#define BIDE_CHECK_STR(actual, expected)                                      \
    BIDE__CHECK(bide_test_check_str(__FILE__, __LINE__, #actual, (actual),    \
                                    (expected)))

/* `len` bytes are equal. */
#define BIDE_CHECK_MEM(actual, expected, len)                                 \
    BIDE__CHECK(bide_test_check_mem(__FILE__, __LINE__, #actual, (actual),    \
                                    (expected), (len)))

/* A call succeeds: returns 0 or more. */
#define BIDE_CHECK_OK(call)                                                   \
    BIDE__CHECK(bide_test_check_ok(__FILE__, __LINE__, #call,                 \
                                   (long long)(call)))

/* A call fails with this very code, which is negative. */
#define BIDE_CHECK_ERR(call, code)                                            \
    BIDE__CHECK(bide_test_check_err(__FILE__, __LINE__, #call,                \
                                    (long long)(call), (code)))

/* End the test here, and report it as skipped and why. */
#define BIDE_SKIP(why) return bide_test_skip(why)

#define BIDE__CHECK(call)                                                     \
    do {                                                                      \
        int bide__code = (call);                                              \
        if (bide__code < 0)                                                   \
            return bide__code;                                                \
    } while (0)

/* ── What the macros call ─────────────────────────────────────────────── */

/*
 * bide_test_register — add a test to those that bide_test_main() runs.
 *
 *   test   in static memory; called before main(), as a rule
 *
 * Suspends: never; no function of this header does.
 * Owns:     test is borrowed until the program ends.
 * Thread:   the main one.
 */
BIDE_API void bide_test_register(bide_test *test);

/*
 * bide_test_main — run the tests; main() of bide-test calls it.
 *
 * A program with something to prepare has a main() of its own and calls it.
 *
 *   argc, argv   as main() received them; see above
 *
 * Returns:  the exit status.
 * Suspends: never; blocks the thread.
 * Thread:   the main one, with no running loop.
 * Like:     unittest.main.
 */
BIDE_API BIDE_NODISCARD int bide_test_main(int argc, char **argv);

/*
 * bide_test_random — a number from a sequence that the run's seed decides.
 *
 * For tests that draw what they do: a failure is repeated with its seed.
 *
 * Returns:  any of 2^64 numbers, each as likely as the others.
 * Thread:   the one that runs the test.
 * Like:     random.getrandbits(64).
 */
BIDE_API uint64_t bide_test_random(void);

/*
 * bide_test_skip — report the running test as skipped; use BIDE_SKIP().
 *
 *   why   static, one line
 *
 * Returns:  BIDE_E_TEST_SKIPPED.
 * Thread:   any.
 * Like:     unittest.SkipTest.
 */
BIDE_API BIDE_NODISCARD int bide_test_skip(const char *why);

/*
 * bide_test_check — BIDE_CHECK() as a function.
 *
 *   file, line   where the check stands
 *   what         the text of what is checked
 *   holds        whether the check passes
 *
 * Returns:  0, or BIDE_E_TEST_FAILED.
 * Errors:   BIDE_E_TEST_FAILED
 * Thread:   any.
 * Like:     TestCase.assertTrue.
 */
BIDE_API BIDE_NODISCARD int bide_test_check(const char *file, int line,
                                            const char *what, bool holds);

/*
 * bide_test_check_int — BIDE_CHECK_INT() as a function.
 *
 * Returns:  as bide_test_check().
 * Errors:   BIDE_E_TEST_FAILED
 * Thread:   any.
 * Like:     TestCase.assertEqual.
 */
BIDE_API BIDE_NODISCARD int bide_test_check_int(const char *file, int line,
                                                const char *what,
                                                long long actual,
                                                long long expected);

/*
 * bide_test_check_near — BIDE_CHECK_NEAR() as a function.
 *
 * Returns:  as bide_test_check().
 * Errors:   BIDE_E_TEST_FAILED
 * Thread:   any.
 * Like:     TestCase.assertAlmostEqual.
 */
BIDE_API BIDE_NODISCARD int bide_test_check_near(const char *file, int line,
                                                 const char *what,
                                                 double actual,
                                                 double expected,
                                                 double tolerance);

/*
 * bide_test_check_str — BIDE_CHECK_STR() as a function.
 *
 * Returns:  as bide_test_check().
 * Errors:   BIDE_E_TEST_FAILED
 * Thread:   any.
 * Like:     TestCase.assertEqual.
 */
BIDE_API BIDE_NODISCARD int bide_test_check_str(const char *file, int line,
                                                const char *what,
                                                const char *actual,
                                                const char *expected);

/*
 * bide_test_check_mem — BIDE_CHECK_MEM() as a function.
 *
 * Returns:  as bide_test_check().
 * Errors:   BIDE_E_TEST_FAILED
 * Thread:   any.
 * Like:     TestCase.assertEqual.
 */
BIDE_API BIDE_NODISCARD int bide_test_check_mem(const char *file, int line,
                                                const char *what,
                                                const void *actual,
                                                const void *expected,
                                                size_t len);

/*
 * bide_test_check_ok — BIDE_CHECK_OK() as a function.
 *
 * Returns:  as bide_test_check().
 * Errors:   BIDE_E_TEST_FAILED
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD int bide_test_check_ok(const char *file, int line,
                                               const char *what,
                                               long long result);

/*
 * bide_test_check_err — BIDE_CHECK_ERR() as a function.
 *
 * Returns:  as bide_test_check().
 * Errors:   BIDE_E_TEST_FAILED
 * Thread:   any.
 * Like:     TestCase.assertRaises.
 */
BIDE_API BIDE_NODISCARD int bide_test_check_err(const char *file, int line,
                                                const char *what,
                                                long long result, int code);

BIDE_END

#endif

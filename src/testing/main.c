/* SPDX-License-Identifier: MIT */
/*
 * main.c — which tests run, how often, and what is printed of them: the Test
 * Anything Protocol (testanything.org).
 *
 * Tests run in the order of their files and lines. A test ends with its first
 * run that fails. What a test that passes prints is always the same, so that
 * outputs can be compared: seeds are mentioned only by failures.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing/testing.h"

#define EXIT_SKIPPED 77 /* what automake and meson take for "skipped" */
#define DEFAULT_SEEDS 16
#define SEEDS_MAX 1000000
#define DEFAULT_LIMIT 60
#define LIMIT_MAX 86400
#define REPEAT_MAX 600 /* bytes of the command that repeats a failure */

/* What the environment says. */
struct settings {
    const char *program;
    const char *backend;
    unsigned long seeds;
    unsigned long limit;    /* real seconds */
    bool one_seed;          /* BIDE_SEED is set: */
    unsigned long long seed;
};

/* ── The tests ────────────────────────────────────────────────────────── */

static bide_test *tests; /* in the order of files and lines */

static bool comes_before(const bide_test *a, const bide_test *b)
{
    int order = strcmp(a->file, b->file);
    return order ? order < 0 : a->line < b->line;
}

void bide_test_register(bide_test *test)
{
    bide_test **place = &tests;
    while (*place && comes_before(*place, test))
        place = &(*place)->next;
    test->next = *place;
    *place = test;
}

static bool is_wanted(const bide_test *test, char **words)
{
    if (!*words)
        return true;
    for (; *words; words++)
        if (strstr(test->name, *words))
            return true;
    return false;
}

/* ── Settings ─────────────────────────────────────────────────────────── */

/* A number of the environment, in a range; false after a complaint. */
static bool read_number(const char *name, unsigned long long min,
                        unsigned long long max, unsigned long long *value,
                        bool *is_set)
{
    const char *text = getenv(name);
    *is_set = text && *text;
    if (!*is_set)
        return true;
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    if (!errno && !*end && *text != '-' && *value >= min && *value <= max)
        return true;
    fprintf(stderr, "%s is '%s', must be a number, %llu to %llu\n", name, text,
            min, max);
    return false;
}

static bool read_settings(struct settings *settings)
{
    unsigned long long seeds = DEFAULT_SEEDS;
    unsigned long long limit = DEFAULT_LIMIT;
    bool ignored;
    const char *backend = getenv("BIDE_BACKEND");
    settings->backend = backend && *backend ? backend : "sim";
    if (!read_number("BIDE_TEST_SEEDS", 1, SEEDS_MAX, &seeds, &ignored) ||
        !read_number("BIDE_TEST_LIMIT", 1, LIMIT_MAX, &limit, &ignored) ||
        !read_number("BIDE_SEED", 0, UINT64_MAX, &settings->seed,
                     &settings->one_seed))
        return false;
    settings->seeds = (unsigned long)seeds;
    settings->limit = (unsigned long)limit;
    return true;
}

/* ── Running ──────────────────────────────────────────────────────────── */

/* One run; a failure says how to repeat it. */
static enum bide__outcome run_once(const bide_test *test,
                                   const struct settings *settings,
                                   const char *backend, uint64_t seed)
{
    char repeat[REPEAT_MAX];
    bool simulated = !strcmp(backend, "sim");
    if (simulated)
        snprintf(repeat, sizeof repeat, "BIDE_SEED=%llu %s %s",
                 (unsigned long long)seed, settings->program, test->name);
    else
        snprintf(repeat, sizeof repeat, "BIDE_BACKEND=%s %s %s", backend,
                 settings->program, test->name);
    enum bide__outcome outcome =
        bide__test_run(test, backend, seed, (unsigned)settings->limit, repeat);
    if (outcome == BIDE__FAILED)
        printf("# repeat it: %s\n", repeat);
    return outcome;
}

/* As many runs as are wanted, or up to the first that does not pass. */
static enum bide__outcome run_test(const bide_test *test,
                                   const struct settings *settings)
{
    const char *backend = test->backend ? test->backend : settings->backend;
    unsigned long runs = test->seeds ? test->seeds : settings->seeds;
    enum bide__outcome outcome = BIDE__PASSED;
    if (settings->one_seed)
        return run_once(test, settings, backend, settings->seed);
    if (strcmp(backend, "sim") != 0)
        runs = 1; /* nothing is shuffled there */
    for (uint64_t seed = 0; seed < runs && outcome == BIDE__PASSED; seed++)
        outcome = run_once(test, settings, backend, seed);
    return outcome;
}

static int list_tests(char **words)
{
    for (const bide_test *test = tests; test; test = test->next)
        if (is_wanted(test, words))
            printf("%s\n", test->name);
    return 0;
}

static void print_outcome(enum bide__outcome outcome, size_t number,
                          const char *name)
{
    const char *why = bide__checks_skipped();
    if (outcome == BIDE__SKIPPED)
        printf("ok %zu - %s # SKIP %s\n", number, name, why);
    else
        printf("%s %zu - %s\n", outcome == BIDE__FAILED ? "not ok" : "ok",
               number, name);
}

/* Both read from the output that all was skipped, and take any other exit
 * status than 0 for a failure. */
static bool output_is_read(void)
{
    return getenv("MESON_TEST_ITERATION") || getenv("HARNESS_ACTIVE");
}

static int run_tests(const struct settings *settings, char **words)
{
    size_t outcomes[3] = {0};
    size_t count = 0;
    size_t number = 0;
    for (const bide_test *test = tests; test; test = test->next)
        count += is_wanted(test, words);
    if (count == 0) {
        fprintf(stderr, "%s: no test has such a name\n", settings->program);
        return 1;
    }
    printf("1..%zu\n", count);
    for (const bide_test *test = tests; test; test = test->next) {
        if (!is_wanted(test, words))
            continue;
        enum bide__outcome outcome = run_test(test, settings);
        if (bide__test_interrupted()) {
            printf("Bail out! interrupted\n");
            return 1;
        }
        print_outcome(outcome, ++number, test->name);
        outcomes[outcome]++;
    }
    if (outcomes[BIDE__FAILED] > 0)
        return 1;
    if (outcomes[BIDE__SKIPPED] == count && !output_is_read())
        return EXIT_SKIPPED;
    return 0;
}

int bide_test_main(int argc, char **argv)
{
    struct settings settings = {.program = argv[0]};
    char **words = argv + (argc > 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!read_settings(&settings))
        return 2;
    if (*words && !strcmp(*words, "--list"))
        return list_tests(words + 1);
    if (*words && **words == '-') {
        fprintf(stderr, "usage: %s [--list] [WORD...]\n", settings.program);
        return 2;
    }
    return run_tests(&settings, words);
}

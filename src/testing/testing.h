/* SPDX-License-Identifier: MIT */
/*
 * testing.h — what the parts of bide-test share.
 *
 *     main.c    which tests, in which order, the output, the exit status
 *     run.c     one test with one seed, and what must not be left after it
 *     check.c   what the checks of a run have seen
 *
 * This library is a user of bide: it includes public headers only, and links
 * with the shared library.
 */
#ifndef BIDE_SRC_TESTING_H
#define BIDE_SRC_TESTING_H

#include <bide/test.h>

/* What a run came to. */
enum bide__outcome { BIDE__PASSED, BIDE__FAILED, BIDE__SKIPPED };

/* Forget the last run; `seed` begins the sequence of bide_test_random(). */
void bide__checks_begin(uint64_t seed);

/* The run has failed, and is being cancelled: checks that fail from now on are
 * a consequence, and say nothing. */
void bide__checks_end(void);

/* Why the run was skipped, or NULL; and whether anything failed. */
const char *bide__checks_skipped(void);
bool bide__checks_failed(void);

/* Fail the run for another reason than a check; one line. */
void bide__checks_fail(const char *format, ...) BIDE_PRINTF(1, 2);

/* Run a test once. `limit` is in real seconds: beyond it the program ends,
 * with what `repeat` says as the way to see it again. */
enum bide__outcome bide__test_run(const bide_test *test, const char *backend,
                                  uint64_t seed, unsigned limit,
                                  const char *repeat);

/* Whether SIGINT ended the last run. */
bool bide__test_interrupted(void);

#endif

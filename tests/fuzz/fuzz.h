/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h — what fuzz targets share.
 *
 * A target that needs a loop has one for each input, in virtual time: what
 * waits for ever is seen by the loop's end, not by a clock.
 */
#ifndef BIDE_TESTS_FUZZ_FUZZ_H
#define BIDE_TESTS_FUZZ_FUZZ_H

#include <bide.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input that a coroutine is given. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

/* Run a coroutine, which gets the input, on a loop of its own. */
static inline void fuzz_run(bide_coroutine *main, const uint8_t *data,
                            size_t size)
{
    struct fuzz_input input = {data, size};
    const bide_options options = {.backend = "sim", .no_signals = true};
    int rc = bide_run_with(main, &input, &options);
    if (rc < 0) {
        fprintf(stderr, "the input gives %s: %s\n", bide_errname(rc),
                bide_errmsg(rc));
        abort();
    }
}

#endif

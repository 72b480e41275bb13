/* SPDX-License-Identifier: MIT */
/* death.h — running what is expected to end the process. */
#ifndef BIDE_TESTS_HELPERS_DEATH_H
#define BIDE_TESTS_HELPERS_DEATH_H

#include <stddef.h>

/*
 * Run fn in a child process. Returns the signal that killed it, or 0 if it
 * lived to its end; what it wrote to standard error is in `output`, cut and
 * NUL-terminated.
 */
int run_in_child(void (*fn)(void), char *output, size_t size);

/* It is killed by SIGABRT, and its complaint contains the text. */
#define CHECK_DIES(fn, text)                                                  \
    do {                                                                      \
        char output_[4096];                                                   \
        CHECK_INT(run_in_child(fn, output_, sizeof output_), SIGABRT);        \
        if (!strstr(output_, text))                                           \
            CHECK_STR(output_, text);                                         \
    } while (0)

#endif

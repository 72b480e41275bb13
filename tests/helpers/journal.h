/* SPDX-License-Identifier: MIT */
/*
 * journal.h — who did what, in which order, as a string of letters; and the
 * few steps that tests of tasks take again and again.
 */
#ifndef BIDE_TESTS_JOURNAL_H
#define BIDE_TESTS_JOURNAL_H

#include <bide/task.h>

#include "test.h"

static struct journal {
    char text[256];
    size_t len;
} journal;

/* Add a letter; too many are dropped. */
static inline void journal_add(char letter)
{
    if (journal.len < sizeof journal.text - 1)
        journal.text[journal.len++] = letter;
    journal.text[journal.len] = '\0';
}

/* What was added since the last call. */
static inline const char *journal_take(void)
{
    static char taken[sizeof journal.text];
    for (size_t i = 0; i <= journal.len; i++)
        taken[i] = journal.text[i];
    journal.len = 0;
    journal.text[0] = '\0';
    return taken;
}

/* Let every task run until it waits for something else than its turn. */
static inline void settle(void)
{
    for (int i = 0; i < 5; i++)
        CHECK_OK(bide_sleep(0));
}

/* Run a test's coroutine in a loop of its own. */
static inline void run(bide_coroutine *coroutine)
{
    CHECK_OK(bide_run(coroutine, NULL));
}

#endif

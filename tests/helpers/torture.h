/* SPDX-License-Identifier: MIT */
/*
 * torture.h — one thing goes wrong, at every place in turn.
 *
 * A scenario is a coroutine that uses something, cleans up whatever happens,
 * and checks what must hold in any case. torture() runs it
 *
 *     undisturbed, to count its allocations and suspensions,
 *     with the first allocation failing, then with the second, ...
 *     with the task cancelled that suspends first, then second, ...
 *     with another task cancelled at each suspension: one that has been woken
 *     and has not run yet (the first of these, and the last)
 *
 * each time in a new loop, and checks that
 *
 *     undisturbed it returns 0,
 *     with a failed allocation 0 or -ENOMEM, and cancelled 0 or -ECANCELED,
 *     it ends: a lost wake-up would let it wait for ever,
 *     and all memory is released.
 *
 * A program that uses it is linked with torture.c and with the linker's
 * option --wrap=bide__suspend. TORTURE_VERBOSE=1 prints each run, which tells
 * what was disturbed when a check failed.
 */
#ifndef BIDE_TESTS_TORTURE_H
#define BIDE_TESTS_TORTURE_H

#include <bide/task.h>

struct torture_counts {
    size_t allocations; /* of an undisturbed run */
    size_t suspensions; /* likewise */
    size_t runs;        /* in all */
};

/* Torture a scenario, which gets NULL as its argument. */
struct torture_counts torture(bide_coroutine *scenario);

/* Whether something goes wrong on purpose in the present run: a scenario then
 * cannot expect that all work was done. */
bool torture_disturbs(void);

#endif

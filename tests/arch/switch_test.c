/* SPDX-License-Identifier: MIT */
/* switch_test.c — exchanging stacks keeps all that a function call keeps. */
#include "arch/switch.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <unwind.h>

#include "test.h"

#define STACK ((size_t)64 << 10)

static alignas(16) char stack[STACK];
static void *home; /* the test's own context */
static void *away; /* the one on `stack` */

static void *prepare(void (*entry)(int value))
{
    return bide__switch_prepare(stack + STACK, entry);
}

/* ── Values ───────────────────────────────────────────────────────────── */

static void add_one(int value)
{
    for (;;)
        value = bide__switch(&away, home, value + 1);
}

TEST(a_value_goes_along_with_each_switch)
{
    CHECK_INT(bide__switch(&home, prepare(add_one), 41), 42);
    CHECK_INT(bide__switch(&home, away, 6), 7);
    CHECK_INT(bide__switch(&home, away, -1), 0);
}

static void *saved_in_time;

static void look_at_home(int value)
{
    saved_in_time = home;
    (void)bide__switch(&away, home, value);
}

TEST(the_context_that_is_left_is_saved_before_the_other_runs)
{
    home = NULL;
    saved_in_time = NULL;
    (void)bide__switch(&home, prepare(look_at_home), 0);
    CHECK(saved_in_time != NULL);
}

/* ── Registers ────────────────────────────────────────────────────────── */

/*
 * Integers and reals, more of each than any processor preserves registers
 * for, and all alive across the switch: compilers keep as many as they can
 * in registers. Returns how many came back changed.
 */
enum { EACH = 12 };

static int keep_values(void **save, void **to, int round)
{
    volatile long n[EACH];
    volatile double r[EACH];
    for (int i = 0; i < EACH; i++)
        r[i] = (double)(n[i] = round * EACH + i);
    long n0 = n[0], n1 = n[1], n2 = n[2], n3 = n[3], n4 = n[4], n5 = n[5];
    long n6 = n[6], n7 = n[7], n8 = n[8], n9 = n[9], n10 = n[10], n11 = n[11];
    double r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3], r4 = r[4], r5 = r[5];
    double r6 = r[6], r7 = r[7], r8 = r[8], r9 = r[9], r10 = r[10],
           r11 = r[11];
    (void)bide__switch(save, *to, 0);
    const long integers[EACH] = {n0, n1, n2, n3, n4,  n5,
                                 n6, n7, n8, n9, n10, n11};
    const double reals[EACH] = {r0, r1, r2, r3, r4,  r5,
                                r6, r7, r8, r9, r10, r11};
    int changed = 0;
    for (int i = 0; i < EACH; i++)
        changed += integers[i] != n[i] || (long)reals[i] != n[i];
    return changed;
}

static int changed_away;

static void keep_values_away(int value)
{
    for (int round = 1000 + value;; round++)
        changed_away += keep_values(&away, &home, round);
}

TEST(registers_survive_what_other_contexts_put_there)
{
    int changed = 0;
    away = prepare(keep_values_away);
    for (int round = 0; round < 1000; round++)
        changed += keep_values(&home, &away, round);
    CHECK_INT(changed, 0);
    CHECK_INT(changed_away, 0);
}

/* ── The beginning of a context ───────────────────────────────────────── */

static uintptr_t misaligned;

static void look_at_frame(int value)
{
    alignas(16) volatile char local = (char)value;
    misaligned = (uintptr_t)&local % 16;
    (void)bide__switch(&away, home, value);
}

TEST(a_context_begins_with_an_aligned_stack)
{
    misaligned = 1;
    (void)bide__switch(&home, prepare(look_at_frame), 0);
    CHECK_INT(misaligned, 0);
}

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context,
                                       void *arg)
{
    (void)context;
    return ++*(int *)arg < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static int frames;

static void walk(int value)
{
    frames = 0;
    (void)_Unwind_Backtrace(count_frame, &frames);
    (void)bide__switch(&away, home, value);
}

TEST(an_unwinder_stops_where_a_context_begins)
{
    (void)bide__switch(&home, prepare(walk), 0);
    CHECK(frames >= 1);
    CHECK(frames <= 4);
}

/* SPDX-License-Identifier: MIT */
/*
 * switch.h — exchanging the running stack for another.
 *
 * The contract that x86_64.S, aarch64.S and ucontext.c fulfil. It is
 * symmetric: there is no caller and no callee, each context names the next.
 * What the platform's calling convention lets a function destroy is not
 * saved; control words of the floating-point unit are left alone.
 * docs/internals/switch.md has more.
 */
#ifndef BIDE_SRC_ARCH_SWITCH_H
#define BIDE_SRC_ARCH_SWITCH_H

#include <stdbool.h>

/*
 * Leave the running context, with its saved state at *save, and continue the
 * one saved at `to`. Returns, once something switches back, the `value` given
 * there. `*save` is set before anything of `to` runs.
 */
int bide__switch(void **save, void *to, int value);

/*
 * Lay out a new context below `top` (16-byte aligned): the first switch to
 * the returned pointer calls entry(value), which must not return.
 */
void *bide__switch_prepare(void *top, void (*entry)(int value));

/* The code below every context's first function; BIDE__SWITCH_START_LEN bytes
 * from here on are the outermost frame that an unwinder sees. */
extern const char bide__switch_start[];
#define BIDE__SWITCH_START_LEN 16

/*
 * Call fn(arg) so that an unwinder within it comes to the frames of a
 * suspended context, which goes on sleeping. Returns false, and calls nothing,
 * where the platform cannot do it.
 */
bool bide__switch_trace(void *context, void (*fn)(void *arg), void *arg);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * ucontext.c — the switch for processors that have none of their own here.
 *
 * Slower, since swapcontext(3) saves the signal mask by a system call. A
 * suspended context is a ucontext_t on its own stack.
 */
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "arch/switch.h"

/* What the context that runs next is to see; per thread, since a switch never
 * leaves its thread. */
static _Thread_local int handed_over;

int bide__switch(void **save, void *to, int value)
{
    ucontext_t self;
    *save = &self;
    handed_over = value;
    swapcontext(&self, to);
    return handed_over;
}

/* makecontext(3) passes ints only: a pointer goes in two halves. */
static void start(unsigned high, unsigned low)
{
    union {
        uint64_t bits;
        void (*entry)(int value);
    } function = {.bits = (uint64_t)high << 32 | low};
    function.entry(handed_over);
    abort();
}

void *bide__switch_prepare(void *top, void (*entry)(int value))
{
    union {
        uint64_t bits;
        void (*entry)(int value);
    } function = {.bits = 0};
    function.entry = entry;
    uintptr_t place = ((uintptr_t)top - sizeof(ucontext_t)) & ~(uintptr_t)63;
    ucontext_t *context = (ucontext_t *)place;
    getcontext(context);
    /* Its true extent does not matter: only the upper end is used. */
    context->uc_stack.ss_sp = (char *)place - 4096;
    context->uc_stack.ss_size = 4096;
    context->uc_link = NULL;
    makecontext(context, (void (*)(void))start, 2,
                (unsigned)(function.bits >> 32), (unsigned)function.bits);
    return context;
}

const char bide__switch_start[1]; /* the C library's own start is not known */

bool bide__switch_trace(void *context, void (*fn)(void *arg), void *arg)
{
    (void)context, (void)fn, (void)arg;
    return false;
}

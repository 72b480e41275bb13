/* SPDX-License-Identifier: MIT */
/*
 * trace.c — where a task is: the calls that lie on its stack.
 *
 * backtrace(3) unwinds the stack that it is called on. For a task that sleeps,
 * bide__switch_trace() puts a frame between the two stacks whose unwind table
 * says that the task's registers are its caller's, so the walk goes over by
 * itself and the task's stack is only read:
 *
 *     backtrace ─► collect ─► bide__switch_trace ┄► bide_sleep ─► fetch ─► …
 *     └─────────────── our stack ──────────────┘    └──── the task's ────┘
 *
 * Walks end below bide__switch_start, whose table says that nobody called it.
 * A C library without backtrace(3) gives empty traces.
 */
#include "task/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "base/symbol.h"

#if defined(__GLIBC__)
#include <execinfo.h>
#else
#define backtrace(frames, max) ((void)(frames), (void)(max), 0)
#endif

/* Our own frames, a handler's and what lies between, before the first of
 * interest. */
#define OWN_MAX 8

struct walk {
    void *frames[BIDE__TRACE_MAX + OWN_MAX];
    size_t count;
};

static void walk(struct walk *walk)
{
    int count = backtrace(walk->frames, (int)BIDE__COUNT(walk->frames));
    walk->count = count > 0 ? (size_t)count : 0;
}

static bool is_start(const void *address)
{
    uintptr_t start = (uintptr_t)bide__switch_start;
    return (uintptr_t)address - start <= BIDE__SWITCH_START_LEN;
}

/* Keep the frames from `first` on, without the two that every task has at its
 * outer end: ours that called its function, and the start below. */
static void keep(struct bide__trace *trace, const struct walk *walk,
                 size_t first)
{
    size_t end = walk->count;
    if (end >= first + 2 && is_start(walk->frames[end - 1]))
        end -= 2;
    trace->count = 0;
    for (size_t i = first; i < end && trace->count < BIDE__TRACE_MAX; i++)
        trace->frames[trace->count++] = (char *)walk->frames[i] - 1;
}

/* The index of the frame with this address; 0 if it was not seen. */
static size_t index_of(const struct walk *walk, const void *address)
{
    for (size_t i = 0; i < walk->count; i++)
        if (walk->frames[i] == address)
            return i;
    return 0;
}

void bide__trace_prepare(void)
{
    struct walk first;
    walk(&first);
}

void bide__trace_here(struct bide__trace *trace, const void *caller)
{
    struct walk here;
    walk(&here);
    keep(trace, &here, index_of(&here, caller));
}

/* ── Tasks that do not run ────────────────────────────────────────────── */

static void collect(void *arg)
{
    walk(arg);
}

/* A few more bytes than its code has: the first frame found here is its. */
#define SWITCH_TRACE_LEN 64

static bool is_crossing(const void *address)
{
    return (uintptr_t)address - (uintptr_t)bide__switch_trace <
           SWITCH_TRACE_LEN;
}

void bide__trace_task(struct bide__trace *trace, const bide_task *task)
{
    struct walk frames = {.count = 0};
    trace->count = 0;
    if ((task->state != BIDE__TASK_PARKED &&
         task->state != BIDE__TASK_READY) ||
        !bide__switch_trace(task->sp, collect, &frames))
        return;
    size_t first = 0;
    while (first < frames.count && !is_crossing(frames.frames[first]))
        first++;
    if (first < frames.count)
        keep(trace, &frames, first + 1);
}

/* ── Signals ──────────────────────────────────────────────────────────── */

#if defined(__x86_64__)

#define SYSCALL_LEN 2 /* bytes of the instruction */

static const char *interrupted_at(const ucontext_t *context)
{
    return (const char *)context->uc_mcontext.gregs[REG_RIP];
}

static bool is_syscall(const char *instruction)
{
    return memcmp(instruction, "\x0f\x05", SYSCALL_LEN) == 0;
}

static long result_register(const ucontext_t *context)
{
    return (long)context->uc_mcontext.gregs[REG_RAX];
}

#elif defined(__aarch64__)

#define SYSCALL_LEN 4

static const char *interrupted_at(const ucontext_t *context)
{
    return (const char *)context->uc_mcontext.pc;
}

static bool is_syscall(const char *instruction)
{
    return memcmp(instruction, "\x01\x00\x00\xd4", SYSCALL_LEN) == 0;
}

static long result_register(const ucontext_t *context)
{
    return (long)context->uc_mcontext.regs[0];
}

#else

#define SYSCALL_LEN 0

static const char *interrupted_at(const ucontext_t *context)
{
    (void)context;
    return NULL;
}

static bool is_syscall(const char *instruction)
{
    (void)instruction;
    return false;
}

static long result_register(const ucontext_t *context)
{
    (void)context;
    return 0;
}

#endif

void bide__trace_signal(struct bide__trace *trace, const void *context)
{
    struct walk here;
    walk(&here);
    size_t first = index_of(&here, interrupted_at(context));
    keep(trace, &here, first);
    if (first > 0)
        trace->frames[0] = here.frames[first]; /* not a return address */
}

bool bide__trace_cut_short(const void *context)
{
    return result_register(context) == -EINTR &&
           is_syscall(interrupted_at(context) - SYSCALL_LEN);
}

/* ── Printing ─────────────────────────────────────────────────────────── */

size_t bide__trace_line(const struct bide__trace *trace, size_t index,
                        char *buf, size_t size)
{
    struct bide__symbol symbol;
    const void *address = trace->frames[index];
    bide__symbol_find(address, true, &symbol);
    size_t used = (size_t)snprintf(buf, size, "at ");
    return used + bide__symbol_print(&symbol, address, buf + used,
                                     size - used);
}

/* SPDX-License-Identifier: MIT */
/*
 * sanitize.h — telling AddressSanitizer, ThreadSanitizer and Valgrind that
 * stacks are exchanged.
 *
 * Each context has one struct bide__fiber. Before a switch the running one
 * names the next; the first thing after a switch names who has arrived. All
 * of it is empty in an ordinary build.
 */
#ifndef BIDE_SRC_TASK_SANITIZE_H
#define BIDE_SRC_TASK_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define BIDE__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIDE__ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define BIDE__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BIDE__TSAN 1
#endif
#endif

#ifdef BIDE__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef BIDE__TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if defined(BIDE__VALGRIND)
#include <valgrind/valgrind.h>
#endif

/* Switches are followed at all, so they must not be made in tail position. */
#if defined(BIDE__ASAN) || defined(BIDE__TSAN)
#define BIDE__FIBERS 1
#endif

struct bide__fiber {
#ifdef BIDE__ASAN
    void *fake_stack;   /* saved by ASan while the fiber does not run */
    const void *bottom; /* lowest address of its stack */
    size_t size;        /* bytes of it */
#endif
#ifdef BIDE__TSAN
    void *tsan; /* ThreadSanitizer's own fiber */
#endif
#ifdef BIDE__VALGRIND
    unsigned valgrind; /* the stack's id */
#endif
    char unused; /* a struct needs a member */
};

/* A new stack from bottom to bottom + size. */
static inline void bide__fiber_create(struct bide__fiber *fiber, void *bottom,
                                      size_t size)
{
    (void)fiber, (void)bottom, (void)size;
#ifdef BIDE__ASAN
    fiber->fake_stack = NULL;
    fiber->bottom = bottom;
    fiber->size = size;
    __asan_unpoison_memory_region(bottom, size); /* of an earlier task */
#endif
#ifdef BIDE__TSAN
    fiber->tsan = __tsan_create_fiber(0);
#endif
#ifdef BIDE__VALGRIND
    fiber->valgrind =
        VALGRIND_STACK_REGISTER(bottom, (char *)bottom + size - 1);
#endif
}

/* Its task is gone; not called from the stack itself. */
static inline void bide__fiber_destroy(struct bide__fiber *fiber)
{
    (void)fiber;
#ifdef BIDE__TSAN
    if (fiber->tsan)
        __tsan_destroy_fiber(fiber->tsan);
    fiber->tsan = NULL;
#endif
#ifdef BIDE__VALGRIND
    VALGRIND_STACK_DEREGISTER(fiber->valgrind);
#endif
}

/* Memory that held stacks is unmapped: what comes to lie there next must not
 * find it poisoned. */
static inline void bide__fiber_unmapped(void *memory, size_t size)
{
    (void)memory, (void)size;
#ifdef BIDE__ASAN
    __asan_unpoison_memory_region(memory, size);
#endif
}

/* The thread's own stack takes part, too. */
static inline void bide__fiber_adopt_thread(struct bide__fiber *fiber)
{
    (void)fiber;
#ifdef BIDE__TSAN
    fiber->tsan = __tsan_get_current_fiber();
#endif
}

/* Right before the switch. `from` is NULL if it will never run again. */
static inline void bide__fiber_leave(struct bide__fiber *from,
                                     struct bide__fiber *to)
{
    (void)from, (void)to;
#ifdef BIDE__ASAN
    __sanitizer_start_switch_fiber(from ? &from->fake_stack : NULL, to->bottom,
                                   to->size);
#endif
#ifdef BIDE__TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* Right after the switch, on the new stack. `from` has been left; its bounds
 * are learned here if it was the thread's own stack. */
static inline void bide__fiber_arrive(struct bide__fiber *self,
                                      struct bide__fiber *from)
{
    (void)self, (void)from;
#ifdef BIDE__ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (from && !from->bottom) {
        from->bottom = bottom;
        from->size = size;
    }
#endif
}

#endif

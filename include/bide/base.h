/* SPDX-License-Identifier: MIT */
/*
 * <bide/base.h> — attributes, version and the allocator hook, shared by every
 * header of bide.
 *
 * A C call does not show that it may suspend, as `await` does in Python; the
 * attribute BIDE_SUSPENDS says it in the prototype instead. Whether a function
 * may suspend depends on no argument and no state: one with the attribute has
 * to be taken for a place where others run, even if it need not wait today.
 *
 * Memory is malloc's, unless a program says otherwise before its first loop:
 *
 *     bide_set_allocator(&counting);
 *     printf("bide %s, in our memory\n", bide_version());
 */
#ifndef BIDE_BASE_H
#define BIDE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
#define BIDE_BEGIN extern "C" {
#define BIDE_END }
#else
#define BIDE_BEGIN
#define BIDE_END
#endif

/* Exported from the shared library; everything else in it is hidden. */
#define BIDE_API __attribute__((visibility("default")))

/* The result says whether the call worked: ignoring it is a warning. */
#define BIDE_NODISCARD __attribute__((warn_unused_result))

/* May switch to other tasks before it returns; is a cancellation point. */
#if defined(__clang__)
#define BIDE_SUSPENDS __attribute__((annotate("bide suspends")))
#else
#define BIDE_SUSPENDS
#endif

/* Checks a format string and its arguments; positions count from one. */
#define BIDE_PRINTF(template_at, first_at)                                    \
    __attribute__((format(printf, template_at, first_at)))

#define BIDE_VERSION_MAJOR 0
#define BIDE_VERSION_MINOR 1
#define BIDE_VERSION_PATCH 0

BIDE_BEGIN

/*
 * bide_version — the version of the library in use, as "0.1.0".
 *
 * Returns:  a static string. It can be newer than the header's
 *           BIDE_VERSION_*, which say what the program was compiled against.
 * Suspends: never.
 * Thread:   any.
 * Like:     sys.version.
 */
BIDE_API const char *bide_version(void);

/*
 * bide_allocator — where the library's memory comes from.
 *
 * The three functions behave as malloc(3), realloc(3) and free(3) do, and
 * receive `data` first. They are called from any thread: those that run loops,
 * those that call what ends in _threadsafe, and the library's own. Stacks of
 * coroutines are mapped, not allocated, and do not pass through.
 */
typedef struct bide_allocator {
    void *(*allocate)(void *data, size_t size);
    void *(*reallocate)(void *data, void *memory, size_t size);
    void (*release)(void *data, void *memory);
    void *data;
} bide_allocator;

/*
 * bide_set_allocator — replace malloc for everything that bide allocates.
 *
 *   allocator   copied; NULL returns to malloc(3)
 *
 * Suspends: never.
 * Owns:     `allocator->data` stays the caller's and must outlive its use.
 * Thread:   any, while no loop exists: memory is released by the allocator
 *           that is set at that moment.
 * Like:     nothing in asyncio; compare PyMem_SetAllocator.
 */
BIDE_API void bide_set_allocator(const bide_allocator *allocator);

/*
 * bide_allocate — memory from the allocator that is set.
 *
 * Returns:  size bytes, or NULL.
 * Suspends: never.
 * Owns:     to be released by bide_release().
 * Thread:   any.
 * Like:     malloc(3).
 */
BIDE_API void *bide_allocate(size_t size);

/*
 * bide_reallocate — change the size of memory from bide_allocate().
 *
 * Returns:  the memory at its new place, or NULL: then it is where it was.
 * Suspends: never.
 * Thread:   any.
 * Like:     realloc(3).
 */
BIDE_API void *bide_reallocate(void *memory, size_t size);

/*
 * bide_release — return memory of bide_allocate().
 *
 *   memory   NULL is allowed
 * Suspends: never.
 * Thread:   any.
 * Like:     free(3).
 */
BIDE_API void bide_release(void *memory);

BIDE_END

#endif

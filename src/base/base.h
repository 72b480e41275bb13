/* SPDX-License-Identifier: MIT */
/*
 * base.h — what every layer may use: attributes, memory, complaints.
 *
 * The lowest layer. It includes nothing of bide's but its public base header.
 */
#ifndef BIDE_SRC_BASE_H
#define BIDE_SRC_BASE_H

#include <bide/base.h>
#include <bide/error.h>

#define BIDE__LIKELY(condition) __builtin_expect(!!(condition), 1)
#define BIDE__UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The address of the struct that holds `member` at `pointer`. */
#define BIDE__CONTAINER(pointer, type, member)                                \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

#define BIDE__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ── Memory: the only way to malloc ───────────────────────────────────── */

/* As malloc, calloc, realloc, strdup and free, through the allocator that
 * the user set. NULL means out of memory. */
void *bide__malloc(size_t size);
void *bide__calloc(size_t count, size_t size);
void *bide__realloc(void *memory, size_t size);
char *bide__strdup(const char *text);
void bide__free(void *memory);

/* realloc(3) and free(3) themselves, for what the user will free. */
void *bide__plain_realloc(void *memory, size_t size);
void bide__plain_free(void *memory);

/* ── Messages of errors ───────────────────────────────────────────────── */

/* The last message and the code it belongs to; code 0 means there is none. */
struct bide__message {
    int code;
    char text[BIDE_ERRMSG_MAX];
};

/* Copy only what a message holds. */
void bide__message_copy(struct bide__message *to,
                        const struct bide__message *from);

/* The slot of whatever runs: a layer above, which knows of tasks, installs
 * its own finder; until then each thread has one slot. */
typedef struct bide__message *bide__message_finder(void);
void bide__message_set_finder(bide__message_finder *finder);
struct bide__message *bide__message_of_thread(void);

/* ── Complaints ───────────────────────────────────────────────────────── */

/* A line on standard error, prefixed "bide: ". */
void bide__complain(const char *format, ...) BIDE_PRINTF(1, 2);

/* The same, then abort(3). */
_Noreturn void bide__die(const char *format, ...) BIDE_PRINTF(1, 2);

/* A precondition of the public interface, checked in release builds too. The
 * text names the function, what is wrong and what to do instead. */
#define BIDE__REQUIRE(condition, ...)                                         \
    do {                                                                      \
        if (BIDE__UNLIKELY(!(condition)))                                     \
            bide__die(__VA_ARGS__);                                           \
    } while (0)

/* An invariant of ours; debug builds check it. */
#ifdef BIDE__ASSERTIONS
#define BIDE__ASSERT(condition)                                               \
    do {                                                                      \
        if (BIDE__UNLIKELY(!(condition)))                                     \
            bide__die("%s:%d: assertion failed: %s", __FILE__, __LINE__,      \
                      #condition);                                            \
    } while (0)
#else
#define BIDE__ASSERT(condition) ((void)sizeof(condition))
#endif

#endif

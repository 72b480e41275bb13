/* SPDX-License-Identifier: MIT */
/*
 * <bide/arena.h> — memory that is given back all at once. Link with
 * libbide-model (pkg-config bide-model).
 *
 * What is read from one document, one request or one row has many small parts
 * and one end. An arena holds them all:
 *
 *     bide_arena arena = {0};
 *     rc = bide_json_decode(&bide_model_Item, text, len, &item, &arena, NULL);
 *     ...                            // item's strings lie in the arena
 *     bide_arena_free(&arena);
 *
 * One that is used again and again keeps its memory by bide_arena_reset(), and
 * then allocates nothing.
 */
#ifndef BIDE_ARENA_H
#define BIDE_ARENA_H

#include <bide/base.h>

BIDE_BEGIN

/* Zeroed means: empty, and the defaults. Only `max` is for callers. */
typedef struct bide_arena {
    char *at;                        /* where free memory begins */
    char *end;                       /* and ends, in the newest block */
    struct bide_arena_block *blocks; /* the newest first */
    size_t held;                     /* bytes of all blocks */
    size_t max;                      /* of `held`; 0: 256 MiB */
} bide_arena;

/*
 * bide_arena_allocate — memory that lives as long as the arena's.
 *
 * Returns:  size bytes, aligned for any type, or NULL: out of memory, or
 *           beyond the arena's `max`.
 * Suspends: never.
 * Owns:     the arena.
 * Thread:   one at a time.
 */
BIDE_API void *bide_arena_allocate(bide_arena *arena, size_t size);

/*
 * bide_arena_copy — bytes, and a NUL behind them.
 *
 * Returns:  the copy, or NULL as bide_arena_allocate() does.
 * Suspends: never.
 * Owns:     the arena.
 * Thread:   one at a time.
 * Like:     strndup(3).
 */
BIDE_API char *bide_arena_copy(bide_arena *arena, const void *bytes,
                               size_t len);

/*
 * bide_arena_reset — forget everything, and keep the largest block for what
 * comes next.
 *
 * Suspends: never.
 * Thread:   one at a time.
 */
BIDE_API void bide_arena_reset(bide_arena *arena);

/*
 * bide_arena_free — give all memory back. The arena is empty then, and can be
 * used again.
 *
 *   arena   NULL is allowed
 * Suspends: never.
 * Thread:   one at a time.
 */
BIDE_API void bide_arena_free(bide_arena *arena);

BIDE_END

#endif

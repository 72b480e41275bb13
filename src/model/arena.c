/* SPDX-License-Identifier: MIT */
/*
 * arena.c — memory that is given back all at once.
 *
 * Blocks form a list, the newest first; allocations come from the newest. Each
 * new block is twice as large as all before it, so there are few of them. What
 * is allocated last can grow in its place: lists grow that way.
 */
#include <stdalign.h>
#include <string.h>

#include "model/model.h"

#define BLOCK_MIN 2048
#define MAX ((size_t)256 << 20)
#define ALIGN alignof(max_align_t)

struct bide_arena_block {
    struct bide_arena_block *next;
    size_t size; /* with this head */
};

#define HEAD ((sizeof(struct bide_arena_block) + ALIGN - 1) & ~(ALIGN - 1))

static bool add_block(bide_arena *arena, size_t size)
{
    size_t max = arena->max != 0 ? arena->max : MAX;
    size_t most = max > arena->held ? max - arena->held : 0;
    if (size > most || most - size < HEAD)
        return false;
    size_t wanted = size + HEAD;
    if (wanted < BLOCK_MIN)
        wanted = BLOCK_MIN;
    if (wanted < 2 * arena->held)
        wanted = 2 * arena->held;
    if (wanted > most)
        wanted = most;
    struct bide_arena_block *block = bide_allocate(wanted);
    if (block == NULL)
        return false;
    block->next = arena->blocks;
    block->size = wanted;
    arena->blocks = block;
    arena->held += wanted;
    arena->at = (char *)block + HEAD;
    arena->end = (char *)block + wanted;
    return true;
}

void *bide_arena_allocate(bide_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGN - 1) & ~(ALIGN - 1);
    if ((size_t)(arena->end - arena->at) < size && !add_block(arena, size))
        return NULL;
    void *memory = arena->at;
    if (memory == NULL) { /* no bytes of an empty arena */
        if (!add_block(arena, ALIGN))
            return NULL;
        memory = arena->at;
    }
    arena->at += size;
    return memory;
}

void *bide__arena_grow(bide_arena *arena, void *memory, size_t old_size,
                       size_t new_size)
{
    size_t old_step = (old_size + ALIGN - 1) & ~(ALIGN - 1);
    size_t new_step = (new_size + ALIGN - 1) & ~(ALIGN - 1);
    char *begin = memory;
    if (begin != NULL && begin + old_step == arena->at &&
        new_size <= SIZE_MAX / 2 &&
        (size_t)(arena->end - begin) >= new_step) {
        arena->at = begin + new_step;
        return memory;
    }
    void *larger = bide_arena_allocate(arena, new_size);
    if (larger != NULL && old_size > 0)
        memcpy(larger, memory, old_size);
    return larger;
}

char *bide_arena_copy(bide_arena *arena, const void *bytes, size_t len)
{
    char *copy = len < SIZE_MAX ? bide_arena_allocate(arena, len + 1) : NULL;
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

static void free_blocks(struct bide_arena_block *block)
{
    while (block != NULL) {
        struct bide_arena_block *next = block->next;
        bide_release(block);
        block = next;
    }
}

void bide_arena_reset(bide_arena *arena)
{
    struct bide_arena_block *keep = arena->blocks; /* the newest: largest */
    if (keep == NULL)
        return;
    free_blocks(keep->next);
    keep->next = NULL;
    arena->held = keep->size;
    arena->at = (char *)keep + HEAD;
    arena->end = (char *)keep + keep->size;
}

void bide_arena_free(bide_arena *arena)
{
    if (arena == NULL)
        return;
    free_blocks(arena->blocks);
    arena->blocks = NULL;
    arena->at = arena->end = NULL;
    arena->held = 0;
}

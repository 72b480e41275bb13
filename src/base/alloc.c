/* SPDX-License-Identifier: MIT */
/*
 * alloc.c — the allocator hook. No other file may call malloc.
 */
#include <string.h>
#include <stdlib.h>

#include "base/base.h"

static void *default_allocate(void *data, size_t size)
{
    (void)data;
    return malloc(size);
}

static void *default_reallocate(void *data, void *memory, size_t size)
{
    (void)data;
    return realloc(memory, size);
}

static void default_release(void *data, void *memory)
{
    (void)data;
    free(memory);
}

static const bide_allocator default_allocator = {
    .allocate = default_allocate,
    .reallocate = default_reallocate,
    .release = default_release,
};

static bide_allocator current = {
    .allocate = default_allocate,
    .reallocate = default_reallocate,
    .release = default_release,
};

void bide_set_allocator(const bide_allocator *allocator)
{
    current = allocator ? *allocator : default_allocator;
}

void *bide__malloc(size_t size)
{
    return current.allocate(current.data, size);
}

void *bide__calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *memory = bide__malloc(bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

void *bide__realloc(void *memory, size_t size)
{
    return current.reallocate(current.data, memory, size);
}

char *bide__strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = bide__malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void bide__free(void *memory)
{
    if (memory)
        current.release(current.data, memory);
}

void *bide__plain_realloc(void *memory, size_t size)
{
    return realloc(memory, size);
}

void bide__plain_free(void *memory)
{
    free(memory);
}

void *bide_allocate(size_t size)
{
    return bide__malloc(size);
}

void *bide_reallocate(void *memory, size_t size)
{
    return bide__realloc(memory, size);
}

void bide_release(void *memory)
{
    bide__free(memory);
}

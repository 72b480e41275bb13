/* SPDX-License-Identifier: MIT */
/* alloc_test.c — memory comes from where the user says, and overflow of a
 * size is out of memory and not too little of it. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "test.h"

/* Counts what passes through it, then does as malloc does. */
struct counts {
    int allocated;
    int reallocated;
    int released;
};

static void *count_allocate(void *data, size_t size)
{
    ((struct counts *)data)->allocated++;
    return malloc(size);
}

static void *count_reallocate(void *data, void *memory, size_t size)
{
    ((struct counts *)data)->reallocated++;
    return realloc(memory, size);
}

static void count_release(void *data, void *memory)
{
    ((struct counts *)data)->released++;
    free(memory);
}

static void use_counting_allocator(struct counts *counts)
{
    bide_allocator allocator = {count_allocate, count_reallocate,
                                count_release, counts};
    bide_set_allocator(&allocator);
}

TEST(an_allocator_of_the_user_serves_every_function)
{
    struct counts counts = {0};
    use_counting_allocator(&counts);
    void *memory = bide__realloc(bide__malloc(8), 16);
    void *zeroed = bide__calloc(2, 8);
    char *text = bide__strdup("text");
    CHECK_STR(text, "text");
    CHECK_MEM(zeroed, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    bide__free(memory);
    bide__free(zeroed);
    bide__free(text);
    bide_set_allocator(NULL);
    CHECK_INT(counts.allocated, 3);
    CHECK_INT(counts.reallocated, 1);
    CHECK_INT(counts.released, 3);
}

TEST(without_an_allocator_malloc_serves_again)
{
    struct counts counts = {0};
    use_counting_allocator(&counts);
    bide_set_allocator(NULL);
    void *memory = bide__malloc(8);
    CHECK(memory);
    bide__free(memory);
    CHECK_INT(counts.allocated + counts.released, 0);
}

TEST(a_size_that_overflows_is_out_of_memory)
{
    CHECK(!bide__calloc(SIZE_MAX / 2 + 1, 2));
}

/* SPDX-License-Identifier: MIT */
/* stack.h — the stacks of one loop's tasks; stack.c tells how they are kept. */
#ifndef BIDE_SRC_TASK_STACK_H
#define BIDE_SRC_TASK_STACK_H

#include "base/base.h"

#define BIDE__STACK_MIN (16u << 10)
#define BIDE__STACK_DEFAULT (64u << 10)
#define BIDE__STACK_MAX (1u << 30)

/* One class a power of two, BIDE__STACK_MIN << i. */
#define BIDE__STACK_CLASSES 17

/* A mapping that holds many slots of one class. */
struct bide__chunk {
    struct bide__chunk *next; /* the class's older chunk */
    char *base;
    size_t slots;
    size_t carved; /* slots ever used: their guards are in place */
};

/* What lies in a slot that is free and still warm; over the task's struct. */
struct bide__free_slot {
    struct bide__free_slot *next;
};

struct bide__stack_class {
    struct bide__chunk *chunks;    /* newest first; only it has uncarved */
    struct bide__free_slot *warm;  /* free slots with their memory, newest
                                      first */
    size_t warm_count;
    size_t used;                   /* slots in use */
    size_t used_peak;              /* most of them since the last trim */
    char **cold;                   /* free slots without memory */
    size_t cold_count;
};

struct bide__stacks {
    struct bide__stack_class classes[BIDE__STACK_CLASSES];
};

/* The class for a size, or -1 if it is out of range. */
int bide__stack_class_of(size_t size);

static inline size_t bide__stack_size(int stack_class)
{
    return (size_t)BIDE__STACK_MIN << stack_class;
}

/*
 * Take a slot when no warm one is left. Returns the address for the task's
 * struct, `size` bytes near the upper end of the slot, 64-byte aligned; or
 * NULL with errno set. The struct is zero or was given back before.
 */
void *bide__stack_take_slow(struct bide__stacks *stacks, int stack_class,
                            size_t size);

static inline void *bide__stack_take(struct bide__stacks *stacks,
                                     int stack_class, size_t size)
{
    struct bide__stack_class *c = &stacks->classes[stack_class];
    struct bide__free_slot *slot = c->warm;
    if (BIDE__UNLIKELY(!slot))
        return bide__stack_take_slow(stacks, stack_class, size);
    c->warm = slot->next;
    c->warm_count--;
    if (++c->used > c->used_peak)
        c->used_peak = c->used;
    return slot;
}

/* Give a slot back: `task` is what bide__stack_take() returned. */
static inline void bide__stack_give(struct bide__stacks *stacks,
                                    int stack_class, void *task)
{
    struct bide__stack_class *c = &stacks->classes[stack_class];
    struct bide__free_slot *slot = task;
    slot->next = c->warm;
    c->warm = slot;
    c->warm_count++;
    c->used--;
}

/* The lowest usable address of the slot that holds a task's struct, above
 * the guard; the stack grows down to it. */
char *bide__stack_limit(struct bide__stacks *stacks, int stack_class,
                        const void *task);

/* Return the memory of a slot below its task's own page, so that what is
 * touched from now on can be told. */
void bide__stack_clean(struct bide__stacks *stacks, int stack_class,
                       void *task);

/* Bytes between the task's struct and the lowest page of its slot that has
 * ever been touched since the memory was last returned. */
size_t bide__stack_touched(struct bide__stacks *stacks, int stack_class,
                           const void *task);

/* Return memory of stacks that have not been needed lately. Called once in a
 * while; halves the surplus each time. */
void bide__stacks_trim(struct bide__stacks *stacks);

/* A place among the slots; zeroed is before the first. It stays good while
 * slots come into use and go out of it. */
struct bide__stacks_cursor {
    int stack_class;
    const struct bide__chunk *chunk; /* NULL: the class's newest is next */
    size_t slot;                     /* the next one */
};

/* The struct of the next slot that was ever used, NULL at the end. */
void *bide__stacks_next(struct bide__stacks *stacks, size_t size,
                        struct bide__stacks_cursor *cursor);

/* Call visit(data, struct's address) for every slot ever used; whether it
 * holds a task is for its contents to say. Stops when visit returns false. */
void bide__stacks_visit(struct bide__stacks *stacks, size_t size,
                        bool (*visit)(void *data, void *task), void *data);

/* Whether the kernel is too old to guard a page without a mapping of its own;
 * known once a stack was taken. */
bool bide__stack_guards_by_mprotect(void);

/* Unmap everything. */
void bide__stacks_free(struct bide__stacks *stacks);

#endif

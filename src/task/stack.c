/* SPDX-License-Identifier: MIT */
/*
 * stack.c — where the stacks of tasks come from.
 *
 * A slot holds everything of one task, so that a sleeping one costs a single
 * page: the task's struct at the upper end, its frames below, a guard page at
 * the lower end. Slots lie in chunks, each one mapping and twice as large as
 * the one before:
 *
 *     chunk  [ slot 0 | slot 1 | slot 2 | …                  ]
 *     slot   [ guard | (untouched)  … frames ◄─ | task | colour ]
 *
 * "Colour" is a gap of 0 to 7 times 192 bytes, by the number of the slot.
 * Without it the same cache sets would hold the hot lines of every task.
 *
 * Guards are installed by madvise(2) where the kernel can (6.13): it marks
 * the page without splitting the mapping, so a million stacks stay a dozen
 * mappings. Elsewhere mprotect(2) does it, at one mapping a stack, which ends
 * at vm.max_map_count (65,530 as a rule) with an error.
 *
 * Free slots are warm (memory kept, linked through themselves) or cold
 * (memory returned, remembered in an array that has room for every slot).
 *
 * Invariant: used + warm_count + cold_count = slots carved in all chunks.
 *
 * See docs/internals/stacks.md.
 */
#include "task/stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "task/sanitize.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* madvise(2), since Linux 6.13 */
#endif
_Static_assert(MADV_GUARD_INSTALL == 102, "the kernel's value");

#define FIRST_CHUNK ((size_t)4 << 20)  /* bytes of a class's first chunk */
#define LARGEST_CHUNK ((size_t)1 << 34)
#define COLOURS 8
#define COLOUR_STEP 192
#define WARM_MIN 64 /* free slots that are always kept warm */
#define PAGES_AT_ONCE 256u /* asked about by one mincore(2) */
#define PAGES_MIN 4 /* of a slot, one of them the guard; pages can be as large
                       as a stack is by default */

static size_t page_size(void)
{
    static _Atomic size_t size; /* every thread finds the same */
    if (!size)
        size = (size_t)sysconf(_SC_PAGESIZE);
    return size;
}

int bide__stack_class_of(size_t size)
{
    if (size > BIDE__STACK_MAX)
        return -1;
    size_t least = PAGES_MIN * page_size();
    if (size < least)
        size = least;
    int stack_class = 0;
    while (bide__stack_size(stack_class) < size)
        stack_class++;
    return stack_class;
}

/* ── Slots and chunks ─────────────────────────────────────────────────── */

static void *task_in_slot(const struct bide__chunk *chunk, size_t index,
                          size_t slot_size, size_t task_size)
{
    size_t colour = index % COLOURS * COLOUR_STEP;
    char *end = chunk->base + (index + 1) * slot_size;
    return end - colour - ((task_size + 63) & ~(size_t)63);
}

static struct bide__chunk *add_chunk(struct bide__stack_class *c,
                                     size_t slot_size)
{
    size_t bytes = c->chunks ? 2 * c->chunks->slots * slot_size : FIRST_CHUNK;
    if (bytes > LARGEST_CHUNK)
        bytes = LARGEST_CHUNK;
    if (bytes < slot_size)
        bytes = slot_size;
    size_t before = 0;
    for (struct bide__chunk *chunk = c->chunks; chunk; chunk = chunk->next)
        before += chunk->slots;
    struct bide__chunk *chunk = bide__malloc(sizeof *chunk);
    if (!chunk)
        goto no_memory;
    size_t room = (before + bytes / slot_size) * sizeof *c->cold;
    char **cold = bide__realloc(c->cold, room);
    if (!cold)
        goto no_memory;
    c->cold = cold;
    void *base = MAP_FAILED;
    for (; base == MAP_FAILED && bytes >= slot_size; bytes /= 2)
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        goto no_memory;
    bytes *= 2; /* the loop halved once more after its success */
    (void)madvise(base, bytes, MADV_NOHUGEPAGE); /* else 2 MiB a stack; a
                                        kernel without huge pages refuses */
    *chunk = (struct bide__chunk){c->chunks, base, bytes / slot_size, 0};
    c->chunks = chunk;
    return chunk;
no_memory:
    bide__free(chunk);
    errno = ENOMEM;
    return NULL;
}

/* The kernel is older than 6.13, or the memory is locked by mlockall(2). */
static atomic_bool no_madvise;

bool bide__stack_guards_by_mprotect(void)
{
    return no_madvise;
}

/* Make the lowest page of a slot fault on any access. */
static int install_guard(char *slot)
{
    if (!no_madvise) {
        if (madvise(slot, page_size(), MADV_GUARD_INSTALL) == 0)
            return 0;
        if (errno != EINVAL)
            return -errno;
        no_madvise = true;
    }
    if (mprotect(slot, page_size(), PROT_NONE) == 0)
        return 0;
    return errno == ENOMEM
               ? bide_raise(-ENOMEM, "no mapping left for a stack's guard "
                                     "page, see the sysctl vm.max_map_count")
               : -errno;
}

void *bide__stack_take_slow(struct bide__stacks *stacks, int stack_class,
                            size_t size)
{
    struct bide__stack_class *c = &stacks->classes[stack_class];
    size_t slot_size = bide__stack_size(stack_class);
    char *task;
    if (c->cold_count > 0) {
        task = c->cold[--c->cold_count];
    } else {
        struct bide__chunk *chunk = c->chunks;
        if (!chunk || chunk->carved == chunk->slots)
            chunk = add_chunk(c, slot_size);
        if (!chunk)
            return NULL;
        int rc = install_guard(chunk->base + chunk->carved * slot_size);
        if (rc < 0) {
            errno = -rc;
            return NULL;
        }
        task = task_in_slot(chunk, chunk->carved, slot_size, size);
        chunk->carved++;
    }
    if (++c->used > c->used_peak)
        c->used_peak = c->used;
    return task;
}

static struct bide__chunk *chunk_of(struct bide__stack_class *c,
                                    size_t slot_size, const void *task)
{
    struct bide__chunk *chunk = c->chunks;
    while (chunk &&
           (size_t)((const char *)task - chunk->base) >=
               chunk->slots * slot_size)
        chunk = chunk->next;
    return chunk;
}

static char *slot_of(struct bide__stacks *stacks, int stack_class,
                     const void *task)
{
    size_t slot_size = bide__stack_size(stack_class);
    struct bide__chunk *chunk =
        chunk_of(&stacks->classes[stack_class], slot_size, task);
    BIDE__ASSERT(chunk != NULL);
    size_t offset = (size_t)((const char *)task - chunk->base);
    return chunk->base + offset / slot_size * slot_size;
}

char *bide__stack_limit(struct bide__stacks *stacks, int stack_class,
                        const void *task)
{
    return slot_of(stacks, stack_class, task) + page_size();
}

/* ── How deep a stack was ─────────────────────────────────────────────── */

/* The page that holds the struct has frames, too: it stays. */
void bide__stack_clean(struct bide__stacks *stacks, int stack_class,
                       void *task)
{
    char *limit = bide__stack_limit(stacks, stack_class, task);
    char *page = (char *)((uintptr_t)task & ~(uintptr_t)(page_size() - 1));
    if (page > limit)
        (void)madvise(limit, (size_t)(page - limit), MADV_DONTNEED);
}

/* mincore(2) tells which pages have memory without touching any. */
size_t bide__stack_touched(struct bide__stacks *stacks, int stack_class,
                           const void *task)
{
    unsigned char in_memory[PAGES_AT_ONCE];
    size_t page = page_size();
    char *at = bide__stack_limit(stacks, stack_class, task);
    const char *end = task;
    while (at < end) {
        size_t pages = ((size_t)(end - at) + page - 1) / page;
        if (pages > PAGES_AT_ONCE)
            pages = PAGES_AT_ONCE;
        if (mincore(at, pages * page, in_memory) < 0)
            return 0; /* the kernel is out of memory itself */
        for (size_t i = 0; i < pages; i++, at += page)
            if (in_memory[i] & 1)
                return at < end ? (size_t)(end - at) : 0;
    }
    return 0;
}

/* ── Trimming, visiting, the end ──────────────────────────────────────── */

static void trim_class(struct bide__stacks *stacks, int stack_class)
{
    struct bide__stack_class *c = &stacks->classes[stack_class];
    size_t wanted = c->used_peak - c->used + WARM_MIN;
    c->used_peak = c->used;
    if (c->warm_count <= wanted)
        return;
    size_t surplus = (c->warm_count - wanted + 1) / 2;
    size_t slot_size = bide__stack_size(stack_class);
    for (; surplus > 0; surplus--) {
        struct bide__free_slot *warm = c->warm;
        c->warm = warm->next;
        c->warm_count--;
        char *slot = slot_of(stacks, stack_class, warm);
        (void)madvise(slot + page_size(), slot_size - page_size(),
                      MADV_DONTNEED); /* cannot fail on our own mapping */
        c->cold[c->cold_count++] = (char *)warm;
    }
}

void bide__stacks_trim(struct bide__stacks *stacks)
{
    for (int i = 0; i < BIDE__STACK_CLASSES; i++)
        if (stacks->classes[i].chunks)
            trim_class(stacks, i);
}

void *bide__stacks_next(struct bide__stacks *stacks, size_t size,
                        struct bide__stacks_cursor *cursor)
{
    for (; cursor->stack_class < BIDE__STACK_CLASSES; cursor->stack_class++) {
        const struct bide__chunk *chunk =
            cursor->chunk ? cursor->chunk
                          : stacks->classes[cursor->stack_class].chunks;
        while (chunk && cursor->slot == chunk->carved) {
            chunk = chunk->next;
            cursor->slot = 0;
        }
        cursor->chunk = chunk;
        if (chunk)
            return task_in_slot(chunk, cursor->slot++,
                                bide__stack_size(cursor->stack_class), size);
    }
    return NULL;
}

void bide__stacks_visit(struct bide__stacks *stacks, size_t size,
                        bool (*visit)(void *data, void *task), void *data)
{
    struct bide__stacks_cursor cursor = {.stack_class = 0};
    void *task;
    while ((task = bide__stacks_next(stacks, size, &cursor)))
        if (!visit(data, task))
            return;
}

void bide__stacks_free(struct bide__stacks *stacks)
{
    for (int i = 0; i < BIDE__STACK_CLASSES; i++) {
        struct bide__stack_class *c = &stacks->classes[i];
        while (c->chunks) {
            struct bide__chunk *chunk = c->chunks;
            c->chunks = chunk->next;
            size_t size = chunk->slots * bide__stack_size(i);
            bide__fiber_unmapped(chunk->base, size);
            munmap(chunk->base, size);
            bide__free(chunk);
        }
        bide__free(c->cold);
        *c = (struct bide__stack_class){.chunks = NULL};
    }
}

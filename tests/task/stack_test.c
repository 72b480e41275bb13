/* SPDX-License-Identifier: MIT */
/* stack_test.c — stacks: guarded, reused, returned, and few mappings. */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helpers/death.h"
#include "helpers/emulated.h"
#include "task/stack.h"
#include "task/task.h"
#include "test.h"

/* ── Overflow ─────────────────────────────────────────────────────────── */

static volatile int depth = 1000000; /* more than any stack holds */

static int recurse(int level)
{
    volatile char frame[512];
    frame[0] = (char)level;
    return level < depth ? recurse(level + 1) + frame[0] : 0;
}

static int overflow(void *arg)
{
    (void)arg;
    return recurse(0);
}

static int start_overflow(void *arg)
{
    const bide_task_options options = {.name = "digger"};
    (void)arg;
    return bide_await(bide_create_task_with(overflow, NULL, &options));
}

static void run_overflow(void)
{
    (void)!bide_run(start_overflow, NULL);
}

TEST(running_over_the_guard_names_the_task_and_its_stack)
{
    if (EMULATED) {
        test_skip("QEMU accepts and ignores MADV_GUARD_INSTALL");
        return;
    }
    CHECK_DIES(run_overflow,
               "task 'digger' has overflowed its stack of 65536 bytes");
}

static int use_most(void *arg)
{
    volatile char block[200 * 1024];
    (void)arg;
    memset((char *)(uintptr_t)block, 1, sizeof block);
    return block[7];
}

static int start_large(void *arg)
{
    const bide_task_options options = {.stack_size = 256 * 1024};
    (void)arg;
    return bide_await(bide_create_task_with(use_most, NULL, &options));
}

TEST(a_task_can_have_a_larger_stack)
{
    CHECK_INT(bide_run(start_large, NULL), 1);
}

static int overflow_on_thread_stack(void *arg)
{
    (void)arg;
    static volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1; /* not a guard: somebody else's fault */
    return 0;
}

static void run_plain_fault(void)
{
    (void)!bide_run(overflow_on_thread_stack, NULL);
}

#ifndef __SANITIZE_ADDRESS__
TEST(another_fault_is_left_to_the_system)
{
    char output[512];
    CHECK_INT(run_in_child(run_plain_fault, output, sizeof output), SIGSEGV);
    if (!EMULATED) /* QEMU has a word to say */
        CHECK_STR(output, "");
}
#else
TEST(another_fault_is_left_to_the_sanitizer)
{
    char output[8192];
    (void)run_in_child(run_plain_fault, output, sizeof output);
    CHECK(strstr(output, "AddressSanitizer") != NULL);
    CHECK(strstr(output, "overflowed its stack") == NULL);
}
#endif

/* ── The pool ─────────────────────────────────────────────────────────── */

#define SLOT 384

static size_t mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    size_t lines = 0;
    for (int c; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

static bool guards_split_mappings(void)
{
    return bide__stack_guards_by_mprotect();
}

TEST(thousands_of_stacks_are_a_few_mappings)
{
    enum { MANY = 20000 };
    struct bide__stacks stacks = {0};
    size_t before = mappings();
    for (int i = 0; i < MANY; i++)
        CHECK(bide__stack_take(&stacks, 2, SLOT) != NULL);
    if (guards_split_mappings())
        test_skip("this kernel has no MADV_GUARD_INSTALL");
    else
        CHECK(mappings() < before + 20);
    CHECK_INT(stacks.classes[2].used, MANY);
    bide__stacks_free(&stacks);
}

TEST(a_stack_that_was_given_back_is_taken_next)
{
    struct bide__stacks stacks = {0};
    void *first = bide__stack_take(&stacks, 2, SLOT);
    void *second = bide__stack_take(&stacks, 2, SLOT);
    CHECK(first != second);
    bide__stack_give(&stacks, 2, first);
    CHECK(bide__stack_take(&stacks, 2, SLOT) == first);
    bide__stacks_free(&stacks);
}

TEST(sizes_are_rounded_up_to_a_class)
{
    if (sysconf(_SC_PAGESIZE) == 4096) {
        CHECK_INT(bide__stack_class_of(1), 0);
        CHECK_INT(bide__stack_class_of(16384), 0);
        CHECK_INT(bide__stack_class_of(16385), 1);
        CHECK_INT(bide__stack_class_of(65536), 2);
    }
    CHECK_INT(bide__stack_class_of((size_t)1 << 30), 16);
    CHECK_INT(bide__stack_class_of(((size_t)1 << 30) + 1), -1);
}

TEST(the_guard_takes_at_most_a_quarter_of_a_slot)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK(bide__stack_size(bide__stack_class_of(1)) >= 4 * page);
}

static size_t resident_pages(void)
{
    size_t total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (fscanf(file, "%zu %zu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident;
}

TEST(trimming_returns_the_memory_of_stacks_not_needed)
{
    enum { MANY = 4000 };
    static void *slots[MANY];
    struct bide__stacks stacks = {0};
    for (int i = 0; i < MANY; i++) {
        slots[i] = bide__stack_take(&stacks, 2, SLOT);
        memset(slots[i], 1, SLOT);
    }
    size_t full = resident_pages();
    for (int i = 0; i < MANY; i++)
        bide__stack_give(&stacks, 2, slots[i]);
    for (int i = 0; i < 20; i++)
        bide__stacks_trim(&stacks);
    CHECK(stacks.classes[2].warm_count <= 65);
    CHECK(resident_pages() + MANY / 2 < full);
    for (int i = 0; i < MANY; i++) /* and they can all be used again */
        memset(bide__stack_take(&stacks, 2, SLOT), 2, SLOT);
    bide__stacks_free(&stacks);
}

TEST(slots_differ_in_colour)
{
    struct bide__stacks stacks = {0};
    uintptr_t first = (uintptr_t)bide__stack_take(&stacks, 2, SLOT) % 4096;
    uintptr_t second = (uintptr_t)bide__stack_take(&stacks, 2, SLOT) % 4096;
    CHECK_INT(first - second, 192);
    bide__stacks_free(&stacks);
}

static bool count_slot(void *data, void *task)
{
    (void)task;
    ++*(int *)data;
    return true;
}

TEST(visiting_reaches_every_slot_that_was_used)
{
    struct bide__stacks stacks = {0};
    for (int i = 0; i < 100; i++)
        (void)bide__stack_take(&stacks, i % 3, SLOT);
    int count = 0;
    bide__stacks_visit(&stacks, SLOT, count_slot, &count);
    CHECK_INT(count, 100);
    bide__stacks_free(&stacks);
}

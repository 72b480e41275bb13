/* SPDX-License-Identifier: MIT */
/* symbol_test.c — code addresses get the names that the files know. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/line.h"
#include "base/symbol.h"
#include "test.h"

/* ── Programs and libraries ───────────────────────────────────────────── */

__attribute__((noinline)) static const void *where_called(void)
{
    __asm__ volatile("");
    return (const char *)__builtin_return_address(0) - 1;
}

TEST(a_static_function_is_named_with_its_source_line)
{
    struct bide__symbol symbol;
    const void *here = where_called();
    const int line = __LINE__ - 1;
    bide__symbol_find(here, true, &symbol);
    CHECK_STR(symbol.function,
              "a_static_function_is_named_with_its_source_line");
    CHECK_STR(symbol.file, "symbol_test.c");
    CHECK_INT(symbol.line, line);
}

TEST(without_the_wish_for_lines_there_is_none)
{
    struct bide__symbol symbol;
    bide__symbol_find(where_called(), false, &symbol);
    CHECK_STR(symbol.function, "without_the_wish_for_lines_there_is_none");
    CHECK_STR(symbol.file, "");
    CHECK_INT(symbol.line, 0);
}

TEST(a_function_of_a_library_is_named_with_it)
{
    struct bide__symbol symbol;
    char text[160];
    const void *address = (const char *)(uintptr_t)qsort + 1;
    bide__symbol_find(address, true, &symbol);
    if (strncmp(symbol.module, "libc", 4) != 0) {
        test_skip("the C library is linked statically, or wrapped");
        return;
    }
    CHECK_STR(symbol.function, "qsort");
    bide__symbol_print(&symbol, address, text, sizeof text);
    CHECK(strstr(text, "qsort+0x1 (libc") == text);
}

TEST(an_address_of_nothing_is_printed_as_it_is)
{
    struct bide__symbol symbol;
    char text[64];
    bide__symbol_find((void *)16, true, &symbol);
    CHECK_STR(symbol.module, "");
    bide__symbol_print(&symbol, (void *)16, text, sizeof text);
    CHECK_STR(text, "0x10");
}

TEST(a_line_is_cut_to_the_room_there_is)
{
    const struct bide__symbol symbol = {
        .function = "fetch", .file = "client.c", .line = 12};
    char text[10];
    CHECK_INT(bide__symbol_print(&symbol, NULL, text, sizeof text), 9);
    CHECK_STR(text, "fetch (cl");
}

/* ── Line tables ──────────────────────────────────────────────────────── */

/* What both tables say: b.c:10 at 0x1000, b.c:12 at 0x1008, end at 0x1020. */
static const unsigned char version_4[] = {
    66, 0, 0, 0,        /* length of what follows */
    4, 0,               /* version */
    34, 0, 0, 0,        /* length of the header's rest */
    1, 1, 1, 0xfb, 14,  /* instruction, operations, statement, line: -5, 14 */
    13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, /* operands of opcodes 1 to 12 */
    0,                  /* no directories */
    'a', '.', 'c', 0, 0, 0, 0,
    'b', '.', 'c', 0, 0, 0, 0,
    0,                  /* no more files */
    0, 9, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, /* address 0x1000 */
    4, 2, 3, 9, 1,      /* file 2, 9 lines on, a row */
    2, 8, 3, 2, 1,      /* 8 bytes on, 2 lines on, a row */
    2, 24, 0, 1, 1,     /* 24 bytes on, end of the sequence */
};

static const unsigned char version_5[] = {
    75, 0, 0, 0,        /* length of what follows */
    5, 0, 8, 0,         /* version, sizes of addresses and of selectors */
    47, 0, 0, 0,        /* length of the header's rest */
    1, 1, 1, 0xfb, 14,
    13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1,
    1, 1, 8,            /* directories have one field: a path, a string */
    1, '/', 's', 'r', 'c', 0,
    2, 1, 8, 2, 11,     /* files have two: a path, and a byte */
    2, 'x', '/', 'a', '.', 'c', 0, 0,
    'x', '/', 'b', '.', 'c', 0, 0,
    0, 9, 2, 0, 0x10, 0, 0, 0, 0, 0, 0,
    3, 9, 1,            /* 9 lines on, a row */
    132,                /* 8 bytes and 2 lines on, a row */
    2, 24, 0, 1, 1,
};

/* Look in a copy that is exactly as long as the table, so that AddressSanitizer
 * sees a read beyond its end. Returns the line, 0 if there is none. */
static unsigned find(const unsigned char *bytes, size_t size, size_t address,
                     char name[16])
{
    unsigned char *copy = malloc(size + 1);
    unsigned line = 0;
    if (!CHECK(copy != NULL))
        return 0;
    memcpy(copy + 1, bytes, size);
    const struct bide__line_table table = {.line = {copy + 1, size}};
    if (!bide__line_find(&table, address, name, 16, &line))
        line = 0;
    free(copy);
    return line;
}

static void check_table(const unsigned char *bytes, size_t size)
{
    char name[16] = "";
    CHECK_INT(find(bytes, size, 0xfff, name), 0);
    CHECK_INT(find(bytes, size, 0x1000, name), 10);
    CHECK_STR(name, "b.c");
    CHECK_INT(find(bytes, size, 0x1007, name), 10);
    CHECK_INT(find(bytes, size, 0x1008, name), 12);
    CHECK_INT(find(bytes, size, 0x101f, name), 12);
    CHECK_INT(find(bytes, size, 0x1020, name), 0);
}

TEST(line_tables_of_old_and_new_versions_are_read)
{
    if (sizeof(void *) != 8) {
        test_skip("the tables are for 64 bits");
        return;
    }
    check_table(version_4, sizeof version_4);
    check_table(version_5, sizeof version_5);
}

static void damage(const unsigned char *bytes, size_t size)
{
    unsigned char copy[128];
    char name[16];
    for (size_t i = 0; i < size; i++) {
        (void)find(bytes, i, 0x1008, name);
        memcpy(copy, bytes, size);
        for (unsigned value = 0; value < 256; value++) {
            copy[i] = (unsigned char)value;
            (void)find(copy, size, 0x1008, name);
        }
    }
}

TEST(damaged_line_tables_are_not_read_beyond_their_ends)
{
    damage(version_4, sizeof version_4);
    damage(version_5, sizeof version_5);
}

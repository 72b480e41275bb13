/* SPDX-License-Identifier: MIT */
/* line.h — from a code address to a source line, by DWARF; see line.c. */
#ifndef BIDE_SRC_BASE_LINE_H
#define BIDE_SRC_BASE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A section of an ELF file, or nothing. */
struct bide__section {
    const unsigned char *bytes;
    size_t size;
};

/* The sections that line tables are spread over. */
struct bide__line_table {
    struct bide__section line; /* .debug_line */
    struct bide__section line_str;
    struct bide__section str;
};

/*
 * The source line that an address belongs to, as addresses are in the file.
 * `file` receives the file's name, NUL-terminated and cut to `size`. Damaged
 * tables give false or a wrong name, and are never read beyond their ends.
 */
bool bide__line_find(const struct bide__line_table *table, uint64_t address,
                     char *file, size_t size, unsigned *ret_line);

#endif

/* SPDX-License-Identifier: MIT */
/* symbol.h — naming code addresses; see symbol.c. */
#ifndef BIDE_SRC_BASE_SYMBOL_H
#define BIDE_SRC_BASE_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of an address; empty and 0 where nothing is. */
struct bide__symbol {
    char function[96];
    char module[48];  /* file name of the program or library */
    uintptr_t offset; /* from the function's beginning, else the module's */
    char file[64];    /* source file, without directories */
    unsigned line;
};

/* Name an address of code. Reads files: not for signal handlers. `lines` says
 * whether the source line is wanted, too. */
void bide__symbol_find(const void *address, bool lines,
                       struct bide__symbol *symbol);

/* "fetch (client.c:12)", "fetch+0x1c (client)" or "0x7f… (client+0x1c)". The
 * bytes written, without the NUL; cut to size, which is at least 1. */
size_t bide__symbol_print(const struct bide__symbol *symbol,
                          const void *address, char *buf, size_t size);

#endif

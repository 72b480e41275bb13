/* SPDX-License-Identifier: MIT */
/* cache.h — programs that were compiled before; see cache.c. */
#ifndef BIDE_CLI_CACHE_H
#define BIDE_CLI_CACHE_H

#include <limits.h>
#include <time.h>

#include "cli.h"

/* A program in the cache, or on its way there. */
struct entry {
    char program[PATH_MAX];
    char inputs[PATH_MAX];    /* the files that it was made of */
    char temporary[PATH_MAX]; /* the program while it is being made */
    char rules[PATH_MAX];     /* what the compiler says it has read */
    struct timespec began;    /* when it was opened */
};

/* A number for everything that a program is made by; begins as FNV_START. */
#define FNV_START UINT64_C(14695981039346656037)
uint64_t fnv(uint64_t hash, const void *bytes, size_t size);

/* Name the entry for a key, and make the cache if it is not there. Returns a
 * status, after a complaint. */
int cache_open(uint64_t key, struct entry *entry);

/* Whether the program is there, and nothing that it was made of has changed
 * since. */
bool cache_has(const struct entry *entry);

/* The temporary program is ready: put it in its place. Returns a status. */
int cache_put(const struct entry *entry);

/* Making it has failed. */
void cache_drop(const struct entry *entry);

#endif

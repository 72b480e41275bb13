/* SPDX-License-Identifier: MIT */
/*
 * <bide/waiters.h> — the list of waiting tasks inside locks, events, futures
 * and their like.
 *
 * Here only because those objects lie in the caller's memory; nothing in it
 * is for use by programs. Zeroed is an empty list.
 */
#ifndef BIDE_WAITERS_H
#define BIDE_WAITERS_H

struct bide__waiter; /* on the stack of a task that waits */

struct bide__waiters {
    struct bide__waiter *first; /* has waited longest */
    struct bide__waiter *last;
};

#endif

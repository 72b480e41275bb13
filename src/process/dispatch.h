/* SPDX-License-Identifier: MIT */
/* dispatch.h — from the process's signal handler to the loops that asked. */
#ifndef BIDE_SRC_PROCESS_DISPATCH_H
#define BIDE_SRC_PROCESS_DISPATCH_H

#include <bide/engine.h>

/* Signals are 1 to BIDE__SIGNAL_MAX; a set of them has bit number - 1. */
#define BIDE__SIGNAL_MAX 64
#define BIDE__SIGNAL_BIT(number) (UINT64_C(1) << ((number)-1))

/* A loop's place at the dispatcher. Never freed, used again. */
struct bide__hub;

/*
 * Take a place. `run` is called on the engine's thread, by a post, when
 * signals have come that bide__hub_take() then tells. Returns -ENOSPC when all
 * places are taken.
 */
int bide__hub_open(bide_engine *engine, void (*run)(void *data), void *data,
                   struct bide__hub **ret_hub);

/* Give it back. Afterwards `run` is not called and no handler uses the engine
 * any more; a post may be under way that the engine has still to run. Pre:
 * nothing is wanted. */
void bide__hub_close(struct bide__hub *hub);

/* Begin to want a signal: install the handler if nobody did. Returns 0, or
 * -EINVAL for one that cannot be caught. */
int bide__hub_want(struct bide__hub *hub, int number);

/* Stop: restore what was there before if nobody wants it any more. */
void bide__hub_unwant(struct bide__hub *hub, int number);

/* The signals that came since the last call. */
uint64_t bide__hub_take(struct bide__hub *hub);

#endif

/* SPDX-License-Identifier: MIT */
/* watchdog.h — where a step that takes too long is; see watchdog.c. */
#ifndef BIDE_SRC_TASK_WATCHDOG_H
#define BIDE_SRC_TASK_WATCHDOG_H

#include "task/trace.h"

struct bide__watchdog;

/* Start watching the steps of a loop. NULL if it cannot be done: steps are
 * then timed all the same, only without a backtrace. */
struct bide__watchdog *bide__watchdog_new(int64_t limit_ns);

/* A step begins on this thread; `now_ns` is of CLOCK_MONOTONIC. */
void bide__watchdog_begin(struct bide__watchdog *watchdog, int64_t now_ns);

/* It has ended. Returns where it was when its time was over, valid until the
 * next one begins; NULL if it was in time. *ret_cut says whether a system
 * call was cut short by looking. */
const struct bide__trace *bide__watchdog_end(struct bide__watchdog *watchdog,
                                             bool *ret_cut);

/* NULL is allowed. */
void bide__watchdog_free(struct bide__watchdog *watchdog);

#endif

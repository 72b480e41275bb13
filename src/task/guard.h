/* SPDX-License-Identifier: MIT */
/* guard.h — naming the task whose stack overflowed; guard.c tells how. */
#ifndef BIDE_SRC_TASK_GUARD_H
#define BIDE_SRC_TASK_GUARD_H

#include <stdbool.h>

/* Watch for overflows on this thread; returns whether it is watched. Calls
 * nest, each successful one is undone by bide__guard_remove(). */
bool bide__guard_install(void);
void bide__guard_remove(void);

#endif

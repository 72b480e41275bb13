/* SPDX-License-Identifier: MIT */
/* fork.h — what becomes of loops in a child of fork(2). */
#ifndef BIDE_SRC_TASK_FORK_H
#define BIDE_SRC_TASK_FORK_H

#include <stdbool.h>

/* Have forks noticed from now on. Cheap when they are already. */
void bide__fork_watch(void);

/* Whether this thread has come out of a fork in the middle of its parent's
 * loop, and has not begun one of its own. */
bool bide__fork_orphaned(void);

/* Report that a child of fork went on in its parent's loop, and abort. */
_Noreturn void bide__die_forked(void);

/* SIGINT is no longer the parent's business; run.c. */
void bide__interrupt_after_fork(void);

#endif

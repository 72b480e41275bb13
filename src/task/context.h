/* SPDX-License-Identifier: MIT */
/* context.h — context values on threads that run no loop. */
#ifndef BIDE_SRC_TASK_CONTEXT_H
#define BIDE_SRC_TASK_CONTEXT_H

struct bide__context;

/* Let functions on this thread read a context; NULL ends it. Whoever lends it
 * keeps a reference and does not change it meanwhile. */
void bide__context_lend(const struct bide__context *context);

#endif

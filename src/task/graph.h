/* SPDX-License-Identifier: MIT */
/* graph.h — describing tasks, for printing and for tools; see graph.c. */
#ifndef BIDE_SRC_TASK_GRAPH_H
#define BIDE_SRC_TASK_GRAPH_H

#include "task/task.h"

#define BIDE__FUNCTION_MAX 64 /* bytes of a function's name with its NUL */
#define BIDE__FUNCTIONS 16    /* names that are remembered */

/* Names of coroutines, remembered because finding one reads a file and many
 * tasks run the same. Zeroed means: empty. */
struct bide__functions {
    struct {
        bide_coroutine *fn;
        char name[BIDE__FUNCTION_MAX];
    } known[BIDE__FUNCTIONS];
    unsigned next; /* the entry that is replaced next */
};

/* The name of the function a task runs, or its address as text; borrowed
 * until the next call. */
const char *bide__function_name(struct bide__functions *functions,
                                const bide_task *task);

/* "running", "ready", "not started", "ended", or "in" before what it waits
 * in; that is bide__wait_name(). */
const char *bide__state_name(const bide_task *task);

/* The call that it waits in, or last waited in; "" if there is none. */
const char *bide__wait_name(const bide_task *task);

#endif

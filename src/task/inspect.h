/* SPDX-License-Identifier: MIT */
/* inspect.h — letting tools look at a running loop; see inspect.c. */
#ifndef BIDE_SRC_TASK_INSPECT_H
#define BIDE_SRC_TASK_INSPECT_H

#include "task/task.h"

#define BIDE__SNAPSHOT_BUFFER 16384 /* bytes that are sent at once */

/* What is written for a client. Lines that do not fit are sent, which
 * suspends; an error stays, and what comes after it is dropped. */
struct bide__snapshot {
    bide_task *self; /* the task that writes */
    bide_fd *peer;
    int error;
    size_t used;
    char buffer[BIDE__SNAPSHOT_BUFFER];
};

/* Send what is written so far. Returns 0 or a negative code. */
int bide__snapshot_flush(struct bide__snapshot *snapshot);

/* Write what a client asked for: "loop", "tasks" or "stacks". */
int bide__snapshot_write(struct bide__snapshot *snapshot, const char *request);

/* Open the loop to tools if the environment says so. */
void bide__inspect_start(bide_loop *loop);

#endif

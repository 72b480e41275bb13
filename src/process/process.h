/* SPDX-License-Identifier: MIT */
/* process.h — a child process from inside. */
#ifndef BIDE_SRC_PROCESS_PROCESS_H
#define BIDE_SRC_PROCESS_PROCESS_H

#include <bide/process.h>
#include <bide/timeout.h>

#include "io/stream.h"
#include "task/waiter.h"

struct bide_process {
    bide_loop *loop;
    struct bide__resource resource;
    bide_fd pidfd; /* attached as long as the child has not ended */
    bide_op exit;  /* a poll of pidfd, in flight as long */
    pid_t pid;
    bool ended;   /* and reaped: returncode is set */
    bool closing; /* the owner has let go: freed when it has ended */
    int returncode;
    struct bide__waiters waiters; /* in bide_process_wait() */
    bide_stream *streams[3]; /* NULL, or referenced beyond their closing */
};

/* Watch the child behind a pidfd from now on. Returns 0, and the descriptor
 * is the process's; or a negative code. Never suspends. */
int bide__process_watch(bide_process *process, int pidfd);

/* Kill a child that cannot be watched, and wait for its end. Returns its
 * returncode. Blocks, if only for a moment. */
int bide__process_end_now(int pidfd);

/* Close the streams and let go of them. */
void bide__process_close_streams(bide_process *process);

#endif

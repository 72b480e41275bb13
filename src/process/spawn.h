/* SPDX-License-Identifier: MIT */
/* spawn.h — starting a program, as work for a thread of a pool. */
#ifndef BIDE_SRC_PROCESS_SPAWN_H
#define BIDE_SRC_PROCESS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Which step failed, for the message. */
enum bide__spawn_step {
    BIDE__SPAWN_FORK,
    BIDE__SPAWN_GROUP,
    BIDE__SPAWN_CWD,
    BIDE__SPAWN_STDIO,
    BIDE__SPAWN_PASS,
    BIDE__SPAWN_EXEC
};

/* What to start, and what has become of it. All it points at must stay in
 * place until bide__spawn() has returned. */
struct bide__spawn {
    const char *file; /* with a slash, or looked for in `path` */
    const char *path; /* directories separated by colons */
    const char *const *argv;
    const char *const *envp;
    const char *cwd;     /* NULL: the parent's */
    int fds[3];          /* what becomes 0, 1 and 2; -1: as it is */
    const int *pass_fds; /* ascending, all above 2: stay open */
    size_t pass_fds_count;
    bool new_session;
    pid_t group; /* to join; 0: one of its own; -1: the parent's */

    enum bide__spawn_step step;
    int code;   /* 0, or the negative errno of `step` */
    int pidfd;  /* on success; close-on-exec */
    pid_t pid;
};

/* Start it. `spawn` is a struct bide__spawn; returns its code. Blocks until
 * the program runs or has failed to. Needs 64 KiB of stack. */
int bide__spawn(void *spawn);

#endif

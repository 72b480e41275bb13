/* SPDX-License-Identifier: MIT */
/*
 * no_uring.c — run a program where io_uring is refused.
 *
 *     no_uring EPERM|ENOSYS PROGRAM ARGUMENT...
 *
 * Containers forbid io_uring by a seccomp filter, some with EPERM and some
 * with ENOSYS. This installs such a filter, which outlives execve(2), so that
 * the fall-back is tested on a kernel that has io_uring.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse_uring(unsigned code)
{
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {
        .len = sizeof instructions / sizeof instructions[0],
        .filter = instructions,
    };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

int main(int argc, char **argv)
{
    bool enosys = argc > 2 && !strcmp(argv[1], "ENOSYS");
    if (argc < 3 || (!enosys && strcmp(argv[1], "EPERM"))) {
        fputs("usage: no_uring EPERM|ENOSYS PROGRAM ARGUMENT...\n", stderr);
        return 2;
    }
    if (refuse_uring(enosys ? ENOSYS : EPERM) < 0) {
        perror("no_uring");
        return 77;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}

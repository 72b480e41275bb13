/* SPDX-License-Identifier: MIT */
/*
 * with_uring.c — run a program where the kernel grants io_uring.
 *
 *     with_uring PROGRAM ARGUMENT...
 *
 * Elsewhere (in many containers, for one) it exits with 77, so that tests of
 * that backend count as skipped there and not as failed.
 */
#include <stdio.h>

#include "helpers/uring.h"

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: with_uring PROGRAM ARGUMENT...\n", stderr);
        return 2;
    }
    if (!kernel_grants_uring()) {
        puts("1..0 # SKIP the kernel refuses io_uring");
        return 77;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}

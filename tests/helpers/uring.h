/* SPDX-License-Identifier: MIT */
/* uring.h — whether this process may use io_uring, asked of the kernel and
 * not of the library, which is what the tests doubt. */
#ifndef BIDE_TESTS_HELPERS_URING_H
#define BIDE_TESTS_HELPERS_URING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline bool kernel_grants_uring(void)
{
    struct io_uring_params params = {0};
    long fd = syscall(SYS_io_uring_setup, 1, &params);
    if (fd < 0)
        return false;
    close((int)fd);
    return true;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * posix_processes.c — start /usr/bin/true by posix_spawn(3) and wait for its
 * end, so many times, so many at once; nothing else is done meanwhile.
 *
 *     posix_processes [count [at once]]
 */
#include "../bench.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE_MAX = 100 };

static void run_batch(long at_once)
{
    static char *const argv[] = {"/usr/bin/true", NULL};
    pid_t pids[AT_ONCE_MAX];
    for (long i = 0; i < at_once; i++) {
        int code = posix_spawn(&pids[i], argv[0], NULL, NULL, argv, environ);
        if (code != 0)
            bench_die("posix_spawn: %s", strerror(code));
    }
    for (long i = 0; i < at_once; i++) {
        int status;
        if (waitpid(pids[i], &status, 0) < 0 || status != 0)
            bench_die("true has failed");
    }
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, AT_ONCE_MAX, 1000000, 1000);
    long at_once = bench_arg(argc, argv, 2, 1, AT_ONCE_MAX, 1);
    long batches = count / at_once;
    run_batch(at_once);
    int64_t begin = bench_wall_ns();
    for (long i = 0; i < batches; i++)
        run_batch(at_once);
    double us = (double)(bench_wall_ns() - begin) / 1000;
    printf("us=%.2f\n", us / (double)(batches * at_once));
    return 0;
}

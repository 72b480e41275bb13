/* SPDX-License-Identifier: MIT */
/* death.c — running what is expected to end the process. */
#include "helpers/death.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int run_in_child(void (*fn)(void), char *output, size_t size)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* a sanitizer may have taken it */
        fn();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    char rest[256];
    for (;;) {
        char *into = used + 1 < size ? output + used : rest;
        size_t room = used + 1 < size ? size - used - 1 : sizeof rest;
        ssize_t n = read(ends[0], into, room);
        if (n <= 0)
            break;
        if (into != rest)
            used += (size_t)n;
    }
    output[used] = '\0';
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

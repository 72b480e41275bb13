/* SPDX-License-Identifier: MIT */
/* children.h — starting children in tests, and checking that nothing of them
 * is left. */
#ifndef BIDE_TESTS_PROCESS_CHILDREN_H
#define BIDE_TESTS_PROCESS_CHILDREN_H

#include <bide/process.h>
#include <bide/stream.h>
#include <bide/task.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

/* Descriptors of this process. */
static inline int count_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* Run a test's coroutine in a loop of its own; no child and no descriptor may
 * be left then. */
static inline void run(bide_coroutine *coroutine)
{
    int before = count_fds();
    CHECK_OK(bide_run(coroutine, NULL));
    CHECK_INT(count_fds(), before);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
}

/* Start a command of the shell; returns NULL after a complaint. */
static inline bide_process *shell(const char *command,
                                  const bide_process_options *options)
{
    bide_process *process = NULL;
    CHECK_OK(bide_process_shell(command, options, &process));
    return process;
}

/* Wait for a process, close it, and return how it ended. */
static inline int end_of(bide_process *process)
{
    int code = 9999;
    if (process)
        CHECK_OK(bide_process_wait(process, &code));
    bide_process_close(process);
    return code;
}

static inline void check_output(const char *command,
                                const bide_process_options *options,
                                const char *expected)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    bide_process_run_options run = {.timeout = 0};
    bide_process_output output;
    if (options)
        run.process = *options;
    CHECK_OK(bide_process_run(argv, &run, &output));
    CHECK_INT(output.returncode, 0);
    CHECK_STR(output.out, expected);
    CHECK_STR(output.err, "");
    bide_process_output_fini(&output);
}

#endif

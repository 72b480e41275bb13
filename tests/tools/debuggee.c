/* SPDX-License-Identifier: MIT */
/*
 * debuggee.c — a program for debuggers and tools to look at.
 *
 *     debuggee abort     have some tasks wait, then abort
 *     debuggee wait      the same, then wait for the end of standard input
 */
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
    int size;
};

static int fetch(void *arg)
{
    const struct job *job = arg;
    int rounds = job->size + 1;
    int rc = bide_sleep(1000);
    return rc < 0 ? rc : rounds;
}

static int serve(void *arg)
{
    const bide_task_options first = {.name = "first fetch"};
    bide_task *tasks[] = {bide_create_task_with(fetch, arg, &first),
                          bide_create_task(fetch, arg)};
    int rc = bide_gather(tasks, 2);
    return rc < 0 ? rc : 1;
}

static int read_all(void *arg)
{
    char byte;
    (void)arg;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}

static int program(void *arg)
{
    struct job job = {.size = 41};
    const bide_task_options named = {.name = "server"};
    bide_task *server = bide_create_task_with(serve, &job, &named);
    bide_task *ended = bide_create_task(read_all, NULL);
    bide_task_cancel(ended);
    int rc = bide_sleep(0.01);
    bide_task *fresh = bide_create_task(fetch, &job);
    if (strcmp(arg, "abort") == 0)
        abort();
    puts("ready");
    fflush(stdout);
    if (rc == 0)
        rc = bide_to_thread(read_all, NULL);
    bide_task_cancel(server);
    bide_task_cancel(fresh);
    bide_task *all[] = {server, fresh, ended};
    bide_outcome outcomes[3];
    int waited = bide_gather_outcomes(all, 3, outcomes);
    return rc < 0 ? rc : waited;
}

int main(int argc, char **argv)
{
    return bide_run(program, argc > 1 ? argv[1] : "wait") < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * context.c — a value that follows a request through all it calls and starts.
 * Try to set the value in write_log(): nobody outside of that task sees it.
 */
#include <bide.h>
#include <stdio.h>

static bide_context_var request_id = {.name = "request_id"};

static void log_line(const char *text)
{
    const char *id = bide_context_get(&request_id, "none");
    printf("[%s] %s\n", id, text);
}

static int write_log(void *arg)
{
    (void)arg;
    log_line("in a task that the request has started");
    return bide_sleep(0);
}

static int handle(void *arg)
{
    int rc = bide_context_set(&request_id, arg, NULL);
    if (rc < 0)
        return rc;
    log_line("begins");
    rc = bide_await(bide_create_task(write_log, NULL));
    log_line("ends");
    return rc;
}

static int amain(void *arg)
{
    (void)arg;
    int rc = bide_await(bide_create_task(handle, "A"));
    if (rc == 0)
        rc = bide_context_run(handle, "B"); /* in this task, and undone */
    log_line("back outside");
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * reports.c — what went wrong where nobody could be told: debug mode, and a
 * function that hears of it. Try without the handler: standard error has it.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static void print_report(const bide_report *report, void *data)
{
    int *count = data;
    printf("%d. %s\n", ++*count, report->text);
}

static int fail(void *arg)
{
    (void)arg;
    return bide_raise(-EIO, "the disk is full of dust");
}

static int stubborn(void *arg)
{
    (void)arg;
    (void)!bide_sleep(10.0); /* does not look at the result */
    return 0;
}

static int amain(void *arg)
{
    const bide_task_options first = {.name = "careless", .detached = true};
    const bide_task_options second = {.name = "stubborn"};
    bide_set_exception_handler(bide_loop_current(), print_report, arg);
    bide_create_task_with(fail, NULL, &first);
    bide_task *task = bide_create_task_with(stubborn, NULL, &second);
    int rc = bide_sleep(0.01);
    bide_task_cancel(task);
    int ignored = bide_await(task);
    return rc < 0 ? rc : ignored;
}

int main(void)
{
    int count = 0;
    const bide_options options = {.debug = true, .slow_callback = 10};
    return bide_run_with(amain, &count, &options) < 0;
}

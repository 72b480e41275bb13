/* SPDX-License-Identifier: MIT */
/*
 * call_graph.c — who awaits whom, at any moment. Try BIDE_GRAPH_STACKS in
 * place of 0: the calls of each task are shown with file and line.
 */
#include <bide.h>
#include <math.h>
#include <stdio.h>

static int wait_for_orders(void *arg)
{
    return bide_event_wait(arg);
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    return bide_sleep(INFINITY);
}

static int work(void *arg)
{
    const bide_task_options options = {.name = "helper"};
    bide_task *helper = bide_create_task_with(wait_for_orders, arg, &options);
    return bide_await(helper);
}

static int look(void *arg)
{
    bide_event *orders = arg;
    int rc = bide_sleep(0.01); /* until all of them wait */
    bide_print_call_graph(stdout, 0);
    bide_event_set(orders);
    return rc < 0 ? rc : 0;
}

static int amain(void *arg)
{
    const bide_task_options worker = {.name = "worker"};
    const bide_task_options looker = {.name = "looker"};
    const bide_task_options idler = {.name = "idler", .detached = true};
    bide_event orders = {0};
    (void)arg;
    bide_create_task_with(wait_for_ever, NULL, &idler);
    bide_task *tasks[] = {bide_create_task_with(work, &orders, &worker),
                          bide_create_task_with(look, &orders, &looker)};
    return bide_gather(tasks, 2);
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

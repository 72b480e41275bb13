/* SPDX-License-Identifier: MIT */
/*
 * dump.c — look at a program that runs: SIGUSR1 prints its tasks. Try
 * kill -USR1 while it sleeps for longer.
 */
#include <bide.h>
#include <signal.h>
#include <stdio.h>

static void print_tasks(int number, void *arg)
{
    (void)number, (void)arg;
    bide_print_call_graph(stdout, 0);
}

static int amain(void *arg)
{
    (void)arg;
    int rc = bide_loop_add_signal_handler(bide_loop_current(), SIGUSR1,
                                          print_tasks, NULL);
    if (rc < 0)
        return rc;
    raise(SIGUSR1); /* as kill(1) would, from outside */
    return bide_sleep(0.1);
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

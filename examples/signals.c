/* SPDX-License-Identifier: MIT */
/*
 * signals.c — SIGHUP means reload, SIGTERM means stop. Try it as a service:
 * without the raise() it waits for kill(1).
 */
#include <bide.h>
#include <signal.h>
#include <stdio.h>

static int obey(bide_signals *signals)
{
    for (;;) {
        int rc = bide_signals_wait(signals);
        if (rc == SIGHUP)
            puts("reload");
        else if (rc == SIGTERM)
            puts("stop");
        if (rc != SIGHUP)
            return rc < 0 ? rc : 0;
    }
}

static int send_signals(void *arg)
{
    (void)arg;
    raise(SIGHUP); /* as kill(1) from outside would */
    int rc = bide_sleep(0.01);
    raise(SIGTERM);
    return rc;
}

static int amain(void *arg)
{
    static const int numbers[] = {SIGHUP, SIGTERM};
    bide_signals *signals;
    (void)arg;
    int rc = bide_signals_open(numbers, 2, &signals);
    if (rc < 0)
        return rc;
    bide_task *task = bide_create_task(send_signals, NULL);
    rc = obey(signals);
    int sent = bide_await(task);
    bide_signals_close(signals);
    return rc < 0 ? rc : sent;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

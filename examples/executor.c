/* SPDX-License-Identifier: MIT */
/*
 * executor.c — a heavy computation on another thread, while the loop goes on.
 * Try to call cpu_intensive_task() directly: nothing ticks meanwhile.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct computation {
    long n;
    long long result;
};

static int cpu_intensive_task(void *arg) /* on a thread: must not suspend */
{
    struct computation *computation = arg;
    long long sum = 0;
    for (long i = 0; i < computation->n; i++)
        sum += (long long)i * i % 7;
    computation->result = sum;
    return 0;
}

static int tick(void *arg)
{
    int *ticks = arg;
    for (;;) {
        int rc = bide_sleep(0.001);
        if (rc < 0)
            return rc;
        ++*ticks;
    }
}

static int amain(void *arg)
{
    struct computation computation = {.n = 50 * 1000 * 1000};
    int ticks = 0;
    (void)arg;
    bide_task *ticker = bide_create_task(tick, &ticks);
    int rc = bide_to_thread(cpu_intensive_task, &computation);
    bide_task_cancel(ticker);
    if (bide_await(ticker) != -ECANCELED || rc < 0)
        return rc;
    printf("Result: %lld\n", computation.result);
    puts(ticks > 0 ? "and the loop kept running" : "the loop was blocked");
    return 0;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * loops.c — a loop in each of two threads: they share nothing, and use two
 * processors. Try four.
 */
#include <bide.h>
#include <pthread.h>
#include <stdio.h>

#define THREADS 2

struct part {
    long first, last;
    long sum;
};

static int add_up(void *arg)
{
    struct part *part = arg;
    for (long i = part->first; i <= part->last; i++) {
        part->sum += i;
        int rc = i % 1000 == 0 ? bide_sleep(0) : 0; /* let others run */
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void *run_loop(void *arg)
{
    static const bide_options options = {.no_signals = true};
    return (void *)(intptr_t)bide_run_with(add_up, arg, &options);
}

int main(void)
{
    struct part parts[THREADS] = {{1, 50000, 0}, {50001, 100000, 0}};
    pthread_t threads[THREADS];
    long sum = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run_loop, &parts[i]) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        if ((intptr_t)result < 0)
            return 1;
        sum += parts[i].sum;
    }
    printf("the numbers up to 100000 add up to %ld\n", sum);
    return 0;
}

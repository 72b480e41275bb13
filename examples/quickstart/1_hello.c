/* SPDX-License-Identifier: MIT */
/*
 * 1_hello.c — a coroutine that sleeps. Try a sleep of ten seconds and press
 * Ctrl-C: the sleep ends at once, and the program says so.
 */
#include <bide.h>
#include <stdio.h>

static int greet(void *arg)
{
    (void)arg;
    puts("Hello ...");
    int rc = bide_sleep(0.1);
    if (rc < 0)
        return rc;
    puts("... World!");
    return 0;
}

int main(void)
{
    int rc = bide_run(greet, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", bide_errmsg(rc));
    return rc < 0;
}

/* Expected output:
 *
 *     Hello ...
 *     ... World!
 */

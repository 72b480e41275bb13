/* SPDX-License-Identifier: MIT */
/* hello.c — a coroutine that pauses. Try another delay, or return an error. */
#include <bide.h>
#include <stdio.h>

static int greet(void *arg)
{
    (void)arg;
    puts("Hello");
    int rc = bide_sleep(0.1); /* others could run meanwhile */
    if (rc < 0)
        return rc;
    puts("World");
    return 0;
}

int main(void)
{
    return bide_run(greet, NULL) < 0;
}

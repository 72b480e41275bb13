/* SPDX-License-Identifier: MIT */
/*
 * error.c — a coroutine raises by returning a code; the message comes along.
 * Try to return the code without bide_raise(): the general text takes over.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static int fail(void *arg)
{
    (void)arg;
    int rc = bide_sleep(0.05);
    if (rc < 0)
        return rc;
    return bide_raise(-EPROTO, "something went wrong in step %d", 3);
}

static int amain(void *arg)
{
    (void)arg;
    int rc = bide_await(bide_create_task(fail, NULL));
    if (rc == -EPROTO)
        printf("Caught an error: %s\n", bide_errmsg(rc));
    else if (rc < 0)
        return rc;
    return 0;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

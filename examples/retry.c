/* SPDX-License-Identifier: MIT */
/*
 * retry.c — one limit for each try and one for all of them: scopes nest. Try
 * 5.0 s for all: then the fourth try succeeds.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static int ask(int number) /* quick enough from the fourth time on */
{
    return bide_sleep(number < 4 ? 10.0 : 0.01);
}

static int ask_until_answered(void)
{
    for (int number = 1;; number++) {
        bide_timeout one;
        bide_timeout_enter(&one, 0.2);
        int rc = ask(number);
        rc = bide_timeout_exit(&one, rc);
        printf("try %d: %s\n", number, bide_errname(rc));
        if (rc != -ETIME)
            return rc; /* success, or the outer scope's cancellation */
    }
}

static int amain(void *arg)
{
    bide_timeout all;
    (void)arg;
    bide_timeout_enter(&all, 0.5);
    int rc = ask_until_answered();
    rc = bide_timeout_exit(&all, rc);
    if (rc == -ETIME)
        printf("given up: %s\n", bide_errmsg(rc));
    return rc == -ETIME ? 0 : rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * lock.c — a step that suspends in its middle, for one task at a time. Try to
 * leave the lock out: both see 100 and one of the payments is lost.
 */
#include <bide.h>
#include <stdio.h>

static bide_lock lock; /* zeroed: nobody holds it */
static int balance = 100;

static int pay(void *arg)
{
    int amount = *(const int *)arg;
    int rc = bide_lock_acquire(&lock);
    if (rc < 0)
        return rc;
    int seen = balance;
    rc = bide_sleep(0.01); /* a database, as it were: others run */
    if (rc == 0)
        balance = seen - amount;
    bide_lock_release(&lock);
    return rc;
}

static int amain(void *arg)
{
    static const int amounts[] = {30, 50};
    (void)arg;
    bide_task *tasks[] = {
        bide_create_task(pay, (void *)&amounts[0]),
        bide_create_task(pay, (void *)&amounts[1]),
    };
    int rc = bide_gather(tasks, 2);
    printf("balance: %d\n", balance);
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

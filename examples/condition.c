/* SPDX-License-Identifier: MIT */
/*
 * condition.c — waiting until a state holds that others bring about. Try to
 * put in three spoons: the third cook need not wait for anybody.
 */
#include <bide.h>
#include <stdio.h>

static bide_condition changed; /* zeroed: with a lock of its own */
static int spoons = 2;

static bool has_spoon(void *arg)
{
    (void)arg;
    return spoons > 0;
}

static int take_spoon(void)
{
    int rc = bide_condition_acquire(&changed);
    if (rc < 0)
        return rc;
    rc = bide_condition_wait_for(&changed, has_spoon, NULL);
    if (rc == 0)
        spoons--;
    bide_condition_release(&changed); /* held in any case */
    return rc;
}

static int cook(void *arg)
{
    const char *name = arg;
    int rc = take_spoon();
    if (rc < 0)
        return rc;
    printf("%s stirs\n", name);
    rc = bide_sleep(0.02);
    spoons++; /* gives it back, even if the sleep was cancelled */
    int locked = bide_condition_acquire(&changed);
    if (locked < 0)
        return locked;
    bide_condition_notify(&changed, 1);
    bide_condition_release(&changed);
    return rc;
}

static int amain(void *arg)
{
    (void)arg;
    bide_task *tasks[] = {bide_create_task(cook, "Ada"),
                          bide_create_task(cook, "Bob"),
                          bide_create_task(cook, "Eve")};
    return bide_gather(tasks, 3);
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

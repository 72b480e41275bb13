/* SPDX-License-Identifier: MIT */
/*
 * group.c — a block whose tasks never outlive it: one fails, the others are
 * cancelled, and the block has the error. Try to leave `broken` out.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static int healthy(void *arg)
{
    const char *name = arg;
    int rc = bide_sleep(0.2);
    printf("%s: %s\n", name, rc == 0 ? "done" : "cancelled");
    return rc;
}

static int broken(void *arg)
{
    (void)arg;
    int rc = bide_sleep(0.05);
    return rc < 0 ? rc : bide_raise(-EIO, "disk 7 does not answer");
}

static int use_disks(bide_group *group)
{
    bide_group_create_task(group, healthy, "disk 1");
    bide_group_create_task(group, healthy, "disk 2");
    bide_group_create_task(group, broken, NULL);
    return bide_sleep(1.0); /* work of our own, which ends early, too */
}

static int amain(void *arg)
{
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    int rc = use_disks(&group);
    printf("the block: %s\n", bide_errname(rc));
    rc = bide_group_exit(&group, rc); /* in any case */
    printf("the group: %s\n", bide_errmsg(rc));
    return rc == -EIO ? 0 : rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

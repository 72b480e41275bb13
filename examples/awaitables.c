/* SPDX-License-Identifier: MIT */
/*
 * awaitables.c — three things to wait for: a coroutine by calling it, a task,
 * and a future that somebody sets. Try to set the future twice.
 */
#include <bide.h>
#include <stdio.h>

static int coroutine(void *arg)
{
    const char **result = arg;
    int rc = bide_sleep(0.01);
    *result = "coroutine";
    return rc;
}

static int set_later(void *arg)
{
    int rc = bide_sleep(0.01);
    if (rc < 0)
        return rc;
    return bide_future_set_result(arg, "future result");
}

static int amain(void *arg)
{
    const char *first = "", *second = "";
    void *third = NULL;
    (void)arg;
    int rc = coroutine(&first);
    if (rc < 0)
        return rc;
    rc = bide_await(bide_create_task(coroutine, &second));
    if (rc < 0)
        return rc;
    bide_future future;
    bide_future_init(&future);
    bide_task *setter = bide_create_task(set_later, &future);
    rc = bide_future_await(&future, &third);
    if (rc < 0)
        return rc;
    printf("%s, task of a %s, %s\n", first, second, (const char *)third);
    rc = bide_await(setter);
    bide_future_fini(&future);
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

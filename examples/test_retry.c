/* SPDX-License-Identifier: MIT */
/*
 * test_retry.c — tests are coroutines, and their time is virtual: the waits
 * below take seven seconds that nobody has to wait for. Link with bide-test.
 * Try to double the delay before the first wait, too, and see what is printed.
 */
#include <bide.h>
#include <bide/test.h>
#include <errno.h>

/* What is tested: call again while it fails, after 1 s, 2 s, 4 s ... */
static int retry(bide_coroutine *fn, void *arg, int times)
{
    double delay = 1;
    int rc = fn(arg);
    while (rc < 0 && rc != -ECANCELED && --times > 0) {
        int slept = bide_sleep(delay);
        if (slept < 0)
            return slept;
        delay *= 2;
        rc = fn(arg);
    }
    return rc;
}

/* Fails as often as *arg says. */
static int flaky(void *arg)
{
    int *failures = arg;
    return (*failures)-- > 0 ? bide_raise(-EIO, "not yet") : 0;
}

BIDE_TEST(what_works_is_done_at_once, .backend = "sim")
{
    int failures = 0;
    double begin = bide_time();
    BIDE_CHECK_OK(retry(flaky, &failures, 5));
    BIDE_CHECK_NEAR(bide_time() - begin, 0, 0);
    return 0;
}

BIDE_TEST(each_wait_is_twice_as_long_as_the_one_before, .backend = "sim")
{
    int failures = 3;
    double begin = bide_time();
    BIDE_CHECK_OK(retry(flaky, &failures, 5));
    BIDE_CHECK_NEAR(bide_time() - begin, 1 + 2 + 4, 1e-6);
    return 0;
}

BIDE_TEST(the_last_error_is_returned_with_its_message, .backend = "sim")
{
    int failures = 100;
    int rc = retry(flaky, &failures, 3);
    BIDE_CHECK_INT(rc, -EIO);
    BIDE_CHECK_STR(bide_errmsg(rc), "not yet");
    return 0;
}

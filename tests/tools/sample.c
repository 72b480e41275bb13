/* SPDX-License-Identifier: MIT */
/* sample.c — tests of every outcome, for runner_test.py to look at. */
#include <errno.h>
#include <pthread.h>

#include <bide/error.h>

#include "test.h"

TEST(good_all_checks_hold)
{
    CHECK(1 + 1 == 2);
    CHECK_INT(7u, 7);
    CHECK_STR("text", "text");
    CHECK_STR(NULL, NULL);
    CHECK_MEM("abc", "abd", 2);
    CHECK_OK(0);
    CHECK_ERR(-EINVAL, -EINVAL);
}

TEST(skip_for_a_reason)
{
    test_skip("no such kernel");
}

TEST(bad_condition)
{
    CHECK(1 + 1 == 3);
}

TEST(bad_integer)
{
    CHECK_INT(3 - 5, 4);
}

TEST(bad_string)
{
    CHECK_STR("left", "right");
}

TEST(bad_string_is_null)
{
    CHECK_STR(NULL, "right");
}

TEST(bad_memory)
{
    CHECK_MEM("abc", "abd", 3);
}

TEST(bad_call)
{
    CHECK_OK(bide_raise(-EINVAL, "%d is too much", 9));
}

TEST(bad_code)
{
    CHECK_ERR(-EIO, -EINVAL);
}

TEST(bad_success)
{
    CHECK_ERR(0, -EINVAL);
}

static void *check_elsewhere(void *arg)
{
    CHECK(arg);
    return NULL;
}

TEST(bad_on_another_thread)
{
    pthread_t thread;
    if (!CHECK_INT(pthread_create(&thread, NULL, check_elsewhere, NULL), 0))
        return;
    pthread_join(thread, NULL);
}

/* SPDX-License-Identifier: MIT */
/* testing_sample.c — tests that pass and tests that fail in each way;
 * testing_test.py runs them and looks at what is said. */
#include <bide.h>
#include <bide/test.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int nap(void *arg)
{
    (void)arg;
    return bide_sleep(0.001);
}

BIDE_TEST(good_checks_hold)
{
    const char *none = NULL;
    BIDE_CHECK(1 + 1 == 2);
    BIDE_CHECK_INT(-3, -3);
    BIDE_CHECK_NEAR(0.1 + 0.2, 0.3, 1e-9);
    BIDE_CHECK_STR("a", "a");
    BIDE_CHECK_STR(none, NULL);
    BIDE_CHECK_MEM("abc", "abd", 2);
    BIDE_CHECK_OK(bide_sleep(1800));
    BIDE_CHECK_ERR(bide_raise(-EIO, "as it should"), -EIO);
    return 7;
}

BIDE_TEST(good_awaits_what_it_starts)
{
    bide_task *tasks[] = {bide_create_task(nap, NULL),
                          bide_create_task(nap, NULL)};
    return bide_gather(tasks, 2);
}

BIDE_TEST(skip_for_a_reason)
{
    BIDE_SKIP("no such kernel");
}

BIDE_TEST(bad_condition)
{
    BIDE_CHECK(1 + 1 == 3);
    puts("# goes on");
    return 0;
}

BIDE_TEST(bad_integer)
{
    BIDE_CHECK_INT(3 - 5, 4);
    return 0;
}

BIDE_TEST(bad_number)
{
    BIDE_CHECK_NEAR(0.5, 0.25, 0.125);
    return 0;
}

BIDE_TEST(bad_not_a_number)
{
    BIDE_CHECK_NEAR((double)NAN, 0, 1);
    return 0;
}

BIDE_TEST(bad_string)
{
    BIDE_CHECK_STR("two\nlines", "one \"line\"");
    return 0;
}

BIDE_TEST(bad_null)
{
    const char *none = NULL;
    BIDE_CHECK_STR(none, "something");
    return 0;
}

BIDE_TEST(bad_memory)
{
    BIDE_CHECK_MEM("abc", "abd", 3);
    return 0;
}

BIDE_TEST(bad_call)
{
    BIDE_CHECK_OK(bide_raise(-EINVAL, "%d is too much", 9));
    return 0;
}

BIDE_TEST(bad_code)
{
    BIDE_CHECK_ERR(-EIO, -EINVAL);
    return 0;
}

BIDE_TEST(bad_result)
{
    return bide_raise(-EPROTO, "no such word");
}

static int check_in_vain(void *arg)
{
    (void)arg;
    BIDE_CHECK_INT(1, 2);
    return 0;
}

BIDE_TEST(bad_in_another_task)
{
    int rc = bide_await(bide_create_task(check_in_vain, NULL));
    return rc < 0 ? 0 : rc;
}

BIDE_TEST(bad_on_another_thread)
{
    int rc = bide_to_thread(check_in_vain, NULL);
    return rc < 0 ? 0 : rc;
}

BIDE_TEST(bad_in_one_order)
{
    int sum = 0;
    for (int i = 0; i < 3; i++)
        sum += (int)(bide_test_random() % 2);
    BIDE_CHECK(sum < 3);
    return 0;
}

struct race {
    char order[3];
    int count;
};

static int enter_as_a(void *arg)
{
    struct race *race = arg;
    race->order[race->count++] = 'a';
    return 0;
}

static int enter_as_b(void *arg)
{
    struct race *race = arg;
    race->order[race->count++] = 'b';
    return 0;
}

BIDE_TEST(bad_in_another_schedule)
{
    struct race race = {.count = 0};
    bide_task *tasks[] = {bide_create_task(enter_as_a, &race),
                          bide_create_task(enter_as_b, &race)};
    BIDE_CHECK_OK(bide_gather(tasks, 2));
    BIDE_CHECK_STR(race.order, "ab");
    return 0;
}

BIDE_TEST(bad_leaves_a_task)
{
    const bide_task_options options = {.name = "orphan", .detached = true};
    (void)bide_create_task_with(nap, NULL, &options);
    return bide_sleep(0);
}

BIDE_TEST(bad_leaves_memory)
{
    BIDE_CHECK(bide_queue_new(4, 4) != NULL);
    return 0;
}

BIDE_TEST(keeps_memory_that_is_made_once)
{
    static void *kept;
    if (!kept)
        kept = bide_allocate(16);
    BIDE_CHECK(kept != NULL);
    return 0;
}

static int ignore_stream(bide_stream *stream, void *arg)
{
    (void)stream, (void)arg;
    return 0;
}

BIDE_TEST(bad_leaves_a_server)
{
    bide_server *server;
    return bide_start_server("127.0.0.1", 0, ignore_stream, NULL, NULL,
                             &server);
}

static int fail_alone(void *arg)
{
    (void)arg;
    return bide_raise(-EIO, "nobody hears");
}

BIDE_TEST(bad_leaves_an_error)
{
    bide_task_detach(bide_create_task(fail_alone, NULL));
    return bide_sleep(1);
}

BIDE_TEST(bad_deadlock, .timeout = 5)
{
    bide_queue *queue = bide_queue_new(sizeof(int), 1);
    int item;
    int rc = bide_queue_get(queue, &item);
    bide_queue_free(queue);
    return rc;
}

BIDE_TEST(bad_late, .timeout = 5)
{
    return bide_sleep(6);
}

BIDE_TEST(hang_without_suspending)
{
    volatile bool forever = true;
    while (forever)
        continue;
    return 0;
}

BIDE_TEST(real_backend, .backend = "epoll", .seeds = 100)
{
    static int runs;
    BIDE_CHECK_INT(++runs, 1);
    BIDE_CHECK_STR(bide_engine_backend(bide_loop_engine(bide_loop_current())),
                   "epoll");
    return 0;
}

BIDE_TEST(count_runs)
{
    puts("# run");
    return 0;
}

BIDE_TEST(count_two_runs, .seeds = 2)
{
    puts("# run");
    return 0;
}

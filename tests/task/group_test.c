/* SPDX-License-Identifier: MIT */
/* group_test.c — groups: children end before the block does. */
#include <bide.h>
#include <errno.h>
#include <string.h>

#include "test.h"

struct child {
    double delay;
    int code;  /* what it returns */
    int seen;  /* what its sleep gave */
    bool done;
};

static int run_child(void *arg)
{
    struct child *child = arg;
    child->seen = bide_sleep(child->delay);
    child->done = true;
    if (child->seen < 0)
        return child->seen;
    if (child->code < 0)
        return bide_raise(child->code, "child failed");
    return child->code;
}

static int all_succeed(void *arg)
{
    struct child children[3] = {{.delay = 0.3}, {.delay = 0.1}, {.delay = 0}};
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    for (int i = 0; i < 3; i++)
        CHECK(bide_group_create_task(&group, run_child, &children[i]));
    CHECK_INT(bide_group_exit(&group, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK(children[i].done);
    return 0;
}

TEST(a_group_waits_for_all_its_children)
{
    CHECK_INT(bide_run(all_succeed, NULL), 0);
}

static int one_fails(void *arg)
{
    struct child slow = {.delay = 100}, bad = {.delay = 0.1, .code = -EIO};
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    bide_group_create_task(&group, run_child, &slow);
    bide_group_create_task(&group, run_child, &bad);
    CHECK_ERR(bide_group_exit(&group, 0), -EIO);
    CHECK_STR(bide_errmsg(-EIO), "child failed");
    CHECK_INT(slow.seen, -ECANCELED);
    CHECK_INT(bide_task_cancelling(bide_current_task()), 0);
    return bide_sleep(0);
}

TEST(the_first_failure_cancels_the_siblings)
{
    CHECK_INT(bide_run(one_fails, NULL), 0);
}

static int body_is_called_back(void *arg)
{
    struct child bad = {.delay = 0.1, .code = -EIO};
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    bide_group_create_task(&group, run_child, &bad);
    int rc = bide_sleep(100);
    CHECK_INT(rc, -ECANCELED);
    CHECK_ERR(bide_group_exit(&group, rc), -EIO);
    CHECK_INT(bide_task_cancelling(bide_current_task()), 0);
    return bide_sleep(0);
}

TEST(a_failure_cancels_the_parent_within_its_block)
{
    CHECK_INT(bide_run(body_is_called_back, NULL), 0);
}

static int body_fails(void *arg)
{
    struct child slow = {.delay = 100};
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    bide_group_create_task(&group, run_child, &slow);
    CHECK_OK(bide_sleep(0));
    CHECK_ERR(bide_group_exit(&group, bide_raise(-EDOM, "the body")), -EDOM);
    CHECK_STR(bide_errmsg(-EDOM), "the body");
    CHECK_INT(slow.seen, -ECANCELED);
    return 0;
}

TEST(a_block_that_fails_cancels_the_children)
{
    CHECK_INT(bide_run(body_fails, NULL), 0);
}

static int wait_in_group(void *arg)
{
    struct child *child = arg;
    bide_group group;
    bide_group_enter(&group);
    bide_group_create_task(&group, run_child, child);
    return bide_group_exit(&group, 0);
}

static int cancel_exiting(void *arg)
{
    struct child child = {.delay = 100};
    (void)arg;
    bide_task *task = bide_create_task(wait_in_group, &child);
    CHECK_OK(bide_sleep(0.1));
    CHECK(bide_task_cancel(task));
    CHECK_ERR(bide_await(task), -ECANCELED);
    CHECK_INT(child.seen, -ECANCELED);
    return 0;
}

TEST(cancelling_a_task_in_group_exit_cancels_the_children)
{
    CHECK_INT(bide_run(cancel_exiting, NULL), 0);
}

static int late_creation(void *arg)
{
    struct child bad = {.delay = 0, .code = -EIO}, late = {.delay = 0};
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    bide_group_create_task(&group, run_child, &bad);
    CHECK_ERR(bide_sleep(1), -ECANCELED);
    CHECK(!bide_group_create_task(&group, run_child, &late));
    CHECK_ERR(bide_group_exit(&group, -ECANCELED), -EIO);
    CHECK(!late.done);
    return 0;
}

TEST(a_group_that_is_ending_takes_no_more_children)
{
    CHECK_INT(bide_run(late_creation, NULL), 0);
}

struct tree {
    bide_group *group;
    int depth;
    int *count;
};

static int grow(void *arg)
{
    struct tree *tree = arg;
    ++*tree->count;
    struct tree child = {tree->group, tree->depth - 1, tree->count};
    if (tree->depth > 0) {
        bide_group inner;
        bide_group_enter(&inner);
        child.group = &inner;
        bide_group_create_task(&inner, grow, &child);
        bide_group_create_task(&inner, grow, &child);
        return bide_group_exit(&inner, 0);
    }
    return bide_sleep(0.01);
}

TEST(groups_nest)
{
    int count = 0;
    struct tree tree = {NULL, 5, &count};
    CHECK_INT(bide_run(grow, &tree), 0);
    CHECK_INT(count, 63);
}

static int keep_child(void *arg)
{
    struct child child = {.delay = 0.01, .code = 9};
    bide_group group;
    (void)arg;
    bide_group_enter(&group);
    bide_task *task =
        bide_task_ref(bide_group_create_task(&group, run_child, &child));
    CHECK_INT(bide_await(task), 9);
    return bide_group_exit(&group, 0);
}

TEST(a_child_can_be_awaited_by_a_handle_of_ones_own)
{
    CHECK_INT(bide_run(keep_child, NULL), 0);
}

static int outer_timeout(void *arg)
{
    struct child child = {.delay = 100};
    bide_group group;
    bide_timeout timeout;
    (void)arg;
    bide_timeout_enter(&timeout, 0.5);
    bide_group_enter(&group);
    bide_group_create_task(&group, run_child, &child);
    int rc = bide_group_exit(&group, 0);
    CHECK_INT(rc, -ECANCELED);
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    CHECK_INT(child.seen, -ECANCELED);
    return bide_sleep(0);
}

TEST(a_timeout_around_a_group_ends_its_children)
{
    CHECK_INT(bide_run(outer_timeout, NULL), 0);
}

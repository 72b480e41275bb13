/* SPDX-License-Identifier: MIT */
/* queue_test.c — putting, getting and waiting, in all three orders. */
#include <bide/group.h>
#include <bide/loop.h>
#include <bide/queue.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "test.h"

static bide_queue *queue;

/* By the first letter, without regard to case. */
static int compare_letters(const void *a, const void *b, void *arg)
{
    CHECK(arg == &queue);
    return (*(const char *)a | 32) - (*(const char *)b | 32);
}

static bide_queue *new_queue(char kind, size_t item_size, size_t maxsize)
{
    if (kind == 'f')
        return bide_queue_new(item_size, maxsize);
    if (kind == 'l')
        return bide_lifo_queue_new(item_size, maxsize);
    return bide_priority_queue_new(item_size, maxsize, compare_letters,
                                   &queue);
}

/* Takes one item and notes it; ! when cancelled, $ when shut down. */
static int getter(void *arg)
{
    (void)arg;
    char item = '?';
    int rc = bide_queue_get(queue, &item);
    journal_add(rc == 0            ? item
                : rc == -ECANCELED ? '!'
                                   : '$');
    return rc;
}

static int putter(void *arg)
{
    return bide_queue_put(queue, arg);
}

static bide_task *start_putter(const char *item)
{
    return bide_create_task(putter, (void *)(uintptr_t)item);
}

static void put_all(const char *items)
{
    for (; *items; items++)
        CHECK_OK(bide_queue_put_nowait(queue, items));
}

/* Note all items that can be taken at once. */
static void get_all(void)
{
    char item;
    while (bide_queue_get_nowait(queue, &item) == 0)
        journal_add(item);
}

/* ── Orders ───────────────────────────────────────────────────────────── */

TEST(each_kind_of_queue_has_its_order)
{
    static const struct {
        char kind;
        const char *in, *out;
    } table[] = {
        {'f', "cabbage", "cabbage"},
        {'l', "cabbage", "egabbac"},
        {'p', "cabbage", "aabbceg"},
        {'p', "bBaAbBcCaACc", "aAaAbBbBcCCc"}, /* equal as they came */
        {'f', "", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        queue = new_queue(table[i].kind, 1, 0);
        put_all(table[i].in);
        CHECK_INT(bide_queue_qsize(queue), strlen(table[i].in));
        get_all();
        CHECK_STR(journal_take(), table[i].out);
        CHECK(bide_queue_empty(queue));
        bide_queue_free(queue);
    }
}

TEST(items_of_any_size_come_out_as_they_went_in)
{
    static const size_t sizes[] = {1, 3, 4, 5, 8, 12, 16, 100, 5000, 65536};
    static char in[65536], out[65536];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (const char *kind = "flp"; *kind; kind++) {
            size_t size = sizes[i];
            queue = new_queue(*kind, size, 0);
            for (int n = 0; n < 9; n++) {
                memset(in, 'a' + n, size);
                CHECK_OK(bide_queue_put_nowait(queue, in));
            }
            for (int n = 0; n < 9; n++) {
                CHECK_OK(bide_queue_get_nowait(queue, out));
                memset(in, 'a' + (*kind == 'l' ? 8 - n : n), size);
                CHECK_MEM(out, in, size);
            }
            bide_queue_free(queue);
        }
    }
}

/* ── Bounds ───────────────────────────────────────────────────────────── */

TEST(a_bounded_queue_is_full_at_its_maxsize)
{
    for (const char *kind = "flp"; *kind; kind++) {
        char item = 'x';
        queue = new_queue(*kind, 1, 3);
        CHECK_INT(bide_queue_maxsize(queue), 3);
        CHECK(bide_queue_empty(queue));
        CHECK_ERR(bide_queue_get_nowait(queue, &item), -EAGAIN);
        put_all("abc");
        CHECK(bide_queue_full(queue));
        CHECK_ERR(bide_queue_put_nowait(queue, &item), -EAGAIN);
        CHECK_INT(bide_queue_qsize(queue), 3);
        CHECK_OK(bide_queue_get_nowait(queue, &item));
        CHECK(!bide_queue_full(queue));
        CHECK_OK(bide_queue_put_nowait(queue, &item));
        bide_queue_free(queue);
    }
}

TEST(a_queue_without_maxsize_ends_at_the_limit_of_all)
{
    char item = 'x';
    queue = bide_queue_new(1, 0);
    int rc = 0;
    for (size_t i = 0; i < BIDE_QUEUE_MAX && rc == 0; i++)
        rc = bide_queue_put_nowait(queue, &item);
    CHECK_OK(rc);
    CHECK(!bide_queue_full(queue));
    CHECK_ERR(bide_queue_put_nowait(queue, &item), -ENOSPC);
    CHECK_STR(bide_errmsg(-ENOSPC),
              "the queue holds 16777216 items, the most it can");
    bide_queue_free(queue);
}

static int amain_without_a_queue(void *arg)
{
    (void)arg;
    char item = 'x';
    CHECK_ERR(bide_queue_put(NULL, &item), -ENOMEM);
    CHECK_ERR(bide_queue_get(NULL, &item), -ENOMEM);
    CHECK_ERR(bide_queue_join(NULL), -ENOMEM);
    CHECK_ERR(bide_queue_put_nowait(NULL, &item), -ENOMEM);
    CHECK_ERR(bide_queue_get_nowait(NULL, &item), -ENOMEM);
    bide_queue_task_done(NULL);
    bide_queue_shutdown(NULL);
    bide_queue_shutdown_immediate(NULL);
    bide_queue_free(NULL);
    CHECK(bide_queue_empty(NULL));
    CHECK(!bide_queue_full(NULL));
    CHECK_INT(bide_queue_maxsize(NULL), 0);
    return 0;
}

TEST(a_queue_that_could_not_be_made_fails_every_call)
{
    run(amain_without_a_queue);
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

static int amain_getters(void *arg)
{
    const char *kind = arg;
    bide_task *tasks[3];
    queue = new_queue(*kind, 1, 2);
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(getter, NULL);
    settle();
    put_all("z");
    CHECK_INT(bide_queue_qsize(queue), 0); /* it belongs to the first */
    char item;
    CHECK_ERR(bide_queue_get_nowait(queue, &item), -EAGAIN);
    settle();
    CHECK_STR(journal_take(), "z");
    put_all("yxba"); /* two for those that wait, two stay */
    CHECK(bide_queue_full(queue));
    CHECK_OK(bide_gather(tasks, 3));
    /* Which they get is decided when they run, as in asyncio; first in, first
     * out does not tell the difference. */
    CHECK_STR(journal_take(), *kind == 'f' ? "yx" : "ab");
    get_all();
    CHECK_STR(journal_take(), *kind == 'f'   ? "ba"
                              : *kind == 'l' ? "xy"
                                             : "xy");
    bide_queue_free(queue);
    return 0;
}

TEST(getters_are_served_in_the_order_they_came)
{
    for (const char *kind = "flp"; *kind; kind++)
        CHECK_OK(bide_run(amain_getters, (void *)(uintptr_t)kind));
}

static int amain_putters(void *arg)
{
    (void)arg;
    bide_task *tasks[3];
    char item;
    queue = bide_queue_new(1, 2);
    put_all("ab");
    for (int i = 0; i < 3; i++)
        tasks[i] = start_putter(&"cde"[i]);
    settle();
    CHECK_INT(bide_queue_qsize(queue), 2);
    CHECK_OK(bide_queue_get_nowait(queue, &item));
    journal_add(item);
    CHECK(bide_queue_full(queue)); /* c has taken a's place */
    CHECK_ERR(bide_queue_put_nowait(queue, "x"), -EAGAIN);
    get_all();
    CHECK_STR(journal_take(), "abcde");
    CHECK_OK(bide_gather(tasks, 3));
    bide_queue_free(queue);
    return 0;
}

TEST(items_of_waiting_putters_keep_their_order)
{
    run(amain_putters);
}

static void put_in_callback(void *arg)
{
    CHECK_OK(bide_queue_put_nowait(queue, arg));
}

static int amain_with_callback(void *arg)
{
    (void)arg;
    char item;
    queue = bide_queue_new(1, 0);
    CHECK_OK(bide_loop_call_soon(bide_loop_current(), NULL, put_in_callback,
                                 (void *)(uintptr_t)"k"));
    CHECK_OK(bide_queue_get(queue, &item));
    CHECK_INT(item, 'k');
    bide_queue_free(queue);
    return 0;
}

TEST(a_callback_can_feed_a_task)
{
    run(amain_with_callback);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static int amain_cancels_getters(void *arg)
{
    const char *kind = arg;
    queue = new_queue(*kind, 1, 0);
    bide_task *a = bide_create_task(getter, NULL);
    bide_task *b = bide_create_task(getter, NULL);
    settle();
    (void)bide_task_cancel(a); /* while it waits */
    put_all("x");
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_OK(bide_await(b));
    CHECK_STR(journal_take(), "!x");
    a = bide_create_task(getter, NULL);
    settle();
    put_all("y");
    (void)bide_task_cancel(a); /* after it was given the item: it keeps it */
    CHECK_OK(bide_await(a));
    CHECK_STR(journal_take(), "y");
    (void)bide_task_cancel(bide_current_task());
    char item = '-';
    put_all("z");
    CHECK_ERR(bide_queue_get(queue, &item), -ECANCELED);
    CHECK_INT(item, '-');
    CHECK_INT(bide_queue_qsize(queue), 1);
    (void)bide_task_uncancel(bide_current_task());
    bide_queue_free(queue);
    return 0;
}

TEST(a_cancelled_getter_loses_no_item)
{
    for (const char *kind = "flp"; *kind; kind++)
        CHECK_OK(bide_run(amain_cancels_getters, (void *)(uintptr_t)kind));
}

static int get_and_go_on(void *arg)
{
    char item;
    CHECK_ERR(bide_queue_get(queue, &item), -ECANCELED);
    *(int *)arg = bide_sleep(0);
    return 0;
}

static int amain_cancels_twice(void *arg)
{
    (void)arg;
    int after = -1;
    queue = bide_queue_new(1, 0);
    bide_task *task = bide_create_task(get_and_go_on, &after);
    settle();
    (void)bide_task_cancel(task);
    (void)bide_task_cancel(task);
    CHECK_OK(bide_await(task));
    CHECK_INT(after, 0);
    bide_queue_free(queue);
    return 0;
}

TEST(a_getter_that_is_cancelled_twice_at_once_is_told_once)
{
    run(amain_cancels_twice);
}

static int amain_cancels_putters(void *arg)
{
    (void)arg;
    char item;
    queue = bide_queue_new(1, 1);
    put_all("a");
    bide_task *b = start_putter("b");
    bide_task *c = start_putter("c");
    settle();
    (void)bide_task_cancel(b); /* while it waits */
    CHECK_OK(bide_queue_get_nowait(queue, &item));
    (void)bide_task_cancel(c); /* after its item went in */
    CHECK_ERR(bide_await(b), -ECANCELED);
    CHECK_OK(bide_await(c));
    get_all();
    CHECK_STR(journal_take(), "c");
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_queue_put(queue, &item), -ECANCELED);
    CHECK_INT(bide_queue_qsize(queue), 0);
    (void)bide_task_uncancel(bide_current_task());
    bide_queue_free(queue);
    return 0;
}

TEST(a_cancelled_putter_has_put_its_item_or_not_as_it_is_told)
{
    run(amain_cancels_putters);
}

/* ── Join ─────────────────────────────────────────────────────────────── */

static int joiner(void *arg)
{
    (void)arg;
    int rc = bide_queue_join(queue);
    journal_add(rc == 0 ? 'J' : '!');
    return rc;
}

static int amain_joins(void *arg)
{
    (void)arg;
    char item;
    queue = bide_queue_new(1, 1);
    CHECK_OK(bide_queue_join(queue)); /* nothing was put */
    put_all("a");
    bide_task *b = start_putter("b"); /* counts once it is in */
    bide_task *tasks[] = {bide_create_task(joiner, NULL),
                          bide_create_task(joiner, NULL)};
    bide_task *other = bide_create_task(joiner, NULL);
    settle();
    CHECK_OK(bide_queue_get(queue, &item));
    CHECK_OK(bide_queue_get(queue, &item));
    bide_queue_task_done(queue);
    settle();
    CHECK_STR(journal_take(), "");
    (void)bide_task_cancel(other);
    CHECK_ERR(bide_await(other), -ECANCELED);
    bide_queue_task_done(queue);
    CHECK_OK(bide_gather(tasks, 2));
    CHECK_OK(bide_await(b));
    CHECK_STR(journal_take(), "!JJ");
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_queue_join(queue), -ECANCELED);
    (void)bide_task_uncancel(bide_current_task());
    bide_queue_free(queue);
    return 0;
}

TEST(join_waits_until_all_work_is_done)
{
    run(amain_joins);
}

static int amain_hands_over_and_joins(void *arg)
{
    const char *kind = arg;
    queue = new_queue(*kind, 1, 0);
    bide_task *a = bide_create_task(getter, NULL);
    bide_task *j = NULL;
    settle();
    put_all("x"); /* handed over at once, and still counts */
    j = bide_create_task(joiner, NULL);
    CHECK_OK(bide_await(a));
    settle();
    CHECK(!bide_task_done(j));
    bide_queue_task_done(queue);
    CHECK_OK(bide_await(j));
    (void)journal_take();
    bide_queue_free(queue);
    return 0;
}

TEST(an_item_handed_over_is_work_that_join_waits_for)
{
    for (const char *kind = "flp"; *kind; kind++)
        CHECK_OK(
            bide_run(amain_hands_over_and_joins, (void *)(uintptr_t)kind));
}

/* ── Shutting down ────────────────────────────────────────────────────── */

static int amain_shuts_down(void *arg)
{
    const char *kind = arg;
    char item;
    queue = new_queue(*kind, 1, 2);
    put_all("ab");
    bide_task *put = start_putter("c");
    bide_task *join = bide_create_task(joiner, NULL);
    settle();
    bide_queue_shutdown(queue);
    CHECK_ERR(bide_await(put), -ESHUTDOWN);
    CHECK_ERR(bide_queue_put(queue, &item), -ESHUTDOWN);
    CHECK_ERR(bide_queue_put_nowait(queue, &item), -ESHUTDOWN);
    CHECK_OK(bide_queue_get(queue, &item)); /* what is in comes out */
    CHECK_OK(bide_queue_get_nowait(queue, &item));
    CHECK_ERR(bide_queue_get(queue, &item), -ESHUTDOWN);
    CHECK_ERR(bide_queue_get_nowait(queue, &item), -ESHUTDOWN);
    bide_queue_shutdown(queue); /* twice is as once */
    settle();
    CHECK(!bide_task_done(join));
    bide_queue_task_done(queue);
    bide_queue_task_done(queue);
    CHECK_OK(bide_await(join));
    (void)journal_take();
    bide_queue_free(queue);
    return 0;
}

TEST(a_queue_that_is_shut_down_gives_what_is_in_it)
{
    for (const char *kind = "flp"; *kind; kind++)
        CHECK_OK(bide_run(amain_shuts_down, (void *)(uintptr_t)kind));
}

static int amain_shuts_down_on_getters(void *arg)
{
    const char *kind = arg;
    queue = new_queue(*kind, 1, 0);
    bide_task *a = bide_create_task(getter, NULL);
    bide_task *b = bide_create_task(getter, NULL);
    settle();
    put_all("x"); /* is a's */
    bide_queue_shutdown(queue);
    CHECK_OK(bide_await(a));
    CHECK_ERR(bide_await(b), -ESHUTDOWN);
    CHECK_STR(journal_take(), "x$");
    bide_queue_free(queue);
    return 0;
}

TEST(shutting_down_wakes_those_that_would_wait_for_ever)
{
    for (const char *kind = "flp"; *kind; kind++)
        CHECK_OK(
            bide_run(amain_shuts_down_on_getters, (void *)(uintptr_t)kind));
}

static int amain_shuts_down_at_once(void *arg)
{
    const char *kind = arg;
    char item;
    queue = new_queue(*kind, 1, 3);
    put_all("abc");
    bide_task *put = start_putter("d");
    bide_task *join = bide_create_task(joiner, NULL);
    CHECK_OK(bide_queue_get(queue, &item));
    settle();
    bide_queue_shutdown_immediate(queue);
    CHECK_INT(bide_queue_qsize(queue), 0);
    CHECK_ERR(bide_queue_get_nowait(queue, &item), -ESHUTDOWN);
    CHECK_ERR(bide_queue_put_nowait(queue, &item), -ESHUTDOWN);
    settle();
    CHECK(!bide_task_done(join)); /* what was gotten is still worked on */
    bide_queue_task_done(queue);
    CHECK_OK(bide_await(join));
    CHECK_OK(bide_await(put)); /* d was in before */
    (void)journal_take();
    bide_queue_free(queue);
    return 0;
}

TEST(an_immediate_shutdown_forgets_the_items_and_their_work)
{
    for (const char *kind = "flp"; *kind; kind++)
        CHECK_OK(bide_run(amain_shuts_down_at_once, (void *)(uintptr_t)kind));
}

static int amain_breaks_a_promise(void *arg)
{
    const char *kind = arg;
    queue = new_queue(*kind, 1, 0);
    bide_task *a = bide_create_task(getter, NULL);
    settle();
    put_all("x");
    bide_queue_shutdown_immediate(queue);
    int rc = bide_await(a);
    CHECK_INT(rc, *kind == 'f' ? 0 : -ESHUTDOWN);
    CHECK_STR(journal_take(), *kind == 'f' ? "x" : "$");
    if (*kind == 'f')
        bide_queue_task_done(queue);
    CHECK_OK(bide_queue_join(queue));
    bide_queue_free(queue);
    return 0;
}

TEST(an_immediate_shutdown_forgets_items_that_were_only_promised)
{
    for (const char *kind = "flp"; *kind; kind++)
        CHECK_OK(bide_run(amain_breaks_a_promise, (void *)(uintptr_t)kind));
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static void do_more_than_there_was(void)
{
    bide_queue_task_done(bide_queue_new(1, 0));
}

static void make_empty_items(void)
{
    (void)!bide_queue_new(0, 0);
}

static void make_huge_items(void)
{
    (void)!bide_lifo_queue_new(65537, 0);
}

static void make_without_order(void)
{
    (void)!bide_priority_queue_new(1, 0, NULL, NULL);
}

static void make_too_large(void)
{
    (void)!bide_queue_new(1, BIDE_QUEUE_MAX + 1);
}

static int amain_frees_in_use(void *arg)
{
    (void)arg;
    queue = bide_lifo_queue_new(1, 0);
    bide_task_detach(bide_create_task(getter, NULL));
    settle();
    put_all("x");
    bide_queue_free(queue);
    return 0;
}

static void free_in_use(void)
{
    run(amain_frees_in_use);
}

TEST(misuse_of_a_queue_ends_the_program)
{
    CHECK_DIES(do_more_than_there_was, "bide_queue_task_done() was called "
                                       "more often than items were put");
    CHECK_DIES(make_empty_items, "bide_queue_new() was called for items of 0 "
                                 "bytes");
    CHECK_DIES(make_huge_items, "bide_lifo_queue_new() was called for items "
                                "of 65537 bytes");
    CHECK_DIES(make_without_order, "without a function to compare");
    CHECK_DIES(make_too_large, "with the maxsize 16777217, at most 16777216");
    CHECK_DIES(free_in_use, "bide_queue_free() was called while 1 tasks have "
                            "yet to take an item");
}

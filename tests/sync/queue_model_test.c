/* SPDX-License-Identifier: MIT */
/*
 * queue_model_test.c — queues against a twin that is too simple to be wrong.
 *
 * The twin is an array of items in the order of their arrival; which one is
 * next is searched for each time. Random operations are applied to both. Then
 * tasks that put, get and are cancelled at random: every item that was put
 * must be gotten exactly once, in order.
 */
#include <bide/group.h>
#include <bide/queue.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

#define TWIN_MAX 64

/* So large that a queue begins with few slots and has to grow. */
struct item {
    int key;
    int serial;
    char rest[700];
};

static struct twin {
    char kind; /* f, l or p */
    size_t maxsize;
    size_t count;
    size_t unfinished;
    bool shut;
    struct item items[TWIN_MAX];
} twin;

static unsigned long long random_state;

static unsigned draw(unsigned below)
{
    random_state =
        random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random_state >> 33) % below;
}

static int compare_keys(const void *a, const void *b, void *arg)
{
    (void)arg;
    int first = ((const struct item *)a)->key;
    int second = ((const struct item *)b)->key;
    return (first > second) - (first < second);
}

static bide_queue *new_queue(char kind, size_t maxsize)
{
    if (kind == 'f')
        return bide_queue_new(sizeof(struct item), maxsize);
    if (kind == 'l')
        return bide_lifo_queue_new(sizeof(struct item), maxsize);
    return bide_priority_queue_new(sizeof(struct item), maxsize, compare_keys,
                                   NULL);
}

/* ── The twin ─────────────────────────────────────────────────────────── */

static int twin_put(struct item item)
{
    if (twin.shut)
        return -ESHUTDOWN;
    if (twin.maxsize && twin.count >= twin.maxsize)
        return -EAGAIN;
    twin.items[twin.count++] = item;
    twin.unfinished++;
    return 0;
}

static size_t twin_next(void)
{
    size_t next = twin.kind == 'l' ? twin.count - 1 : 0;
    for (size_t i = 0; twin.kind == 'p' && i < twin.count; i++)
        if (twin.items[i].key < twin.items[next].key)
            next = i;
    return next;
}

static int twin_get(struct item *ret_item)
{
    if (twin.count == 0)
        return twin.shut ? -ESHUTDOWN : -EAGAIN;
    size_t next = twin_next();
    *ret_item = twin.items[next];
    memmove(&twin.items[next], &twin.items[next + 1],
            (--twin.count - next) * sizeof twin.items[0]);
    return 0;
}

/* ── Operations on both ───────────────────────────────────────────────── */

static bool step_put(bide_queue *queue, int serial)
{
    struct item item = {.key = (int)draw(5), .serial = serial};
    if (twin.count == TWIN_MAX)
        return true;
    return CHECK_INT(bide_queue_put_nowait(queue, &item), twin_put(item));
}

static bool step_get(bide_queue *queue)
{
    struct item got = {.key = -1}, expected = {.key = -1};
    int rc = bide_queue_get_nowait(queue, &got);
    return CHECK_INT(rc, twin_get(&expected)) &&
           CHECK_INT(got.serial, expected.serial) &&
           CHECK_INT(got.key, expected.key);
}

static bool step(bide_queue *queue, int serial)
{
    unsigned choice = draw(1000);
    if (choice < 480)
        return step_put(queue, serial);
    if (choice < 900)
        return step_get(queue);
    if (choice < 998) {
        if (twin.unfinished > twin.count) {
            twin.unfinished--;
            bide_queue_task_done(queue);
        }
        return true;
    }
    twin.shut = true;
    if (choice < 999) {
        bide_queue_shutdown(queue);
    } else {
        bide_queue_shutdown_immediate(queue);
        twin.unfinished -= twin.count;
        twin.count = 0;
    }
    return true;
}

static bool agrees(const bide_queue *queue)
{
    return CHECK_INT(bide_queue_qsize(queue), twin.count) &&
           CHECK_INT(bide_queue_empty(queue), twin.count == 0) &&
           CHECK_INT(bide_queue_full(queue),
                     twin.maxsize && twin.count >= twin.maxsize);
}

static bool play(char kind, size_t maxsize)
{
    bide_queue *queue = new_queue(kind, maxsize);
    bool same = true;
    memset(&twin, 0, sizeof twin);
    twin.kind = kind;
    twin.maxsize = maxsize;
    for (int i = 0; i < 1000 && same; i++)
        same = step(queue, i) && agrees(queue);
    bide_queue_free(queue);
    return same;
}

TEST(queues_do_what_their_simple_twin_does)
{
    static const size_t maxsizes[] = {0, 1, 2, 7, 50};
    const char *seed = getenv("TEST_SEED");
    unsigned long long first = seed ? strtoull(seed, NULL, 10) : 1;
    for (unsigned long long game = first; game < first + 40; game++) {
        random_state = game;
        for (const char *kind = "flp"; *kind; kind++) {
            if (!play(*kind, maxsizes[game % 5])) {
                printf("# kind %c, TEST_SEED=%llu\n", *kind, game);
                return;
            }
        }
    }
}

/* ── Tasks that are cancelled ─────────────────────────────────────────── */

enum { PUTTERS = 3, GETTERS_MAX = 3, EACH = 4 };

static bide_queue *shared;
static int getter_count, getters_left;
static int put_count[PUTTERS]; /* items that are in, by their putter */
static int got_count[PUTTERS];

static void note_item(const struct item *item)
{
    /* Putters put in order, and their own items (of equal keys) stay in it,
     * unless the last comes out first. Of several getters, one who runs may
     * be ahead of one who was handed an earlier item and has yet to run. */
    if (twin.kind != 'l' && getter_count == 1)
        CHECK_INT(item->serial, got_count[item->key]);
    got_count[item->key]++;
}

static int put_some(void *arg)
{
    int me = *(const int *)arg;
    for (int i = 0; i < EACH; i++) {
        struct item item = {.key = me, .serial = i};
        int rc = bide_queue_put(shared, &item);
        if (rc < 0)
            return rc == -ESHUTDOWN ? 0 : rc;
        put_count[me]++;
        if (i == 2 && (rc = bide_sleep(0)) < 0)
            return rc;
    }
    return 0;
}

/* When the last getter is gone, nobody may go on waiting to put. */
static int get_some(void *arg)
{
    (void)arg;
    int rc = 0;
    while (rc == 0) {
        struct item item;
        rc = bide_queue_get(shared, &item);
        if (rc == 0) {
            note_item(&item);
            bide_queue_task_done(shared);
        }
    }
    if (--getters_left == 0)
        bide_queue_shutdown(shared);
    return rc == -ESHUTDOWN ? 0 : rc;
}

static int first_error(const bide_outcome *outcomes, int count)
{
    for (int i = 0; i < count; i++)
        if (outcomes[i].code < 0)
            return outcomes[i].code;
    return 0;
}

static int traffic(void *arg)
{
    (void)arg;
    static int numbers[PUTTERS] = {0, 1, 2};
    bide_task *putters[PUTTERS], *getters[GETTERS_MAX];
    bide_outcome outcomes[PUTTERS + GETTERS_MAX];
    memset(put_count, 0, sizeof put_count);
    memset(got_count, 0, sizeof got_count);
    shared = new_queue(twin.kind, twin.maxsize);
    getters_left = getter_count;
    for (int i = 0; i < getter_count; i++)
        getters[i] = bide_create_task(get_some, NULL);
    for (int i = 0; i < PUTTERS; i++)
        putters[i] = bide_create_task(put_some, &numbers[i]);
    int rc = bide_gather_outcomes(putters, PUTTERS, outcomes);
    bide_queue_shutdown(shared);
    int all = bide_gather_outcomes(getters, (size_t)getter_count,
                                   outcomes + PUTTERS);
    struct item item;
    while (bide_queue_get_nowait(shared, &item) == 0)
        note_item(&item);
    for (int i = 0; i < PUTTERS; i++)
        CHECK_INT(got_count[i], put_count[i]); /* none lost, none twice */
    bide_queue_free(shared);
    rc = rc < 0 ? rc : all;
    return rc < 0 ? rc : first_error(outcomes, PUTTERS + getter_count);
}

TEST(no_item_is_lost_or_doubled_whatever_fails_or_is_cancelled)
{
    for (const char *kind = "flp"; *kind; kind++) {
        for (size_t maxsize = 0; maxsize < 3; maxsize++) {
            twin.kind = *kind;
            twin.maxsize = maxsize;
            getter_count = 1;
            CHECK(torture(traffic).suspensions >= 6);
            getter_count = GETTERS_MAX;
            CHECK(torture(traffic).suspensions >= 6);
        }
    }
}

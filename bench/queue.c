/* SPDX-License-Identifier: MIT */
/*
 * queue.c — ping-pong between two tasks through two queues of one item each.
 * An item there and an item back are two items.
 *
 *     queue [items]
 */
#include "bench.h"

#include <bide.h>

struct table {
    bide_queue *there;
    bide_queue *back;
    long times;
};

static int returner(void *arg)
{
    struct table *table = arg;
    for (long i = 0; i < table->times; i++) {
        long item;
        int rc = bide_queue_get(table->there, &item);
        if (rc < 0)
            return rc;
        rc = bide_queue_put(table->back, &item);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int serve_items(struct table *table)
{
    for (long i = 0; i < table->times; i++) {
        long item = 0;
        int rc = bide_queue_put(table->there, &i);
        if (rc < 0)
            return rc;
        rc = bide_queue_get(table->back, &item);
        if (rc < 0)
            return rc;
        if (item != i)
            bench_die("item %ld came back as %ld", i, item);
    }
    return 0;
}

static int play(struct table *table, long items)
{
    table->times = items / 2;
    bide_task *other = bide_create_task(returner, table);
    int rc = serve_items(table);
    int other_rc = bide_await(other);
    return rc < 0 ? rc : other_rc;
}

static int measure(void *arg)
{
    long items = *(long *)arg;
    struct table table = {.there = bide_queue_new(sizeof(long), 1),
                          .back = bide_queue_new(sizeof(long), 1)};
    if (!table.there || !table.back)
        return -ENOMEM;
    int rc = play(&table, items / 20);
    if (rc < 0)
        return rc;
    int64_t begin = bench_cpu_ns();
    rc = play(&table, items);
    double ns = (double)(bench_cpu_ns() - begin);
    bide_queue_free(table.there);
    bide_queue_free(table.back);
    if (rc < 0)
        return rc;
    printf("ns=%.3f\n", ns / (double)items);
    return 0;
}

int main(int argc, char **argv)
{
    long items = bench_arg(argc, argv, 1, 2, 2000000000, 10000000);
    int rc = bide_run(measure, &items);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

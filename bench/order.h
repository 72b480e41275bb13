/* SPDX-License-Identifier: MIT */
/*
 * order.h — the document that libraries for JSON are compared by: an order of
 * a shop, with as many items as are asked for. Three make 385 bytes, 66 make
 * 4 KiB.
 *
 * Peers read all of it into the struct below, with copies of the strings, and
 * check types as they go; bide has the same struct from its description.
 */
#ifndef BENCH_ORDER_H
#define BENCH_ORDER_H

#include <stdbool.h>

#include "bench.h"

#define ORDER_ITEMS_MAX 1000

struct order_item {
    const char *sku;
    const char *name;
    int64_t qty;
    double price;
};

struct order {
    int64_t id;
    const char *customer;
    const char *email;
    bool paid;
    double total;
    const char *street;
    const char *city;
    const char *zip;
    struct order_item items[ORDER_ITEMS_MAX];
    size_t n_items;
    const char *tags[2];
    size_t n_tags;
};

static inline size_t order_text(char *text, size_t size, long items)
{
    static const char *const names[] = {"Teapot, blue", "Cup and saucer",
                                        "Tray", "Sugar tongs"};
    size_t len = (size_t)snprintf(
        text, size,
        "{\"id\":1000234,\"customer\":\"Grete Hermann\",\"email\":"
        "\"grete.hermann@example.org\",\"paid\":true,\"total\":129.85,"
        "\"address\":{\"street\":\"Am Wall 12\",\"city\":\"Bremen\",\"zip\":"
        "\"28195\"},\"items\":[");
    for (long i = 0; i < items; i++)
        len += (size_t)snprintf(
            text + len, size - len,
            "%s{\"sku\":\"A-%ld\",\"name\":\"%s\",\"qty\":%ld,\"price\":"
            "%ld.%02ld}", i > 0 ? "," : "", 1001 + i, names[i % 4],
            1 + i % 3, 4 + i % 90, 11 + 2 * (i % 44));
    return len + (size_t)snprintf(text + len, size - len,
                                  "],\"tags\":[\"gift\",\"express\"]}");
}

/* What was read: the same for all of them. */
static inline void order_check(int64_t id, size_t items, double last_price,
                               long expected)
{
    long last = expected - 1;
    double price =
        (double)(4 + last % 90) + (double)(11 + 2 * (last % 44)) / 100;
    if (id != 1000234 || (long)items != expected ||
        last_price - price > 1e-9 || price - last_price > 1e-9)
        bench_die("read id %ld, %zu items, the last one at %f", (long)id,
                  items, last_price);
}

/*
 * The rest of a program: `decode` and `encode` work on the text a number of
 * times; encode may be NULL. Arguments: decode or encode, items, times.
 */
struct order_work {
    char text[256 * 1024];
    size_t len;
    long items;
};

typedef void order_function(struct order_work *work, long times);

static inline int order_main(int argc, char **argv, order_function *decode,
                             order_function *encode)
{
    static struct order_work work;
    bool decodes = strcmp(bench_word(argc, argv, 1, "decode"), "decode") == 0;
    work.items = bench_arg(argc, argv, 2, 1, ORDER_ITEMS_MAX, 3);
    long times = bench_arg(argc, argv, 3, 1, 2000000000, 100000);
    work.len = order_text(work.text, sizeof work.text, work.items);
    order_function *function = decodes ? decode : encode;
    function(&work, times / 10 + 1);
    int64_t begin = bench_cpu_ns();
    function(&work, times);
    double ns = (double)(bench_cpu_ns() - begin);
    printf("ns=%.1f bytes=%zu\n", ns / (double)times, work.len);
    return 0;
}

#endif

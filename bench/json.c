/* SPDX-License-Identifier: MIT */
/*
 * json.c — JSON to and from structs, by their description.
 *
 *     json decode|encode [items] [times]
 */
#include "order.h"

#include <bide/error.h>
#include <bide/json.h>

BIDE_MODEL(Item,
    BIDE_FIELD(str, sku, .min_len = 1, .max_len = 20),
    BIDE_FIELD(str, name),
    BIDE_FIELD(i64, qty, .ge = 1),
    BIDE_FIELD(f64, price, .gt = 0));

BIDE_MODEL(Address,
    BIDE_FIELD(str, street),
    BIDE_FIELD(str, city),
    BIDE_FIELD(str, zip));

BIDE_MODEL(Order,
    BIDE_FIELD(i64, id),
    BIDE_FIELD(str, customer, .min_len = 1),
    BIDE_FIELD(str, email),
    BIDE_FIELD(bool, paid, .def = "false"),
    BIDE_FIELD(f64, total, .ge = 0),
    BIDE_FIELD(Address, address),
    BIDE_FIELD(list(Item), items, .min_items = 1),
    BIDE_FIELD(list(str), tags, .def = "[]"));

static void decode_into(struct order_work *work, Order *order,
                        bide_arena *arena)
{
    int rc = bide_json_decode(&bide_model_Order, work->text, work->len, order,
                              arena, NULL);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
}

static void decode(struct order_work *work, long times)
{
    bide_arena arena = {0};
    Order order;
    for (long i = 0; i < times; i++) {
        bide_arena_reset(&arena);
        decode_into(work, &order, &arena);
        order_check(order.id, order.n_items,
                    order.items[order.n_items - 1].price, work->items);
    }
    bide_arena_free(&arena);
}

static void encode(struct order_work *work, long times)
{
    bide_arena arena = {0};
    bide_json_writer writer = {0};
    Order order;
    decode_into(work, &order, &arena);
    for (long i = 0; i < times; i++) {
        bide_json_reset(&writer);
        bide_json_encode(&writer, &bide_model_Order, &order);
        int rc = bide_json_finish(&writer);
        if (rc < 0 || writer.len != work->len ||
            memcmp(writer.text, work->text, work->len) != 0)
            bench_die("what was written is not what was read");
    }
    bide_json_free(&writer);
    bide_arena_free(&arena);
}

int main(int argc, char **argv)
{
    return order_main(argc, argv, decode, encode);
}

/* SPDX-License-Identifier: MIT */
/*
 * json_jansson.c — the order of ../order.h by jansson: a tree, then the struct.
 */
#include <jansson.h>

#include "../order.h"

static void read_item(json_t *value, struct order_item *item)
{
    json_int_t qty;
    if (json_unpack(value, "{s:s, s:s, s:I, s:F}", "sku", &item->sku, "name",
                    &item->name, "qty", &qty, "price", &item->price) < 0)
        bench_die("an item is wrong");
    item->sku = strdup(item->sku);
    item->name = strdup(item->name);
    item->qty = qty;
}

static void read_order(json_t *root, struct order *order)
{
    json_int_t id;
    int paid;
    json_t *items, *tags, *value;
    size_t i;
    if (json_unpack(root, "{s:I, s:s, s:s, s:b, s:F, s:{s:s, s:s, s:s}, s:o, "
                    "s:o}", "id", &id, "customer", &order->customer, "email",
                    &order->email, "paid", &paid, "total", &order->total,
                    "address", "street", &order->street, "city", &order->city,
                    "zip", &order->zip, "items", &items, "tags", &tags) < 0)
        bench_die("the order is wrong");
    order->id = id;
    order->paid = paid;
    order->customer = strdup(order->customer);
    order->email = strdup(order->email);
    order->street = strdup(order->street);
    order->city = strdup(order->city);
    order->zip = strdup(order->zip);
    json_array_foreach(items, i, value)
        read_item(value, &order->items[i]);
    order->n_items = i;
    json_array_foreach(tags, i, value)
        order->tags[i] = strdup(json_string_value(value));
    order->n_tags = i;
}

static void free_order(struct order *order)
{
    free((void *)order->customer);
    free((void *)order->email);
    free((void *)order->street);
    free((void *)order->city);
    free((void *)order->zip);
    for (size_t i = 0; i < order->n_items; i++) {
        free((void *)order->items[i].sku);
        free((void *)order->items[i].name);
    }
    for (size_t i = 0; i < order->n_tags; i++)
        free((void *)order->tags[i]);
}

static void decode(struct order_work *work, long times)
{
    static struct order order;
    for (long i = 0; i < times; i++) {
        json_error_t error;
        json_t *root = json_loadb(work->text, work->len, 0, &error);
        if (root == NULL)
            bench_die("%s", error.text);
        read_order(root, &order);
        json_decref(root);
        order_check(order.id, order.n_items,
                    order.items[order.n_items - 1].price, work->items);
        free_order(&order);
    }
}

static void encode(struct order_work *work, long times)
{
    static struct order order;
    json_error_t error;
    json_t *read = json_loadb(work->text, work->len, 0, &error);
    read_order(read, &order);
    json_decref(read);
    for (long i = 0; i < times; i++) {
        json_t *items = json_array();
        json_t *tags = json_array();
        for (size_t j = 0; j < order.n_items; j++)
            json_array_append_new(items, json_pack(
                "{s:s, s:s, s:I, s:f}", "sku", order.items[j].sku, "name",
                order.items[j].name, "qty", (json_int_t)order.items[j].qty,
                "price", order.items[j].price));
        for (size_t j = 0; j < order.n_tags; j++)
            json_array_append_new(tags, json_string(order.tags[j]));
        json_t *root = json_pack(
            "{s:I, s:s, s:s, s:b, s:f, s:{s:s, s:s, s:s}, s:o, s:o}", "id",
            (json_int_t)order.id, "customer", order.customer, "email",
            order.email, "paid", order.paid, "total", order.total, "address",
            "street", order.street, "city", order.city, "zip", order.zip,
            "items", items, "tags", tags);
        char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(15));
        if (text == NULL || strlen(text) != work->len)
            bench_die("what was written is not what was read");
        free(text);
        json_decref(root);
    }
    free_order(&order);
}

int main(int argc, char **argv)
{
    return order_main(argc, argv, decode, encode);
}

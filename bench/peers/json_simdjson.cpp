/* SPDX-License-Identifier: MIT */
/*
 * json_simdjson.cpp — the order of ../order.h by simdjson, on demand: what is
 * not asked for is not read, and strings stay in the parser's memory.
 */
#include <simdjson.h>

#include "../order.h"

namespace {

using namespace simdjson;

struct view_item {
    std::string_view sku, name;
    int64_t qty;
    double price;
};

struct view_order {
    int64_t id;
    std::string_view customer, email, street, city, zip;
    bool paid;
    double total;
    std::vector<view_item> items;
    std::vector<std::string_view> tags;
};

void read_order(ondemand::document &document, view_order &order)
{
    order.id = document["id"];
    order.customer = document["customer"];
    order.email = document["email"];
    order.paid = document["paid"];
    order.total = document["total"];
    ondemand::object address = document["address"];
    order.street = address["street"];
    order.city = address["city"];
    order.zip = address["zip"];
    order.items.clear();
    for (ondemand::object value : document["items"]) {
        view_item item;
        item.sku = value["sku"];
        item.name = value["name"];
        item.qty = value["qty"];
        item.price = value["price"];
        order.items.push_back(item);
    }
    order.tags.clear();
    for (std::string_view tag : document["tags"])
        order.tags.push_back(tag);
}

void decode(struct order_work *work, long times)
{
    ondemand::parser parser;
    view_order order;
    if (work->len + SIMDJSON_PADDING > sizeof work->text)
        bench_die("the text is too long");
    for (long i = 0; i < times; i++) {
        ondemand::document document = parser.iterate(
            work->text, work->len, work->len + SIMDJSON_PADDING);
        read_order(document, order);
        order_check(order.id, order.items.size(), order.items.back().price,
                    work->items);
    }
}

} /* namespace */

int main(int argc, char **argv)
{
    return order_main(argc, argv, decode, decode);
}

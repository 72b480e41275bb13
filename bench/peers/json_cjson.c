/* SPDX-License-Identifier: MIT */
/*
 * json_cjson.c — the order of ../order.h by cJSON: a tree, then the struct.
 */
#include <cjson/cJSON.h>

#include "../order.h"

static char *string_of(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(value))
        bench_die("%s is no string", key);
    return strdup(value->valuestring);
}

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(value))
        bench_die("%s is no number", key);
    return value->valuedouble;
}

static void read_order(const cJSON *root, struct order *order)
{
    const cJSON *address = cJSON_GetObjectItemCaseSensitive(root, "address");
    const cJSON *value;
    order->id = (int64_t)number_of(root, "id");
    order->customer = string_of(root, "customer");
    order->email = string_of(root, "email");
    order->paid =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "paid"));
    order->total = number_of(root, "total");
    order->street = string_of(address, "street");
    order->city = string_of(address, "city");
    order->zip = string_of(address, "zip");
    order->n_items = order->n_tags = 0;
    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(root, "items"))
    {
        struct order_item *item = &order->items[order->n_items++];
        item->sku = string_of(value, "sku");
        item->name = string_of(value, "name");
        item->qty = (int64_t)number_of(value, "qty");
        item->price = number_of(value, "price");
    }
    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(root, "tags"))
        order->tags[order->n_tags++] = strdup(value->valuestring);
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
        cJSON *root = cJSON_ParseWithLength(work->text, work->len);
        if (root == NULL)
            bench_die("no JSON");
        read_order(root, &order);
        cJSON_Delete(root);
        order_check(order.id, order.n_items,
                    order.items[order.n_items - 1].price, work->items);
        free_order(&order);
    }
}

static cJSON *make_order(const struct order *order)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddNumberToObject(root, "id", (double)order->id);
    cJSON_AddStringToObject(root, "customer", order->customer);
    cJSON_AddStringToObject(root, "email", order->email);
    cJSON_AddBoolToObject(root, "paid", order->paid);
    cJSON_AddNumberToObject(root, "total", order->total);
    cJSON *address = cJSON_AddObjectToObject(root, "address");
    cJSON_AddStringToObject(address, "street", order->street);
    cJSON_AddStringToObject(address, "city", order->city);
    cJSON_AddStringToObject(address, "zip", order->zip);
    cJSON *items = cJSON_AddArrayToObject(root, "items");
    for (size_t i = 0; i < order->n_items; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "sku", order->items[i].sku);
        cJSON_AddStringToObject(item, "name", order->items[i].name);
        cJSON_AddNumberToObject(item, "qty", (double)order->items[i].qty);
        cJSON_AddNumberToObject(item, "price", order->items[i].price);
        cJSON_AddItemToArray(items, item);
    }
    cJSON *tags = cJSON_AddArrayToObject(root, "tags");
    for (size_t i = 0; i < order->n_tags; i++)
        cJSON_AddItemToArray(tags, cJSON_CreateString(order->tags[i]));
    return root;
}

static void encode(struct order_work *work, long times)
{
    static struct order order;
    cJSON *read = cJSON_ParseWithLength(work->text, work->len);
    read_order(read, &order);
    cJSON_Delete(read);
    for (long i = 0; i < times; i++) {
        cJSON *root = make_order(&order);
        char *text = cJSON_PrintUnformatted(root);
        if (text == NULL || strlen(text) != work->len)
            bench_die("what was written is not what was read");
        free(text);
        cJSON_Delete(root);
    }
    free_order(&order);
}

int main(int argc, char **argv)
{
    return order_main(argc, argv, decode, encode);
}

/* SPDX-License-Identifier: MIT */
/*
 * models.c — a struct described once: read, checked, told what is wrong with
 * it, and written. Needs bide-model.
 */
#include <bide/error.h>
#include <bide/json.h>
#include <stdio.h>
#include <string.h>

/* [describe] */
BIDE_ENUM(Size, small, large);

BIDE_MODEL(NewItem,
    BIDE_FIELD(str, name, .min_len = 1, .max_len = 80),
    BIDE_FIELD(f64, price, .gt = 0),
    BIDE_FIELD(i64, qty, .def = "1", .ge = 1),
    BIDE_FIELD(Size, size, .def = "small"),
    BIDE_FIELD(optional(str), note),
    BIDE_FIELD(list(str), tags, .def = "[]", .max_items = 10));
/* [describe] */

static void print(bide_json_writer *writer)
{
    if (bide_json_finish(writer) == 0)
        puts(writer->text);
    bide_json_free(writer);
}

static void read_item(const char *text)
{
    NewItem item;
    bide_arena arena = {0};
    bide_faults faults = {0};
    bide_json_writer writer = {0};
    int rc = bide_json_decode(&bide_model_NewItem, text, strlen(text), &item,
                              &arena, &faults);
    if (rc == 0) {
        printf("%lld of %s at %.2f, %zu tags%s\n", (long long)item.qty,
               item.name, item.price, item.n_tags,
               item.has_note ? ", and a note" : "");
        bide_json_encode(&writer, &bide_model_NewItem, &item);
    } else {
        printf("%s\n", bide_errmsg(rc));
        bide_faults_write(&writer, &faults);
    }
    print(&writer);
    bide_arena_free(&arena);
}

int main(void)
{
    read_item("{\"name\": \"Tea\", \"price\": 4.5, \"tags\": [\"hot\"]}");
    read_item("{\"price\": -1, \"size\": \"huge\"}");
    read_item("{\"name\": \"Tea\", \"price\": 4.5");
    return 0;
}

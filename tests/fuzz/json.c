/* SPDX-License-Identifier: MIT */
/*
 * json.c — documents of any kind, read by a description of every type.
 *
 * What is valid must be JSON, and after writing be read as the same; what is
 * refused must have a fault. Faults, too, are JSON.
 */
#include "fuzz.h"

#include <bide/json.h>
#include <string.h>

BIDE_ENUM(Size, red, green);

BIDE_MODEL(Node,
    BIDE_FIELD(optional(i64), i, .gt = -100),
    BIDE_FIELD(optional(i32), small),
    BIDE_FIELD(optional(u64), big),
    BIDE_FIELD(optional(f64), f, .multiple_of = 0.5),
    BIDE_FIELD(optional(bool), b),
    BIDE_FIELD(optional(str), s, .min_len = 1, .pattern = "^[a-z]"),
    BIDE_FIELD(optional(bytes), y),
    BIDE_FIELD(optional(time), t),
    BIDE_FIELD(optional(uuid), u),
    BIDE_FIELD(optional(json), raw),
    BIDE_FIELD(Size, size, .def = "red"),
    BIDE_FIELD(list(str), words, .def = "[]", .max_items = 5),
    BIDE_FIELD(list(Node), kids, .def = "[]"));

static void check_json(bide_json_writer *writer)
{
    if (bide_json_finish(writer) < 0 ||
        bide_json_check(writer->text, writer->len) < 0)
        abort();
}

/* What is written of a node is written of it again. */
static void check_again(const bide_json_writer *first, bide_arena *arena)
{
    Node node;
    bide_json_writer second = {0};
    if (bide_json_decode(&bide_model_Node, first->text, first->len, &node,
                         arena, NULL) < 0)
        abort();
    bide_json_encode(&second, &bide_model_Node, &node);
    check_json(&second);
    if (second.len != first->len ||
        memcmp(second.text, first->text, first->len) != 0)
        abort();
    bide_json_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Node node;
    bide_arena arena = {0};
    bide_faults faults = {0};
    bide_json_writer writer = {0};
    const char *text = (const char *)data;
    int rc = bide_json_decode(&bide_model_Node, text, size, &node, &arena,
                              &faults);
    if (rc == 0) {
        if (bide_json_check(text, size) < 0 || faults.count != 0)
            abort();
        bide_json_encode(&writer, &bide_model_Node, &node);
        check_json(&writer);
        check_again(&writer, &arena);
    } else {
        if (faults.count == 0)
            abort();
        bide_faults_write(&writer, &faults);
        check_json(&writer);
    }
    bide_json_free(&writer);
    bide_arena_free(&arena);
    return 0;
}

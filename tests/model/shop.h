/* SPDX-License-Identifier: MIT */
/*
 * shop.h — the models that several tests use, and reading by them.
 */
#ifndef BIDE_TESTS_MODEL_SHOP_H
#define BIDE_TESTS_MODEL_SHOP_H

#include <bide/error.h>
#include <bide/json.h>
#include <string.h>

#include "test.h"

BIDE_ENUM(Size, red, green, blue);

BIDE_MODEL(Sub, BIDE_FIELD(f64, price, .gt = 0));

/* A field of each type, all with defaults. */
BIDE_MODEL(Many,
    BIDE_FIELD(i64, i, .def = "2", .ge = 1, .lt = 10, .multiple_of = 2),
    BIDE_FIELD(f64, f, .def = "1", .gt = 0, .le = 10.5, .multiple_of = 0.5),
    BIDE_FIELD(str, s, .def = "aa", .min_len = 2, .max_len = 4,
               .pattern = "^a+$"),
    BIDE_FIELD(str, s1, .def = "a", .min_len = 1, .max_len = 1),
    BIDE_FIELD(bool, b, .def = "true"),
    BIDE_FIELD(optional(time), t),
    BIDE_FIELD(optional(uuid), u),
    BIDE_FIELD(Size, e, .def = "red"),
    BIDE_FIELD(optional(bytes), y),
    BIDE_FIELD(optional(bytes), by, .min_len = 1),
    BIDE_FIELD(list(i64), l, .def = "[1]", .min_items = 1, .max_items = 2),
    BIDE_FIELD(list(i64), l2, .def = "[1,2]", .min_items = 2),
    BIDE_FIELD(optional(Sub), sub),
    BIDE_FIELD(list(Sub), subs, .def = "[]"),
    BIDE_FIELD(optional(i64), o));

/* Knows its keys. */
BIDE_MODEL(Closed,
    BIDE_OPTIONS(.closed = true),
    BIDE_FIELD(i64, a),
    BIDE_FIELD(str, b));

/* Holds itself. */
BIDE_MODEL(Tree,
    BIDE_OPTIONS(.omit_absent = true),
    BIDE_FIELD(optional(i64), n),
    BIDE_FIELD(list(Tree), kids, .def = "[]"));

/* All of a document, in one string: what was read, written again; or the
 * faults. To be freed by the caller's bide_json_free(). */
static inline int read_and_write(const bide_model *model, const char *text,
                                 size_t len, bide_json_writer *ret_writer)
{
    static const bide_place body = {"body", 0};
    union {
        Many many;
        Closed closed;
        Tree tree;
    } object;
    bide_arena arena = {0};
    bide_faults faults = {.within = &body, .n_within = 1};
    memset(ret_writer, 0, sizeof *ret_writer);
    int rc = bide_json_decode(model, text, len, &object, &arena, &faults);
    if (rc == 0)
        bide_json_encode(ret_writer, model, &object);
    else
        bide_faults_write(ret_writer, &faults);
    CHECK_OK(bide_json_finish(ret_writer));
    bide_arena_free(&arena);
    return rc;
}

#endif

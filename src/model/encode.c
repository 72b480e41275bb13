/* SPDX-License-Identifier: MIT */
/*
 * encode.c — structs as JSON.
 *
 * Keys are kept as they are written, with the comma before and the colon
 * behind; a number is written where it will stay. Room is asked for once for a
 * key and a number together.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

#define VALUE_LEN 48 /* of a value that has no length of its own */

static void write_object(bide_json_writer *writer,
                         const struct bide_plan *plan, const void *object);

/* ── Values ───────────────────────────────────────────────────────────── */

/* A value of at most VALUE_LEN bytes; 0: it is of another kind. */
static inline size_t put_short(char *out, bide_kind kind, const void *place)
{
    size_t len;
    switch (kind) {
    case BIDE_KIND_BOOLEAN:
        len = *(const bool *)place ? 4 : 5;
        memcpy(out, len == 4 ? "true " : "false", 5);
        return len;
    case BIDE_KIND_I32:
        return bide__write_i64(out, *(const int32_t *)place);
    case BIDE_KIND_I64:
        return bide__write_i64(out, *(const int64_t *)place);
    case BIDE_KIND_U64:
        return bide__write_u64(out, *(const uint64_t *)place);
    case BIDE_KIND_F64:
        if (isfinite(*(const double *)place))
            return bide__write_f64(out, *(const double *)place);
        break;
    case BIDE_KIND_TIME:
        len = bide__write_moment(out + 1, *(const double *)place);
        if (len == 0)
            break;
        out[0] = out[len + 1] = '"';
        return len + 2;
    case BIDE_KIND_UUID:
        bide__write_uuid(out + 1, place);
        out[0] = out[UUID_LEN + 1] = '"';
        return UUID_LEN + 2;
    default:
        return 0;
    }
    memcpy(out, "null", 4);
    return 4;
}

static void put_bytes(bide_json_writer *writer, const bide_bytes *bytes)
{
    size_t len = bide__base64_len(bytes->len);
    char *out = bide__writer_room(writer, len + 2);
    if (out == NULL)
        return;
    out[0] = out[len + 1] = '"';
    bide__base64_write(out + 1, bytes->data, bytes->len);
    writer->len += len + 2;
}

static void put(bide_json_writer *writer, const char *text, size_t len)
{
    char *out = bide__writer_room(writer, len);
    if (out == NULL)
        return;
    memcpy(out, text, len);
    writer->len += len;
}

static void put_text(bide_json_writer *writer, const char *text, bool is_json)
{
    if (text == NULL)
        put(writer, "null", 4);
    else if (is_json)
        put(writer, text, strlen(text));
    else
        bide__write_string(writer, text, strlen(text));
}

static void put_enum(bide_json_writer *writer, const bide_model *model,
                     unsigned index)
{
    if (index >= model->n_names) {
        if (writer->error == 0)
            writer->error = bide_raise(-EINVAL, "%u is no value of %s", index,
                                       model->name);
        return;
    }
    put_text(writer, model->names[index], false);
}

/* One value, with no comma before it. */
static inline void put_value(bide_json_writer *writer,
                             const struct bide__part *part, const void *place)
{
    switch (part->kind) {
    case BIDE_KIND_MODEL:
        write_object(writer, part->nested, place);
        return;
    case BIDE_KIND_STR:
        put_text(writer, *(const char *const *)place, false);
        return;
    case BIDE_KIND_JSON:
        put_text(writer, *(const char *const *)place, true);
        return;
    case BIDE_KIND_BYTES:
        put_bytes(writer, place);
        return;
    case BIDE_KIND_ENUM:
        put_enum(writer, part->model, *(const unsigned *)place);
        return;
    default:
        break;
    }
    char *out = bide__writer_room(writer, VALUE_LEN);
    if (out != NULL)
        writer->len += put_short(out, part->kind, place);
}

static bool go_deeper(bide_json_writer *writer)
{
    if (writer->depth < BIDE_JSON_DEPTH_MAX) {
        writer->depth++;
        return true;
    }
    if (writer->error == 0)
        writer->error = bide_raise(-EINVAL, "deeper than %d levels",
                                   BIDE_JSON_DEPTH_MAX);
    return false;
}

static void put_items(bide_json_writer *writer, const struct bide__part *part,
                      const char *items, size_t n)
{
    if (!go_deeper(writer))
        return;
    put(writer, "[", 1);
    for (size_t i = 0; i < n && writer->error == 0; i++) {
        if (i > 0)
            put(writer, ",", 1);
        put_value(writer, part, items + i * part->size);
    }
    put(writer, "]", 1);
    writer->depth--;
}

/* ── Objects ──────────────────────────────────────────────────────────── */

static inline bool is_absent(const struct bide__part *part, const void *object)
{
    return bide__is_optional(part) &&
        !*(const bool *)bide__at(object, part->has_offset);
}

/* A member's value, whatever its shape. */
static inline void put_member(bide_json_writer *writer,
                              const struct bide__part *part,
                              const void *object)
{
    const void *place = bide__at(object, part->offset);
    if (is_absent(part, object)) {
        put(writer, "null", 4);
    } else if (bide__is_list(part)) {
        const char *items;
        size_t n;
        memcpy(&items, place, sizeof items);
        memcpy(&n, bide__at(object, part->count_offset), sizeof n);
        put_items(writer, part, items, n);
    } else {
        put_value(writer, part, place);
    }
}

static void write_object(bide_json_writer *writer,
                         const struct bide_plan *plan, const void *object)
{
    if (!go_deeper(writer))
        return;
    put(writer, "{", 1);
    size_t comma = 1; /* bytes of the next key to leave out */
    for (size_t i = 0; i < plan->n_parts; i++) {
        const struct bide__part *part = &plan->parts[i];
        if (part->kind == BIDE_KIND_OPAQUE || part->field->write_only ||
            (plan->model->omit_absent && is_absent(part, object)))
            continue;
        size_t len = part->key_len - comma;
        char *out = bide__writer_room(writer, len + VALUE_LEN);
        if (out == NULL)
            return;
        for (size_t at = 0; at < len; at += KEY_SLACK)
            memcpy(out + at, part->key + comma + at, KEY_SLACK);
        comma = 0;
        writer->len += len;
        size_t value = part->shape == BIDE_SHAPE_PLAIN
            ? put_short(out + len, part->kind, bide__at(object, part->offset))
            : 0;
        if (value > 0)
            writer->len += value;
        else
            put_member(writer, part, object);
    }
    put(writer, "}", 1);
    writer->depth--;
}

/* ── What users call ──────────────────────────────────────────────────── */

void bide__write_value(bide_json_writer *writer, const struct bide__part *part,
                       const void *object)
{
    if (bide__writer_value(writer))
        put_member(writer, part, object);
}

void bide_json_encode(bide_json_writer *writer, const bide_model *model,
                      const void *object)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan != NULL)
        bide__write_value(writer, &plan->whole, object);
    else if (writer->error == 0)
        writer->error = rc;
}

void bide_json_encode_list(bide_json_writer *writer, const bide_model *model,
                           const void *items, size_t n)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan == NULL && writer->error == 0)
        writer->error = rc;
    else if (plan != NULL && bide__writer_value(writer))
        put_items(writer, &plan->whole, items, n);
}

/* SPDX-License-Identifier: MIT */
/*
 * rows.c — fields from and to the values of columns and parameters.
 *
 * The values that databases have for a type go straight; others take the way
 * of parameters, by bide__convert(), without the limits of the field.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

ssize_t bide_model_column(const bide_model *model, const char *name,
                          size_t len)
{
    for (size_t i = 0; i < model->n_fields; i++) {
        const bide_field *field = &model->fields[i];
        const char *column =
            field->column != NULL ? field->column : field->member;
        if (strlen(column) == len && memcmp(column, name, len) == 0)
            return (ssize_t)i;
    }
    return -ENOENT;
}

static const struct bide__part *part_of(const bide_model *model, size_t index,
                                        int *ret_error)
{
    const struct bide_plan *plan = bide__plan_of(model, ret_error);
    if (plan == NULL)
        return NULL;
    if (index < plan->n_parts &&
        plan->parts[index].kind != BIDE_KIND_OPAQUE)
        return &plan->parts[index];
    *ret_error = bide_raise(-EINVAL, "%s has no field %zu for a column",
                            model->name, index);
    return NULL;
}

/* ── Setting ──────────────────────────────────────────────────────────── */

/* A copy of a text or a blob. false: no memory. */
static bool copy_bytes(const struct bide__part *part, const bide_bytes *bytes,
                       void *place, bide_arena *arena)
{
    const char *copy = bide_arena_copy(arena, bytes->data, bytes->len);
    if (copy == NULL)
        return false;
    if (part->kind == BIDE_KIND_BYTES) {
        ((bide_bytes *)place)->data = copy;
        ((bide_bytes *)place)->len = bytes->len;
    } else {
        *(const char **)place = copy;
    }
    return true;
}

static bool is_plain_text(const bide_bytes *text)
{
    return memchr(text->len > 0 ? text->data : "", '\0', text->len) == NULL;
}

/* What needs no conversion: 1; 0: another way has to be taken; -ENOMEM. */
static int set_straight(const struct bide__part *part, const bide_value *value,
                        void *place, bide_arena *arena)
{
    bool text = value->type == BIDE_VALUE_TEXT;
    bool json = value->type == BIDE_VALUE_JSON;
    switch (part->kind) {
    case BIDE_KIND_I64:
        if (value->type != BIDE_VALUE_I64)
            return 0;
        *(int64_t *)place = value->as.i64;
        return 1;
    case BIDE_KIND_F64:
        if (value->type != BIDE_VALUE_F64)
            return 0;
        *(double *)place = value->as.f64;
        return 1;
    case BIDE_KIND_TIME:
        if (value->type != BIDE_VALUE_TIME)
            return 0;
        *(double *)place = value->as.time;
        return 1;
    case BIDE_KIND_BOOLEAN:
        if (value->type != BIDE_VALUE_BOOLEAN)
            return 0;
        *(bool *)place = value->as.boolean;
        return 1;
    case BIDE_KIND_UUID:
        if (value->type == BIDE_VALUE_UUID)
            *(bide_uuid *)place = value->as.uuid;
        else if (value->type == BIDE_VALUE_BLOB && value->as.text.len == 16)
            memcpy(place, value->as.text.data, 16);
        else
            return 0;
        return 1;
    case BIDE_KIND_BYTES:
        if (value->type != BIDE_VALUE_BLOB && !text)
            return 0;
        break;
    case BIDE_KIND_STR:
        if ((!text && !json) || !is_plain_text(&value->as.text))
            return 0;
        break;
    case BIDE_KIND_JSON:
        if (!json)
            return 0;
        break;
    default:
        return 0;
    }
    return copy_bytes(part, &value->as.text, place, arena) ? 1 : -ENOMEM;
}

/* A value as an input; `number` has room for NUMBER_LEN bytes. */
static void make_input(const bide_value *value, char *number,
                       struct bide__input *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->type = INPUT_NUMBER;
    ret->raw = number;
    switch (value->type) {
    case BIDE_VALUE_BOOLEAN:
        ret->type = value->as.boolean ? INPUT_TRUE : INPUT_FALSE;
        ret->raw = value->as.boolean ? "true" : "false";
        ret->raw_len = strlen(ret->raw);
        return;
    case BIDE_VALUE_I64:
        ret->raw_len = bide__write_i64(number, value->as.i64);
        return;
    case BIDE_VALUE_U64:
        ret->raw_len = bide__write_u64(number, value->as.u64);
        return;
    case BIDE_VALUE_F64:
    case BIDE_VALUE_TIME: {
        double real = value->type == BIDE_VALUE_F64 ? value->as.f64
                                                    : value->as.time;
        if (isfinite(real)) {
            ret->raw_len = bide__write_f64(number, real);
            return;
        }
        break;
    }
    case BIDE_VALUE_TEXT:
    case BIDE_VALUE_BLOB:
    case BIDE_VALUE_JSON:
        ret->type = INPUT_TEXT;
        ret->raw = value->as.text.len > 0 ? value->as.text.data : "";
        ret->raw_len = value->as.text.len;
        ret->text = ret->raw;
        ret->len = ret->raw_len;
        return;
    default:
        break;
    }
    ret->type = INPUT_NULL;
    ret->raw = "null";
    ret->raw_len = 4;
}

static int set_converted(const bide_model *model,
                         const struct bide__part *part,
                         const bide_value *value, void *object,
                         bide_arena *arena)
{
    static const bide_field unlimited = {
        .gt = (double)NAN, .ge = (double)NAN,
        .lt = (double)NAN, .le = (double)NAN,
    };
    struct bide__part free_part = *part;
    free_part.field = &unlimited;
    free_part.limited = free_part.stepped = free_part.measured = false;
    free_part.least = part->kind == BIDE_KIND_I32 ? INT32_MIN : INT64_MIN;
    free_part.most = part->kind == BIDE_KIND_I32 ? INT32_MAX : INT64_MAX;
    char number[NUMBER_LEN];
    struct bide__input input;
    struct bide__context context;
    struct bide__step table = {.name = model->name,
                               .name_len = strlen(model->name)};
    struct bide__step step = {.above = &table, .name = part->field->member,
                              .name_len = strlen(part->field->member)};
    bide__context_begin(&context, arena, NULL);
    context.step = &step;
    make_input(value, number, &input);
    bool text = value->type == BIDE_VALUE_TEXT ||
        value->type == BIDE_VALUE_JSON;
    bool inner = bide__is_list(part) || part->kind == BIDE_KIND_MODEL;
    if (inner && text)
        bide__decode_text(&context, &free_part, input.raw, input.raw_len,
                          object);
    else if (inner)
        bide__fault(&context, &input, "json_type", NULL,
                    "JSON input should be string, bytes or bytearray");
    else
        bide__convert(&context, &free_part, &input,
                      bide__at(object, part->offset));
    return bide__context_end(&context);
}

int bide_model_set(const bide_model *model, void *object, size_t index,
                   const bide_value *value, bide_arena *arena)
{
    int rc = 0;
    const struct bide__part *part = part_of(model, index, &rc);
    if (part == NULL)
        return rc;
    if (bide__is_optional(part))
        *(bool *)bide__at(object, part->has_offset) =
            value->type != BIDE_VALUE_NULL;
    if (value->type == BIDE_VALUE_NULL) {
        if (bide__is_optional(part))
            return 0;
        return bide_raise(-EINVAL, "%s.%s: NULL, but it is not optional",
                          model->name, part->field->member);
    }
    if (!bide__is_list(part)) {
        int straight = set_straight(
            part, value, bide__at(object, part->offset), arena);
        if (straight < 0)
            return bide_raise(straight, "no memory for a column");
        if (straight > 0)
            return 0;
    }
    return set_converted(model, part, value, object, arena);
}

/* ── Getting ──────────────────────────────────────────────────────────── */

/* Models and lists: their JSON. */
static int get_json(const struct bide__part *part, const void *object,
                    bide_arena *arena, bide_value *ret_value)
{
    char small[512];
    bide_json_writer writer;
    bide_json_begin_on(&writer, small, sizeof small);
    bide__write_value(&writer, part, object);
    int rc = bide_json_finish(&writer);
    if (rc == 0) {
        const char *copy = bide_arena_copy(arena, writer.text, writer.len);
        if (copy == NULL)
            rc = bide_raise(-ENOMEM, "no memory for a parameter");
        else
            *ret_value = bide_value_json(copy);
    }
    bide_json_free(&writer);
    return rc;
}

int bide_model_get(const bide_model *model, const void *object, size_t index,
                   bide_arena *arena, bide_value *ret_value)
{
    int rc = 0;
    const struct bide__part *part = part_of(model, index, &rc);
    if (part == NULL)
        return rc;
    const void *place = bide__at(object, part->offset);
    if (bide__is_optional(part) &&
        !*(const bool *)bide__at(object, part->has_offset)) {
        *ret_value = bide_value_null();
        return 0;
    }
    if (bide__is_list(part) || part->kind == BIDE_KIND_MODEL)
        return get_json(part, object, arena, ret_value);
    unsigned name;
    switch (part->kind) {
    case BIDE_KIND_BOOLEAN:
        *ret_value = bide_value_boolean(*(const bool *)place);
        return 0;
    case BIDE_KIND_I32:
        *ret_value = bide_value_i64(*(const int32_t *)place);
        return 0;
    case BIDE_KIND_I64:
        *ret_value = bide_value_i64(*(const int64_t *)place);
        return 0;
    case BIDE_KIND_U64:
        *ret_value = bide_value_u64(*(const uint64_t *)place);
        return 0;
    case BIDE_KIND_F64:
        *ret_value = bide_value_f64(*(const double *)place);
        return 0;
    case BIDE_KIND_TIME:
        *ret_value = bide_value_time(*(const double *)place);
        return 0;
    case BIDE_KIND_UUID:
        *ret_value = bide_value_uuid(*(const bide_uuid *)place);
        return 0;
    case BIDE_KIND_BYTES:
        *ret_value = bide_value_blob(((const bide_bytes *)place)->data,
                                     ((const bide_bytes *)place)->len);
        return 0;
    case BIDE_KIND_JSON:
        *ret_value = bide_value_json(*(const char *const *)place);
        return 0;
    case BIDE_KIND_ENUM:
        name = *(const unsigned *)place;
        if (name >= part->model->n_names)
            return bide_raise(-EINVAL, "%s.%s: %u is no value of %s",
                              model->name, part->field->member, name,
                              part->model->name);
        *ret_value = bide_value_text(part->model->names[name]);
        return 0;
    default:
        *ret_value = bide_value_text(*(const char *const *)place);
        return 0;
    }
}

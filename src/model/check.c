/* SPDX-License-Identifier: MIT */
/*
 * check.c — whether an object that a program made keeps what its description
 * demands: what reading would have checked.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

static void check_object(struct bide__context *context,
                         const struct bide_plan *plan, const void *object,
                         unsigned depth);

/* A value as an input, for the faults: its JSON in `writer`'s memory. */
static void tell(bide_json_writer *writer, const struct bide__part *part,
                 const void *place, struct bide__input *ret)
{
    struct bide__part one = *part;
    one.shape = BIDE_SHAPE_PLAIN;
    one.offset = 0;
    bide__write_value(writer, &one, place);
    memset(ret, 0, sizeof *ret);
    ret->type = INPUT_STRING;
    ret->raw = writer->error == 0 ? writer->text : "null";
    ret->raw_len = writer->error == 0 ? writer->len : 4;
}

static void check_text(struct bide__context *context,
                       const struct bide__part *part,
                       const struct bide__input *input, const char *text)
{
    if (text == NULL)
        bide__fault(context, NULL, "string_type", NULL,
                    "Input should be a valid string");
    else if (!bide__utf8_valid(text, strlen(text)))
        bide__fault(context, input, "string_unicode", NULL,
                    "Input should be a valid string, unable to parse raw "
                    "data as a unicode string");
    else
        bide__check_str(context, part, input, text, strlen(text));
}

/* Not inlined: its memory would be in each frame of the recursion. */
static __attribute__((noinline)) void
check_scalar(struct bide__context *context, const struct bide__part *part,
             const void *place)
{
    if (!part->limited && !part->measured && part->kind != BIDE_KIND_STR &&
        part->kind != BIDE_KIND_JSON && part->kind != BIDE_KIND_ENUM)
        return;
    char small[512];
    bide_json_writer writer;
    struct bide__input input;
    bide_json_begin_on(&writer, small, sizeof small);
    tell(&writer, part, place, &input);
    switch (part->kind) {
    case BIDE_KIND_I32:
        bide__check_i64(context, part, &input, *(const int32_t *)place);
        break;
    case BIDE_KIND_I64:
        bide__check_i64(context, part, &input, *(const int64_t *)place);
        break;
    case BIDE_KIND_U64:
        bide__check_u64(context, part, &input, *(const uint64_t *)place);
        break;
    case BIDE_KIND_F64:
    case BIDE_KIND_TIME:
        bide__check_f64(context, part, &input, *(const double *)place);
        break;
    case BIDE_KIND_STR:
        check_text(context, part, &input, *(const char *const *)place);
        break;
    case BIDE_KIND_BYTES:
        bide__check_bytes(context, part, &input,
                          ((const bide_bytes *)place)->len);
        break;
    case BIDE_KIND_JSON:
        if (*(const char *const *)place == NULL ||
            bide_json_check(*(const char *const *)place,
                            strlen(*(const char *const *)place)) < 0)
            bide__fault(context, NULL, "json_invalid",
                        "{\"error\":\"not JSON\"}", "Invalid JSON: not JSON");
        break;
    case BIDE_KIND_ENUM:
        if (*(const unsigned *)place >= part->model->n_names)
            bide__fault(context, NULL, "enum", NULL,
                        "Input should be a value of %s", part->model->name);
        break;
    default:
        break;
    }
    bide_json_free(&writer);
}

static void check_value(struct bide__context *context,
                        const struct bide__part *part, const void *place,
                        unsigned depth)
{
    if (part->kind == BIDE_KIND_MODEL)
        check_object(context, part->nested, place, depth + 1);
    else
        check_scalar(context, part, place);
}

static void check_list(struct bide__context *context,
                       const struct bide__part *part, const void *object,
                       unsigned depth)
{
    const char *items;
    size_t n;
    memcpy(&items, bide__at(object, part->offset), sizeof items);
    memcpy(&n, bide__at(object, part->count_offset), sizeof n);
    if (!bide__check_items(context, part, NULL, n))
        return;
    struct bide__step step = {.above = context->step};
    context->step = &step;
    for (; step.index < n && context->error == 0; step.index++)
        check_value(context, part, items + step.index * part->size, depth);
    context->step = step.above;
}

static void check_object(struct bide__context *context,
                         const struct bide_plan *plan, const void *object,
                         unsigned depth)
{
    if (depth > BIDE_JSON_DEPTH_MAX) {
        bide__fault(context, NULL, "recursion_loop", NULL,
                    "Recursion error - cyclic reference detected");
        return;
    }
    struct bide__step step = {.above = context->step};
    context->step = &step;
    for (size_t i = 0; i < plan->n_parts && context->error == 0; i++) {
        const struct bide__part *part = &plan->parts[i];
        if (part->kind == BIDE_KIND_OPAQUE ||
            (bide__is_optional(part) &&
             !*(const bool *)bide__at(object, part->has_offset)))
            continue;
        step.index = i;
        step.name = part->name;
        step.name_len = part->name_len;
        if (bide__is_list(part))
            check_list(context, part, object, depth);
        else
            check_value(context, part, bide__at(object, part->offset), depth);
    }
    context->step = step.above;
}

int bide_model_check(const bide_model *model, const void *object,
                     bide_arena *arena, bide_faults *faults)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan == NULL)
        return rc;
    struct bide__context context;
    bide__context_begin(&context, arena, faults);
    check_object(&context, plan, object, 1);
    return bide__context_end(&context);
}

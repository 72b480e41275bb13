/* SPDX-License-Identifier: MIT */
/*
 * texts.c — parameters of a request, which are texts with names.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

#define TEXTS_MAX 10000 /* of one list */

/* The places as FastAPI calls them. */
static const char *const places[] = {
    [BIDE_IN_PATH] = "path",     [BIDE_IN_QUERY] = "query",
    [BIDE_IN_HEADER] = "header", [BIDE_IN_COOKIE] = "cookie",
    [BIDE_IN_FORM] = "body",
};

struct request {
    bide_in in;
    bide_lookup *lookup;
    void *arg;
    struct bide__context *context;
};

/* A text of a name; that of a form which is empty is none. */
static bool get(const struct request *request, const struct bide__part *part,
                size_t nth, struct bide__input *ret)
{
    bide_bytes text = {.data = "", .len = 0};
    if (!request->lookup(request->arg, request->in, part->name, nth, &text))
        return false;
    if (request->in == BIDE_IN_FORM && text.len == 0 &&
        nth == BIDE_NTH_LAST)
        return false;
    memset(ret, 0, sizeof *ret);
    ret->type = INPUT_TEXT;
    ret->raw = ret->text = text.len > 0 ? text.data : "";
    ret->raw_len = ret->len = text.len;
    return true;
}

static void set_one(const struct request *request,
                    const struct bide__part *part, void *object)
{
    struct bide__input input;
    if (!get(request, part, BIDE_NTH_LAST, &input)) {
        if (part->field->def == NULL && !bide__is_optional(part))
            bide__fault(request->context, NULL, "missing", NULL,
                        "Field required");
        return;
    }
    if (bide__is_optional(part))
        *(bool *)bide__at(object, part->has_offset) = true;
    bide__convert(request->context, part, &input,
                  bide__at(object, part->offset));
}

/* Convert the texts of a list into memory for all of them. */
static void set_items(const struct request *request,
                      const struct bide__part *part, void *object, size_t n)
{
    struct bide__context *context = request->context;
    char *items = bide_arena_allocate(context->arena, n * part->size);
    if (items == NULL) {
        context->error = -ENOMEM;
        return;
    }
    memset(items, 0, n * part->size);
    struct bide__step step = {.above = context->step};
    struct bide__input input;
    context->step = &step;
    for (; step.index < n; step.index++) {
        if (get(request, part, step.index, &input))
            bide__convert(context, part, &input,
                          items + step.index * part->size);
    }
    context->step = step.above;
    if (bide__is_optional(part))
        *(bool *)bide__at(object, part->has_offset) = true;
    memcpy(bide__at(object, part->offset), &items, sizeof items);
    memcpy(bide__at(object, part->count_offset), &n, sizeof n);
}

/* There are too few or too many of them: all are told. */
static void note_number(const struct request *request,
                        const struct bide__part *part, size_t n)
{
    struct bide__input input;
    bide_json_writer writer = {0};
    bide_json_begin_array(&writer);
    for (size_t i = 0; i < n && get(request, part, i, &input); i++)
        bide_json_string_len(&writer, input.text, input.len);
    bide_json_end_array(&writer);
    if (bide_json_finish(&writer) < 0)
        request->context->error = -ENOMEM;
    input = (struct bide__input){.type = INPUT_ARRAY, .raw = writer.text,
                                 .raw_len = writer.len};
    bide__check_items(request->context, part, &input, n);
    bide_json_free(&writer);
}

static void set_list(const struct request *request,
                     const struct bide__part *part, void *object)
{
    size_t n = 0;
    struct bide__input input;
    while (n < TEXTS_MAX && get(request, part, n, &input))
        n++;
    if (n == 0) {
        if (part->field->def == NULL && !bide__is_optional(part))
            bide__fault(request->context, NULL, "missing", NULL,
                        "Field required");
        return;
    }
    if (n < part->field->min_items ||
        (part->field->max_items != 0 && n > part->field->max_items))
        note_number(request, part, n);
    else
        set_items(request, part, object, n);
}

int bide_model_from_texts(const bide_model *model, bide_in in,
                          bide_lookup *lookup, void *arg, void *object,
                          bide_arena *arena, bide_faults *faults)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan == NULL)
        return rc;
    if (in < BIDE_IN_PATH || in > BIDE_IN_FORM)
        return bide_raise(-EINVAL, "place %d of a request has no texts",
                          (int)in);
    struct bide__context context;
    bide__context_begin(&context, arena, faults);
    struct request request = {
        .in = in, .lookup = lookup, .arg = arg, .context = &context};
    struct bide__step place = {
        .name = places[in], .name_len = strlen(places[in])};
    struct bide__step step = {.above = &place};
    context.step = &step;
    for (size_t i = 0; i < plan->n_parts; i++) {
        const struct bide__part *part = &plan->parts[i];
        if (part->field->in != in || !part->readable)
            continue;
        step.name = part->name;
        step.name_len = part->name_len;
        step.index = i;
        if (bide__is_list(part))
            set_list(&request, part, object);
        else
            set_one(&request, part, object);
    }
    return bide__context_end(&context);
}

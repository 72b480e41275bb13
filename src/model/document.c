/* SPDX-License-Identifier: MIT */
/*
 * document.c — a text as a whole: a document, a list, the body of a request.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

static bool begin(struct bide__decoder *decoder,
                  struct bide__context *context, const char *text, size_t len)
{
    memset(decoder, 0, sizeof *decoder);
    decoder->context = context;
    decoder->p = decoder->begin = len > 0 ? text : "";
    decoder->end = decoder->p + len;
    decoder->out = len < SIZE_MAX - SLACK
        ? bide_arena_allocate(context->arena, len + SLACK) : NULL;
    if (decoder->out == NULL)
        decoder->context->error = -ENOMEM;
    bide__spaces(decoder);
    return decoder->out != NULL;
}

/* Of a text that is no JSON, that is the only fault. Python counts characters,
 * not bytes. */
static void note_wrong(struct bide__decoder *decoder)
{
    struct bide__context *context = decoder->context;
    size_t at = bide__utf8_count(
        decoder->begin, (size_t)(decoder->wrong_at - decoder->begin));
    struct bide__input input = {.raw = "{}", .raw_len = 2};
    const struct bide__step *above = context->step;
    struct bide__step step = {.above = above, .index = at};
    char ctx[100] = "";
    bide_json_writer writer;
    bide_json_begin_on(&writer, ctx, sizeof ctx);
    bide_json_begin_object(&writer);
    bide_json_key(&writer, "error");
    bide_json_string(&writer, decoder->wrong);
    bide_json_end_object(&writer);
    if (bide_json_finish(&writer) < 0)
        context->error = -ENOMEM;
    bide__faults_forget_all(context);
    context->step = &step;
    bide__fault(context, &input, "json_invalid",
                context->error == 0 ? writer.text : NULL, "JSON decode error");
    context->step = above;
    context->wrong = decoder->wrong;
    bide_json_free(&writer);
}

/* What comes behind a document, and what was wrong with it. */
static void finish(struct bide__decoder *decoder, bool fine)
{
    if (fine) {
        bide__spaces(decoder);
        if (decoder->p < decoder->end)
            bide__wrong(decoder, decoder->p, "Extra data");
    }
    if (decoder->wrong != NULL)
        note_wrong(decoder);
}

void bide__decode_text(struct bide__context *context,
                       const struct bide__part *part, const char *text,
                       size_t len, void *object)
{
    struct bide__decoder decoder;
    if (begin(&decoder, context, text, len))
        finish(&decoder, bide__decode_part(&decoder, part, object));
}

int bide_json_decode(const bide_model *model, const char *text, size_t len,
                     void *ret_object, bide_arena *arena, bide_faults *faults)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan == NULL)
        return rc;
    struct bide__context context;
    bide__context_begin(&context, arena, faults);
    bide__decode_text(&context, &plan->whole, text, len, ret_object);
    return bide__context_end(&context);
}

int bide_json_decode_list(const bide_model *model, const char *text,
                          size_t len, void *ret_items, size_t *ret_n,
                          bide_arena *arena, bide_faults *faults)
{
    struct list {
        void *items;
        size_t n;
    } list = {0};
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan == NULL)
        return rc;
    struct bide__part part = plan->whole;
    part.shape = BIDE_SHAPE_LIST;
    part.count_offset = offsetof(struct list, n);
    struct bide__context context;
    bide__context_begin(&context, arena, faults);
    bide__decode_text(&context, &part, text, len, &list);
    rc = bide__context_end(&context);
    if (rc < 0)
        return rc;
    memcpy(ret_items, &list.items, sizeof list.items);
    *ret_n = list.n;
    return 0;
}

/* ── The body of a request ────────────────────────────────────────────── */

static void decode_body(struct bide__context *context,
                        const struct bide_plan *plan, uint64_t wanted,
                        const char *text, size_t len, void *object)
{
    struct bide__decoder decoder;
    if (begin(&decoder, context, text, len)) {
        bool fine;
        if (decoder.p < decoder.end && *decoder.p == '{') {
            fine = bide__decode_object(&decoder, plan, wanted, object);
        } else {
            struct bide__input input; /* has none of the keys */
            fine = bide__skip(&decoder, &input) &&
                bide__note_missing(&decoder, plan, plan->required & wanted,
                                   NULL);
        }
        finish(&decoder, fine);
    }
}

int bide_model_from_body(const bide_model *model, const char *text, size_t len,
                         void *object, bide_arena *arena, bide_faults *faults)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan == NULL)
        return rc;
    uint64_t wanted = 0;
    const struct bide__part *only = NULL;
    for (size_t i = 0; i < plan->n_parts; i++) {
        if (plan->parts[i].field->in == BIDE_IN_BODY) {
            wanted |= (uint64_t)1 << i;
            only = &plan->parts[i];
        }
    }
    if (wanted == 0)
        return 0;
    bool whole = (wanted & (wanted - 1)) == 0 && !only->field->embed;
    struct bide__context context;
    struct bide__step step = {.name = "body", .name_len = 4};
    bide__context_begin(&context, arena, faults);
    context.step = &step;
    if (len == 0 && whole) {
        if ((plan->required & wanted) != 0)
            bide__fault(&context, NULL, "missing", NULL, "Field required");
    } else if (whole) {
        bide__decode_text(&context, only, text, len, object);
    } else {
        decode_body(&context, plan, wanted, len > 0 ? text : "null",
                    len > 0 ? len : 4, object);
    }
    return bide__context_end(&context);
}

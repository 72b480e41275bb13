/* SPDX-License-Identifier: MIT */
/*
 * decode.c — JSON straight into structs.
 *
 * One pass, without a tree. What makes it fast:
 *
 *     keys      the next key is guessed to be the next field; eight bytes are
 *               compared at once, and a table of names is asked when the guess
 *               was wrong
 *     strings   all of them go into one piece of memory, as long as the text:
 *               a string with its NUL is no longer than it was with its
 *               quotes, so that room is never asked for
 *     defaults  an object begins as a copy of one that has them all
 *
 * read_fast() takes values that are as the field wants them. All others,
 * and all mistakes, are read again by read_slowly(), which is bide__convert().
 *
 * A function returns false when work must end: the text is no JSON, or memory
 * is short. A fault of a value is noted, and work goes on.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"
#include "model/wide.h"

#define LIST_FIRST 4 /* items that a list has room for at first */

/* ── Values ───────────────────────────────────────────────────────────── */

static inline bool is_digit(char byte)
{
    return (unsigned char)(byte - '0') < 10;
}

/* Up to 18 digits, with a sign before and an end of a value behind. */
static inline bool fast_integer(struct bide__decoder *decoder, int64_t *ret)
{
    const char *p = decoder->p;
    const char *end = decoder->end;
    bool negative = *p == '-';
    p += negative;
    const char *begin = p;
    uint64_t size = 0;
    while (p < end && is_digit(*p))
        size = size * 10 + (uint64_t)(*p++ - '0');
    size_t len = (size_t)(p - begin);
    if (len == 0 || len > 18 || (*begin == '0' && len > 1) || p == end ||
        *p == '.' || *p == 'e' || *p == 'E')
        return false;
    *ret = negative ? -(int64_t)size : (int64_t)size;
    decoder->p = p;
    return true;
}

/* Up to 19 digits and a small exponent. */
static inline bool fast_float(struct bide__decoder *decoder, double *ret)
{
    const char *p = decoder->p;
    const char *end = decoder->end;
    bool negative = *p == '-';
    p += negative;
    const char *begin = p;
    uint64_t mantissa = 0;
    while (p < end && is_digit(*p))
        mantissa = mantissa * 10 + (uint64_t)(*p++ - '0');
    size_t digits = (size_t)(p - begin);
    if (digits == 0 || (*begin == '0' && digits > 1))
        return false;
    int exponent = 0;
    if (p < end && *p == '.') {
        const char *point = ++p;
        while (p < end && is_digit(*p))
            mantissa = mantissa * 10 + (uint64_t)(*p++ - '0');
        size_t places = (size_t)(p - point);
        digits += places;
        if (places == 0)
            return false;
        exponent = -(int)places;
    }
    if (p == end || *p == 'e' || *p == 'E' || digits > 19)
        return false;
    double number;
    if (!bide__exact_f64(mantissa, exponent, &number))
        return false;
    *ret = negative ? -number : number;
    decoder->p = p;
    return true;
}

static inline bool keeps_limits(const bide_field *field, double number)
{
    return !(number > field->le || number >= field->lt ||
             number < field->ge || number <= field->gt);
}

/* Whether it is plain that a string keeps its lengths. */
static inline bool keeps_lengths(const bide_field *field, size_t len,
                                 bool high)
{
    return field->pattern == NULL &&
        (field->max_len == 0 || len <= field->max_len) &&
        (high ? len / 4 : len) >= field->min_len;
}

/* A string without escapes, copied as it is looked through. (One without
 * escapes has no NUL: that is a control character.) */
static inline bool fast_string(struct bide__decoder *decoder,
                               const struct bide__part *part, void *place)
{
#ifdef WIDE
    const char *p = decoder->p + 1;
    char *out = decoder->out;
    bool high = false;
    while (decoder->end - p >= WIDE) {
        bide__bits bits = bide__look(p, &high);
        memcpy(out, p, WIDE); /* there is SLACK */
        if (bits == 0) {
            p += WIDE;
            out += WIDE;
            continue;
        }
        size_t len = bide__first_of(bits);
        if (p[len] != '"')
            return false;
        out += len;
        if (high && !bide__utf8_valid(decoder->out,
                                      (size_t)(out - decoder->out)))
            return false;
        if (part->measured &&
            !keeps_lengths(part->field, (size_t)(out - decoder->out), high))
            return false;
        *out = '\0';
        *(const char **)place = decoder->out;
        decoder->out = out + 1;
        decoder->p = p + len + 1;
        return true;
    }
#else
    (void)decoder;
    (void)part;
    (void)place;
#endif
    return false;
}

static inline bool fast_word(struct bide__decoder *decoder, void *place)
{
    size_t left = (size_t)(decoder->end - decoder->p);
    if (left > 4 && memcmp(decoder->p, "true", 4) == 0) {
        *(bool *)place = true;
        decoder->p += 4;
        return true;
    }
    if (left > 5 && memcmp(decoder->p, "false", 5) == 0) {
        *(bool *)place = false;
        decoder->p += 5;
        return true;
    }
    return false;
}

/* false: nothing was read, and read_slowly() should try. */
static inline bool read_fast(struct bide__decoder *decoder,
                             const struct bide__part *part, void *place)
{
    int64_t integer;
    double number;
    char first = *decoder->p;
    switch (part->kind) {
    case BIDE_KIND_I64:
    case BIDE_KIND_I32:
        if ((first != '-' && !is_digit(first)) ||
            !fast_integer(decoder, &integer) || part->stepped ||
            integer < part->least || integer > part->most)
            return false;
        if (part->kind == BIDE_KIND_I64)
            *(int64_t *)place = integer;
        else
            *(int32_t *)place = (int32_t)integer;
        return true;
    case BIDE_KIND_F64:
        if ((first != '-' && !is_digit(first)) ||
            !fast_float(decoder, &number) || part->stepped ||
            (part->limited && !keeps_limits(part->field, number)))
            return false;
        *(double *)place = number;
        return true;
    case BIDE_KIND_STR:
        return first == '"' && fast_string(decoder, part, place);
    case BIDE_KIND_BOOLEAN:
        return fast_word(decoder, place);
    default:
        return false;
    }
}

static bool read_slowly(struct bide__decoder *decoder,
                        const struct bide__part *part, void *place)
{
    struct bide__context *context = decoder->context;
    struct bide__input input = {.raw = decoder->p};
    if (part->kind == BIDE_KIND_MODEL) {
        if (!bide__skip(decoder, &input))
            return false;
        bide__fault(context, &input, "model_attributes_type", NULL,
                    "Input should be a valid dictionary or object to extract "
                    "fields from");
        return context->error == 0;
    }
    if (*decoder->p == '"') {
        decoder->p++;
        input.type = INPUT_STRING;
        if (!bide__string(decoder, &input.text, &input.len))
            return false;
        input.raw_len = (size_t)(decoder->p - input.raw);
    } else if (!bide__skip(decoder, &input)) {
        return false;
    }
    bide__convert(context, part, &input, place);
    return context->error == 0;
}

/* One value of a part's type. */
static inline bool decode_value(struct bide__decoder *decoder,
                                const struct bide__part *part, void *place)
{
    if (decoder->p >= decoder->end)
        return bide__wrong(decoder, decoder->p, "Expecting value");
    if (part->kind == BIDE_KIND_MODEL && *decoder->p == '{')
        return bide__decode_object(decoder, part->nested, ALL_PARTS, place);
    const char *begin = decoder->p;
    char *out = decoder->out;
    if (read_fast(decoder, part, place))
        return true;
    if (decoder->wrong != NULL)
        return false;
    decoder->p = begin;
    decoder->out = out;
    return read_slowly(decoder, part, place);
}

/* ── Lists ────────────────────────────────────────────────────────────── */

struct items {
    char *at;
    size_t n;    /* that are valid, or were */
    size_t cap;
    size_t seen; /* in the text */
};

/* Room for one more; false: no memory. */
static bool make_room(struct bide__decoder *decoder, struct items *items,
                      size_t size)
{
    if (items->n < items->cap)
        return true;
    size_t cap = items->cap == 0 ? LIST_FIRST : 2 * items->cap;
    char *at = cap > SIZE_MAX / 2 / size ? NULL
        : bide__arena_grow(decoder->context->arena, items->at,
                           items->cap * size, cap * size);
    if (at == NULL) {
        decoder->context->error = -ENOMEM;
        return false;
    }
    items->at = at;
    items->cap = cap;
    return true;
}

/* The next item. One that is not valid gives its place to the next, so that
 * mistakes take no room; beyond max_items, they are only counted. */
static bool decode_item(struct bide__decoder *decoder,
                        const struct bide__part *part, struct items *items)
{
    size_t max = part->field->max_items;
    if (max != 0 && items->seen >= max) {
        struct bide__input ignored;
        return bide__skip(decoder, &ignored);
    }
    if (!make_room(decoder, items, part->size))
        return false;
    struct bide__context *context = decoder->context;
    struct bide__step step = {.above = context->step, .index = items->seen};
    bool invalid = context->invalid;
    context->invalid = false;
    context->step = &step;
    bool fine = decode_value(decoder, part,
                             items->at + items->n * part->size);
    context->step = step.above;
    items->n += !context->invalid;
    context->invalid |= invalid;
    return fine;
}

static bool decode_items(struct bide__decoder *decoder,
                         const struct bide__part *part, struct items *items)
{
    decoder->p++;
    bide__spaces(decoder);
    if (decoder->p < decoder->end && *decoder->p == ']') {
        decoder->p++;
        return true;
    }
    for (;;) {
        if (!decode_item(decoder, part, items))
            return false;
        items->seen++;
        bide__spaces(decoder);
        char next = decoder->p < decoder->end ? *decoder->p : '\0';
        if (next != ',' && next != ']')
            return bide__wrong(decoder, decoder->p, "Expecting ',' delimiter");
        decoder->p++;
        if (next == ']')
            return true;
        bide__spaces(decoder);
    }
}

static bool decode_list(struct bide__decoder *decoder,
                        const struct bide__part *part, void *object)
{
    struct bide__context *context = decoder->context;
    struct bide__input input = {.type = INPUT_ARRAY, .raw = decoder->p};
    if (decoder->p < decoder->end && *decoder->p != '[') {
        if (!bide__skip(decoder, &input))
            return false;
        bide__fault(context, &input, "list_type", NULL,
                    "Input should be a valid list");
        return context->error == 0;
    }
    if (decoder->p >= decoder->end)
        return bide__wrong(decoder, decoder->p, "Expecting value");
    if (decoder->depth == BIDE_JSON_DEPTH_MAX)
        return bide__wrong(decoder, decoder->p, "Too deep");
    struct items items = {0};
    bool invalid = context->invalid;
    context->invalid = false;
    decoder->depth++;
    if (!decode_items(decoder, part, &items))
        return false;
    decoder->depth--;
    input.raw_len = (size_t)(decoder->p - input.raw);
    const bide_field *field = part->field;
    bool too_many = field->max_items != 0 && items.seen > field->max_items;
    if (too_many)
        bide__faults_forget(context);
    if (too_many || !context->invalid)
        bide__check_items(context, part, &input, items.seen);
    context->invalid |= invalid;
    memcpy(bide__at(object, part->offset), &items.at, sizeof items.at);
    memcpy(bide__at(object, part->count_offset), &items.n, sizeof items.n);
    return context->error == 0;
}

/* ── Objects ──────────────────────────────────────────────────────────── */

static inline bool decode_part(struct bide__decoder *decoder,
                               const struct bide__part *part, void *object)
{
    if (bide__is_optional(part)) {
        bool *has = bide__at(object, part->has_offset);
        if (decoder->end - decoder->p >= 4 &&
            memcmp(decoder->p, "null", 4) == 0) {
            decoder->p += 4;
            *has = false;
            return true;
        }
        *has = true;
    }
    if (bide__is_list(part))
        return decode_list(decoder, part, object);
    return decode_value(decoder, part, bide__at(object, part->offset));
}

/* Whether a part's name and a quote are next. */
static inline bool key_is(const struct bide__decoder *decoder,
                          const struct bide__part *part)
{
    const char *p = decoder->p;
    size_t left = (size_t)(decoder->end - p);
    if (left < part->match_len)
        return false;
    if (left < 8)
        return memcmp(p, part->name, part->name_len) == 0 &&
            p[part->name_len] == '"';
    uint64_t head;
    memcpy(&head, p, 8);
    if ((head & part->head_mask) != part->head)
        return false;
    return part->match_len <= 8 ||
        (memcmp(p + 8, part->name + 8, part->name_len - 8) == 0 &&
         p[part->name_len] == '"');
}

/* A key that was not guessed; its text, for those that nobody knows, is kept
 * in the step. */
static bool read_key(struct bide__decoder *decoder,
                     const struct bide_plan *plan, struct bide__step *step,
                     size_t *ret_index)
{
    const char *name;
    size_t len;
    if (!bide__string(decoder, &name, &len))
        return false;
    *ret_index = bide__plan_find(plan, name, len);
    step->name = name;
    step->name_len = len;
    return true;
}

static bool pass_unknown(struct bide__decoder *decoder,
                         const struct bide_plan *plan,
                         struct bide__step *step, size_t nth)
{
    struct bide__input input;
    if (!bide__skip(decoder, &input))
        return false;
    if (!plan->model->closed)
        return true;
    step->index = EXTRA_INDEX + nth;
    bide__fault(decoder->context, &input, "extra_forbidden", NULL,
                "Extra inputs are not permitted");
    return decoder->context->error == 0;
}

bool bide__note_missing(struct bide__decoder *decoder,
                        const struct bide_plan *plan, uint64_t missing,
                        const struct bide__input *input)
{
    struct bide__context *context = decoder->context;
    struct bide__step step = {.above = context->step};
    context->step = &step;
    for (; missing != 0; missing &= missing - 1) {
        step.index = (size_t)__builtin_ctzll(missing);
        step.name = plan->parts[step.index].name;
        step.name_len = plan->parts[step.index].name_len;
        bide__fault(context, input, "missing", NULL, "Field required");
    }
    context->step = step.above;
    return context->error == 0;
}

/* The work on one object. */
struct members {
    const struct bide_plan *plan;
    uint64_t wanted;  /* a bit for each part that may be set */
    uint64_t seen;    /* and for each that was */
    size_t next;      /* the part that is guessed */
    size_t unknown;   /* keys */
    void *object;
    struct bide__step step;
};

/* A key, at its quote, and its value. */
static inline bool decode_member(struct bide__decoder *decoder,
                                 struct members *members)
{
    const struct bide_plan *plan = members->plan;
    const char *key = decoder->p;
    char *out = decoder->out;
    size_t index = members->next;
    if (decoder->p >= decoder->end || *decoder->p != '"')
        return bide__wrong(decoder, decoder->p, "Expecting property name "
                           "enclosed in double quotes");
    decoder->p++;
    if (index < plan->n_parts && key_is(decoder, &plan->parts[index]))
        decoder->p += plan->parts[index].match_len;
    else if (!read_key(decoder, plan, &members->step, &index))
        return false;
    if (decoder->p >= decoder->end || *decoder->p != ':') {
        bide__spaces(decoder);
        if (decoder->p >= decoder->end || *decoder->p != ':')
            return bide__wrong(decoder, decoder->p, "Expecting ':' delimiter");
    }
    decoder->p++;
    bide__spaces(decoder);
    if (index == NOT_A_FIELD || (members->wanted >> index & 1) == 0)
        return pass_unknown(decoder, plan, &members->step,
                            members->unknown++);
    const struct bide__part *part = &plan->parts[index];
    uint64_t bit = (uint64_t)1 << index;
    if ((members->seen & bit) != 0)
        return bide__wrong(decoder, key, "Duplicate key");
    members->seen |= bit;
    members->next = index + 1;
    members->step.name = part->name;
    members->step.name_len = part->name_len;
    members->step.index = index;
    decoder->out = out;
    return decode_part(decoder, part, members->object);
}

static bool decode_members(struct bide__decoder *decoder,
                           struct members *members)
{
    bide__spaces(decoder);
    if (decoder->p < decoder->end && *decoder->p == '}') {
        decoder->p++;
        return true;
    }
    for (;;) {
        if (!decode_member(decoder, members))
            return false;
        bide__spaces(decoder);
        char next = decoder->p < decoder->end ? *decoder->p : '\0';
        if (next != ',' && next != '}')
            return bide__wrong(decoder, decoder->p, "Expecting ',' delimiter");
        decoder->p++;
        if (next == '}')
            return true;
        bide__spaces(decoder);
    }
}

bool bide__decode_object(struct bide__decoder *decoder,
                         const struct bide_plan *plan, uint64_t wanted,
                         void *object)
{
    struct bide__context *context = decoder->context;
    struct members members = {
        .plan = plan, .wanted = wanted, .object = object};
    const char *begin = decoder->p;
    if (decoder->depth == BIDE_JSON_DEPTH_MAX)
        return bide__wrong(decoder, begin, "Too deep");
    if (wanted == ALL_PARTS)
        memcpy(object, plan->prototype, plan->model->size);
    members.step.above = context->step;
    context->step = &members.step;
    decoder->depth++;
    decoder->p++;
    bool fine = decode_members(decoder, &members);
    decoder->depth--;
    context->step = members.step.above;
    uint64_t missing = plan->required & wanted & ~members.seen;
    if (!fine || missing == 0)
        return fine;
    struct bide__input input = {.type = INPUT_OBJECT, .raw = begin,
                                .raw_len = (size_t)(decoder->p - begin)};
    return bide__note_missing(decoder, plan, missing,
                              wanted == ALL_PARTS ? &input : NULL);
}

bool bide__decode_part(struct bide__decoder *decoder,
                       const struct bide__part *part, void *object)
{
    return decode_part(decoder, part, object);
}

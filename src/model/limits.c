/* SPDX-License-Identifier: MIT */
/*
 * limits.c — whether a value keeps what its field demands of it.
 *
 * The first demand that is not met is the fault, in pydantic's order. Limits
 * of integers are compared as long doubles, which hold every 64-bit integer
 * and every double.
 */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

#define LIMIT_LEN 400 /* of the largest double in full */

/* A limit as text: "10", or "10.0" where it is told as a float. */
static void limit_text(char *out, double limit, bool as_float)
{
    if (limit == floor(limit) && !as_float) {
        snprintf(out, LIMIT_LEN, "%.0f", limit);
        return;
    }
    size_t len = bide__write_f64(out, limit);
    out[len] = '\0';
}

static void limit_fault(struct bide__context *context,
                        const struct bide__input *input, bool is_float,
                        const char *type, const char *key, const char *what,
                        double limit)
{
    char text[LIMIT_LEN], told[LIMIT_LEN], ctx[LIMIT_LEN + 30];
    limit_text(text, limit, false);
    limit_text(told, limit, is_float);
    snprintf(ctx, sizeof ctx, "{\"%s\":%s}", key, told);
    bide__fault(context, input, type, ctx, "Input should be %s %s", what,
                text);
}

/* The four limits. NaN as a limit is none: no comparison with it holds. */
static bool check_range(struct bide__context *context,
                        const bide_field *field,
                        const struct bide__input *input, long double number,
                        bool is_float)
{
    if (number > field->le)
        limit_fault(context, input, is_float, "less_than_equal", "le",
                    "less than or equal to", field->le);
    else if (number >= field->lt)
        limit_fault(context, input, is_float, "less_than", "lt", "less than",
                    field->lt);
    else if (number < field->ge)
        limit_fault(context, input, is_float, "greater_than_equal", "ge",
                    "greater than or equal to", field->ge);
    else if (number <= field->gt)
        limit_fault(context, input, is_float, "greater_than", "gt",
                    "greater than", field->gt);
    else
        return true;
    return false;
}

static bool fail_multiple(struct bide__context *context,
                          const bide_field *field,
                          const struct bide__input *input, bool is_float)
{
    limit_fault(context, input, is_float, "multiple_of", "multiple_of",
                "a multiple of", field->multiple_of);
    return false;
}

bool bide__check_i64(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, int64_t number)
{
    const bide_field *field = part->field;
    if (field->multiple_of != 0 &&
        fmodl((long double)number, field->multiple_of) != 0)
        return fail_multiple(context, field, input, false);
    return check_range(context, field, input, (long double)number, false);
}

bool bide__check_u64(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, uint64_t number)
{
    const bide_field *field = part->field;
    if (field->multiple_of != 0 &&
        fmodl((long double)number, field->multiple_of) != 0)
        return fail_multiple(context, field, input, false);
    return check_range(context, field, input, (long double)number, false);
}

bool bide__check_f64(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, double number)
{
    const bide_field *field = part->field;
    if (field->multiple_of != 0) {
        /* 0.3 is a multiple of 0.1, though not to the last bit. */
        double rest = fabs(remainder(number, field->multiple_of));
        if (rest > fabs(number) / 1e9)
            return fail_multiple(context, field, input, true);
    }
    return check_range(context, field, input, (long double)number, true);
}

static bool fail_length(struct bide__context *context,
                        const struct bide__input *input, bool is_string,
                        bool too_short, size_t limit)
{
    char ctx[60];
    snprintf(ctx, sizeof ctx, "{\"%s\":%zu}",
             too_short ? "min_length" : "max_length", limit);
    const char *type = is_string
        ? (too_short ? "string_too_short" : "string_too_long")
        : (too_short ? "bytes_too_short" : "bytes_too_long");
    bide__fault(context, input, type, ctx, "%s should have at %s %zu %s%s",
                is_string ? "String" : "Data", too_short ? "least" : "most",
                limit, is_string ? "character" : "byte",
                limit == 1 ? "" : "s");
    return false;
}

bool bide__check_str(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, const char *text,
                     size_t len)
{
    const bide_field *field = part->field;
    size_t max = field->max_len;
    /* Bytes are at least as many as characters, and at most four times. */
    if ((max != 0 && len > max) || len < 4 * field->min_len) {
        size_t count = bide__utf8_count(text, len);
        if (count < field->min_len)
            return fail_length(context, input, true, true, field->min_len);
        if (max != 0 && count > max)
            return fail_length(context, input, true, false, max);
    }
    if (part->pattern == NULL)
        return true;
    int found = bide__pattern_finds(part->pattern, text, len);
    if (found < 0)
        context->error = found;
    if (found != 0)
        return found > 0;
    char ctx[1000];
    bide_json_writer writer;
    bide_json_begin_on(&writer, ctx, sizeof ctx);
    bide_json_begin_object(&writer);
    bide_json_key(&writer, "pattern");
    bide_json_string(&writer, field->pattern);
    bide_json_end_object(&writer);
    int rc = bide_json_finish(&writer);
    bide__fault(context, input, "string_pattern_mismatch",
                rc == 0 ? writer.text : NULL,
                "String should match pattern '%s'", field->pattern);
    bide_json_free(&writer);
    return false;
}

bool bide__check_bytes(struct bide__context *context,
                       const struct bide__part *part,
                       const struct bide__input *input, size_t len)
{
    const bide_field *field = part->field;
    if (len < field->min_len)
        return fail_length(context, input, false, true, field->min_len);
    if (field->max_len != 0 && len > field->max_len)
        return fail_length(context, input, false, false, field->max_len);
    return true;
}

bool bide__check_items(struct bide__context *context,
                       const struct bide__part *part,
                       const struct bide__input *input, size_t n)
{
    const bide_field *field = part->field;
    bool too_short = n < field->min_items;
    size_t limit = too_short ? field->min_items : field->max_items;
    if (!too_short && (limit == 0 || n <= limit))
        return true;
    char ctx[120];
    snprintf(ctx, sizeof ctx,
             "{\"field_type\":\"List\",\"%s\":%zu,\"actual_length\":%zu}",
             too_short ? "min_length" : "max_length", limit, n);
    bide__fault(context, input, too_short ? "too_short" : "too_long", ctx,
                "List should have at %s %zu item%s after validation, not %zu",
                too_short ? "least" : "most", limit, limit == 1 ? "" : "s", n);
    return false;
}

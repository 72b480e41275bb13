/* SPDX-License-Identifier: MIT */
/*
 * convert.c — a value of any type into a place of a given one.
 *
 * What is taken for what is pydantic's table for its lax mode: a string of
 * digits for a number, a float without a fraction for an integer, words for a
 * bool. Nothing that is lost in this is taken silently: 4.5 is no integer, and
 * a number that does not fit a type is outside its limits. A field that is
 * `strict` takes its own type alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

static bool is_text(const struct bide__input *input)
{
    return input->type == INPUT_STRING || input->type == INPUT_TEXT;
}

static bool lax(const struct bide__part *part, const struct bide__input *input)
{
    return !part->field->strict || input->type == INPUT_TEXT;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* ── Integers ─────────────────────────────────────────────────────────── */

/* A sign and 64 bits, or more than that. */
struct integer {
    uint64_t size;
    bool negative;
    bool too_large;
};

/* Digits, with single underscores between them if they may be there. */
static bool read_digits(const char *p, const char *end, bool underscores,
                        struct integer *ret)
{
    bool after_digit = false;
    for (; p < end; p++) {
        if (*p == '_' && underscores && after_digit && p + 1 < end) {
            after_digit = false;
            continue;
        }
        if (!is_digit(*p))
            return false;
        after_digit = true;
        if (__builtin_mul_overflow(ret->size, 10u, &ret->size) ||
            __builtin_add_overflow(ret->size, (uint64_t)(*p - '0'),
                                   &ret->size))
            ret->too_large = true;
    }
    return after_digit;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void strip(const char **p, const char **end)
{
    while (*p < *end && is_space(**p))
        (*p)++;
    while (*end > *p && is_space((*end)[-1]))
        (*end)--;
}

static bool integer_of_text(const char *p, size_t len, struct integer *ret)
{
    const char *end = p + len;
    strip(&p, &end);
    if (p < end && (*p == '-' || *p == '+'))
        ret->negative = *p++ == '-';
    const char *point = p;
    while (point < end && *point != '.')
        point++;
    for (const char *zero = point + 1; zero < end; zero++) {
        if (*zero != '0')
            return false;
    }
    if (point < end && point + 1 == end)
        return false;
    return read_digits(p, point, true, ret);
}

/* A number of JSON. false: it has a fraction. */
static bool integer_of_number(struct bide__context *context, const char *p,
                              size_t len, struct integer *ret)
{
    const char *end = p + len;
    ret->negative = *p == '-';
    if (read_digits(p + ret->negative, end, false, ret))
        return true;
    double number = bide__read_f64(p, len);
    if (isnan(number))
        context->error = -ENOMEM;
    ret->negative = number < 0;
    number = fabs(number);
    ret->size = 0;
    ret->too_large = !(number < 18446744073709551616.0);
    if (ret->too_large)
        return true;
    ret->size = (uint64_t)number;
    return (double)ret->size == number;
}

static bool to_integer(struct bide__context *context,
                       const struct bide__part *part,
                       const struct bide__input *input, struct integer *ret)
{
    memset(ret, 0, sizeof *ret);
    if (input->type == INPUT_NUMBER) {
        bool whole =
            integer_of_number(context, input->raw, input->raw_len, ret);
        if (!whole)
            bide__fault(context, input, "int_from_float", NULL,
                        "Input should be a valid integer, got a number with "
                        "a fractional part");
        return whole;
    }
    if (is_text(input) && lax(part, input)) {
        bool fine = integer_of_text(input->text, input->len, ret);
        if (!fine)
            bide__fault(context, input, "int_parsing", NULL,
                        "Input should be a valid integer, unable to parse "
                        "string as an integer");
        return fine;
    }
    if ((input->type == INPUT_TRUE || input->type == INPUT_FALSE) &&
        lax(part, input)) {
        ret->size = input->type == INPUT_TRUE;
        return true;
    }
    bide__fault(context, input, "int_type", NULL,
                "Input should be a valid integer");
    return false;
}

/* The limits of the type itself, told as if they were the field's. */
static void out_of_type(struct bide__context *context,
                        const struct bide__input *input, bool low,
                        const char *limit)
{
    char ctx[60];
    snprintf(ctx, sizeof ctx, "{\"%s\":%s}", low ? "ge" : "le", limit);
    bide__fault(context, input,
                low ? "greater_than_equal" : "less_than_equal", ctx,
                "Input should be %s than or equal to %s",
                low ? "greater" : "less", limit);
}

static void convert_unsigned(struct bide__context *context,
                             const struct bide__part *part,
                             const struct bide__input *input, void *place)
{
    struct integer integer;
    if (!to_integer(context, part, input, &integer))
        return;
    if (integer.negative && (integer.size > 0 || integer.too_large))
        out_of_type(context, input, true, "0");
    else if (integer.too_large)
        out_of_type(context, input, false, "18446744073709551615");
    else if (!part->limited ||
             bide__check_u64(context, part, input, integer.size))
        *(uint64_t *)place = integer.size;
}

static void convert_signed(struct bide__context *context,
                           const struct bide__part *part,
                           const struct bide__input *input, void *place)
{
    struct integer integer;
    if (!to_integer(context, part, input, &integer))
        return;
    bool small = part->kind == BIDE_KIND_I32;
    uint64_t most = small ? INT32_MAX : INT64_MAX;
    if (integer.too_large || integer.size > most + integer.negative) {
        const char *low = small ? "-2147483648" : "-9223372036854775808";
        const char *high = small ? "2147483647" : "9223372036854775807";
        out_of_type(context, input, integer.negative,
                    integer.negative ? low : high);
        return;
    }
    int64_t number = (int64_t)(integer.negative ? 0 - integer.size
                                                : integer.size);
    if (part->limited && !bide__check_i64(context, part, input, number))
        return;
    if (small)
        *(int32_t *)place = (int32_t)number;
    else
        *(int64_t *)place = number;
}

/* ── Floats ───────────────────────────────────────────────────────────── */

/* Whether a text has the form of a number in JSON, a sign or underscores
 * besides; what remains of it goes to `out`, and its length to *ret_len. */
static bool float_text(const char *p, const char *end, char *out,
                       size_t *ret_len)
{
    char *begin = out;
    size_t before = 0, after = 0;
    bool digit = false;
    if (p < end && (*p == '-' || *p == '+'))
        *out++ = *p++;
    for (; p < end && (is_digit(*p) || (*p == '_' && digit)); p++) {
        digit = is_digit(*p);
        before += digit;
        if (digit)
            *out++ = *p;
    }
    if (before > 0 && !digit)
        return false;
    if (p < end && *p == '.')
        *out++ = *p++;
    for (; p < end && is_digit(*p); p++, after++)
        *out++ = *p;
    if (before + after == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        *out++ = *p++;
        if (p < end && (*p == '-' || *p == '+'))
            *out++ = *p++;
        const char *exponent = p;
        for (; p < end && is_digit(*p); p++)
            *out++ = *p;
        if (p == exponent)
            return false;
    }
    *ret_len = (size_t)(out - begin);
    return p == end;
}

static bool equals_word(const char *p, const char *end, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(end - p) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char lower = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
        if (lower != word[i])
            return false;
    }
    return true;
}

/* "nan" and "inf", which are numbers to pydantic and none to JSON. */
static bool is_not_finite(const char *p, const char *end)
{
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    return equals_word(p, end, "nan") || equals_word(p, end, "inf") ||
        equals_word(p, end, "infinity");
}

static bool float_of_text(struct bide__context *context,
                          const struct bide__input *input, double *ret)
{
    const char *p = input->text;
    const char *end = p + input->len;
    strip(&p, &end);
    char small[64];
    size_t room = (size_t)(end - p);
    char *text = room <= sizeof small
        ? small : bide_arena_allocate(context->arena, room);
    if (text == NULL) {
        context->error = -ENOMEM;
        return false;
    }
    size_t len;
    if (is_not_finite(p, end)) {
        *ret = (double)INFINITY;
    } else if (float_text(p, end, text, &len)) {
        *ret = bide__read_f64(text, len);
    } else {
        bide__fault(context, input, "float_parsing", NULL,
                    "Input should be a valid number, unable to parse string "
                    "as a number");
        return false;
    }
    return true;
}

static void convert_float(struct bide__context *context,
                          const struct bide__part *part,
                          const struct bide__input *input, void *place)
{
    double number;
    if (input->type == INPUT_NUMBER) {
        number = bide__read_f64(input->raw, input->raw_len);
    } else if (is_text(input) && lax(part, input)) {
        if (!float_of_text(context, input, &number))
            return;
    } else if ((input->type == INPUT_TRUE || input->type == INPUT_FALSE) &&
               lax(part, input)) {
        number = input->type == INPUT_TRUE;
    } else {
        bide__fault(context, input, "float_type", NULL,
                    "Input should be a valid number");
        return;
    }
    if (isnan(number))
        context->error = -ENOMEM; /* of bide__read_f64() alone */
    else if (!isfinite(number))
        bide__fault(context, input, "finite_number", NULL,
                    "Input should be a finite number");
    else if (!part->limited || bide__check_f64(context, part, input, number))
        *(double *)place = number;
}

/* ── Bools, enums ─────────────────────────────────────────────────────── */

/* 1, 0, or -1 for neither. */
static int truth_of(const char *p, size_t len)
{
    static const char *const words[] = {"0", "off", "f", "false", "n", "no",
                                        "1", "on",  "t", "true",  "y", "yes"};
    for (int i = 0; i < 12; i++) {
        if (equals_word(p, p + len, words[i]))
            return i >= 6;
    }
    return -1;
}

static void convert_boolean(struct bide__context *context,
                            const struct bide__part *part,
                            const struct bide__input *input, void *place)
{
    int truth = -1;
    bool right_type = true;
    if (input->type == INPUT_TRUE || input->type == INPUT_FALSE) {
        truth = input->type == INPUT_TRUE;
    } else if (!lax(part, input)) {
        right_type = false;
    } else if (is_text(input)) {
        truth = truth_of(input->text, input->len);
    } else if (input->type == INPUT_NUMBER) {
        double number = bide__read_f64(input->raw, input->raw_len);
        right_type = number == floor(number);
        if (number == 0 || number == 1)
            truth = number == 1;
    } else {
        right_type = false;
    }
    if (truth >= 0)
        *(bool *)place = truth == 1;
    else if (right_type)
        bide__fault(context, input, "bool_parsing", NULL,
                    "Input should be a valid boolean, unable to interpret "
                    "input");
    else
        bide__fault(context, input, "bool_type", NULL,
                    "Input should be a valid boolean");
}

ssize_t bide__enum_find(const bide_model *model, const char *text, size_t len)
{
    for (size_t i = 0; i < model->n_names; i++) {
        if (strlen(model->names[i]) == len &&
            memcmp(model->names[i], text, len) == 0)
            return (ssize_t)i;
    }
    return -1;
}

/* "'red', 'green' or 'blue'", cut where it gets too long. */
static void expected_names(const bide_model *model, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < model->n_names && len < size; i++) {
        const char *between = i == 0 ? ""
            : i + 1 == model->n_names ? " or " : ", ";
        len += (size_t)snprintf(out + len, size - len, "%s'%s'", between,
                                model->names[i]);
    }
}

static void convert_enum(struct bide__context *context,
                         const struct bide__part *part,
                         const struct bide__input *input, void *place)
{
    ssize_t index = is_text(input)
        ? bide__enum_find(part->model, input->text, input->len) : -1;
    if (index >= 0) {
        *(unsigned *)place = (unsigned)index;
        return;
    }
    char names[800];
    char ctx[1000];
    expected_names(part->model, names, sizeof names);
    bide_json_writer writer;
    bide_json_begin_on(&writer, ctx, sizeof ctx);
    bide_json_begin_object(&writer);
    bide_json_key(&writer, "expected");
    bide_json_string(&writer, names);
    bide_json_end_object(&writer);
    int rc = bide_json_finish(&writer);
    bide__fault(context, input, "enum", rc == 0 ? writer.text : NULL,
                "Input should be %s", names);
    bide_json_free(&writer);
}

/* ── Strings, bytes ───────────────────────────────────────────────────── */

/* A text of a parameter is copied; one of JSON lies in the arena already. */
static const char *keep(struct bide__context *context,
                        const struct bide__input *input)
{
    if (input->type != INPUT_TEXT)
        return input->text;
    const char *copy =
        bide_arena_copy(context->arena, input->text, input->len);
    if (copy == NULL)
        context->error = -ENOMEM;
    return copy;
}

static void convert_str(struct bide__context *context,
                        const struct bide__part *part,
                        const struct bide__input *input, void *place)
{
    if (!is_text(input)) {
        bide__fault(context, input, "string_type", NULL,
                    "Input should be a valid string");
        return;
    }
    if (memchr(input->text, '\0', input->len) != NULL ||
        (input->type == INPUT_TEXT &&
         !bide__utf8_valid(input->text, input->len))) {
        bide__fault(context, input, "string_unicode", NULL,
                    "Input should be a valid string, unable to parse raw "
                    "data as a unicode string");
        return;
    }
    if (!part->measured ||
        bide__check_str(context, part, input, input->text, input->len))
        *(const char **)place = keep(context, input);
}

static void convert_bytes(struct bide__context *context,
                          const struct bide__part *part,
                          const struct bide__input *input, void *place)
{
    if (!is_text(input)) {
        bide__fault(context, input, "bytes_type", NULL,
                    "Input should be a valid bytes");
        return;
    }
    char *data = bide_arena_allocate(context->arena, input->len / 4 * 3 + 3);
    if (data == NULL) {
        context->error = -ENOMEM;
        return;
    }
    ssize_t len = bide__base64_read(data, input->text, input->len);
    if (len < 0) {
        bide__fault(context, input, "base64_decode",
                    "{\"error\":\"Invalid base64\"}",
                    "Base64 decoding error: 'Invalid base64'");
    } else if (bide__check_bytes(context, part, input, (size_t)len)) {
        ((bide_bytes *)place)->data = data;
        ((bide_bytes *)place)->len = (size_t)len;
    }
}

/* ── Times, UUIDs, documents ──────────────────────────────────────────── */

static void convert_time(struct bide__context *context,
                         const struct bide__part *part,
                         const struct bide__input *input, void *place)
{
    bool text = is_text(input);
    if (!text && (input->type != INPUT_NUMBER || part->field->strict)) {
        bide__fault(context, input, "datetime_type", NULL,
                    "Input should be a valid datetime");
        return;
    }
    double seconds;
    const char *why = text
        ? bide__read_moment(input->text, input->len, &seconds)
        : bide__read_moment(input->raw, input->raw_len, &seconds);
    if (why == NULL) {
        if (!part->limited ||
            bide__check_f64(context, part, input, seconds))
            *(double *)place = seconds;
        return;
    }
    char ctx[200];
    snprintf(ctx, sizeof ctx, "{\"error\":\"%s\"}", why);
    bide__fault(context, input, "datetime_from_date_parsing", ctx,
                "Input should be a valid datetime or date, %s", why);
}

static void convert_uuid(struct bide__context *context,
                         const struct bide__part *part,
                         const struct bide__input *input, void *place)
{
    (void)part;
    char why[100];
    bide_uuid uuid;
    if (!is_text(input)) {
        bide__fault(context, input, "uuid_type", NULL,
                    "UUID input should be a string, bytes or UUID object");
    } else if (bide__read_uuid(input->text, input->len, &uuid, why)) {
        *(bide_uuid *)place = uuid;
    } else {
        char ctx[300];
        bide_json_writer writer;
        bide_json_begin_on(&writer, ctx, sizeof ctx);
        bide_json_begin_object(&writer);
        bide_json_key(&writer, "error");
        bide_json_string(&writer, why);
        bide_json_end_object(&writer);
        int rc = bide_json_finish(&writer);
        bide__fault(context, input, "uuid_parsing",
                    rc == 0 ? writer.text : NULL,
                    "Input should be a valid UUID, %s", why);
        bide_json_free(&writer);
    }
}

static void convert_json(struct bide__context *context,
                         const struct bide__part *part,
                         const struct bide__input *input, void *place)
{
    (void)part;
    if (input->type == INPUT_TEXT &&
        bide_json_check(input->raw, input->raw_len) < 0) {
        bide__fault(context, input, "json_invalid",
                    "{\"error\":\"not JSON\"}", "Invalid JSON: not JSON");
        return;
    }
    const char *copy =
        bide_arena_copy(context->arena, input->raw, input->raw_len);
    if (copy == NULL)
        context->error = -ENOMEM;
    *(const char **)place = copy;
}

void bide__convert(struct bide__context *context,
                   const struct bide__part *part,
                   const struct bide__input *input, void *place)
{
    static void (*const converts[])(struct bide__context *,
                                    const struct bide__part *,
                                    const struct bide__input *, void *) = {
        [BIDE_KIND_BOOLEAN] = convert_boolean,
        [BIDE_KIND_I32] = convert_signed,
        [BIDE_KIND_I64] = convert_signed,
        [BIDE_KIND_U64] = convert_unsigned,
        [BIDE_KIND_F64] = convert_float,
        [BIDE_KIND_STR] = convert_str,
        [BIDE_KIND_BYTES] = convert_bytes,
        [BIDE_KIND_TIME] = convert_time,
        [BIDE_KIND_UUID] = convert_uuid,
        [BIDE_KIND_JSON] = convert_json,
        [BIDE_KIND_ENUM] = convert_enum,
    };
    converts[part->kind](context, part, input, place);
}

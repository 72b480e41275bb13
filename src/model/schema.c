/* SPDX-License-Identifier: MIT */
/*
 * schema.c — descriptions as JSON Schema 2020-12, which OpenAPI 3.1 contains.
 *
 * The words and their order are pydantic's, so that tools made for its schemas
 * find what they look for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

#define MODELS_MAX 1000 /* in one list of schemas */
#define TITLE_LEN 200

static void write_pair(bide_json_writer *writer, const char *key,
                       const char *text)
{
    if (text == NULL)
        return;
    bide_json_key(writer, key);
    bide_json_string(writer, text);
}

static void write_ref(bide_json_writer *writer, const bide_model *model)
{
    char ref[TITLE_LEN + 40];
    snprintf(ref, sizeof ref, "#/components/schemas/%s", model->name);
    write_pair(writer, "$ref", ref);
}

/* ── Fields ───────────────────────────────────────────────────────────── */

static void write_limit(bide_json_writer *writer, const char *key,
                        bide_kind kind, double limit)
{
    if (isnan(limit))
        return;
    bide_json_key(writer, key);
    if (kind != BIDE_KIND_F64 && fabs(limit) < 9e15 && limit == floor(limit))
        bide_json_integer(writer, (int64_t)limit);
    else
        bide_json_number(writer, limit);
}

static void write_length(bide_json_writer *writer, const char *key,
                         size_t length)
{
    if (length == 0)
        return;
    bide_json_key(writer, key);
    bide_json_unsigned(writer, length);
}

/* The members of the schema of one value, without the object around them. */
static void write_type(bide_json_writer *writer, const struct bide__part *part)
{
    static const struct {
        const char *type, *format;
    } types[] = {
        [BIDE_KIND_BOOLEAN] = {"boolean", NULL},
        [BIDE_KIND_I32] = {"integer", "int32"},
        [BIDE_KIND_I64] = {"integer", "int64"},
        [BIDE_KIND_U64] = {"integer", "uint64"},
        [BIDE_KIND_F64] = {"number", NULL},
        [BIDE_KIND_STR] = {"string", NULL},
        [BIDE_KIND_BYTES] = {"string", "base64"},
        [BIDE_KIND_TIME] = {"string", "date-time"},
        [BIDE_KIND_UUID] = {"string", "uuid"},
        [BIDE_KIND_JSON] = {NULL, NULL},
        [BIDE_KIND_OPAQUE] = {"string", "binary"},
    };
    const bide_field *field = part->field;
    if (part->kind == BIDE_KIND_MODEL || part->kind == BIDE_KIND_ENUM) {
        write_ref(writer, part->model);
        return;
    }
    write_pair(writer, "type", types[part->kind].type);
    write_pair(writer, "format", field->format != NULL
                                     ? field->format
                                     : types[part->kind].format);
    write_limit(writer, "maximum", part->kind, field->le);
    write_limit(writer, "exclusiveMaximum", part->kind, field->lt);
    write_limit(writer, "minimum", part->kind, field->ge);
    write_limit(writer, "exclusiveMinimum", part->kind, field->gt);
    if (field->multiple_of != 0)
        write_limit(writer, "multipleOf", part->kind, field->multiple_of);
    if (part->kind == BIDE_KIND_U64 && isnan(field->ge) && isnan(field->gt))
        write_limit(writer, "minimum", part->kind, 0);
    write_length(writer, "maxLength", field->max_len);
    write_length(writer, "minLength", field->min_len);
    write_pair(writer, "pattern", field->pattern);
}

static void write_shape(bide_json_writer *writer,
                        const struct bide__part *part)
{
    if (!bide__is_list(part)) {
        write_type(writer, part);
        return;
    }
    bide_json_key(writer, "items");
    bide_json_begin_object(writer);
    write_type(writer, part);
    bide_json_end_object(writer);
    write_pair(writer, "type", "array");
    write_length(writer, "maxItems", part->field->max_items);
    write_length(writer, "minItems", part->field->min_items);
}

/* "full_name" as "Full Name". */
static void write_title(bide_json_writer *writer, const char *name)
{
    char title[TITLE_LEN];
    size_t len = 0;
    bool first = true;
    for (; *name != '\0' && len < sizeof title - 1; name++) {
        char byte = *name == '_' || *name == '-' ? ' ' : *name;
        if (first && byte >= 'a' && byte <= 'z')
            byte = (char)(byte - 32);
        first = byte == ' ';
        title[len++] = byte;
    }
    title[len] = '\0';
    write_pair(writer, "title", title);
}

static void write_flag(bide_json_writer *writer, const char *key, bool flag)
{
    if (!flag)
        return;
    bide_json_key(writer, key);
    bide_json_boolean(writer, true);
}

/* An example is written as `def` is: text for what is written as a string. */
static void write_example(bide_json_writer *writer,
                          const struct bide__part *part)
{
    const char *example = part->field->example;
    if (example == NULL)
        return;
    bide_json_key(writer, "examples");
    bide_json_begin_array(writer);
    if (bide_json_check(example, strlen(example)) == 0 &&
        (part->kind != BIDE_KIND_STR || bide__is_list(part)))
        bide_json_raw(writer, example, strlen(example));
    else
        bide_json_string(writer, example);
    bide_json_end_array(writer);
}

static void write_field(bide_json_writer *writer, const struct bide_plan *plan,
                        const struct bide__part *part)
{
    const bide_field *field = part->field;
    bide_json_begin_object(writer);
    if (bide__is_optional(part)) {
        bide_json_key(writer, "anyOf");
        bide_json_begin_array(writer);
        bide_json_begin_object(writer);
        write_shape(writer, part);
        bide_json_end_object(writer);
        bide_json_begin_object(writer);
        write_pair(writer, "type", "null");
        bide_json_end_object(writer);
        bide_json_end_array(writer);
    } else {
        write_shape(writer, part);
    }
    bool named = (part->kind == BIDE_KIND_MODEL ||
                  part->kind == BIDE_KIND_ENUM) &&
        part->shape == BIDE_SHAPE_PLAIN;
    if (field->title != NULL)
        write_pair(writer, "title", field->title);
    else if (!named)
        write_title(writer, part->name);
    write_pair(writer, "description", field->doc);
    if (field->def != NULL) {
        bide_json_key(writer, "default");
        bide__write_value(writer, part, plan->prototype);
    }
    write_example(writer, part);
    write_flag(writer, "deprecated", field->deprecated);
    write_flag(writer, "readOnly", field->read_only);
    write_flag(writer, "writeOnly", field->write_only);
    bide_json_end_object(writer);
}

/* ── Models ───────────────────────────────────────────────────────────── */

static bool is_shown(const struct bide__part *part)
{
    return part->model != NULL && !part->field->hidden;
}

static void write_properties(bide_json_writer *writer,
                             const struct bide_plan *plan)
{
    size_t required = 0;
    bide_json_key(writer, "properties");
    bide_json_begin_object(writer);
    for (size_t i = 0; i < plan->n_parts; i++) {
        if (!is_shown(&plan->parts[i]))
            continue;
        bide_json_key(writer, plan->parts[i].name);
        write_field(writer, plan, &plan->parts[i]);
        required += plan->required >> i & 1;
    }
    bide_json_end_object(writer);
    write_pair(writer, "type", "object");
    if (required == 0)
        return;
    bide_json_key(writer, "required");
    bide_json_begin_array(writer);
    for (size_t i = 0; i < plan->n_parts; i++) {
        if ((plan->required >> i & 1) != 0 && is_shown(&plan->parts[i]))
            bide_json_string(writer, plan->parts[i].name);
    }
    bide_json_end_array(writer);
}

static const struct bide_plan *plan_for(bide_json_writer *writer,
                                        const bide_model *model)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan == NULL && writer->error == 0)
        writer->error = rc;
    return plan;
}

void bide_model_schema(bide_json_writer *writer, const bide_model *model)
{
    const struct bide_plan *plan = plan_for(writer, model);
    if (plan == NULL)
        return;
    bide_json_begin_object(writer);
    if (model->kind == BIDE_KIND_MODEL) {
        write_properties(writer, plan);
        if (model->closed) {
            bide_json_key(writer, "additionalProperties");
            bide_json_boolean(writer, false);
        }
    } else if (model->kind == BIDE_KIND_ENUM) {
        write_pair(writer, "type", "string");
        bide_json_key(writer, "enum");
        bide_json_begin_array(writer);
        for (size_t i = 0; i < model->n_names; i++)
            bide_json_string(writer, model->names[i]);
        bide_json_end_array(writer);
    } else {
        write_type(writer, &plan->whole);
    }
    write_pair(writer, "title",
               model->title != NULL ? model->title : model->name);
    write_pair(writer, "description", model->doc);
    bide_json_end_object(writer);
}

void bide_field_schema(bide_json_writer *writer, const bide_model *model,
                       size_t index)
{
    const struct bide_plan *plan = plan_for(writer, model);
    if (plan != NULL && index < plan->n_parts)
        write_field(writer, plan, &plan->parts[index]);
    else if (writer->error == 0)
        writer->error = bide_raise(-EINVAL, "%s has no field %zu", model->name,
                                   index);
}

/* ── All that models refer to ─────────────────────────────────────────── */

struct names {
    const bide_model *models[MODELS_MAX];
    size_t n;
};

static bool has_place(const bide_model *model)
{
    for (size_t i = 0; i < model->n_fields; i++) {
        if (model->fields[i].in != BIDE_IN_DOCUMENT)
            return true;
    }
    return false;
}

/* One that is used in two files has two descriptions, but one name. */
static int add(struct names *names, const bide_model *model)
{
    if (model == NULL || (model->kind != BIDE_KIND_MODEL &&
                          model->kind != BIDE_KIND_ENUM))
        return 0;
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->models[i]->name, model->name) == 0)
            return 0;
    }
    if (names->n == MODELS_MAX)
        return bide_raise(-EINVAL, "more than %d models have a schema",
                          MODELS_MAX);
    names->models[names->n++] = model;
    return 0;
}

static int collect(struct names *names, const bide_model *const *models,
                   size_t n)
{
    int rc = 0;
    names->n = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add(names, models[i]);
    for (size_t i = 0; i < names->n && rc == 0; i++) {
        const bide_model *model = names->models[i];
        for (size_t j = 0; j < model->n_fields && rc == 0; j++)
            rc = add(names, model->fields[j].model);
    }
    return rc;
}

void bide_models_schemas(bide_json_writer *writer,
                         const bide_model *const *models, size_t n)
{
    struct names *names = bide_allocate(sizeof *names);
    int rc = names == NULL ? bide_raise(-ENOMEM, "no memory for schemas")
                           : collect(names, models, n);
    if (rc < 0 && writer->error == 0)
        writer->error = rc;
    bide_json_begin_object(writer);
    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        if (has_place(names->models[i]))
            continue;
        bide_json_key(writer, names->models[i]->name);
        bide_model_schema(writer, names->models[i]);
    }
    bide_json_end_object(writer);
    bide_release(names);
}

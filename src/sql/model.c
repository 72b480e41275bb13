/* SPDX-License-Identifier: MIT */
/*
 * model.c — rows into structs, and structs into parameters.
 *
 * Which column is which field is found out once for all rows of a result. A
 * text is given to a field of JSON, a model or a list as JSON: databases have
 * no other way to say so, or, like SQLite, none.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <bide/sql_model.h>

#include "sql/sql.h"

/* Columns whose fields are found without memory from the arena. */
#define FEW 32

/* ── Values ───────────────────────────────────────────────────────────── */

static bool wants_json(const bide_field *field)
{
    return field->shape == BIDE_SHAPE_LIST ||
           field->shape == BIDE_SHAPE_OPTIONAL_LIST ||
           field->model->kind == BIDE_KIND_MODEL ||
           field->model->kind == BIDE_KIND_JSON;
}

static bide_value value_of(const bide_sql_value *value,
                           const bide_field *field)
{
    bide_value text;
    switch (value->type) {
    case BIDE_SQL_BOOL:
        return bide_value_boolean(value->boolean);
    case BIDE_SQL_I64:
        return bide_value_i64(value->i64);
    case BIDE_SQL_F64:
        return bide_value_f64(value->f64);
    case BIDE_SQL_TEXT:
        text = bide_value_text_len(value->text, value->len);
        if (wants_json(field))
            text.type = BIDE_VALUE_JSON;
        else if (field->model->kind == BIDE_KIND_TIME)
            return bide_value_time((double)bide_sql_as_time(value) * 1e-6);
        return text;
    case BIDE_SQL_BLOB:
        return bide_value_blob(value->blob, value->len);
    case BIDE_SQL_TIME:
        return bide_value_time((double)value->i64 * 1e-6);
    default:
        return bide_value_null();
    }
}

static int put_uuid(const bide_uuid *uuid, bide_arena *arena,
                    bide_sql_value *ret_value)
{
    char text[37];
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", uuid->bytes[i]);
    }
    const char *copy = bide_arena_copy(arena, text, sizeof text - 1);
    *ret_value = bide_sql_text(copy);
    return copy ? 0 : -ENOMEM;
}

static int param_of(const bide_value *value, bide_arena *arena,
                    bide_sql_value *ret_value)
{
    switch (value->type) {
    case BIDE_VALUE_BOOLEAN:
        *ret_value = bide_sql_bool(value->as.boolean);
        return 0;
    case BIDE_VALUE_I64:
        *ret_value = bide_sql_i64(value->as.i64);
        return 0;
    case BIDE_VALUE_U64:
        *ret_value = bide_sql_u64(value->as.u64);
        return 0;
    case BIDE_VALUE_F64:
        *ret_value = bide_sql_f64(value->as.f64);
        return 0;
    case BIDE_VALUE_TIME:
        *ret_value = bide_sql_time((int64_t)llround(value->as.time * 1e6));
        return 0;
    case BIDE_VALUE_TEXT:
    case BIDE_VALUE_JSON:
        *ret_value = bide_sql_text_len(value->as.text.data,
                                       value->as.text.len);
        return 0;
    case BIDE_VALUE_BLOB:
        *ret_value = bide_sql_blob(value->as.text.data, value->as.text.len);
        return 0;
    case BIDE_VALUE_UUID:
        return put_uuid(&value->as.uuid, arena, ret_value);
    case BIDE_VALUE_NULL:
        break;
    }
    *ret_value = bide_sql_null();
    return 0;
}

int bide_sql_params_of(const bide_model *model, const void *object,
                       bide_arena *arena, bide_sql_params *ret_params)
{
    size_t count = model->n_fields;
    bide_sql_value *values =
        bide_arena_allocate(arena, (count + 1) * sizeof values[0]);
    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        bide_value value;
        int rc = bide_model_get(model, object, i, arena, &value);
        if (rc == 0)
            rc = param_of(&value, arena, &values[i]);
        if (rc < 0)
            return rc;
    }
    *ret_params = (bide_sql_params){values, count};
    return 0;
}

/* ── Rows ─────────────────────────────────────────────────────────────── */

static void find_fields(const bide_sql_row *row, const bide_model *model,
                        ssize_t *fields)
{
    size_t count = bide_sql_row_columns(row);
    for (size_t i = 0; i < count; i++) {
        const char *name = bide_sql_row_name(row, i);
        fields[i] = bide_model_column(model, name, strlen(name));
    }
}

static int fill(const bide_sql_row *row, const bide_model *model,
                const ssize_t *fields, bide_arena *arena, void *ret_object)
{
    size_t count = bide_sql_row_columns(row);
    int rc = bide_model_init(model, ret_object);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (fields[i] < 0)
            continue;
        size_t index = (size_t)fields[i];
        bide_value value = value_of(bide_sql_row_value(row, i),
                                    &model->fields[index]);
        rc = bide_model_set(model, ret_object, index, &value, arena);
    }
    return rc;
}

/* Fill objects that lie one behind the other: of this row, or of all rows of
 * a result whose first one it is. */
static int fill_all(const bide_sql_row *first, size_t count,
                    const bide_model *model, bide_arena *arena, char *objects)
{
    ssize_t few[FEW];
    ssize_t *fields = few;
    size_t columns = bide_sql_row_columns(first);
    if (columns > FEW)
        fields = bide_arena_allocate(arena, columns * sizeof fields[0]);
    if (!fields)
        return -ENOMEM;
    find_fields(first, model, fields);
    const bide_sql_rows *all = bide__sql_rows_of(first);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const bide_sql_row *row = i == 0 ? first : bide_sql_rows_at(all, i);
        rc = fill(row, model, fields, arena, objects + i * model->size);
    }
    return rc;
}

int bide_sql_row_as(const bide_sql_row *row, const bide_model *model,
                    bide_arena *arena, void *ret_object)
{
    return fill_all(row, 1, model, arena, ret_object);
}

static int decode_rows(const bide_sql_rows *rows, const bide_model *model,
                       bide_arena *arena, void *ret_objects)
{
    size_t count = bide_sql_rows_count(rows);
    if (count > INT_MAX || (count > 0 && model->size > SIZE_MAX / count))
        return -ENOMEM;
    char *objects = bide_arena_allocate(arena, count * model->size + 1);
    if (!objects)
        return -ENOMEM;
    int rc = 0;
    if (count > 0)
        rc = fill_all(bide_sql_rows_at(rows, 0), count, model, arena, objects);
    if (rc == 0)
        memcpy(ret_objects, &objects, sizeof objects);
    return rc < 0 ? rc : (int)count;
}

int bide_sql_fetch_as(bide_sql *db, const char *sql, bide_sql_params params,
                      const bide_model *model, bide_arena *arena,
                      void *ret_objects)
{
    bide_sql_rows *rows;
    int rc = bide_sql_fetch(db, sql, params, &rows);
    if (rc < 0)
        return rc;
    rc = decode_rows(rows, model, arena, ret_objects);
    bide_sql_rows_free(rows);
    return rc;
}

int bide_sql_fetchrow_as(bide_sql *db, const char *sql,
                         bide_sql_params params, const bide_model *model,
                         bide_arena *arena, void *ret_object)
{
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(db, sql, params, &row);
    if (rc <= 0)
        return rc;
    rc = bide_sql_row_as(row, model, arena, ret_object);
    bide_sql_row_free(row);
    return rc < 0 ? rc : 1;
}

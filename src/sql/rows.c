/* SPDX-License-Identifier: MIT */
/*
 * rows.c — rows in memory.
 *
 * Most results are small, so the first block of memory is in the same
 * allocation as the struct: values grow in it from the front, texts and blobs
 * from the end. What does not fit goes to an array that grows, and to blocks
 * that never move, for values point into them.
 *
 *     struct │ row row row ──►            ◄── text text │
 *
 * A row is a pointer back to its rows and then its values; all rows of a
 * result are equally long. Drivers fill rows on threads of their own; a
 * result is used by one thread at a time.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "sql/sql.h"

#define INLINE_SIZE 896u
#define BLOCK_SIZE 4096u

struct bide_sql_columns {
    atomic_uint refs;
    size_t count;
    const char *names[]; /* the texts lie behind */
};

struct bide_sql_row {
    bide_sql_rows *rows;
    bide_sql_value values[];
};

struct block {
    struct block *next;
    char bytes[];
};

struct bide_sql_rows {
    bide_sql_columns *columns;
    size_t count;
    size_t stride;        /* bytes of a row */
    char *values;         /* count rows; `space`, or memory of their own */
    size_t values_cap;    /* bytes of that; of `space` it is what texts left */
    char *text;           /* the room for texts: taken from its end */
    size_t text_left;
    struct block *blocks; /* newest first */
    size_t bytes;         /* in memory of their own */
    size_t bytes_max;
    int failure;
    _Alignas(16) char space[INLINE_SIZE];
};

/* ── Columns ──────────────────────────────────────────────────────────── */

bide_sql_columns *bide_sql_columns_new(const char *const *names, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    bide_sql_columns *columns = bide_allocate(
        sizeof *columns + count * sizeof columns->names[0] + bytes);
    if (!columns)
        return NULL;
    atomic_init(&columns->refs, 1);
    columns->count = count;
    char *at = (char *)&columns->names[count];
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]) + 1;
        columns->names[i] = memcpy(at, names[i], len);
        at += len;
    }
    return columns;
}

void bide_sql_columns_unref(bide_sql_columns *columns)
{
    if (columns && atomic_fetch_sub(&columns->refs, 1) == 1)
        bide_release(columns);
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static void set_empty(bide_sql_rows *rows)
{
    rows->count = 0;
    rows->values = rows->space;
    rows->values_cap = INLINE_SIZE;
    rows->text = rows->space;
    rows->text_left = INLINE_SIZE;
    rows->blocks = NULL;
    rows->bytes = 0;
    rows->failure = 0;
}

bide_sql_rows *bide__sql_rows_new(size_t bytes_max)
{
    bide_sql_rows *rows = bide_allocate(sizeof *rows);
    if (!rows)
        return NULL;
    rows->columns = NULL;
    rows->stride = sizeof(struct bide_sql_row);
    rows->bytes_max = bytes_max;
    set_empty(rows);
    return rows;
}

static void release_memory(bide_sql_rows *rows)
{
    if (rows->values != rows->space)
        bide_release(rows->values);
    while (rows->blocks) {
        struct block *block = rows->blocks;
        rows->blocks = block->next;
        bide_release(block);
    }
}

void bide_sql_rows_free(bide_sql_rows *rows)
{
    if (!rows)
        return;
    release_memory(rows);
    bide_sql_columns_unref(rows->columns);
    bide_release(rows);
}

/* ── Filling ──────────────────────────────────────────────────────────── */

void bide_sql_rows_begin(bide_sql_rows *rows, bide_sql_columns *columns)
{
    release_memory(rows);
    set_empty(rows);
    if (rows->columns != columns) {
        bide_sql_columns_unref(rows->columns);
        rows->columns = columns;
        atomic_fetch_add(&columns->refs, 1);
    }
    rows->stride = sizeof(struct bide_sql_row) +
                   columns->count * sizeof(bide_sql_value);
}

int bide_sql_rows_failure(const bide_sql_rows *rows)
{
    if (rows->failure == -EMSGSIZE)
        return bide_raise(-EMSGSIZE,
                          "the result is longer than result_max, %zu bytes",
                          rows->bytes_max);
    return rows->failure;
}

static bool count_bytes(bide_sql_rows *rows, size_t more)
{
    if (more > rows->bytes_max - rows->bytes) {
        rows->failure = -EMSGSIZE;
        return false;
    }
    rows->bytes += more;
    return true;
}

/* Move the values to memory of their own, or to more of it. */
static bool grow_values(bide_sql_rows *rows)
{
    bool own = rows->values != rows->space;
    size_t used = rows->count * rows->stride;
    size_t cap = 2 * (used + rows->stride);
    if (cap < BLOCK_SIZE)
        cap = BLOCK_SIZE;
    if (!count_bytes(rows, own ? cap - rows->values_cap : cap))
        return false;
    char *values = own ? bide_reallocate(rows->values, cap)
                       : bide_allocate(cap);
    if (!values) {
        rows->failure = -ENOMEM;
        return false;
    }
    if (!own)
        memcpy(values, rows->values, used);
    rows->values = values;
    rows->values_cap = cap;
    return true;
}

bide_sql_value *bide_sql_rows_append(bide_sql_rows *rows)
{
    bool own = rows->values != rows->space;
    bool texts_too = !own && !rows->blocks;
    size_t used = rows->count * rows->stride;
    size_t cap = texts_too ? rows->text_left : rows->values_cap;
    if (used + rows->stride > cap && !grow_values(rows))
        return NULL;
    struct bide_sql_row *row = (struct bide_sql_row *)(void *)(rows->values +
                                                               used);
    row->rows = rows;
    for (size_t i = 0; i < rows->columns->count; i++)
        row->values[i].type = BIDE_SQL_NULL;
    rows->count++;
    return row->values;
}

/* A new block for texts, of at least len bytes. */
static bool add_block(bide_sql_rows *rows, size_t len)
{
    size_t size = rows->bytes < BLOCK_SIZE ? BLOCK_SIZE : rows->bytes;
    if (size > 1u << 20)
        size = 1u << 20;
    if (size < len)
        size = len;
    if (!count_bytes(rows, size))
        return false;
    struct block *block = bide_allocate(sizeof *block + size);
    if (!block) {
        rows->failure = -ENOMEM;
        return false;
    }
    if (rows->values == rows->space && !rows->blocks)
        rows->values_cap = rows->text_left; /* the border stays there */
    block->next = rows->blocks;
    rows->blocks = block;
    rows->text = block->bytes;
    rows->text_left = size;
    return true;
}

char *bide_sql_rows_copy(bide_sql_rows *rows, const void *bytes, size_t len)
{
    size_t taken = 0; /* by values, at the front of the same memory */
    if (!rows->blocks && rows->values == rows->space)
        taken = rows->count * rows->stride;
    if (rows->text_left - taken < len + 1 && !add_block(rows, len + 1))
        return NULL;
    rows->text_left -= len + 1;
    char *copy = rows->text + rows->text_left;
    if (bytes)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

/* ── Reading ──────────────────────────────────────────────────────────── */

size_t bide_sql_rows_count(const bide_sql_rows *rows)
{
    return rows->count;
}

const bide_sql_row *bide_sql_rows_at(const bide_sql_rows *rows, size_t index)
{
    BIDE__SQL_REQUIRE(index < rows->count,
                      "bide_sql_rows_at: there is no row %zu, only %zu of them",
                      index, rows->count);
    return (const void *)(rows->values + index * rows->stride);
}

bide_sql_rows *bide__sql_rows_of(const bide_sql_row *row)
{
    return row->rows;
}

void bide_sql_row_free(const bide_sql_row *row)
{
    if (row)
        bide_sql_rows_free(row->rows);
}

size_t bide_sql_row_columns(const bide_sql_row *row)
{
    return row->rows->columns->count;
}

static void require_column(const bide_sql_row *row, size_t column,
                           const char *function)
{
    BIDE__SQL_REQUIRE(column < row->rows->columns->count,
                      "%s: there is no column %zu, only %zu of them", function,
                      column, row->rows->columns->count);
}

const char *bide_sql_row_name(const bide_sql_row *row, size_t column)
{
    require_column(row, column, "bide_sql_row_name");
    return row->rows->columns->names[column];
}

const bide_sql_value *bide_sql_row_value(const bide_sql_row *row,
                                         size_t column)
{
    require_column(row, column, "bide_sql_row_value");
    return &row->values[column];
}

const bide_sql_value *bide_sql_row_get(const bide_sql_row *row,
                                       const char *name)
{
    const bide_sql_columns *columns = row->rows->columns;
    for (size_t i = 0; i < columns->count; i++)
        if (!strcmp(columns->names[i], name))
            return &row->values[i];
    return NULL;
}

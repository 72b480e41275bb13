/* SPDX-License-Identifier: MIT */
/*
 * cursor.c — rows one by one.
 *
 * The driver delivers rows in parts, and a part is in memory at a time. The
 * statement and its parameters are copied, because parts are fetched long
 * after the caller's strings may have gone.
 */
#include <errno.h>
#include <string.h>

#include "sql/sql.h"

struct bide_sql_cursor {
    bide_sql_request request; /* points into `copies` */
    struct bide__sql_lane *lane;
    bool acquired; /* the lane goes back at the end */
    void *stream;  /* the driver's; NULL: not begun */
    bool ended;    /* all rows have come */
    int code;      /* why nothing more will come, or 0 */
    bide_sql_rows *rows;
    size_t at; /* of the next row in `rows` */
    char copies[];
};

static bool has_bytes(const bide_sql_value *value)
{
    return value->type == BIDE_SQL_TEXT || value->type == BIDE_SQL_BLOB;
}

/* The parameters, the statement and the texts, one behind the other. */
static void copy_request(bide_sql_cursor *cursor,
                         const bide_sql_request *request)
{
    size_t count = request->params.count;
    bide_sql_value *values = (void *)cursor->copies;
    char *at = (char *)&values[count];
    cursor->request = *request;
    cursor->request.sql = memcpy(at, request->sql, request->sql_len + 1);
    cursor->request.params.values = values;
    at += request->sql_len + 1;
    for (size_t i = 0; i < count; i++) {
        values[i] = request->params.values[i];
        if (!has_bytes(&values[i]) || values[i].len == 0)
            continue;
        memcpy(at, values[i].blob, values[i].len);
        values[i].blob = at;
        at += values[i].len;
    }
}

static bide_sql_cursor *new_cursor(const bide_sql_request *request,
                                   size_t result_max)
{
    size_t bytes = request->params.count * sizeof(bide_sql_value) +
                   request->sql_len + 1;
    for (size_t i = 0; i < request->params.count; i++)
        if (has_bytes(&request->params.values[i]))
            bytes += request->params.values[i].len;
    bide_sql_cursor *cursor = bide_allocate(sizeof *cursor + bytes);
    bide_sql_rows *rows = bide__sql_rows_new(result_max);
    if (!cursor || !rows) {
        bide_release(cursor);
        bide_sql_rows_free(rows);
        return NULL;
    }
    *cursor = (bide_sql_cursor){.rows = rows};
    copy_request(cursor, request);
    return cursor;
}

static void free_cursor(bide_sql_cursor *cursor)
{
    if (cursor->acquired)
        bide__sql_give(cursor->lane, true);
    bide_sql_rows_free(cursor->rows);
    bide_release(cursor);
}

static int begin_on(bide_sql_cursor *cursor, bide_sql *db, bool reads)
{
    cursor->acquired = !db->lane;
    cursor->lane = db->lane;
    if (cursor->acquired) {
        int rc = bide__sql_take(bide__sql_bank_of(db->pool, reads), true,
                                &cursor->lane);
        if (rc < 0) {
            cursor->acquired = false;
            return rc;
        }
    }
    cursor->request.autocommit = cursor->lane->depth == 0;
    return db->pool->driver->stream_begin(cursor->lane->connection,
                                          &cursor->request, &cursor->stream);
}

static int begin(bide_sql_cursor *cursor, bide_sql *db)
{
    bool reads = db->pool->driver->reads(cursor->request.sql);
    int rc = begin_on(cursor, db, reads);
    if (rc != BIDE_SQL_WRITES)
        return rc;
    if (!cursor->acquired)
        return bide_sql_raise("25006", "the transaction may only read");
    cursor->acquired = false;
    bide__sql_give(cursor->lane, true);
    return begin_on(cursor, db, false);
}

int bide_sql_query(bide_sql *db, const char *sql, bide_sql_params params,
                   bide_sql_cursor **ret_cursor)
{
    bide_sql_request request;
    int rc = bide__sql_request(&request, sql, params);
    if (rc == 0)
        rc = bide__sql_refuse_transaction(sql);
    if (rc < 0)
        return rc;
    bide_sql_cursor *cursor = new_cursor(&request,
                                         db->pool->options.result_max);
    if (!cursor)
        return -ENOMEM;
    rc = begin(cursor, db);
    if (rc < 0) {
        free_cursor(cursor);
        return rc;
    }
    *ret_cursor = cursor;
    return 0;
}

/* Deliver a cancellation without waiting for anything. */
static int checkpoint(void)
{
    bide_event passed = {.is_set = true};
    return bide_event_wait(&passed);
}

int bide_sql_next(bide_sql_cursor *cursor, const bide_sql_row **ret_row)
{
    if (cursor->code < 0)
        return bide_raise(cursor->code, "the cursor has failed before");
    bool fetched = cursor->at < bide_sql_rows_count(cursor->rows);
    int rc = 0;
    if (fetched || cursor->ended) {
        rc = checkpoint();
        if (rc < 0)
            return rc;
    } else {
        const bide_sql_driver *driver = cursor->lane->bank->pool->driver;
        rc = driver->stream_more(cursor->stream, cursor->rows);
        bide__sql_look(cursor->lane);
        cursor->at = 0;
        cursor->code = rc;
        if (rc < 0)
            return rc;
        cursor->ended = bide_sql_rows_count(cursor->rows) == 0;
    }
    if (cursor->ended)
        return 0;
    *ret_row = bide_sql_rows_at(cursor->rows, cursor->at++);
    return 1;
}

void bide_sql_cursor_close(bide_sql_cursor *cursor)
{
    if (!cursor)
        return;
    cursor->lane->bank->pool->driver->stream_end(cursor->stream);
    free_cursor(cursor);
}

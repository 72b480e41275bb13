/* SPDX-License-Identifier: MIT */
/*
 * statement.c — running a statement, and fetching what it gives.
 *
 * A statement that was sent to the pool goes to a connection that reads if it
 * looks as if it did no more. The connection knows better once it has prepared
 * it, and then sends it back, to be sent to one that writes.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "sql/sql.h"

int bide__sql_request(bide_sql_request *request, const char *sql,
                      bide_sql_params params)
{
    *request = (bide_sql_request){
        .sql = sql,
        .sql_len = strlen(sql),
        .params = params,
    };
    if (params.count > BIDE_SQL_PARAMS_MAX)
        return bide_raise(-EINVAL, "%zu parameters, at most %d", params.count,
                          BIDE_SQL_PARAMS_MAX);
    if (request->sql_len > BIDE_SQL_LEN_MAX)
        return bide_raise(-EINVAL, "a statement of %zu bytes, at most %d",
                          request->sql_len, BIDE_SQL_LEN_MAX);
    for (size_t i = 0; i < params.count; i++)
        if (params.values[i].type >= BIDE_SQL_RANGE_)
            return bide_raise(-ERANGE,
                              "the value of $%zu is none that SQL knows",
                              i + 1);
    return 0;
}

/* Comments, also in comments, and statements that are empty. */
static const char *skip_nothing(const char *sql)
{
    for (;;) {
        while (isspace((unsigned char)*sql) || *sql == ';')
            sql++;
        if (sql[0] == '-' && sql[1] == '-') {
            sql += strcspn(sql, "\n");
        } else if (sql[0] == '/' && sql[1] == '*') {
            const char *end = strstr(sql + 2, "*/");
            sql = end ? end + 2 : sql + strlen(sql);
        } else if (sql[0] == '*' && sql[1] == '/') {
            sql += 2;
        } else {
            return sql;
        }
    }
}

/* Transactions are begun and ended by functions, which know who is in one:
 * others share the connection, or count on what is open on it. */
int bide__sql_refuse_transaction(const char *sql)
{
    static const char *const words[] = {"BEGIN",     "START",   "COMMIT",
                                        "END",       "ABORT",   "ROLLBACK",
                                        "SAVEPOINT", "RELEASE", NULL};
    sql = skip_nothing(sql);
    for (const char *const *word = words; *word; word++) {
        if ((*sql | 0x20) != (**word | 0x20)) /* most of them are not it */
            continue;
        size_t len = strlen(*word);
        if (!strncasecmp(sql, *word, len) &&
            !isalnum((unsigned char)sql[len]) && sql[len] != '_')
            return bide_raise(-EINVAL,
                              "%s is said by bide_sql_begin() and "
                              "bide_sql_end()",
                              *word);
    }
    return 0;
}

static int run_shared(struct bide__sql_bank *bank, bide_sql_request *request)
{
    struct bide__sql_lane *lane;
    int rc = bide__sql_take(bank, false, &lane);
    if (rc < 0)
        return rc;
    request->autocommit = true;
    rc = bank->pool->driver->run(lane->connection, request);
    bide__sql_give(lane, false);
    return rc;
}

/* A script may begin a transaction: nobody else may be in it. */
static int run_alone(struct bide__sql_bank *bank, bide_sql_request *request)
{
    struct bide__sql_lane *lane;
    int rc = bide__sql_take(bank, true, &lane);
    if (rc < 0)
        return rc;
    rc = bank->pool->driver->run(lane->connection, request);
    bide__sql_give(lane, true);
    return rc;
}

int bide__sql_run(bide_sql *db, bide_sql_request *request)
{
    const bide_sql_driver *driver = db->pool->driver;
    int rc = 0;
    if (!request->script)
        rc = bide__sql_refuse_transaction(request->sql);
    if (rc < 0)
        return rc;
    if (db->lane) {
        rc = driver->run(db->lane->connection, request);
        if (rc == BIDE_SQL_WRITES)
            rc = bide_sql_raise("25006", "the transaction may only read");
        return rc;
    }
    if (request->script)
        return run_alone(bide__sql_bank_of(db->pool, false), request);
    bool reads = driver->reads(request->sql);
    rc = run_shared(bide__sql_bank_of(db->pool, reads), request);
    if (rc == BIDE_SQL_WRITES)
        rc = run_shared(bide__sql_bank_of(db->pool, false), request);
    return rc;
}

int bide__sql_say(struct bide__sql_lane *lane, const char *sql, bool commit)
{
    bide_sql_request request;
    int rc = bide__sql_request(&request, sql, (bide_sql_params){0});
    request.commit = commit;
    if (rc == 0)
        rc = lane->bank->pool->driver->run(lane->connection, &request);
    bide__sql_look(lane);
    return rc;
}

static int count_of(int64_t count)
{
    return count > INT_MAX ? INT_MAX : (int)count;
}

int bide_sql_execute(bide_sql *db, const char *sql, bide_sql_params params)
{
    bide_sql_request request;
    int rc = bide__sql_request(&request, sql, params);
    if (rc == 0)
        rc = bide__sql_run(db, &request);
    return rc < 0 ? rc : count_of(request.changes);
}

int bide_sql_executescript(bide_sql *db, const char *script)
{
    bide_sql_request request;
    int rc = bide__sql_request(&request, script, (bide_sql_params){0});
    request.script = true;
    if (rc == 0)
        rc = bide__sql_run(db, &request);
    return rc;
}

/* Run a statement and keep at most rows_max of its rows; 0: all. */
static int fetch(bide_sql *db, const char *sql, bide_sql_params params,
                 size_t rows_max, bide_sql_rows **ret_rows)
{
    bide_sql_request request;
    int rc = bide__sql_request(&request, sql, params);
    if (rc < 0)
        return rc;
    request.rows_max = rows_max;
    request.rows = bide__sql_rows_new(db->pool->options.result_max);
    if (!request.rows)
        return -ENOMEM;
    rc = bide__sql_run(db, &request);
    if (rc < 0) {
        bide_sql_rows_free(request.rows);
        return rc;
    }
    *ret_rows = request.rows;
    return count_of((int64_t)bide_sql_rows_count(request.rows));
}

int bide_sql_fetch(bide_sql *db, const char *sql, bide_sql_params params,
                   bide_sql_rows **ret_rows)
{
    return fetch(db, sql, params, 0, ret_rows);
}

int bide_sql_fetchrow(bide_sql *db, const char *sql, bide_sql_params params,
                      const bide_sql_row **ret_row)
{
    bide_sql_rows *rows;
    int rc = fetch(db, sql, params, 1, &rows);
    if (rc < 0)
        return rc;
    *ret_row = rc > 0 ? bide_sql_rows_at(rows, 0) : NULL;
    if (rc == 0)
        bide_sql_rows_free(rows);
    return rc > 0;
}

/* Fetch one row and look at its first value; *ret_value is NULL if there is
 * none. The row is the caller's to free. */
static int fetch_first(bide_sql *db, const char *sql, bide_sql_params params,
                       const bide_sql_row **ret_row,
                       const bide_sql_value **ret_value)
{
    *ret_value = NULL;
    int rc = bide_sql_fetchrow(db, sql, params, ret_row);
    if (rc > 0 && bide_sql_row_columns(*ret_row) > 0 &&
        bide_sql_row_value(*ret_row, 0)->type != BIDE_SQL_NULL)
        *ret_value = bide_sql_row_value(*ret_row, 0);
    return rc < 0 ? rc : *ret_value != NULL;
}

int bide_sql_fetchval_i64(bide_sql *db, const char *sql,
                          bide_sql_params params, int64_t *ret_value)
{
    const bide_sql_row *row;
    const bide_sql_value *value;
    int rc = fetch_first(db, sql, params, &row, &value);
    if (rc > 0)
        *ret_value = bide_sql_as_i64(value);
    if (rc >= 0)
        bide_sql_row_free(row);
    return rc;
}

static int copy_text(const bide_sql_row *row, const bide_sql_value *value,
                     char **ret_text)
{
    if (value->type != BIDE_SQL_TEXT)
        return bide_raise(-EINVAL, "the column '%.80s' is no text",
                          bide_sql_row_name(row, 0));
    char *text = bide_allocate((size_t)value->len + 1);
    if (!text)
        return -ENOMEM;
    *ret_text = memcpy(text, value->text, (size_t)value->len + 1);
    return 1;
}

int bide_sql_fetchval_text(bide_sql *db, const char *sql,
                           bide_sql_params params, char **ret_text)
{
    const bide_sql_row *row;
    const bide_sql_value *value;
    int rc = fetch_first(db, sql, params, &row, &value);
    if (rc < 0)
        return rc;
    if (rc > 0)
        rc = copy_text(row, value, ret_text);
    bide_sql_row_free(row);
    return rc;
}

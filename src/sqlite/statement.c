/* SPDX-License-Identifier: MIT */
/*
 * statement.c — prepared statements: the cache, parameters, rows.
 *
 * Preparing costs more than running a small statement, so a connection keeps
 * those that it used last. One that is in use is out of the cache, and the
 * same text is then prepared once more: no two users meet in one statement.
 *
 * Parameters are $1, $2, ... which are names to SQLite, numbered as they come
 * in the text; `numbers` says which value each of them stands for.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sqlite/sqlite.h"

/* ── The cache ────────────────────────────────────────────────────────── */

int bide__sqlite_cache_init(struct bide__sqlite_cache *cache, unsigned max)
{
    size_t buckets = 16;
    while (buckets < max)
        buckets *= 2;
    *cache = (struct bide__sqlite_cache){.max = max, .mask = buckets - 1};
    cache->buckets = bide_allocate(buckets * sizeof cache->buckets[0]);
    if (!cache->buckets)
        return -ENOMEM;
    memset(cache->buckets, 0, buckets * sizeof cache->buckets[0]);
    return 0;
}

static void free_statement(struct bide__sqlite_statement *statement)
{
    sqlite3_finalize(statement->stmt);
    bide_sql_columns_unref(statement->columns);
    bide_release(statement->numbers);
    bide_release(statement);
}

static void unlink_statement(struct bide__sqlite_cache *cache,
                             struct bide__sqlite_statement *statement)
{
    struct bide__sqlite_statement **at =
        &cache->buckets[statement->hash & cache->mask];
    while (*at != statement)
        at = &(*at)->chain;
    *at = statement->chain;
    *(statement->newer ? &statement->newer->older : &cache->newest) =
        statement->older;
    *(statement->older ? &statement->older->newer : &cache->oldest) =
        statement->newer;
    cache->count--;
}

static void link_statement(struct bide__sqlite_cache *cache,
                           struct bide__sqlite_statement *statement)
{
    struct bide__sqlite_statement **bucket =
        &cache->buckets[statement->hash & cache->mask];
    statement->chain = *bucket;
    *bucket = statement;
    statement->newer = NULL;
    statement->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = statement;
    cache->newest = statement;
    cache->count++;
}

void bide__sqlite_cache_fini(struct bide__sqlite_cache *cache)
{
    while (cache->oldest) {
        struct bide__sqlite_statement *statement = cache->oldest;
        unlink_statement(cache, statement);
        free_statement(statement);
    }
    bide_release(cache->buckets);
    cache->buckets = NULL;
}

/* FNV-1a, eight bytes at a time. */
static uint64_t hash_of(const char *sql, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ len;
    for (; len >= 8; len -= 8, sql += 8) {
        uint64_t word;
        memcpy(&word, sql, 8);
        hash = (hash ^ word) * UINT64_C(1099511628211);
        hash ^= hash >> 29;
    }
    for (; len > 0; len--, sql++)
        hash = (hash ^ (unsigned char)*sql) * UINT64_C(1099511628211);
    return hash ^ (hash >> 32);
}

/* ── Preparing ────────────────────────────────────────────────────────── */

/* Skip blanks and comments. */
static const char *skip_blank(const char *sql)
{
    for (;;) {
        while (isspace((unsigned char)*sql) || *sql == ';')
            sql++;
        if (sql[0] == '-' && sql[1] == '-')
            sql += strcspn(sql, "\n");
        else if (sql[0] == '/' && sql[1] == '*') {
            const char *end = strstr(sql + 2, "*/");
            sql = end ? end + 2 : sql + strlen(sql);
        } else
            return sql;
    }
}

bool bide__sqlite_begins_with(const char *sql, const char *const *words)
{
    sql = skip_blank(sql);
    for (; *words; words++) {
        if ((*sql | 0x20) != (**words | 0x20)) /* most of them are not it */
            continue;
        size_t len = strlen(*words);
        if (!strncasecmp(sql, *words, len) &&
            !isalnum((unsigned char)sql[len]) && sql[len] != '_')
            return true;
    }
    return false;
}

/* Which value a parameter of SQLite's stands for; 0 if its name is none that
 * we know. */
static unsigned number_of(const char *name, int index)
{
    if (!name)
        return (unsigned)index; /* "?" */
    char *end;
    unsigned long number = strtoul(name + 1, &end, 10);
    if ((name[0] != '$' && name[0] != '?') || *end || end == name + 1 ||
        number > BIDE_SQL_PARAMS_MAX)
        return 0;
    return (unsigned)number;
}

static int read_params(struct bide__sqlite_statement *statement)
{
    int count = sqlite3_bind_parameter_count(statement->stmt);
    if (count == 0)
        return 0;
    size_t size = ((size_t)count + 1) * sizeof statement->numbers[0];
    statement->numbers = bide_allocate(size);
    if (!statement->numbers)
        return -ENOMEM;
    memset(statement->numbers, 0, size);
    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(statement->stmt, i);
        unsigned number = number_of(name, i);
        if (number == 0 && name)
            return bide_raise(-EINVAL,
                              "the parameter '%.80s' is not of the form $1",
                              name);
        statement->numbers[i] = number;
        if (number > statement->params)
            statement->params = number;
    }
    return 0;
}

static int read_columns(struct bide__sqlite_statement *statement)
{
    const char *few[32];
    int count = sqlite3_column_count(statement->stmt);
    const char **names = few;
    if (count > 32)
        names = bide_allocate((size_t)count * sizeof names[0]);
    if (!names)
        return -ENOMEM;
    int rc = 0;
    for (int i = 0; i < count; i++) {
        names[i] = sqlite3_column_name(statement->stmt, i);
        rc = names[i] ? rc : -ENOMEM;
    }
    bide_sql_columns *columns = NULL;
    if (rc == 0)
        columns = bide_sql_columns_new(names, (size_t)count);
    if (names != few)
        bide_release(names);
    if (!columns)
        return -ENOMEM;
    bide_sql_columns_unref(statement->columns);
    statement->columns = columns;
    statement->reprepared = sqlite3_stmt_status(
        statement->stmt, SQLITE_STMTSTATUS_REPREPARE, 0);
    return 0;
}

/* What follows a statement must be nothing. */
static int check_tail(struct bide__sqlite *sqlite,
                      const struct bide__sqlite_statement *statement,
                      const char *tail)
{
    (void)sqlite;
    if (!statement->stmt)
        return bide_sql_raise("42601", "there is no statement in the text");
    if (*skip_blank(tail))
        return bide_sql_raise("42601", "more than one statement; use "
                                       "bide_sql_executescript()");
    return 0;
}

static int prepare(struct bide__sqlite *sqlite, const char *sql, size_t len,
                   struct bide__sqlite_statement **ret_statement)
{
    static const char *const changing[] = {"INSERT", "UPDATE", "DELETE",
                                           "REPLACE", "WITH", NULL};
    struct bide__sqlite_statement *statement =
        bide_allocate(sizeof *statement + len + 1);
    if (!statement)
        return -ENOMEM;
    *statement = (struct bide__sqlite_statement){.sql_len = len};
    memcpy(statement->sql, sql, len + 1);
    const char *tail = NULL;
    int code = sqlite3_prepare_v3(sqlite->db, statement->sql, (int)len + 1,
                                  SQLITE_PREPARE_PERSISTENT, &statement->stmt,
                                  &tail);
    int rc = code == SQLITE_OK ? check_tail(sqlite, statement, tail)
                               : bide__sqlite_raise(sqlite, code);
    if (rc == 0)
        rc = read_params(statement);
    if (rc == 0)
        rc = read_columns(statement);
    if (rc < 0) {
        free_statement(statement);
        return rc;
    }
    statement->reads = sqlite3_stmt_readonly(statement->stmt);
    statement->changes = !statement->reads &&
                         bide__sqlite_begins_with(sql, changing);
    *ret_statement = statement;
    return 0;
}

int bide__sqlite_take(struct bide__sqlite *sqlite, const char *sql, size_t len,
                      struct bide__sqlite_statement **ret_statement)
{
    struct bide__sqlite_cache *cache = &sqlite->cache;
    uint64_t hash = hash_of(sql, len);
    struct bide__sqlite_statement *found =
        cache->buckets[hash & cache->mask];
    while (found && (found->hash != hash || found->sql_len != len ||
                     memcmp(found->sql, sql, len) != 0))
        found = found->chain;
    if (found) {
        unlink_statement(cache, found);
    } else {
        int rc = prepare(sqlite, sql, len, &found);
        if (rc < 0)
            return rc;
        found->hash = hash;
    }
    *ret_statement = found;
    return 0;
}

void bide__sqlite_put(struct bide__sqlite *sqlite,
                      struct bide__sqlite_statement *statement)
{
    struct bide__sqlite_cache *cache = &sqlite->cache;
    if (cache->count == cache->max) {
        struct bide__sqlite_statement *oldest = cache->oldest;
        unlink_statement(cache, oldest);
        free_statement(oldest);
    }
    link_statement(cache, statement);
}

/* ── Parameters ───────────────────────────────────────────────────────── */

/* Divide towards the past, so that what remains is not negative. */
static int64_t divide(int64_t number, int64_t by, int64_t *ret_rest)
{
    int64_t quotient = number / by;
    int64_t rest = number % by;
    if (rest < 0) {
        rest += by;
        quotient--;
    }
    *ret_rest = rest;
    return quotient;
}

/* Times are kept as text, in the form that SQLite's functions know. */
static int bind_time(sqlite3_stmt *stmt, int index, int64_t time_us)
{
    char text[64];
    int64_t us;
    time_t seconds = divide(time_us, 1000000, &us);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        return SQLITE_RANGE;
    size_t len = strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    len += (size_t)snprintf(text + len, sizeof text - len, ".%06" PRId64, us);
    return sqlite3_bind_text(stmt, index, text, (int)len, SQLITE_TRANSIENT);
}

/* Texts and blobs are not copied: they live until the statement has run. An
 * empty one must not have the address NULL, which would be SQL's NULL. */
static int bind_value(sqlite3_stmt *stmt, int index,
                      const bide_sql_value *value)
{
    const void *bytes = value->len ? value->blob : "";
    switch (value->type) {
    case BIDE_SQL_BOOL:
        return sqlite3_bind_int(stmt, index, value->boolean);
    case BIDE_SQL_I64:
        return sqlite3_bind_int64(stmt, index, value->i64);
    case BIDE_SQL_F64:
        return sqlite3_bind_double(stmt, index, value->f64);
    case BIDE_SQL_TEXT:
        return sqlite3_bind_text(stmt, index, bytes, (int)value->len,
                                 SQLITE_STATIC);
    case BIDE_SQL_BLOB:
        return sqlite3_bind_blob(stmt, index, bytes, (int)value->len,
                                 SQLITE_STATIC);
    case BIDE_SQL_TIME:
        return bind_time(stmt, index, value->i64);
    default:
        return sqlite3_bind_null(stmt, index);
    }
}

int bide__sqlite_bind(struct bide__sqlite *sqlite,
                      const struct bide__sqlite_statement *statement,
                      bide_sql_params params)
{
    if (params.count != statement->params)
        return bide_raise(-EINVAL,
                          "the statement has %u parameters, but %zu were "
                          "given",
                          statement->params, params.count);
    int count = sqlite3_bind_parameter_count(statement->stmt);
    for (int i = 1; i <= count; i++) {
        const bide_sql_value *value =
            &params.values[statement->numbers[i] - 1];
        int code = bind_value(statement->stmt, i, value);
        if (code != SQLITE_OK)
            return bide__sqlite_raise(sqlite, code);
    }
    return 0;
}

/* ── Rows ─────────────────────────────────────────────────────────────── */

static int read_bytes(sqlite3_stmt *stmt, int column, bide_sql_rows *rows,
                      bide_sql_value *value)
{
    bool is_text = value->type == BIDE_SQL_TEXT;
    const void *bytes = is_text ? (const void *)sqlite3_column_text(stmt,
                                                                    column)
                                : sqlite3_column_blob(stmt, column);
    value->len = (uint32_t)sqlite3_column_bytes(stmt, column);
    if (!bytes && value->len > 0)
        return -ENOMEM;
    value->blob = bide_sql_rows_copy(rows, bytes, value->len);
    return value->blob ? 0 : bide_sql_rows_failure(rows);
}

static int read_value(sqlite3_stmt *stmt, int column, bide_sql_rows *rows,
                      bide_sql_value *value)
{
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        *value = bide_sql_i64(sqlite3_column_int64(stmt, column));
        return 0;
    case SQLITE_FLOAT:
        *value = bide_sql_f64(sqlite3_column_double(stmt, column));
        return 0;
    case SQLITE_TEXT:
        value->type = BIDE_SQL_TEXT;
        return read_bytes(stmt, column, rows, value);
    case SQLITE_BLOB:
        value->type = BIDE_SQL_BLOB;
        return read_bytes(stmt, column, rows, value);
    default:
        return 0;
    }
}

static int read_row(struct bide__sqlite_statement *statement,
                    bide_sql_rows *rows)
{
    bide_sql_value *values = bide_sql_rows_append(rows);
    if (!values)
        return bide_sql_rows_failure(rows);
    int count = sqlite3_column_count(statement->stmt);
    for (int i = 0; i < count; i++) {
        int rc = read_value(statement->stmt, i, rows, &values[i]);
        if (rc < 0)
            return rc;
    }
    return 1;
}

int bide__sqlite_begin_rows(struct bide__sqlite_statement *statement,
                            bide_sql_rows *rows)
{
    int reprepared = sqlite3_stmt_status(statement->stmt,
                                         SQLITE_STMTSTATUS_REPREPARE, 0);
    if (reprepared != statement->reprepared) {
        int rc = read_columns(statement);
        if (rc < 0)
            return rc;
    }
    bide_sql_rows_begin(rows, statement->columns);
    return 0;
}

int bide__sqlite_step(struct bide__sqlite *sqlite,
                      struct bide__sqlite_statement *statement,
                      bide_sql_rows *rows)
{
    int code = sqlite3_step(statement->stmt);
    if (code == SQLITE_DONE)
        return 0;
    if (code != SQLITE_ROW)
        return bide__sqlite_raise(sqlite, code);
    return rows ? read_row(statement, rows) : 1;
}

/* ── Requests ─────────────────────────────────────────────────────────── */

/* Step to the end, or as far as rows are wanted. The first step may prepare
 * the statement anew, and with other columns. */
static int run_statement(struct bide__sqlite *sqlite,
                         struct bide__sqlite_statement *statement,
                         bide_sql_request *request)
{
    int rc = bide__sqlite_bind(sqlite, statement, request->params);
    if (rc < 0)
        return rc;
    rc = bide__sqlite_step(sqlite, statement, NULL);
    if (rc >= 0 && request->rows) {
        int begun = bide__sqlite_begin_rows(statement, request->rows);
        if (begun < 0)
            return begun;
        if (rc > 0)
            rc = read_row(statement, request->rows);
    }
    while (rc > 0 && (request->rows_max == 0 || !request->rows ||
                      bide_sql_rows_count(request->rows) < request->rows_max))
        rc = bide__sqlite_step(sqlite, statement, request->rows);
    if (rc < 0)
        return rc;
    request->changes =
        statement->changes ? sqlite3_changes64(sqlite->db) : 0;
    return 0;
}

static int run_script(struct bide__sqlite *sqlite, const char *script)
{
    bool in_transaction = !sqlite3_get_autocommit(sqlite->db);
    int code = sqlite3_exec(sqlite->db, script, NULL, NULL, NULL);
    int rc = code == SQLITE_OK ? 0 : bide__sqlite_raise(sqlite, code);
    if (in_transaction || sqlite3_get_autocommit(sqlite->db))
        return rc;
    (void)sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
    return rc < 0 ? rc : bide_sql_raise("25001", "the script has left a "
                                                 "transaction open");
}

/* A transaction that SQLite has ended by itself is rolled back already. */
static bool is_needless(struct bide__sqlite *sqlite,
                        const bide_sql_request *request)
{
    return sqlite3_get_autocommit(sqlite->db) &&
           !strncmp(request->sql, "ROLLBACK", 8);
}

int bide__sqlite_run(struct bide__sqlite *sqlite, bide_sql_request *request)
{
    struct bide__sqlite_statement *statement;
    if (is_needless(sqlite, request))
        return 0;
    if (request->script)
        return run_script(sqlite, request->sql);
    int rc = bide__sqlite_take(sqlite, request->sql, request->sql_len,
                               &statement);
    if (rc < 0)
        return rc;
    if (!sqlite->writes && !statement->reads)
        rc = BIDE_SQL_WRITES;
    else
        rc = run_statement(sqlite, statement, request);
    sqlite3_reset(statement->stmt);
    if (statement->params > 0)
        sqlite3_clear_bindings(statement->stmt);
    bide__sqlite_put(sqlite, statement);
    return rc;
}

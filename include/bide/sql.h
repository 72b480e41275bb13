/* SPDX-License-Identifier: MIT */
/*
 * <bide/sql.h> — databases that speak SQL, behind one interface.
 *
 * A program says by a URL which database it uses and is otherwise the same
 * for SQLite (<bide/sqlite.h>) and PostgreSQL (<bide/postgres.h>):
 *
 *     bide_sqlite_register();              // what the URL may begin with
 *     bide_postgres_register();
 *     bide_sql *db;
 *     rc = bide_sql_open("sqlite:///users.db", NULL, &db);
 *     ...
 *     rc = bide_sql_execute(db, "INSERT INTO users VALUES ($1, $2)",
 *                           BIDE_SQL(5, "Ada"));
 *     ...
 *     bide_sql_close(db);
 *
 * Parameters are $1, $2, ... in the statement's text; their values travel
 * beside it and are never part of it, so what they contain can do no harm.
 * Rows come all at once (bide_sql_fetch), as one row (bide_sql_fetchrow) or
 * value (bide_sql_fetchval_i64), or one by one from a cursor (bide_sql_query).
 * The names are those of asyncpg.
 *
 * A database is a pool of connections, and any number of tasks may use it at
 * once. A statement that is sent to the pool is a transaction of its own, and
 * shares a connection with others. What belongs together is sent to one
 * connection, in a transaction that is rolled back unless it ends well:
 *
 *     bide_sql_transaction tx;
 *     int rc = bide_sql_begin(db, &tx, NULL);
 *     if (rc < 0)
 *         return rc;
 *     rc = move_money(tx.connection, from, to, amount);
 *     return bide_sql_end(&tx, rc);        // commits if rc >= 0
 *
 * An error has a code, and a message that begins with the five characters of
 * its SQLSTATE, which bide_sql_error_state() gives:
 *
 *     BIDE_E_SQL             the database refused the statement
 *     BIDE_E_SQL_CONSTRAINT  a constraint was violated: SQLSTATE 23...
 *     BIDE_E_SQL_CONFLICT    others were in the way: try again
 *     BIDE_E_SQL_CONNECTION  there is no connection, or it was lost
 *
 * Cancelling a task that waits for a statement stops the statement on the
 * server or thread, too. What has been done by then counts as success.
 *
 * All functions belong to the thread of the loop that opened the database.
 */
#ifndef BIDE_SQL_H
#define BIDE_SQL_H

#include <bide/base.h>
#include <bide/error.h>

BIDE_BEGIN

/* The most parameters of a statement, and the most columns of a row. */
#define BIDE_SQL_PARAMS_MAX 32767
#define BIDE_SQL_COLUMNS_MAX 32767

/* ── Values ───────────────────────────────────────────────────────────── */

enum bide_sql_type {
    BIDE_SQL_NULL = 0,
    BIDE_SQL_BOOL,  /* `boolean` */
    BIDE_SQL_I64,   /* `i64` */
    BIDE_SQL_F64,   /* `f64` */
    BIDE_SQL_TEXT,  /* `text`: UTF-8; also what has no type of its own, as
                       numeric, uuid or json */
    BIDE_SQL_BLOB,  /* `blob`: bytes */
    BIDE_SQL_TIME,  /* `i64`: microseconds since 1970 UTC */
    BIDE_SQL_RANGE_ /* private: a number that does not fit; is refused */
};

/* A parameter, or a column of a row. What it points to is borrowed. */
typedef struct bide_sql_value {
    uint32_t type; /* enum bide_sql_type */
    uint32_t len;  /* TEXT, BLOB: bytes; without the NUL behind a text */
    union {
        bool boolean;
        int64_t i64;
        double f64;
        const char *text;
        const void *blob;
    };
} bide_sql_value;

/* The longest text or blob of a parameter or a row, in bytes. */
#define BIDE_SQL_LEN_MAX 0x3fffffff

static inline bide_sql_value bide_sql_null(void)
{
    bide_sql_value value = {BIDE_SQL_NULL, 0, {0}};
    return value;
}

static inline bide_sql_value bide_sql_bool(bool boolean)
{
    bide_sql_value value = {BIDE_SQL_BOOL, 0, {0}};
    value.boolean = boolean;
    return value;
}

static inline bide_sql_value bide_sql_i64(int64_t i64)
{
    bide_sql_value value = {BIDE_SQL_I64, 0, {0}};
    value.i64 = i64;
    return value;
}

/* SQL knows no unsigned numbers: beyond INT64_MAX, a statement that is given
 * it fails with -ERANGE. */
static inline bide_sql_value bide_sql_u64(uint64_t u64)
{
    bide_sql_value value = bide_sql_i64((int64_t)u64);
    if (u64 > INT64_MAX)
        value.type = BIDE_SQL_RANGE_;
    return value;
}

static inline bide_sql_value bide_sql_f64(double f64)
{
    bide_sql_value value = {BIDE_SQL_F64, 0, {0}};
    value.f64 = f64;
    return value;
}

/* Microseconds since 1970 UTC. */
static inline bide_sql_value bide_sql_time(int64_t us)
{
    bide_sql_value value = {BIDE_SQL_TIME, 0, {0}};
    value.i64 = us;
    return value;
}

/* `len` bytes, which may hold no NUL for PostgreSQL. */
static inline bide_sql_value bide_sql_text_len(const char *text, size_t len)
{
    bide_sql_value value = {BIDE_SQL_TEXT, (uint32_t)len, {0}};
    value.text = text;
    if (len > BIDE_SQL_LEN_MAX)
        value.type = BIDE_SQL_RANGE_;
    return value;
}

/* A string; NULL is SQL's NULL. */
static inline bide_sql_value bide_sql_text(const char *text)
{
    if (!text)
        return bide_sql_null();
    return bide_sql_text_len(text, __builtin_strlen(text));
}

static inline bide_sql_value bide_sql_blob(const void *blob, size_t len)
{
    bide_sql_value value = {BIDE_SQL_BLOB, (uint32_t)len, {0}};
    value.blob = blob;
    if (len > BIDE_SQL_LEN_MAX)
        value.type = BIDE_SQL_RANGE_;
    return value;
}

/* The parameters of a statement: values[0] is $1. */
typedef struct bide_sql_params {
    const bide_sql_value *values;
    size_t count;
} bide_sql_params;

#ifndef __cplusplus

/* What a value of C is in SQL. `true` is an int to C: PostgreSQL takes it for
 * a boolean where it wants one, SQLite knows none. */
#define BIDE_SQL_OF(value)                                                    \
    _Generic((value),                                                         \
        bool: bide_sql_bool,                                                  \
        char: bide_sql_i64,                                                   \
        signed char: bide_sql_i64,                                            \
        unsigned char: bide_sql_i64,                                          \
        short: bide_sql_i64,                                                  \
        unsigned short: bide_sql_i64,                                         \
        int: bide_sql_i64,                                                    \
        unsigned: bide_sql_i64,                                               \
        long: bide_sql_i64,                                                   \
        long long: bide_sql_i64,                                              \
        unsigned long: bide_sql_u64,                                          \
        unsigned long long: bide_sql_u64,                                     \
        float: bide_sql_f64,                                                  \
        double: bide_sql_f64,                                                 \
        char *: bide_sql_text,                                                \
        const char *: bide_sql_text,                                          \
        void *: bide__sql_of_null,                                            \
        bide_sql_value: bide__sql_of_value)(value)

static inline bide_sql_value bide__sql_of_value(bide_sql_value value)
{
    return value;
}

/* The constant NULL; no other pointer to void is a value. */
static inline bide_sql_value bide__sql_of_null(const void *null)
{
    bide_sql_value value = bide_sql_null();
    if (null)
        value.type = BIDE_SQL_RANGE_;
    return value;
}

/*
 * BIDE_SQL — up to 16 values as the parameters of a statement.
 *
 * Numbers, bools, strings, NULL, and what the functions above make, each by
 * its type in C: BIDE_SQL(5, "Ada", 2.5, bide_sql_blob(key, sizeof key)). None:
 * BIDE_SQL(). Strings are borrowed, and it all lives as long as the block that
 * it stands in.
 */
#define BIDE_SQL(...)                                                         \
    BIDE__SQL_PICK(0, ##__VA_ARGS__, BIDE__SQL_16, BIDE__SQL_15,              \
                   BIDE__SQL_14, BIDE__SQL_13, BIDE__SQL_12, BIDE__SQL_11,    \
                   BIDE__SQL_10, BIDE__SQL_9, BIDE__SQL_8, BIDE__SQL_7,       \
                   BIDE__SQL_6, BIDE__SQL_5, BIDE__SQL_4, BIDE__SQL_3,        \
                   BIDE__SQL_2, BIDE__SQL_1, BIDE__SQL_0)                     \
    (__VA_ARGS__)

#define BIDE__SQL_PICK(_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, \
                       _13, _14, _15, _16, name, ...)                         \
    name
#define BIDE__SQL_LIST(n, ...)                                                \
    ((bide_sql_params){(const bide_sql_value[n]){__VA_ARGS__}, n})
#define BIDE__SQL_0() ((bide_sql_params){0})
#define BIDE__SQL_1(a) BIDE__SQL_LIST(1, BIDE_SQL_OF(a))
#define BIDE__SQL_2(a, b) BIDE__SQL_LIST(2, BIDE_SQL_OF(a), BIDE_SQL_OF(b))
#define BIDE__SQL_V3(a, b, c)                                                 \
    BIDE_SQL_OF(a), BIDE_SQL_OF(b), BIDE_SQL_OF(c)
#define BIDE__SQL_V4(a, b, c, d) BIDE__SQL_V3(a, b, c), BIDE_SQL_OF(d)
#define BIDE__SQL_3(...) BIDE__SQL_LIST(3, BIDE__SQL_V3(__VA_ARGS__))
#define BIDE__SQL_4(...) BIDE__SQL_LIST(4, BIDE__SQL_V4(__VA_ARGS__))
#define BIDE__SQL_5(a, b, c, d, e)                                            \
    BIDE__SQL_LIST(5, BIDE__SQL_V4(a, b, c, d), BIDE_SQL_OF(e))
#define BIDE__SQL_6(a, b, c, d, e, f)                                         \
    BIDE__SQL_LIST(6, BIDE__SQL_V3(a, b, c), BIDE__SQL_V3(d, e, f))
#define BIDE__SQL_7(a, b, c, d, e, f, g)                                      \
    BIDE__SQL_LIST(7, BIDE__SQL_V4(a, b, c, d), BIDE__SQL_V3(e, f, g))
#define BIDE__SQL_V8(a, b, c, d, e, f, g, h)                                  \
    BIDE__SQL_V4(a, b, c, d), BIDE__SQL_V4(e, f, g, h)
#define BIDE__SQL_8(...) BIDE__SQL_LIST(8, BIDE__SQL_V8(__VA_ARGS__))
#define BIDE__SQL_9(a, b, c, d, e, f, g, h, i)                                \
    BIDE__SQL_LIST(9, BIDE__SQL_V8(a, b, c, d, e, f, g, h), BIDE_SQL_OF(i))
#define BIDE__SQL_10(a, b, c, d, e, f, g, h, i, j)                            \
    BIDE__SQL_LIST(10, BIDE__SQL_V8(a, b, c, d, e, f, g, h), BIDE_SQL_OF(i),  \
                   BIDE_SQL_OF(j))
#define BIDE__SQL_11(a, b, c, d, e, f, g, h, ...)                             \
    BIDE__SQL_LIST(11, BIDE__SQL_V8(a, b, c, d, e, f, g, h),                  \
                   BIDE__SQL_V3(__VA_ARGS__))
#define BIDE__SQL_12(a, b, c, d, e, f, g, h, ...)                             \
    BIDE__SQL_LIST(12, BIDE__SQL_V8(a, b, c, d, e, f, g, h),                  \
                   BIDE__SQL_V4(__VA_ARGS__))
#define BIDE__SQL_13(a, b, c, d, e, f, g, h, i, ...)                          \
    BIDE__SQL_LIST(13, BIDE__SQL_V8(a, b, c, d, e, f, g, h), BIDE_SQL_OF(i),  \
                   BIDE__SQL_V4(__VA_ARGS__))
#define BIDE__SQL_14(a, b, c, d, e, f, g, h, i, j, ...)                       \
    BIDE__SQL_LIST(14, BIDE__SQL_V8(a, b, c, d, e, f, g, h), BIDE_SQL_OF(i),  \
                   BIDE_SQL_OF(j), BIDE__SQL_V4(__VA_ARGS__))
#define BIDE__SQL_15(a, b, c, d, e, f, g, h, i, j, k, ...)                    \
    BIDE__SQL_LIST(15, BIDE__SQL_V8(a, b, c, d, e, f, g, h),                  \
                   BIDE__SQL_V3(i, j, k), BIDE__SQL_V4(__VA_ARGS__))
#define BIDE__SQL_16(a, b, c, d, e, f, g, h, ...)                             \
    BIDE__SQL_LIST(16, BIDE__SQL_V8(a, b, c, d, e, f, g, h),                  \
                   BIDE__SQL_V8(__VA_ARGS__))

#endif

/*
 * bide_sql_as_i64 — a value as a number.
 *
 *   value   NULL, and SQL's NULL, count as 0
 *
 * Returns:  the number; 0 or 1 of a boolean; what a text begins with, if it
 *           is a number; the part before the point of an F64, cut to the range
 *           of int64_t; microseconds of a TIME.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API int64_t bide_sql_as_i64(const bide_sql_value *value);

/*
 * bide_sql_as_f64 — a value as a number with a fraction.
 *
 *   value   NULL, and SQL's NULL, count as 0
 *
 * Returns:  the number; also of a text, as numeric comes.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API double bide_sql_as_f64(const bide_sql_value *value);

/*
 * bide_sql_as_bool — a value as true or false.
 *
 *   value   NULL, and SQL's NULL, count as false
 *
 * Returns:  the boolean; whether a number is not 0; true for the texts "t" and
 *           "true", as SQLite keeps them.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API bool bide_sql_as_bool(const bide_sql_value *value);

/*
 * bide_sql_as_text — the text of a value.
 *
 * Returns:  a string, borrowed as the value is; NULL for what is no TEXT.
 *   value   NULL is allowed
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API const char *bide_sql_as_text(const bide_sql_value *value);

/*
 * bide_sql_as_time — a value as a point in time.
 *
 *   value   a TIME; an I64, which counts as microseconds; or a text such as
 *           "2026-11-20 19:30:00.25+01", as SQLite keeps times. Without a zone
 *           it is UTC. NULL counts as 0
 *
 * Returns:  microseconds since 1970 UTC; 0 for a text that is no time.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API int64_t bide_sql_as_time(const bide_sql_value *value);

/* ── Databases ────────────────────────────────────────────────────────── */

/* Where statements go: a database, which is a pool of connections, or one
 * connection of it. */
typedef struct bide_sql bide_sql;

/* Zeroed means: the defaults. */
typedef struct bide_sql_options {
    unsigned connections_min; /* opened at once and kept, 0: 1 */
    unsigned connections_max; /* at most 1024, 0: 10. SQLite: of those that
                                 read, 0: as many as processors, at most 4 */
    double acquire_timeout;   /* seconds that a task waits for a connection
                                 when all are in use, 0: 30; INFINITY waits */
    double connect_timeout;   /* seconds to connect, 0: 30 */
    double check_after;       /* seconds of idleness after which a connection
                                 is tried before it is used, 0: 60 */
    unsigned statements_max;  /* prepared statements a connection keeps, at
                                 most 65,536, 0: 256 */
    size_t result_max;        /* bytes of one fetched result, 0: 256 MiB */
    const void *driver;       /* more, for one kind of database alone: see
                                 bide_sqlite_options; NULL: the defaults */
    void *reserved[8];        /* zero */
} bide_sql_options;

/*
 * bide_sql_open — open a database.
 *
 * The first connections are made, so that a mistake in the URL shows here.
 *
 *   url       copied. sqlite:///relative/path.db, sqlite:////absolute/path.db,
 *             sqlite::memory:, or what libpq takes:
 *             postgres://user@host/database, postgresql://...
 *   options   copied; NULL means the defaults
 *   ret_db    set on success
 *
 * Returns:  0 or a negative code with a message, which shows no password.
 * Suspends: always a cancellation point.
 * Cancel:   nothing is left behind.
 * Errors:   -EINVAL                a URL or option that cannot be used
 *           -EPROTONOSUPPORT       nobody has registered for this kind of URL
 *           BIDE_E_SQL_CONNECTION  the database cannot be reached or opened
 *           -ENOMEM, -ECANCELED
 * Owns:     the caller closes it by bide_sql_close().
 * Thread:   the loop's.
 * Like:     asyncpg.create_pool.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_open(const char *url, const bide_sql_options *options,
              bide_sql **ret_db);

/*
 * bide_sql_close — close a database and its connections.
 *
 *   db   no task uses it or a connection of it; misuse otherwise. NULL is
 *        allowed
 * Suspends: yes; goes on waiting when the task is cancelled, and the
 *           cancellation is delivered by its next suspending call.
 * Cancel:   is put off until it is closed.
 * Owns:     takes the database.
 * Thread:   the loop's.
 * Like:     Pool.close.
 */
BIDE_API BIDE_SUSPENDS void bide_sql_close(bide_sql *db);

/*
 * bide_sql_acquire — take a connection out of the pool, for this task alone.
 *
 * Tasks are served in the order in which they come. What a session keeps is
 * not undone when it is given back: SET, SET ROLE, temporary tables, advisory
 * locks and PRAGMA reach the next user. Undo them, or use SET LOCAL within a
 * transaction.
 *
 *   db               a database; of a connection, itself is given once more
 *   ret_connection   set on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   leaves the line.
 * Errors:   -ETIME                 none was free within acquire_timeout
 *           -EDEADLK               this task has the only connection that may
 *                                  write already
 *           BIDE_E_SQL_CONNECTION  a new one could not be made
 *           -ENOMEM, -ECANCELED
 * Owns:     the caller gives it back by bide_sql_release().
 * Thread:   the loop's.
 * Like:     Pool.acquire.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_acquire(bide_sql *db, bide_sql **ret_connection);

/*
 * bide_sql_release — give a connection back to its pool.
 *
 *   connection   of bide_sql_acquire(); no transaction or cursor of it is
 *                open, misuse otherwise. NULL is allowed
 * Suspends: never.
 * Owns:     takes the connection.
 * Thread:   the loop's.
 * Like:     Pool.release.
 */
BIDE_API void bide_sql_release(bide_sql *connection);

/*
 * bide_sql_scheme — which kind of database this is.
 *
 * Returns:  "sqlite" or "postgres", or what another driver is called: a static
 *           string.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API const char *bide_sql_scheme(const bide_sql *db);

/* How a pool is doing. */
typedef struct bide_sql_stats {
    size_t connections; /* that are open */
    size_t acquired;    /* of those, held by one task each */
    size_t running;     /* statements that share the others */
    size_t waiting;     /* tasks that wait for a connection */
    void *reserved[4];
} bide_sql_stats;

/*
 * bide_sql_get_stats — how a pool is doing, for monitoring.
 *
 *   ret_stats   filled
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Pool.get_size, Pool.get_idle_size.
 */
BIDE_API void bide_sql_get_stats(const bide_sql *db,
                                 bide_sql_stats *ret_stats);

/* ── Statements ───────────────────────────────────────────────────────── */

/* A row, and rows that were fetched. */
typedef struct bide_sql_row bide_sql_row;
typedef struct bide_sql_rows bide_sql_rows;

/*
 * bide_sql_execute — run a statement whose rows do not matter.
 *
 *   db       a database or a connection
 *   sql      one statement; borrowed during the call
 *   params   as many as the statement has; borrowed during the call
 *
 * Returns:  how many rows were inserted, changed or deleted, at most INT_MAX;
 *           or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   stops the statement, which has then changed nothing; a success
 *           that came first counts.
 * Errors:   BIDE_E_SQL and its like, see above
 *           -EINVAL   the wrong number of parameters; BEGIN, COMMIT and the
 *                     like, for which there are functions
 *           -ERANGE   a parameter that does not fit its type
 *           -ETIME    no connection was free within acquire_timeout
 *           -ENOSPC   the disk, or what the database may use of it, is full
 *           -ENOMEM, -ECANCELED
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     Connection.execute of asyncpg.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_execute(bide_sql *db, const char *sql, bide_sql_params params);

/*
 * bide_sql_executescript — run several statements, without parameters.
 *
 * Meant for schemas. Where it fails, statements before the faulty one may have
 * taken effect, unless the script or the caller began a transaction. One that
 * the script leaves open is rolled back, and that is an error.
 *
 *   script   statements with semicolons between them; borrowed
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   stops the statement that runs.
 * Errors:   as bide_sql_execute()
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     Connection.execute without arguments, executescript of aiosqlite.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_executescript(bide_sql *db, const char *script);

/*
 * bide_sql_fetch — run a statement and fetch all of its rows.
 *
 *   db, sql, params   as for bide_sql_execute()
 *   ret_rows          set on success, also if there are none
 *
 * Returns:  how many rows there are, at most INT_MAX; or a negative code with
 *           a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   as bide_sql_execute(); -EMSGSIZE beyond result_max bytes
 * Owns:     the caller frees them by bide_sql_rows_free().
 * Thread:   the loop's.
 * Like:     Connection.fetch.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_fetch(bide_sql *db, const char *sql, bide_sql_params params,
               bide_sql_rows **ret_rows);

/*
 * bide_sql_fetchrow — run a statement and fetch its first row.
 *
 *   db, sql, params   as for bide_sql_execute()
 *   ret_row           set if the result is not negative; NULL if there is none
 *
 * Returns:  1, 0 if there is no row, or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   as bide_sql_fetch()
 * Owns:     the caller frees it by bide_sql_row_free().
 * Thread:   the loop's.
 * Like:     Connection.fetchrow.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_fetchrow(bide_sql *db, const char *sql, bide_sql_params params,
                  const bide_sql_row **ret_row);

/*
 * bide_sql_fetchval_i64 — run a statement and fetch one number.
 *
 *   db, sql, params   as for bide_sql_execute()
 *   ret_value         set to the first column of the first row if the result
 *                     is 1
 *
 * Returns:  1, 0 if there is no row or it begins with NULL, or a negative code
 *           with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   as bide_sql_fetch()
 * Thread:   the loop's.
 * Like:     Connection.fetchval.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_fetchval_i64(bide_sql *db, const char *sql, bide_sql_params params,
                      int64_t *ret_value);

/*
 * bide_sql_fetchval_text — run a statement and fetch one text.
 *
 *   db, sql, params   as for bide_sql_execute()
 *   ret_text          set to a copy of the first column of the first row if
 *                     the result is 1
 *
 * Returns:  1, 0 if there is no row or it begins with NULL, or a negative code
 *           with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   as bide_sql_fetch(); -EINVAL if the column is no text
 * Owns:     the caller frees the text by bide_release().
 * Thread:   the loop's.
 * Like:     Connection.fetchval.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_fetchval_text(bide_sql *db, const char *sql, bide_sql_params params,
                       char **ret_text);

/* ── Rows ─────────────────────────────────────────────────────────────── */

/*
 * bide_sql_rows_free — release fetched rows.
 *
 *   rows   NULL is allowed
 * Suspends: never.
 * Owns:     takes the rows, with all texts and blobs in them.
 * Thread:   the loop's.
 */
BIDE_API void bide_sql_rows_free(bide_sql_rows *rows);

/*
 * bide_sql_rows_count — how many rows were fetched.
 *
 * Returns:  the count.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API size_t bide_sql_rows_count(const bide_sql_rows *rows);

/*
 * bide_sql_rows_at — one of the rows.
 *
 * Returns:  the row, borrowed from rows.
 *   index   below bide_sql_rows_count(); misuse otherwise
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const bide_sql_row *bide_sql_rows_at(const bide_sql_rows *rows,
                                              size_t index);

/*
 * bide_sql_row_free — release the row of bide_sql_fetchrow().
 *
 *   row   NULL is allowed; no other row is released this way
 * Suspends: never.
 * Owns:     takes the row.
 * Thread:   the loop's.
 */
BIDE_API void bide_sql_row_free(const bide_sql_row *row);

/*
 * bide_sql_row_columns — how many columns a row has.
 *
 * Returns:  the count.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API size_t bide_sql_row_columns(const bide_sql_row *row);

/*
 * bide_sql_row_name — the name of a column.
 *
 * Returns:  the name, borrowed from the row.
 *   column   below bide_sql_row_columns(); misuse otherwise
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *bide_sql_row_name(const bide_sql_row *row, size_t column);

/*
 * bide_sql_row_value — the value of a column.
 *
 * Returns:  the value, borrowed from the row.
 *   column   below bide_sql_row_columns(); misuse otherwise
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     record[0].
 */
BIDE_API const bide_sql_value *bide_sql_row_value(const bide_sql_row *row,
                                                  size_t column);

/*
 * bide_sql_row_get — the value of a column by its name.
 *
 * Returns:  the value, borrowed from the row; NULL if there is no such column.
 *   name   as bide_sql_row_name() gives it; the first one that matches
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     record['name'].
 */
BIDE_API const bide_sql_value *bide_sql_row_get(const bide_sql_row *row,
                                                const char *name);

/* A column by its number, as bide_sql_as_i64() and its like see it. */
static inline int64_t bide_sql_row_i64(const bide_sql_row *row, size_t column)
{
    return bide_sql_as_i64(bide_sql_row_value(row, column));
}

static inline double bide_sql_row_f64(const bide_sql_row *row, size_t column)
{
    return bide_sql_as_f64(bide_sql_row_value(row, column));
}

static inline bool bide_sql_row_bool(const bide_sql_row *row, size_t column)
{
    return bide_sql_as_bool(bide_sql_row_value(row, column));
}

static inline const char *bide_sql_row_text(const bide_sql_row *row,
                                            size_t column)
{
    return bide_sql_as_text(bide_sql_row_value(row, column));
}

/* ── Cursors ──────────────────────────────────────────────────────────── */

/* A statement whose rows come one by one. */
typedef struct bide_sql_cursor bide_sql_cursor;

/*
 * bide_sql_query — run a statement and read its rows as they come.
 *
 * Only some rows are in memory at a time, however many there are. A cursor on
 * a database holds a connection of it until it is closed; on a connection,
 * other statements have to wait until then.
 *
 *   db, sql, params   as for bide_sql_execute(); params are copied
 *   ret_cursor        set on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   as bide_sql_execute()
 * Owns:     the caller closes it by bide_sql_cursor_close().
 * Thread:   the loop's.
 * Like:     Connection.cursor.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_query(bide_sql *db, const char *sql, bide_sql_params params,
               bide_sql_cursor **ret_cursor);

/*
 * bide_sql_next — the next row of a cursor.
 *
 *   ret_row   set if the result is 1; borrowed until the next call
 *
 * Returns:  1, 0 after the last row, or a negative code with a message.
 * Suspends: always a cancellation point; does not wait if a row is there.
 * Cancel:   stops the statement; the cursor can only be closed then.
 * Errors:   as bide_sql_execute(); -EMSGSIZE for a row beyond result_max
 * Thread:   the loop's.
 * Like:     async for row in cursor.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_next(bide_sql_cursor *cursor, const bide_sql_row **ret_row);

/*
 * bide_sql_cursor_close — end a cursor; rows that were not read are dropped.
 *
 *   cursor   NULL is allowed
 * Suspends: yes; goes on waiting when the task is cancelled, and the
 *           cancellation is delivered by its next suspending call.
 * Cancel:   is put off.
 * Owns:     takes the cursor.
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS void bide_sql_cursor_close(bide_sql_cursor *cursor);

/* ── Transactions ─────────────────────────────────────────────────────── */

enum bide_sql_isolation {
    BIDE_SQL_DEFAULT = 0,     /* the database's: read committed with
                                 PostgreSQL. SQLite knows serializable alone */
    BIDE_SQL_READ_COMMITTED,
    BIDE_SQL_REPEATABLE_READ,
    BIDE_SQL_SERIALIZABLE
};

/* Zeroed means: the defaults. */
typedef struct bide_sql_transaction_options {
    enum bide_sql_isolation isolation;
    bool read_only;    /* nothing may be written. With SQLite it then runs
                          beside the one that writes */
    void *reserved[8]; /* zero */
} bide_sql_transaction_options;

/* A transaction. In the caller's frame; private but for `connection`. */
typedef struct bide_sql_transaction {
    bide_sql *connection; /* where its statements go */
    unsigned depth;       /* 0: a transaction; else, a savepoint's number */
    bool acquired;        /* the connection goes back at the end */
    bool open;            /* neither committed nor rolled back */
    int code;             /* why there is none, for bide_sql_end() */
} bide_sql_transaction;

/*
 * bide_sql_begin — begin a transaction, or within one a savepoint.
 *
 *   db        a database: a connection is acquired for the transaction. Or a
 *             connection: if a transaction is open on it, this is a savepoint
 *   tx        filled here, also on failure; borrowed until bide_sql_end()
 *   options   borrowed; NULL means the defaults. Not used for a savepoint
 *
 * Returns:  0 or a negative code with a message; then there is nothing to end,
 *           and bide_sql_end() only returns the code.
 * Suspends: always a cancellation point.
 * Cancel:   nothing has begun.
 * Errors:   as bide_sql_acquire() and bide_sql_execute()
 * Thread:   the loop's.
 * Like:     async with connection.transaction().
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_begin(bide_sql *db, bide_sql_transaction *tx,
               const bide_sql_transaction_options *options);

/*
 * bide_sql_commit — make what was done permanent, before the end.
 *
 *   tx   open; misuse otherwise
 *
 * Returns:  0 or a negative code with a message; then it was rolled back.
 * Suspends: always a cancellation point.
 * Cancel:   it is not known whether it was committed if the message says so;
 *           else it was rolled back.
 * Errors:   as bide_sql_execute(); BIDE_E_SQL if a statement had failed, which
 *           with PostgreSQL ends the transaction
 * Thread:   the loop's.
 * Like:     Transaction.commit.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_commit(bide_sql_transaction *tx);

/*
 * bide_sql_rollback — undo what was done, before the end.
 *
 * Goes on when the task is cancelled. A connection on which it fails is
 * closed, which undoes it, too.
 *
 *   tx   open; misuse otherwise
 * Suspends: yes.
 * Cancel:   is put off and delivered by the task's next suspending call.
 * Thread:   the loop's.
 * Like:     Transaction.rollback.
 */
BIDE_API BIDE_SUSPENDS void bide_sql_rollback(bide_sql_transaction *tx);

/*
 * bide_sql_end — end the scope of a transaction.
 *
 * If it is still open, it is committed if rc >= 0, and rolled back if not.
 *
 *   rc   what the work came to
 *
 * Returns:  rc, or the error of committing.
 * Suspends: always a cancellation point if rc >= 0.
 * Cancel:   as bide_sql_commit(), and as bide_sql_rollback().
 * Errors:   as bide_sql_commit()
 * Thread:   the loop's.
 * Like:     leaving the async with block of a transaction.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_end(bide_sql_transaction *tx, int rc);

/* ── Errors ───────────────────────────────────────────────────────────── */

/*
 * bide_sql_error_state — the SQLSTATE of an error.
 *
 *   code   what a function of this header returned, and the last error of the
 *          task; awaiting a task brings its state along with its message
 *
 * Returns:  five characters, such as "23505" for a value that must be unique;
 *           "" if there is none. Valid until the thread's next call.
 * Suspends: never.
 * Thread:   any.
 * Like:     PostgresError.sqlstate.
 * Source:   PostgreSQL, appendix A. What SQLite reports is given the state
 *           that PostgreSQL has for it.
 */
BIDE_API const char *bide_sql_error_state(int code);

BIDE_END

#endif

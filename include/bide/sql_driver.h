/* SPDX-License-Identifier: MIT */
/*
 * <bide/sql_driver.h> — what stands behind <bide/sql.h>: for who writes a
 * driver for another database. Programs that use databases do not need it.
 *
 * A driver is a table of functions. The library keeps the connections that it
 * makes, decides which task uses which, and sends requests to them:
 *
 *     static const bide_sql_driver mine = {.name = "mine", ...};
 *
 *     int my_register(void)
 *     {
 *         return bide_sql_register(&mine);
 *     }
 *
 * A connection may be given requests of several tasks at once, and runs them
 * in the order in which they came. Functions that say so are called in a task
 * and may suspend; when that is cancelled, they leave the connection usable,
 * or say by is_lost() that it is not. A request that was cancelled has not
 * been run, or its result is returned.
 */
#ifndef BIDE_SQL_DRIVER_H
#define BIDE_SQL_DRIVER_H

#include <bide/sql.h>

BIDE_BEGIN

/* A statement that is to be run, in the frame of the task that waits. */
typedef struct bide_sql_request {
    const char *sql;
    size_t sql_len;
    bide_sql_params params;
    bide_sql_rows *rows; /* where rows go; NULL: they are dropped */
    size_t rows_max;     /* fetch so many at most; 0: all */
    int64_t changes;     /* set: rows that were changed */
    bool autocommit;     /* a transaction of its own: may be grouped */
    bool script;         /* several statements without parameters */
    bool commit;         /* this is COMMIT: fails if it rolled back */
} bide_sql_request;

/* What run() returns for a statement that cannot run on this connection, for
 * it writes: it is sent to one that may. */
#define BIDE_SQL_WRITES 1

/* What a database needs, set by open(). */
typedef struct bide_sql_source {
    void *data;           /* passed to connect() */
    unsigned readers_max; /* connections for statements that only read, or for
                             all if there is no writer */
    unsigned writers_max; /* connections for those that write */
} bide_sql_source;

typedef struct bide_sql_driver {
    const char *name;
    const char *const *schemes; /* what URLs begin with, "mine:"; ends in
                                   NULL */

    /* Read a URL. Never suspends. `options` has no zeros left. */
    int (*open)(const char *url, const bide_sql_options *options,
                bide_sql_source *ret_source);
    void (*close)(void *data);

    /* Make a connection. Suspends. */
    int (*connect)(void *data, bool writes, void **ret_connection);
    /* End one that nobody uses. May suspend, but not be cancelled. */
    void (*disconnect)(void *connection);
    /* Whether nothing can be sent by it any more. */
    bool (*is_lost)(const void *connection);
    /* Find out whether it works, after it was idle for long. Suspends. */
    int (*check)(void *connection);

    /* A task has given it back that had it alone. Never suspends; NULL if
     * there is nothing to do. */
    void (*released)(void *connection);

    /* Whether a statement seems to read only. */
    bool (*reads)(const char *sql);
    /* Run a statement. Suspends. 0, BIDE_SQL_WRITES, or a code that was
     * raised. */
    int (*run)(void *connection, bide_sql_request *request);

    /* A statement whose rows come in parts: begin, fill `rows` again and
     * again until it stays empty, end. They suspend; the last one cannot be
     * cancelled. `request` lives until the end. */
    int (*stream_begin)(void *connection, bide_sql_request *request,
                        void **ret_stream);
    int (*stream_more)(void *stream, bide_sql_rows *rows);
    void (*stream_end)(void *stream);

    /* The statement that begins a transaction. */
    const char *(*begin_text)(const bide_sql_transaction_options *options);
    void *reserved[8]; /* zero */
} bide_sql_driver;

/*
 * bide_sql_register — let bide_sql_open() know a driver.
 *
 *   driver   borrowed for ever
 *
 * Returns:  0, also if it is known already; -ENOSPC if there are 16 drivers.
 * Suspends: never.
 * Errors:   -ENOSPC
 * Thread:   any.
 */
BIDE_API int bide_sql_register(const bide_sql_driver *driver);

/*
 * bide_sql_driver_connection — what the driver's connect() made.
 *
 *   connection   of bide_sql_acquire(), or of a transaction
 *   driver       the caller's own
 *
 * Returns:  the driver's connection; NULL if it is another driver's, or if
 *           `connection` is a whole database.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void *bide_sql_driver_connection(const bide_sql *connection,
                                          const bide_sql_driver *driver);

/*
 * bide_sql_driver_source — what the driver's open() made of a URL.
 *
 *   db       a database or a connection of it
 *   driver   the caller's own
 *
 * Returns:  the source's data; NULL if it is another driver's.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void *bide_sql_driver_source(const bide_sql *db,
                                      const bide_sql_driver *driver);

/* ── Rows, from inside ────────────────────────────────────────────────── */

/* The names of columns, shared by all results of a statement. */
typedef struct bide_sql_columns bide_sql_columns;

/*
 * bide_sql_columns_new — make a list of names.
 *
 *   names   copied
 *   count   at most BIDE_SQL_COLUMNS_MAX
 *
 * Returns:  the list with one reference; NULL without memory.
 * Suspends: never.
 * Owns:     the caller lets go of it by bide_sql_columns_unref().
 * Thread:   any.
 */
BIDE_API bide_sql_columns *bide_sql_columns_new(const char *const *names,
                                                size_t count);

/*
 * bide_sql_columns_unref — let go of a list of names.
 *
 *   columns   NULL is allowed
 * Suspends: never.
 * Owns:     takes one reference.
 * Thread:   any.
 */
BIDE_API void bide_sql_columns_unref(bide_sql_columns *columns);

/*
 * bide_sql_rows_begin — say which columns the rows will have.
 *
 *   rows      rows that are in it are forgotten
 *   columns   one more reference to it is taken
 * Suspends: never.
 * Thread:   one at a time.
 */
BIDE_API void bide_sql_rows_begin(bide_sql_rows *rows,
                                  bide_sql_columns *columns);

/*
 * bide_sql_rows_append — add a row.
 *
 * Returns:  its values, all NULL, to be filled before the next one is added;
 *           or NULL: without memory, or beyond the limit of bytes. Then
 *           bide_sql_rows_failure() says which.
 * Suspends: never.
 * Thread:   one at a time.
 */
BIDE_API bide_sql_value *bide_sql_rows_append(bide_sql_rows *rows);

/*
 * bide_sql_rows_copy — keep a text or a blob with the rows.
 *
 *   bytes   copied, and a NUL behind them; NULL leaves the copy unset
 *
 * Returns:  the copy; NULL as for bide_sql_rows_append().
 * Suspends: never.
 * Thread:   one at a time.
 */
BIDE_API char *bide_sql_rows_copy(bide_sql_rows *rows, const void *bytes,
                                  size_t len);

/*
 * bide_sql_rows_failure — why the last append or copy gave NULL.
 *
 * Returns:  -ENOMEM, or -EMSGSIZE with a message.
 * Suspends: never.
 * Thread:   one at a time.
 */
BIDE_API int bide_sql_rows_failure(const bide_sql_rows *rows);

/* ── Errors, from inside ──────────────────────────────────────────────── */

/*
 * bide_sql_raise — raise an error that a database reported.
 *
 *   state   five characters of SQLSTATE
 *   text    what it said; cut at the first line's end
 *
 * Returns:  the code that goes with the state: BIDE_E_SQL or one of its like,
 *           -ENOSPC for a full disk.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API int bide_sql_raise(const char *state, const char *text);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sql.h — databases from inside.
 *
 *     open.c         drivers, URLs, the life of a database
 *     pool.c         which task has which connection
 *     statement.c    running a statement, and fetching
 *     cursor.c       rows one by one
 *     transaction.c  scopes
 *     rows.c         rows in memory
 *     value.c        what a value is as a number, a text, a time
 *     error.c        SQLSTATE
 *
 * A pool has two banks of connections: for statements that read, and for
 * those that write, of which SQLite bears one at a time. A driver that knows
 * no such difference has an empty second bank, and all go to the first.
 *
 * A connection is used by one task alone (held), or by statements of any
 * tasks, each a transaction of its own (shared). Requests run in the order in
 * which they are sent, so who comes to hold one need not wait for those that
 * shared it.
 */
#ifndef BIDE_SRC_SQL_SQL_H
#define BIDE_SRC_SQL_SQL_H

#include <bide/sql.h>
#include <bide/sql_driver.h>
#include <bide/sync.h>
#include <bide/task.h>

#define BIDE__SQL_CONNECTIONS_MAX 1024

struct bide__sql_pool;
struct bide__sql_bank;

/* A handle: of a whole database (lane is NULL), or of one connection. */
struct bide_sql {
    struct bide__sql_pool *pool;
    struct bide__sql_lane *lane;
};

/* A connection and who uses it. */
struct bide__sql_lane {
    struct bide_sql handle; /* what a task that holds it is given */
    struct bide__sql_bank *bank;
    void *connection;       /* the driver's */
    unsigned shared;        /* statements under way that share it */
    unsigned depth;         /* open transaction and savepoints */
    unsigned refs;          /* of who holds it: acquire can be nested */
    bool held;
    bool broken;            /* to be closed as soon as nobody uses it */
    bide_task *holder;      /* who acquired it; only compared */
    double idle_since;      /* of bide_time() */
};

/* A task that waits for a connection. In its frame. */
struct bide__sql_waiter {
    struct bide__sql_waiter *next;
    struct bide__sql_lane *lane; /* what it was given; NULL: try again */
    bide_event woken;
    bool exclusive;
};

struct bide__sql_bank {
    struct bide__sql_pool *pool;
    struct bide__sql_lane **lanes; /* room for `max` */
    unsigned count;                /* of lanes */
    unsigned connecting;           /* that will be lanes */
    unsigned max;
    bool writes;
    struct bide__sql_waiter *first; /* has waited longest */
    struct bide__sql_waiter **last;
    size_t waiting;
};

enum { BIDE__SQL_READERS = 0, BIDE__SQL_WRITERS = 1, BIDE__SQL_BANKS = 2 };

struct bide__sql_pool {
    struct bide_sql handle;
    const bide_sql_driver *driver;
    bide_sql_source source;
    bide_sql_options options; /* without zeros */
    struct bide__sql_bank banks[BIDE__SQL_BANKS];
};

/* ── pool.c ───────────────────────────────────────────────────────────── */

/* The bank for statements that read, or for others. */
struct bide__sql_bank *bide__sql_bank_of(struct bide__sql_pool *pool,
                                         bool reads);

/* Have a connection, alone or with others; wait for it. */
BIDE_SUSPENDS int bide__sql_take(struct bide__sql_bank *bank, bool exclusive,
                                 struct bide__sql_lane **ret_lane);

/* Give it back. */
void bide__sql_give(struct bide__sql_lane *lane, bool exclusive);

/* Note what the driver thinks of a connection after it was used. */
void bide__sql_look(struct bide__sql_lane *lane);

/* Open the first connections. */
BIDE_SUSPENDS int bide__sql_pool_fill(struct bide__sql_pool *pool);

/* Close all; the program ends if one is in use. */
BIDE_SUSPENDS void bide__sql_pool_empty(struct bide__sql_pool *pool);

/* ── statement.c ──────────────────────────────────────────────────────── */

/* Check the parameters and fill a request. */
int bide__sql_request(bide_sql_request *request, const char *sql,
                      bide_sql_params params);

/* -EINVAL for a statement that begins or ends a transaction. */
int bide__sql_refuse_transaction(const char *sql);

/* Send a request where it belongs, and wait. */
BIDE_SUSPENDS int bide__sql_run(bide_sql *db, bide_sql_request *request);

/* Run a statement without parameters on a lane that is held. */
BIDE_SUSPENDS int bide__sql_say(struct bide__sql_lane *lane, const char *sql,
                                bool commit);

/* ── rows.c ───────────────────────────────────────────────────────────── */

/* Make room for rows of at most so many bytes; NULL without memory. */
bide_sql_rows *bide__sql_rows_new(size_t bytes_max);

/* The rows that a row belongs to. */
bide_sql_rows *bide__sql_rows_of(const bide_sql_row *row);

/* ── error.c ──────────────────────────────────────────────────────────── */

/* End the program: it is used in a way that it must not be. */
__attribute__((noreturn)) void bide__sql_die(const char *format, ...)
    BIDE_PRINTF(1, 2);

#define BIDE__SQL_REQUIRE(condition, ...)                                     \
    do {                                                                      \
        if (__builtin_expect(!(condition), 0))                                \
            bide__sql_die(__VA_ARGS__);                                       \
    } while (0)

/* Have a cancellation that was caught delivered by the next call. */
void bide__sql_put_off_cancel(void);

#endif

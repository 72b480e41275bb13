/* SPDX-License-Identifier: MIT */
/*
 * <bide/postgres.h> — PostgreSQL behind <bide/sql.h>. Link with
 * libbide-postgres (pkg-config bide-postgres).
 *
 *     bide_postgres_register();
 *     rc = bide_sql_open("postgres://user@host/database", NULL, &db);
 *
 * URLs are all that libpq takes, with all of its parameters, and begin with
 * postgres: or postgresql:. What a URL does not say comes from the environment
 * (PGHOST, PGPASSWORD, ...), as with every program of PostgreSQL.
 *
 * Statements that many tasks send at once follow each other on a connection
 * without waiting for results: libpq's pipeline mode. Each is a transaction of
 * its own, and fails alone. Parameters and results are binary. What is sent
 * again and again is prepared by itself.
 *
 * Types, beside the plain ones: numeric, uuid, json, date, time and whatever
 * else there is come as BIDE_SQL_TEXT, timestamp and timestamptz as
 * BIDE_SQL_TIME, bytea as BIDE_SQL_BLOB. A text is taken for a parameter of
 * any type, in the form that the server reads.
 *
 * A connection that is lost (the server was restarted) fails what was under
 * way on it with BIDE_E_SQL_CONNECTION, and is replaced when one is needed.
 */
#ifndef BIDE_POSTGRES_H
#define BIDE_POSTGRES_H

#include <bide/sql.h>

BIDE_BEGIN

/*
 * bide_postgres_register — let bide_sql_open() open URLs of PostgreSQL.
 *
 * Returns:  0 or a negative code; calling it again does nothing.
 * Suspends: never.
 * Errors:   -ENOSPC   16 drivers are registered already
 * Thread:   any.
 */
BIDE_API int bide_postgres_register(void);

/* ── COPY ─────────────────────────────────────────────────────────────── */

/* Rows on their way in or out, in the format that the statement says. */
typedef struct bide_postgres_copy bide_postgres_copy;

/*
 * bide_postgres_copy_in — begin to send rows.
 *
 *   connection   of bide_sql_acquire() or a transaction; nothing else can be
 *                done on it until bide_postgres_copy_end()
 *   sql          COPY ... FROM STDIN; borrowed during the call
 *   ret_copy     set on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   the connection is closed.
 * Errors:   -EINVAL   the connection is not PostgreSQL's, or the statement is
 *                     no COPY FROM STDIN
 *           BIDE_E_SQL and its like; -ENOMEM, -ECANCELED
 * Owns:     the caller ends it by bide_postgres_copy_end().
 * Thread:   the loop's.
 * Like:     Connection.copy_to_table.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_copy_in(bide_sql *connection, const char *sql,
                      bide_postgres_copy **ret_copy);

/*
 * bide_postgres_copy_write — send a part.
 *
 * Waits while the server is slower. Parts need not end where rows do.
 *
 *   data, len   borrowed during the call; at most BIDE_SQL_LEN_MAX bytes
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   the part may have been sent; end the copy with the code.
 * Errors:   -EINVAL for a copy out or a part that is too long;
 *           BIDE_E_SQL_CONNECTION, -ENOMEM, -ECANCELED
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_copy_write(bide_postgres_copy *copy, const void *data,
                         size_t len);

/*
 * bide_postgres_copy_out — begin to receive rows.
 *
 *   connection   as for bide_postgres_copy_in()
 *   sql          COPY ... TO STDOUT; borrowed during the call
 *   ret_copy     set on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   the connection is closed.
 * Errors:   as bide_postgres_copy_in()
 * Owns:     the caller ends it by bide_postgres_copy_end().
 * Thread:   the loop's.
 * Like:     Connection.copy_from_query.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_copy_out(bide_sql *connection, const char *sql,
                       bide_postgres_copy **ret_copy);

/*
 * bide_postgres_copy_read — receive a part.
 *
 *   ret_data   set if the result is positive; borrowed until the next call
 *
 * Returns:  bytes received: a row, as the server sends it; 0 at the end; or a
 *           negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   nothing was consumed; end the copy with the code.
 * Errors:   -EINVAL for a copy in; BIDE_E_SQL and its like; -ECANCELED
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_copy_read(bide_postgres_copy *copy, const char **ret_data);

/*
 * bide_postgres_copy_end — end a copy.
 *
 *   rc   what the work came to. A copy in that came to less than 0 is undone,
 *        a copy out that was not read to its end closes the connection
 *
 * Returns:  rc if that is negative, how many rows were copied, at most
 *           INT_MAX, or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   the connection is closed.
 * Errors:   BIDE_E_SQL and its like, if the server refused a row
 * Owns:     takes the copy.
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_copy_end(bide_postgres_copy *copy, int rc);

/* ── Notifications ────────────────────────────────────────────────────── */

/* The most notifications that a connection keeps for who has not asked. */
#define BIDE_POSTGRES_NOTIFICATIONS_MAX 4096

/* The longest name of a channel, the longest text that comes with it: the
 * server's limits, with their NULs. */
#define BIDE_POSTGRES_CHANNEL_MAX 64
#define BIDE_POSTGRES_PAYLOAD_MAX 8000

/* What another connection has told by NOTIFY. */
typedef struct bide_postgres_notification {
    char channel[BIDE_POSTGRES_CHANNEL_MAX];
    char payload[BIDE_POSTGRES_PAYLOAD_MAX]; /* "" if there is none */
    int pid; /* of the server's process that has told it */
} bide_postgres_notification;

/*
 * bide_postgres_listen — begin to listen on a channel.
 *
 * In a transaction it begins when that is committed. Notifications come to
 * this connection until it is given back to the pool.
 *
 *   connection   of bide_sql_acquire()
 *   channel      any name; its case counts
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   -EINVAL   the connection is not PostgreSQL's, or the name is too
 *                     long
 *           BIDE_E_SQL and its like; -ENOMEM, -ECANCELED
 * Thread:   the loop's.
 * Like:     Connection.add_listener.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_listen(bide_sql *connection, const char *channel);

/*
 * bide_postgres_notified — wait for a notification.
 *
 *   connection         one that listens
 *   ret_notification   filled on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point; does not wait if there is one.
 * Cancel:   nothing is lost.
 * Errors:   -EOVERFLOW             some were lost because more than
 *                                  BIDE_POSTGRES_NOTIFICATIONS_MAX had come;
 *                                  said once
 *           BIDE_E_SQL_CONNECTION  the connection is lost
 *           -EINVAL, -ECANCELED
 * Thread:   the loop's; one task at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_notified(bide_sql *connection,
                       bide_postgres_notification *ret_notification);

/*
 * bide_postgres_notify — tell all who listen on a channel.
 *
 * In a transaction they are told when it is committed.
 *
 *   db        a database or a connection of it
 *   channel   any name; its case counts
 *   payload   shorter than BIDE_POSTGRES_PAYLOAD_MAX; NULL: none
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   BIDE_E_SQL and its like; -ENOMEM, -ECANCELED
 * Thread:   the loop's.
 * Source:   pg_notify.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_postgres_notify(bide_sql *db, const char *channel, const char *payload);

BIDE_END

#endif

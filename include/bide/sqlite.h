/* SPDX-License-Identifier: MIT */
/*
 * <bide/sqlite.h> — SQLite behind <bide/sql.h>. Link with libbide-sqlite
 * (pkg-config bide-sqlite).
 *
 *     bide_sqlite_register();
 *     rc = bide_sql_open("sqlite:///users.db", NULL, &db);
 *
 * URLs are sqlite:///relative/path.db, sqlite:////absolute/path.db, with
 * ?mode=ro or another parameter of SQLite behind them, and sqlite::memory:,
 * which lives as long as it is open.
 *
 * A connection's statements run on a thread of its own, in order. There is
 * one that writes, and beside it some that read, which the journal mode WAL
 * allows. A statement that is sent to the database goes to a reader if it
 * begins with SELECT, VALUES, WITH or EXPLAIN and writes nothing. So what
 * belongs to one connection (temporary tables, pragmas) is of use only to a
 * task that has acquired it.
 *
 * Statements of many tasks are grouped into one transaction of SQLite, which
 * costs a fraction of one each. That shows in nothing but speed: a statement
 * that fails takes no other with it, and none is reported as done before its
 * transaction is.
 *
 * Texts are UTF-8. Booleans are kept as 0 and 1, times as texts like
 * "2026-11-20 19:30:00.250000", in UTC, which SQLite's own functions read and
 * bide_sql_as_time() gives back. Foreign keys are enforced.
 */
#ifndef BIDE_SQLITE_H
#define BIDE_SQLITE_H

#include <bide/sql.h>

BIDE_BEGIN

/* For `driver` in bide_sql_options. Zeroed means: the defaults. */
typedef struct bide_sqlite_options {
    bool no_wal;             /* keep the file's journal mode; then readers and
                                the writer wait for each other */
    bool durable;            /* each commit waits for the disk, so that not
                                even a power failure undoes one. Without it,
                                such a failure may undo the last moments, but
                                damages nothing */
    bool no_foreign_keys;    /* do not enforce them */
    double busy_timeout;     /* seconds to wait for other processes that use
                                the file, 0: 5 */
    void *reserved[8];       /* zero */
} bide_sqlite_options;

/*
 * bide_sqlite_register — let bide_sql_open() open URLs of SQLite.
 *
 * Returns:  0 or a negative code; calling it again does nothing.
 * Suspends: never.
 * Errors:   -ENOSPC   16 drivers are registered already
 * Thread:   any.
 */
BIDE_API int bide_sqlite_register(void);

/*
 * bide_sqlite_backup — copy a database to a file while it is in use.
 *
 * The copy holds what the database holds when the call returns. Other
 * statements go on between its parts.
 *
 *   db     of SQLite; misuse otherwise
 *   path   of the copy; replaced if it exists
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   leaves a file that cannot be used.
 * Errors:   BIDE_E_SQL_CONNECTION  the file cannot be opened
 *           BIDE_E_SQL and its like; -ENOSPC, -ENOMEM, -ECANCELED
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     sqlite3.Connection.backup.
 * Source:   sqlite3_backup_init.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_sqlite_backup(bide_sql *db,
                                                             const char *path);

BIDE_END

#endif

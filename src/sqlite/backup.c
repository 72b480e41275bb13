/* SPDX-License-Identifier: MIT */
/*
 * backup.c — copying a database while it is in use.
 *
 * The connection that writes copies it, a part at a time, so that what is
 * written meanwhile by it goes to the copy as well, and others have their turn
 * between the parts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sqlite/sqlite.h"

#define PART_PAGES 256

struct backup {
    const char *path;
    sqlite3 *copy;
    sqlite3_backup *backup;
};

/* Raise what happened to the copy. */
static int fail(struct backup *backup, int code)
{
    char text[BIDE_ERRMSG_MAX];
    if (code == SQLITE_NOMEM || !backup->copy)
        return -ENOMEM;
    snprintf(text, sizeof text, "'%.100s' cannot be written: %s",
             backup->path, sqlite3_errmsg(backup->copy));
    return bide_sql_raise((code & 0xff) == SQLITE_FULL ? "53100" : "08001",
                          text);
}

static int begin(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    struct backup *backup = job->arg;
    int code = sqlite3_open_v2(backup->path, &backup->copy,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                   SQLITE_OPEN_NOMUTEX,
                               NULL);
    if (code != SQLITE_OK)
        return fail(backup, code);
    backup->backup =
        sqlite3_backup_init(backup->copy, "main", sqlite->db, "main");
    return backup->backup ? 0 : fail(backup, SQLITE_ERROR);
}

/* Copy some pages; returns 1 if there are more. */
static int step(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    (void)sqlite;
    struct backup *backup = job->arg;
    int code = sqlite3_backup_step(backup->backup, PART_PAGES);
    if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return 1;
    return code == SQLITE_DONE ? 0 : fail(backup, code);
}

static int end(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    (void)sqlite;
    struct backup *backup = job->arg;
    int code = SQLITE_OK;
    if (backup->backup)
        code = sqlite3_backup_finish(backup->backup);
    int rc = code == SQLITE_OK ? 0 : fail(backup, code);
    sqlite3_close_v2(backup->copy);
    return rc;
}

static int copy(struct bide__sqlite *sqlite, const char *path)
{
    struct backup backup = {.path = path};
    struct bide__sqlite_job beginning = {.fn = begin, .arg = &backup};
    int rc = bide__sqlite_do(sqlite, &beginning);
    int more = rc == 0;
    while (more > 0) {
        struct bide__sqlite_job job = {.fn = step, .arg = &backup};
        more = bide__sqlite_do(sqlite, &job);
    }
    char message[BIDE_ERRMSG_MAX];
    rc = rc < 0 ? rc : more;
    snprintf(message, sizeof message, "%s", bide_errmsg(rc));
    struct bide__sqlite_job ending = {.fn = end, .arg = &backup};
    int ended = bide__sqlite_insist(sqlite, &ending);
    if (rc < 0)
        return bide_raise(rc, "%s", message);
    return ended;
}

int bide_sqlite_backup(bide_sql *db, const char *path)
{
    bide_sql *connection;
    int rc = bide_sql_acquire(db, &connection);
    if (rc < 0)
        return rc;
    struct bide__sqlite *sqlite =
        bide_sql_driver_connection(connection, &bide__sqlite_driver);
    if (sqlite)
        rc = copy(sqlite, path);
    else
        rc = bide_raise(-EINVAL, "bide_sqlite_backup: this is a database of "
                                 "another kind");
    bide_sql_release(connection);
    return rc;
}

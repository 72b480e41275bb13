/* SPDX-License-Identifier: MIT */
/*
 * connection.c — opening and closing, on the connection's thread, and waiting
 * for other processes that use the file.
 *
 * SQLite's own wait for a lock cannot be interrupted, so ours is used: short
 * sleeps that grow, and a look at whether somebody has cancelled in between.
 * The progress handler makes the same sure for a statement that was cancelled
 * before SQLite had begun it.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "sqlite/sqlite.h"

/* Instructions of SQLite's machine between two looks. */
#define PROGRESS_EVERY 1000

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int on_progress(void *arg)
{
    struct bide__sqlite *sqlite = arg;
    return atomic_load_explicit(&sqlite->interrupted, memory_order_relaxed);
}

/* Another process has the lock: called again and again with a count. */
static int on_busy(void *arg, int count)
{
    struct bide__sqlite *sqlite = arg;
    static _Thread_local double begin;
    if (count == 0)
        begin = seconds_now();
    if (on_progress(sqlite) ||
        seconds_now() - begin > sqlite->source->options.busy_timeout)
        return 0;
    long ms = count < 5 ? 1 : count < 20 ? 5 : 20;
    const struct timespec pause = {.tv_nsec = ms * 1000000};
    nanosleep(&pause, NULL);
    return 1;
}

static int exec(struct bide__sqlite *sqlite, const char *sql)
{
    int code = sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : bide__sqlite_raise(sqlite, code);
}

static int configure(struct bide__sqlite *sqlite)
{
    const bide_sqlite_options *options = &sqlite->source->options;
    bool writes = sqlite->writes && !sqlite->source->read_only;
    sqlite3_extended_result_codes(sqlite->db, 1);
    sqlite3_busy_handler(sqlite->db, on_busy, sqlite);
    sqlite3_progress_handler(sqlite->db, PROGRESS_EVERY, on_progress, sqlite);
    int rc = 0;
    if (writes && !options->no_wal && !sqlite->source->memory)
        rc = exec(sqlite, "PRAGMA journal_mode = WAL");
    if (rc == 0 && !options->durable)
        rc = exec(sqlite, "PRAGMA synchronous = NORMAL");
    if (rc == 0 && !options->no_foreign_keys)
        rc = exec(sqlite, "PRAGMA foreign_keys = ON");
    if (rc == 0)
        rc = exec(sqlite, "SELECT 1 FROM sqlite_schema"); /* is it one? */
    return rc;
}

/* The statements that groups begin and end with. */
static int prepare_group(struct bide__sqlite *sqlite)
{
    const char *begin = sqlite->writes ? "BEGIN IMMEDIATE" : "BEGIN";
    int code = sqlite3_prepare_v3(sqlite->db, begin, -1,
                                  SQLITE_PREPARE_PERSISTENT, &sqlite->begin,
                                  NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v3(sqlite->db, "COMMIT", -1,
                                  SQLITE_PREPARE_PERSISTENT, &sqlite->commit,
                                  NULL);
    return code == SQLITE_OK ? 0 : bide__sqlite_raise(sqlite, code);
}

int bide__sqlite_close(struct bide__sqlite *sqlite,
                       struct bide__sqlite_job *job)
{
    (void)job;
    bide__sqlite_cache_fini(&sqlite->cache);
    sqlite3_finalize(sqlite->begin);
    sqlite3_finalize(sqlite->commit);
    pthread_mutex_lock(&sqlite->lock);
    sqlite3 *db = sqlite->db;
    sqlite->db = NULL;
    pthread_mutex_unlock(&sqlite->lock);
    sqlite3_close_v2(db);
    return 0;
}

static int open_file(struct bide__sqlite *sqlite)
{
    const struct bide__sqlite_source *source = sqlite->source;
    bool writes = sqlite->writes && !source->read_only;
    int flags = source->flags | (writes ? SQLITE_OPEN_READWRITE |
                                              SQLITE_OPEN_CREATE
                                        : SQLITE_OPEN_READONLY);
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(source->file, &db, flags, NULL);
    if (code == SQLITE_OK) {
        pthread_mutex_lock(&sqlite->lock); /* who cancels looks at it */
        sqlite->db = db;
        pthread_mutex_unlock(&sqlite->lock);
        return 0;
    }
    int rc = -ENOMEM;
    if (db) {
        char text[BIDE_ERRMSG_MAX];
        snprintf(text, sizeof text, "'%.100s' cannot be opened: %s",
                 source->file, sqlite3_errmsg(db));
        rc = bide_sql_raise("08001", text);
    }
    sqlite3_close_v2(db);
    return rc;
}

int bide__sqlite_open(struct bide__sqlite *sqlite,
                      struct bide__sqlite_job *job)
{
    int rc = bide__sqlite_cache_init(&sqlite->cache,
                                     sqlite->source->statements_max);
    if (rc == 0)
        rc = open_file(sqlite);
    if (rc == 0)
        rc = configure(sqlite);
    if (rc == 0)
        rc = prepare_group(sqlite);
    if (rc < 0) {
        char message[BIDE_ERRMSG_MAX];
        snprintf(message, sizeof message, "%s", bide_errmsg(rc));
        (void)bide__sqlite_close(sqlite, job);
        rc = bide_raise(rc, "%s", message);
    }
    return rc;
}

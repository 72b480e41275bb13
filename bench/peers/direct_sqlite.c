/* SPDX-License-Identifier: MIT */
/*
 * direct_sqlite.c — the same statements as sqlite.c by SQLite's own functions,
 * prepared once and run one after the other on one thread that does nothing
 * else. What a program without an event loop would do.
 *
 *     direct_sqlite insert|select DIRECTORY [STATEMENTS]
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <unistd.h>

#include "../bench.h"

#define ROWS 100000

static sqlite3 *db;

static void check(int code)
{
    if (code != SQLITE_OK && code != SQLITE_DONE)
        bench_die("SQLite: %s", sqlite3_errmsg(db));
}

static void insert(sqlite3_stmt *stmt, long number)
{
    char name[32];
    int len = snprintf(name, sizeof name, "name-%ld", number);
    sqlite3_bind_text(stmt, 1, name, len, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, number);
    check(sqlite3_step(stmt));
    sqlite3_reset(stmt);
}

static void fetch(sqlite3_stmt *stmt, uint32_t *random)
{
    long key = 1 + bench_random(random) % ROWS;
    sqlite3_bind_int64(stmt, 1, key);
    if (sqlite3_step(stmt) != SQLITE_ROW ||
        sqlite3_column_int64(stmt, 0) != key ||
        !sqlite3_column_text(stmt, 1) ||
        sqlite3_column_int64(stmt, 2) != key * 7)
        bench_die("the row is not the one that was asked for");
    sqlite3_reset(stmt);
}

int main(int argc, char **argv)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    bool inserts = !strcmp(bench_word(argc, argv, 1, "select"), "insert");
    const char *directory = bench_word(argc, argv, 2, "/dev/shm");
    long count = bench_arg(argc, argv, 3, 1, 1000000000, 200000);
    char path[4096];
    uint32_t random = 1;
    sqlite3_stmt *stmt;
    snprintf(path, sizeof path, "%s/bench-%d.db", directory, (int)getpid());
    check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE |
                                         SQLITE_OPEN_CREATE |
                                         SQLITE_OPEN_NOMUTEX,
                          NULL));
    check(sqlite3_exec(
        db,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INT);"
        "WITH RECURSIVE i(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM i "
        "WHERE i < 100000) INSERT INTO t SELECT i, 'name-' || i, i * 7 FROM "
        "i",
        NULL, NULL, NULL));
    check(sqlite3_prepare_v2(db,
                             inserts ? "INSERT INTO t (name, n) VALUES (?, ?)"
                                     : "SELECT id, name, n FROM t WHERE id "
                                       "= ?",
                             -1, &stmt, NULL));
    int64_t cpu = bench_cpu_ns();
    int64_t begin = bench_wall_ns();
    for (long i = 0; i < count; i++) {
        if (inserts)
            insert(stmt, i);
        else
            fetch(stmt, &random);
    }
    double seconds = (double)(bench_wall_ns() - begin) * 1e-9;
    double cpu_us = (double)(bench_cpu_ns() - cpu) * 1e-3;
    printf("rate=%.0f us=%.3f cpu_us=%.3f\n", (double)count / seconds,
           seconds * 1e6 / (double)count, cpu_us / (double)count);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    for (int i = 0; i < 3; i++) {
        char name[4200];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    return 0;
}

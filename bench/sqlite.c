/* SPDX-License-Identifier: MIT */
/*
 * sqlite.c — statements on a database of SQLite in the journal mode WAL, sent
 * by many tasks at once: one row inserted, each a transaction of its own, or
 * one row of 100,000 fetched by its key.
 *
 *     sqlite insert|select DIRECTORY [STATEMENTS [TASKS]]
 */
#include <bide.h>
#include <bide/sqlite.h>
#include <unistd.h>

#include "bench.h"

#define ROWS 100000

static struct {
    bide_sql *db;
    bool inserts;
    long left;
    uint32_t random;
    char path[4096];
} work;

static int insert(void)
{
    char name[32];
    snprintf(name, sizeof name, "name-%ld", work.left);
    return bide_sql_execute(work.db, "INSERT INTO t (name, n) VALUES ($1, $2)",
                            BIDE_SQL(name, work.left));
}

static int fetch(void)
{
    const bide_sql_row *row;
    long key = 1 + bench_random(&work.random) % ROWS;
    int rc = bide_sql_fetchrow(work.db, "SELECT id, name, n FROM t WHERE id "
                                        "= $1",
                               BIDE_SQL(key), &row);
    if (rc < 0)
        return rc;
    if (rc == 0 || bide_sql_row_i64(row, 0) != key ||
        bide_sql_row_i64(row, 2) != key * 7)
        bench_die("the row is not the one that was asked for");
    bide_sql_row_free(row);
    return 0;
}

static int client(void *arg)
{
    int rc = 0;
    (void)arg;
    while (rc >= 0 && work.left-- > 0)
        rc = work.inserts ? insert() : fetch();
    return rc < 0 ? rc : 0;
}

static int run_clients(size_t count)
{
    bide_task **tasks = calloc(count, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(client, NULL);
    int rc = bide_gather(tasks, count);
    free(tasks);
    return rc;
}

static int make_table(void)
{
    return bide_sql_executescript(
        work.db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INT);"
        "WITH RECURSIVE i(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM i "
        "WHERE i < 100000) INSERT INTO t SELECT i, 'name-' || i, i * 7 FROM "
        "i");
}

static int measure(void *arg)
{
    const long *params = arg;
    char url[4200];
    snprintf(url, sizeof url, "sqlite:///%s", work.path);
    int rc = bide_sqlite_register();
    if (rc == 0)
        rc = bide_sql_open(url, NULL, &work.db);
    if (rc < 0)
        return rc;
    rc = make_table();
    if (rc == 0) {
        work.left = params[0];
        int64_t cpu = bench_cpu_ns();
        int64_t begin = bench_wall_ns();
        rc = run_clients((size_t)params[1]);
        double seconds = (double)(bench_wall_ns() - begin) * 1e-9;
        double cpu_us = (double)(bench_cpu_ns() - cpu) * 1e-3;
        printf("rate=%.0f us=%.3f cpu_us=%.3f\n", (double)params[0] / seconds,
               seconds * 1e6 / (double)params[0], cpu_us / (double)params[0]);
    }
    bide_sql_close(work.db);
    return rc;
}

int main(int argc, char **argv)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    const char *what = bench_word(argc, argv, 1, "select");
    const char *directory = bench_word(argc, argv, 2, "/dev/shm");
    long params[2];
    work.inserts = !strcmp(what, "insert");
    params[0] = bench_arg(argc, argv, 3, 1, 1000000000, 200000);
    params[1] = bench_arg(argc, argv, 4, 1, 100000, 64);
    work.random = 1;
    snprintf(work.path, sizeof work.path, "%s/bench-%d.db", directory,
             (int)getpid());
    int rc = bide_run(measure, params);
    for (int i = 0; i < 3; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s%s", work.path, suffixes[i]);
        (void)unlink(path);
    }
    if (rc < 0)
        bench_die("%s: %s", bide_errname(rc), bide_errmsg(rc));
    return 0;
}

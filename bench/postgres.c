/* SPDX-License-Identifier: MIT */
/*
 * postgres.c — one row of 100,000 fetched by its key from PostgreSQL, by many
 * tasks on a pool of connections.
 *
 *     postgres URL [STATEMENTS [TASKS [CONNECTIONS]]]
 *
 * The table `bench` is made by databases.py.
 */
#include <bide.h>
#include <bide/postgres.h>

#include "bench.h"

#define ROWS 100000

static struct {
    const char *url;
    bide_sql *db;
    long left, count, tasks, connections;
    uint32_t random;
} work;

static int client(void *arg)
{
    (void)arg;
    while (work.left-- > 0) {
        const bide_sql_row *row;
        long key = 1 + bench_random(&work.random) % ROWS;
        int rc = bide_sql_fetchrow(work.db, "SELECT id, name, n FROM bench "
                                            "WHERE id = $1",
                                   BIDE_SQL(key), &row);
        if (rc < 0)
            return rc;
        if (rc == 0 || bide_sql_row_i64(row, 0) != key ||
            bide_sql_row_i64(row, 2) != key * 7)
            bench_die("the row is not the one that was asked for");
        bide_sql_row_free(row);
    }
    return 0;
}

static int run_clients(void)
{
    bide_task **tasks = calloc((size_t)work.tasks, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    for (long i = 0; i < work.tasks; i++)
        tasks[i] = bide_create_task(client, NULL);
    int rc = bide_gather(tasks, (size_t)work.tasks);
    free(tasks);
    return rc;
}

static int measure(void *arg)
{
    const bide_sql_options options = {
        .connections_min = (unsigned)work.connections,
        .connections_max = (unsigned)work.connections,
    };
    (void)arg;
    int rc = bide_postgres_register();
    if (rc == 0)
        rc = bide_sql_open(work.url, &options, &work.db);
    if (rc < 0)
        return rc;
    work.left = 20 * work.tasks; /* every connection prepares */
    rc = run_clients();
    if (rc >= 0) {
        work.left = work.count;
        int64_t cpu = bench_cpu_ns();
        int64_t begin = bench_wall_ns();
        rc = run_clients();
        double seconds = (double)(bench_wall_ns() - begin) * 1e-9;
        double cpu_us = (double)(bench_cpu_ns() - cpu) * 1e-3;
        printf("rate=%.0f us=%.3f cpu_us=%.3f\n", (double)work.count / seconds,
               seconds * 1e6 / (double)work.count,
               cpu_us / (double)work.count);
    }
    bide_sql_close(work.db);
    return rc;
}

int main(int argc, char **argv)
{
    work.url = bench_word(argc, argv, 1, "postgres:");
    work.count = bench_arg(argc, argv, 2, 1, 1000000000, 500000);
    work.tasks = bench_arg(argc, argv, 3, 1, 100000, 100);
    work.connections = bench_arg(argc, argv, 4, 1, 1000, 10);
    work.random = 1;
    int rc = bide_run(measure, NULL);
    if (rc < 0)
        bench_die("%s: %s", bide_errname(rc), bide_errmsg(rc));
    return 0;
}

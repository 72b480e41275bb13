/* SPDX-License-Identifier: MIT */
/*
 * libpq_pipeline.c — one row by key from PostgreSQL, by hand: several
 * connections in libpq's pipeline mode, each with a batch of statements under
 * way and one Sync behind it. What the library could be at best: nothing is
 * shared, kept apart, or waited for one by one.
 *
 *     libpq_pipeline URL [STATEMENTS [CONNECTIONS [BATCH [SYNC_EACH]]]]
 *
 * SYNC_EACH: statements to a Sync; 1 makes each a transaction of its own.
 */
#include <libpq-fe.h>
#include <poll.h>

#include "../bench.h"

#define ROWS 100000
#define MOST 1000

static PGconn *connections[MOST];
static long under_way[MOST]; /* Syncs */
static struct pollfd polled[MOST];
static uint32_t state = 1;

static void send_batch(long i, long batch, long sync_each)
{
    PGconn *conn = connections[i];
    for (long sent = 1; sent <= batch; sent++) {
        uint32_t key = __builtin_bswap32(1 + bench_random(&state) % ROWS);
        const char *values[] = {(const char *)&key};
        const int lengths[] = {4}, formats[] = {1};
        if (!PQsendQueryPrepared(conn, "by_key", 1, values, lengths, formats,
                                 1))
            bench_die("%s", PQerrorMessage(conn));
        if (sent % sync_each == 0 || sent == batch) {
            PQpipelineSync(conn);
            under_way[i]++;
        }
    }
    if (PQflush(conn) < 0)
        bench_die("%s", PQerrorMessage(conn));
}

static void take(long i)
{
    PGconn *conn = connections[i];
    if (!PQconsumeInput(conn))
        bench_die("%s", PQerrorMessage(conn));
    while (under_way[i] > 0 && !PQisBusy(conn)) {
        PGresult *result = PQgetResult(conn);
        if (!result)
            continue;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC)
            under_way[i]--;
        else if (status != PGRES_TUPLES_OK || PQntuples(result) != 1)
            bench_die("%s", PQerrorMessage(conn));
        PQclear(result);
    }
}

int main(int argc, char **argv)
{
    long statements = bench_arg(argc, argv, 2, 1, 1000000000, 500000);
    long count = bench_arg(argc, argv, 3, 1, MOST, 10);
    long batch = bench_arg(argc, argv, 4, 1, 10000, 10);
    long sync_each = bench_arg(argc, argv, 5, 1, 10000, batch);
    for (long i = 0; i < count; i++) {
        connections[i] = PQconnectdb(bench_word(argc, argv, 1, ""));
        PGresult *result = PQprepare(
            connections[i], "by_key",
            "SELECT id, name, n FROM bench WHERE id = $1", 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            bench_die("%s", PQerrorMessage(connections[i]));
        PQclear(result);
        PQsetnonblocking(connections[i], 1);
        PQenterPipelineMode(connections[i]);
        polled[i] = (struct pollfd){PQsocket(connections[i]), POLLIN, 0};
    }
    int64_t cpu = bench_cpu_ns();
    int64_t begin = bench_wall_ns();
    long left = statements, busy = 0;
    for (long i = 0; i < count && left > 0; i++, left -= batch, busy++)
        send_batch(i, batch, sync_each);
    while (busy > 0 && poll(polled, (nfds_t)count, -1) >= 0) {
        for (long i = 0; i < count; i++) {
            if (!polled[i].revents)
                continue;
            take(i);
            if (under_way[i] > 0)
                continue;
            busy--;
            if (left > 0) {
                send_batch(i, batch, sync_each);
                left -= batch;
                busy++;
            } else {
                polled[i].fd = -1;
            }
        }
    }
    double seconds = (double)(bench_wall_ns() - begin) * 1e-9;
    double cpu_us = (double)(bench_cpu_ns() - cpu) * 1e-3;
    printf("rate=%.0f us=%.3f cpu_us=%.3f\n", (double)statements / seconds,
           seconds * 1e6 / (double)statements, cpu_us / (double)statements);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * libpq_serial.c — one row by key from PostgreSQL, by hand: several
 * connections of libpq, each with one statement under way, and poll(2).
 *
 *     libpq_serial URL [STATEMENTS [CONNECTIONS]]
 */
#include <libpq-fe.h>
#include <poll.h>

#include "../bench.h"

#define ROWS 100000
#define MOST 1000

static PGconn *connections[MOST];
static long keys[MOST];
static struct pollfd polled[MOST];
static uint32_t state = 1;

static uint32_t swap(uint32_t number)
{
    return __builtin_bswap32(number);
}

static void send_next(long i)
{
    keys[i] = 1 + bench_random(&state) % ROWS;
    uint32_t key = swap((uint32_t)keys[i]);
    const char *values[] = {(const char *)&key};
    const int lengths[] = {4}, formats[] = {1};
    if (!PQsendQueryPrepared(connections[i], "by_key", 1, values, lengths,
                             formats, 1) ||
        PQflush(connections[i]) != 0)
        bench_die("%s", PQerrorMessage(connections[i]));
}

/* Whether the statement's results have all come. */
static int take(long i)
{
    if (!PQconsumeInput(connections[i]))
        bench_die("%s", PQerrorMessage(connections[i]));
    while (!PQisBusy(connections[i])) {
        PGresult *result = PQgetResult(connections[i]);
        if (!result)
            return 1;
        uint32_t id;
        if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
            bench_die("%s", PQerrorMessage(connections[i]));
        memcpy(&id, PQgetvalue(result, 0, 0), 4);
        if ((long)swap(id) != keys[i])
            bench_die("the row is not the one that was asked for");
        PQclear(result);
    }
    return 0;
}

int main(int argc, char **argv)
{
    long left = bench_arg(argc, argv, 2, 1, 1000000000, 300000);
    long count = bench_arg(argc, argv, 3, 1, MOST, 10);
    long statements = left;
    for (long i = 0; i < count; i++) {
        connections[i] = PQconnectdb(bench_word(argc, argv, 1, ""));
        PGresult *result = PQprepare(
            connections[i], "by_key",
            "SELECT id, name, n FROM bench WHERE id = $1", 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            bench_die("%s", PQerrorMessage(connections[i]));
        PQclear(result);
        PQsetnonblocking(connections[i], 1);
        polled[i] = (struct pollfd){PQsocket(connections[i]), POLLIN, 0};
    }
    int64_t cpu = bench_cpu_ns();
    int64_t begin = bench_wall_ns();
    long busy = 0;
    for (long i = 0; i < count && left > 0; i++, left--, busy++)
        send_next(i);
    while (busy > 0 && poll(polled, (nfds_t)count, -1) >= 0) {
        for (long i = 0; i < count; i++) {
            if (!polled[i].revents || !take(i))
                continue;
            busy--;
            if (left > 0) {
                send_next(i);
                left--;
                busy++;
            }
        }
    }
    double seconds = (double)(bench_wall_ns() - begin) * 1e-9;
    double cpu_us = (double)(bench_cpu_ns() - cpu) * 1e-3;
    printf("rate=%.0f us=%.3f cpu_us=%.3f\n", (double)statements / seconds,
           seconds * 1e6 / (double)statements, cpu_us / (double)statements);
    return 0;
}

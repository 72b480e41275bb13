/* SPDX-License-Identifier: MIT */
/* driver.c — PostgreSQL as bide-sql sees it. */
#include <errno.h>
#include <string.h>

#include "postgres/postgres.h"

#define CONNECTIONS_MAX 10 /* unless the program says otherwise */

static void close_source(void *data)
{
    struct bide__pg_source *source = data;
    bide_release(source->url);
    bide_release(source);
}

static int open_source(const char *url, const bide_sql_options *options,
                       bide_sql_source *ret_source)
{
    struct bide__pg_source *source = bide_allocate(sizeof *source);
    if (!source)
        return -ENOMEM;
    *source = (struct bide__pg_source){
        .url = bide_allocate(strlen(url) + 1),
        .statements_max = options->statements_max,
    };
    if (!source->url) {
        bide_release(source);
        return -ENOMEM;
    }
    memcpy(source->url, url, strlen(url) + 1);
    *ret_source = (bide_sql_source){
        .data = source,
        .readers_max = options->connections_max ? options->connections_max
                                                : CONNECTIONS_MAX,
    };
    return 0;
}

static bool is_lost(const void *connection)
{
    const struct bide__pg *pg = connection;
    return pg->lost;
}

static int check(void *connection)
{
    return bide__pg_say(connection, "SELECT 1", NULL, false);
}

static const char *begin_text(const bide_sql_transaction_options *options)
{
    static const char *const texts[][2] = {
        [BIDE_SQL_DEFAULT] = {"BEGIN", "BEGIN READ ONLY"},
        [BIDE_SQL_READ_COMMITTED] = {
            "BEGIN ISOLATION LEVEL READ COMMITTED",
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"},
        [BIDE_SQL_REPEATABLE_READ] = {
            "BEGIN ISOLATION LEVEL REPEATABLE READ",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},
        [BIDE_SQL_SERIALIZABLE] = {
            "BEGIN ISOLATION LEVEL SERIALIZABLE",
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"},
    };
    return texts[options->isolation][options->read_only];
}

static const char *const schemes[] = {"postgres:", "postgresql:", NULL};

const bide_sql_driver bide__pg_driver = {
    .name = "postgres",
    .schemes = schemes,
    .open = open_source,
    .close = close_source,
    .connect = bide__pg_connect,
    .disconnect = bide__pg_disconnect,
    .is_lost = is_lost,
    .check = check,
    .released = bide__pg_released,
    .reads = bide__pg_reads,
    .run = bide__pg_run,
    .stream_begin = bide__pg_stream_begin,
    .stream_more = bide__pg_stream_more,
    .stream_end = bide__pg_stream_end,
    .begin_text = begin_text,
};

int bide_postgres_register(void)
{
    return bide_sql_register(&bide__pg_driver);
}

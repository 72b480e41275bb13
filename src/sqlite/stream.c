/* SPDX-License-Identifier: MIT */
/*
 * stream.c — rows in parts: a statement that stays at its row between jobs.
 *
 * While it does, it is out of the cache and nobody else can have it.
 */
#include <errno.h>

#include "sqlite/sqlite.h"

/* Rows of a part: enough to make a visit to the thread worth while. */
#define PART_ROWS 128

struct stream {
    struct bide__sqlite *sqlite;
    bide_sql_request *request;
    struct bide__sqlite_statement *statement;
    bool ended;
};

static int begin(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    struct stream *stream = job->arg;
    const bide_sql_request *request = stream->request;
    struct bide__sqlite_statement *statement;
    int rc = bide__sqlite_take(sqlite, request->sql, request->sql_len,
                               &statement);
    if (rc < 0)
        return rc;
    if (!sqlite->writes && !statement->reads)
        rc = BIDE_SQL_WRITES;
    else
        rc = bide__sqlite_bind(sqlite, statement, request->params);
    if (rc != 0)
        bide__sqlite_put(sqlite, statement);
    else
        stream->statement = statement;
    return rc;
}

struct part {
    struct stream *stream;
    bide_sql_rows *rows;
};

static int more(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    const struct part *part = job->arg;
    struct stream *stream = part->stream;
    int rc = bide__sqlite_begin_rows(stream->statement, part->rows);
    if (stream->ended)
        return rc;
    do
        rc = rc < 0 ? rc : bide__sqlite_step(sqlite, stream->statement,
                                             part->rows);
    while (rc > 0 && bide_sql_rows_count(part->rows) < PART_ROWS);
    stream->ended = rc <= 0;
    return rc < 0 ? rc : 0;
}

static int end(struct bide__sqlite *sqlite, struct bide__sqlite_job *job)
{
    struct stream *stream = job->arg;
    sqlite3_reset(stream->statement->stmt);
    sqlite3_clear_bindings(stream->statement->stmt);
    bide__sqlite_put(sqlite, stream->statement);
    return 0;
}

int bide__sqlite_stream_begin(void *connection, bide_sql_request *request,
                              void **ret_stream)
{
    struct stream *stream = bide_allocate(sizeof *stream);
    if (!stream)
        return -ENOMEM;
    *stream = (struct stream){.sqlite = connection, .request = request};
    struct bide__sqlite_job job = {.fn = begin, .arg = stream};
    int rc = bide__sqlite_do(stream->sqlite, &job);
    if (rc != 0) {
        bide_release(stream);
        return rc;
    }
    *ret_stream = stream;
    return 0;
}

int bide__sqlite_stream_more(void *data, bide_sql_rows *rows)
{
    struct part part = {.stream = data, .rows = rows};
    struct bide__sqlite_job job = {.fn = more, .arg = &part};
    return bide__sqlite_do(part.stream->sqlite, &job);
}

void bide__sqlite_stream_end(void *data)
{
    struct stream *stream = data;
    struct bide__sqlite_job job = {.fn = end, .arg = stream};
    (void)bide__sqlite_insist(stream->sqlite, &job);
    bide_release(stream);
}

/* SPDX-License-Identifier: MIT */
/*
 * stream.c — cursors: DECLARE and FETCH.
 *
 * A cursor of the server's lives in a transaction; where none is open, one is
 * begun for it. So other statements can run on the connection between two
 * parts, and no more than a part is ever on its way. Their writers were told
 * that all went well, so that transaction is committed. What the server can
 * have no cursor for (INSERT ... RETURNING) is fetched at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "postgres/postgres.h"

#define PART_ROWS 256

struct stream {
    struct bide__pg *pg;
    bide_sql_request *request;
    bool declared;   /* there is a cursor */
    bool begun;      /* and a transaction for it */
    bool binary;
    bool ended;      /* nothing more will come */
    uint64_t number; /* in the cursor's name */
};

/* Go on although the task is cancelled, and have that delivered later. */
static int insist(struct bide__pg *pg, const char *sql)
{
    bool cancelled = false;
    int rc;
    while ((rc = bide__pg_say(pg, sql, NULL, false)) == -ECANCELED)
        cancelled = true;
    if (cancelled)
        bide__pg_put_off_cancel();
    return rc;
}

/* The statement's own preparation says whether it is binary. */
static int learn_format(struct stream *stream)
{
    struct bide__pg_statement *statement;
    int rc = bide__pg_prepared(stream->pg, stream->request->sql,
                               stream->request->sql_len, &statement);
    if (rc < 0)
        return rc;
    stream->binary = statement->binary;
    size_t given = stream->request->params.count;
    if (given != statement->param_count)
        rc = bide_raise(-EINVAL,
                        "the statement has %u parameters, but %zu were given",
                        statement->param_count, given);
    bide__pg_unuse(stream->pg, statement);
    return rc;
}

static int declare(struct stream *stream)
{
    static const char format[] =
        "DECLARE bide_cursor_%" PRIu64 " NO SCROLL CURSOR FOR %s";
    size_t size = stream->request->sql_len + sizeof format + 24;
    char *sql = bide_allocate(size);
    if (!sql)
        return -ENOMEM;
    bide_sql_request request = *stream->request;
    request.sql_len = (size_t)snprintf(sql, size, format, stream->number,
                                       stream->request->sql);
    request.sql = sql;
    request.rows = NULL;
    request.autocommit = false;
    int rc = bide__pg_run(stream->pg, &request);
    stream->declared = rc == 0;
    bide_release(sql);
    return rc;
}

static int begin_cursor(struct stream *stream)
{
    int rc = learn_format(stream);
    if (rc == 0 && stream->request->autocommit) {
        rc = bide__pg_say(stream->pg, "BEGIN", NULL, false);
        stream->begun = rc == 0;
    }
    if (rc == 0)
        rc = declare(stream);
    return rc;
}

static void end_cursor(struct stream *stream)
{
    char text[64];
    if (stream->begun) {
        if (insist(stream->pg, "COMMIT") < 0) /* of a failed one: ROLLBACK */
            bide__pg_lose(stream->pg);
    } else if (stream->declared) {
        snprintf(text, sizeof text, "CLOSE bide_cursor_%" PRIu64,
                 stream->number);
        (void)insist(stream->pg, text); /* fails with the transaction */
    }
}

int bide__pg_stream_begin(void *connection, bide_sql_request *request,
                          void **ret_stream)
{
    struct bide__pg *pg = connection;
    struct stream *stream = bide_allocate(sizeof *stream);
    if (!stream)
        return -ENOMEM;
    *stream = (struct stream){
        .pg = pg,
        .request = request,
        .number = ++pg->cursors,
    };
    int rc = 0;
    if (bide__pg_reads(request->sql))
        rc = begin_cursor(stream);
    if (rc < 0) {
        char message[BIDE_ERRMSG_MAX];
        snprintf(message, sizeof message, "%s", bide_errmsg(rc));
        end_cursor(stream);
        bide_release(stream);
        return bide_raise(rc, "%s", message);
    }
    *ret_stream = stream;
    return 0;
}

/* Once, all rows of what can have no cursor. */
static int fetch_all(struct stream *stream, bide_sql_rows *rows)
{
    stream->request->rows = rows;
    int rc = bide__pg_run(stream->pg, stream->request);
    stream->ended = true;
    return rc;
}

int bide__pg_stream_more(void *data, bide_sql_rows *rows)
{
    struct stream *stream = data;
    char text[64];
    if (!stream->declared && !stream->ended)
        return fetch_all(stream, rows);
    if (!stream->declared) {
        bide_sql_columns *none = bide_sql_columns_new(NULL, 0);
        if (!none)
            return -ENOMEM;
        bide_sql_rows_begin(rows, none);
        bide_sql_columns_unref(none);
        return 0;
    }
    snprintf(text, sizeof text, "FETCH %d FROM bide_cursor_%" PRIu64,
             PART_ROWS, stream->number);
    return bide__pg_say(stream->pg, text, rows, stream->binary);
}

void bide__pg_stream_end(void *data)
{
    struct stream *stream = data;
    end_cursor(stream);
    bide_release(stream);
}

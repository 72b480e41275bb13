/* SPDX-License-Identifier: MIT */
/*
 * copy.c — COPY, in and out.
 *
 * It does not work in pipeline mode, which is left for as long as it takes.
 * The task itself waits for the socket then, so that no more is received than
 * it reads, and no more sent than the server takes.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/ready.h>

#include "postgres/postgres.h"

/* Bytes that libpq may buffer before we wait until they are sent. */
#define UNSENT_MAX (64u * 1024)

struct bide_postgres_copy {
    struct bide__pg *pg;
    bool in;
    bool ended;    /* of a copy out: all was read */
    size_t unsent;
    char *part;    /* libpq's, of the last read */
    int code;      /* what broke the connection, or 0 */
};

/* The connection is in the middle of something and cannot go on. */
static int give_up(struct bide__pg *pg, int rc)
{
    char message[BIDE_ERRMSG_MAX];
    snprintf(message, sizeof message, "%s", bide_errmsg(rc));
    bide__pg_lose(pg);
    return bide_raise(rc, "%s", message);
}

/* Read results up to the last one; the first error counts. */
static int finish(struct bide__pg *pg, int64_t *ret_count)
{
    char state[6];
    int failure = 0;
    PGresult *result = NULL;
    do {
        int rc = bide__pg_result(pg, &result);
        if (rc < 0)
            return give_up(pg, rc);
        ExecStatusType status = PQresultStatus(result);
        if (result && status == PGRES_FATAL_ERROR && failure == 0)
            failure = bide__pg_raise(result, state);
        else if (result && status == PGRES_COMMAND_OK)
            *ret_count = atoll(PQcmdTuples(result));
        else if (result && status != PGRES_FATAL_ERROR)
            return give_up(pg, -EINVAL); /* COPY in the other direction */
        PQclear(result);
    } while (result);
    char message[BIDE_ERRMSG_MAX];
    snprintf(message, sizeof message, "%s", bide_errmsg(failure));
    int rc = bide__pg_return(pg);
    return failure < 0 ? bide_raise(failure, "%s", message) : rc;
}

static int start(struct bide__pg *pg, const char *sql, ExecStatusType wanted)
{
    int rc = bide__pg_leave(pg);
    if (rc < 0)
        return rc;
    if (!PQsendQuery(pg->conn, sql))
        return give_up(pg, bide__pg_raise_lost(pg));
    PGresult *result = NULL;
    rc = bide__pg_result(pg, &result);
    if (rc < 0)
        return give_up(pg, rc);
    ExecStatusType status = PQresultStatus(result);
    if (status == wanted) {
        PQclear(result);
        return 0;
    }
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
        PQclear(result);
        return give_up(pg, bide_raise(-EINVAL, "COPY in the other direction"));
    }
    char state[6], message[BIDE_ERRMSG_MAX];
    int64_t count;
    int failure = status == PGRES_FATAL_ERROR
                      ? bide__pg_raise(result, state)
                      : bide_raise(-EINVAL, "this is no COPY with the client");
    PQclear(result);
    snprintf(message, sizeof message, "%s", bide_errmsg(failure));
    rc = finish(pg, &count);
    return pg->lost ? rc : bide_raise(failure, "%s", message);
}

static int open_copy(bide_sql *connection, const char *sql, bool in,
                     bide_postgres_copy **ret_copy)
{
    int rc;
    struct bide__pg *pg = bide__pg_of(connection,
                                      in ? "bide_postgres_copy_in"
                                         : "bide_postgres_copy_out",
                                      &rc);
    if (!pg)
        return rc;
    bide_postgres_copy *copy = bide_allocate(sizeof *copy);
    if (!copy)
        return -ENOMEM;
    *copy = (bide_postgres_copy){.pg = pg, .in = in};
    rc = start(pg, sql, in ? PGRES_COPY_IN : PGRES_COPY_OUT);
    if (rc < 0) {
        bide_release(copy);
        return rc;
    }
    *ret_copy = copy;
    return 0;
}

int bide_postgres_copy_in(bide_sql *connection, const char *sql,
                          bide_postgres_copy **ret_copy)
{
    return open_copy(connection, sql, true, ret_copy);
}

int bide_postgres_copy_out(bide_sql *connection, const char *sql,
                           bide_postgres_copy **ret_copy)
{
    return open_copy(connection, sql, false, ret_copy);
}

int bide_postgres_copy_write(bide_postgres_copy *copy, const void *data,
                             size_t len)
{
    if (!copy->in || len > BIDE_SQL_LEN_MAX)
        return bide_raise(-EINVAL, copy->in ? "a part is too long"
                                            : "this copy is read, not "
                                              "written");
    if (PQputCopyData(copy->pg->conn, data, (int)len) < 0)
        return bide__pg_raise_lost(copy->pg);
    copy->unsent += len;
    if (copy->unsent < UNSENT_MAX) {
        bide_event passed = {.is_set = true};
        return bide_event_wait(&passed); /* a cancellation, if there is one */
    }
    int rc = bide__pg_flush(copy->pg);
    if (rc == 0)
        copy->unsent = 0;
    return rc;
}

int bide_postgres_copy_read(bide_postgres_copy *copy, const char **ret_data)
{
    PGconn *conn = copy->pg->conn;
    if (copy->in)
        return bide_raise(-EINVAL, "this copy is written, not read");
    PQfreemem(copy->part);
    copy->part = NULL;
    int len = copy->ended ? -1 : PQgetCopyData(conn, &copy->part, 1);
    while (len == 0) {
        int rc = bide_wait_readable(copy->pg->fd);
        if (rc < 0)
            return rc;
        if (!PQconsumeInput(conn))
            return bide__pg_raise_lost(copy->pg);
        len = PQgetCopyData(conn, &copy->part, 1);
    }
    if (len == -2)
        return bide__pg_raise_lost(copy->pg);
    if (len > 0) {
        *ret_data = copy->part;
        return len;
    }
    copy->ended = true;
    return 0;
}

/* Tell the server that all has come, or why not. */
static int end_input(bide_postgres_copy *copy, int rc)
{
    const char *why = rc < 0 ? bide_errname(rc) : NULL;
    if (PQputCopyEnd(copy->pg->conn, why) < 0)
        return bide__pg_raise_lost(copy->pg);
    return 0;
}

static int end_copy(bide_postgres_copy *copy, int rc, int64_t *ret_count)
{
    struct bide__pg *pg = copy->pg;
    int ended = 0;
    if (copy->in)
        ended = end_input(copy, rc);
    else if (!copy->ended)
        ended = rc < 0 ? rc : -EPIPE; /* the rest would have to be read */
    if (ended < 0) {
        (void)give_up(pg, ended);
        return rc < 0 || !copy->in ? rc : ended;
    }
    return finish(pg, ret_count);
}

int bide_postgres_copy_end(bide_postgres_copy *copy, int rc)
{
    char message[BIDE_ERRMSG_MAX];
    int64_t count = 0;
    snprintf(message, sizeof message, "%s", bide_errmsg(rc));
    int ended = end_copy(copy, rc, &count);
    PQfreemem(copy->part);
    bide_release(copy);
    if (rc < 0)
        return bide_raise(rc, "%s", message);
    if (ended < 0)
        return ended;
    return count > INT_MAX ? INT_MAX : (int)count;
}

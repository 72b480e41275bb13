/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c — jobs out and their results in.
 *
 * Statements of many tasks follow each other on a connection without waiting
 * for results, which come in the same order:
 *
 *     first ─► job ─► job ─► job ─► job ─► newest
 *              synced   ▲          synced
 *                     current: its results come next
 *
 * What lies between two Syncs is one transaction to the server, and fails as a
 * whole. A statement that writes therefore has a Sync of its own. Statements
 * that only read and are sent in the same turn of the loop share one, for each
 * Sync costs a system call on both sides. None of them is reported before the
 * Sync: if one fails, it is told so, and the others, which the server has
 * undone or not run, are run again one by one. So nobody notices but by speed.
 *
 * Invariants: `current` is the first job with parts to come, unless all jobs
 * up to a Sync have none, then it is NULL; the last `unsynced` jobs are those
 * behind the last Sync.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/ready.h>

#include "postgres/postgres.h"

/* ── Out ──────────────────────────────────────────────────────────────── */

static void on_writable(int fd, void *arg)
{
    (void)fd;
    bide__pg_push(arg);
}

void bide__pg_push(struct bide__pg *pg)
{
    int rc = PQflush(pg->conn);
    if (rc < 0) {
        bide__pg_lose(pg);
    } else if (rc > 0 && !pg->writing) {
        pg->writing = true;
        if (bide_loop_add_writer(pg->loop, pg->fd, on_writable, pg) < 0)
            bide__pg_lose(pg);
    } else if (rc == 0 && pg->writing) {
        pg->writing = false;
        (void)bide_loop_remove_writer(pg->loop, pg->fd);
    }
}

void bide__pg_sync(struct bide__pg *pg)
{
    if (pg->unsynced == 0 || pg->lost)
        return;
    pg->unsynced = 0;
    pg->newest->synced = true;
    if (!PQpipelineSync(pg->conn))
        bide__pg_lose(pg);
    else
        bide__pg_push(pg);
}

static void sync_at_turn_end(void *arg)
{
    bide__pg_sync(arg);
}

struct bide__pg_job *bide__pg_job_new(enum bide__pg_kind kind)
{
    struct bide__pg_job *job = bide_allocate(sizeof *job);
    if (!job)
        return NULL;
    *job = (struct bide__pg_job){
        .kind = kind,
        .parts = kind == BIDE__PG_PREPARE ? 2 : 1,
    };
    return job;
}

void bide__pg_sent(struct bide__pg *pg, struct bide__pg_job *job)
{
    bool expected = !pg->first ||
                    (!pg->current && !pg->newest->synced);
    *(pg->first ? &pg->newest->next : &pg->first) = job;
    pg->newest = job;
    if (expected)
        pg->current = job;
    pg->unsynced++;
    bool at_turn_end =
        job->reads && (pg->flush.queued ||
                       bide_loop_call_soon(pg->loop, &pg->flush,
                                           sync_at_turn_end, pg) == 0);
    if (!at_turn_end)
        bide__pg_sync(pg);
}

void bide__pg_tell(struct bide__pg *pg, const char *sql)
{
    if (pg->lost || !pg->piped)
        return;
    struct bide__pg_job *job = bide__pg_job_new(BIDE__PG_TELL);
    if (!job)
        return;
    bide__pg_sync(pg);
    if (!pg->lost &&
        PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 0))
        bide__pg_sent(pg, job);
    else
        bide_release(job);
}

/* ── Results ──────────────────────────────────────────────────────────── */

/* Keep what was raised last as the job's error. */
static void fail_job(struct bide__pg_job *job, int code)
{
    if (job->code < 0)
        return; /* the first one counts */
    job->code = code;
    snprintf(job->message, sizeof job->message, "%s", bide_errmsg(code));
}

/* Rows that were changed; the server counts those that were read as well. */
static int64_t changes_of(PGresult *result)
{
    static const char *const changing[] = {"INSERT", "UPDATE", "DELETE",
                                           "MERGE", NULL};
    if (!bide__pg_begins_with(PQcmdStatus(result), changing))
        return 0;
    return atoll(PQcmdTuples(result));
}

/* The columns of a statement that was not prepared. */
static bide_sql_columns *columns_of(const PGresult *result)
{
    const char *few[64];
    int count = PQnfields(result);
    const char **names = few;
    if (count > 64)
        names = bide_allocate((size_t)count * sizeof names[0]);
    if (!names)
        return NULL;
    for (int i = 0; i < count; i++)
        names[i] = PQfname(result, i);
    bide_sql_columns *columns = bide_sql_columns_new(names, (size_t)count);
    if (names != few)
        bide_release(names);
    return columns;
}

static int take_rows(const struct bide__pg_job *job, const PGresult *result)
{
    bide_sql_columns *columns = job->statement ? job->statement->columns
                                               : columns_of(result);
    if (!columns)
        return -ENOMEM;
    int rc = bide__pg_decode(result, columns, job->request->rows,
                             job->request->rows_max);
    if (!job->statement)
        bide_sql_columns_unref(columns);
    return rc;
}

static int take_success(struct bide__pg_job *job, PGresult *result)
{
    bide_sql_request *request = job->request;
    if (job->kind == BIDE__PG_PREPARE)
        return job->parts == 1 ? bide__pg_describe(job->statement, result) : 0;
    if (!request)
        return 0;
    request->changes = changes_of(result);
    if (request->commit && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        return bide_sql_raise("25P02", "a statement had failed; the "
                                       "transaction was rolled back");
    return request->rows ? take_rows(job, result) : 0;
}

static bool was_stopped(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state && !strcmp(state, "57014");
}

static void take_result(struct bide__pg *pg, struct bide__pg_job *job,
                        PGresult *result)
{
    char state[6];
    int rc = 0;
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        rc = take_success(job, result);
        break;
    case PGRES_PIPELINE_ABORTED:
        job->aborted = true;
        break;
    default:
        rc = bide__pg_raise(result, state);
        if (job->cancelled && was_stopped(result))
            rc = -ECANCELED;
        else if (pg->cancelling && was_stopped(result))
            job->again = true; /* somebody else was meant */
        break;
    }
    if (rc < 0)
        fail_job(job, rc);
}

/* ── The end of jobs ──────────────────────────────────────────────────── */

static void end_preparation(struct bide__pg *pg, struct bide__pg_job *job)
{
    struct bide__pg_statement *statement = job->statement;
    if (job->code == 0 && !job->aborted) {
        statement->described = true;
    } else {
        statement->failed = true;
        statement->again = job->again; /* somebody else was to be stopped */
        statement->code = job->code < 0 ? job->code : BIDE_E_SQL_CONNECTION;
        memcpy(statement->message, job->message, sizeof job->message);
        bide__pg_forget(pg, statement);
    }
    bide_event_set(&statement->ready);
    bide__pg_unuse(pg, statement);
}

static void end_job(struct bide__pg *pg, struct bide__pg_job *job)
{
    if (job->kind == BIDE__PG_PREPARE)
        end_preparation(pg, job);
    else if (job->statement)
        bide__pg_unuse(pg, job->statement);
    if (job->done)
        bide_event_set(job->done); /* its task frees the job */
    else
        bide_release(job);
}

static struct bide__pg_job *pop(struct bide__pg *pg)
{
    struct bide__pg_job *job = pg->first;
    pg->first = job->next;
    return job;
}

/* A Sync was answered: everything up to it has ended. */
static void end_batch(struct bide__pg *pg)
{
    bool failed = false;
    const struct bide__pg_job *each = pg->first;
    const struct bide__pg_job *single = each->synced ? each : NULL;
    for (;; each = each->next) {
        failed |= each->code < 0 || each->aborted;
        if (each->synced)
            break;
    }
    for (bool last = false; !last;) {
        struct bide__pg_job *job = pop(pg);
        last = job->synced;
        if (failed && !single && job->code == 0)
            job->again = true;
        end_job(pg, job);
    }
    pg->current = pg->first;
    if (!pg->first && !pg->canceller)
        pg->cancelling = false;
    if (!pg->first && pg->drained)
        bide_event_set(pg->drained);
}

static void read_results(struct bide__pg *pg)
{
    while (pg->first && !pg->lost && !PQisBusy(pg->conn)) {
        PGresult *result = PQgetResult(pg->conn);
        struct bide__pg_job *job = pg->current;
        if (result && PQresultStatus(result) == PGRES_PIPELINE_SYNC)
            end_batch(pg);
        else if (result && job)
            take_result(pg, job, result);
        else if (!result && job && --job->parts == 0)
            pg->current = job->synced ? NULL : job->next;
        else if (!result && !job)
            break;
        PQclear(result);
    }
    bide__pg_cancel_current(pg);
}

static void on_readable(int fd, void *arg)
{
    struct bide__pg *pg = arg;
    (void)fd;
    bool open = PQconsumeInput(pg->conn);
    read_results(pg);
    if (!pg->lost)
        bide__pg_collect_notes(pg);
    if (!pg->lost && (!open || PQstatus(pg->conn) != CONNECTION_OK))
        bide__pg_lose(pg);
}

static void stop_watching(struct bide__pg *pg)
{
    (void)bide_handle_cancel(&pg->flush);
    if (pg->reading)
        (void)bide_loop_remove_reader(pg->loop, pg->fd);
    if (pg->writing)
        (void)bide_loop_remove_writer(pg->loop, pg->fd);
    pg->reading = pg->writing = false;
}

void bide__pg_lose(struct bide__pg *pg)
{
    pg->lost = true;
    stop_watching(pg);
    pg->current = NULL;
    pg->unsynced = 0;
    int code = bide__pg_raise_lost(pg);
    while (pg->first) {
        struct bide__pg_job *job = pop(pg);
        fail_job(job, code);
        job->again = false;
        end_job(pg, job);
    }
    bide_event_set(&pg->noted);
    if (pg->drained)
        bide_event_set(pg->drained);
}

/* ── Modes ────────────────────────────────────────────────────────────── */

int bide__pg_pipeline_start(struct bide__pg *pg)
{
    pg->fd = PQsocket(pg->conn);
    if (PQsetnonblocking(pg->conn, 1) < 0)
        return bide__pg_raise_lost(pg);
    return bide__pg_return(pg);
}

void bide__pg_pipeline_stop(struct bide__pg *pg)
{
    bide__pg_forget_canceller(pg);
    stop_watching(pg);
    while (pg->first) {
        struct bide__pg_job *job = pop(pg); /* nobody waits for it */
        fail_job(job, BIDE_E_SQL_CONNECTION);
        end_job(pg, job);
    }
}

int bide__pg_return(struct bide__pg *pg)
{
    if (pg->lost || !PQenterPipelineMode(pg->conn)) {
        bide__pg_lose(pg);
        return bide__pg_raise_lost(pg);
    }
    int rc = bide_loop_add_reader(pg->loop, pg->fd, on_readable, pg);
    if (rc < 0)
        return rc;
    pg->reading = true;
    pg->piped = true;
    return 0;
}

int bide__pg_drain(struct bide__pg *pg)
{
    bide_event drained = {.is_set = false};
    int rc = 0;
    bide__pg_sync(pg);
    while (rc == 0 && pg->first) {
        pg->drained = &drained;
        bide_event_clear(&drained);
        rc = bide_event_wait(&drained);
        pg->drained = NULL;
    }
    if (rc == 0 && pg->lost)
        rc = bide__pg_raise_lost(pg);
    return rc;
}

int bide__pg_leave(struct bide__pg *pg)
{
    int rc = bide__pg_drain(pg);
    if (rc < 0)
        return rc;
    if (!PQexitPipelineMode(pg->conn)) {
        bide__pg_lose(pg);
        return bide__pg_raise_lost(pg);
    }
    stop_watching(pg);
    pg->piped = false;
    return 0;
}

int bide__pg_flush(struct bide__pg *pg)
{
    int rc;
    while ((rc = PQflush(pg->conn)) > 0) {
        rc = bide_wait_writable(pg->fd);
        if (rc < 0)
            return rc;
    }
    if (rc < 0)
        pg->lost = true;
    return rc < 0 ? bide__pg_raise_lost(pg) : 0;
}

int bide__pg_result(struct bide__pg *pg, PGresult **ret_result)
{
    int rc = bide__pg_flush(pg);
    while (rc == 0 && PQisBusy(pg->conn)) {
        rc = bide_wait_readable(pg->fd);
        if (rc == 0 && !PQconsumeInput(pg->conn)) {
            pg->lost = true;
            rc = bide__pg_raise_lost(pg);
        }
    }
    if (rc == 0)
        *ret_result = PQgetResult(pg->conn);
    return rc;
}

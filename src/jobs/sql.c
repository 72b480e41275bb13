/* SPDX-License-Identifier: MIT */
/*
 * sql.c — a store that is a table of a database, SQLite's or PostgreSQL's.
 *
 * A job that waits and one that runs differ by `state` alone, so that one
 * statement finds what is due: new jobs, those to be tried again, and those
 * whose lease has ended. PostgreSQL skips rows that another worker is taking.
 *
 * Times are those of this machine, seconds since 1970: where several share a
 * table, their clocks must agree to within a fraction of the lease.
 */
#include <bide/sql.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "jobs/jobs.h"

#define STATEMENT 640 /* bytes of one that is put together */
#define TAKEN_MAX 15   /* jobs at once: of any size they are a result that a
                          pool fetches */

struct sql_store {
    struct bide__store store;
    bide_sql *db;
    double epoch; /* what to add to the loop's clock, see now() */
    bool virtual; /* time is */
    const char *take;
};

static struct sql_store *own(struct bide__store *store)
{
    return (struct sql_store *)store;
}

static double seconds_since_1970(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Processes share the system's clock. Virtual time is nobody else's: it goes
 * on from when the store was opened. */
static double now(const struct sql_store *store)
{
    return store->virtual ? store->epoch + bide_time() : seconds_since_1970();
}

/* ── Putting in ───────────────────────────────────────────────────────── */

static int sql_enqueue(struct bide__store *store, const char *id,
                       const char *name, const void *data, size_t len,
                       const bide_job_options *options)
{
    const struct sql_store *self = own(store);
    return bide_sql_execute(
        self->db,
        "INSERT INTO bide_jobs (queue, id, name, data, state, due, attempt, "
        "attempts, backoff) VALUES ($1, $2, $3, $4, 0, $5, 0, $6, $7) "
        "ON CONFLICT DO NOTHING",
        BIDE_SQL(store->queue, id, name, bide_sql_blob(data, len),
                 now(self) + options->delay, options->attempts,
                 options->backoff));
}

/* ── Taking ───────────────────────────────────────────────────────────── */

static struct bide__job *job_of(const bide_sql_row *row)
{
    const bide_sql_value *data = bide_sql_row_value(row, 2);
    struct bide__job *job = bide__job_new(
        bide_sql_as_text(bide_sql_row_value(row, 0)),
        bide_sql_as_text(bide_sql_row_value(row, 1)), data->blob, data->len);
    if (!job)
        return NULL;
    job->job.attempt =
        (unsigned)bide_sql_as_i64(bide_sql_row_value(row, 3));
    job->job.attempts =
        (unsigned)bide_sql_as_i64(bide_sql_row_value(row, 4));
    job->backoff = bide_sql_as_f64(bide_sql_row_value(row, 5));
    return job;
}

/* Without memory for a job it stays leased, and is due again later. */
static void list_rows(const bide_sql_rows *rows, struct bide__job **end)
{
    for (size_t i = 0; i < bide_sql_rows_count(rows); i++) {
        struct bide__job *job = job_of(bide_sql_rows_at(rows, i));
        if (!job)
            return;
        *end = job;
        end = &job->next;
    }
}

static int find_wait(const struct sql_store *store, double *ret_wait)
{
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(
        store->db,
        "SELECT min(due) FROM bide_jobs WHERE queue = $1 AND state < 2",
        BIDE_SQL((const char *)store->store.queue), &row);
    if (rc <= 0)
        return rc;
    const bide_sql_value *due = bide_sql_row_value(row, 0);
    if (due->type != BIDE_SQL_NULL)
        *ret_wait = fmax(bide_sql_as_f64(due) - now(store), 0);
    bide_sql_row_free(row);
    return 0;
}

static int sql_take(struct bide__store *store, unsigned max, double lease,
                    struct bide__job **ret_jobs, double *ret_wait)
{
    const struct sql_store *self = own(store);
    bide_sql_rows *rows;
    double time = now(self);
    int rc = bide_sql_fetch(self->db, self->take,
                            BIDE_SQL(store->queue, time,
                                     max < TAKEN_MAX ? max : TAKEN_MAX,
                                     time + lease),
                            &rows);
    if (rc < 0)
        return rc;
    list_rows(rows, ret_jobs);
    bide_sql_rows_free(rows);
    return rc > 0 ? 0 : find_wait(self, ret_wait);
}

/* ── What became of it ────────────────────────────────────────────────── */

static int sql_renew(struct bide__store *store, const bide_job *job,
                     double lease)
{
    const struct sql_store *self = own(store);
    int rc = bide_sql_execute(
        self->db,
        "UPDATE bide_jobs SET due = $4 WHERE queue = $1 AND id = $2 AND "
        "attempt = $3 AND state = 1",
        BIDE_SQL(store->queue, job->id, job->attempt, now(self) + lease));
    return rc < 0 ? rc : 0;
}

static int sql_done(struct bide__store *store, const bide_job *job)
{
    int rc = bide_sql_execute(
        own(store)->db,
        "DELETE FROM bide_jobs WHERE queue = $1 AND id = $2 AND attempt = $3 "
        "AND state = 1",
        BIDE_SQL(store->queue, job->id, job->attempt));
    return rc < 0 ? rc : 0;
}

static int sql_fail(struct bide__store *store, const bide_job *job,
                    double delay, const char *error, bool counts)
{
    const struct sql_store *self = own(store);
    int rc = bide_sql_execute(
        self->db,
        "UPDATE bide_jobs SET state = $4, due = $5, attempt = attempt - $6, "
        "error = $7 WHERE queue = $1 AND id = $2 AND attempt = $3 "
        "AND state = 1",
        BIDE_SQL(store->queue, job->id, job->attempt, delay < 0 ? 2 : 0,
                 now(self) + fmax(delay, 0), counts ? 0 : 1, error));
    return rc < 0 ? rc : 0;
}

/* ── Looking and mending ──────────────────────────────────────────────── */

static uint64_t number(const bide_sql_row *row, size_t column)
{
    return (uint64_t)bide_sql_as_i64(bide_sql_row_value(row, column));
}

static int sql_count(struct bide__store *store, bide_jobs_counts *ret_counts)
{
    const struct sql_store *self = own(store);
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(
        self->db,
        "SELECT sum(CASE WHEN state < 2 AND due <= $2 THEN 1 ELSE 0 END), "
        "sum(CASE WHEN state = 0 AND due > $2 THEN 1 ELSE 0 END), "
        "sum(CASE WHEN state = 1 AND due > $2 THEN 1 ELSE 0 END), "
        "sum(CASE WHEN state = 2 THEN 1 ELSE 0 END) "
        "FROM bide_jobs WHERE queue = $1",
        BIDE_SQL(store->queue, now(self)), &row);
    if (rc <= 0)
        return rc;
    *ret_counts = (bide_jobs_counts){
        .ready = number(row, 0),
        .delayed = number(row, 1),
        .running = number(row, 2),
        .dead = number(row, 3),
    };
    bide_sql_row_free(row);
    return 0;
}

static int sql_revive(struct bide__store *store, const char *id)
{
    const struct sql_store *self = own(store);
    return bide_sql_execute(
        self->db,
        id ? "UPDATE bide_jobs SET state = 0, attempt = 0, due = $2 "
             "WHERE queue = $1 AND state = 2 AND id = $3"
           : "UPDATE bide_jobs SET state = 0, attempt = 0, due = $2 "
             "WHERE queue = $1 AND state = 2 AND $3 = ''",
        BIDE_SQL(store->queue, now(self), id ? id : ""));
}

static int sql_last_error(struct bide__store *store, const char *id,
                          char *text, size_t size)
{
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(
        own(store)->db,
        "SELECT error FROM bide_jobs WHERE queue = $1 AND id = $2",
        BIDE_SQL(store->queue, id), &row);
    if (rc <= 0)
        return rc;
    const bide_sql_value *error = bide_sql_row_value(row, 0);
    rc = error->type != BIDE_SQL_NULL;
    if (rc == 1)
        snprintf(text, size, "%s", bide_sql_as_text(error));
    bide_sql_row_free(row);
    return rc;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static void sql_close(struct bide__store *store)
{
    bide_sql_close(own(store)->db);
    bide_release(store);
}

static const struct bide__store_kind sql_kind = {
    .enqueue = sql_enqueue,
    .take = sql_take,
    .renew = sql_renew,
    .done = sql_done,
    .fail = sql_fail,
    .count = sql_count,
    .revive = sql_revive,
    .last_error = sql_last_error,
    .close = sql_close,
};

static int make_table(bide_sql *db, bool postgres)
{
    char text[STATEMENT];
    snprintf(text, sizeof text,
             "CREATE TABLE IF NOT EXISTS bide_jobs (queue TEXT NOT NULL, "
             "id TEXT NOT NULL, name TEXT NOT NULL, data %s NOT NULL, "
             "state INTEGER NOT NULL, due DOUBLE PRECISION NOT NULL, "
             "attempt INTEGER NOT NULL, attempts INTEGER NOT NULL, "
             "backoff DOUBLE PRECISION NOT NULL, error TEXT, "
             "PRIMARY KEY (queue, id))",
             postgres ? "BYTEA" : "BLOB");
    int rc = bide_sql_execute(db, text, BIDE_SQL());
    if (rc < 0)
        return rc;
    rc = bide_sql_execute(db,
                          "CREATE INDEX IF NOT EXISTS bide_jobs_due ON "
                          "bide_jobs (queue, due) WHERE state < 2",
                          BIDE_SQL());
    return rc < 0 ? rc : 0;
}

static bool is_virtual(void)
{
    bide_engine *engine = bide_loop_engine(bide_loop_current());
    return strcmp(bide_engine_backend(engine), "sim") == 0;
}

/* PostgreSQL may run a subquery again for each row: an array is made once. */
static const char take_sqlite[] =
    "UPDATE bide_jobs SET state = 1, due = $4, attempt = attempt + 1 "
    "WHERE queue = $1 AND id IN (SELECT id FROM bide_jobs "
    "WHERE queue = $1 AND state < 2 AND due <= $2 ORDER BY due LIMIT $3) "
    "RETURNING id, name, data, attempt, attempts, backoff";
static const char take_postgres[] =
    "UPDATE bide_jobs SET state = 1, due = $4, attempt = attempt + 1 "
    "WHERE queue = $1 AND id = ANY(ARRAY(SELECT id FROM bide_jobs "
    "WHERE queue = $1 AND state < 2 AND due <= $2 ORDER BY due LIMIT $3 "
    "FOR UPDATE SKIP LOCKED)) "
    "RETURNING id, name, data, attempt, attempts, backoff";

static struct sql_store *new_store(bide_sql *db, const char *queue,
                                   bool postgres)
{
    struct sql_store *store = bide_allocate(sizeof *store);
    if (!store)
        return NULL;
    memset(store, 0, sizeof *store);
    store->store.kind = &sql_kind;
    strcpy(store->store.queue, queue);
    store->db = db;
    store->epoch = seconds_since_1970() - bide_time();
    store->virtual = is_virtual();
    store->take = postgres ? take_postgres : take_sqlite;
    return store;
}

int bide__store_open_sql(const char *url, const char *queue,
                         struct bide__store **ret_store)
{
    bide_sql *db;
    int rc = bide_sql_open(url, NULL, &db);
    if (rc < 0)
        return rc;
    bool postgres = strcmp(bide_sql_scheme(db), "postgres") == 0;
    rc = make_table(db, postgres);
    struct sql_store *store =
        rc == 0 ? new_store(db, queue, postgres) : NULL;
    if (!store) {
        bide_sql_close(db);
        return rc < 0 ? rc : -ENOMEM;
    }
    *ret_store = &store->store;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * run.c — a statement, from its preparation to its result.
 *
 * What a program sends again and again is prepared, once a connection; who
 * comes while that is under way waits for it. Everything else (BEGIN, CREATE)
 * is sent as text. The types of parameters are known from the preparation, so
 * a number goes out as the server wants it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postgres/postgres.h"

/* How often a statement is run again because another one was cancelled. */
#define AGAIN_MAX 10

void bide__pg_put_off_cancel(void)
{
    bide_task *self = bide_current_task();
    (void)bide_task_uncancel(self);
    (void)bide_task_cancel(self);
}

/* ── What kind of statement it is ─────────────────────────────────────── */

static const char *skip_blank(const char *sql)
{
    for (;;) {
        while (isspace((unsigned char)*sql) || *sql == '(')
            sql++;
        if (sql[0] == '-' && sql[1] == '-')
            sql += strcspn(sql, "\n");
        else if (sql[0] == '/' && sql[1] == '*') {
            const char *end = strstr(sql + 2, "*/");
            sql = end ? end + 2 : sql + strlen(sql);
        } else
            return sql;
    }
}

bool bide__pg_begins_with(const char *sql, const char *const *words)
{
    sql = skip_blank(sql);
    for (; *words; words++) {
        if ((*sql | 0x20) != (**words | 0x20)) /* most of them are not it */
            continue;
        size_t len = strlen(*words);
        if (!strncasecmp(sql, *words, len) &&
            !isalnum((unsigned char)sql[len]) && sql[len] != '_')
            return true;
    }
    return false;
}

/* It may run again without anybody noticing, if the server has undone it. */
bool bide__pg_reads(const char *sql)
{
    static const char *const words[] = {"SELECT", "VALUES", "TABLE", NULL};
    return bide__pg_begins_with(sql, words);
}

static bool is_worth_preparing(const bide_sql_request *request)
{
    static const char *const words[] = {"SELECT", "VALUES", "TABLE", "WITH",
                                        "INSERT", "UPDATE", "DELETE", "MERGE",
                                        NULL};
    return request->params.count > 0 ||
           bide__pg_begins_with(request->sql, words);
}

/* ── Preparing ────────────────────────────────────────────────────────── */

static int send_preparation(struct bide__pg *pg,
                            struct bide__pg_statement *statement)
{
    struct bide__pg_job *job = bide__pg_job_new(BIDE__PG_PREPARE);
    if (!job)
        return -ENOMEM;
    bide__pg_sync(pg); /* what fails here must fail alone */
    if (pg->lost || !PQsendPrepare(pg->conn, statement->name, statement->sql,
                                   0, NULL) ||
        !PQsendDescribePrepared(pg->conn, statement->name)) {
        bide_release(job);
        return bide__pg_raise_lost(pg);
    }
    job->statement = statement;
    statement->users++;
    bide__pg_sent(pg, job);
    return 0;
}

/* Find the statement and wait until it is described. */
static int prepare_once(struct bide__pg *pg, const char *sql, size_t len,
                        struct bide__pg_statement **ret_statement)
{
    bool is_new;
    struct bide__pg_statement *statement = bide__pg_find(pg, sql, len,
                                                         &is_new);
    if (!statement)
        return -ENOMEM;
    int rc = 0;
    if (is_new)
        rc = send_preparation(pg, statement);
    if (rc < 0)
        bide__pg_forget(pg, statement);
    if (rc == 0 && !statement->described)
        rc = bide_event_wait(&statement->ready);
    if (rc == 0 && statement->failed)
        rc = statement->again ? 1 : bide_raise(statement->code, "%s",
                                               statement->message);
    if (rc != 0)
        bide__pg_unuse(pg, statement);
    else
        *ret_statement = statement;
    return rc;
}

static int stopped_too_often(void)
{
    return bide_sql_raise("57014", "the statement was stopped because of "
                                   "others too often");
}

int bide__pg_prepared(struct bide__pg *pg, const char *sql, size_t len,
                      struct bide__pg_statement **ret_statement)
{
    int rc = 1;
    for (int i = 0; rc > 0 && i < AGAIN_MAX; i++)
        rc = prepare_once(pg, sql, len, ret_statement);
    return rc > 0 ? stopped_too_often() : rc;
}

/* ── Sending ──────────────────────────────────────────────────────────── */

static int send_prepared(struct bide__pg *pg, bide_sql_request *request,
                         const struct bide__pg_statement *statement)
{
    struct bide__pg_params encoded;
    if (request->params.count != statement->param_count)
        return bide_raise(-EINVAL,
                          "the statement has %u parameters, but %zu were "
                          "given",
                          statement->param_count, request->params.count);
    int rc = bide__pg_encode(&request->params, statement->params, &encoded);
    if (rc < 0)
        return rc;
    if (!PQsendQueryPrepared(pg->conn, statement->name, encoded.count,
                             encoded.values, encoded.lengths, encoded.formats,
                             statement->binary))
        rc = bide__pg_raise_lost(pg);
    bide__pg_params_free(&encoded);
    return rc;
}

static int send_text(struct bide__pg *pg, const bide_sql_request *request,
                     bool binary)
{
    if (PQsendQueryParams(pg->conn, request->sql, 0, NULL, NULL, NULL, NULL,
                          binary))
        return 0;
    return bide__pg_raise_lost(pg);
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

/* What reads can be left behind: nobody will know what it came to. */
static bool can_leave(const struct bide__pg_job *job)
{
    return job->reads && job->request->autocommit;
}

/* Wait for the job to end. Returns true if the task was cancelled and the job
 * is not its any more. */
static bool await_job(struct bide__pg *pg, struct bide__pg_job *job,
                      bide_event *done, bool *ret_cancelled)
{
    *ret_cancelled = bide_event_wait(done) < 0;
    if (!*ret_cancelled || bide_event_is_set(done))
        return false;
    job->cancelled = true;
    if (can_leave(job)) {
        job->done = NULL;
        job->request = NULL;
        bide__pg_cancel_current(pg);
        return true;
    }
    bide__pg_cancel_current(pg);
    while (!bide_event_is_set(done))
        *ret_cancelled |= bide_event_wait(done) < 0;
    return false;
}

/* What came of it; 1: run it again. */
static int outcome(struct bide__pg_job *job, bool cancelled)
{
    int rc = job->code;
    if (cancelled && (job->again || rc == -ECANCELED))
        return -ECANCELED;
    if (cancelled)
        bide__pg_put_off_cancel();
    if (job->again)
        return 1;
    return rc < 0 ? bide_raise(rc, "%s", job->message) : 0;
}

/* Send a request once and wait for its end. */
static int run_once(struct bide__pg *pg, bide_sql_request *request,
                    struct bide__pg_statement *statement, bool binary,
                    bool alone)
{
    bide_event done = {.is_set = false};
    bool cancelled;
    struct bide__pg_job *job = bide__pg_job_new(BIDE__PG_QUERY);
    if (!job)
        return -ENOMEM;
    job->request = request;
    job->done = &done;
    job->reads = !alone && bide__pg_reads(request->sql);
    if (!job->reads)
        bide__pg_sync(pg);
    int rc = pg->lost ? bide__pg_raise_lost(pg)
             : statement ? send_prepared(pg, request, statement)
                         : send_text(pg, request, binary);
    if (rc < 0) {
        bide_release(job);
        return rc;
    }
    job->statement = statement;
    if (statement)
        statement->users++;
    bide__pg_sent(pg, job);
    if (await_job(pg, job, &done, &cancelled))
        return -ECANCELED;
    rc = outcome(job, cancelled);
    bide_release(job);
    return rc;
}

static int run(struct bide__pg *pg, bide_sql_request *request,
               struct bide__pg_statement *statement, bool binary)
{
    int rc = 1;
    for (int i = 0; rc > 0 && i < AGAIN_MAX; i++)
        rc = run_once(pg, request, statement, binary, i > 0);
    return rc > 0 ? stopped_too_often() : rc;
}

/* The server has forgotten the statement, or a table has changed since. */
static bool is_stale(int rc)
{
    const char *state = bide_sql_error_state(rc);
    return !strcmp(state, "26000") ||
           (!strcmp(state, "0A000") && strstr(bide_errmsg(rc), "cached plan"));
}

static int run_prepared(struct bide__pg *pg, bide_sql_request *request)
{
    int rc = 0;
    for (int i = 0; i < 2; i++) {
        struct bide__pg_statement *statement;
        rc = bide__pg_prepared(pg, request->sql, request->sql_len,
                               &statement);
        if (rc < 0)
            return rc;
        rc = run(pg, request, statement, false);
        bool stale = rc < 0 && is_stale(rc);
        if (stale)
            bide__pg_forget(pg, statement);
        bide__pg_unuse(pg, statement);
        if (!stale || !request->autocommit)
            return rc;
    }
    return rc;
}

/* ── Scripts ──────────────────────────────────────────────────────────── */

/* Stop what runs outside of pipeline mode: end the connection. */
static int give_up(struct bide__pg *pg, int rc)
{
    bide__pg_lose(pg);
    return rc;
}

/* Send a script and read all of its results; the first error counts. */
static int exchange(struct bide__pg *pg, const char *script)
{
    char state[6];
    int failure = 0;
    PGresult *result = NULL;
    if (!PQsendQuery(pg->conn, script))
        return give_up(pg, bide__pg_raise_lost(pg));
    do {
        int rc = bide__pg_result(pg, &result);
        if (rc < 0)
            return give_up(pg, rc);
        ExecStatusType status = PQresultStatus(result);
        if (result && status == PGRES_FATAL_ERROR && failure == 0)
            failure = bide__pg_raise(result, state);
        PQclear(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
            return give_up(pg, bide_raise(-EINVAL, "COPY in a script"));
    } while (result);
    return failure;
}

static int run_script(struct bide__pg *pg, const char *script)
{
    int rc = bide__pg_leave(pg);
    if (rc < 0)
        return rc;
    bool in_transaction = PQtransactionStatus(pg->conn) != PQTRANS_IDLE;
    rc = exchange(pg, script);
    if (pg->lost)
        return rc;
    char message[BIDE_ERRMSG_MAX];
    snprintf(message, sizeof message, "%s", bide_errmsg(rc));
    int ended = 0;
    if (!in_transaction && PQtransactionStatus(pg->conn) != PQTRANS_IDLE) {
        ended = exchange(pg, "ROLLBACK");
        if (ended == 0)
            ended = bide_sql_raise("25001", "the script has left a "
                                            "transaction open");
    }
    int returned = pg->lost ? ended : bide__pg_return(pg);
    if (rc < 0)
        return bide_raise(rc, "%s", message);
    return ended < 0 ? ended : returned;
}

/* ── For the others ───────────────────────────────────────────────────── */

static int check_usable(const struct bide__pg *pg)
{
    if (pg->lost)
        return bide_sql_raise("08003", "the connection is lost");
    if (!pg->piped)
        return bide_raise(-EBUSY, "a COPY or a script is under way on the "
                                  "connection");
    return 0;
}

int bide__pg_run(void *connection, bide_sql_request *request)
{
    static const char *const copying[] = {"COPY", NULL};
    struct bide__pg *pg = connection;
    int rc = check_usable(pg);
    if (rc < 0)
        return rc;
    if (request->script)
        return run_script(pg, request->sql);
    if (bide__pg_begins_with(request->sql, copying))
        return bide_raise(-EINVAL, "COPY is for bide_postgres_copy_in() and "
                                   "bide_postgres_copy_out()");
    if (is_worth_preparing(request))
        return run_prepared(pg, request);
    return run(pg, request, NULL, false);
}

int bide__pg_say(struct bide__pg *pg, const char *sql, bide_sql_rows *rows,
                 bool binary)
{
    bide_sql_request request = {
        .sql = sql,
        .sql_len = strlen(sql),
        .rows = rows,
    };
    int rc = check_usable(pg);
    return rc < 0 ? rc : run(pg, &request, NULL, binary);
}

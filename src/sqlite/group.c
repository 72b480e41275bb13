/* SPDX-License-Identifier: MIT */
/*
 * group.c — the jobs of one visit, in as few transactions as possible.
 *
 * A transaction costs SQLite more than a small statement does: locks of the
 * file for one that reads, a write to the journal for one that writes. Jobs
 * that were waiting when the thread came, each a statement that would be a
 * transaction of its own, are therefore run in one:
 *
 *     BEGIN  job job job ...  COMMIT
 *
 * For those who sent them this must be the same as one by one:
 *
 * - What reads sees at least what was there when it was sent.
 * - A statement that fails undoes itself alone: SQLite does that within a
 *   transaction, too. In a few cases (the disk is full, the statement was
 *   interrupted, ON CONFLICT ROLLBACK) it undoes the whole transaction. Then
 *   all jobs of the group are run again, one by one.
 * - The same happens when COMMIT fails, for instance because of a constraint
 *   that is deferred.
 * - Nobody who writes is told before COMMIT.
 */
#include <errno.h>

#include "sqlite/sqlite.h"

/* The most jobs of one transaction: others wait for its end. */
#define GROUP_MAX 512

/* ── One by one ───────────────────────────────────────────────────────── */

static void run_alone(struct bide__sqlite *sqlite,
                      struct bide__sqlite_job *job)
{
    bide__sqlite_perform(sqlite, job);
    bide__sqlite_finish(sqlite, job);
}

static void run_each(struct bide__sqlite *sqlite,
                     struct bide__sqlite_list *jobs)
{
    struct bide__sqlite_job *job;
    while ((job = bide__sqlite_pop(jobs)))
        run_alone(sqlite, job);
}

/* ── Together ─────────────────────────────────────────────────────────── */

static bool say(sqlite3_stmt *stmt)
{
    int code = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return code == SQLITE_DONE;
}

/* Whether the job is a statement that may share a transaction; looks into the
 * cache for what SQLite knows of it. */
static bool may_share(struct bide__sqlite *sqlite,
                      const struct bide__sqlite_job *job)
{
    struct bide__sqlite_statement *statement;
    if (!job->groups ||
        bide__sqlite_take(sqlite, job->request->sql, job->request->sql_len,
                          &statement) < 0)
        return false;
    bool may = sqlite->writes ? statement->changes : statement->reads;
    bide__sqlite_put(sqlite, statement);
    return may;
}

/* Run statements that read; each can be told of at once. What was sent after
 * the beginning may have to see more than there was then: it has to wait.
 * Returns the job that did not fit. */
static struct bide__sqlite_job *read_group(struct bide__sqlite *sqlite,
                                           struct bide__sqlite_job *job,
                                           uint64_t newest)
{
    size_t count = 0;
    do {
        run_alone(sqlite, job);
        job = ++count < GROUP_MAX ? bide__sqlite_next(sqlite, newest) : NULL;
    } while (job && may_share(sqlite, job));
    (void)say(sqlite->commit);
    return job;
}

/* Run statements that write; they can be told of when all is committed. */
static struct bide__sqlite_job *write_group(struct bide__sqlite *sqlite,
                                            struct bide__sqlite_job *job,
                                            uint64_t newest)
{
    struct bide__sqlite_list group = {.last = &group.first};
    bool whole = true;
    do {
        bide__sqlite_append(&group, job);
        bide__sqlite_perform(sqlite, job);
        whole = !sqlite3_get_autocommit(sqlite->db);
        job = NULL;
        if (whole && group.count < GROUP_MAX)
            job = bide__sqlite_next(sqlite, newest);
    } while (job && may_share(sqlite, job));
    if (whole && say(sqlite->commit)) {
        struct bide__sqlite_job *done;
        while ((done = bide__sqlite_pop(&group)))
            bide__sqlite_finish(sqlite, done);
        return job;
    }
    if (!sqlite3_get_autocommit(sqlite->db))
        (void)sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
    run_each(sqlite, &group);
    return job;
}

/* Whether others wait behind the job that could share its transaction. */
static bool begins_group(struct bide__sqlite *sqlite,
                         const struct bide__sqlite_job *job, uint64_t newest)
{
    return sqlite->db && job->number < newest && may_share(sqlite, job) &&
           sqlite3_get_autocommit(sqlite->db) && say(sqlite->begin);
}

void bide__sqlite_work(struct bide__sqlite *sqlite)
{
    struct bide__sqlite_job *job = bide__sqlite_next(sqlite, UINT64_MAX);
    while (job) {
        uint64_t newest = bide__sqlite_newest(sqlite);
        struct bide__sqlite_job *rest = NULL;
        if (!begins_group(sqlite, job, newest))
            run_alone(sqlite, job);
        else if (sqlite->writes)
            rest = write_group(sqlite, job, newest);
        else
            rest = read_group(sqlite, job, newest);
        job = rest ? rest : bide__sqlite_next(sqlite, UINT64_MAX);
    }
}

/* SPDX-License-Identifier: MIT */
/* cancel_test.c — statements that are stopped, and what stays usable. */
#include <errno.h>
#include <math.h>

#include "sqlite/database.h"

/* Runs for ever, if nobody stops it. */
#define ENDLESS                                                               \
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) "      \
    "SELECT count(*) FROM n"

static int run_for_ever(void *arg)
{
    return bide_sql_execute(arg, ENDLESS, BIDE_SQL());
}

static int insert_for_ever(void *arg)
{
    return bide_sql_execute(arg,
                            "INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) "
                            "UNION ALL SELECT i + 1 FROM n) SELECT i FROM n "
                            "WHERE i < 0",
                            BIDE_SQL());
}

static int insert_one(void *arg)
{
    return bide_sql_execute(arg, "INSERT INTO t VALUES (1)", BIDE_SQL());
}

/* Time is virtual on the backend `sim`, and stands still while a thread is at
 * work: there, only what is cancelled by hand ends. */
static int stop_after_a_while(bide_task *task)
{
    for (int i = 0; i < 20; i++) {
        int rc = bide_sleep(0);
        if (rc < 0)
            return rc;
    }
    usleep(20000); /* the statement is under way by now */
    bide_task_cancel(task);
    return bide_await(task);
}

DATABASE_TEST(a_statement_that_runs_is_interrupted)
{
    int64_t one = 0;
    CHECK_ERR(stop_after_a_while(bide_create_task(run_for_ever, db)),
              -ECANCELED);
    for (int i = 0; i < 20; i++)
        CHECK_INT(bide_sql_fetchval_i64(db, "SELECT 1", BIDE_SQL(), &one), 1);
    return 0;
}

DATABASE_TEST(a_statement_that_waits_in_the_queue_never_begins)
{
    int64_t count = -1;
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a)", BIDE_SQL()));
    bide_task *endless = bide_create_task(insert_for_ever, db);
    CHECK_OK(bide_sleep(0));
    bide_task *waiting = bide_create_task(insert_one, db);
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(waiting));
    CHECK_ERR(bide_await(waiting), -ECANCELED);
    CHECK_ERR(stop_after_a_while(endless), -ECANCELED);
    CHECK_OK(bide_sql_fetchval_i64(db, "SELECT count(*) FROM t", BIDE_SQL(),
                                   &count));
    CHECK_INT(count, 0);
    return 0;
}

/* The one that is stopped rolls SQLite's transaction back, in which others
 * may have been. */
DATABASE_TEST(what_is_stopped_takes_no_other_statement_with_it)
{
    bide_task *tasks[20];
    int64_t count = -1;
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a)", BIDE_SQL()));
    for (int i = 0; i < 10; i++)
        tasks[i] = bide_create_task(insert_one, db);
    bide_task *endless = bide_create_task(insert_for_ever, db);
    for (int i = 10; i < 20; i++)
        tasks[i] = bide_create_task(insert_one, db);
    CHECK_ERR(stop_after_a_while(endless), -ECANCELED);
    CHECK_OK(bide_gather(tasks, 20));
    CHECK_OK(bide_sql_fetchval_i64(db, "SELECT count(*) FROM t", BIDE_SQL(),
                                   &count));
    CHECK_INT(count, 20);
    return 0;
}

static int read_endless_cursor(void *arg)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    int rc = bide_sql_query(arg, ENDLESS, BIDE_SQL(), &cursor);
    if (rc < 0)
        return rc;
    rc = bide_sql_next(cursor, &row);
    bide_sql_cursor_close(cursor);
    return rc;
}

DATABASE_TEST(a_cursor_is_interrupted_as_well)
{
    bide_sql_stats stats;
    CHECK_ERR(stop_after_a_while(bide_create_task(read_endless_cursor, db)),
              -ECANCELED);
    bide_sql_get_stats(db, &stats);
    CHECK_INT(stats.acquired, 0);
    return 0;
}

static bide_event holding;

static int hold_for_ever(void *arg)
{
    bide_sql_transaction tx;
    int rc = bide_sql_begin(arg, &tx, NULL);
    bide_event_set(&holding);
    if (rc < 0)
        return rc;
    return bide_sql_end(&tx, bide_sleep(INFINITY));
}

/* A second pool on the file is as good as another process. */
static int wait_for_other_process(void *arg)
{
    struct database it;
    bide_sql *other;
    const bide_sqlite_options own = {.busy_timeout = 0.05};
    const bide_sql_options options = {.driver = &own};
    (void)arg;
    bide_event_init(&holding);
    CHECK_OK(database_open(&it, NULL));
    CHECK_OK(bide_sql_execute(it.db, "CREATE TABLE t (a)", BIDE_SQL()));
    CHECK_OK(bide_sql_open(it.url, NULL, &other));
    bide_task *holder = bide_create_task(hold_for_ever, it.db);
    CHECK_OK(bide_event_wait(&holding));
    CHECK_ERR(stop_after_a_while(bide_create_task(insert_one, other)),
              -ECANCELED);
    bide_sql_close(other);
    CHECK_OK(bide_sql_open(it.url, &options, &other));
    int rc = insert_one(other);
    CHECK_ERR(rc, BIDE_E_SQL_CONFLICT);
    CHECK_STR(bide_sql_error_state(rc), "55P03");
    bide_task_cancel(holder);
    CHECK_ERR(bide_await(holder), -ECANCELED);
    CHECK_INT(insert_one(other), 1);
    bide_sql_close(other);
    database_close(&it);
    return 0;
}

TEST(waiting_for_another_process_ends_in_time_or_when_cancelled)
{
    CHECK_OK(bide_run(wait_for_other_process, NULL));
}

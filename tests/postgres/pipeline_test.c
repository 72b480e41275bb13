/* SPDX-License-Identifier: MIT */
/*
 * pipeline_test.c — statements of many tasks on few connections, each of
 * which fails alone and gets its own result.
 */
#include "postgres/database.h"

#define TASKS 200

struct work {
    bide_sql *db;
    int number;
    int rc;
    int64_t result;
};

static int divide(void *arg)
{
    struct work *it = arg;
    it->rc = bide_sql_fetchval_i64(it->db, "SELECT 1000 / $1::int8",
                                   BIDE_SQL(it->number), &it->result);
    return 0;
}

static int insert(void *arg)
{
    struct work *it = arg;
    it->rc = bide_sql_execute(it->db, "INSERT INTO t VALUES ($1)",
                              BIDE_SQL(it->number));
    return 0;
}

static void run_all(struct work *all, size_t count, bide_coroutine *fn)
{
    bide_task *tasks[TASKS];
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(fn, &all[i]);
    CHECK_OK(bide_gather(tasks, count));
}

DATABASE_TEST_WITH(many_tasks_share_one_connection, .connections_max = 1)
{
    struct work all[TASKS];
    bide_sql_stats stats;
    for (int i = 0; i < TASKS; i++)
        all[i] = (struct work){.db = db, .number = i + 1};
    run_all(all, TASKS, divide);
    for (int i = 0; i < TASKS; i++) {
        CHECK_INT(all[i].rc, 1);
        CHECK_INT(all[i].result, 1000 / (i + 1));
    }
    bide_sql_get_stats(db, &stats);
    CHECK_INT(stats.connections, 1);
    CHECK_INT(stats.running, 0);
    return 0;
}

/* In one pipeline with the others, and with the same Sync. */
DATABASE_TEST_WITH(a_read_that_fails_fails_alone, .connections_max = 2)
{
    struct work all[TASKS];
    for (int i = 0; i < TASKS; i++)
        all[i] = (struct work){.db = db, .number = i % 10};
    run_all(all, TASKS, divide);
    for (int i = 0; i < TASKS; i++) {
        CHECK_INT(all[i].rc, i % 10 == 0 ? BIDE_E_SQL : 1);
        if (i % 10 != 0)
            CHECK_INT(all[i].result, 1000 / (i % 10));
    }
    return 0;
}

DATABASE_TEST_WITH(a_write_that_fails_fails_alone, .connections_max = 2)
{
    struct work all[TASKS];
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int PRIMARY KEY)",
                              BIDE_SQL()));
    for (int i = 0; i < TASKS; i++)
        all[i] = (struct work){.db = db, .number = i % 10 == 9 ? 0 : i};
    run_all(all, TASKS, insert);
    for (int i = 0; i < TASKS; i++)
        if (all[i].number != 0)
            CHECK_INT(all[i].rc, 1);
    int zeros = 0;
    for (int i = 0; i < TASKS; i++)
        zeros += all[i].number == 0 && all[i].rc == 1;
    CHECK_INT(zeros, 1);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"),
              TASKS - TASKS / 10);
    return 0;
}

/* What a function of a SELECT has done is done once, although others of the
 * same turn have failed and taken the server's transaction with them. */
static int add_one(void *arg)
{
    struct work *it = arg;
    it->rc = bide_sql_fetchval_i64(it->db, "SELECT add_one($1)",
                                   BIDE_SQL(it->number), &it->result);
    return 0;
}

DATABASE_TEST_WITH(what_a_select_has_done_is_done_once, .connections_max = 1)
{
    struct work all[TASKS];
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE t (a int);"
            "CREATE FUNCTION add_one(n int) RETURNS int LANGUAGE plpgsql AS "
            "$$BEGIN INSERT INTO t VALUES (n); RETURN 1 / n; END$$"));
    for (int i = 0; i < TASKS; i++)
        all[i] = (struct work){.db = db, .number = i % 20 == 7 ? 0 : 1};
    run_all(all, TASKS, add_one);
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(all[i].rc, i % 20 == 7 ? BIDE_E_SQL : 1);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"),
              TASKS - TASKS / 20);
    return 0;
}

static int write_then_read(void *arg)
{
    struct work *it = arg;
    for (int i = 0; i < 10; i++) {
        int64_t value = -1;
        int rc = bide_sql_execute(it->db,
                                  "INSERT INTO t VALUES ($1, $2) ON CONFLICT "
                                  "(a) DO UPDATE SET b = excluded.b",
                                  BIDE_SQL(it->number, i));
        if (rc >= 0)
            rc = bide_sql_fetchval_i64(it->db, "SELECT b FROM t WHERE a = $1",
                                       BIDE_SQL(it->number), &value);
        if (rc < 0)
            return rc;
        CHECK_INT(value, i);
    }
    return 0;
}

DATABASE_TEST(a_task_sees_what_it_has_written)
{
    struct work all[50];
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int PRIMARY KEY, b int)",
                              BIDE_SQL()));
    for (int i = 0; i < 50; i++)
        all[i] = (struct work){.db = db, .number = i};
    run_all(all, 50, write_then_read);
    return 0;
}

static int hold(void *arg)
{
    bide_sql *connection;
    int rc = bide_sql_acquire(arg, &connection);
    if (rc < 0)
        return rc;
    rc = bide_sleep(INFINITY);
    bide_sql_release(connection);
    return rc;
}

DATABASE_TEST_WITH(waiting_for_a_connection_ends_in_time,
                   .connections_max = 2, .acquire_timeout = 0.05)
{
    bide_task *holders[2];
    bide_sql_stats stats = {0};
    for (int i = 0; i < 2; i++)
        holders[i] = bide_create_task(hold, db);
    while (stats.acquired < 2) {
        CHECK_OK(bide_sleep(0.001));
        bide_sql_get_stats(db, &stats);
    }
    int rc = bide_sql_execute(db, "SELECT 1", BIDE_SQL());
    CHECK_ERR(rc, -ETIME);
    CHECK_STR(bide_errmsg(rc), "no connection was free within 0.05 s; 2 of 2 "
                               "are in use");
    for (int i = 0; i < 2; i++) {
        bide_task_cancel(holders[i]);
        CHECK_ERR(bide_await(holders[i]), -ECANCELED);
    }
    CHECK_INT(database_number(db, "SELECT 1"), 1);
    return 0;
}

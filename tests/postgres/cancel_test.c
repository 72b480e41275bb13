/* SPDX-License-Identifier: MIT */
/* cancel_test.c — statements that are stopped on the server. */
#include "postgres/database.h"

static int sleep_long(void *arg)
{
    return bide_sql_execute(arg, "SELECT pg_sleep(1000)", BIDE_SQL());
}

static int insert_slowly(void *arg)
{
    return bide_sql_execute(arg, "INSERT INTO t SELECT 1 FROM pg_sleep($1)",
                            BIDE_SQL(1000.0));
}

static int insert_one(void *arg)
{
    return bide_sql_execute(arg, "INSERT INTO t VALUES (1)", BIDE_SQL());
}

#define SLEEPING                                                              \
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query " \
    "LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"

static void wait_until_sleeping(bide_sql *db, int count)
{
    while (database_number(db, SLEEPING) != count)
        CHECK_OK(bide_sleep(0.002));
}

DATABASE_TEST(a_deadline_stops_the_statement_on_the_server)
{
    CHECK_ERR(bide_wait_for(sleep_long, db, 0.1), -ETIME);
    wait_until_sleeping(db, 0);
    CHECK_INT(database_number(db, "SELECT 1"), 1);
    return 0;
}

DATABASE_TEST_WITH(the_connection_goes_on_afterwards, .connections_max = 1)
{
    int64_t pid = database_number(db, "SELECT pg_backend_pid()");
    CHECK_ERR(bide_wait_for(sleep_long, db, 0.05), -ETIME);
    CHECK_INT(database_number(db, "SELECT pg_backend_pid()"), pid);
    return 0;
}

DATABASE_TEST(a_write_that_was_stopped_has_changed_nothing)
{
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    CHECK_ERR(bide_wait_for(insert_slowly, db, 0.1), -ETIME);
    wait_until_sleeping(db, 0);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 0);
    return 0;
}

/* Statements before and after it in the pipeline have their results. */
DATABASE_TEST_WITH(what_is_stopped_takes_no_other_statement_with_it,
                   .connections_max = 1)
{
    bide_task *tasks[20];
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    for (int i = 0; i < 10; i++)
        tasks[i] = bide_create_task(insert_one, db);
    bide_task *slow = bide_create_task(sleep_long, db);
    for (int i = 10; i < 20; i++)
        tasks[i] = bide_create_task(insert_one, db);
    CHECK_OK(bide_sleep(0.1));
    bide_task_cancel(slow);
    CHECK_ERR(bide_await(slow), -ECANCELED);
    CHECK_OK(bide_gather(tasks, 20));
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 20);
    return 0;
}

/* It is asked to stop when it is its turn, and does not run to its end. */
DATABASE_TEST_WITH(what_waits_in_the_pipeline_is_stopped_in_its_turn,
                   .connections_max = 1)
{
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    CHECK_INT(bide_sql_execute(db, "INSERT INTO t SELECT 1 FROM pg_sleep($1)",
                               BIDE_SQL(0.0)),
              1); /* it is prepared by now */
    bide_task *first = bide_create_task(sleep_long, db);
    CHECK_OK(bide_sleep(0.02));
    bide_task *second = bide_create_task(insert_slowly, db);
    CHECK_OK(bide_sleep(0.02));
    bide_task_cancel(second);
    CHECK_OK(bide_sleep(0.02));
    CHECK(!bide_task_done(second));
    bide_task_cancel(first);
    CHECK_ERR(bide_await(first), -ECANCELED);
    CHECK_ERR(bide_await(second), -ECANCELED);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 1);
    return 0;
}

static int sleep_in_transaction(void *arg)
{
    bide_sql_transaction tx;
    int rc = bide_sql_begin(arg, &tx, NULL);
    if (rc < 0)
        return rc;
    rc = insert_one(tx.connection);
    if (rc >= 0)
        rc = sleep_long(tx.connection);
    return bide_sql_end(&tx, rc);
}

DATABASE_TEST_WITH(a_transaction_whose_statement_is_stopped_is_rolled_back,
                   .connections_max = 1)
{
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    int64_t pid = database_number(db, "SELECT pg_backend_pid()");
    CHECK_ERR(bide_wait_for(sleep_in_transaction, db, 0.1), -ETIME);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 0);
    CHECK_INT(database_number(db, "SELECT pg_backend_pid()"), pid);
    return 0;
}

/* Requests to cancel that come at any moment hit nobody else. */
DATABASE_TEST_WITH(cancelling_at_any_moment_leaves_others_alone,
                   .connections_max = 2)
{
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    int inserted = 0;
    for (int i = 0; i < 60; i++) {
        bide_task *victim = bide_create_task(insert_one, db);
        bide_task *other = bide_create_task(insert_one, db);
        for (int turns = 0; turns < i % 12; turns++)
            CHECK_OK(bide_sleep(i % 3 == 0 ? 0.00005 : 0));
        bide_task_cancel(victim);
        int rc = bide_await(victim);
        CHECK(rc == -ECANCELED || rc == 1);
        inserted += rc == 1;
        CHECK_INT(bide_await(other), 1);
        inserted++;
    }
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), inserted);
    return 0;
}

DATABASE_TEST(the_servers_own_timeout_is_an_error)
{
    bide_sql *connection;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_sql_execute(connection, "SET statement_timeout = 20",
                              BIDE_SQL()));
    int rc = sleep_long(connection);
    CHECK_ERR(rc, BIDE_E_SQL);
    CHECK_STR(bide_sql_error_state(rc), "57014");
    CHECK_OK(bide_sql_execute(connection, "RESET statement_timeout",
                              BIDE_SQL()));
    bide_sql_release(connection);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* fault_test.c — the server goes away and comes back. */
#include "postgres/database.h"

static int sleep_long(void *arg)
{
    return bide_sql_execute(arg, "SELECT pg_sleep(1000)", BIDE_SQL());
}

static int run_command(void *arg)
{
    return system(arg) == 0 ? 0 : -EIO;
}

static int restart(void)
{
    return bide_to_thread(run_command, getenv("BIDE_TEST_POSTGRES_RESTART"));
}

DATABASE_TEST(a_restart_fails_what_runs_and_nothing_after_it)
{
    bide_task *tasks[5];
    bide_outcome outcomes[5];
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    for (int i = 0; i < 5; i++)
        tasks[i] = bide_create_task(sleep_long, db);
    CHECK_OK(bide_sleep(0.1));
    CHECK_OK(restart());
    CHECK_OK(bide_gather_outcomes(tasks, 5, outcomes));
    for (int i = 0; i < 5; i++)
        CHECK_INT(outcomes[i].code, BIDE_E_SQL_CONNECTION);
    for (int i = 0; i < 20; i++)
        CHECK_OK(bide_sql_execute(db, "INSERT INTO t VALUES (1)",
                                  BIDE_SQL()));
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 20);
    return 0;
}

DATABASE_TEST(a_restart_while_nothing_runs_is_not_noticed)
{
    CHECK_INT(database_number(db, "SELECT 1"), 1);
    CHECK_OK(restart());
    CHECK_INT(database_number(db, "SELECT 2"), 2);
    return 0;
}

DATABASE_TEST(a_transaction_that_loses_its_connection_ends_in_an_error)
{
    bide_sql_transaction tx;
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(bide_sql_execute(tx.connection, "INSERT INTO t VALUES (1)",
                              BIDE_SQL()));
    CHECK_OK(restart());
    CHECK_ERR(bide_sql_end(&tx, 0), BIDE_E_SQL_CONNECTION);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 0);
    return 0;
}

/* One that another client of the server's ends. */
DATABASE_TEST_WITH(a_connection_that_is_ended_is_replaced,
                   .connections_max = 2)
{
    bide_sql *connection;
    CHECK_OK(bide_sql_acquire(db, &connection));
    int64_t pid = database_number(connection, "SELECT pg_backend_pid()");
    CHECK_OK(bide_sql_execute(db, "SELECT pg_terminate_backend($1)",
                              BIDE_SQL(pid)));
    int rc = bide_sql_execute(connection, "SELECT 1", BIDE_SQL());
    CHECK_ERR(rc, BIDE_E_SQL_CONNECTION);
    CHECK_ERR(bide_sql_execute(connection, "SELECT 1", BIDE_SQL()),
              BIDE_E_SQL_CONNECTION);
    bide_sql_release(connection);
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_INT(database_number(connection, "SELECT 1"), 1);
    bide_sql_release(connection);
    return 0;
}

/* The pool stays as large as it may be, and waiting tasks are served. */
DATABASE_TEST_WITH(who_waits_gets_a_new_connection_for_a_lost_one,
                   .connections_max = 1)
{
    bide_sql *connection;
    CHECK_OK(bide_sql_acquire(db, &connection));
    bide_task *waiting = bide_create_task(sleep_long, db);
    CHECK_OK(bide_sleep(0));
    CHECK_OK(restart());
    bide_sql_release(connection);
    CHECK_OK(bide_sleep(0.2));
    CHECK(!bide_task_done(waiting));
    bide_task_cancel(waiting);
    CHECK_ERR(bide_await(waiting), -ECANCELED);
    return 0;
}

/* Every connection counts as idle for long. */
DATABASE_TEST_WITH(connections_that_were_idle_are_tried_before_use,
                   .check_after = 1e-9, .connections_max = 2)
{
    for (int i = 0; i < 5; i++)
        CHECK_INT(database_number(db, "SELECT 1"), 1);
    CHECK_OK(restart());
    for (int i = 0; i < 5; i++)
        CHECK_INT(database_number(db, "SELECT 1"), 1);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* transaction_test.c — scopes that are rolled back unless they end well. */
#include <errno.h>

#include "sqlite/database.h"

static int64_t count_rows(bide_sql *db)
{
    int64_t count = -1;
    CHECK_OK(bide_sql_fetchval_i64(db, "SELECT count(*) FROM t", BIDE_SQL(),
                                   &count));
    return count;
}

static int insert(bide_sql *db, int value)
{
    return bide_sql_execute(db, "INSERT INTO t VALUES ($1)", BIDE_SQL(value));
}

static int make_table(bide_sql *db)
{
    return bide_sql_execute(db, "CREATE TABLE t (a INTEGER PRIMARY KEY)",
                            BIDE_SQL());
}

DATABASE_TEST(a_scope_commits_what_ended_well)
{
    bide_sql_transaction tx;
    CHECK_OK(make_table(db));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(insert(tx.connection, 1));
    CHECK_INT(count_rows(db), 0);
    CHECK_INT(count_rows(tx.connection), 1);
    CHECK_INT(bide_sql_end(&tx, 7), 7);
    CHECK_INT(count_rows(db), 1);
    return 0;
}

DATABASE_TEST(a_scope_rolls_back_what_failed_and_keeps_the_error)
{
    bide_sql_transaction tx;
    CHECK_OK(make_table(db));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(insert(tx.connection, 1));
    int rc = bide_sql_end(&tx, bide_raise(-EPROTO, "no such luck"));
    CHECK_ERR(rc, -EPROTO);
    CHECK_STR(bide_errmsg(rc), "no such luck");
    CHECK_INT(count_rows(db), 0);
    return 0;
}

DATABASE_TEST(a_transaction_can_end_before_its_scope)
{
    bide_sql_transaction tx;
    CHECK_OK(make_table(db));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(insert(tx.connection, 1));
    bide_sql_rollback(&tx);
    CHECK_OK(bide_sql_end(&tx, 0));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(insert(tx.connection, 2));
    CHECK_OK(bide_sql_commit(&tx));
    CHECK_ERR(bide_sql_end(&tx, -EIO), -EIO);
    CHECK_INT(count_rows(db), 1);
    return 0;
}

DATABASE_TEST(a_transaction_in_a_transaction_is_a_savepoint)
{
    bide_sql_transaction outer, inner, innermost;
    CHECK_OK(make_table(db));
    CHECK_OK(bide_sql_begin(db, &outer, NULL));
    CHECK_OK(insert(outer.connection, 1));
    CHECK_OK(bide_sql_begin(outer.connection, &inner, NULL));
    CHECK_OK(insert(inner.connection, 2));
    CHECK_OK(bide_sql_begin(inner.connection, &innermost, NULL));
    CHECK_OK(insert(innermost.connection, 3));
    CHECK_OK(bide_sql_end(&innermost, 0));
    CHECK_INT(count_rows(outer.connection), 3);
    CHECK_ERR(bide_sql_end(&inner, -EIO), -EIO);
    CHECK_INT(count_rows(outer.connection), 1);
    CHECK_OK(bide_sql_end(&outer, 0));
    CHECK_INT(count_rows(db), 1);
    return 0;
}

DATABASE_TEST(a_failed_statement_does_not_end_the_transaction)
{
    bide_sql_transaction tx;
    CHECK_OK(make_table(db));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(insert(tx.connection, 1));
    CHECK_ERR(insert(tx.connection, 1), BIDE_E_SQL_CONSTRAINT);
    CHECK_OK(insert(tx.connection, 2));
    CHECK_OK(bide_sql_end(&tx, 0));
    CHECK_INT(count_rows(db), 2);
    return 0;
}

DATABASE_TEST(a_transaction_that_only_reads_cannot_write)
{
    const bide_sql_transaction_options options = {.read_only = true};
    bide_sql_transaction tx;
    CHECK_OK(make_table(db));
    CHECK_OK(bide_sql_begin(db, &tx, &options));
    CHECK_INT(count_rows(tx.connection), 0);
    CHECK_OK(insert(db, 1)); /* it does not hold the writer up */
    CHECK_INT(count_rows(tx.connection), 0); /* nor see what came later */
    CHECK_ERR(insert(tx.connection, 2), BIDE_E_SQL);
    CHECK_STR(bide_sql_error_state(BIDE_E_SQL), "25006");
    CHECK_ERR(bide_sql_end(&tx, -EIO), -EIO);
    CHECK_INT(count_rows(db), 1);
    return 0;
}

DATABASE_TEST(a_constraint_that_is_deferred_fails_the_commit)
{
    bide_sql_transaction tx;
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE p (id INTEGER PRIMARY KEY);"
            "CREATE TABLE t (a REFERENCES p DEFERRABLE INITIALLY DEFERRED)"));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(insert(tx.connection, 1));
    int rc = bide_sql_end(&tx, 0);
    CHECK_ERR(rc, BIDE_E_SQL_CONSTRAINT);
    CHECK_STR(bide_sql_error_state(rc), "23503");
    CHECK_INT(count_rows(db), 0);
    return 0;
}

/* It would wait for itself for ever. */
DATABASE_TEST(writing_beside_the_own_transaction_is_refused)
{
    bide_sql_transaction tx;
    CHECK_OK(make_table(db));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_ERR(insert(db, 1), -EDEADLK);
    CHECK_OK(insert(tx.connection, 1));
    CHECK_OK(bide_sql_end(&tx, 0));
    CHECK_OK(insert(db, 2));
    return 0;
}

static int cancelled_halfway(void *arg)
{
    bide_sql_transaction tx;
    int rc = bide_sql_begin(arg, &tx, NULL);
    if (rc < 0)
        return rc;
    rc = insert(tx.connection, 1);
    if (rc >= 0)
        rc = bide_sleep(1000);
    return bide_sql_end(&tx, rc);
}

DATABASE_TEST(cancelling_a_task_rolls_its_transaction_back)
{
    CHECK_OK(make_table(db));
    CHECK_ERR(bide_wait_for(cancelled_halfway, db, 0.05), -ETIME);
    CHECK_INT(count_rows(db), 0);
    CHECK_OK(insert(db, 1));
    return 0;
}

static int add_one(void *arg)
{
    bide_sql_transaction tx;
    int64_t value = 0;
    int rc = bide_sql_begin(arg, &tx, NULL);
    if (rc < 0)
        return rc;
    rc = bide_sql_fetchval_i64(tx.connection, "SELECT a FROM t", BIDE_SQL(),
                               &value);
    if (rc > 0)
        rc = bide_sql_execute(tx.connection, "UPDATE t SET a = $1",
                              BIDE_SQL(value + 1));
    return bide_sql_end(&tx, rc);
}

DATABASE_TEST(transactions_of_many_tasks_lose_no_update)
{
    bide_task *tasks[40];
    int64_t value = 0;
    CHECK_OK(make_table(db));
    CHECK_OK(insert(db, 0));
    for (int i = 0; i < 40; i++)
        tasks[i] = bide_create_task(add_one, db);
    CHECK_OK(bide_gather(tasks, 40));
    CHECK_OK(bide_sql_fetchval_i64(db, "SELECT a FROM t", BIDE_SQL(),
                                   &value));
    CHECK_INT(value, 40);
    return 0;
}

DATABASE_TEST(transactions_are_not_begun_by_statements)
{
    static const char *const words[] = {"BEGIN", " begin immediate", "COMMIT",
                                        "end", "ROLLBACK", "SAVEPOINT a",
                                        "RELEASE a", "/* now: */ BEGIN",
                                        "-- now:\n BEGIN", "; BEGIN"};
    bide_sql_cursor *cursor = NULL;
    CHECK_OK(make_table(db));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        CHECK_ERR(bide_sql_execute(db, words[i], BIDE_SQL()), -EINVAL);
        CHECK_ERR(bide_sql_query(db, words[i], BIDE_SQL(), &cursor), -EINVAL);
        bide_sql_cursor_close(cursor);
        cursor = NULL;
    }
    CHECK_OK(bide_sql_executescript(db, "BEGIN; INSERT INTO t VALUES (1); "
                                        "COMMIT"));
    int rc = bide_sql_executescript(db, "BEGIN; INSERT INTO t VALUES (2)");
    CHECK_ERR(rc, BIDE_E_SQL);
    CHECK_STR(bide_sql_error_state(rc), "25001");
    CHECK_INT(count_rows(db), 1);
    CHECK_OK(insert(db, 3));
    return 0;
}

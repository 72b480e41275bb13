/* SPDX-License-Identifier: MIT */
/* cursor_test.c — rows one by one. */
#include "postgres/database.h"

#define MANY                                                                  \
    "SELECT i, lpad(i::text, 100, '0') AS text FROM generate_series(1, $1) i"

DATABASE_TEST(a_cursor_gives_each_row_once_and_in_order)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    int64_t expected = 0;
    int rc = bide_sql_query(db, MANY, BIDE_SQL(10000), &cursor);
    if (!CHECK_OK(rc))
        return rc;
    while ((rc = bide_sql_next(cursor, &row)) > 0)
        if (!CHECK_INT(bide_sql_row_i64(row, 0), ++expected))
            break;
    CHECK_INT(rc, 0);
    CHECK_INT(expected, 10000);
    CHECK_INT(bide_sql_next(cursor, &row), 0);
    bide_sql_cursor_close(cursor);
    return 0;
}

DATABASE_TEST(a_cursor_can_be_closed_before_its_end)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bide_sql_query(db, MANY, BIDE_SQL(1000000), &cursor));
        CHECK_INT(bide_sql_next(cursor, &row), 1);
        CHECK_INT(bide_sql_row_i64(row, 0), 1);
        bide_sql_cursor_close(cursor);
    }
    bide_sql_stats stats;
    bide_sql_get_stats(db, &stats);
    CHECK_INT(stats.acquired, 0);
    return 0;
}

DATABASE_TEST(parameters_of_a_cursor_are_its_own)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    char text[] = "before";
    char sql[] = "SELECT $1::text";
    CHECK_OK(bide_sql_query(db, sql, BIDE_SQL(text), &cursor));
    memset(text, 'x', sizeof text - 1);
    memset(sql, 'x', sizeof sql - 1);
    CHECK_INT(bide_sql_next(cursor, &row), 1);
    CHECK_STR(bide_sql_row_text(row, 0), "before");
    bide_sql_cursor_close(cursor);
    return 0;
}

DATABASE_TEST(other_statements_go_on_beside_a_cursor)
{
    bide_sql_transaction tx;
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    int64_t sum = 0;
    int rc;
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t "
            "VALUES (1, 0), (2, 0), (3, 0)"));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    CHECK_OK(bide_sql_query(tx.connection, "SELECT a FROM t ORDER BY a",
                            BIDE_SQL(), &cursor));
    while ((rc = bide_sql_next(cursor, &row)) > 0)
        CHECK_INT(bide_sql_execute(tx.connection,
                                   "UPDATE t SET b = $1 WHERE a = $1",
                                   BIDE_SQL(bide_sql_row_i64(row, 0))),
                  1);
    CHECK_INT(rc, 0);
    bide_sql_cursor_close(cursor);
    CHECK_OK(bide_sql_end(&tx, 0));
    CHECK_INT(bide_sql_fetchval_i64(db, "SELECT sum(b) FROM t", BIDE_SQL(),
                                    &sum),
              1);
    CHECK_INT(sum, 6);
    return 0;
}

DATABASE_TEST(a_cursor_gives_the_rows_of_a_statement_that_writes)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    CHECK_OK(bide_sql_query(db,
                            "WITH v(a) AS (VALUES (7), (8)) INSERT INTO t "
                            "SELECT a FROM v RETURNING a",
                            BIDE_SQL(), &cursor));
    CHECK_INT(bide_sql_next(cursor, &row), 1);
    CHECK_INT(bide_sql_row_i64(row, 0), 7);
    CHECK_INT(bide_sql_next(cursor, &row), 1);
    CHECK_INT(bide_sql_next(cursor, &row), 0);
    bide_sql_cursor_close(cursor);
    return 0;
}

DATABASE_TEST(a_statement_that_cannot_begin_leaves_no_cursor)
{
    bide_sql_cursor *cursor;
    bide_sql_stats stats;
    CHECK_ERR(bide_sql_query(db, "SELECT * FROM nowhere", BIDE_SQL(), &cursor),
              BIDE_E_SQL);
    CHECK_ERR(bide_sql_query(db, "SELECT $1::int", BIDE_SQL(), &cursor),
              -EINVAL);
    bide_sql_get_stats(db, &stats);
    CHECK_INT(stats.acquired, 0);
    return 0;
}

/* On a connection that was acquired, outside of transactions. */
DATABASE_TEST(what_is_written_while_rows_are_read_is_kept)
{
    bide_sql *connection;
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()));
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_sql_query(connection, "SELECT generate_series(1, 3)",
                            BIDE_SQL(), &cursor));
    while (bide_sql_next(cursor, &row) > 0)
        CHECK_INT(bide_sql_execute(connection, "INSERT INTO t VALUES (1)",
                                   BIDE_SQL()),
                  1);
    bide_sql_cursor_close(cursor);
    bide_sql_release(connection);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 3);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* copy_test.c — COPY in and out. */
#include "postgres/database.h"

#define ROWS 20000

static int send_rows(bide_postgres_copy *copy)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < ROWS; i++) {
        char line[64];
        int len = snprintf(line, sizeof line, "%d\trow %d\n", i, i);
        rc = bide_postgres_copy_write(copy, line, (size_t)len);
    }
    return rc;
}

static int64_t receive(bide_sql *connection, const char *sql)
{
    bide_postgres_copy *copy;
    const char *data;
    int64_t bytes = 0;
    int rc = bide_postgres_copy_out(connection, sql, &copy);
    if (!CHECK_OK(rc))
        return rc;
    while ((rc = bide_postgres_copy_read(copy, &data)) > 0)
        bytes += rc;
    CHECK_INT(bide_postgres_copy_end(copy, rc), ROWS);
    return bytes;
}

DATABASE_TEST(rows_go_in_and_come_out)
{
    bide_sql *connection;
    bide_postgres_copy *copy;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_sql_execute(connection, "CREATE TABLE t (a int, b text)",
                              BIDE_SQL()));
    CHECK_OK(bide_postgres_copy_in(connection, "COPY t FROM STDIN", &copy));
    CHECK_INT(bide_postgres_copy_end(copy, send_rows(copy)), ROWS);
    CHECK_INT(database_number(connection, "SELECT sum(a) FROM t"),
              (int64_t)ROWS * (ROWS - 1) / 2);
    CHECK(receive(connection, "COPY t TO STDOUT (FORMAT csv)") > ROWS * 6);
    CHECK_INT(database_number(connection, "SELECT 1"), 1);
    bide_sql_release(connection);
    return 0;
}

DATABASE_TEST(a_copy_that_fails_is_undone_and_the_connection_goes_on)
{
    bide_sql *connection;
    bide_postgres_copy *copy;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_sql_execute(connection, "CREATE TABLE t (a int, b text)",
                              BIDE_SQL()));
    CHECK_OK(bide_postgres_copy_in(connection, "COPY t FROM STDIN", &copy));
    CHECK_OK(send_rows(copy));
    CHECK_ERR(bide_postgres_copy_end(copy, -EIO), -EIO);
    CHECK_OK(bide_postgres_copy_in(connection, "COPY t FROM STDIN", &copy));
    CHECK_OK(bide_postgres_copy_write(copy, "no number\tx\n", 12));
    int rc = bide_postgres_copy_end(copy, 0);
    CHECK_ERR(rc, BIDE_E_SQL);
    CHECK_STR(bide_sql_error_state(rc), "22P02");
    CHECK_INT(database_number(connection, "SELECT count(*) FROM t"), 0);
    bide_sql_release(connection);
    return 0;
}

DATABASE_TEST(what_is_no_copy_is_refused)
{
    bide_sql *connection;
    bide_postgres_copy *copy;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_ERR(bide_postgres_copy_in(connection, "SELECT 1", &copy), -EINVAL);
    CHECK_ERR(bide_postgres_copy_out(connection, "COPY nowhere TO STDOUT",
                                     &copy),
              BIDE_E_SQL);
    CHECK_INT(database_number(connection, "SELECT 1"), 1);
    bide_sql_release(connection);
    CHECK_ERR(bide_postgres_copy_in(db, "COPY t FROM STDIN", &copy), -EINVAL);
    return 0;
}

/* The rest would have to be read: the connection is closed instead. */
DATABASE_TEST(a_copy_can_be_left_before_its_end)
{
    bide_sql *connection;
    bide_postgres_copy *copy;
    const char *data;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_postgres_copy_out(
        connection, "COPY (SELECT generate_series(1, 1000000)) TO STDOUT",
        &copy));
    CHECK_INT(bide_postgres_copy_read(copy, &data), 2);
    CHECK_MEM(data, "1\n", 2);
    CHECK_ERR(bide_postgres_copy_end(copy, -ECANCELED), -ECANCELED);
    bide_sql_release(connection);
    CHECK_INT(database_number(db, "SELECT 1"), 1);
    return 0;
}

DATABASE_TEST(nothing_else_is_done_on_a_connection_that_copies)
{
    bide_sql *connection;
    bide_postgres_copy *copy;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_sql_execute(connection, "CREATE TABLE t (a int)",
                              BIDE_SQL()));
    CHECK_OK(bide_postgres_copy_in(connection, "COPY t FROM STDIN", &copy));
    CHECK_ERR(bide_sql_execute(connection, "SELECT 1", BIDE_SQL()), -EBUSY);
    CHECK_INT(bide_postgres_copy_end(copy, 0), 0);
    CHECK_INT(database_number(connection, "SELECT 1"), 1);
    bide_sql_release(connection);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* statement_test.c — values there and back, parameters, errors. */
#include <errno.h>
#include <limits.h>

#include "sqlite/database.h"

DATABASE_TEST(values_come_back_as_they_were)
{
    const bide_sql_row *row;
    const char bytes[] = {0, 1, 0, (char)255};
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a, b, c, d, e, f, g)",
                              BIDE_SQL()));
    int rc = bide_sql_execute(
        db, "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)",
        BIDE_SQL(INT64_MIN, 2.5, "na\303\257ve", bide_sql_blob(bytes, 4), NULL,
                 bide_sql_bool(true), ""));
    CHECK_INT(rc, 1);
    rc = bide_sql_fetchrow(db, "SELECT * FROM t", BIDE_SQL(), &row);
    if (!CHECK_INT(rc, 1))
        return rc;
    CHECK_INT(bide_sql_row_columns(row), 7);
    CHECK_STR(bide_sql_row_name(row, 2), "c");
    CHECK(bide_sql_row_i64(row, 0) == INT64_MIN);
    CHECK(bide_sql_row_f64(row, 1) == 2.5);
    CHECK_STR(bide_sql_row_text(row, 2), "na\303\257ve");
    const bide_sql_value *blob = bide_sql_row_get(row, "d");
    CHECK_INT(blob->type, BIDE_SQL_BLOB);
    CHECK_INT(blob->len, 4);
    CHECK_MEM(blob->blob, bytes, 4);
    CHECK_INT(bide_sql_row_value(row, 4)->type, BIDE_SQL_NULL);
    CHECK(bide_sql_row_bool(row, 5));
    CHECK_STR(bide_sql_row_text(row, 6), "");
    CHECK(bide_sql_row_get(row, "h") == NULL);
    bide_sql_row_free(row);
    return 0;
}

DATABASE_TEST(times_are_texts_that_sqlite_understands)
{
    const int64_t us = INT64_C(1763667000250000); /* 2025-11-20 19:30:00.25 */
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(db, "SELECT $1, strftime('%s', $1)",
                               BIDE_SQL(bide_sql_time(us)), &row);
    if (!CHECK_INT(rc, 1))
        return rc;
    CHECK_STR(bide_sql_row_text(row, 0), "2025-11-20 19:30:00.250000");
    CHECK_INT(bide_sql_row_i64(row, 1), us / 1000000);
    CHECK_INT(bide_sql_as_time(bide_sql_row_value(row, 0)), us);
    bide_sql_row_free(row);
    return 0;
}

TEST(texts_of_times_are_read)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-01-01 00:00:01.5", 1500000},
        {"2000-02-29T12:00:00Z", INT64_C(951825600000000)},
        {"2000-02-29 13:30:00+01:30", INT64_C(951825600000000)},
        {"1969-12-31 23:59:59.999999", -1},
        {"1969-12-31 22:00-02", 0},
        {"no time", 0},
        {"2000-13-01", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bide_sql_value value = bide_sql_text(cases[i].text);
        CHECK_INT(bide_sql_as_time(&value), cases[i].us);
    }
}

DATABASE_TEST(parameters_are_found_by_their_numbers)
{
    int64_t value = 0;
    CHECK_INT(bide_sql_fetchval_i64(db, "SELECT $2 * 10 + $1 + $2 * 100",
                                    BIDE_SQL(5, 7), &value),
              1);
    CHECK_INT(value, 775);
    CHECK_ERR(bide_sql_execute(db, "SELECT $2", BIDE_SQL(1)), -EINVAL);
    CHECK_ERR(bide_sql_execute(db, "SELECT $1", BIDE_SQL(1, 2)), -EINVAL);
    CHECK_ERR(bide_sql_execute(db, "SELECT :name", BIDE_SQL(1)), -EINVAL);
    CHECK_ERR(bide_sql_execute(db, "SELECT $1", BIDE_SQL(UINT64_MAX)),
              -ERANGE);
    return 0;
}

DATABASE_TEST(as_many_parameters_as_the_macro_takes)
{
    int64_t sum = 0;
    CHECK_INT(bide_sql_fetchval_i64(
                  db,
                  "SELECT $1+$2+$3+$4+$5+$6+$7+$8+$9+$10+$11+$12+$13+$14+$15"
                  "+$16",
                  BIDE_SQL(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                           16),
                  &sum),
              1);
    CHECK_INT(sum, 136);
    CHECK_INT(bide_sql_fetchval_i64(
                  db, "SELECT $1+$2+$3+$4+$5+$6+$7+$8+$9+$10+$11",
                  BIDE_SQL(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), &sum),
              1);
    CHECK_INT(sum, 66);
    return 0;
}

DATABASE_TEST(what_looks_like_sql_in_a_parameter_is_text)
{
    static const char evil[] = "x'); DROP TABLE t; --";
    char *text = NULL;
    int64_t count = 0;
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a TEXT)", BIDE_SQL()));
    CHECK_INT(bide_sql_execute(db, "INSERT INTO t VALUES ($1)",
                               BIDE_SQL(evil)),
              1);
    CHECK_INT(bide_sql_fetchval_i64(db, "SELECT count(*) FROM t WHERE a = $1",
                                    BIDE_SQL("' OR 1=1 --"), &count),
              1);
    CHECK_INT(count, 0);
    CHECK_INT(bide_sql_fetchval_text(db, "SELECT a FROM t", BIDE_SQL(),
                                     &text),
              1);
    CHECK_STR(text, evil);
    bide_release(text);
    return 0;
}

DATABASE_TEST(fetch_gives_all_rows)
{
    bide_sql_rows *rows;
    int rc = bide_sql_fetch(db,
                            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL "
                            "SELECT i + 1 FROM n WHERE i < 5000) "
                            "SELECT i, 'row ' || i AS text FROM n",
                            BIDE_SQL(), &rows);
    if (!CHECK_INT(rc, 5000))
        return rc;
    CHECK_INT(bide_sql_rows_count(rows), 5000);
    for (size_t i = 0; i < 5000; i++) {
        char expected[32];
        const bide_sql_row *row = bide_sql_rows_at(rows, i);
        snprintf(expected, sizeof expected, "row %zu", i + 1);
        if (!CHECK_INT(bide_sql_row_i64(row, 0), i + 1) ||
            !CHECK_STR(bide_sql_row_text(row, 1), expected))
            break;
    }
    bide_sql_rows_free(rows);
    CHECK_INT(bide_sql_fetch(db, "SELECT 1 WHERE 0", BIDE_SQL(), &rows), 0);
    bide_sql_rows_free(rows);
    return 0;
}

DATABASE_TEST(nothing_is_no_value)
{
    int64_t value = 5;
    const bide_sql_row *row;
    CHECK_INT(bide_sql_fetchval_i64(db, "SELECT 1 WHERE 0", BIDE_SQL(),
                                    &value),
              0);
    CHECK_INT(bide_sql_fetchval_i64(db, "SELECT NULL", BIDE_SQL(), &value), 0);
    CHECK_INT(value, 5);
    CHECK_INT(bide_sql_fetchrow(db, "SELECT 1 WHERE 0", BIDE_SQL(), &row), 0);
    CHECK(row == NULL);
    return 0;
}

/* A statement that begins like a read and writes goes to the writer. */
DATABASE_TEST(what_writes_is_sent_to_the_writer)
{
    int64_t id = 0;
    CHECK_OK(bide_sql_execute(
        db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", BIDE_SQL()));
    CHECK_INT(bide_sql_fetchval_i64(
                  db, "INSERT INTO t (a) VALUES ($1) RETURNING id",
                  BIDE_SQL("x"), &id),
              1);
    CHECK_INT(id, 1);
    CHECK_INT(bide_sql_fetchval_i64(
                  db,
                  "WITH v(a) AS (VALUES (7)) INSERT INTO t (a) SELECT a FROM "
                  "v RETURNING id",
                  BIDE_SQL(), &id),
              1);
    CHECK_INT(id, 2);
    CHECK_INT(bide_sql_execute(db, "UPDATE t SET a = 0", BIDE_SQL()), 2);
    CHECK_INT(bide_sql_execute(db, "SELECT * FROM t", BIDE_SQL()), 0);
    return 0;
}

DATABASE_TEST(errors_have_the_state_that_postgresql_has_for_them)
{
    static const struct {
        const char *sql;
        const char *state;
        int code;
    } cases[] = {
        {"INSERT INTO t VALUES (1, 1, 1)", "23505", BIDE_E_SQL_CONSTRAINT},
        {"INSERT INTO t VALUES (2, NULL, 1)", "23502", BIDE_E_SQL_CONSTRAINT},
        {"INSERT INTO t VALUES (3, -1, 1)", "23514", BIDE_E_SQL_CONSTRAINT},
        {"INSERT INTO t VALUES (4, 1, 9)", "23503", BIDE_E_SQL_CONSTRAINT},
        {"SELECT * FROM nowhere", "42P01", BIDE_E_SQL},
        {"SELECT missing FROM t", "42703", BIDE_E_SQL},
        {"SELEC 1", "42601", BIDE_E_SQL},
        {"SELECT 1; SELECT 2", "42601", BIDE_E_SQL},
        {"  ", "42601", BIDE_E_SQL},
        {"CREATE TABLE t (a)", "42P07", BIDE_E_SQL},
    };
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);"
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT NOT NULL "
            "CHECK (n >= 0), p INT REFERENCES p); INSERT INTO t VALUES (1, 1, "
            "1)"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = bide_sql_execute(db, cases[i].sql, BIDE_SQL());
        CHECK_ERR(rc, cases[i].code);
        CHECK_STR(bide_sql_error_state(rc), cases[i].state);
    }
    CHECK_STR(bide_sql_error_state(0), "");
    CHECK_STR(bide_sql_error_state(-EINVAL), "");
    return 0;
}

static int fails(void *arg)
{
    return bide_sql_execute(arg, "SELECT * FROM nowhere", BIDE_SQL());
}

DATABASE_TEST(the_state_travels_to_who_awaits_the_task)
{
    int rc = bide_await(bide_create_task(fails, db));
    CHECK_ERR(rc, BIDE_E_SQL);
    CHECK_STR(bide_sql_error_state(rc), "42P01");
    CHECK_STR(bide_errmsg(rc), "42P01: no such table: nowhere");
    return 0;
}

/* Columns are read anew when a statement had to be prepared anew. */
DATABASE_TEST(a_cached_statement_follows_the_schema)
{
    const bide_sql_row *row;
    CHECK_OK(bide_sql_executescript(db, "CREATE TABLE t (a); INSERT INTO t "
                                        "VALUES (1)"));
    for (size_t columns = 1; columns <= 3; columns++) {
        int rc = bide_sql_fetchrow(db, "SELECT * FROM t", BIDE_SQL(), &row);
        if (!CHECK_INT(rc, 1))
            return rc;
        CHECK_INT(bide_sql_row_columns(row), columns);
        bide_sql_row_free(row);
        char sql[64];
        snprintf(sql, sizeof sql, "ALTER TABLE t ADD COLUMN c%zu", columns);
        CHECK_OK(bide_sql_execute(db, sql, BIDE_SQL()));
    }
    return 0;
}

static int result_is_too_long(void *arg)
{
    struct database it;
    const bide_sql_options options = {.result_max = 100000};
    bide_sql_rows *rows;
    (void)arg;
    int rc = database_open(&it, &options);
    if (rc < 0)
        return rc;
    CHECK_ERR(bide_sql_fetch(it.db, "SELECT zeroblob(200000)", BIDE_SQL(),
                             &rows),
              -EMSGSIZE);
    CHECK(strstr(bide_errmsg(-EMSGSIZE), "100000"));
    CHECK_INT(bide_sql_fetch(it.db, "SELECT zeroblob(2000)", BIDE_SQL(),
                             &rows),
              1);
    bide_sql_rows_free(rows);
    database_close(&it);
    return 0;
}

TEST(a_result_has_a_limit)
{
    CHECK_OK(bide_run(result_is_too_long, NULL));
}

static int open_urls(void *arg)
{
    static const char *const bad[] = {"sqlite:x", "sqlite:///",
                                      "sqlite:////no/such/directory/x.db"};
    bide_sql *db;
    (void)arg;
    CHECK_OK(bide_sqlite_register());
    CHECK_ERR(bide_sql_open("nosuch://x", NULL, &db), -EPROTONOSUPPORT);
    CHECK_ERR(bide_sql_open(bad[0], NULL, &db), -EINVAL);
    CHECK_ERR(bide_sql_open(bad[1], NULL, &db), -EINVAL);
    CHECK_ERR(bide_sql_open(bad[2], NULL, &db), BIDE_E_SQL_CONNECTION);
    CHECK_STR(bide_sql_error_state(BIDE_E_SQL_CONNECTION), "08001");
    const bide_sql_options options = {.acquire_timeout = -1};
    CHECK_ERR(bide_sql_open("sqlite::memory:", &options, &db), -EINVAL);
    return 0;
}

TEST(urls_that_cannot_be_used_are_refused)
{
    CHECK_OK(bide_run(open_urls, NULL));
}

static int use_memory(void *arg)
{
    bide_sql *db;
    int64_t count = 0;
    (void)arg;
    CHECK_OK(bide_sqlite_register());
    int rc = bide_sql_open("sqlite::memory:", NULL, &db);
    if (rc < 0)
        return rc;
    CHECK_STR(bide_sql_scheme(db), "sqlite");
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a)", BIDE_SQL()));
    CHECK_OK(bide_sql_execute(db, "INSERT INTO t VALUES (1)", BIDE_SQL()));
    CHECK_INT(bide_sql_fetchval_i64(db, "SELECT count(*) FROM t", BIDE_SQL(),
                                    &count),
              1);
    CHECK_INT(count, 1);
    bide_sql_close(db);
    return 0;
}

TEST(a_database_can_be_in_memory)
{
    CHECK_OK(bide_run(use_memory, NULL));
}

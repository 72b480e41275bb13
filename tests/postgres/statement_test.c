/* SPDX-License-Identifier: MIT */
/* statement_test.c — values there and back, parameters, errors. */
#include "postgres/database.h"

DATABASE_TEST(values_come_back_as_they_were)
{
    const bide_sql_row *row;
    const char bytes[] = {0, 1, 0, (char)255};
    const int64_t us = INT64_C(1763667000250000);
    int rc = bide_sql_fetchrow(
        db,
        "SELECT $1::int8, $2::float8, $3::text, $4::bytea, $5::text, $6::bool,"
        " $7::text, $8::int2, $9::int4, $10::float4, $11::timestamptz,"
        " $12::timestamp",
        BIDE_SQL(INT64_MIN, 2.5, "na\303\257ve", bide_sql_blob(bytes, 4), NULL,
                 bide_sql_bool(true), "", -7, 1 << 30, 0.5, bide_sql_time(us),
                 bide_sql_time(-1)),
        &row);
    if (!CHECK_INT(rc, 1))
        return rc;
    CHECK(bide_sql_row_i64(row, 0) == INT64_MIN);
    CHECK(bide_sql_row_f64(row, 1) == 2.5);
    CHECK_STR(bide_sql_row_text(row, 2), "na\303\257ve");
    const bide_sql_value *blob = bide_sql_row_value(row, 3);
    CHECK_INT(blob->type, BIDE_SQL_BLOB);
    CHECK_INT(blob->len, 4);
    CHECK_MEM(blob->blob, bytes, 4);
    CHECK_INT(bide_sql_row_value(row, 4)->type, BIDE_SQL_NULL);
    CHECK_INT(bide_sql_row_value(row, 5)->type, BIDE_SQL_BOOL);
    CHECK(bide_sql_row_bool(row, 5));
    CHECK_STR(bide_sql_row_text(row, 6), "");
    CHECK_INT(bide_sql_row_i64(row, 7), -7);
    CHECK_INT(bide_sql_row_i64(row, 8), 1 << 30);
    CHECK(bide_sql_row_f64(row, 9) == 0.5);
    CHECK_INT(bide_sql_row_value(row, 10)->type, BIDE_SQL_TIME);
    CHECK_INT(bide_sql_as_time(bide_sql_row_value(row, 10)), us);
    CHECK_INT(bide_sql_as_time(bide_sql_row_value(row, 11)), -1);
    bide_sql_row_free(row);
    return 0;
}

/* The server knows best: what it makes of a value as text is what ours must
 * be. The second cast forces a text result of the server's. */
DATABASE_TEST(types_without_one_of_ours_are_texts_as_the_server_writes_them)
{
    static const struct {
        const char *type;
        const char *value;
    } cases[] = {
        {"numeric", "0"},
        {"numeric", "12345678901234567890.123456789"},
        {"numeric", "-0.00010"},
        {"numeric", "10000"},
        {"numeric", "100000000.0000"},
        {"numeric", "0.5"},
        {"numeric", "NaN"},
        {"numeric", "-Infinity"},
        {"numeric", "1e200"},
        {"numeric", "1e-20"},
        {"uuid", "01234567-89ab-cdef-0123-456789abcdef"},
        {"jsonb", "{\"a\": [1, 2]}"},
        {"json", "{ \"a\":1}"},
        {"date", "2000-02-29"},
        {"date", "1969-12-31"},
        {"date", "1582-10-15"},
        {"date", "9999-12-31"},
        {"date", "infinity"},
        {"time", "12:34:56.789"},
        {"interval", "1 year 2 mons 3 days 04:05:06"},
        {"int4[]", "{1,2,NULL}"},
        {"inet", "10.0.0.1"},
        {"varchar(10)", "short"},
        {"char(5)", "ab   "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[200], *ours = NULL, *theirs = NULL;
        snprintf(sql, sizeof sql, "SELECT $1::%s", cases[i].type);
        CHECK_INT(bide_sql_fetchval_text(db, sql, BIDE_SQL(cases[i].value),
                                         &ours),
                  1);
        snprintf(sql, sizeof sql, "SELECT format('%%s', $1::%s)",
                 cases[i].type);
        CHECK_INT(bide_sql_fetchval_text(db, sql, BIDE_SQL(cases[i].value),
                                         &theirs),
                  1);
        CHECK_STR(ours, theirs);
        bide_release(ours);
        bide_release(theirs);
    }
    return 0;
}

/* A column that we know no binary form of makes the whole row text. */
DATABASE_TEST(a_row_of_texts_has_the_same_values)
{
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(
        db,
        "SELECT '{1}'::int4[], 5::int4, 2.5::float8, true, '\\x00ff'::bytea,"
        " '2025-11-20 19:30:00.25+00'::timestamptz, NULL::int4",
        BIDE_SQL(), &row);
    if (!CHECK_INT(rc, 1))
        return rc;
    CHECK_INT(bide_sql_row_value(row, 1)->type, BIDE_SQL_I64);
    CHECK_INT(bide_sql_row_i64(row, 1), 5);
    CHECK(bide_sql_row_f64(row, 2) == 2.5);
    CHECK_INT(bide_sql_row_value(row, 3)->type, BIDE_SQL_BOOL);
    CHECK_INT(bide_sql_row_value(row, 4)->len, 2);
    CHECK_MEM(bide_sql_row_value(row, 4)->blob, "\0\377", 2);
    CHECK_INT(bide_sql_row_i64(row, 5), INT64_C(1763667000250000));
    CHECK_INT(bide_sql_row_value(row, 6)->type, BIDE_SQL_NULL);
    bide_sql_row_free(row);
    return 0;
}

DATABASE_TEST(parameters_take_the_type_that_the_server_wants)
{
    CHECK_OK(bide_sql_execute(db,
                              "CREATE TABLE t (a int2, b numeric, c bool, "
                              "d text, e timestamptz, f jsonb, g uuid)",
                              BIDE_SQL()));
    CHECK_INT(bide_sql_execute(
                  db, "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)",
                  BIDE_SQL(5, 2.5, 1, 42, "2025-01-01 00:00:00+00", "[1]",
                           "01234567-89ab-cdef-0123-456789abcdef")),
              1);
    CHECK_INT(database_number(db, "SELECT count(*) FROM t WHERE a = 5 AND "
                                  "b = 2.5 AND c AND d = '42' AND "
                                  "f = '[1]'"),
              1);
    CHECK_ERR(bide_sql_execute(db, "INSERT INTO t (a) VALUES ($1)",
                               BIDE_SQL(40000)),
              -ERANGE);
    CHECK_ERR(bide_sql_execute(db, "INSERT INTO t (a) VALUES ($1)",
                               BIDE_SQL("x")),
              BIDE_E_SQL);
    CHECK_ERR(bide_sql_execute(db, "SELECT $1::int4", BIDE_SQL()), -EINVAL);
    CHECK_ERR(bide_sql_execute(db, "SELECT $1::int4", BIDE_SQL(1, 2)),
              -EINVAL);
    CHECK_ERR(bide_sql_execute(db, "SELECT $1::uuid",
                               BIDE_SQL(bide_sql_text_len("a\0b", 3))),
              -EINVAL);
    return 0;
}

DATABASE_TEST(what_looks_like_sql_in_a_parameter_is_text)
{
    static const char evil[] = "x'); DROP TABLE t; --";
    char *text = NULL;
    CHECK_OK(bide_sql_execute(db, "CREATE TABLE t (a text)", BIDE_SQL()));
    CHECK_INT(bide_sql_execute(db, "INSERT INTO t VALUES ($1)",
                               BIDE_SQL(evil)),
              1);
    CHECK_INT(bide_sql_fetchval_text(db, "SELECT a FROM t WHERE a = $1",
                                     BIDE_SQL(evil), &text),
              1);
    CHECK_STR(text, evil);
    bide_release(text);
    return 0;
}

DATABASE_TEST(errors_have_their_state_and_code)
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
        {"CREATE TABLE t (a int)", "42P07", BIDE_E_SQL},
        {"SELECT 1 / 0", "22012", BIDE_E_SQL},
        {"COPY t TO STDOUT", "", -EINVAL},
    };
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);"
            "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL "
            "CHECK (n >= 0), p int REFERENCES p); INSERT INTO t VALUES (1, 1, "
            "1)"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = bide_sql_execute(db, cases[i].sql, BIDE_SQL());
        CHECK_ERR(rc, cases[i].code);
        CHECK_STR(bide_sql_error_state(rc), cases[i].state);
    }
    CHECK_INT(database_number(db, "SELECT count(*) FROM t"), 1);
    return 0;
}

DATABASE_TEST(changes_are_counted)
{
    CHECK_INT(bide_sql_execute(db, "CREATE TABLE t (a int)", BIDE_SQL()), 0);
    CHECK_INT(bide_sql_execute(
                  db, "INSERT INTO t SELECT generate_series(1, 10)",
                  BIDE_SQL()),
              10);
    CHECK_INT(bide_sql_execute(db, "UPDATE t SET a = 0 WHERE a > $1",
                               BIDE_SQL(4)),
              6);
    CHECK_INT(bide_sql_execute(db, "SELECT * FROM t", BIDE_SQL()), 0);
    CHECK_INT(database_number(db, "DELETE FROM t WHERE a = 3 RETURNING a"), 3);
    return 0;
}

DATABASE_TEST(fetch_gives_all_rows_and_fetchrow_the_first)
{
    bide_sql_rows *rows;
    const bide_sql_row *row;
    CHECK_INT(bide_sql_fetch(db,
                             "SELECT i, 'row ' || i FROM generate_series(1, "
                             "5000) i",
                             BIDE_SQL(), &rows),
              5000);
    for (size_t i = 0; i < 5000; i++)
        if (!CHECK_INT(bide_sql_row_i64(bide_sql_rows_at(rows, i), 0), i + 1))
            break;
    bide_sql_rows_free(rows);
    CHECK_INT(bide_sql_fetchrow(db, "SELECT generate_series(7, 9) AS n",
                                BIDE_SQL(), &row),
              1);
    CHECK_INT(bide_sql_as_i64(bide_sql_row_get(row, "n")), 7);
    bide_sql_row_free(row);
    CHECK_INT(bide_sql_fetchrow(db, "SELECT 1 WHERE false", BIDE_SQL(), &row),
              0);
    CHECK(row == NULL);
    return 0;
}

/* The server refuses a prepared statement whose result has changed. */
DATABASE_TEST(a_prepared_statement_follows_the_schema)
{
    const bide_sql_row *row;
    CHECK_OK(bide_sql_executescript(db, "CREATE TABLE t (a int); INSERT INTO "
                                        "t VALUES (1)"));
    for (size_t columns = 1; columns <= 3; columns++) {
        CHECK_INT(bide_sql_fetchrow(db, "SELECT * FROM t", BIDE_SQL(), &row),
                  1);
        CHECK_INT(bide_sql_row_columns(row), columns);
        bide_sql_row_free(row);
        char sql[64];
        snprintf(sql, sizeof sql, "ALTER TABLE t ADD COLUMN c%zu int",
                 columns);
        CHECK_OK(bide_sql_execute(db, sql, BIDE_SQL()));
    }
    return 0;
}

DATABASE_TEST_WITH(statements_that_leave_the_cache_leave_the_server,
                   .statements_max = 4, .connections_max = 1)
{
    for (int i = 0; i < 40; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT %d", i % 10);
        CHECK_INT(database_number(db, sql), i % 10);
    }
    int64_t kept = database_number(db, "SELECT count(*) FROM "
                                       "pg_prepared_statements");
    CHECK(kept >= 1 && kept <= 5);
    return 0;
}

static int open_urls(void *arg)
{
    bide_sql *db;
    char url[512];
    (void)arg;
    CHECK_OK(bide_postgres_register());
    CHECK_ERR(bide_sql_open("postgres://[", NULL, &db), -EINVAL);
    CHECK_ERR(bide_sql_open("postgres:///x?nonsense=1", NULL, &db), -EINVAL);
    CHECK_ERR(bide_sql_open("postgres:///x?host=/no/such/directory", NULL,
                            &db),
              BIDE_E_SQL_CONNECTION);
    CHECK_STR(bide_sql_error_state(BIDE_E_SQL_CONNECTION), "08001");
    snprintf(url, sizeof url, "%s&password=secret&dbname=nowhere",
             database_url());
    CHECK_ERR(bide_sql_open(url, NULL, &db), BIDE_E_SQL_CONNECTION);
    CHECK(!strstr(bide_errmsg(BIDE_E_SQL_CONNECTION), "secret"));
    return 0;
}

TEST(urls_that_cannot_be_used_are_refused)
{
    if (!database_url())
        test_skip("no server; run by tests/postgres/server.py");
    else
        CHECK_OK(bide_run(open_urls, NULL));
}

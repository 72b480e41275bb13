/* SPDX-License-Identifier: MIT */
/* database.h — the server that server.py has started, and a table of its own
 * for each test. */
#ifndef BIDE_TESTS_POSTGRES_DATABASE_H
#define BIDE_TESTS_POSTGRES_DATABASE_H

#include <bide.h>
#include <bide/postgres.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static inline const char *database_url(void)
{
    return getenv("BIDE_TEST_POSTGRES");
}

static inline int database_open(const bide_sql_options *options,
                                bide_sql **ret_db)
{
    CHECK_OK(bide_postgres_register());
    return bide_sql_open(database_url(), options, ret_db);
}

static inline int64_t database_number(bide_sql *db, const char *sql)
{
    int64_t value = -1;
    CHECK_OK(bide_sql_fetchval_i64(db, sql, BIDE_SQL(), &value));
    return value;
}

/* Run a coroutine with a database whose schema is empty. */
static inline int database_run(int (*body)(bide_sql *db),
                               const bide_sql_options *options)
{
    bide_sql *db;
    int rc = database_open(options, &db);
    if (!CHECK_OK(rc))
        return rc;
    CHECK_OK(bide_sql_executescript(
        db, "SET client_min_messages = warning;"
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
    rc = body(db);
    bide_sql_close(db);
    return rc;
}

/* Define a test whose body is a coroutine with a database `db`. */
#define DATABASE_TEST_WITH(name, ...)                                         \
    static int name##_body(bide_sql *db);                                     \
    static int name##_main(void *arg)                                         \
    {                                                                         \
        static const bide_sql_options options = {__VA_ARGS__};                \
        (void)arg;                                                            \
        return database_run(name##_body, &options);                           \
    }                                                                         \
    TEST(name)                                                                \
    {                                                                         \
        if (!database_url())                                                  \
            test_skip("no server; run by tests/postgres/server.py");          \
        else                                                                  \
            CHECK_OK(bide_run(name##_main, NULL));                            \
    }                                                                         \
    static int name##_body(bide_sql *db)

#define DATABASE_TEST(name) DATABASE_TEST_WITH(name, .connections_min = 0)

#endif

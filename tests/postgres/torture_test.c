/* SPDX-License-Identifier: MIT */
/* torture_test.c — a small program with a database, each allocation failing
 * and each wait cancelled in turn. libpq's own memory is not ours to fail. */
#include "helpers/torture.h"

#include "postgres/database.h"

static int add(void *arg)
{
    return bide_sql_execute(arg, "INSERT INTO torture VALUES ($1)",
                            BIDE_SQL("x"));
}

static int read_one(void *arg)
{
    int64_t one = 0;
    int rc = bide_sql_fetchval_i64(arg, "SELECT $1::int", BIDE_SQL(1), &one);
    if (rc > 0)
        CHECK_INT(one, 1);
    return rc < 0 ? rc : 0;
}

static int read_rows(bide_sql *db)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    int rc = bide_sql_query(db, "SELECT a FROM torture", BIDE_SQL(), &cursor);
    if (rc < 0)
        return rc;
    while ((rc = bide_sql_next(cursor, &row)) > 0)
        CHECK_STR(bide_sql_row_text(row, 0), "x");
    bide_sql_cursor_close(cursor);
    return rc;
}

static int transact(bide_sql *db)
{
    bide_sql_transaction tx;
    int rc = bide_sql_begin(db, &tx, NULL);
    if (rc < 0)
        return rc;
    rc = add(tx.connection);
    return bide_sql_end(&tx, rc);
}

static int use(bide_sql *db)
{
    bide_task *tasks[4];
    int rc = bide_sql_executescript(
        db, "SET client_min_messages = warning; DROP TABLE IF EXISTS torture;"
            "CREATE TABLE torture (a text)");
    if (rc < 0)
        return rc;
    for (int i = 0; i < 4; i++)
        tasks[i] = bide_create_task(i < 2 ? add : read_one, db);
    rc = bide_gather(tasks, 4);
    if (rc >= 0)
        rc = transact(db);
    if (rc >= 0)
        rc = read_rows(db);
    return rc < 0 ? rc : 0;
}

/* Where a connection could not be watched, it was lost. */
static int scenario(void *arg)
{
    const bide_sql_options options = {.connections_max = 2};
    bide_sql *db;
    (void)arg;
    int rc = database_open(&options, &db);
    if (rc < 0)
        return rc;
    rc = use(db);
    bide_sql_close(db);
    if (torture_disturbs() && rc == BIDE_E_SQL_CONNECTION)
        return -ENOMEM;
    return rc;
}

TEST(a_program_with_a_database_survives_anything)
{
    if (!database_url()) {
        test_skip("no server; run by tests/postgres/server.py");
        return;
    }
    struct torture_counts counts = torture(scenario);
    CHECK(counts.allocations >= 20);
    CHECK(counts.suspensions >= 5);
}

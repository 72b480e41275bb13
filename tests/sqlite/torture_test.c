/* SPDX-License-Identifier: MIT */
/* torture_test.c — a small program with a database, each allocation failing
 * and each wait cancelled in turn. */
#include "helpers/torture.h"

#include <errno.h>

#include "sqlite/database.h"

static int add(void *arg)
{
    return bide_sql_execute(arg, "INSERT INTO t VALUES ($1)", BIDE_SQL("x"));
}

static int read_rows(bide_sql *db)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    int rc = bide_sql_query(db, "SELECT a FROM t", BIDE_SQL(), &cursor);
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
    int64_t count = 0;
    int rc = bide_sql_execute(db, "CREATE TABLE t (a)", BIDE_SQL());
    if (rc < 0)
        return rc;
    bide_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(add, db);
    rc = bide_gather(tasks, 3);
    if (rc >= 0)
        rc = transact(db);
    if (rc >= 0)
        rc = read_rows(db);
    if (rc >= 0)
        rc = bide_sql_fetchval_i64(db, "SELECT count(*) FROM t", BIDE_SQL(),
                                   &count);
    if (rc > 0)
        CHECK_INT(count, 4);
    return rc < 0 ? rc : 0;
}

static int scenario(void *arg)
{
    struct database it;
    (void)arg;
    int rc = database_open(&it, NULL);
    if (rc < 0) {
        database_remove(&it);
        return rc;
    }
    rc = use(it.db);
    database_close(&it);
    return rc;
}

TEST(a_program_with_a_database_survives_anything)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.allocations >= 20);
    CHECK(counts.suspensions >= 5);
}

/* SPDX-License-Identifier: MIT */
/*
 * group_test.c — statements of many tasks in one transaction, which nobody
 * may notice: what fails fails alone, and what is reported is there.
 */
#include <errno.h>

#include "sqlite/database.h"

#define TASKS 200

struct insert {
    bide_sql *db;
    int id, value;
    int rc;
};

static int insert(void *arg)
{
    struct insert *it = arg;
    it->rc = bide_sql_execute(it->db, "INSERT INTO t VALUES ($1, $2)",
                              BIDE_SQL(it->id, it->value));
    return 0;
}

static void insert_all(bide_sql *db, struct insert *all, size_t count)
{
    bide_task *tasks[TASKS];
    for (size_t i = 0; i < count; i++) {
        all[i].db = db;
        tasks[i] = bide_create_task(insert, &all[i]);
    }
    CHECK_OK(bide_gather(tasks, count));
}

static int64_t number(bide_sql *db, const char *sql)
{
    int64_t value = -1;
    CHECK_OK(bide_sql_fetchval_i64(db, sql, BIDE_SQL(), &value));
    return value;
}

/* A probe from inside SQLite: data_version changes with each commit that
 * another connection sees. Fewer commits than inserts: they were grouped. */
DATABASE_TEST(inserts_of_many_tasks_share_a_transaction)
{
    struct insert all[TASKS] = {0};
    CHECK_OK(bide_sql_execute(
        db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b)", BIDE_SQL()));
    bide_sql *connection;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_sql_executescript(
        connection, "PRAGMA wal_checkpoint(TRUNCATE);"
                    "PRAGMA wal_autocheckpoint = 0"));
    bide_sql_release(connection);
    for (int i = 0; i < TASKS; i++)
        all[i].id = i;
    insert_all(db, all, TASKS);
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(all[i].rc, 1);
    CHECK_INT(number(db, "SELECT count(*) FROM t"), TASKS);
    CHECK_OK(bide_sql_acquire(db, &connection));
    const bide_sql_row *row;
    CHECK_INT(bide_sql_fetchrow(connection, "PRAGMA wal_checkpoint(PASSIVE)",
                                BIDE_SQL(), &row),
              1);
    CHECK(bide_sql_row_i64(row, 1) < TASKS); /* pages in the journal */
    bide_sql_row_free(row);
    bide_sql_release(connection);
    return 0;
}

DATABASE_TEST(what_violates_a_constraint_takes_nobody_with_it)
{
    struct insert all[TASKS] = {0};
    CHECK_OK(bide_sql_execute(
        db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b CHECK (b < 5))",
        BIDE_SQL()));
    for (int i = 0; i < TASKS; i++) {
        all[i].id = i % 7 == 3 ? 0 : i; /* 0 is taken */
        all[i].value = i % 11 == 5 ? 9 : 1;
    }
    insert_all(db, all, TASKS);
    int inserted = 0;
    for (int i = 0; i < TASKS; i++) {
        bool good = i == 0 || (all[i].id != 0 && all[i].value < 5);
        CHECK_INT(all[i].rc, good ? 1 : BIDE_E_SQL_CONSTRAINT);
        inserted += good;
    }
    CHECK_INT(number(db, "SELECT count(*) FROM t"), inserted);
    return 0;
}

/* ON CONFLICT ROLLBACK undoes SQLite's whole transaction. */
DATABASE_TEST(what_rolls_all_back_takes_nobody_with_it)
{
    struct insert all[TASKS] = {0};
    CHECK_OK(bide_sql_execute(db,
                              "CREATE TABLE t (a INTEGER PRIMARY KEY ON "
                              "CONFLICT ROLLBACK, b)",
                              BIDE_SQL()));
    for (int i = 0; i < TASKS; i++)
        all[i].id = i % 10 == 9 ? 0 : i;
    insert_all(db, all, TASKS);
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(all[i].rc, i % 10 == 9 ? BIDE_E_SQL_CONSTRAINT : 1);
    CHECK_INT(number(db, "SELECT count(*) FROM t"), TASKS - TASKS / 10);
    return 0;
}

/* A deferred constraint fails where the group commits. */
DATABASE_TEST(what_fails_the_commit_takes_nobody_with_it)
{
    struct insert all[TASKS] = {0};
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);"
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b REFERENCES p DEFERRABLE "
            "INITIALLY DEFERRED)"));
    for (int i = 0; i < TASKS; i++) {
        all[i].id = i;
        all[i].value = i == 50 ? 2 : 1;
    }
    insert_all(db, all, TASKS);
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(all[i].rc, i == 50 ? BIDE_E_SQL_CONSTRAINT : 1);
    CHECK_INT(number(db, "SELECT count(*) FROM t"), TASKS - 1);
    return 0;
}

static int write_then_read(void *arg)
{
    struct insert *it = arg;
    for (int i = 0; i < 20; i++) {
        int64_t value = -1;
        int rc = bide_sql_execute(it->db,
                                  "INSERT INTO t VALUES ($1, $2) ON CONFLICT "
                                  "(a) DO UPDATE SET b = excluded.b",
                                  BIDE_SQL(it->id, i));
        if (rc >= 0)
            rc = bide_sql_fetchval_i64(it->db, "SELECT b FROM t WHERE a = $1",
                                       BIDE_SQL(it->id), &value);
        if (rc < 0)
            return rc;
        CHECK_INT(value, i);
    }
    return 0;
}

DATABASE_TEST(a_task_sees_what_it_has_written)
{
    struct insert all[50];
    bide_task *tasks[50];
    CHECK_OK(bide_sql_execute(
        db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b)", BIDE_SQL()));
    for (int i = 0; i < 50; i++) {
        all[i] = (struct insert){.db = db, .id = i};
        tasks[i] = bide_create_task(write_then_read, &all[i]);
    }
    CHECK_OK(bide_gather(tasks, 50));
    return 0;
}

static int run_sql(void *arg)
{
    void **it = arg;
    return bide_sql_execute(it[0], it[1], BIDE_SQL());
}

/* VACUUM and PRAGMA cannot be in a transaction with others. */
DATABASE_TEST(what_cannot_share_a_transaction_runs_beside_those_that_can)
{
    static const char *const statements[] = {
        "INSERT INTO t VALUES (1, 1)", "VACUUM",
        "INSERT INTO t VALUES (2, 1)", "PRAGMA user_version = 5",
        "INSERT INTO t VALUES (3, 1)", "CREATE INDEX i ON t (b)",
        "INSERT INTO t VALUES (4, 1)", "ANALYZE",
    };
    void *args[8][2];
    bide_task *tasks[8];
    CHECK_OK(bide_sql_execute(
        db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b)", BIDE_SQL()));
    for (int i = 0; i < 8; i++) {
        args[i][0] = db;
        args[i][1] = (void *)(uintptr_t)statements[i];
        tasks[i] = bide_create_task(run_sql, args[i]);
    }
    CHECK_OK(bide_gather(tasks, 8));
    CHECK_INT(number(db, "SELECT count(*) FROM t"), 4);
    return 0;
}

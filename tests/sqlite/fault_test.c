/* SPDX-License-Identifier: MIT */
/* fault_test.c — a full disk, a file that is no database, copies. */
#include <errno.h>

#include "sqlite/database.h"

static int insert_kilobyte(void *arg)
{
    return bide_sql_execute(arg, "INSERT INTO t VALUES (randomblob(1000))",
                            BIDE_SQL());
}

static int64_t count_rows(bide_sql *db)
{
    int64_t count = -1;
    CHECK_OK(bide_sql_fetchval_i64(db, "SELECT count(*) FROM t", BIDE_SQL(),
                                   &count));
    return count;
}

/* As many pages as a full disk would leave. */
DATABASE_TEST(a_full_disk_is_told_and_survived)
{
    enum { TASKS = 200 };
    bide_task *tasks[TASKS];
    bide_outcome outcomes[TASKS];
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE t (a); PRAGMA max_page_count = 32"));
    for (int i = 0; i < TASKS; i++)
        tasks[i] = bide_create_task(insert_kilobyte, db);
    CHECK_OK(bide_gather_outcomes(tasks, TASKS, outcomes));
    int inserted = 0;
    for (int i = 0; i < TASKS; i++) {
        inserted += outcomes[i].code == 1;
        if (outcomes[i].code != 1)
            CHECK_INT(outcomes[i].code, -ENOSPC);
    }
    CHECK(inserted > 0 && inserted < TASKS);
    CHECK_INT(count_rows(db), inserted);
    int rc = insert_kilobyte(db);
    CHECK_ERR(rc, -ENOSPC);
    CHECK_STR(bide_sql_error_state(rc), "53100");
    CHECK_OK(bide_sql_execute(db, "DELETE FROM t", BIDE_SQL()));
    CHECK_INT(insert_kilobyte(db), 1);
    return 0;
}

DATABASE_TEST(a_full_disk_rolls_a_transaction_back)
{
    bide_sql_transaction tx;
    CHECK_OK(bide_sql_executescript(
        db, "CREATE TABLE t (a); PRAGMA max_page_count = 16"));
    CHECK_OK(bide_sql_begin(db, &tx, NULL));
    int rc = 1;
    for (int i = 0; rc > 0 && i < 1000; i++)
        rc = insert_kilobyte(tx.connection);
    CHECK_ERR(bide_sql_end(&tx, rc), -ENOSPC);
    CHECK_INT(count_rows(db), 0);
    CHECK_INT(insert_kilobyte(db), 1);
    return 0;
}

static int open_garbage(void *arg)
{
    struct database it;
    bide_sql *db;
    (void)arg;
    CHECK_OK(database_open(&it, NULL));
    bide_sql_close(it.db);
    char garbage[4096];
    memset(garbage, 'x', sizeof garbage);
    CHECK_OK(bide_write_file(it.path, garbage, sizeof garbage));
    int rc = bide_sql_open(it.url, NULL, &db);
    CHECK_ERR(rc, BIDE_E_SQL_CONNECTION);
    CHECK_STR(bide_sql_error_state(rc), "08001");
    database_remove(&it);
    return 0;
}

TEST(a_file_that_is_no_database_is_refused)
{
    CHECK_OK(bide_run(open_garbage, NULL));
}

static int copy_database(void *arg)
{
    struct database it;
    bide_sql *copy;
    char path[128], url[160];
    (void)arg;
    CHECK_OK(database_open(&it, NULL));
    CHECK_OK(bide_sql_execute(it.db, "CREATE TABLE t (a)", BIDE_SQL()));
    for (int i = 0; i < 2000; i++)
        CHECK_INT(insert_kilobyte(it.db), 1);
    snprintf(path, sizeof path, "%s/copy.db", it.directory);
    snprintf(url, sizeof url, "sqlite:///%s?mode=ro", path);
    CHECK_OK(bide_sqlite_backup(it.db, path));
    CHECK_ERR(bide_sqlite_backup(it.db, "/no/such/directory/copy.db"),
              BIDE_E_SQL_CONNECTION);
    CHECK_OK(bide_sql_open(url, NULL, &copy));
    CHECK_INT(count_rows(copy), 2000);
    int rc = insert_kilobyte(copy);
    CHECK_ERR(rc, BIDE_E_SQL);
    CHECK_STR(bide_sql_error_state(rc), "25006");
    bide_sql_close(copy);
    database_close(&it);
    return 0;
}

TEST(a_backup_holds_what_the_database_holds)
{
    CHECK_OK(bide_run(copy_database, NULL));
}

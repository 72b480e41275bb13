/* SPDX-License-Identifier: MIT */
/* sqlite.c — a table in SQLite: create it, fill it by many tasks at once, and
 * read it. Try: the same with the URL "sqlite::memory:". */
#include <bide.h>
#include <bide/sqlite.h>
#include <stdio.h>

static const char *const words[] = {"ant", "bee", "cat", "dog", "eel"};
static bide_sql *db;

/* [insert] */
static int insert(void *arg)
{
    const char *const *word = arg;
    int64_t len = 0;
    while ((*word)[len])
        len++;
    return bide_sql_execute(db, "INSERT INTO words VALUES ($1, $2)",
                            BIDE_SQL(*word, len));
}
/* [insert] */

static int print(void)
{
    bide_sql_rows *rows;
    int rc = bide_sql_fetch(db, "SELECT word, len FROM words ORDER BY word",
                            BIDE_SQL(), &rows);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < bide_sql_rows_count(rows); i++) {
        const bide_sql_row *row = bide_sql_rows_at(rows, i);
        printf("%s has %d letters\n", bide_sql_row_text(row, 0),
               (int)bide_sql_row_i64(row, 1));
    }
    bide_sql_rows_free(rows);
    return 0;
}

static int use(void)
{
    int rc = bide_sql_execute(
        db, "CREATE TABLE words (word TEXT PRIMARY KEY, len INT)", BIDE_SQL());
    bide_task *tasks[5];
    for (int i = 0; i < 5; i++)
        tasks[i] = bide_create_task(insert, (void *)&words[i]);
    int inserted = bide_gather(tasks, 5);
    rc = rc < 0 ? rc : inserted < 0 ? inserted : print();
    int again = insert((void *)&words[0]);
    printf("once more: %s, SQLSTATE %s\n", bide_errname(again),
           bide_sql_error_state(again));
    return rc;
}

/* [open] */
static int amain(void *arg)
{
    (void)arg;
    int rc = bide_sqlite_register();
    if (rc == 0)
        rc = bide_sql_open("sqlite:///words.db", NULL, &db);
    if (rc < 0)
        return rc;
    rc = use();
    bide_sql_close(db);
    return rc;
}
/* [open] */

int main(void)
{
    int rc = bide_run(amain, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", bide_errmsg(rc));
    return rc < 0;
}

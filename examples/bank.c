/* SPDX-License-Identifier: MIT */
/* bank.c — money that moves in transactions, in the database that its URL
 * names. Try: DATABASE_URL=postgres:///mine ./bank */
#include <bide.h>
#include <bide/postgres.h>
#include <bide/sqlite.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* [move] */
static int take(bide_sql *db, const char *from, int amount)
{
    int rc = bide_sql_execute(db,
                              "UPDATE accounts SET balance = balance - $2 "
                              "WHERE name = $1 AND balance >= $2",
                              BIDE_SQL(from, amount));
    return rc != 0 ? rc : bide_raise(-EDQUOT, "%s has less than %d", from,
                                     amount);
}

static int move(bide_sql *db, const char *from, const char *to, int amount)
{
    bide_sql_transaction tx;
    int rc = bide_sql_begin(db, &tx, NULL);
    if (rc < 0)
        return rc;
    rc = bide_sql_execute(tx.connection,
                          "UPDATE accounts SET balance = balance + $2 WHERE "
                          "name = $1",
                          BIDE_SQL(to, amount));
    if (rc >= 0)
        rc = take(tx.connection, from, amount);
    return bide_sql_end(&tx, rc); /* commits, or rolls both back */
}
/* [move] */

/* [print] */
static int print(bide_sql *db)
{
    bide_sql_cursor *cursor;
    const bide_sql_row *row;
    int rc = bide_sql_query(db, "SELECT name, balance FROM accounts WHERE "
                                "balance > $1 ORDER BY name",
                            BIDE_SQL(0), &cursor);
    if (rc < 0)
        return rc;
    while ((rc = bide_sql_next(cursor, &row)) > 0)
        printf("%s: %d\n", bide_sql_row_text(row, 0),
               (int)bide_sql_as_i64(bide_sql_row_get(row, "balance")));
    bide_sql_cursor_close(cursor);
    return rc;
}
/* [print] */

/* [open] */
static int amain(void *arg)
{
    const char *url = getenv("DATABASE_URL");
    bide_sql *db;
    (void)arg;
    if (bide_sqlite_register() < 0 || bide_postgres_register() < 0)
        return -ENOSPC;
    int rc = bide_sql_open(url ? url : "sqlite:///bank.db", NULL, &db);
    if (rc < 0)
        return rc;
    /* [open] */
    rc = bide_sql_executescript(
        db, "CREATE TABLE accounts (name TEXT PRIMARY KEY, balance INT);"
            "INSERT INTO accounts VALUES ('Ada', 100), ('Grace', 0)");
    if (rc == 0)
        rc = move(db, "Ada", "Grace", 30);
    if (rc >= 0 && move(db, "Ada", "Grace", 80) < 0)
        printf("refused: %s\n", bide_errmsg(-EDQUOT));
    if (rc >= 0)
        rc = print(db);
    bide_sql_close(db);
    return rc;
}

int main(void)
{
    int rc = bide_run(amain, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", bide_errmsg(rc));
    return rc < 0;
}

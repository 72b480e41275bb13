/* SPDX-License-Identifier: MIT */
/*
 * transaction.c — scopes that are rolled back unless they end well.
 *
 * A lane counts what is open on it: the transaction, and savepoints in it,
 * which are named by that number. Rolling back goes on when the task is
 * cancelled, since that is what most often brings it about.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sql/sql.h"

#define STATEMENT_SIZE 64

static int begin_on(struct bide__sql_lane *lane, bide_sql_transaction *tx,
                    const bide_sql_transaction_options *options)
{
    char text[STATEMENT_SIZE];
    const bide_sql_driver *driver = lane->bank->pool->driver;
    const char *statement = driver->begin_text(options);
    if (lane->depth > 0) {
        snprintf(text, sizeof text, "SAVEPOINT bide_%u", lane->depth);
        statement = text;
    }
    int rc = bide__sql_say(lane, statement, false);
    if (rc < 0)
        return rc;
    tx->depth = lane->depth++;
    tx->connection = &lane->handle;
    tx->open = true;
    return 0;
}

int bide_sql_begin(bide_sql *db, bide_sql_transaction *tx,
                   const bide_sql_transaction_options *options)
{
    static const bide_sql_transaction_options defaults;
    if (!options)
        options = &defaults;
    *tx = (bide_sql_transaction){.acquired = !db->lane};
    struct bide__sql_lane *lane = db->lane;
    int rc = 0;
    if (tx->acquired)
        rc = bide__sql_take(bide__sql_bank_of(db->pool, options->read_only),
                            true, &lane);
    if (rc == 0) {
        rc = begin_on(lane, tx, options);
        if (rc < 0 && tx->acquired)
            bide__sql_give(lane, true);
    }
    tx->code = rc;
    return rc;
}

static void require_innermost(const bide_sql_transaction *tx,
                              const char *function)
{
    BIDE__SQL_REQUIRE(tx->open, "%s: the transaction has ended", function);
    BIDE__SQL_REQUIRE(tx->connection->lane->depth == tx->depth + 1,
                      "%s: a savepoint in the transaction is open; end it "
                      "first",
                      function);
}

/* Say it until it is said, and have the task's cancellation delivered later.
 */
static int insist(struct bide__sql_lane *lane, const char *statement)
{
    bool cancelled = false;
    int rc;
    while ((rc = bide__sql_say(lane, statement, false)) == -ECANCELED)
        cancelled = true;
    if (cancelled)
        bide__sql_put_off_cancel();
    return rc;
}

void bide_sql_rollback(bide_sql_transaction *tx)
{
    require_innermost(tx, "bide_sql_rollback");
    struct bide__sql_lane *lane = tx->connection->lane;
    char text[STATEMENT_SIZE] = "ROLLBACK";
    if (tx->depth > 0)
        snprintf(text, sizeof text, "ROLLBACK TO SAVEPOINT bide_%u",
                 tx->depth);
    int rc = insist(lane, text);
    if (rc >= 0 && tx->depth > 0) {
        snprintf(text, sizeof text, "RELEASE SAVEPOINT bide_%u", tx->depth);
        rc = insist(lane, text);
    }
    if (rc < 0)
        lane->broken = true; /* closing it rolls back, too */
    lane->depth--;
    tx->open = false;
}

/* Roll back and keep the error that led to it. */
static int roll_back_for(bide_sql_transaction *tx, int rc)
{
    char message[BIDE_ERRMSG_MAX];
    snprintf(message, sizeof message, "%s", bide_errmsg(rc));
    bide_sql_rollback(tx);
    return bide_raise(rc, "%s", message);
}

int bide_sql_commit(bide_sql_transaction *tx)
{
    require_innermost(tx, "bide_sql_commit");
    struct bide__sql_lane *lane = tx->connection->lane;
    char text[STATEMENT_SIZE] = "COMMIT";
    if (tx->depth > 0)
        snprintf(text, sizeof text, "RELEASE SAVEPOINT bide_%u", tx->depth);
    int rc = bide__sql_say(lane, text, tx->depth == 0);
    if (rc < 0)
        return roll_back_for(tx, rc);
    lane->depth--;
    tx->open = false;
    return 0;
}

int bide_sql_end(bide_sql_transaction *tx, int rc)
{
    if (!tx->connection)
        return tx->code;
    if (tx->open && rc < 0) {
        rc = roll_back_for(tx, rc);
    } else if (tx->open) {
        int committed = bide_sql_commit(tx);
        rc = committed < 0 ? committed : rc;
    }
    if (tx->acquired)
        bide__sql_give(tx->connection->lane, true);
    tx->connection = NULL;
    tx->code = rc;
    return rc;
}

/* SPDX-License-Identifier: MIT */
/* pool_test.c — who has which connection, and who waits. */
#include <errno.h>
#include <math.h>
#include <signal.h>

#include "helpers/death.h"
#include "sqlite/database.h"

static int hold(void *arg)
{
    bide_sql *connection;
    int rc = bide_sql_acquire(arg, &connection);
    if (rc < 0)
        return rc;
    rc = bide_sleep(INFINITY);
    bide_sql_release(connection);
    return rc;
}

static int exhaust(void *arg)
{
    struct database it;
    const bide_sql_options options = {.acquire_timeout = 0.05};
    bide_sql *connection;
    bide_sql_stats stats;
    (void)arg;
    CHECK_OK(database_open(&it, &options));
    bide_task *holder = bide_create_task(hold, it.db);
    CHECK_OK(bide_sleep(0));
    bide_sql_get_stats(it.db, &stats);
    CHECK_INT(stats.acquired, 1);
    int rc = bide_sql_acquire(it.db, &connection);
    CHECK_ERR(rc, -ETIME);
    CHECK_STR(bide_errmsg(rc), "no connection was free within 0.05 s; 1 of 1 "
                               "are in use");
    bide_task_cancel(holder);
    CHECK_ERR(bide_await(holder), -ECANCELED);
    CHECK_OK(bide_sql_acquire(it.db, &connection));
    bide_sql *again;
    CHECK_OK(bide_sql_acquire(connection, &again));
    CHECK(again == connection);
    bide_sql_release(again);
    bide_sql_release(connection);
    database_close(&it);
    return 0;
}

TEST(waiting_for_a_connection_ends_in_time)
{
    CHECK_OK(bide_run(exhaust, NULL));
}

struct visitor {
    bide_sql *db;
    int number;
    int *order;
    int *arrived;
};

static int visit(void *arg)
{
    struct visitor *it = arg;
    bide_sql *connection;
    int rc = bide_sql_acquire(it->db, &connection);
    if (rc < 0)
        return rc;
    it->order[(*it->arrived)++] = it->number;
    bide_sql_release(connection);
    return 0;
}

DATABASE_TEST(tasks_are_served_in_the_order_in_which_they_came)
{
    struct visitor visitors[10];
    bide_task *tasks[10];
    int order[10] = {0}, arrived = 0;
    bide_sql *connection;
    CHECK_OK(bide_sql_acquire(db, &connection));
    for (int i = 0; i < 10; i++) {
        visitors[i] = (struct visitor){db, i, order, &arrived};
        tasks[i] = bide_create_task(visit, &visitors[i]);
        CHECK_OK(bide_sleep(0));
    }
    bide_sql_stats stats;
    bide_sql_get_stats(db, &stats);
    CHECK_INT(stats.waiting, 10);
    bide_task_cancel(tasks[4]);
    bide_sql_release(connection);
    for (int i = 0; i < 10; i++)
        CHECK_INT(bide_await(tasks[i]), i == 4 ? -ECANCELED : 0);
    CHECK_INT(arrived, 9);
    for (int i = 0; i < 9; i++)
        CHECK_INT(order[i], i < 4 ? i : i + 1);
    return 0;
}

static int close_in_use(void *arg)
{
    struct database it;
    bide_sql *connection;
    (void)arg;
    CHECK_OK(database_open(&it, NULL));
    CHECK_OK(bide_sql_acquire(it.db, &connection));
    database_remove(&it);
    bide_sql_close(it.db);
    return 0;
}

static void close_in_use_main(void)
{
    (void)!bide_run(close_in_use, NULL);
}

TEST(closing_a_database_in_use_is_misuse)
{
    CHECK_DIES(close_in_use_main, "bide_sql_close: a connection is in use");
}

static int release_in_transaction(void *arg)
{
    struct database it;
    bide_sql *connection;
    bide_sql_transaction tx;
    (void)arg;
    CHECK_OK(database_open(&it, NULL));
    CHECK_OK(bide_sql_acquire(it.db, &connection));
    CHECK_OK(bide_sql_begin(connection, &tx, NULL));
    database_remove(&it);
    bide_sql_release(connection);
    return 0;
}

static void release_in_transaction_main(void)
{
    (void)!bide_run(release_in_transaction, NULL);
}

TEST(giving_back_a_connection_with_an_open_transaction_is_misuse)
{
    CHECK_DIES(release_in_transaction_main, "a transaction is open");
}

/* SPDX-License-Identifier: MIT */
/* notify_test.c — LISTEN and NOTIFY. */
#include "postgres/database.h"

DATABASE_TEST(who_listens_is_told)
{
    bide_sql *connection;
    bide_postgres_notification note;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_postgres_listen(connection, "Some \"channel\""));
    CHECK_OK(bide_postgres_notify(db, "Some \"channel\"", "first"));
    CHECK_OK(bide_postgres_notify(db, "other", "not for us"));
    CHECK_OK(bide_postgres_notify(db, "Some \"channel\"", NULL));
    CHECK_OK(bide_postgres_notified(connection, &note));
    CHECK_STR(note.channel, "Some \"channel\"");
    CHECK_STR(note.payload, "first");
    CHECK_OK(bide_postgres_notified(connection, &note));
    CHECK_STR(note.payload, "");
    bide_sql_release(connection);
    return 0;
}

static int wait_for_note(void *arg)
{
    bide_postgres_notification note;
    return bide_postgres_notified(arg, &note);
}

DATABASE_TEST(a_notification_comes_while_a_task_waits)
{
    bide_sql *connection;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_postgres_listen(connection, "c"));
    bide_task *task = bide_create_task(wait_for_note, connection);
    CHECK_ERR(bide_wait_for(wait_for_note, connection, 0.02), -ETIME);
    CHECK_OK(bide_postgres_notify(db, "c", "x"));
    CHECK_OK(bide_await(task));
    bide_sql_release(connection);
    return 0;
}

DATABASE_TEST_WITH(the_next_one_with_the_connection_is_told_nothing,
                   .connections_max = 2)
{
    bide_sql *connection, *other;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_sql_acquire(db, &other));
    CHECK_OK(bide_postgres_listen(connection, "c"));
    bide_sql_release(connection);
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_INT(database_number(connection,
                              "SELECT count(*) FROM pg_listening_channels()"),
              0);
    CHECK_OK(bide_postgres_notify(other, "c", "x"));
    CHECK_ERR(bide_wait_for(wait_for_note, connection, 0.02), -ETIME);
    bide_sql_release(other);
    bide_sql_release(connection);
    return 0;
}

DATABASE_TEST(notifications_that_nobody_fetches_have_a_limit)
{
    enum { EXTRA = 10 };
    bide_sql *connection;
    bide_postgres_notification note;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_postgres_listen(connection, "c"));
    CHECK_OK(bide_sql_execute(db,
                              "SELECT pg_notify('c', i::text) FROM "
                              "generate_series(1, $1) i",
                              BIDE_SQL(BIDE_POSTGRES_NOTIFICATIONS_MAX +
                                       EXTRA)));
    CHECK_INT(database_number(connection, "SELECT 1"), 1);
    CHECK_ERR(bide_postgres_notified(connection, &note), -EOVERFLOW);
    CHECK_OK(bide_postgres_notified(connection, &note));
    CHECK_INT(atoi(note.payload), EXTRA + 1);
    bide_sql_release(connection);
    return 0;
}

DATABASE_TEST(what_a_listener_waits_for_ends_with_its_connection)
{
    bide_sql *connection;
    CHECK_OK(bide_sql_acquire(db, &connection));
    CHECK_OK(bide_postgres_listen(connection, "c"));
    int64_t pid = database_number(connection, "SELECT pg_backend_pid()");
    bide_task *task = bide_create_task(wait_for_note, connection);
    CHECK_OK(bide_sleep(0));
    CHECK_OK(bide_sql_execute(db, "SELECT pg_terminate_backend($1)",
                              BIDE_SQL(pid)));
    CHECK_ERR(bide_await(task), BIDE_E_SQL_CONNECTION);
    bide_sql_release(connection);
    return 0;
}

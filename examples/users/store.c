/* SPDX-License-Identifier: MIT */
/*
 * store.c — users in a database. The statements are the same for SQLite and
 * PostgreSQL, but for the one that makes the table.
 */
#include "users.h"

#include <errno.h>
#include <string.h>

static const char sqlite_schema[] =
    "CREATE TABLE IF NOT EXISTS users ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    "  email TEXT NOT NULL UNIQUE, created DOUBLE PRECISION NOT NULL)";

static const char postgres_schema[] =
    "CREATE TABLE IF NOT EXISTS users ("
    "  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,"
    "  created DOUBLE PRECISION NOT NULL)";

int store_open(void *arg)
{
    struct service *service = arg;
    int rc = bide_sql_open(service->database_url, NULL, &service->db);
    if (rc < 0)
        return rc;
    bool sqlite = strcmp(bide_sql_scheme(service->db), "sqlite") == 0;
    rc = bide_sql_executescript(service->db,
                                sqlite ? sqlite_schema : postgres_schema);
    if (rc < 0) {
        bide_sql_close(service->db);
        service->db = NULL;
    }
    return rc;
}

int store_close(void *arg)
{
    struct service *service = arg;
    bide_sql_close(service->db);
    service->db = NULL;
    return 0;
}

int store_insert(bide_sql *db, const NewUser *user, double now, User *ret_user)
{
    int64_t id;
    int rc = bide_sql_fetchval_i64(
        db,
        "INSERT INTO users (name, email, created) VALUES ($1, $2, $3) "
        "RETURNING id",
        BIDE_SQL(user->name, user->email, now), &id);
    if (rc > 0)
        *ret_user = (User){id, user->name, user->email, now};
    return rc < 0 ? rc : 0;
}

/* The texts of a row end with it: copies live as long as the request. */
static int copy_row(const bide_sql_row *row, bide_arena *arena, User *ret_user)
{
    const char *name = bide_sql_row_text(row, 1);
    const char *email = bide_sql_row_text(row, 2);
    if (!name || !email)
        return bide_raise(-EINVAL, "a user in the database has no name");
    ret_user->id = bide_sql_row_i64(row, 0);
    ret_user->name = bide_arena_copy(arena, name, strlen(name));
    ret_user->email = bide_arena_copy(arena, email, strlen(email));
    ret_user->created = bide_sql_row_f64(row, 3);
    return ret_user->name && ret_user->email ? 1 : -ENOMEM;
}

int store_get(bide_sql *db, bide_arena *arena, int64_t id, User *ret_user)
{
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(
        db, "SELECT id, name, email, created FROM users WHERE id = $1",
        BIDE_SQL(id), &row);
    if (rc <= 0)
        return rc;
    rc = copy_row(row, arena, ret_user);
    bide_sql_row_free(row);
    return rc;
}

int store_list(bide_sql *db, bide_arena *arena, int64_t after, int64_t limit,
               Users *ret_users)
{
    bide_sql_rows *rows;
    int rc = bide_sql_fetch(
        db,
        "SELECT id, name, email, created FROM users WHERE id > $1 "
        "ORDER BY id LIMIT $2",
        BIDE_SQL(after, limit), &rows);
    if (rc < 0)
        return rc;
    size_t count = bide_sql_rows_count(rows);
    User *users = bide_arena_allocate(arena, (count + 1) * sizeof *users);
    rc = users ? 0 : -ENOMEM;
    for (size_t i = 0; rc >= 0 && i < count; i++)
        rc = copy_row(bide_sql_rows_at(rows, i), arena, &users[i]);
    bide_sql_rows_free(rows);
    if (rc < 0)
        return rc;
    *ret_users = (Users){users, count};
    return 0;
}

int store_delete(bide_sql *db, int64_t id)
{
    return bide_sql_execute(db, "DELETE FROM users WHERE id = $1",
                            BIDE_SQL(id));
}

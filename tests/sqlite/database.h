/* SPDX-License-Identifier: MIT */
/* database.h — a database of its own for each test, in a directory that is
 * removed with it. */
#ifndef BIDE_TESTS_SQLITE_DATABASE_H
#define BIDE_TESTS_SQLITE_DATABASE_H

#include <bide.h>
#include <bide/sqlite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

struct database {
    char directory[64];
    char path[96];
    char url[128];
    bide_sql *db;
};

static inline int database_open(struct database *it,
                                const bide_sql_options *options)
{
    CHECK_OK(bide_sqlite_register());
    snprintf(it->directory, sizeof it->directory, "/tmp/bide-sqlite-XXXXXX");
    if (!CHECK(mkdtemp(it->directory) != NULL))
        return -1;
    snprintf(it->path, sizeof it->path, "%s/test.db", it->directory);
    snprintf(it->url, sizeof it->url, "sqlite:///%s", it->path);
    return bide_sql_open(it->url, options, &it->db);
}

static inline void database_remove(struct database *it)
{
    static const char *const names[] = {"test.db", "test.db-wal",
                                        "test.db-shm", "test.db-journal",
                                        "copy.db", "copy.db-wal",
                                        "copy.db-shm"};
    char path[160];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", it->directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(it->directory);
}

static inline void database_close(struct database *it)
{
    bide_sql_close(it->db);
    database_remove(it);
}

/* Define a test whose body is a coroutine with a database `db`. */
#define DATABASE_TEST(name)                                                   \
    static int name##_body(bide_sql *db);                                     \
    static int name##_main(void *arg)                                         \
    {                                                                         \
        struct database it;                                                   \
        (void)arg;                                                            \
        int rc = database_open(&it, NULL);                                    \
        if (!CHECK_OK(rc))                                                    \
            return rc;                                                        \
        rc = name##_body(it.db);                                              \
        database_close(&it);                                                  \
        return rc;                                                            \
    }                                                                         \
    TEST(name)                                                                \
    {                                                                         \
        CHECK_OK(bide_run(name##_main, NULL));                                \
    }                                                                         \
    static int name##_body(bide_sql *db)

#endif

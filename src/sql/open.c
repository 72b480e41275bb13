/* SPDX-License-Identifier: MIT */
/*
 * open.c — drivers, and the life of a database.
 *
 * A driver is known because the program said so: its library is linked and
 * its register function called. Nothing is loaded by name at run time, and
 * nothing hides in a constructor that the linker may drop.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "sql/sql.h"

#define DRIVERS_MAX 16u

static struct {
    pthread_mutex_t lock;
    const bide_sql_driver *drivers[DRIVERS_MAX];
    unsigned count;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

int bide_sql_register(const bide_sql_driver *driver)
{
    int rc = 0;
    pthread_mutex_lock(&known.lock);
    unsigned i = 0;
    while (i < known.count && known.drivers[i] != driver)
        i++;
    if (i == DRIVERS_MAX)
        rc = -ENOSPC;
    else if (i == known.count)
        known.drivers[known.count++] = driver;
    pthread_mutex_unlock(&known.lock);
    if (rc < 0)
        return bide_raise(rc, "there are %u drivers already", DRIVERS_MAX);
    return 0;
}

static bool speaks(const bide_sql_driver *driver, const char *url)
{
    for (const char *const *scheme = driver->schemes; *scheme; scheme++)
        if (!strncmp(url, *scheme, strlen(*scheme)))
            return true;
    return false;
}

static const bide_sql_driver *find_driver(const char *url)
{
    const bide_sql_driver *found = NULL;
    pthread_mutex_lock(&known.lock);
    for (unsigned i = 0; !found && i < known.count; i++)
        if (speaks(known.drivers[i], url))
            found = known.drivers[i];
    pthread_mutex_unlock(&known.lock);
    return found;
}

/* ── Options ──────────────────────────────────────────────────────────── */

/* A number of seconds that may be zero for its default. */
static int read_seconds(double *seconds, double otherwise, const char *name)
{
    if (isnan(*seconds) || *seconds < 0)
        return bide_raise(-EINVAL, "%s is %g s, at least 0", name, *seconds);
    if (*seconds == 0)
        *seconds = otherwise;
    return 0;
}

static int read_number(unsigned *number, unsigned most, unsigned otherwise,
                       const char *name)
{
    if (*number > most)
        return bide_raise(-EINVAL, "%s is %u, at most %u", name, *number,
                          most);
    if (*number == 0)
        *number = otherwise;
    return 0;
}

/* Put the defaults where there are zeros; connections_max is the driver's. */
static int read_options(bide_sql_options *options)
{
    int rc = read_seconds(&options->acquire_timeout, 30, "acquire_timeout");
    if (rc == 0)
        rc = read_seconds(&options->connect_timeout, 30, "connect_timeout");
    if (rc == 0)
        rc = read_seconds(&options->check_after, 60, "check_after");
    if (rc == 0)
        rc = read_number(&options->connections_min, BIDE__SQL_CONNECTIONS_MAX,
                         1, "connections_min");
    if (rc == 0)
        rc = read_number(&options->connections_max, BIDE__SQL_CONNECTIONS_MAX,
                         0, "connections_max");
    if (rc == 0)
        rc = read_number(&options->statements_max, 65536, 256,
                         "statements_max");
    if (rc == 0 && options->connections_max > 0 &&
        options->connections_min > options->connections_max)
        rc = bide_raise(-EINVAL,
                        "connections_min is %u, at most connections_max, %u",
                        options->connections_min, options->connections_max);
    if (options->result_max == 0)
        options->result_max = (size_t)256 << 20;
    return rc;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static int make_banks(struct bide__sql_pool *pool)
{
    const unsigned max[BIDE__SQL_BANKS] = {pool->source.readers_max,
                                           pool->source.writers_max};
    for (int i = 0; i < BIDE__SQL_BANKS; i++) {
        struct bide__sql_bank *bank = &pool->banks[i];
        *bank = (struct bide__sql_bank){
            .pool = pool,
            .max = max[i],
            .writes = i == BIDE__SQL_WRITERS || max[BIDE__SQL_WRITERS] == 0,
        };
        bank->last = &bank->first;
        if (max[i] > 0)
            bank->lanes = bide_allocate(max[i] * sizeof bank->lanes[0]);
        if (max[i] > 0 && !bank->lanes)
            return -ENOMEM;
    }
    return 0;
}

static void free_pool(struct bide__sql_pool *pool)
{
    for (int i = 0; i < BIDE__SQL_BANKS; i++)
        bide_release(pool->banks[i].lanes);
    pool->driver->close(pool->source.data);
    bide_release(pool);
}

int bide_sql_open(const char *url, const bide_sql_options *options,
                  bide_sql **ret_db)
{
    const bide_sql_driver *driver = find_driver(url);
    if (!driver)
        return bide_raise(-EPROTONOSUPPORT,
                          "no driver is registered for URLs that begin like "
                          "'%.*s:'",
                          (int)strcspn(url, ":"), url);
    struct bide__sql_pool *pool = bide_allocate(sizeof *pool);
    if (!pool)
        return -ENOMEM;
    *pool = (struct bide__sql_pool){.handle = {.pool = pool},
                                    .driver = driver};
    if (options)
        pool->options = *options;
    int rc = read_options(&pool->options);
    if (rc == 0)
        rc = driver->open(url, &pool->options, &pool->source);
    if (rc < 0) {
        bide_release(pool);
        return rc;
    }
    rc = make_banks(pool);
    if (rc == 0)
        rc = bide__sql_pool_fill(pool);
    if (rc < 0) {
        bide__sql_pool_empty(pool);
        free_pool(pool);
        return rc;
    }
    *ret_db = &pool->handle;
    return 0;
}

void bide_sql_close(bide_sql *db)
{
    if (!db)
        return;
    BIDE__SQL_REQUIRE(!db->lane, "bide_sql_close: this is a connection, not a "
                                 "database; use bide_sql_release()");
    bide__sql_pool_empty(db->pool);
    free_pool(db->pool);
}

const char *bide_sql_scheme(const bide_sql *db)
{
    return db->pool->driver->name;
}

void *bide_sql_driver_connection(const bide_sql *connection,
                                 const bide_sql_driver *driver)
{
    if (connection->pool->driver != driver || !connection->lane)
        return NULL;
    return connection->lane->connection;
}

void *bide_sql_driver_source(const bide_sql *db, const bide_sql_driver *driver)
{
    return db->pool->driver == driver ? db->pool->source.data : NULL;
}

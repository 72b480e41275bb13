/* SPDX-License-Identifier: MIT */
/*
 * driver.c — SQLite as bide-sql sees it: URLs, connections, statements.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sqlite/sqlite.h"

/* More readers than this find nothing more to do at once. */
#define READERS_MAX 4

/* ── URLs ─────────────────────────────────────────────────────────────── */

/* The file that a URL names, in the form that SQLite takes; NULL if it is in
 * memory. */
static int read_url(const char *url, struct bide__sqlite_source *source)
{
    const char *path = strchr(url, ':') + 1;
    source->flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (!strcmp(path, ":memory:") || !strcmp(path, "//")) {
        source->memory = true;
        path = ":memory:";
    } else if (!strncmp(path, "///", 3)) {
        path += 3;
    } else {
        return bide_raise(-EINVAL,
                          "'%.100s' is not of the form sqlite:///path or "
                          "sqlite::memory:",
                          url);
    }
    if (!*path)
        return bide_raise(-EINVAL, "there is no path in '%.100s'", url);
    bool has_query = !source->memory && strchr(path, '?');
    size_t size = strlen(path) + sizeof "file:";
    source->file = bide_allocate(size);
    if (!source->file)
        return -ENOMEM;
    snprintf(source->file, size, "%s%s", has_query ? "file:" : "", path);
    if (has_query)
        source->flags |= SQLITE_OPEN_URI;
    source->read_only = has_query && strstr(path, "mode=ro");
    return 0;
}

static void close_source(void *data)
{
    struct bide__sqlite_source *source = data;
    bide_release(source->file);
    bide_release(source);
}

static unsigned default_readers(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 1)
        return 1;
    return processors < READERS_MAX ? (unsigned)processors : READERS_MAX;
}

static int open_source(const char *url, const bide_sql_options *options,
                       bide_sql_source *ret_source)
{
    const bide_sqlite_options *own = options->driver;
    struct bide__sqlite_source *source = bide_allocate(sizeof *source);
    if (!source)
        return -ENOMEM;
    *source = (struct bide__sqlite_source){
        .statements_max = options->statements_max,
    };
    if (own)
        source->options = *own;
    if (!(source->options.busy_timeout > 0))
        source->options.busy_timeout = 5;
    int rc = read_url(url, source);
    if (rc < 0) {
        close_source(source);
        return rc;
    }
    unsigned readers = options->connections_max;
    if (readers == 0)
        readers = default_readers();
    *ret_source = (bide_sql_source){
        .data = source,
        .readers_max = source->memory ? 0 : readers,
        .writers_max = 1,
    };
    return 0;
}

/* ── Connections ──────────────────────────────────────────────────────── */

static void disconnect(void *connection)
{
    struct bide__sqlite *sqlite = connection;
    struct bide__sqlite_job job = {.fn = bide__sqlite_close};
    (void)bide__sqlite_insist(sqlite, &job);
    bide__sqlite_stop(sqlite);
    bide_release(sqlite);
}

static int connect(void *data, bool writes, void **ret_connection)
{
    struct bide__sqlite *sqlite = bide_allocate(sizeof *sqlite);
    if (!sqlite)
        return -ENOMEM;
    memset(sqlite, 0, sizeof *sqlite);
    sqlite->source = data;
    sqlite->writes = writes;
    int rc = bide__sqlite_start(sqlite);
    if (rc < 0) {
        bide_release(sqlite);
        return rc;
    }
    struct bide__sqlite_job job = {.fn = bide__sqlite_open};
    rc = bide__sqlite_do(sqlite, &job);
    if (rc < 0) {
        bide__sqlite_stop(sqlite);
        bide_release(sqlite);
        return rc;
    }
    *ret_connection = sqlite;
    return 0;
}

static bool is_lost(const void *connection)
{
    (void)connection;
    return false; /* a file does not go away */
}

static int check(void *connection)
{
    (void)connection;
    return 0;
}

/* ── Statements ───────────────────────────────────────────────────────── */

static bool reads(const char *sql)
{
    static const char *const words[] = {"SELECT", "VALUES", "WITH", "EXPLAIN",
                                        NULL};
    return bide__sqlite_begins_with(sql, words);
}

static int run(void *connection, bide_sql_request *request)
{
    struct bide__sqlite_job job = {
        .request = request,
        .groups = request->autocommit && !request->script,
    };
    return bide__sqlite_do(connection, &job);
}

static const char *begin_text(const bide_sql_transaction_options *options)
{
    return options->read_only ? "BEGIN" : "BEGIN IMMEDIATE";
}

static const char *const schemes[] = {"sqlite:", NULL};

const bide_sql_driver bide__sqlite_driver = {
    .name = "sqlite",
    .schemes = schemes,
    .open = open_source,
    .close = close_source,
    .connect = connect,
    .disconnect = disconnect,
    .is_lost = is_lost,
    .check = check,
    .reads = reads,
    .run = run,
    .stream_begin = bide__sqlite_stream_begin,
    .stream_more = bide__sqlite_stream_more,
    .stream_end = bide__sqlite_stream_end,
    .begin_text = begin_text,
};

int bide_sqlite_register(void)
{
    return bide_sql_register(&bide__sqlite_driver);
}

/* SPDX-License-Identifier: MIT */
/*
 * statement.c — prepared statements of a connection.
 *
 * Several tasks can use one statement at a time, since only its name is sent.
 * One that leaves the cache is forgotten by the server, too, once the last
 * task that was about to send its name has done so.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "postgres/postgres.h"

int bide__pg_cache_init(struct bide__pg_cache *cache, unsigned max)
{
    size_t buckets = 16;
    while (buckets < max)
        buckets *= 2;
    *cache = (struct bide__pg_cache){.max = max, .mask = buckets - 1};
    cache->buckets = bide_allocate(buckets * sizeof cache->buckets[0]);
    if (!cache->buckets)
        return -ENOMEM;
    memset(cache->buckets, 0, buckets * sizeof cache->buckets[0]);
    return 0;
}

static void free_statement(struct bide__pg_statement *statement)
{
    bide_sql_columns_unref(statement->columns);
    bide_release(statement->params);
    bide_release(statement);
}

static void unlink_statement(struct bide__pg_cache *cache,
                             struct bide__pg_statement *statement)
{
    struct bide__pg_statement **at =
        &cache->buckets[statement->hash & cache->mask];
    while (*at != statement)
        at = &(*at)->chain;
    *at = statement->chain;
    *(statement->newer ? &statement->newer->older : &cache->newest) =
        statement->older;
    *(statement->older ? &statement->older->newer : &cache->oldest) =
        statement->newer;
    statement->linked = false;
    cache->count--;
}

static void link_newest(struct bide__pg_cache *cache,
                        struct bide__pg_statement *statement)
{
    struct bide__pg_statement **bucket =
        &cache->buckets[statement->hash & cache->mask];
    statement->chain = *bucket;
    *bucket = statement;
    statement->newer = NULL;
    statement->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = statement;
    cache->newest = statement;
    statement->linked = true;
    cache->count++;
}

void bide__pg_cache_fini(struct bide__pg_cache *cache)
{
    while (cache->oldest) {
        struct bide__pg_statement *statement = cache->oldest;
        unlink_statement(cache, statement);
        free_statement(statement);
    }
    bide_release(cache->buckets);
    cache->buckets = NULL;
}

/* FNV-1a, eight bytes at a time. */
static uint64_t hash_of(const char *sql, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ len;
    for (; len >= 8; len -= 8, sql += 8) {
        uint64_t word;
        memcpy(&word, sql, 8);
        hash = (hash ^ word) * UINT64_C(1099511628211);
        hash ^= hash >> 29;
    }
    for (; len > 0; len--, sql++)
        hash = (hash ^ (unsigned char)*sql) * UINT64_C(1099511628211);
    return hash ^ (hash >> 32);
}

/* Nobody can send its name any more: the server need not keep it. Without
 * memory or a connection it keeps it until the connection ends. */
static void drop(struct bide__pg *pg,
                 const struct bide__pg_statement *statement)
{
    char text[64];
    snprintf(text, sizeof text, "DEALLOCATE %s", statement->name);
    bide__pg_tell(pg, text);
}

void bide__pg_unuse(struct bide__pg *pg, struct bide__pg_statement *statement)
{
    if (--statement->users > 0 || statement->linked)
        return;
    if (statement->described)
        drop(pg, statement);
    free_statement(statement);
}

void bide__pg_forget(struct bide__pg *pg,
                     struct bide__pg_statement *statement)
{
    if (!statement->linked)
        return;
    statement->users++;
    unlink_statement(&pg->cache, statement);
    bide__pg_unuse(pg, statement);
}

struct bide__pg_statement *bide__pg_find(struct bide__pg *pg, const char *sql,
                                         size_t len, bool *ret_new)
{
    struct bide__pg_cache *cache = &pg->cache;
    uint64_t hash = hash_of(sql, len);
    struct bide__pg_statement *found = cache->buckets[hash & cache->mask];
    while (found && (found->hash != hash || found->sql_len != len ||
                     memcmp(found->sql, sql, len) != 0))
        found = found->chain;
    *ret_new = !found;
    if (found) {
        unlink_statement(cache, found);
    } else {
        if (cache->count == cache->max)
            bide__pg_forget(pg, cache->oldest);
        found = bide_allocate(sizeof *found + len + 1);
        if (!found)
            return NULL;
        *found = (struct bide__pg_statement){.hash = hash, .sql_len = len};
        memcpy(found->sql, sql, len + 1);
        snprintf(found->name, sizeof found->name, "bide_%" PRIu64,
                 ++cache->named);
    }
    link_newest(cache, found);
    found->users++;
    return found;
}

/* ── What the server says ─────────────────────────────────────────────── */

static int read_params(struct bide__pg_statement *statement,
                       const PGresult *result)
{
    int count = PQnparams(result);
    statement->param_count = (unsigned)count;
    statement->params = bide_allocate(((size_t)count + 1) * sizeof(Oid));
    if (!statement->params)
        return -ENOMEM;
    for (int i = 0; i < count; i++)
        statement->params[i] = PQparamtype(result, i);
    return 0;
}

int bide__pg_describe(struct bide__pg_statement *statement,
                      const PGresult *result)
{
    const char *few[64];
    int count = PQnfields(result);
    const char **names = few;
    if (count > 64)
        names = bide_allocate((size_t)count * sizeof names[0]);
    if (!names)
        return -ENOMEM;
    statement->binary = true;
    for (int i = 0; i < count; i++) {
        names[i] = PQfname(result, i);
        statement->binary &= bide__pg_knows(PQftype(result, i));
    }
    statement->columns = bide_sql_columns_new(names, (size_t)count);
    if (names != few)
        bide_release(names);
    return statement->columns ? read_params(statement, result) : -ENOMEM;
}

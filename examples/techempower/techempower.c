/* SPDX-License-Identifier: MIT */
/*
 * techempower.c — the four tests of TechEmpower's benchmarks of frameworks
 * that need a database: PostgreSQL, with the tables of schema.sql.
 *
 *     GET /db                  a row of the table, by a random key
 *     GET /queries?queries=20  so many, each by a statement of its own
 *     GET /updates?queries=20  so many, with new numbers that are stored
 *     GET /fortunes            a page of all sayings, and one more
 *
 *     DATABASE_URL=postgres:///test PORT=8000 techempower
 *     CONNECTIONS=20 techempower               to the database, at most
 *
 * The statements of one request are sent by tasks, and so share the pipeline
 * of a connection: twenty of them cost about one journey to the server.
 */
#include <bide.h>
#include <bide/postgres.h>
#include <bide/sql_model.h>
#include <bide/web.h>
#include <bide/web_short.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLDS 10000
#define QUERIES_MAX 500
#define TRIES_MAX 5

model(World,
    field(i32, id),
    field(i32, randomNumber, .column = "randomnumber"));

list_of(Worlds, World);

/* A text: what is no number counts as 1, and is no fault. */
model(Count, query(str, queries, .def = "1"));

struct service {
    const char *url;
    bide_sql *db;
};

static bide_sql *database(req *request)
{
    struct service *service = bide_web_state(request);
    return service->db;
}

/* 1 to WORLDS. */
static int32_t any(void)
{
    return (int32_t)(random() % WORLDS) + 1;
}

static size_t count_of(const char *text)
{
    long count = strtol(text, NULL, 10);
    return count < 1 ? 1 : count > QUERIES_MAX ? QUERIES_MAX : (size_t)count;
}

/* ── Worlds ───────────────────────────────────────────────────────────── */

/* A row that one task fetches, by the id that is in it. */
struct lookup {
    bide_sql *db;
    World *world;
};

static int fetch_world(void *arg)
{
    const struct lookup *lookup = arg;
    const bide_sql_row *row;
    int rc = bide_sql_fetchrow(
        lookup->db, "SELECT id, randomnumber FROM world WHERE id = $1",
        BIDE_SQL(lookup->world->id), &row);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return bide_raise(-ENOENT, "there is no world %d", lookup->world->id);
    *lookup->world = (World){
        .id = (int32_t)bide_sql_row_i64(row, 0),
        .randomNumber = (int32_t)bide_sql_row_i64(row, 1),
    };
    bide_sql_row_free(row);
    return 0;
}

/* Ids of which none comes twice: one statement changes a row only once. */
static void choose(World *worlds, size_t count)
{
    uint64_t taken[WORLDS / 64 + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        int32_t id;
        do
            id = any();
        while (taken[id / 64] >> (id % 64) & 1);
        taken[id / 64] |= UINT64_C(1) << (id % 64);
        worlds[i].id = id;
    }
}

static int fetch_worlds(req *request, size_t count, Worlds *ret_worlds)
{
    World *worlds = bide_web_request_allocate(request, count * sizeof *worlds);
    struct lookup *lookups =
        bide_web_request_allocate(request, count * sizeof *lookups);
    bide_task **tasks =
        bide_web_request_allocate(request, count * sizeof(bide_task *));
    if (!worlds || !lookups || !tasks)
        return -ENOMEM;
    choose(worlds, count);
    for (size_t i = 0; i < count; i++) {
        lookups[i] = (struct lookup){database(request), &worlds[i]};
        tasks[i] = bide_create_task(fetch_world, &lookups[i]);
    }
    *ret_worlds = (Worlds){worlds, count};
    return bide_gather(tasks, count);
}

static int get_db(req *request, const bide_web_none *in, World *out)
{
    (void)in;
    out->id = any();
    return fetch_world(&(struct lookup){database(request), out});
}

static int get_queries(req *request, const Count *in, Worlds *out)
{
    return fetch_worlds(request, count_of(in->queries), out);
}

/* ── Updates ──────────────────────────────────────────────────────────── */

static int by_id(const void *a, const void *b)
{
    const World *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

/* A number and a comma: at most 7 bytes. */
static char *append(char *at, int32_t number)
{
    return at + sprintf(at, "%d,", number);
}

/* All in one statement. The order lets two requests that want the same rows
 * wait for each other instead of getting stuck; if they are stuck all the
 * same, the server lets one fail, and that tries again. */
static int store_worlds(req *request, const Worlds *worlds)
{
    size_t size = 7 * worlds->n_items + 3;
    char *ids = bide_web_request_allocate(request, size);
    char *numbers = bide_web_request_allocate(request, size);
    if (!ids || !numbers)
        return -ENOMEM;
    char *id = ids, *number = numbers;
    *id++ = *number++ = '{';
    for (size_t i = 0; i < worlds->n_items; i++) {
        id = append(id, worlds->items[i].id);
        number = append(number, worlds->items[i].randomNumber);
    }
    strcpy(id - 1, "}");
    strcpy(number - 1, "}");
    int rc, tries = 0;
    do
        rc = bide_sql_execute(
            database(request),
            "UPDATE world SET randomnumber = new.number "
            "FROM unnest($1::int[], $2::int[]) AS new (id, number) "
            "WHERE world.id = new.id",
            BIDE_SQL(ids, numbers));
    while (rc == BIDE_E_SQL_CONFLICT && ++tries < TRIES_MAX);
    return rc < 0 ? rc : 0;
}

static int get_updates(req *request, const Count *in, Worlds *out)
{
    int rc = fetch_worlds(request, count_of(in->queries), out);
    if (rc < 0)
        return rc;
    qsort(out->items, out->n_items, sizeof *out->items, by_id);
    for (size_t i = 0; i < out->n_items; i++)
        out->items[i].randomNumber = any();
    return store_worlds(request, out);
}

/* ── Fortunes ─────────────────────────────────────────────────────────── */

model(Fortune, field(i32, id), field(str, message));

static int by_message(const void *a, const void *b)
{
    const Fortune *left = a, *right = b;
    return strcmp(left->message, right->message);
}

static const char page_begin[] =
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>";
static const char page_end[] = "</table></body></html>";

/* What a row needs beside its message, and a byte of a message at most. */
#define ROW_MAX 64
#define ESCAPED_MAX 6

static char *escape(char *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            to = stpcpy(to, "&amp;");
            break;
        case '<':
            to = stpcpy(to, "&lt;");
            break;
        case '>':
            to = stpcpy(to, "&gt;");
            break;
        case '"':
            to = stpcpy(to, "&quot;");
            break;
        case '\'':
            to = stpcpy(to, "&#39;");
            break;
        default:
            *to++ = *text;
        }
    }
    return to;
}

static int reply_page(req *request, const Fortune *fortunes, size_t count)
{
    size_t size = sizeof page_begin + sizeof page_end;
    for (size_t i = 0; i < count; i++)
        size += ROW_MAX + ESCAPED_MAX * strlen(fortunes[i].message);
    char *page = bide_web_request_allocate(request, size);
    if (!page)
        return -ENOMEM;
    char *at = stpcpy(page, page_begin);
    for (size_t i = 0; i < count; i++) {
        at += sprintf(at, "<tr><td>%d</td><td>", fortunes[i].id);
        at = escape(at, fortunes[i].message);
        at = stpcpy(at, "</td></tr>");
    }
    at = stpcpy(at, page_end);
    return bide_web_reply(request, 200, "text/html; charset=utf-8", page,
                          (size_t)(at - page));
}

static int get_fortunes(req *request)
{
    Fortune *stored;
    int count = bide_sql_fetch_as(
        database(request), "SELECT id, message FROM fortune", BIDE_SQL(),
        &bide_model_Fortune, bide_web_request_arena(request), &stored);
    if (count < 0)
        return count;
    size_t n = (size_t)count;
    Fortune *all = bide_web_request_allocate(request, (n + 1) * sizeof *all);
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        all[i] = stored[i];
    all[n] = (Fortune){0, "Additional fortune added at request time."};
    qsort(all, n + 1, sizeof *all, by_message);
    return reply_page(request, all, n + 1);
}

/* ── The program ──────────────────────────────────────────────────────── */

static const char *setting(const char *name, const char *normal)
{
    const char *value = getenv(name);
    return value && *value ? value : normal;
}

static int open_database(void *arg)
{
    struct service *service = arg;
    const bide_sql_options options = {
        .connections_max = (unsigned)atoi(setting("CONNECTIONS", "0")),
    };
    return bide_sql_open(service->url, &options, &service->db);
}

static int close_database(void *arg)
{
    struct service *service = arg;
    bide_sql_close(service->db);
    return 0;
}

static int amain(void *arg)
{
    struct service service = {.url = setting("DATABASE_URL", "postgres:")};
    (void)arg;
    bide_web_app *app =
        bide_web_app_new(&(bide_web_options){.state = &service});
    bide_web_lifespan(app, open_database, close_database, &service);
    GET(app, "/db", get_db, bide_web_none, World);
    GET(app, "/queries", get_queries, Count, Worlds);
    GET(app, "/updates", get_updates, Count, Worlds);
    bide_web_route(app, "GET", "/fortunes", get_fortunes, NULL);
    int rc = bide_web_run(app, setting("HOST", "127.0.0.1"),
                          atoi(setting("PORT", "8000")));
    bide_web_app_free(app);
    return rc;
}

int main(void)
{
    int rc = bide_postgres_register();
    if (rc == 0)
        rc = bide_run(amain, NULL);
    if (rc < 0)
        fprintf(stderr, "techempower: %s\n", bide_errmsg(rc));
    return rc < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * connect.c — from a URL to a connection.
 *
 * libpq connects in steps and says between them what to wait for. Only names
 * it would look up while everybody waits; so they are looked up before, by
 * ours, and libpq is given each address together with its name, which is what
 * certificates are checked by.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <bide/dns.h>
#include <bide/ready.h>
#include <netdb.h>

#include "postgres/postgres.h"

#define LIST_SIZE 2048    /* of hosts, addresses or ports with commas */
#define KEYWORDS_MAX 64u  /* of libpq; there are some forty */

struct hosts {
    char names[LIST_SIZE];
    char addresses[LIST_SIZE];
    char ports[LIST_SIZE];
    unsigned count;
};

/* ── Names ────────────────────────────────────────────────────────────── */

static bool append(char *list, const char *item, unsigned count)
{
    size_t used = strlen(list);
    int len = snprintf(list + used, LIST_SIZE - used, "%s%s",
                       count > 0 ? "," : "", item);
    return len >= 0 && (size_t)len < LIST_SIZE - used;
}

static int add_host(struct hosts *hosts, const char *name,
                    const char *address, const char *port)
{
    if (!append(hosts->names, name, hosts->count) ||
        !append(hosts->addresses, address, hosts->count) ||
        !append(hosts->ports, port, hosts->count))
        return bide_raise(-EINVAL, "the addresses of the database's hosts are "
                                   "longer than %d bytes",
                          LIST_SIZE);
    hosts->count++;
    return 0;
}

static bool is_number(const char *name)
{
    struct in6_addr address;
    return inet_pton(AF_INET, name, &address) == 1 ||
           inet_pton(AF_INET6, name, &address) == 1;
}

/* Add a host once for each of its addresses. */
static int resolve(struct hosts *hosts, const char *name, const char *port)
{
    if (!*name || *name == '/' || *name == '@')
        return add_host(hosts, name, "", port); /* a local socket */
    if (is_number(name))
        return add_host(hosts, name, name, port);
    struct addrinfo *found;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int rc = bide_getaddrinfo(name, NULL, &hints, &found);
    if (rc < 0)
        return rc;
    for (struct addrinfo *each = found; rc == 0 && each;
         each = each->ai_next) {
        char address[NI_MAXHOST];
        if (getnameinfo(each->ai_addr, each->ai_addrlen, address,
                        sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
            rc = add_host(hosts, name, address, port);
    }
    freeaddrinfo(found);
    return rc;
}

/* The next item of a list with commas, or the only one for all. */
static void next_item(const char **list, char *item, size_t size)
{
    size_t len = strcspn(*list, ",");
    snprintf(item, size, "%.*s", (int)(len < size ? len : size - 1), *list);
    if ((*list)[len] == ',')
        *list += len + 1;
}

static int resolve_all(struct hosts *hosts, const char *names,
                       const char *ports)
{
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        char name[NI_MAXHOST], port[32];
        more = strchr(names, ',') != NULL;
        next_item(&names, name, sizeof name);
        next_item(&ports, port, sizeof port);
        rc = resolve(hosts, name, port);
    }
    return rc;
}

/* ── Options of libpq ─────────────────────────────────────────────────── */

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    unsigned count;
};

static void set(struct keywords *keywords, const char *name,
                const char *value)
{
    unsigned i = 0;
    while (i < keywords->count && strcmp(keywords->names[i], name) != 0)
        i++;
    if (i == KEYWORDS_MAX)
        return;
    keywords->names[i] = name;
    keywords->values[i] = value;
    keywords->count += i == keywords->count;
}

static const char *get(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword; options++)
        if (!strcmp(options->keyword, name))
            return options->val;
    return NULL;
}

/* A host that the URL does not name comes from the environment, or is where
 * libpq looks for a local server. */
static int start(const PQconninfoOption *options, struct hosts *hosts,
                 PGconn **ret_conn)
{
    struct keywords keywords = {.count = 0};
    for (const PQconninfoOption *each = options; each->keyword; each++)
        if (each->val)
            set(&keywords, each->keyword, each->val);
    if (!get(options, "client_encoding"))
        set(&keywords, "client_encoding", "UTF8");
    if (!get(options, "fallback_application_name"))
        set(&keywords, "fallback_application_name", "bide");
    const char *names = get(options, "host");
    if (names && !get(options, "hostaddr")) {
        const char *ports = get(options, "port");
        int rc = resolve_all(hosts, names, ports ? ports : "");
        if (rc < 0)
            return rc;
        set(&keywords, "host", hosts->names);
        set(&keywords, "hostaddr", hosts->addresses);
        set(&keywords, "port", hosts->ports);
    }
    *ret_conn = PQconnectStartParams(keywords.names, keywords.values, 0);
    return *ret_conn ? 0 : -ENOMEM;
}

static int parse_and_start(const char *url, PGconn **ret_conn)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &error);
    if (!options) {
        int rc = error ? bide_raise(-EINVAL, "the database's URL: %.*s",
                                    (int)strcspn(error, "\n"), error)
                       : -ENOMEM;
        PQfreemem(error);
        return rc;
    }
    struct hosts *hosts = bide_allocate(sizeof *hosts);
    int rc = -ENOMEM;
    if (hosts) {
        memset(hosts, 0, sizeof *hosts);
        rc = start(options, hosts, ret_conn);
    }
    bide_release(hosts);
    PQconninfoFree(options);
    return rc;
}

/* ── Connecting ───────────────────────────────────────────────────────── */

/* The socket may be another one at each step: libpq tries several. */
static int finish_connecting(PGconn *conn)
{
    int rc = 0;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (rc == 0 && status != PGRES_POLLING_OK &&
           status != PGRES_POLLING_FAILED && PQstatus(conn) != CONNECTION_BAD) {
        if (status == PGRES_POLLING_WRITING)
            rc = bide_wait_writable(PQsocket(conn));
        else if (status == PGRES_POLLING_READING)
            rc = bide_wait_readable(PQsocket(conn));
        if (rc == 0)
            status = PQconnectPoll(conn);
    }
    return rc;
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static int establish(struct bide__pg *pg)
{
    int rc = parse_and_start(pg->source->url, &pg->conn);
    if (rc == 0)
        rc = finish_connecting(pg->conn);
    if (rc < 0)
        return rc;
    if (PQstatus(pg->conn) != CONNECTION_OK)
        return bide_sql_raise("08001", PQerrorMessage(pg->conn));
    PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
    rc = bide__pg_cache_init(&pg->cache, pg->source->statements_max);
    return rc < 0 ? rc : bide__pg_pipeline_start(pg);
}

int bide__pg_connect(void *data, bool writes, void **ret_connection)
{
    (void)writes; /* all connections may */
    struct bide__pg *pg = bide_allocate(sizeof *pg);
    if (!pg)
        return -ENOMEM;
    memset(pg, 0, sizeof *pg);
    pg->source = data;
    pg->loop = bide_loop_current();
    pg->notes_last = &pg->notes;
    int rc = establish(pg);
    if (rc < 0) {
        bide__pg_disconnect(pg);
        return rc;
    }
    *ret_connection = pg;
    return 0;
}

void bide__pg_disconnect(void *connection)
{
    struct bide__pg *pg = connection;
    bide__pg_pipeline_stop(pg);
    bide__pg_cache_fini(&pg->cache);
    bide__pg_drop_notes(pg);
    PQfinish(pg->conn);
    bide_release(pg);
}

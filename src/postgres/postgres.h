/* SPDX-License-Identifier: MIT */
/*
 * postgres.h — PostgreSQL from inside.
 *
 *     driver.c     what bide-sql calls
 *     connect.c    from a URL to a connection
 *     pipeline.c   jobs out and their results in
 *     run.c        a statement, from its preparation to its result
 *     statement.c  prepared statements of a connection
 *     encode.c     parameters, in the server's binary format
 *     decode.c     values of rows
 *     numeric.c    numbers of any length
 *     cancel.c     stopping what runs on the server
 *     stream.c     cursors
 *     copy.c       COPY
 *     notify.c     LISTEN and NOTIFY
 *     error.c      what the server or libpq reports, as ours
 *
 * libpq does the protocol, never waits, and is called on the loop's thread
 * alone. A connection is always in libpq's pipeline mode, but for scripts and
 * COPY, which do not work in it.
 */
#ifndef BIDE_SRC_POSTGRES_POSTGRES_H
#define BIDE_SRC_POSTGRES_POSTGRES_H

#include <bide/loop.h>
#include <bide/postgres.h>
#include <bide/sql_driver.h>
#include <bide/sync.h>
#include <bide/task.h>
#include <libpq-fe.h>

/* Types of the server that we know: the numbers are fixed. */
enum {
    BIDE__PG_BOOL = 16,
    BIDE__PG_BYTEA = 17,
    BIDE__PG_CHAR = 18,
    BIDE__PG_NAME = 19,
    BIDE__PG_INT8 = 20,
    BIDE__PG_INT2 = 21,
    BIDE__PG_INT4 = 23,
    BIDE__PG_TEXT = 25,
    BIDE__PG_OID = 26,
    BIDE__PG_JSON = 114,
    BIDE__PG_FLOAT4 = 700,
    BIDE__PG_FLOAT8 = 701,
    BIDE__PG_UNKNOWN = 705,
    BIDE__PG_BPCHAR = 1042,
    BIDE__PG_VARCHAR = 1043,
    BIDE__PG_DATE = 1082,
    BIDE__PG_TIMESTAMP = 1114,
    BIDE__PG_TIMESTAMPTZ = 1184,
    BIDE__PG_NUMERIC = 1700,
    BIDE__PG_UUID = 2950,
    BIDE__PG_VOID = 2278,
    BIDE__PG_JSONB = 3802,
};

/* From 1970-01-01 to 2000-01-01, where the server's times begin. */
#define BIDE__PG_EPOCH_DAYS 10957
#define BIDE__PG_EPOCH_US (INT64_C(86400000000) * BIDE__PG_EPOCH_DAYS)

struct bide__pg;
struct bide__pg_job;

/* A prepared statement of a connection. */
struct bide__pg_statement {
    struct bide__pg_statement *chain; /* of the same bucket */
    struct bide__pg_statement *newer, *older;
    uint64_t hash;
    size_t sql_len;
    unsigned users;     /* tasks between looking it up and sending */
    bool linked;        /* in the cache; else, freed by its last user */
    bool failed;        /* preparing it has failed ... */
    bool again;         /* ... but may succeed if it is tried again */
    bool described;     /* what follows is known */
    bool binary;        /* we know the types of all columns */
    bide_event ready;   /* described, or failed */
    int code;           /* of the failure */
    char message[BIDE_ERRMSG_MAX];
    bide_sql_columns *columns;
    unsigned param_count;
    Oid *params;        /* their types */
    char name[24];
    char sql[];
};

struct bide__pg_cache {
    struct bide__pg_statement **buckets; /* a power of two of them */
    size_t mask;
    size_t count, max;
    uint64_t named; /* how many names were given */
    struct bide__pg_statement *newest, *oldest;
};

enum bide__pg_kind {
    BIDE__PG_QUERY,   /* one statement: its rows go to the request */
    BIDE__PG_PREPARE, /* a preparation and a description */
    BIDE__PG_TELL,    /* nobody waits for it */
};

/* Something sent that has results to come. In memory of its own, because a
 * task that is cancelled can leave it behind. */
struct bide__pg_job {
    struct bide__pg_job *next;
    enum bide__pg_kind kind;
    unsigned parts;            /* commands whose results have not all come */
    bool synced;               /* a Sync follows it */
    bool reads;                /* may share a Sync */
    bool cancelled;            /* by its task */
    bool again;                /* it was undone for another's sake */
    bool aborted;              /* not run, because one before it failed */
    int code;
    char message[BIDE_ERRMSG_MAX];
    bide_sql_request *request; /* NULL: nobody is interested any more */
    struct bide__pg_statement *statement; /* PREPARE: it; QUERY: or NULL */
    bide_event *done;          /* of the task that waits; NULL: none */
};

/* A notification that has not been fetched. */
struct bide__pg_note {
    struct bide__pg_note *next;
    PGnotify *notify;
};

/* What a URL and the options said; shared by a pool's connections. */
struct bide__pg_source {
    char *url;
    unsigned statements_max;
};

/* A connection. */
struct bide__pg {
    const struct bide__pg_source *source;
    bide_loop *loop;
    PGconn *conn;
    int fd;
    bool reading, writing;       /* there is a reader, a writer for fd */
    bool lost;
    bool piped;                  /* in pipeline mode */
    unsigned unsynced;           /* jobs at the end that no Sync follows */
    bide_handle flush;           /* at the end of the turn */
    struct bide__pg_job *first, *newest; /* sent, oldest first */
    struct bide__pg_job *current; /* whose results come next; NULL: a Sync's,
                                     or nothing was sent */
    struct bide__pg_canceller *canceller; /* under way; or NULL */
    bool cancelling;             /* one was, since all was answered last */
    uint64_t cursors;            /* how many names were given */
    bide_event *drained;         /* set when all is answered; or NULL */
    struct bide__pg_cache cache;
    struct bide__pg_note *notes; /* oldest first */
    struct bide__pg_note **notes_last;
    size_t notes_count;
    bool listens;                /* to any channel */
    bool notes_lost;
    bide_event noted;
};

/* ── connect.c ────────────────────────────────────────────────────────── */

BIDE_SUSPENDS int bide__pg_connect(void *data, bool writes,
                                   void **ret_connection);
void bide__pg_disconnect(void *connection);

/* ── pipeline.c ───────────────────────────────────────────────────────── */

/* Begin to serve a connection that is open. */
int bide__pg_pipeline_start(struct bide__pg *pg);
void bide__pg_pipeline_stop(struct bide__pg *pg);

struct bide__pg_job *bide__pg_job_new(enum bide__pg_kind kind);

/* Something was sent for the job: it waits for its results from now on. */
void bide__pg_sent(struct bide__pg *pg, struct bide__pg_job *job);

/* Send a statement whose result is of no interest. */
void bide__pg_tell(struct bide__pg *pg, const char *sql);

/* Have what was sent before run by itself. */
void bide__pg_sync(struct bide__pg *pg);

/* Wait until all that was sent is answered. */
BIDE_SUSPENDS int bide__pg_drain(struct bide__pg *pg);

/* The connection is lost: everybody who waits is told. */
void bide__pg_lose(struct bide__pg *pg);

/* Send what libpq has buffered, as far as it goes. */
void bide__pg_push(struct bide__pg *pg);

/* Outside of pipeline mode: send all, or get the next result (NULL: no more).
 */
BIDE_SUSPENDS int bide__pg_flush(struct bide__pg *pg);
BIDE_SUSPENDS int bide__pg_result(struct bide__pg *pg, PGresult **ret_result);

/* Leave pipeline mode when all is answered, and come back to it. */
BIDE_SUSPENDS int bide__pg_leave(struct bide__pg *pg);
int bide__pg_return(struct bide__pg *pg);

/* ── run.c ────────────────────────────────────────────────────────────── */

BIDE_SUSPENDS int bide__pg_run(void *connection, bide_sql_request *request);

/* Run a statement of our own, as text. */
BIDE_SUSPENDS int bide__pg_say(struct bide__pg *pg, const char *sql,
                               bide_sql_rows *rows, bool binary);

/* The prepared statement of a request, described; it has one more user. */
BIDE_SUSPENDS int bide__pg_prepared(struct bide__pg *pg, const char *sql,
                                    size_t len,
                                    struct bide__pg_statement **ret_statement);

/* Whether the text begins with one of the words. */
bool bide__pg_begins_with(const char *sql, const char *const *words);
bool bide__pg_reads(const char *sql);

/* Deliver a cancellation that was caught later. */
void bide__pg_put_off_cancel(void);

/* ── cancel.c ─────────────────────────────────────────────────────────── */

/* If the job whose results come next was cancelled: have the server stop it.
 */
void bide__pg_cancel_current(struct bide__pg *pg);

/* The connection ends: nobody may come back to it. */
void bide__pg_forget_canceller(struct bide__pg *pg);

/* ── statement.c ──────────────────────────────────────────────────────── */

int bide__pg_cache_init(struct bide__pg_cache *cache, unsigned max);
void bide__pg_cache_fini(struct bide__pg_cache *cache);

/* Find a statement, or make one that is not prepared yet (ret_new). */
struct bide__pg_statement *bide__pg_find(struct bide__pg *pg, const char *sql,
                                         size_t len, bool *ret_new);
void bide__pg_unuse(struct bide__pg *pg,
                    struct bide__pg_statement *statement);

/* Forget a statement; the server is told if it knows it. */
void bide__pg_forget(struct bide__pg *pg,
                     struct bide__pg_statement *statement);

/* Note what the server says of a statement. */
int bide__pg_describe(struct bide__pg_statement *statement,
                      const PGresult *result);

/* ── encode.c ─────────────────────────────────────────────────────────── */

/* Parameters as libpq takes them. */
struct bide__pg_params {
    int count;
    const char **values;
    int *lengths;
    int *formats;
    void *memory; /* of all of that, or NULL */
    _Alignas(16) char few[1024];
};

int bide__pg_encode(const bide_sql_params *params, const Oid *types,
                    struct bide__pg_params *ret_encoded);
void bide__pg_params_free(struct bide__pg_params *encoded);

/* ── decode.c, numeric.c ──────────────────────────────────────────────── */

bool bide__pg_knows(Oid type);

/* Add the rows of a result, at most rows_max of them unless that is 0. */
int bide__pg_decode(const PGresult *result, bide_sql_columns *columns,
                    bide_sql_rows *rows, size_t rows_max);

/* A number as text; returns its length, or a negative code. */
int bide__pg_numeric(const char *bytes, size_t len, bide_sql_rows *rows,
                     bide_sql_value *value);

uint64_t bide__pg_read(const char *bytes, size_t len);

/* ── stream.c ─────────────────────────────────────────────────────────── */

BIDE_SUSPENDS int bide__pg_stream_begin(void *connection,
                                        bide_sql_request *request,
                                        void **ret_stream);
BIDE_SUSPENDS int bide__pg_stream_more(void *stream, bide_sql_rows *rows);
BIDE_SUSPENDS void bide__pg_stream_end(void *stream);

/* ── notify.c ─────────────────────────────────────────────────────────── */

/* Take the notifications that have come. */
void bide__pg_collect_notes(struct bide__pg *pg);
void bide__pg_drop_notes(struct bide__pg *pg);
void bide__pg_released(void *connection);

/* ── error.c ──────────────────────────────────────────────────────────── */

/* Raise what a result says; ret_state gets its SQLSTATE. */
int bide__pg_raise(const PGresult *result, char ret_state[6]);

/* Raise what libpq says of the connection. */
int bide__pg_raise_lost(struct bide__pg *pg);

/* The connection of a public function's argument, or NULL and raised. */
struct bide__pg *bide__pg_of(bide_sql *connection, const char *function,
                             int *ret_code);

extern const bide_sql_driver bide__pg_driver;

#endif

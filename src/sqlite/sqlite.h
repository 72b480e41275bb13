/* SPDX-License-Identifier: MIT */
/*
 * sqlite.h — SQLite from inside.
 *
 *     driver.c      what bide-sql calls; URLs
 *     worker.c      jobs to the connection's thread and back
 *     group.c       the jobs of one visit, in as few transactions as possible
 *     connection.c  opening, settings, waiting for other processes
 *     statement.c   prepared statements: cache, parameters, rows
 *     stream.c      rows in parts
 *     backup.c      copies
 *     error.c       what SQLite reports, as ours
 *
 * What is done with `db` is done on the connection's thread, but for
 * sqlite3_interrupt().
 */
#ifndef BIDE_SRC_SQLITE_SQLITE_H
#define BIDE_SRC_SQLITE_SQLITE_H

#include <bide/engine.h>
#include <bide/sql_driver.h>
#include <bide/sqlite.h>
#include <bide/sync.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

struct bide__sqlite;
struct bide__sqlite_job;

/* A piece of work for the thread; what it returns is the job's code. */
typedef int bide__sqlite_fn(struct bide__sqlite *sqlite,
                            struct bide__sqlite_job *job);

/* In the frame of the task that waits. */
struct bide__sqlite_job {
    struct bide__sqlite_job *next;
    bide__sqlite_fn *fn;
    bide_sql_request *request; /* a statement; or NULL */
    void *arg;                 /* for fn */
    uint64_t number;           /* in the order in which they were sent */
    bool groups;               /* a statement that may share a transaction */
    bool cancelled;            /* under the connection's lock */
    int code;
    char message[BIDE_ERRMSG_MAX]; /* of code; "" if there is none */
    bide_event done;
};

struct bide__sqlite_list {
    struct bide__sqlite_job *first;
    struct bide__sqlite_job **last;
    size_t count;
};

/* A prepared statement, in the cache or in use. */
struct bide__sqlite_statement {
    struct bide__sqlite_statement *chain; /* of the same bucket */
    struct bide__sqlite_statement *newer, *older;
    sqlite3_stmt *stmt;
    bide_sql_columns *columns;
    uint64_t hash;
    size_t sql_len;
    int reprepared;       /* SQLite's count when columns were read */
    unsigned params;      /* the greatest number */
    unsigned *numbers;    /* by SQLite's index, from 1: which value */
    bool reads;           /* writes nothing */
    bool changes;         /* INSERT, UPDATE, DELETE or REPLACE */
    char sql[];
};

struct bide__sqlite_cache {
    struct bide__sqlite_statement **buckets; /* a power of two of them */
    size_t mask;
    size_t count;
    size_t max;
    struct bide__sqlite_statement *newest, *oldest;
};

/* What the URL and the options said; shared by a pool's connections. */
struct bide__sqlite_source {
    char *file;
    int flags; /* for sqlite3_open_v2(), but whether it may write */
    unsigned statements_max;
    bool memory;
    bool read_only;
    bide_sqlite_options options;
};

/* A connection. */
struct bide__sqlite {
    const struct bide__sqlite_source *source;
    bool writes;

    bide_engine *engine;
    bide_pool *pool; /* of one thread */
    bide_op op;      /* the thread's visit to the queue */
    bool visiting;   /* op is in flight */
    bide_event *idle; /* who waits for the end of everything; or NULL */
    bool posted;     /* under `lock`: post is on its way */
    bide_post post;
    pthread_mutex_t lock;              /* of what follows */
    struct bide__sqlite_list queue;    /* to be done */
    struct bide__sqlite_list finished; /* to be told of */
    struct bide__sqlite_job *running;
    uint64_t sent;                     /* how many jobs there were */
    atomic_bool interrupted;           /* `running` is to stop */

    /* The thread's own. */
    sqlite3 *db;
    struct bide__sqlite_cache cache;
    struct bide__sqlite_list ready; /* finished, not published yet */
    int64_t published_ns;
    sqlite3_stmt *begin, *commit;
};

/* ── worker.c ─────────────────────────────────────────────────────────── */

int bide__sqlite_start(struct bide__sqlite *sqlite);
BIDE_SUSPENDS void bide__sqlite_stop(struct bide__sqlite *sqlite);

/* Have a job done by the thread; raises its code. */
BIDE_SUSPENDS int bide__sqlite_do(struct bide__sqlite *sqlite,
                                  struct bide__sqlite_job *job);

/* The same for a job that must be done even if the task is cancelled. */
BIDE_SUSPENDS int bide__sqlite_insist(struct bide__sqlite *sqlite,
                                      struct bide__sqlite_job *job);

void bide__sqlite_append(struct bide__sqlite_list *list,
                         struct bide__sqlite_job *job);
struct bide__sqlite_job *bide__sqlite_pop(struct bide__sqlite_list *list);

/* On the thread: the number of the job that was sent last. */
uint64_t bide__sqlite_newest(struct bide__sqlite *sqlite);

/* On the thread: take the next job out of the queue, if it was sent no later
 * than the one with this number; or NULL. */
struct bide__sqlite_job *bide__sqlite_next(struct bide__sqlite *sqlite,
                                           uint64_t number);

/* On the thread: run one job, and note what it came to. */
void bide__sqlite_perform(struct bide__sqlite *sqlite,
                          struct bide__sqlite_job *job);

/* On the thread: a job is finished, its task may be told. */
void bide__sqlite_finish(struct bide__sqlite *sqlite,
                         struct bide__sqlite_job *job);

/* ── group.c ──────────────────────────────────────────────────────────── */

/* On the thread: do all jobs there are. */
void bide__sqlite_work(struct bide__sqlite *sqlite);

/* ── connection.c ─────────────────────────────────────────────────────── */

bide__sqlite_fn bide__sqlite_open, bide__sqlite_close;

/* ── statement.c ──────────────────────────────────────────────────────── */

int bide__sqlite_cache_init(struct bide__sqlite_cache *cache, unsigned max);
void bide__sqlite_cache_fini(struct bide__sqlite_cache *cache);

/* Take a statement out of the cache, or prepare it. */
int bide__sqlite_take(struct bide__sqlite *sqlite, const char *sql, size_t len,
                      struct bide__sqlite_statement **ret_statement);
void bide__sqlite_put(struct bide__sqlite *sqlite,
                      struct bide__sqlite_statement *statement);

int bide__sqlite_bind(struct bide__sqlite *sqlite,
                      const struct bide__sqlite_statement *statement,
                      bide_sql_params params);

/* Step to the next row and add it to rows, if that is not NULL. Returns 1, 0
 * after the last row, or a negative code. */
int bide__sqlite_step(struct bide__sqlite *sqlite,
                      struct bide__sqlite_statement *statement,
                      bide_sql_rows *rows);

/* Have the rows begin with the statement's columns. */
int bide__sqlite_begin_rows(struct bide__sqlite_statement *statement,
                            bide_sql_rows *rows);

/* Run a request from its beginning to its end. */
int bide__sqlite_run(struct bide__sqlite *sqlite, bide_sql_request *request);

/* What a statement begins with, in upper case, to be compared. */
bool bide__sqlite_begins_with(const char *sql, const char *const *words);

/* ── stream.c ─────────────────────────────────────────────────────────── */

int bide__sqlite_stream_begin(void *connection, bide_sql_request *request,
                              void **ret_stream);
int bide__sqlite_stream_more(void *stream, bide_sql_rows *rows);
void bide__sqlite_stream_end(void *stream);

/* ── error.c ──────────────────────────────────────────────────────────── */

/* Raise what SQLite's call came to; `code` is its result. */
int bide__sqlite_raise(struct bide__sqlite *sqlite, int code);

extern const bide_sql_driver bide__sqlite_driver;

#endif

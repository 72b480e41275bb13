/* SPDX-License-Identifier: MIT */
/*
 * jobs.h — jobs from inside.
 *
 *     open.c    options, enqueuing
 *     work.c    the worker: takes, does, and says what became of it
 *     sql.c     a store that is a table
 *     redis.c   a store that is Redis
 *
 * Both stores keep one date for each job, when it is due. A worker takes what
 * is due and moves the date to the end of its lease; renewing moves it on,
 * failing moves it to the next attempt. So a job whose worker has died is due
 * again by itself. What a worker says of a job counts only while the attempt
 * is the one that it took: a late word of one that lost its lease changes
 * nothing.
 */
#ifndef BIDE_SRC_JOBS_JOBS_H
#define BIDE_SRC_JOBS_JOBS_H

#include <bide.h>
#include <bide/jobs.h>

#define BIDE__JOBS_ID 64 /* characters of an id, or of a name */

/* A job that was taken. One piece of memory with its strings. */
struct bide__job {
    struct bide__job *next;
    bide_job job;
    double backoff; /* seconds before the second attempt */
    double renew;   /* when the worker renews its lease */
    bide_jobs *jobs;
    const bide_job_route *route; /* or NULL */
};

struct bide__store;

/* What a kind of store does. All functions may suspend; times are seconds
 * from now. Negative codes are errors. */
struct bide__store_kind {
    /* 1 if it was taken, 0 if there is one of the id. */
    int (*enqueue)(struct bide__store *store, const char *id, const char *name,
                   const void *data, size_t len,
                   const bide_job_options *options);
    /* Up to max jobs that are due, leased. ret_wait: when the next is. */
    int (*take)(struct bide__store *store, unsigned max, double lease,
                struct bide__job **ret_jobs, double *ret_wait);
    int (*renew)(struct bide__store *store, const bide_job *job,
                 double lease);
    int (*done)(struct bide__store *store, const bide_job *job);
    /* Due again after delay; or dead, if that is negative. An attempt that
     * does not count is taken back. */
    int (*fail)(struct bide__store *store, const bide_job *job, double delay,
                const char *error, bool counts);
    int (*count)(struct bide__store *store, bide_jobs_counts *ret_counts);
    int (*revive)(struct bide__store *store, const char *id);
    int (*last_error)(struct bide__store *store, const char *id, char *text,
                      size_t size);
    /* Wait for the bell that enqueuing anywhere rings. NULL: there is none.
     * The listener is NULL at first, and to be let go by the caller. */
    int (*listen)(struct bide__store *store, void **listener);
    void (*let_go)(void *listener);
    void (*close)(struct bide__store *store);
};

struct bide__store {
    const struct bide__store_kind *kind;
    char queue[BIDE__JOBS_ID + 1];
};

int bide__store_open_sql(const char *url, const char *queue,
                         struct bide__store **ret_store);
int bide__store_open_redis(const char *url, const char *queue,
                           struct bide__store **ret_store);

struct bide_jobs {
    struct bide__store *store;
    double lease;
    double poll;
    bide_event bell; /* rung when this process has enqueued something */
};

/* Make a job of what a store has. NULL: no memory. */
struct bide__job *bide__job_new(const char *id, const char *name,
                                const char *data, size_t len);

#endif

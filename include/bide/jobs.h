/* SPDX-License-Identifier: MIT */
/*
 * <bide/jobs.h> — work that outlives the program. Link with libbide-jobs
 * (pkg-config bide-jobs), and with bide-sqlite or bide-postgres for a store
 * of theirs.
 *
 *     rc = bide_jobs_open("sqlite:///jobs.db", NULL, &jobs);
 *     rc = bide_jobs_enqueue(jobs, "mail", address, len, NULL);
 *     ...
 *     static int mail(const bide_job *job, void *arg) { ... return 0; }
 *
 *     const bide_job_route routes[] = {{"mail", mail, NULL}};
 *     rc = bide_jobs_work(jobs, routes, 1, NULL);    // until it is cancelled
 *
 * A job is carried out at least once: it lies in the store until a handler
 * has returned 0 or more. One that failed is tried again, later and later; one
 * that has failed too often is dead, and is kept to be looked at. A worker
 * holds a lease on what it does and renews it; should it die, others take the
 * job over when the lease ends. A handler must therefore bear to be called
 * twice for the same job.
 *
 * The store is a database of <bide/sql.h> for one machine or some, or Redis
 * for many workers on many machines; nothing else changes.
 */
#ifndef BIDE_JOBS_H
#define BIDE_JOBS_H

#include <bide/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

BIDE_BEGIN

typedef struct bide_jobs bide_jobs;

/* A job that is being done. Borrowed until the handler returns. */
typedef struct bide_job {
    const char *id;
    const char *name;
    const char *data; /* a NUL follows */
    size_t len;
    unsigned attempt; /* 1: the first */
    unsigned attempts; /* at most */
} bide_job;

/*
 * What a worker calls for a job, in a task for it. Returns 0 or more when the
 * job is done; a negative code, with bide_raise() perhaps, when it failed.
 * When the worker is cancelled so is the handler, and the job is free for
 * others at once.
 */
typedef int bide_job_handler(const bide_job *job, void *arg);

/* Who does the jobs of a name. */
typedef struct bide_job_route {
    const char *name;
    bide_job_handler *handler;
    void *arg;
} bide_job_route;

/* Zeroed means: the defaults. */
typedef struct bide_jobs_options {
    const char *queue; /* jobs of other queues are not seen, NULL: "default";
                          letters, digits, '-', '_', '.' and ':', at most 64 */
    double lease;      /* seconds until others take over from a worker that
                          is silent, 0: 60; at least 0.1 */
    double poll;       /* seconds at most until a job of another process is
                          seen, 0: 1 */
    void *reserved[6]; /* zero */
} bide_jobs_options;

/* How to do a job. Zeroed means: the defaults. */
typedef struct bide_job_options {
    double delay;      /* seconds until it may begin, 0: none */
    unsigned attempts; /* until it is dead, 0: 5; at most 1,000 */
    double backoff;    /* seconds before the second attempt, twice as many
                          before each next one, at most an hour; 0: 1 */
    const char *id;    /* of its own: while there is a job of that id, another
                          one is not taken; NULL: a new one. At most 64
                          characters */
    void *reserved[4]; /* zero */
} bide_job_options;

/* How to work. Zeroed means: the defaults. */
typedef struct bide_jobs_worker_options {
    unsigned concurrency; /* jobs at once, 0: 10; at most 1,000 */
    bool until_empty;     /* return when nothing is ready or being done here,
                             delayed jobs left alone */
    void *reserved[4];    /* zero */
} bide_jobs_worker_options;

/* How many there are. */
typedef struct bide_jobs_counts {
    uint64_t ready;   /* may begin */
    uint64_t delayed; /* may begin later, those that failed included */
    uint64_t running;
    uint64_t dead;
} bide_jobs_counts;

/*
 * bide_jobs_open — open a store of jobs, which is made if it is new.
 *
 * Returns:  0 or a negative code.
 *   url        redis://, rediss:// or unix:// for Redis; otherwise as for
 *              bide_sql_open()
 *   options    copied, its strings, too; NULL means the defaults
 *   ret_jobs   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is open.
 * Errors:   -EINVAL for options; those of bide_redis_open() and
 *           bide_sql_open()
 * Owns:     the caller closes it by bide_jobs_close().
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_jobs_open(const char *url, const bide_jobs_options *options,
               bide_jobs **ret_jobs);

/*
 * bide_jobs_close — close it. No task may use it any more.
 *
 *   jobs   taken; NULL is allowed
 * Suspends: always.
 * Cancel:   it is closed all the same; the next wait is cancelled.
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS void bide_jobs_close(bide_jobs *jobs);

/*
 * bide_jobs_enqueue — put a job into the store.
 *
 * Returns:  1 if it was taken, 0 if there is one of its id, or a negative
 *           code.
 *   name        of the job, 1 to 64 characters
 *   data, len   copied; at most 16 MiB
 *   options     NULL means the defaults
 * Suspends: always a cancellation point.
 * Cancel:   the job may or may not be in the store.
 * Errors:   -EINVAL for what is out of range; those of the store
 * Thread:   the loop's.
 * Like:     arq's enqueue_job.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_jobs_enqueue(bide_jobs *jobs, const char *name, const void *data,
                  size_t len, const bide_job_options *options);

/*
 * bide_jobs_work — do jobs, until it is cancelled.
 *
 * A job whose name has no route fails, and so is tried later, perhaps by a
 * worker that has one.
 *
 * Returns:  0 with options.until_empty, or a negative code.
 *   routes, count   borrowed during the call; at least one
 *   options         NULL means the defaults
 * Suspends: always a cancellation point.
 * Cancel:   the handlers are cancelled and waited for; their jobs are free.
 * Errors:   those of the store, after the handlers were cancelled
 * Thread:   the loop's. Any number of tasks, processes and machines at once.
 * Like:     arq.Worker.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_jobs_work(bide_jobs *jobs, const bide_job_route *routes, size_t count,
               const bide_jobs_worker_options *options);

/*
 * bide_jobs_count — how many jobs there are.
 *
 * Returns:  0 or a negative code.
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   those of the store
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_jobs_count(bide_jobs *jobs, bide_jobs_counts *ret_counts);

/*
 * bide_jobs_revive — let dead jobs be tried again, with all their attempts.
 *
 * Returns:  how many, or a negative code.
 *   id   of one of them; NULL: all
 * Suspends: always a cancellation point.
 * Cancel:   some may have been revived.
 * Errors:   those of the store
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_jobs_revive(bide_jobs *jobs, const char *id);

/*
 * bide_jobs_last_error — why a job failed the last time.
 *
 * Returns:  1 with its text, 0 if there is no such job or it has not failed,
 *           or a negative code.
 *   id          of the job
 *   text, size  where to put it, NUL-terminated, cut if it is longer
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   those of the store
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_jobs_last_error(bide_jobs *jobs, const char *id, char *text,
                     size_t size);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * open.c — opening stores, and putting jobs into them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "jobs/jobs.h"

#define DATA_MAX ((size_t)16 << 20)
#define ATTEMPTS 5
#define ATTEMPTS_MAX 1000
#define DELAY_MAX (10 * 366 * 86400.0)
#define LEASE_MIN 0.1

/* ── Options ──────────────────────────────────────────────────────────── */

static int check_name(const char *name, const char *what)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    size_t len = name ? strlen(name) : 0;
    if (len == 0 || len > BIDE__JOBS_ID)
        return bide_raise(-EINVAL, "%s has %zu characters, must be 1 to %d",
                          what, len, BIDE__JOBS_ID);
    if (name[strspn(name, allowed)])
        return bide_raise(-EINVAL, "%s is '%s', must be letters, digits, '-', "
                                   "'_', '.' and ':'",
                          what, name);
    return 0;
}

static int check_seconds(double seconds, double least, double most,
                         const char *what)
{
    if (!(seconds >= least && seconds <= most))
        return bide_raise(-EINVAL, "%s is %g s, must be %g to %g", what,
                          seconds, least, most);
    return 0;
}

static int check_options(bide_jobs_options *options)
{
    if (!options->queue)
        options->queue = "default";
    if (options->lease == 0)
        options->lease = 60;
    if (options->poll == 0)
        options->poll = 1;
    int rc = check_name(options->queue, "queue");
    if (rc == 0)
        rc = check_seconds(options->lease, LEASE_MIN, 86400, "lease");
    if (rc == 0)
        rc = check_seconds(options->poll, 0.001, 86400, "poll");
    return rc;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static bool is_redis(const char *url)
{
    return strncmp(url, "redis://", 8) == 0 ||
           strncmp(url, "rediss://", 9) == 0 || strncmp(url, "unix://", 7) == 0;
}

int bide_jobs_open(const char *url, const bide_jobs_options *options,
                   bide_jobs **ret_jobs)
{
    bide_jobs_options given = {.queue = NULL};
    if (options)
        given = *options;
    int rc = check_options(&given);
    if (rc < 0)
        return rc;
    if (!url)
        return bide_raise(-EINVAL, "url is NULL, must name a store");
    bide_jobs *jobs = bide_allocate(sizeof *jobs);
    if (!jobs)
        return -ENOMEM;
    memset(jobs, 0, sizeof *jobs);
    jobs->lease = given.lease;
    jobs->poll = given.poll;
    rc = is_redis(url)
             ? bide__store_open_redis(url, given.queue, &jobs->store)
             : bide__store_open_sql(url, given.queue, &jobs->store);
    if (rc < 0) {
        bide_release(jobs);
        return rc;
    }
    bide_event_init(&jobs->bell);
    *ret_jobs = jobs;
    return 0;
}

void bide_jobs_close(bide_jobs *jobs)
{
    if (!jobs)
        return;
    jobs->store->kind->close(jobs->store);
    bide_event_fini(&jobs->bell);
    bide_release(jobs);
}

/* ── Enqueuing ────────────────────────────────────────────────────────── */

static int check_job(bide_job_options *options, size_t len)
{
    if (options->attempts == 0)
        options->attempts = ATTEMPTS;
    if (options->backoff == 0)
        options->backoff = 1;
    if (options->attempts > ATTEMPTS_MAX)
        return bide_raise(-EINVAL, "attempts is %u, at most %d",
                          options->attempts, ATTEMPTS_MAX);
    if (len > DATA_MAX)
        return bide_raise(-EINVAL, "data is %zu bytes, at most %zu", len,
                          DATA_MAX);
    int rc = options->id ? check_name(options->id, "id") : 0;
    if (rc == 0)
        rc = check_seconds(options->delay, 0, DELAY_MAX, "delay");
    if (rc == 0)
        rc = check_seconds(options->backoff, 0, DELAY_MAX, "backoff");
    return rc;
}

/* 128 bits that nobody else has. */
static int make_id(char id[BIDE__JOBS_ID + 1])
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return -errno;
    for (size_t i = 0; i < sizeof bytes; i++)
        sprintf(id + 2 * i, "%02x", bytes[i]);
    return 0;
}

int bide_jobs_enqueue(bide_jobs *jobs, const char *name, const void *data,
                      size_t len, const bide_job_options *options)
{
    char id[BIDE__JOBS_ID + 1];
    bide_job_options given = {.delay = 0};
    if (options)
        given = *options;
    int rc = check_name(name, "name");
    if (rc == 0)
        rc = check_job(&given, len);
    if (rc == 0 && !given.id)
        rc = make_id(id);
    if (rc < 0)
        return rc;
    rc = jobs->store->kind->enqueue(jobs->store, given.id ? given.id : id,
                                    name, len > 0 ? data : "", len, &given);
    if (rc == 1)
        bide_event_set(&jobs->bell);
    return rc;
}

struct bide__job *bide__job_new(const char *id, const char *name,
                                const char *data, size_t len)
{
    size_t id_len = strlen(id) + 1;
    size_t name_len = strlen(name) + 1;
    struct bide__job *one =
        bide_allocate(sizeof *one + id_len + name_len + len + 1);
    if (!one)
        return NULL;
    char *text = (char *)(one + 1);
    memset(one, 0, sizeof *one);
    one->job.id = memcpy(text, id, id_len);
    one->job.name = memcpy(text + id_len, name, name_len);
    one->job.data = text + id_len + name_len;
    one->job.len = len;
    if (len > 0)
        memcpy(text + id_len + name_len, data, len);
    text[id_len + name_len + len] = '\0';
    return one;
}

/* ── Looking and mending ──────────────────────────────────────────────── */

int bide_jobs_count(bide_jobs *jobs, bide_jobs_counts *ret_counts)
{
    return jobs->store->kind->count(jobs->store, ret_counts);
}

int bide_jobs_revive(bide_jobs *jobs, const char *id)
{
    int rc = jobs->store->kind->revive(jobs->store, id);
    if (rc > 0)
        bide_event_set(&jobs->bell);
    return rc;
}

int bide_jobs_last_error(bide_jobs *jobs, const char *id, char *text,
                         size_t size)
{
    if (size == 0)
        return bide_raise(-EINVAL, "size is 0 bytes, must be at least 1");
    return jobs->store->kind->last_error(jobs->store, id, text, size);
}

/* SPDX-License-Identifier: MIT */
/*
 * redis.c — GETs of one key by many tasks on one connection, or jobs from
 * being put in to being done by two workers. Prints how many a second, and the
 * processor time of each here.
 *
 *     redis get|jobs URL [COUNT [TASKS]]
 */
#include <bide.h>
#include <bide/jobs.h>
#include <bide/redis.h>

#include "bench.h"

static struct {
    bide_redis *redis;
    bide_jobs *jobs;
    long left;
    long done;
} work;

static void report(long count, int64_t wall, int64_t cpu)
{
    printf("per_second=%.0f\ncpu_us=%.3f\n",
           (double)count / ((double)wall / 1e9),
           (double)cpu / 1e3 / (double)count);
}

/* ── GET ──────────────────────────────────────────────────────────────── */

static int get(void *arg)
{
    (void)arg;
    while (work.left-- > 0) {
        bide_redis_value *value;
        int rc = BIDE_REDIS(work.redis, &value, "GET", "key");
        if (rc < 0)
            return rc;
        if (value->len != 3)
            bench_die("the value is not the one that was set");
        bide_redis_free(value);
    }
    return 0;
}

static int run_tasks(bide_coroutine *fn, size_t count)
{
    bide_task **tasks = calloc(count, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(fn, NULL);
    int rc = bide_gather(tasks, count);
    free(tasks);
    return rc;
}

static int measure_get(const char *url, long count, size_t tasks)
{
    int rc = bide_redis_open(url, NULL, &work.redis);
    if (rc == 0)
        rc = BIDE_REDIS(work.redis, NULL, "SET", "key", "abc");
    int64_t wall = bench_wall_ns();
    int64_t cpu = bench_cpu_ns();
    work.left = count;
    if (rc == 0)
        rc = run_tasks(get, tasks);
    if (rc == 0)
        report(count, bench_wall_ns() - wall, bench_cpu_ns() - cpu);
    int closed = bide_redis_close(work.redis);
    return rc < 0 ? rc : closed;
}

/* ── Jobs ─────────────────────────────────────────────────────────────── */

static int do_nothing(const bide_job *job, void *arg)
{
    (void)job;
    (void)arg;
    work.done++;
    return 0;
}

static int put(void *arg)
{
    (void)arg;
    while (work.left-- > 0) {
        int rc = bide_jobs_enqueue(work.jobs, "nothing", "data", 4, NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int do_jobs(void *arg)
{
    const bide_job_route routes[] = {{"nothing", do_nothing, NULL}};
    const bide_jobs_worker_options options = {.concurrency = 100,
                                              .until_empty = true};
    (void)arg;
    return bide_jobs_work(work.jobs, routes, 1, &options);
}

static int measure_jobs(const char *url, long count, size_t tasks)
{
    int rc = bide_jobs_open(url, NULL, &work.jobs);
    int64_t wall = bench_wall_ns();
    int64_t cpu = bench_cpu_ns();
    work.left = count;
    if (rc == 0)
        rc = run_tasks(put, tasks);
    if (rc == 0)
        rc = run_tasks(do_jobs, 2);
    if (rc == 0 && work.done != count)
        bench_die("%ld jobs were done, not %ld", work.done, count);
    if (rc == 0)
        report(count, bench_wall_ns() - wall, bench_cpu_ns() - cpu);
    bide_jobs_close(work.jobs);
    return rc;
}

static int amain(void *arg)
{
    char **argv = arg;
    int argc = 0;
    while (argv[argc])
        argc++;
    long count = bench_arg(argc, argv, 3, 1, 100000000, 200000);
    long tasks = bench_arg(argc, argv, 4, 1, 100000, 100);
    return strcmp(argv[1], "jobs") == 0
               ? measure_jobs(argv[2], count, (size_t)tasks)
               : measure_get(argv[2], count, (size_t)tasks);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        bench_die("usage: redis get|jobs URL [COUNT [TASKS]]");
    int rc = bide_run(amain, argv);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

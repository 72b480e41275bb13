/* SPDX-License-Identifier: MIT */
/* jobs_test.c — jobs in SQLite, and in a real Redis where time is real: done,
 * tried again, dead, delayed, and held by a worker that is killed. With
 * ON_POSTGRES the same in a table of the server that BIDE_TEST_POSTGRES
 * names. */
#include <bide/jobs.h>
#include <bide/sql.h>
#ifdef ON_POSTGRES
#include <bide/postgres.h>
#else
#include <bide/sqlite.h>
#endif

#include "redis/server.h"

static struct redis_server server;
#ifndef ON_POSTGRES
static char directory[] = "/tmp/bide-jobs-XXXXXX";
#endif
static char url[512];

static bide_jobs *open_store(double lease)
{
    const bide_jobs_options options = {.lease = lease, .poll = 0.05};
    bide_jobs *jobs = NULL;
    CHECK_OK(bide_jobs_open(url, &options, &jobs));
    return jobs;
}

/* ── Stores ───────────────────────────────────────────────────────────── */

static bool is_virtual(void)
{
    const char *backend = getenv("BIDE_BACKEND");
    return backend && strcmp(backend, "sim") == 0;
}

#ifdef ON_POSTGRES

static int drop_table(void *arg)
{
    bide_sql *db;
    (void)arg;
    int rc = bide_sql_open(url, NULL, &db);
    if (rc < 0)
        return rc;
    rc = bide_sql_execute(db, "DROP TABLE IF EXISTS bide_jobs", BIDE_SQL());
    bide_sql_close(db);
    return rc < 0 ? rc : 0;
}

static bool begin_sql(void)
{
    snprintf(url, sizeof url, "%s", getenv("BIDE_TEST_POSTGRES"));
    CHECK_OK(bide_postgres_register());
    return CHECK_OK(bide_run(drop_table, NULL));
}

static void end_sql(void)
{
}

#else

static bool begin_sql(void)
{
    strcpy(directory, "/tmp/bide-jobs-XXXXXX");
    if (!CHECK(mkdtemp(directory)))
        return false;
    snprintf(url, sizeof url, "sqlite:///%s/jobs.db", directory);
    return CHECK_OK(bide_sqlite_register());
}

static void end_sql(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", directory);
    CHECK_OK(system(command));
}

#endif

static void on_sql(bide_coroutine *amain)
{
    if (!begin_sql())
        return;
    CHECK_OK(bide_run(amain, NULL));
    end_sql();
}

/* Returns whether there is one; the test was skipped otherwise. Virtual time
 * and another process do not go together. */
static bool begin_redis(void)
{
#ifdef ON_POSTGRES
    test_skip("this program is about PostgreSQL");
    return false;
#endif
    if (is_virtual()) {
        test_skip("a server does not wait for virtual time");
        return false;
    }
    if (!redis_begin(&server, NULL))
        return false;
    strcpy(url, server.url);
    return true;
}

static void on_redis(bide_coroutine *amain)
{
    if (!begin_redis())
        return;
    CHECK_OK(bide_run(amain, NULL));
    redis_end(&server);
}

#define BOTH(name, amain)                                                     \
    TEST(name##_in_sql)                                                       \
    {                                                                         \
        on_sql(amain);                                                        \
    }                                                                         \
    TEST(name##_in_redis)                                                     \
    {                                                                         \
        on_redis(amain);                                                      \
    }

static const bide_jobs_worker_options until_empty = {.until_empty = true};

static void check_counts(bide_jobs *jobs, uint64_t ready, uint64_t delayed,
                         uint64_t running, uint64_t dead)
{
    bide_jobs_counts counts;
    CHECK_OK(bide_jobs_count(jobs, &counts));
    CHECK_INT(counts.ready, ready);
    CHECK_INT(counts.delayed, delayed);
    CHECK_INT(counts.running, running);
    CHECK_INT(counts.dead, dead);
}

/* ── Doing them ───────────────────────────────────────────────────────── */

static int seen[200];

static int note(const bide_job *job, void *arg)
{
    CHECK_STR(job->name, "note");
    CHECK_INT(job->attempt, 1);
    CHECK(arg == seen);
    CHECK_INT(job->len, strlen(job->data) + 2);
    CHECK_MEM(job->data + strlen(job->data), "\0x", 3);
    seen[atoi(job->data)]++;
    return bide_sleep(0.001);
}

static int amain_done(void *arg)
{
    (void)arg;
    const bide_job_route routes[] = {{"note", note, seen}};
    bide_jobs *jobs = open_store(60);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 200; i++) {
        char data[16] = "";
        int n = snprintf(data, sizeof data, "%d", i);
        data[n + 1] = 'x';
        CHECK_INT(bide_jobs_enqueue(jobs, "note", data, (size_t)n + 2, NULL),
                  1);
    }
    check_counts(jobs, 200, 0, 0, 0);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    for (int i = 0; i < 200; i++)
        CHECK_INT(seen[i], 1);
    check_counts(jobs, 0, 0, 0, 0);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(each_job_is_done_once, amain_done)

static unsigned at_once, most_at_once;

static int busy(const bide_job *job, void *arg)
{
    (void)job;
    (void)arg;
    if (++at_once > most_at_once)
        most_at_once = at_once;
    int rc = bide_sleep(0.01);
    at_once--;
    return rc;
}

static int amain_concurrency(void *arg)
{
    (void)arg;
    const bide_job_route routes[] = {{"busy", busy, NULL}};
    const bide_jobs_worker_options options = {.concurrency = 4,
                                              .until_empty = true};
    bide_jobs *jobs = open_store(60);
    most_at_once = 0;
    for (int i = 0; i < 20; i++)
        CHECK_INT(bide_jobs_enqueue(jobs, "busy", NULL, 0, NULL), 1);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &options));
    CHECK_INT(most_at_once, 4);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(no_more_jobs_run_at_once_than_allowed, amain_concurrency)

/* ── Failing ──────────────────────────────────────────────────────────── */

static unsigned attempts;

static int fail(const bide_job *job, void *arg)
{
    (void)arg;
    attempts++;
    CHECK_INT(job->attempts, 3);
    return bide_raise(-EIO, "attempt %u failed", job->attempt);
}

static int work_for(bide_jobs *jobs, const bide_job_route *routes,
                    double seconds)
{
    bide_timeout timeout;
    bide_timeout_enter(&timeout, seconds);
    int rc = bide_timeout_exit(&timeout,
                               bide_jobs_work(jobs, routes, 1, NULL));
    return rc == -ETIME ? 0 : rc;
}

static int amain_failing(void *arg)
{
    (void)arg;
    char text[80];
    const bide_job_route routes[] = {{"fail", fail, NULL}};
    const bide_job_options options = {
        .attempts = 3, .backoff = 0.02, .id = "one"};
    bide_jobs *jobs = open_store(60);
    attempts = 0;
    CHECK_INT(bide_jobs_enqueue(jobs, "fail", "x", 1, &options), 1);
    CHECK_INT(bide_jobs_last_error(jobs, "one", text, sizeof text), 0);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    CHECK_INT(attempts, 1);
    check_counts(jobs, 0, 1, 0, 0);
    CHECK_OK(work_for(jobs, routes, 0.5));
    CHECK_INT(attempts, 3);
    check_counts(jobs, 0, 0, 0, 1);
    CHECK_INT(bide_jobs_last_error(jobs, "one", text, sizeof text), 1);
    CHECK_STR(text, "attempt 3 failed");
    CHECK_INT(bide_jobs_revive(jobs, NULL), 1);
    CHECK_INT(bide_jobs_revive(jobs, "one"), 0);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    CHECK_INT(attempts, 4);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(a_job_that_fails_is_tried_again_and_then_dead, amain_failing)

static int amain_unknown(void *arg)
{
    (void)arg;
    char text[80];
    const bide_job_route routes[] = {{"fail", fail, NULL}};
    const bide_job_options options = {.attempts = 1, .id = "one"};
    bide_jobs *jobs = open_store(60);
    CHECK_INT(bide_jobs_enqueue(jobs, "other", "x", 1, &options), 1);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    CHECK_INT(bide_jobs_last_error(jobs, "one", text, sizeof text), 1);
    CHECK_STR(text, "this worker has no handler for 'other'");
    bide_jobs_close(jobs);
    return 0;
}

BOTH(a_job_that_nobody_can_do_fails, amain_unknown)

/* ── Later, and once ──────────────────────────────────────────────────── */

static int count_call(const bide_job *job, void *arg)
{
    (void)job;
    ++*(unsigned *)arg;
    return 0;
}

static int amain_delay(void *arg)
{
    (void)arg;
    unsigned calls = 0;
    const bide_job_route routes[] = {{"call", count_call, &calls}};
    const bide_job_options options = {.delay = 0.3};
    bide_jobs *jobs = open_store(60);
    CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, &options), 1);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    CHECK_INT(calls, 0);
    check_counts(jobs, 0, 1, 0, 0);
    CHECK_OK(work_for(jobs, routes, 1));
    CHECK_INT(calls, 1);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(a_delayed_job_is_done_later, amain_delay)

static int amain_same_id(void *arg)
{
    (void)arg;
    unsigned calls = 0;
    const bide_job_route routes[] = {{"call", count_call, &calls}};
    const bide_job_options options = {.id = "nightly"};
    bide_jobs *jobs = open_store(60);
    CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, &options), 1);
    CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, &options), 0);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    CHECK_INT(calls, 1);
    CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, &options), 1);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(of_one_id_there_is_one_job_at_a_time, amain_same_id)

/* More than a reply of Redis, or a result of a database, may have. */
static int amain_large(void *arg)
{
    (void)arg;
    static char data[16 << 20];
    unsigned calls = 0;
    const bide_job_route routes[] = {{"call", count_call, &calls}};
    const bide_job_options options = {.attempts = 1};
    const bide_jobs_worker_options worker = {.concurrency = 20,
                                             .until_empty = true};
    bide_jobs *jobs = open_store(60);
    for (int i = 0; i < 17; i++)
        CHECK_INT(bide_jobs_enqueue(jobs, "call", data, sizeof data, &options),
                  1);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &worker));
    CHECK_INT(calls, 17);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(many_large_jobs_are_taken_by_and_by, amain_large)

/* ── Workers that stop ────────────────────────────────────────────────── */

static int hang(const bide_job *job, void *arg)
{
    (void)job;
    (void)arg;
    return bide_sleep(3600);
}

static int amain_cancelled(void *arg)
{
    (void)arg;
    unsigned calls = 0;
    const bide_job_route hanging[] = {{"call", hang, NULL}};
    const bide_job_route routes[] = {{"call", count_call, &calls}};
    bide_jobs *jobs = open_store(60);
    for (int i = 0; i < 5; i++)
        CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, NULL), 1);
    CHECK_OK(work_for(jobs, hanging, 0.2));
    check_counts(jobs, 5, 0, 0, 0);
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    CHECK_INT(calls, 5);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(a_worker_that_is_cancelled_frees_its_jobs, amain_cancelled)

static int work_hanging_until_cancelled(void *arg)
{
    const bide_job_route routes[] = {{"call", hang, NULL}};
    return bide_jobs_work(arg, routes, 1, NULL);
}

/* At each step that a worker takes until it runs what it has taken. */
static int amain_cancelled_early(void *arg)
{
    (void)arg;
    unsigned calls = 0;
    const bide_job_route routes[] = {{"call", count_call, &calls}};
    const bide_job_options options = {.attempts = 1};
    bide_jobs *jobs = open_store(60);
    for (int i = 0; i < 30; i++) {
        CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, &options), 1);
        bide_task *task = bide_create_task(work_hanging_until_cancelled, jobs);
        for (int step = 0; step < i; step++)
            CHECK_OK(bide_sleep(0));
        (void)bide_task_cancel(task);
        CHECK_ERR(bide_await(task), -ECANCELED);
        check_counts(jobs, 1, 0, 0, 0);
        CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
        CHECK_INT(calls, i + 1);
    }
    bide_jobs_close(jobs);
    return 0;
}

BOTH(a_worker_that_is_cancelled_while_it_takes_frees_its_jobs,
     amain_cancelled_early)

/* It holds its job for longer than the lease, while another looks for work. */
static int work_hanging(void *arg)
{
    const bide_job_route routes[] = {{"call", hang, NULL}};
    return work_for(arg, routes, 1);
}

static int amain_renewed(void *arg)
{
    (void)arg;
    unsigned calls = 0;
    const bide_job_route routes[] = {{"call", count_call, &calls}};
    bide_jobs *jobs = open_store(0.3);
    CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, NULL), 1);
    bide_task *task = bide_create_task(work_hanging, jobs);
    CHECK_OK(bide_sleep(0.1));
    CHECK_OK(work_for(jobs, routes, 0.7));
    CHECK_INT(calls, 0);
    CHECK_OK(bide_await(task));
    CHECK_OK(bide_jobs_work(jobs, routes, 1, &until_empty));
    CHECK_INT(calls, 1);
    bide_jobs_close(jobs);
    return 0;
}

BOTH(a_lease_is_renewed_while_the_job_runs, amain_renewed)

/* Another process takes jobs and is killed with them. */
static int amain_held(void *arg)
{
    (void)arg;
    const bide_job_route hanging[] = {{"call", hang, NULL}};
    bide_jobs *jobs = open_store(0.5);
    int rc = bide_jobs_work(jobs, hanging, 1, NULL);
    bide_jobs_close(jobs);
    return rc;
}

static int amain_put(void *arg)
{
    (void)arg;
    bide_jobs *jobs = open_store(0.5);
    for (int i = 0; i < 30; i++)
        CHECK_INT(bide_jobs_enqueue(jobs, "call", NULL, 0, NULL), 1);
    bide_jobs_close(jobs);
    return 0;
}

static int amain_take_over(void *arg)
{
    const bide_job_route routes[] = {{"call", count_call, arg}};
    bide_jobs *jobs = open_store(0.5);
    bide_jobs_counts counts;
    CHECK_OK(bide_jobs_count(jobs, &counts));
    CHECK_INT(counts.running, 10);
    CHECK_INT(counts.ready, 20);
    CHECK_OK(work_for(jobs, routes, 2));
    check_counts(jobs, 0, 0, 0, 0);
    bide_jobs_close(jobs);
    return 0;
}

static void kill_a_worker(void)
{
    unsigned calls = 0;
    CHECK_OK(bide_run(amain_put, NULL));
    pid_t child = fork();
    if (child == 0)
        _exit(bide_run(amain_held, NULL) < 0);
    usleep(300000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    CHECK_OK(bide_run(amain_take_over, &calls));
    CHECK_INT(calls, 30);
}

TEST(no_job_of_a_worker_that_was_killed_is_lost_in_redis)
{
    if (!begin_redis())
        return;
    kill_a_worker();
    redis_end(&server);
}

TEST(no_job_of_a_worker_that_was_killed_is_lost_in_sql)
{
    if (is_virtual()) {
        test_skip("another process does not wait for virtual time");
        return;
    }
    if (!begin_sql())
        return;
    kill_a_worker();
    end_sql();
}

/* ── What is out of range ─────────────────────────────────────────────── */

static int amain_range(void *arg)
{
    (void)arg;
    bide_jobs *jobs = open_store(60);
    const bide_job_options many = {.attempts = 1001};
    const bide_job_options late = {.delay = -1};
    const bide_job_options odd = {.id = "a b"};
    CHECK_ERR(bide_jobs_enqueue(jobs, "", NULL, 0, NULL), -EINVAL);
    CHECK_ERR(bide_jobs_enqueue(jobs, "a", NULL, 0, &many), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "attempts is 1001, at most 1000");
    CHECK_ERR(bide_jobs_enqueue(jobs, "a", NULL, 0, &late), -EINVAL);
    CHECK_ERR(bide_jobs_enqueue(jobs, "a", NULL, 0, &odd), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "id is 'a b', must be letters, digits, "
                                    "'-', '_', '.' and ':'");
    CHECK_ERR(bide_jobs_enqueue(jobs, "a", url, (size_t)17 << 20, NULL),
              -EINVAL);
    CHECK_ERR(bide_jobs_work(jobs, NULL, 0, NULL), -EINVAL);
    bide_jobs_close(jobs);
    const bide_jobs_options queue = {.queue = "a/b"};
    const bide_jobs_options lease = {.lease = 0.01};
    CHECK_ERR(bide_jobs_open(url, &queue, &jobs), -EINVAL);
    CHECK_ERR(bide_jobs_open(url, &lease, &jobs), -EINVAL);
    return 0;
}

TEST(what_is_out_of_range_is_refused_with_the_limit)
{
    on_sql(amain_range);
}

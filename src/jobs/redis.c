/* SPDX-License-Identifier: MIT */
/*
 * redis.c — a store that is Redis.
 *
 *     bide:{queue}:due       sorted set: id by when it is due
 *     bide:{queue}:dead      sorted set: id by when it died
 *     bide:{queue}:running   set of ids
 *     bide:{queue}:job:ID    hash: n(ame), d(ata), a(ttempt), m(ost attempts),
 *                            b(ackoff), e(rror)
 *     bide:{queue}:bell      channel: something was enqueued
 *
 * Each step is a script, so that it happens as a whole or not at all; the time
 * is the server's. The braces keep a queue on one node of a cluster.
 */
#include <bide/redis.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/jobs.h"

#define KEY_MAX 160
#define ARGS 12
#define TAKEN_MAX "33554432" /* bytes of jobs at once: a reply may have more */

struct redis_store {
    struct bide__store store;
    bide_redis *redis;
    char *url;
    char prefix[KEY_MAX];
};

static struct redis_store *own(struct bide__store *store)
{
    return (struct redis_store *)store;
}

/* ── Scripts ──────────────────────────────────────────────────────────── */

/* What each begins with. KEYS[1] is the prefix: all keys of a queue are on
 * one node, so naming one is enough. */
#define NOW                                                                   \
    "local p = KEYS[1] local t = redis.call('TIME') "                         \
    "local now = t[1] + t[2] / 1000000 "

static const char enqueue_script[] = NOW
    "local k = p .. 'job:' .. ARGV[1] "
    "if redis.call('EXISTS', k) == 1 then return 0 end "
    "redis.call('HSET', k, 'n', ARGV[2], 'd', ARGV[3], 'a', 0, 'm', ARGV[5], "
    "'b', ARGV[6]) "
    "redis.call('ZADD', p .. 'due', now + ARGV[4], ARGV[1]) "
    "redis.call('PUBLISH', p .. 'bell', '') return 1";

static const char take_script[] = NOW
    "local ids = redis.call('ZRANGEBYSCORE', p .. 'due', '-inf', now, "
    "'LIMIT', 0, ARGV[1]) local jobs = {} local size = 0 "
    "for i, id in ipairs(ids) do local k = p .. 'job:' .. id "
    "size = size + redis.call('HSTRLEN', k, 'd') "
    "if i > 1 and size > " TAKEN_MAX " then break end "
    "local a = redis.call('HINCRBY', k, 'a', 1) "
    "local h = redis.call('HMGET', k, 'n', 'd', 'm', 'b') "
    "redis.call('ZADD', p .. 'due', now + ARGV[2], id) "
    "redis.call('SADD', p .. 'running', id) "
    "jobs[i] = {id, h[1], h[2], a, h[3], h[4]} end "
    "local next = redis.call('ZRANGE', p .. 'due', 0, 0, 'WITHSCORES') "
    "local wait = '-1' if next[2] then wait = tostring(next[2] - now) end "
    "return {wait, jobs}";

/* The attempt must be the one that was taken. */
#define OURS                                                                  \
    "local k = p .. 'job:' .. ARGV[1] "                                       \
    "if redis.call('HGET', k, 'a') ~= ARGV[2] or "                            \
    "redis.call('SISMEMBER', p .. 'running', ARGV[1]) == 0 "                  \
    "then return 0 end "

static const char renew_script[] = NOW OURS
    "redis.call('ZADD', p .. 'due', now + ARGV[3], ARGV[1]) return 1";

static const char done_script[] = NOW OURS
    "redis.call('DEL', k) redis.call('ZREM', p .. 'due', ARGV[1]) "
    "redis.call('SREM', p .. 'running', ARGV[1]) return 1";

static const char fail_script[] = NOW OURS
    "redis.call('SREM', p .. 'running', ARGV[1]) "
    "redis.call('HSET', k, 'e', ARGV[4]) "
    "if ARGV[5] == '0' then redis.call('HINCRBY', k, 'a', -1) end "
    "if tonumber(ARGV[3]) < 0 then redis.call('ZREM', p .. 'due', ARGV[1]) "
    "redis.call('ZADD', p .. 'dead', now, ARGV[1]) "
    "else redis.call('ZADD', p .. 'due', now + ARGV[3], ARGV[1]) end "
    "return 1";

static const char count_script[] = NOW
    "local ready = redis.call('ZCOUNT', p .. 'due', '-inf', now) "
    "local all = redis.call('ZCARD', p .. 'due') local running = 0 "
    "for _, id in ipairs(redis.call('SMEMBERS', p .. 'running')) do "
    "if tonumber(redis.call('ZSCORE', p .. 'due', id)) > now then "
    "running = running + 1 end end "
    "return {ready, all - ready - running, running, "
    "redis.call('ZCARD', p .. 'dead')}";

static const char revive_script[] = NOW
    "local ids = {ARGV[1]} "
    "if ARGV[1] == '' then ids = redis.call('ZRANGE', p .. 'dead', 0, -1) end "
    "local count = 0 for _, id in ipairs(ids) do "
    "if redis.call('ZREM', p .. 'dead', id) == 1 then count = count + 1 "
    "redis.call('HSET', p .. 'job:' .. id, 'a', 0) "
    "redis.call('ZADD', p .. 'due', now, id) end end "
    "if count > 0 then redis.call('PUBLISH', p .. 'bell', '') end "
    "return count";

/* ── Calling them ─────────────────────────────────────────────────────── */

struct call {
    const char *args[ARGS];
    size_t lens[ARGS];
    size_t count;
};

static void add(struct call *call, const char *data, size_t len)
{
    call->args[call->count] = data;
    call->lens[call->count++] = len;
}

static void add_text(struct call *call, const char *text)
{
    add(call, text, strlen(text));
}

static struct call begin(const struct redis_store *store, const char *script)
{
    struct call call = {.count = 0};
    add_text(&call, "EVAL");
    add_text(&call, script);
    add_text(&call, "1");
    add_text(&call, store->prefix);
    return call;
}

static int run(const struct redis_store *store, const struct call *call,
               bide_redis_value **ret_value)
{
    return bide_redis_command(store->redis, call->count, call->args,
                              call->lens, ret_value);
}

/* The same, for scripts that return a number. */
static int run_number(const struct redis_store *store,
                      const struct call *call)
{
    bide_redis_value *value;
    int rc = run(store, call, &value);
    if (rc < 0)
        return rc;
    rc = (int)value->integer;
    bide_redis_free(value);
    return rc;
}

/* Numbers as the scripts read them, whatever the locale. */
struct number {
    char text[40];
};

static const char *seconds(struct number *number, double value)
{
    int64_t us = (int64_t)llround(value * 1e6);
    snprintf(number->text, sizeof number->text, "%s%lld.%06lld",
             us < 0 ? "-" : "", (long long)(llabs(us) / 1000000),
             (long long)(llabs(us) % 1000000));
    return number->text;
}

static const char *whole(struct number *number, unsigned value)
{
    snprintf(number->text, sizeof number->text, "%u", value);
    return number->text;
}

/* ── Putting in ───────────────────────────────────────────────────────── */

static int redis_enqueue(struct bide__store *store, const char *id,
                         const char *name, const void *data, size_t len,
                         const bide_job_options *options)
{
    struct number delay, attempts, backoff;
    struct call call = begin(own(store), enqueue_script);
    add_text(&call, id);
    add_text(&call, name);
    add(&call, data, len);
    add_text(&call, seconds(&delay, options->delay));
    add_text(&call, whole(&attempts, options->attempts));
    add_text(&call, seconds(&backoff, options->backoff));
    return run_number(own(store), &call);
}

/* ── Taking ───────────────────────────────────────────────────────────── */

static double read_seconds(const bide_redis_value *value)
{
    /* Digits and a point, as Lua prints them: no locale has a say. */
    const char *text = value->data ? value->data : "0";
    char *end;
    double number = (double)strtoll(text, &end, 10);
    double part = 0.1;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9'; end++, part /= 10)
            number += (text[0] == '-' ? -part : part) * (*end - '0');
    return number;
}

static struct bide__job *job_of(const bide_redis_value *value)
{
    const bide_redis_value *parts = value->items;
    if (value->count != 6 || !parts[1].data || !parts[2].data)
        return NULL; /* its hash is gone: somebody has tampered */
    struct bide__job *job = bide__job_new(parts[0].data, parts[1].data,
                                          parts[2].data, parts[2].len);
    if (!job)
        return NULL;
    job->job.attempt = (unsigned)parts[3].integer;
    job->job.attempts = (unsigned)strtoul(parts[4].data, NULL, 10);
    job->backoff = read_seconds(&parts[5]);
    return job;
}

static int redis_take(struct bide__store *store, unsigned max, double lease,
                      struct bide__job **ret_jobs, double *ret_wait)
{
    struct number most, length;
    bide_redis_value *value;
    struct call call = begin(own(store), take_script);
    add_text(&call, whole(&most, max));
    add_text(&call, seconds(&length, lease));
    int rc = run(own(store), &call, &value);
    if (rc < 0)
        return rc;
    const bide_redis_value *jobs = &value->items[1];
    for (size_t i = 0; i < jobs->count; i++) {
        struct bide__job *job = job_of(&jobs->items[i]);
        if (!job)
            continue; /* it is due again when its lease ends */
        *ret_jobs = job;
        ret_jobs = &job->next;
    }
    double wait = read_seconds(&value->items[0]);
    if (wait >= 0)
        *ret_wait = wait;
    bide_redis_free(value);
    return 0;
}

/* ── What became of it ────────────────────────────────────────────────── */

static int redis_renew(struct bide__store *store, const bide_job *job,
                       double lease)
{
    struct number attempt, length;
    struct call call = begin(own(store), renew_script);
    add_text(&call, job->id);
    add_text(&call, whole(&attempt, job->attempt));
    add_text(&call, seconds(&length, lease));
    return run_number(own(store), &call);
}

static int redis_done(struct bide__store *store, const bide_job *job)
{
    struct number attempt;
    struct call call = begin(own(store), done_script);
    add_text(&call, job->id);
    add_text(&call, whole(&attempt, job->attempt));
    return run_number(own(store), &call);
}

static int redis_fail(struct bide__store *store, const bide_job *job,
                      double delay, const char *error, bool counts)
{
    struct number attempt, pause;
    struct call call = begin(own(store), fail_script);
    add_text(&call, job->id);
    add_text(&call, whole(&attempt, job->attempt));
    add_text(&call, seconds(&pause, delay));
    add_text(&call, error);
    add_text(&call, counts ? "1" : "0");
    return run_number(own(store), &call);
}

/* ── Looking and mending ──────────────────────────────────────────────── */

static int redis_count(struct bide__store *store,
                       bide_jobs_counts *ret_counts)
{
    bide_redis_value *value;
    const struct call call = begin(own(store), count_script);
    int rc = run(own(store), &call, &value);
    if (rc < 0)
        return rc;
    *ret_counts = (bide_jobs_counts){
        .ready = (uint64_t)value->items[0].integer,
        .delayed = (uint64_t)value->items[1].integer,
        .running = (uint64_t)value->items[2].integer,
        .dead = (uint64_t)value->items[3].integer,
    };
    bide_redis_free(value);
    return 0;
}

static int redis_revive(struct bide__store *store, const char *id)
{
    struct call call = begin(own(store), revive_script);
    add_text(&call, id ? id : "");
    return run_number(own(store), &call);
}

static int redis_last_error(struct bide__store *store, const char *id,
                            char *text, size_t size)
{
    char key[KEY_MAX + BIDE__JOBS_ID + 8];
    bide_redis_value *value;
    snprintf(key, sizeof key, "%sjob:%.64s", own(store)->prefix, id);
    int rc = BIDE_REDIS(own(store)->redis, &value, "HGET", key, "e");
    if (rc < 0)
        return rc;
    rc = value->type == BIDE_REDIS_STRING;
    if (rc == 1)
        snprintf(text, size, "%s", value->data);
    bide_redis_free(value);
    return rc;
}

/* ── The bell ─────────────────────────────────────────────────────────── */

static int redis_listen(struct bide__store *store, void **listener)
{
    const struct redis_store *self = own(store);
    bide_redis_subscription *bell = *listener;
    char channel[KEY_MAX + 8];
    const char *channels[] = {channel, NULL};
    bide_redis_message message;
    snprintf(channel, sizeof channel, "%sbell", self->prefix);
    if (!bell) {
        int rc = bide_redis_subscribe(self->url, NULL, channels, NULL, &bell);
        if (rc < 0)
            return rc;
        *listener = bell;
    }
    return bide_redis_next_message(bell, &message);
}

static void redis_let_go(void *listener)
{
    bide_redis_unsubscribe(listener);
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static void redis_close(struct bide__store *store)
{
    struct redis_store *self = own(store);
    if (bide_redis_close(self->redis) == -ECANCELED)
        (void)bide_task_cancel(bide_current_task()); /* for the caller */
    bide_release(self->url);
    bide_release(self);
}

static const struct bide__store_kind redis_kind = {
    .enqueue = redis_enqueue,
    .take = redis_take,
    .renew = redis_renew,
    .done = redis_done,
    .fail = redis_fail,
    .count = redis_count,
    .revive = redis_revive,
    .last_error = redis_last_error,
    .listen = redis_listen,
    .let_go = redis_let_go,
    .close = redis_close,
};

int bide__store_open_redis(const char *url, const char *queue,
                           struct bide__store **ret_store)
{
    struct redis_store *store = bide_allocate(sizeof *store);
    char *copy = bide_allocate(strlen(url) + 1);
    int rc = store && copy ? 0 : -ENOMEM;
    if (rc == 0) {
        memset(store, 0, sizeof *store);
        store->url = strcpy(copy, url);
        store->store.kind = &redis_kind;
        strcpy(store->store.queue, queue);
        snprintf(store->prefix, sizeof store->prefix, "bide:{%s}:", queue);
        rc = bide_redis_open(url, NULL, &store->redis);
    }
    if (rc < 0) {
        bide_release(copy);
        bide_release(store);
        return rc;
    }
    *ret_store = &store->store;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * open.c — making an engine: options, the choice of a backend, the end.
 *
 * Without a wish, uring is tried first and epoll taken when the kernel or a
 * container's policy refuses it: silently, because both give the same
 * results. A wish (option or BIDE_BACKEND) is followed or fails.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

/* Operations that may wait for a thread of one pool: their memory is the
 * callers', so this only bounds a program that has lost control. */
#define QUEUE_MAX (1u << 20)

static const struct bide__backend *const backends[] = {
    &bide__uring,
    &bide__epoll,
    &bide__sim,
};

static int check_range(const char *name, uint32_t value, uint32_t min,
                       uint32_t max)
{
    if (value < min || value > max)
        return bide_raise(-EINVAL, "%s is %u, must be %u to %u", name, value,
                          min, max);
    return 0;
}

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value ? value : standard;
}

/* Fill in defaults and check ranges. */
static int complete_options(bide_engine_options *options)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t user = cpus > 0 && cpus < 28 ? (uint32_t)cpus + 4 : 32;
    options->ring_entries = or_default(options->ring_entries, 256);
    options->buffer_count = or_default(options->buffer_count, 256);
    options->buffer_size = or_default(options->buffer_size, 8192);
    options->user_threads = or_default(options->user_threads, user);
    options->file_threads = or_default(options->file_threads, 4);
    options->dns_threads = or_default(options->dns_threads, 8);
    if (options->buffer_count & (options->buffer_count - 1))
        return bide_raise(-EINVAL, "buffer_count is %u, must be a power of 2",
                          options->buffer_count);
    int rc = check_range("ring_entries", options->ring_entries, 8, 32768);
    if (rc == 0)
        rc = check_range("buffer_count", options->buffer_count, 8, 32768);
    if (rc == 0)
        rc = check_range("buffer_size", options->buffer_size, 64, 1u << 20);
    if (rc == 0)
        rc = check_range("user_threads", options->user_threads, 1, 1024);
    if (rc == 0)
        rc = check_range("file_threads", options->file_threads, 1, 1024);
    if (rc == 0)
        rc = check_range("dns_threads", options->dns_threads, 1, 1024);
    return rc;
}

static int read_seed(uint64_t *ret_seed)
{
    const char *text = getenv("BIDE_SEED");
    if (!text || !*text)
        return 0;
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 0);
    if (errno || *end)
        return bide_raise(-EINVAL, "BIDE_SEED is '%s', must be a number",
                          text);
    *ret_seed = seed;
    return 0;
}

static int open_named(bide_engine *engine, const char *name)
{
    for (size_t i = 0; i < BIDE__COUNT(backends); i++) {
        if (strcmp(backends[i]->name, name) != 0)
            continue;
        engine->backend = backends[i];
        int rc = backends[i]->open(engine);
        if (rc == -EPERM || rc == -EACCES)
            rc = -ENOSYS;
        if (rc == -ENOSYS)
            return bide_raise(rc,
                              "the kernel refuses backend '%s'; see the sysctl "
                              "kernel.io_uring_disabled and seccomp policies",
                              name);
        return rc;
    }
    return bide_raise(-EINVAL,
                      "unknown backend '%s', use 'uring', 'epoll' or 'sim'",
                      name);
}

static int open_backend(bide_engine *engine)
{
    const char *name = engine->options.backend;
    if (!name || !*name)
        name = getenv("BIDE_BACKEND");
    if (name && *name)
        return open_named(engine, name);
    engine->backend = &bide__uring;
    if (engine->backend->open(engine) == 0)
        return 0;
    engine->backend = &bide__epoll;
    return engine->backend->open(engine);
}

int bide_engine_new(const bide_engine_options *options,
                    bide_engine **ret_engine)
{
    bide_engine *engine = bide__calloc(1, sizeof *engine);
    if (!engine)
        return -ENOMEM;
    if (options)
        engine->options = *options;
    engine->ready_end = &engine->ready_first;
    engine->finished_end = &engine->finished_first;
    engine->pid = getpid();
    bide__pool_reset(engine);
    int rc = complete_options(&engine->options);
    if (rc == 0 && engine->options.seed == 0)
        rc = read_seed(&engine->options.seed);
    if (rc == 0)
        rc = open_backend(engine);
    if (rc < 0) {
        bide__free(engine);
        return rc;
    }
    if (engine->backend == &bide__sim)
        engine->random = engine->options.seed;
    engine->now_ns = bide_engine_clock(engine);
    bide__timers_init(&engine->timers, engine->now_ns);
    *ret_engine = engine;
    return 0;
}

void bide_engine_free(bide_engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i < BIDE_POOL_COUNT; i++)
        bide_pool_free(engine->pools[i], i != BIDE_POOL_DNS);
    /* The post that led here may have run before its sender was done. */
    while (atomic_load(&engine->posting) > 0)
        sched_yield();
    engine->backend->close(engine);
    bide__free(engine);
}

const char *bide_engine_backend(const bide_engine *engine)
{
    return engine->backend->name;
}

bide_pool *bide_engine_pool(bide_engine *engine, enum bide_pool_id id)
{
    static const char *const names[BIDE_POOL_COUNT] = {
        [BIDE_POOL_USER] = "bide-work",
        [BIDE_POOL_FILE] = "bide-file",
        [BIDE_POOL_DNS] = "bide-dns",
    };
    const uint32_t threads[BIDE_POOL_COUNT] = {
        [BIDE_POOL_USER] = engine->options.user_threads,
        [BIDE_POOL_FILE] = engine->options.file_threads,
        [BIDE_POOL_DNS] = engine->options.dns_threads,
    };
    if (!engine->pools[id] &&
        bide_pool_new(threads[id], QUEUE_MAX, names[id], &engine->pools[id]))
        return NULL; /* work then completes with -ENOMEM */
    return engine->pools[id];
}

int bide_engine_after_fork(bide_engine *engine)
{
    for (size_t i = 0; i < BIDE_POOL_COUNT; i++)
        engine->pools[i] = NULL; /* its threads are the parent's */
    bide__pool_reset(engine);
    engine->finished_first = NULL;
    engine->finished_end = &engine->finished_first;
    atomic_store(&engine->posts, NULL);
    atomic_store(&engine->wake_sent, false);
    engine->pid = getpid();
    return engine->backend->after_fork(engine);
}

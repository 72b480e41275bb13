/* SPDX-License-Identifier: MIT */
/* torture_test.c — a connection that tasks share, each allocation failing and
 * each wait cancelled in turn. */
#include "helpers/torture.h"
#include "redis/server.h"

static struct redis_server server;

static int ask(void *arg)
{
    bide_redis_value *value = NULL;
    int rc = BIDE_REDIS(arg, &value, "ECHO", "hello");
    if (rc == 0)
        CHECK_STR(value->data, "hello");
    bide_redis_free(value);
    return rc;
}

/* A connection that broke since its own task was disturbed says so. */
static int scenario(void *arg)
{
    (void)arg;
    bide_redis *redis;
    const bide_redis_options options = {.connect_timeout = 5};
    int rc = bide_redis_open(server.url, &options, &redis);
    if (rc < 0)
        return rc;
    bide_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(ask, redis);
    rc = bide_gather(tasks, 3);
    if (rc >= 0)
        rc = ask(redis);
    int closed = bide_redis_close(redis);
    if (rc == -ECONNRESET && torture_disturbs())
        rc = -ECANCELED;
    return rc < 0 ? rc : closed;
}

TEST(a_shared_connection_survives_anything)
{
    if (!redis_begin(&server, NULL))
        return;
    struct torture_counts counts = torture(scenario);
    CHECK(counts.runs > 20);
    redis_end(&server);
}

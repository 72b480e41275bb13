/* SPDX-License-Identifier: MIT */
/* command_test.c — commands of many tasks to a real server, and what breaks
 * the connection. */
#include "redis/server.h"

static struct redis_server server;

static bide_redis *dial(const bide_redis_options *options)
{
    bide_redis *redis = NULL;
    CHECK_OK(bide_redis_open(server.url, options, &redis));
    return redis;
}

/* Run a test with a server, within a loop. */
static void run(bide_coroutine *amain)
{
    if (!redis_begin(&server, NULL))
        return;
    CHECK_OK(bide_run(amain, NULL));
    redis_end(&server);
}

/* ── Answers ──────────────────────────────────────────────────────────── */

static int amain_answers(void *arg)
{
    (void)arg;
    bide_redis *redis = dial(NULL);
    bide_redis_value *value;
    CHECK_OK(BIDE_REDIS(redis, &value, "SET", "name", "bide"));
    CHECK_STR(value->data, "OK");
    bide_redis_free(value);
    CHECK_OK(BIDE_REDIS(redis, &value, "GET", "name"));
    CHECK_INT(value->type, BIDE_REDIS_STRING);
    CHECK_STR(value->data, "bide");
    bide_redis_free(value);
    CHECK_OK(BIDE_REDIS(redis, &value, "GET", "nothing"));
    CHECK_INT(value->type, BIDE_REDIS_NIL);
    bide_redis_free(value);
    CHECK_OK(BIDE_REDIS(redis, NULL, "HSET", "h", "a", "1", "b", "2"));
    CHECK_OK(BIDE_REDIS(redis, &value, "HGETALL", "h"));
    CHECK_INT(value->type, BIDE_REDIS_MAP);
    CHECK_INT(value->count, 4);
    bide_redis_free(value);
    const char *args[] = {"SET", "binary", "a\0b"};
    const size_t lens[] = {3, 6, 3};
    CHECK_OK(bide_redis_command(redis, 3, args, lens, NULL));
    CHECK_OK(BIDE_REDIS(redis, &value, "GET", "binary"));
    CHECK_INT(value->len, 3);
    CHECK_MEM(value->data, "a\0b", 4);
    bide_redis_free(value);
    return bide_redis_close(redis);
}

TEST(commands_are_answered)
{
    run(amain_answers);
}

static int amain_refused(void *arg)
{
    (void)arg;
    bide_redis *redis = dial(NULL);
    bide_redis_value *value = NULL;
    CHECK_ERR(BIDE_REDIS(redis, &value, "NOSUCH"), BIDE_E_REDIS);
    CHECK(strstr(bide_errmsg(BIDE_E_REDIS), "unknown command"));
    CHECK(!value);
    CHECK_ERR(BIDE_REDIS(redis, NULL, "INCR"), BIDE_E_REDIS);
    CHECK_OK(BIDE_REDIS(redis, NULL, "PING"));
    CHECK_ERR(bide_redis_command(redis, 0, NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(BIDE_REDIS(redis, NULL, "subscribe", "news"), -EINVAL);
    CHECK_OK(BIDE_REDIS(redis, NULL, "PING"));
    return bide_redis_close(redis);
}

TEST(a_command_that_is_refused_says_why_and_the_next_one_works)
{
    run(amain_refused);
}

/* ── Many tasks ───────────────────────────────────────────────────────── */

struct asker {
    bide_redis *redis;
    int number;
};

static int ask_own(void *arg)
{
    const struct asker *asker = arg;
    char key[32], text[32];
    snprintf(key, sizeof key, "key:%d", asker->number);
    snprintf(text, sizeof text, "%d", asker->number * 7);
    int rc = BIDE_REDIS(asker->redis, NULL, "SET", key, text);
    for (int i = 0; i < 20 && rc == 0; i++) {
        bide_redis_value *value;
        rc = BIDE_REDIS(asker->redis, &value, "GET", key);
        if (rc < 0)
            return rc;
        CHECK_STR(value->data, text);
        bide_redis_free(value);
    }
    return rc;
}

static int amain_many(void *arg)
{
    const bide_redis_options options = {.commands = 50, .resp2 = arg != NULL};
    bide_redis *redis = dial(&options);
    enum { TASKS = 200 };
    bide_task *tasks[TASKS];
    struct asker askers[TASKS];
    for (int i = 0; i < TASKS; i++) {
        askers[i] = (struct asker){redis, i};
        tasks[i] = bide_create_task(ask_own, &askers[i]);
    }
    CHECK_OK(bide_gather(tasks, TASKS));
    return bide_redis_close(redis);
}

TEST(each_of_many_tasks_gets_its_own_answer)
{
    run(amain_many);
}

static int large(void *arg)
{
    static char text[3000000];
    bide_redis_value *value;
    memset(text, 'x', sizeof text);
    const char *args[] = {"SET", "large", text};
    const size_t lens[] = {3, 5, sizeof text};
    CHECK_OK(bide_redis_command(arg, 3, args, lens, NULL));
    CHECK_OK(BIDE_REDIS(arg, &value, "GET", "large"));
    CHECK_INT(value->len, sizeof text);
    CHECK_MEM(value->data, text, sizeof text);
    bide_redis_free(value);
    return 0;
}

static int amain_large(void *arg)
{
    (void)arg;
    bide_redis *redis = dial(NULL);
    struct asker asker = {redis, 1};
    bide_task *tasks[] = {bide_create_task(large, redis),
                          bide_create_task(ask_own, &asker)};
    CHECK_OK(bide_gather(tasks, 2));
    return bide_redis_close(redis);
}

TEST(large_values_go_there_and_back)
{
    run(amain_large);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static int amain_cancelled(void *arg)
{
    (void)arg;
    bide_redis *redis = dial(NULL);
    bide_timeout timeout;
    bide_redis_value *value;
    CHECK_OK(BIDE_REDIS(redis, NULL, "SET", "a", "1"));
    bide_timeout_enter(&timeout, 0.05);
    int rc = BIDE_REDIS(redis, NULL, "BLPOP", "empty", "0.2");
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    CHECK_OK(BIDE_REDIS(redis, &value, "GET", "a"));
    CHECK_STR(value->data, "1");
    bide_redis_free(value);
    return bide_redis_close(redis);
}

TEST(the_answer_to_a_cancelled_command_is_nobody_elses)
{
    run(amain_cancelled);
}

/* The server does not answer, and those who ask lose patience. */
static int amain_patience(void *arg)
{
    (void)arg;
    const bide_redis_options options = {.commands = 2};
    bide_redis *redis = dial(&options);
    bide_redis_value *value;
    kill(server.process, SIGSTOP);
    for (int i = 0; i < 5; i++) {
        bide_timeout timeout;
        bide_timeout_enter(&timeout, 0.02);
        int rc = BIDE_REDIS(redis, NULL, "INCR", "number");
        CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    }
    kill(server.process, SIGCONT);
    CHECK_OK(BIDE_REDIS(redis, &value, "GET", "number"));
    CHECK_STR(value->data, "2");
    bide_redis_free(value);
    return bide_redis_close(redis);
}

TEST(cancelled_commands_count_until_they_are_answered)
{
    run(amain_patience);
}

static int amain_at_once(void *arg)
{
    (void)arg;
    return bide_redis_close(dial(NULL));
}

TEST(a_connection_may_be_closed_as_soon_as_it_is_open)
{
    run(amain_at_once);
}

static int block(void *arg)
{
    return BIDE_REDIS(arg, NULL, "BLPOP", "empty", "0");
}

static int amain_close(void *arg)
{
    (void)arg;
    bide_redis *redis = dial(NULL);
    bide_task *task = bide_create_task(block, redis);
    CHECK_OK(bide_sleep(0.02));
    CHECK_OK(bide_redis_close(redis));
    CHECK_ERR(bide_await(task), -ECONNRESET);
    return 0;
}

TEST(commands_under_way_fail_when_it_is_closed)
{
    run(amain_close);
}

/* ── What breaks ──────────────────────────────────────────────────────── */

static int amain_restart(void *arg)
{
    (void)arg;
    bide_redis *redis = dial(NULL);
    bide_task *task = bide_create_task(block, redis);
    CHECK_OK(bide_sleep(0.02));
    redis_kill(&server);
    CHECK_ERR(bide_await(task), -ECONNRESET);
    CHECK(redis_launch(&server));
    CHECK_OK(BIDE_REDIS(redis, NULL, "SET", "a", "1"));
    return bide_redis_close(redis);
}

TEST(after_a_restart_of_the_server_commands_work_again)
{
    run(amain_restart);
}

static int amain_gone(void *arg)
{
    (void)arg;
    const bide_redis_options options = {.retries = 1};
    bide_redis *redis = dial(&options);
    redis_kill(&server);
    unlink(server.socket);
    CHECK(BIDE_REDIS(redis, NULL, "PING") < 0);
    CHECK_ERR(BIDE_REDIS(redis, NULL, "PING"), -ENOENT);
    CHECK(redis_launch(&server));
    CHECK_OK(BIDE_REDIS(redis, NULL, "PING"));
    return bide_redis_close(redis);
}

TEST(without_a_server_commands_fail_until_there_is_one)
{
    run(amain_gone);
}

static int amain_too_large(void *arg)
{
    (void)arg;
    const bide_redis_options options = {.reply = 2000};
    bide_redis *redis = dial(&options);
    bide_redis_value *value = NULL;
    char text[3000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    CHECK_OK(BIDE_REDIS(redis, NULL, "SET", "a", text));
    CHECK_ERR(BIDE_REDIS(redis, &value, "GET", "a"), -EMSGSIZE);
    CHECK_STR(bide_errmsg(-EMSGSIZE), "a reply exceeds 2000 bytes");
    CHECK_OK(BIDE_REDIS(redis, NULL, "PING"));
    return bide_redis_close(redis);
}

TEST(a_reply_beyond_the_limit_ends_the_connection_and_not_the_program)
{
    run(amain_too_large);
}

/* ── Passwords ────────────────────────────────────────────────────────── */

static int amain_password(void *arg)
{
    (void)arg;
    bide_redis *redis = NULL;
    bide_redis_options options = {.password = "wrong"};
    CHECK_ERR(bide_redis_open(server.url, &options, &redis), -EACCES);
    CHECK(strstr(bide_errmsg(-EACCES), "WRONGPASS"));
    options.password = NULL;
    CHECK_ERR(bide_redis_open(server.url, &options, &redis), -EACCES);
    for (int i = 0; i < 2; i++) {
        options = (bide_redis_options){.password = "se cret", .resp2 = i};
        CHECK_OK(bide_redis_open(server.url, &options, &redis));
        CHECK_OK(BIDE_REDIS(redis, NULL, "SET", "a", "1"));
        CHECK_OK(bide_redis_close(redis));
    }
    return 0;
}

TEST(a_password_opens_and_a_wrong_one_says_so)
{
    if (!redis_begin(&server, "se cret"))
        return;
    CHECK_OK(bide_run(amain_password, NULL));
    redis_end(&server);
}

/* ── URLs ─────────────────────────────────────────────────────────────── */

static int amain_urls(void *arg)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "http://localhost",
        "redis://localhost:0",
        "redis://localhost:65536",
        "redis://localhost:x",
        "redis://localhost/x",
        "redis://localhost/-1",
        "redis://[::1",
        "redis://a%zz@localhost",
        "unix://",
        "unix:///x?base=1",
        "rediss://localhost",
    };
    (void)arg;
    bide_redis *redis;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(bide_redis_open(bad[i], NULL, &redis), -EINVAL);
    const bide_redis_options options = {.retries = 101};
    CHECK_ERR(bide_redis_open("redis://localhost", &options, &redis),
              -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "retries is 101, at most 100");
    return 0;
}

TEST(a_url_that_is_malformed_is_refused)
{
    CHECK_OK(bide_run(amain_urls, NULL));
}

static int amain_database(void *arg)
{
    (void)arg;
    char url[160];
    bide_redis *one = dial(NULL);
    bide_redis *other;
    bide_redis_value *value;
    snprintf(url, sizeof url, "%s?db=3", server.url);
    CHECK_OK(bide_redis_open(url, NULL, &other));
    CHECK_OK(BIDE_REDIS(other, NULL, "SET", "there", "1"));
    CHECK_OK(BIDE_REDIS(one, &value, "GET", "there"));
    CHECK_INT(value->type, BIDE_REDIS_NIL);
    bide_redis_free(value);
    CHECK_OK(bide_redis_close(one));
    return bide_redis_close(other);
}

TEST(the_url_chooses_the_database)
{
    run(amain_database);
}

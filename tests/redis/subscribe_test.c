/* SPDX-License-Identifier: MIT */
/* subscribe_test.c — messages that are published, and missed ones. */
#include "redis/server.h"

static struct redis_server server;

static void run(bide_coroutine *amain)
{
    if (!redis_begin(&server, NULL))
        return;
    CHECK_OK(bide_run(amain, NULL));
    redis_end(&server);
}

static int publish(bide_redis *redis, const char *channel, const char *text)
{
    return BIDE_REDIS(redis, NULL, "PUBLISH", channel, text);
}

static int amain_messages(void *arg)
{
    (void)arg;
    const char *channels[] = {"news", "sport", NULL};
    const char *patterns[] = {"chat.*", NULL};
    bide_redis *redis;
    bide_redis_subscription *subscription;
    bide_redis_message message;
    CHECK_OK(bide_redis_open(server.url, NULL, &redis));
    CHECK_OK(bide_redis_subscribe(server.url, NULL, channels, patterns,
                                  &subscription));
    CHECK_OK(publish(redis, "sport", "1:0"));
    CHECK_OK(publish(redis, "weather", "rain"));
    CHECK_OK(publish(redis, "chat.a", "hello"));
    CHECK_OK(bide_redis_next_message(subscription, &message));
    CHECK_STR(message.channel, "sport");
    CHECK_STR(message.data, "1:0");
    CHECK(!message.pattern);
    CHECK_OK(bide_redis_next_message(subscription, &message));
    CHECK_STR(message.channel, "chat.a");
    CHECK_STR(message.pattern, "chat.*");
    CHECK_STR(message.data, "hello");
    bide_redis_unsubscribe(subscription);
    return bide_redis_close(redis);
}

TEST(messages_come_from_channels_and_patterns)
{
    run(amain_messages);
}

static int amain_cancelled(void *arg)
{
    (void)arg;
    const char *channels[] = {"news", NULL};
    bide_redis *redis;
    bide_redis_subscription *subscription;
    bide_redis_message message;
    bide_timeout timeout;
    CHECK_OK(bide_redis_open(server.url, NULL, &redis));
    CHECK_OK(bide_redis_subscribe(server.url, NULL, channels, NULL,
                                  &subscription));
    bide_timeout_enter(&timeout, 0.02);
    int rc = bide_redis_next_message(subscription, &message);
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    CHECK_OK(publish(redis, "news", "late"));
    CHECK_OK(bide_redis_next_message(subscription, &message));
    CHECK_STR(message.data, "late");
    bide_redis_unsubscribe(subscription);
    return bide_redis_close(redis);
}

TEST(waiting_for_a_message_can_be_cancelled_and_begun_again)
{
    run(amain_cancelled);
}

static int amain_restart(void *arg)
{
    (void)arg;
    const char *channels[] = {"news", NULL};
    bide_redis *redis;
    bide_redis_subscription *subscription;
    bide_redis_message message;
    CHECK_OK(bide_redis_open(server.url, NULL, &redis));
    CHECK_OK(bide_redis_subscribe(server.url, NULL, channels, NULL,
                                  &subscription));
    redis_kill(&server);
    CHECK_ERR(bide_redis_next_message(subscription, &message), -ECONNRESET);
    CHECK(redis_launch(&server));
    bide_timeout timeout;
    bide_timeout_enter(&timeout, 0.02); /* it subscribes anew, and waits */
    int rc = bide_redis_next_message(subscription, &message);
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    CHECK_OK(publish(redis, "news", "again"));
    CHECK_OK(bide_redis_next_message(subscription, &message));
    CHECK_STR(message.data, "again");
    bide_redis_unsubscribe(subscription);
    return bide_redis_close(redis);
}

TEST(a_broken_connection_is_told_of_and_then_mended)
{
    run(amain_restart);
}

static int amain_nothing(void *arg)
{
    (void)arg;
    bide_redis_subscription *subscription;
    CHECK_ERR(bide_redis_subscribe(server.url, NULL, NULL, NULL,
                                   &subscription),
              -EINVAL);
    return 0;
}

TEST(a_subscription_to_nothing_is_refused)
{
    run(amain_nothing);
}

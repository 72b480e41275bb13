/* SPDX-License-Identifier: MIT */
/*
 * subscribe.c — messages that are published, on a link for them alone.
 *
 * Whoever waits for the next message reads the stream: there is no task and
 * no queue in between, so a reader that is slow holds the server back.
 *
 * The link speaks RESP2, in which a message is an array like any answer:
 *
 *     message  channel data        pmessage  pattern channel data
 */
#include <errno.h>
#include <string.h>

#include "redis/redis.h"

#define NAMES_MAX 10000
#define EARLY_MAX 1000

/* A message of one channel, before another one was confirmed. */
struct early {
    struct early *next;
    bide_redis_value *value;
};

struct bide_redis_subscription {
    struct bide__redis_target target;
    struct bide__redis_link link;
    struct bide__redis_bytes request; /* what subscribes */
    size_t names;
    bide_redis_value *message; /* that was handed out last */
    struct early *early;       /* the oldest one first */
};

/* ── Subscribing ──────────────────────────────────────────────────────── */

static int add_names(bide_redis_subscription *subscription,
                     const char *command, const char *const *names)
{
    for (; names && *names; names++) {
        const char *args[] = {command, *names};
        if (++subscription->names > NAMES_MAX)
            return bide_raise(-EINVAL, "more than %d channels and patterns",
                              NAMES_MAX);
        if (bide__redis_encode(&subscription->request, 2, args, NULL) < 0)
            return -ENOMEM;
    }
    return 0;
}

static bool is_named(const bide_redis_value *value, const char *name,
                     size_t count)
{
    return value->type == BIDE_REDIS_ARRAY && value->count == count &&
           value->items[0].type == BIDE_REDIS_STRING &&
           strcmp(value->items[0].data, name) == 0;
}

/* Takes the value. Returns 0 or a negative code. */
static int keep_early(bide_redis_subscription *subscription,
                      bide_redis_value *value)
{
    struct early **end = &subscription->early;
    size_t count = 0;
    for (; *end; end = &(*end)->next)
        count++;
    struct early *early =
        count < EARLY_MAX ? bide_allocate(sizeof *early) : NULL;
    if (!early) {
        bide_redis_free(value);
        return count < EARLY_MAX
                   ? -ENOMEM
                   : bide_raise(-EMSGSIZE, "more than %d messages before all "
                                           "channels were confirmed",
                                EARLY_MAX);
    }
    *early = (struct early){.value = value};
    *end = early;
    return 0;
}

/* One confirmation for each name; messages can come between them. Takes the
 * value. Returns 1 for a confirmation, 0 for a message, or a code. */
static int take_confirmation(bide_redis_subscription *subscription,
                             bide_redis_value *value)
{
    int rc = 1;
    if (value->type == BIDE_REDIS_ERROR)
        rc = bide__redis_raise(value->data, value->len);
    else if (!is_named(value, "subscribe", 3) &&
             !is_named(value, "psubscribe", 3))
        return keep_early(subscription, value);
    bide_redis_free(value);
    return rc;
}

static int await_confirmations(bide_redis_subscription *subscription)
{
    int rc = 0;
    for (size_t missing = subscription->names; missing > 0 && rc >= 0;) {
        bide_redis_value *value;
        rc = bide__redis_receive(&subscription->link, &value);
        if (rc == 0)
            rc = take_confirmation(subscription, value);
        missing -= rc == 1;
    }
    return rc < 0 ? rc : 0;
}

static bide_redis_value *take_early(bide_redis_subscription *subscription)
{
    struct early *early = subscription->early;
    bide_redis_value *value = early->value;
    subscription->early = early->next;
    bide_release(early);
    return value;
}

static int begin(bide_redis_subscription *subscription)
{
    struct bide__redis_link *link = &subscription->link;
    int rc = bide__redis_dial(link, &subscription->target);
    if (rc < 0)
        return rc;
    rc = bide_stream_write(link->stream, subscription->request.data,
                           subscription->request.len);
    if (rc == 0)
        rc = await_confirmations(subscription);
    if (rc < 0)
        bide__redis_hang_up(link);
    return rc;
}

void bide_redis_unsubscribe(bide_redis_subscription *subscription)
{
    if (!subscription)
        return;
    bide__redis_hang_up(&subscription->link);
    while (subscription->early)
        bide_redis_free(take_early(subscription));
    bide_redis_free(subscription->message);
    bide_release(subscription->request.data);
    bide__redis_target_free(&subscription->target);
    bide_release(subscription);
}

int bide_redis_subscribe(const char *url, const bide_redis_options *options,
                         const char *const *channels,
                         const char *const *patterns,
                         bide_redis_subscription **ret_subscription)
{
    struct bide__redis_target target;
    int rc = bide__redis_target(url, options, &target);
    if (rc < 0)
        return rc;
    bide_redis_subscription *subscription =
        bide_allocate(sizeof *subscription);
    if (!subscription) {
        bide__redis_target_free(&target);
        return -ENOMEM;
    }
    memset(subscription, 0, sizeof *subscription);
    subscription->target = target;
    subscription->target.options.resp2 = true;
    rc = add_names(subscription, "SUBSCRIBE", channels);
    if (rc == 0)
        rc = add_names(subscription, "PSUBSCRIBE", patterns);
    if (rc == 0 && subscription->names == 0)
        rc = bide_raise(-EINVAL, "no channels and no patterns: name at least "
                                 "one");
    if (rc == 0)
        rc = begin(subscription);
    if (rc < 0)
        bide_redis_unsubscribe(subscription);
    else
        *ret_subscription = subscription;
    return rc;
}

/* ── Messages ─────────────────────────────────────────────────────────── */

/* Returns whether it is a message. */
static bool understand(const bide_redis_value *value,
                       bide_redis_message *ret_message)
{
    bool plain = is_named(value, "message", 3);
    if (!plain && !is_named(value, "pmessage", 4))
        return false;
    const bide_redis_value *channel = &value->items[plain ? 1 : 2];
    if (channel->type != BIDE_REDIS_STRING ||
        channel[1].type != BIDE_REDIS_STRING)
        return false;
    *ret_message = (bide_redis_message){
        .channel = channel->data,
        .channel_len = channel->len,
        .pattern = plain ? NULL : value->items[1].data,
        .data = channel[1].data,
        .len = channel[1].len,
    };
    return true;
}

static int receive(bide_redis_subscription *subscription,
                   bide_redis_message *ret_message)
{
    for (;;) {
        bide_redis_value *value;
        int rc = 0;
        if (subscription->early)
            value = take_early(subscription);
        else
            rc = bide__redis_receive(&subscription->link, &value);
        if (rc < 0)
            return rc;
        bide_redis_free(subscription->message);
        subscription->message = value;
        if (understand(value, ret_message))
            return 0;
    }
}

int bide_redis_next_message(bide_redis_subscription *subscription,
                            bide_redis_message *ret_message)
{
    if (!subscription->link.stream) {
        int rc = begin(subscription);
        if (rc < 0)
            return rc;
    }
    int rc = receive(subscription, ret_message);
    if (rc < 0 && rc != -ECANCELED && rc != -ENOMEM) {
        bide__redis_hang_up(&subscription->link);
        if (rc != -EPROTO && rc != -EMSGSIZE)
            rc = bide_raise(-ECONNRESET, "the connection to Redis broke: "
                                         "messages may have been missed");
    }
    return rc;
}

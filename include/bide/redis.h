/* SPDX-License-Identifier: MIT */
/*
 * <bide/redis.h> — Redis. Link with libbide-redis (pkg-config bide-redis).
 *
 *     bide_redis *redis;
 *     bide_redis_value *value;
 *     rc = bide_redis_open("redis://localhost", NULL, &redis);
 *     rc = BIDE_REDIS(redis, &value, "SET", "name", "bide");
 *     bide_redis_free(value);
 *     rc = BIDE_REDIS(redis, &value, "GET", "name");
 *     printf("%s\n", value->data);
 *     bide_redis_free(value);
 *     rc = bide_redis_close(redis);
 *
 * One object is one connection, which many tasks share: the commands that
 * they give in one turn of the loop go out together, and nobody waits for the
 * answers to others. That is pipelining without being asked for. Commands
 * that keep the server waiting (BLPOP, XREAD with BLOCK) or change the
 * connection for all (MULTI without its EXEC in one script, SELECT) belong on
 * a connection of their own: open a second one.
 *
 * When the connection breaks, commands under way fail, since nobody knows
 * whether they were carried out; the next command connects anew.
 */
#ifndef BIDE_REDIS_H
#define BIDE_REDIS_H

#include <bide/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

BIDE_BEGIN

typedef struct bide_redis bide_redis;
typedef struct bide_redis_subscription bide_redis_subscription;

/* How to connect. Zeroed means: the defaults. */
typedef struct bide_redis_options {
    const char *username;   /* NULL: that of the URL, or none */
    const char *password;   /* NULL: that of the URL, or none */
    double connect_timeout; /* seconds, greeting included, 0: 10 */
    unsigned retries;       /* more attempts to connect, each after twice the
                               pause of the one before, 0: 3, at most 100 */
    unsigned commands;      /* that may be under way, 0: 65,536; more wait in
                               turn */
    size_t reply;           /* bytes of a reply, also in memory, 0: 64 MiB;
                               beyond, the connection is ended */
    bool resp2;             /* speak the older protocol only */
    const void *tls;        /* as in bide_connection_options, for rediss:// */
    void *reserved[6];      /* zero */
} bide_redis_options;

/* What a value is. Answers of servers before 6 have the first five only. */
typedef enum bide_redis_type {
    BIDE_REDIS_NIL,
    BIDE_REDIS_STRING,  /* data, len */
    BIDE_REDIS_INTEGER, /* integer */
    BIDE_REDIS_ARRAY,   /* items, count; sets are arrays, too */
    BIDE_REDIS_ERROR,   /* data, len: within an array only */
    BIDE_REDIS_MAP,     /* items, count: keys and values in turn */
    BIDE_REDIS_DOUBLE,  /* number */
    BIDE_REDIS_BOOLEAN, /* integer: 0 or 1 */
} bide_redis_type;

/* A reply. Its parts are one piece of memory with it. */
typedef struct bide_redis_value bide_redis_value;
struct bide_redis_value {
    bide_redis_type type;
    int64_t integer;
    double number;
    const char *data; /* a NUL follows */
    size_t len;
    bide_redis_value *items;
    size_t count;
};

/* ── A connection ─────────────────────────────────────────────────────── */

/*
 * bide_redis_open — connect.
 *
 * Returns:  0 or a negative code.
 *   url        redis://[[user]:password@]host[:port][/database], rediss://
 *              for TLS, or unix:///path[?db=N]
 *   options    copied; what it points to is borrowed until the close, for
 *              connecting anew; NULL means the defaults
 *   ret_redis  set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is open.
 * Errors:   -EINVAL for the URL and options; -EACCES for what the server says
 *           about the password; -ETIME; those of bide_open_connection()
 * Owns:     the caller closes it by bide_redis_close().
 * Thread:   the loop's.
 * Like:     redis.asyncio.from_url.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_redis_open(const char *url, const bide_redis_options *options,
                bide_redis **ret_redis);

/*
 * bide_redis_close — end the connection. Commands under way fail.
 *
 * Returns:  0; or -ECANCELED if the caller was cancelled meanwhile, after the
 *           same steps.
 *   redis   NULL is allowed
 * Suspends: always; a request to cancel is delivered after the last step.
 * Cancel:   it is closed all the same.
 * Errors:   -ECANCELED
 * Owns:     takes redis. No task may use it any more.
 * Thread:   the loop's.
 * Like:     redis.asyncio.Redis.aclose.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_redis_close(bide_redis *redis);

/*
 * bide_redis_command — give a command, and wait for its answer.
 *
 * Returns:  0, or a negative code.
 *   args, lens   the command's name and its arguments, count of each, 1 to
 *                1,048,576; borrowed during the call. lens NULL: they are
 *                NUL-terminated
 *   ret_value    set on success; NULL: the answer is not wanted
 * Suspends: always a cancellation point.
 * Cancel:   the command may have been carried out, or may still be; its
 *           answer is dropped, and until it comes the command counts as one
 *           that is under way. The connection stays usable.
 * Errors:   BIDE_E_REDIS the server refused it, bide_errmsg() has its words;
 *           -ECONNRESET the connection broke meanwhile, and nobody knows
 *           whether it was carried out; those of bide_redis_open(); -EMSGSIZE
 *           for a reply beyond the limit; -EINVAL, also for SUBSCRIBE and
 *           its like, which would confuse the answers; -ENOMEM
 * Owns:     the caller frees *ret_value by bide_redis_free().
 * Thread:   the loop's. Any number of tasks at once.
 * Like:     redis.asyncio.Redis.execute_command.
 * Source:   the Redis serialization protocol specification, RESP2 and RESP3.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_redis_command(bide_redis *redis, size_t count, const char *const *args,
                   const size_t *lens, bide_redis_value **ret_value);

/* The same for strings: BIDE_REDIS(redis, &value, "GET", "name"). */
#define BIDE_REDIS(redis, ret_value, ...)                                     \
    bide_redis_command(                                                       \
        redis,                                                                \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *),    \
        (const char *const[]){__VA_ARGS__}, NULL, ret_value)

/*
 * bide_redis_free — free a reply with all its parts.
 *
 *   value   of bide_redis_command(), and not a part of one; NULL is allowed
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API void bide_redis_free(bide_redis_value *value);

/* ── Messages ─────────────────────────────────────────────────────────── */

/* A message that was published. */
typedef struct bide_redis_message {
    const char *channel; /* a NUL follows each */
    const char *pattern; /* that matched, or NULL */
    const char *data;
    size_t channel_len;
    size_t len; /* of data */
} bide_redis_message;

/*
 * bide_redis_subscribe — receive what is published, on a connection for it.
 *
 * Returns:  0 or a negative code; subscribed then.
 *   url, options   as for bide_redis_open()
 *   channels       NULL-terminated list of names, copied; or NULL
 *   patterns       the same, as for PSUBSCRIBE; at least one in both
 *   ret_subscription   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is open.
 * Errors:   as bide_redis_open()
 * Owns:     the caller ends it by bide_redis_unsubscribe().
 * Thread:   the loop's.
 * Like:     redis.asyncio.client.PubSub.subscribe.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_redis_subscribe(const char *url, const bide_redis_options *options,
                     const char *const *channels, const char *const *patterns,
                     bide_redis_subscription **ret_subscription);

/*
 * bide_redis_next_message — wait for the next message.
 *
 * A task that comes late finds the messages that have arrived: they wait in
 * the socket, so that a slow reader slows the server's buffer down and not
 * this program's memory.
 *
 * Returns:  0 or a negative code.
 *   ret_message   set to what is borrowed until the next call
 * Suspends: always a cancellation point.
 * Cancel:   safe; no message is lost.
 * Errors:   -ECONNRESET the connection broke: messages may have been missed;
 *           the next call subscribes anew. Otherwise as bide_redis_open()
 * Thread:   the loop's, one task at a time.
 * Like:     redis.asyncio.client.PubSub.listen.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_redis_next_message(bide_redis_subscription *subscription,
                        bide_redis_message *ret_message);

/*
 * bide_redis_unsubscribe — receive no more, and close the connection.
 *
 *   subscription   taken; no task may wait for its messages. NULL is allowed
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_redis_unsubscribe(bide_redis_subscription *subscription);

BIDE_END

#endif

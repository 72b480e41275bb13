/* SPDX-License-Identifier: MIT */
/*
 * redis.h — connections to Redis from inside.
 *
 *     url.c         where to connect, and as whom
 *     link.c        a stream with a greeting, and replies from it one by one
 *     connection.c  a link that tasks share: commands out, answers back
 *     subscribe.c   a link on which messages come
 *     codec.c       bytes and values
 */
#ifndef BIDE_SRC_REDIS_REDIS_H
#define BIDE_SRC_REDIS_REDIS_H

#include <bide.h>
#include <bide/redis.h>

#include "redis/codec.h"

/* ── url.c ────────────────────────────────────────────────────────────── */

/* Where to connect. The strings lie in `memory`. */
struct bide__redis_target {
    char *memory;
    const char *host;     /* NULL: a Unix socket */
    const char *path;     /* of that */
    const char *username; /* or NULL */
    const char *password; /* or NULL */
    int port;
    unsigned database;
    bide_redis_options options; /* with the defaults filled in */
};

/* Returns 0 or a negative code. */
int bide__redis_target(const char *url, const bide_redis_options *options,
                       struct bide__redis_target *ret_target);
void bide__redis_target_free(struct bide__redis_target *target);

/* ── link.c ───────────────────────────────────────────────────────────── */

struct bide__redis_link {
    bide_stream *stream; /* or NULL */
    struct bide__redis_bytes in;
    size_t used; /* bytes of it that were replies */
    struct bide__redis_scan scan; /* of the reply that begins there */
    size_t max;  /* bytes of a reply */
};

/* Connect and greet, as often as the options say. Returns 0 or a code. */
int bide__redis_dial(struct bide__redis_link *link,
                     const struct bide__redis_target *target);

/* The next reply that has arrived whole: 1, with where it begins; or 0, or a
 * negative code. It lies there until the next call. */
int bide__redis_take(struct bide__redis_link *link, const char **ret_data,
                     struct bide__redis_scan *ret_scan);

/* Wait until more has arrived. Returns 0, -ECONNRESET at the end of the
 * stream, or another code. */
int bide__redis_fill(struct bide__redis_link *link);

/* Both: wait for a reply, and build it. */
int bide__redis_receive(struct bide__redis_link *link,
                        bide_redis_value **ret_value);

void bide__redis_hang_up(struct bide__redis_link *link);

/* Say what the server's error says. Returns BIDE_E_REDIS, or -EACCES. */
int bide__redis_raise(const char *data, size_t len);

#endif

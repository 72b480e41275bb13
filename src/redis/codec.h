/* SPDX-License-Identifier: MIT */
/*
 * codec.h — the Redis serialization protocol, versions 2 and 3, without input
 * or output.
 *
 * A reply is first measured, by pieces as they arrive and from where the last
 * piece ended, then built in one piece of memory.
 */
#ifndef BIDE_SRC_REDIS_CODEC_H
#define BIDE_SRC_REDIS_CODEC_H

#include <bide/redis.h>
#include <sys/types.h>

#define BIDE__REDIS_DEPTH 16 /* of arrays in arrays */

/* A command's bytes and those that follow them. */
struct bide__redis_bytes {
    char *data;
    size_t len, cap;
};

/* How far a reply was measured. Zeroed: at its beginning. */
struct bide__redis_scan {
    size_t offset; /* bytes of it that were understood */
    size_t values; /* in it */
    size_t text;   /* bytes of text in it, with their NULs */
    unsigned depth;
    uint64_t left[BIDE__REDIS_DEPTH]; /* values that each array lacks */
};

/*
 * Measure what has arrived: data begins where the reply does. Returns 1 when
 * the reply is whole, with its length in scan->offset; 0 if more must come;
 * -EPROTO for what is no reply; -EMSGSIZE when it will exceed max bytes, as
 * it arrives or as it is built.
 */
int bide__redis_scan(struct bide__redis_scan *scan, const char *data,
                     size_t len, size_t max);

/* Build the reply that was measured. NULL: no memory. */
bide_redis_value *bide__redis_build(const struct bide__redis_scan *scan,
                                    const char *data);

/* Whether a reply that was measured is a push (RESP3), which answers nothing,
 * or an error. */
static inline bool bide__redis_is_push(const char *data)
{
    return data[0] == '>';
}
static inline bool bide__redis_is_error(const char *data)
{
    return data[0] == '-' || data[0] == '!';
}

/* Add a command. Returns 0 or -ENOMEM, and nothing was added. */
int bide__redis_encode(struct bide__redis_bytes *bytes, size_t count,
                       const char *const *args, const size_t *lens);

/* Room for so many bytes more. Returns 0 or -ENOMEM. */
int bide__redis_reserve(struct bide__redis_bytes *bytes, size_t more);

#endif

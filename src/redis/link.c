/* SPDX-License-Identifier: MIT */
/*
 * link.c — a stream to a server that was greeted.
 *
 * The greeting is HELLO 3 with name and password, which servers from 6 on
 * understand; an older one refuses it, and is asked by AUTH. The database is
 * selected on the way. All of that has one deadline.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "redis/redis.h"

#define ROOM 16384        /* bytes to receive at least */
#define FIRST_PAUSE 0.05  /* seconds, between attempts */
#define LONGEST_PAUSE 2.0
#define SMALL 65536       /* a buffer that is kept when it is empty */

/* ── Replies ──────────────────────────────────────────────────────────── */

int bide__redis_raise(const char *data, size_t len)
{
    static const char *const refusals[] = {"NOAUTH", "WRONGPASS", "NOPERM"};
    int code = BIDE_E_REDIS;
    for (size_t i = 0; i < 3; i++)
        if (len >= strlen(refusals[i]) &&
            memcmp(data, refusals[i], strlen(refusals[i])) == 0)
            code = -EACCES;
    int cut = len > BIDE_ERRMSG_MAX ? BIDE_ERRMSG_MAX : (int)len;
    return bide_raise(code, "%.*s", cut, data);
}

int bide__redis_take(struct bide__redis_link *link, const char **ret_data,
                     struct bide__redis_scan *ret_scan)
{
    const char *data = link->in.data + link->used;
    int rc = bide__redis_scan(&link->scan, data, link->in.len - link->used,
                              link->max);
    if (rc == -EPROTO)
        return bide_raise(rc, "what came is no reply of Redis");
    if (rc == -EMSGSIZE)
        return bide_raise(rc, "a reply exceeds %zu bytes", link->max);
    if (rc <= 0)
        return rc;
    *ret_data = data;
    *ret_scan = link->scan;
    link->used += link->scan.offset;
    link->scan = (struct bide__redis_scan){.offset = 0};
    return 1;
}

/* Nothing of what was understood is needed any more. */
static void compact(struct bide__redis_link *link)
{
    struct bide__redis_bytes *in = &link->in;
    if (link->used == 0)
        return;
    in->len -= link->used;
    if (in->len > 0)
        memmove(in->data, in->data + link->used, in->len);
    link->used = 0;
    if (in->len == 0 && in->cap > SMALL) {
        bide_release(in->data);
        *in = (struct bide__redis_bytes){.data = NULL};
    }
}

int bide__redis_fill(struct bide__redis_link *link)
{
    struct bide__redis_bytes *in = &link->in;
    compact(link);
    if (bide__redis_reserve(in, ROOM) < 0)
        return -ENOMEM;
    ssize_t n = bide_stream_read(link->stream, in->data + in->len,
                                 in->cap - in->len);
    if (n <= 0)
        return n < 0 ? (int)n
                     : bide_raise(-ECONNRESET, "Redis ended the connection");
    in->len += (size_t)n;
    return 0;
}

int bide__redis_receive(struct bide__redis_link *link,
                        bide_redis_value **ret_value)
{
    const char *data;
    struct bide__redis_scan scan;
    int rc;
    while ((rc = bide__redis_take(link, &data, &scan)) == 0) {
        rc = bide__redis_fill(link);
        if (rc < 0)
            return rc;
    }
    if (rc < 0)
        return rc;
    *ret_value = bide__redis_build(&scan, data);
    return *ret_value ? 0 : -ENOMEM;
}

/* ── Greeting ─────────────────────────────────────────────────────────── */

/* Returns 0, the code of the server's refusal, or another one. */
static int ask(struct bide__redis_link *link, size_t count,
               const char *const *args)
{
    struct bide__redis_bytes out = {.data = NULL};
    bide_redis_value *value;
    int rc = bide__redis_encode(&out, count, args, NULL);
    if (rc == 0)
        rc = bide_stream_write(link->stream, out.data, out.len);
    bide_release(out.data);
    if (rc == 0)
        rc = bide__redis_receive(link, &value);
    if (rc < 0)
        return rc;
    if (value->type == BIDE_REDIS_ERROR)
        rc = bide__redis_raise(value->data, value->len);
    bide_redis_free(value);
    return rc;
}

static int hello(struct bide__redis_link *link,
                 const struct bide__redis_target *target)
{
    const char *name = target->username ? target->username : "default";
    const char *args[] = {"HELLO", "3", "AUTH", name, target->password};
    return ask(link, target->password ? 5 : 2, args);
}

static int auth(struct bide__redis_link *link,
                const struct bide__redis_target *target)
{
    const char *both[] = {"AUTH", target->username, target->password};
    const char *one[] = {"AUTH", target->password};
    if (!target->password)
        return 0;
    return target->username ? ask(link, 3, both) : ask(link, 2, one);
}

static int greet(struct bide__redis_link *link,
                 const struct bide__redis_target *target)
{
    char number[16];
    const char *select[] = {"SELECT", number};
    int rc = target->options.resp2 ? BIDE_E_REDIS : hello(link, target);
    if (rc == BIDE_E_REDIS) /* it does not know the word */
        rc = auth(link, target);
    if (rc < 0 || target->database == 0)
        return rc;
    snprintf(number, sizeof number, "%u", target->database);
    return ask(link, 2, select);
}

/* ── Connecting ───────────────────────────────────────────────────────── */

static int connect_to(const struct bide__redis_target *target,
                      bide_stream **ret_stream)
{
    const bide_connection_options options = {
        .limit = SMALL,
        .keep_alive = true,
        .tls = target->options.tls,
    };
    if (target->host)
        return bide_open_connection(target->host, target->port, &options,
                                    ret_stream);
    return bide_open_unix_connection(target->path, &options, ret_stream);
}

static int try_once(struct bide__redis_link *link,
                    const struct bide__redis_target *target)
{
    bide_timeout timeout;
    bide_timeout_enter(&timeout, target->options.connect_timeout);
    int rc = connect_to(target, &link->stream);
    if (rc == 0) {
        rc = greet(link, target);
        if (rc < 0)
            bide__redis_hang_up(link);
    }
    rc = bide_timeout_exit(&timeout, rc);
    if (rc == -ETIME)
        return bide_raise(rc, "Redis has not answered within %g s",
                          target->options.connect_timeout);
    return rc;
}

/* Whether another attempt can succeed. */
static bool may_pass(int code)
{
    return code == -ECONNREFUSED || code == -ECONNRESET || code == -ENOENT ||
           code == -EPIPE || code == -ETIME || code == -EHOSTUNREACH ||
           code == -ENETUNREACH || code == BIDE_E_DNS_TEMPORARY;
}

int bide__redis_dial(struct bide__redis_link *link,
                     const struct bide__redis_target *target)
{
    double pause = FIRST_PAUSE;
    *link = (struct bide__redis_link){.max = target->options.reply};
    int rc = try_once(link, target);
    for (unsigned i = 0; i < target->options.retries && may_pass(rc); i++) {
        int slept = bide_sleep(pause);
        if (slept < 0)
            return slept;
        pause = pause < LONGEST_PAUSE / 2 ? 2 * pause : LONGEST_PAUSE;
        rc = try_once(link, target);
    }
    return rc;
}

void bide__redis_hang_up(struct bide__redis_link *link)
{
    bide_stream_close(link->stream);
    bide_release(link->in.data);
    *link = (struct bide__redis_link){.max = link->max};
}

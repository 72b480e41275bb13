/* SPDX-License-Identifier: MIT */
/*
 * url.c — redis://[[user]:password@]host[:port][/database], rediss://, and
 * unix:///path[?db=N]; and the options beside it.
 *
 * Names and passwords may be percent-encoded, RFC 3986, 2.1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "redis/redis.h"

#define URL_MAX 4096
#define PORT 6379
#define RETRIES_MAX 100
#define COMMANDS 65536
#define REPLY ((size_t)64 << 20)
#define REPLY_MIN 1024

/* ── Options ──────────────────────────────────────────────────────────── */

static int check_options(bide_redis_options *options)
{
    if (!(options->connect_timeout >= 0))
        return bide_raise(-EINVAL,
                          "connect_timeout is %g s, must be at least 0",
                          options->connect_timeout);
    if (options->retries > RETRIES_MAX)
        return bide_raise(-EINVAL, "retries is %u, at most %d",
                          options->retries, RETRIES_MAX);
    if (options->reply > 0 && options->reply < REPLY_MIN)
        return bide_raise(-EINVAL, "reply is %zu bytes, must be at least %d",
                          options->reply, REPLY_MIN);
    if (options->connect_timeout == 0)
        options->connect_timeout = 10;
    if (options->retries == 0)
        options->retries = 3;
    if (options->commands == 0)
        options->commands = COMMANDS;
    if (options->reply == 0)
        options->reply = REPLY;
    return 0;
}

/* ── Parts of a URL ───────────────────────────────────────────────────── */

static int hexadecimal(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. Returns whether it was well-formed. */
static bool decode(char *text)
{
    char *out = text;
    for (; *text; text++) {
        int c = (unsigned char)*text;
        if (c == '%') {
            int high = hexadecimal(text[1]);
            int low = high < 0 ? -1 : hexadecimal(text[2]);
            c = high * 16 + low;
            if (low < 0 || c == 0)
                return false;
            text += 2;
        }
        *out++ = (char)c;
    }
    *out = '\0';
    return true;
}

static bool read_number(const char *text, long max, long *ret_number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret_number = strtol(text, &end, 10);
    return !*end && errno == 0 && *ret_number <= max;
}

/* "[user][:password]" */
static bool parse_user(struct bide__redis_target *target, char *text)
{
    char *colon = strchr(text, ':');
    if (colon)
        *colon++ = '\0';
    if (!decode(text) || (colon && !decode(colon)))
        return false;
    target->username = *text ? text : NULL;
    target->password = colon;
    return true;
}

/* "host[:port]", "[address][:port]" */
static bool parse_host(struct bide__redis_target *target, char *text)
{
    char *port = NULL;
    target->host = text;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        port = end[1] ? end + 2 : NULL;
        target->host = text + 1;
        *end = '\0';
    } else if ((port = strchr(text, ':'))) {
        *port++ = '\0';
    }
    if (!*target->host)
        target->host = "localhost";
    long number = PORT;
    if (port && (!read_number(port, 65535, &number) || number == 0))
        return false;
    target->port = (int)number;
    return true;
}

static bool parse_database(struct bide__redis_target *target,
                           const char *text)
{
    long number = 0;
    if (*text && !read_number(text, 1000000, &number))
        return false;
    target->database = (unsigned)number;
    return true;
}

static bool parse_network(struct bide__redis_target *target, char *text)
{
    char *path = strchr(text, '/');
    if (path)
        *path++ = '\0';
    char *at = strrchr(text, '@');
    if (at) {
        *at = '\0';
        if (!parse_user(target, text))
            return false;
        text = at + 1;
    }
    return parse_host(target, text) &&
           (!path || parse_database(target, path));
}

static bool parse_unix(struct bide__redis_target *target, char *text)
{
    char *query = strchr(text, '?');
    if (query)
        *query++ = '\0';
    target->path = text;
    if (!*text || !decode(text))
        return false;
    if (!query)
        return true;
    return strncmp(query, "db=", 3) == 0 &&
           parse_database(target, query + 3);
}

static int parse(struct bide__redis_target *target)
{
    char *text = target->memory;
    bool ok = false;
    bool secure = strncmp(text, "rediss://", 9) == 0;
    if (secure && !target->options.tls)
        return bide_raise(-EINVAL, "rediss:// needs options.tls, a "
                                   "bide_tls_context of <bide/tls.h>");
    if (secure)
        ok = parse_network(target, text + 9);
    else if (strncmp(text, "redis://", 8) == 0)
        ok = parse_network(target, text + 8);
    else if (strncmp(text, "unix://", 7) == 0)
        ok = parse_unix(target, text + 7);
    if (!ok)
        return bide_raise(-EINVAL, "the URL of Redis is malformed: it must be "
                                   "redis://[[user]:password@]host[:port]"
                                   "[/database] or unix:///path[?db=N]");
    if (!secure)
        target->options.tls = NULL;
    return 0;
}

int bide__redis_target(const char *url, const bide_redis_options *options,
                       struct bide__redis_target *ret_target)
{
    struct bide__redis_target target = {.port = PORT};
    if (options)
        target.options = *options;
    int rc = check_options(&target.options);
    if (rc < 0)
        return rc;
    size_t len = url ? strlen(url) : 0;
    if (len == 0 || len > URL_MAX)
        return bide_raise(-EINVAL, "url is %zu bytes, must be 1 to %d", len,
                          URL_MAX);
    target.memory = bide_allocate(len + 1);
    if (!target.memory)
        return -ENOMEM;
    memcpy(target.memory, url, len + 1);
    rc = parse(&target);
    if (target.options.username)
        target.username = target.options.username;
    if (target.options.password)
        target.password = target.options.password;
    if (rc < 0)
        bide_release(target.memory);
    else
        *ret_target = target;
    return rc;
}

void bide__redis_target_free(struct bide__redis_target *target)
{
    bide_release(target->memory);
    target->memory = NULL;
}

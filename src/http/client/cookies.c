/* SPDX-License-Identifier: MIT */
/*
 * cookies.c — the cookies of a session: RFC 6265, 5.3 and 5.4.
 *
 * They lie in one array, in the order in which they came. Both a domain's
 * number and the number of all is bounded: the oldest goes.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "http/client/client.h"

#define MOST 3000
#define MOST_OF_DOMAIN 180

struct bide__jar {
    struct bide__cookie *cookies;
    size_t count, room;
    uint64_t numbers;
};

/* ── Keeping ──────────────────────────────────────────────────────────── */

static void drop(struct bide__jar *jar, size_t index)
{
    bide__cookie_free(&jar->cookies[index]);
    jar->count--;
    memmove(&jar->cookies[index], &jar->cookies[index + 1],
            (jar->count - index) * sizeof jar->cookies[0]);
}

static void drop_expired(struct bide__jar *jar, int64_t now)
{
    for (size_t i = jar->count; i-- > 0;)
        if (jar->cookies[i].expires <= now)
            drop(jar, i);
}

static bool is_same(const struct bide__cookie *a, const struct bide__cookie *b)
{
    return strcmp(a->name, b->name) == 0 &&
           strcmp(a->domain, b->domain) == 0 && strcmp(a->path, b->path) == 0;
}

static void make_way(struct bide__jar *jar, const struct bide__cookie *cookie)
{
    size_t of_domain = 0, oldest = SIZE_MAX;
    for (size_t i = jar->count; i-- > 0;)
        if (strcmp(jar->cookies[i].domain, cookie->domain) == 0) {
            of_domain++;
            oldest = i;
        }
    if (of_domain >= MOST_OF_DOMAIN)
        drop(jar, oldest);
    else if (jar->count >= MOST)
        drop(jar, 0);
}

static int reserve(struct bide__jar *jar)
{
    if (jar->count < jar->room)
        return 0;
    size_t room = jar->room ? 2 * jar->room : 8;
    struct bide__cookie *cookies =
        bide_reallocate(jar->cookies, room * sizeof *cookies);
    if (!cookies)
        return -ENOMEM;
    jar->cookies = cookies;
    jar->room = room;
    return 0;
}

static bool path_matches(const char *target, const char *path)
{
    size_t len = strlen(path), target_len = strcspn(target, "?");
    if (len > target_len || strncmp(target, path, len) != 0)
        return false;
    return len == target_len || path[len - 1] == '/' || target[len] == '/';
}

/* RFC 6265bis, 5.7: whoever sits on a line without TLS must not choose what a
 * server is told over TLS. */
static bool hides_secure(const struct bide__jar *jar,
                         const struct bide__cookie *cookie)
{
    for (size_t i = 0; i < jar->count; i++) {
        const struct bide__cookie *old = &jar->cookies[i];
        if (old->secure && strcmp(old->name, cookie->name) == 0 &&
            (bide__domain_matches(old->domain, cookie->domain) ||
             bide__domain_matches(cookie->domain, old->domain)) &&
            path_matches(cookie->path, old->path))
            return true;
    }
    return false;
}

/* A new value takes the place, and the number, of the old one. */
static int keep(struct bide__jar *jar, struct bide__cookie *cookie,
                int64_t now)
{
    for (size_t i = 0; i < jar->count; i++)
        if (is_same(&jar->cookies[i], cookie)) {
            cookie->number = jar->cookies[i].number;
            bide__cookie_free(&jar->cookies[i]);
            jar->cookies[i] = *cookie;
            drop_expired(jar, now);
            return 0;
        }
    if (cookie->expires <= now) {
        bide__cookie_free(cookie);
        return 0;
    }
    make_way(jar, cookie);
    int rc = reserve(jar);
    if (rc < 0)
        return rc;
    cookie->number = jar->numbers++;
    jar->cookies[jar->count++] = *cookie;
    return 0;
}

int bide__jar_store(bide_http_session *session, const struct bide__url *url,
                    const char *text)
{
    struct bide__cookie cookie;
    int64_t now = (int64_t)time(NULL);
    if (!session->jar) {
        session->jar = bide_allocate(sizeof *session->jar);
        if (!session->jar)
            return -ENOMEM;
        *session->jar = (struct bide__jar){.cookies = NULL};
    }
    int rc = bide__cookie_parse(&cookie, url, text, now);
    if (rc < 0)
        return rc;
    drop_expired(session->jar, now);
    rc = !url->secure && hides_secure(session->jar, &cookie)
             ? bide_raise(-EINVAL, "cookie \"%.60s\": https has set a Secure "
                                   "one of this name",
                          cookie.name)
             : keep(session->jar, &cookie, now);
    if (rc < 0)
        bide__cookie_free(&cookie);
    return rc;
}

/* ── Sending ──────────────────────────────────────────────────────────── */

static bool is_for(const struct bide__cookie *cookie,
                   const struct bide__url *url, int64_t now)
{
    if (cookie->expires <= now || (cookie->secure && !url->secure) ||
        !path_matches(url->text + url->target, cookie->path))
        return false;
    return cookie->host_only ? strcmp(url->host, cookie->domain) == 0
                             : bide__domain_matches(url->host, cookie->domain);
}

/* Longer paths first, then the older: the next one behind `last`. */
static const struct bide__cookie *next_for(const struct bide__jar *jar,
                                           const struct bide__url *url,
                                           int64_t now,
                                           const struct bide__cookie *last)
{
    const struct bide__cookie *found = NULL;
    size_t found_len = 0, last_len = last ? strlen(last->path) : SIZE_MAX;
    for (size_t i = 0; i < jar->count; i++) {
        const struct bide__cookie *cookie = &jar->cookies[i];
        size_t len = strlen(cookie->path);
        bool behind = len < last_len ||
                      (last && len == last_len &&
                       cookie->number > last->number);
        bool before = !found || len > found_len ||
                      (len == found_len && cookie->number < found->number);
        if (behind && before && is_for(cookie, url, now)) {
            found = cookie;
            found_len = len;
        }
    }
    return found;
}

int bide__jar_write(bide_http_session *session, const struct bide__url *url,
                    struct bide__bytes *out)
{
    int64_t now = (int64_t)time(NULL);
    const struct bide__cookie *cookie = NULL;
    bool first = true;
    int rc = 0;
    while (rc == 0 &&
           (cookie = next_for(session->jar, url, now, cookie)) != NULL) {
        if (!first)
            rc = bide__bytes_add(out, "; ", 2);
        if (rc == 0)
            rc = bide__bytes_add(out, cookie->name, strlen(cookie->name));
        if (rc == 0)
            rc = bide__bytes_add(out, "=", 1);
        if (rc == 0)
            rc = bide__bytes_add(out, cookie->value, strlen(cookie->value));
        first = false;
    }
    return rc;
}

void bide__jar_free(struct bide__jar *jar)
{
    if (!jar)
        return;
    for (size_t i = 0; i < jar->count; i++)
        bide__cookie_free(&jar->cookies[i]);
    bide_release(jar->cookies);
    bide_release(jar);
}

/* ── For programs ─────────────────────────────────────────────────────── */

const char *bide_http_session_cookie(bide_http_session *session,
                                     const char *url, const char *name)
{
    struct bide__url parsed;
    int64_t now = (int64_t)time(NULL);
    const struct bide__cookie *cookie = NULL;
    if (!session->jar ||
        bide__url_parse(&parsed, url, strlen(url), NULL) < 0)
        return NULL;
    do
        cookie = next_for(session->jar, &parsed, now, cookie);
    while (cookie && strcmp(cookie->name, name) != 0);
    bide__url_free(&parsed);
    return cookie ? cookie->value : NULL;
}

int bide_http_session_set_cookie(bide_http_session *session, const char *url,
                                 const char *cookie)
{
    struct bide__url parsed;
    int rc = bide__url_parse(&parsed, url, strlen(url), NULL);
    if (rc < 0)
        return rc;
    rc = bide__jar_store(session, &parsed, cookie);
    bide__url_free(&parsed);
    return rc;
}

void bide_http_session_clear_cookies(bide_http_session *session)
{
    bide__jar_free(session->jar);
    session->jar = NULL;
}

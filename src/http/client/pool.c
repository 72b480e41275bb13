/* SPDX-License-Identifier: MIT */
/*
 * pool.c — connections that are kept, and the line for them.
 *
 *     session ─► buckets ─► origin ─► idle links, the last used one first
 *        │                    │
 *        │                    └─► places: requests that wait, oldest first
 *        ├─► idle links of all origins, the oldest first
 *        └─► origins that requests wait for
 *
 * Among the requests that wait, the oldest one is served that can be served:
 * by an idle link to its origin, or by the right to open a new one, for which
 * an idle link to elsewhere makes room. Whenever something becomes free all
 * are served that can be; so what a newcomer finds free, nobody waits for.
 *
 * Whether a secure origin speaks HTTP/2, and needs one connection only, shows
 * with the first link to it. Until then the others wait.
 *
 * Invariants: session->links counts links that are open or being opened, and
 * does not exceed the option. Each is idle, in the hands of one request, or
 * shared by HTTP/2.
 */
#include <errno.h>
#include <string.h>

#include "http/client/client.h"

/* ── Origins ──────────────────────────────────────────────────────────── */

static uint32_t hash_of(const char *text, size_t len, uint32_t hash)
{
    for (size_t i = 0; i < len; i++) /* FNV-1a */
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

/* A proxy forwards requests for http to any host over the same link. */
static bool shares_proxy(const struct bide__url *url, const char *proxy)
{
    return proxy && !url->secure;
}

static struct bide__origin *make(const struct bide__url *url,
                                 const char *proxy, size_t key_len,
                                 size_t proxy_len)
{
    size_t host_len = strlen(url->host);
    struct bide__origin *origin = bide_allocate(
        sizeof *origin + key_len + proxy_len + host_len + 3);
    if (!origin)
        return NULL;
    *origin = (struct bide__origin){.secure = url->secure, .port = url->port};
    memcpy(origin->key, url->text, key_len);
    origin->key[key_len] = '\0';
    origin->host = origin->key + key_len + 1;
    memcpy(origin->host, url->host, host_len + 1);
    if (proxy) {
        origin->proxy = origin->host + host_len + 1;
        memcpy(origin->proxy, proxy, proxy_len + 1);
    }
    return origin;
}

static bool leads_to(const struct bide__origin *origin,
                     const struct bide__url *url, const char *proxy,
                     size_t key_len)
{
    if (!origin->proxy != !proxy ||
        (proxy && strcmp(origin->proxy, proxy) != 0))
        return false;
    return strncmp(origin->key, url->text, key_len) == 0 &&
           origin->key[key_len] == '\0';
}

int bide__pool_origin(bide_http_session *session, const struct bide__url *url,
                      const char *proxy, struct bide__origin **ret_origin)
{
    size_t key_len = shares_proxy(url, proxy) ? 0 : url->target;
    size_t proxy_len = proxy ? strlen(proxy) : 0;
    uint32_t hash = hash_of(url->text, key_len, 2166136261u);
    hash = hash_of(proxy, proxy_len, hash);
    struct bide__origin **bucket = &session->buckets[hash % BIDE__BUCKETS];
    struct bide__origin *origin = *bucket;
    while (origin && (origin->hash != hash ||
                      !leads_to(origin, url, proxy, key_len)))
        origin = origin->next;
    if (!origin) {
        origin = make(url, proxy, key_len, proxy_len);
        if (!origin)
            return -ENOMEM;
        origin->hash = hash;
        origin->next = *bucket;
        *bucket = origin;
    }
    origin->users++;
    *ret_origin = origin;
    return 0;
}

static void free_if_unused(bide_http_session *session,
                           struct bide__origin *origin)
{
    if (origin->users > 0 || origin->links > 0)
        return;
    struct bide__origin **at =
        &session->buckets[origin->hash % BIDE__BUCKETS];
    while (*at != origin)
        at = &(*at)->next;
    *at = origin->next;
    bide_release(origin);
}

void bide__pool_release_origin(bide_http_session *session,
                               struct bide__origin *origin)
{
    origin->users--;
    free_if_unused(session, origin);
}

/* ── Idle links ───────────────────────────────────────────────────────── */

static void take_out(struct bide__link *link)
{
    bide_http_session *session = link->session;
    struct bide__link **at = &link->origin->idle;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    *(link->older ? &link->older->newer : &session->oldest) = link->newer;
    *(link->newer ? &link->newer->older : &session->newest) = link->older;
    link->next = link->older = link->newer = NULL;
}

/* The link is in no list. Does not serve who waits. */
static void forget(struct bide__link *link)
{
    bide_http_session *session = link->session;
    struct bide__origin *origin = link->origin;
    bide_stream_close(link->stream);
    bide__bytes_free(&link->out);
    session->links--;
    origin->links--;
    free_if_unused(session, origin);
    bide__session_unref(session);
}

static void destroy(struct bide__link *link)
{
    forget(link);
    bide_release(link);
}

static void destroy_oldest(bide_http_session *session)
{
    struct bide__link *link = session->oldest;
    take_out(link);
    destroy(link);
}

static void expire(void *arg)
{
    bide_http_session *session = arg;
    double idle = session->options.idle_timeout;
    double now = bide_time();
    session->expiring = false;
    bide__session_ref(session);
    while (session->oldest && session->oldest->idle_since + idle <= now)
        destroy_oldest(session);
    if (session->oldest)
        session->expiring =
            bide_loop_call_at(bide_loop_current(), &session->expiry,
                              session->oldest->idle_since + idle, expire,
                              session) == 0;
    bide__pool_serve(session);
    bide__session_unref(session);
}

static bool is_too_old(const struct bide__link *link, double now)
{
    double max_age = link->session->options.max_age;
    return max_age > 0 && now - link->born > max_age;
}

void bide__pool_forget(struct bide__link *link)
{
    bide_http_session *session = link->session;
    bide__session_ref(session);
    forget(link);
    bide__pool_serve(session);
    bide__session_unref(session);
}

void bide__pool_close(struct bide__link *link)
{
    bide__pool_forget(link);
    bide_release(link);
}

void bide__pool_keep(struct bide__link *link)
{
    bide_http_session *session = link->session;
    struct bide__origin *origin = link->origin;
    double now = bide_time();
    if (session->closed || is_too_old(link, now)) {
        bide__pool_close(link);
        return;
    }
    link->idle_since = now;
    link->next = origin->idle;
    origin->idle = link;
    link->older = session->newest;
    *(session->newest ? &session->newest->newer : &session->oldest) = link;
    session->newest = link;
    if (!session->expiring && session->options.idle_timeout < 1e9)
        session->expiring =
            bide_loop_call_later(bide_loop_current(), &session->expiry,
                                 session->options.idle_timeout, expire,
                                 session) == 0;
    if (session->waiting)
        bide__pool_serve(session);
}

/* ── Taking ───────────────────────────────────────────────────────────── */

static bool can_take(const bide_http_session *session,
                     const struct bide__origin *origin)
{
    size_t per_host = session->options.connections_per_host;
    if (origin->shared)
        return bide__h2_has_room(origin->shared);
    if (origin->idle)
        return true;
    if (origin->probing || (per_host > 0 && origin->links >= per_host))
        return false;
    return session->links < session->options.connections ||
           session->oldest != NULL;
}

/* What can_take() has promised: a link, or NULL for the right to open one. */
static struct bide__link *take(bide_http_session *session,
                               struct bide__origin *origin)
{
    if (origin->shared)
        return origin->shared;
    if (origin->idle) {
        struct bide__link *link = origin->idle;
        take_out(link);
        return link;
    }
    origin->links++; /* first: an origin with links is not freed */
    if (session->links >= session->options.connections)
        destroy_oldest(session);
    session->links++;
    bide__session_ref(session);
    origin->probing = origin->secure && !session->options.no_http2 &&
                      !origin->http1;
    return NULL;
}

/* ── The line ─────────────────────────────────────────────────────────── */

static void stand_in_line(bide_http_session *session,
                          struct bide__place *place)
{
    struct bide__origin *origin = place->origin;
    place->number = session->numbers++;
    place->prev = origin->last;
    *(origin->last ? &origin->last->next : &origin->first) = place;
    origin->last = place;
    if (place->prev)
        return;
    origin->wait_prev = NULL;
    origin->wait_next = session->waiting;
    if (session->waiting)
        session->waiting->wait_prev = origin;
    session->waiting = origin;
}

static void leave_line(bide_http_session *session, struct bide__place *place)
{
    struct bide__origin *origin = place->origin;
    *(place->prev ? &place->prev->next : &origin->first) = place->next;
    *(place->next ? &place->next->prev : &origin->last) = place->prev;
    place->prev = place->next = NULL;
    if (origin->first)
        return;
    if (origin->wait_next)
        origin->wait_next->wait_prev = origin->wait_prev;
    *(origin->wait_prev ? &origin->wait_prev->wait_next
                        : &session->waiting) = origin->wait_next;
}

static struct bide__origin *oldest_servable(const bide_http_session *session)
{
    struct bide__origin *found = NULL;
    struct bide__origin *origin = session->waiting;
    for (; origin; origin = origin->wait_next)
        if (can_take(session, origin) &&
            (!found || origin->first->number < found->first->number))
            found = origin;
    return found;
}

void bide__pool_serve(bide_http_session *session)
{
    struct bide__origin *origin;
    while (session->waiting && (origin = oldest_servable(session))) {
        struct bide__place *place = origin->first;
        leave_line(session, place);
        if (bide_future_done(&place->ready))
            continue; /* cancelled, and about to leave by itself */
        place->served = true;
        place->link = take(session, origin);
        if (place->link && place->link->h2)
            bide__h2_reserve(place->link);
        (void)bide_future_set_result(&place->ready, NULL);
    }
}

static bool is_in_line(const struct bide__place *place)
{
    return place->prev || place->next || place->origin->first == place;
}

/* Served, and cancelled before it could run: the next one is. */
static void give_back(bide_http_session *session, struct bide__place *place)
{
    struct bide__link *link = place->link;
    if (!link)
        bide__pool_opened(session, place->origin, NULL);
    else if (link->h2)
        bide__h2_unreserve(link);
    else
        bide__pool_keep(link);
}

static int wait_in_line(bide_http_session *session,
                        struct bide__origin *origin,
                        struct bide__link **ret_link)
{
    struct bide__place place = {.origin = origin};
    stand_in_line(session, &place);
    int rc = bide_future_await(&place.ready, NULL);
    if (is_in_line(&place))
        leave_line(session, &place);
    bide_future_fini(&place.ready);
    if (rc < 0 && place.served)
        give_back(session, &place);
    if (rc < 0)
        return rc;
    *ret_link = place.link;
    return 0;
}

static void destroy_idle(bide_http_session *session,
                         struct bide__origin *origin)
{
    struct bide__link *link;
    while ((link = origin->idle)) {
        take_out(link);
        destroy(link);
    }
    bide__pool_serve(session);
}

int bide__pool_acquire(bide_http_session *session,
                       struct bide__origin *origin, bool fresh,
                       struct bide__link **ret_link)
{
    if (session->closed)
        return bide_raise(-EBADF, "the session was closed");
    if (fresh)
        destroy_idle(session, origin);
    while (origin->idle && is_too_old(origin->idle, bide_time())) {
        struct bide__link *link = origin->idle;
        take_out(link);
        bide__pool_close(link);
    }
    if (!can_take(session, origin))
        return wait_in_line(session, origin, ret_link);
    *ret_link = take(session, origin);
    if (*ret_link && (*ret_link)->h2)
        bide__h2_reserve(*ret_link);
    return 0;
}

void bide__pool_opened(bide_http_session *session,
                       struct bide__origin *origin, struct bide__link *link)
{
    origin->probing = false;
    if (!link) {
        session->links--;
        origin->links--;
        bide__pool_serve(session);
        bide__session_unref(session);
        return;
    }
    if (link->h2 && !origin->shared && bide__h2_has_room(link))
        origin->shared = link;
    else if (!link->h2)
        origin->http1 = true;
    bide__pool_serve(session);
}

/* Closing a link may take its origin along. */
static struct bide__link *find_shared(const bide_http_session *session)
{
    for (size_t i = 0; i < BIDE__BUCKETS; i++)
        for (struct bide__origin *origin = session->buckets[i]; origin;
             origin = origin->next)
            if (origin->shared)
                return origin->shared;
    return NULL;
}

void bide__pool_shut(bide_http_session *session)
{
    struct bide__link *link;
    while ((link = find_shared(session))) {
        link->origin->shared = NULL;
        bide__h2_shut(link);
    }
    while (session->oldest)
        destroy_oldest(session);
    while (session->waiting) {
        struct bide__place *place = session->waiting->first;
        leave_line(session, place);
        (void)bide_future_set_exception(
            &place->ready, bide_raise(-EBADF, "the session was closed"));
    }
    if (session->expiring)
        (void)bide_handle_cancel(&session->expiry);
    session->expiring = false;
}

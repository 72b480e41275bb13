/* SPDX-License-Identifier: MIT */
/*
 * fetch.c — one request from the call to the head of its response: redirects,
 * the second try, the deadline.
 *
 *     fetch ─► attempt ─► link from the pool, or a new one ─► exchange
 *       ▲         └── stale: once more over a new link
 *       └── redirect
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/client/client.h"

#define METHOD_MAX 32
#define SKIP_MOST 16384   /* bytes of a body that nobody wants */
#define TRUST_SECONDS 1.0 /* an idle link is taken to be alive so long */

/* ── Methods ──────────────────────────────────────────────────────────── */

/* RFC 9110, 9.2.2. */
static bool is_idempotent(const char *method)
{
    static const char *const methods[] = {
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE",
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

static int check_method(const char *method)
{
    size_t len = strlen(method);
    if (len > METHOD_MAX || !bide__http_is_token(method, len))
        return bide_raise(-EINVAL, "the method is no token of at most %d "
                                   "characters",
                          METHOD_MAX);
    if (strcmp(method, "CONNECT") == 0)
        return bide_raise(-EINVAL, "the method CONNECT is for proxies: see "
                                   "the option proxy");
    return 0;
}

/* ── One attempt ──────────────────────────────────────────────────────── */

/* Whether the server has kept an idle link open: 1 or 0, or -ECANCELED. What
 * it sent unasked makes it useless, too: it would answer the next request. */
static int is_alive(struct bide__call *call, struct bide__link *link)
{
    const char *data;
    bide_timeout timeout;
    if (bide_stream_at_eof(link->stream))
        return 0;
    if (link->exact && is_idempotent(call->method) && !call->content.once &&
        bide_time() - link->idle_since < TRUST_SECONDS)
        return 1;
    bide_timeout_enter(&timeout, 0);
    ssize_t n = bide_stream_peek(link->stream, 1, &data);
    int rc = bide_timeout_exit(&timeout, n < 0 ? (int)n : 0);
    return rc == -ETIME ? 1 : rc == -ECANCELED ? rc : 0;
}

static int open_link(struct bide__call *call, struct bide__origin *origin,
                     struct bide__link **ret_link)
{
    struct bide__link *link = NULL;
    int rc = bide__link_open(call, origin, &link);
    bide__pool_opened(call->session, origin, link);
    if (rc == 0)
        *ret_link = link;
    return rc;
}

/* A link that is alive as far as one can tell. */
static int get_link(struct bide__call *call, struct bide__origin *origin,
                    bool fresh, struct bide__link **ret_link)
{
    for (;;) {
        struct bide__link *link;
        int rc = bide__pool_acquire(call->session, origin, fresh, &link);
        if (rc < 0)
            return rc;
        if (!link)
            return open_link(call, origin, ret_link);
        *ret_link = link;
        if (link->h2)
            return 0;
        rc = is_alive(call, link);
        if (rc > 0)
            return 0;
        bide__pool_close(link);
        if (rc < 0)
            return rc;
    }
}

static bool was_stale(int rc)
{
    return rc == BIDE_E_INCOMPLETE || rc == -ECONNRESET || rc == -EPIPE ||
           rc == BIDE_E_TLS_TRUNCATED;
}

/* Send on this link. *ret_again says whether another one may do better. */
static int try_link(struct bide__call *call, struct bide__link *link,
                    bide_http_response **ret_response, bool *ret_again)
{
    bool used = link->served++ > 0;
    bool begun = false;
    bide_http_response *response = bide__response_new(call);
    int rc = -ENOMEM;
    *ret_again = false;
    if (!response) {
        if (link->h2)
            bide__h2_unreserve(link);
        else
            bide__pool_close(link);
        return rc;
    }
    if (link->h2) {
        rc = bide__h2_exchange(call, link, response, &begun);
        *ret_again = rc == -EAGAIN;
    } else {
        response->link = link;
        rc = bide__exchange(call, link, response, &begun);
    }
    *ret_again |= used && !begun && was_stale(rc) &&
                  is_idempotent(call->method);
    if (rc < 0) {
        response->keep = false;
        bide_http_response_close(response);
        return rc;
    }
    *ret_response = response;
    return 0;
}

static int attempt(struct bide__call *call, struct bide__origin *origin,
                   bide_http_response **ret_response)
{
    bool again = false;
    for (;;) {
        struct bide__link *link = NULL;
        bool second = again;
        int rc = get_link(call, origin, second, &link);
        if (rc < 0)
            return rc;
        rc = try_link(call, link, ret_response, &again);
        bool spent = call->content.once && call->content.begun;
        if (rc == -EAGAIN && (second || spent))
            return bide_raise(-ECONNRESET, "the connection ended before the "
                                           "server took the request");
        if (rc == 0 || !again || second || spent)
            return rc;
        if (!call->no_body)
            rc = bide__content_rewind(&call->content);
        if (rc == -ECANCELED)
            return rc;
    }
}

/* ── What every response has ──────────────────────────────────────────── */

static int store_cookies(struct bide__call *call,
                         const bide_http_response *response)
{
    const char *name, *value;
    if (call->session->options.no_cookies)
        return 0;
    for (size_t i = 0; bide_http_response_field(response, i, &name, &value);
         i++) {
        if ((name[0] | 0x20) != 's' || strcasecmp(name, "Set-Cookie") != 0)
            continue;
        int rc = bide__jar_store(call->session, &call->url, value);
        if (rc == -ENOMEM)
            return rc;
    }
    return 0;
}

static int dress(struct bide__call *call, bide_http_response *response)
{
    int rc = store_cookies(call, response);
    if (rc < 0)
        return rc;
    response->url = bide_allocate(call->url.len + 1);
    if (!response->url)
        return -ENOMEM;
    memcpy(response->url, call->url.text, call->url.len + 1);
    if (response->framing == BIDE__BODY_NONE) {
        bide__response_complete(response);
        return 0;
    }
    const char *coding =
        bide_http_response_header(response, "Content-Encoding");
    return coding && call->decode
               ? bide__decoder_new(coding, &response->decoder)
               : 0;
}

static int exchange(struct bide__call *call, bide_http_response **ret_response)
{
    struct bide__origin *origin;
    bide_http_response *response = NULL;
    call->proxy = bide__proxy_for(call->session, call->options, &call->url);
    int rc = bide__pool_origin(call->session, &call->url, call->proxy,
                               &origin);
    if (rc < 0)
        return rc;
    rc = attempt(call, origin, &response);
    bide__pool_release_origin(call->session, origin);
    if (rc < 0)
        return rc;
    rc = dress(call, response);
    if (rc < 0) {
        response->keep = false;
        bide_http_response_close(response);
        return rc;
    }
    *ret_response = response;
    return 0;
}

/* ── Redirects ────────────────────────────────────────────────────────── */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

/* Where a response sends us, if we follow it; or NULL. */
static const char *leads_to(const struct bide__call *call,
                            const bide_http_response *response)
{
    if (!is_redirect(response->status) || call->options->no_redirects ||
        call->session->options.no_redirects)
        return NULL;
    if (response->status >= 307 && call->content.once && !call->no_body)
        return NULL;
    return bide_http_response_header(response, "Location");
}

/* User and password of the old URL stay with its origin. */
static void keep_user(struct bide__url *to, struct bide__url *from)
{
    to->user = from->user;
    to->password = from->password;
    to->before = from->before ? from->before : from->text;
    if (!from->before)
        from->text = NULL;
    from->before = NULL;
}

static int follow(struct bide__call *call, int status, const char *location)
{
    struct bide__url url;
    unsigned most = call->session->options.redirects;
    if (call->redirects == most)
        return bide_raise(-ELOOP, "more than %u redirects, the last one to "
                                  "%.100s",
                          most, location);
    int rc = bide__url_parse(&url, location, strlen(location), &call->url);
    if (rc == -EINVAL)
        return bide_raise(-EBADMSG, "malformed redirect: %.150s",
                          bide_errmsg(rc));
    if (rc < 0)
        return rc;
    url.user = url.password = NULL;
    if (!bide__url_same_origin(&url, &call->url))
        call->foreign = true;
    else if (call->url.user)
        keep_user(&url, &call->url);
    bide__url_free(&call->url);
    call->url = url;
    call->redirects++;
    bool was_post = strcmp(call->method, "POST") == 0;
    if ((status == 303 && strcmp(call->method, "HEAD") != 0) ||
        (status <= 302 && was_post)) {
        call->method = "GET";
        call->no_body = true;
    }
    return call->no_body ? 0 : bide__content_rewind(&call->content);
}

/* A short body of a redirect is read, so that the connection can be used
 * again. What goes wrong with it does not matter, but a cancellation. */
static int skip_body(bide_http_response *response)
{
    char buf[2048];
    ssize_t n = 1;
    if (response->framing == BIDE__BODY_CLOSE || response->left > SKIP_MOST)
        return 0;
    while (n > 0 && response->received <= SKIP_MOST)
        n = bide__body_read(response, buf, sizeof buf);
    return n == -ECANCELED ? -ECANCELED : 0;
}

static int run(struct bide__call *call, bide_http_response **ret_response)
{
    for (;;) {
        bide_http_response *response;
        int rc = exchange(call, &response);
        if (rc < 0)
            return rc;
        const char *location = leads_to(call, response);
        if (!location) {
            *ret_response = response;
            return 0;
        }
        rc = follow(call, response->status, location);
        if (rc == 0)
            rc = skip_body(response);
        bide_http_response_close(response);
        if (rc < 0)
            return rc;
    }
}

/* ── The call ─────────────────────────────────────────────────────────── */

static int check_options(const bide_http_fetch_options *options)
{
    if (!(options->timeout >= 0))
        return bide_raise(-EINVAL, "timeout is %g seconds, must not be "
                                   "negative",
                          options->timeout);
    for (const bide_http_pair *pair = options->headers; pair && pair->name;
         pair++) {
        int rc = bide__header_check(pair);
        if (rc < 0)
            return rc;
    }
    const char *const values[] = {options->type, options->bearer};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (values[i] && !bide__http_is_value(values[i], strlen(values[i])))
            return bide_raise(-EINVAL, "the %s holds a control character",
                              i == 0 ? "type" : "bearer token");
    if (options->user && strchr(options->user, ':'))
        return bide_raise(-EINVAL, "the user holds a colon");
    return options->proxy ? bide__proxy_check(options->proxy) : 0;
}

static int prepare(struct bide__call *call, const char *url)
{
    int rc = check_method(call->method);
    if (rc == 0)
        rc = check_options(call->options);
    if (rc == 0)
        rc = bide__url_parse(&call->url, url, strlen(url), NULL);
    if (rc == 0)
        rc = bide__url_add_query(&call->url, call->options->query);
    if (rc == 0)
        rc = bide__content_open(&call->content, call->options);
    return rc;
}

int bide_http_fetch(bide_http_session *session, const char *method,
                    const char *url, const bide_http_fetch_options *options,
                    bide_http_response **ret_response)
{
    static const bide_http_fetch_options defaults;
    bide_timeout timeout;
    bide_http_response *response = NULL;
    struct bide__call call = {
        .session = session,
        .method = method,
        .options = options ? options : &defaults,
    };
    double seconds = call.options->timeout > 0 ? call.options->timeout
                                               : session->options.timeout;
    call.deadline = bide_time() + seconds;
    call.decode = !call.options->no_decompression &&
                  !session->options.no_decompression;
    bide__session_ref(session);
    bide_timeout_enter(&timeout, seconds);
    int rc = prepare(&call, url);
    if (rc == 0)
        rc = run(&call, &response);
    int closed = bide__content_close(&call.content);
    rc = bide_timeout_exit(&timeout, rc < 0 ? rc : closed);
    bide__url_free(&call.url);
    if (rc < 0)
        bide_http_response_close(response);
    else
        *ret_response = response;
    bide__session_unref(session);
    return rc;
}

/* ── Shorter ways to say it ───────────────────────────────────────────── */

int bide_http_get(bide_http_session *session, const char *url,
                  bide_http_response **ret_response)
{
    return bide_http_fetch(session, "GET", url, NULL, ret_response);
}

int bide_http_post(bide_http_session *session, const char *url,
                   const char *type, const void *data, size_t len,
                   bide_http_response **ret_response)
{
    const bide_http_fetch_options options = {
        .type = type ? type : "application/octet-stream",
        .data = data,
        .len = data ? len : 0,
    };
    return bide_http_fetch(session, "POST", url, &options, ret_response);
}

int bide_http_post_json(bide_http_session *session, const char *url,
                        const char *text, bide_http_response **ret_response)
{
    const bide_http_fetch_options options = {.json = text};
    return bide_http_fetch(session, "POST", url, &options, ret_response);
}

int bide_http_post_form(bide_http_session *session, const char *url,
                        const bide_http_pair *form,
                        bide_http_response **ret_response)
{
    const bide_http_fetch_options options = {.form = form};
    return bide_http_fetch(session, "POST", url, &options, ret_response);
}

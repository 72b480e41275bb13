/* SPDX-License-Identifier: MIT */
/*
 * proxy.c — which proxy a request goes through, if any.
 *
 * The request's option comes first, then the session's, then the environment,
 * if the session trusts it. HTTP_PROXY in capital letters is left alone: in a
 * CGI program it is what a client has sent as the header Proxy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/client/client.h"

int bide__proxy_check(const char *text)
{
    struct bide__url url;
    if (!*text)
        return 0;
    int rc = bide__url_parse(&url, text, strlen(text), NULL);
    if (rc < 0)
        return rc;
    if (url.secure)
        rc = bide_raise(-EINVAL, "proxies are spoken to by http, not https");
    bide__url_free(&url);
    return rc;
}

static int copy(const char *text, char **ret_copy)
{
    size_t size = text ? strlen(text) + 1 : 0;
    if (size <= 1)
        return 0;
    *ret_copy = bide_allocate(size);
    if (!*ret_copy)
        return -ENOMEM;
    memcpy(*ret_copy, text, size);
    return 0;
}

/* The first of the two names that is set. */
static const char *from_environment(const char *name, const char *other)
{
    const char *value = getenv(name);
    if (!value || !*value)
        value = other ? getenv(other) : NULL;
    return value && *value ? value : NULL;
}

static int read_environment(bide_http_session *session)
{
    const char *all = from_environment("all_proxy", "ALL_PROXY");
    const char *http = from_environment("http_proxy", NULL);
    const char *https = from_environment("https_proxy", "HTTPS_PROXY");
    http = http ? http : all;
    https = https ? https : all;
    int rc = http ? bide__proxy_check(http) : 0;
    if (rc == 0 && https)
        rc = bide__proxy_check(https);
    if (rc == 0)
        rc = copy(http, &session->env_http);
    if (rc == 0)
        rc = copy(https, &session->env_https);
    if (rc == 0)
        rc = copy(from_environment("no_proxy", "NO_PROXY"),
                  &session->env_none);
    return rc;
}

int bide__proxy_prepare(bide_http_session *session)
{
    const char *proxy = session->options.proxy;
    int rc = proxy ? bide__proxy_check(proxy) : 0;
    if (rc == 0)
        rc = copy(proxy, &session->proxy);
    session->options.proxy = NULL;
    if (rc == 0 && session->options.trust_env)
        rc = read_environment(session);
    return rc;
}

void bide__proxy_forget(bide_http_session *session)
{
    bide_release(session->proxy);
    bide_release(session->env_http);
    bide_release(session->env_https);
    bide_release(session->env_none);
}

/* no_proxy: names separated by commas, each for itself and what lies below
 * it; "*" for everything. */
static bool is_exempt(const char *list, const char *host)
{
    size_t host_len = strlen(host);
    while (*list) {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, " \t,");
        const char *name = list;
        list += len;
        if (len == 1 && *name == '*')
            return true;
        if (len > 0 && *name == '.') {
            name++;
            len--;
        }
        if (len == 0 || len > host_len ||
            strncasecmp(host + host_len - len, name, len) != 0)
            continue;
        if (len == host_len || host[host_len - len - 1] == '.')
            return true;
    }
    return false;
}

const char *bide__proxy_for(bide_http_session *session,
                            const bide_http_fetch_options *options,
                            const struct bide__url *url)
{
    if (options->proxy)
        return *options->proxy ? options->proxy : NULL;
    if (session->proxy)
        return session->proxy;
    if (session->env_none && is_exempt(session->env_none, url->host))
        return NULL;
    return url->secure ? session->env_https : session->env_http;
}

int bide__proxy_add_authorization(const char *proxy, struct bide__bytes *out)
{
    struct bide__url url;
    int rc = bide__url_parse(&url, proxy, strlen(proxy), NULL);
    if (rc < 0)
        return rc;
    if (url.user) {
        static const char name[] = "Proxy-Authorization: ";
        rc = bide__bytes_add(out, name, sizeof name - 1);
        if (rc == 0)
            rc = bide__basic_add(out, url.user, url.password);
        if (rc == 0)
            rc = bide__bytes_add(out, "\r\n", 2);
    }
    bide__url_free(&url);
    return rc;
}

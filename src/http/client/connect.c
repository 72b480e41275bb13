/* SPDX-License-Identifier: MIT */
/*
 * connect.c — a new connection: to the server, or to a proxy and through it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bide/transport.h>

#include "http/client/client.h"

/* ── Through a proxy ──────────────────────────────────────────────────── */

static int ask_for_tunnel(const struct bide__origin *origin,
                          bide_stream *stream)
{
    struct bide__bytes out = {.data = NULL};
    char line[600];
    bool literal = strchr(origin->host, ':') != NULL;
    int n = snprintf(line, sizeof line,
                     "CONNECT %s%s%s:%d HTTP/1.1\r\nHost: %s%s%s:%d\r\n",
                     literal ? "[" : "", origin->host, literal ? "]" : "",
                     origin->port, literal ? "[" : "", origin->host,
                     literal ? "]" : "", origin->port);
    int rc = bide__bytes_add(&out, line, (size_t)n);
    if (rc == 0)
        rc = bide__proxy_add_authorization(origin->proxy, &out);
    if (rc == 0)
        rc = bide__bytes_add(&out, "\r\n", 2);
    if (rc == 0)
        rc = bide_stream_write(stream, out.data, out.len);
    bide__bytes_free(&out);
    return rc;
}

static int refused(const char *head)
{
    int shown = (int)strcspn(head, "\r");
    if (strncmp(head, "HTTP/1.", 7) != 0)
        return bide__malformed("the proxy does not speak HTTP/1.x");
    return bide_raise(-ECONNREFUSED, "the proxy refused to connect: %.*s",
                      shown > 9 ? shown - 9 : 0, head + 9);
}

static int await_tunnel(bide_stream *stream)
{
    const char *data;
    unsigned lines;
    size_t before = 0;
    for (;;) {
        ssize_t n = bide_stream_peek(stream, before + 1, &data);
        if (n < 0)
            return (int)n;
        if ((size_t)n == before)
            return bide_raise(BIDE_E_INCOMPLETE,
                              "the proxy closed the connection");
        int head = bide__http_find_head(data, (size_t)n, BIDE_STREAM_LIMIT,
                                        &lines);
        if (head < 0)
            return bide__malformed("the head that the proxy sent");
        if (head > 0) {
            bool good = head > 13 && strncmp(data, "HTTP/1.", 7) == 0 &&
                        data[8] == ' ' && data[9] == '2';
            int rc = good ? 0 : refused(data);
            bide_stream_skip(stream, (size_t)head);
            return rc;
        }
        before = (size_t)n;
    }
}

static int secure(bide_http_session *session, bide_stream *stream,
                  const char *host)
{
    const bide_security *security = session->tls;
    return security->secure(security, stream, host);
}

static int connect_by_proxy(struct bide__call *call,
                            const struct bide__origin *origin,
                            const bide_connection_options *options,
                            bide_stream **ret_stream)
{
    struct bide__url proxy;
    bide_stream *stream = NULL;
    int rc = bide__url_parse(&proxy, origin->proxy, strlen(origin->proxy),
                             NULL);
    if (rc < 0)
        return rc;
    rc = bide_open_connection(proxy.host, proxy.port, options, &stream);
    bide__url_free(&proxy);
    if (rc == 0 && origin->secure) {
        rc = ask_for_tunnel(origin, stream);
        if (rc == 0)
            rc = await_tunnel(stream);
        if (rc == 0)
            rc = secure(call->session, stream, origin->host);
    }
    if (rc < 0)
        bide_stream_close(stream);
    else
        *ret_stream = stream;
    return rc;
}

/* ── A link ───────────────────────────────────────────────────────────── */

static int open_stream(struct bide__call *call,
                       const struct bide__origin *origin,
                       bide_stream **ret_stream)
{
    bide_http_session *session = call->session;
    bide_connection_options options = {.limit = BIDE_STREAM_LIMIT};
    if (session->options.head > options.limit)
        options.limit = session->options.head;
    int rc = origin->secure ? bide__secure_context(session) : 0;
    if (rc < 0)
        return rc;
    if (origin->proxy)
        return connect_by_proxy(call, origin, &options, ret_stream);
    if (origin->secure)
        options.tls = session->tls;
    return bide_open_connection(origin->host, origin->port, &options,
                                ret_stream);
}

static int unwanted_http2(void)
{
    return bide_raise(-EINVAL, "the session's option no_http2 is set, but its "
                               "context for TLS offers h2");
}

static int make_link(struct bide__call *call, struct bide__origin *origin,
                     struct bide__link **ret_link)
{
    bide_stream *stream;
    struct bide__link *link = bide_allocate(sizeof *link);
    if (!link)
        return -ENOMEM;
    memset(link, 0, sizeof *link);
    int rc = open_stream(call, origin, &stream);
    if (rc < 0) {
        bide_release(link);
        return rc;
    }
    link->session = call->session;
    link->origin = origin;
    link->stream = stream;
    link->born = bide_time();
    if (origin->secure && bide__secure_speaks_h2(stream))
        rc = call->session->options.no_http2 ? unwanted_http2()
                                             : bide__h2_start(link);
    if (rc < 0) {
        bide_stream_close(stream);
        bide_release(link);
        return rc;
    }
    *ret_link = link;
    return 0;
}

int bide__link_open(struct bide__call *call, struct bide__origin *origin,
                  struct bide__link **ret_link)
{
    bide_timeout timeout;
    bide_timeout_enter(&timeout, call->session->options.connect_timeout);
    return bide_timeout_exit(&timeout, make_link(call, origin, ret_link));
}

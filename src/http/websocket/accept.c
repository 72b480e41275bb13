/* SPDX-License-Identifier: MIT */
/*
 * accept.c — the handshake of servers: RFC 6455, 4.2.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/server/server.h"
#include "http/websocket/websocket.h"

/* ── Looking at headers ───────────────────────────────────────────────── */

/* The next header of a name, from *index on; NULL if there is none. */
static const char *next_value(const bide_http_request *request,
                              const char *name, size_t *index)
{
    const char *its_name, *value;
    while (bide_http_request_field(request, (*index)++, &its_name, &value))
        if (strcasecmp(its_name, name) == 0)
            return value;
    return NULL;
}

static bool has(const bide_http_request *request, const char *name,
                const char *element)
{
    const char *value;
    size_t index = 0;
    while ((value = next_value(request, name, &index)))
        if (bide__list_has(value, element))
            return true;
    return false;
}

static bool names_host(const char *origin, const char *host)
{
    const char *name = strstr(origin, "://");
    return name && host && strcasecmp(name + 3, host) == 0;
}

bool bide_websocket_check_origin(const bide_http_request *request,
                                 const char *origins)
{
    const char *origin = bide_http_request_header(request, "origin");
    if (!origin)
        return true;
    if (bide__list_has(origins, "same") &&
        names_host(origin, bide_http_request_header(request, "host")))
        return true;
    return bide__list_has(origins, origin) && strcasecmp(origin, "same") != 0;
}

/* ── Judging ──────────────────────────────────────────────────────────── */

static int refuse_version(bide_http_request *request)
{
    int rc = bide_http_reply_header(request, "Sec-WebSocket-Version", "13");
    if (rc == 0)
        rc = bide_http_reply_header(request, "Upgrade", "websocket");
    if (rc < 0)
        return rc;
    return bide__http_deny(request, 426,
                           bide_raise(-EPROTO, "this is a WebSocket, of "
                                               "version 13"));
}

static int judge(bide_http_request *request, const char *origins)
{
    size_t index = 0;
    if (strcmp(bide_http_request_method(request), "GET") != 0 ||
        !has(request, "upgrade", "websocket") ||
        !has(request, "connection", "upgrade"))
        return refuse_version(request);
    const char *version =
        bide_http_request_header(request, "sec-websocket-version");
    if (!version || strcmp(version, "13") != 0)
        return refuse_version(request);
    const char *key = next_value(request, "sec-websocket-key", &index);
    if (!key || !bide__websocket_is_key(key) ||
        next_value(request, "sec-websocket-key", &index))
        return bide__http_deny(request, 400,
                               bide_raise(-EPROTO, "the request has no sound "
                                                   "Sec-WebSocket-Key"));
    if (origins && !bide_websocket_check_origin(request, origins))
        return bide__http_deny(request, 403,
                               bide_raise(-EACCES, "pages of this origin may "
                                                   "not connect"));
    return 0;
}

/* ── Agreeing ─────────────────────────────────────────────────────────── */

/* The first that the server prefers among those that the client has. */
static void choose_protocol(const bide_http_request *request,
                            const char *protocols, const char **ret_name,
                            size_t *ret_len)
{
    char name[80];
    *ret_len = 0;
    while (protocols && bide__list_next(&protocols, ret_name, ret_len)) {
        if (*ret_len >= sizeof name)
            continue;
        memcpy(name, *ret_name, *ret_len);
        name[*ret_len] = '\0';
        if (has(request, "sec-websocket-protocol", name))
            return;
    }
    *ret_len = 0;
}

static int add_protocol(bide_http_request *request, const char *name,
                        size_t len)
{
    char text[80];
    if (len == 0)
        return 0;
    memcpy(text, name, len);
    text[len] = '\0';
    return bide_http_reply_header(request, "Sec-WebSocket-Protocol", text);
}

static int agree_on_compression(bide_http_request *request,
                                const bide_websocket_options *options,
                                struct bide__deflate_terms *terms)
{
    static const char name[] = "Sec-WebSocket-Extensions";
    char reply[160] = "";
    size_t index = 0;
    const char *offers;
    int window = options->window ? options->window : BIDE__WINDOW;
    while (options->compress && !terms->agreed &&
           (offers = next_value(request, name, &index)))
        bide__deflate_choose(offers, window, options->forget, terms, reply,
                             sizeof reply);
    return terms->agreed ? bide_http_reply_header(request, name, reply) : 0;
}

static int add_proof(bide_http_request *request)
{
    char proof[BIDE__PROOF_LEN + 1];
    bide__websocket_proof(
        bide_http_request_header(request, "sec-websocket-key"), proof);
    return bide_http_reply_header(request, "Sec-WebSocket-Accept", proof);
}

/* ── Accepting ────────────────────────────────────────────────────────── */

static int accept_it(bide_http_request *request,
                     const bide_websocket_options *options,
                     bide_websocket **ret_ws)
{
    struct bide__deflate_terms terms = {.agreed = false};
    const char *protocol;
    size_t protocol_len;
    bide_websocket *ws;
    choose_protocol(request, options->protocols, &protocol, &protocol_len);
    int rc = add_proof(request);
    if (rc == 0)
        rc = add_protocol(request, protocol, protocol_len);
    if (rc == 0)
        rc = agree_on_compression(request, options, &terms);
    if (rc == 0) /* before the client is told that there will be one */
        rc = bide__websocket_new(NULL, false, options, protocol, protocol_len,
                                 &terms, &ws);
    if (rc < 0)
        return rc;
    rc = bide_http_request_upgrade(request, "websocket", &ws->stream);
    if (rc < 0)
        bide__websocket_free(ws);
    else
        *ret_ws = ws;
    return rc;
}

int bide_websocket_accept(bide_http_request *request,
                          const bide_websocket_options *options,
                          bide_websocket **ret_ws)
{
    bide_websocket_options given;
    int rc = bide__websocket_options(options, &given);
    if (rc == 0)
        rc = judge(request, given.origins);
    return rc < 0 ? rc : accept_it(request, &given, ret_ws);
}

/* SPDX-License-Identifier: MIT */
/*
 * connect.c — the handshake of clients: RFC 6455, 3 and 4.1.
 *
 * A request of HTTP/1.1 and its answer, without a client of HTTP: nothing is
 * reused, redirected or stored here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/websocket/websocket.h"

#define HOST_MAX 255     /* bytes, RFC 1035 */
#define ANSWER_MAX 16384 /* bytes of the server's headers */

#define ADD(bytes, text) bide__bytes_add(bytes, text, sizeof(text) - 1)

static int add_text(struct bide__bytes *out, const char *text)
{
    return bide__bytes_add(out, text, strlen(text));
}

/* ── The address ──────────────────────────────────────────────────────── */

struct address {
    bool secure;
    char host[HOST_MAX + 1];       /* without brackets */
    char authority[HOST_MAX + 16]; /* for the header Host */
    int port;
    const char *target;            /* in the URL; "" or "/..." or "?..." */
};

static int unusable(const char *url, const char *why)
{
    return bide_raise(-EINVAL, "the URL \"%.100s\" %s", url, why);
}

/* "host", "host:port", "[::1]:port" of `len` bytes. */
static int parse_authority(const char *url, const char *text, size_t len,
                           struct address *address)
{
    const char *end = text + len;
    const char *host = text;
    const char *host_end = memchr(text, ':', len);
    if (len > HOST_MAX)
        return unusable(url, "has too long a host");
    if (memchr(text, '@', len))
        return unusable(url, "has a user; send a header instead");
    if (len > 0 && *text == '[') {
        host++;
        host_end = memchr(text, ']', len);
        if (!host_end)
            return unusable(url, "has no ] behind its address");
    }
    const char *rest = host_end ? host_end + (*host_end == ']') : end;
    host_end = host_end ? host_end : end;
    if (host_end == host)
        return unusable(url, "has no host");
    snprintf(address->host, sizeof address->host, "%.*s",
             (int)(host_end - host), host);
    snprintf(address->authority, sizeof address->authority, "%.*s", (int)len,
             text);
    address->port = address->secure ? 443 : 80;
    if (rest == end)
        return 0;
    char *number_end;
    long port = strtol(rest + 1, &number_end, 10);
    if (*rest != ':' || number_end != end || rest[1] < '0' || rest[1] > '9' ||
        port < 1 || port > 65535)
        return unusable(url, "has no port of 1 to 65535");
    address->port = (int)port;
    return 0;
}

static int parse_url(const char *url, struct address *address)
{
    const char *rest;
    if (strncasecmp(url, "ws://", 5) == 0)
        rest = url + 5;
    else if (strncasecmp(url, "wss://", 6) == 0)
        rest = url + 6;
    else
        return unusable(url, "does not begin with ws:// or wss://");
    address->secure = rest == url + 6;
    if (strpbrk(url, " #\t") || !bide__http_is_value(url, strlen(url)))
        return unusable(url, "has a space, a # or a control character");
    size_t len = strcspn(rest, "/?");
    address->target = rest + len;
    return parse_authority(url, rest, len, address);
}

/* ── The request ──────────────────────────────────────────────────────── */

/* "Name: value" of the caller's. */
static int add_header(struct bide__bytes *out, const char *header)
{
    size_t name = strcspn(header, ":");
    if (header[name] != ':' || !bide__http_is_token(header, name) ||
        !bide__http_is_value(header, strlen(header)))
        return bide_raise(-EINVAL, "\"%.80s\" is no header", header);
    int rc = add_text(out, header);
    return rc == 0 ? ADD(out, "\r\n") : rc;
}

static int add_wishes(struct bide__bytes *out,
                      const bide_websocket_options *options)
{
    int rc = 0;
    if (options->protocols) {
        if (!bide__http_is_value(options->protocols,
                                 strlen(options->protocols)))
            return bide_raise(-EINVAL, "protocols has control characters");
        rc = ADD(out, "Sec-WebSocket-Protocol: ");
        if (rc == 0)
            rc = add_text(out, options->protocols);
        if (rc == 0)
            rc = ADD(out, "\r\n");
    }
    if (rc == 0 && options->compress) {
        char offer[160];
        bide__deflate_offer(options->window, options->forget, offer,
                            sizeof offer);
        rc = ADD(out, "Sec-WebSocket-Extensions: ");
        if (rc == 0)
            rc = add_text(out, offer);
        if (rc == 0)
            rc = ADD(out, "\r\n");
    }
    for (const char *const *one = options->headers; one && *one && rc == 0;
         one++)
        rc = add_header(out, *one);
    return rc;
}

static int make_request(const struct address *address, const char *key,
                        const bide_websocket_options *options,
                        struct bide__bytes *out)
{
    int rc = ADD(out, "GET ");
    if (rc == 0 && *address->target != '/')
        rc = ADD(out, "/");
    if (rc == 0)
        rc = add_text(out, address->target);
    if (rc == 0)
        rc = ADD(out, " HTTP/1.1\r\nHost: ");
    if (rc == 0)
        rc = add_text(out, address->authority);
    if (rc == 0)
        rc = ADD(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    if (rc == 0)
        rc = add_text(out, key);
    if (rc == 0)
        rc = ADD(out, "\r\n");
    if (rc == 0)
        rc = add_wishes(out, options);
    return rc == 0 ? ADD(out, "\r\n") : rc;
}

/* ── The answer ───────────────────────────────────────────────────────── */

struct answer {
    bool upgrade, connection;
    char proof[BIDE__PROOF_LEN + 1];
    const char *protocol;
    const char *extensions;
    unsigned proofs, protocols, extension_lists;
};

static void note(struct answer *answer, const struct bide__field *field)
{
    const char *name = field->name, *value = field->value;
    if (strcasecmp(name, "upgrade") == 0) {
        answer->upgrade |= strcasecmp(value, "websocket") == 0;
    } else if (strcasecmp(name, "connection") == 0) {
        answer->connection |= bide__list_has(value, "upgrade");
    } else if (strcasecmp(name, "sec-websocket-accept") == 0) {
        answer->proofs++;
        snprintf(answer->proof, sizeof answer->proof, "%s", value);
    } else if (strcasecmp(name, "sec-websocket-protocol") == 0) {
        answer->protocols++;
        answer->protocol = value;
    } else if (strcasecmp(name, "sec-websocket-extensions") == 0) {
        answer->extension_lists++;
        answer->extensions = value;
    }
}

static int malformed(void)
{
    return bide_raise(-EPROTO, "the server's answer is no HTTP/1.1");
}

/* Lines of a NUL-terminated head, in place. */
static int parse_head(char *head, struct answer *answer)
{
    char *line = head, *end = strstr(head, "\r\n");
    *end = '\0';
    if (strncmp(line, "HTTP/1.1 ", 9) != 0)
        return malformed();
    if (strncmp(line + 9, "101", 3) != 0 ||
        (line[12] != ' ' && line[12] != '\0'))
        return bide_raise(-EPROTO,
                          "the server answers \"%.80s\", not with status 101",
                          line + 9);
    for (line = end + 2; *line != '\r'; line = end + 2) {
        struct bide__field field;
        end = strstr(line, "\r\n");
        *end = '\0';
        if (!bide__http_parse_field(line, &field))
            return malformed();
        note(answer, &field);
    }
    return 0;
}

static int judge(const struct answer *answer, const char *key,
                 const bide_websocket_options *options)
{
    char proof[BIDE__PROOF_LEN + 1];
    bide__websocket_proof(key, proof);
    if (!answer->upgrade || !answer->connection)
        return bide_raise(-EPROTO, "the server has not changed to WebSocket");
    if (answer->proofs != 1 || strcmp(answer->proof, proof) != 0)
        return bide_raise(-EPROTO, "the server's Sec-WebSocket-Accept is "
                                   "\"%.40s\", must be \"%s\"",
                          answer->proof, proof);
    if (answer->protocols > 1 ||
        (answer->protocol &&
         !bide__list_has(options->protocols, answer->protocol)))
        return bide_raise(-EPROTO,
                          "the server chose the subprotocol \"%.80s\", which "
                          "was not offered",
                          answer->protocol);
    if (answer->extension_lists > 1 ||
        (answer->extensions && *answer->extensions && !options->compress))
        return bide_raise(-EPROTO,
                          "the server has extensions that were not offered: "
                          "\"%.100s\"",
                          answer->extensions);
    return 0;
}

static int read_answer(bide_stream *stream, const char *key,
                       const bide_websocket_options *options,
                       char head[ANSWER_MAX + 1], bide_websocket **ret_ws)
{
    struct answer answer = {.upgrade = false};
    struct bide__deflate_terms terms = {.agreed = false};
    ssize_t n =
        bide_stream_readuntil(stream, "\r\n\r\n", 4, head, ANSWER_MAX);
    if (n == BIDE_E_LIMIT)
        return bide_raise(-EPROTO, "the server's headers are longer than %d "
                                   "bytes",
                          ANSWER_MAX);
    if (n < 0)
        return (int)n;
    head[n] = '\0';
    if (strlen(head) != (size_t)n)
        return malformed();
    int rc = parse_head(head, &answer);
    if (rc == 0)
        rc = judge(&answer, key, options);
    if (rc == 0 && answer.extensions)
        rc = bide__deflate_accept(answer.extensions, options->window,
                                  options->forget, &terms);
    if (rc < 0)
        return rc;
    const char *protocol = answer.protocol ? answer.protocol : "";
    return bide__websocket_new(stream, true, options, protocol,
                               strlen(protocol), &terms, ret_ws);
}

/* ── Connecting ───────────────────────────────────────────────────────── */

static int shake_hands(bide_stream *stream, const struct address *address,
                       const bide_websocket_options *options,
                       bide_websocket **ret_ws)
{
    struct bide__bytes request = {.data = NULL};
    char key[BIDE__KEY_LEN + 1];
    int rc = bide__websocket_new_key(key);
    if (rc == 0)
        rc = make_request(address, key, options, &request);
    if (rc == 0)
        rc = bide_stream_write(stream, request.data, request.len);
    bide__bytes_free(&request);
    if (rc < 0)
        return rc;
    char *head = bide_allocate(ANSWER_MAX + 1);
    if (!head)
        return -ENOMEM;
    rc = read_answer(stream, key, options, head, ret_ws);
    bide_release(head);
    return rc;
}

static int connect_to(const struct address *address,
                      const bide_websocket_options *options,
                      bide_websocket **ret_ws)
{
    const bide_connection_options how = {
        .tls = address->secure ? options->tls : NULL,
    };
    bide_stream *stream;
    int rc = bide_open_connection(address->host, address->port, &how,
                                  &stream);
    if (rc < 0)
        return rc;
    rc = shake_hands(stream, address, options, ret_ws);
    if (rc < 0)
        bide_stream_close(stream);
    return rc;
}

int bide_websocket_connect(const char *url,
                           const bide_websocket_options *options,
                           bide_websocket **ret_ws)
{
    bide_websocket_options given;
    struct address address;
    bide_timeout timeout;
    int rc = bide__websocket_options(options, &given);
    if (rc == 0)
        rc = parse_url(url, &address);
    if (rc == 0 && address.secure && !given.tls)
        rc = unusable(url, "needs tls in the options");
    if (rc < 0)
        return rc;
    bide_timeout_enter(&timeout, given.timeout);
    rc = connect_to(&address, &given, ret_ws);
    return bide_timeout_exit(&timeout, rc);
}

/* SPDX-License-Identifier: MIT */
/*
 * upgrade.c — a connection that changes to another protocol.
 *
 * The handler of the request gets the stream and has it to itself until it
 * returns; what the client has sent behind its request is in the stream's
 * buffer. The server then closes it, as it would have done anyway.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "http/server/server.h"

#define ADD(bytes, text) bide__bytes_add(bytes, text, sizeof(text) - 1)

static int check(const bide_http_request *request, const char *protocol)
{
    if (request->replied)
        return bide_raise(-EALREADY, "the reply has begun");
    if (!bide__http_is_value(protocol, strlen(protocol)) || !*protocol)
        return bide_raise(-EINVAL, "\"%.80s\" is no name of a protocol",
                          protocol);
    if (request->version == 20)
        return bide_raise(-EPROTO, "the connection is one of HTTP/2, whose "
                                   "requests share it");
    if (request->http10)
        return bide_raise(-EPROTO, "a client of HTTP/1.0 asks for %.80s",
                          protocol);
    if (!request->complete)
        return bide_raise(-EBUSY, "the request has a body, which must be read "
                                  "before the protocol is changed");
    return 0;
}

static int add_head(bide_http_request *request, struct bide__bytes *out,
                    const char *protocol)
{
    int rc = ADD(out, "HTTP/1.1 101 Switching Protocols\r\n"
                      "Connection: Upgrade\r\nUpgrade: ");
    if (rc == 0)
        rc = bide__bytes_add(out, protocol, strlen(protocol));
    if (rc == 0)
        rc = ADD(out, "\r\n");
    if (rc == 0)
        rc = bide__bytes_add(out, request->headers.data,
                             request->headers.len);
    return rc == 0 ? ADD(out, "\r\n") : rc;
}

int bide_http_request_upgrade(bide_http_request *request, const char *protocol,
                              bide_stream **ret_stream)
{
    int rc = check(request, protocol);
    if (rc < 0)
        return rc;
    struct bide__http_connection *connection = request->connection;
    size_t before = connection->out.len;
    rc = add_head(request, &connection->out, protocol);
    if (rc < 0) {
        connection->out.len = before;
        return rc;
    }
    request->status = 101;
    request->replied = true;
    request->upgraded = true;
    rc = bide__http_send(connection, NULL, 0);
    bide__bytes_free(&connection->out); /* nothing else will be sent here */
    bide__bytes_free(&request->headers);
    bide__http_end_request(request); /* while its stream is ours */
    if (rc == 0)
        *ret_stream = connection->stream;
    return rc;
}

int bide__http_deny(bide_http_request *request, int status, int code)
{
    char text[BIDE_ERRMSG_MAX + 2];
    int n = snprintf(text, sizeof text, "%s\n", bide_errmsg(code));
    int rc = bide_http_reply(request, status, "text/plain", text, (size_t)n);
    if (rc < 0)
        return rc;
    text[n - 1] = '\0';
    request->denied = bide_raise(code, "%s", text);
    return code;
}

/* SPDX-License-Identifier: MIT */
/*
 * stream.c — a server of one connection, which is there already: of a test, or
 * from a listener of another kind.
 */
#include "http/server/server.h"

int bide_http_serve_stream(bide_stream *stream, bide_http_handler *handler,
                           void *arg, const bide_http_server_options *options)
{
    bide_http_server *server;
    int rc = bide__http_server_new(handler, arg, options, &server);
    if (rc < 0)
        return rc;
    rc = bide__http_converse(stream, server);
    bide__bytes_free(&server->spare);
    bide_release(server);
    return rc;
}

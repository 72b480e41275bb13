/* SPDX-License-Identifier: MIT */
/*
 * peer.c — a server and a client for other implementations to talk to.
 *
 *     peer serve          prints its port, serves until its input ends
 *     peer connect URL    sends, and compares what comes back
 */
#include <bide.h>
#include <bide/http.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int echo(bide_http_request *request, void *arg)
{
    static const bide_websocket_options options = {
        .compress = true,
        .protocols = "echo",
    };
    bide_websocket *ws;
    bide_websocket_message message;
    (void)arg;
    int rc = bide_websocket_accept(request, &options, &ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        rc = bide_websocket_send(ws, message.kind, message.data, message.len);
        if (rc < 0)
            break;
    }
    return bide_websocket_close(ws, 1000, NULL);
}

static int serve(void *arg)
{
    bide_http_server *server;
    bide_stream *input;
    char byte;
    (void)arg;
    int rc = bide_http_serve("127.0.0.1", 0, echo, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    printf("%d\n", bide_http_server_port(server));
    fflush(stdout);
    rc = bide_stream_open_stdin(0, &input);
    if (rc == 0) {
        rc = (int)bide_stream_read(input, &byte, 1);
        bide_stream_close(input);
    }
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

/* A message and its echo. */
static int trade(bide_websocket *ws, const char *data, size_t len)
{
    bide_websocket_message message;
    int rc = bide_websocket_send_binary(ws, data, len);
    if (rc == 0)
        rc = bide_websocket_receive(ws, &message);
    if (rc < 0)
        return rc;
    if (rc != BIDE_WEBSOCKET_BINARY || message.len != len ||
        memcmp(message.data, data, len) != 0)
        return bide_raise(-EBADMSG, "%zu bytes came back as others", len);
    return 0;
}

static int connect_to(void *arg)
{
    const bide_websocket_options options = {
        .compress = true,
        .protocols = "echo",
    };
    bide_websocket *ws;
    int rc = bide_websocket_connect(arg, &options, &ws);
    if (rc < 0)
        return rc;
    char *data = bide_allocate(1 << 20);
    for (size_t i = 0; i < 1 << 20; i++)
        data[i] = (char)(i * i >> (i >> 14 & 7));
    for (size_t len = 1; len < 1 << 20 && rc == 0; len *= 2)
        rc = trade(ws, data, len);
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = trade(ws, data, 100);
    bide_release(data);
    int closed = bide_websocket_close(ws, 4001, "enough");
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    int rc = -EINVAL;
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        rc = bide_run(serve, NULL);
    else if (argc == 3 && strcmp(argv[1], "connect") == 0)
        rc = bide_run(connect_to, argv[2]);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", bide_errname(rc), bide_errmsg(rc));
    return rc < 0;
}

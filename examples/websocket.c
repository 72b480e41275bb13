/* SPDX-License-Identifier: MIT */
/* A WebSocket server that sends back what it receives, and a client. */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>

static int echo(bide_http_request *request, void *arg)
{
    (void)arg;
    bide_websocket *ws;
    bide_websocket_message message;
    int rc = bide_websocket_accept(request, NULL, &ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        rc = bide_websocket_send(ws, message.kind, message.data, message.len);
        if (rc < 0)
            break;
    }
    int closed = bide_websocket_close(ws, 1000, NULL);
    return rc < 0 ? rc : closed;
}

static int visit(const char *url)
{
    bide_websocket *ws;
    bide_websocket_message message;
    int rc = bide_websocket_connect(url, NULL, &ws);
    if (rc < 0)
        return rc;
    rc = bide_websocket_send_text(ws, "Hello, WebSocket");
    if (rc == 0)
        rc = bide_websocket_receive(ws, &message);
    if (rc > 0)
        printf("%s\n", message.data);
    int closed = bide_websocket_close(ws, 1000, "done");
    return rc < 0 ? rc : closed;
}

static int amain(void *arg)
{
    (void)arg;
    char url[64];
    bide_http_server *server;
    int rc = bide_http_serve("127.0.0.1", 0, echo, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/",
             bide_http_server_port(server));
    rc = visit(url);
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

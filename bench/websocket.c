/* SPDX-License-Identifier: MIT */
/*
 * websocket.c — a WebSocket server that sends back what it receives; prints
 * its port.
 */
#include <bide.h>
#include <bide/http.h>

#include "bench.h"

#include <math.h>

static int echo(bide_http_request *request, void *arg)
{
    bide_websocket *ws;
    bide_websocket_message message;
    (void)arg;
    int rc = bide_websocket_accept(request, NULL, &ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        rc = bide_websocket_send(ws, message.kind, message.data, message.len);
        if (rc < 0)
            break;
    }
    return bide_websocket_close(ws, 1000, NULL);
}

static int amain(void *arg)
{
    bide_http_server *server;
    (void)arg;
    int rc = bide_http_serve("127.0.0.1", 0, echo, NULL, NULL, &server);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    printf("%d\n", bide_http_server_port(server));
    fflush(stdout);
    rc = bide_sleep(INFINITY);
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

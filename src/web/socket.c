/* SPDX-License-Identifier: MIT */
/*
 * socket.c — WebSockets as endpoints.
 *
 * The application knows the connections whose handlers run, to tell them when
 * it stops: a handler that receives then gets the end.
 */
#include <errno.h>
#include <string.h>

#include "web/web.h"

#define GOING_AWAY 1001
#define INTERNAL_ERROR 1011

static void enlist(bide_web_app *app, struct bide__web_open *open)
{
    open->next = app->sockets;
    open->place = &app->sockets;
    if (open->next)
        open->next->place = &open->next;
    app->sockets = open;
}

static void delist(struct bide__web_open *open)
{
    *open->place = open->next;
    if (open->next)
        open->next->place = open->place;
}

void bide__web_close_sockets(bide_web_app *app)
{
    const struct bide__web_open *open = app->sockets;
    for (; open; open = open->next) {
        int rc = bide_websocket_shutdown(open->ws, GOING_AWAY, NULL);
        (void)rc; /* one that is broken has ended anyway */
    }
}

static int converse(bide_web_request *request, const void *in)
{
    const struct bide__web_endpoint *endpoint = &request->route->endpoint;
    struct bide__web_open open = {.ws = NULL};
    bide_http_request *http;
    int rc = bide_web_request_take(request, &http);
    if (rc == 0)
        rc = bide_websocket_accept(http, &endpoint->socket_options, &open.ws);
    if (rc < 0)
        return rc;
    request->status = 101;
    enlist(request->app, &open);
    rc = endpoint->socket(request, in, open.ws);
    delist(&open);
    int closed =
        bide_websocket_close(open.ws, rc < 0 ? INTERNAL_ERROR : 1000, NULL);
    return rc < 0 ? rc : closed;
}

static int handle(bide_web_request *request)
{
    void *in = NULL;
    const struct bide__web_input *input = request->route->endpoint.in;
    int rc = bide__web_read_input(request, input, &in);
    if (rc == 0)
        rc = bide__web_provide(request, input, in);
    return rc < 0 ? rc : converse(request, in);
}

void bide_web_socket(bide_web_app *app, const char *path,
                     bide_web_socket_handler *handler, const char *name,
                     const bide_model *in,
                     const bide_websocket_options *options)
{
    static const bide_web_route_options hidden = {.hidden = true};
    if (!app)
        return;
    struct bide__web_route *route =
        bide__web_add_typed(app, "GET", path, handle, name, in, &hidden);
    if (!route)
        return;
    route->endpoint.socket = handler;
    if (options)
        route->endpoint.socket_options = *options;
}

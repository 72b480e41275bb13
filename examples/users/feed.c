/* SPDX-License-Identifier: MIT */
/*
 * feed.c — a WebSocket on which new users are told, and the page that shows
 * them. Any task may send on a WebSocket; its own one waits for its end.
 */
#include "users.h"

#include <bide/json.h>

#include "page.h"

#define SLOW 65536 /* bytes that wait for somebody who does not read */

/* Somebody who watches, in the frame of the handler. */
struct watcher {
    struct watcher *next, **place;
    bide_websocket *ws;
};

/* [feed] */
static int watch(req *request, const bide_web_none *in, bide_websocket *ws)
{
    struct service *service = bide_web_state(request);
    struct watcher watcher = {service->watchers, &service->watchers, ws};
    bide_websocket_message message;
    int rc;
    (void)in;
    if (watcher.next)
        watcher.next->place = &watcher.next;
    service->watchers = &watcher;
    do
        rc = bide_websocket_receive(ws, &message); /* nothing is expected */
    while (rc > 0);
    *watcher.place = watcher.next;
    if (watcher.next)
        watcher.next->place = watcher.place;
    return rc;
}
/* [feed] */

/* Sending does not wait below the limit, so the list does not change. */
static void tell_all(const struct service *service, const char *text)
{
    const struct watcher *watcher = service->watchers;
    int rc = 0;
    for (; watcher; watcher = watcher->next) {
        if (bide_websocket_buffered(watcher->ws) > SLOW)
            rc = bide_websocket_shutdown(watcher->ws, 1008, "too slow");
        else
            rc = bide_websocket_send_text(watcher->ws, text);
    }
    (void)rc; /* one that fails has gone: its own task sees it */
}

int feed_tell(void *arg)
{
    const struct news *news = arg;
    bide_json_writer writer = {.text = NULL};
    bide_json_encode(&writer, &bide_model_User, news->user);
    int rc = bide_json_finish(&writer);
    if (rc == 0)
        tell_all(news->service, writer.text);
    bide_json_free(&writer);
    return rc;
}

static int show_page(req *request)
{
    return bide_web_reply_html(request, 200, (const char *)page);
}

void feed_routes(bide_web_app *app)
{
    static const bide_web_route_options hidden = {.hidden = true};
    bide_web_route(app, "GET", "/", show_page, &hidden);
    WS(app, "/feed", watch, bide_web_none);
}

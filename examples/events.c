/* SPDX-License-Identifier: MIT */
/* A server that counts down by server-sent events, and a client. */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>

static int count_down(bide_http_request *request, void *arg)
{
    (void)arg;
    int rc = bide_http_events_begin(request);
    for (int i = 3; i > 0 && rc == 0; i--) {
        char text[] = {(char)('0' + i), '\0'};
        const bide_http_event event = {.event = "count", .data = text};
        rc = bide_http_events_send(request, &event);
        if (rc == 0)
            rc = bide_sleep(0.01);
    }
    return rc;
}

static int watch(bide_http_response *response)
{
    bide_http_events *events;
    bide_http_event event;
    int rc = bide_http_events_open(response, &events);
    if (rc < 0)
        return rc;
    while ((rc = bide_http_events_next(events, &event)) > 0)
        printf("%s: %s\n", event.event, event.data);
    bide_http_events_close(events);
    return rc;
}

static int amain(void *url)
{
    bide_http_server *server;
    bide_http_session *http;
    bide_http_response *response;
    int rc = bide_http_serve("127.0.0.1", 0, count_down, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    snprintf(url, 64, "http://127.0.0.1:%d/", bide_http_server_port(server));
    rc = bide_http_session_open(NULL, &http);
    if (rc == 0) {
        rc = bide_http_get(http, url, &response);
        if (rc == 0) {
            rc = watch(response);
            bide_http_response_close(response);
        }
        bide_http_session_close(http);
    }
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    char url[64];
    return bide_run(amain, url) < 0;
}

/* SPDX-License-Identifier: MIT */
/* http_server.c — a small service: a page, a counter, and a polite end. */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <string.h>

static int answer(bide_http_request *request, void *arg)
{
    int *count = arg;
    char text[64];
    const char *target = bide_http_request_target(request);
    if (strcmp(target, "/") == 0)
        return bide_http_reply(request, 200, "text/plain", "Hello!\n", 7);
    if (strcmp(target, "/count") != 0)
        return bide_http_reply(request, 404, "text/plain", "Not found\n", 10);
    int n = snprintf(text, sizeof text, "%d\n", ++*count);
    int rc = bide_http_reply_header(request, "Cache-Control", "no-store");
    return rc < 0 ? rc : bide_http_reply(request, 200, "text/plain", text,
                                         (size_t)n);
}

static int ask(bide_http_session *http, int port, const char *path)
{
    bide_http_response *response;
    const char *text;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    int rc = bide_http_get(http, url, &response);
    if (rc < 0)
        return rc;
    rc = bide_http_response_text(response, &text);
    if (rc == 0)
        printf("%d %s", bide_http_response_status(response), text);
    bide_http_response_close(response);
    return rc;
}

static int amain(void *arg)
{
    static const char *const paths[] = {"/", "/count", "/count", "/none"};
    bide_http_server *server;
    bide_http_session *http = NULL;
    int rc = bide_http_serve("127.0.0.1", 0, answer, arg, NULL, &server);
    if (rc < 0)
        return rc;
    rc = bide_http_session_open(NULL, &http);
    for (size_t i = 0; rc == 0 && i < sizeof paths / sizeof paths[0]; i++)
        rc = ask(http, bide_http_server_port(server), paths[i]);
    bide_http_server_stop(server); /* what is in progress is finished */
    if (rc == 0)
        rc = bide_http_server_wait(server);
    bide_http_session_close(http);
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    int count = 0;
    return bide_run(amain, &count) < 0;
}

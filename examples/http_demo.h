/* SPDX-License-Identifier: MIT */
/*
 * http_demo.h — what the http_*.c fetch from: a server in the same program,
 * with /delay/SECONDS, /status/NUMBER, and /echo.
 */
#ifndef HTTP_DEMO_H
#define HTTP_DEMO_H

#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <string.h>

static inline int demo_page(bide_http_request *request, void *arg)
{
    const char *target = bide_http_request_target(request);
    double delay = 0;
    int status = 200;
    (void)arg;
    if (sscanf(target, "/delay/%lf", &delay) == 1) {
        int rc = bide_sleep(delay);
        if (rc < 0)
            return rc;
    }
    (void)sscanf(target, "/status/%d", &status);
    const char *text = target;
    if (strcmp(target, "/echo") == 0) {
        ssize_t len = bide_http_request_body(request, &text);
        if (len < 0)
            return (int)len;
    }
    return bide_http_reply(request, status, "text/plain", text, strlen(text));
}

static inline int demo_serve(bide_http_server **ret_server)
{
    return bide_http_serve("127.0.0.1", 0, demo_page, NULL, NULL, ret_server);
}

/* A program that has a session, and the server to fetch from. */
typedef int demo_program(bide_http_session *http,
                         const bide_http_server *server);

static inline int demo_amain(void *arg)
{
    demo_program *const *program = arg;
    bide_http_server *server;
    bide_http_session *http;
    int rc = demo_serve(&server);
    if (rc < 0)
        return rc;
    rc = bide_http_session_open(NULL, &http);
    if (rc == 0) {
        rc = (*program)(http, server);
        bide_http_session_close(http);
    }
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

static inline int demo_run(demo_program *program)
{
    return bide_run(demo_amain, &program) < 0;
}

/* Write the URL of a page of the server. */
static inline const char *demo_url(const bide_http_server *server,
                                   const char *path, char url[64])
{
    snprintf(url, 64, "http://127.0.0.1:%d%s", bide_http_server_port(server),
             path);
    return url;
}

#endif

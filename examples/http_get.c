/* SPDX-License-Identifier: MIT */
/*
 * http_get.c — fetch one page. Try a URL of your own; https needs the program
 * to be linked with bide-tls, too.
 * Needs bide-http.
 */
#include "http_demo.h"

static int fetch(bide_http_session *http, const char *url)
{
    bide_http_response *response;
    const char *text;
    int rc = bide_http_get(http, url, &response);
    if (rc < 0)
        return rc;
    printf("Status: %d\n", bide_http_response_status(response));
    printf("Content-Type: %s\n",
           bide_http_response_header(response, "Content-Type"));
    rc = bide_http_response_text(response, &text);
    if (rc == 0)
        printf("Received %zu characters\n", strlen(text));
    bide_http_response_close(response);
    return rc;
}

static int amain(void *arg)
{
    bide_http_server *server;
    bide_http_session *http;
    char url[64];
    (void)arg;
    int rc = demo_serve(&server);
    if (rc < 0)
        return rc;
    rc = bide_http_session_open(NULL, &http);
    if (rc == 0) {
        rc = fetch(http, demo_url(server, "/delay/0.1", url));
        bide_http_session_close(http);
    }
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

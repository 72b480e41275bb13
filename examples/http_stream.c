/* SPDX-License-Identifier: MIT */
/* http_stream.c — bodies in pieces: what comes goes out in capitals. */
#include <bide.h>
#include <bide/http.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int shout(bide_http_request *request, void *arg)
{
    char buf[8];
    ssize_t n = 0;
    size_t total = 0;
    (void)arg;
    int rc = bide_http_reply_begin(request, 200, "text/plain", -1);
    while (rc == 0 &&
           (n = bide_http_request_read(request, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            buf[i] = (char)toupper((unsigned char)buf[i]);
        rc = bide_http_reply_write(request, buf, (size_t)n);
        total += (size_t)n;
    }
    if (rc < 0 || n < 0)
        return rc < 0 ? rc : (int)n;
    snprintf(buf, sizeof buf, "%zu", total);
    return bide_http_reply_trailer(request, "X-Bytes", buf);
}

static int ask(bide_http_session *http, const char *url, const char *text)
{
    bide_http_response *response;
    const char *reply;
    int rc = bide_http_post(http, url, "text/plain", text, strlen(text),
                            &response);
    if (rc < 0)
        return rc;
    rc = bide_http_response_text(response, &reply);
    if (rc == 0)
        printf("%s\n", reply);
    bide_http_response_close(response);
    return rc;
}

static int amain(void *arg)
{
    bide_http_server *server;
    bide_http_session *http = NULL;
    char url[64];
    int rc = bide_http_serve("127.0.0.1", 0, shout, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             bide_http_server_port(server));
    rc = bide_http_session_open(NULL, &http);
    if (rc == 0)
        rc = ask(http, url, arg);
    bide_http_session_close(http);
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return bide_run(amain, "what comes in small letters goes out large") < 0;
}

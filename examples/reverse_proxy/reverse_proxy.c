/* SPDX-License-Identifier: MIT */
/* reverse_proxy PORT http://127.0.0.1:8000 — pass requests on to another
 * server, and its replies back. Bodies stream: what one side does not take,
 * the other is not asked for. */
#include <bide.h>
#include <bide/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bide_http_session *http;
static const char *origin; /* without a slash at its end */

/* Headers of one connection alone, or made by each server and client. */
static bool is_own(const char *name)
{
    char word[32];
    snprintf(word, sizeof word, " %s ", name);
    return strcasestr(" Connection Keep-Alive Proxy-Connection TE Trailer Date "
                      "Transfer-Encoding Upgrade Content-Length Host Expect ",
                      word) != NULL;
}

static ssize_t read_request(void *request, void *buf, size_t len)
{
    return bide_http_request_read(request, buf, len);
}

static int ask(bide_http_request *request, bide_http_response **ret_response)
{
    char url[10000];
    const char *length = bide_http_request_header(request, "Content-Length");
    bide_http_pair one, headers[101] = {{NULL, NULL}}; /* servers take 100 */
    bide_http_fetch_options options = {
        .headers = headers, .no_redirects = true, .no_decompression = true,
        .source_arg = request, .source_len = (uint64_t)atoll(length ?: "0")};
    for (size_t i = 0, n = 0; n < 100 && bide_http_request_field(
                                  request, i, &one.name, &one.value); i++)
        if (!is_own(one.name))
            headers[n++] = one;
    if (length || bide_http_request_header(request, "Transfer-Encoding"))
        options.source = read_request;
    snprintf(url, sizeof url, "%s%s", origin,
             bide_http_request_target(request));
    return bide_http_fetch(http, bide_http_request_method(request), url,
                           &options, ret_response);
}

static int pass_back(bide_http_request *request, bide_http_response *response)
{
    char buf[16384];
    bide_http_pair one;
    int rc = 0, status = bide_http_response_status(response);
    for (size_t i = 0; rc == 0 && bide_http_response_field(
                           response, i, &one.name, &one.value); i++)
        if (!is_own(one.name))
            rc = bide_http_reply_header(request, one.name, one.value);
    if (rc == 0)
        rc = bide_http_reply_begin(request, status, NULL,
                                   bide_http_response_length(response));
    for (ssize_t n = 1; rc == 0 && n > 0;) {
        n = bide_http_response_read(response, buf, sizeof buf);
        rc = n > 0 ? bide_http_reply_write(request, buf, (size_t)n) : (int)n;
    }
    bide_http_response_close(response);
    return rc;
}

static int handle(bide_http_request *request, void *arg)
{
    (void)arg;
    bide_http_response *response;
    int rc = ask(request, &response);
    if (rc < 0) /* the server behind does not answer */
        return bide_http_reply(request, 502, "text/plain", "no answer\n", 10);
    return pass_back(request, response);
}

static int amain(void *port)
{
    bide_http_server *server;
    int rc = bide_http_session_open(NULL, &http);
    if (rc == 0)
        rc = bide_http_serve(NULL, atoi(port), handle, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    fprintf(stderr, "port %d\n", bide_http_server_port(server));
    rc = bide_signal_wait(SIGTERM);
    int closed = bide_http_server_close(server);
    bide_http_session_close(http);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    origin = argc == 3 ? argv[2] : "http://127.0.0.1:8000";
    return bide_run(amain, argc == 3 ? argv[1] : "8080") < 0;
}

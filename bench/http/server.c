/* SPDX-License-Identifier: MIT */
/*
 * server.c — what is measured of bide's HTTP server.
 *
 *     http_server PORT DIRECTORY [WORKERS [CERTIFICATE KEY]]
 *
 * /plaintext, /json, /ws (an echo of WebSocket messages), and the files of a
 * directory; over TLS with a certificate.
 */
#include <bide.h>
#include <bide/http.h>
#include <bide/tls.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    int port;
    const char *directory;
    unsigned workers;
    const char *certificate, *key;
};

static int reply_json(bide_http_request *request)
{
    static const struct message {
        const char *message;
    } hello = {"Hello, World!"};
    char text[64];
    int len = snprintf(text, sizeof text, "{\"message\":\"%s\"}",
                       hello.message);
    return bide_http_reply(request, 200, "application/json", text,
                           (size_t)len);
}

static int echo(bide_http_request *request)
{
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

static int serve(bide_http_request *request, void *files)
{
    const char *target = bide_http_request_target(request);
    if (strcmp(target, "/plaintext") == 0)
        return bide_http_reply(request, 200, "text/plain", "Hello, World!",
                               13);
    if (strcmp(target, "/json") == 0)
        return reply_json(request);
    if (strcmp(target, "/ws") == 0)
        return echo(request);
    return bide_http_files_serve(request, files);
}

static int serve_for_ever(const struct arguments *arguments,
                          const bide_tls_context *tls, bide_http_files *files)
{
    const bide_http_server_options options = {
        .tls = tls,
        .workers = arguments->workers,
    };
    bide_http_server *server;
    int rc = bide_http_serve("127.0.0.1", arguments->port, serve, files,
                             &options, &server);
    if (rc < 0)
        return rc;
    rc = bide_sleep(INFINITY);
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

static int amain(void *arg)
{
    const struct arguments *arguments = arg;
    const bide_tls_options options = {
        .certificate = arguments->certificate,
        .key = arguments->key,
        .alpn = "h2,http/1.1",
    };
    bide_tls_context *tls = NULL;
    bide_http_files *files;
    int rc = bide_http_files_open(arguments->directory, NULL, &files);
    if (rc < 0)
        return rc;
    if (arguments->certificate)
        rc = bide_tls_open_server(&options, &tls);
    if (rc == 0)
        rc = serve_for_ever(arguments, tls, files);
    bide_tls_close(tls);
    bide_http_files_close(files);
    return rc;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .port = argc > 1 ? atoi(argv[1]) : 0,
        .directory = argc > 2 ? argv[2] : ".",
        .workers = argc > 3 ? (unsigned)atoi(argv[3]) : 1,
        .certificate = argc > 5 ? argv[4] : NULL,
        .key = argc > 5 ? argv[5] : NULL,
    };
    int rc = bide_run(amain, &arguments);
    if (rc < 0)
        fprintf(stderr, "http_server: %s\n", bide_errmsg(rc));
    return rc < 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * main.c — bide-httpbin: a service to try HTTP clients and servers with.
 *
 *     bide-httpbin [--host HOST] [--port N] [--workers N] [--tls CERT KEY]
 *
 * It says on standard error where it listens. SIGTERM or SIGINT lets it finish
 * what is in flight, for half a minute at most.
 */
#include <bide/tls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "httpbin.h"

#define FINISH_SECONDS 30.0
#define UPLOAD_MOST ((uint64_t)1 << 30)

static const char usage[] =
    "usage: bide-httpbin [--host HOST] [--port N] [--workers N]\n"
    "                    [--tls CERTIFICATE KEY]\n";

struct arguments {
    const char *host;
    unsigned port, workers;
    const char *certificate, *key;
};

/* ── Serving ──────────────────────────────────────────────────────────── */

/* Serve until there is a signal, and then finish what is in flight. */
static int serve_until_told(bide_http_server *server, bide_signals *signals)
{
    bide_timeout timeout;
    int rc = bide_signals_wait(signals);
    if (rc < 0)
        return rc;
    bide_http_server_stop(server);
    bide_timeout_enter(&timeout, FINISH_SECONDS);
    rc = bide_timeout_exit(&timeout, bide_http_server_wait(server));
    if (rc == -ETIME)
        fprintf(stderr, "not finished after %.0f s: cutting off\n",
                FINISH_SECONDS);
    return rc == -ETIME ? 0 : rc;
}

static int serve(const struct arguments *arguments, bide_tls_context *tls)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    const bide_http_server_options options = {
        .body = UPLOAD_MOST,
        .tls = tls,
        .workers = arguments->workers,
    };
    bide_http_server *server;
    bide_signals *signals;
    int rc = bide_signals_open(numbers, 2, &signals);
    if (rc < 0)
        return rc;
    rc = bide_http_serve(arguments->host, (int)arguments->port, serve_httpbin,
                         NULL, &options, &server);
    if (rc == 0) {
        fprintf(stderr, "listening on %s://%s:%d\n", tls ? "https" : "http",
                arguments->host, bide_http_server_port(server));
        rc = serve_until_told(server, signals);
        int closed = bide_http_server_close(server);
        rc = rc < 0 ? rc : closed;
    }
    bide_signals_close(signals);
    return rc;
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
    int rc = 0;
    if (arguments->certificate)
        rc = bide_tls_open_server(&options, &tls);
    if (rc == 0)
        rc = serve(arguments, tls);
    bide_tls_close(tls);
    return rc;
}

/* ── Arguments ────────────────────────────────────────────────────────── */

static bool read_number(const char *text, unsigned most, unsigned *ret_number)
{
    char *end;
    unsigned long number = text ? strtoul(text, &end, 10) : 0;
    if (!text || end == text || *end || number > most)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

/* argv ends in NULL, so a value that is missing is NULL. */
static bool read_arguments(struct arguments *arguments, char **argv)
{
    while (*++argv) {
        const char *name = *argv;
        if (strcmp(name, "--host") == 0 && argv[1]) {
            arguments->host = *++argv;
        } else if (strcmp(name, "--port") == 0) {
            if (!read_number(*++argv, 65535, &arguments->port))
                return false;
        } else if (strcmp(name, "--workers") == 0) {
            if (!read_number(*++argv, 1024, &arguments->workers))
                return false;
        } else if (strcmp(name, "--tls") == 0 && argv[1] && argv[2]) {
            arguments->certificate = *++argv;
            arguments->key = *++argv;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.host = "127.0.0.1", .port = 8080};
    (void)argc;
    if (!read_arguments(&arguments, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    int rc = bide_run(amain, &arguments);
    if (rc >= 0)
        return 0;
    fprintf(stderr, "bide-httpbin: %s\n", bide_errmsg(rc));
    return 1;
}

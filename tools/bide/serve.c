/* SPDX-License-Identifier: MIT */
/*
 * serve.c — `bide serve`: the files of a directory over HTTP.
 *
 * For looking at a site while it is made, and for handing files to the machine
 * next door. Directories are listed, names that begin with a dot are hidden,
 * and nothing outside of the directory can be had. Each request is a line on
 * standard output.
 */
#include <bide.h>
#include <bide/http.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

#define FINISH_SECONDS 5.0

static const char usage[] =
    "bide serve [--host HOST] [--port N] [--workers N] [DIRECTORY]";

struct site {
    const char *directory, *host;
    unsigned port, workers;
    bide_http_files *files;
    bide_http_log *log;
};

/* ── Serving ──────────────────────────────────────────────────────────── */

static int finish(bide_http_server *server)
{
    bide_timeout timeout;
    bide_http_server_stop(server);
    bide_timeout_enter(&timeout, FINISH_SECONDS);
    int rc = bide_timeout_exit(&timeout, bide_http_server_wait(server));
    return rc == -ETIME ? 0 : rc;
}

static int serve(void *arg)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    static const bide_http_compress_options compress;
    const struct site *site = arg;
    const bide_http_server_options options = {
        .compress = &compress,
        .log = site->log,
        .workers = site->workers,
    };
    bide_http_server *server;
    bide_signals *signals;
    int rc = bide_signals_open(numbers, 2, &signals);
    if (rc < 0)
        return rc;
    rc = bide_http_serve(site->host, (int)site->port, bide_http_files_serve,
                         site->files, &options, &server);
    if (rc == 0) {
        fprintf(stderr, "serving %s on http://%s:%d/\n", site->directory,
                site->host, bide_http_server_port(server));
        rc = bide_signals_wait(signals);
        if (rc >= 0)
            rc = finish(server);
        int closed = bide_http_server_close(server);
        rc = rc < 0 ? rc : closed;
    }
    bide_signals_close(signals);
    return rc;
}

static int open_and_serve(struct site *site)
{
    const bide_http_files_options options = {
        .listing = true,
        .compressed = true,
        .cache_control = "no-cache",
    };
    int rc = bide_http_files_open(site->directory, &options, &site->files);
    if (rc == 0)
        rc = bide_http_log_open("-", NULL, &site->log);
    if (rc == 0)
        rc = bide_run(serve, site);
    bide_http_log_close(site->log);
    bide_http_files_close(site->files);
    return rc < 0 ? complain("%s", bide_errmsg(rc)) : STATUS_OK;
}

/* ── Arguments ────────────────────────────────────────────────────────── */

static bool read_number(const char *text, unsigned most, unsigned *ret_number)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end || *text == '-' || number > most)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

int serve_main(int argc, char **argv)
{
    static const struct option names[] = {
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"workers", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    struct site site = {
        .directory = ".",
        .host = "127.0.0.1",
        .port = 8000,
    };
    int option;
    bool good = true;
    while ((option = getopt_long(argc, argv, "h:p:w:", names, NULL)) >= 0) {
        if (option == 'h')
            site.host = optarg;
        else if (option == 'p')
            good &= read_number(optarg, 65535, &site.port);
        else if (option == 'w')
            good &= read_number(optarg, 1024, &site.workers);
        else
            good = false;
    }
    if (!good || argc - optind > 1)
        return complain_usage(usage);
    if (optind < argc)
        site.directory = argv[optind];
    return open_and_serve(&site);
}

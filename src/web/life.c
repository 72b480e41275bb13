/* SPDX-License-Identifier: MIT */
/*
 * life.c — the life of an application: it begins, serves, and ends.
 *
 *     startup of each lifespan ─► serving ─► requests end
 *         ─► background tasks end ─► shutdown of each lifespan
 *
 * What has begun is ended, whatever goes wrong in between.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bide/timeout.h>

#include "web/web.h"

/* ── Lifespans ────────────────────────────────────────────────────────── */

static const struct bide__web_lifespan *
before(const bide_web_app *app, const struct bide__web_lifespan *end)
{
    const struct bide__web_lifespan *one = app->lifespans;
    while (one && one->next != end)
        one = one->next;
    return one;
}

/* End those that began before `end`, NULL: all, in reverse order. */
static int end_lifespans(const bide_web_app *app,
                         const struct bide__web_lifespan *end)
{
    int first = 0;
    if (end == app->lifespans)
        return 0;
    const struct bide__web_lifespan *one = before(app, end);
    while (one) {
        int rc = one->shutdown ? one->shutdown(one->arg) : 0;
        if (rc < 0 && first == 0)
            first = rc;
        one = one == app->lifespans ? NULL : before(app, one);
    }
    return first;
}

int bide__web_startup(bide_web_app *app)
{
    int rc = bide__web_prepare(app);
    if (rc < 0)
        return rc;
    if (app->running)
        return bide_raise(-EALREADY, "the application runs already");
    app->running = true;
    const struct bide__web_lifespan *one = app->lifespans;
    for (; one; one = one->next) {
        rc = one->startup ? one->startup(one->arg) : 0;
        if (rc < 0) {
            (void)end_lifespans(app, one);
            app->running = false;
            return rc;
        }
    }
    return 0;
}

int bide__web_shutdown(bide_web_app *app, int rc)
{
    double until = bide_time() + app->options.shutdown_timeout;
    int awaited = bide__web_await_jobs(app, rc < 0 ? bide_time() : until);
    int ended = end_lifespans(app, NULL);
    bide__web_forget_spare(app);
    app->running = false;
    return rc < 0 ? rc : awaited < 0 ? awaited : ended;
}

/* ── Serving ──────────────────────────────────────────────────────────── */

int bide_web_start(bide_web_app *app, const char *host, int port)
{
    int rc = bide__web_startup(app);
    if (rc < 0)
        return rc;
    rc = bide_http_serve(host, port, bide__web_handle, app,
                         &app->options.http, &app->server);
    return rc < 0 ? bide__web_shutdown(app, rc) : 0;
}

int bide_web_port(const bide_web_app *app)
{
    return app && app->server ? bide_http_server_port(app->server) : 0;
}

/* Requests end by themselves, or at the time, or because we are cancelled. */
static int stop_server(bide_web_app *app)
{
    bide_timeout timeout;
    bide_http_server *server = app->server;
    if (!server)
        return 0;
    bide_http_server_stop(server);
    bide__web_close_sockets(app);
    bide_timeout_enter(&timeout, app->options.shutdown_timeout);
    int rc = bide_timeout_exit(&timeout, bide_http_server_wait(server));
    app->server = NULL;
    int closed = bide_http_server_close(server);
    return rc < 0 && rc != -ETIME ? rc : closed;
}

int bide_web_stop(bide_web_app *app)
{
    if (!app || !app->running)
        return 0;
    return bide__web_shutdown(app, stop_server(app));
}

static void announce(const bide_web_app *app, const char *host)
{
    bool everywhere = !host || !*host || strcmp(host, "0.0.0.0") == 0;
    const char *scheme = app->options.http.tls ? "https" : "http";
    const char *name = everywhere ? "127.0.0.1" : host;
    bool six = strchr(name, ':') != NULL;
    fprintf(stderr, "%s: serving on %s://%s%s%s:%d\n", app->options.title,
            scheme, six ? "[" : "", name, six ? "]" : "", bide_web_port(app));
}

int bide_web_run(bide_web_app *app, const char *host, int port)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    bide_signals *signals;
    int rc = bide_signals_open(numbers, 2, &signals);
    if (rc < 0)
        return rc;
    rc = bide_web_start(app, host, port);
    if (rc == 0) {
        announce(app, host);
        rc = bide_signals_wait(signals);
        int stopped = bide_web_stop(app);
        rc = rc < 0 ? rc : stopped;
    }
    bide_signals_close(signals);
    return rc;
}

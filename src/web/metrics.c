/* SPDX-License-Identifier: MIT */
/*
 * metrics.c — what is counted, and telling it to Prometheus.
 *
 * A route has its own numbers, in its own struct: counting a request is a few
 * additions. Only routes stand in labels, never paths that clients make up, so
 * that nobody can make the list grow.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "web/web.h"

#define LINE_MAX 1024

static const double bounds[BIDE__WEB_BUCKETS] = {
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05,
    0.1,    0.25,   0.5,   1,     2.5,  10,
};

/* ── Counting ─────────────────────────────────────────────────────────── */

static void count_status(struct bide__web_metrics *metrics, int status)
{
    for (size_t i = 0; i < BIDE__WEB_STATUSES; i++) {
        if (metrics->statuses[i] == 0)
            metrics->statuses[i] = status;
        if (metrics->statuses[i] == status) {
            metrics->counts[i]++;
            return;
        }
    }
    metrics->others++;
}

/* What the server below has said instead of us. */
static int status_of(int code)
{
    switch (code) {
    case -EBADMSG:
        return 400;
    case -EMSGSIZE:
        return 413;
    case -ETIME:
        return 408;
    case -ECANCELED:
    case BIDE_E_INCOMPLETE:
        return 499; /* nobody was there to hear */
    default:
        return 500;
    }
}

void bide__web_count(const bide_web_request *request, int rc)
{
    struct bide__web_metrics *metrics = &request->route->metrics;
    double seconds = bide_time() - request->begun;
    size_t bucket = 0;
    bool said = rc >= 0 || request->begun_reply;
    int status = said ? request->status : status_of(rc);
    if (status == 0) /* bide_web_request_take() */
        metrics->others++;
    else
        count_status(metrics, status);
    while (bucket < BIDE__WEB_BUCKETS && seconds > bounds[bucket])
        bucket++;
    metrics->buckets[bucket]++;
    metrics->seconds += seconds;
}

/* ── Telling ──────────────────────────────────────────────────────────── */

struct text {
    char *data;
    size_t len, cap;
    bool failed;
};

static void say(struct text *text, const char *format, ...)
    BIDE_PRINTF(2, 3);

static void say(struct text *text, const char *format, ...)
{
    va_list args;
    if (text->cap - text->len < LINE_MAX) {
        size_t cap = 2 * text->cap + 4 * LINE_MAX;
        char *data = bide_reallocate(text->data, cap);
        if (!data) {
            text->failed = true;
            return;
        }
        text->data = data;
        text->cap = cap;
    }
    va_start(args, format);
    int n = vsnprintf(text->data + text->len, LINE_MAX, format, args);
    va_end(args);
    text->len += n < LINE_MAX ? (size_t)n : 0; /* a line too long is none */
}

/* Paths of routes have no control characters, but may have these. */
static void label(char *to, size_t size, const char *path)
{
    size_t used = 0;
    for (; *path && used + 3 < size; path++) {
        if (*path == '"' || *path == '\\')
            to[used++] = '\\';
        to[used++] = *path;
    }
    to[used] = '\0';
}

static void labels(char *to, size_t size, const struct bide__web_route *route)
{
    char path[600];
    label(path, sizeof path, route->path ? route->path : "");
    snprintf(to, size, "method=\"%s\",route=\"%s\"",
             route->method ? route->method : "", path);
}

static void say_counts(struct text *text, const struct bide__web_route *route)
{
    const struct bide__web_metrics *metrics = &route->metrics;
    char who[700];
    labels(who, sizeof who, route);
    for (size_t i = 0; i < BIDE__WEB_STATUSES && metrics->statuses[i]; i++)
        say(text, "http_requests_total{%s,status=\"%d\"} %llu\n", who,
            metrics->statuses[i], (unsigned long long)metrics->counts[i]);
    if (metrics->others > 0)
        say(text, "http_requests_total{%s,status=\"other\"} %llu\n", who,
            (unsigned long long)metrics->others);
}

static void say_times(struct text *text, const struct bide__web_route *route)
{
    const struct bide__web_metrics *metrics = &route->metrics;
    const char *name = "http_request_duration_seconds";
    unsigned long long sum = 0;
    char who[700];
    if (metrics->statuses[0] == 0 && metrics->others == 0)
        return;
    labels(who, sizeof who, route);
    for (size_t i = 0; i < BIDE__WEB_BUCKETS; i++) {
        sum += metrics->buckets[i];
        say(text, "%s_bucket{%s,le=\"%g\"} %llu\n", name, who, bounds[i],
            sum);
    }
    sum += metrics->buckets[BIDE__WEB_BUCKETS];
    say(text, "%s_bucket{%s,le=\"+Inf\"} %llu\n", name, who, sum);
    say(text, "%s_sum{%s} %.9g\n", name, who, metrics->seconds);
    say(text, "%s_count{%s} %llu\n", name, who, sum);
}

static void say_all(struct text *text, const bide_web_app *app)
{
    const struct bide__web_route *route = app->routes;
    say(text, "# HELP http_requests_total Requests that were answered.\n"
              "# TYPE http_requests_total counter\n");
    for (; route; route = route->next)
        say_counts(text, route);
    say_counts(text, &app->nowhere);
    say(text, "# HELP http_request_duration_seconds Time from a request to "
              "the end of its reply.\n"
              "# TYPE http_request_duration_seconds histogram\n");
    for (route = app->routes; route; route = route->next)
        say_times(text, route);
    say_times(text, &app->nowhere);
    say(text, "# HELP http_requests_in_flight Requests without a reply "
              "yet.\n"
              "# TYPE http_requests_in_flight gauge\n"
              "http_requests_in_flight %zu\n", app->in_flight);
    say(text, "# HELP background_tasks_running Requests whose tasks run "
              "after the reply.\n"
              "# TYPE background_tasks_running gauge\n"
              "background_tasks_running %zu\n", app->n_background);
}

int bide__web_reply_metrics(bide_web_request *request)
{
    struct text text = {.data = NULL};
    say_all(&text, request->app);
    int rc = -ENOMEM;
    if (!text.failed)
        rc = bide_web_reply(request, 200,
                            "text/plain; version=0.0.4; charset=utf-8",
                            text.data, text.len);
    bide_release(text.data);
    return rc;
}

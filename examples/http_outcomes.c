/* SPDX-License-Identifier: MIT */
/*
 * http_outcomes.c — each fetch has a time limit and an outcome of its own: one
 * works, one is an error of the server, one takes too long.
 * Needs bide-http.
 */
#include "http_demo.h"

static const char *const paths[] = {"/delay/0.01", "/status/404", "/delay/9"};
enum { COUNT = sizeof paths / sizeof paths[0] };

struct fetch {
    bide_http_session *http;
    char url[64];
};

static int fetch_url(void *arg)
{
    struct fetch *fetch = arg;
    bide_http_response *response;
    const bide_http_fetch_options options = {.timeout = 0.5};
    int rc = bide_http_fetch(fetch->http, "GET", fetch->url, &options,
                             &response);
    if (rc < 0)
        return rc;
    rc = bide_http_response_raise_for_status(response);
    bide_http_response_close(response);
    return rc;
}

static int fetch_all(bide_http_session *http, const bide_http_server *server)
{
    struct fetch fetches[COUNT];
    bide_task *tasks[COUNT];
    bide_outcome outcomes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fetches[i] = (struct fetch){.http = http};
        demo_url(server, paths[i], fetches[i].url);
        tasks[i] = bide_create_task(fetch_url, &fetches[i]);
    }
    int rc = bide_gather_outcomes(tasks, COUNT, outcomes);
    for (int i = 0; i < COUNT && rc == 0; i++) {
        int code = outcomes[i].code;
        printf("%s: %s\n", paths[i],
               code == 0 ? "fetched" : bide_strerror(code));
    }
    return rc;
}

int main(void)
{
    return demo_run(fetch_all);
}

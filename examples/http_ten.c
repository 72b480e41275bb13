/* SPDX-License-Identifier: MIT */
/*
 * http_ten.c — ten requests that take a second each, and what they take
 * together. Try another number.
 * Needs bide-http.
 */
#include "http_demo.h"

enum { COUNT = 10 };

struct fetch {
    bide_http_session *http;
    char url[64];
};

static int fetch_url(void *arg)
{
    const struct fetch *fetch = arg;
    bide_http_response *response;
    int rc = bide_http_get(fetch->http, fetch->url, &response);
    if (rc == 0)
        bide_http_response_close(response);
    return rc;
}

static int fetch_ten(bide_http_session *http, const bide_http_server *server)
{
    struct fetch fetch = {.http = http};
    bide_task *tasks[COUNT];
    demo_url(server, "/delay/1", fetch.url);
    double begin = bide_time();
    for (int i = 0; i < COUNT; i++)
        tasks[i] = bide_create_task(fetch_url, &fetch);
    int rc = bide_gather(tasks, COUNT);
    double seconds = bide_time() - begin;
    if (rc == 0)
        printf("%d requests: %s\n", COUNT,
               seconds < 3 ? "about a second" : "too long");
    return rc;
}

int main(void)
{
    return demo_run(fetch_ten);
}

/* SPDX-License-Identifier: MIT */
/*
 * http_urls.c — fetch several pages at the same time, by one session; together
 * they take as long as the slowest. Try more of them.
 * Needs bide-http.
 */
#include "http_demo.h"

static const char *const paths[] = {"/delay/0.2", "/delay/0.1", "/json"};
enum { COUNT = sizeof paths / sizeof paths[0] };

struct fetch {
    bide_http_session *http;
    bide_http_response *response;
    char url[64];
};

static int fetch_url(void *arg)
{
    struct fetch *fetch = arg;
    return bide_http_get(fetch->http, fetch->url, &fetch->response);
}

static int fetch_all(bide_http_session *http, const bide_http_server *server)
{
    struct fetch fetches[COUNT];
    bide_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fetches[i] = (struct fetch){.http = http};
        demo_url(server, paths[i], fetches[i].url);
        tasks[i] = bide_create_task(fetch_url, &fetches[i]);
    }
    int rc = bide_gather(tasks, COUNT);
    for (int i = 0; i < COUNT; i++) {
        if (rc == 0)
            printf("Status: %d, path: %s\n",
                   bide_http_response_status(fetches[i].response), paths[i]);
        bide_http_response_close(fetches[i].response);
    }
    return rc;
}

int main(void)
{
    return demo_run(fetch_all);
}

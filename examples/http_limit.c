/* SPDX-License-Identifier: MIT */
/*
 * http_limit.c — a semaphore lets two of six fetches run at a time. Try
 * .connections = 2 in the session's options: it does the same for all tasks.
 * Needs bide-http.
 */
#include "http_demo.h"

enum { COUNT = 6, AT_ONCE = 2 };

struct crawl {
    bide_http_session *http;
    bide_semaphore semaphore;
    char url[64];
    int running, most;
};

static int fetch_url(void *arg)
{
    struct crawl *crawl = arg;
    bide_http_response *response;
    int rc = bide_semaphore_acquire(&crawl->semaphore);
    if (rc < 0)
        return rc;
    if (++crawl->running > crawl->most)
        crawl->most = crawl->running;
    rc = bide_http_get(crawl->http, crawl->url, &response);
    if (rc == 0)
        bide_http_response_close(response);
    crawl->running--;
    bide_semaphore_release(&crawl->semaphore);
    return rc;
}

static int crawl_all(bide_http_session *http, const bide_http_server *server)
{
    struct crawl crawl = {.http = http};
    bide_task *tasks[COUNT];
    demo_url(server, "/delay/0.05", crawl.url);
    bide_semaphore_init(&crawl.semaphore, AT_ONCE);
    for (int i = 0; i < COUNT; i++)
        tasks[i] = bide_create_task(fetch_url, &crawl);
    int rc = bide_gather(tasks, COUNT);
    if (rc == 0)
        printf("%d pages, at most %d at a time\n", COUNT, crawl.most);
    return rc;
}

int main(void)
{
    return demo_run(crawl_all);
}

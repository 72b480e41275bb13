/* SPDX-License-Identifier: MIT */
/*
 * http_post.c — send JSON, a form and a body that is made while it is sent,
 * and read what comes back line by line.
 * Needs bide-http.
 */
#include "http_demo.h"

static ssize_t count_up(void *arg, void *buf, size_t len)
{
    int *number = arg;
    return *number == 3 ? 0 : snprintf(buf, len, "line %d\n", ++*number);
}

static int show(int rc, bide_http_response *response)
{
    char line[80];
    ssize_t n = 0;
    if (rc < 0)
        return rc;
    while ((n = bide_http_response_readline(response, line, sizeof line)) > 0)
        printf("> %.*s%s", (int)n, line, line[n - 1] == '\n' ? "" : "\n");
    bide_http_response_close(response);
    return (int)n;
}

static int post_all(bide_http_session *http, const bide_http_server *server)
{
    char url[64];
    bide_http_response *response = NULL;
    const bide_http_pair form[] = {{"name", "Ada"}, {"field", "x & y"}, {0}};
    int number = 0;
    const bide_http_fetch_options made = {
        .source = count_up,
        .source_arg = &number,
        .type = "text/plain",
    };
    demo_url(server, "/echo", url);
    int rc = bide_http_post_json(http, url, "{\"a\": 1}", &response);
    rc = show(rc, response);
    if (rc == 0)
        rc = bide_http_post_form(http, url, form, &response);
    if (rc == 0)
        rc = show(rc, response);
    if (rc == 0)
        rc = bide_http_fetch(http, "POST", url, &made, &response);
    return rc == 0 ? show(rc, response) : rc;
}

int main(void)
{
    return demo_run(post_all);
}

/* SPDX-License-Identifier: MIT */
/*
 * web_hello.c — an application with one endpoint, and a client that asks it
 * in the same process: what is valid, and what is not. Needs bide-web.
 * Try bide_web_run(app, "127.0.0.1", 8000) in its place, and look at /docs.
 */
#include <bide.h>
#include <bide/web.h>
#include <bide/web_test.h>
#include <stdio.h>
#include <string.h>

/* The signature of the endpoint: where each value comes from, and its rules. */
BIDE_MODEL(Hello,
    BIDE_PATH(str, name, .max_len = 20),
    BIDE_QUERY(i64, times, .def = "1", .ge = 1, .le = 3));

BIDE_MODEL(Greeting, BIDE_FIELD(str, hello), BIDE_FIELD(i64, times));

static int hello(bide_web_request *request, const Hello *in, Greeting *out)
{
    if (strcmp(in->name, "nobody") == 0)
        return bide_web_error(request, 404, "%s is not there", in->name);
    *out = (Greeting){in->name, in->times};
    return 0;
}

static int ask(bide_web_client *client, const char *target)
{
    bide_web_response response;
    int rc = bide_web_client_get(client, target, &response);
    if (rc == 0)
        printf("%s\n  %d %s\n", target, response.status, response.body);
    return rc;
}

static int amain(void *arg)
{
    bide_web_client *client;
    (void)arg;
    bide_web_app *app = bide_web_app_new(NULL);
    BIDE_WEB_GET(app, "/hello/{name}", hello, Hello, Greeting);
    int rc = bide_web_client_open(app, &client);
    if (rc == 0) {
        rc = ask(client, "/hello/Ada?times=2");
        rc = rc == 0 ? ask(client, "/hello/nobody") : rc;
        rc = rc == 0 ? ask(client, "/hello/Ada?times=10") : rc;
        int closed = bide_web_client_close(client);
        rc = rc == 0 ? closed : rc;
    }
    bide_web_app_free(app);
    return rc;
}

int main(void)
{
    int rc = bide_run(amain, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", bide_errmsg(rc));
    return rc < 0;
}

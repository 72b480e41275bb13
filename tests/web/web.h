/* SPDX-License-Identifier: MIT */
/* web.h — what the tests of web applications share. */
#ifndef BIDE_TESTS_WEB_WEB_H
#define BIDE_TESTS_WEB_WEB_H

#include <bide.h>
#include <bide/web.h>
#include <bide/web_test.h>
#include <stdio.h>

#include "io/server.h"

static inline bide_web_client *open_client(bide_web_app *app)
{
    bide_web_client *client = NULL;
    CHECK_OK(bide_web_client_open(app, &client));
    return client;
}

static inline void close_client(bide_web_client *client, bide_web_app *app)
{
    CHECK_OK(bide_web_client_close(client));
    bide_web_app_free(app);
}

/* Ask, and get the status; the rest is in the response. */
static inline int ask(bide_web_client *client, const char *method,
                      const char *target, bide_web_response *response)
{
    const bide_web_client_options options = {.method = method};
    int rc = bide_web_client_request(client, target, &options, response);
    return rc < 0 ? rc : response->status;
}

static inline int get(bide_web_client *client, const char *target,
                      bide_web_response *response)
{
    return ask(client, "GET", target, response);
}

/* The same with a header, "Name: value". */
static inline int get_with(bide_web_client *client, const char *target,
                           const char *header, bide_web_response *response)
{
    char lines[8192];
    const bide_web_client_options options = {.headers = lines};
    snprintf(lines, sizeof lines, "%s\r\n", header);
    int rc = bide_web_client_request(client, target, &options, response);
    return rc < 0 ? rc : response->status;
}

static inline int post(bide_web_client *client, const char *target,
                       const char *json, bide_web_response *response)
{
    int rc = bide_web_client_post(client, target, json, response);
    return rc < 0 ? rc : response->status;
}

#endif

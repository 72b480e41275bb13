/* SPDX-License-Identifier: MIT */
/* request.c — what a request says, and its memory. */
#include <errno.h>
#include <string.h>

#include "web/web.h"

void *bide_web_state(const bide_web_request *request)
{
    return request->app->options.state;
}

void *bide_web_arg(const bide_web_request *request)
{
    return request->route->options.arg;
}

bide_http_request *bide_web_request_http(const bide_web_request *request)
{
    return request->http;
}

const char *bide_web_request_method(const bide_web_request *request)
{
    return bide_http_request_method(request->http);
}

const char *bide_web_request_path(const bide_web_request *request)
{
    return request->path;
}

const char *bide_web_request_route(const bide_web_request *request)
{
    return request->route->path;
}

const char *bide_web_request_param(const bide_web_request *request,
                                   const char *name)
{
    const struct bide__web_route *route = request->route;
    for (size_t i = 0; i < route->n_params; i++)
        if (strcmp(route->params[i], name) == 0)
            return request->params[i];
    return NULL;
}

const char *bide_web_request_header(const bide_web_request *request,
                                    const char *name)
{
    return bide_http_request_header(request->http, name);
}

ssize_t bide_web_request_body(bide_web_request *request, const char **ret_data)
{
    if (!request->body && request->body_len == 0)
        request->body_len =
            bide_http_request_body(request->http, &request->body);
    if (request->body_len >= 0)
        *ret_data = request->body;
    return request->body_len;
}

bide_arena *bide_web_request_arena(bide_web_request *request)
{
    return &request->arena;
}

void *bide_web_request_allocate(bide_web_request *request, size_t size)
{
    return bide_arena_allocate(&request->arena, size);
}

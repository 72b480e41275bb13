/* SPDX-License-Identifier: MIT */
/* static.c — directories of files, by <bide/http_files.h>. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "web/web.h"

#define PREFIX_MAX 1024

static int serve_files(bide_web_request *request)
{
    bide_http_request *http;
    const struct bide__web_static *one = bide_web_arg(request);
    int rc = bide_web_request_take(request, &http);
    return rc < 0 ? rc : bide_http_files_serve(http, one->files);
}

static int open_files(struct bide__web_static *one, const char *prefix,
                      const char *directory,
                      const bide_http_files_options *options)
{
    bide_http_files_options own = {.prefix = NULL};
    if (options)
        own = *options;
    own.prefix = prefix;
    return bide_http_files_open(directory, &own, &one->files);
}

static void add_route(bide_web_app *app, const char *path,
                      struct bide__web_static *one)
{
    char pattern[PREFIX_MAX];
    const bide_web_route_options options = {.arg = one, .hidden = true};
    snprintf(pattern, sizeof pattern, "%s/{path...}", path);
    bide_web_route(app, "GET", pattern, serve_files, &options);
}

void bide_web_static(bide_web_app *app, const char *path,
                     const char *directory,
                     const bide_http_files_options *options)
{
    char prefix[PREFIX_MAX];
    if (!app)
        return;
    int n = snprintf(prefix, sizeof prefix, "%s%s",
                     app->prefix ? app->prefix : "", path);
    if (n + 16 > PREFIX_MAX || strchr(prefix, '{')) {
        bide__web_fault(app, -EINVAL, "files cannot be served at \"%.80s\": "
                                      "the path is too long, or captures",
                        path);
        return;
    }
    struct bide__web_static *one = bide_allocate(sizeof *one);
    int rc = one ? open_files(one, prefix, directory, options) : -ENOMEM;
    if (rc < 0) {
        bide__web_fault(app, rc, "%s", bide_errmsg(rc));
        bide_release(one);
        return;
    }
    one->next = app->root->statics;
    app->root->statics = one;
    add_route(app, path, one);
}

void bide__web_statics_free(bide_web_app *app)
{
    while (app->statics) {
        struct bide__web_static *one = app->statics;
        app->statics = one->next;
        bide_http_files_close(one->files);
        bide_release(one);
    }
}

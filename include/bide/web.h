/* SPDX-License-Identifier: MIT */
/*
 * <bide/web.h> — web applications. Link with libbide-web (pkg-config
 * bide-web).
 *
 *     <bide/web_app.h>       applications, routes, middleware, serving
 *     <bide/web_request.h>   what a request says, and replying to it
 *     <bide/web_form.h>      forms, uploads, cookies' sessions
 *     <bide/web_endpoint.h>  typed endpoints and dependencies
 *     <bide/web_test.h>      (not included here) a client for tests
 *
 * A whole program:
 *
 *     static int hello(bide_web_request *request)
 *     {
 *         return bide_web_reply_json(request, 200, "{\"hello\":\"world\"}");
 *     }
 *
 *     static int amain(void *arg)
 *     {
 *         bide_web_app *app = bide_web_app_new(NULL);
 *         bide_web_route(app, "GET", "/", hello, NULL);
 *         int rc = bide_web_run(app, "127.0.0.1", 8000);
 *         bide_web_app_free(app);
 *         return rc;
 *     }
 */
#ifndef BIDE_WEB_H
#define BIDE_WEB_H

#include <bide/web_app.h>
#include <bide/web_endpoint.h>
#include <bide/web_form.h>
#include <bide/web_request.h>

#endif

/* SPDX-License-Identifier: MIT */
/*
 * <bide/web_short.h> — <bide/short.h> and short names of <bide/web.h>, for
 * those who want them:
 *
 *     GET(app, "/users/{id}", get_user, GetUser, User);
 *     POST(app, "/users", create_user, CreateUser, User, .status = 201);
 *
 * No other header of bide includes this one.
 */
#ifndef BIDE_WEB_SHORT_H
#define BIDE_WEB_SHORT_H

#include <bide/web.h>

#include <bide/short.h>

typedef bide_web_request req;

#define GET(...) BIDE_WEB_GET(__VA_ARGS__)
#define POST(...) BIDE_WEB_POST(__VA_ARGS__)
#define PUT(...) BIDE_WEB_PUT(__VA_ARGS__)
#define PATCH(...) BIDE_WEB_PATCH(__VA_ARGS__)
#define DELETE(...) BIDE_WEB_DELETE(__VA_ARGS__)
#define WS(...) BIDE_WEB_SOCKET(__VA_ARGS__)
#define list_of(...) BIDE_WEB_LIST(__VA_ARGS__)
#define dependency(...) BIDE_DEPENDENCY(__VA_ARGS__)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * <bide/http.h> — HTTP, servers and clients. Link with libbide-http
 * (pkg-config bide-http).
 */
#ifndef BIDE_HTTP_H
#define BIDE_HTTP_H

#include <bide/http_client.h>
#include <bide/http_events.h>
#include <bide/http_compress.h>
#include <bide/http_files.h>
#include <bide/http_log.h>
#include <bide/http_server.h>
#include <bide/websocket.h>

#endif

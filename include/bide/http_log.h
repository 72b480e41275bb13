/* SPDX-License-Identifier: MIT */
/*
 * <bide/http_log.h> — access logs; <bide/http.h> includes it.
 *
 *     bide_http_log *log;
 *     rc = bide_http_log_open("access.log", NULL, &log);
 *     const bide_http_server_options options = {.log = log};
 *     ...
 *     rc = bide_http_server_close(server);
 *     bide_http_log_close(log);
 *
 * A line for each request that was replied to, when it is over:
 *
 *     127.0.0.1 - - [20/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 200 13
 *     "https://example.org/" "curl/7.88.1" 0.000123
 *
 * (one line) with the bytes of the body and the seconds it took; or the same
 * as an object of JSON. What a client has sent is escaped, so that no line can
 * be forged, and long values are cut.
 *
 * Lines are collected and written about once a second by a thread of the log,
 * so that no disk makes a request wait. If it cannot keep up, lines are
 * dropped and counted.
 */
#ifndef BIDE_HTTP_LOG_H
#define BIDE_HTTP_LOG_H

#include <bide/http_server.h>

BIDE_BEGIN

/* How to log. Zeroed means: the defaults. */
typedef struct bide_http_log_options {
    bool json;         /* objects, one a line */
    size_t buffer;     /* bytes that wait at most to be written, 0: 1 MiB; at
                          least 64 KiB, at most 1 GiB */
    double interval;   /* seconds between two writes, 0: 1 */
    void *reserved[4]; /* zero */
} bide_http_log_options;

/*
 * bide_http_log_open — open a log to append to.
 *
 * Returns:  0 or a negative code.
 *   path      of the file, which is created if need be; "-" is the standard
 *             output
 *   options   copied; NULL means the defaults
 *   ret_log   set on success
 * Suspends: never; opens a file.
 * Errors:   -EACCES, -ENOENT and those of open(2), with a message that names
 *           the path; -EINVAL for options out of range; -EAGAIN no thread
 *           could be started; -ENOMEM
 * Owns:     the caller closes it by bide_http_log_close(), after the servers
 *           that use it.
 * Thread:   any. Servers on several threads may use one log.
 */
BIDE_API BIDE_NODISCARD int
bide_http_log_open(const char *path, const bide_http_log_options *options,
                   bide_http_log **ret_log);

/*
 * bide_http_log_close — write what is left, and release a log.
 *
 *   log   NULL is allowed
 * Suspends: never; blocks the thread until all is written.
 * Owns:     takes the log.
 * Thread:   any, when no server uses it.
 */
BIDE_API void bide_http_log_close(bide_http_log *log);

/*
 * bide_http_log_reopen — open the file anew, after it has been renamed.
 *
 * Lines from before go to the old file. If the new one cannot be opened, the
 * old one is used on.
 *
 * Suspends: never; the log's thread does it.
 * Thread:   any.
 */
BIDE_API void bide_http_log_reopen(bide_http_log *log);

/*
 * bide_http_log_dropped — how many lines were dropped, for lack of room or
 * because writing failed.
 *
 * Returns:  the number, since the log was opened.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API uint64_t bide_http_log_dropped(bide_http_log *log);

BIDE_END

#endif

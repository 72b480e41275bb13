/* SPDX-License-Identifier: MIT */
/*
 * files.h — static files from inside.
 *
 *     handler.c     which file a request asks for
 *     open.c        opening it, and not what lies outside
 *     reply.c       the reply: headers, one part or several
 *     condition.c   preconditions
 *     range.c       ranges
 *     source.c      the bytes: from memory, by sendfile, by reading
 *     list.c        directories as pages
 *     date.c        dates of HTTP
 *     type.c        types of content, by the endings of names
 */
#ifndef BIDE_SRC_HTTP_FILES_FILES_H
#define BIDE_SRC_HTTP_FILES_FILES_H

#include <bide.h>
#include <bide/http_files.h>
#include <sys/stat.h>
#include <time.h>

#include "http/message.h"

struct bide_http_files {
    int fd;
    char *prefix; /* without a slash at its end */
    size_t prefix_len;
    char *index;
    char *cache_control; /* or NULL */
    bool listing, hidden, compressed;
};

/* ── date.c ───────────────────────────────────────────────────────────── */

/* "Fri, 20 Nov 2026 18:00:00 GMT" */
#define BIDE__DATE_SIZE 40
void bide__http_date_text(time_t time, char text[BIDE__DATE_SIZE]);

/* In any of the three formats of RFC 9110, 5.6.7. Returns whether it is one. */
bool bide__http_parse_date(const char *text, time_t *ret_time);

/* ── type.c ───────────────────────────────────────────────────────────── */

/* The type of a file of this name, "application/octet-stream" if unknown. */
const char *bide__http_type_of(const char *name);

/* ── open.c ───────────────────────────────────────────────────────────── */

/* Open for reading; a root of -1: any path. Returns a descriptor or a negative
 * code. Suspends. */
int bide__http_open(int root, const char *path);

/* ── condition.c ──────────────────────────────────────────────────────── */

/* What is sent, before anything of it was. */
struct bide__file_info {
    int64_t size;
    time_t modified;
    char etag[64]; /* with its quotes */
};

/* Returns 200 to go on, 304 or 412. */
int bide__http_check_conditions(const bide_http_request *request,
                                const struct bide__file_info *info);

/* Whether a Range header counts, by If-Range. */
bool bide__http_range_counts(const bide_http_request *request,
                             const struct bide__file_info *info);

/* ── range.c ──────────────────────────────────────────────────────────── */

struct bide__range {
    int64_t first, len;
};

#define BIDE__RANGES_MAX 16

/* Returns how many ranges the header asks for; 0: it does not count, send all;
 * -416: none of them is there. */
int bide__http_parse_ranges(const char *value, int64_t size,
                            struct bide__range ranges[BIDE__RANGES_MAX]);

/* ── source.c ─────────────────────────────────────────────────────────── */

/* An open file. Zero but for the descriptor, which it takes. */
struct bide__source {
    int fd;
    bide_file *file; /* over fd, once it is needed */
};

/* Read all of a part. Returns 0 or a negative code. */
int bide__source_read(struct bide__source *source, char *buf, size_t len,
                      int64_t offset);

/* Send a part as a piece of the reply's body. */
int bide__source_send(struct bide__source *source, bide_http_request *request,
                      int64_t offset, int64_t len);

/* Suspends only where it has been read by other means than at once. */
int bide__source_close(struct bide__source *source, int rc);

/* ── list.c ───────────────────────────────────────────────────────────── */

/* Reply with a page; `path` is shown. Takes the descriptor. */
int bide__http_reply_listing(bide_http_request *request,
                             const bide_http_files *files, int fd,
                             const char *path);

/* ── reply.c ──────────────────────────────────────────────────────────── */

/* Reply with an open file; takes the descriptor. */
int bide__http_reply_open_file(bide_http_request *request,
                               const bide_http_files *files, int fd,
                               const struct stat *status, const char *path,
                               const char *type);

#endif

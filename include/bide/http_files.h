/* SPDX-License-Identifier: MIT */
/*
 * <bide/http_files.h> — files as replies; <bide/http.h> includes it.
 *
 * A directory is served by a handler that is there already:
 *
 *     bide_http_files *files;
 *     rc = bide_http_files_open("/srv/www", NULL, &files);
 *     ...
 *     rc = bide_http_serve(NULL, 8080, bide_http_files_serve, files, NULL,
 *                          &server);
 *
 * and a handler of one's own replies with a file, or with one of a directory:
 *
 *     return bide_http_reply_file(request, NULL, "report.pdf", NULL);
 *
 * Both answer conditions (If-None-Match, If-Modified-Since, If-Match,
 * If-Unmodified-Since, If-Range) and ranges, one or several, as RFC 9110 has
 * it. The entity tag is made of a file's inode, size and time of change, so it
 * changes with the file. Bytes go from the file to the connection within the
 * kernel where that is possible.
 *
 * No request gets out of a directory that was opened: not by "..", not by
 * encoded slashes, and not by symbolic links that lead elsewhere, whatever
 * happens to the directory meanwhile. The kernel itself sees to it
 * (RESOLVE_BENEATH); where it is too old for that, no links are followed.
 */
#ifndef BIDE_HTTP_FILES_H
#define BIDE_HTTP_FILES_H

#include <bide/http_server.h>

BIDE_BEGIN

/* A directory whose files are served. */
typedef struct bide_http_files bide_http_files;

/* How to serve a directory. Zeroed means: the defaults. Texts are copied. */
typedef struct bide_http_files_options {
    const char *prefix; /* of the requests' paths, which is cut off: "/static";
                           NULL: none */
    const char *index;  /* the file that stands for its directory, NULL:
                           "index.html"; "": none */
    const char *cache_control; /* value of Cache-Control, NULL: not sent */
    bool listing;       /* list directories that have no index */
    bool hidden;        /* serve names that begin with '.', too */
    bool compressed;    /* where there is a NAME.br, NAME.zst or NAME.gz beside
                           a NAME that was asked for, send it to clients that
                           accept it */
    void *reserved[8];  /* zero */
} bide_http_files_options;

/*
 * bide_http_files_open — open a directory to serve files from.
 *
 * Returns:  0 or a negative code.
 *   path        of the directory
 *   options     copied; NULL means the defaults
 *   ret_files   set on success
 * Suspends: never; looks a path up.
 * Errors:   -ENOENT, -ENOTDIR, -EACCES with a message that names the path;
 *           -EINVAL for prefix, index and cache_control; -ENOMEM
 * Owns:     the caller closes it by bide_http_files_close(), after the servers
 *           that use it.
 * Thread:   any. It may be used by several threads at once.
 */
BIDE_API BIDE_NODISCARD int
bide_http_files_open(const char *path, const bide_http_files_options *options,
                     bide_http_files **ret_files);

/*
 * bide_http_files_close — release a directory.
 *
 *   files   NULL is allowed
 * Suspends: never.
 * Owns:     takes it.
 * Thread:   any, when nobody uses it.
 */
BIDE_API void bide_http_files_close(bide_http_files *files);

/*
 * bide_http_files_serve — reply with the file that a request asks for: a
 * bide_http_handler.
 *
 * GET and HEAD only, others get 405. A directory without a slash behind it is
 * redirected to the path with one. What is not there, is no regular file, may
 * not be read or is hidden gets 404.
 *
 * Returns:  0 or a negative code.
 *   files   a bide_http_files
 * Suspends: always a cancellation point.
 * Cancel:   as bide_http_reply_file().
 * Errors:   as bide_http_reply_file(), but for those of opening
 * Thread:   the loop's, in the handler's task.
 * Like:     aiohttp's add_static.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_files_serve(bide_http_request *request, void *files);

/*
 * bide_http_reply_file — reply with a file.
 *
 * The status is 200, or what the request's conditions and ranges make of it:
 * 206, 304, 412 or 416. Headers that were added before go along.
 *
 * Returns:  0 or a negative code.
 *   files   the directory that path is in and cannot leave, with its options;
 *           NULL: any path that the process can open
 *   path    borrowed during the call
 *   type    Content-Type; NULL: by the ending of path
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   -ENOENT, -EACCES, -EXDEV for a path that leads out of files, and
 *           those of open(2), with a message that names the path; -EISDIR for
 *           what is no regular file; before anything was sent: the handler may
 *           reply otherwise. -EIO if the file becomes shorter meanwhile; those
 *           of bide_http_reply_write()
 * Thread:   the loop's, in the handler's task.
 * Like:     aiohttp.web.FileResponse.
 * Source:   RFC 9110, 8.8, 13 and 14; openat2(2), sendfile(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_reply_file(bide_http_request *request, const bide_http_files *files,
                     const char *path, const char *type);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * handler.c — directories that are served, and which file a request asks for.
 *
 *     target ──► path below the root ──► file ──────────────► reply.c
 *                (decoded, checked)      directory ──► index, list, redirect
 *
 * A path is refused before the disk is asked if it has a segment that is
 * empty, "." or "..", or that begins with a dot unless such are served, or if
 * an encoded slash or NUL is in it: nothing that was made for one file may be
 * understood as another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http/compress/coding.h"
#include "http/files/files.h"

#define PATH_MAX_LEN 4096 /* PATH_MAX of Linux */
#define CODINGS_ALL                                                           \
    (1u << BIDE__CODING_BR | 1u << BIDE__CODING_ZSTD | 1u << BIDE__CODING_GZIP)

/* ── Life ─────────────────────────────────────────────────────────────── */

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *memory = bide_allocate(size);
    return memory ? memcpy(memory, text, size) : NULL;
}

static int check_options(const bide_http_files_options *options)
{
    const char *prefix = options->prefix;
    const char *cache = options->cache_control;
    if (prefix && *prefix && *prefix != '/')
        return bide_raise(-EINVAL, "prefix is '%.80s', must begin with '/'",
                          prefix);
    if (options->index && strchr(options->index, '/'))
        return bide_raise(-EINVAL, "index is '%.80s', must be a file's name",
                          options->index);
    if (cache && !bide__http_is_value(cache, strlen(cache)))
        return bide_raise(-EINVAL, "cache_control has control characters");
    return 0;
}

static int fill(bide_http_files *files, const char *path,
                const bide_http_files_options *options)
{
    files->listing = options->listing;
    files->hidden = options->hidden;
    files->compressed = options->compressed;
    files->prefix = copy(options->prefix ? options->prefix : "");
    files->index = copy(options->index ? options->index : "index.html");
    if (options->cache_control)
        files->cache_control = copy(options->cache_control);
    if (!files->prefix || !files->index ||
        (options->cache_control && !files->cache_control))
        return -ENOMEM;
    files->prefix_len = strlen(files->prefix);
    if (files->prefix_len > 0 && files->prefix[files->prefix_len - 1] == '/')
        files->prefix[--files->prefix_len] = '\0';
    files->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (files->fd < 0)
        return bide_raise(-errno, "opening '%.100s': %s", path,
                          bide_strerror(-errno));
    return 0;
}

int bide_http_files_open(const char *path,
                         const bide_http_files_options *options,
                         bide_http_files **ret_files)
{
    static const bide_http_files_options defaults;
    if (!options)
        options = &defaults;
    int rc = check_options(options);
    if (rc < 0)
        return rc;
    bide_http_files *files = bide_allocate(sizeof *files);
    if (!files)
        return -ENOMEM;
    *files = (bide_http_files){.fd = -1};
    rc = fill(files, path, options);
    if (rc < 0)
        bide_http_files_close(files);
    else
        *ret_files = files;
    return rc;
}

void bide_http_files_close(bide_http_files *files)
{
    if (!files)
        return;
    if (files->fd >= 0)
        close(files->fd);
    bide_release(files->prefix);
    bide_release(files->index);
    bide_release(files->cache_control);
    bide_release(files);
}

/* ── From a target to a path ──────────────────────────────────────────── */

/* What a request asks for. */
struct wish {
    bide_http_request *request;
    const bide_http_files *files;
    const char *target;  /* from its path on */
    size_t target_len;   /* of the path alone */
    bool directory;      /* a slash is at its end */
    char path[PATH_MAX_LEN + 8]; /* below the root; "." is the root itself;
                                    with room for an ending */
    size_t len;
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the character at *at and moves behind it; -1 for what a path cannot
 * have in it. */
static int take_character(const char **at)
{
    const char *text = *at;
    if (*text != '%') {
        *at += 1;
        return (unsigned char)*text;
    }
    int high = hex(text[1]);
    int low = high < 0 ? -1 : hex(text[2]);
    int c = high < 0 || low < 0 ? -1 : high * 16 + low;
    *at += 3;
    return c == '/' || c == '\0' ? -1 : c;
}

static bool may_serve_segment(const struct wish *wish, const char *segment,
                              size_t len)
{
    if (len == 0)
        return false;
    if (segment[0] != '.')
        return true;
    return wish->files->hidden && len > 1 && !(len == 2 && segment[1] == '.');
}

/* Fills wish->path. Returns whether it may lead to a file. */
static bool decode_path(struct wish *wish, const char *at, const char *end)
{
    size_t segment = 0;
    for (;;) {
        bool last = at >= end;
        if (last || *at == '/') {
            if (last && wish->len == segment) /* a slash is at the end */
                break;
            if (!may_serve_segment(wish, wish->path + segment,
                                   wish->len - segment))
                return false;
            if (last)
                break;
            at++;
            wish->path[wish->len++] = '/';
            segment = wish->len;
        } else {
            int c = take_character(&at);
            if (c < 0 || at > end)
                return false;
            wish->path[wish->len++] = (char)c;
        }
        if (wish->len >= PATH_MAX_LEN)
            return false;
    }
    wish->directory = wish->len == segment;
    if (wish->len > 0 && wish->directory)
        wish->len--; /* the slash */
    if (wish->len == 0)
        wish->path[wish->len++] = '.';
    wish->path[wish->len] = '\0';
    return true;
}

/* "http://host/path" is what proxies are asked; RFC 9112, 3.2.2. */
static const char *path_of(const char *target)
{
    if (*target == '/')
        return target;
    const char *host = strstr(target, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    return path ? path : "";
}

static bool understand(struct wish *wish)
{
    const bide_http_files *files = wish->files;
    const char *at = path_of(bide_http_request_target(wish->request));
    wish->target = at;
    wish->target_len = strcspn(at, "?");
    const char *end = at + wish->target_len;
    if (strncmp(at, files->prefix, files->prefix_len) != 0)
        return false;
    at += files->prefix_len;
    wish->len = 0;
    if (at == end) { /* the prefix itself */
        strcpy(wish->path, ".");
        wish->len = 1;
        wish->directory = false;
        return files->prefix_len > 0;
    }
    return *at == '/' && decode_path(wish, at + 1, end);
}

/* ── Replies without a file ───────────────────────────────────────────── */

static int reply_status(bide_http_request *request, int status)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %s\n", status,
                     bide__http_reason(status));
    return bide_http_reply(request, status, "text/plain; charset=utf-8", text,
                           (size_t)n);
}

static int refuse_method(bide_http_request *request)
{
    int rc = bide_http_reply_header(request, "Allow", "GET, HEAD");
    return rc < 0 ? rc : reply_status(request, 405);
}

/* To the same path with a slash, so that links in the page are below it. The
 * path has no empty segment, and so cannot name another host. */
static int redirect(const struct wish *wish)
{
    size_t query = strlen(wish->target + wish->target_len);
    size_t len = wish->target_len;
    char *where = bide_allocate(len + query + 2);
    if (!where)
        return -ENOMEM;
    memcpy(where, wish->target, len);
    where[len] = '/';
    memcpy(where + len + 1, wish->target + len, query + 1);
    int rc = bide_http_reply_header(wish->request, "Location", where);
    bide_release(where);
    return rc < 0 ? rc : reply_status(wish->request, 301);
}

static bool is_not_there(int rc)
{
    static const int codes[] = {-ENOENT,       -ENOTDIR, -EXDEV, -ELOOP,
                                -ENAMETOOLONG, -EACCES,  -EPERM, -ENXIO,
                                -ENODEV,       -EINVAL};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (rc == codes[i])
            return true;
    return false;
}

static int reply_failure(bide_http_request *request, int rc)
{
    return is_not_there(rc) ? reply_status(request, 404) : rc;
}

/* ── Replies with one ─────────────────────────────────────────────────── */

static int open_and_stat(int root, const char *path, struct stat *status)
{
    int fd = bide__http_open(root, path);
    if (fd < 0 || fstat(fd, status) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

/* A compressed twin that the client prefers: returns its descriptor, or a
 * negative code if there is none. */
static int open_twin(struct wish *wish, struct stat *status,
                     enum bide__coding *ret_coding)
{
    static const char *const endings[] = {".br", ".zst", ".gz"};
    enum bide__coding ranked[BIDE__CODINGS];
    size_t count = bide__http_rank_codings(wish->request, CODINGS_ALL, ranked);
    int rc = -ENOENT;
    for (size_t i = 0; i < count; i++) {
        strcpy(wish->path + wish->len, endings[ranked[i]]);
        rc = open_and_stat(wish->files->fd, wish->path, status);
        wish->path[wish->len] = '\0';
        *ret_coding = ranked[i];
        if (rc >= 0 && S_ISREG(status->st_mode))
            return rc;
        if (rc >= 0)
            close(rc);
    }
    return rc < 0 ? rc : -ENOENT;
}

/* Takes the descriptor. */
static int reply_file(struct wish *wish, int fd, struct stat *status)
{
    enum bide__coding coding;
    bide_http_request *request = wish->request;
    int rc = 0;
    if (wish->files->compressed) {
        rc = bide_http_reply_header(request, "Vary", "Accept-Encoding");
        struct stat twins;
        int twin = rc < 0 ? rc : open_twin(wish, &twins, &coding);
        if (twin >= 0) {
            close(fd);
            fd = twin;
            *status = twins;
            rc = bide_http_reply_header(request, "Content-Encoding",
                                        bide__coding_name(coding));
        } else if (twin == -ECANCELED) {
            rc = twin;
        }
    }
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return bide__http_reply_open_file(request, wish->files, fd, status,
                                      wish->path, NULL);
}

/* The index of a directory, or a list of it. Takes the descriptor. */
static int reply_directory(struct wish *wish, int directory)
{
    struct stat status;
    const bide_http_files *files = wish->files;
    size_t room = sizeof wish->path - wish->len;
    int fd = -ENOENT;
    if (files->index[0]) {
        int n = snprintf(wish->path + wish->len, room, "/%s", files->index);
        if ((size_t)n + 8 < room)
            fd = open_and_stat(files->fd, wish->path, &status);
        if (fd >= 0) {
            close(directory);
            wish->len += (size_t)n;
            if (S_ISREG(status.st_mode))
                return reply_file(wish, fd, &status);
            close(fd);
            return reply_status(wish->request, 404);
        }
        wish->path[wish->len] = '\0';
    }
    if (fd == -ENOENT && files->listing)
        return bide__http_reply_listing(wish->request, files, directory,
                                        wish->path);
    close(directory);
    return reply_failure(wish->request, fd);
}

static int reply_what_is_there(struct wish *wish)
{
    struct stat status;
    int fd = open_and_stat(wish->files->fd, wish->path, &status);
    if (fd < 0)
        return reply_failure(wish->request, fd);
    if (S_ISDIR(status.st_mode) && wish->directory)
        return reply_directory(wish, fd);
    if (S_ISREG(status.st_mode) && !wish->directory)
        return reply_file(wish, fd, &status);
    close(fd);
    return S_ISDIR(status.st_mode) ? redirect(wish)
                                   : reply_status(wish->request, 404);
}

int bide_http_files_serve(bide_http_request *request, void *files)
{
    const char *method = bide_http_request_method(request);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse_method(request);
    struct wish *wish = bide_allocate(sizeof *wish);
    if (!wish)
        return -ENOMEM;
    wish->request = request;
    wish->files = files;
    int rc = understand(wish) ? reply_what_is_there(wish)
                              : reply_status(request, 404);
    bide_release(wish);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * reply.c — the reply that a file makes: headers, and one part or several.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "http/files/files.h"

#define LITTLE 32768   /* bytes that are sent with the head, in one go */
#define TYPE_MAX 200   /* bytes of a type */
#define PART_MAX 480   /* bytes of a part's head */
#define BOUNDARY_LEN 32

/* What is sent, and how. */
struct sending {
    bide_http_request *request;
    struct bide__source source;
    struct bide__file_info info;
    const char *type;
};

/* ── Headers ──────────────────────────────────────────────────────────── */

static char *add_hex(char *to, uint64_t number)
{
    char digits[16];
    int count = 0;
    do {
        digits[count++] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static void fill_info(struct bide__file_info *info, const struct stat *status)
{
    uint64_t changed = (uint64_t)status->st_mtim.tv_sec * 1000000000 +
                       (uint64_t)status->st_mtim.tv_nsec;
    char *to = info->etag;
    info->size = status->st_size;
    info->modified = status->st_mtim.tv_sec;
    *to++ = '"';
    to = add_hex(to, status->st_ino);
    *to++ = '-';
    to = add_hex(to, (uint64_t)status->st_size);
    *to++ = '-';
    to = add_hex(to, changed);
    *to++ = '"';
    *to = '\0';
}

static int add_headers(const struct sending *sending,
                       const bide_http_files *files)
{
    char date[BIDE__DATE_SIZE];
    bide_http_request *request = sending->request;
    bide__http_date_text(sending->info.modified, date);
    int rc = bide_http_reply_header(request, "Last-Modified", date);
    if (rc == 0)
        rc = bide_http_reply_header(request, "ETag", sending->info.etag);
    if (rc == 0)
        rc = bide_http_reply_header(request, "Accept-Ranges", "bytes");
    if (rc == 0 && files && files->cache_control)
        rc = bide_http_reply_header(request, "Cache-Control",
                                    files->cache_control);
    return rc;
}

static int add_content_range(const struct sending *sending,
                             const struct bide__range *range)
{
    char text[96];
    long long size = (long long)sending->info.size;
    if (range)
        snprintf(text, sizeof text, "bytes %lld-%lld/%lld",
                 (long long)range->first,
                 (long long)(range->first + range->len - 1), size);
    else
        snprintf(text, sizeof text, "bytes */%lld", size);
    return bide_http_reply_header(sending->request, "Content-Range", text);
}

/* ── One part ─────────────────────────────────────────────────────────── */

static bool has_no_body(const bide_http_request *request)
{
    return strcmp(bide_http_request_method(request), "HEAD") == 0;
}

static int send_at_once(struct sending *sending, int status,
                        const struct bide__range *range)
{
    char *buf = bide_allocate((size_t)range->len + 1);
    if (!buf)
        return -ENOMEM;
    int rc = bide__source_read(&sending->source, buf, (size_t)range->len,
                               range->first);
    if (rc == 0)
        rc = bide_http_reply(sending->request, status, sending->type, buf,
                             (size_t)range->len);
    bide_release(buf);
    return rc;
}

static int send_part(struct sending *sending, int status,
                     const struct bide__range *range)
{
    bool bare = has_no_body(sending->request);
    if (range->len <= LITTLE && !bare)
        return send_at_once(sending, status, range);
    int rc = bide_http_reply_begin(sending->request, status, sending->type,
                                   range->len);
    if (rc == 0 && !bare)
        rc = bide__source_send(&sending->source, sending->request,
                               range->first, range->len);
    return rc;
}

/* ── Several parts: multipart/byteranges ──────────────────────────────── */

static int make_boundary(char boundary[BOUNDARY_LEN + 1])
{
    unsigned char bytes[BOUNDARY_LEN / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return bide_raise(-EIO, "the system has no random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(boundary + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* What stands before a part; without one, behind the last. */
static int part_head(const struct sending *sending, const char *boundary,
                     const struct bide__range *range, char text[PART_MAX])
{
    if (!range)
        return snprintf(text, PART_MAX, "\r\n--%s--\r\n", boundary);
    return snprintf(text, PART_MAX,
                    "\r\n--%s\r\nContent-Type: %s\r\n"
                    "Content-Range: bytes %lld-%lld/%lld\r\n\r\n",
                    boundary, sending->type, (long long)range->first,
                    (long long)(range->first + range->len - 1),
                    (long long)sending->info.size);
}

static int write_parts(struct sending *sending, const char *boundary,
                       const struct bide__range *ranges, int count)
{
    char text[PART_MAX];
    int rc = 0;
    for (int i = 0; rc == 0 && i <= count; i++) {
        const struct bide__range *range = i < count ? &ranges[i] : NULL;
        int len = part_head(sending, boundary, range, text);
        rc = bide_http_reply_write(sending->request, text, (size_t)len);
        if (rc == 0 && range)
            rc = bide__source_send(&sending->source, sending->request,
                                   range->first, range->len);
    }
    return rc;
}

static int send_parts(struct sending *sending,
                      const struct bide__range *ranges, int count)
{
    char text[PART_MAX], boundary[BOUNDARY_LEN + 1];
    int64_t total = 0;
    int rc = make_boundary(boundary);
    if (rc < 0)
        return rc;
    for (int i = 0; i <= count; i++) {
        total += part_head(sending, boundary, i < count ? &ranges[i] : NULL,
                           text);
        total += i < count ? ranges[i].len : 0;
    }
    snprintf(text, sizeof text, "multipart/byteranges; boundary=%s",
             boundary);
    rc = bide_http_reply_begin(sending->request, 206, text, total);
    if (rc < 0 || has_no_body(sending->request))
        return rc;
    return write_parts(sending, boundary, ranges, count);
}

/* ── All of it ────────────────────────────────────────────────────────── */

static int send_ranges(struct sending *sending, const char *value)
{
    struct bide__range ranges[BIDE__RANGES_MAX];
    const struct bide__range all = {0, sending->info.size};
    int count = bide__http_parse_ranges(value, sending->info.size, ranges);
    int rc = 0;
    if (count == 0)
        return send_part(sending, 200, &all);
    if (count > 1)
        return send_parts(sending, ranges, count);
    rc = add_content_range(sending, count < 0 ? NULL : ranges);
    if (rc < 0)
        return rc;
    if (count < 0)
        return bide_http_reply(sending->request, 416, NULL, NULL, 0);
    return send_part(sending, 206, ranges);
}

static int send(struct sending *sending, const bide_http_files *files)
{
    bide_http_request *request = sending->request;
    const struct bide__range all = {0, sending->info.size};
    int rc = add_headers(sending, files);
    if (rc < 0)
        return rc;
    int status = bide__http_check_conditions(request, &sending->info);
    if (status != 200)
        return bide_http_reply(request, status, NULL, NULL, 0);
    const char *range = bide_http_request_header(request, "Range");
    if (range && strcmp(bide_http_request_method(request), "GET") == 0 &&
        bide__http_range_counts(request, &sending->info))
        return send_ranges(sending, range);
    return send_part(sending, 200, &all);
}

int bide__http_reply_open_file(bide_http_request *request,
                               const bide_http_files *files, int fd,
                               const struct stat *status, const char *path,
                               const char *type)
{
    struct sending sending = {
        .request = request,
        .source = {.fd = fd},
        .type = type ? type : bide__http_type_of(path),
    };
    int rc;
    fill_info(&sending.info, status);
    if (!S_ISREG(status->st_mode))
        rc = bide_raise(-EISDIR, "'%.100s' is no regular file", path);
    else if (strlen(sending.type) > TYPE_MAX)
        rc = bide_raise(-EINVAL, "type is %zu bytes, at most %d",
                        strlen(sending.type), TYPE_MAX);
    else
        rc = send(&sending, files);
    return bide__source_close(&sending.source, rc);
}

int bide_http_reply_file(bide_http_request *request,
                         const bide_http_files *files, const char *path,
                         const char *type)
{
    struct stat status;
    int fd = bide__http_open(files ? files->fd : -1, path);
    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return bide__http_reply_open_file(request, files, fd, &status, path, type);
}

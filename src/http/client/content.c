/* SPDX-License-Identifier: MIT */
/*
 * content.c — what a request's body is made of.
 *
 *     data, json, form     bytes that are there
 *     source               a callback of the program
 *     file, parts          pieces: bytes and files in turn, read as they are
 *                          sent; their length is known before
 *
 * A multipart form becomes pieces, too: for each part a head, its content, and
 * in the end the closing boundary.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "http/client/client.h"

#define PARTS_MAX 10000
#define BOUNDARY_LEN 36

/* Either bytes or a file. */
struct piece {
    const void *data;
    const char *path;
    size_t at, len;   /* of data; `at` in the text of heads */
    uint64_t size;    /* of the file, as it was found */
    bool head;        /* data lies in the text of heads */
};

struct bide__pieces {
    struct bide__bytes heads; /* the text between the contents */
    size_t count, current;
    uint64_t offset; /* within the current one */
    bide_file *file; /* the current one's, open */
    char boundary[BOUNDARY_LEN + 1];
    char type[64 + BOUNDARY_LEN];
    struct piece list[];
};

/* ── Reading pieces ───────────────────────────────────────────────────── */

static int changed(const struct piece *piece)
{
    return bide_raise(-EIO, "%.120s has become shorter while it was sent",
                      piece->path);
}

static ssize_t read_file(struct bide__pieces *pieces, struct piece *piece,
                         void *buf, size_t len)
{
    if (!pieces->file) {
        int rc = bide_file_open(piece->path, "r", &pieces->file);
        if (rc < 0)
            return rc;
    }
    if (len > piece->size - pieces->offset)
        len = (size_t)(piece->size - pieces->offset);
    ssize_t n = bide_file_read(pieces->file, buf, len);
    return n == 0 ? changed(piece) : n;
}

static int close_file(struct bide__pieces *pieces)
{
    bide_file *file = pieces->file;
    pieces->file = NULL;
    return bide_file_close(file) == -ECANCELED ? -ECANCELED : 0;
}

static ssize_t read_pieces(void *arg, void *buf, size_t len)
{
    struct bide__pieces *pieces = arg;
    while (pieces->current < pieces->count) {
        struct piece *piece = &pieces->list[pieces->current];
        uint64_t size = piece->path ? piece->size : piece->len;
        if (pieces->offset == size) {
            pieces->current++;
            pieces->offset = 0;
            if (close_file(pieces) < 0)
                return -ECANCELED;
            continue;
        }
        ssize_t n;
        if (piece->path) {
            n = read_file(pieces, piece, buf, len);
        } else {
            const char *data = piece->head ? pieces->heads.data + piece->at
                                           : piece->data;
            size_t left = piece->len - (size_t)pieces->offset;
            n = (ssize_t)(left < len ? left : len);
            memcpy(buf, data + pieces->offset, (size_t)n);
        }
        if (n > 0)
            pieces->offset += (uint64_t)n;
        return n;
    }
    return 0;
}

/* ── Making pieces ────────────────────────────────────────────────────── */

static struct bide__pieces *pieces_new(size_t most)
{
    size_t size = sizeof(struct bide__pieces) + most * sizeof(struct piece);
    struct bide__pieces *pieces = bide_allocate(size);
    if (pieces)
        memset(pieces, 0, size);
    return pieces;
}

static int add_file(struct bide__pieces *pieces, const char *path)
{
    struct stat info;
    int rc = bide_stat(path, &info);
    if (rc < 0)
        return rc;
    if (!S_ISREG(info.st_mode))
        return bide_raise(-EINVAL, "%.120s is not a regular file", path);
    pieces->list[pieces->count++] =
        (struct piece){.path = path, .size = (uint64_t)info.st_size};
    return 0;
}

static int add_text(struct bide__bytes *bytes, const char *text)
{
    return bide__bytes_add(bytes, text, strlen(text));
}

/* As HTML has it: what would end the quoted string is percent-encoded. */
static int add_quoted(struct bide__bytes *bytes, const char *key,
                      const char *text)
{
    int rc = add_text(bytes, key);
    for (; *text && rc == 0; text++) {
        if (*text == '"')
            rc = add_text(bytes, "%22");
        else if (*text == '\r')
            rc = add_text(bytes, "%0D");
        else if (*text == '\n')
            rc = add_text(bytes, "%0A");
        else
            rc = bide__bytes_add(bytes, text, 1);
    }
    return rc < 0 ? rc : add_text(bytes, "\"");
}

static const char *file_name(const bide_http_part *part)
{
    if (part->filename || !part->file)
        return part->filename;
    const char *slash = strrchr(part->file, '/');
    return slash ? slash + 1 : part->file;
}

static int write_part_head(struct bide__pieces *pieces,
                           const bide_http_part *part, bool first)
{
    struct bide__bytes *heads = &pieces->heads;
    const char *name = file_name(part);
    const char *type = part->type;
    if (!type && name)
        type = "application/octet-stream";
    if (type && !bide__http_is_value(type, strlen(type)))
        return bide_raise(-EINVAL, "the type of part \"%.80s\" is no value "
                                   "of a header",
                          part->name);
    int rc = add_text(heads, first ? "--" : "\r\n--");
    if (rc == 0)
        rc = add_text(heads, pieces->boundary);
    if (rc == 0)
        rc = add_quoted(heads, "\r\nContent-Disposition: form-data; name=\"",
                        part->name);
    if (rc == 0 && name)
        rc = add_quoted(heads, "; filename=\"", name);
    if (rc == 0 && type)
        rc = add_text(heads, "\r\nContent-Type: ");
    if (rc == 0 && type)
        rc = add_text(heads, type);
    return rc < 0 ? rc : add_text(heads, "\r\n\r\n");
}

static void add_heads_since(struct bide__pieces *pieces, size_t at)
{
    pieces->list[pieces->count++] = (struct piece){
        .at = at, .len = pieces->heads.len - at, .head = true};
}

static int add_parts(struct bide__pieces *pieces, const bide_http_part *parts)
{
    for (const bide_http_part *part = parts; part->name; part++) {
        size_t at = pieces->heads.len;
        int rc = write_part_head(pieces, part, part == parts);
        if (rc < 0)
            return rc;
        add_heads_since(pieces, at);
        if (part->file)
            rc = add_file(pieces, part->file);
        else
            pieces->list[pieces->count++] =
                (struct piece){.data = part->data, .len = part->len};
        if (rc < 0)
            return rc;
    }
    size_t at = pieces->heads.len;
    int rc = add_text(&pieces->heads, "\r\n--");
    if (rc == 0)
        rc = add_text(&pieces->heads, pieces->boundary);
    if (rc == 0)
        rc = add_text(&pieces->heads, "--\r\n");
    if (rc == 0)
        add_heads_since(pieces, at);
    return rc;
}

/* No content contains it but by a chance of one in 2^128. */
static void make_boundary(struct bide__pieces *pieces)
{
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        memset(random, 0x5a, sizeof random);
    char *out = pieces->boundary;
    out += snprintf(out, BOUNDARY_LEN + 1, "----");
    for (size_t i = 0; i < sizeof random; i++)
        out += snprintf(out, 3, "%02x", random[i]);
    snprintf(pieces->type, sizeof pieces->type,
             "multipart/form-data; boundary=%s", pieces->boundary);
}

static void take_pieces(struct bide__content *content,
                        struct bide__pieces *pieces)
{
    content->source = read_pieces;
    content->source_arg = pieces;
    content->length = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->list[i];
        content->length += (int64_t)(piece->path ? piece->size : piece->len);
    }
}

static int open_pieces(struct bide__content *content,
                       const bide_http_fetch_options *options)
{
    size_t count = 0;
    while (options->parts && options->parts[count].name)
        if (++count > PARTS_MAX)
            return bide_raise(-EINVAL, "more than %d parts", PARTS_MAX);
    struct bide__pieces *pieces = pieces_new(2 * count + 1);
    if (!pieces)
        return -ENOMEM;
    content->pieces = pieces;
    int rc;
    if (options->parts) {
        make_boundary(pieces);
        content->type = pieces->type;
        rc = add_parts(pieces, options->parts);
    } else {
        rc = add_file(pieces, options->file);
    }
    if (rc == 0)
        take_pieces(content, pieces);
    return rc;
}

/* ── Contents ─────────────────────────────────────────────────────────── */

static int open_form(struct bide__content *content, const bide_http_pair *form)
{
    struct bide__bytes bytes = {.data = NULL};
    int rc = bide__url_add_pairs(&bytes, form);
    content->type = "application/x-www-form-urlencoded";
    content->memory = bytes.data;
    content->data = bytes.data;
    content->len = bytes.len;
    return rc;
}

static int count_bodies(const bide_http_fetch_options *options)
{
    return !!options->data + !!options->json + !!options->form +
           !!options->parts + !!options->file + !!options->source;
}

static int open_one(struct bide__content *content,
                    const bide_http_fetch_options *options)
{
    if (options->parts || options->file)
        return open_pieces(content, options);
    if (options->form)
        return open_form(content, options->form);
    if (options->source) {
        content->source = options->source;
        content->source_arg = options->source_arg;
        content->length = options->source_len > 0
                              ? (int64_t)options->source_len
                              : -1;
        content->once = true;
    } else if (options->json) {
        content->type = "application/json";
        content->data = options->json;
        content->len = strlen(options->json);
    } else {
        content->data = options->data;
        content->len = options->len;
    }
    return 0;
}

int bide__content_open(struct bide__content *content,
                       const bide_http_fetch_options *options)
{
    *content = (struct bide__content){.any = false};
    if (count_bodies(options) > 1)
        return bide_raise(-EINVAL, "more than one body is given, at most one "
                                   "of data, json, form, parts, file, source");
    content->any = count_bodies(options) == 1 || options->type;
    if (!content->any)
        return 0;
    int rc = open_one(content, options);
    if (options->type && !options->parts)
        content->type = options->type;
    if (!content->source)
        content->length = (int64_t)content->len;
    if (rc < 0)
        (void)bide__content_close(content);
    return rc;
}

int bide__content_rewind(struct bide__content *content)
{
    if (content->once && content->begun)
        return bide_raise(-ESPIPE, "the body cannot be sent a second time");
    if (!content->pieces)
        return 0;
    content->pieces->current = 0;
    content->pieces->offset = 0;
    return close_file(content->pieces);
}

int bide__content_close(struct bide__content *content)
{
    int rc = 0;
    if (content->pieces) {
        rc = close_file(content->pieces);
        bide__bytes_free(&content->pieces->heads);
        bide_release(content->pieces);
    }
    bide_release(content->memory);
    *content = (struct bide__content){.any = false};
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * upload.c — multipart forms: values to memory, files to the disk.
 *
 * The body is read in pieces that pass through the parser (multipart.c). A
 * file is written as it comes, to a file without a name, which the kernel
 * forgets when it is closed, whatever happens to us.
 */
#include <errno.h>
#include <string.h>

#include "web/multipart.h"
#include "web/web.h"

#define PIECE 32768
#define VALUE_DEFAULT ((size_t)1 << 20)
#define PARTS_DEFAULT 1000
#define PARTS_MAX 100000

struct reading {
    bide_web_request *request;
    bide_web_form_options options; /* with the defaults filled in */
    struct bide__multipart parser;
    char piece[PIECE];
    size_t parts;
    struct bide__web_pair *values; /* room for all parts, grows */
    size_t n_values, room;
    bide_web_upload *upload; /* the part is a file, or NULL */
    const bide_web_upload **uploads_end;
    char *value; /* the part is a value: what has come of it */
    size_t value_len, value_cap;
};

static int too_large(struct reading *reading, const char *what, size_t most)
{
    return bide_web_error(reading->request, 413, "%s, at most %zu", what,
                          most);
}

/* ── Parts ────────────────────────────────────────────────────────────── */

static const char *copy(struct reading *reading, const char *text)
{
    return bide_arena_copy(&reading->request->arena, text, strlen(text));
}

static void close_upload(bide_web_request *request, void *arg)
{
    const bide_web_upload *upload = arg;
    (void)request;
    int rc = bide_file_close(upload->file);
    (void)rc; /* it has no name: nothing of it is to be kept */
}

static int begin_file(struct reading *reading,
                      const struct bide__multipart_part *part)
{
    bide_web_upload *upload =
        bide_arena_allocate(&reading->request->arena, sizeof *upload);
    if (!upload)
        return -ENOMEM;
    *upload = (bide_web_upload){
        .name = copy(reading, part->name),
        .filename = copy(reading, part->filename),
        .type = copy(reading, part->type),
    };
    if (!upload->name || !upload->filename || !upload->type)
        return -ENOMEM;
    int rc = bide_temporary_file(reading->options.directory, &upload->file);
    if (rc < 0)
        return rc;
    rc = bide_web_on_end(reading->request, close_upload, upload);
    if (rc < 0) {
        close_upload(NULL, upload);
        return rc;
    }
    reading->upload = upload;
    *reading->uploads_end = upload;
    reading->uploads_end = &upload->next;
    return 0;
}

static int make_room(struct reading *reading)
{
    bide_arena *arena = &reading->request->arena;
    size_t room = 2 * reading->room + 8;
    if (reading->n_values < reading->room)
        return 0;
    struct bide__web_pair *values =
        bide_arena_allocate(arena, room * sizeof *values);
    if (!values)
        return -ENOMEM;
    if (reading->n_values > 0)
        memcpy(values, reading->values, reading->n_values * sizeof *values);
    reading->values = values;
    reading->room = room;
    return 0;
}

static int begin_part(void *arg, const struct bide__multipart_part *part)
{
    struct reading *reading = arg;
    reading->upload = NULL;
    reading->value_len = 0;
    if (reading->parts++ == reading->options.parts)
        return too_large(reading, "too many values and files",
                         reading->options.parts);
    if (part->filename)
        return begin_file(reading, part);
    int rc = make_room(reading);
    if (rc < 0)
        return rc;
    struct bide__web_pair *pair = &reading->values[reading->n_values];
    pair->name = copy(reading, part->name);
    return pair->name ? 0 : -ENOMEM;
}

static int add_to_file(struct reading *reading, const char *data, size_t len)
{
    bide_web_upload *upload = reading->upload;
    if (reading->options.file &&
        upload->size + len > reading->options.file)
        return too_large(reading, "a file has more bytes",
                         (size_t)reading->options.file);
    while (len > 0) {
        ssize_t n = bide_file_write(upload->file, data, len);
        if (n < 0)
            return (int)n;
        upload->size += (uint64_t)n;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int add_to_value(struct reading *reading, const char *data, size_t len)
{
    size_t whole = reading->value_len + len;
    if (whole > reading->options.value)
        return too_large(reading, "a value has more bytes",
                         reading->options.value);
    if (memchr(data, '\0', len))
        return bide_web_error(reading->request, 400, "a value has a NUL");
    if (whole > reading->value_cap) {
        size_t cap = 2 * whole;
        char *value = bide_reallocate(reading->value, cap);
        if (!value)
            return -ENOMEM;
        reading->value = value;
        reading->value_cap = cap;
    }
    memcpy(reading->value + reading->value_len, data, len);
    reading->value_len = whole;
    return 0;
}

static int add_data(void *arg, const char *data, size_t len)
{
    struct reading *reading = arg;
    return reading->upload ? add_to_file(reading, data, len)
                           : add_to_value(reading, data, len);
}

static int end_part(void *arg)
{
    struct reading *reading = arg;
    if (reading->upload) {
        int64_t at = bide_file_seek(reading->upload->file, 0, SEEK_SET);
        return at < 0 ? (int)at : 0;
    }
    struct bide__web_pair *pair = &reading->values[reading->n_values];
    pair->len = reading->value_len;
    pair->value = bide_arena_copy(&reading->request->arena,
                                  reading->value ? reading->value : "",
                                  reading->value_len);
    if (!pair->value)
        return -ENOMEM;
    reading->n_values++;
    return 0;
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static int read_all(struct reading *reading)
{
    bide_web_request *request = reading->request;
    ssize_t n;
    int rc = 0;
    while (rc == 0) {
        n = bide_http_request_read(request->http, reading->piece,
                                   sizeof reading->piece);
        if (n < 0)
            request->body_len = n; /* the server below says why */
        if (n <= 0)
            break;
        rc = bide__multipart_feed(&reading->parser, reading->piece,
                                  (size_t)n);
    }
    if (rc == 0)
        rc = (int)n;
    if (rc == 0 && !bide__multipart_ended(&reading->parser))
        rc = -EBADMSG;
    if (rc == -EBADMSG && request->body_len == 0)
        return bide_web_error(request, 400, "the form is malformed");
    return rc;
}

static void set_defaults(bide_web_form_options *options)
{
    if (options->value == 0)
        options->value = VALUE_DEFAULT;
    if (options->parts == 0)
        options->parts = PARTS_DEFAULT;
    if (options->parts > PARTS_MAX)
        options->parts = PARTS_MAX;
}

int bide__web_read_multipart(bide_web_request *request, const char *type,
                             const bide_web_form_options *options)
{
    struct reading *reading = bide_allocate(sizeof *reading);
    if (!reading)
        return -ENOMEM;
    memset(reading, 0, sizeof *reading);
    reading->request = request;
    reading->uploads_end = &request->uploads;
    if (options)
        reading->options = *options;
    set_defaults(&reading->options);
    const struct bide__multipart_sink sink = {begin_part, add_data, end_part,
                                              reading};
    int rc = bide__multipart_init(&reading->parser, type, &sink);
    rc = rc < 0 ? bide_web_error(request, 400, "the form has no boundary")
                : read_all(reading);
    request->form =
        (struct bide__web_pairs){reading->values, reading->n_values};
    bide_release(reading->value);
    bide_release(reading);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * line.c — lines of a file, by reading ahead.
 *
 * The bytes ahead are a copy of a part of the file with its place, not a part
 * of the position: reading, seeking and writing go on as if there were none.
 * Whatever this handle writes makes the copy worthless.
 */
#include <errno.h>
#include <string.h>

#include "file/file.h"

#define AHEAD 16384

static const struct bide__wait line_wait = {
    .name = "bide_file_readline",
    .cancel = bide__op_wait_cancel,
};

/* The bytes that are there from an offset on. */
static size_t have(const bide_file *file, int64_t offset, const char **data)
{
    const struct bide__ahead *ahead = &file->ahead;
    int64_t skip = offset - ahead->at;
    if (skip < 0 || skip >= (int64_t)ahead->len)
        return 0;
    *data = ahead->data + skip;
    return ahead->len - (size_t)skip;
}

/* Read ahead from an offset. Returns bytes, 0 at the end. */
static int64_t look_ahead(bide_file *file, int64_t offset)
{
    struct bide__ahead *ahead = &file->ahead;
    if (!ahead->data)
        ahead->data = bide__malloc(AHEAD);
    if (!ahead->data)
        return bide_raise(-ENOMEM, "no memory for reading ahead");
    ahead->len = 0;
    int64_t n = bide__file_fill(file, ahead->data, AHEAD, offset, &line_wait);
    if (n > 0) {
        ahead->at = offset;
        ahead->len = (size_t)n;
    }
    return n;
}

/* A line into buf. Returns its length; one more than max if it is longer. */
static int64_t read_line(bide_file *file, char *buf, size_t max)
{
    size_t len = 0;
    for (;;) {
        const char *data = NULL;
        int64_t at = file->position + (int64_t)len;
        size_t there = have(file, at, &data);
        if (there == 0) {
            int64_t n = look_ahead(file, at);
            if (n <= 0)
                return n < 0 ? n : (int64_t)len;
            continue;
        }
        if (len == max)
            return (int64_t)max + 1;
        if (there > max - len)
            there = max - len;
        const char *end = memchr(data, '\n', there);
        if (end)
            there = (size_t)(end - data) + 1;
        memcpy(buf + len, data, there);
        len += there;
        if (end)
            return (int64_t)len;
    }
}

ssize_t bide_file_readline(bide_file *file, char *buf, size_t max)
{
    if (max < 1 || max > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "max is %zu bytes, must be 1 to %zu", max,
                          BIDE_IO_MAX);
    int rc = bide__file_enter_turn(file, "bide_file_readline");
    if (rc < 0)
        return rc;
    unsigned edits = file->edits;
    int64_t n = read_line(file, buf, max);
    if (edits != file->edits)
        file->ahead.len = 0; /* it may be from before the writing */
    if (n > (int64_t)max)
        n = bide_raise(BIDE_E_LIMIT, "the line is longer than %zu bytes", max);
    if (n > 0)
        file->position += n;
    if (n >= 0 && (size_t)n < max)
        buf[n] = '\0';
    bide__op_yield(file->loop->current);
    bide__file_leave_turn(file);
    return (ssize_t)n;
}

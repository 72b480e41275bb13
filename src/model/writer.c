/* SPDX-License-Identifier: MIT */
/*
 * writer.c — documents that a program makes value by value.
 *
 * A writer knows whether a comma comes next, whether a key has been written
 * whose value is to follow, and of each level whether it is an object; so what
 * is written is always JSON, or the writer has an error.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

#define CAP_MIN 512
#define MAX ((size_t)256 << 20)
#define LOOSE 32768

static void fail(bide_json_writer *writer, int error, const char *what)
{
    if (writer->error == 0)
        writer->error = bide_raise(error, "a document, after %zu bytes: %s",
                                   writer->len, what);
}

static void misused(bide_json_writer *writer)
{
    fail(writer, -EINVAL, "keys, values or ends do not match");
}

static size_t max_of(const bide_json_writer *writer)
{
    return writer->max != 0 ? writer->max : MAX;
}

/* Room is asked for by what may be needed at most. Up to LOOSE it may be
 * beyond the maximum: what is written is compared with it in the end. */
static bool grow(bide_json_writer *writer, size_t size)
{
    size_t max = max_of(writer);
    if (writer->len > max || (size > LOOSE && size > max - writer->len)) {
        fail(writer, -EMSGSIZE, "it is longer than its maximum");
        return false;
    }
    size_t cap = writer->len + size + 1;
    if (cap < 2 * writer->cap)
        cap = 2 * writer->cap;
    if (cap < CAP_MIN)
        cap = CAP_MIN;
    char *text = bide_reallocate(writer->borrowed ? NULL : writer->text, cap);
    if (text == NULL) {
        fail(writer, -ENOMEM, "no memory for it");
        return false;
    }
    if (writer->borrowed)
        memcpy(text, writer->text, writer->len);
    writer->borrowed = false;
    writer->text = text;
    writer->cap = cap;
    return true;
}

char *bide__writer_grow(bide_json_writer *writer, size_t size)
{
    if (writer->error != 0 || !grow(writer, size))
        return NULL;
    return writer->text + writer->len;
}

static inline bool in_object(const bide_json_writer *writer)
{
    return writer->depth > 0 &&
        (writer->objects >> (writer->depth - 1) & 1) != 0;
}

bool bide__writer_value(bide_json_writer *writer)
{
    if (writer->error != 0)
        return false;
    if (writer->keyed) {
        writer->keyed = false;
    } else if (in_object(writer) || (writer->depth == 0 && writer->comma)) {
        misused(writer); /* no key, or a second document */
        return false;
    } else if (writer->comma) {
        char *out = bide__writer_room(writer, 1);
        if (out == NULL)
            return false;
        *out = ',';
        writer->len++;
    }
    writer->comma = true;
    return true;
}

static void write(bide_json_writer *writer, const char *text, size_t len)
{
    char *out = bide__writer_room(writer, len);
    if (out == NULL)
        return;
    memcpy(out, text, len);
    writer->len += len;
}

static void begin(bide_json_writer *writer, char bracket, uint64_t object)
{
    if (!bide__writer_value(writer))
        return;
    if (writer->depth == BIDE_JSON_DEPTH_MAX) {
        fail(writer, -EINVAL, "it is too deep");
        return;
    }
    writer->objects &= ~((uint64_t)1 << writer->depth);
    writer->objects |= object << writer->depth;
    writer->depth++;
    writer->comma = false;
    write(writer, &bracket, 1);
}

static void end(bide_json_writer *writer, char bracket, bool object)
{
    if (writer->depth == 0 || in_object(writer) != object || writer->keyed) {
        misused(writer);
        return;
    }
    writer->depth--;
    writer->comma = true;
    write(writer, &bracket, 1);
}

/* ── What users call ──────────────────────────────────────────────────── */

void bide_json_begin_on(bide_json_writer *ret_writer, void *memory,
                        size_t size)
{
    memset(ret_writer, 0, sizeof *ret_writer);
    ret_writer->text = memory;
    ret_writer->cap = size;
    ret_writer->borrowed = true;
}

void bide_json_begin_object(bide_json_writer *writer)
{
    begin(writer, '{', 1);
}

void bide_json_end_object(bide_json_writer *writer)
{
    end(writer, '}', true);
}

void bide_json_begin_array(bide_json_writer *writer)
{
    begin(writer, '[', 0);
}

void bide_json_end_array(bide_json_writer *writer)
{
    end(writer, ']', false);
}

void bide_json_key(bide_json_writer *writer, const char *key)
{
    if (!in_object(writer) || writer->keyed) {
        misused(writer);
        return;
    }
    if (writer->comma)
        write(writer, ",", 1);
    bide__write_string(writer, key, strlen(key));
    write(writer, ":", 1);
    writer->keyed = true;
}

void bide_json_string_len(bide_json_writer *writer, const char *text,
                          size_t len)
{
    if (bide__writer_value(writer))
        bide__write_string(writer, text, len);
}

void bide_json_string(bide_json_writer *writer, const char *text)
{
    if (text == NULL)
        bide_json_null(writer);
    else
        bide_json_string_len(writer, text, strlen(text));
}

void bide_json_integer(bide_json_writer *writer, int64_t number)
{
    char text[NUMBER_LEN];
    if (bide__writer_value(writer))
        write(writer, text, bide__write_i64(text, number));
}

void bide_json_unsigned(bide_json_writer *writer, uint64_t number)
{
    char text[NUMBER_LEN];
    if (bide__writer_value(writer))
        write(writer, text, bide__write_u64(text, number));
}

void bide_json_number(bide_json_writer *writer, double number)
{
    char text[NUMBER_LEN];
    if (!isfinite(number))
        bide_json_null(writer);
    else if (bide__writer_value(writer))
        write(writer, text, bide__write_f64(text, number));
}

void bide_json_boolean(bide_json_writer *writer, bool boolean)
{
    bide_json_raw(writer, boolean ? "true" : "false", boolean ? 4 : 5);
}

void bide_json_null(bide_json_writer *writer)
{
    bide_json_raw(writer, "null", 4);
}

void bide_json_raw(bide_json_writer *writer, const char *text, size_t len)
{
    if (bide__writer_value(writer))
        write(writer, text, len);
}

int bide_json_finish(bide_json_writer *writer)
{
    if (writer->error == 0 && (writer->depth > 0 || !writer->comma))
        misused(writer);
    if (writer->error == 0 && writer->len > max_of(writer))
        fail(writer, -EMSGSIZE, "it is longer than its maximum");
    char *out = bide__writer_room(writer, 0);
    if (out != NULL)
        *out = '\0';
    return writer->error;
}

void bide_json_reset(bide_json_writer *writer)
{
    writer->len = 0;
    writer->error = 0;
    writer->depth = 0;
    writer->comma = false;
    writer->keyed = false;
}

void bide_json_free(bide_json_writer *writer)
{
    if (writer == NULL)
        return;
    if (!writer->borrowed)
        bide_release(writer->text);
    memset(writer, 0, sizeof *writer);
}

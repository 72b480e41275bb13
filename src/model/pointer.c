/* SPDX-License-Identifier: MIT */
/*
 * pointer.c — JSON Pointers (RFC 6901): the way to one value of a document.
 *
 * What lies before the value is passed by, and what lies behind it is not
 * looked at.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"

#define KEY_MAX 1000 /* bytes of one step of a pointer */

/* A step of a pointer, without its escapes. */
struct step {
    char text[KEY_MAX];
    size_t len;
};

/* The next step; returns where it ends, or NULL if it is none. */
static const char *next_step(const char *pointer, struct step *ret)
{
    if (*pointer++ != '/')
        return NULL;
    ret->len = 0;
    for (; *pointer != '\0' && *pointer != '/'; pointer++) {
        char byte = *pointer;
        if (byte == '~') {
            pointer++;
            if (*pointer != '0' && *pointer != '1')
                return NULL;
            byte = *pointer == '0' ? '~' : '/';
        }
        if (ret->len == KEY_MAX)
            return NULL;
        ret->text[ret->len++] = byte;
    }
    return pointer;
}

/* The index that a step is, or SIZE_MAX. */
static size_t index_of(const struct step *step)
{
    size_t index = 0;
    if (step->len == 0 || step->len > 15 ||
        (step->text[0] == '0' && step->len > 1))
        return SIZE_MAX;
    for (size_t i = 0; i < step->len; i++) {
        if (step->text[i] < '0' || step->text[i] > '9')
            return SIZE_MAX;
        index = index * 10 + (size_t)(step->text[i] - '0');
    }
    return index;
}

static bool next_is(struct bide__decoder *decoder, char byte)
{
    bide__spaces(decoder);
    if (decoder->p >= decoder->end || *decoder->p != byte)
        return false;
    decoder->p++;
    bide__spaces(decoder);
    return true;
}

/* Behind an item that was passed by: 1: another one follows; -ENOENT. */
static int go_on(struct bide__decoder *decoder, char bracket)
{
    if (next_is(decoder, ','))
        return 1;
    if (next_is(decoder, bracket))
        return -ENOENT;
    bide__wrong(decoder, decoder->p, "Expecting ',' delimiter");
    return -EINVAL;
}

/* Whether a key, whose text may have escapes, is the step. `room` has as many
 * bytes as the whole document. */
static int key_is(struct bide__decoder *decoder, const struct step *step,
                  char *room)
{
    const char *key;
    size_t len;
    if (decoder->p >= decoder->end || *decoder->p != '"') {
        bide__wrong(decoder, decoder->p,
                    "Expecting property name enclosed in double quotes");
        return -EINVAL;
    }
    decoder->p++;
    decoder->out = room;
    if (!bide__string(decoder, &key, &len))
        return -EINVAL;
    if (!next_is(decoder, ':')) {
        bide__wrong(decoder, decoder->p, "Expecting ':' delimiter");
        return -EINVAL;
    }
    return len == step->len && memcmp(key, step->text, len) == 0;
}

/* Go to the value of a step. 0, -ENOENT, -EINVAL. */
static int go_into(struct bide__decoder *decoder, const struct step *step,
                   char *room)
{
    struct bide__input passed;
    if (next_is(decoder, '{')) {
        int rc = next_is(decoder, '}') ? -ENOENT : 1;
        while (rc > 0) {
            int found = key_is(decoder, step, room);
            if (found != 0)
                return found > 0 ? 0 : found;
            rc = bide__skip(decoder, &passed) ? go_on(decoder, '}') : -EINVAL;
        }
        return rc;
    }
    if (!next_is(decoder, '['))
        return bide__skip(decoder, &passed) ? -ENOENT : -EINVAL;
    int rc = next_is(decoder, ']') ? -ENOENT : 1;
    for (size_t left = index_of(step); rc > 0 && left > 0; left--)
        rc = bide__skip(decoder, &passed) ? go_on(decoder, ']') : -EINVAL;
    return rc > 0 ? 0 : rc;
}

static int find(struct bide__decoder *decoder, const char *pointer, char *room,
                bide_bytes *ret_found)
{
    struct bide__input value;
    while (*pointer != '\0') {
        struct step step;
        const char *end = next_step(pointer, &step);
        if (end == NULL)
            return bide_raise(-EINVAL, "'%s' is no JSON Pointer", pointer);
        int rc = go_into(decoder, &step, room);
        if (rc == -ENOENT)
            return bide_raise(rc, "there is no '%.*s' in the document",
                              (int)step.len, step.text);
        if (rc < 0)
            return rc;
        pointer = end;
    }
    bide__spaces(decoder);
    if (!bide__skip(decoder, &value))
        return -EINVAL;
    ret_found->data = value.raw;
    ret_found->len = value.raw_len;
    return 0;
}

int bide_json_find(const char *text, size_t len, const char *pointer,
                   bide_bytes *ret_found)
{
    struct bide__decoder decoder = {.p = len > 0 ? text : ""};
    decoder.begin = decoder.p;
    decoder.end = decoder.p + len;
    char *room = len < SIZE_MAX - SLACK ? bide_allocate(len + SLACK) : NULL;
    if (room == NULL)
        return bide_raise(-ENOMEM, "no memory for %zu bytes", len);
    int rc = find(&decoder, pointer, room, ret_found);
    bide_release(room);
    if (decoder.wrong != NULL)
        return bide_raise(-EINVAL, "%s, at byte %zu of %zu", decoder.wrong,
                          (size_t)(decoder.wrong_at - decoder.begin), len);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * error.c — names and texts of codes, and the message that goes with one.
 *
 * A message lives in a slot of fixed size together with its code, so raising
 * allocates nothing, and reading with another code finds the general text
 * instead of a stale message. Which slot is current is for a higher layer to
 * say: each task has one. docs/internals/errors.md has more.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

struct bide__message *bide__message_of_thread(void)
{
    static _Thread_local struct bide__message slot;
    return &slot;
}

/* Atomic, since each thread's first loop sets it: all to the same. */
static bide__message_finder *_Atomic find_slot = bide__message_of_thread;

void bide__message_set_finder(bide__message_finder *finder)
{
    find_slot = finder;
}

/* Calling through the atomic pointer itself, gcc would read it plainly. */
static struct bide__message *current_slot(void)
{
    bide__message_finder *find = find_slot;
    return find();
}

void bide__message_copy(struct bide__message *to,
                        const struct bide__message *from)
{
    to->code = from->code;
    if (from->code != 0)
        memcpy(to->text, from->text, strlen(from->text) + 1);
}

int bide_raise(int code, const char *format, ...)
{
    static const char cut[] = "...";
    struct bide__message *slot = current_slot();
    char text[sizeof slot->text]; /* an argument may be the old message */
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0)
        text[0] = '\0';
    if (len >= (int)sizeof text)
        memcpy(text + sizeof text - sizeof cut, cut, sizeof cut);
    slot->code = code;
    memcpy(slot->text, text, strlen(text) + 1);
    return code;
}

const char *bide_errmsg(int code)
{
    const struct bide__message *slot = current_slot();
    return code < 0 && slot->code == code ? slot->text : bide_strerror(code);
}

const char *bide_errname(int code)
{
    if (code >= 0)
        return "OK";
    switch (code) {
#define NAME_CASE(name, value, text)                                          \
    case value:                                                               \
        return "BIDE_E_" #name;
        BIDE_ERRORS(NAME_CASE)
#undef NAME_CASE
    default:
        break;
    }
    const char *name = code > -4096 ? strerrorname_np(-code) : NULL;
    return name ? name : "unknown error";
}

const char *bide_strerror(int code)
{
    if (code >= 0)
        return "success";
    switch (code) {
#define TEXT_CASE(name, value, text)                                          \
    case value:                                                               \
        return text;
        BIDE_ERRORS(TEXT_CASE)
#undef TEXT_CASE
    default:
        break;
    }
    const char *text = code > -4096 ? strerrordesc_np(-code) : NULL;
    return text ? text : "unknown error";
}

/* SPDX-License-Identifier: MIT */
/*
 * <bide/value.h> — one value of a type known at run time: what stands in a
 * column of a row, or is bound to a parameter of a statement.
 *
 *     const bide_value name = bide_value_text("Ada");
 *     const bide_value age = bide_value_i64(36);
 */
#ifndef BIDE_VALUE_H
#define BIDE_VALUE_H

#include <bide/base.h>

#include <string.h>

BIDE_BEGIN

/* What a value is. The numbers stay as they are. */
typedef enum bide_value_type {
    BIDE_VALUE_NULL = 0,
    BIDE_VALUE_BOOLEAN = 1,
    BIDE_VALUE_I64 = 2,
    BIDE_VALUE_U64 = 3,  /* only above INT64_MAX; else it is I64 */
    BIDE_VALUE_F64 = 4,
    BIDE_VALUE_TEXT = 5, /* UTF-8 */
    BIDE_VALUE_BLOB = 6,
    BIDE_VALUE_TIME = 7, /* seconds since 1970 in UTC */
    BIDE_VALUE_UUID = 8,
    BIDE_VALUE_JSON = 9  /* the text of a document */
} bide_value_type;

/* Sixteen bytes, the first one first: a2b3... is {0xa2, 0xb3, ...}. */
typedef struct bide_uuid {
    uint8_t bytes[16];
} bide_uuid;

/* Any bytes. */
typedef struct bide_bytes {
    const void *data;
    size_t len;
} bide_bytes;

typedef struct bide_value {
    bide_value_type type;
    union {
        bool boolean;
        int64_t i64;
        uint64_t u64;
        double f64;
        bide_bytes text; /* of TEXT, BLOB and JSON; borrowed */
        double time;
        bide_uuid uuid;
    } as;
} bide_value;

/* No value. */
static inline bide_value bide_value_null(void)
{
    bide_value value;
    memset(&value, 0, sizeof value);
    return value;
}

static inline bide_value bide_value_boolean(bool boolean)
{
    bide_value value = bide_value_null();
    value.type = BIDE_VALUE_BOOLEAN;
    value.as.boolean = boolean;
    return value;
}

static inline bide_value bide_value_i64(int64_t number)
{
    bide_value value = bide_value_null();
    value.type = BIDE_VALUE_I64;
    value.as.i64 = number;
    return value;
}

static inline bide_value bide_value_u64(uint64_t number)
{
    bide_value value = bide_value_null();
    if (number <= INT64_MAX)
        return bide_value_i64((int64_t)number);
    value.type = BIDE_VALUE_U64;
    value.as.u64 = number;
    return value;
}

static inline bide_value bide_value_f64(double number)
{
    bide_value value = bide_value_null();
    value.type = BIDE_VALUE_F64;
    value.as.f64 = number;
    return value;
}

/* Seconds since 1970 in UTC. */
static inline bide_value bide_value_time(double seconds)
{
    bide_value value = bide_value_null();
    value.type = BIDE_VALUE_TIME;
    value.as.time = seconds;
    return value;
}

static inline bide_value bide_value_uuid(bide_uuid uuid)
{
    bide_value value = bide_value_null();
    value.type = BIDE_VALUE_UUID;
    value.as.uuid = uuid;
    return value;
}

static inline bide_value bide_value_blob(const void *data, size_t len)
{
    bide_value value = bide_value_null();
    value.type = BIDE_VALUE_BLOB;
    value.as.text.data = data;
    value.as.text.len = len;
    return value;
}

static inline bide_value bide_value_text_len(const char *text, size_t len)
{
    bide_value value = bide_value_blob(text, len);
    value.type = BIDE_VALUE_TEXT;
    return value;
}

/* NULL is no value. */
static inline bide_value bide_value_text(const char *text)
{
    return text == NULL ? bide_value_null()
                        : bide_value_text_len(text, strlen(text));
}

static inline bide_value bide_value_json(const char *text)
{
    bide_value value = bide_value_text(text);
    if (text != NULL)
        value.type = BIDE_VALUE_JSON;
    return value;
}

BIDE_END

#endif

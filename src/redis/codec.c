/* SPDX-License-Identifier: MIT */
/*
 * codec.c — commands to bytes, bytes to values.
 *
 *     *2\r\n$3\r\nGET\r\n$1\r\nx\r\n          a command
 *     $5\r\nhello\r\n   :42\r\n   *0\r\n       replies
 *
 * Measuring looks at each byte of a head once, and at no byte of a text: a
 * reply of many pieces costs no more than one of one piece. Attributes, which
 * may precede a value (RESP3), are understood and left out.
 */
#include "redis/codec.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 512
#define HEAD_MAX 4096 /* bytes of a line: simple strings and errors */

/* ── Commands ─────────────────────────────────────────────────────────── */

int bide__redis_reserve(struct bide__redis_bytes *bytes, size_t more)
{
    if (bytes->cap - bytes->len >= more)
        return 0;
    size_t cap = bytes->cap ? bytes->cap : FIRST_CAP;
    while (cap - bytes->len < more)
        if (__builtin_mul_overflow(cap, 2, &cap))
            return -ENOMEM;
    char *data = bide_reallocate(bytes->data, cap);
    if (!data)
        return -ENOMEM;
    bytes->data = data;
    bytes->cap = cap;
    return 0;
}

/* "$123\r\n": the number's digits are made from the right. */
static size_t put_head(char *out, char type, size_t number)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    *out++ = type;
    for (size_t i = n; i > 0; i--)
        *out++ = digits[i - 1];
    *out++ = '\r';
    *out = '\n';
    return n + 3;
}

int bide__redis_encode(struct bide__redis_bytes *bytes, size_t count,
                       const char *const *args, const size_t *lens)
{
    size_t before = bytes->len;
    if (bide__redis_reserve(bytes, 24) < 0)
        return -ENOMEM;
    bytes->len += put_head(bytes->data + bytes->len, '*', count);
    for (size_t i = 0; i < count; i++) {
        size_t len = lens ? lens[i] : strlen(args[i]);
        if (bide__redis_reserve(bytes, len + 26) < 0) {
            bytes->len = before;
            return -ENOMEM;
        }
        bytes->len += put_head(bytes->data + bytes->len, '$', len);
        if (len > 0)
            memcpy(bytes->data + bytes->len, args[i], len);
        memcpy(bytes->data + bytes->len + len, "\r\n", 2);
        bytes->len += len + 2;
    }
    return 0;
}

/* ── Heads ────────────────────────────────────────────────────────────── */

/* What follows the head of a value. */
enum kind { LINE, TEXT, ITEMS, PAIRS, ATTRIBUTE, UNKNOWN };

static enum kind kind_of(char type)
{
    switch (type) {
    case '+':
    case '-':
    case ':':
    case '_':
    case ',':
    case '#':
    case '(':
        return LINE;
    case '$':
    case '!':
    case '=':
        return TEXT;
    case '*':
    case '~':
    case '>':
        return ITEMS;
    case '%':
        return PAIRS;
    case '|':
        return ATTRIBUTE;
    default:
        return UNKNOWN;
    }
}

/* A number of a head, and whether it is one: -1 is "nil" in RESP2. */
static bool read_count(const char *line, size_t len, int64_t *ret_count)
{
    if (len == 2 && line[0] == '-' && line[1] == '1') {
        *ret_count = -1;
        return true;
    }
    int64_t count = 0;
    if (len == 0 || len > 18)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        count = count * 10 + (line[i] - '0');
    }
    *ret_count = count;
    return true;
}

/* ── Measuring ────────────────────────────────────────────────────────── */

/* One value less is missing; arrays that are full are values themselves. */
static bool count_down(struct bide__redis_scan *scan)
{
    while (scan->depth > 0) {
        if (--scan->left[scan->depth - 1] > 0)
            return false;
        scan->depth--;
    }
    return true;
}

static int begin_array(struct bide__redis_scan *scan, uint64_t count)
{
    if (scan->depth == BIDE__REDIS_DEPTH)
        return -EPROTO;
    scan->left[scan->depth++] = count;
    return 0;
}

/* The head [line, line + len) of a value, whose text may follow. Returns the
 * bytes of that with its CR LF, or a negative code. */
static int64_t take_head(struct bide__redis_scan *scan, char type,
                         const char *line, size_t len, bool *ret_whole)
{
    int64_t count = 0;
    enum kind kind = kind_of(type);
    *ret_whole = false;
    if (kind == UNKNOWN)
        return -EPROTO;
    if (kind != LINE && !read_count(line, len, &count))
        return -EPROTO;
    if (kind == ATTRIBUTE) /* its pairs, and then the value it belongs to */
        return count < 0 ? -EPROTO : begin_array(scan, 2 * (uint64_t)count + 1);
    scan->values++;
    if (kind == LINE)
        scan->text += len + 1;
    if (kind == TEXT && count >= 0)
        scan->text += (size_t)count + 1;
    if ((kind == ITEMS || kind == PAIRS) && count > 0)
        return begin_array(scan, (uint64_t)count * (kind == PAIRS ? 2 : 1));
    *ret_whole = count_down(scan);
    return kind == TEXT && count >= 0 ? count + 2 : 0;
}

static size_t memory_of(const struct bide__redis_scan *scan)
{
    return scan->values * sizeof(bide_redis_value) + scan->text;
}

int bide__redis_scan(struct bide__redis_scan *scan, const char *data,
                     size_t len, size_t max)
{
    while (scan->offset < len) {
        const char *begin = data + scan->offset;
        const char *end = memchr(begin, '\n', len - scan->offset);
        if (!end)
            return len - scan->offset > HEAD_MAX ? -EPROTO : 0;
        if (end - begin < 2 || end[-1] != '\r')
            return -EPROTO;
        struct bide__redis_scan before = *scan;
        bool whole;
        int64_t text = take_head(scan, begin[0], begin + 1,
                                 (size_t)(end - begin) - 2, &whole);
        if (text < 0)
            return (int)text;
        size_t next = (size_t)(end + 1 - data) + (size_t)text;
        if (next > max || memory_of(scan) > max)
            return -EMSGSIZE;
        if (next > len) { /* once its text is there, it is read again */
            *scan = before;
            return 0;
        }
        if (text > 0 && memcmp(data + next - 2, "\r\n", 2) != 0)
            return -EPROTO;
        scan->offset = next;
        if (whole)
            return 1;
    }
    return 0;
}

/* ── Building ─────────────────────────────────────────────────────────── */

struct builder {
    const char *at;          /* the next byte of the reply */
    bide_redis_value *value; /* the next free one */
    char *text;              /* free memory for texts */
};

static const char *keep(struct builder *builder, const char *data, size_t len)
{
    char *copy = builder->text;
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    builder->text += len + 1;
    return copy;
}

static void set_line(struct builder *builder, bide_redis_value *value,
                     char type, const char *line, size_t len)
{
    const char *text = keep(builder, line, len);
    switch (type) {
    case ':':
        value->type = BIDE_REDIS_INTEGER;
        value->integer = strtoll(text, NULL, 10);
        return;
    case ',':
        value->type = BIDE_REDIS_DOUBLE;
        value->number = strtod(text, NULL); /* "inf" and "nan", too */
        return;
    case '#':
        value->type = BIDE_REDIS_BOOLEAN;
        value->integer = text[0] == 't';
        return;
    case '_':
        return;
    default: /* simple strings, big numbers, errors */
        value->type = type == '-' ? BIDE_REDIS_ERROR : BIDE_REDIS_STRING;
        value->data = text;
        value->len = len;
    }
}

static void set_text(struct builder *builder, bide_redis_value *value,
                     char type, const char *data, size_t len)
{
    if (type == '=' && len >= 4) { /* a verbatim string: "txt:" goes before */
        data += 4;
        len -= 4;
    }
    value->type = type == '!' ? BIDE_REDIS_ERROR : BIDE_REDIS_STRING;
    value->data = keep(builder, data, len);
    value->len = len;
}

/* Values are handed out in the order of the reply, those of an array one
 * after the other before what they contain. */
static void build_value(struct builder *builder, bide_redis_value *value);

static void skip_value(struct builder *builder)
{
    const char *end = rawmemchr(builder->at, '\n');
    char type = builder->at[0];
    int64_t count = 0;
    enum kind kind = kind_of(type);
    if (kind != LINE)
        (void)read_count(builder->at + 1,
                         (size_t)(end - builder->at) - 2, &count);
    builder->at = end + 1;
    if (kind == TEXT && count >= 0)
        builder->at += count + 2;
    if (kind == PAIRS || kind == ATTRIBUTE)
        count *= 2;
    if (kind == ITEMS || kind == PAIRS || kind == ATTRIBUTE)
        for (int64_t i = 0; i < count; i++)
            skip_value(builder);
}

static void build_items(struct builder *builder, bide_redis_value *value,
                        enum kind kind, int64_t count)
{
    value->type = kind == PAIRS ? BIDE_REDIS_MAP : BIDE_REDIS_ARRAY;
    value->count = (size_t)count * (kind == PAIRS ? 2 : 1);
    value->items = builder->value;
    builder->value += value->count;
    for (size_t i = 0; i < value->count; i++)
        build_value(builder, &value->items[i]);
}

static void build_value(struct builder *builder, bide_redis_value *value)
{
    while (builder->at[0] == '|')
        skip_value(builder);
    const char *begin = builder->at;
    const char *end = rawmemchr(begin, '\n');
    size_t len = (size_t)(end - begin) - 2;
    enum kind kind = kind_of(begin[0]);
    builder->at = end + 1;
    if (kind == LINE) {
        set_line(builder, value, begin[0], begin + 1, len);
        return;
    }
    int64_t count = -1;
    (void)read_count(begin + 1, len, &count);
    if (count < 0)
        return; /* nil */
    if (kind == TEXT) {
        set_text(builder, value, begin[0], end + 1, (size_t)count);
        builder->at += count + 2;
    } else {
        build_items(builder, value, kind, count);
    }
}

bide_redis_value *bide__redis_build(const struct bide__redis_scan *scan,
                                    const char *data)
{
    size_t values = scan->values * sizeof(bide_redis_value);
    bide_redis_value *reply = bide_allocate(memory_of(scan));
    if (!reply)
        return NULL;
    memset(reply, 0, values);
    struct builder builder = {
        .at = data,
        .value = reply + 1,
        .text = (char *)reply + values,
    };
    build_value(&builder, reply);
    return reply;
}

void bide_redis_free(bide_redis_value *value)
{
    bide_release(value);
}

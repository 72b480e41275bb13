/* SPDX-License-Identifier: MIT */
/* codec_test.c — the serialization protocol: commands, replies, and bytes that
 * are neither. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "redis/codec.h"
#include "test.h"

/* ── Commands ─────────────────────────────────────────────────────────── */

TEST(a_command_is_an_array_of_strings)
{
    struct bide__redis_bytes bytes = {.data = NULL};
    const char *args[] = {"SET", "k", "a\r\nb"};
    const size_t lens[] = {3, 1, 4};
    static const char wanted[] =
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n";
    CHECK_OK(bide__redis_encode(&bytes, 3, args, lens));
    CHECK_INT(bytes.len, sizeof wanted - 1);
    CHECK_MEM(bytes.data, wanted, sizeof wanted - 1);
    CHECK_OK(bide__redis_encode(&bytes, 1, (const char *[]){""}, NULL));
    CHECK_MEM(bytes.data + sizeof wanted - 1, "*1\r\n$0\r\n\r\n", 10);
    bide_release(bytes.data);
}

/* ── Replies ──────────────────────────────────────────────────────────── */

/* Parse text that comes in pieces of so many bytes. */
static bide_redis_value *parse_by(const char *text, size_t len, size_t piece)
{
    struct bide__redis_scan scan = {.offset = 0};
    size_t have = 0;
    int rc = 0;
    while (rc == 0 && have < len) {
        have = have + piece < len ? have + piece : len;
        rc = bide__redis_scan(&scan, text, have, 100000);
    }
    if (!CHECK_INT(rc, 1) || !CHECK_INT(scan.offset, len))
        return NULL;
    return bide__redis_build(&scan, text);
}

static bide_redis_value *parse(const char *text)
{
    return parse_by(text, strlen(text), strlen(text));
}

static void check_integer(const char *text, bide_redis_type type,
                          int64_t integer)
{
    bide_redis_value *value = parse(text);
    CHECK_INT(value->type, type);
    CHECK_INT(value->integer, integer);
    bide_redis_free(value);
}

static void check_string(const char *text, bide_redis_type type,
                         const char *string)
{
    bide_redis_value *value = parse(text);
    CHECK_INT(value->type, type);
    CHECK_STR(value->data, string);
    CHECK_INT(value->len, strlen(string));
    bide_redis_free(value);
}

TEST(each_type_of_reply_has_its_value)
{
    check_integer(":42\r\n", BIDE_REDIS_INTEGER, 42);
    check_integer(":-9223372036854775808\r\n", BIDE_REDIS_INTEGER, INT64_MIN);
    check_integer("#t\r\n", BIDE_REDIS_BOOLEAN, 1);
    check_integer("#f\r\n", BIDE_REDIS_BOOLEAN, 0);
    check_integer("_\r\n", BIDE_REDIS_NIL, 0);
    check_integer("$-1\r\n", BIDE_REDIS_NIL, 0);
    check_integer("*-1\r\n", BIDE_REDIS_NIL, 0);
    check_string("+OK\r\n", BIDE_REDIS_STRING, "OK");
    check_string("$0\r\n\r\n", BIDE_REDIS_STRING, "");
    check_string("$5\r\na\r\nbc\r\n", BIDE_REDIS_STRING, "a\r\nbc");
    check_string("=8\r\ntxt:abcd\r\n", BIDE_REDIS_STRING, "abcd");
    check_string("(123456789012345678901\r\n", BIDE_REDIS_STRING,
                 "123456789012345678901");
    check_string("-ERR no\r\n", BIDE_REDIS_ERROR, "ERR no");
    check_string("!6\r\nERR no\r\n", BIDE_REDIS_ERROR, "ERR no");
    bide_redis_value *value = parse(",-inf\r\n");
    CHECK_INT(value->type, BIDE_REDIS_DOUBLE);
    CHECK(isinf(value->number) && value->number < 0);
    bide_redis_free(value);
}

static const char nested[] = "*4\r\n"
                             "*2\r\n:1\r\n$1\r\na\r\n"
                             "%1\r\n+key\r\n*0\r\n"
                             "|1\r\n+ttl\r\n:3600\r\n~1\r\n_\r\n"
                             ",1.5\r\n";

static void check_nested(const bide_redis_value *value)
{
    CHECK_INT(value->type, BIDE_REDIS_ARRAY);
    CHECK_INT(value->count, 4);
    CHECK_INT(value->items[0].count, 2);
    CHECK_INT(value->items[0].items[0].integer, 1);
    CHECK_STR(value->items[0].items[1].data, "a");
    CHECK_INT(value->items[1].type, BIDE_REDIS_MAP);
    CHECK_INT(value->items[1].count, 2);
    CHECK_STR(value->items[1].items[0].data, "key");
    CHECK_INT(value->items[1].items[1].count, 0);
    CHECK_INT(value->items[2].type, BIDE_REDIS_ARRAY);
    CHECK_INT(value->items[2].items[0].type, BIDE_REDIS_NIL);
    CHECK(value->items[3].number == 1.5);
}

TEST(values_nest_and_come_in_pieces_of_any_size)
{
    for (size_t piece = 1; piece <= sizeof nested; piece++) {
        bide_redis_value *value =
            parse_by(nested, sizeof nested - 1, piece);
        if (!CHECK(value))
            return;
        check_nested(value);
        bide_redis_free(value);
    }
}

TEST(a_reply_that_is_not_whole_is_waited_for)
{
    for (size_t len = 0; len < sizeof nested - 1; len++) {
        struct bide__redis_scan scan = {.offset = 0};
        CHECK_INT(bide__redis_scan(&scan, nested, len, 100000), 0);
    }
}

/* ── Bytes that are no reply ──────────────────────────────────────────── */

static int scan_all(const char *text, size_t len, size_t max)
{
    struct bide__redis_scan scan = {.offset = 0};
    return bide__redis_scan(&scan, text, len, max);
}

TEST(what_is_no_reply_is_refused)
{
    static const char *const bad[] = {
        "hello\r\n", "\r\n",          "$\r\n",        "$x\r\n",
        "$-2\r\n",   "$1x\r\n",       "$1\r\nabc\r\n", "+OK\n",
        "*1x\r\n",   "|-1\r\n",       "$9999999999999999999\r\n",
        "*1\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(scan_all(bad[i], strlen(bad[i]), 100000), -EPROTO);
}

TEST(a_line_that_does_not_end_is_refused)
{
    char text[6000];
    memset(text, 'a', sizeof text);
    text[0] = '+';
    CHECK_ERR(scan_all(text, sizeof text, 100000), -EPROTO);
}

TEST(a_reply_beyond_the_limit_is_refused_before_it_comes)
{
    CHECK_ERR(scan_all("$1000\r\n", 7, 999), -EMSGSIZE);
    CHECK_INT(scan_all("$900\r\n", 6, 1999), 0);
}

/* Three bytes each on the wire, and much more in memory. */
TEST(many_small_values_count_by_the_memory_they_take)
{
    char text[3100] = "*1000\r\n";
    size_t len = strlen(text);
    for (size_t i = 0; i < 1000; i++, len += 3)
        memcpy(text + len, "_\r\n", 3);
    CHECK_ERR(scan_all(text, len, 10000), -EMSGSIZE);
    CHECK_INT(scan_all(text, len, 100000), 1);
}

TEST(arrays_in_arrays_have_a_limit)
{
    char text[4 * BIDE__REDIS_DEPTH + 8] = "";
    for (size_t i = 0; i < BIDE__REDIS_DEPTH + 1; i++)
        memcpy(text + 4 * i, "*1\r\n", 4);
    CHECK_INT(scan_all(text, (size_t)4 * BIDE__REDIS_DEPTH, 100000), 0);
    CHECK_ERR(scan_all(text, (size_t)4 * (BIDE__REDIS_DEPTH + 1), 100000),
              -EPROTO);
}

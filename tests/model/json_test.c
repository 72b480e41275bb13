/* SPDX-License-Identifier: MIT */
/*
 * What is read from JSON, and what of it is written again; documents that are
 * made to do harm.
 */
#include <bide.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shop.h"

/* A document, and what is written of it. */
static void check_same(const bide_model *model, const char *text,
                       const char *expected)
{
    bide_json_writer writer;
    CHECK_OK(read_and_write(model, text, strlen(text), &writer));
    CHECK_STR(writer.text, expected);
    bide_json_free(&writer);
}

static int decode(const bide_model *model, const char *text, size_t len)
{
    bide_json_writer writer;
    int rc = read_and_write(model, text, len, &writer);
    bide_json_free(&writer);
    return rc;
}

BIDE_MODEL(Plain,
    BIDE_FIELD(i64, i),
    BIDE_FIELD(i32, small),
    BIDE_FIELD(u64, big),
    BIDE_FIELD(f64, f),
    BIDE_FIELD(str, s),
    BIDE_FIELD(bool, b),
    BIDE_FIELD(json, raw),
    BIDE_FIELD(str, password, .write_only = true),
    BIDE_FIELD(str, a_name_beyond_eight, .name = "fullName"));

TEST(fields_have_what_the_document_has)
{
    static const char text[] =
        " {\"fullName\" : \"Ada\\u00e9\\ud83d\\ude00\\n\", "
        "\"small\":-2147483648,"
        "\"i\":-9223372036854775808, \"big\":18446744073709551615,\t"
        "\"f\":-0.5e1,\r\"s\":\"caf\xc3\xa9\",\"b\":true,\n"
        "\"raw\": [1, {\"x\": null}] ,\"password\":\"geheim\",\"new\":[[]]} ";
    Plain plain;
    bide_arena arena = {0};
    CHECK_OK(bide_json_decode(&bide_model_Plain, text, sizeof text - 1, &plain,
                              &arena, NULL));
    CHECK_INT(plain.i, INT64_MIN);
    CHECK_INT(plain.small, INT32_MIN);
    CHECK(plain.big == UINT64_MAX);
    CHECK(plain.f == -5.0);
    CHECK_STR(plain.s, "caf\xc3\xa9");
    CHECK(plain.b);
    CHECK_STR(plain.raw, "[1, {\"x\": null}]");
    CHECK_STR(plain.password, "geheim");
    CHECK_STR(plain.a_name_beyond_eight, "Ada\xc3\xa9\xf0\x9f\x98\x80\n");
    bide_json_writer writer = {0};
    bide_json_encode(&writer, &bide_model_Plain, &plain);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_STR(writer.text,
              "{\"i\":-9223372036854775808,\"small\":-2147483648,"
              "\"big\":18446744073709551615,\"f\":-5.0,\"s\":\"caf\xc3\xa9\","
              "\"b\":true,\"raw\":[1, {\"x\": null}],"
              "\"fullName\":\"Ada\xc3\xa9\xf0\x9f\x98\x80\\n\"}");
    bide_json_free(&writer);
    bide_arena_free(&arena);
}

TEST(numbers_that_do_not_fit_are_refused)
{
    static const struct {
        const char *field, *value, *type;
    } rows[] = {
        {"i", "9223372036854775808", "less_than_equal"},
        {"i", "-9223372036854775809", "greater_than_equal"},
        {"i", "1e19", "less_than_equal"},
        {"i", "1e400", "less_than_equal"},
        {"small", "2147483648", "less_than_equal"},
        {"small", "-2147483649", "greater_than_equal"},
        {"big", "18446744073709551616", "less_than_equal"},
        {"big", "-1", "greater_than_equal"},
        {"f", "1e400", "finite_number"},
        {"f", "\"nan\"", "finite_number"},
        {"s", "\"\\u0000\"", "string_unicode"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[100];
        int len = snprintf(text, sizeof text, "{\"%s\":%s}", rows[i].field,
                           rows[i].value);
        Plain plain;
        bide_arena arena = {0};
        bide_faults faults = {0};
        CHECK_ERR(bide_json_decode(&bide_model_Plain, text, (size_t)len,
                                   &plain, &arena, &faults), -EINVAL);
        const bide_fault *fault = faults.first;
        while (fault != NULL && strcmp(fault->type, "missing") == 0)
            fault = fault->next;
        CHECK_STR(fault != NULL ? fault->type : NULL, rows[i].type);
        bide_arena_free(&arena);
    }
}

TEST(what_pydantic_takes_is_taken)
{
    static const char *const rows[][2] = {
        {"{}", "{\"i\":2,\"f\":1.0,\"s\":\"aa\",\"s1\":\"a\",\"b\":true,"
               "\"t\":null,\"u\":null,\"e\":\"red\",\"y\":null,\"by\":null,"
               "\"l\":[1],\"l2\":[1,2],\"sub\":null,\"subs\":[],\"o\":null}"},
        {"{\"i\":\" 4 \",\"f\":\"1_0.5\",\"b\":\"Off\",\"t\":1700000000.5,"
         "\"u\":\"{12345678-1234-5678-1234-567812345678}\",\"e\":\"blue\","
         "\"y\":\"YWJj\",\"l\":[\"1\",2.0],\"l2\":[1,2,3,4,5,6,7,8,9],"
         "\"sub\":{\"price\":true},\"subs\":[{\"price\":1},{\"price\":2}],"
         "\"o\":\"+4.0\"}",
         "{\"i\":4,\"f\":10.5,\"s\":\"aa\",\"s1\":\"a\",\"b\":false,"
         "\"t\":\"2023-11-14T22:13:20.500000Z\","
         "\"u\":\"12345678-1234-5678-1234-567812345678\",\"e\":\"blue\","
         "\"y\":\"YWJj\",\"by\":null,\"l\":[1,2],"
         "\"l2\":[1,2,3,4,5,6,7,8,9],\"sub\":{\"price\":1.0},"
         "\"subs\":[{\"price\":1.0},{\"price\":2.0}],\"o\":4}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_same(&bide_model_Many, rows[i][0], rows[i][1]);
}

TEST(times_are_read_with_their_zones)
{
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {
        {"\"1970-01-01T00:00:00Z\"", 0},
        {"\"2024-02-29 12:00\"", 1709208000},
        {"\"2024-02-29T12:00:00.25+02:00\"", 1709200800.25},
        {"\"1969-12-31T23:59:59-00:30\"", 1799},
        {"\"0001-01-01\"", -62135596800},
        {"\"9999-12-31T23:59:59Z\"", 253402300799},
        {"1700000000000", 1700000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[100];
        int len = snprintf(text, sizeof text, "{\"t\":%s}", rows[i].text);
        Many many;
        bide_arena arena = {0};
        CHECK_OK(bide_json_decode(&bide_model_Many, text, (size_t)len, &many,
                                  &arena, NULL));
        CHECK(many.has_t && many.t == rows[i].seconds);
        bide_arena_free(&arena);
    }
}

TEST(a_key_that_comes_twice_is_refused)
{
    static const char text[] = "{\"a\":1,\"b\":\"\",\"a\":1}";
    CHECK_ERR(decode(&bide_model_Closed, text, sizeof text - 1), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL),
              "body.14: JSON decode error: Duplicate key");
}

TEST(keys_may_be_escaped_and_in_any_order)
{
    static const char text[] = "{\"\\u0062\":\"x\",\"\\u0061\":3}";
    check_same(&bide_model_Closed, text, "{\"a\":3,\"b\":\"x\"}");
}

TEST(a_model_may_hold_itself)
{
    check_same(&bide_model_Tree, "{\"n\":1,\"kids\":[{\"n\":null},{\"kids\":"
               "[{\"n\":3}]}]}",
               "{\"n\":1,\"kids\":[{\"kids\":[]},{\"kids\":[{\"n\":3,\"kids\":"
               "[]}]}]}");
}

/* `levels` of them around an empty one. */
static char *nested(size_t levels, const char *open, const char *close)
{
    char *text = bide_allocate(
        levels * (strlen(open) + strlen(close)) + 3);
    char *p = text;
    for (size_t i = 0; i < levels; i++)
        p = stpcpy(p, open);
    p = stpcpy(p, "{}");
    for (size_t i = 0; i < levels; i++)
        p = stpcpy(p, close);
    return text;
}

TEST(a_document_can_be_no_deeper_than_the_limit)
{
    static const struct {
        const char *open, *close;
        size_t levels; /* the most */
    } rows[] = {
        {"{\"kids\":[", "]}", (BIDE_JSON_DEPTH_MAX - 1) / 2},
        {"{\"new\":", "}", BIDE_JSON_DEPTH_MAX - 1},
        {"{\"new\":[", "]}", (BIDE_JSON_DEPTH_MAX - 1) / 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t levels[] = {rows[i].levels, rows[i].levels + 1, 100000};
        for (size_t j = 0; j < 3; j++) {
            char *text = nested(levels[j], rows[i].open, rows[i].close);
            CHECK_INT(decode(&bide_model_Tree, text, strlen(text)),
                      j == 0 ? 0 : -EINVAL);
            CHECK_INT(bide_json_check(text, strlen(text)),
                      j == 0 ? 0 : -EINVAL);
            bide_release(text);
        }
    }
}

TEST(a_text_cut_anywhere_is_no_document)
{
    static const char text[] =
        "{\"i\":4,\"f\":1.5e0,\"s\":\"aaa\",\"b\":true,\"t\":\"2024-01-02\","
        "\"new\":{\"a\":[false,null,-1.5e+3,\"\\ud83d\\ude00\xc3\xa9\"]},"
        "\"sub\":{\"price\":1},\"l\":[1,2],\"o\":null}";
    CHECK_OK(decode(&bide_model_Many, text, sizeof text - 1));
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *copy = bide_allocate(len + 1); /* so that ASan sees its end */
        memcpy(copy, text, len);
        char *exact = bide_reallocate(copy, len > 0 ? len : 1);
        CHECK_ERR(decode(&bide_model_Many, exact, len), -EINVAL);
        CHECK_ERR(bide_json_check(exact, len), -EINVAL);
        bide_release(exact);
    }
}

TEST(bytes_that_are_no_utf8_are_refused_wherever_they_are)
{
    static const char *const bad[] = {
        "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xff", "\xe2\x82",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t at = 0; at < 40; at++) {
            for (int key = 0; key < 3; key++) {
                char text[200] = "";
                char filling[41];
                memset(filling, 'x', 40);
                filling[at] = '\0';
                const char *rest = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
                static const char *const shapes[] = {
                    "{\"a\":1,\"b\":\"%s%s%s\"}",
                    "{\"%s%s%s\":1,\"a\":1,\"b\":\"\"}",
                    "{\"a\":1,\"b\":\"\",\"n\":[\"%s%s%s\"]}"};
                int len = snprintf(text, sizeof text, shapes[key], filling,
                                   bad[i], rest + at);
                CHECK_ERR(decode(&bide_model_Closed, text, (size_t)len),
                          -EINVAL);
                CHECK(strstr(bide_errmsg(-EINVAL), "Invalid UTF-8") != NULL);
            }
        }
    }
}

TEST(strings_of_any_length_come_through)
{
    for (size_t len = 0; len < 1 << 20; len = len * 5 / 4 + 1) {
        char *text = bide_allocate(2 * len + 40);
        char *p = stpcpy(text, "{\"a\":1,\"b\":\"");
        for (size_t i = 0; i < len; i++)
            p = stpcpy(p, i % 97 == 13 ? "\\t" : i % 31 == 7 ? "\xc3\xa9"
                                                              : "x");
        stpcpy(p, "\"}");
        check_same(&bide_model_Closed, text, text);
        bide_release(text);
    }
}

TEST(doubles_are_written_as_short_as_can_be_and_read_back)
{
    static const struct {
        double number;
        const char *text;
    } rows[] = {
        {0, "0.0"}, {-0.0, "-0.0"}, {1, "1.0"}, {19.99, "19.99"},
        {0.1, "0.1"}, {1e15, "1000000000000000.0"}, {1e16, "1e+16"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {0.0001, "0.0001"}, {1e-5, "1e-05"}, {5e-324, "4.94065645841247e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0.30000000000000004, "0.30000000000000004"},
        {-2.5, "-2.5"}, {100.125, "100.125"},
        {(double)NAN, "null"}, {(double)-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bide_json_writer writer = {0};
        bide_json_number(&writer, rows[i].number);
        CHECK_OK(bide_json_finish(&writer));
        CHECK_STR(writer.text, rows[i].text);
        bide_json_free(&writer);
    }
}

/* Doubles of all sizes, there and back, in a locale with a comma. */
TEST(no_double_is_changed_by_writing_and_reading)
{
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL)
        setlocale(LC_ALL, "C.UTF-8");
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double number;
        if (i % 2 == 0)
            memcpy(&number, &state, sizeof number);
        else
            number = (double)(int64_t)(state >> 20) /
                (double)(1 + (state & 0xffff));
        if (!isfinite(number))
            continue;
        char text[100] = "{\"price\":";
        bide_json_writer writer;
        bide_json_begin_on(&writer, text + 9, sizeof text - 10);
        bide_json_number(&writer, fabs(number));
        CHECK_OK(bide_json_finish(&writer));
        text[9 + writer.len] = '}';
        Sub sub;
        bide_arena arena = {0};
        CHECK_OK(bide_json_decode(&bide_model_Sub, text, 10 + writer.len, &sub,
                                  &arena, NULL));
        CHECK(sub.price == fabs(number));
        bide_arena_free(&arena);
    }
    setlocale(LC_ALL, "C");
}

TEST(a_list_can_be_a_document)
{
    Sub *subs = NULL;
    size_t n = 0;
    bide_arena arena = {0};
    static const char text[] = "[{\"price\":1},{\"price\":2.5}]";
    CHECK_OK(bide_json_decode_list(&bide_model_Sub, text, sizeof text - 1,
                                   &subs, &n, &arena, NULL));
    CHECK_INT(n, 2);
    CHECK(subs[1].price == 2.5);
    bide_json_writer writer = {0};
    bide_json_encode_list(&writer, &bide_model_Sub, subs, n);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_STR(writer.text, "[{\"price\":1.0},{\"price\":2.5}]");
    bide_json_free(&writer);
    int64_t *numbers = NULL;
    CHECK_OK(bide_json_decode_list(&bide_model_i64, "[1,2,3]", 7, &numbers, &n,
                                   &arena, NULL));
    CHECK_INT(n, 3);
    CHECK_INT(numbers[2], 3);
    bide_arena_free(&arena);
}

TEST(an_arena_bounds_what_a_document_may_take)
{
    char text[20000] = "{\"kids\":[{}";
    char *p = text + strlen(text);
    for (int i = 0; i < 3000; i++)
        p = stpcpy(p, ",{}");
    stpcpy(p, "]}");
    Tree tree;
    bide_arena arena = {.max = 64 * 1024};
    CHECK_ERR(bide_json_decode(&bide_model_Tree, text, strlen(text), &tree,
                               &arena, NULL), -ENOMEM);
    bide_arena_free(&arena);
    arena.max = 0;
    CHECK_OK(bide_json_decode(&bide_model_Tree, text, strlen(text), &tree,
                              &arena, NULL));
    CHECK_INT(tree.n_kids, 3001);
    bide_arena_free(&arena);
}

BIDE_MODEL(Slow, BIDE_FIELD(str, s, .pattern = "^(a+)+$"));

TEST(a_pattern_that_takes_for_ever_is_a_mismatch)
{
    static const char text[] =
        "{\"s\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}";
    Slow slow;
    bide_arena arena = {0};
    CHECK_ERR(bide_json_decode(&bide_model_Slow, text, sizeof text - 1, &slow,
                               &arena, NULL), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL),
              "s: String should match pattern '^(a+)+$'");
    bide_arena_free(&arena);
}

TEST(a_value_is_found_by_its_pointer)
{
    static const char text[] =
        " {\"a/b\" : [10, {\"~\": \"x\"}, []], \"\\u0061\": null,\"\":{}}";
    static const struct {
        const char *pointer, *found;
        int code;
    } rows[] = {
        {"/a~1b/0", "10", 0},
        {"/a~1b/1/~0", "\"x\"", 0},
        {"/a~1b/1", "{\"~\": \"x\"}", 0},
        {"/a", "null", 0},
        {"/", "{}", 0},
        {"/a~1b/2/0", NULL, -ENOENT},
        {"/a~1b/3", NULL, -ENOENT},
        {"/a~1b/-", NULL, -ENOENT},
        {"/a~1b/01", NULL, -ENOENT},
        {"/a/b", NULL, -ENOENT},
        {"/c", NULL, -ENOENT},
        {"a", NULL, -EINVAL},
        {"/~2", NULL, -EINVAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bide_bytes found = {0};
        CHECK_INT(bide_json_find(text, sizeof text - 1, rows[i].pointer,
                                 &found), rows[i].code);
        if (rows[i].found != NULL && CHECK_INT(found.len,
                                               strlen(rows[i].found)))
            CHECK_MEM(found.data, rows[i].found, found.len);
    }
    bide_bytes whole;
    CHECK_OK(bide_json_find(text, sizeof text - 1, "", &whole));
    CHECK_INT(whole.len, sizeof text - 2);
    for (size_t len = 0; len < sizeof text - 1; len++)
        CHECK_ERR(bide_json_find(text, len, "/z", &whole), -EINVAL);
}

/* In a task, whose stack is small. */
static int read_the_deepest(void *arg)
{
    (void)arg;
    char *text = nested((BIDE_JSON_DEPTH_MAX - 1) / 2, "{\"kids\":[", "]}");
    Tree tree;
    bide_arena arena = {0};
    bide_json_writer writer = {0};
    CHECK_OK(bide_json_decode(&bide_model_Tree, text, strlen(text), &tree,
                              &arena, NULL));
    CHECK_OK(bide_model_check(&bide_model_Tree, &tree, &arena, NULL));
    bide_json_encode(&writer, &bide_model_Tree, &tree);
    CHECK_OK(bide_json_finish(&writer));
    bide_json_free(&writer);
    bide_arena_free(&arena);
    bide_release(text);
    return 0;
}

TEST(the_deepest_document_fits_the_stack_of_a_task)
{
    CHECK_OK(bide_run(read_the_deepest, NULL));
}

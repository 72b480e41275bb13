/* SPDX-License-Identifier: MIT */
/*
 * Fields from the columns of rows, and as parameters of statements; objects
 * that a program made, checked.
 */
#include <errno.h>
#include <math.h>

#include "shop.h"

BIDE_MODEL(Row,
    BIDE_FIELD(i64, id),
    BIDE_FIELD(i32, small, .le = 10),
    BIDE_FIELD(u64, big),
    BIDE_FIELD(f64, f),
    BIDE_FIELD(bool, b),
    BIDE_FIELD(str, name, .column = "full_name", .min_len = 3),
    BIDE_FIELD(bytes, data),
    BIDE_FIELD(time, at),
    BIDE_FIELD(uuid, key),
    BIDE_FIELD(json, raw),
    BIDE_FIELD(Size, size),
    BIDE_FIELD(optional(i64), maybe),
    BIDE_FIELD(Sub, sub),
    BIDE_FIELD(list(str), tags));

enum {
    ID, SMALL, BIG, F, B, NAME, DATA, AT, KEY, RAW, SIZE, MAYBE, SUB, TAGS,
};

static const bide_uuid uuid = {{0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78,
                                0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56,
                                0x78}};
#define UUID_TEXT "12345678-1234-5678-1234-567812345678"

TEST(a_column_is_found_by_its_name)
{
    CHECK_INT(bide_model_column(&bide_model_Row, "id", 2), ID);
    CHECK_INT(bide_model_column(&bide_model_Row, "full_name!", 9), NAME);
    CHECK_INT(bide_model_column(&bide_model_Row, "name", 4), -ENOENT);
}

static void set(Row *row, size_t field, bide_value value, bide_arena *arena)
{
    CHECK_OK(bide_model_set(&bide_model_Row, row, field, &value, arena));
}

TEST(columns_are_converted_where_nothing_is_lost)
{
    Row row = {0};
    bide_arena arena = {0};
    set(&row, ID, bide_value_i64(INT64_MIN), &arena);
    CHECK_INT(row.id, INT64_MIN);
    set(&row, ID, bide_value_f64(5), &arena);
    CHECK_INT(row.id, 5);
    set(&row, ID, bide_value_text("17"), &arena);
    CHECK_INT(row.id, 17);
    set(&row, SMALL, bide_value_i64(11), &arena); /* limits are not for rows */
    CHECK_INT(row.small, 11);
    set(&row, BIG, bide_value_u64(UINT64_MAX), &arena);
    CHECK(row.big == UINT64_MAX);
    set(&row, F, bide_value_i64(3), &arena);
    CHECK(row.f == 3);
    set(&row, F, bide_value_text("19.99"), &arena);
    CHECK(row.f == 19.99);
    set(&row, B, bide_value_i64(1), &arena);
    CHECK(row.b);
    set(&row, B, bide_value_boolean(false), &arena);
    CHECK(!row.b);
    set(&row, NAME, bide_value_text_len("Adam", 2), &arena);
    CHECK_STR(row.name, "Ad");
    set(&row, DATA, bide_value_blob("a\0b", 3), &arena);
    CHECK_INT(row.data.len, 3);
    CHECK_MEM(row.data.data, "a\0b", 3);
    set(&row, AT, bide_value_time(1700000000.5), &arena);
    CHECK(row.at == 1700000000.5);
    set(&row, AT, bide_value_text("2024-01-02 03:04:05"), &arena);
    CHECK(row.at == 1704164645);
    set(&row, AT, bide_value_i64(1700000000), &arena);
    CHECK(row.at == 1700000000);
    set(&row, KEY, bide_value_text(UUID_TEXT), &arena);
    CHECK_MEM(&row.key, &uuid, sizeof uuid);
    set(&row, KEY, bide_value_blob(uuid.bytes, 16), &arena);
    set(&row, KEY, bide_value_uuid(uuid), &arena);
    CHECK_MEM(&row.key, &uuid, sizeof uuid);
    set(&row, RAW, bide_value_json("{\"a\":1}"), &arena);
    CHECK_STR(row.raw, "{\"a\":1}");
    set(&row, SIZE, bide_value_text("blue"), &arena);
    CHECK_INT(row.size, Size_blue);
    set(&row, MAYBE, bide_value_i64(4), &arena);
    CHECK(row.has_maybe && row.maybe == 4);
    set(&row, MAYBE, bide_value_null(), &arena);
    CHECK(!row.has_maybe);
    set(&row, SUB, bide_value_json("{\"price\":2.5}"), &arena);
    CHECK(row.sub.price == 2.5);
    set(&row, TAGS, bide_value_text("[\"a\",\"b\"]"), &arena);
    CHECK_INT(row.n_tags, 2);
    CHECK_STR(row.tags[1], "b");
    bide_arena_free(&arena);
}

TEST(a_column_that_does_not_fit_is_told)
{
    static const struct {
        size_t field;
        const char *text; /* NULL: no value */
        const char *message;
    } rows[] = {
        {ID, NULL, "Row.id: NULL, but it is not optional"},
        {ID, "x", "Row.id: Input should be a valid integer, unable to parse "
                  "string as an integer"},
        {SMALL, "2147483648",
         "Row.small: Input should be less than or equal to 2147483647"},
        {SIZE, "pink", "Row.size: Input should be 'red', 'green' or 'blue'"},
        {SUB, "{}", "Row.sub.price: Field required"},
        {99, "x", "Row has no field 99 for a column"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Row row = {0};
        bide_arena arena = {0};
        bide_value value = bide_value_text(rows[i].text);
        int rc = bide_model_set(&bide_model_Row, &row, rows[i].field, &value,
                                &arena);
        CHECK_INT(rc, -EINVAL);
        CHECK_STR(bide_errmsg(rc), rows[i].message);
        bide_arena_free(&arena);
    }
}

static bide_value get(const Row *row, size_t field, bide_arena *arena)
{
    bide_value value = bide_value_null();
    CHECK_OK(bide_model_get(&bide_model_Row, row, field, arena, &value));
    return value;
}

static const char *text_of(bide_value value)
{
    return value.as.text.data;
}

TEST(fields_become_parameters)
{
    const char *tags[] = {"a", "b"};
    const Row row = {
        .id = 7, .small = -3, .big = UINT64_MAX, .f = 2.5, .b = true,
        .name = "Ada", .data = {"xyz", 3}, .at = 12.5, .key = uuid,
        .raw = "[1]", .size = Size_green, .sub = {.price = 1.5}, .tags = tags,
        .n_tags = 2};
    bide_arena arena = {0};
    CHECK_INT(get(&row, ID, &arena).as.i64, 7);
    CHECK_INT(get(&row, SMALL, &arena).as.i64, -3);
    CHECK_INT(get(&row, BIG, &arena).type, BIDE_VALUE_U64);
    CHECK(get(&row, F, &arena).as.f64 == 2.5);
    CHECK(get(&row, B, &arena).as.boolean);
    CHECK_STR(text_of(get(&row, NAME, &arena)), "Ada");
    CHECK_INT(get(&row, DATA, &arena).type, BIDE_VALUE_BLOB);
    CHECK(get(&row, AT, &arena).as.time == 12.5);
    CHECK_INT(get(&row, KEY, &arena).type, BIDE_VALUE_UUID);
    CHECK_INT(get(&row, RAW, &arena).type, BIDE_VALUE_JSON);
    CHECK_STR(text_of(get(&row, SIZE, &arena)), "green");
    CHECK_INT(get(&row, MAYBE, &arena).type, BIDE_VALUE_NULL);
    CHECK_STR(text_of(get(&row, SUB, &arena)), "{\"price\":1.5}");
    CHECK_STR(text_of(get(&row, TAGS, &arena)), "[\"a\",\"b\"]");
    bide_arena_free(&arena);
}

TEST(an_object_that_a_program_made_is_checked)
{
    const char *tags[] = {"a", NULL};
    Row row = {.small = 10, .name = "Ada", .raw = "{}", .tags = tags,
               .n_tags = 1, .sub = {.price = 1}};
    bide_arena arena = {0};
    bide_faults faults = {0};
    CHECK_OK(bide_model_check(&bide_model_Row, &row, &arena, &faults));
    row = (Row){.small = 11, .name = "Al", .raw = "{", .size = (Size)7,
                .tags = tags, .n_tags = 2};
    CHECK_ERR(bide_model_check(&bide_model_Row, &row, &arena, &faults),
              -EINVAL);
    bide_json_writer writer = {0};
    bide_faults_write(&writer, &faults);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_STR(writer.text,
              "[{\"type\":\"less_than_equal\",\"loc\":[\"small\"],\"msg\":"
              "\"Input should be less than or equal to 10\",\"input\":11,"
              "\"ctx\":{\"le\":10}},"
              "{\"type\":\"string_too_short\",\"loc\":[\"name\"],\"msg\":"
              "\"String should have at least 3 characters\",\"input\":\"Al\","
              "\"ctx\":{\"min_length\":3}},"
              "{\"type\":\"json_invalid\",\"loc\":[\"raw\"],\"msg\":"
              "\"Invalid JSON: not JSON\",\"input\":null,\"ctx\":{\"error\":"
              "\"not JSON\"}},"
              "{\"type\":\"enum\",\"loc\":[\"size\"],\"msg\":\"Input should "
              "be a value of Size\",\"input\":null},"
              "{\"type\":\"greater_than\",\"loc\":[\"sub\",\"price\"],\"msg\":"
              "\"Input should be greater than 0\",\"input\":0.0,\"ctx\":"
              "{\"gt\":0.0}},"
              "{\"type\":\"string_type\",\"loc\":[\"tags\",1],\"msg\":\"Input "
              "should be a valid string\",\"input\":null}]");
    bide_json_free(&writer);
    bide_arena_free(&arena);
}

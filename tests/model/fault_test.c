/* SPDX-License-Identifier: MIT */
/*
 * What is refused, and how it is told: what FastAPI 0.165 with pydantic 2.14
 * answers for the same models, word for word.
 */
#include <errno.h>
#include <stdio.h>

#include "shop.h"

struct row {
    const char *text;
    const char *detail;
};

static const struct row values[] = {
    {"{\"i\":4.5}",
     "[{\"type\":\"int_from_float\",\"loc\":[\"body\",\"i\"],\"msg\":\"Input"
     " should be a valid integer, got a number with a fractional "
     "part\",\"input\":4.5}]"},
    {"{\"i\":\"x\"}",
     "[{\"type\":\"int_parsing\",\"loc\":[\"body\",\"i\"],\"msg\":\"Input "
     "should be a valid integer, unable to parse string as an "
     "integer\",\"input\":\"x\"}]"},
    {"{\"i\":null}",
     "[{\"type\":\"int_type\",\"loc\":[\"body\",\"i\"],\"msg\":\"Input "
     "should be a valid integer\",\"input\":null}]"},
    {"{\"i\":0}",
     "[{\"type\":\"greater_than_equal\",\"loc\":[\"body\",\"i\"],\"msg\":\"I"
     "nput should be greater than or equal to "
     "1\",\"input\":0,\"ctx\":{\"ge\":1}}]"},
    {"{\"i\":10}",
     "[{\"type\":\"less_than\",\"loc\":[\"body\",\"i\"],\"msg\":\"Input "
     "should be less than 10\",\"input\":10,\"ctx\":{\"lt\":10}}]"},
    {"{\"i\":3}",
     "[{\"type\":\"multiple_of\",\"loc\":[\"body\",\"i\"],\"msg\":\"Input "
     "should be a multiple of 2\",\"input\":3,\"ctx\":{\"multiple_of\":2}}]"},
    {"{\"f\":\"x\"}",
     "[{\"type\":\"float_parsing\",\"loc\":[\"body\",\"f\"],\"msg\":\"Input "
     "should be a valid number, unable to parse string as a "
     "number\",\"input\":\"x\"}]"},
    {"{\"f\":null}",
     "[{\"type\":\"float_type\",\"loc\":[\"body\",\"f\"],\"msg\":\"Input "
     "should be a valid number\",\"input\":null}]"},
    {"{\"f\":0}",
     "[{\"type\":\"greater_than\",\"loc\":[\"body\",\"f\"],\"msg\":\"Input "
     "should be greater than 0\",\"input\":0,\"ctx\":{\"gt\":0.0}}]"},
    {"{\"f\":11}",
     "[{\"type\":\"less_than_equal\",\"loc\":[\"body\",\"f\"],\"msg\":\"Inpu"
     "t should be less than or equal to "
     "10.5\",\"input\":11,\"ctx\":{\"le\":10.5}}]"},
    {"{\"f\":0.75}",
     "[{\"type\":\"multiple_of\",\"loc\":[\"body\",\"f\"],\"msg\":\"Input "
     "should be a multiple of "
     "0.5\",\"input\":0.75,\"ctx\":{\"multiple_of\":0.5}}]"},
    {"{\"s\":\"a\"}",
     "[{\"type\":\"string_too_short\",\"loc\":[\"body\",\"s\"],\"msg\":\"Str"
     "ing should have at least 2 "
     "characters\",\"input\":\"a\",\"ctx\":{\"min_length\":2}}]"},
    {"{\"s\":\"aaaaa\"}",
     "[{\"type\":\"string_too_long\",\"loc\":[\"body\",\"s\"],\"msg\":\"Stri"
     "ng should have at most 4 "
     "characters\",\"input\":\"aaaaa\",\"ctx\":{\"max_length\":4}}]"},
    {"{\"s\":\"ab\"}",
     "[{\"type\":\"string_pattern_mismatch\",\"loc\":[\"body\",\"s\"],\"msg"
     "\":\"String should match pattern "
     "'^a+$'\",\"input\":\"ab\",\"ctx\":{\"pattern\":\"^a+$\"}}]"},
    {"{\"s\":1}",
     "[{\"type\":\"string_type\",\"loc\":[\"body\",\"s\"],\"msg\":\"Input "
     "should be a valid string\",\"input\":1}]"},
    {"{\"s\":{\"a\":1}}",
     "[{\"type\":\"string_type\",\"loc\":[\"body\",\"s\"],\"msg\":\"Input "
     "should be a valid string\",\"input\":{\"a\":1}}]"},
    {"{\"s1\":\"\"}",
     "[{\"type\":\"string_too_short\",\"loc\":[\"body\",\"s1\"],\"msg\":\"St"
     "ring should have at least 1 "
     "character\",\"input\":\"\",\"ctx\":{\"min_length\":1}}]"},
    {"{\"s1\":\"ab\"}",
     "[{\"type\":\"string_too_long\",\"loc\":[\"body\",\"s1\"],\"msg\":\"Str"
     "ing should have at most 1 "
     "character\",\"input\":\"ab\",\"ctx\":{\"max_length\":1}}]"},
    {"{\"b\":2}",
     "[{\"type\":\"bool_parsing\",\"loc\":[\"body\",\"b\"],\"msg\":\"Input "
     "should be a valid boolean, unable to interpret input\",\"input\":2}]"},
    {"{\"b\":\"x\"}",
     "[{\"type\":\"bool_parsing\",\"loc\":[\"body\",\"b\"],\"msg\":\"Input "
     "should be a valid boolean, unable to interpret "
     "input\",\"input\":\"x\"}]"},
    {"{\"b\":0.5}",
     "[{\"type\":\"bool_type\",\"loc\":[\"body\",\"b\"],\"msg\":\"Input "
     "should be a valid boolean\",\"input\":0.5}]"},
    {"{\"b\":null}",
     "[{\"type\":\"bool_type\",\"loc\":[\"body\",\"b\"],\"msg\":\"Input "
     "should be a valid boolean\",\"input\":null}]"},
    {"{\"t\":\"x\"}",
     "[{\"type\":\"datetime_from_date_parsing\",\"loc\":[\"body\",\"t\"],\"m"
     "sg\":\"Input should be a valid datetime or date, input is too "
     "short\",\"input\":\"x\",\"ctx\":{\"error\":\"input is too short\"}}]"},
    {"{\"t\":\"2024-13-02T03:04:05Z\"}",
     "[{\"type\":\"datetime_from_date_parsing\",\"loc\":[\"body\",\"t\"],\"m"
     "sg\":\"Input should be a valid datetime or date, month value is "
     "outside expected range of "
     "1-12\",\"input\":\"2024-13-02T03:04:05Z\",\"ctx\":{\"error\":\"month "
     "value is outside expected range of 1-12\"}}]"},
    {"{\"t\":\"2024-02-30T03:04:05Z\"}",
     "[{\"type\":\"datetime_from_date_parsing\",\"loc\":[\"body\",\"t\"],\"m"
     "sg\":\"Input should be a valid datetime or date, day value is outside "
     "expected range\",\"input\":\"2024-02-30T03:04:05Z\",\"ctx\":{\"error\""
     ":\"day value is outside expected range\"}}]"},
    {"{\"t\":\"2024-01-02T03:04:05Zx\"}",
     "[{\"type\":\"datetime_from_date_parsing\",\"loc\":[\"body\",\"t\"],\"m"
     "sg\":\"Input should be a valid datetime or date, unexpected extra "
     "characters at the end of the "
     "input\",\"input\":\"2024-01-02T03:04:05Zx\",\"ctx\":{\"error\":\"unexp"
     "ected extra characters at the end of the input\"}}]"},
    {"{\"t\":\"2024/01/02T03:04:05Z\"}",
     "[{\"type\":\"datetime_from_date_parsing\",\"loc\":[\"body\",\"t\"],\"m"
     "sg\":\"Input should be a valid datetime or date, invalid date "
     "separator, expected `-`\",\"input\":\"2024/01/02T03:04:05Z\",\"ctx\":{"
     "\"error\":\"invalid date separator, expected `-`\"}}]"},
    {"{\"t\":\"2024-01-02T03\"}",
     "[{\"type\":\"datetime_from_date_parsing\",\"loc\":[\"body\",\"t\"],\"m"
     "sg\":\"Input should be a valid datetime or date, unexpected extra "
     "characters at the end of the "
     "input\",\"input\":\"2024-01-02T03\",\"ctx\":{\"error\":\"unexpected "
     "extra characters at the end of the input\"}}]"},
    {"{\"u\":\"x\"}",
     "[{\"type\":\"uuid_parsing\",\"loc\":[\"body\",\"u\"],\"msg\":\"Input "
     "should be a valid UUID, invalid character: found `x` at "
     "0\",\"input\":\"x\",\"ctx\":{\"error\":\"invalid character: found `x` "
     "at 0\"}}]"},
    {"{\"u\":\"12345678-1234-5678-1234-56781234567\"}",
     "[{\"type\":\"uuid_parsing\",\"loc\":[\"body\",\"u\"],\"msg\":\"Input "
     "should be a valid UUID, invalid group length in group 4: expected 12, "
     "found 11\",\"input\":\"12345678-1234-5678-1234-56781234567\",\"ctx\":{"
     "\"error\":\"invalid group length in group 4: expected 12, found "
     "11\"}}]"},
    {"{\"u\":\"12345678-1234-5678-1234-56781234567x\"}",
     "[{\"type\":\"uuid_parsing\",\"loc\":[\"body\",\"u\"],\"msg\":\"Input "
     "should be a valid UUID, invalid character: found `x` at "
     "35\",\"input\":\"12345678-1234-5678-1234-56781234567x\",\"ctx\":{\"err"
     "or\":\"invalid character: found `x` at 35\"}}]"},
    {"{\"u\":\"1234567-81234-5678-1234-567812345678\"}",
     "[{\"type\":\"uuid_parsing\",\"loc\":[\"body\",\"u\"],\"msg\":\"Input "
     "should be a valid UUID, invalid group length in group 0: expected 8, "
     "found 7\",\"input\":\"1234567-81234-5678-1234-567812345678\",\"ctx\":{"
     "\"error\":\"invalid group length in group 0: expected 8, found 7\"}}]"},
    {"{\"u\":1}",
     "[{\"type\":\"uuid_type\",\"loc\":[\"body\",\"u\"],\"msg\":\"UUID "
     "input should be a string, bytes or UUID object\",\"input\":1}]"},
    {"{\"u\":\"12345678-1234-5678-1234567812345678\"}",
     "[{\"type\":\"uuid_parsing\",\"loc\":[\"body\",\"u\"],\"msg\":\"Input "
     "should be a valid UUID, invalid group count: expected 5, found "
     "4\",\"input\":\"12345678-1234-5678-1234567812345678\",\"ctx\":{\"error"
     "\":\"invalid group count: expected 5, found 4\"}}]"},
    {"{\"e\":\"pink\"}",
     "[{\"type\":\"enum\",\"loc\":[\"body\",\"e\"],\"msg\":\"Input should "
     "be 'red', 'green' or 'blue'\",\"input\":\"pink\",\"ctx\":{\"expected\""
     ":\"'red', 'green' or 'blue'\"}}]"},
    {"{\"e\":\"RED\"}",
     "[{\"type\":\"enum\",\"loc\":[\"body\",\"e\"],\"msg\":\"Input should "
     "be 'red', 'green' or 'blue'\",\"input\":\"RED\",\"ctx\":{\"expected\":"
     "\"'red', 'green' or 'blue'\"}}]"},
    {"{\"y\":1}",
     "[{\"type\":\"bytes_type\",\"loc\":[\"body\",\"y\"],\"msg\":\"Input "
     "should be a valid bytes\",\"input\":1}]"},
    {"{\"by\":\"\"}",
     "[{\"type\":\"bytes_too_short\",\"loc\":[\"body\",\"by\"],\"msg\":\"Dat"
     "a should have at least 1 "
     "byte\",\"input\":\"\",\"ctx\":{\"min_length\":1}}]"},
    {"{\"l\":[]}",
     "[{\"type\":\"too_short\",\"loc\":[\"body\",\"l\"],\"msg\":\"List "
     "should have at least 1 item after validation, not "
     "0\",\"input\":[],\"ctx\":{\"field_type\":\"List\",\"min_length\":1,\"a"
     "ctual_length\":0}}]"},
    {"{\"l\":[1,2,3]}",
     "[{\"type\":\"too_long\",\"loc\":[\"body\",\"l\"],\"msg\":\"List "
     "should have at most 2 items after validation, not "
     "3\",\"input\":[1,2,3],\"ctx\":{\"field_type\":\"List\",\"max_length\":"
     "2,\"actual_length\":3}}]"},
    {"{\"l\":[1,\"x\"]}",
     "[{\"type\":\"int_parsing\",\"loc\":[\"body\",\"l\",1],\"msg\":\"Input "
     "should be a valid integer, unable to parse string as an "
     "integer\",\"input\":\"x\"}]"},
    {"{\"l\":1}",
     "[{\"type\":\"list_type\",\"loc\":[\"body\",\"l\"],\"msg\":\"Input "
     "should be a valid list\",\"input\":1}]"},
    {"{\"l\":[\"x\",null,2]}",
     "[{\"type\":\"too_long\",\"loc\":[\"body\",\"l\"],\"msg\":\"List "
     "should have at most 2 items after validation, not "
     "3\",\"input\":[\"x\",null,2],\"ctx\":{\"field_type\":\"List\",\"max_le"
     "ngth\":2,\"actual_length\":3}}]"},
    {"{\"l2\":[1]}",
     "[{\"type\":\"too_short\",\"loc\":[\"body\",\"l2\"],\"msg\":\"List "
     "should have at least 2 items after validation, not "
     "1\",\"input\":[1],\"ctx\":{\"field_type\":\"List\",\"min_length\":2,\""
     "actual_length\":1}}]"},
    {"{\"sub\":{}}",
     "[{\"type\":\"missing\",\"loc\":[\"body\",\"sub\",\"price\"],\"msg\":\""
     "Field required\",\"input\":{}}]"},
    {"{\"sub\":1}",
     "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\",\"sub\"],\"msg"
     "\":\"Input should be a valid dictionary or object to extract fields "
     "from\",\"input\":1}]"},
    {"{\"sub\":{\"price\":0}}",
     "[{\"type\":\"greater_than\",\"loc\":[\"body\",\"sub\",\"price\"],\"msg"
     "\":\"Input should be greater than "
     "0\",\"input\":0,\"ctx\":{\"gt\":0.0}}]"},
    {"{\"subs\":[{\"price\":1},{},3,{\"price\":-1}]}",
     "[{\"type\":\"missing\",\"loc\":[\"body\",\"subs\",1,\"price\"],\"msg\""
     ":\"Field required\",\"input\":{}},{\"type\":\"model_attributes_type\","
     "\"loc\":[\"body\",\"subs\",2],\"msg\":\"Input should be a valid "
     "dictionary or object to extract fields "
     "from\",\"input\":3},{\"type\":\"greater_than\",\"loc\":[\"body\",\"sub"
     "s\",3,\"price\"],\"msg\":\"Input should be greater than "
     "0\",\"input\":-1,\"ctx\":{\"gt\":0.0}}]"},
    {"{\"o\":\"x\"}",
     "[{\"type\":\"int_parsing\",\"loc\":[\"body\",\"o\"],\"msg\":\"Input "
     "should be a valid integer, unable to parse string as an "
     "integer\",\"input\":\"x\"}]"},
    {"{\"f\":-1,\"i\":0,\"zzz\":1}",
     "[{\"type\":\"greater_than_equal\",\"loc\":[\"body\",\"i\"],\"msg\":\"I"
     "nput should be greater than or equal to "
     "1\",\"input\":0,\"ctx\":{\"ge\":1}},{\"type\":\"greater_than\",\"loc\""
     ":[\"body\",\"f\"],\"msg\":\"Input should be greater than "
     "0\",\"input\":-1,\"ctx\":{\"gt\":0.0}}]"},
};

static const struct row objects[] = {
    {"{\"b\":1,\"zzz\":1,\"yyy\":2}",
     "[{\"type\":\"missing\",\"loc\":[\"body\",\"a\"],\"msg\":\"Field "
     "required\",\"input\":{\"b\":1,\"zzz\":1,\"yyy\":2}},{\"type\":\"string"
     "_type\",\"loc\":[\"body\",\"b\"],\"msg\":\"Input should be a valid "
     "string\",\"input\":1},{\"type\":\"extra_forbidden\",\"loc\":[\"body\","
     "\"zzz\"],\"msg\":\"Extra inputs are not "
     "permitted\",\"input\":1},{\"type\":\"extra_forbidden\",\"loc\":[\"body"
     "\",\"yyy\"],\"msg\":\"Extra inputs are not permitted\",\"input\":2}]"},
    {"1",
     "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Inpu"
     "t should be a valid dictionary or object to extract fields "
     "from\",\"input\":1}]"},
    {"[]",
     "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Inpu"
     "t should be a valid dictionary or object to extract fields "
     "from\",\"input\":[]}]"},
};

static const struct {
    const char *text;
    int at;
    const char *error;
} syntax[] = {
    {"{", 1, "Expecting property name enclosed in double quotes"},
    {"{\"a\"", 4, "Expecting ':' delimiter"},
    {"{\"a\":", 5, "Expecting value"},
    {"{\"a\":1", 6, "Expecting ',' delimiter"},
    {"{\"a\":1,", 7, "Expecting property name enclosed in double quotes"},
    {"{a:1}", 1, "Expecting property name enclosed in double quotes"},
    {"[1,]", 3, "Expecting value"},
    {"[1 2]", 3, "Expecting ',' delimiter"},
    {"{\"a\":tru}", 5, "Expecting value"},
    {"{\"a\":\"x", 5, "Unterminated string starting at"},
    {"{\"a\":\"\\x\"}", 6, "Invalid \\escape"},
    {"{\"a\":\"\\u12\"}", 7, "Invalid \\uXXXX escape"},
    {"{\"a\":\"\n\"}", 6, "Invalid control character at"},
    {"{\"a\":1} x", 8, "Extra data"},
    {"01", 1, "Extra data"},
    {"{\"a\":01}", 6, "Expecting ',' delimiter"},
    {"{\"a\":1.}", 6, "Expecting ',' delimiter"},
    {"{\"a\":.5}", 5, "Expecting value"},
    {"{\"a\":-}", 5, "Expecting value"},
    {"{\"é\":tru}", 5, "Expecting value"},
    {"{\"a\":+1}", 5, "Expecting value"},
    {"{\"a\":1e}", 6, "Expecting ',' delimiter"},
    {"{\"a\" 1}", 5, "Expecting ':' delimiter"},
    {"\"\\", 0, "Unterminated string starting at"},
};

static void check_rows(const bide_model *model, const struct row *rows,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bide_json_writer writer;
        CHECK_ERR(read_and_write(model, rows[i].text, strlen(rows[i].text),
                                 &writer), -EINVAL);
        CHECK_STR(writer.text, rows[i].detail);
        bide_json_free(&writer);
    }
}

TEST(a_value_that_is_wrong_is_told_as_pydantic_tells_it)
{
    check_rows(&bide_model_Many, values, sizeof values / sizeof values[0]);
}

TEST(an_object_that_is_wrong_is_told_in_the_order_of_its_fields)
{
    check_rows(&bide_model_Closed, objects,
               sizeof objects / sizeof objects[0]);
}

TEST(what_is_no_json_is_told_where_python_tells_it)
{
    for (size_t i = 0; i < sizeof syntax / sizeof syntax[0]; i++) {
        bide_json_writer writer, expected = {0};
        CHECK_ERR(read_and_write(&bide_model_Closed, syntax[i].text,
                                 strlen(syntax[i].text), &writer), -EINVAL);
        char head[200];
        snprintf(head, sizeof head, "[{\"type\":\"json_invalid\",\"loc\":"
                 "[\"body\",%d],\"msg\":\"JSON decode error\",\"input\":{},"
                 "\"ctx\":{\"error\":", syntax[i].at);
        CHECK_INT(strncmp(writer.text, head, strlen(head)), 0);
        bide_json_string(&expected, syntax[i].error);
        CHECK_OK(bide_json_finish(&expected));
        CHECK_INT(strncmp(writer.text + strlen(head), expected.text,
                          expected.len), 0);
        CHECK_STR(writer.text + strlen(head) + expected.len, "}}]");
        bide_json_free(&writer);
        bide_json_free(&expected);
    }
}

TEST(the_message_of_the_code_is_the_first_fault)
{
    Many many;
    bide_arena arena = {0};
    static const char text[] = "{\"subs\":[{\"price\":1},{}],\"i\":10}";
    int rc = bide_json_decode(&bide_model_Many, text, sizeof text - 1, &many,
                              &arena, NULL);
    CHECK_STR(bide_errmsg(rc), "subs.1.price: Field required");
    bide_faults faults = {0};
    rc = bide_json_decode(&bide_model_Many, text, sizeof text - 1, &many,
                          &arena, &faults);
    CHECK_STR(bide_errmsg(rc), "i: Input should be less than 10");
    CHECK_INT(faults.count, 2);
    CHECK_STR(faults.first->type, "less_than");
    CHECK_STR(faults.first->next->loc[0].name, "subs");
    CHECK_INT(faults.first->next->loc[1].index, 1);
    bide_arena_free(&arena);
}

TEST(no_more_faults_are_kept_than_asked_for)
{
    char text[4096] = "{\"subs\":[0";
    for (int i = 0; i < 500; i++)
        strcat(text, ",0");
    strcat(text, "]}");
    bide_arena arena = {0};
    bide_faults faults = {0};
    Many many;
    CHECK_ERR(bide_json_decode(&bide_model_Many, text, strlen(text), &many,
                               &arena, &faults), -EINVAL);
    CHECK_INT(faults.count, 100);
    faults = (bide_faults){.max = 3};
    CHECK_ERR(bide_json_decode(&bide_model_Many, text, strlen(text), &many,
                               &arena, &faults), -EINVAL);
    CHECK_INT(faults.count, 3);
    bide_arena_free(&arena);
}

TEST(a_long_input_is_not_repeated)
{
    char text[3000] = "{\"i\":\"";
    memset(text + strlen(text), 'x', 2000);
    strcat(text, "\"}");
    bide_json_writer writer;
    CHECK_ERR(read_and_write(&bide_model_Many, text, strlen(text), &writer),
              -EINVAL);
    CHECK(writer.len < 300);
    CHECK(strstr(writer.text, "\"input\"") == NULL);
    bide_json_free(&writer);
}

TEST(a_fault_of_the_program_joins_the_others)
{
    bide_arena arena = {0};
    bide_faults faults = {0};
    const bide_place loc[] = {{"body", 0}, {"email", 0}};
    const bide_fault fault = {.type = "taken", .msg = "Is in use already",
                              .input = "\"a@b\"", .loc = loc, .n_loc = 2};
    CHECK_OK(bide_faults_add(&faults, &arena, &fault));
    bide_json_writer writer = {0};
    bide_faults_write(&writer, &faults);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_STR(writer.text,
              "[{\"type\":\"taken\",\"loc\":[\"body\",\"email\"],\"msg\":"
              "\"Is in use already\",\"input\":\"a@b\"}]");
    bide_json_free(&writer);
    bide_arena_free(&arena);
}

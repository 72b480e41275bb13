/* SPDX-License-Identifier: MIT */
/*
 * Schemas, and descriptions that are refused; documents made value by value.
 */
#include <errno.h>

#include "shop.h"

BIDE_MODEL(Documented,
    BIDE_OPTIONS(.doc = "What a shop sells", .title = "Ware"),
    BIDE_FIELD(str, full_name, .min_len = 1, .max_len = 80,
               .pattern = "^\\S", .doc = "What it is called", .example = "Tea"),
    BIDE_FIELD(i64, qty, .def = "2", .ge = 1, .lt = 100, .multiple_of = 2),
    BIDE_FIELD(f64, price, .gt = 0.5, .deprecated = true),
    BIDE_FIELD(optional(time), at, .title = "When"),
    BIDE_FIELD(list(Size), sizes, .min_items = 1, .max_items = 3),
    BIDE_FIELD(Size, size, .def = "red"),
    BIDE_FIELD(Sub, sub),
    BIDE_FIELD(bytes, data, .read_only = true),
    BIDE_FIELD(str, secret, .hidden = true, .def = "x"),
    BIDE_FIELD(optional(list(Documented)), more));

TEST(a_schema_says_all_of_a_description)
{
    const bide_model *models[] = {&bide_model_Documented, &bide_model_Sub};
    bide_json_writer writer = {0};
    bide_models_schemas(&writer, models, 2);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_STR(
        writer.text,
        "{\"Documented\":{\"properties\":{"
        "\"full_name\":{\"type\":\"string\",\"maxLength\":80,\"minLength\":1,"
        "\"pattern\":\"^\\\\S\",\"title\":\"Full Name\",\"description\":"
        "\"What it is called\",\"examples\":[\"Tea\"]},"
        "\"qty\":{\"type\":\"integer\",\"format\":\"int64\","
        "\"exclusiveMaximum\":100,\"minimum\":1,\"multipleOf\":2,\"title\":"
        "\"Qty\",\"default\":2},"
        "\"price\":{\"type\":\"number\",\"exclusiveMinimum\":0.5,\"title\":"
        "\"Price\",\"deprecated\":true},"
        "\"at\":{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},"
        "{\"type\":\"null\"}],\"title\":\"When\"},"
        "\"sizes\":{\"items\":{\"$ref\":\"#/components/schemas/Size\"},"
        "\"type\":\"array\",\"maxItems\":3,\"minItems\":1,\"title\":\"Sizes\"}"
        ",\"size\":{\"$ref\":\"#/components/schemas/Size\",\"default\":"
        "\"red\"},"
        "\"sub\":{\"$ref\":\"#/components/schemas/Sub\"},"
        "\"data\":{\"type\":\"string\",\"format\":\"base64\",\"title\":"
        "\"Data\",\"readOnly\":true},"
        "\"more\":{\"anyOf\":[{\"items\":{\"$ref\":"
        "\"#/components/schemas/Documented\"},\"type\":\"array\"},{\"type\":"
        "\"null\"}],\"title\":\"More\"}},"
        "\"type\":\"object\",\"required\":[\"full_name\",\"price\",\"sizes\","
        "\"sub\"],\"title\":\"Ware\",\"description\":\"What a shop sells\"},"
        "\"Sub\":{\"properties\":{\"price\":{\"type\":\"number\","
        "\"exclusiveMinimum\":0.0,\"title\":\"Price\"}},\"type\":\"object\","
        "\"required\":[\"price\"],\"title\":\"Sub\"},"
        "\"Size\":{\"type\":\"string\",\"enum\":[\"red\",\"green\",\"blue\"],"
        "\"title\":\"Size\"}}");
    bide_json_free(&writer);
}

TEST(a_closed_model_says_so)
{
    bide_json_writer writer = {0};
    bide_model_schema(&writer, &bide_model_Closed);
    CHECK_OK(bide_json_finish(&writer));
    CHECK(strstr(writer.text, "\"additionalProperties\":false") != NULL);
    bide_json_free(&writer);
}

BIDE_MODEL(Query, BIDE_QUERY(i64, page, .def = "1", .ge = 1),
           BIDE_BODY(Sub, sub));

TEST(an_input_gives_the_schemas_of_its_parameters)
{
    const bide_model *models[] = {&bide_model_Query};
    bide_json_writer writer = {0};
    bide_field_schema(&writer, &bide_model_Query, 0);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_STR(writer.text, "{\"type\":\"integer\",\"format\":\"int64\","
                           "\"minimum\":1,\"title\":\"Page\",\"default\":1}");
    bide_json_reset(&writer);
    bide_models_schemas(&writer, models, 1);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_INT(strncmp(writer.text, "{\"Sub\":", 7), 0);
    bide_json_reset(&writer);
    bide_field_schema(&writer, &bide_model_Query, 2);
    CHECK_ERR(bide_json_finish(&writer), -EINVAL);
    bide_json_free(&writer);
}

BIDE_MODEL(Twice, BIDE_FIELD(i64, a), BIDE_FIELD(i64, b, .name = "a"));
BIDE_MODEL(BadDefault, BIDE_FIELD(i64, a, .def = "0", .ge = 1));
BIDE_MODEL(BadPattern, BIDE_FIELD(str, a, .pattern = "("));
BIDE_MODEL(BadLimit, BIDE_FIELD(str, a, .gt = 0));
BIDE_MODEL(BadLength, BIDE_FIELD(i64, a, .max_len = 3));
BIDE_MODEL(BadItems, BIDE_FIELD(i64, a, .max_items = 3));
BIDE_MODEL(BadPlace, BIDE_QUERY(Sub, a));
BIDE_MODEL(BadInside, BIDE_FIELD(list(BadLimit), a));

TEST(a_description_with_a_mistake_is_refused_by_its_name)
{
    static const struct {
        const bide_model *model;
        const char *message;
    } rows[] = {
        {&bide_model_Twice, "Twice.b: the name 'a' is also that of a"},
        {&bide_model_BadDefault, "BadDefault.a: the default '0': Input should "
                                 "be greater than or equal to 1"},
        {&bide_model_BadPattern,
         "pattern '(', at 1: missing closing parenthesis"},
        {&bide_model_BadLimit,
         "BadLimit.a: gt, ge, lt, le and multiple_of are for numbers"},
        {&bide_model_BadLength,
         "BadLength.a: min_len and max_len are for str and bytes"},
        {&bide_model_BadItems,
         "BadItems.a: min_items and max_items are for lists"},
        {&bide_model_BadPlace,
         "BadPlace.a: a model can only come from the body"},
        {&bide_model_BadInside,
         "BadLimit.a: gt, ge, lt, le and multiple_of are for numbers"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int rc = bide_model_prepare(rows[i].model);
        CHECK_INT(rc, -EINVAL);
        CHECK_STR(bide_errmsg(rc), rows[i].message);
    }
}

/* ── The writer ───────────────────────────────────────────────────────── */

TEST(a_document_is_made_value_by_value)
{
    char memory[16]; /* too small: it goes on elsewhere */
    bide_json_writer writer;
    bide_json_begin_on(&writer, memory, sizeof memory);
    bide_json_begin_object(&writer);
    bide_json_key(&writer, "a\"b");
    bide_json_begin_array(&writer);
    bide_json_integer(&writer, -1);
    bide_json_unsigned(&writer, UINT64_MAX);
    bide_json_number(&writer, 0.5);
    bide_json_boolean(&writer, true);
    bide_json_null(&writer);
    bide_json_string(&writer, NULL);
    bide_json_string_len(&writer, "\0\x1f\x7f/\\", 5);
    bide_json_string(&writer, "\xc3\xa9\xff");
    bide_json_raw(&writer, "[]", 2);
    bide_json_begin_object(&writer);
    bide_json_end_object(&writer);
    bide_json_end_array(&writer);
    bide_json_key(&writer, "");
    bide_json_encode(&writer, &bide_model_Sub, &(Sub){.price = 2});
    bide_json_end_object(&writer);
    CHECK_OK(bide_json_finish(&writer));
    CHECK_STR(writer.text,
              "{\"a\\\"b\":[-1,18446744073709551615,0.5,true,null,null,"
              "\"\\u0000\\u001f\x7f/\\\\\",\"\xc3\xa9\xef\xbf\xbd\",[],{}],"
              "\"\":{\"price\":2.0}}");
    CHECK_OK(bide_json_check(writer.text, writer.len));
    bide_json_free(&writer);
}

static void value_without_key(bide_json_writer *writer)
{
    bide_json_begin_object(writer);
    bide_json_null(writer);
}

static void key_without_value(bide_json_writer *writer)
{
    bide_json_begin_object(writer);
    bide_json_key(writer, "a");
    bide_json_end_object(writer);
}

static void key_in_array(bide_json_writer *writer)
{
    bide_json_begin_array(writer);
    bide_json_key(writer, "a");
}

static void wrong_end(bide_json_writer *writer)
{
    bide_json_begin_array(writer);
    bide_json_end_object(writer);
}

static void no_end(bide_json_writer *writer)
{
    bide_json_begin_array(writer);
}

static void two_documents(bide_json_writer *writer)
{
    bide_json_null(writer);
    bide_json_null(writer);
}

static void nothing(bide_json_writer *writer)
{
    (void)writer;
}

static void too_deep(bide_json_writer *writer)
{
    for (int i = 0; i <= BIDE_JSON_DEPTH_MAX; i++)
        bide_json_begin_array(writer);
    for (int i = 0; i <= BIDE_JSON_DEPTH_MAX; i++)
        bide_json_end_array(writer);
}

TEST(a_writer_that_is_misused_says_so_at_the_end)
{
    void (*const misuses[])(bide_json_writer *) = {
        value_without_key, key_without_value, key_in_array, wrong_end,
        no_end, two_documents, nothing, too_deep,
    };
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        bide_json_writer writer = {0};
        misuses[i](&writer);
        CHECK_ERR(bide_json_finish(&writer), -EINVAL);
        bide_json_reset(&writer);
        bide_json_null(&writer);
        CHECK_OK(bide_json_finish(&writer));
        CHECK_STR(writer.text, "null");
        bide_json_free(&writer);
    }
}

TEST(a_document_is_no_longer_than_its_maximum)
{
    bide_json_writer writer = {.max = 100};
    bide_json_begin_array(&writer);
    for (int i = 0; i < 1000; i++)
        bide_json_integer(&writer, i);
    bide_json_end_array(&writer);
    CHECK_ERR(bide_json_finish(&writer), -EMSGSIZE);
    CHECK(writer.len < 2000);
    bide_json_free(&writer);
}

TEST(a_struct_that_leads_to_itself_is_no_document)
{
    Tree tree = {.n_kids = 1};
    tree.kids = &tree;
    bide_json_writer writer = {0};
    bide_json_encode(&writer, &bide_model_Tree, &tree);
    CHECK_ERR(bide_json_finish(&writer), -EINVAL);
    bide_json_free(&writer);
}

/* SPDX-License-Identifier: MIT */
/*
 * Parameters of a request: what comes from its path, query, headers, cookies,
 * form and body. Faults are those that FastAPI 0.165 gives.
 */
#include <errno.h>

#include "shop.h"

struct bide_dependency {
    int unused;
};

typedef struct Database Database;
static const struct bide_dependency transaction;

BIDE_MODEL(Input,
    BIDE_PATH(i64, p, .ge = 1),
    BIDE_QUERY(i64, q),
    BIDE_QUERY(list(i64), qs, .max_items = 3),
    BIDE_QUERY(optional(f64), o),
    BIDE_QUERY(bool, b, .def = "false"),
    BIDE_QUERY(Size, size, .def = "green"),
    BIDE_HEADER(str, x_token),
    BIDE_COOKIE(str, ck),
    BIDE_BODY(Sub, sub),
    BIDE_DEP(Database, db, transaction));

BIDE_MODEL(Two, BIDE_BODY(Sub, a), BIDE_BODY(optional(Closed), c));
BIDE_MODEL(Embedded, BIDE_BODY(Sub, a, .embed = true));
BIDE_MODEL(Maybe, BIDE_BODY(optional(Sub), a));
BIDE_MODEL(Form, BIDE_FORM(str, u), BIDE_FORM(i64, n));

/* A request, as "query q=1". */
struct request {
    const char *const *texts;
};

static const char *const words[] = {"", "path", "query", "header", "cookie",
                                    "form"};

static bool look_up(void *arg, bide_in in, const char *name, size_t nth,
                    bide_bytes *ret)
{
    const struct request *request = arg;
    bool found = false;
    for (size_t i = 0; request->texts[i] != NULL; i++) {
        const char *text = request->texts[i];
        size_t word = strlen(words[in]);
        size_t len = strlen(name);
        if (strncmp(text, words[in], word) != 0 || text[word] != ' ' ||
            strncmp(text + word + 1, name, len) != 0 ||
            text[word + 1 + len] != '=')
            continue;
        ret->data = text + word + len + 2;
        ret->len = strlen(ret->data);
        found = nth == BIDE_NTH_LAST;
        if (nth == 0)
            return true;
        nth -= !found;
    }
    return found;
}

/* All places; the faults go to `detail`. */
static int parse(const bide_model *model, const char *const *texts,
                 void *object, bide_arena *arena, bide_json_writer *detail)
{
    struct request request = {texts};
    bide_faults faults = {0};
    int rc = bide_model_init(model, object);
    int last = rc;
    for (bide_in in = BIDE_IN_PATH; in <= BIDE_IN_FORM; in++) {
        rc = bide_model_from_texts(model, in, look_up, &request, object, arena,
                                   &faults);
        if (rc < 0)
            last = rc;
    }
    memset(detail, 0, sizeof *detail);
    bide_faults_write(detail, &faults);
    CHECK_OK(bide_json_finish(detail));
    return last;
}

TEST(parameters_are_set_from_their_places)
{
    const char *const texts[] = {
        "path p=7", "query q=1", "query q=2", "query qs=1", "query qs=5",
        "query b=yes", "header x-token=geheim", "cookie ck=", NULL};
    Input input;
    bide_arena arena = {0};
    bide_json_writer detail;
    CHECK_OK(parse(&bide_model_Input, texts, &input, &arena, &detail));
    CHECK_STR(detail.text, "[]");
    CHECK_INT(input.p, 7);
    CHECK_INT(input.q, 2);
    CHECK_INT(input.n_qs, 2);
    CHECK_INT(input.qs[1], 5);
    CHECK(!input.has_o);
    CHECK(input.b);
    CHECK_INT(input.size, Size_green);
    CHECK_STR(input.x_token, "geheim");
    CHECK_STR(input.ck, "");
    CHECK(input.db == NULL);
    bide_json_free(&detail);
    bide_arena_free(&arena);
}

static const struct {
    const bide_model *model;
    const char *texts[8];
    const char *detail;
} wrong[] = {
    {&bide_model_Input, {"path p=1", "query x=1", NULL},
     "[{\"type\":\"missing\",\"loc\":[\"query\",\"q\"],\"msg\":\"Field "
     "required\",\"input\":null},{\"type\":\"missing\",\"loc\":[\"query\","
     "\"qs\"],\"msg\":\"Field required\",\"input\":null},{\"type\":\"missing\""
     ",\"loc\":[\"header\",\"x-token\"],\"msg\":\"Field required\",\"input\":"
     "null},{\"type\":\"missing\",\"loc\":[\"cookie\",\"ck\"],\"msg\":\"Field "
     "required\",\"input\":null}]"},
    {&bide_model_Input,
     {"path p=0", "query q=x", "query qs=1", "query qs=x", "query o=",
      "header x-token=", "cookie ck=", NULL},
     "[{\"type\":\"greater_than_equal\",\"loc\":[\"path\",\"p\"],\"msg\":"
     "\"Input should be greater than or equal to 1\",\"input\":\"0\",\"ctx\":"
     "{\"ge\":1}},{\"type\":\"int_parsing\",\"loc\":[\"query\",\"q\"],\"msg\":"
     "\"Input should be a valid integer, unable to parse string as an "
     "integer\",\"input\":\"x\"},{\"type\":\"int_parsing\",\"loc\":[\"query\","
     "\"qs\",1],\"msg\":\"Input should be a valid integer, unable to parse "
     "string as an integer\",\"input\":\"x\"},{\"type\":\"float_parsing\","
     "\"loc\":[\"query\",\"o\"],\"msg\":\"Input should be a valid number, "
     "unable to parse string as a number\",\"input\":\"\"}]"},
    {&bide_model_Input,
     {"path p=1", "query q=1", "query qs=1", "query qs=2", "query qs=\"",
      "query qs=4", "cookie ck=", NULL},
     "[{\"type\":\"too_long\",\"loc\":[\"query\",\"qs\"],\"msg\":\"List "
     "should have at most 3 items after validation, not 4\",\"input\":"
     "[\"1\",\"2\",\"\\\"\",\"4\"],\"ctx\":{\"field_type\":\"List\","
     "\"max_length\":3,\"actual_length\":4}},{\"type\":\"missing\",\"loc\":"
     "[\"header\",\"x-token\"],\"msg\":\"Field required\",\"input\":null}]"},
    {&bide_model_Form, {"form u=", "form n=x", NULL},
     "[{\"type\":\"missing\",\"loc\":[\"body\",\"u\"],\"msg\":\"Field "
     "required\",\"input\":null},{\"type\":\"int_parsing\",\"loc\":[\"body\","
     "\"n\"],\"msg\":\"Input should be a valid integer, unable to parse "
     "string as an integer\",\"input\":\"x\"}]"},
};

TEST(parameters_that_are_wrong_are_told_as_fastapi_tells_it)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        union {
            Input input;
            Form form;
        } object;
        bide_arena arena = {0};
        bide_json_writer detail;
        CHECK_ERR(parse(wrong[i].model, wrong[i].texts, &object, &arena,
                        &detail), -EINVAL);
        CHECK_STR(detail.text, wrong[i].detail);
        bide_json_free(&detail);
        bide_arena_free(&arena);
    }
}

TEST(texts_that_are_no_strings_are_refused)
{
    const char *const texts[] = {"path p=1", "query q=1", "query qs=1",
                                 "header x-token=\xff", "cookie ck=", NULL};
    Input input;
    bide_arena arena = {0};
    bide_json_writer detail;
    CHECK_ERR(parse(&bide_model_Input, texts, &input, &arena, &detail),
              -EINVAL);
    CHECK(strstr(detail.text, "string_unicode") != NULL);
    CHECK(strstr(detail.text, "\xef\xbf\xbd") != NULL);
    bide_json_free(&detail);
    bide_arena_free(&arena);
}

static const struct {
    const bide_model *model;
    const char *text;
    const char *detail; /* NULL: it is valid */
} bodies[] = {
    {&bide_model_Input, "{\"price\":2}", NULL},
    {&bide_model_Input, "{\"price\":0}",
     "[{\"type\":\"greater_than\",\"loc\":[\"body\",\"price\"],\"msg\":"
     "\"Input should be greater than 0\",\"input\":0,\"ctx\":{\"gt\":0.0}}]"},
    {&bide_model_Input, "",
     "[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\","
     "\"input\":null}]"},
    {&bide_model_Input, "{\"price\":",
     "[{\"type\":\"json_invalid\",\"loc\":[\"body\",9],\"msg\":\"JSON decode "
     "error\",\"input\":{},\"ctx\":{\"error\":\"Expecting value\"}}]"},
    {&bide_model_Two, "{\"a\":{\"price\":2},\"other\":1}", NULL},
    {&bide_model_Two, "{\"a\":{\"price\":0},\"c\":{\"a\":1}}",
     "[{\"type\":\"greater_than\",\"loc\":[\"body\",\"a\",\"price\"],\"msg\":"
     "\"Input should be greater than 0\",\"input\":0,\"ctx\":{\"gt\":0.0}},"
     "{\"type\":\"missing\",\"loc\":[\"body\",\"c\",\"b\"],\"msg\":\"Field "
     "required\",\"input\":{\"a\":1}}]"},
    {&bide_model_Two, "[]",
     "[{\"type\":\"missing\",\"loc\":[\"body\",\"a\"],\"msg\":\"Field "
     "required\",\"input\":null}]"},
    {&bide_model_Embedded, "{\"a\":{\"price\":2}}", NULL},
    {&bide_model_Embedded, "",
     "[{\"type\":\"missing\",\"loc\":[\"body\",\"a\"],\"msg\":\"Field "
     "required\",\"input\":null}]"},
    {&bide_model_Maybe, "", NULL},
    {&bide_model_Maybe, "null", NULL},
    {&bide_model_Form, "", NULL},
};

TEST(a_body_is_one_field_or_an_object_of_several)
{
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        union {
            Input input;
            Two two;
            Embedded embedded;
            Maybe maybe;
            Form form;
        } object;
        bide_arena arena = {0};
        bide_faults faults = {0};
        bide_json_writer detail = {0};
        CHECK_OK(bide_model_init(bodies[i].model, &object));
        CHECK_INT(bide_model_from_body(bodies[i].model, bodies[i].text,
                                       strlen(bodies[i].text), &object, &arena,
                                       &faults),
                  bodies[i].detail == NULL ? 0 : -EINVAL);
        bide_faults_write(&detail, &faults);
        CHECK_OK(bide_json_finish(&detail));
        CHECK_STR(detail.text,
                  bodies[i].detail != NULL ? bodies[i].detail : "[]");
        bide_json_free(&detail);
        bide_arena_free(&arena);
    }
}

TEST(the_body_leaves_other_fields_as_they_are)
{
    Input input;
    bide_arena arena = {0};
    CHECK_OK(bide_model_init(&bide_model_Input, &input));
    input.p = 9;
    CHECK_OK(bide_model_from_body(&bide_model_Input, "{\"price\":3}", 11,
                                  &input, &arena, NULL));
    CHECK_INT(input.p, 9);
    CHECK(input.sub.price == 3);
    bide_arena_free(&arena);
}

TEST(a_header_has_hyphens_and_a_dependency_its_provider)
{
    CHECK_STR(bide_field_name(&bide_model_Input, 6), "x-token");
    CHECK_STR(bide_field_name(&bide_model_Input, 2), "qs");
    CHECK(bide_field_name(&bide_model_Input, 10) == NULL);
    const bide_field *db = &bide_model_Input.fields[9];
    CHECK_INT(db->in, BIDE_IN_DEP);
    CHECK_STR(db->type_name, "Database");
    CHECK(db->provider == &transaction);
}

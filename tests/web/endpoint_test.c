/* SPDX-License-Identifier: MIT */
/* endpoint_test.c — typed handlers: what they get, and what they reply. */
#include "web.h"

/* ── A shop ───────────────────────────────────────────────────────────── */

BIDE_MODEL(NewItem,
    BIDE_FIELD(str, name, .min_len = 1, .max_len = 80),
    BIDE_FIELD(f64, price, .gt = 0),
    BIDE_FIELD(i64, qty, .def = "1", .ge = 1));

BIDE_MODEL(Item,
    BIDE_FIELD(i64, id),
    BIDE_FIELD(i64, shop),
    BIDE_FIELD(str, name),
    BIDE_FIELD(f64, price),
    BIDE_FIELD(i64, qty));

BIDE_MODEL(CreateItem,
    BIDE_PATH(i64, shop, .ge = 1),
    BIDE_QUERY(bool, dry, .def = "false"),
    BIDE_BODY(NewItem, item));

static int calls;

static int create_item(bide_web_request *request, const CreateItem *in,
                       Item *out)
{
    calls++;
    if (in->shop == 99)
        return bide_web_error(request, 404, "no shop %d", 99);
    *out = (Item){in->dry ? 0 : 7, in->shop, in->item.name, in->item.price,
                  in->item.qty};
    return 0;
}

static bide_web_client *open_shop(bide_web_app **ret_app)
{
    bide_web_app *app = bide_web_app_new(NULL);
    BIDE_WEB_POST(app, "/shops/{shop}/items", create_item, CreateItem, Item,
                  .status = 201);
    *ret_app = app;
    return open_client(app);
}

static int amain_valid(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_shop(&app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(post(client, "/shops/3/items?dry=no",
                   "{\"name\": \"tea\", \"price\": 2.5}", &response), 201);
    CHECK_STR(response.body, "{\"id\":7,\"shop\":3,\"name\":\"tea\","
                             "\"price\":2.5,\"qty\":1}");
    CHECK_STR(bide_web_response_header(&response, "Content-Type"),
              "application/json");
    CHECK_INT(post(client, "/shops/3/items?dry=1",
                   "{\"name\": \"tea\", \"price\": 2.5, \"qty\": 4}",
                   &response), 201);
    CHECK_STR(response.body, "{\"id\":0,\"shop\":3,\"name\":\"tea\","
                             "\"price\":2.5,\"qty\":4}");
    close_client(client, app);
    return 0;
}

TEST(a_handler_gets_its_input_from_path_query_and_body)
{
    run_clean(amain_valid);
}

static int amain_faults(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_shop(&app);
    bide_web_response response;
    (void)arg;
    calls = 0;
    CHECK_INT(post(client, "/shops/0/items?dry=perhaps",
                   "{\"name\": \"\", \"price\": -1}", &response), 422);
    CHECK(strstr(response.body, "{\"detail\":[{\"type\":"
                                "\"greater_than_equal\",\"loc\":[\"path\","
                                "\"shop\"],\"msg\":\"Input should be greater "
                                "than or equal to 1\",\"input\":\"0\""));
    CHECK(strstr(response.body, "{\"type\":\"bool_parsing\",\"loc\":"
                                "[\"query\",\"dry\"]"));
    CHECK(strstr(response.body, "\"loc\":[\"body\",\"name\"]"));
    CHECK(strstr(response.body, "\"loc\":[\"body\",\"price\"]"));
    CHECK_INT(post(client, "/shops/x/items", "", &response), 422);
    CHECK(strstr(response.body, "\"type\":\"int_parsing\",\"loc\":[\"path\","
                                "\"shop\"]"));
    CHECK(strstr(response.body, "{\"type\":\"missing\",\"loc\":[\"body\"],"
                                "\"msg\":\"Field required\",\"input\":null}"));
    CHECK_INT(post(client, "/shops/3/items", "{\"name\": ", &response), 422);
    CHECK(strstr(response.body, "\"type\":\"json_invalid\",\"loc\":"
                                "[\"body\","));
    CHECK_INT(calls, 0);
    close_client(client, app);
    return 0;
}

TEST(every_fault_of_an_input_is_told_in_one_422)
{
    run_clean(amain_faults);
}

static int amain_error(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_shop(&app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(post(client, "/shops/99/items",
                   "{\"name\": \"tea\", \"price\": 2.5}", &response), 404);
    CHECK_STR(response.body, "{\"detail\":\"no shop 99\"}");
    close_client(client, app);
    return 0;
}

TEST(a_handler_replies_with_an_error_of_its_own)
{
    run_clean(amain_error);
}

static int amain_types(void *arg)
{
    static const struct {
        const char *type;
        int status;
    } cases[] = {
        {"application/json", 201},
        {"Application/JSON; charset=utf-8", 201},
        {"application/merge-patch+json", 201},
        {NULL, 201},
        {"text/plain", 415},
        {"application/x-www-form-urlencoded", 415},
        {"application/jsonx", 415},
    };
    bide_web_app *app;
    bide_web_client *client = open_shop(&app);
    bide_web_response response;
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const char body[] = "{\"name\": \"tea\", \"price\": 2.5}";
        const bide_web_client_options options = {
            .method = "POST",
            .type = cases[i].type,
            .body = body,
            .len = sizeof body - 1,
        };
        CHECK_OK(bide_web_client_request(client, "/shops/3/items", &options,
                                         &response));
        CHECK_INT(response.status, cases[i].status);
    }
    close_client(client, app);
    return 0;
}

TEST(a_body_of_another_type_gives_415)
{
    run_clean(amain_types);
}

/* ── Places ───────────────────────────────────────────────────────────── */

BIDE_MODEL(Everywhere,
    BIDE_PATH(str, id),
    BIDE_QUERY(list(str), tag),
    BIDE_QUERY(optional(i64), limit),
    BIDE_HEADER(str, user_agent, .def = "none"),
    BIDE_HEADER(list(i64), x_number),
    BIDE_COOKIE(str, theme, .def = "light"));

BIDE_MODEL(Said,
    BIDE_FIELD(str, id),
    BIDE_FIELD(list(str), tag),
    BIDE_FIELD(optional(i64), limit),
    BIDE_FIELD(str, agent),
    BIDE_FIELD(list(i64), number),
    BIDE_FIELD(str, theme));

static int say_all(bide_web_request *request, const Everywhere *in, Said *out)
{
    (void)request;
    *out = (Said){
        .id = in->id, .tag = in->tag, .n_tag = in->n_tag,
        .limit = in->limit, .has_limit = in->has_limit,
        .agent = in->user_agent, .number = in->x_number,
        .n_number = in->n_x_number, .theme = in->theme,
    };
    return 0;
}

static int amain_places(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    BIDE_WEB_GET(app, "/things/{id}", say_all, Everywhere, Said);
    bide_web_client *client = open_client(app);
    CHECK_INT(get_with(client, "/things/a%20b?tag=x&tag=y%26&limit=3",
                       "User-Agent: me\r\nX-Number: 4\r\nx-number: 5\r\n"
                       "Cookie: a=b; theme=\"dark\"", &response), 200);
    CHECK_STR(response.body,
              "{\"id\":\"a b\",\"tag\":[\"x\",\"y&\"],\"limit\":3,"
              "\"agent\":\"me\",\"number\":[4,5],\"theme\":\"dark\"}");
    CHECK_INT(get_with(client, "/things/c?tag=1", "X-Number: 1", &response),
              200);
    CHECK_STR(response.body,
              "{\"id\":\"c\",\"tag\":[\"1\"],\"limit\":null,"
              "\"agent\":\"none\",\"number\":[1],\"theme\":\"light\"}");
    CHECK_INT(get(client, "/things/c?limit=a%00b", &response), 400);
    close_client(client, app);
    return 0;
}

TEST(inputs_come_from_headers_and_cookies_too)
{
    run_clean(amain_places);
}

/* ── Bodies ───────────────────────────────────────────────────────────── */

BIDE_MODEL(Person, BIDE_FIELD(str, name));

BIDE_MODEL(TwoBodies,
    BIDE_BODY(Person, who),
    BIDE_BODY(list(i64), numbers),
    BIDE_BODY(str, note, .def = "none"));

BIDE_MODEL(ListBody, BIDE_BODY(list(Person), people));

BIDE_MODEL(MaybeBody, BIDE_BODY(optional(Person), who));

BIDE_MODEL(Told, BIDE_FIELD(str, text));

static int tell_two(bide_web_request *request, const TwoBodies *in, Told *out)
{
    char text[128];
    int n = snprintf(text, sizeof text, "%s %zu %s", in->who.name,
                     in->n_numbers, in->note);
    out->text = bide_arena_copy(bide_web_request_arena(request), text,
                                (size_t)n);
    return out->text ? 0 : -ENOMEM;
}

static int tell_list(bide_web_request *request, const ListBody *in, Told *out)
{
    (void)request;
    out->text = in->n_people > 0 ? in->people[in->n_people - 1].name : "";
    return 0;
}

static int tell_maybe(bide_web_request *request, const MaybeBody *in,
                      Told *out)
{
    (void)request;
    out->text = in->has_who ? in->who.name : "nobody";
    return 0;
}

static int amain_bodies(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    BIDE_WEB_POST(app, "/two", tell_two, TwoBodies, Told);
    BIDE_WEB_POST(app, "/list", tell_list, ListBody, Told);
    BIDE_WEB_POST(app, "/maybe", tell_maybe, MaybeBody, Told);
    bide_web_client *client = open_client(app);
    CHECK_INT(post(client, "/two",
                   "{\"who\":{\"name\":\"Ada\"},\"numbers\":[1,2]}",
                   &response), 200);
    CHECK_STR(response.body, "{\"text\":\"Ada 2 none\"}");
    CHECK_INT(post(client, "/two", "{\"who\":{},\"numbers\":[1,\"x\"]}",
                   &response), 422);
    CHECK(strstr(response.body, "\"loc\":[\"body\",\"who\",\"name\"]"));
    CHECK(strstr(response.body, "\"loc\":[\"body\",\"numbers\",1]"));
    CHECK_INT(post(client, "/list", "[{\"name\":\"A\"},{\"name\":\"B\"}]",
                   &response), 200);
    CHECK_STR(response.body, "{\"text\":\"B\"}");
    CHECK_INT(post(client, "/list", "[{\"name\":\"A\"},{}]", &response), 422);
    CHECK(strstr(response.body, "\"loc\":[\"body\",1,\"name\"]"));
    CHECK_INT(post(client, "/maybe", "", &response), 200);
    CHECK_STR(response.body, "{\"text\":\"nobody\"}");
    CHECK_INT(post(client, "/maybe", "{\"name\":\"A\"}", &response), 200);
    CHECK_STR(response.body, "{\"text\":\"A\"}");
    close_client(client, app);
    return 0;
}

TEST(bodies_are_documents_lists_or_several_keys)
{
    run_clean(amain_bodies);
}

/* ── Outputs ──────────────────────────────────────────────────────────── */

BIDE_WEB_LIST(People, Person);

BIDE_MODEL(Count, BIDE_QUERY(u64, count, .le = 100000));

static int list_people(bide_web_request *request, const Count *in,
                       People *out)
{
    out->n_items = in->count;
    out->items = bide_web_request_allocate(request,
                                           (in->count + 1) *
                                               sizeof out->items[0]);
    for (size_t i = 0; out->items && i < in->count; i++)
        out->items[i].name = "Ada";
    return out->items ? 0 : -ENOMEM;
}

static int nothing(bide_web_request *request, const bide_web_none *in,
                   bide_web_none *out)
{
    (void)request;
    (void)in;
    (void)out;
    return 0;
}

static int own_reply(bide_web_request *request, const bide_web_none *in,
                     Person *out)
{
    (void)in;
    (void)out;
    return bide_web_reply_text(request, 202, "own");
}

static int amain_outputs(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    BIDE_WEB_GET(app, "/people", list_people, Count, People);
    BIDE_WEB_DELETE(app, "/people", nothing, bide_web_none, bide_web_none,
                    .status = 204);
    BIDE_WEB_GET(app, "/own", own_reply, bide_web_none, Person);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/people?count=2", &response), 200);
    CHECK_STR(response.body, "[{\"name\":\"Ada\"},{\"name\":\"Ada\"}]");
    CHECK_INT(get(client, "/people?count=0", &response), 200);
    CHECK_STR(response.body, "[]");
    CHECK_INT(get(client, "/people?count=10000", &response), 200);
    CHECK_INT((long)response.len, 10000 * 15 + 1);
    CHECK_INT(ask(client, "DELETE", "/people", &response), 204);
    CHECK_INT((long)response.len, 0);
    CHECK_INT(get(client, "/own", &response), 202);
    CHECK_STR(response.body, "own");
    close_client(client, app);
    return 0;
}

TEST(outputs_are_objects_lists_nothing_or_what_the_handler_replied)
{
    run_clean(amain_outputs);
}

/* ── What cannot be an endpoint ───────────────────────────────────────── */

BIDE_MODEL(BadPattern, BIDE_QUERY(str, q, .pattern = "("));

static int take_pattern(bide_web_request *request, const BadPattern *in,
                        bide_web_none *out)
{
    (void)request;
    (void)in;
    (void)out;
    return 0;
}

static int amain_misuse(void *arg)
{
    bide_web_client *client;
    (void)arg;
    bide_web_app *app = bide_web_app_new(NULL);
    BIDE_WEB_POST(app, "/items", create_item, CreateItem, Item);
    CHECK_ERR(bide_web_client_open(app, &client), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL),
              "POST /items: CreateItem.shop is a BIDE_PATH, but {shop} is "
              "not in the path");
    bide_web_app_free(app);
    app = bide_web_app_new(NULL);
    BIDE_WEB_GET(app, "/x", take_pattern, BadPattern, bide_web_none);
    CHECK_ERR(bide_web_client_open(app, &client), -EINVAL);
    bide_web_app_free(app);
    return 0;
}

TEST(mistakes_in_a_signature_are_told_when_it_is_served)
{
    run_clean(amain_misuse);
}

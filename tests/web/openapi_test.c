/* SPDX-License-Identifier: MIT */
/*
 * openapi_test.c — the description of an application, its page, metrics.
 *
 * With OPENAPI_SERVE in the environment it serves the application below:
 * browser_test.py has it judged by a validator, and its page by a browser.
 */
#include <stdlib.h>

#include <bide/json.h>

#include "web.h"

BIDE_ENUM(Size, small, large);

BIDE_MODEL(NewItem,
    BIDE_OPTIONS(.doc = "What a shop gets to sell"),
    BIDE_FIELD(str, name, .min_len = 1, .max_len = 80, .example = "tea"),
    BIDE_FIELD(f64, price, .gt = 0),
    BIDE_FIELD(i64, qty, .def = "1", .ge = 1),
    BIDE_FIELD(Size, size, .def = "small"),
    BIDE_FIELD(optional(str), note),
    BIDE_FIELD(list(str), tags, .def = "[]"));

BIDE_MODEL(Item,
    BIDE_FIELD(i64, id),
    BIDE_FIELD(str, name));

BIDE_WEB_LIST(Items, Item);

BIDE_MODEL(Auth, BIDE_HEADER(str, x_token, .doc = "Who you are"));

typedef const char User;

static int find_user(bide_web_request *request, const Auth *in,
                     User **ret_user)
{
    (void)request;
    *ret_user = in->x_token;
    return 0;
}

BIDE_DEPENDENCY(user, find_user, Auth, User);

BIDE_MODEL(CreateItem,
    BIDE_PATH(i64, shop, .ge = 1),
    BIDE_QUERY(bool, dry, .def = "false", .deprecated = true),
    BIDE_BODY(NewItem, item),
    BIDE_DEP(User, who, user));

BIDE_MODEL(ListItems,
    BIDE_PATH(i64, shop),
    BIDE_QUERY(i64, limit, .def = "10", .le = 100),
    BIDE_COOKIE(optional(str), theme));

BIDE_MODEL(Login, BIDE_FORM(str, name), BIDE_FORM(str, password));

static int create_item(bide_web_request *request, const CreateItem *in,
                       Item *out)
{
    (void)request;
    *out = (Item){in->shop, in->item.name};
    return 0;
}

static int list_items(bide_web_request *request, const ListItems *in,
                      Items *out)
{
    (void)request;
    (void)in;
    (void)out;
    return 0;
}

static int log_in(bide_web_request *request, const Login *in,
                  bide_web_none *out)
{
    (void)out;
    return bide_web_reply_text(request, 0, in->name);
}

static int get_file(bide_web_request *request)
{
    return bide_web_reply_text(request, 200,
                               bide_web_request_param(request, "path"));
}

static bide_web_app *describe(void)
{
    static const bide_web_options options = {
        .title = "A \"shop\"",
        .version = "1.2",
        .description = "Sells <b>things</b>",
    };
    static const bide_web_route_options hidden = {.hidden = true};
    bide_web_app *app = bide_web_app_new(&options);
    bide_web_app *shop = bide_web_mount(app, "/shops/{shop}");
    BIDE_WEB_POST(shop, "/items", create_item, CreateItem, Item,
                  .status = 201, .tags = "items,admin",
                  .description = "Adds what is sold.");
    BIDE_WEB_GET(shop, "/items", list_items, ListItems, Items,
                 .tags = "items", .summary = "All of them");
    BIDE_WEB_POST(app, "/login", log_in, Login, bide_web_none,
                  .deprecated = true);
    bide_web_route(app, "GET", "/files/{path...}", get_file, NULL);
    bide_web_route(app, "GET", "/secret", get_file, &hidden);
    return app;
}

static int amain_document(void *arg)
{
    static const char *const parts[] = {
        "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"A \\\"shop\\\"\","
        "\"version\":\"1.2\",\"description\":\"Sells <b>things</b>\"}",
        "\"/shops/{shop}/items\":{\"post\":{\"tags\":[\"items\",\"admin\"],"
        "\"summary\":\"Create Item\",\"description\":\"Adds what is sold.\","
        "\"operationId\":\"create_item_shops__shop__items_post\"",
        "\"get\":{\"tags\":[\"items\"],\"summary\":\"All of them\"",
        "{\"name\":\"shop\",\"in\":\"path\",\"required\":true,",
        "{\"name\":\"x-token\",\"in\":\"header\",\"required\":true,"
        "\"description\":\"Who you are\"",
        "{\"name\":\"theme\",\"in\":\"cookie\",\"required\":false",
        "\"items\":{\"$ref\":\"#/components/schemas/Item\"}",
        "\"application/x-www-form-urlencoded\"",
        "\"/files/{path}\":{",
        "\"HTTPValidationError\"",
    };
    bide_web_app *app = describe();
    bide_web_client *client = open_client(app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(get(client, "/openapi.json", &response), 200);
    CHECK_STR(bide_web_response_header(&response, "Content-Type"),
              "application/json");
    CHECK_STR(response.body, bide_web_openapi(app));
    CHECK_OK(bide_json_check(response.body, response.len));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!CHECK(strstr(response.body, parts[i])))
            printf("# %s\n", parts[i]);
    CHECK(!strstr(response.body, "secret"));
    CHECK(!strstr(response.body, "metrics"));
    close_client(client, app);
    return 0;
}

TEST(the_document_tells_each_operation_with_its_models)
{
    run_clean(amain_document);
}

static int amain_page(void *arg)
{
    bide_web_app *app = describe();
    bide_web_client *client = open_client(app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(get(client, "/docs", &response), 200);
    CHECK(strstr(response.body, "data-openapi=\"/openapi.json\""));
    CHECK(!strstr(response.body, "://")); /* nothing from elsewhere */
    CHECK_INT(get(client, "/healthz", &response), 200);
    CHECK_STR(response.body, "{\"status\":\"ok\"}");
    close_client(client, app);
    return 0;
}

TEST(the_page_needs_nothing_from_elsewhere)
{
    run_clean(amain_page);
}

static int own_health(bide_web_request *request)
{
    return bide_web_reply_text(request, 200, "fine");
}

static int amain_urls(void *arg)
{
    const bide_web_options options = {
        .openapi_url = "/api.json",
        .docs_url = "/",
        .metrics_url = "",
    };
    bide_web_app *app = bide_web_app_new(&options);
    bide_web_response response;
    (void)arg;
    bide_web_route(app, "GET", "/healthz", own_health, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/api.json", &response), 200);
    CHECK_INT(get(client, "/", &response), 200);
    CHECK(strstr(response.body, "data-openapi=\"/api.json\""));
    CHECK_INT(get(client, "/metrics", &response), 404);
    CHECK_INT(get(client, "/docs", &response), 404);
    CHECK_INT(get(client, "/healthz", &response), 200);
    CHECK_STR(response.body, "fine");
    close_client(client, app);
    return 0;
}

TEST(their_paths_can_be_moved_and_a_program_s_own_come_first)
{
    run_clean(amain_urls);
}

/* ── Metrics ──────────────────────────────────────────────────────────── */

static int sleepy(bide_web_request *request)
{
    CHECK_OK(bide_sleep(0.2));
    return bide_web_reply_text(request, 200, "");
}

static int amain_metrics(void *arg)
{
    static const char *const lines[] = {
        "\nhttp_requests_total{method=\"GET\",route=\"/f/{path...}\","
        "status=\"200\"} 2\n",
        "\nhttp_requests_total{method=\"GET\",route=\"/sleepy\","
        "status=\"200\"} 1\n",
        "\nhttp_requests_total{method=\"\",route=\"\",status=\"404\"} 3\n",
        "\nhttp_requests_total{method=\"\",route=\"\",status=\"405\"} 1\n",
        "\n# TYPE http_request_duration_seconds histogram\n",
        "route=\"/sleepy\",le=\"0.1\"} 0\n",
        "route=\"/sleepy\",le=\"10\"} 1\n",
        "route=\"/sleepy\",le=\"+Inf\"} 1\n",
        "\nhttp_requests_in_flight 1\n",
    };
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_route(app, "GET", "/f/{path...}", get_file, NULL);
    bide_web_route(app, "GET", "/sleepy", sleepy, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/f/a", &response), 200);
    CHECK_INT(get(client, "/f/b", &response), 200);
    CHECK_INT(get(client, "/sleepy", &response), 200);
    CHECK_INT(get(client, "/x", &response), 404);
    CHECK_INT(get(client, "/y", &response), 404);
    CHECK_INT(get(client, "/z%00", &response), 400);
    CHECK_INT(get(client, "/z%0d", &response), 404);
    CHECK_INT(ask(client, "POST", "/f/a", &response), 405);
    CHECK_INT(get(client, "/metrics", &response), 200);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (!CHECK(strstr(response.body, lines[i])))
            printf("# %s\n%s\n", lines[i], response.body);
    close_client(client, app);
    return 0;
}

TEST(requests_are_counted_by_route_and_status)
{
    run_clean(amain_metrics);
}

/* ── For browser_test.py ──────────────────────────────────────────────── */

static int amain_serve(void *arg)
{
    bide_web_app *app = describe();
    (void)arg;
    int rc = bide_web_start(app, "127.0.0.1", 0);
    if (rc == 0) {
        printf("# port %d\n", bide_web_port(app));
        fflush(stdout);
        rc = bide_signal_wait(15);
    }
    int stopped = bide_web_stop(app);
    bide_web_app_free(app);
    return rc < 0 ? rc : stopped;
}

/* Serves when it is told to: the environment says so, as the runner has the
 * arguments. */
TEST(it_is_served_for_a_browser)
{
    if (!getenv("OPENAPI_SERVE")) {
        test_skip("browser_test.py has it served");
        return;
    }
    CHECK_OK(bide_run(amain_serve, NULL));
}

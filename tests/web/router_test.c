/* SPDX-License-Identifier: MIT */
/* router_test.c — which route takes a request, and what happens without. */
#include "web.h"

/* Replies with the route and its parameters: "/users/{id} id=7". */
static int tell(bide_web_request *request)
{
    static const char *const names[] = {"id", "name", "path", "shop"};
    char text[1024];
    int used = snprintf(text, sizeof text, "%s",
                        bide_web_request_route(request));
    for (size_t i = 0; i < 4; i++) {
        const char *value = bide_web_request_param(request, names[i]);
        if (value)
            used += snprintf(text + used, sizeof text - (size_t)used,
                             " %s=%s", names[i], value);
    }
    return bide_web_reply_text(request, 200, text);
}

static bide_web_app *routes(const char *const *paths)
{
    bide_web_app *app = bide_web_app_new(NULL);
    for (; *paths; paths++)
        bide_web_route(app, "GET", *paths, tell, NULL);
    return app;
}

struct expectation {
    const char *target;
    int status;
    const char *body; /* NULL: any */
};

static void check_all(bide_web_app *app,
                      const struct expectation *expectations)
{
    bide_web_client *client = open_client(app);
    bide_web_response response;
    for (; client && expectations->target; expectations++) {
        if (!CHECK_INT(get(client, expectations->target, &response),
                       expectations->status))
            printf("# %s\n", expectations->target);
        if (expectations->body)
            CHECK_STR(response.body, expectations->body);
    }
    close_client(client, app);
}

/* ── Paths ────────────────────────────────────────────────────────────── */

static int amain_paths(void *arg)
{
    static const char *const paths[] = {
        "/", "/users", "/users/{id}", "/users/me", "/users/{name}/items",
        "/files/{path...}", "/files/readme", "/files/{id}/size", NULL,
    };
    static const struct expectation expectations[] = {
        {"/", 200, "/"},
        {"/users", 200, "/users"},
        {"/users/7", 200, "/users/{id} id=7"},
        {"/users/me", 200, "/users/me"},
        {"/users/me/items", 200, "/users/{name}/items name=me"},
        {"/users/7/other", 404, "{\"detail\":\"Not Found\"}"},
        {"/files/a/b/c", 200, "/files/{path...} path=a/b/c"},
        {"/files/readme", 200, "/files/readme"},
        {"/files/readme/x", 200, "/files/{path...} path=readme/x"},
        {"/files/a/size", 200, "/files/{id}/size id=a"},
        {"/files/a/size/b", 200, "/files/{path...} path=a/size/b"},
        {"/files/", 200, "/files/{path...} path="},
        {"/other", 404, NULL},
        {NULL, 0, NULL},
    };
    (void)arg;
    check_all(routes(paths), expectations);
    return 0;
}

TEST(the_most_particular_route_takes_a_request)
{
    run_clean(amain_paths);
}

static int amain_decoding(void *arg)
{
    static const char *const paths[] = {"/users/{id}", "/a b", "/f/{path...}",
                                        NULL};
    static const struct expectation expectations[] = {
        {"/users/a%20b", 200, "/users/{id} id=a b"},
        {"/users/a%2Fb", 200, "/users/{id} id=a/b"},
        {"/users/a+b", 200, "/users/{id} id=a+b"},
        {"/users/%zz%4", 200, "/users/{id} id=%zz%4"},
        {"/users/%C3%A9", 200, "/users/{id} id=\xc3\xa9"},
        {"/users/a%00b", 400, "{\"detail\":\"Bad Request\"}"},
        {"/a%20b", 200, "/a b"},
        {"/f/%2e%2e/x", 200, "/f/{path...} path=../x"},
        {"/users/7?x=/y/z", 200, "/users/{id} id=7"},
        {"http://other/users/7", 200, "/users/{id} id=7"},
        {NULL, 0, NULL},
    };
    (void)arg;
    check_all(routes(paths), expectations);
    return 0;
}

TEST(a_path_is_divided_before_it_is_decoded)
{
    run_clean(amain_decoding);
}

static int amain_deep(void *arg)
{
    static const char *const paths[] = {"/f/{path...}", NULL};
    char target[8192] = "/f";
    bide_web_app *app = routes(paths);
    bide_web_client *client = open_client(app);
    bide_web_response response;
    (void)arg;
    for (int i = 1; i < BIDE_WEB_SEGMENTS_MAX; i++)
        strcat(target, "/x");
    CHECK_INT(get(client, target, &response), 200);
    strcat(target, "/x");
    CHECK_INT(get(client, target, &response), 404);
    close_client(client, app);
    return 0;
}

TEST(a_path_of_too_many_segments_is_not_found)
{
    run_clean(amain_deep);
}

/* ── Methods ──────────────────────────────────────────────────────────── */

static int amain_methods(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_route(app, "GET", "/items/{id}", tell, NULL);
    bide_web_route(app, "DELETE", "/items/{id}", tell, NULL);
    bide_web_route(app, "POST", "/items/new", tell, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(ask(client, "DELETE", "/items/1", &response), 200);
    CHECK_INT(ask(client, "PUT", "/items/1", &response), 405);
    CHECK_STR(response.body, "{\"detail\":\"Method Not Allowed\"}");
    CHECK_STR(bide_web_response_header(&response, "allow"),
              "GET, HEAD, DELETE, OPTIONS");
    CHECK_INT(ask(client, "OPTIONS", "/items/1", &response), 204);
    CHECK_STR(bide_web_response_header(&response, "Allow"),
              "GET, HEAD, DELETE, OPTIONS");
    /* A text with other methods does not hide a parameter with this one. */
    CHECK_INT(get(client, "/items/new", &response), 200);
    CHECK_STR(response.body, "/items/{id} id=new");
    CHECK_INT(ask(client, "HEAD", "/items/1", &response), 200);
    CHECK_STR(response.body, "");
    CHECK_STR(bide_web_response_header(&response, "Content-Length"), "16");
    close_client(client, app);
    return 0;
}

TEST(a_path_with_other_methods_gives_405_with_allow)
{
    run_clean(amain_methods);
}

/* ── Slashes ──────────────────────────────────────────────────────────── */

static int amain_slashes(void *arg)
{
    static const char *const paths[] = {"/users", "/items/", "/f/{path...}",
                                        NULL};
    bide_web_app *app = routes(paths);
    bide_web_client *client = open_client(app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(get(client, "/users/?a=b", &response), 307);
    CHECK_STR(bide_web_response_header(&response, "Location"), "/users?a=b");
    CHECK_INT(get(client, "/items", &response), 307);
    CHECK_STR(bide_web_response_header(&response, "Location"), "/items/");
    CHECK_INT(get(client, "/f", &response), 307);
    CHECK_INT(get(client, "/none/", &response), 404);
    CHECK_INT(get(client, "//users/", &response), 404);
    close_client(client, app);
    return 0;
}

TEST(a_slash_too_much_or_too_few_is_redirected)
{
    run_clean(amain_slashes);
}

static int amain_open_redirect(void *arg)
{
    static const char *const paths[] = {"/{name}/{id}", "/{name}/{id}/", NULL};
    static const char *const others[] = {"/{path...}", NULL};
    static const char *const names[] = {"/{name}", NULL};
    bide_web_app *app = routes(paths);
    bide_web_client *client = open_client(app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(get(client, "//evil.example/", &response), 404);
    close_client(client, app);
    app = routes(others);
    client = open_client(app);
    CHECK_INT(get(client, "//evil.example", &response), 200);
    close_client(client, app);
    app = routes(names);
    client = open_client(app);
    CHECK_INT(get(client, "/here/", &response), 307);
    CHECK_INT(get(client, "/\\evil.example/", &response), 404);
    close_client(client, app);
    return 0;
}

TEST(a_redirect_never_names_another_host)
{
    run_clean(amain_open_redirect);
}

/* ── Mounts ───────────────────────────────────────────────────────────── */

static int mark(bide_web_request *request, void *arg)
{
    CHECK_OK(bide_web_reply_header(request, "X-Mark", arg));
    return bide_web_next(request);
}

static int count_marks(const bide_web_response *response)
{
    int count = 0;
    const char *line = response->head;
    for (; *line; line += strlen(line) + 2)
        count += strncmp(line, "X-Mark: ", 8) == 0;
    return count;
}

static int amain_mounts(void *arg)
{
    static char outer[] = "outer", inner[] = "inner";
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_app *shop = bide_web_mount(app, "/shops/{shop}");
    bide_web_app *admin = bide_web_mount(shop, "/admin");
    bide_web_response response;
    (void)arg;
    bide_web_use(app, mark, outer);
    bide_web_use(admin, mark, inner);
    bide_web_route(shop, "GET", "/items/{id}", tell, NULL);
    bide_web_route(admin, "GET", "/", tell, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/shops/3/items/4", &response), 200);
    CHECK_STR(response.body, "/shops/{shop}/items/{id} id=4 shop=3");
    CHECK_INT(count_marks(&response), 1);
    CHECK_INT(get(client, "/shops/3/admin/", &response), 200);
    CHECK_STR(response.body, "/shops/{shop}/admin/ shop=3");
    CHECK_INT(count_marks(&response), 2);
    CHECK_INT(get(client, "/none", &response), 404);
    CHECK_INT(count_marks(&response), 1);
    close_client(client, app);
    return 0;
}

TEST(a_mounted_application_has_its_path_and_middleware_of_both)
{
    run_clean(amain_mounts);
}

/* ── What cannot be a route ───────────────────────────────────────────── */

static int amain_faults(void *arg)
{
    static const struct {
        const char *path;
        int code;
        const char *text;
    } cases[] = {
        {"users", -EINVAL, "GET users: a path must begin with a \"/\""},
        {"/a{b}", -EINVAL,
         "GET /a{b}: a segment must be a text, {name} or {name...}"},
        {"/{}", -EINVAL,
         "GET /{}: a segment must be a text, {name} or {name...}"},
        {"/{a...}/b", -EINVAL, "GET /{a...}/b: {name...} can only be at the "
                               "end"},
        {"/{a}/{a}", -EINVAL, "GET /{a}/{a}: the path has a name twice"},
        {"/there/{x}", -EEXIST,
         "GET /there/{x}: there is a route of this path already"},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bide_web_client *client;
        bide_web_app *app = bide_web_app_new(NULL);
        bide_web_route(app, "GET", "/there/{id}", tell, NULL);
        bide_web_route(app, "GET", cases[i].path, tell, NULL);
        bide_web_route(app, "GET", "also wrong", tell, NULL);
        CHECK_ERR(bide_web_client_open(app, &client), cases[i].code);
        CHECK_STR(bide_errmsg(cases[i].code), cases[i].text);
        bide_web_app_free(app);
    }
    return 0;
}

TEST(who_serves_is_told_the_first_fault_of_the_routes)
{
    run_clean(amain_faults);
}

static int amain_many(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    char path[64], expected[64];
    bide_web_response response;
    (void)arg;
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof path, "/p%d/{id}/q%d", i * 7919 % 500, i % 3);
        bide_web_route(app, "GET", path, tell, NULL);
    }
    bide_web_client *client = open_client(app);
    for (int i = 0; i < 500; i += 37) {
        int page = i * 7919 % 500;
        snprintf(path, sizeof path, "/p%d/%d/q%d", page, i, i % 3);
        snprintf(expected, sizeof expected, "/p%d/{id}/q%d id=%d", page,
                 i % 3, i);
        CHECK_INT(get(client, path, &response), 200);
        CHECK_STR(response.body, expected);
    }
    close_client(client, app);
    return 0;
}

TEST(each_of_many_routes_is_found)
{
    run_clean(amain_many);
}

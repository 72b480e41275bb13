/* SPDX-License-Identifier: MIT */
/*
 * test_users.c — the service is tested without a network, on a database in
 * memory; the second that an email takes is virtual.
 */
#include "users.h"

#include <bide/sqlite.h>
#include <bide/test.h>
#include <bide/web_test.h>
#include <stdio.h>
#include <string.h>

static char sent[256]; /* emails */

static int note_email(const char *address, const char *text)
{
    int rc = bide_sleep(1);
    snprintf(sent, sizeof sent, "%s: %s", address, text);
    return rc;
}

struct fixture {
    struct service service;
    bide_web_app *app;
    bide_web_client *client;
    bide_web_response response;
};

static int set_up_with(struct fixture *fixture, const char *jobs_url)
{
    static bool registered;
    *fixture = (struct fixture){
        .service = {
            .database_url = "sqlite::memory:",
            .jobs_url = jobs_url,
            .deliver = note_email,
        },
    };
    int rc = registered ? 0 : bide_sqlite_register();
    registered = true;
    fixture->app = users_app(&fixture->service);
    return rc < 0 ? rc : bide_web_client_open(fixture->app, &fixture->client);
}

static int set_up(struct fixture *fixture)
{
    return set_up_with(fixture, NULL);
}

static int tear_down(struct fixture *fixture)
{
    int rc = bide_web_client_close(fixture->client);
    bide_web_app_free(fixture->app);
    return rc;
}

static int get(struct fixture *fixture, const char *target)
{
    int rc = bide_web_client_get(fixture->client, target, &fixture->response);
    return rc < 0 ? rc : fixture->response.status;
}

static int post(struct fixture *fixture, const char *target, const char *json)
{
    int rc = bide_web_client_post(fixture->client, target, json,
                                  &fixture->response);
    return rc < 0 ? rc : fixture->response.status;
}

#define ADA "{\"name\": \"Ada\", \"email\": \"ada@example.org\"}"

BIDE_TEST(a_user_who_was_created_is_found, .backend = "sim")
{
    struct fixture fixture;
    BIDE_CHECK_OK(set_up(&fixture));
    BIDE_CHECK_INT(post(&fixture, "/users", ADA), 201);
    BIDE_CHECK(strstr(fixture.response.body, "{\"id\":1,\"name\":\"Ada\","));
    BIDE_CHECK_INT(get(&fixture, "/users/1"), 200);
    BIDE_CHECK(strstr(fixture.response.body, "\"email\":\"ada@example.org\""));
    BIDE_CHECK_INT(get(&fixture, "/users"), 200);
    BIDE_CHECK(strncmp(fixture.response.body, "[{\"id\":1,", 9) == 0);
    BIDE_CHECK_INT(get(&fixture, "/users/2"), 404);
    BIDE_CHECK_STR(fixture.response.body, "{\"detail\":\"no user 2\"}");
    BIDE_CHECK_OK(tear_down(&fixture));
    return 0;
}

BIDE_TEST(an_email_is_registered_once, .backend = "sim")
{
    struct fixture fixture;
    BIDE_CHECK_OK(set_up(&fixture));
    BIDE_CHECK_INT(post(&fixture, "/users", ADA), 201);
    BIDE_CHECK_INT(post(&fixture, "/users", ADA), 409);
    BIDE_CHECK_STR(fixture.response.body,
                   "{\"detail\":\"ada@example.org is registered already\"}");
    BIDE_CHECK_OK(tear_down(&fixture));
    return 0;
}

BIDE_TEST(what_is_not_valid_is_told, .backend = "sim")
{
    struct fixture fixture;
    BIDE_CHECK_OK(set_up(&fixture));
    BIDE_CHECK_INT(post(&fixture, "/users",
                        "{\"name\": \"\", \"email\": \"nowhere\"}"), 422);
    BIDE_CHECK(strstr(fixture.response.body, "[\"body\",\"name\"]"));
    BIDE_CHECK(strstr(fixture.response.body, "[\"body\",\"email\"]"));
    BIDE_CHECK_INT(get(&fixture, "/users?limit=1000"), 422);
    BIDE_CHECK_INT(get(&fixture, "/users/one"), 422);
    BIDE_CHECK_OK(tear_down(&fixture));
    return 0;
}

/* [test] */
BIDE_TEST(who_registers_gets_an_email_after_the_reply, .backend = "sim")
{
    struct fixture fixture;
    double begin = bide_time();
    sent[0] = '\0';
    BIDE_CHECK_OK(set_up(&fixture));
    BIDE_CHECK_INT(post(&fixture, "/register", ADA), 201);
    BIDE_CHECK_NEAR(bide_time() - begin, 0, 0.5);
    BIDE_CHECK_STR(sent, "");
    BIDE_CHECK_OK(bide_sleep(2));
    BIDE_CHECK_STR(sent, "ada@example.org: Welcome!");
    BIDE_CHECK_OK(tear_down(&fixture));
    return 0;
}
/* [test] */

BIDE_TEST(with_a_store_of_jobs_the_email_is_a_job, .backend = "sim")
{
    struct fixture fixture;
    sent[0] = '\0';
    BIDE_CHECK_OK(set_up_with(&fixture, "sqlite::memory:"));
    BIDE_CHECK_INT(post(&fixture, "/register", ADA), 201);
    BIDE_CHECK_OK(bide_sleep(10));
    BIDE_CHECK_STR(sent, "ada@example.org: Welcome!");
    BIDE_CHECK_OK(tear_down(&fixture));
    return 0;
}

BIDE_TEST(what_looks_like_sql_is_a_name, .backend = "sim")
{
    struct fixture fixture;
    BIDE_CHECK_OK(set_up(&fixture));
    BIDE_CHECK_INT(post(&fixture, "/users",
                        "{\"name\": \"'); DROP TABLE users; --\", "
                        "\"email\": \"bobby@example.org\"}"), 201);
    BIDE_CHECK_INT(get(&fixture, "/users/1"), 200);
    BIDE_CHECK(strstr(fixture.response.body, "DROP TABLE users; --"));
    BIDE_CHECK_OK(tear_down(&fixture));
    return 0;
}

BIDE_TEST(a_user_who_was_deleted_has_gone, .backend = "sim")
{
    struct fixture fixture;
    const bide_web_client_options delete = {.method = "DELETE"};
    BIDE_CHECK_OK(set_up(&fixture));
    BIDE_CHECK_INT(post(&fixture, "/users", ADA), 201);
    BIDE_CHECK_OK(bide_web_client_request(fixture.client, "/users/1", &delete,
                                          &fixture.response));
    BIDE_CHECK_INT(fixture.response.status, 204);
    BIDE_CHECK_INT(get(&fixture, "/users/1"), 404);
    BIDE_CHECK_OK(tear_down(&fixture));
    return 0;
}

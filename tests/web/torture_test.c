/* SPDX-License-Identifier: MIT */
/*
 * torture_test.c — requests of each kind, each allocation failing and each
 * wait cancelled in turn.
 */
#include "helpers/torture.h"

#include "web.h"

BIDE_MODEL(Thing,
    BIDE_FIELD(str, name, .min_len = 1, .max_len = 500),
    BIDE_FIELD(list(str), tags));

static int opened, closed;

typedef int Db;

static int open_db(bide_web_request *request, const bide_web_none *in,
                   Db **ret_db)
{
    static Db db;
    (void)request;
    (void)in;
    int rc = bide_sleep(0.01);
    if (rc < 0)
        return rc;
    opened++;
    *ret_db = &db;
    return 0;
}

static int close_db(bide_web_request *request, void *db, int rc)
{
    (void)request;
    (void)db;
    (void)rc;
    closed++;
    return 0;
}

BIDE_DEPENDENCY(early, open_db, bide_web_none, Db, .finish = close_db,
                .before_reply = true);
BIDE_DEPENDENCY(late, open_db, bide_web_none, Db, .finish = close_db);

BIDE_MODEL(AddThing,
    BIDE_PATH(i64, id),
    BIDE_QUERY(list(str), q),
    BIDE_COOKIE(optional(str), theme),
    BIDE_BODY(Thing, thing),
    BIDE_DEP(Db, one, early),
    BIDE_DEP(Db, two, late));

static int after(void *arg)
{
    (void)arg;
    return bide_sleep(0.01);
}

static int add_thing(bide_web_request *request, const AddThing *in, Thing *out)
{
    *out = in->thing;
    int rc = bide_web_reply_cookie(request, "seen", "1", NULL);
    if (rc == 0)
        rc = bide_web_background(request, after, NULL);
    return rc;
}

static int pieces(bide_web_request *request)
{
    int rc = bide_web_reply_begin(request, 200, "text/plain", -1);
    if (rc == 0)
        rc = bide_web_reply_write(request, "x", 1);
    return rc;
}

static int pass(bide_web_request *request, void *arg)
{
    (void)arg;
    return bide_web_next(request);
}

static int talk(bide_web_client *client)
{
    static const char body[] = "{\"name\": \"a\", \"tags\": [\"b\", \"c\"]}";
    bide_web_response response;
    int rc = bide_web_client_post(client, "/things/3?q=a&q=b", body,
                                  &response);
    if (rc == 0 && !torture_disturbs())
        CHECK_INT(response.status, 200);
    if (rc == 0)
        rc = bide_web_client_post(client, "/things/x", "{\"name\": 1",
                                  &response);
    if (rc == 0 && !torture_disturbs())
        CHECK_INT(response.status, 422);
    if (rc == 0)
        rc = bide_web_client_get(client, "/pieces", &response);
    if (rc == 0)
        rc = bide_web_client_get(client, "/openapi.json", &response);
    if (rc == 0)
        rc = bide_web_client_get(client, "/metrics", &response);
    if (rc == 0)
        rc = bide_web_client_get(client, "/things/3", &response);
    return rc;
}

static int scenario(void *arg)
{
    bide_web_client *client = NULL;
    (void)arg;
    opened = closed = 0;
    bide_set_exception_handler(bide_loop_current(), note_report, NULL);
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_use(app, pass, NULL);
    BIDE_WEB_POST(app, "/things/{id}", add_thing, AddThing, Thing);
    bide_web_route(app, "GET", "/pieces", pieces, NULL);
    int rc = bide_web_client_open(app, &client);
    if (rc == 0)
        rc = talk(client);
    int ended = bide_web_client_close(client);
    bide_web_app_free(app);
    CHECK_INT(closed, opened); /* what was provided was cleaned up */
    /* The other side was disturbed. */
    if (torture_disturbs() && (rc == -ECONNRESET || rc == -EPIPE ||
                               rc == BIDE_E_INCOMPLETE))
        rc = 0;
    return rc < 0 ? rc : ended;
}

static int warm_up(void *arg)
{
    return scenario(arg);
}

TEST(an_application_survives_anything)
{
    /* What models derive is kept until the program ends. */
    CHECK_OK(bide_run(warm_up, NULL));
    struct torture_counts counts = torture(scenario);
    CHECK(counts.suspensions >= 10);
    CHECK(counts.allocations >= 50);
}

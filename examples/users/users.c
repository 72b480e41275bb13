/* SPDX-License-Identifier: MIT */
/*
 * users.c — the endpoints. A struct says what an endpoint takes; its handler
 * runs when all of it is valid. The signatures are checked by the compiler.
 */
#include "users.h"

#include <errno.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ── A transaction for each request that writes ───────────────────────── */

/* [transaction] */
static int begin(req *request, const bide_web_none *in,
                 bide_sql_transaction **ret_tx)
{
    struct service *service = bide_web_state(request);
    (void)in;
    *ret_tx = bide_web_request_allocate(request, sizeof **ret_tx);
    return *ret_tx ? bide_sql_begin(service->db, *ret_tx, NULL) : -ENOMEM;
}

/* Before the reply: who is told "201" can rely on it. */
static int end(req *request, void *tx, int rc)
{
    (void)request;
    return bide_sql_end(tx, rc);
}

dependency(transaction, begin, bide_web_none, bide_sql_transaction,
           .finish = end, .before_reply = true);
/* [transaction] */

/* ── Reading ──────────────────────────────────────────────────────────── */

model(ListUsers,
    query(i64, after, .def = "0", .ge = 0, .doc = "Those behind this id"),
    query(i64, limit, .def = "20", .ge = 1, .le = 100));

static int list_users(req *request, const ListUsers *in, Users *out)
{
    struct service *service = bide_web_state(request);
    return store_list(service->db, bide_web_request_arena(request), in->after,
                      in->limit, out);
}

model(OneUser, path(i64, id, .ge = 1));

static int get_user(req *request, const OneUser *in, User *out)
{
    struct service *service = bide_web_state(request);
    int rc = store_get(service->db, bide_web_request_arena(request), in->id,
                       out);
    return rc == 0 ? bide_web_error(request, 404, "no user %lld",
                                    (long long)in->id)
                   : rc;
}

/* ── Writing ──────────────────────────────────────────────────────────── */

/* [create] */
model(CreateUser,
    body(NewUser, user),
    dep(bide_sql_transaction, tx, transaction));

static int create_user(req *request, const CreateUser *in, User *out)
{
    int rc = store_insert(in->tx->connection, &in->user, now(), out);
    if (rc == BIDE_E_SQL_CONSTRAINT)
        return bide_web_error(request, 409, "%s is registered already",
                              in->user.email);
    return rc;
}
/* [create] */

/* [register] */
static int register_user(req *request, const CreateUser *in, User *out)
{
    struct news *news = bide_web_request_allocate(request, sizeof *news);
    if (!news)
        return -ENOMEM;
    *news = (struct news){bide_web_state(request), out};
    int rc = create_user(request, in, out);
    if (rc == 0) /* both after the reply, in this order */
        rc = bide_web_background(request, feed_tell, news);
    if (rc == 0)
        rc = bide_web_background(request, mail_welcome, news);
    return rc;
}
/* [register] */

model(DeleteUser,
    path(i64, id, .ge = 1),
    dep(bide_sql_transaction, tx, transaction));

static int delete_user(req *request, const DeleteUser *in, bide_web_none *out)
{
    int rc = store_delete(in->tx->connection, in->id);
    (void)out;
    return rc == 0 ? bide_web_error(request, 404, "no user %lld",
                                    (long long)in->id)
                   : rc;
}

/* ── The application ──────────────────────────────────────────────────── */

bide_web_app *users_app(struct service *service)
{
    const bide_web_options options = {
        .title = "users",
        .description = "Users, and a feed of those who register.",
        .state = service,
    };
    bide_web_app *app = bide_web_app_new(&options);
    bide_web_lifespan(app, store_open, store_close, service);
    bide_web_lifespan(app, mail_open, mail_close, service);
    /* [routes] */
    GET(app, "/users", list_users, ListUsers, Users, .tags = "users");
    GET(app, "/users/{id}", get_user, OneUser, User, .tags = "users");
    POST(app, "/users", create_user, CreateUser, User, .status = 201,
         .tags = "users");
    POST(app, "/register", register_user, CreateUser, User, .status = 201,
         .tags = "users");
    DELETE(app, "/users/{id}", delete_user, DeleteUser, bide_web_none,
           .status = 204, .tags = "users");
    /* [routes] */
    feed_routes(app);
    return app;
}

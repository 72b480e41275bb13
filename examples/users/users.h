/* SPDX-License-Identifier: MIT */
/*
 * users.h — a users service: what it stores, and its parts.
 *
 *     users.c   the endpoints: what a client sees
 *     store.c   the database, whichever the URL names
 *     mail.c    emails, as background tasks or as jobs
 *     feed.c    a WebSocket on which new users are told
 *     page.html a page that shows them as they come
 *     main.c    the program
 */
#ifndef USERS_H
#define USERS_H

#include <bide.h>
#include <bide/sql.h>
#include <bide/web.h>
#include <bide/web_short.h>

/* [models] */
model(NewUser,
    options(.doc = "What somebody says who registers"),
    field(str, name, .min_len = 1, .max_len = 80, .example = "Ada Lovelace"),
    field(str, email, .max_len = 200, .pattern = "^[^@ ]+@[^@ ]+\\.[^@ ]+$",
          .format = "email", .example = "ada@example.org"));

model(User,
    field(i64, id),
    field(str, name),
    field(str, email),
    field(time, created));

list_of(Users, User);
/* [models] */

/* The whole service: the application's state. */
struct service {
    const char *database_url;
    const char *jobs_url;     /* NULL: no jobs, background tasks alone */
    int (*deliver)(const char *address, const char *text); /* NULL: print */
    bide_sql *db;
    struct bide_jobs *jobs;
    bide_task *worker;        /* on the jobs */
    struct watcher *watchers; /* of the feed */
};

/* Somebody has registered. */
struct news {
    struct service *service;
    const User *user;
};

/* ── store.c ──────────────────────────────────────────────────────────── */

/* Lifespan: the service. */
int store_open(void *service);
int store_close(void *service);

/* Each returns a negative code on failure; what they fill is the request's. */
int store_insert(bide_sql *db, const NewUser *user, double now, User *ret_user);
int store_get(bide_sql *db, bide_arena *arena, int64_t id, User *ret_user);
int store_list(bide_sql *db, bide_arena *arena, int64_t after, int64_t limit,
               Users *ret_users);
int store_delete(bide_sql *db, int64_t id); /* how many */

/* ── mail.c ───────────────────────────────────────────────────────────── */

/* Lifespan: the service. */
int mail_open(void *service);
int mail_close(void *service);

/* Welcome somebody; a background task. */
int mail_welcome(void *news);

/* ── feed.c ───────────────────────────────────────────────────────────── */

void feed_routes(bide_web_app *app);

/* Tell all who watch; a background task. */
int feed_tell(void *news);

/* ── users.c ──────────────────────────────────────────────────────────── */

/* The application; NULL: out of memory. */
bide_web_app *users_app(struct service *service);

#endif

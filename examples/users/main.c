/* SPDX-License-Identifier: MIT */
/*
 * main.c — the users service.
 *
 *     users                                   on port 8000, in users.db
 *     DATABASE_URL=postgres:///test users     in PostgreSQL
 *     JOBS_URL=redis://localhost users        emails as jobs, in Redis
 *     HOST=0.0.0.0 PORT=80 users
 */
#include "users.h"

#include <bide/sqlite.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef WITH_POSTGRES
#include <bide/postgres.h>
#endif

static const char *setting(const char *name, const char *normal)
{
    const char *value = getenv(name);
    return value && *value ? value : normal;
}

static int amain(void *arg)
{
    struct service service = {
        .database_url = setting("DATABASE_URL", "sqlite:///users.db"),
        .jobs_url = setting("JOBS_URL", NULL),
    };
    (void)arg;
    bide_web_app *app = users_app(&service);
    int rc = bide_web_run(app, setting("HOST", "127.0.0.1"),
                          atoi(setting("PORT", "8000")));
    bide_web_app_free(app);
    return rc;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    int rc = bide_sqlite_register();
#ifdef WITH_POSTGRES
    if (rc == 0)
        rc = bide_postgres_register();
#endif
    if (rc == 0)
        rc = bide_run(amain, NULL);
    if (rc < 0)
        fprintf(stderr, "users: %s\n", bide_errmsg(rc));
    return rc < 0;
}

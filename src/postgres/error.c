/* SPDX-License-Identifier: MIT */
/* error.c — what the server or libpq reports, as ours. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "postgres/postgres.h"

int bide__pg_raise(const PGresult *result, char ret_state[6])
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    char both[BIDE_ERRMSG_MAX];
    if (!state || !text) {
        state = "08006";
        text = PQresultErrorMessage(result);
        detail = NULL;
    }
    snprintf(both, sizeof both, "%s%s%s%s", text, detail ? " (" : "",
             detail ? detail : "", detail ? ")" : "");
    snprintf(ret_state, 6, "%.5s", state);
    return bide_sql_raise(state, both);
}

/* libpq's text has several lines; the last one says most. */
int bide__pg_raise_lost(struct bide__pg *pg)
{
    char text[BIDE_ERRMSG_MAX];
    const char *all = PQerrorMessage(pg->conn);
    snprintf(text, sizeof text, "%s", *all ? all : "the connection is lost");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    return bide_sql_raise("08006", text);
}

struct bide__pg *bide__pg_of(bide_sql *connection, const char *function,
                             int *ret_code)
{
    struct bide__pg *pg =
        bide_sql_driver_connection(connection, &bide__pg_driver);
    *ret_code = 0;
    if (!pg)
        *ret_code = bide_raise(-EINVAL,
                               "%s: this is no connection to PostgreSQL that "
                               "was acquired",
                               function);
    return pg;
}

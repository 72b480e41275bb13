/* SPDX-License-Identifier: MIT */
/*
 * error.c — SQLSTATE, codes, and the end of programs that are wrong.
 *
 * The state is kept where it cannot be lost: as the beginning of the message,
 * which moves with the code to whoever awaits the task. So it needs no memory
 * of its own, and no other error's state can be taken for it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sql/sql.h"

#define STATE_LEN 5

/* Which code goes with the states that begin so; the first match counts. */
static const struct {
    const char *prefix;
    int code;
} codes[] = {
    {"23", BIDE_E_SQL_CONSTRAINT},
    {"40", BIDE_E_SQL_CONFLICT},
    {"55P03", BIDE_E_SQL_CONFLICT},
    {"08P01", BIDE_E_SQL},
    {"08", BIDE_E_SQL_CONNECTION},
    {"28", BIDE_E_SQL_CONNECTION},
    {"57P0", BIDE_E_SQL_CONNECTION},
    {"3D000", BIDE_E_SQL_CONNECTION},
    {"53300", BIDE_E_SQL_CONNECTION},
    {"53100", -ENOSPC},
    {"", BIDE_E_SQL},
};

int bide_sql_raise(const char *state, const char *text)
{
    size_t i = 0;
    while (strncmp(state, codes[i].prefix, strlen(codes[i].prefix)) != 0)
        i++;
    return bide_raise(codes[i].code, "%.5s: %.*s", state,
                      (int)strcspn(text, "\n"), text);
}

static bool is_state(const char *text)
{
    for (int i = 0; i < STATE_LEN; i++)
        if (!(text[i] >= '0' && text[i] <= '9') &&
            !(text[i] >= 'A' && text[i] <= 'Z'))
            return false;
    return text[STATE_LEN] == ':';
}

const char *bide_sql_error_state(int code)
{
    static _Thread_local char state[STATE_LEN + 1];
    state[0] = '\0';
    if (code < 0 && is_state(bide_errmsg(code)))
        memcpy(state, bide_errmsg(code), STATE_LEN);
    return state;
}

void bide__sql_die(const char *format, ...)
{
    static const char prefix[] = "bide: ";
    char line[512];
    memcpy(line, prefix, sizeof prefix);
    size_t used = sizeof prefix - 1;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    if (len > 0)
        used += (size_t)len < sizeof line - used - 1 ? (size_t)len
                                                     : sizeof line - used - 2;
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* there is nowhere left to complain */
    abort();
}

void bide__sql_put_off_cancel(void)
{
    bide_task *self = bide_current_task();
    (void)bide_task_uncancel(self);
    (void)bide_task_cancel(self);
}

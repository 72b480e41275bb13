/* SPDX-License-Identifier: MIT */
/*
 * error.c — what SQLite reports, with the SQLSTATE that PostgreSQL has for it,
 * so that a program can look for one state whichever database it uses.
 */
#include <errno.h>
#include <string.h>

#include "sqlite/sqlite.h"

/* Extended codes first, then plain ones; the first match counts. */
static const struct {
    int code;
    const char *state;
} states[] = {
    {SQLITE_CONSTRAINT_UNIQUE, "23505"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, "23505"},
    {SQLITE_CONSTRAINT_ROWID, "23505"},
    {SQLITE_CONSTRAINT_NOTNULL, "23502"},
    {SQLITE_CONSTRAINT_FOREIGNKEY, "23503"},
    {SQLITE_CONSTRAINT_CHECK, "23514"},
    {SQLITE_CONSTRAINT_DATATYPE, "22P02"},
    {SQLITE_BUSY_SNAPSHOT, "40001"},
    {SQLITE_CONSTRAINT, "23000"},
    {SQLITE_BUSY, "55P03"},
    {SQLITE_LOCKED, "55P03"},
    {SQLITE_FULL, "53100"},
    {SQLITE_READONLY, "25006"},
    {SQLITE_PERM, "42501"},
    {SQLITE_AUTH, "42501"},
    {SQLITE_CANTOPEN, "08001"},
    {SQLITE_NOTADB, "08001"},
    {SQLITE_IOERR, "58030"},
    {SQLITE_CORRUPT, "XX001"},
    {SQLITE_TOOBIG, "54000"},
    {SQLITE_RANGE, "22003"},
    {SQLITE_MISMATCH, "42804"},
    {SQLITE_SCHEMA, "40001"},
};

/* SQLITE_ERROR says nothing by itself: its texts do. */
static const struct {
    const char *begins;
    const char *state;
} texts[] = {
    {"no such table", "42P01"},  {"no such column", "42703"},
    {"no such function", "42883"}, {"near ", "42601"},
    {"incomplete input", "42601"}, {"unrecognized token", "42601"},
};

static const char *state_of(int code, const char *text)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (states[i].code == code || states[i].code == (code & 0xff))
            return states[i].state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!strncmp(text, texts[i].begins, strlen(texts[i].begins)))
            return texts[i].state;
    if (strstr(text, "already exists"))
        return "42P07";
    return "HY000";
}

int bide__sqlite_raise(struct bide__sqlite *sqlite, int code)
{
    bool stopped = atomic_load(&sqlite->interrupted);
    if ((code & 0xff) == SQLITE_NOMEM)
        return -ENOMEM;
    if (stopped && ((code & 0xff) == SQLITE_INTERRUPT ||
                    (code & 0xff) == SQLITE_BUSY))
        return -ECANCELED;
    if (sqlite->db)
        code = sqlite3_extended_errcode(sqlite->db);
    const char *text = sqlite->db ? sqlite3_errmsg(sqlite->db)
                                  : sqlite3_errstr(code);
    return bide_sql_raise(state_of(code, text), text);
}

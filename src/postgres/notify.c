/* SPDX-License-Identifier: MIT */
/*
 * notify.c — LISTEN and NOTIFY.
 *
 * Notifications come on the connection between results, whenever the server
 * likes, and wait here until a task asks for them. Beyond a limit the oldest
 * is dropped, and that is told.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "postgres/postgres.h"

static void drop_oldest(struct bide__pg *pg)
{
    struct bide__pg_note *note = pg->notes;
    pg->notes = note->next;
    if (!pg->notes)
        pg->notes_last = &pg->notes;
    pg->notes_count--;
    PQfreemem(note->notify);
    bide_release(note);
}

void bide__pg_drop_notes(struct bide__pg *pg)
{
    while (pg->notes)
        drop_oldest(pg);
}

void bide__pg_collect_notes(struct bide__pg *pg)
{
    PGnotify *notify;
    while ((notify = PQnotifies(pg->conn))) {
        struct bide__pg_note *note = bide_allocate(sizeof *note);
        if (!note) {
            PQfreemem(notify);
            pg->notes_lost = true;
            continue;
        }
        *note = (struct bide__pg_note){.notify = notify};
        *pg->notes_last = note;
        pg->notes_last = &note->next;
        if (++pg->notes_count > BIDE_POSTGRES_NOTIFICATIONS_MAX) {
            drop_oldest(pg);
            pg->notes_lost = true;
        }
    }
    if (pg->notes || pg->notes_lost)
        bide_event_set(&pg->noted);
}

int bide_postgres_notified(bide_sql *connection,
                           bide_postgres_notification *ret_notification)
{
    int rc;
    struct bide__pg *pg = bide__pg_of(connection, "bide_postgres_notified",
                                      &rc);
    if (!pg)
        return rc;
    if (!pg->notes && !pg->notes_lost && !pg->lost)
        bide_event_clear(&pg->noted);
    else
        bide_event_set(&pg->noted);
    rc = bide_event_wait(&pg->noted);
    if (rc < 0)
        return rc;
    if (pg->notes_lost) {
        pg->notes_lost = false;
        return bide_raise(-EOVERFLOW, "notifications were lost; at most %d are "
                                      "kept",
                          BIDE_POSTGRES_NOTIFICATIONS_MAX);
    }
    if (!pg->notes)
        return bide_sql_raise("08003", "the connection is lost");
    const PGnotify *notify = pg->notes->notify;
    snprintf(ret_notification->channel, sizeof ret_notification->channel,
             "%s", notify->relname);
    snprintf(ret_notification->payload, sizeof ret_notification->payload,
             "%s", notify->extra);
    ret_notification->pid = notify->be_pid;
    drop_oldest(pg);
    return 0;
}

int bide_postgres_listen(bide_sql *connection, const char *channel)
{
    int rc;
    struct bide__pg *pg = bide__pg_of(connection, "bide_postgres_listen", &rc);
    if (!pg)
        return rc;
    if (strlen(channel) >= BIDE_POSTGRES_CHANNEL_MAX)
        return bide_raise(-EINVAL, "a channel's name of %zu bytes, at most %d",
                          strlen(channel), BIDE_POSTGRES_CHANNEL_MAX - 1);
    char *name = PQescapeIdentifier(pg->conn, channel, strlen(channel));
    if (!name)
        return bide__pg_raise_lost(pg);
    char sql[2 * BIDE_POSTGRES_CHANNEL_MAX + 16];
    snprintf(sql, sizeof sql, "LISTEN %s", name);
    PQfreemem(name);
    pg->listens = true;
    return bide__pg_say(pg, sql, NULL, false);
}

/* The next one to have the connection has not asked for anything. A COPY that
 * was not ended cannot go on. */
void bide__pg_released(void *connection)
{
    struct bide__pg *pg = connection;
    if (!pg->piped && !pg->lost)
        bide__pg_lose(pg);
    if (pg->listens)
        bide__pg_tell(pg, "UNLISTEN *");
    pg->listens = false;
    bide__pg_drop_notes(pg);
    pg->notes_lost = false;
}

int bide_postgres_notify(bide_sql *db, const char *channel,
                         const char *payload)
{
    int rc = bide_sql_execute(db, "SELECT pg_notify($1, $2)",
                              BIDE_SQL(channel, payload ? payload : ""));
    return rc < 0 ? rc : 0;
}

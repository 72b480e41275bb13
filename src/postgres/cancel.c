/* SPDX-License-Identifier: MIT */
/*
 * cancel.c — stopping what runs on the server.
 *
 * PostgreSQL is asked to stop by a connection of its own, which names a
 * process of the server and no statement. So it is asked only when the
 * statement that was cancelled is the one whose results come next, and asked
 * again if the request came before the server had begun. If it comes too late
 * and hits the next statement, that is run again: see take_result().
 *
 * libpq makes that connection only in a way that blocks. A task of its own
 * does it on a thread, because who was cancelled may not want to wait.
 */
#include <errno.h>

#include <bide/executor.h>

#include "postgres/postgres.h"

/* Seconds between two requests for the same statement. */
#define AGAIN_AFTER 0.05

struct bide__pg_canceller {
    struct bide__pg *pg; /* NULL: the connection has ended */
    struct bide__pg_job *job;
    PGcancel *request;
};

static int send_request(void *arg)
{
    char error[256];
    return PQcancel(arg, error, sizeof error) ? 0 : -EIO;
}

/* It is still the one that runs, and is to be stopped. */
static bool is_due(const struct bide__pg_canceller *canceller)
{
    const struct bide__pg *pg = canceller->pg;
    return pg && !pg->lost && pg->current && pg->current == canceller->job &&
           pg->current->cancelled;
}

static int cancel_until_it_stops(void *arg)
{
    struct bide__pg_canceller *canceller = arg;
    int rc = 0;
    while (rc != -ECANCELED && is_due(canceller)) {
        rc = bide_to_thread(send_request, canceller->request);
        if (rc != -ECANCELED && is_due(canceller))
            rc = bide_sleep(AGAIN_AFTER);
    }
    PQfreeCancel(canceller->request);
    struct bide__pg *pg = canceller->pg;
    bide_release(canceller);
    if (!pg)
        return 0;
    pg->canceller = NULL;
    if (!pg->first)
        pg->cancelling = false;
    bide__pg_cancel_current(pg); /* it may be the next one's turn */
    return 0;
}

static struct bide__pg_canceller *new_canceller(struct bide__pg *pg)
{
    struct bide__pg_canceller *canceller = bide_allocate(sizeof *canceller);
    if (!canceller)
        return NULL;
    *canceller = (struct bide__pg_canceller){
        .pg = pg,
        .job = pg->current,
        .request = PQgetCancel(pg->conn),
    };
    if (canceller->request)
        return canceller;
    bide_release(canceller);
    return NULL;
}

void bide__pg_cancel_current(struct bide__pg *pg)
{
    if (pg->lost || pg->canceller || !pg->current || !pg->current->cancelled)
        return;
    struct bide__pg_canceller *canceller = new_canceller(pg);
    bide_task *task = NULL;
    if (canceller)
        task = bide_create_task_with(
            cancel_until_it_stops, canceller,
            &(bide_task_options){.name = "postgres-cancel"});
    if (task) {
        pg->canceller = canceller;
        pg->cancelling = true;
        bide_task_detach(task);
        return;
    }
    if (canceller)
        PQfreeCancel(canceller->request);
    bide_release(canceller);
    bide__pg_lose(pg); /* that stops it as well, if roughly */
}

void bide__pg_forget_canceller(struct bide__pg *pg)
{
    if (pg->canceller)
        pg->canceller->pg = NULL;
    pg->canceller = NULL;
}

/* SPDX-License-Identifier: MIT */
/* fetch.h — what `bide http` fetches, and how it shows it. */
#ifndef BIDE_CLI_FETCH_H
#define BIDE_CLI_FETCH_H

#include <bide.h>
#include <bide/http_client.h>

#define PIECE ((size_t)65536)
#define NAME_SIZE 200
#define PATH_SIZE 1024
#define FIRST_PAUSE 0.5   /* seconds before the first repetition */
#define LONGEST_PAUSE 30.0

enum fetch_state { FETCH_WAITING, FETCH_RUNNING, FETCH_ENDED };

struct fetch {
    struct job *job;
    char *url;
    char path[PATH_SIZE]; /* of its file, "" without */
    enum fetch_state state;
    int rc, status;
    unsigned retried;
    double begun, seconds;
    uint64_t got, length; /* bytes; length is 0 if it is not known */
};

struct job {
    bide_http_session *http;
    bide_semaphore slots;
    const char *directory; /* of the files, or NULL */
    unsigned limit, retries;
    double timeout;
    struct fetch *fetches;
    size_t count, room;
    size_t ended;
    bool draw;      /* on a terminal */
    unsigned drawn; /* lines of bars that stand there */
};

/* ── bars.c ───────────────────────────────────────────────────────────── */

void bars_begin(struct job *job);

/* A coroutine: draws until it is cancelled. */
int bars_draw(void *job);

/* A line for a fetch that has ended. */
void bars_report(struct job *job, struct fetch *fetch);

void bars_end(struct job *job);

#endif

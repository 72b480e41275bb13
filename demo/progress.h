/* SPDX-License-Identifier: MIT */
/* progress.h — a line for each request, alive while the request is. */
#ifndef DEMO_PROGRESS_H
#define DEMO_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* One request as the screen shows it. */
struct progress {
    char label[24];
    double started;  /* seconds of bide_time(), 0 before */
    double finished; /* likewise, 0 while it is under way */
    char result[40]; /* what came of it, once finished */
};

/* Lines painted together. */
struct board {
    struct progress *lines;
    size_t count;
    size_t painted; /* lines that are on the screen already */
};

/* A coroutine that repaints a struct board until it is cancelled. Without a
 * terminal it paints nothing. */
int board_paint(void *board);

/* Paint it for the last time; in a pipe, say what came of one request. */
void board_finish(struct board *board);
void board_done(const struct progress *line);

#endif

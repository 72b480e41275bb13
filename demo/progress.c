/* SPDX-License-Identifier: MIT */
/*
 * progress.c — a line for each request, alive while the request is.
 *
 * On a terminal the lines are painted over twenty times a second; in a pipe
 * each is printed once, when its request is done.
 */
#include "progress.h"

#include <bide.h>
#include <stdio.h>
#include <unistd.h>

#define WIDTH 24       /* cells of a bar */
#define EXPECTED 1.0   /* seconds that a request takes */
#define FRAME 0.05     /* seconds between two paintings */

static void paint_line(const struct progress *line)
{
    double end = line->finished > 0 ? line->finished : bide_time();
    double took = line->started > 0 ? end - line->started : 0;
    int cells = (int)(took / EXPECTED * WIDTH);
    if (cells > WIDTH || line->finished > 0)
        cells = WIDTH;
    printf("\r  %-11s ", line->label);
    for (int i = 0; i < WIDTH; i++)
        fputs(i < cells ? "█" : "░", stdout);
    printf(" %5.2f s  %s\033[K\n", took, line->result);
}

static void paint(struct board *board)
{
    if (board->painted > 0)
        printf("\033[%zuA", board->painted);
    for (size_t i = 0; i < board->count; i++)
        paint_line(&board->lines[i]);
    board->painted = board->count;
    fflush(stdout);
}

int board_paint(void *arg)
{
    struct board *board = arg;
    for (;;) {
        if (isatty(STDOUT_FILENO))
            paint(board);
        int rc = bide_sleep(FRAME);
        if (rc < 0)
            return rc;
    }
}

void board_finish(struct board *board)
{
    if (isatty(STDOUT_FILENO))
        paint(board);
}

void board_done(const struct progress *line)
{
    if (isatty(STDOUT_FILENO))
        return;
    printf("  %-11s %5.2f s  %s\n", line->label,
           line->finished - line->started, line->result);
    fflush(stdout);
}

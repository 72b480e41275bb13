/* SPDX-License-Identifier: MIT */
/*
 * bars.c — what `bide http` prints.
 *
 * On standard output a line for each URL when its fetch has ended, so that
 * other programs can read it. On standard error, if that is a terminal, bars
 * for what is under way, drawn over ten times a second; a line that is printed
 * takes the bars away first.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "fetch.h"

#define EVERY 0.1    /* seconds */
#define BARS_MAX 12  /* of single fetches */
#define BAR_WIDTH 24

/* ── Pieces ───────────────────────────────────────────────────────────── */

static const char *bytes_text(uint64_t bytes, char text[24])
{
    static const char units[] = "BKMGT";
    double number = (double)bytes;
    size_t unit = 0;
    while (number >= 1000 && unit < 4) {
        number /= 1024;
        unit++;
    }
    snprintf(text, 24, unit == 0 ? "%.0f %c" : "%.1f %c", number,
             units[unit]);
    return text;
}

static void draw_bar(double part)
{
    int full = part < 0 ? 0 : (int)(part * BAR_WIDTH + 0.5);
    fputc('[', stderr);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < full ? '#' : '.', stderr);
    fputc(']', stderr);
}

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 40)
        return 80;
    return size.ws_col;
}

static void clear(struct job *job)
{
    for (; job->drawn > 0; job->drawn--)
        fputs("\033[A\033[2K", stderr);
}

/* ── Drawing ──────────────────────────────────────────────────────────── */

static void draw_fetch(struct job *job, const struct fetch *fetch, int width)
{
    char got[24];
    int room = width - BAR_WIDTH - 24;
    draw_bar(fetch->length > 0
                 ? (double)fetch->got / (double)fetch->length
                 : -1);
    fprintf(stderr, " %9s  %.*s\n", bytes_text(fetch->got, got), room,
            fetch->url);
    job->drawn++;
}

static void draw_all(struct job *job)
{
    int width = columns();
    unsigned running = 0;
    clear(job);
    for (size_t i = 0; i < job->count; i++) {
        if (job->fetches[i].state != FETCH_RUNNING)
            continue;
        if (running++ < BARS_MAX)
            draw_fetch(job, &job->fetches[i], width);
    }
    draw_bar((double)job->ended / (double)job->count);
    fprintf(stderr, " %zu of %zu, %u under way\n", job->ended, job->count,
            running);
    job->drawn++;
    fflush(stderr);
}

void bars_begin(struct job *job)
{
    job->draw = isatty(STDERR_FILENO) && job->count > 0;
}

int bars_draw(void *arg)
{
    struct job *job = arg;
    int rc = 0;
    while (rc == 0) {
        if (job->draw)
            draw_all(job);
        rc = bide_sleep(EVERY);
    }
    return rc;
}

void bars_end(struct job *job)
{
    clear(job);
    fflush(stderr);
}

/* ── Lines ────────────────────────────────────────────────────────────── */

void bars_report(struct job *job, struct fetch *fetch)
{
    char got[24];
    clear(job);
    job->ended++;
    if (fetch->rc < 0) {
        printf("failed  %s: %s\n", fetch->url, bide_errmsg(fetch->rc));
    } else {
        printf("%6d  %s  %s  %.2f s", fetch->status, fetch->url,
               bytes_text(fetch->got, got), fetch->seconds);
        if (fetch->path[0] && fetch->status < 400)
            printf("  -> %s", fetch->path);
        putchar('\n');
    }
    fflush(stdout);
}

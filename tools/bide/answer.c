/* SPDX-License-Identifier: MIT */
/*
 * answer.c — asking a program, and reading the lines that it answers.
 *
 * src/task/snapshot.c says what they hold. What comes from another program is
 * not trusted: lines and their number have a maximum, missing fields are an
 * error, and texts hold no control characters.
 */
#include "answer.h"

#include <bide/stream.h>
#include <bide/timeout.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define PROTOCOL 1
#define LINE_MAX_LEN 4096
#define LINES_MAX ((size_t)1 << 24)
#define FIELDS_MAX 16
#define PATIENCE 5.0 /* seconds that a program may take for a line */

struct fields {
    char *text[FIELDS_MAX];
    size_t count;
};

/* ── Parsing ──────────────────────────────────────────────────────────── */

/* Cut a line at its tabs. A text with control characters, which the library
 * never sends, could confuse a terminal. */
static void split(char *line, struct fields *fields)
{
    fields->count = 0;
    for (char *next = line; next && fields->count < FIELDS_MAX;) {
        fields->text[fields->count++] = next;
        next = strchr(next, '\t');
        if (next)
            *next++ = '\0';
    }
    for (size_t i = 0; i < fields->count; i++)
        for (char *at = fields->text[i]; *at; at++)
            if ((unsigned char)*at < ' ' || *at == 0x7f)
                *at = '?';
}

static int64_t number(const char *text)
{
    return strtoll(text, NULL, 10);
}

static int bad_answer(const char *why)
{
    return bide_raise(-EPROTO, "its answer is not understood: %s", why);
}

static int read_head(struct answer *answer, const struct fields *fields)
{
    if (fields->count < 6)
        return bad_answer("the first line is too short");
    if (number(fields->text[1]) != PROTOCOL)
        return bide_raise(-EPROTO,
                          "it speaks version %s of the protocol and bide %d; "
                          "use the bide of version %s",
                          fields->text[1], PROTOCOL, fields->text[2]);
    snprintf(answer->version, sizeof answer->version, "%s", fields->text[2]);
    answer->pid = number(fields->text[3]);
    snprintf(answer->backend, sizeof answer->backend, "%s", fields->text[4]);
    answer->debug = number(fields->text[5]) != 0;
    return 0;
}

/* Room for one more element; doubles when a power of two is reached. */
static void *grow(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return more_memory(array, (count ? 2 * count : 1) * size);
}

static int read_task(struct answer *answer, const char *line)
{
    char *copy = copy_text(line);
    struct fields fields;
    split(copy, &fields);
    if (fields.count < 12) {
        free(copy);
        return bad_answer("a task's line is too short");
    }
    char **text = fields.text;
    answer->tasks = grow(answer->tasks, answer->count, sizeof *answer->tasks);
    answer->tasks[answer->count++] = (struct task){
        .id = (uint64_t)number(text[1]),
        .state = text[2],
        .awaiter = (uint64_t)number(text[3]),
        .age_ns = number(text[4]),
        .since_ns = number(text[5]),
        .busy_ns = number(text[6]),
        .used = number(text[7]),
        .size = number(text[8]),
        .wait = text[9],
        .function = text[10],
        .name = text[11],
        .first_frame = answer->frame_count,
        .line = copy,
    };
    return 0;
}

static int read_frame(struct answer *answer, const struct fields *fields)
{
    if (fields->count < 2 || answer->count == 0)
        return bad_answer("calls of no task");
    answer->frames =
        grow(answer->frames, answer->frame_count, sizeof *answer->frames);
    answer->frames[answer->frame_count++] = copy_text(fields->text[1]);
    answer->tasks[answer->count - 1].frames++;
    return 0;
}

/* Returns 1 at the end of the answer, 0 before, or a negative code. */
static int read_line(struct answer *answer, char *line)
{
    if (strncmp(line, "task\t", 5) == 0)
        return read_task(answer, line);
    struct fields fields;
    split(line, &fields);
    const char *kind = fields.text[0];
    if (strcmp(kind, "bide") == 0)
        return read_head(answer, &fields);
    if (strcmp(kind, "frame") == 0)
        return read_frame(answer, &fields);
    if (strcmp(kind, "loop") == 0 && fields.count >= 3) {
        answer->live = number(fields.text[1]);
        answer->latency_ns = number(fields.text[2]);
        return 0;
    }
    if (strcmp(kind, "end") == 0)
        return 1;
    return bad_answer("a line of an unknown kind");
}

/* ── Asking ───────────────────────────────────────────────────────────── */

struct exchange {
    bide_stream *stream;
    char line[LINE_MAX_LEN + 1];
};

static ssize_t next_line(struct exchange *exchange)
{
    bide_timeout timeout;
    bide_timeout_enter(&timeout, PATIENCE);
    ssize_t n = bide_stream_readline(exchange->stream, exchange->line,
                                     LINE_MAX_LEN);
    int rc = bide_timeout_exit(&timeout, n < 0 ? (int)n : 0);
    if (rc == -ETIME)
        return bide_raise(rc, "it does not answer within %g s: its loop is "
                              "busy with one step, or stopped",
                          PATIENCE);
    if (rc < 0)
        return rc;
    if (n == 0)
        return bide_raise(-ECONNRESET, "it went away while it answered, or "
                                       "does not answer to this user");
    if (exchange->line[n - 1] == '\n')
        n--;
    exchange->line[n] = '\0';
    return n;
}

static int converse(struct exchange *exchange, const char *request,
                    struct answer *answer)
{
    char line[32];
    int len = snprintf(line, sizeof line, "%s\n", request);
    int rc = bide_stream_write(exchange->stream, line, (size_t)len);
    for (size_t lines = 0; rc == 0; lines++) {
        if (lines == LINES_MAX)
            return bad_answer("too many lines");
        ssize_t n = next_line(exchange);
        rc = n < 0 ? (int)n : read_line(answer, exchange->line);
    }
    return rc < 0 ? rc : 0;
}

int answer_fetch(const char *path, const char *request, struct answer *answer)
{
    *answer = (struct answer){.tasks = NULL};
    struct exchange *exchange = get_memory(sizeof *exchange);
    int rc = bide_open_unix_connection(path, NULL, &exchange->stream);
    if (rc == 0) {
        rc = converse(exchange, request, answer);
        bide_stream_close(exchange->stream);
    }
    free(exchange);
    if (rc < 0)
        answer_release(answer);
    return rc;
}

void answer_release(struct answer *answer)
{
    for (size_t i = 0; i < answer->count; i++)
        free(answer->tasks[i].line);
    for (size_t i = 0; i < answer->frame_count; i++)
        free(answer->frames[i]);
    free(answer->tasks);
    free(answer->frames);
    *answer = (struct answer){.tasks = NULL};
}

/* ── Texts ────────────────────────────────────────────────────────────── */

void task_doing(const struct task *task, char *text, size_t size)
{
    if (strcmp(task->state, "in") == 0)
        snprintf(text, size, "in %s()", task->wait);
    else
        snprintf(text, size, "%s", task->state);
}

const char *time_text(int64_t ns, char text[16])
{
    double seconds = (double)ns * 1e-9;
    if (ns < 0)
        return "-";
    if (seconds < 1e-3)
        snprintf(text, 16, "%.0f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(text, 16, "%.0f ms", seconds * 1e3);
    else if (seconds < 100)
        snprintf(text, 16, "%.1f s", seconds);
    else if (seconds < 100 * 60)
        snprintf(text, 16, "%.0f min", seconds / 60);
    else
        snprintf(text, 16, "%.1f h", seconds / 3600);
    return text;
}

const char *size_text(int64_t bytes, char text[16])
{
    if (bytes < 0)
        return "-";
    double kilobytes = (double)bytes / 1024;
    if (kilobytes < 10000)
        snprintf(text, 16, "%.0fK", kilobytes);
    else
        snprintf(text, 16, "%.1fM", kilobytes / 1024);
    return text;
}

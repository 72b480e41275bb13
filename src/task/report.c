/* SPDX-License-Identifier: MIT */
/*
 * report.c — what went wrong where nobody could be told.
 *
 * Each report is one line, made on the stack; it goes to the handler that the
 * user set, or to standard error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "task/trace.h"

#define TRACE_LINES_MAX 24u /* what is further out is left out */
#define TRACE_LINE_MAX 240u /* bytes of a line with its end */

void bide_set_exception_handler(bide_loop *loop,
                                void (*handler)(const bide_report *report,
                                                void *data),
                                void *data)
{
    loop->on_report = handler;
    loop->on_report_data = data;
}

/* A finding on its way to whoever is told; `text` is in the caller's frame. */
static void deliver(bide_loop *loop, const bide_report *finding)
{
    if (loop->on_report) {
        loop->on_report(finding, loop->on_report_data);
        return;
    }
    bide__complain("%s", finding->text);
    const char *line = finding->trace;
    for (; line && *line; line = strchr(line, '\n') + 1)
        bide__complain("    %.*s", (int)strcspn(line, "\n"), line);
}

void bide_call_exception_handler(bide_loop *loop, const bide_report *report)
{
    deliver(loop, report);
}

static void report(bide_loop *loop, bide_task *task, int code,
                   const char *message, const char *format, ...)
    BIDE_PRINTF(5, 6);

static void report(bide_loop *loop, bide_task *task, int code,
                   const char *message, const char *format, ...)
{
    char text[2 * BIDE_ERRMSG_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const bide_report finding = {
        .text = text,
        .task = task ? bide_task_name(task) : NULL,
        .code = code,
        .message = message,
    };
    deliver(loop, &finding);
}

void bide__report_unretrieved(bide_task *task)
{
    const char *message = bide_task_errmsg(task);
    report(task->loop, task, task->result, message,
           "task '%s' ended with %s (%s) and nobody awaited it",
           bide_task_name(task), bide_errname(task->result), message);
}

void bide__report_swallowed(bide_task *task)
{
    if (task->cancels == 0 || task->must_cancel || task->result < 0)
        return;
    report(task->loop, task, 0, NULL,
           "task '%s' swallowed its cancellation: it was given -ECANCELED, "
           "last in %s(), and ended with %d; return the code, or call "
           "bide_task_uncancel()",
           bide_task_name(task), task->wait ? task->wait->name : "?",
           task->result);
}

/* The frames as lines, or NULL; the caller frees them. */
static char *trace_lines(const struct bide__trace *trace)
{
    size_t count = trace ? trace->count : 0;
    if (count > TRACE_LINES_MAX)
        count = TRACE_LINES_MAX;
    char *lines = count ? bide__malloc(count * TRACE_LINE_MAX) : NULL;
    if (!lines)
        return NULL;
    char *end = lines;
    for (size_t i = 0; i < count; i++) {
        end += bide__trace_line(trace, i, end, TRACE_LINE_MAX - 1);
        *end++ = '\n';
    }
    *end = '\0';
    return lines;
}

void bide__report_slow(bide_loop *loop, bide_task *task, int64_t took_ns,
                       const struct bide__trace *trace, bool cut)
{
    char text[2 * BIDE_ERRMSG_MAX];
    double took = (double)took_ns * 1e-9;
    const char *note =
        trace && cut ? "; looking cut a blocking call short" : "";
    if (task)
        snprintf(text, sizeof text,
                 "task '%s' ran for %.3f s without suspending, last in %s()%s",
                 bide_task_name(task), took,
                 task->wait ? task->wait->name : "its beginning", note);
    else
        snprintf(text, sizeof text, "a callback ran for %.3f s%s", took,
                 note);
    char *lines = trace_lines(trace);
    const bide_report finding = {
        .text = text,
        .task = task ? bide_task_name(task) : NULL,
        .trace = lines,
    };
    deliver(loop, &finding);
    bide__free(lines);
}

static bool report_one(void *data, bide_task *task)
{
    if (task->flags & BIDE__FLAG_OURS)
        return true;
    report(data, task, 0, NULL,
           "task '%s' is still pending, in %s(), and will be cancelled",
           bide_task_name(task), task->wait ? task->wait->name : "nothing");
    task->flags |= BIDE__FLAG_LEFT;
    return true;
}

void bide__report_pending(bide_loop *loop)
{
    bide__each_task(loop, report_one, loop);
}

/* What has failed, or was cancelled by us, is reported elsewhere. */
void bide__report_unreleased(bide_task *task)
{
    if (task->flags & BIDE__FLAG_LEFT ||
        (task->result < 0 && task->result != -ECANCELED &&
         !(task->flags & BIDE__FLAG_RETRIEVED)))
        return;
    report(task->loop, task, 0, NULL,
           "task '%s' has ended and its handle was never released; do so by "
           "bide_await(), bide_gather() or bide_task_detach()",
           bide_task_name(task));
}

void bide__report_unclosed(bide_loop *loop,
                           const struct bide__resource *resource)
{
    report(loop, NULL, 0, NULL,
           "a %s was never closed; it is closed now, at the loop's end",
           resource->kind);
}

void bide__report_handler(bide_loop *loop, bide_task *task, int code)
{
    const char *message = bide_errmsg(code);
    report(loop, task, code, message,
           "the handler of a connection, task '%s', failed with %s (%s)",
           bide_task_name(task), bide_errname(code), message);
}

void bide__report_watch(bide_loop *loop, int fd, int code)
{
    report(loop, NULL, code, bide_strerror(code),
           "descriptor %d cannot be watched any more: %s (%s); remove readers "
           "and writers before closing it",
           fd, bide_errname(code), bide_strerror(code));
}

void bide__report_accept(bide_loop *loop, int code, const char *address)
{
    report(loop, NULL, code, bide_strerror(code),
           "the server on %s cannot accept connections for now: %s (%s); it "
           "tries again when one ends, and every 0.1 s",
           address, bide_errname(code), bide_strerror(code));
}

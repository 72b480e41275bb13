/* SPDX-License-Identifier: MIT */
/* trace.h — backtraces of tasks and of this thread; see trace.c. */
#ifndef BIDE_SRC_TASK_TRACE_H
#define BIDE_SRC_TASK_TRACE_H

#include "task/task.h"

#define BIDE__TRACE_MAX 64 /* frames; what is deeper is left out */

/* Calls, the innermost first. An address lies within the instruction that
 * calls, so that it names the right line. */
struct bide__trace {
    size_t count;
    void *frames[BIDE__TRACE_MAX];
};

/* Load what unwinding needs: the first backtrace allocates and opens files,
 * which a signal handler must not. */
void bide__trace_prepare(void);

/* Whoever called the function that returns to `caller`, and so on. */
void bide__trace_here(struct bide__trace *trace, const void *caller);

/* The frames that a signal has interrupted: async-signal-safe once prepared.
 * `context` is a handler's third argument. */
void bide__trace_signal(struct bide__trace *trace, const void *context);

/* Whether that signal cut a system call short, one that is not restarted. */
bool bide__trace_cut_short(const void *context);

/* A task that does not run; empty if it has not begun, or has ended. */
void bide__trace_task(struct bide__trace *trace, const bide_task *task);

/* One frame as a line without its end: "at fetch (client.c:12)". Returns the
 * bytes written, cut to size. Reads files. */
size_t bide__trace_line(const struct bide__trace *trace, size_t index,
                        char *buf, size_t size);

#endif

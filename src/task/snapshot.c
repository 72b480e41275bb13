/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c — what a loop tells the tools that ask.
 *
 * Lines of fields with a tab between them; the first field says what follows:
 *
 *     bide   PROTOCOL VERSION PID BACKEND DEBUG
 *     loop   LIVE LATENCY
 *     task   ID STATE AWAITER AGE SINCE BUSY USED SIZE WAIT FUNCTION NAME
 *     frame  TEXT                               (of the task above)
 *     end    TASKS
 *
 * Times are nanoseconds and sizes bytes, -1 where they are not known; an
 * AWAITER of 0 is none. Texts have no control characters: these, and the
 * backslash, are written as \xHH. New fields may come at the end of a line.
 *
 * The loop goes on meanwhile. Other tasks run after every few slots and while
 * the client is slow to read, so the lines show no single moment: a task can
 * await one that was not listed.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "task/graph.h"
#include "task/inspect.h"
#include "task/trace.h"

#define PROTOCOL 1
#define SLOTS_AT_ONCE 128 /* before other tasks run */
#define LINE_ROOM 512     /* no line is longer */
#define TEXT_ROOM 192     /* no text within a line is, with its NUL */
#define PROBES 3
#define PROBE_SECONDS 0.001

/* ── Writing ──────────────────────────────────────────────────────────── */

static void write_line(struct bide__snapshot *snapshot, const char *format,
                       ...) BIDE_PRINTF(2, 3);

static void write_line(struct bide__snapshot *snapshot, const char *format,
                       ...)
{
    if (sizeof snapshot->buffer - snapshot->used < LINE_ROOM &&
        bide__snapshot_flush(snapshot) < 0)
        return;
    char *line = snapshot->buffer + snapshot->used;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, LINE_ROOM - 1, format, args);
    va_end(args);
    if (len > LINE_ROOM - 2)
        len = LINE_ROOM - 2;
    if (len < 0)
        return;
    line[len] = '\n';
    snapshot->used += (size_t)len + 1;
}

/* A text that cannot be taken for the end of its field. */
static const char *escape(const char *text, char escaped[TEXT_ROOM])
{
    size_t used = 0;
    for (; *text && used < TEXT_ROOM - 5; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < ' ' || byte == 0x7f || byte == '\\')
            used += (size_t)snprintf(escaped + used, 5, "\\x%02x", byte);
        else
            escaped[used++] = (char)byte;
    }
    escaped[used] = '\0';
    return escaped;
}

/* ── What is told ─────────────────────────────────────────────────────── */

static void write_head(struct bide__snapshot *snapshot)
{
    const bide_loop *loop = snapshot->self->loop;
    write_line(snapshot, "bide\t%d\t%s\t%d\t%s\t%d", PROTOCOL, bide_version(),
               (int)getpid(), bide_engine_backend(loop->engine), loop->debug);
}

/* How much later than it was due a timer's task runs, at worst. */
static int64_t measure_latency(struct bide__snapshot *snapshot)
{
    bide_engine *engine = snapshot->self->loop->engine;
    int64_t worst = 0;
    for (int i = 0; i < PROBES && snapshot->error == 0; i++) {
        int64_t due = bide_engine_clock(engine) + bide__seconds(PROBE_SECONDS);
        snapshot->error = bide_sleep(PROBE_SECONDS);
        int64_t late = bide_engine_clock(engine) - due;
        if (late > worst)
            worst = late;
    }
    return worst;
}

static void write_loop(struct bide__snapshot *snapshot)
{
    int64_t latency = measure_latency(snapshot);
    /* Less ourselves. */
    write_line(snapshot, "loop\t%zu\t%" PRId64,
               snapshot->self->loop->live - 1, latency);
}

/* Times since the task began to wait are known in debug mode only. */
static void write_task(struct bide__snapshot *snapshot, bide_task *task,
                       struct bide__functions *functions)
{
    char function[TEXT_ROOM], name[TEXT_ROOM];
    bide_loop *loop = task->loop;
    int64_t now = bide_engine_clock(loop->engine);
    const bide_task *awaiter = bide__awaiter(task);
    const char *limit =
        bide__stack_limit(&loop->stacks, task->stack_class, task);
    write_line(snapshot,
               "task\t%" PRIu64 "\t%s\t%" PRIu64 "\t%" PRId64 "\t%" PRId64
               "\t%" PRId64 "\t%zu\t%zu\t%s\t%s\t%s",
               task->id, bide__state_name(task), awaiter ? awaiter->id : 0,
               now - task->created_ns, loop->debug ? now - task->since_ns : -1,
               loop->debug ? task->busy_ns : -1,
               bide__stack_touched(&loop->stacks, task->stack_class, task),
               (size_t)((const char *)task - limit), bide__wait_name(task),
               escape(bide__function_name(functions, task), function),
               escape(bide_task_name(task), name));
}

/* The task may end while a line is sent: all of it is read before. */
static void write_stack(struct bide__snapshot *snapshot, const bide_task *task)
{
    char line[TEXT_ROOM], text[TEXT_ROOM];
    struct bide__trace trace;
    bide__trace_task(&trace, task);
    for (size_t i = 0; i < trace.count && snapshot->error == 0; i++) {
        bide__trace_line(&trace, i, line, sizeof line);
        write_line(snapshot, "frame\t%s", escape(line, text));
    }
}

static bool is_listed(const bide_task *task)
{
    return task->state != BIDE__TASK_FREE &&
           !(task->flags & BIDE__FLAG_OURS);
}

/* A slot stays where it is until the loop ends, whatever becomes of its task:
 * so one can go on where one was. */
static void write_tasks(struct bide__snapshot *snapshot, bool stacks)
{
    bide_loop *loop = snapshot->self->loop;
    struct bide__functions functions = {.next = 0};
    struct bide__stacks_cursor cursor = {.stack_class = 0};
    size_t listed = 0;
    unsigned slots = 0;
    bide_task *task;
    while (snapshot->error == 0 &&
           (task = bide__stacks_next(&loop->stacks, sizeof *task, &cursor))) {
        if (is_listed(task)) {
            listed++;
            if (sizeof snapshot->buffer - snapshot->used < LINE_ROOM)
                (void)bide__snapshot_flush(snapshot);
            if (is_listed(task)) /* still; it may be another by now */
                write_task(snapshot, task, &functions);
            if (stacks && is_listed(task))
                write_stack(snapshot, task);
        }
        if (++slots % SLOTS_AT_ONCE == 0 && snapshot->error == 0)
            snapshot->error = bide_sleep(0);
    }
    write_line(snapshot, "end\t%zu", listed);
}

int bide__snapshot_write(struct bide__snapshot *snapshot, const char *request)
{
    bool stacks = strcmp(request, "stacks") == 0;
    if (stacks || strcmp(request, "tasks") == 0) {
        write_head(snapshot);
        write_loop(snapshot);
        write_tasks(snapshot, stacks);
    } else if (strcmp(request, "loop") == 0) {
        write_head(snapshot);
        write_loop(snapshot);
        write_line(snapshot, "end\t0");
    } else {
        write_line(snapshot, "error\tunknown request");
    }
    return bide__snapshot_flush(snapshot);
}

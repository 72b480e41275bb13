/* SPDX-License-Identifier: MIT */
/*
 * graph.c — printing who awaits whom.
 *
 * A task knows who awaits it (bide__awaiter); the other direction is made
 * when it is needed, by three links that each task has for this. Nothing is
 * allocated and nothing recurses, so a million tasks can be printed from a
 * small stack:
 *
 *     main ◄─awaiter── A ◄─awaiter── B        printed:  main
 *       │              ▲                                  A
 *       └first_awaited─┘─next_awaited─► C                   B
 *                                                         C
 *
 * Tasks that await each other in a circle are below nobody. They are what is
 * left when all others have been printed.
 */
#include "task/graph.h"

#include <stdio.h>
#include <string.h>

#include <bide/debug.h>

#include "base/symbol.h"
#include "task/trace.h"

#define LINE_MAX_LEN 320
#define INDENT 2
#define INDENT_MAX 60 /* what is deeper stands in the same column */

/* ── Describing a task ────────────────────────────────────────────────── */

const char *bide__function_name(struct bide__functions *functions,
                                const bide_task *task)
{
    bide_coroutine *fn = task->fn;
    for (unsigned i = 0; i < BIDE__FUNCTIONS; i++)
        if (functions->known[i].fn == fn)
            return functions->known[i].name;
    unsigned i = functions->next++ % BIDE__FUNCTIONS;
    char *name = functions->known[i].name;
    struct bide__symbol symbol;
    const void *address = (const void *)(uintptr_t)fn;
    bide__symbol_find(address, false, &symbol);
    functions->known[i].fn = fn;
    if (*symbol.function)
        snprintf(name, BIDE__FUNCTION_MAX, "%.*s", BIDE__FUNCTION_MAX - 1,
                 symbol.function);
    else
        bide__symbol_print(&symbol, address, name, BIDE__FUNCTION_MAX);
    return name;
}

const char *bide__state_name(const bide_task *task)
{
    if (task == task->loop->current)
        return "running";
    switch (task->state) {
    case BIDE__TASK_NEW:
        return "not started";
    case BIDE__TASK_READY:
        return "ready";
    case BIDE__TASK_PARKED:
        return "in";
    default:
        return "ended";
    }
}

const char *bide__wait_name(const bide_task *task)
{
    return task->wait ? task->wait->name : "";
}

/* "main (serve), in bide_sleep(), for 1.2 s" */
static void describe(char *line, size_t size,
                     struct bide__functions *functions, bide_task *task)
{
    char since[40] = "";
    bool parked = task->state == BIDE__TASK_PARKED;
    if (parked && task->loop->debug)
        snprintf(since, sizeof since, ", for %.3f s",
                 (double)(bide_engine_clock(task->loop->engine) -
                          task->since_ns) * 1e-9);
    snprintf(line, size, "%s (%s), %s%s%s%s%s", bide_task_name(task),
             bide__function_name(functions, task), bide__state_name(task),
             parked ? " " : "", parked ? bide__wait_name(task) : "",
             parked ? "()" : "", since);
}

/* ── Links ────────────────────────────────────────────────────────────── */

static bool unlink_task(void *data, bide_task *task)
{
    (void)data;
    task->flags &= (uint8_t)~BIDE__FLAG_SHOWN;
    task->awaiter = bide__awaiter(task);
    task->first_awaited = NULL;
    return true;
}

static bool link_task(void *data, bide_task *task)
{
    (void)data;
    if (task->awaiter) {
        task->next_awaited = task->awaiter->first_awaited;
        task->awaiter->first_awaited = task;
    }
    return true;
}

/* They were linked last to first. */
static bide_task *put_in_order(bide_task *first)
{
    bide_task *reversed = NULL;
    while (first) {
        bide_task *next = first->next_awaited;
        first->next_awaited = reversed;
        reversed = first;
        first = next;
    }
    return reversed;
}

/* ── Printing ─────────────────────────────────────────────────────────── */

struct printing {
    FILE *file;
    bool stacks;
    const void *caller; /* of the public function that prints */
    bool deadlock;      /* the heading was printed */
    struct bide__functions functions;
};

/* By fputs(3): fprintf(3) to an unbuffered stream, which stderr is, takes
 * 8 KiB of stack, and tasks may have but 16. */
static void print_line(FILE *file, int depth, const char *text)
{
    int columns = depth * INDENT < INDENT_MAX ? depth * INDENT : INDENT_MAX;
    char spaces[INDENT_MAX + 1];
    memset(spaces, ' ', (size_t)columns);
    spaces[columns] = '\0';
    fputs(spaces, file);
    fputs(text, file);
    fputs("\n", file);
}

static void get_trace(struct bide__trace *trace, const bide_task *task,
                      const void *caller)
{
    if (task == task->loop->current)
        bide__trace_here(trace, caller);
    else
        bide__trace_task(trace, task);
}

static void print_stack(FILE *file, int depth, const bide_task *task,
                        const void *caller)
{
    char line[LINE_MAX_LEN];
    struct bide__trace trace;
    get_trace(&trace, task, caller);
    for (size_t i = 0; i < trace.count; i++) {
        bide__trace_line(&trace, i, line, sizeof line);
        print_line(file, depth + 1, line);
    }
}

static void print_task(struct printing *printing, int depth, bide_task *task)
{
    char line[LINE_MAX_LEN];
    task->flags |= BIDE__FLAG_SHOWN;
    if (task->flags & BIDE__FLAG_OURS)
        return;
    describe(line, sizeof line, &printing->functions, task);
    print_line(printing->file, depth, line);
    if (printing->stacks)
        print_stack(printing->file, depth, task, printing->caller);
}

/* A task that nobody awaits, and all below it. */
static bool print_tree(void *data, bide_task *root)
{
    bide_task *task = root;
    int depth = 0;
    if (root->awaiter)
        return true;
    for (;;) {
        print_task(data, depth, task);
        task->first_awaited = put_in_order(task->first_awaited);
        if (task->first_awaited) {
            task = task->first_awaited;
            depth++;
            continue;
        }
        for (; task != root && !task->next_awaited; depth--)
            task = task->awaiter;
        if (task == root)
            return true;
        task = task->next_awaited;
    }
}

static bool print_deadlocked(void *data, bide_task *task)
{
    struct printing *printing = data;
    char line[LINE_MAX_LEN];
    if (task->flags & BIDE__FLAG_SHOWN)
        return true;
    if (!printing->deadlock)
        print_line(printing->file, 0,
                   "deadlock: these tasks await each other");
    printing->deadlock = true;
    print_task(printing, 1, task);
    snprintf(line, sizeof line, "awaited by %s",
             bide_task_name(task->awaiter));
    print_line(printing->file, 2, line);
    return true;
}

void bide_print_call_graph(FILE *file, unsigned flags)
{
    bide_loop *loop = bide__enter_loop("bide_print_call_graph");
    struct printing printing = {
        .file = file,
        .stacks = flags & BIDE_GRAPH_STACKS,
        .caller = __builtin_return_address(0),
    };
    bide__each_task(loop, unlink_task, NULL);
    bide__each_task(loop, link_task, NULL);
    bide__each_task(loop, print_tree, &printing);
    bide__each_task(loop, print_deadlocked, &printing);
}

/* ── Stacks ───────────────────────────────────────────────────────────── */

void bide_task_print_stack(bide_task *task, FILE *file)
{
    bide__require_own(task, "bide_task_print_stack");
    char line[LINE_MAX_LEN];
    struct bide__functions functions = {.next = 0};
    describe(line, sizeof line, &functions, task);
    print_line(file, 0, line);
    print_stack(file, 0, task, __builtin_return_address(0));
}

size_t bide_task_get_stack(bide_task *task, void **frames, size_t max)
{
    bide__require_own(task, "bide_task_get_stack");
    struct bide__trace trace;
    get_trace(&trace, task, __builtin_return_address(0));
    size_t count = trace.count < max ? trace.count : max;
    memcpy(frames, trace.frames, count * sizeof *frames);
    return count;
}

size_t bide_task_stack_used(bide_task *task)
{
    bide__require_own(task, "bide_task_stack_used");
    return bide__stack_touched(&task->loop->stacks, task->stack_class, task);
}

size_t bide_task_stack_size(bide_task *task)
{
    bide__require_own(task, "bide_task_stack_size");
    return (size_t)((char *)task -
                    bide__stack_limit(&task->loop->stacks, task->stack_class,
                                      task));
}

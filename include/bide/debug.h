/* SPDX-License-Identifier: MIT */
/*
 * <bide/debug.h> — looking at tasks: who awaits whom, where, for how long.
 *
 *     bide_print_call_graph(stderr, BIDE_GRAPH_STACKS);
 *
 *     main (serve), in bide_group_exit()
 *       at bide_group_exit (group.c:164)
 *       at serve (server.c:80)
 *       worker-1 (work), in bide_queue_get()
 *         at bide_queue_get (queue.c:221)
 *         at work (server.c:31)
 *
 * Debug mode, bide_options.debug or BIDE_DEBUG=1, adds since when. Names and
 * lines come from the files of the program and its libraries: compile with
 * -g and do not strip. All of this costs nothing until it is called.
 */
#ifndef BIDE_DEBUG_H
#define BIDE_DEBUG_H

#include <bide/task.h>
#include <stdio.h>

BIDE_BEGIN

/* What bide_print_call_graph() adds. */
enum bide_graph_flags {
    BIDE_GRAPH_STACKS = 1 /* the calls on each task's stack */
};

/*
 * bide_print_call_graph — print the loop's tasks, each below who awaits it.
 *
 * A task of a group stands below the one that entered the group. Tasks that
 * await each other in a circle come last, and are said to be deadlocked.
 *
 *   file    written to by blocking calls; errors are ferror()'s
 *   flags   of enum bide_graph_flags
 * Suspends: never.
 * Thread:   the loop's, in a task or a callback.
 * Like:     asyncio.print_call_graph.
 */
BIDE_API void bide_print_call_graph(FILE *file, unsigned flags);

/*
 * bide_task_print_stack — print the calls on a task's stack.
 *
 *   task   any of the loop's; one that has not begun, or has ended, has no
 *          calls
 *   file   as for bide_print_call_graph()
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.print_stack.
 */
BIDE_API void bide_task_print_stack(bide_task *task, FILE *file);

/*
 * bide_task_get_stack — the code addresses of the calls on a task's stack.
 *
 * Each lies within the instruction that calls, so that addr2line(1) names the
 * line of the call. At most 64 calls are seen.
 *
 * Returns:  how many were stored, innermost first.
 *   task     as for bide_task_print_stack()
 *   frames   filled
 *   max      room in frames
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Task.get_stack.
 */
BIDE_API size_t bide_task_get_stack(bide_task *task, void **frames,
                                    size_t max);

/*
 * bide_task_stack_used — the most that a task's stack has held, in pages.
 *
 * Stacks are reused: outside debug mode an earlier task may have left the
 * mark. For choosing bide_task_options.stack_size.
 *
 * Returns:  bytes, rounded up to where a page begins; 0 if the kernel does
 *           not say.
 *   task     any of the loop's
 * Suspends: never.
 * Thread:   the loop's.
 * Source:   mincore(2).
 */
BIDE_API size_t bide_task_stack_used(bide_task *task);

/*
 * bide_task_stack_size — how much a task's stack can hold.
 *
 * Returns:  bytes, without its guard page and what the library keeps there.
 *   task     any of the loop's
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API size_t bide_task_stack_size(bide_task *task);

/*
 * bide_inspect_open — let tools look at this loop from now on.
 *
 * Opens a Unix socket that answers who runs and who waits, which only the
 * same user and root can use, until the loop ends. BIDE_INSPECT=1, or the
 * path of a directory in its place, does it for each loop of a program.
 *
 * Returns:  0 or a negative code; 0 if it is open already.
 *   directory   where the socket is to lie, made if it is not there; NULL:
 *               $XDG_RUNTIME_DIR/bide or else /tmp/bide-UID
 * Suspends: never.
 * Errors:   -EPERM if others can enter the directory; -ENAMETOOLONG; -EINVAL
 *           for a relative path; -ENOMEM, -EMFILE; those of mkdir(2), bind(2)
 * Owns:     nothing moves; the directory is borrowed during the call.
 * Thread:   the loop's.
 * Like:     python -m asyncio ps PID, which reads the memory instead.
 */
BIDE_API BIDE_NODISCARD int bide_inspect_open(const char *directory);

BIDE_END

#endif

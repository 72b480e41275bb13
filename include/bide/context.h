/* SPDX-License-Identifier: MIT */
/*
 * <bide/context.h> — values that belong to a task and to those it creates.
 *
 * What a thread-local variable is to threads: a request's id, a user, a
 * locale, reachable without passing it through every call. A variable is a
 * static object; its values are in the contexts:
 *
 *     static bide_context_var request_id = {.name = "request_id"};
 *
 *     rc = bide_context_set(&request_id, &id, NULL);
 *     ...
 *     const int *id = bide_context_get(&request_id, NULL);
 *
 * A new task begins with its creator's values; what either of them sets from
 * then on is seen by itself alone. Functions on threads of bide_to_thread()
 * can read the values of the task that waits for them. Callbacks of the loop
 * share one context of their own.
 */
#ifndef BIDE_CONTEXT_H
#define BIDE_CONTEXT_H

#include <bide/task.h>

BIDE_BEGIN

/* The most variables with a value in one context, and the most values of one
 * variable that tokens can bring back. */
#define BIDE_CONTEXT_MAX 1024

/* A variable: static memory of the program. */
typedef struct bide_context_var {
    const char *name;             /* for messages */
    void (*release)(void *value); /* called when no context has the value any
                                     more; may not suspend. NULL: nothing */
} bide_context_var;

/* What brings an earlier value back. Fields private. */
typedef struct bide_context_token {
    const bide_context_var *var;
    uint64_t id;
} bide_context_token;

/*
 * bide_context_get — the value of a variable.
 *
 * Returns:  the value in the running task, or outside of tasks in the loop's
 *           callbacks; `fallback` if there is none. Borrowed until the
 *           variable is set again or the task ends.
 * Suspends: never.
 * Thread:   any; outside of loops and of bide_to_thread() there are no values.
 * Like:     ContextVar.get.
 */
BIDE_API void *bide_context_get(const bide_context_var *var, void *fallback);

/*
 * bide_context_set — give a variable a value in this task.
 *
 *   var         a static object
 *   value       any pointer, NULL included
 *   ret_token   set on success, for bide_context_reset(); NULL if the earlier
 *               value will not be wanted again
 *
 * Returns:  0 or a negative code, and nothing has changed.
 * Suspends: never.
 * Errors:   -ENOMEM; -ENOSPC beyond BIDE_CONTEXT_MAX
 * Owns:     on success the context takes the value if var->release is set.
 *           With a token it also keeps the earlier value until the reset or
 *           the end of the task.
 * Thread:   the loop's.
 * Like:     ContextVar.set.
 */
BIDE_API BIDE_NODISCARD int bide_context_set(const bide_context_var *var,
                                             void *value,
                                             bide_context_token *ret_token);

/*
 * bide_context_reset — bring back the value from before a set.
 *
 *   token   of a bide_context_set() in this task, not used before; tokens of
 *           later sets of the same variable become invalid
 *
 * Returns:  0 or a negative code, and nothing has changed.
 * Suspends: never.
 * Errors:   -EINVAL  the token was used, or belongs to another task
 *           -ENOMEM
 * Thread:   the loop's.
 * Like:     ContextVar.reset.
 */
BIDE_API BIDE_NODISCARD int
bide_context_reset(const bide_context_token *token);

/*
 * bide_context_run — call a function whose sets are undone when it returns.
 *
 *   fn    called directly, no task is created
 *   arg   passed to it
 *
 * Returns:  what fn returned.
 * Suspends: as fn does.
 * Cancel:   passes to fn.
 * Errors:   those of fn
 * Thread:   the loop's.
 * Like:     copy_context().run(fn, arg).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_context_run(bide_coroutine *fn,
                                                           void *arg);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * <bide/group.h> — awaiting several tasks: gather, groups, wait.
 *
 *     bide_gather()            all, or the first error, which cancels the rest
 *     bide_gather_outcomes()   all, each with its own code and message
 *     bide_group_*             a block whose children never outlive it
 *     bide_wait()              until some of them are done
 *     bide_as_completed_*      one by one, in the order in which they end
 *
 * None of them allocates, and none returns while a child still runs that it
 * was to end: children may use memory of the frame that awaits them:
 *
 *     bide_group group;
 *     bide_group_enter(&group);
 *     for (size_t i = 0; i < count; i++)
 *         bide_group_create_task(&group, serve, &disks[i]);
 *     int rc = watch(disks);           // the children run meanwhile
 *     return bide_group_exit(&group, rc);
 */
#ifndef BIDE_GROUP_H
#define BIDE_GROUP_H

#include <bide/task.h>

BIDE_BEGIN

/* ── Gather ───────────────────────────────────────────────────────────── */

/*
 * bide_gather — await several tasks; the first error cancels the others.
 *
 * Unlike asyncio.gather() it waits until the cancelled ones have ended, too,
 * so that none goes on using memory of the caller.
 *
 * Returns:  0 if every task succeeded, else the first error, with its message;
 *           -ENOMEM if there is a NULL, whatever the others came to. If the
 *           caller was cancelled, all tasks were: then the error of one that
 *           failed otherwise, or else -ECANCELED, even if all succeeded.
 *   tasks   handles; NULL entries count as failed with -ENOMEM
 *   count   of tasks; 0 returns 0
 * Suspends: always a cancellation point.
 * Cancel:   cancels all tasks and waits for them; the handles are released.
 * Errors:   those of the tasks
 * Owns:     takes the handles.
 * Thread:   the loop's.
 * Like:     asyncio.gather.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_gather(bide_task *const tasks[], size_t count);

/* How a task ended. */
typedef struct bide_outcome {
    int code;                      /* what the coroutine returned */
    char message[BIDE_ERRMSG_MAX]; /* of a negative code, else "" */
} bide_outcome;

/*
 * bide_gather_outcomes — await several tasks and keep every result.
 *
 * Returns:  0 when all have ended, whatever their results; -ECANCELED if the
 *           caller was cancelled: then all were cancelled and have ended.
 *   tasks      handles; NULL entries give the outcome -ENOMEM
 *   count      of tasks and of outcomes
 *   outcomes   outcomes[i] belongs to tasks[i]; all are set, in any case
 * Suspends: always a cancellation point.
 * Cancel:   cancels all tasks and waits for them; the handles are released.
 * Errors:   -ECANCELED
 * Owns:     takes the handles.
 * Thread:   the loop's.
 * Like:     asyncio.gather(return_exceptions=True).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_gather_outcomes(bide_task *const tasks[], size_t count,
                     bide_outcome outcomes[]);

/* ── Groups ───────────────────────────────────────────────────────────── */

/* A block that owns its children. In the caller's frame; fields private. */
typedef struct bide_group {
    bide_task *parent;
    void *children[2];   /* head of a list */
    int code;            /* of the first child that failed, or 0 */
    unsigned cancelling; /* the parent's count on entry */
    bool aborting;       /* the children have been cancelled */
    bool parent_asked;   /* we have cancelled the parent */
    bool waiting;        /* the parent is in bide_group_exit() */
    bool closed;
    char message[BIDE_ERRMSG_MAX];
} bide_group;

/*
 * bide_group_enter — begin a group in the running task.
 *
 *   group   the caller's memory; filled here
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     async with asyncio.TaskGroup() as group.
 */
BIDE_API void bide_group_enter(bide_group *group);

/*
 * bide_group_create_task — start a child.
 *
 * When a child fails (with another code than -ECANCELED), its siblings are
 * cancelled, and so is the parent if it is still in the block.
 *
 * Returns:  the child, borrowed: valid until the caller suspends, unless
 *           bide_task_ref() makes a handle of it. NULL when it could not be
 *           started: for lack of memory, which counts as a failed child; or
 *           because the group is ending, which does not. Also NULL for an
 *           eager child that has ended already.
 *   fn, arg   as for bide_create_task()
 * Suspends: never.
 * Errors:   -ENOMEM by bide_group_exit()
 * Owns:     the group owns the child.
 * Thread:   the loop's.
 * Like:     TaskGroup.create_task.
 */
BIDE_API bide_task *bide_group_create_task(bide_group *group,
                                           bide_coroutine *fn, void *arg);

/*
 * bide_group_create_task_with — the same with options.
 *
 * Returns:  as bide_group_create_task().
 *   options   as for bide_create_task_with(); `detached` is ignored
 * Suspends: never.
 * Errors:   as bide_group_create_task(); -EINVAL counts as a failed child
 * Owns:     the group owns the child.
 * Thread:   the loop's.
 * Like:     TaskGroup.create_task(name=).
 */
BIDE_API bide_task *
bide_group_create_task_with(bide_group *group, bide_coroutine *fn, void *arg,
                            const bide_task_options *options);

/*
 * bide_group_exit — wait until every child has ended, and end the group.
 *
 * Returns:  the first child's error, with its message; else rc. If the group
 *           cancelled the parent, that request is taken back, so an error of a
 *           child is not hidden by the -ECANCELED it caused.
 *   rc   what the block came to: negative cancels the children, as an
 *        exception that leaves the block does
 * Suspends: always a cancellation point.
 * Cancel:   cancels the children and waits for them; returns -ECANCELED if no
 *           child failed. If one did, its error is returned, and the next call
 *           delivers the request.
 * Errors:   those of the children
 * Owns:     the children are released.
 * Thread:   the loop's.
 * Like:     leaving the async with block of a TaskGroup.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_group_exit(bide_group *group,
                                                          int rc);

/* ── Wait ─────────────────────────────────────────────────────────────── */

enum bide_wait_until {
    BIDE_FIRST_COMPLETED = 1, /* one has ended */
    BIDE_FIRST_EXCEPTION = 2, /* one has failed, or all have ended; to be
                                 cancelled is not to fail */
    BIDE_ALL_COMPLETED = 3
};

/*
 * bide_wait — wait until some tasks have ended; releases no handle.
 *
 * Returns:  how many of them have ended: bide_task_done() says which. A
 *           timeout is no error and cancels nothing.
 *   tasks     handles that nobody else awaits; NULL has ended and failed
 *   count     of tasks; 0 returns 0 at once
 *   until     when to return
 *   timeout   seconds, >= 0; INFINITY for none
 * Suspends: always a cancellation point.
 * Cancel:   safe; the tasks are untouched.
 * Errors:   -ECANCELED; -EINVAL for a negative timeout, NaN, or an unknown
 *           `until`
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     asyncio.wait.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_wait(bide_task *const tasks[], size_t count, enum bide_wait_until until,
          double timeout);

/* An iteration over tasks as they end. In the caller's frame; private. */
typedef struct bide_as_completed {
    bide_task *const *tasks;
    size_t count;
    size_t taken;      /* handed out by next() */
    bide_task *waiter; /* the task in next(), or NULL */
    bide_task *first;  /* ended and not handed out, oldest first */
    bide_task **end;
    size_t missing;    /* NULL entries not handed out yet */
} bide_as_completed;

/*
 * bide_as_completed_init — begin an iteration.
 *
 *   iteration   the caller's memory; filled here
 *   tasks       handles that nobody else awaits; borrowed until _fini
 *   count       of tasks
 * Suspends: never.
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     asyncio.as_completed.
 */
BIDE_API void bide_as_completed_init(bide_as_completed *iteration,
                                     bide_task *const tasks[], size_t count);

/*
 * bide_as_completed_next — wait for the next task that ends.
 *
 * Returns:  1 and the task in *ret_task; 0 when all have been handed out; or a
 *           negative code.
 *   ret_task   set to a task that has ended: await it, which does not wait,
 *              for its result. NULL for an entry that is NULL
 * Suspends: always a cancellation point.
 * Cancel:   safe; the tasks are untouched and the iteration can go on.
 * Errors:   -ECANCELED
 * Owns:     the handles stay the caller's.
 * Thread:   the loop's.
 * Like:     next() of asyncio.as_completed.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_as_completed_next(bide_as_completed *iteration, bide_task **ret_task);

/*
 * bide_as_completed_fini — end an iteration, at its end or before.
 *
 * Suspends: never.
 * Owns:     the handles of tasks that were not awaited stay the caller's.
 * Thread:   the loop's.
 */
BIDE_API void bide_as_completed_fini(bide_as_completed *iteration);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/*
 * fork.c — a child of fork(2) has no loop.
 *
 * The child gets a copy of its parent's memory, a loop among it, but what the
 * loop works with is shared: both would take completions of the same ring, or
 * events of the same epoll set. So in the child no loop runs any more, even if
 * the fork happened in a coroutine: functions that need one say so, and
 * bide_run() may be called at once. The parent's loop notices nothing.
 *
 * A process that forked in a coroutine must not return from it: there is no
 * loop to return to. It ends by exit(3), or by executing a program.
 */
#include "task/fork.h"

#include <pthread.h>

#include "task/task.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool orphaned;

static void after_fork_in_child(void)
{
    orphaned = bide__loop != NULL;
    bide__loop = NULL;
    bide__interrupt_after_fork();
}

static void watch(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

void bide__fork_watch(void)
{
    pthread_once(&once, watch);
}

bool bide__fork_orphaned(void)
{
    return orphaned && !bide__loop;
}

void bide__die_forked(void)
{
    bide__die("a child of fork() went on in its parent's loop; let it end by "
              "exit() or execute a program, and not return from a coroutine "
              "or a callback");
}

/* SPDX-License-Identifier: MIT */
/*
 * guard.c — a stack overflow ends in a message, not in silence.
 *
 * Running over a stack hits its guard page, and the kernel sends SIGSEGV. The
 * handler runs on a stack of its own (sigaltstack(2), one a thread), compares
 * the address with the running task's guard, and names the task and its size.
 * Any other fault is passed on to whoever handled SIGSEGV before.
 *
 * The handler is there while a loop exists, unless bide_options.no_signals
 * says not to touch signals: then an overflow is a plain SIGSEGV.
 */
#include "task/guard.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "task/task.h"

#define HANDLER_STACK ((size_t)64 << 10)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned installed;          /* loops that want it; under the lock */
static struct sigaction before;     /* what handled SIGSEGV before */
static _Thread_local unsigned here; /* loops of this thread */
static _Thread_local void *handler_stack;

/* Whether the address lies in the guard page of the running task. */
static bool hit_guard(const bide_task *task, const char *address)
{
    const char *limit = bide__stack_limit(&task->loop->stacks,
                                          task->stack_class, task);
    return address < limit && address >= limit - sysconf(_SC_PAGESIZE);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    bide_task *task = bide__loop ? bide__loop->current : NULL;
    if (task && hit_guard(task, info->si_addr))
        bide__die("task '%s' has overflowed its stack of %zu bytes; give it "
                  "more by bide_task_options.stack_size, or all of them by "
                  "bide_options.stack_size",
                  bide_task_name(task), bide__stack_size(task->stack_class));
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signal, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signal);
    else
        sigaction(SIGSEGV, &before, NULL); /* the access faults again */
}

/* This thread's stack for the handler, unless it has one already. */
static bool prepare_thread(void)
{
    stack_t current;
    if (sigaltstack(NULL, &current) == 0 && !(current.ss_flags & SS_DISABLE))
        return true;
    void *memory = mmap(NULL, HANDLER_STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    stack_t stack = {.ss_sp = memory, .ss_size = HANDLER_STACK};
    if (sigaltstack(&stack, NULL) < 0) {
        munmap(memory, HANDLER_STACK);
        return false;
    }
    handler_stack = memory;
    return true;
}

bool bide__guard_install(void)
{
    if (here == 0 && !prepare_thread())
        return false;
    here++;
    pthread_mutex_lock(&lock);
    if (installed++ == 0) {
        struct sigaction action = {.sa_sigaction = on_fault,
                                   .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigemptyset(&action.sa_mask);
        sigaction(SIGSEGV, &action, &before);
    }
    pthread_mutex_unlock(&lock);
    return true;
}

void bide__guard_remove(void)
{
    pthread_mutex_lock(&lock);
    if (--installed == 0)
        sigaction(SIGSEGV, &before, NULL);
    pthread_mutex_unlock(&lock);
    if (--here > 0 || !handler_stack)
        return;
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, NULL);
    munmap(handler_stack, HANDLER_STACK);
    handler_stack = NULL;
}

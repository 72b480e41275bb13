/* SPDX-License-Identifier: MIT */
/*
 * spawn.c — a child process between its birth and its program.
 *
 *     parent's thread ──clone──► waits ─────────────────► goes on
 *                          └───► child_main ──execve──► the program
 *
 * The child borrows the parent's memory (CLONE_VM) and the calling thread
 * waits for it (CLONE_VFORK), so that starting a program costs the same for a
 * large process as for a small one, and an error is handed back by writing it
 * into the request. It runs on a pool's thread: the loop goes on meanwhile.
 *
 * Between clone and execve the child may change nothing in memory but its own
 * stack and the request, take no lock, allocate nothing. No handler of the
 * parent's may run in it: every signal is blocked until they are reset. Its
 * functions are not instrumented by sanitizers, because they never return and
 * would leave their marks in the parent's shadow memory.
 *
 * The program gets an empty signal mask. What the parent ignores stays ignored
 * as execve(2) has it, except SIGPIPE and SIGXFSZ, which many a parent ignores
 * for its own sake and few programs expect to be.
 *
 * See clone(2), vfork(2), close_range(2), signal(7).
 */
#include "process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#define CHILD_STACK 32768 /* PATH_MAX bytes, and some calls of the C library */

#define BARE                                                                  \
    __attribute__((noinline, no_sanitize("address"), no_sanitize("thread"),   \
                   no_sanitize("undefined")))

/* Of close_range(2), Linux 5.9; older C libraries do not name it. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* ── In the child ─────────────────────────────────────────────────────── */

BARE static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) < 0)
            continue; /* of the C library itself */
        bool caught = action.sa_handler != SIG_DFL &&
                      action.sa_handler != SIG_IGN;
        if (!caught && number != SIGPIPE && number != SIGXFSZ)
            continue;
        action.sa_handler = SIG_DFL;
        action.sa_flags = 0;
        (void)sigaction(number, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The sources are moved out of the way first: one may be another's target. */
BARE static bool place_stdio(const struct bide__spawn *spawn)
{
    int from[3];
    for (int to = 0; to < 3; to++) {
        from[to] = spawn->fds[to];
        if (from[to] >= 0 && from[to] < 3 && from[to] != to)
            from[to] = fcntl(from[to], F_DUPFD_CLOEXEC, 3);
        if (from[to] < 0 && spawn->fds[to] >= 0)
            return false;
    }
    for (int to = 0; to < 3; to++) {
        int rc = 0;
        if (from[to] == to)
            rc = fcntl(to, F_SETFD, 0); /* not close-on-exec */
        else if (from[to] >= 0)
            rc = dup2(from[to], to);
        if (rc < 0)
            return false;
    }
    return true;
}

/* Where the kernel has no close_range(2), what is not close-on-exec stays. */
BARE static void close_range_of(unsigned from, unsigned to)
{
    if (from <= to)
        (void)syscall(SYS_close_range, from, to, 0);
}

BARE static bool keep_only_passed(const struct bide__spawn *spawn)
{
    unsigned from = 3;
    for (size_t i = 0; i < spawn->pass_fds_count; i++) {
        int fd = spawn->pass_fds[i];
        if (fcntl(fd, F_SETFD, 0) < 0)
            return false;
        close_range_of(from, (unsigned)fd - 1);
        from = (unsigned)fd + 1;
    }
    close_range_of(from, UINT_MAX);
    return true;
}

BARE static void execute(const struct bide__spawn *spawn, const char *file)
{
    (void)execve(file, (char *const *)(uintptr_t)spawn->argv,
                 (char *const *)(uintptr_t)spawn->envp);
}

/* As execvp(3): a program that may not be executed is told only if none of
 * the later directories has one that may. Returns a negative errno. */
BARE static int execute_in_path(const struct bide__spawn *spawn)
{
    char file[PATH_MAX];
    size_t name_len = strlen(spawn->file);
    int code = -ENOENT;
    for (const char *dir = spawn->path;; dir++) {
        size_t len = strcspn(dir, ":");
        if (len + 1 + name_len + 1 <= sizeof file) {
            memcpy(file, dir, len);
            file[len] = '/';
            /* An empty entry is the working directory. */
            memcpy(len ? file + len + 1 : file, spawn->file, name_len + 1);
            execute(spawn, file);
            if (errno == EACCES)
                code = -EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return -errno;
        }
        dir += len;
        if (*dir == '\0')
            return code;
    }
}

BARE static bool join_group(const struct bide__spawn *spawn)
{
    if (spawn->new_session)
        return setsid() >= 0;
    return spawn->group < 0 || setpgid(0, spawn->group) == 0;
}

/* Returns only if a step has failed: the negative errno. */
BARE static int become(struct bide__spawn *spawn)
{
    reset_signals();
    spawn->step = BIDE__SPAWN_GROUP;
    if (!join_group(spawn))
        return -errno;
    spawn->step = BIDE__SPAWN_CWD;
    if (spawn->cwd && chdir(spawn->cwd) < 0)
        return -errno;
    spawn->step = BIDE__SPAWN_STDIO;
    if (!place_stdio(spawn))
        return -errno;
    spawn->step = BIDE__SPAWN_PASS;
    if (!keep_only_passed(spawn))
        return -errno;
    spawn->step = BIDE__SPAWN_EXEC;
    if (*spawn->file == '\0')
        return -ENOENT;
    if (!strchr(spawn->file, '/'))
        return execute_in_path(spawn);
    execute(spawn, spawn->file);
    return -errno;
}

BARE static int child_main(void *arg)
{
    struct bide__spawn *spawn = arg;
    spawn->code = become(spawn);
    _exit(127);
}

/* ── In the parent ────────────────────────────────────────────────────── */

/* It has exited, or is about to: this waits for microseconds. */
static void reap_failed(struct bide__spawn *spawn)
{
    siginfo_t info;
    while (waitid(P_PIDFD, (id_t)spawn->pidfd, &info, WEXITED) < 0 &&
           errno == EINTR)
        continue;
    close(spawn->pidfd);
    spawn->pidfd = -1;
}

int bide__spawn(void *arg)
{
    struct bide__spawn *spawn = arg;
    alignas(16) char stack[CHILD_STACK]; /* the child's */
    sigset_t all, before;
    spawn->step = BIDE__SPAWN_FORK;
    spawn->code = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    spawn->pid = clone(child_main, stack + sizeof stack,
                       CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, spawn,
                       &spawn->pidfd);
    if (spawn->pid < 0)
        spawn->code = -errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (spawn->pid >= 0 && spawn->code < 0)
        reap_failed(spawn);
    return spawn->code;
}

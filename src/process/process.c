/* SPDX-License-Identifier: MIT */
/*
 * process.c — a child that runs: its end, signals, closing.
 *
 * From its start on, a poll of the child's pidfd is in flight. It completes
 * when the child has ended; the child is then reaped at once and whoever waits
 * is woken. So there is never a zombie for longer than a turn, and the pidfd
 * goes with it.
 *
 *     running ──exit──► ended ──close──► freed
 *        └──close: SIGKILL──► closing ──exit──► freed
 *
 * Invariant: the pidfd is attached, and process->exit in flight, until
 * process->ended; the resource is listed until the memory is freed.
 *
 * See pidfd_open(2), pidfd_send_signal(2), waitid(2).
 */
#include "process/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* As asyncio: what is reported when somebody else has reaped the child. */
#define UNKNOWN_RETURNCODE 255

/* ── Its end ──────────────────────────────────────────────────────────── */

/* In the frame of a task in bide_process_wait(). The code is stored here: the
 * process may be gone when the task runs again. */
struct waiting {
    struct bide__waiter waiter;
    int returncode;
};

static void wake_all(bide_process *process, int value)
{
    while (process->waiters.first) {
        struct waiting *waiting = BIDE__CONTAINER(process->waiters.first,
                                                  struct waiting, waiter);
        waiting->returncode = process->returncode;
        bide__waiter_wake(&waiting->waiter, value, "bide_process_close");
    }
}

static void release(bide_process *process)
{
    bide__list_remove(&process->resource.link);
    bide__free(process);
}

static void has_ended(bide_process *process, int returncode)
{
    process->ended = true;
    process->returncode = returncode;
    bide_engine_close(process->loop->engine, &process->pidfd);
    wake_all(process, 0);
    if (process->closing)
        release(process);
}

/* Reap the child. Returns whether it had ended. */
static bool reap(int pidfd, int options, int *ret_code)
{
    siginfo_t info = {.si_pid = 0};
    int rc;
    do {
        rc = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | options);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0)
        *ret_code = UNKNOWN_RETURNCODE;
    else if (info.si_pid == 0)
        return false;
    else
        *ret_code = info.si_code == CLD_EXITED ? info.si_status
                                               : -info.si_status;
    return true;
}

static int send_by_pidfd(int pidfd, int number)
{
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno
                                                                      : 0;
}

int bide__process_end_now(int pidfd)
{
    int returncode = UNKNOWN_RETURNCODE;
    (void)send_by_pidfd(pidfd, SIGKILL);
    (void)reap(pidfd, 0, &returncode);
    return returncode;
}

static int submit_exit(bide_process *process);

static void on_exit_poll(bide_op *op)
{
    bide_process *process = op->data;
    int returncode = 0;
    if (op->result < 0) /* the kernel has no memory left to watch it */
        has_ended(process, bide__process_end_now(process->pidfd.fd));
    else if (reap(process->pidfd.fd, WNOHANG, &returncode))
        has_ended(process, returncode);
    else if (submit_exit(process) < 0)
        has_ended(process, bide__process_end_now(process->pidfd.fd));
}

/* Returns 0 if the poll is in flight or has reaped the child; else why it
 * cannot be. */
static int submit_exit(bide_process *process)
{
    bide_op *op = &process->exit;
    bide_op_poll(op, &process->pidfd, POLLIN);
    op->done = on_exit_poll;
    op->data = process;
    if (!bide_engine_submit(process->loop->engine, op))
        return 0;
    if (op->result < 0)
        return (int)op->result;
    on_exit_poll(op);
    return 0;
}

int bide__process_watch(bide_process *process, int pidfd)
{
    bide_engine *engine = process->loop->engine;
    int rc = bide_engine_attach(engine, &process->pidfd, pidfd,
                                BIDE_FD_FOREIGN);
    if (rc < 0)
        return rc;
    rc = submit_exit(process);
    if (rc < 0)
        bide_engine_detach(engine, &process->pidfd);
    return rc;
}

/* ── Looking and waiting ──────────────────────────────────────────────── */

static void check(const bide_process *process, const char *function)
{
    BIDE__REQUIRE(process->loop == bide__loop,
                  "%s() was called on another thread than the process's loop; "
                  "use bide_loop_call_soon_threadsafe() to call it there",
                  function);
    BIDE__REQUIRE(!process->closing,
                  "%s() was called for a process that is closed already; "
                  "bide_process_close() releases it",
                  function);
}

bide_stream *bide_process_stdin(const bide_process *process)
{
    return process->streams[0];
}

bide_stream *bide_process_stdout(const bide_process *process)
{
    return process->streams[1];
}

bide_stream *bide_process_stderr(const bide_process *process)
{
    return process->streams[2];
}

pid_t bide_process_pid(const bide_process *process)
{
    return process->pid;
}

bool bide_process_returncode(const bide_process *process, int *ret_code)
{
    if (process->ended && ret_code)
        *ret_code = process->returncode;
    return process->ended;
}

/* Weak: the code is still there for whoever asks next. */
static const struct bide__wait exit_wait = {
    .name = "bide_process_wait",
    .cancel = bide__waiter_cancel,
    .weak = true,
};

int bide_process_wait(bide_process *process, int *ret_code)
{
    bide_task *self = bide__enter("bide_process_wait");
    check(process, "bide_process_wait");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (bide_process_returncode(process, ret_code))
        return 0;
    struct waiting waiting = {.waiter.task = self};
    bide__waiters_append(&process->waiters, &waiting.waiter);
    int rc = bide__park(self, &exit_wait, &waiting.waiter);
    if (rc == 0 && ret_code)
        *ret_code = waiting.returncode;
    return rc;
}

/* ── Signals ──────────────────────────────────────────────────────────── */

static int send_signal(bide_process *process, int number, const char *function)
{
    check(process, function);
    if (process->ended)
        return bide_raise(-ESRCH, "process %d has ended", (int)process->pid);
    return send_by_pidfd(process->pidfd.fd, number);
}

int bide_process_send_signal(bide_process *process, int number)
{
    if (number < 1 || number >= NSIG)
        return bide_raise(-EINVAL, "signal is %d, must be 1 to %d", number,
                          NSIG - 1);
    return send_signal(process, number, "bide_process_send_signal");
}

int bide_process_terminate(bide_process *process)
{
    return send_signal(process, SIGTERM, "bide_process_terminate");
}

int bide_process_kill(bide_process *process)
{
    return send_signal(process, SIGKILL, "bide_process_kill");
}

/* Wait for what SIGTERM does, no longer than the grace. */
static int wait_gracefully(bide_process *process, double grace, int *ret_code)
{
    bide_timeout timeout;
    bide_timeout_enter(&timeout, grace);
    int rc = bide_process_wait(process, ret_code);
    return bide_timeout_exit(&timeout, rc);
}

int bide_process_stop(bide_process *process, double grace, int *ret_code)
{
    if (!(grace >= 0))
        return bide_raise(-EINVAL, "grace is %g s, must be at least 0", grace);
    int rc = process->ended ? 0 : bide_process_terminate(process);
    if (rc == 0)
        rc = wait_gracefully(process, grace, ret_code);
    if (rc != -ETIME && rc != -ECANCELED)
        return rc;
    int killed = process->ended ? 0 : bide_process_kill(process);
    if (rc == -ECANCELED || killed < 0)
        return rc == -ECANCELED ? rc : killed;
    return bide_process_wait(process, ret_code);
}

/* ── Closing ──────────────────────────────────────────────────────────── */

void bide__process_close_streams(bide_process *process)
{
    for (size_t i = 0; i < BIDE__COUNT(process->streams); i++) {
        bide_stream *stream = process->streams[i];
        process->streams[i] = NULL;
        if (!stream)
            continue;
        if (!stream->closing)
            bide_stream_close(stream);
        bide__stream_unref(stream);
    }
}

void bide_process_close(bide_process *process)
{
    if (!process)
        return;
    check(process, "bide_process_close");
    process->closing = true;
    process->resource.close = NULL;
    bide__process_close_streams(process);
    wake_all(process, -EBADF);
    if (process->ended)
        release(process);
    else
        (void)send_by_pidfd(process->pidfd.fd, SIGKILL);
}

/* SPDX-License-Identifier: MIT */
/*
 * <bide/process.h> — child processes, and talking to them.
 *
 *     const char *const argv[] = {"sort", "-u", NULL};
 *     bide_process_options options = {.in = BIDE_PIPE, .out = BIDE_PIPE};
 *     bide_process *process;
 *     int rc = bide_process_exec(argv, &options, &process);
 *     if (rc < 0)
 *         return rc;
 *     bide_process_output output;
 *     rc = bide_process_communicate(process, text, len, 0, &output);
 *     bide_process_close(process);
 *     ...                            // output.returncode, output.out
 *     bide_process_output_fini(&output);
 *
 * bide_process_run() is all of this in one call, with a timeout.
 *
 * A child is reaped as soon as it has ended, whether anybody waits for it or
 * not, and one that is closed or left behind at the loop's end is killed: no
 * zombie stays, and none outlives its loop. No handler of SIGCHLD is
 * installed; a program's own waitpid(2) should name the children it means.
 * Children live in real time: on the backend `sim`, where time jumps to the
 * next timer, a timeout passes before they have done anything.
 */
#ifndef BIDE_PROCESS_H
#define BIDE_PROCESS_H

#include <bide/stream.h>
#include <bide/task.h>

BIDE_BEGIN

typedef struct bide_process bide_process;

/* What a standard stream of a child can be, besides a descriptor. */
enum {
    BIDE_INHERIT = 0,  /* the parent's own */
    BIDE_PIPE = -1,    /* a pipe, whose other end is a bide_stream */
    BIDE_STDOUT = -2,  /* errors only: where the output goes */
    BIDE_DEVNULL = -3  /* /dev/null */
};

/* How to start a child. Zeroed means: the defaults. */
typedef struct bide_process_options {
    int in;  /* standard input, output and errors: BIDE_INHERIT, BIDE_PIPE, */
    int out; /* BIDE_DEVNULL, or a descriptor above 0, which stays the */
    int err; /* caller's; err may be BIDE_STDOUT */
    const char *cwd;       /* working directory, NULL: the parent's */
    const char *const *env; /* "NAME=value", NULL at the end; NULL: the
                              parent's */
    bool new_session;      /* setsid(2): away from the terminal */
    bool new_group;        /* lead a process group of its own, so that
                              kill(-pid, ...) reaches its children, too */
    pid_t group;           /* or join this one, if above 0 */
    const int *pass_fds;   /* descriptors that stay open in the child under
                              their numbers, all others above 2 are closed */
    size_t pass_fds_count; /* at most BIDE_PASS_FDS_MAX */
    size_t limit;          /* bytes each stream buffers, 0: 64 KiB */
    void *reserved[4];     /* zero */
} bide_process_options;

/* Descriptors that a child can be passed. */
#define BIDE_PASS_FDS_MAX 256

/* ── Starting ─────────────────────────────────────────────────────────── */

/*
 * bide_process_exec — start a program.
 *
 * It gets an empty signal mask, no handlers, and no descriptor but its
 * standard streams and pass_fds. A name without a slash is looked for in the
 * PATH of its environment. Starting happens on a thread: the loop goes on.
 *
 * Returns:  0 when the program runs, or a negative code.
 *   argv          the program and its arguments, NULL at the end; borrowed
 *                 during the call
 *   options       copied; NULL means the defaults
 *   ret_process   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe: either nothing was started, or the call succeeds and the
 *           cancellation is delivered by the next one.
 * Errors:   -ENOENT, -EACCES, -ENOEXEC, -E2BIG, ... of execve(2), with a
 *           message that names the program, or the working directory;
 *           -EINVAL for an option out of range; -EBADF for a descriptor that
 *           is not open; -EPERM for a group that cannot be joined; -EAGAIN
 *           too many processes; -EMFILE; -ENOMEM
 * Owns:     the caller closes the process by bide_process_close().
 * Thread:   the loop's.
 * Like:     asyncio.create_subprocess_exec.
 * Source:   execve(2), clone(2), pidfd_open(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_process_exec(const char *const *argv, const bide_process_options *options,
                  bide_process **ret_process);

/*
 * bide_process_shell — start a command of /bin/sh.
 *
 * Returns:  0 when the shell runs, or a negative code.
 *   command   for sh -c; quoting is the caller's business
 *   options, ret_process   as for bide_process_exec()
 * Suspends: always a cancellation point.
 * Cancel:   as bide_process_exec().
 * Errors:   as bide_process_exec(); what the shell cannot find makes it end
 *           with 127
 * Owns:     the caller closes the process by bide_process_close().
 * Thread:   the loop's.
 * Like:     asyncio.create_subprocess_shell.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_process_shell(const char *command, const bide_process_options *options,
                   bide_process **ret_process);

/* ── The child ────────────────────────────────────────────────────────── */

/*
 * bide_process_stdin — the stream that writes to the child's input.
 *
 * Returns:  the stream, valid until bide_process_close(), which closes it;
 *           NULL unless it is a BIDE_PIPE. Closing it before, or
 *           bide_stream_write_eof(), ends the child's input.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Process.stdin.
 */
BIDE_API bide_stream *bide_process_stdin(const bide_process *process);

/*
 * bide_process_stdout — the stream that reads the child's output.
 *
 * Returns:  as bide_process_stdin().
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Process.stdout.
 */
BIDE_API bide_stream *bide_process_stdout(const bide_process *process);

/*
 * bide_process_stderr — the stream that reads the child's errors.
 *
 * Returns:  as bide_process_stdin().
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Process.stderr.
 */
BIDE_API bide_stream *bide_process_stderr(const bide_process *process);

/*
 * bide_process_pid — the child's number.
 *
 * Returns:  the pid. Once the child has ended it may be another process's:
 *           use bide_process_send_signal(), which knows.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Process.pid.
 */
BIDE_API pid_t bide_process_pid(const bide_process *process);

/*
 * bide_process_returncode — how the child has ended, if it has.
 *
 * Returns:  true if it has ended.
 *   ret_code   set if so: the exit code, 0 to 255, or the negative number of
 *              the signal that killed it; 255 if the program has reaped the
 *              child by itself or ignores SIGCHLD. NULL is allowed
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Process.returncode.
 */
BIDE_API bool bide_process_returncode(const bide_process *process,
                                      int *ret_code);

/*
 * bide_process_wait — wait until the child has ended.
 *
 * A child that writes to a pipe which nobody reads does not end: use
 * bide_process_communicate() then.
 *
 * Returns:  0 or a negative code.
 *   ret_code   set on success, as by bide_process_returncode(); NULL is
 *              allowed
 * Suspends: always a cancellation point. Several tasks may wait.
 * Cancel:   safe; the child goes on.
 * Errors:   -ECANCELED; -EBADF the process was closed meanwhile
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     Process.wait.
 * Source:   waitid(2) with P_PIDFD.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_process_wait(bide_process *process, int *ret_code);

/*
 * bide_process_send_signal — send the child a signal.
 *
 * Returns:  0 or a negative code.
 *   number   SIGHUP and the like
 * Suspends: never.
 * Errors:   -ESRCH the child has ended; -EPERM it runs as another user;
 *           -EINVAL no such signal
 * Thread:   the loop's.
 * Like:     Process.send_signal.
 * Source:   pidfd_send_signal(2).
 */
BIDE_API BIDE_NODISCARD int bide_process_send_signal(bide_process *process,
                                                     int number);

/*
 * bide_process_terminate — ask the child to end, by SIGTERM.
 *
 * Returns:  0 or a negative code.
 * Suspends: never.
 * Errors:   as bide_process_send_signal()
 * Thread:   the loop's.
 * Like:     Process.terminate.
 */
BIDE_API BIDE_NODISCARD int bide_process_terminate(bide_process *process);

/*
 * bide_process_kill — end the child, by SIGKILL.
 *
 * Returns:  0 or a negative code.
 * Suspends: never.
 * Errors:   as bide_process_send_signal()
 * Thread:   the loop's.
 * Like:     Process.kill.
 */
BIDE_API BIDE_NODISCARD int bide_process_kill(bide_process *process);

/*
 * bide_process_stop — SIGTERM, then SIGKILL if that was not enough; wait.
 *
 * Returns:  0 when the child has ended, or a negative code.
 *   grace      seconds between the two, >= 0; INFINITY never kills
 *   ret_code   as for bide_process_wait()
 * Suspends: always a cancellation point.
 * Cancel:   the child is killed at once and reaped when it has ended.
 * Errors:   -ECANCELED; -EBADF the process was closed meanwhile; -EPERM;
 *           -EINVAL for a negative grace or NaN
 * Owns:     nothing moves.
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_process_stop(bide_process *process, double grace, int *ret_code);

/*
 * bide_process_close — release a process; one that still runs is killed.
 *
 * The streams are closed. A child that was killed is reaped in the
 * background; the end of the loop waits for it.
 *
 *   process   NULL is allowed
 * Suspends: never.
 * Owns:     takes the process.
 * Thread:   the loop's.
 * Like:     SubprocessTransport.close.
 */
BIDE_API void bide_process_close(bide_process *process);

/* ── All at once ──────────────────────────────────────────────────────── */

/* What a child has left. Released by bide_process_output_fini(). */
typedef struct bide_process_output {
    int returncode; /* as by bide_process_returncode() */
    char *out;      /* a NUL follows the last byte; "" if nothing came */
    size_t out_len;
    char *err;
    size_t err_len;
} bide_process_output;

/* Bytes that are collected of each stream unless told otherwise. */
#define BIDE_PROCESS_OUTPUT_MAX ((size_t)16 << 20)

/*
 * bide_process_communicate — feed the child, collect what it writes, wait.
 *
 * All three at once, so that no pipe that is full stops any of them. Input
 * that the child does not want is not an error.
 *
 * Returns:  0 when the child has ended and everything is collected, or a
 *           negative code.
 *   input, input_len   for its standard input, which is closed then; the
 *                      input must be a pipe if input_len is not 0
 *   max                bytes to collect of each stream, 0:
 *                      BIDE_PROCESS_OUTPUT_MAX
 *   ret_output         filled in any case, after an error with what had come
 * Suspends: always a cancellation point.
 * Cancel:   the child goes on; what had been read is in *ret_output.
 * Errors:   -EMSGSIZE for a child that writes more than max: it goes on, and
 *           reading is up to the caller; -EINVAL; -ENOMEM; those of
 *           bide_stream_read() and bide_process_wait()
 * Owns:     the caller releases *ret_output, in any case.
 * Thread:   the loop's. Nobody else may read or write the streams.
 * Like:     Process.communicate.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_process_communicate(bide_process *process, const void *input,
                         size_t input_len, size_t max,
                         bide_process_output *ret_output);

/*
 * bide_process_output_fini — release what was collected.
 *
 *   output   filled, or zeroed; zeroed here
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API void bide_process_output_fini(bide_process_output *output);

/* How to run a program to its end. Zeroed means: the defaults. */
typedef struct bide_process_run_options {
    bide_process_options process; /* as above, but output and errors are
                                     collected where they say BIDE_INHERIT */
    const void *input;  /* for its standard input, which is a pipe then */
    size_t input_len;   /* bytes of input */
    size_t max;         /* as for bide_process_communicate() */
    double timeout;     /* seconds for all of it, 0: none */
    double grace;       /* seconds between SIGTERM and SIGKILL, 0: 5 */
    void *reserved[4];  /* zero */
} bide_process_run_options;

/*
 * bide_process_run — run a program to its end and collect what it writes.
 *
 * It is over when the call returns: after a timeout, a cancellation or an
 * error, the child has been stopped (bide_process_stop) and reaped.
 *
 * Returns:  0 when it has ended by itself, whatever its returncode; or a
 *           negative code.
 *   argv         as for bide_process_exec()
 *   options      copied; NULL means the defaults
 *   ret_output   filled in any case, after an error with what had come; its
 *                returncode is then that of the child which was stopped
 * Suspends: always a cancellation point.
 * Cancel:   the child is stopped; a second cancellation kills it at once.
 * Errors:   -ETIME with the message "timed out after N s"; those of
 *           bide_process_exec() and bide_process_communicate(); -EINVAL for a
 *           negative time or NaN
 * Owns:     the caller releases *ret_output by bide_process_output_fini().
 * Thread:   the loop's.
 * Like:     subprocess.run.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_process_run(const char *const *argv,
                 const bide_process_run_options *options,
                 bide_process_output *ret_output);

BIDE_END

#endif

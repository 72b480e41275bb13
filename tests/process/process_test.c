/* SPDX-License-Identifier: MIT */
/* process_test.c — children start, end, are signalled and reaped. */
#include "process/children.h"

#include <bide/group.h>
#include <bide/loop.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ── How they end ─────────────────────────────────────────────────────── */

static int amain_ends(void *arg)
{
    (void)arg;
    CHECK_INT(end_of(shell("exit 0", NULL)), 0);
    CHECK_INT(end_of(shell("exit 7", NULL)), 7);
    CHECK_INT(end_of(shell("exit 255", NULL)), 255);
    CHECK_INT(end_of(shell("kill -9 $$", NULL)), -SIGKILL);
    CHECK_INT(end_of(shell("kill -15 $$", NULL)), -SIGTERM);
    return 0;
}

TEST(the_returncode_is_the_exit_code_or_the_negative_signal)
{
    run(amain_ends);
}

static int amain_returncode(void *arg)
{
    (void)arg;
    int code = 1234;
    bide_process *process = shell("exec cat", &(bide_process_options){
                                                  .in = BIDE_PIPE,
                                              });
    if (!process)
        return 0;
    CHECK(bide_process_pid(process) > 0);
    CHECK(!bide_process_returncode(process, &code));
    CHECK_INT(code, 1234);
    CHECK_OK(bide_stream_write_eof(bide_process_stdin(process)));
    CHECK_OK(bide_process_wait(process, NULL));
    CHECK(bide_process_returncode(process, &code));
    CHECK_INT(code, 0);
    CHECK(bide_process_returncode(process, NULL));
    CHECK_OK(bide_process_wait(process, &code)); /* again, at once */
    bide_process_close(process);
    return 0;
}

TEST(the_returncode_can_be_looked_at_without_waiting)
{
    run(amain_returncode);
}

static int amain_reaped_by_others(void *arg)
{
    (void)arg;
    signal(SIGCHLD, SIG_IGN);
    CHECK_INT(end_of(shell("exit 3", NULL)), 255);
    signal(SIGCHLD, SIG_DFL);
    return 0;
}

TEST(a_child_that_was_reaped_elsewhere_counts_as_ended_with_255)
{
    run(amain_reaped_by_others);
}

/* ── What cannot start ────────────────────────────────────────────────── */

static int exec_fails(const char *file, const bide_process_options *options)
{
    const char *const argv[] = {file, NULL};
    bide_process *process;
    return bide_process_exec(argv, options, &process);
}

static int amain_missing(void *arg)
{
    (void)arg;
    char name[5000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_ERR(exec_fails("no-such-program", NULL), -ENOENT);
    CHECK_STR(bide_errmsg(-ENOENT),
              "program 'no-such-program' is in no directory of PATH");
    CHECK_ERR(exec_fails("/no/such/program", NULL), -ENOENT);
    CHECK_STR(bide_errmsg(-ENOENT),
              "program '/no/such/program': No such file or directory");
    CHECK_ERR(exec_fails("/etc/passwd", NULL), -EACCES);
    CHECK_STR(bide_errmsg(-EACCES),
              "program '/etc/passwd': Permission denied");
    CHECK_ERR(exec_fails("", NULL), -ENOENT);
    CHECK_ERR(exec_fails(name, NULL), -ENOENT);
    return 0;
}

TEST(an_error_of_starting_names_the_program)
{
    run(amain_missing);
}

static int amain_wrong_options(void *arg)
{
    (void)arg;
    bide_process *process;
    const char *const empty[] = {NULL};
    int closed = 999;
    int many[BIDE_PASS_FDS_MAX + 1] = {0};
    CHECK_ERR(bide_process_exec(empty, NULL, &process), -EINVAL);
    CHECK_ERR(exec_fails("true", &(bide_process_options){.cwd = "/none"}),
              -ENOENT);
    CHECK_STR(bide_errmsg(-ENOENT),
              "working directory '/none': No such file or directory");
    CHECK_ERR(exec_fails("true", &(bide_process_options){.out = BIDE_STDOUT}),
              -EINVAL);
    CHECK_ERR(exec_fails("true", &(bide_process_options){.err = -9}), -EINVAL);
    CHECK_ERR(exec_fails("true", &(bide_process_options){.in = closed}),
              -EBADF);
    CHECK_STR(bide_errmsg(-EBADF), "options.in is 999, which is not open");
    CHECK_ERR(exec_fails("true", &(bide_process_options){
                                     .pass_fds = &closed,
                                     .pass_fds_count = 1,
                                 }),
              -EBADF);
    CHECK_ERR(exec_fails("true", &(bide_process_options){
                                     .pass_fds = many,
                                     .pass_fds_count = BIDE_PASS_FDS_MAX + 1,
                                 }),
              -EINVAL);
    CHECK_ERR(exec_fails("true", &(bide_process_options){.limit = 3}),
              -EINVAL);
    CHECK_ERR(exec_fails("true", &(bide_process_options){.group = -4}),
              -EINVAL);
    CHECK_ERR(exec_fails("true", &(bide_process_options){.group = 1}), -EPERM);
    return 0;
}

TEST(options_that_are_wrong_are_named)
{
    run(amain_wrong_options);
}

/* ── What they get ────────────────────────────────────────────────────── */

static int amain_environment(void *arg)
{
    (void)arg;
    const char *const env[] = {"PATH=/nowhere:/bin:", "COLOUR=blue", NULL};
    const char *const none[] = {NULL};
    check_output("echo $COLOUR", &(bide_process_options){.env = env},
                 "blue\n");
    check_output("pwd", &(bide_process_options){.cwd = "/"}, "/\n");
    /* The PATH that counts is that of the child. */
    CHECK_ERR(exec_fails("env", &(bide_process_options){
                                    .env = (const char *const[]){
                                        "PATH=/nowhere:/etc/passwd", NULL},
                                }),
              -ENOENT);
    const char *const argv[] = {"true", NULL};
    bide_process *process = NULL;
    CHECK_OK(bide_process_exec(argv, &(bide_process_options){.env = none},
                               &process));
    CHECK_INT(end_of(process), 0);
    return 0;
}

TEST(a_child_gets_its_environment_and_its_directory)
{
    run(amain_environment);
}

/* The signals 1 to 31 in a line of a child's /proc/self/status. Above are those
 * of the C library, which posix_spawn(3) of make, for one, leaves ignored. */
static void check_signals(const char *line, unsigned long long expected)
{
    const char *const argv[] = {"cat", "/proc/self/status", NULL};
    bide_process_output output;
    CHECK_OK(bide_process_run(argv, NULL, &output));
    const char *found = strstr(output.out, line);
    if (CHECK(found))
        CHECK_INT(strtoull(found + strlen(line), NULL, 16) & 0x7fffffff,
                  expected);
    bide_process_output_fini(&output);
}

static void ignore_this(int number)
{
    (void)number;
}

static int amain_signals(void *arg)
{
    (void)arg;
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before);
    signal(SIGUSR2, ignore_this);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* as nohup does: stays ignored */
    check_signals("\nSigBlk:\t", 0);
    check_signals("\nSigCgt:\t", 0);
    check_signals("\nSigIgn:\t", 1 << (SIGHUP - 1));
    signal(SIGUSR2, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return 0;
}

TEST(a_child_starts_with_no_signal_blocked_or_caught)
{
    run(amain_signals);
}

static int amain_passes(void *arg)
{
    (void)arg;
    int open_one = open("/dev/null", O_RDWR); /* not close-on-exec */
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    int passed[] = {fds[1], 1, fds[0], fds[1]};
    bide_process_options options = {
        .pass_fds = passed,
        .pass_fds_count = 4,
    };
    char command[200], expected[100];
    snprintf(command, sizeof command,
             "cd /proc/self/fd; for i in *; do [ -e $i ] && echo $i; done; "
             "echo ok >&%d",
             fds[1]);
    snprintf(expected, sizeof expected, "0\n1\n2\n%d\n%d\n", fds[0], fds[1]);
    check_output(command, &options, expected);
    char buf[8] = "";
    CHECK_INT(read(fds[0], buf, sizeof buf), 3);
    CHECK_STR(buf, "ok\n");
    CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    close(fds[0]);
    close(fds[1]);
    close(open_one);
    return 0;
}

TEST(only_the_passed_descriptors_stay_open)
{
    run(amain_passes);
}

static int amain_sessions(void *arg)
{
    (void)arg;
    char expected[64];
    const char *command = "read a b c d pgrp session r < /proc/self/stat; "
                          "[ $pgrp = $a ] && echo $session";
    /* The shell's read is done by the shell: a is its own number. */
    snprintf(expected, sizeof expected, "%d\n", (int)getsid(0));
    check_output(command, &(bide_process_options){.new_group = true},
                 expected);
    check_output("read a b c d pgrp session r < /proc/self/stat; "
                 "[ $session = $a ] && echo leader",
                 &(bide_process_options){.new_session = true}, "leader\n");
    bide_process *leader =
        shell("sleep 100", &(bide_process_options){.new_group = true});
    pid_t group = bide_process_pid(leader);
    bide_process *member =
        shell("sleep 100", &(bide_process_options){.group = group});
    CHECK_INT(getpgid(bide_process_pid(member)), group);
    CHECK_OK(kill(-group, SIGKILL));
    CHECK_INT(end_of(leader), -SIGKILL);
    CHECK_INT(end_of(member), -SIGKILL);
    return 0;
}

TEST(a_child_can_lead_a_session_or_a_group_or_join_one)
{
    run(amain_sessions);
}

/* ── Standard streams ─────────────────────────────────────────────────── */

static int amain_talk(void *arg)
{
    (void)arg;
    char line[32] = "";
    bide_process *cat = shell("exec cat", &(bide_process_options){
                                              .in = BIDE_PIPE,
                                              .out = BIDE_PIPE,
                                          });
    bide_stream *in = bide_process_stdin(cat);
    bide_stream *out = bide_process_stdout(cat);
    CHECK(bide_process_stderr(cat) == NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bide_stream_write(in, "hello\n", 6));
        CHECK_INT(bide_stream_readline(out, line, sizeof line), 6);
        CHECK_STR(line, "hello\n");
    }
    bide_stream_close(in); /* as asyncio's process.stdin.close() */
    CHECK_INT(bide_stream_read(out, line, sizeof line), 0);
    CHECK_ERR(bide_stream_write(bide_process_stdin(cat), "x", 1), -EBADF);
    CHECK_INT(end_of(cat), 0);
    return 0;
}

TEST(pipes_are_streams)
{
    run(amain_talk);
}

static int amain_redirects(void *arg)
{
    (void)arg;
    int fds[2];
    char buf[16] = "";
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    check_output("echo a; echo b >&2; echo c",
                 &(bide_process_options){.err = BIDE_STDOUT}, "a\nb\nc\n");
    check_output("cat; echo lost >&2",
                 &(bide_process_options){.in = BIDE_DEVNULL,
                                         .err = BIDE_DEVNULL},
                 "");
    CHECK_INT(end_of(shell("echo out; echo err >&2",
                           &(bide_process_options){.out = fds[1],
                                                   .err = BIDE_STDOUT})),
              0);
    CHECK_INT(read(fds[0], buf, sizeof buf), 8);
    CHECK_MEM(buf, "out\nerr\n", 8);
    /* Output and errors change places: each is the other's target. */
    int out = dup(1), err = dup(2);
    dup2(fds[1], 1);
    dup2(fds[1], 2);
    CHECK_INT(end_of(shell("echo 1; echo 2 >&2",
                           &(bide_process_options){.out = 2, .err = 1})),
              0);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    CHECK_INT(read(fds[0], buf, sizeof buf), 4);
    CHECK_MEM(buf, "1\n2\n", 4);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

TEST(streams_go_where_the_options_say)
{
    run(amain_redirects);
}

static int amain_broken_pipe(void *arg)
{
    (void)arg;
    static char much[300000];
    bide_process *process =
        shell("exec true", &(bide_process_options){.in = BIDE_PIPE});
    bide_stream *in = bide_process_stdin(process);
    CHECK_OK(bide_process_wait(process, NULL));
    CHECK_ERR(bide_stream_write(in, much, sizeof much), -EPIPE);
    CHECK_ERR(bide_stream_write(in, "x", 1), -EPIPE);
    bide_process_close(process);
    return 0;
}

/* SIGPIPE would end the test. */
TEST(writing_to_a_child_that_has_ended_is_an_error_and_no_signal)
{
    sigset_t pending;
    run(amain_broken_pipe);
    sigpending(&pending);
    CHECK(!sigismember(&pending, SIGPIPE));
}

/* ── Waiting and signals ──────────────────────────────────────────────── */

static int wait_for(void *arg)
{
    int code = 0;
    int rc = bide_process_wait(arg, &code);
    return rc < 0 ? rc : -code; /* by signal: the number */
}

static int amain_waiters(void *arg)
{
    (void)arg;
    bide_process *process = shell("exec sleep 100", NULL);
    bide_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(wait_for, process);
    CHECK_OK(bide_sleep(0));
    bide_task_cancel(tasks[1]);
    CHECK_ERR(bide_await(tasks[1]), -ECANCELED);
    CHECK(!bide_process_returncode(process, NULL));
    CHECK_OK(bide_process_terminate(process));
    CHECK_INT(bide_await(tasks[0]), SIGTERM);
    CHECK_INT(bide_await(tasks[2]), SIGTERM);
    CHECK_ERR(bide_process_terminate(process), -ESRCH);
    CHECK_ERR(bide_process_kill(process), -ESRCH);
    CHECK_ERR(bide_process_send_signal(process, SIGHUP), -ESRCH);
    CHECK_ERR(bide_process_send_signal(process, 0), -EINVAL);
    CHECK_ERR(bide_process_send_signal(process, 65), -EINVAL);
    bide_process_close(process);
    return 0;
}

TEST(several_tasks_wait_and_a_cancelled_one_leaves_the_child_alone)
{
    run(amain_waiters);
}

static int amain_close_while_waited(void *arg)
{
    (void)arg;
    bide_process *process = shell("exec sleep 100", NULL);
    bide_task *task = bide_create_task(wait_for, process);
    CHECK_OK(bide_sleep(0));
    bide_process_close(process);
    CHECK_ERR(bide_await(task), -EBADF);
    return 0;
}

TEST(closing_wakes_who_waits)
{
    run(amain_close_while_waited);
}

/* Whoever is woken by the end may find the process closed by the other. */
static int wait_and_close(void *arg)
{
    bide_process **process = arg;
    int code = 0;
    int rc = bide_process_wait(*process, &code);
    if (*process)
        bide_process_close(*process);
    *process = NULL;
    return rc < 0 ? rc : code;
}

static int amain_close_after_wake(void *arg)
{
    (void)arg;
    bide_process *process =
        shell("read x; exit 5", &(bide_process_options){.in = BIDE_PIPE});
    bide_task *tasks[2];
    for (int i = 0; i < 2; i++)
        tasks[i] = bide_create_task(wait_and_close, &process);
    CHECK_OK(bide_sleep(0)); /* both wait */
    CHECK_OK(bide_stream_write_eof(bide_process_stdin(process)));
    CHECK_INT(bide_await(tasks[0]), 5);
    CHECK_INT(bide_await(tasks[1]), 5);
    return 0;
}

TEST(a_process_may_be_closed_by_the_first_that_is_woken)
{
    run(amain_close_after_wake);
}

static int amain_stops(void *arg)
{
    (void)arg;
    int code = 0;
    char ready[8];
    bide_process *process = shell("exec sleep 100", NULL);
    CHECK_OK(bide_process_stop(process, 100, &code));
    CHECK_INT(code, -SIGTERM);
    CHECK_OK(bide_process_stop(process, 0, &code)); /* has ended: no matter */
    CHECK_INT(code, -SIGTERM);
    CHECK_ERR(bide_process_stop(process, -1, &code), -EINVAL);
    bide_process_close(process);
    process = shell("trap '' TERM; echo ready; exec sleep 100",
                    &(bide_process_options){.out = BIDE_PIPE});
    CHECK_INT(bide_stream_readline(bide_process_stdout(process), ready,
                                   sizeof ready),
              6);
    CHECK_OK(bide_process_stop(process, 0.05, &code));
    CHECK_INT(code, -SIGKILL);
    bide_process_close(process);
    return 0;
}

TEST(a_child_that_ignores_SIGTERM_is_killed_after_the_grace)
{
    run(amain_stops);
}

static int stop_forever(void *arg)
{
    return bide_process_stop(arg, (double)1000, NULL);
}

static int amain_cancel_stop(void *arg)
{
    (void)arg;
    char ready[8];
    bide_process *process =
        shell("trap '' TERM; echo ready; exec sleep 100",
              &(bide_process_options){.out = BIDE_PIPE});
    CHECK_INT(bide_stream_readline(bide_process_stdout(process), ready,
                                   sizeof ready),
              6);
    bide_task *task = bide_create_task(stop_forever, process);
    CHECK_OK(bide_sleep(0));
    bide_task_cancel(task);
    CHECK_ERR(bide_await(task), -ECANCELED);
    CHECK_INT(end_of(process), -SIGKILL);
    return 0;
}

TEST(cancelling_a_stop_kills_at_once)
{
    run(amain_cancel_stop);
}

/* ── Nothing stays ────────────────────────────────────────────────────── */

static int amain_leaves(void *arg)
{
    bide_process_options piped = {
        .in = BIDE_PIPE,
        .out = BIDE_PIPE,
        .err = BIDE_PIPE,
    };
    pid_t *pids = arg;
    bide_process *closed = shell("exec sleep 100", &piped);
    pids[0] = bide_process_pid(closed);
    bide_process_close(closed);
    pids[1] = bide_process_pid(shell("exec sleep 100", &piped));
    pids[2] = bide_process_pid(shell("exit 1", NULL));
    return 0;
}

TEST(the_end_of_the_loop_kills_and_reaps_what_is_left)
{
    int before = count_fds();
    pid_t pids[3];
    CHECK_OK(bide_run(amain_leaves, pids));
    for (int i = 0; i < 3; i++)
        CHECK(kill(pids[i], 0) < 0 && errno == ESRCH);
    CHECK_INT(count_fds(), before);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
}

static char reports[512];

static void keep_report(const bide_report *report, void *data)
{
    (void)data;
    strncat(reports, report->text, sizeof reports - strlen(reports) - 1);
}

static int amain_forgets(void *arg)
{
    bide_set_exception_handler(bide_loop_current(), keep_report, NULL);
    return amain_leaves(arg);
}

/* The process is reported, and not each of its streams as well. */
TEST(debug_mode_tells_of_processes_that_were_not_closed)
{
    pid_t pids[3];
    reports[0] = '\0';
    CHECK_OK(bide_run_with(amain_forgets, pids,
                           &(bide_options){.debug = true}));
    CHECK_STR(reports,
              "a process was never closed; it is closed now, at the loop's "
              "enda process was never closed; it is closed now, at the "
              "loop's end");
}

static int one_of_many(void *arg)
{
    const char *const argv[] = {"true", NULL};
    bide_process *process;
    int code = 0;
    (void)arg;
    int rc = bide_process_exec(argv, NULL, &process);
    if (rc < 0)
        return rc;
    rc = bide_process_wait(process, &code);
    bide_process_close(process);
    return rc < 0 ? rc : code;
}

static int amain_many(void *arg)
{
    (void)arg;
    for (int round = 0; round < 10; round++) {
        bide_task *tasks[100];
        for (int i = 0; i < 100; i++)
            tasks[i] = bide_create_task(one_of_many, NULL);
        CHECK_OK(bide_gather(tasks, 100));
    }
    return 0;
}

TEST(a_thousand_children_come_and_go)
{
    run(amain_many);
}

static int cancel_exec(void *arg)
{
    const char *const argv[] = {"sleep", "100", NULL};
    bide_process **process = arg;
    return bide_process_exec(argv, NULL, process);
}

static int amain_cancel_exec(void *arg)
{
    (void)arg;
    bide_process *process = NULL;
    bide_task *task = bide_create_task(cancel_exec, &process);
    CHECK_OK(bide_sleep(0));
    bide_task_cancel(task);
    int rc = bide_await(task);
    CHECK(rc == -ECANCELED ? !process : rc == 0 && process);
    bide_process_close(process);
    task = bide_create_task(cancel_exec, &process);
    bide_task_cancel(task); /* before it runs */
    CHECK_ERR(bide_await(task), -ECANCELED);
    return 0;
}

TEST(a_cancelled_start_either_happens_or_does_not)
{
    run(amain_cancel_exec);
}

/* SPDX-License-Identifier: MIT */
/* pipe_test.c — streams over pipes, FIFOs, terminals and standard input. */
#include <bide/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "helpers/journal.h"

#define MUCH ((size_t)1 << 20)

static bide_stream *open_stream(int fd)
{
    bide_stream *stream = NULL;
    CHECK_OK(bide_stream_open(fd, 0, &stream));
    return stream;
}

/* ── Pipes ────────────────────────────────────────────────────────────── */

static char much[MUCH];

static int write_much(void *arg)
{
    int rc = bide_stream_write(arg, much, MUCH);
    if (rc == 0)
        rc = bide_stream_write_eof(arg);
    return rc;
}

static int amain_pipe(void *arg)
{
    (void)arg;
    int fds[2];
    size_t got = 0;
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    bide_stream *in = open_stream(fds[0]), *out = open_stream(fds[1]);
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i % 251);
    bide_task *writer = bide_create_task(write_much, out);
    for (;;) {
        char buf[10000];
        ssize_t n = bide_stream_read(in, buf, sizeof buf);
        if (!CHECK_OK(n) || n == 0)
            break;
        CHECK_MEM(buf, much + got, (size_t)n);
        got += (size_t)n;
    }
    CHECK_INT(got, MUCH);
    CHECK_OK(bide_await(writer));
    CHECK_ERR(bide_stream_write(out, "x", 1), -EPIPE);
    CHECK_ERR(bide_stream_write_eof(in), -ENOTSOCK); /* it only reads */
    bide_stream_close(in);
    bide_stream_close(out);
    return 0;
}

TEST(a_pipe_carries_all_bytes_and_its_end)
{
    run(amain_pipe);
}

static int amain_broken(void *arg)
{
    bool blocked = arg != NULL;
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    bide_stream *out = open_stream(fds[1]);
    CHECK_OK(bide_stream_write(out, "x", 1));
    close(fds[0]);
    CHECK_ERR(bide_stream_write(out, "x", 1), -EPIPE);
    sigset_t mask, pending;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigpending(&pending);
    CHECK_INT(sigismember(&mask, SIGPIPE), blocked);
    CHECK(!sigismember(&pending, SIGPIPE));
    bide_stream_close(out);
    return 0;
}

TEST(a_broken_pipe_is_an_error_and_no_signal)
{
    sigset_t set, before;
    run(amain_broken);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, &before);
    CHECK_OK(bide_run(amain_broken, "blocked"));
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A SIGPIPE that was pending before is the program's. */
static int amain_pending(void *arg)
{
    (void)arg;
    int fds[2];
    sigset_t pending;
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    bide_stream *out = open_stream(fds[1]);
    close(fds[0]);
    raise(SIGPIPE);
    CHECK_ERR(bide_stream_write(out, "x", 1), -EPIPE);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE));
    bide_stream_close(out);
    return 0;
}

TEST(a_signal_that_was_pending_stays)
{
    sigset_t set, before;
    const struct timespec now = {0};
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, &before);
    run(amain_pending);
    CHECK_INT(sigtimedwait(&set, NULL, &now), SIGPIPE);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static int amain_full(void *arg)
{
    (void)arg;
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    bide_stream *out = open_stream(fds[1]);
    bide_task *writer = bide_create_task(write_much, out);
    CHECK_OK(bide_sleep(0.001));
    bide_task_cancel(writer);
    CHECK_ERR(bide_await(writer), -ECANCELED);
    CHECK_ERR(bide_stream_write(out, "x", 1), -EPIPE); /* a prefix has gone */
    bide_stream_close(out);
    close(fds[0]);
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    out = open_stream(fds[1]);
    writer = bide_create_task(write_much, out);
    CHECK_OK(bide_sleep(0.001));
    bide_stream_close(out);
    CHECK_ERR(bide_await(writer), -EBADF);
    close(fds[0]);
    return 0;
}

TEST(a_writer_to_a_full_pipe_can_be_cancelled_and_closed)
{
    run(amain_full);
}

static int amain_fifo(void *arg)
{
    (void)arg;
    char path[64], line[16];
    snprintf(path, sizeof path, "/tmp/bide-fifo-%d", (int)getpid());
    CHECK_OK(mkfifo(path, 0600));
    bide_stream *in =
        open_stream(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    bide_stream *out =
        open_stream(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    CHECK_OK(bide_stream_write(out, "one\ntwo\n", 8));
    CHECK_INT(bide_stream_readline(in, line, sizeof line), 4);
    CHECK_STR(line, "one\n");
    bide_stream_close(out);
    CHECK_INT(bide_stream_readline(in, line, sizeof line), 4);
    CHECK_INT(bide_stream_readline(in, line, sizeof line), 0);
    bide_stream_close(in);
    unlink(path);
    return 0;
}

TEST(a_fifo_is_a_stream)
{
    run(amain_fifo);
}

/* ── Standard input ───────────────────────────────────────────────────── */

static int saved_stdin;

static void replace_stdin(int fd)
{
    saved_stdin = dup(0);
    CHECK_INT(dup2(fd, 0), 0);
    close(fd);
}

static void restore_stdin(void)
{
    dup2(saved_stdin, 0);
    close(saved_stdin);
}

static int read_lines(void *arg)
{
    char line[32];
    ssize_t n;
    (void)arg;
    bide_stream *in = NULL;
    int flags = fcntl(0, F_GETFL);
    CHECK_OK(bide_stream_open_stdin(0, &in));
    while ((n = bide_stream_readline(in, line, sizeof line)) > 0)
        journal_add(line[0]);
    CHECK_OK(n);
    CHECK_INT(fcntl(0, F_GETFL), flags); /* others share them */
    bide_stream_close(in);
    CHECK(fcntl(0, F_GETFD) >= 0);
    return 0;
}

TEST(standard_input_can_be_a_pipe)
{
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    CHECK_INT(write(fds[1], "a\nb\nc", 5), 5);
    close(fds[1]);
    replace_stdin(fds[0]);
    run(read_lines);
    CHECK_STR(journal_take(), "abc");
    restore_stdin();
}

TEST(standard_input_can_be_a_file_and_is_read_from_where_it_stands)
{
    FILE *file = tmpfile();
    fputs("skip\nd\ne\nf\n", file);
    fflush(file);
    replace_stdin(dup(fileno(file)));
    lseek(0, 5, SEEK_SET);
    run(read_lines);
    CHECK_STR(journal_take(), "def");
    restore_stdin();
    fclose(file);
}

TEST(standard_input_can_be_nothing)
{
    replace_stdin(open("/dev/null", O_RDONLY));
    run(read_lines);
    CHECK_STR(journal_take(), "");
    restore_stdin();
}

/* Type at a terminal, line by line; Ctrl-D ends it. */
static int type_lines(void *arg)
{
    int keyboard = *(int *)arg;
    static const char *const keys[] = {"hello\n", "world\n", "\004"};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bide_sleep(0.002));
        CHECK_INT(write(keyboard, keys[i], strlen(keys[i])), strlen(keys[i]));
    }
    return 0;
}

static int amain_terminal(void *arg)
{
    bide_task *typist = bide_create_task(type_lines, arg);
    CHECK_OK(read_lines(NULL));
    return bide_await(typist);
}

TEST(standard_input_can_be_a_terminal)
{
    int keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK_OK(grantpt(keyboard));
    CHECK_OK(unlockpt(keyboard));
    replace_stdin(open(ptsname(keyboard), O_RDWR | O_NOCTTY));
    CHECK_OK(bide_run(amain_terminal, &keyboard));
    CHECK_STR(journal_take(), "hw");
    restore_stdin();
    close(keyboard);
}

static int read_some(void *arg)
{
    char byte;
    return (int)bide_stream_read(arg, &byte, 1);
}

static int amain_cancelled(void *arg)
{
    (void)arg;
    bide_stream *in = NULL;
    CHECK_ERR(bide_stream_open_stdin(1, &in), -EINVAL);
    CHECK_OK(bide_stream_open_stdin(0, &in));
    bide_task *reader = bide_create_task(read_some, in);
    CHECK_OK(bide_sleep(0.001));
    bide_task_cancel(reader);
    CHECK_ERR(bide_await(reader), -ECANCELED);
    reader = bide_create_task(read_some, in);
    CHECK_OK(bide_sleep(0.001));
    bide_stream_close(in);
    CHECK_ERR(bide_await(reader), -EBADF);
    return 0;
}

TEST(reading_standard_input_can_be_cancelled_and_closed)
{
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    replace_stdin(fds[0]);
    run(amain_cancelled);
    restore_stdin();
    close(fds[1]);
}

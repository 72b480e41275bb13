/* SPDX-License-Identifier: MIT */
/* sendfile_test.c — parts of files to streams. */
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "file/desk.h"
#include "helpers/journal.h"
#include "io/stream.h"

#define LEN 3000001 /* more than sockets and pipes hold */

static char *data;
static bide_file *file;
static bide_stream *ends[2];

static void fill_file(void)
{
    data = malloc(LEN);
    for (size_t i = 0; i < LEN; i++)
        data[i] = (char)(i * 11 + i / 777);
    put(on_desk("f"), data, LEN);
    CHECK_OK(bide_file_open(on_desk("f"), "r", &file));
}

static void drop_file(void)
{
    CHECK_OK(bide_file_close(file));
    free(data);
}

static void pipe_pair(void)
{
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    CHECK_OK(bide_stream_open(fds[0], 0, &ends[0]));
    CHECK_OK(bide_stream_open(fds[1], 0, &ends[1]));
}

/* What to send, and what came of it. */
struct part {
    int64_t offset;
    int64_t count;
    int64_t result;
};

static int send_part(void *arg)
{
    struct part *part = arg;
    part->result = bide_sendfile(ends[1], file, part->offset, part->count);
    return part->result < 0 ? (int)part->result : 0;
}

/* Send, and read the same at the other end. */
static void pass(int64_t offset, int64_t count, size_t expected)
{
    struct part part = {offset, count, 0};
    char *got = malloc(LEN + 1);
    bide_task *task = bide_create_task(send_part, &part);
    CHECK_INT(bide_stream_readexactly(ends[0], got, expected),
              (long long)expected);
    CHECK_OK(bide_await(task));
    CHECK_INT(part.result, (long long)expected);
    CHECK_MEM(got, data + offset, expected);
    free(got);
}

static void pass_several(void)
{
    pass(0, LEN, LEN);
    pass(100, 5, 5);
    pass(1000, 0, 0);
    pass(LEN - 10, -1, 10);
    pass(0, -1, LEN);
    CHECK_INT(bide_sendfile(ends[1], file, LEN + 10, -1), 0);
    CHECK_INT(bide_file_tell(file), 0);
}

static int to_sockets(void *arg)
{
    (void)arg;
    fill_file();
    CHECK_OK(bide_stream_pair(ends));
    pass_several();
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    drop_file();
    return 0;
}

TEST(parts_of_files_go_to_sockets)
{
    run_both_ways(to_sockets);
}

static int to_pipes(void *arg)
{
    (void)arg;
    fill_file();
    pipe_pair();
    pass_several();
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    drop_file();
    return 0;
}

TEST(parts_of_files_go_to_pipes)
{
    run_both_ways(to_pipes);
}

/* /proc has files that sendfile(2) does not serve on every kernel; and what
 * cannot be polled as ours is written to from a buffer. */
static int by_copying(void *arg)
{
    (void)arg;
    fill_file();
    CHECK_OK(bide_stream_pair(ends));
    ends[1]->file.kind = BIDE_FD_FOREIGN;
    pass_several();
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    drop_file();
    return 0;
}

TEST(where_sendfile_does_not_serve_the_bytes_are_copied)
{
    run_both_ways(by_copying);
}

static int short_file(void *arg)
{
    (void)arg;
    char byte;
    fill_file();
    CHECK_OK(bide_stream_pair(ends));
    CHECK_ERR(bide_sendfile(ends[1], file, LEN - 5, 6), BIDE_E_INCOMPLETE);
    CHECK_STR(bide_errmsg(BIDE_E_INCOMPLETE),
              "the file ended after 5 of 6 bytes");
    CHECK_ERR(bide_stream_write(ends[1], "x", 1), -EPIPE);
    bide_stream_close(ends[1]);
    char got[8];
    CHECK_INT(bide_stream_read(ends[0], got, 8), 5);
    CHECK_INT(bide_stream_read(ends[0], &byte, 1), 0);
    bide_stream_close(ends[0]);
    CHECK_OK(bide_stream_pair(ends));
    CHECK_ERR(bide_sendfile(ends[1], file, -1, 1), -EINVAL);
    CHECK_ERR(bide_sendfile(ends[1], file, 0, -2), -EINVAL);
    CHECK_ERR(bide_sendfile(ends[1], file, LEN, 1), BIDE_E_INCOMPLETE);
    CHECK_OK(bide_stream_write(ends[1], "x", 1)); /* nothing had gone out */
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    drop_file();
    return 0;
}

TEST(a_file_that_is_too_short_is_an_error)
{
    run_both_ways(short_file);
}

static int shrinking(void *arg)
{
    (void)arg;
    struct part part = {0, LEN, 0};
    char *got = malloc(LEN);
    fill_file();
    CHECK_OK(bide_stream_pair(ends));
    bide_task *task = bide_create_task(send_part, &part);
    settle(); /* the socket is full */
    CHECK_OK(truncate(on_desk("f"), 1500000));
    for (size_t left = 1500000; left > 0;) {
        ssize_t n = bide_stream_read(ends[0], got, LEN);
        if (!CHECK(n > 0))
            break;
        left = (size_t)n < left ? left - (size_t)n : 0;
    }
    CHECK_ERR(bide_await(task), BIDE_E_INCOMPLETE);
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    drop_file();
    free(got);
    return 0;
}

TEST(a_file_that_shrinks_while_it_is_sent_is_an_error)
{
    run_both_ways(shrinking);
}

/* ── Waiting for the other end ────────────────────────────────────────── */

static int write_one(void *arg)
{
    (void)arg;
    return bide_stream_write(ends[1], "!", 1);
}

static int in_turn(void *arg)
{
    (void)arg;
    struct part part = {0, LEN, 0};
    char *got = malloc(LEN + 1);
    fill_file();
    CHECK_OK(bide_stream_pair(ends));
    bide_task *sender = bide_create_task(send_part, &part);
    settle();
    bide_task *writer = bide_create_task(write_one, NULL);
    settle();
    CHECK_INT(bide_stream_readexactly(ends[0], got, LEN + 1), LEN + 1);
    CHECK_MEM(got, data, LEN);
    CHECK_INT(got[LEN], '!');
    CHECK_OK(bide_await(sender));
    CHECK_OK(bide_await(writer));
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    drop_file();
    free(got);
    return 0;
}

TEST(writers_wait_until_the_file_is_sent)
{
    run_both_ways(in_turn);
}

static int ended(void *arg)
{
    (void)arg;
    struct part part = {0, LEN, 0};
    char byte;
    fill_file();
    CHECK_OK(bide_stream_pair(ends));
    bide_task *sender = bide_create_task(send_part, &part);
    CHECK_INT(bide_stream_read(ends[0], &byte, 1), 1);
    settle();
    CHECK(bide_task_cancel(sender));
    CHECK_ERR(bide_await(sender), -ECANCELED);
    CHECK_ERR(bide_stream_write(ends[1], "x", 1), -EPIPE);
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);

    CHECK_OK(bide_stream_pair(ends));
    sender = bide_create_task(send_part, &part);
    settle();
    bide_stream_close(ends[1]);
    CHECK_ERR(bide_await(sender), -EBADF);
    bide_stream_close(ends[0]);

    CHECK_OK(bide_stream_pair(ends));
    sender = bide_create_task(send_part, &part);
    settle();
    CHECK_OK(bide_file_close(file));
    CHECK_ERR(bide_await(sender), -EBADF);
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    free(data);
    return 0;
}

TEST(sending_ends_by_cancelling_or_closing_either_side)
{
    run_both_ways(ended);
}

static void on_signal(int number)
{
    CHECK_INT(number, 0); /* SIGPIPE was raised */
}

static int broken(void *arg)
{
    (void)arg;
    struct part part = {0, LEN, 0};
    signal(SIGPIPE, on_signal);
    fill_file();
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            CHECK_OK(bide_stream_pair(ends));
        else
            pipe_pair();
        bide_task *sender = bide_create_task(send_part, &part);
        settle();
        bide_stream_close(ends[0]);
        CHECK_ERR(bide_await(sender), -EPIPE);
        bide_stream_close(ends[1]);
    }
    drop_file();
    signal(SIGPIPE, SIG_DFL);
    return 0;
}

TEST(a_peer_that_goes_away_is_an_error_and_no_signal)
{
    run_both_ways(broken);
}

/* A connection over TCP whose other end has been closed. */
static int half_dead(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_OK(bind(listener, (struct sockaddr *)&address, len));
    CHECK_OK(listen(listener, 1));
    CHECK_OK(getsockname(listener, (struct sockaddr *)&address, &len));
    CHECK_OK(connect(client, (struct sockaddr *)&address, len));
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK_OK(server);
    close(client);
    close(listener);
    return server;
}

/* The first bytes still go out; those after them meet a reset, within one
 * system call, which returns the number of the first. */
static int broken_within(void *arg)
{
    (void)arg;
    fill_file();
    CHECK(signal(SIGPIPE, on_signal) != SIG_ERR);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(bide_stream_open(half_dead(), 0, &ends[1]));
        int64_t rc = bide_sendfile(ends[1], file, 0, LEN);
        CHECK(rc == -EPIPE || rc == -ECONNRESET);
        bide_stream_close(ends[1]);
    }
    signal(SIGPIPE, SIG_DFL);
    drop_file();
    return 0;
}

TEST(a_peer_that_goes_away_within_a_call_is_no_signal_either)
{
    run_both_ways(broken_within);
}

/* SPDX-License-Identifier: MIT */
/* ready_test.c — descriptors of others, and plain sockets. */
#include <bide/group.h>
#include <bide/loop.h>
#include <bide/ready.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helpers/journal.h"
#include "helpers/torture.h"

static int ends[2];

static void open_pair(int flags)
{
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends));
}

static void close_pair(void)
{
    close(ends[0]);
    close(ends[1]);
}

/* Let the loop poll a few times. */
static void poll_some(void)
{
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_sleep(0.001));
}

static int calls;

static void read_byte(int fd, void *arg)
{
    char byte;
    CHECK_INT(read(fd, &byte, 1), 1);
    CHECK(bide_current_task() == NULL);
    journal_add(arg ? *(char *)arg : byte);
    calls++;
}

static void count_call(int fd, void *arg)
{
    (void)fd;
    (void)arg;
    calls++;
}

/* ── Callbacks ────────────────────────────────────────────────────────── */

static int amain_reads(void *arg)
{
    (void)arg;
    bide_loop *loop = bide_loop_current();
    open_pair(0);
    CHECK_OK(bide_loop_add_reader(loop, ends[0], read_byte, NULL));
    poll_some();
    CHECK_STR(journal_take(), "");
    CHECK_INT(write(ends[1], "abc", 3), 3); /* one call for each byte */
    poll_some();
    CHECK_STR(journal_take(), "abc");
    CHECK_OK(bide_loop_add_reader(loop, ends[0], read_byte, "R"));
    CHECK_INT(write(ends[1], "de", 2), 2);
    poll_some();
    CHECK_STR(journal_take(), "RR");
    CHECK(bide_loop_remove_reader(loop, ends[0]));
    CHECK(!bide_loop_remove_reader(loop, ends[0]));
    CHECK(!bide_loop_remove_writer(loop, ends[0]));
    CHECK(!bide_loop_remove_reader(loop, 100000));
    CHECK(!bide_loop_remove_reader(loop, -1));
    CHECK_INT(write(ends[1], "f", 1), 1);
    poll_some();
    CHECK_STR(journal_take(), "");
    CHECK_INT(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0); /* left alone */
    close_pair();
    return 0;
}

TEST(a_reader_is_called_while_there_is_something_to_read)
{
    run(amain_reads);
}

static int amain_both(void *arg)
{
    (void)arg;
    bide_loop *loop = bide_loop_current();
    open_pair(0);
    calls = 0;
    CHECK_OK(bide_loop_add_writer(loop, ends[0], count_call, NULL));
    CHECK_OK(bide_loop_add_reader(loop, ends[0], read_byte, NULL));
    poll_some();
    CHECK(calls > 1);
    CHECK(bide_loop_remove_writer(loop, ends[0]));
    poll_some();
    calls = 0;
    CHECK_INT(write(ends[1], "x", 1), 1);
    poll_some();
    CHECK_INT(calls, 1);
    CHECK_STR(journal_take(), "x");
    CHECK(bide_loop_remove_reader(loop, ends[0]));
    calls = 0;
    CHECK_OK(bide_loop_add_reader(loop, ends[0], count_call, NULL));
    close(ends[1]); /* a hang-up is told, too */
    poll_some();
    CHECK(calls > 0);
    CHECK(bide_loop_remove_reader(loop, ends[0]));
    close(ends[0]);
    return 0;
}

TEST(reading_and_writing_are_watched_apart)
{
    run(amain_both);
}

static void remove_both(int fd, void *arg)
{
    bide_loop *loop = arg;
    CHECK(bide_loop_remove_reader(loop, fd));
    CHECK(bide_loop_remove_writer(loop, fd));
    CHECK_OK(bide_loop_add_reader(loop, fd, read_byte, NULL));
}

static int amain_changes(void *arg)
{
    (void)arg;
    bide_loop *loop = bide_loop_current();
    open_pair(0);
    CHECK_INT(write(ends[1], "x", 1), 1);
    CHECK_OK(bide_loop_add_reader(loop, ends[0], remove_both, loop));
    CHECK_OK(bide_loop_add_writer(loop, ends[0], remove_both, loop));
    poll_some();
    CHECK_STR(journal_take(), "x");
    CHECK(bide_loop_remove_reader(loop, ends[0]));
    close_pair();
    return 0;
}

TEST(a_callback_may_change_what_is_watched)
{
    run(amain_changes);
}

static int amain_many(void *arg)
{
    enum { PIPES = 200 };
    int pipes[PIPES][2];
    bide_loop *loop = bide_loop_current();
    (void)arg;
    calls = 0;
    for (int i = 0; i < PIPES; i++) {
        CHECK_OK(pipe2(pipes[i], O_CLOEXEC));
        CHECK_OK(bide_loop_add_reader(loop, pipes[i][0], read_byte, "p"));
        CHECK_INT(write(pipes[i][1], "x", 1), 1);
    }
    poll_some();
    CHECK_INT(calls, PIPES);
    journal_take();
    for (int i = 0; i < PIPES; i++) {
        CHECK(bide_loop_remove_reader(loop, pipes[i][0]));
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    return 0;
}

TEST(many_descriptors_are_watched)
{
    run(amain_many);
}

static int amain_left(void *arg)
{
    bide_loop *loop = bide_loop_current();
    (void)arg;
    CHECK_OK(bide_loop_add_reader(loop, ends[0], read_byte, NULL));
    CHECK_OK(bide_loop_add_writer(loop, ends[0], count_call, NULL));
    return 0;
}

TEST(the_end_of_the_loop_removes_what_is_left)
{
    open_pair(0);
    run(amain_left);
    close_pair();
}

static char reported[256];

static void keep_report(const bide_report *report, void *data)
{
    (void)data;
    CHECK_INT(report->code, -EBADF);
    strncpy(reported, report->text, sizeof reported - 1);
}

static void close_it(int fd, void *arg)
{
    (void)arg;
    close(fd);
}

static int amain_wrong(void *arg)
{
    (void)arg;
    bide_loop *loop = bide_loop_current();
    CHECK_ERR(bide_loop_add_reader(loop, -1, count_call, NULL), -EBADF);
    CHECK_ERR(bide_loop_add_writer(loop, 100000, count_call, NULL), -EBADF);
    CHECK_ERR(bide_wait_readable(-1), -EBADF);
    CHECK_ERR(bide_wait_writable(100000), -EBADF);
    /* Closed and not removed: said once, and not called for ever. */
    bide_set_exception_handler(loop, keep_report, NULL);
    open_pair(0);
    CHECK_INT(write(ends[1], "x", 1), 1);
    CHECK_OK(bide_loop_add_reader(loop, ends[0], close_it, NULL));
    poll_some();
    CHECK(strstr(reported, "cannot be watched any more"));
    CHECK(!bide_loop_remove_reader(loop, ends[0]));
    close(ends[1]);
    return 0;
}

TEST(what_is_not_open_is_refused_or_reported)
{
    run(amain_wrong);
}

static int amain_file(void *arg)
{
    (void)arg;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bide_loop *loop = bide_loop_current();
    calls = 0;
    CHECK_OK(bide_wait_readable(fd));
    CHECK_OK(bide_loop_add_reader(loop, fd, count_call, NULL));
    poll_some();
    CHECK(calls > 0);
    CHECK(bide_loop_remove_reader(loop, fd));
    close(fd);
    return 0;
}

TEST(a_file_is_always_ready)
{
    run(amain_file);
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

static int wait_and_read(void *arg)
{
    char byte;
    (void)arg;
    int rc = bide_wait_readable(ends[0]);
    if (rc < 0)
        return rc;
    return (int)recv(ends[0], &byte, 1, MSG_DONTWAIT);
}

static int amain_waits(void *arg)
{
    (void)arg;
    open_pair(0);
    bide_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(wait_and_read, NULL);
    CHECK_OK(bide_wait_writable(ends[0]));
    CHECK_OK(bide_sleep(0.001));
    bide_task_cancel(tasks[0]);
    CHECK_ERR(bide_await(tasks[0]), -ECANCELED);
    CHECK(!bide_task_done(tasks[1]) && !bide_task_done(tasks[2]));
    CHECK_INT(write(ends[1], "xy", 2), 2);
    CHECK_INT(bide_await(tasks[1]), 1);
    CHECK_INT(bide_await(tasks[2]), 1);
    close_pair();
    return 0;
}

TEST(tasks_wait_for_a_descriptor)
{
    run(amain_waits);
}

/* ── Plain sockets ────────────────────────────────────────────────────── */

static struct sockaddr_in address;

static int accept_and_echo(void *arg)
{
    static char buf[1 << 16];
    int fd = bide_sock_accept(*(int *)arg);
    ssize_t n = fd;
    while (fd >= 0 && (n = bide_sock_recv(fd, buf, sizeof buf)) > 0) {
        int rc = bide_sock_sendall(fd, buf, (size_t)n);
        if (rc < 0)
            n = rc;
    }
    if (fd >= 0)
        close(fd);
    return (int)n;
}

static int listen_local(int flags)
{
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    CHECK_OK(bind(fd, (struct sockaddr *)&address, len));
    CHECK_OK(listen(fd, 5));
    CHECK_OK(getsockname(fd, (struct sockaddr *)&address, &len));
    return fd;
}

static int send_much(void *arg)
{
    enum { MUCH = 4 << 20 };
    char *bytes = calloc(1, MUCH);
    int rc = bide_sock_sendall(*(int *)arg, bytes, MUCH);
    CHECK_OK(shutdown(*(int *)arg, SHUT_WR));
    free(bytes);
    return rc < 0 ? rc : MUCH;
}

static int amain_connects(void *arg)
{
    (void)arg;
    int listener = listen_local(SOCK_NONBLOCK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bide_task *server = bide_create_task(accept_and_echo, &listener);
    CHECK_OK(bide_sock_connect(fd, (struct sockaddr *)&address,
                               sizeof address));
    bide_task *sender = bide_create_task(send_much, &fd);
    char buf[5000];
    int got = 0;
    ssize_t n;
    while ((n = bide_sock_recv(fd, buf, sizeof buf)) > 0)
        got += (int)n;
    CHECK_INT(n, 0);
    CHECK_INT(bide_await(sender), got);
    CHECK_OK(bide_await(server));
    close(fd);
    close(listener);
    return 0;
}

TEST(plain_sockets_connect_accept_send_and_receive)
{
    run(amain_connects);
}

static int amain_refuses(void *arg)
{
    (void)arg;
    int listener = listen_local(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *to = (struct sockaddr *)&address;
    CHECK_ERR(bide_sock_accept(listener), -EINVAL);
    CHECK_ERR(bide_sock_connect(fd, to, sizeof address), -EINVAL);
    CHECK_ERR(bide_sock_connect(-1, to, sizeof address), -EBADF);
    close(listener);
    CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
    CHECK_ERR(bide_sock_connect(fd, to, sizeof address), -ECONNREFUSED);
    CHECK_ERR(bide_sock_recv(-1, &fd, 1), -EBADF);
    close(fd);
    open_pair(0);
    close(ends[1]);
    CHECK_ERR(bide_sock_sendall(ends[0], "x", 1), -EPIPE); /* no signal */
    CHECK_OK(bide_sock_sendall(ends[0], "", 0));
    close(ends[0]);
    return 0;
}

TEST(errors_of_plain_sockets_are_told)
{
    run(amain_refuses);
}

static int amain_datagrams(void *arg)
{
    (void)arg;
    struct sockaddr_storage from;
    uint32_t len = sizeof address;
    char byte = 0;
    int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    CHECK_OK(bind(receiver, (struct sockaddr *)&address, len));
    CHECK_OK(getsockname(receiver, (struct sockaddr *)&address, &len));
    CHECK_INT(bide_sock_sendto(sender, "x", 1, (struct sockaddr *)&address,
                               len),
              1);
    len = sizeof from;
    CHECK_INT(bide_sock_recvfrom(receiver, &byte, 1, (struct sockaddr *)&from,
                                 &len),
              1);
    CHECK_INT(byte, 'x');
    CHECK_INT(len, sizeof address);
    close(receiver);
    close(sender);
    return 0;
}

TEST(plain_sockets_exchange_datagrams)
{
    run(amain_datagrams);
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int tortured(void)
{
    bide_loop *loop = bide_loop_current();
    int rc = bide_loop_add_reader(loop, ends[0], count_call, NULL);
    if (rc == 0)
        rc = bide_loop_add_writer(loop, ends[1], count_call, NULL);
    if (rc == 0)
        rc = bide_sleep(0.001);
    if (rc == 0)
        rc = bide_wait_writable(ends[0]);
    if (rc == 0 && bide_loop_remove_reader(loop, ends[0]))
        rc = bide_sock_sendall(ends[1], "x", 1);
    if (rc == 0)
        rc = bide_wait_readable(ends[0]);
    (void)bide_loop_remove_writer(loop, ends[1]);
    return rc;
}

static int scenario(void *arg)
{
    (void)arg;
    open_pair(SOCK_NONBLOCK);
    int rc = tortured();
    bide_loop *loop = bide_loop_current();
    (void)bide_loop_remove_reader(loop, ends[0]);
    close_pair();
    return rc;
}

TEST(watching_survives_failures_and_cancellation_everywhere)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.allocations >= 5);
    CHECK(counts.suspensions >= 1);
}

/* SPDX-License-Identifier: MIT */
/* datagram_test.c — datagrams over UDP and Unix sockets. */
#include <bide/datagram.h>
#include <bide/group.h>
#include <bide/stream.h>
#include <bide/timeout.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helpers/journal.h"
#include "helpers/torture.h"

/* A socket on the loopback interface. */
static bide_datagram *open_local(bool coalesce)
{
    bide_datagram *datagram = NULL;
    const bide_datagram_options options = {
        .local_host = "127.0.0.1",
        .coalesce = coalesce,
    };
    CHECK_OK(bide_datagram_open(&options, &datagram));
    return datagram;
}

static uint16_t port_of(const bide_datagram *datagram)
{
    struct sockaddr_storage address;
    struct sockaddr_in in;
    CHECK_OK(bide_datagram_sockname(datagram, &address));
    memcpy(&in, &address, sizeof in);
    return ntohs(in.sin_port);
}

/* A socket that is connected to another one. */
static bide_datagram *open_connected(const bide_datagram *to)
{
    bide_datagram *datagram = NULL;
    const bide_datagram_options options = {
        .remote_host = "127.0.0.1",
        .remote_port = port_of(to),
    };
    CHECK_OK(bide_datagram_open(&options, &datagram));
    return datagram;
}

/* ── One at a time ────────────────────────────────────────────────────── */

static int amain_exchange(void *arg)
{
    (void)arg;
    char buf[32], text[128], expected[128];
    struct sockaddr_storage from;
    size_t from_len = 0;
    bide_datagram *server = open_local(false);
    bide_datagram *client = open_connected(server);
    CHECK_OK(bide_datagram_send(client, "hello", 5));
    CHECK_INT(bide_datagram_recvfrom(server, buf, sizeof buf, &from,
                                     &from_len),
              5);
    CHECK_MEM(buf, "hello", 5);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", port_of(client));
    CHECK_STR(bide_address_text(&from, from_len, text, sizeof text), expected);
    CHECK_OK(bide_datagram_sendto(server, "", 0, &from, from_len));
    CHECK_OK(bide_datagram_sendto(server, "back", 4, &from, from_len));
    CHECK_INT(bide_datagram_recv(client, buf, sizeof buf), 0); /* empty */
    CHECK_INT(bide_datagram_recv(client, buf, sizeof buf), 4);
    CHECK_MEM(buf, "back", 4);
    CHECK_ERR(bide_datagram_send(server, "x", 1), -EDESTADDRREQ);
    CHECK_ERR(bide_datagram_peername(server, &from), -ENOTCONN);
    CHECK_INT(bide_datagram_peername(client, &from),
              sizeof(struct sockaddr_in));
    CHECK(bide_datagram_fileno(client) >= 0);
    bide_datagram_close(server);
    bide_datagram_close(client);
    bide_datagram_close(NULL);
    return 0;
}

TEST(datagrams_go_there_and_back)
{
    run(amain_exchange);
}

static int amain_truncates(void *arg)
{
    bool coalesce = arg != NULL;
    char buf[8] = "";
    struct sockaddr_storage from;
    size_t from_len = 0;
    bide_datagram *server = open_local(coalesce);
    bide_datagram *client = open_connected(server);
    CHECK_OK(bide_datagram_send(client, "0123456789", 10));
    CHECK_OK(bide_datagram_send(client, "next", 4));
    CHECK_ERR(bide_datagram_recvfrom(server, buf, 3, &from, &from_len),
              -EMSGSIZE);
    CHECK_STR(bide_errmsg(-EMSGSIZE),
              "a datagram of 10 bytes, with room for 3");
    CHECK_MEM(buf, "012", 3);
    CHECK_INT(from_len, sizeof(struct sockaddr_in));
    CHECK_INT(bide_datagram_recv(server, buf, sizeof buf), 4);
    CHECK_MEM(buf, "next", 4);
    bide_datagram_close(server);
    bide_datagram_close(client);
    return 0;
}

TEST(a_datagram_that_is_too_long_is_told)
{
    run(amain_truncates);
    CHECK_OK(bide_run(amain_truncates, "coalesce"));
}

static int amain_refused(void *arg)
{
    (void)arg;
    char buf[8];
    bide_datagram *server = open_local(false);
    bide_datagram *client = open_connected(server);
    bide_datagram_close(server);
    CHECK_OK(bide_sleep(0.001)); /* the descriptor is closed by a poll */
    CHECK_OK(bide_datagram_send(client, "x", 1));
    CHECK_ERR(bide_datagram_recv(client, buf, sizeof buf), -ECONNREFUSED);
    CHECK_OK(bide_datagram_send(client, "x", 1));
    CHECK_ERR(bide_datagram_send(client, "x", 1), -ECONNREFUSED);
    bide_datagram_close(client);
    return 0;
}

TEST(a_connected_socket_learns_that_nobody_is_there)
{
    run(amain_refused);
}

static int recv_digit(void *arg)
{
    char byte = 0;
    ssize_t n = bide_datagram_recv(arg, &byte, 1);
    return n < 0 ? (int)n : byte - '0';
}

static int amain_waits(void *arg)
{
    bide_datagram *server = open_local(arg != NULL);
    bide_datagram *client = open_connected(server);
    bide_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = bide_create_task(recv_digit, server);
    CHECK_OK(bide_sleep(0.001));
    bide_task_cancel(tasks[0]);
    CHECK_ERR(bide_await(tasks[0]), -ECANCELED);
    CHECK_OK(bide_datagram_send(client, "1", 1));
    CHECK_OK(bide_datagram_send(client, "2", 1));
    CHECK_OK(bide_sleep(0.01));
    int sum = 0, done = 0;
    for (int i = 1; i < 4; i++)
        done += bide_task_done(tasks[i]);
    CHECK_INT(done, 2);
    bide_datagram_close(server);
    for (int i = 1; i < 4; i++) {
        bool got = bide_task_done(tasks[i]);
        int rc = bide_await(tasks[i]);
        if (got)
            sum += rc;
        else
            CHECK_ERR(rc, -EBADF);
    }
    CHECK_INT(sum, 3);
    bide_datagram_close(client);
    return 0;
}

TEST(several_tasks_wait_and_each_gets_a_datagram_of_its_own)
{
    run(amain_waits);
    CHECK_OK(bide_run(amain_waits, "coalesce"));
}

static int amain_left_open(void *arg)
{
    (void)arg;
    (void)open_local(false);
    return 0;
}

TEST(the_end_of_the_loop_closes_sockets)
{
    run(amain_left_open);
}

/* ── Opening ──────────────────────────────────────────────────────────── */

static int open_fails(bide_datagram_options options)
{
    bide_datagram *datagram = NULL;
    return bide_datagram_open(&options, &datagram);
}

#define OPEN_FAILS(...) open_fails((bide_datagram_options){__VA_ARGS__})

static int amain_options(void *arg)
{
    (void)arg;
    char expected[128];
    bide_datagram *first = open_local(false), *second = NULL;
    uint16_t port = port_of(first);
    CHECK_ERR(OPEN_FAILS(.local_host = "127.0.0.1", .local_port = port),
              -EADDRINUSE);
    snprintf(expected, sizeof expected,
             "binding to 127.0.0.1:%u: Address already in use", port);
    CHECK_STR(bide_errmsg(-EADDRINUSE), expected);
    bide_datagram_close(first);
    bide_datagram_options shared = {
        .local_host = "::1",
        .reuse_port = true,
        .broadcast = true,
        .send_buffer = 100000,
        .receive_buffer = 100000,
    };
    CHECK_OK(bide_datagram_open(&shared, &first));
    struct sockaddr_storage address;
    CHECK_INT(bide_datagram_sockname(first, &address),
              sizeof(struct sockaddr_in6));
    struct sockaddr_in6 in6;
    memcpy(&in6, &address, sizeof in6);
    shared.local_port = ntohs(in6.sin6_port);
    CHECK_OK(bide_datagram_open(&shared, &second));
    int value = 0;
    socklen_t len = sizeof value;
    CHECK_OK(getsockopt(bide_datagram_fileno(first), SOL_SOCKET, SO_RCVBUF,
                        &value, &len));
    CHECK_INT(value, 200000); /* the kernel doubles it */
    CHECK_OK(getsockopt(bide_datagram_fileno(first), SOL_SOCKET, SO_BROADCAST,
                        &value, &len));
    CHECK_INT(value, 1);
    bide_datagram_close(first);
    bide_datagram_close(second);
    CHECK_OK(bide_datagram_open(NULL, &first));
    bide_datagram_close(first);
    return 0;
}

TEST(options_apply)
{
    run(amain_options);
}

static int amain_wrong(void *arg)
{
    (void)arg;
    bide_datagram_message message = {.len = 0};
    CHECK_ERR(OPEN_FAILS(.family = 77), -EINVAL);
    CHECK_ERR(OPEN_FAILS(.send_buffer = -1), -EINVAL);
    CHECK_ERR(OPEN_FAILS(.receive_buffer = -1), -EINVAL);
    CHECK_ERR(OPEN_FAILS(.remote_host = "127.0.0.1"), -EINVAL);
    CHECK_ERR(OPEN_FAILS(.local_host = "::1", .remote_host = "127.0.0.1",
                         .remote_port = 9),
              -EAFNOSUPPORT);
    CHECK_ERR(OPEN_FAILS(.local_host = "192.0.2.1"), -EADDRNOTAVAIL);
    bide_datagram *datagram = open_local(false);
    CHECK_ERR(bide_datagram_recv_many(datagram, &message, 0), -EINVAL);
    CHECK_ERR(bide_datagram_recv_many(datagram, &message, 1025), -EINVAL);
    CHECK_ERR(bide_datagram_send_many(datagram, &message, 0), -EINVAL);
    CHECK_ERR(bide_datagram_send_many(datagram, &message, 1025), -EINVAL);
    CHECK_ERR(bide_datagram_sendto(datagram, "", 0, NULL, 1000), -EINVAL);
    bide_datagram_close(datagram);
    return 0;
}

TEST(what_cannot_be_is_refused)
{
    run(amain_wrong);
}

/* ── Many ─────────────────────────────────────────────────────────────── */

enum { MANY = 200, SIZE = 100 };

static char sent[MANY][SIZE];
static char room[MANY][SIZE];

/* Lengths that make runs, single ones, shorter ends and empty datagrams. */
static size_t length_of(int i)
{
    static const size_t lengths[] = {50, 50, 50, 7, 50, 50, 0, 1, 99, 99};
    return lengths[i % 10];
}

static void fill_messages(bide_datagram_message *messages)
{
    for (int i = 0; i < MANY; i++) {
        memset(sent[i], 'a' + i % 26, SIZE);
        messages[i] = (bide_datagram_message){
            .data = sent[i],
            .len = length_of(i),
        };
    }
}

static int send_all(void *arg)
{
    bide_datagram_message messages[MANY];
    fill_messages(messages);
    return bide_datagram_send_many(arg, messages, MANY);
}

/* Check what was received as messages number `at` and following. */
static void check_messages(const bide_datagram_message *messages, int count,
                           int at, socklen_t address_len)
{
    for (int i = 0; i < count; i++) {
        CHECK_INT(messages[i].received, length_of(at + i));
        CHECK_MEM((char *)messages[i].data, sent[at + i],
                  messages[i].received);
        CHECK(!messages[i].truncated);
        CHECK_INT(messages[i].address_len, address_len);
    }
}

static int amain_many(void *arg)
{
    bide_datagram *server = open_local(arg != NULL);
    bide_datagram *client = open_connected(server);
    bide_task *sender = bide_create_task(send_all, client);
    struct sockaddr_storage from[MANY];
    int got = 0;
    while (got < MANY) {
        bide_datagram_message messages[MANY];
        for (int i = 0; i < MANY; i++)
            messages[i] = (bide_datagram_message){
                .data = room[i],
                .len = SIZE,
                .address = &from[i],
            };
        int n = bide_datagram_recv_many(server, messages, 70);
        if (!CHECK_OK(n) || !CHECK(n > 0 && n <= 70))
            break;
        check_messages(messages, n, got, sizeof(struct sockaddr_in));
        got += n;
    }
    CHECK_INT(got, MANY);
    CHECK_INT(bide_await(sender), MANY);
    bide_datagram_close(server);
    bide_datagram_close(client);
    return 0;
}

TEST(many_datagrams_arrive_whole_and_in_order)
{
    run(amain_many);
}

TEST(coalesced_datagrams_are_taken_apart)
{
    CHECK_OK(bide_run(amain_many, "coalesce"));
}

/* One by one, from what came in as one. */
static int amain_coalesced(void *arg)
{
    (void)arg;
    bide_datagram *server = open_local(true);
    bide_datagram *client = open_connected(server);
    CHECK_INT(send_all(client), MANY);
    for (int i = 0; i < MANY; i++) {
        struct sockaddr_storage from;
        size_t from_len;
        ssize_t n = bide_datagram_recvfrom(server, room[0], SIZE, &from,
                                           &from_len);
        CHECK_INT(n, length_of(i));
        CHECK_INT(from_len, sizeof(struct sockaddr_in));
        if (n > 0)
            CHECK_MEM(room[0], sent[i], (size_t)n);
    }
    bide_datagram_close(server);
    bide_datagram_close(client);
    return 0;
}

TEST(coalesced_datagrams_can_be_received_singly)
{
    run(amain_coalesced);
}

/* What is left in the buffer must not wait for the next packet. */
static int amain_shares(void *arg)
{
    (void)arg;
    bide_datagram_message messages[3];
    bide_datagram *server = open_local(true);
    bide_datagram *client = open_connected(server);
    bide_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(recv_digit, server);
    CHECK_OK(bide_sleep(0.001));
    for (int i = 0; i < 3; i++)
        messages[i] = (bide_datagram_message){.data = "5", .len = 1};
    CHECK_INT(bide_datagram_send_many(client, messages, 3), 3);
    for (int i = 0; i < 3; i++)
        CHECK_INT(bide_await(tasks[i]), 5);
    bide_datagram_close(server);
    bide_datagram_close(client);
    return 0;
}

TEST(tasks_share_what_came_in_as_one)
{
    run(amain_shares);
}

static int amain_too_long(void *arg)
{
    (void)arg;
    static char huge[70000];
    char buf[4];
    struct sockaddr_storage nowhere = {.ss_family = AF_UNIX};
    bide_datagram *server = open_local(false);
    bide_datagram *client = open_connected(server);
    bide_datagram_message messages[] = {
        {.data = "ab", .len = 2},
        {.data = "cd", .len = 2},
        {.data = huge, .len = sizeof huge},
    };
    CHECK_ERR(bide_datagram_send(client, huge, sizeof huge), -EMSGSIZE);
    CHECK_INT(bide_datagram_send_many(client, messages, 3), 2);
    CHECK_ERR(bide_datagram_send_many(client, messages + 2, 1), -EMSGSIZE);
    messages[2] = (bide_datagram_message){
        .data = buf,
        .len = 1,
        .address = &nowhere,
        .address_len = sizeof nowhere,
    };
    CHECK_ERR(bide_datagram_send_many(client, messages + 2, 1),
              -EAFNOSUPPORT);
    messages[0] = (bide_datagram_message){.data = buf, .len = 1};
    messages[1] = (bide_datagram_message){.data = buf + 1, .len = 3};
    CHECK_INT(bide_datagram_recv_many(server, messages, 2), 2);
    CHECK(messages[0].truncated);
    CHECK_INT(messages[0].received, 1);
    CHECK(!messages[1].truncated);
    CHECK_MEM(buf, "acd", 3);
    bide_datagram_close(server);
    bide_datagram_close(client);
    return 0;
}

TEST(send_many_stops_where_one_fails)
{
    run(amain_too_long);
}

/* A way that does not allow segments must not matter. Without checksums the
 * kernel makes none. */
static int amain_no_segments(void *arg)
{
    (void)arg;
    static char bytes[1000];
    bide_datagram_message messages[3];
    bide_datagram *server = open_local(false);
    bide_datagram *client = open_connected(server);
    int on = 1;
    CHECK_OK(setsockopt(bide_datagram_fileno(client), SOL_SOCKET, SO_NO_CHECK,
                        &on, sizeof on));
    for (int i = 0; i < 3; i++)
        messages[i] = (bide_datagram_message){.data = bytes, .len = 1000};
    for (int i = 0; i < 2; i++) {
        CHECK_INT(bide_datagram_send_many(client, messages, 3), 3);
        for (int j = 0; j < 3; j++)
            CHECK_INT(bide_datagram_recv(server, bytes, sizeof bytes), 1000);
    }
    bide_datagram_close(server);
    bide_datagram_close(client);
    return 0;
}

TEST(a_socket_that_cannot_send_segments_sends_singly)
{
    run(amain_no_segments);
}

/* ── Unix ─────────────────────────────────────────────────────────────── */

static char path[80], other_path[100];

static void choose_paths(void)
{
    snprintf(path, sizeof path, "/tmp/bide-datagram-%d", (int)getpid());
    snprintf(other_path, sizeof other_path, "%s-other", path);
}

static bide_datagram *open_unix(const char *local, const char *remote)
{
    bide_datagram *datagram = NULL;
    CHECK_OK(bide_datagram_open_unix(local, remote, NULL, &datagram));
    return datagram;
}

static int amain_unix(void *arg)
{
    (void)arg;
    char buf[16], text[128], expected[128];
    struct stat status;
    struct sockaddr_storage from;
    size_t from_len;
    bide_datagram *missing;
    choose_paths();
    CHECK_ERR(bide_datagram_open_unix(NULL, path, NULL, &missing), -ENOENT);
    CHECK_ERR(bide_datagram_open_unix("", NULL, NULL, &missing), -EINVAL);
    bide_datagram *server = open_unix(path, NULL);
    CHECK_ERR(bide_datagram_open_unix(path, NULL, NULL, &missing),
              -EADDRINUSE);
    bide_datagram *client = open_unix(other_path, path);
    CHECK_OK(bide_datagram_send(client, "hello", 5));
    CHECK_INT(bide_datagram_recvfrom(server, buf, sizeof buf, &from,
                                     &from_len),
              5);
    snprintf(expected, sizeof expected, "unix:%s", other_path);
    CHECK_STR(bide_address_text(&from, from_len, text, sizeof text), expected);
    CHECK_OK(bide_datagram_sendto(server, "back", 4, &from, from_len));
    CHECK_INT(bide_datagram_recv(client, buf, sizeof buf), 4);
    CHECK_OK(bide_datagram_send(client, "0123456789", 10));
    CHECK_ERR(bide_datagram_recv(server, buf, 4), -EMSGSIZE);
    bide_datagram_close(server);
    CHECK(stat(path, &status) < 0); /* closing removes the file */
    CHECK_OK(bide_sleep(0.001));
    CHECK_ERR(bide_datagram_send(client, "x", 1), -ECONNREFUSED);
    bide_datagram_close(client);
    /* Left over by a process that is gone: replaced. */
    struct sockaddr_storage stale = {.ss_family = AF_UNIX};
    memcpy((char *)&stale + sizeof(sa_family_t), path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_OK(bind(fd, (struct sockaddr *)&stale,
                  (socklen_t)(sizeof(sa_family_t) + strlen(path) + 1)));
    close(fd);
    server = open_unix(path, NULL);
    bide_datagram_close(server);
    snprintf(path, sizeof path, "@bide-datagram-test-%d", (int)getpid());
    server = open_unix(path, NULL);
    client = open_unix(NULL, path);
    CHECK_OK(bide_datagram_send(client, "x", 1));
    CHECK_INT(bide_datagram_recvfrom(server, buf, 4, &from, &from_len), 1);
    bide_datagram_close(server);
    bide_datagram_close(client);
    return 0;
}

TEST(unix_sockets_exchange_datagrams)
{
    run(amain_unix);
}

/* The peer's queue is full: the sender waits, connected or not. */
static int send_some(void *arg)
{
    struct sockaddr_storage to;
    bide_datagram **sockets = arg;
    int len = bide_datagram_sockname(sockets[0], &to);
    for (int i = 0; i < 300; i++) {
        int rc = sockets[2]
                     ? bide_datagram_send(sockets[1], "x", 1)
                     : bide_datagram_sendto(sockets[1], "x", 1, &to,
                                            (size_t)len);
        if (rc < 0)
            return rc;
    }
    return 300;
}

static int amain_full(void *arg)
{
    (void)arg;
    char byte;
    choose_paths();
    for (int connected = 0; connected < 2; connected++) {
        bide_datagram *server = open_unix(path, NULL);
        bide_datagram *client = open_unix(NULL, connected ? path : NULL);
        bide_datagram *sockets[] = {server, client,
                                    connected ? server : NULL};
        bide_task *sender = bide_create_task(send_some, sockets);
        CHECK_OK(bide_sleep(0.005));
        CHECK(!bide_task_done(sender));
        for (int i = 0; i < 300; i++)
            CHECK_INT(bide_datagram_recv(server, &byte, 1), 1);
        CHECK_INT(bide_await(sender), 300);
        sender = bide_create_task(send_some, sockets);
        CHECK_OK(bide_sleep(0.005));
        bide_task_cancel(sender);
        CHECK_ERR(bide_await(sender), -ECANCELED);
        sender = bide_create_task(send_some, sockets);
        CHECK_OK(bide_sleep(0.005));
        bide_datagram_close(client);
        CHECK_ERR(bide_await(sender), -EBADF);
        bide_datagram_close(server);
        CHECK_OK(bide_sleep(0.001));
    }
    return 0;
}

TEST(a_sender_waits_while_the_peer_is_slow)
{
    run(amain_full);
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static bide_datagram *ends[2];

static int echo_some(void *arg)
{
    char buf[SIZE];
    struct sockaddr_storage from;
    size_t from_len;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        ssize_t n = bide_datagram_recvfrom(ends[0], buf, sizeof buf, &from,
                                           &from_len);
        if (n < 0)
            return (int)n;
        int rc = bide_datagram_sendto(ends[0], buf, (size_t)n, &from,
                                      from_len);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int ask_some(void *arg)
{
    char buf[SIZE];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int rc = bide_datagram_send(ends[1], "ask", 3);
        if (rc < 0)
            return rc;
        rc = (int)bide_datagram_recv(ends[1], buf, sizeof buf);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int exchange(void)
{
    bide_datagram_options options = {
        .local_host = "127.0.0.1",
        .coalesce = true,
    };
    int rc = bide_datagram_open(&options, &ends[0]);
    if (rc < 0)
        return rc;
    options = (bide_datagram_options){
        .remote_host = "127.0.0.1",
        .remote_port = port_of(ends[0]),
    };
    rc = bide_datagram_open(&options, &ends[1]);
    if (rc < 0)
        return rc;
    bide_task *tasks[] = {
        bide_create_task(echo_some, NULL),
        bide_create_task(ask_some, NULL),
    };
    return bide_gather(tasks, 2);
}

static int scenario(void *arg)
{
    (void)arg;
    ends[0] = ends[1] = NULL;
    int rc = exchange();
    bide_datagram_close(ends[0]);
    bide_datagram_close(ends[1]);
    return rc;
}

TEST(datagrams_survive_failures_and_cancellation_everywhere)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.allocations >= 3);
    CHECK(counts.suspensions >= 3);
}

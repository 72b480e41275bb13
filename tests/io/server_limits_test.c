/* SPDX-License-Identifier: MIT */
/*
 * server_limits_test.c — servers at a limit: the maximum of connections that
 * was asked for, no descriptors left, no memory left.
 */
#include <bide.h>
#include <sys/resource.h>

#include "helpers/emulated.h"
#include "server.h"
#include "test.h"

/* ── The maximum of connections ───────────────────────────────────────── */

struct crowd {
    int now;  /* handlers that run */
    int peak; /* the most at once */
    int all;
    bide_event leave; /* set: go */
};

static int join_crowd(bide_stream *stream, void *arg)
{
    struct crowd *crowd = arg;
    (void)stream;
    crowd->all++;
    crowd->now++;
    if (crowd->now > crowd->peak)
        crowd->peak = crowd->now;
    int rc = bide_sleep(0.001);
    if (rc == 0)
        rc = bide_event_wait(&crowd->leave);
    crowd->now--;
    return rc;
}

static bide_server *start_limited(const char *host, size_t connections,
                                  struct crowd *crowd)
{
    const bide_server_options options = {.connections = connections};
    bide_server *server = NULL;
    *crowd = (struct crowd){.now = 0};
    bide_event_init(&crowd->leave);
    CHECK_OK(bide_start_server(host, 0, join_crowd, crowd, &options,
                               &server));
    return server;
}

enum { GUESTS = 12 };

static int amain_maximum(void *arg)
{
    (void)arg;
    struct crowd crowd;
    int clients[GUESTS];
    bide_server *server = start_limited("127.0.0.1", 3, &crowd);
    for (int i = 0; i < GUESTS; i++)
        clients[i] = plain_connect(bide_server_port(server));
    await_connections(server, 3);
    CHECK_OK(bide_sleep(0.01));
    CHECK_INT(crowd.all, 3);
    bide_event_set(&crowd.leave);
    while (crowd.all < GUESTS)
        CHECK_OK(bide_sleep(0.001));
    CHECK_OK(bide_server_wait(server));
    CHECK_INT(crowd.peak, 3);
    for (int i = 0; i < GUESTS; i++)
        close(clients[i]);
    return bide_server_close(server);
}

TEST(no_more_connections_are_served_at_once_than_the_maximum)
{
    run_clean(amain_maximum);
}

/* A connection to ::1. */
static int connect_inet6(int port)
{
    const struct sockaddr_in6 address = {
        .sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)port),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = connect(fd, (const struct sockaddr *)&address, sizeof address);
    CHECK(rc == 0 || errno == EINPROGRESS);
    return fd;
}

/* With two listeners and room for one connection. */
static int fill_two_listeners(const bide_server *server, struct crowd *crowd,
                              int clients[GUESTS])
{
    int port = bide_server_port(server);
    for (int i = 0; i < GUESTS; i++)
        clients[i] = i % 2 ? plain_connect(port) : connect_inet6(port);
    await_connections(server, 1);
    CHECK_OK(bide_sleep(0.01));
    CHECK_INT(crowd->all, 1);
    return 0;
}

static int amain_two_listeners(void *arg)
{
    (void)arg;
    struct crowd crowd;
    int clients[GUESTS];
    bide_server *server = start_limited(NULL, 1, &crowd);
    CHECK_OK(fill_two_listeners(server, &crowd, clients));
    bide_event_set(&crowd.leave);
    while (crowd.all < GUESTS)
        CHECK_OK(bide_sleep(0.001));
    CHECK_INT(crowd.peak, 1);
    for (int i = 0; i < GUESTS; i++)
        close(clients[i]);
    return bide_server_close(server);
}

TEST(the_maximum_is_one_for_all_listeners_of_a_server)
{
    if (!has_ipv6()) {
        test_skip("no IPv6 here");
        return;
    }
    run_clean(amain_two_listeners);
}

/* What was accepted when the server stops is served; what waits in the
 * kernel's queue is not. */
static int amain_stopped(void *arg)
{
    (void)arg;
    struct crowd crowd;
    int clients[GUESTS];
    bide_server *server = start_limited(NULL, 1, &crowd);
    CHECK_OK(fill_two_listeners(server, &crowd, clients));
    bide_server_stop(server);
    bide_event_set(&crowd.leave);
    CHECK_OK(bide_server_wait(server));
    CHECK(crowd.all == 1 || crowd.all == 2);
    CHECK_INT(crowd.peak, 1);
    for (int i = 0; i < GUESTS; i++)
        close(clients[i]);
    return bide_server_close(server);
}

static int amain_closed(void *arg)
{
    (void)arg;
    struct crowd crowd;
    int clients[GUESTS];
    bide_server *server = start_limited(NULL, 1, &crowd);
    CHECK_OK(fill_two_listeners(server, &crowd, clients));
    CHECK_OK(bide_server_close(server));
    CHECK_INT(crowd.all, 1);
    for (int i = 0; i < GUESTS; i++)
        close(clients[i]);
    return 0;
}

TEST(a_connection_that_waits_for_room_survives_a_stop_but_not_a_close)
{
    if (!has_ipv6()) {
        test_skip("no IPv6 here");
        return;
    }
    run_clean(amain_stopped);
    run_clean(amain_closed);
}

/* ── No descriptors left ──────────────────────────────────────────────── */

/* Leave room for so many more descriptors; returns the limit as it was. */
static struct rlimit leave_room(int room)
{
    struct rlimit before;
    int taken[16];
    getrlimit(RLIMIT_NOFILE, &before);
    int highest = -1;
    for (int i = 0; i <= room; i++)
        highest = taken[i] = dup(0);
    struct rlimit tight = {(rlim_t)highest, before.rlim_max};
    for (int i = 0; i <= room; i++)
        close(taken[i]);
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &tight));
    return before;
}

static int count_guest(bide_stream *stream, void *arg)
{
    int *count = arg;
    (void)stream;
    ++*count;
    return 0;
}

static int amain_no_descriptors(void *arg)
{
    (void)arg;
    int count = 0;
    int clients[GUESTS];
    bide_server *server = start(count_guest, &count);
    for (int i = 0; i < GUESTS; i++)
        clients[i] = plain_connect(bide_server_port(server));
    watch_reports();
    struct rlimit before = leave_room(0);
    while (reports.count == 0)
        CHECK_OK(bide_sleep(0.001));
    CHECK_OK(bide_sleep(0.35)); /* it has tried again since */
    CHECK_INT(reports.count, 1);
    CHECK_INT(reports.code, -EMFILE);
    CHECK(strstr(reports.text, "127.0.0.1:"));
    CHECK_INT(count, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    while (count < GUESTS)
        CHECK_OK(bide_sleep(0.001));
    CHECK_INT(reports.count, 1);
    for (int i = 0; i < GUESTS; i++)
        close(clients[i]);
    return bide_server_close(server);
}

TEST(without_free_descriptors_connections_wait_and_one_report_is_made)
{
    run_clean(amain_no_descriptors);
}

static int amain_few_descriptors(void *arg)
{
    (void)arg;
    int count = 0;
    int clients[GUESTS];
    bide_server *server = start(count_guest, &count);
    for (int i = 0; i < GUESTS; i++)
        clients[i] = plain_connect(bide_server_port(server));
    watch_reports();
    struct rlimit before = leave_room(2);
    while (count < GUESTS)
        CHECK_OK(bide_sleep(0.001));
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < GUESTS; i++)
        close(clients[i]);
    return bide_server_close(server);
}

TEST(with_few_descriptors_connections_are_served_as_others_end)
{
    run_clean(amain_few_descriptors);
}

/* Stopped and closed in the pause after a failure. */
static int amain_close_paused(void *arg)
{
    (void)arg;
    int count = 0;
    bide_server *server = start(count_guest, &count);
    int client = plain_connect(bide_server_port(server));
    watch_reports();
    struct rlimit before = leave_room(0);
    while (reports.count == 0)
        CHECK_OK(bide_sleep(0.001));
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK_OK(bide_server_close(server));
    CHECK_OK(bide_sleep(0.2));
    CHECK_INT(count, 0);
    close(client);
    return 0;
}

TEST(a_server_can_be_closed_while_it_has_no_descriptors)
{
    run_clean(amain_close_paused);
}

/* ── No memory left ───────────────────────────────────────────────────── */

#define STACK_SIZE ((size_t)1 << 30)

/* Leave address space for less than a handler's stack. */
static struct rlimit leave_memory(void)
{
    struct rlimit before;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    if (file)
        fclose(file);
    getrlimit(RLIMIT_AS, &before);
    struct rlimit tight = {
        .rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + STACK_SIZE / 8,
        .rlim_max = before.rlim_max,
    };
    CHECK_OK(setrlimit(RLIMIT_AS, &tight));
    return before;
}

static int amain_no_memory(void *arg)
{
    (void)arg;
    int count = 0;
    const bide_server_options options = {.stack_size = STACK_SIZE};
    bide_server *server;
    CHECK_OK(bide_start_server("127.0.0.1", 0, count_guest, &count, &options,
                               &server));
    watch_reports();
    struct rlimit before = leave_memory();
    int code = read_end(server);
    CHECK(code == 0 || code == -ECONNRESET);
    setrlimit(RLIMIT_AS, &before);
    CHECK_INT(count, 0);
    CHECK_INT(reports.count, 1);
    CHECK_INT(reports.code, -ENOMEM);
    CHECK_INT(read_end(server), 0);
    CHECK_INT(count, 1);
    return bide_server_close(server);
}

TEST(a_connection_that_there_is_no_stack_for_is_dropped)
{
    if (EMULATED) {
        test_skip("QEMU ignores RLIMIT_AS");
        return;
    }
    run_clean(amain_no_memory);
}

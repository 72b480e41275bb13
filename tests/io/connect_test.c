/* SPDX-License-Identifier: MIT */
/*
 * connect_test.c — connecting: to the first address that answers, and what is
 * said when none does.
 *
 * Lists of addresses are made up here and given to bide__connect(), because
 * no name of this machine has addresses that do not answer.
 */
#include <arpa/inet.h>
#include <bide.h>
#include <bide/transport.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "helpers/torture.h"
#include "io/connect.h"
#include "net.h"
#include "test.h"

/* ── Lists of addresses ───────────────────────────────────────────────── */

#define LIST_MAX 80

struct list {
    size_t count;
    struct addrinfo infos[LIST_MAX];
    struct sockaddr_storage addresses[LIST_MAX];
};

static void list_add(struct list *list, const void *address, size_t len)
{
    struct addrinfo *info = &list->infos[list->count];
    struct sockaddr_storage *storage = &list->addresses[list->count];
    memcpy(storage, address, len);
    *info = (struct addrinfo){
        .ai_family = storage->ss_family,
        .ai_addr = (struct sockaddr *)storage,
        .ai_addrlen = (socklen_t)len,
    };
    if (list->count++ > 0)
        info[-1].ai_next = info;
}

static void list_add_inet(struct list *list, const char *host, int port)
{
    struct sockaddr_in address = loopback(port);
    inet_pton(AF_INET, host, &address.sin_addr);
    list_add(list, &address, sizeof address);
}

static void list_add_inet6(struct list *list, int port)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)port),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
    list_add(list, &address, sizeof address);
}

static int connect_to(const struct list *list, double delay,
                      bide_stream **ret_stream)
{
    const bide_connection_options options = {
        .limit = BIDE_STREAM_LIMIT,
        .happy_eyeballs_delay = delay,
    };
    const struct bide__target target = {
        .host = "host.test",
        .list = list->infos,
        .options = &options,
    };
    return bide__connect(bide_current_task(), &target, ret_stream);
}

static int peer_port(bide_stream *stream)
{
    union {
        struct sockaddr_storage storage;
        struct sockaddr_in in;
    } address;
    CHECK_OK(bide_stream_peername(stream, &address.storage));
    return ntohs(address.in.sin_port);
}

/* ── Happy eyeballs ───────────────────────────────────────────────────── */

static int amain_silent(void *arg)
{
    (void)arg;
    struct silent silent;
    struct sockaddr_in good;
    struct list list = {0};
    bide_stream *stream;
    silent_open(&silent);
    int listener = plain_listen(8, &good);
    list_add(&list, &silent.address, sizeof silent.address);
    list_add(&list, &silent.address, sizeof silent.address);
    list_add(&list, &good, sizeof good);
    if (CHECK_OK(connect_to(&list, 0.02, &stream))) {
        CHECK_INT(peer_port(stream), ntohs(good.sin_port));
        bide_stream_close(stream);
    }
    close(listener);
    silent_close(&silent);
    return 0;
}

TEST(an_address_that_does_not_answer_does_not_hold_up_the_next)
{
    run_clean(amain_silent);
}

static int amain_sequential(void *arg)
{
    (void)arg;
    struct silent silent;
    struct sockaddr_in good;
    struct list list = {0};
    bide_stream *stream;
    bide_timeout timeout;
    silent_open(&silent);
    int listener = plain_listen(8, &good);
    list_add(&list, &silent.address, sizeof silent.address);
    list_add(&list, &good, sizeof good);
    bide_timeout_enter(&timeout, 0.05);
    int rc = connect_to(&list, INFINITY, &stream);
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    close(listener);
    silent_close(&silent);
    return 0;
}

TEST(without_an_end_to_the_delay_addresses_are_tried_one_after_another)
{
    run_clean(amain_sequential);
}

static int amain_failing(void *arg)
{
    (void)arg;
    struct sockaddr_in good;
    struct list list = {0};
    bide_stream *stream;
    int listener = plain_listen(8, &good);
    for (int i = 0; i < 5; i++)
        list_add_inet(&list, "127.0.0.1", CLOSED_PORT);
    list_add(&list, &good, sizeof good);
    if (CHECK_OK(connect_to(&list, INFINITY, &stream))) {
        CHECK_INT(peer_port(stream), ntohs(good.sin_port));
        bide_stream_close(stream);
    }
    close(listener);
    return 0;
}

TEST(after_a_failure_the_next_address_is_tried_at_once)
{
    run_clean(amain_failing);
}

/* All fail, each at once: the last error tells which was tried last. */
static int amain_order(void *arg)
{
    (void)arg;
    struct list list = {0};
    bide_stream *stream;
    list_add_inet(&list, "127.0.0.1", CLOSED_PORT);
    list_add_inet(&list, "127.0.0.2", CLOSED_PORT);
    list_add_inet6(&list, CLOSED_PORT);
    CHECK_ERR(connect_to(&list, INFINITY, &stream), -ECONNREFUSED);
    CHECK_STR(bide_errmsg(-ECONNREFUSED),
              "connecting to host.test at 127.0.0.2:1: Connection refused");
    list_add_inet6(&list, CLOSED_PORT + 1);
    CHECK(connect_to(&list, INFINITY, &stream) < 0);
    CHECK(strstr(bide_errmsg(-ECONNREFUSED), "[::1]:2"));
    return 0;
}

TEST(families_take_turns_and_the_last_failure_is_reported)
{
    if (!has_ipv6()) {
        test_skip("no IPv6 here");
        return;
    }
    run_clean(amain_order);
}

static int amain_many(void *arg)
{
    (void)arg;
    struct list list = {0};
    bide_stream *stream;
    char host[32];
    for (int i = 1; i <= LIST_MAX; i++) {
        snprintf(host, sizeof host, "127.0.0.%d", i);
        list_add_inet(&list, host, CLOSED_PORT);
    }
    CHECK_ERR(connect_to(&list, INFINITY, &stream), -ECONNREFUSED);
    CHECK(strstr(bide_errmsg(-ECONNREFUSED), "127.0.0.64:1"));
    return 0;
}

TEST(of_very_many_addresses_the_first_64_are_tried)
{
    run_clean(amain_many);
}

/* Let in what waits at an address that did not answer: those that connect try
 * again after a second, and have all succeeded when this returns. The loop
 * has not turned since, and finds all results at once. */
static void answer(struct silent *silents, int count)
{
    for (int i = 0; i < count; i++) {
        struct silent *silent = &silents[i];
        CHECK_OK(listen(silent->listener, 16));
        for (int fd; (fd = accept4(silent->listener, NULL, NULL,
                                   SOCK_NONBLOCK)) >= 0;)
            close(fd);
    }
    usleep(1500000);
}

/* Returns how the next call ended, too. */
struct attempt_pair {
    struct list list;
    int next;
};

static int connect_and_sleep(void *arg)
{
    struct attempt_pair *pair = arg;
    bide_stream *stream;
    int rc = connect_to(&pair->list, 0.001, &stream);
    pair->next = bide_sleep(0);
    if (rc == 0)
        bide_stream_close(stream);
    return rc;
}

static int amain_winners(void *arg)
{
    (void)arg;
    struct silent silents[2];
    struct attempt_pair pairs[2];
    bide_task *tasks[2];
    memset(pairs, 0, sizeof pairs);
    for (int i = 0; i < 2; i++) {
        silent_open(&silents[i]);
        fcntl(silents[i].listener, F_SETFL, O_NONBLOCK);
    }
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++)
            list_add(&pairs[i].list, &silents[j].address,
                     sizeof silents[j].address);
        tasks[i] = bide_create_task(connect_and_sleep, &pairs[i]);
    }
    CHECK_OK(bide_sleep(0.05));
    answer(silents, 2);
    bide_task_cancel(tasks[1]);
    CHECK_OK(bide_await(tasks[0]));
    CHECK_OK(pairs[0].next);
    int rc = bide_await(tasks[1]);
    CHECK(rc == 0 || rc == -ECANCELED);
    CHECK_INT(pairs[1].next, rc == 0 ? -ECANCELED : 0);
    for (int i = 0; i < 2; i++)
        silent_close(&silents[i]);
    return 0;
}

TEST(of_several_that_answer_one_is_kept_and_a_request_to_cancel_is_not_lost)
{
    run_clean(amain_winners);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static struct silent silent;
static struct sockaddr_in tortured;

static int scenario_eyeballs(void *arg)
{
    (void)arg;
    struct list list = {0};
    bide_stream *stream;
    list_add(&list, &silent.address, sizeof silent.address);
    list_add_inet(&list, "127.0.0.1", CLOSED_PORT);
    list_add(&list, &silent.address, sizeof silent.address);
    list_add(&list, &tortured, sizeof tortured);
    list_add(&list, &tortured, sizeof tortured); /* should that one fail */
    int rc = connect_to(&list, 0.002, &stream);
    if (rc == 0)
        bide_stream_close(stream);
    return rc;
}

TEST(connecting_survives_failed_allocations_and_cancellation_anywhere)
{
    int before = count_fds();
    silent_open(&silent);
    int listener = plain_listen(64, &tortured);
    struct torture_counts counts = torture(scenario_eyeballs);
    CHECK(counts.runs > 5);
    close(listener);
    silent_close(&silent);
    CHECK_INT(count_fds(), before);
}

static int connect_silently(void *arg)
{
    const struct silent *target = arg;
    bide_stream *stream;
    return bide_open_connection("127.0.0.1", ntohs(target->address.sin_port),
                                NULL, &stream);
}

static int amain_cancelled(void *arg)
{
    (void)arg;
    struct silent target;
    silent_open(&target);
    bide_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(connect_silently, &target);
    CHECK_OK(bide_sleep(0.01));
    for (int i = 0; i < 3; i++) {
        CHECK(!bide_task_done(tasks[i]));
        bide_task_cancel(tasks[i]);
        CHECK_ERR(bide_await(tasks[i]), -ECANCELED);
    }
    silent_close(&target);
    bide_task_cancel(bide_current_task());
    CHECK_ERR(connect_silently(&target), -ECANCELED);
    bide_task_uncancel(bide_current_task());
    return 0;
}

TEST(connecting_can_be_cancelled_and_leaves_nothing_open)
{
    run_clean(amain_cancelled);
}

/* ── One address ──────────────────────────────────────────────────────── */

static int amain_refused(void *arg)
{
    (void)arg;
    bide_stream *stream;
    CHECK_ERR(bide_open_connection("127.0.0.1", CLOSED_PORT, NULL, &stream),
              -ECONNREFUSED);
    CHECK_STR(bide_errmsg(-ECONNREFUSED),
              "connecting to 127.0.0.1:1: Connection refused");
    const bide_connection_options inet6 = {.family = AF_INET6};
    CHECK_ERR(bide_open_connection("127.0.0.1", CLOSED_PORT, &inet6, &stream),
              BIDE_E_DNS_NOT_FOUND);
    return 0;
}

TEST(a_refused_connection_names_the_address)
{
    run_clean(amain_refused);
}

static int option_of(bide_stream *stream, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    CHECK_OK(getsockopt(bide_stream_fileno(stream), level, name, &value,
                        &len));
    return value != 0;
}

static int amain_options(void *arg)
{
    (void)arg;
    struct sockaddr_in address;
    bide_stream *stream;
    int listener = plain_listen(8, &address);
    int port = ntohs(address.sin_port);
    if (CHECK_OK(bide_open_connection("127.0.0.1", port, NULL, &stream))) {
        CHECK_INT(option_of(stream, IPPROTO_TCP, TCP_NODELAY), 1);
        CHECK_INT(option_of(stream, SOL_SOCKET, SO_KEEPALIVE), 0);
        int fd = bide_stream_fileno(stream);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
        bide_stream_close(stream);
    }
    const bide_connection_options other = {.delay = true, .keep_alive = true};
    if (CHECK_OK(bide_open_connection("127.0.0.1", port, &other, &stream))) {
        CHECK_INT(option_of(stream, IPPROTO_TCP, TCP_NODELAY), 0);
        CHECK_INT(option_of(stream, SOL_SOCKET, SO_KEEPALIVE), 1);
        bide_stream_close(stream);
    }
    close(listener);
    return 0;
}

TEST(options_are_set_on_the_socket)
{
    run_clean(amain_options);
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in address;
    int fd = plain_listen(1, &address);
    close(fd);
    return ntohs(address.sin_port);
}

static int amain_local(void *arg)
{
    (void)arg;
    struct sockaddr_in address;
    bide_stream *stream;
    char text[128];
    char expected[128];
    struct sockaddr_storage local;
    int listener = plain_listen(8, &address);
    int port = ntohs(address.sin_port);
    const bide_connection_options options = {
        .local_host = "127.0.0.2",
        .local_port = free_port(),
    };
    if (CHECK_OK(bide_open_connection("127.0.0.1", port, &options, &stream))) {
        int len = bide_stream_sockname(stream, &local);
        CHECK_OK(len);
        snprintf(expected, sizeof expected, "127.0.0.2:%u",
                 options.local_port);
        CHECK_STR(bide_address_text(&local, (size_t)len, text, sizeof text),
                  expected);
        bide_stream_close(stream);
    }
    const bide_connection_options only_port = {.local_port = free_port()};
    if (CHECK_OK(
            bide_open_connection("127.0.0.1", port, &only_port, &stream))) {
        int len = bide_stream_sockname(stream, &local);
        snprintf(expected, sizeof expected, "127.0.0.1:%u",
                 only_port.local_port);
        CHECK_STR(bide_address_text(&local, (size_t)len, text, sizeof text),
                  expected);
        bide_stream_close(stream);
    }
    close(listener);
    return 0;
}

TEST(a_connection_comes_from_the_local_address_that_was_asked_for)
{
    run_clean(amain_local);
}

static int amain_local_errors(void *arg)
{
    (void)arg;
    bide_stream *stream;
    bide_connection_options options = {.local_host = "203.0.113.1"};
    CHECK_ERR(bide_open_connection("127.0.0.1", 80, &options, &stream),
              -EADDRNOTAVAIL);
    CHECK_STR(bide_errmsg(-EADDRNOTAVAIL),
              "binding to a local address to connect to 127.0.0.1:80: Cannot "
              "assign requested address");
    options.local_host = "::1";
    CHECK_ERR(bide_open_connection("127.0.0.1", 80, &options, &stream),
              BIDE_E_DNS_NOT_FOUND);
    options.local_host = "localhost";
    CHECK_ERR(bide_open_connection("127.0.0.1", 80, &options, &stream),
              BIDE_E_DNS_NOT_FOUND);
    return 0;
}

TEST(a_local_address_that_cannot_be_used_is_an_error)
{
    run_clean(amain_local_errors);
}

/* Something else than a context. */
static const bide_security short_security = {.size = 8};

static int amain_checks(void *arg)
{
    (void)arg;
    bide_stream *stream;
    CHECK_ERR(bide_open_connection("127.0.0.1", 0, NULL, &stream), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "port is 0, must be 1 to 65535");
    CHECK_ERR(bide_open_connection("127.0.0.1", 65536, NULL, &stream),
              -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "port is 65536, must be 1 to 65535");
    CHECK_ERR(bide_open_connection(NULL, 1, NULL, &stream), -EINVAL);
    static const struct {
        bide_connection_options options;
        const char *message;
    } cases[] = {
        {{.limit = 15}, "limit is 15 bytes, must be 16 to 1073741824"},
        {{.family = 99},
         "family is 99, must be AF_INET (2), AF_INET6 (10) or 0"},
        {{.happy_eyeballs_delay = -1},
         "happy_eyeballs_delay is -1 s, must be at least 0"},
        {{.happy_eyeballs_delay = NAN},
         "happy_eyeballs_delay is nan s, must be at least 0"},
        {{.tls = &short_security},
         "tls begins with size 8, must be at least 32: is it a TLS context?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_ERR(bide_open_connection("127.0.0.1", 1, &cases[i].options,
                                       &stream),
                  -EINVAL);
        CHECK_STR(bide_errmsg(-EINVAL), cases[i].message);
    }
    return 0;
}

TEST(values_out_of_range_are_refused_with_the_limit)
{
    run_clean(amain_checks);
}

/* ── Unix sockets ─────────────────────────────────────────────────────── */

static int amain_unix_errors(void *arg)
{
    (void)arg;
    bide_stream *stream;
    CHECK_ERR(bide_open_unix_connection("/nonexistent/socket", NULL, &stream),
              -ENOENT);
    CHECK_STR(bide_errmsg(-ENOENT), "connecting to unix:/nonexistent/socket: "
                                    "No such file or directory");
    CHECK_ERR(bide_open_unix_connection("@bide nobody", NULL, &stream),
              -ECONNREFUSED);
    char path[200] = "";
    memset(path, 'p', 108);
    CHECK_ERR(bide_open_unix_connection(path, NULL, &stream), -ENAMETOOLONG);
    const bide_connection_options options = {.limit = 1};
    CHECK_ERR(bide_open_unix_connection("@x", &options, &stream), -EINVAL);
    return 0;
}

TEST(a_unix_connection_that_fails_names_the_path)
{
    run_clean(amain_unix_errors);
}

static int unix_listen(struct sockaddr_un *address, socklen_t *len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int text = snprintf(address->sun_path + 1, sizeof address->sun_path - 1,
                        "bide-connect-test-%d", (int)getpid());
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                       (size_t)text);
    CHECK_OK(bind(fd, (struct sockaddr *)address, *len));
    CHECK_OK(listen(fd, 0));
    return fd;
}

static int connect_unix(void *arg)
{
    char path[128] = "@";
    const struct sockaddr_un *address = arg;
    strcat(path, address->sun_path + 1);
    bide_stream *stream;
    int rc = bide_open_unix_connection(path, NULL, &stream);
    if (rc == 0)
        bide_stream_close(stream);
    return rc;
}

static int amain_unix_full(void *arg)
{
    (void)arg;
    struct sockaddr_un address;
    socklen_t len;
    int listener = unix_listen(&address, &len);
    int filler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(connect(filler, (struct sockaddr *)&address, len));
    bide_task *first = bide_create_task(connect_unix, &address);
    bide_task *second = bide_create_task(connect_unix, &address);
    CHECK_OK(bide_sleep(0.01));
    CHECK(!bide_task_done(first) && !bide_task_done(second));
    bide_task_cancel(second);
    CHECK_ERR(bide_await(second), -ECANCELED);
    int accepted = accept(listener, NULL, NULL); /* makes room for one */
    CHECK_OK(accepted);
    CHECK_OK(bide_await(first));
    close(accepted);
    close(filler);
    close(listener);
    return 0;
}

TEST(a_unix_connection_waits_while_the_servers_queue_is_full)
{
    run_clean(amain_unix_full);
}

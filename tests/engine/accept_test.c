/* SPDX-License-Identifier: MIT */
/* accept_test.c — connecting and accepting. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/un.h>

#include "engine/contract.h"
#include "engine/engine.h"

/* An engine with a listener attached. */
struct server {
    bide_engine *engine;
    bide_fd listener;
    struct sockaddr_in address;
};

static void server_open(struct server *server, int backlog)
{
    server->engine = engine_open();
    int fd = listen_tcp(backlog, &server->address);
    CHECK_OK(bide_engine_attach(server->engine, &server->listener, fd,
                                BIDE_FD_STREAM));
}

static void server_close(struct server *server)
{
    bide_engine_close(server->engine, &server->listener);
    bide_engine_free(server->engine);
}

/* A plain client, connected by the time this returns. */
static int client_open(const struct server *server)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(fd);
    CHECK_OK(connect(fd, (const struct sockaddr *)&server->address,
                     sizeof server->address));
    return fd;
}

/* ── CONNECT ──────────────────────────────────────────────────────────── */

static void attach_socket(bide_engine *engine, bide_fd *file, int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(bide_engine_attach(engine, file, fd, BIDE_FD_STREAM));
}

TEST(connect_and_accept_make_a_connection)
{
    struct server server;
    struct call connect_op = {0};
    struct call accept_op = {0};
    struct call recv = {0};
    bide_fd client;
    char byte = 0;
    server_open(&server, 8);
    attach_socket(server.engine, &client, AF_INET);
    bide_op_accept(&accept_op.op, &server.listener);
    start(server.engine, &accept_op);
    settle(server.engine);
    CHECK(!accept_op.over);
    bide_op_connect(&connect_op.op, &client,
                    (const struct sockaddr *)&server.address,
                    sizeof server.address);
    CHECK_INT(perform(server.engine, &connect_op), 0);
    int fd = (int)await(server.engine, &accept_op);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_INT(write(fd, "x", 1), 1);
    bide_op_recv(&recv.op, &client, &byte, 1);
    CHECK_INT(perform(server.engine, &recv), 1);
    CHECK_INT(byte, 'x');
    close(fd);
    bide_engine_close(server.engine, &client);
    server_close(&server);
}

TEST(connect_to_a_port_where_nobody_listens_is_refused)
{
    bide_engine *engine = engine_open();
    struct call connect_op = {0};
    struct sockaddr_in address;
    bide_fd client;
    close(listen_tcp(1, &address));
    attach_socket(engine, &client, AF_INET);
    bide_op_connect(&connect_op.op, &client,
                    (const struct sockaddr *)&address, sizeof address);
    CHECK_ERR(perform(engine, &connect_op), -ECONNREFUSED);
    bide_engine_close(engine, &client);
    bide_engine_free(engine);
}

TEST(connect_to_a_unix_path_that_does_not_exist_fails)
{
    bide_engine *engine = engine_open();
    struct call connect_op = {0};
    struct sockaddr_un address = {
        .sun_family = AF_UNIX,
        .sun_path = "/nonexistent/socket",
    };
    bide_fd client;
    attach_socket(engine, &client, AF_UNIX);
    bide_op_connect(&connect_op.op, &client, (struct sockaddr *)&address,
                    sizeof address);
    CHECK_ERR(perform(engine, &connect_op), -ENOENT);
    bide_engine_close(engine, &client);
    bide_engine_free(engine);
}

TEST(connect_twice_says_that_it_is_connected)
{
    struct server server;
    struct call connect_op = {0};
    bide_fd client;
    server_open(&server, 8);
    attach_socket(server.engine, &client, AF_INET);
    for (int i = 0; i < 2; i++) {
        bide_op_connect(&connect_op.op, &client,
                        (const struct sockaddr *)&server.address,
                        sizeof server.address);
        CHECK_INT(perform(server.engine, &connect_op), i ? -EISCONN : 0);
    }
    bide_engine_close(server.engine, &client);
    server_close(&server);
}

/* Woken for nothing, an attempt to connect has to go on. */
TEST(asking_again_for_a_connection_does_not_end_it)
{
    struct server server;
    bide_op ops[4];
    bide_fd clients[4];
    server_open(&server, 0);
    for (int i = 0; i < 4; i++) {
        attach_socket(server.engine, &clients[i], AF_INET);
        bide_op_connect(&ops[i], &clients[i],
                        (const struct sockaddr *)&server.address,
                        sizeof server.address);
        (void)bide__op_perform(&ops[i]);
    }
    for (int i = 0; i < 3; i++)
        CHECK_INT(bide__op_perform(&ops[3]), -EINPROGRESS);
    for (int i = 0; i < 4; i++)
        bide_engine_close(server.engine, &clients[i]);
    server_close(&server);
}

/* A listener whose queue is full lets connections wait. */
TEST(connect_waits_and_can_be_cancelled)
{
    struct server server;
    struct call calls[4] = {0};
    bide_fd clients[4];
    server_open(&server, 0);
    for (int i = 0; i < 4; i++) {
        attach_socket(server.engine, &clients[i], AF_INET);
        bide_op_connect(&calls[i].op, &clients[i],
                        (const struct sockaddr *)&server.address,
                        sizeof server.address);
        start(server.engine, &calls[i]);
    }
    settle(server.engine);
    CHECK(!calls[3].over);
    for (int i = 0; i < 4; i++) {
        if (!calls[i].over)
            check_cancels(server.engine, &calls[i]);
        bide_engine_close(server.engine, &clients[i]);
    }
    server_close(&server);
}

/* A Unix socket says so at once when the listener's queue is full: no event
 * would tell when it no longer is. */
TEST(connect_to_a_full_unix_listener_asks_to_try_again)
{
    bide_engine *engine = engine_open();
    struct call call = {0};
    bide_fd clients[4];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    int64_t result = 0;
    CHECK_OK(bind(listener, (struct sockaddr *)&address,
                  sizeof address.sun_family)); /* a name of the kernel's */
    CHECK_OK(getsockname(listener, (struct sockaddr *)&address, &len));
    CHECK_OK(listen(listener, 0));
    for (int i = 0; i < 4; i++) {
        attach_socket(engine, &clients[i], AF_UNIX);
        bide_op_connect(&call.op, &clients[i], (struct sockaddr *)&address,
                        len);
        result = perform(engine, &call);
        CHECK(result == 0 || result == -EAGAIN);
    }
    CHECK_ERR(result, -EAGAIN);
    for (int i = 0; i < 4; i++)
        bide_engine_close(engine, &clients[i]);
    close(listener);
    bide_engine_free(engine);
}

/* ── ACCEPT ───────────────────────────────────────────────────────────── */

TEST(accept_can_be_cancelled)
{
    struct server server;
    struct call accept_op = {0};
    server_open(&server, 8);
    bide_op_accept(&accept_op.op, &server.listener);
    start(server.engine, &accept_op);
    check_cancels(server.engine, &accept_op);
    server_close(&server);
}

TEST(accept_on_what_does_not_listen_fails)
{
    bide_engine *engine = engine_open();
    struct call accept_op = {0};
    bide_fd file;
    attach_socket(engine, &file, AF_INET);
    bide_op_accept(&accept_op.op, &file);
    CHECK_ERR(perform(engine, &accept_op), -EINVAL);
    bide_op_accept_multi(&accept_op.op, &file);
    CHECK_ERR(perform(engine, &accept_op), -EINVAL);
    bide_engine_close(engine, &file);
    bide_engine_free(engine);
}

static void close_accepted(bide_op *op)
{
    if (op->result >= 0)
        close((int)op->result);
    call_done(op);
}

TEST(accept_multi_reports_each_connection)
{
    enum { CLIENTS = 100 };
    struct server server;
    struct call accept_op = {0};
    int clients[CLIENTS];
    server_open(&server, CLIENTS);
    for (int i = 0; i < CLIENTS / 2; i++)
        clients[i] = client_open(&server);
    bide_op_accept_multi(&accept_op.op, &server.listener);
    start_with(server.engine, &accept_op, close_accepted);
    CHECK(!accept_op.at_once);
    while (accept_op.deliveries < CLIENTS / 2)
        CHECK_OK(bide_engine_poll(server.engine, BIDE_FOREVER));
    for (int i = CLIENTS / 2; i < CLIENTS; i++)
        clients[i] = client_open(&server);
    while (accept_op.deliveries < CLIENTS)
        CHECK_OK(bide_engine_poll(server.engine, BIDE_FOREVER));
    check_cancels(server.engine, &accept_op);
    CHECK_INT(accept_op.deliveries, CLIENTS + 1);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    server_close(&server);
}

/* Cancelled from its own function, an operation may report what the kernel
 * had accepted already, and then ends once. */
static bide_engine *canceller;

static void accept_and_cancel(bide_op *op)
{
    close_accepted(op);
    bide_engine_cancel(canceller, op);
}

TEST(accept_multi_can_be_cancelled_by_its_own_function)
{
    struct server server;
    struct call accept_op = {0};
    int clients[3];
    server_open(&server, 8);
    canceller = server.engine;
    for (int i = 0; i < 3; i++)
        clients[i] = client_open(&server);
    bide_op_accept_multi(&accept_op.op, &server.listener);
    start_with(server.engine, &accept_op, accept_and_cancel);
    CHECK_ERR(await(server.engine, &accept_op), -ECANCELED);
    CHECK(accept_op.deliveries >= 2 && accept_op.deliveries <= 4);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    server_close(&server);
}

/* ── No descriptors left ──────────────────────────────────────────────── */

/* Leave no number free; returns the limit as it was. */
static struct rlimit exhaust(int *ret_last)
{
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    int lowest = dup(0);
    CHECK_OK(lowest);
    struct rlimit tight = {.rlim_cur = (rlim_t)lowest + 1,
                           .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
    *ret_last = lowest;
    return before;
}

TEST(accept_without_free_descriptors_fails_and_the_connection_waits)
{
    for (int multi = 0; multi < 2; multi++) {
        struct server server;
        struct call accept_op = {0};
        int last;
        server_open(&server, 8);
        int client = client_open(&server);
        struct rlimit before = exhaust(&last);
        if (multi)
            bide_op_accept_multi(&accept_op.op, &server.listener);
        else
            bide_op_accept(&accept_op.op, &server.listener);
        CHECK_ERR(perform(server.engine, &accept_op), -EMFILE);
        setrlimit(RLIMIT_NOFILE, &before);
        close(last);
        bide_op_accept(&accept_op.op, &server.listener);
        int64_t fd = perform(server.engine, &accept_op);
        if (CHECK(fd >= 0))
            close((int)fd);
        close(client);
        server_close(&server);
    }
}

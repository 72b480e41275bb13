/* SPDX-License-Identifier: MIT */
/* stream_test.c — receiving and sending: results, ends, errors, cancelling. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "engine/contract.h"

#define BULK (4u << 20)

TEST(a_nop_completes_with_zero)
{
    bide_engine *engine = engine_open();
    struct call nop = {0};
    bide__op_set(&nop.op, BIDE_OP_NOP, NULL, NULL, 0);
    CHECK_INT(perform(engine, &nop), 0);
    bide_engine_free(engine);
}

/* ── RECV ─────────────────────────────────────────────────────────────── */

TEST(recv_returns_what_has_arrived)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[16];
    wire_open_tcp(&wire);
    CHECK_INT(write(wire.peer, "hello", 5), 5);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    CHECK_INT(perform(wire.engine, &recv), 5);
    CHECK_MEM(buffer, "hello", 5);
    wire_close(&wire);
}

TEST(recv_waits_for_bytes_that_come_later)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[16];
    wire_open_tcp(&wire);
    for (int i = 0; i < 20; i++) {
        bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
        start(wire.engine, &recv);
        CHECK(!recv.at_once);
        settle(wire.engine);
        CHECK(!recv.over);
        CHECK_INT(write(wire.peer, "later", 5), 5);
        CHECK_INT(await(wire.engine, &recv), 5);
    }
    wire_close(&wire);
}

/* The end comes together with the last bytes, after them unseen, and long
 * after: each time a zero must follow. */
TEST(recv_never_misses_the_end_of_the_stream)
{
    for (int variant = 0; variant < 6; variant++) {
        struct wire wire;
        struct call recv = {0};
        char buffer[16];
        wire_open_tcp(&wire);
        bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
        if (variant & 1) { /* the descriptor is being watched already */
            start(wire.engine, &recv);
            settle(wire.engine);
        }
        CHECK_INT(write(wire.peer, "last", 4), 4);
        if (variant / 2 == 0)
            wire_hang_up(&wire);
        if (variant & 1)
            CHECK_INT(await(wire.engine, &recv), 4);
        else
            CHECK_INT(perform(wire.engine, &recv), 4);
        if (variant / 2 == 1)
            wire_hang_up(&wire);
        bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
        start(wire.engine, &recv);
        if (variant / 2 == 2) {
            settle(wire.engine);
            CHECK(!recv.over);
            wire_hang_up(&wire);
        }
        CHECK_INT(await(wire.engine, &recv), 0);
        bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
        CHECK_INT(perform(wire.engine, &recv), 0);
        wire_close(&wire);
    }
}

/* A short read from a Unix socket does not mean that it is empty: reading
 * stops where descriptors were sent along. */
TEST(recv_goes_on_after_a_message_with_descriptors)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[16];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &(int){0}, sizeof(int));
    struct iovec piece = {.iov_base = (char[]){'a'}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    wire_open(&wire, SOCK_STREAM);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    start(wire.engine, &recv);
    settle(wire.engine);
    for (int i = 0; i < 3; i++)
        CHECK_INT(sendmsg(wire.peer, &message, 0), 1);
    CHECK_INT(await(wire.engine, &recv), 1);
    for (int i = 1; i < 3; i++) {
        bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
        CHECK_INT(perform(wire.engine, &recv), 1);
    }
    wire_close(&wire);
}

TEST(recv_on_a_datagram_socket_takes_one_datagram)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[16];
    wire_open(&wire, SOCK_DGRAM);
    CHECK_INT(write(wire.peer, "one", 3), 3);
    CHECK_INT(write(wire.peer, "three", 5), 5);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    CHECK_INT(perform(wire.engine, &recv), 3);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    CHECK_INT(perform(wire.engine, &recv), 5);
    wire_close(&wire);
}

TEST(recv_reports_a_reset)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[16];
    struct linger hard = {.l_onoff = 1};
    wire_open_tcp(&wire);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    start(wire.engine, &recv);
    settle(wire.engine);
    setsockopt(wire.peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    wire_hang_up(&wire);
    CHECK_ERR(await(wire.engine, &recv), -ECONNRESET);
    wire_close(&wire);
}

TEST(recv_on_a_pipe_is_refused)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[16];
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    wire_open_fds(&wire, fds);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    CHECK_ERR(perform(wire.engine, &recv), -ENOTSOCK);
    bide_op_recv_multi(&recv.op, &wire.file);
    CHECK_ERR(perform(wire.engine, &recv), -ENOTSOCK);
    wire_close(&wire);
}

TEST(recv_can_be_cancelled_and_loses_nothing)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[16];
    wire_open_tcp(&wire);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    start(wire.engine, &recv);
    check_cancels(wire.engine, &recv);
    CHECK_INT(write(wire.peer, "kept", 4), 4);
    bide_op_recv(&recv.op, &wire.file, buffer, sizeof buffer);
    CHECK_INT(perform(wire.engine, &recv), 4);
    wire_close(&wire);
}

/* Which one gets which byte is the kernel's to say. */
TEST(several_receivers_of_one_socket_share_what_comes)
{
    struct wire wire;
    struct call calls[3] = {0};
    char buffers[3];
    wire_open_tcp(&wire);
    for (int i = 0; i < 3; i++) {
        bide_op_recv(&calls[i].op, &wire.file, &buffers[i], 1);
        start(wire.engine, &calls[i]);
    }
    settle(wire.engine);
    CHECK_INT(write(wire.peer, "abc", 3), 3);
    for (int i = 0; i < 3; i++)
        CHECK_INT(await(wire.engine, &calls[i]), 1);
    for (int i = 0; i < 3; i++)
        CHECK(memchr(buffers, "abc"[i], sizeof buffers));
    wire_close(&wire);
}

/* ── SEND ─────────────────────────────────────────────────────────────── */

/* Receive on a plain socket, driving the engine meanwhile; returns how many
 * bytes came until the operation was over and nothing was left. */
static size_t drain(struct wire *wire, struct call *call, char *into,
                    size_t size)
{
    size_t len = 0;
    for (;;) {
        /* What the kernel has taken may still be on its way. */
        int left = 0;
        bool arrived =
            call->over && ioctl(wire->file.fd, SIOCOUTQ, &left) == 0 &&
            left == 0;
        ssize_t n = recv(wire->peer, into + len, size - len, MSG_DONTWAIT);
        if (n > 0) {
            len += (size_t)n;
        } else if (arrived) {
            return len;
        } else {
            CHECK_OK(bide_engine_poll(wire->engine, 0));
            bide_engine_run(wire->engine);
        }
    }
}

static char *pattern(size_t len)
{
    char *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    return bytes;
}

TEST(send_goes_on_until_every_byte_is_out)
{
    struct wire wire;
    struct call send = {0};
    char *bytes = pattern(BULK);
    char *copy = malloc(BULK);
    wire_open(&wire, SOCK_STREAM);
    bide_op_send(&send.op, &wire.file, bytes, BULK);
    start(wire.engine, &send);
    CHECK(!send.over);
    CHECK_INT(drain(&wire, &send, copy, BULK), BULK);
    CHECK_INT(send.result, BULK);
    CHECK_INT(send.deliveries, 1);
    CHECK_MEM(copy, bytes, BULK);
    wire_close(&wire);
    free(bytes);
    free(copy);
}

TEST(a_cancelled_send_says_how_much_went_out)
{
    struct wire wire;
    struct call send = {0};
    char *bytes = pattern(BULK);
    char *copy = malloc(BULK);
    wire_open(&wire, SOCK_STREAM);
    bide_op_send(&send.op, &wire.file, bytes, BULK);
    start(wire.engine, &send);
    settle(wire.engine);
    CHECK_INT(recv(wire.peer, copy, 4096, 0), 4096);
    check_cancels(wire.engine, &send);
    size_t rest = drain(&wire, &send, copy + 4096, BULK - 4096);
    CHECK_INT(send.op.progress, rest + 4096);
    CHECK(rest + 4096 < BULK);
    CHECK_MEM(copy, bytes, rest + 4096);
    wire_close(&wire);
    free(bytes);
    free(copy);
}

TEST(send_to_a_closed_peer_fails_without_a_signal)
{
    struct wire wire;
    struct call send = {0};
    signal(SIGPIPE, SIG_DFL);
    wire_open(&wire, SOCK_STREAM);
    wire_hang_up(&wire);
    bide_op_send(&send.op, &wire.file, "x", 1);
    CHECK_ERR(perform(wire.engine, &send), -EPIPE);
    wire_close(&wire);
}

TEST(a_send_in_flight_fails_when_the_peer_goes)
{
    struct wire wire;
    struct call send = {0};
    char *bytes = pattern(BULK);
    wire_open(&wire, SOCK_STREAM);
    bide_op_send(&send.op, &wire.file, bytes, BULK);
    start(wire.engine, &send);
    settle(wire.engine);
    CHECK(!send.over);
    wire_hang_up(&wire);
    int64_t result = await(wire.engine, &send);
    CHECK(result == -EPIPE || result == -ECONNRESET);
    wire_close(&wire);
    free(bytes);
}

TEST(receiving_and_sending_on_one_socket_do_not_hinder_each_other)
{
    struct wire wire;
    struct call send = {0};
    struct call recv = {0};
    char byte;
    char *bytes = pattern(BULK);
    char *copy = malloc(BULK);
    wire_open_tcp(&wire);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    bide_op_send(&send.op, &wire.file, bytes, BULK);
    start(wire.engine, &send);
    settle(wire.engine);
    CHECK(!recv.over);
    CHECK_INT(write(wire.peer, "!", 1), 1);
    CHECK_INT(await(wire.engine, &recv), 1);
    CHECK_INT(drain(&wire, &send, copy, BULK), BULK);
    CHECK_INT(send.result, BULK);
    wire_close(&wire);
    free(bytes);
    free(copy);
}

/* ── SENDMSG, RECVMSG ─────────────────────────────────────────────────── */

TEST(sendmsg_sends_all_vectors_and_leaves_them_alone)
{
    enum { VECTORS = 100 };
    struct wire wire;
    struct call send = {0};
    char *bytes = pattern(BULK);
    char *copy = malloc(BULK);
    struct iovec vectors[VECTORS];
    struct iovec before[VECTORS];
    size_t at = 0;
    for (size_t i = 0; i < VECTORS; i++) { /* empty ones, and all lengths */
        size_t len = i % 7 == 0 ? 0 : BULK / VECTORS / 2 + i * 100;
        if (i == VECTORS - 1)
            len = BULK - at;
        vectors[i] = (struct iovec){.iov_base = bytes + at, .iov_len = len};
        at += len;
    }
    memcpy(before, vectors, sizeof before);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = VECTORS};
    wire_open(&wire, SOCK_STREAM);
    bide_op_sendmsg(&send.op, &wire.file, &message, 0);
    start(wire.engine, &send);
    CHECK(!send.over);
    CHECK_INT(drain(&wire, &send, copy, BULK), BULK);
    CHECK_INT(send.result, BULK);
    CHECK_MEM(copy, bytes, BULK);
    CHECK_MEM(vectors, before, sizeof before);
    wire_close(&wire);
    free(bytes);
    free(copy);
}

static int udp_socket(struct sockaddr_in *ret_address)
{
    socklen_t len = sizeof *ret_address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *ret_address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    CHECK_OK(bind(fd, (struct sockaddr *)ret_address, len));
    CHECK_OK(getsockname(fd, (struct sockaddr *)ret_address, &len));
    return fd;
}

TEST(a_datagram_travels_with_its_address_and_its_bounds)
{
    struct wire wire;
    struct call recv = {0};
    struct call send = {0};
    struct sockaddr_in here;
    struct sockaddr_in there;
    struct sockaddr_in from = {0};
    char buffer[4];
    int fds[2] = {udp_socket(&here), udp_socket(&there)};
    wire_open_fds(&wire, fds);
    struct iovec into = {.iov_base = buffer, .iov_len = sizeof buffer};
    struct msghdr received = {.msg_name = &from,
                              .msg_namelen = sizeof from,
                              .msg_iov = &into,
                              .msg_iovlen = 1};
    bide_op_recvmsg(&recv.op, &wire.file, &received, 0);
    start(wire.engine, &recv);
    settle(wire.engine);
    CHECK(!recv.over);
    CHECK_INT(sendto(wire.peer, "longer", 6, 0, (struct sockaddr *)&here,
                     sizeof here),
              6);
    CHECK_INT(await(wire.engine, &recv), 4);
    CHECK(received.msg_flags & MSG_TRUNC);
    CHECK_INT(from.sin_port, there.sin_port);

    struct iovec out = {.iov_base = buffer, .iov_len = 0}; /* is sent, too */
    struct msghdr sent = {.msg_name = &there,
                          .msg_namelen = sizeof there,
                          .msg_iov = &out,
                          .msg_iovlen = 1};
    bide_op_sendmsg(&send.op, &wire.file, &sent, 0);
    CHECK_INT(perform(wire.engine, &send), 0);
    CHECK_INT(read(wire.peer, buffer, sizeof buffer), 0);
    wire_close(&wire);
}

TEST(recvmsg_can_be_cancelled)
{
    struct wire wire;
    struct call recv = {0};
    char buffer[4];
    struct iovec into = {.iov_base = buffer, .iov_len = sizeof buffer};
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1};
    wire_open(&wire, SOCK_DGRAM);
    bide_op_recvmsg(&recv.op, &wire.file, &message, 0);
    start(wire.engine, &recv);
    check_cancels(wire.engine, &recv);
    wire_close(&wire);
}

/* ── Pipes ────────────────────────────────────────────────────────────── */

TEST(pipes_are_read_and_written_by_position_less_calls)
{
    struct wire wire;
    struct call read_op = {0};
    char buffer[8];
    struct iovec into[2] = {{.iov_base = buffer, .iov_len = 2},
                            {.iov_base = buffer + 2, .iov_len = 6}};
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    wire_open_fds(&wire, fds);
    bide_op_read(&read_op.op, &wire.file, buffer, sizeof buffer, -1);
    start(wire.engine, &read_op);
    check_cancels(wire.engine, &read_op);
    bide_op_readv(&read_op.op, &wire.file, into, 2, -1);
    start(wire.engine, &read_op);
    settle(wire.engine);
    CHECK_INT(write(wire.peer, "vectors", 7), 7);
    CHECK_INT(await(wire.engine, &read_op), 7);
    CHECK_MEM(buffer, "vectors", 7);
    wire_hang_up(&wire);
    bide_op_read(&read_op.op, &wire.file, buffer, sizeof buffer, -1);
    CHECK_INT(perform(wire.engine, &read_op), 0);
    wire_close(&wire);
}

TEST(a_write_waits_while_the_pipe_is_full)
{
    struct wire wire;
    struct call write_op = {0};
    char *bytes = pattern(BULK);
    int fds[2];
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    ends[0] = fds[1];
    ends[1] = fds[0];
    wire_open_fds(&wire, ends);
    struct iovec from = {.iov_base = bytes, .iov_len = BULK};
    bide_op_write(&write_op.op, &wire.file, bytes, BULK, -1);
    int64_t room = perform(wire.engine, &write_op); /* what fits */
    CHECK(room > 0 && room < BULK);
    bide_op_write(&write_op.op, &wire.file, bytes, 4096, -1);
    start(wire.engine, &write_op);
    check_cancels(wire.engine, &write_op);
    bide_op_writev(&write_op.op, &wire.file, &from, 1, -1);
    start(wire.engine, &write_op);
    settle(wire.engine);
    CHECK(!write_op.over);
    CHECK_INT(read(wire.peer, bytes, 8192), 8192);
    CHECK(await(wire.engine, &write_op) > 0);
    wire_hang_up(&wire);
    bide_op_write(&write_op.op, &wire.file, bytes, 1, -1);
    CHECK_ERR(perform(wire.engine, &write_op), -EPIPE);
    wire_close(&wire);
    free(bytes);
}

/* ── SHUTDOWN ─────────────────────────────────────────────────────────── */

TEST(shutdown_ends_what_the_peer_and_we_read)
{
    struct wire wire;
    struct call shut = {0};
    struct call recv = {0};
    char byte;
    wire_open_tcp(&wire);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    settle(wire.engine);
    bide_op_shutdown(&shut.op, &wire.file, SHUT_WR);
    CHECK_INT(perform(wire.engine, &shut), 0);
    CHECK_INT(read(wire.peer, &byte, 1), 0);
    settle(wire.engine);
    CHECK(!recv.over);
    bide_op_shutdown(&shut.op, &wire.file, SHUT_RD);
    CHECK_INT(perform(wire.engine, &shut), 0);
    CHECK_INT(await(wire.engine, &recv), 0);
    wire_close(&wire);
}

TEST(shutdown_of_what_is_not_connected_fails)
{
    struct wire wire;
    struct call shut = {0};
    int fds[2] = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -1};
    wire_open_fds(&wire, fds);
    bide_op_shutdown(&shut.op, &wire.file, SHUT_RDWR);
    CHECK_ERR(perform(wire.engine, &shut), -ENOTCONN);
    wire_close(&wire);
}

/* SPDX-License-Identifier: MIT */
/* readiness_test.c — POLL and POLL_MULTI, and descriptors shared or reused. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "engine/contract.h"

/* ── POLL ─────────────────────────────────────────────────────────────── */

TEST(poll_reports_what_is_ready_already)
{
    struct wire wire;
    struct call poll_op = {0};
    wire_open(&wire, SOCK_STREAM);
    CHECK_INT(write(wire.peer, "x", 1), 1);
    bide_op_poll(&poll_op.op, &wire.file, POLLIN);
    CHECK_INT(perform(wire.engine, &poll_op), POLLIN);
    bide_op_poll(&poll_op.op, &wire.file, POLLOUT);
    CHECK_INT(perform(wire.engine, &poll_op), POLLOUT);
    bide_op_poll(&poll_op.op, &wire.file, POLLIN | POLLOUT);
    CHECK_INT(perform(wire.engine, &poll_op), POLLIN | POLLOUT);
    wire_close(&wire);
}

TEST(poll_waits_for_input)
{
    struct wire wire;
    struct call poll_op = {0};
    char byte;
    wire_open(&wire, SOCK_STREAM);
    for (int i = 0; i < 10; i++) {
        bide_op_poll(&poll_op.op, &wire.file, POLLIN);
        start(wire.engine, &poll_op);
        settle(wire.engine);
        CHECK(!poll_op.over);
        CHECK_INT(write(wire.peer, "x", 1), 1);
        CHECK_INT(await(wire.engine, &poll_op), POLLIN);
        CHECK_INT(read(wire.file.fd, &byte, 1), 1);
    }
    wire_close(&wire);
}

TEST(poll_waits_for_room)
{
    struct wire wire;
    struct call poll_op = {0};
    char bytes[4096] = {0};
    wire_open(&wire, SOCK_STREAM);
    while (write(wire.file.fd, bytes, sizeof bytes) > 0)
        continue;
    bide_op_poll(&poll_op.op, &wire.file, POLLOUT);
    start(wire.engine, &poll_op);
    settle(wire.engine);
    CHECK(!poll_op.over);
    while (recv(wire.peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    CHECK_INT(await(wire.engine, &poll_op), POLLOUT);
    wire_close(&wire);
}

TEST(poll_reports_a_hang_up_though_nobody_asked)
{
    struct wire wire;
    struct call poll_op = {0};
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    wire_open_fds(&wire, fds);
    bide_op_poll(&poll_op.op, &wire.file, POLLPRI);
    start(wire.engine, &poll_op);
    settle(wire.engine);
    CHECK(!poll_op.over);
    wire_hang_up(&wire);
    CHECK_INT(await(wire.engine, &poll_op), POLLHUP);
    wire_close(&wire);
}

TEST(poll_reports_urgent_data)
{
    struct wire wire;
    struct call poll_op = {0};
    wire_open_tcp(&wire);
    if (strcmp(bide_engine_backend(wire.engine), "uring") == 0) {
        test_skip("io_uring is not woken for POLLPRI (Linux 6.18)");
        wire_close(&wire);
        return;
    }
    bide_op_poll(&poll_op.op, &wire.file, POLLPRI);
    start(wire.engine, &poll_op);
    settle(wire.engine);
    CHECK(!poll_op.over);
    CHECK_INT(send(wire.peer, "!", 1, MSG_OOB), 1);
    CHECK_INT(await(wire.engine, &poll_op), POLLPRI);
    wire_close(&wire);
}

TEST(several_polls_of_one_descriptor_each_get_their_event)
{
    struct wire wire;
    struct call in = {0};
    struct call also_in = {0};
    struct call out = {0};
    wire_open(&wire, SOCK_STREAM);
    bide_op_poll(&in.op, &wire.file, POLLIN);
    start(wire.engine, &in);
    bide_op_poll(&also_in.op, &wire.file, POLLIN);
    start(wire.engine, &also_in);
    bide_op_poll(&out.op, &wire.file, POLLOUT);
    CHECK_INT(perform(wire.engine, &out), POLLOUT);
    CHECK(!in.over);
    CHECK_INT(write(wire.peer, "x", 1), 1);
    CHECK_INT(await(wire.engine, &in), POLLIN);
    CHECK_INT(await(wire.engine, &also_in), POLLIN);
    wire_close(&wire);
}

TEST(polls_can_be_cancelled)
{
    struct wire wire;
    struct call poll_op = {0};
    wire_open(&wire, SOCK_STREAM);
    bide_op_poll(&poll_op.op, &wire.file, POLLIN);
    start(wire.engine, &poll_op);
    check_cancels(wire.engine, &poll_op);
    bide_op_poll_multi(&poll_op.op, &wire.file, POLLIN);
    start(wire.engine, &poll_op);
    check_cancels(wire.engine, &poll_op);
    wire_close(&wire);
}

TEST(a_foreign_descriptor_keeps_its_flags)
{
    struct wire wire;
    struct call poll_op = {0};
    bide_fd foreign;
    int fds[2];
    wire_open(&wire, SOCK_STREAM);
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    CHECK_OK(
        bide_engine_attach(wire.engine, &foreign, fds[0], BIDE_FD_FOREIGN));
    bide_op_poll(&poll_op.op, &foreign, POLLIN);
    start(wire.engine, &poll_op);
    settle(wire.engine);
    CHECK(!poll_op.over);
    CHECK_INT(write(fds[1], "x", 1), 1);
    CHECK_INT(await(wire.engine, &poll_op), POLLIN);
    CHECK_INT(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(fcntl(wire.file.fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    bide_engine_detach(wire.engine, &foreign);
    CHECK_INT(foreign.fd, -1);
    CHECK_OK(fcntl(fds[0], F_GETFL)); /* still open */
    close(fds[0]);
    close(fds[1]);
    wire_close(&wire);
}

TEST(a_regular_file_is_always_ready)
{
    bide_engine *engine = engine_open();
    struct call poll_op = {0};
    bide_fd file;
    FILE *stream = tmpfile();
    CHECK_OK(bide_engine_attach(engine, &file, fileno(stream),
                                BIDE_FD_FOREIGN));
    bide_op_poll(&poll_op.op, &file, POLLIN | POLLOUT);
    CHECK_INT(perform(engine, &poll_op), POLLIN | POLLOUT);
    bide_op_poll_multi(&poll_op.op, &file, POLLIN);
    start(engine, &poll_op);
    while (poll_op.deliveries < 5)
        CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    CHECK_INT(poll_op.result, POLLIN);
    bide_engine_cancel(engine, &poll_op.op);
    CHECK_ERR(await(engine, &poll_op), -ECANCELED);
    bide_engine_detach(engine, &file);
    bide_engine_free(engine);
    fclose(stream);
}

/* ── POLL_MULTI ───────────────────────────────────────────────────────── */

/* Level-triggered: as long as nobody reads, each poll reports once; after
 * that nothing does, until the next byte. */
TEST(poll_multi_reports_as_long_as_something_is_there)
{
    struct wire wire;
    struct call poll_op = {0};
    char bytes[8];
    wire_open(&wire, SOCK_STREAM);
    bide_op_poll_multi(&poll_op.op, &wire.file, POLLIN);
    start(wire.engine, &poll_op);
    settle(wire.engine);
    CHECK_INT(poll_op.deliveries, 0);
    for (int round = 0; round < 3; round++) {
        CHECK_INT(write(wire.peer, "xyz", 3), 3);
        poll_op.deliveries = 0;
        for (int i = 1; i <= 5; i++) {
            while (poll_op.deliveries < i)
                CHECK_OK(bide_engine_poll(wire.engine, BIDE_FOREVER));
            CHECK_INT(poll_op.deliveries, i);
            CHECK_INT(poll_op.result, POLLIN);
        }
        CHECK_INT(read(wire.file.fd, bytes, sizeof bytes), 3);
        settle(wire.engine);
        int seen = poll_op.deliveries;
        CHECK(seen <= 6); /* one may have been on its way */
        settle(wire.engine);
        CHECK_INT(poll_op.deliveries, seen);
    }
    check_cancels(wire.engine, &poll_op);
    wire_close(&wire);
}

static char taken[64];
static size_t taken_len;

/* What a reader's callback does: take one byte of those that are there. */
static void take_one(bide_op *op)
{
    if (op->result & POLLIN &&
        read(op->file->fd, taken + taken_len, 1) == 1)
        taken_len++;
    call_done(op);
}

TEST(poll_multi_lets_a_reader_take_its_time)
{
    struct wire wire;
    struct call poll_op = {0};
    wire_open_tcp(&wire);
    taken_len = 0;
    bide_op_poll_multi(&poll_op.op, &wire.file, POLLIN);
    start_with(wire.engine, &poll_op, take_one);
    CHECK_INT(write(wire.peer, "one by one", 10), 10);
    while (taken_len < 10)
        CHECK_OK(bide_engine_poll(wire.engine, BIDE_FOREVER));
    CHECK_MEM(taken, "one by one", 10);
    check_cancels(wire.engine, &poll_op);
    wire_close(&wire);
}

static bide_engine *canceller;

static void cancel_self(bide_op *op)
{
    call_done(op);
    bide_engine_cancel(canceller, op);
}

TEST(poll_multi_can_be_cancelled_by_its_own_function)
{
    struct wire wire;
    struct call poll_op = {0};
    wire_open(&wire, SOCK_STREAM);
    canceller = wire.engine;
    CHECK_INT(write(wire.peer, "x", 1), 1);
    bide_op_poll_multi(&poll_op.op, &wire.file, POLLIN);
    start_with(wire.engine, &poll_op, cancel_self);
    CHECK_ERR(await(wire.engine, &poll_op), -ECANCELED);
    wire_close(&wire);
}

/* ── Descriptors ──────────────────────────────────────────────────────── */

TEST(a_closed_descriptor_cannot_be_attached)
{
    bide_engine *engine = engine_open();
    bide_fd file;
    int fd = dup(0);
    close(fd);
    CHECK_ERR(bide_engine_attach(engine, &file, fd, BIDE_FD_STREAM), -EBADF);
    CHECK_ERR(bide_engine_attach(engine, &file, -1, BIDE_FD_FILE), -EBADF);
    CHECK_INT(file.fd, -1);
    bide_engine_free(engine);
}

TEST(one_descriptor_can_be_attached_twice)
{
    struct wire wire;
    struct call recv = {0};
    struct call poll_op = {0};
    bide_fd twin;
    char byte;
    wire_open_tcp(&wire);
    CHECK_OK(bide_engine_attach(wire.engine, &twin, wire.file.fd,
                                BIDE_FD_FOREIGN));
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    settle(wire.engine);
    bide_op_poll(&poll_op.op, &twin, POLLOUT);
    CHECK_INT(perform(wire.engine, &poll_op), POLLOUT);
    bide_engine_detach(wire.engine, &twin);
    CHECK_INT(write(wire.peer, "x", 1), 1);
    CHECK_INT(await(wire.engine, &recv), 1);
    wire_close(&wire);
}

/* The number is no longer what was meant: waiting on would be for ever. */
TEST(closing_a_descriptor_fails_what_waits_for_it_by_another_name)
{
    struct wire wire;
    struct call recv = {0};
    bide_fd twin;
    char byte;
    wire_open_tcp(&wire);
    if (strcmp(bide_engine_backend(wire.engine), "uring") == 0) {
        test_skip("in the kernel, an operation keeps its descriptor open");
        wire_close(&wire);
        return;
    }
    CHECK_OK(bide_engine_attach(wire.engine, &twin, wire.file.fd,
                                BIDE_FD_STREAM));
    bide_op_recv(&recv.op, &twin, &byte, 1);
    start(wire.engine, &recv);
    settle(wire.engine);
    bide_engine_close(wire.engine, &wire.file);
    CHECK_ERR(await(wire.engine, &recv), -EBADF);
    bide_op_recv(&recv.op, &twin, &byte, 1);
    CHECK_ERR(perform(wire.engine, &recv), -EBADF);
    bide_engine_close(wire.engine, &twin);
    bide_engine_free(wire.engine);
    close(wire.peer);
}

TEST(a_detached_descriptor_can_be_attached_again)
{
    struct wire wire;
    struct call recv = {0};
    char byte;
    wire_open_tcp(&wire);
    for (int i = 0; i < 5; i++) {
        int fd = wire.file.fd;
        bide_op_recv(&recv.op, &wire.file, &byte, 1);
        start(wire.engine, &recv);
        settle(wire.engine);
        CHECK_INT(write(wire.peer, "x", 1), 1);
        CHECK_INT(await(wire.engine, &recv), 1);
        bide_engine_detach(wire.engine, &wire.file);
        CHECK_OK(bide_engine_attach(wire.engine, &wire.file, fd,
                                    BIDE_FD_STREAM));
    }
    wire_close(&wire);
}

/* An old description stays alive (here by a duplicate, else by a child) and
 * has events, while its number belongs to another one. */
TEST(events_of_a_closed_descriptor_do_not_reach_the_next_of_its_number)
{
    struct wire wire;
    struct call recv = {0};
    struct call poll_op = {0};
    int fds[2];
    char byte = 0;
    wire_open_tcp(&wire);
    int number = wire.file.fd;
    int alive = dup(number);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    check_cancels(wire.engine, &recv);
    bide_engine_close(wire.engine, &wire.file);
    settle(wire.engine);

    CHECK_OK(pipe2(fds, O_CLOEXEC));
    if (fds[0] != number)
        CHECK_OK(dup2(fds[0], number));
    CHECK_OK(bide_engine_attach(wire.engine, &wire.file, number,
                                BIDE_FD_STREAM));
    bide_op_poll_multi(&poll_op.op, &wire.file, POLLIN);
    start(wire.engine, &poll_op);
    settle(wire.engine);
    CHECK_INT(write(wire.peer, "old", 3), 3);
    settle(wire.engine);
    CHECK_INT(poll_op.deliveries, 0);
    check_cancels(wire.engine, &poll_op);
    bide_op_read(&recv.op, &wire.file, &byte, 1, -1);
    start(wire.engine, &recv);
    CHECK_INT(write(fds[1], "n", 1), 1);
    CHECK_INT(await(wire.engine, &recv), 1);
    CHECK_INT(byte, 'n');
    close(alive);
    close(fds[1]);
    if (fds[0] != number)
        close(fds[0]);
    wire_close(&wire);
}

TEST(many_descriptors_are_served_in_one_poll_after_another)
{
    enum { COUNT = 600 }; /* more than one call of the kernel reports */
    bide_engine *engine = engine_open();
    bide_fd *files = calloc(COUNT, sizeof *files);
    struct call *calls = calloc(COUNT, sizeof *calls);
    uint64_t *values = calloc(COUNT, sizeof *values);
    for (int i = 0; i < COUNT; i++) {
        int fd = eventfd(0, EFD_CLOEXEC);
        CHECK_OK(fd);
        CHECK_OK(
            bide_engine_attach(engine, &files[i], fd, BIDE_FD_STREAM));
        bide_op_read(&calls[i].op, &files[i], &values[i], 8, -1);
        start(engine, &calls[i]);
    }
    settle(engine);
    for (uint64_t i = 0; i < COUNT; i++)
        CHECK_INT(write(files[i].fd, &(uint64_t){i + 1}, 8), 8);
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(await(engine, &calls[i]), 8);
        CHECK_INT(values[i], i + 1);
        bide_engine_close(engine, &files[i]);
    }
    bide_engine_free(engine);
    free(files);
    free(calls);
    free(values);
}

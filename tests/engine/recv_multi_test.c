/* SPDX-License-Identifier: MIT */
/* recv_multi_test.c — receiving into pooled buffers. */
#include <stdlib.h>

#include "engine/contract.h"

#define BULK (2u << 20)

/* What a RECV_MULTI has received. */
struct stream {
    struct call call;
    char *bytes;
    size_t len;
    int64_t longest; /* piece */
    size_t stop_at; /* cancel once this much has come */
    bide_engine *engine;
};

static void collect(bide_op *op)
{
    struct stream *stream = BIDE__CONTAINER(op, struct stream, call.op);
    if (op->flags & BIDE_OP_DATA) {
        if (CHECK(stream->len + (size_t)op->result <= BULK))
            memcpy(stream->bytes + stream->len, op->buffer,
                   (size_t)op->result);
        stream->len += (size_t)op->result;
        if (stream->longest < op->result)
            stream->longest = op->result;
        memset(op->buffer, 0xee, (size_t)op->result); /* ours until return */
    }
    call_done(op);
    if (stream->len >= stream->stop_at)
        bide_engine_cancel(stream->engine, op);
}

static void stream_open(struct stream *stream, struct wire *wire)
{
    *stream = (struct stream){.bytes = malloc(BULK), .stop_at = SIZE_MAX};
    wire_open_tcp(wire);
    stream->engine = wire->engine;
}

/* Start, and again whenever the pool of buffers ran dry, to the end. */
static int64_t stream_run(struct stream *stream, struct wire *wire)
{
    do {
        bide_op_recv_multi(&stream->call.op, &wire->file);
        start_with(wire->engine, &stream->call, collect);
        CHECK(!stream->call.at_once);
        await(wire->engine, &stream->call);
    } while (stream->call.result == -ENOBUFS);
    return stream->call.result;
}

static void stream_close(struct stream *stream, struct wire *wire)
{
    wire_close(wire);
    free(stream->bytes);
}

TEST(recv_multi_reports_pieces_as_they_come)
{
    struct wire wire;
    struct stream stream;
    stream_open(&stream, &wire);
    bide_op_recv_multi(&stream.call.op, &wire.file);
    start_with(wire.engine, &stream.call, collect);
    for (int i = 1; i <= 20; i++) {
        CHECK_INT(write(wire.peer, "piece", 5), 5);
        while (stream.len < 5 * (size_t)i && !stream.call.over)
            CHECK_OK(bide_engine_poll(wire.engine, BIDE_FOREVER));
        CHECK_INT(stream.call.deliveries, i);
    }
    wire_hang_up(&wire);
    CHECK_INT(await(wire.engine, &stream.call), 0);
    CHECK_INT(stream.call.deliveries, 21);
    stream_close(&stream, &wire);
}

TEST(recv_multi_takes_what_came_before_it_and_the_end)
{
    struct wire wire;
    struct stream stream;
    stream_open(&stream, &wire);
    CHECK_INT(write(wire.peer, "early", 5), 5);
    wire_hang_up(&wire);
    CHECK_INT(stream_run(&stream, &wire), 0);
    CHECK_INT(stream.len, 5);
    CHECK_MEM(stream.bytes, "early", 5);
    stream_close(&stream, &wire);
}

TEST(recv_multi_loses_no_byte_of_many)
{
    struct wire wire;
    struct stream stream;
    char *bytes = malloc(BULK);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (char)(i * 11 + i / 251);
    stream_open(&stream, &wire);
    size_t out = 0;
    bide_op_recv_multi(&stream.call.op, &wire.file);
    start_with(wire.engine, &stream.call, collect);
    while (stream.len < BULK) {
        ssize_t n = out < BULK ? send(wire.peer, bytes + out, BULK - out,
                                      MSG_DONTWAIT)
                               : 0;
        if (n > 0)
            out += (size_t)n;
        CHECK_OK(bide_engine_poll(wire.engine, 0));
        if (stream.call.over) {
            if (!CHECK_INT(stream.call.result, -ENOBUFS))
                break;
            bide_op_recv_multi(&stream.call.op, &wire.file);
            start_with(wire.engine, &stream.call, collect);
        }
    }
    CHECK_MEM(stream.bytes, bytes, BULK);
    if (!stream.call.over)
        check_cancels(wire.engine, &stream.call);
    stream_close(&stream, &wire);
    free(bytes);
}

TEST(recv_multi_pieces_are_at_most_a_buffer_long)
{
    bide_engine_options options = {.buffer_size = 64, .buffer_count = 8};
    struct wire wire;
    struct stream stream;
    char bytes[1000];
    memset(bytes, 'b', sizeof bytes);
    int fds[2];
    pair_tcp(fds);
    wire.peer = fds[1];
    stream = (struct stream){.bytes = malloc(BULK), .stop_at = SIZE_MAX};
    CHECK_OK(bide_engine_new(&options, &wire.engine));
    CHECK_OK(bide_engine_attach(wire.engine, &wire.file, fds[0],
                                BIDE_FD_STREAM));
    CHECK_INT(write(wire.peer, bytes, sizeof bytes), sizeof bytes);
    wire_hang_up(&wire);
    CHECK_INT(stream_run(&stream, &wire), 0);
    CHECK_INT(stream.len, sizeof bytes);
    CHECK_INT(stream.longest, 64);
    stream_close(&stream, &wire);
}

TEST(recv_multi_can_be_cancelled)
{
    struct wire wire;
    struct stream stream;
    stream_open(&stream, &wire);
    bide_op_recv_multi(&stream.call.op, &wire.file);
    start_with(wire.engine, &stream.call, collect);
    check_cancels(wire.engine, &stream.call);
    stream_close(&stream, &wire);
}

TEST(recv_multi_can_be_cancelled_by_its_own_function)
{
    struct wire wire;
    struct stream stream;
    char byte;
    stream_open(&stream, &wire);
    stream.stop_at = 1;
    CHECK_INT(write(wire.peer, "a", 1), 1);
    CHECK_ERR(stream_run(&stream, &wire), -ECANCELED);
    struct call recv = {0}; /* the socket goes on */
    CHECK_INT(write(wire.peer, "b", 1), 1);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    CHECK_INT(perform(wire.engine, &recv), 1);
    stream_close(&stream, &wire);
}

TEST(recv_multi_reports_a_reset)
{
    struct wire wire;
    struct stream stream;
    struct linger hard = {.l_onoff = 1};
    stream_open(&stream, &wire);
    bide_op_recv_multi(&stream.call.op, &wire.file);
    start_with(wire.engine, &stream.call, collect);
    settle(wire.engine);
    setsockopt(wire.peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    wire_hang_up(&wire);
    CHECK_ERR(await(wire.engine, &stream.call), -ECONNRESET);
    stream_close(&stream, &wire);
}

/* One busy stream must not keep the others waiting. */
TEST(recv_multi_on_two_sockets_serves_both)
{
    struct wire wire;
    struct stream busy;
    struct stream calm;
    bide_fd other;
    int fds[2];
    char *bytes = calloc(1, BULK);
    stream_open(&busy, &wire);
    calm = (struct stream){.bytes = malloc(BULK), .stop_at = SIZE_MAX};
    pair_tcp(fds);
    CHECK_OK(
        bide_engine_attach(wire.engine, &other, fds[0], BIDE_FD_STREAM));
    bide_op_recv_multi(&busy.call.op, &wire.file);
    start_with(wire.engine, &busy.call, collect);
    bide_op_recv_multi(&calm.call.op, &other);
    start_with(wire.engine, &calm.call, collect);
    CHECK(send(wire.peer, bytes, BULK, MSG_DONTWAIT) > 0);
    CHECK_INT(write(fds[1], "me too", 6), 6);
    for (int i = 0; i < 100 && calm.len < 6; i++) {
        CHECK_OK(bide_engine_poll(wire.engine, 0));
        if (!calm.call.over || calm.call.result != -ENOBUFS)
            continue; /* else the busy one had taken every pooled buffer */
        bide_op_recv_multi(&calm.call.op, &other);
        start_with(wire.engine, &calm.call, collect);
    }
    CHECK_INT(calm.len, 6);
    check_cancels(wire.engine, &calm.call);
    if (!busy.call.over) {
        bide_engine_cancel(wire.engine, &busy.call.op);
        await(wire.engine, &busy.call);
    }
    bide_engine_close(wire.engine, &other);
    close(fds[1]);
    free(calm.bytes);
    free(bytes);
    stream_close(&busy, &wire);
}

/* ── Keeping buffers ──────────────────────────────────────────────────── */

struct keeper {
    struct call call;
    bide_engine *engine;
    char *kept[64];
    size_t count, refused;
};

static void keep_piece(bide_op *op)
{
    struct keeper *keeper = op->data;
    if (!(op->flags & BIDE_OP_DATA)) {
        keeper->call.over = true;
        return;
    }
    if (bide_engine_keep(keeper->engine))
        keeper->kept[keeper->count++] = op->buffer;
    else
        keeper->refused++;
}

/* Pieces of one byte each; a backend that reuses one buffer refuses all. */
TEST(half_of_the_pooled_buffers_can_be_kept)
{
    enum { COUNT = 16, PIECES = 12 };
    bide_engine_options options = {.buffer_count = COUNT, .buffer_size = 64};
    bide_engine *engine;
    struct keeper keeper = {.count = 0};
    bide_fd file;
    int fds[2];
    if (!CHECK_OK(bide_engine_new(&options, &engine)))
        return;
    keeper.engine = engine;
    pair_tcp(fds);
    CHECK_OK(bide_engine_attach(engine, &file, fds[0], BIDE_FD_STREAM));
    bide_op_recv_multi(&keeper.call.op, &file);
    keeper.call.op.done = keep_piece;
    keeper.call.op.data = &keeper;
    CHECK(!bide_engine_submit(engine, &keeper.call.op));
    for (int i = 0; i < PIECES; i++) {
        char byte = (char)('a' + i);
        size_t before = keeper.count + keeper.refused;
        CHECK_INT(write(fds[1], &byte, 1), 1);
        while (keeper.count + keeper.refused == before)
            CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    }
    bool keeps = strcmp(bide_engine_backend(engine), "uring") == 0;
    CHECK_INT(keeper.count, keeps ? COUNT / 2 : 0);
    for (size_t i = 0; i < keeper.count; i++) {
        CHECK_INT(keeper.kept[i][0], 'a' + (int)i);
        bide_engine_give_back(engine, keeper.kept[i]);
    }
    bide_engine_cancel(engine, &keeper.call.op);
    while (!keeper.call.over)
        CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    bide_engine_close(engine, &file);
    close(fds[1]);
    bide_engine_free(engine);
}

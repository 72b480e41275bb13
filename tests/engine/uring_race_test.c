/* SPDX-License-Identifier: MIT */
/*
 * uring_race_test.c — the uring backend when things meet: queues that are
 * full, cancellations that come too late, sends that are stopped half-way.
 */
#include <poll.h>
#include <sys/uio.h>

#include "engine/uring_probe.h"

/* ── Full queues ──────────────────────────────────────────────────────── */

#define MANY 100

static struct probe many[MANY];

/* Start that many receives of a byte each, on one socket. */
static void submit_many(bide_engine *engine, bide_fd *file)
{
    static char bytes[MANY];
    for (int i = 0; i < MANY; i++) {
        probe_init(&many[i], engine);
        bide_op_recv(&many[i].op, file, &bytes[i], 1);
        submit(&many[i]);
    }
}

static void wait_for_many(bide_engine *engine, int64_t result)
{
    for (int i = 0; i < MANY; i++) {
        for (int round = 0; round < 1000 && many[i].ends == 0; round++)
            bide_engine_poll(engine, INT64_C(1000000000));
        CHECK_INT(many[i].ends, 1);
        CHECK_INT(many[i].last, result);
    }
}

/* With eight slots, and with eight that cannot even be flushed. */
static const char *const fullnesses[] = {"", "flush", "flush,cqe_skip"};

TEST(operations_that_find_the_ring_full_are_done_all_the_same)
{
    for (int i = 0; i < 3; i++) {
        bide_engine_options options = {.ring_entries = 8};
        bide_engine *engine = open_engine(fullnesses[i], options);
        struct pair pair;
        char bytes[MANY] = {0};
        if (!engine)
            return;
        pair_open(engine, &pair);
        submit_many(engine, &pair.ours);
        poll_once(engine);
        CHECK_INT(write(pair.peer, bytes, sizeof bytes), sizeof bytes);
        wait_for_many(engine, 1);
        pair_close(engine, &pair);
        bide_engine_free(engine);
    }
}

TEST(a_full_ring_drops_no_cancellation)
{
    for (int i = 0; i < 3; i++) {
        bide_engine_options options = {.ring_entries = 8};
        bide_engine *engine = open_engine(fullnesses[i], options);
        struct pair pair;
        if (!engine)
            return;
        pair_open(engine, &pair);
        submit_many(engine, &pair.ours);
        for (int round = 0; round < MANY; round++)
            poll_once(engine);
        for (int op = 0; op < MANY; op++)
            bide_engine_cancel(engine, &many[op].op);
        wait_for_many(engine, -ECANCELED);
        pair_close(engine, &pair);
        bide_engine_free(engine);
    }
}

TEST(what_waits_for_a_slot_can_be_cancelled)
{
    for (int i = 0; i < 3; i++) {
        bide_engine_options options = {.ring_entries = 8};
        bide_engine *engine = open_engine(fullnesses[i], options);
        struct pair pair;
        if (!engine)
            return;
        pair_open(engine, &pair);
        submit_many(engine, &pair.ours);
        for (int op = 0; op < MANY; op++)
            bide_engine_cancel(engine, &many[op].op);
        wait_for_many(engine, -ECANCELED);
        pair_close(engine, &pair);
        bide_engine_free(engine);
    }
}

/* Results of 8 slots fit 32 times into the queue: 100 at once overflow it. */
TEST(results_beyond_the_queue_are_not_lost)
{
    bide_engine_options options = {.ring_entries = 8};
    bide_engine *engine = open_engine("", options);
    struct pair pair;
    if (!engine)
        return;
    pair_open(engine, &pair);
    for (int i = 0; i < MANY; i++) {
        probe_init(&many[i], engine);
        bide_op_poll(&many[i].op, &pair.ours, POLLOUT);
        submit(&many[i]);
    }
    CHECK(bide__ring_flags(&state_of(engine)->ring) & IORING_SQ_CQ_OVERFLOW);
    wait_for_many(engine, POLLOUT);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

/* A multishot operation that the kernel ends for want of room goes on. */
TEST(a_multishot_receive_survives_an_overflow)
{
    bide_engine_options options = {.ring_entries = 8, .buffer_size = 64};
    bide_engine *engine = open_engine("", options);
    struct pair pair;
    struct probe received;
    char text[64 * MANY];
    if (!engine)
        return;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i % 251);
    pair_open(engine, &pair);
    struct bide__ring_buffers *buffers = &state_of(engine)->buffers;
    CHECK_INT(write(pair.peer, text, sizeof text), sizeof text);
    probe_init(&received, engine);
    bide_op_recv_multi(&received.op, &pair.ours);
    submit(&received);
    for (int i = 0; i < MANY; i++) {
        probe_init(&many[i], engine);
        bide_op_poll(&many[i].op, &pair.ours, POLLOUT);
        submit(&many[i]);
    }
    wait_for_calls(&received, MANY);
    CHECK_INT(received.ends, 0);
    CHECK_MEM(received.bytes, text, sizeof text);
    wait_for_many(engine, POLLOUT);
    close(pair.peer);
    wait_for(&received, 1);
    CHECK_INT(received.last, 0);
    /* Each buffer went back once. */
    CHECK_INT(buffers->spare_count + buffers->offered, buffers->count);
    bide_engine_close(engine, &pair.ours);
    bide_engine_free(engine);
}

/* It must not stay in line for being cancelled when it is the caller's. */
TEST(an_operation_completes_while_its_cancellation_waits_for_a_slot)
{
    bide_engine_options options = {.ring_entries = 8};
    bide_engine *engine = open_engine("flush", options);
    struct pair pair;
    struct probe received, polls[8];
    char byte;
    if (!engine)
        return;
    pair_open(engine, &pair);
    probe_init(&received, engine);
    bide_op_recv(&received.op, &pair.ours, &byte, 1);
    submit(&received);
    poll_once(engine);
    for (int i = 0; i < 8; i++) {
        probe_init(&polls[i], engine);
        bide_op_poll(&polls[i].op, &pair.ours, POLLOUT);
        submit(&polls[i]);
    }
    bide_engine_cancel(engine, &received.op);
    CHECK(received.op.prev != NULL);
    CHECK_INT(write(pair.peer, "xy", 2), 2);
    wait_for(&received, 1);
    CHECK_INT(received.last, 1);
    for (int i = 0; i < 8; i++) {
        wait_for(&polls[i], 1);
        poll_once(engine);
    }
    CHECK_INT(received.calls, 1);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

TEST(closing_more_than_the_ring_holds_closes_all)
{
    bide_engine_options options = {.ring_entries = 8};
    for (int i = 0; i < 3; i++) {
        bide_engine *engine = open_engine(fullnesses[i], options);
        struct pair pairs[20];
        if (!engine)
            return;
        for (int p = 0; p < 20; p++) {
            pair_open(engine, &pairs[p]);
            use_often(engine, &pairs[p]);
        }
        for (int p = 0; p < 20; p++)
            bide_engine_close(engine, &pairs[p].ours);
        poll_once(engine);
        for (int p = 0; p < 20; p++) {
            CHECK(peer_at_end(&pairs[p]));
            close(pairs[p].peer);
        }
        bide_engine_free(engine);
    }
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

TEST(a_success_that_came_before_the_cancellation_counts)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    struct probe received;
    char byte;
    if (!engine)
        return;
    pair_open(engine, &pair);
    probe_init(&received, engine);
    bide_op_recv(&received.op, &pair.ours, &byte, 1);
    submit(&received);
    poll_once(engine);
    CHECK_INT(write(pair.peer, "x", 1), 1);
    /* The byte is taken while the cancellation is handed over, or before. */
    bide__uring_enter(state_of(engine), true, 0);
    bide_engine_cancel(engine, &received.op);
    bide_engine_cancel(engine, &received.op);
    wait_for(&received, 1);
    CHECK_INT(received.last, 1);
    poll_once(engine);
    CHECK_INT(received.calls, 1);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

TEST(memory_submitted_anew_is_not_hit_by_an_old_cancellation)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    struct probe received;
    char byte;
    if (!engine)
        return;
    pair_open(engine, &pair);
    probe_init(&received, engine);
    bide_op_recv(&received.op, &pair.ours, &byte, 1);
    submit(&received);
    CHECK_INT(write(pair.peer, "x", 1), 1);
    poll_once(engine);
    CHECK_INT(received.ends, 1);
    bide_engine_cancel(engine, &received.op);
    bide_op_recv(&received.op, &pair.ours, &byte, 1);
    submit(&received);
    bide_engine_cancel(engine, &received.op);
    wait_for(&received, 2);
    CHECK_ERR(received.last, -ECANCELED);
    bide_op_recv(&received.op, &pair.ours, &byte, 1);
    submit(&received);
    poll_once(engine);
    CHECK_INT(received.ends, 2);
    CHECK_INT(write(pair.peer, "y", 1), 1);
    wait_for(&received, 3);
    CHECK_INT(received.last, 1);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

/* With one buffer's worth a call, and where each call starts it again. */
TEST(a_multishot_receive_can_be_cancelled_from_its_own_call)
{
    static const char *const steps[] = {"", "buffer_ring", "flush"};
    for (int i = 0; i < 3; i++) {
        bide_engine *engine = open_engine(steps[i],
                                          (bide_engine_options){0});
        struct pair pair;
        struct probe received;
        if (!engine)
            return;
        pair_open(engine, &pair);
        probe_init(&received, engine);
        received.cancel_in_done = true;
        bide_op_recv_multi(&received.op, &pair.ours);
        submit(&received);
        poll_once(engine);
        CHECK_INT(write(pair.peer, "x", 1), 1);
        wait_for(&received, 1);
        CHECK_ERR(received.last, -ECANCELED);
        CHECK_MEM(received.bytes, "x", 1);
        poll_once(engine);
        CHECK_INT(received.ends, 1);
        pair_close(engine, &pair);
        bide_engine_free(engine);
    }
}

TEST(bytes_that_came_before_the_cancellation_are_delivered)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    struct probe received;
    if (!engine)
        return;
    pair_open(engine, &pair);
    probe_init(&received, engine);
    bide_op_recv_multi(&received.op, &pair.ours);
    submit(&received);
    poll_once(engine);
    CHECK_INT(write(pair.peer, "abc", 3), 3);
    bide__uring_enter(state_of(engine), true, 0);
    bide_engine_cancel(engine, &received.op);
    wait_for(&received, 1);
    CHECK_INT(received.len, 3);
    CHECK_MEM(received.bytes, "abc", 3);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

/* ── Sending ──────────────────────────────────────────────────────────── */

static char big[1 << 20];

static size_t drain(int fd)
{
    static char bytes[1 << 16];
    size_t sum = 0;
    ssize_t len;
    while ((len = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        sum += (size_t)len;
    return sum;
}

TEST(a_cancelled_send_tells_how_much_went_out)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    struct probe sent;
    if (!engine)
        return;
    pair_open(engine, &pair);
    probe_init(&sent, engine);
    bide_op_send(&sent.op, &pair.ours, big, sizeof big);
    submit(&sent);
    poll_once(engine);
    CHECK_INT(sent.ends, 0);
    bide_engine_cancel(engine, &sent.op);
    wait_for(&sent, 1);
    CHECK_ERR(sent.last, -ECANCELED);
    CHECK(sent.op.progress > 0);
    CHECK_INT(drain(pair.peer), sent.op.progress);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

TEST(a_message_longer_than_the_socket_holds_is_sent_whole)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    struct probe sent;
    struct iovec pieces[3] = {
        {big, 5}, {big + 5, 0}, {big + 5, sizeof big - 5}};
    struct iovec before[3];
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 3};
    size_t sum = 0;
    if (!engine)
        return;
    memcpy(before, pieces, sizeof before);
    pair_open(engine, &pair);
    probe_init(&sent, engine);
    bide_op_sendmsg(&sent.op, &pair.ours, &message, 0);
    submit(&sent);
    while (sent.ends == 0 && bide_engine_poll(engine, 10000000) >= 0)
        sum += drain(pair.peer);
    sum += drain(pair.peer);
    CHECK_INT(sent.last, sizeof big);
    CHECK_INT(sum, sizeof big);
    CHECK_MEM(pieces, before, sizeof before);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

/* An older kernel stops in the middle; the rest goes out piece by piece. */
TEST(the_rest_of_a_message_starts_where_the_first_part_ended)
{
    static char text[] = "abcdefghij";
    struct iovec pieces[4] = {
        {text, 2}, {text, 0}, {text + 2, 5}, {text + 7, 3}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 4};
    for (uint32_t skip = 1; skip < 10; skip++) {
        bide_engine *engine = open_plain();
        struct pair pair;
        struct probe sent;
        char bytes[10];
        if (!engine)
            return;
        pair_open(engine, &pair);
        probe_init(&sent, engine);
        bide_op_sendmsg(&sent.op, &pair.ours, &message, 0);
        sent.op.progress = skip;
        sent.op.prev = NULL;
        bide__uring_start(state_of(engine), &sent.op);
        wait_for(&sent, 1);
        CHECK_INT(sent.last, 10);
        CHECK_INT(read(pair.peer, bytes, 10), 10 - skip);
        CHECK_MEM(bytes, text + skip, 10 - skip);
        pair_close(engine, &pair);
        bide_engine_free(engine);
    }
}

/* MSG_DONTWAIT makes the kernel do what older ones do with some descriptors:
 * stop where it would have to wait. */
TEST(where_the_kernel_does_not_wait_readiness_is_waited_for)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    struct probe sent, received;
    struct iovec pieces[2] = {{big, 5}, {big + 5, sizeof big - 5}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    char byte;
    struct iovec room = {&byte, 1};
    struct msghdr reply = {.msg_iov = &room, .msg_iovlen = 1};
    size_t sum = 0;
    if (!engine)
        return;
    pair_open(engine, &pair);
    probe_init(&received, engine);
    bide_op_recvmsg(&received.op, &pair.ours, &reply, MSG_DONTWAIT);
    submit(&received);
    probe_init(&sent, engine);
    bide_op_sendmsg(&sent.op, &pair.ours, &message, MSG_DONTWAIT);
    submit(&sent);
    while (sent.ends == 0 && bide_engine_poll(engine, 10000000) >= 0)
        sum += drain(pair.peer);
    CHECK_INT(sent.last, sizeof big);
    CHECK_INT(sum + drain(pair.peer), sizeof big);
    CHECK_INT(received.calls, 0);
    CHECK_INT(write(pair.peer, "x", 1), 1);
    wait_for(&received, 1);
    CHECK_INT(received.last, 1);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

TEST(a_peer_that_goes_away_ends_a_send_with_its_error)
{
    bide_engine *engine = open_plain();
    struct iovec pieces[2] = {{big, 5}, {big + 5, sizeof big - 5}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    if (!engine)
        return;
    for (int i = 0; i < 2; i++) {
        struct pair pair;
        struct probe sent;
        pair_open(engine, &pair);
        probe_init(&sent, engine);
        bide_op_send(&sent.op, &pair.ours, big, sizeof big);
        if (i == 1)
            bide_op_sendmsg(&sent.op, &pair.ours, &message, 0);
        submit(&sent);
        poll_once(engine);
        close(pair.peer);
        wait_for(&sent, 1);
        CHECK(sent.last == -EPIPE || sent.last == -ECONNRESET);
        bide_engine_close(engine, &pair.ours);
    }
    bide_engine_free(engine);
}

/* Shutting down must not overtake a send that was queued before it. */
TEST(a_shutdown_comes_after_what_was_queued)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    struct probe sent, ended;
    char bytes[8];
    if (!engine)
        return;
    pair_open(engine, &pair);
    probe_init(&sent, engine);
    probe_init(&ended, engine);
    bide_op_send(&sent.op, &pair.ours, "abc", 3);
    submit(&sent);
    bide_op_shutdown(&ended.op, &pair.ours, SHUT_WR);
    submit(&ended);
    wait_for(&ended, 1);
    wait_for(&sent, 1);
    CHECK_INT(sent.last, 3);
    CHECK_INT(read(pair.peer, bytes, sizeof bytes), 3);
    CHECK(peer_at_end(&pair));
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

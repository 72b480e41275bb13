/* SPDX-License-Identifier: MIT */
/*
 * uring.c — operations by io_uring: start, cancel, wait, deliver.
 *
 * One io_uring_enter(2) a turn: `submit` only fills slots, `poll` hands them
 * over and waits in the same call. An operation is in the ring at most once
 * and is known there by its address:
 *
 *     submit ──► KERNEL ──completion──► deliver        (and again while MORE)
 *                  │ cancel
 *                  ▼
 *              CANCELLING ──completion──► deliver
 *
 *     WAITING: not in the ring, because it was full.
 *
 * A multishot operation that the kernel ended, though its caller did not, is
 * started again after its last event was delivered.
 *
 * Invariants: (1) the memory of an operation in state KERNEL or CANCELLING is
 * not let go before its last completion, whoever cancelled it; (2) nothing is
 * lost when the ring is full: what finds no slot is parked, a cancellation,
 * too; (3) after `detach` the bide_fd is not touched again; (4) pooled buffers
 * go back as soon as `done` returns and are published once a poll.
 *
 * With IORING_SETUP_DEFER_TASKRUN, completions show up only when we enter the
 * kernel and ask for them; IORING_SQ_TASKRUN tells that it is worth while.
 * Results that found their queue full are kept by the kernel and brought in
 * by the next enter, also by one that waits; IORING_SQ_CQ_OVERFLOW tells.
 *
 * Not here: the ring itself (ring.c), registered descriptors (uring_files.c),
 * which features are used (uring_open.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "engine/uring.h"

/* ── Delivering ───────────────────────────────────────────────────────── */
/* These return the number of deliveries. */

static int finish(bide_engine *engine, bide_op *op, int64_t result)
{
    if (BIDE__UNLIKELY(op->prev))
        bide__uring_unpark(op);
    bide__engine_deliver(engine, op, result, false);
    return 1;
}

/* The kernel is done with a multishot operation but the caller is not. */
static int start_again(bide_engine *engine, struct bide__uring *u, bide_op *op)
{
    if (op->state == BIDE__OP_CANCELLING)
        return finish(engine, op, -ECANCELED);
    bide__uring_start(u, op);
    return 0;
}

/* What to wait for when an operation says -EAGAIN; 0: that is its result. */
static uint32_t awaited(const bide_op *op)
{
    if (!op->file || op->file->kind == BIDE_FD_FILE)
        return 0;
    switch (op->code) {
    case BIDE_OP_SEND:
    case BIDE_OP_SENDMSG:
    case BIDE_OP_WRITE:
    case BIDE_OP_WRITEV:
        return POLLOUT;
    case BIDE_OP_CONNECT: /* a full backlog: no event tells when it is not */
        return 0;
    default:
        return POLLIN;
    }
}

/* An operation failed: try it again if that is due, else deliver. */
static __attribute__((noinline)) int
fail(bide_engine *engine, struct bide__uring *u, bide_op *op, int64_t result)
{
    /* Closing has released the number even where it says EINTR. */
    if ((result != -EAGAIN && result != -EINTR) || op->code == BIDE_OP_CLOSE)
        return finish(engine, op, result);
    if (op->state == BIDE__OP_CANCELLING)
        return finish(engine, op, -ECANCELED);
    if (result == -EINTR) {
        bide__uring_start(u, op);
        return 0;
    }
    uint32_t events = awaited(op);
    if (events == 0)
        return finish(engine, op, result);
    bide__uring_start_polled(u, op, events);
    return 0;
}

/* One of several results, after which the operation goes on: in the kernel if
 * `armed`, else it is started again. */
static int deliver_more(bide_engine *engine, struct bide__uring *u,
                        bide_op *op, int64_t result, bool armed)
{
    bide__engine_deliver(engine, op, result, true);
    return armed ? 1 : 1 + start_again(engine, u, op);
}

/* The same with a pooled buffer, which is free afterwards unless it is kept. */
static int deliver_more_data(bide_engine *engine, struct bide__uring *u,
                             bide_op *op, uint32_t id, int64_t len, bool armed)
{
    engine->keeping = false;
    u->buffers.kept[id] = true;
    bide__engine_deliver_data(engine, op, bide__ring_buffer(&u->buffers, id),
                              len, true);
    if (BIDE__LIKELY(!engine->keeping)) /* else it may be given back by now */
        bide__ring_buffer_free(&u->buffers, id);
    return BIDE__LIKELY(armed) ? 1 : 1 + start_again(engine, u, op);
}

static int complete_recv_multi(bide_engine *engine, struct bide__uring *u,
                               bide_op *op, int32_t result, uint32_t flags)
{
    uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;
    if (flags & IORING_CQE_F_BUFFER)
        bide__ring_buffer_taken(&u->buffers);
    if (BIDE__LIKELY(result > 0))
        return deliver_more_data(engine, u, op, id, result,
                                 flags & IORING_CQE_F_MORE);
    if (flags & IORING_CQE_F_BUFFER) /* older kernels do so at the end */
        bide__ring_buffer_free(&u->buffers, id);
    if (result == -ENOBUFS && bide__ring_buffers_grow(&u->buffers))
        return start_again(engine, u, op);
    return result < 0 ? fail(engine, u, op, result) : finish(engine, op, 0);
}

/* RECV_MULTI where the kernel cannot: it is readable now. Not more than half
 * of the buffers can be kept, so one is free. */
static int receive_by_hand(bide_engine *engine, struct bide__uring *u,
                           bide_op *op)
{
    uint32_t id = bide__ring_buffer_take(&u->buffers);
    ssize_t len = recv(op->file->fd, bide__ring_buffer(&u->buffers, id),
                       u->buffers.size, MSG_DONTWAIT);
    if (len > 0)
        return deliver_more_data(engine, u, op, id, len, false);
    int code = len < 0 ? -errno : 0;
    bide__ring_buffer_free(&u->buffers, id);
    return code < 0 ? fail(engine, u, op, code) : finish(engine, op, 0);
}

static int complete_polled(bide_engine *engine, struct bide__uring *u,
                           bide_op *op, int32_t result)
{
    op->flags = 0;
    if (result < 0)
        return fail(engine, u, op, result);
    if (op->code == BIDE_OP_RECV_MULTI && !u->multishot_recv &&
        op->state == BIDE__OP_KERNEL)
        return receive_by_hand(engine, u, op);
    return start_again(engine, u, op);
}

/* A short send of a stream means that an error or a cancellation stopped it:
 * the rest is tried again and then tells which error. */
static int complete_send(bide_engine *engine, struct bide__uring *u,
                         bide_op *op, int32_t result)
{
    if (BIDE__UNLIKELY(result < 0))
        return fail(engine, u, op, result);
    op->progress += (uint32_t)result;
    uint64_t total =
        op->code == BIDE_OP_SEND ? op->len : bide__uring_message_len(op);
    if (BIDE__LIKELY(op->progress >= total) || result == 0)
        return finish(engine, op, op->progress);
    return start_again(engine, u, op);
}

static inline int complete(bide_engine *engine, struct bide__uring *u,
                           bide_op *op, int32_t result, uint32_t flags)
{
    if (BIDE__UNLIKELY(op->flags & BIDE__URING_POLLED))
        return complete_polled(engine, u, op, result);
    switch (op->code) {
    case BIDE_OP_RECV_MULTI:
        return complete_recv_multi(engine, u, op, result, flags);
    case BIDE_OP_SEND:
    case BIDE_OP_SENDMSG:
        return complete_send(engine, u, op, result);
    case BIDE_OP_ACCEPT_MULTI:
    case BIDE_OP_POLL_MULTI:
        if (result >= 0)
            return deliver_more(engine, u, op, result,
                                flags & IORING_CQE_F_MORE);
        return fail(engine, u, op, result);
    default:
        if (BIDE__LIKELY(result >= 0))
            return finish(engine, op, result);
        return fail(engine, u, op, result);
    }
}

/* ── Waking up ────────────────────────────────────────────────────────── */

/* Have a result posted when the wake-up descriptor is written to. Returns
 * whether there was a slot for it. */
static bool watch_wake(struct bide__uring *u)
{
    struct io_uring_sqe *sqe = bide__uring_slot(u);
    if (!sqe)
        return false;
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_POLL_ADD,
        .fd = u->wake_fd,
        .len = u->multishot_poll ? IORING_POLL_ADD_MULTI : 0,
        .poll32_events = bide__uring_poll_bits(POLLIN),
        .user_data = BIDE__URING_WAKE,
    };
    u->wake_watched = true;
    return true;
}

/*
 * Awake. A multishot poll tells of each write, so the counter need not be
 * read. Where the poll has ended it is read right here, and not when the
 * watch is renewed: at that time it may hold a wake-up that nobody has seen.
 */
static void woken(struct bide__uring *u, int32_t result, uint32_t flags)
{
    if (flags & IORING_CQE_F_MORE)
        return;
    uint64_t count;
    ssize_t len = read(u->wake_fd, &count, sizeof count);
    (void)len; /* nothing to read is as good */
    u->wake_watched = false;
    if (result < 0)
        u->multishot_poll = false; /* the kernel does not know it */
}

static void uring_wake(bide_engine *engine)
{
    struct bide__uring *u = engine->state;
    int saved = errno; /* a signal handler must not change it */
    ssize_t len = write(u->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)len; /* the counter cannot be full: one write a poll */
    errno = saved;
}

/* ── Polling ──────────────────────────────────────────────────────────── */

/* Deliver what is in the queue now; what comes meanwhile stays for later. */
static int reap(bide_engine *engine, struct bide__uring *u)
{
    struct bide__ring *ring = &u->ring;
    int count = 0;
    for (uint32_t left = bide__ring_ready(ring); left > 0; left--) {
        const struct io_uring_cqe *cqe =
            &ring->cqes[ring->cq_head & ring->cq_mask];
        uint64_t data = cqe->user_data;
        int32_t result = cqe->res;
        uint32_t flags = cqe->flags;
        ring->cq_head++;
        if (BIDE__LIKELY(data > BIDE__URING_WAKE))
            count += complete(engine, u, (bide_op *)(uintptr_t)data, result,
                              flags);
        else if (data == BIDE__URING_WAKE)
            woken(u, result, flags);
    }
    bide__ring_seen(ring);
    if (u->multishot_recv)
        bide__ring_buffers_publish(&u->buffers);
    return count;
}

/* Wait; nothing is there already. A hook around the wait may be dear (it lets
 * go of a lock, say), so with hooks it is tried first without waiting, where
 * that can bring something. */
static int block(bide_engine *engine, struct bide__uring *u, bool promising,
                 int64_t timeout_ns)
{
    if (!engine->before_block && !engine->after_block)
        return bide__uring_enter(u, true, timeout_ns);
    if (promising || bide__ring_pending(&u->ring) > 0) {
        int rc = bide__uring_enter(u, true, 0);
        if (rc < 0 || bide__ring_ready(&u->ring) > 0)
            return rc;
    }
    bide__engine_before_block(engine);
    int rc = bide__uring_enter(u, true, timeout_ns);
    bide__engine_after_block(engine);
    return rc;
}

/* Submit, and wait unless there is something to do already. */
static int submit_and_wait(bide_engine *engine, struct bide__uring *u,
                           int64_t timeout_ns)
{
    bool all_started = bide__uring_start_parked(u);
    if (BIDE__UNLIKELY(!u->wake_watched))
        all_started = watch_wake(u) && all_started;
    uint32_t flags = bide__ring_flags(&u->ring);
    if (timeout_ns > 0 && all_started && bide__ring_ready(&u->ring) == 0)
        return block(engine, u, flags & IORING_SQ_TASKRUN, timeout_ns);
    if (bide__ring_pending(&u->ring) == 0 &&
        !(flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)))
        return 0;
    return bide__uring_enter(u, true, 0);
}

/* What was started during the deliveries is the kernel's before a host waits:
 * it polls us only when the descriptor tells it to. */
static void submit_for_host(struct bide__uring *u)
{
    bool all_started;
    do {
        all_started = bide__uring_start_parked(u);
        if (bide__ring_pending(&u->ring) > 0 &&
            bide__uring_enter(u, false, 0) < 0)
            break; /* results have to be fetched first, and are readable */
    } while (!all_started);
    bide__uring_host_settle(u);
}

static int uring_poll(bide_engine *engine, int64_t timeout_ns)
{
    struct bide__uring *u = engine->state;
    if (BIDE__UNLIKELY(u->hosted))
        bide__uring_host_clear(u);
    int rc = submit_and_wait(engine, u, timeout_ns);
    /* The wait ended early, or the kernel took less than all slots because
     * results have to be fetched (EBUSY) or memory is short (EAGAIN). */
    if (BIDE__UNLIKELY(rc < 0) && rc != -ETIME && rc != -EINTR &&
        rc != -EBUSY && rc != -EAGAIN)
        return bide_raise(rc, "the kernel refuses to run the ring");
    int count = reap(engine, u);
    if (BIDE__UNLIKELY(u->hosted))
        submit_for_host(u);
    return count;
}

/* ── The rest of the contract ─────────────────────────────────────────── */

static int uring_attach(bide_engine *engine, bide_fd *file)
{
    (void)engine;
    int flags = fcntl(file->fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (file->kind == BIDE_FD_STREAM && !(flags & O_NONBLOCK) &&
        fcntl(file->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

static void uring_give_back(bide_engine *engine, void *buffer)
{
    struct bide__uring *u = engine->state;
    size_t offset = (size_t)((char *)buffer - u->buffers.memory);
    bide__ring_buffer_free(&u->buffers, (uint32_t)(offset / u->buffers.size));
}

static int uring_fileno(const bide_engine *engine)
{
    struct bide__uring *u = engine->state;
    u->hosted = true;
    return bide__uring_host_open(u);
}

static int64_t uring_clock(const bide_engine *engine)
{
    (void)engine;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

const struct bide__backend bide__uring = {
    .name = "uring",
    .prefers_multishot = true,
    .open = bide__uring_open,
    .close = bide__uring_close,
    .submit = bide__uring_submit,
    .cancel = bide__uring_cancel,
    .poll = uring_poll,
    .wake = uring_wake,
    .attach = uring_attach,
    .detach = bide__uring_detach,
    .give_back = uring_give_back,
    .fileno = uring_fileno,
    .clock = uring_clock,
    .after_fork = bide__uring_after_fork,
};

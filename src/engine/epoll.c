/* SPDX-License-Identifier: MIT */
/*
 * epoll.c — the backend that tries, and waits by epoll(7) where it must.
 *
 * An operation on a stream is tried at once and is complete if the call did
 * not block. If it did, the operation joins the queue of its slot, oldest
 * first, and is tried again when an event says so. An attempt is skipped
 * where it is known to fail: after EAGAIN, and after a short read from TCP
 * (epoll(7), "Possible pitfalls"), until the next event.
 *
 * Multishot operations are emulated by serving their slot again and again.
 * One slot is served only so often in one poll, then stays on the active list,
 * which keeps the next poll from waiting: nobody starves and no edge is lost.
 *
 * Operations on files go to a pool: epoll knows no files.
 *
 * Invariant: a slot on which an operation waits is registered, and either its
 * readiness bit is clear (then an edge will come) or it is on the active list.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include "engine/engine.h"
#include "engine/epoll.h"
#include "engine/oplist.h"

/* Attempts on one queue of a slot in one poll. */
#define SERVE_MAX 32

/* Not an errno: the operation has to wait. */
#define WOULD_WAIT INT64_MIN

static bide_op **queue_of(struct bide__slot *slot, const bide_op *op)
{
    switch (op->code) {
    case BIDE_OP_CONNECT:
    case BIDE_OP_SEND:
    case BIDE_OP_SENDMSG:
    case BIDE_OP_WRITE:
    case BIDE_OP_WRITEV:
        return &slot->writes;
    case BIDE_OP_POLL:
    case BIDE_OP_POLL_MULTI:
        return &slot->polls;
    default:
        return &slot->reads;
    }
}

static void park(struct bide__slot *slot, bide_op *op)
{
    op->state = BIDE__OP_WAITING;
    bide__oplist_append(queue_of(slot, op), op);
}

static void deliver_last(bide_engine *engine, struct bide__slot *slot,
                         bide_op *op, int64_t result)
{
    bide__oplist_remove(queue_of(slot, op), op);
    bide__engine_deliver(engine, op, result, false);
}

/* ── Trying ───────────────────────────────────────────────────────────── */

/* A short read from TCP took all there was, so the next byte is an edge. Not
 * so from datagrams, nor from Unix sockets, which stop at ancillary data. */
static void note_short_read(struct bide__slot *slot)
{
    if (slot->readiness & BIDE__UNSURE)
        return;
    if (slot->transport == BIDE__TRANSPORT_UNKNOWN) {
        int protocol = 0;
        socklen_t len = sizeof protocol;
        int rc =
            getsockopt(slot->fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
        slot->transport = rc == 0 && protocol == IPPROTO_TCP
                              ? BIDE__TRANSPORT_TCP
                              : BIDE__TRANSPORT_OTHER;
    }
    if (slot->transport == BIDE__TRANSPORT_TCP)
        slot->readiness &= (uint8_t)~BIDE__READABLE;
}

/* Returns the result, or WOULD_WAIT. A Unix socket's connect(2) that finds
 * the listener's queue full says EAGAIN, too, but nothing would ever report
 * that it may be tried again: there it is the result. */
static int64_t attempt(struct bide__slot *slot, bide_op *op, uint8_t ready)
{
    int64_t result = bide__op_perform(op);
    int64_t blocked = op->code == BIDE_OP_CONNECT ? -EINPROGRESS : -EAGAIN;
    if (result == blocked) {
        slot->readiness &= (uint8_t)~ready;
        return WOULD_WAIT;
    }
    bool plain = op->code == BIDE_OP_RECV && op->arg == 0;
    if (plain && result > 0 && (uint64_t)result < op->len)
        note_short_read(slot);
    return result;
}

/* ── Submitting ───────────────────────────────────────────────────────── */

static bool complete(bide_op *op, int64_t result)
{
    op->result = result;
    op->flags = 0;
    return true;
}

static bool submit_once(bide_engine *engine, struct bide__slot *slot,
                        bide_op *op)
{
    bide_op **queue = queue_of(slot, op);
    uint8_t ready = queue == &slot->writes ? BIDE__WRITABLE : BIDE__READABLE;
    bool promising =
        (slot->readiness & ready) || op->code == BIDE_OP_CONNECT;
    if (!*queue && promising) {
        int64_t result = attempt(slot, op, ready);
        if (result != WOULD_WAIT)
            return complete(op, result);
    }
    int rc = bide__slot_register(engine->state, slot);
    if (rc < 0)
        return complete(op, rc);
    park(slot, op);
    return false;
}

/* Results of a multishot operation can only come from poll. */
static bool submit_multi(bide_engine *engine, struct bide__slot *slot,
                         bide_op *op)
{
    struct bide__epoll_state *state = engine->state;
    if (op->code == BIDE_OP_RECV_MULTI && !state->buffer) {
        state->buffer = bide__malloc(engine->options.buffer_size);
        if (!state->buffer)
            return complete(op, -ENOMEM);
    }
    int rc = bide__slot_register(state, slot);
    if (rc < 0 && rc != -EPERM) /* no socket: the first attempt says it */
        return complete(op, rc);
    park(slot, op);
    if (slot->readiness & BIDE__READABLE)
        bide__slot_activate(state, slot);
    return false;
}

/* Registered first and asked then: what happens in between is an edge. */
static bool submit_poll(bide_engine *engine, struct bide__slot *slot,
                        bide_op *op)
{
    struct bide__epoll_state *state = engine->state;
    int rc = bide__slot_register(state, slot);
    if (rc < 0 && rc != -EPERM) /* a regular file: poll(2) says ready */
        return complete(op, rc);
    op->progress = state->turn;
    if (op->code == BIDE_OP_POLL_MULTI) {
        bide__list_remove(&slot->hot);
        bide__list_append(&state->hot, &slot->hot);
    } else {
        uint32_t bits = bide__poll_now(slot->fd);
        slot->bits &= bits; /* what was reported and no longer holds */
        if (bide__poll_match(op, bits))
            return complete(op, bide__poll_match(op, bits));
    }
    park(slot, op);
    return false;
}

static bool submit_file(bide_engine *engine, bide_op *op)
{
    bide_pool *pool = bide_engine_pool(engine, BIDE_POOL_FILE);
    bide__pool_submit(engine, pool, op);
    return false;
}

/* Operations on an attached descriptor. */
static bool submit_slot(bide_engine *engine, bide_op *op)
{
    struct bide__slot *slot = bide__slot_of(engine->state, op->file);
    if (!slot)
        return complete(op, -EBADF);
    bool file = op->file->kind == BIDE_FD_FILE;
    switch (op->code) {
    case BIDE_OP_POLL:
    case BIDE_OP_POLL_MULTI:
        return submit_poll(engine, slot, op);
    case BIDE_OP_ACCEPT_MULTI:
    case BIDE_OP_RECV_MULTI:
        return submit_multi(engine, slot, op);
    case BIDE_OP_SHUTDOWN:
        return complete(op, bide__op_perform(op));
    case BIDE_OP_FSYNC:
        return file ? submit_file(engine, op)
                    : complete(op, bide__op_perform(op));
    case BIDE_OP_READ:
    case BIDE_OP_WRITE:
    case BIDE_OP_READV:
    case BIDE_OP_WRITEV:
        return file ? submit_file(engine, op)
                    : submit_once(engine, slot, op);
    default:
        return submit_once(engine, slot, op);
    }
}

bool bide__epoll_submit(bide_engine *engine, bide_op *op)
{
    switch (op->code) {
    case BIDE_OP_NOP:
        return complete(op, 0);
    case BIDE_OP_OPENAT:
    case BIDE_OP_STATX:
    case BIDE_OP_CLOSE:
        return submit_file(engine, op);
    default:
        return submit_slot(engine, op);
    }
}

void bide__epoll_cancel(bide_engine *engine, bide_op *op)
{
    struct bide__slot *slot = bide__slot_of(engine->state, op->file);
    BIDE__ASSERT(slot); /* else the operation would have been ended */
    bide__oplist_remove(queue_of(slot, op), op);
    bide__engine_finish(engine, op, -ECANCELED);
}

/* ── Serving ──────────────────────────────────────────────────────────── */

/* One attempt for a multishot operation. Cancelled by done, it is finished
 * already and touched no more. */
static int serve_multi(bide_engine *engine, struct bide__slot *slot,
                       bide_op *op)
{
    struct bide__epoll_state *state = engine->state;
    bool data = op->code == BIDE_OP_RECV_MULTI;
    bide_op once = {
        .code = data ? BIDE_OP_RECV : BIDE_OP_ACCEPT,
        .file = op->file,
        .buffer = state->buffer,
        .len = engine->options.buffer_size,
    };
    int64_t result = attempt(slot, &once, BIDE__READABLE);
    if (result == WOULD_WAIT)
        return 0;
    if (result < 0 || (data && result == 0))
        deliver_last(engine, slot, op, result);
    else if (data)
        bide__engine_deliver_data(engine, op, state->buffer, result, true);
    else
        bide__engine_deliver(engine, op, result, true);
    return 1;
}

static int serve_once(bide_engine *engine, struct bide__slot *slot,
                      bide_op *op, uint8_t ready)
{
    int64_t result = attempt(slot, op, ready);
    if (result == WOULD_WAIT)
        return 0;
    deliver_last(engine, slot, op, result);
    return 1;
}

/* Serve the oldest operation while the descriptor is believed ready. */
static int serve_queue(bide_engine *engine, struct bide__slot *slot,
                       bide_op **queue, uint8_t ready)
{
    int count = 0;
    for (int left = SERVE_MAX; *queue && (slot->readiness & ready); left--) {
        if (left == 0) {
            bide__slot_activate(engine->state, slot);
            break;
        }
        bide_op *op = *queue;
        bool multi = op->code == BIDE_OP_ACCEPT_MULTI ||
                     op->code == BIDE_OP_RECV_MULTI;
        count += multi ? serve_multi(engine, slot, op)
                       : serve_once(engine, slot, op, ready);
    }
    return count;
}

/* Report the slot's bits to the polls they concern. After each call the queue
 * is searched from its beginning, because done may have changed it. */
static int serve_polls(bide_engine *engine, struct bide__slot *slot)
{
    struct bide__epoll_state *state = engine->state;
    int count = 0;
    bide_op *op = slot->polls;
    while (op) {
        uint32_t bits = bide__poll_match(op, slot->bits);
        if (!bits || op->progress == state->turn) {
            op = op->next;
            continue;
        }
        op->progress = state->turn;
        if (op->code == BIDE_OP_POLL_MULTI) {
            bide__list_remove(&slot->hot);
            bide__list_append(&state->hot, &slot->hot);
            bide__engine_deliver(engine, op, bits, true);
        } else {
            deliver_last(engine, slot, op, bits);
        }
        count++;
        op = slot->polls;
    }
    slot->bits = 0;
    return count;
}

int bide__epoll_serve(bide_engine *engine)
{
    struct bide__epoll_state *state = engine->state;
    struct bide__link batch; /* what becomes active meanwhile waits */
    bide__list_init(&batch);
    bide__list_append(&state->active, &batch);
    bide__list_remove(&state->active);
    state->turn++;
    int count = 0;
    while (!bide__list_empty(&batch)) {
        struct bide__slot *slot =
            BIDE__CONTAINER(batch.next, struct bide__slot, active);
        bide__list_remove(&slot->active);
        count += serve_queue(engine, slot, &slot->reads, BIDE__READABLE);
        count += serve_queue(engine, slot, &slot->writes, BIDE__WRITABLE);
        count += serve_polls(engine, slot);
    }
    if (state->hosted && !(bide__list_empty(&state->active) &&
                           bide__list_empty(&state->hot)))
        bide__epoll_wake(engine);
    return count;
}

/* ── The backend ──────────────────────────────────────────────────────── */

static int epoll_poll(bide_engine *engine, int64_t timeout_ns)
{
    int rc = bide__epoll_collect(engine, timeout_ns);
    return rc < 0 ? rc : bide__epoll_serve(engine);
}

static int64_t epoll_clock(const bide_engine *engine)
{
    (void)engine;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const struct bide__backend bide__epoll = {
    .name = "epoll",
    .prefers_multishot = false,
    .open = bide__epoll_open,
    .close = bide__epoll_close,
    .submit = bide__epoll_submit,
    .cancel = bide__epoll_cancel,
    .poll = epoll_poll,
    .wake = bide__epoll_wake,
    .attach = bide__epoll_attach,
    .detach = bide__epoll_detach,
    .fileno = bide__epoll_fileno,
    .clock = epoll_clock,
    .after_fork = bide__epoll_after_fork,
};

/* SPDX-License-Identifier: MIT */
/*
 * uring_start.c — putting operations and cancellations into the ring.
 *
 * Nothing here enters the kernel unless the ring is full: what is submitted
 * during a turn is handed over by the next poll in one call. Slots are filled
 * whole, 64 bytes each, because the kernel refuses fields that it does not
 * expect.
 *
 * An operation that finds no slot, even after a flush, is parked and started
 * by a later poll; so is a cancellation. The kernel takes requests in order,
 * so a cancellation never overtakes what it is meant for, nor can it hit the
 * next operation in the same memory: that one comes later in the queue.
 *
 * Not here: what becomes of completions (uring.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine/uring.h"

/* The most that one request moves; the rest of a longer send follows. */
#define LEN_MAX (1u << 30)

const uint8_t bide__uring_opcodes[BIDE_OP_MAX_] = {
    [BIDE_OP_ACCEPT] = IORING_OP_ACCEPT,
    [BIDE_OP_ACCEPT_MULTI] = IORING_OP_ACCEPT,
    [BIDE_OP_CONNECT] = IORING_OP_CONNECT,
    [BIDE_OP_RECV] = IORING_OP_RECV,
    [BIDE_OP_RECV_MULTI] = IORING_OP_RECV,
    [BIDE_OP_SEND] = IORING_OP_SEND,
    [BIDE_OP_RECVMSG] = IORING_OP_RECVMSG,
    [BIDE_OP_SENDMSG] = IORING_OP_SENDMSG,
    [BIDE_OP_READ] = IORING_OP_READ,
    [BIDE_OP_WRITE] = IORING_OP_WRITE,
    [BIDE_OP_READV] = IORING_OP_READV,
    [BIDE_OP_WRITEV] = IORING_OP_WRITEV,
    [BIDE_OP_POLL] = IORING_OP_POLL_ADD,
    [BIDE_OP_POLL_MULTI] = IORING_OP_POLL_ADD,
    [BIDE_OP_OPENAT] = IORING_OP_OPENAT,
    [BIDE_OP_STATX] = IORING_OP_STATX,
    [BIDE_OP_FSYNC] = IORING_OP_FSYNC,
    [BIDE_OP_CLOSE] = IORING_OP_CLOSE,
};

/* ── Slots of the ring ────────────────────────────────────────────────── */

int bide__uring_enter(struct bide__uring *u, bool events, int64_t timeout_ns)
{
    int rc = bide__ring_enter(&u->ring, events, timeout_ns);
    if (BIDE__UNLIKELY(u->unsettled))
        bide__uring_settle(u);
    return rc;
}

static __attribute__((noinline)) struct io_uring_sqe *
flush_for_slot(struct bide__uring *u)
{
    if (u->without & BIDE__URING_FLUSH)
        return NULL;
    (void)bide__uring_enter(u, false, 0); /* failed: it is full still */
    return bide__ring_slot(&u->ring);
}

static inline struct io_uring_sqe *take_slot(struct bide__uring *u)
{
    struct io_uring_sqe *sqe = bide__ring_slot(&u->ring);
    return BIDE__LIKELY(sqe) ? sqe : flush_for_slot(u);
}

struct io_uring_sqe *bide__uring_slot(struct bide__uring *u)
{
    return take_slot(u);
}

static void park(struct bide__uring *u, bide_op *op)
{
    op->prev = u->parked.prev;
    op->next = &u->parked;
    op->prev->next = op;
    op->next->prev = op;
}

void bide__uring_unpark(bide_op *op)
{
    op->prev->next = op->next;
    op->next->prev = op->prev;
    op->prev = NULL;
}

/* ── Filling them ─────────────────────────────────────────────────────── */

/* Name the descriptor: by its slot if it has one. */
static inline void aim(struct bide__uring *u, struct io_uring_sqe *sqe,
                       bide_fd *file)
{
    if (file->generation != u->epoch && file->uses++ >= u->promote_after)
        bide__uring_promote(u, file);
    bool fixed = file->generation == u->epoch;
    sqe->fd = fixed ? file->slot : file->fd;
    sqe->flags = fixed ? IOSQE_FIXED_FILE : 0;
}

uint64_t bide__uring_message_len(const bide_op *op)
{
    const struct msghdr *message = op->buffer;
    uint64_t total = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        total += message->msg_iov[i].iov_len;
    return total;
}

/*
 * What is left of a message after its first part went out. The caller's
 * iovecs may not be changed and a copy would need memory, so the rest is sent
 * piece by piece, each by a plain send. Flags go with each piece; control
 * data and address went with the first.
 */
static void prepare_rest(struct io_uring_sqe *sqe, const bide_op *op)
{
    const struct msghdr *message = op->buffer;
    const struct iovec *piece = message->msg_iov;
    size_t skip = op->progress;
    while (skip >= piece->iov_len)
        skip -= piece++->iov_len;
    size_t len = piece->iov_len - skip;
    sqe->opcode = IORING_OP_SEND;
    sqe->addr = (uint64_t)(uintptr_t)piece->iov_base + skip;
    sqe->len = (uint32_t)(len < LEN_MAX ? len : LEN_MAX);
}

/* What an operation has beyond opcode, descriptor, buffer and length. */
static inline void prepare_details(const struct bide__uring *u,
                                   struct io_uring_sqe *sqe, const bide_op *op)
{
    switch (op->code) {
    case BIDE_OP_ACCEPT_MULTI:
        sqe->ioprio = u->multishot_accept ? IORING_ACCEPT_MULTISHOT : 0;
        sqe->accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        break;
    case BIDE_OP_ACCEPT:
        sqe->accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        break;
    case BIDE_OP_CONNECT:
        sqe->off = op->len;
        sqe->len = 0;
        break;
    case BIDE_OP_RECV_MULTI:
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->ioprio = IORING_RECV_MULTISHOT;
        break;
    case BIDE_OP_SENDMSG:
        if (BIDE__UNLIKELY(op->progress))
            prepare_rest(sqe, op);
        sqe->msg_flags = op->arg | MSG_WAITALL | MSG_NOSIGNAL;
        break;
    case BIDE_OP_RECV:
    case BIDE_OP_RECVMSG:
        sqe->msg_flags = op->arg;
        break;
    case BIDE_OP_READ:
    case BIDE_OP_WRITE:
    case BIDE_OP_READV:
    case BIDE_OP_WRITEV:
        sqe->off = (uint64_t)op->offset;
        break;
    case BIDE_OP_POLL:
    case BIDE_OP_POLL_MULTI:
        sqe->poll32_events = bide__uring_poll_bits(op->arg);
        break;
    case BIDE_OP_OPENAT:
        sqe->fd = AT_FDCWD;
        sqe->len = op->mode;
        sqe->open_flags = op->arg | O_CLOEXEC;
        break;
    case BIDE_OP_STATX:
        sqe->fd = AT_FDCWD;
        sqe->off = op->len; /* the address of the result */
        sqe->len = op->mode;
        sqe->statx_flags = op->arg;
        break;
    case BIDE_OP_FSYNC:
        sqe->fsync_flags = op->arg ? IORING_FSYNC_DATASYNC : 0;
        break;
    case BIDE_OP_CLOSE:
        sqe->fd = (int)op->arg;
        break;
    default: /* SEND is filled already */
        break;
    }
}

static inline void prepare(struct bide__uring *u, struct io_uring_sqe *sqe,
                           bide_op *op)
{
    *sqe = (struct io_uring_sqe){
        .opcode = bide__uring_opcodes[op->code],
        .addr = (uint64_t)(uintptr_t)op->buffer,
        .len = (uint32_t)(op->len < LEN_MAX ? op->len : LEN_MAX),
        .user_data = (uint64_t)(uintptr_t)op,
    };
    if (op->file)
        aim(u, sqe, op->file);
    if (op->code == BIDE_OP_SEND) {
        uint64_t left = op->len - op->progress;
        sqe->addr += op->progress;
        sqe->len = (uint32_t)(left < LEN_MAX ? left : LEN_MAX);
        sqe->msg_flags = op->arg | MSG_WAITALL | MSG_NOSIGNAL;
        return;
    }
    prepare_details(u, sqe, op);
}

/* ── Starting ─────────────────────────────────────────────────────────── */

void bide__uring_start_polled(struct bide__uring *u, bide_op *op,
                              uint32_t events)
{
    struct io_uring_sqe *sqe = take_slot(u);
    if (BIDE__UNLIKELY(!sqe)) {
        op->state = BIDE__OP_WAITING;
        park(u, op);
        return;
    }
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_POLL_ADD,
        .poll32_events = bide__uring_poll_bits(events),
        .user_data = (uint64_t)(uintptr_t)op,
    };
    aim(u, sqe, op->file);
    op->flags = BIDE__URING_POLLED;
    op->state = BIDE__OP_KERNEL;
}

static inline void start(struct bide__uring *u, bide_op *op)
{
    if (BIDE__UNLIKELY(op->code == BIDE_OP_RECV_MULTI && !u->multishot_recv)) {
        bide__uring_start_polled(u, op, POLLIN);
        return;
    }
    struct io_uring_sqe *sqe = take_slot(u);
    if (BIDE__UNLIKELY(!sqe)) {
        op->state = BIDE__OP_WAITING;
        park(u, op);
        return;
    }
    prepare(u, sqe, op);
    op->state = BIDE__OP_KERNEL;
}

void bide__uring_start(struct bide__uring *u, bide_op *op)
{
    start(u, op);
}

/* Those that do not simply go into the ring. */
static bool submit_special(bide_engine *engine, bide_op *op)
{
    struct bide__uring *u = engine->state;
    switch (op->code) {
    case BIDE_OP_NOP:
        bide__engine_finish(engine, op, 0);
        return false;
    case BIDE_OP_SHUTDOWN:
        /* Never blocks, but the kernel would start a thread for it. What was
         * queued earlier has to come first. */
        if (bide__ring_pending(&u->ring) > 0)
            (void)bide__uring_enter(u, false, 0);
        op->result = bide__op_perform(op);
        return true;
    case BIDE_OP_RECV_MULTI: {
        /* Waits for readiness first; what is no socket must not wait. */
        int type;
        socklen_t len = sizeof type;
        if (getsockopt(op->file->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
            op->result = -errno;
            return true;
        }
        start(u, op);
        return false;
    }
    default:
        bide__pool_submit(engine, bide_engine_pool(engine, BIDE_POOL_FILE),
                          op);
        return false;
    }
}

/* More is to be sent than op->progress can count. */
static inline bool too_long(const bide_op *op)
{
    if (op->code == BIDE_OP_SEND)
        return op->len > UINT32_MAX;
    return op->code == BIDE_OP_SENDMSG &&
           bide__uring_message_len(op) > UINT32_MAX;
}

bool bide__uring_submit(bide_engine *engine, bide_op *op)
{
    struct bide__uring *u = engine->state;
    op->prev = NULL;
    op->progress = 0;
    op->flags = 0;
    if (BIDE__UNLIKELY(u->special & (1u << op->code)))
        return submit_special(engine, op);
    if (BIDE__UNLIKELY(too_long(op))) {
        op->result = -EMSGSIZE;
        return true;
    }
    start(u, op);
    return false;
}

static void queue_cancel(struct bide__uring *u, bide_op *op)
{
    struct io_uring_sqe *sqe = take_slot(u);
    if (BIDE__UNLIKELY(!sqe)) {
        park(u, op);
        return;
    }
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_ASYNC_CANCEL,
        .flags = u->quiet,
        .fd = -1,
        .addr = (uint64_t)(uintptr_t)op,
        .user_data = BIDE__URING_IGNORED,
    };
}

void bide__uring_cancel(bide_engine *engine, bide_op *op)
{
    struct bide__uring *u = engine->state;
    if (op->state == BIDE__OP_WAITING) {
        bide__uring_unpark(op);
        bide__engine_finish(engine, op, -ECANCELED);
        return;
    }
    op->state = BIDE__OP_CANCELLING;
    queue_cancel(u, op);
}

bool bide__uring_start_parked(struct bide__uring *u)
{
    while (u->parked.next != &u->parked) {
        bide_op *op = u->parked.next;
        if (bide__ring_pending(&u->ring) >= u->ring.sq_entries)
            return false;
        bide__uring_unpark(op);
        if (op->state == BIDE__OP_CANCELLING)
            queue_cancel(u, op);
        else
            start(u, op);
    }
    return true;
}

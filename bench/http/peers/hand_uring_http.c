/* SPDX-License-Identifier: MIT */
/*
 * hand_uring_http.c — HTTP as one writes it by hand on io_uring, with
 * everything that the kernel offers for it: the limit for every server.
 *
 *     accept   multishot, into the table of fixed files
 *     recv     multishot, into a ring of provided buffers in a huge page
 *     send     from the one text that all replies are
 *     enter    one call a turn, by registered ring, with DEFER_TASKRUN
 *
 * A buffer goes back at once. A connection has one send under way; replies
 * that are wanted meanwhile are counted.
 *
 *     hand_uring_http PORT
 */
#include "reply.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Newer than the headers of some systems; the values are the kernel's ABI. */
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16) /* Linux 6.6 */
#endif

enum {
    SQ_ENTRIES = 1024,
    CQ_ENTRIES = 4096,
    MAX_CONNECTIONS = 16384,
    MEMORY = 4 << 20, /* of all buffers */
    BUFFER_SIZE = 8192,
    BUFFER_COUNT = MEMORY / BUFFER_SIZE
};

enum purpose { ON_ACCEPT, ON_RECV, ON_SENT, ON_CLOSE };

struct connection {
    unsigned matched; /* of the empty line */
    unsigned owed;    /* replies that are not under way */
    size_t sending;   /* bytes that are */
    bool receiving;   /* the multishot recv is armed */
    bool ended;       /* nothing more will be received: close when sent */
};

static int ring_fd;
static struct io_uring_sqe *sqes;
static unsigned *sq_tail, *cq_head, *cq_tail;
static unsigned sq_mask, cq_mask, sq_local, sq_entered;
static struct io_uring_cqe *cqes;
static struct io_uring_buf_ring *buffer_ring;
static char *memory;
static uint16_t buffer_tail;
static struct connection connections[MAX_CONNECTIONS];

/* Submit everything; with a wait, also run what the kernel has deferred. */
static void submit(unsigned wait)
{
    unsigned flags = IORING_ENTER_REGISTERED_RING;
    if (wait > 0)
        flags |= IORING_ENTER_GETEVENTS;
    __atomic_store_n(sq_tail, sq_local, __ATOMIC_RELEASE);
    do {
        long n = syscall(SYS_io_uring_enter, ring_fd, sq_local - sq_entered,
                         wait, flags, NULL, 0);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            bench_die("io_uring_enter: %s", strerror(errno));
        if (n > 0)
            sq_entered += (unsigned)n;
    } while (sq_entered != sq_local);
}

static struct io_uring_sqe *next_sqe(enum purpose purpose, int slot)
{
    if (sq_local - sq_entered == SQ_ENTRIES)
        submit(0);
    struct io_uring_sqe *sqe = &sqes[sq_local++ & sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->user_data = (uint64_t)purpose << 32 | (uint32_t)slot;
    return sqe;
}

static void arm_accept(int listener)
{
    struct io_uring_sqe *sqe = next_sqe(ON_ACCEPT, 0);
    sqe->opcode = IORING_OP_ACCEPT;
    sqe->fd = listener;
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->file_index = IORING_FILE_INDEX_ALLOC;
}

static void arm_recv(int slot)
{
    struct io_uring_sqe *sqe = next_sqe(ON_RECV, slot);
    sqe->opcode = IORING_OP_RECV;
    sqe->fd = slot;
    sqe->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    connections[slot].receiving = true;
}

static void close_slot(int slot)
{
    struct io_uring_sqe *sqe = next_sqe(ON_CLOSE, slot);
    sqe->opcode = IORING_OP_CLOSE;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->file_index = (uint32_t)slot + 1;
}

/* Send what is owed, or close if that was all. */
static void go_on(int slot)
{
    struct connection *connection = &connections[slot];
    if (connection->sending > 0)
        return;
    if (connection->owed == 0) {
        if (connection->ended && !connection->receiving)
            close_slot(slot);
        return;
    }
    unsigned some = connection->owed < REPLIES ? connection->owed : REPLIES;
    connection->owed -= some;
    connection->sending = some * reply_len;
    struct io_uring_sqe *sqe = next_sqe(ON_SENT, slot);
    sqe->opcode = IORING_OP_SEND;
    sqe->fd = slot;
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->addr = (uint64_t)(uintptr_t)reply_text;
    sqe->len = (uint32_t)connection->sending;
    sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

/* Give a buffer to the kernel, which sees it when the tail is published. */
static void give_back(unsigned id)
{
    struct io_uring_buf *slot =
        &buffer_ring->bufs[buffer_tail++ & (BUFFER_COUNT - 1)];
    slot->addr = (uint64_t)(uintptr_t)(memory + (size_t)id * BUFFER_SIZE);
    slot->len = BUFFER_SIZE;
    slot->bid = (uint16_t)id;
}

static void on_accept(const struct io_uring_cqe *cqe, int listener)
{
    if (cqe->res >= 0) {
        connections[cqe->res] = (struct connection){.matched = 0};
        arm_recv(cqe->res);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        arm_accept(listener);
}

static void on_recv(const struct io_uring_cqe *cqe, int slot)
{
    struct connection *connection = &connections[slot];
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        connection->owed +=
            count_requests(memory + (size_t)id * BUFFER_SIZE,
                           (size_t)cqe->res, &connection->matched);
        give_back(id);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        connection->receiving = false;
        if (cqe->res > 0 || cqe->res == -ENOBUFS)
            arm_recv(slot);
        else
            connection->ended = true;
    }
    go_on(slot);
}

static void on_sent(const struct io_uring_cqe *cqe, int slot)
{
    struct connection *connection = &connections[slot];
    if (cqe->res < (int)connection->sending)
        connection->owed = 0; /* it has failed; the recv ends, too */
    connection->sending = 0;
    go_on(slot);
}

static void handle(const struct io_uring_cqe *cqe, int listener)
{
    int slot = (int)(uint32_t)cqe->user_data;
    switch ((enum purpose)(cqe->user_data >> 32)) {
    case ON_ACCEPT:
        on_accept(cqe, listener);
        break;
    case ON_RECV:
        on_recv(cqe, slot);
        break;
    case ON_SENT:
        on_sent(cqe, slot);
        break;
    case ON_CLOSE:
        break;
    }
}

static void publish_buffers(void)
{
    __atomic_store_n(&buffer_ring->tail, buffer_tail, __ATOMIC_RELEASE);
}

static void serve(int listener)
{
    for (;;) {
        submit(1);
        reply_refresh();
        unsigned head = *cq_head;
        unsigned tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++)
            handle(&cqes[head & cq_mask], listener);
        __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
        publish_buffers();
    }
}

/* ── Setting up ───────────────────────────────────────────────────────── */

static long reg(unsigned opcode, const void *what, unsigned count)
{
    long rc = syscall(SYS_io_uring_register, ring_fd, opcode, what, count);
    if (rc < 0)
        bench_die("io_uring_register %u: %s", opcode, strerror(errno));
    return rc;
}

static void *map_ring(size_t size, off_t offset)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_POPULATE, ring_fd, offset);
    if (at == MAP_FAILED)
        bench_die("mmap of the ring: %s", strerror(errno));
    return at;
}

static void open_ring(void)
{
    struct io_uring_params params = {
        .cq_entries = CQ_ENTRIES,
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
                 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_SQARRAY};
    ring_fd = (int)syscall(SYS_io_uring_setup, SQ_ENTRIES, &params);
    if (ring_fd < 0)
        bench_die("io_uring_setup: %s", strerror(errno));
    char *rings = map_ring(params.cq_off.cqes +
                               params.cq_entries * sizeof(struct io_uring_cqe),
                           IORING_OFF_SQ_RING);
    sqes = map_ring(params.sq_entries * sizeof *sqes, IORING_OFF_SQES);
    sq_tail = (unsigned *)(void *)(rings + params.sq_off.tail);
    sq_mask = params.sq_entries - 1;
    cq_head = (unsigned *)(void *)(rings + params.cq_off.head);
    cq_tail = (unsigned *)(void *)(rings + params.cq_off.tail);
    cq_mask = params.cq_entries - 1;
    cqes = (struct io_uring_cqe *)(void *)(rings + params.cq_off.cqes);

    struct io_uring_rsrc_register files = {.nr = MAX_CONNECTIONS,
                                           .flags =
                                               IORING_RSRC_REGISTER_SPARSE};
    reg(IORING_REGISTER_FILES2, &files, sizeof files);
}

/* Name the ring by an index of this thread from here on: no lookup of a
 * descriptor an enter. Registering goes by the descriptor, so it is last. */
static void register_ring(void)
{
    struct io_uring_rsrc_update self = {.offset = UINT32_MAX,
                                        .data = (uint32_t)ring_fd};
    reg(IORING_REGISTER_RING_FDS, &self, 1);
    ring_fd = (int)self.offset;
}

static void *map_memory(size_t size)
{
    enum { HUGE_PAGE = 2 << 20 };
    char *at = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        bench_die("mmap: %s", strerror(errno));
    at += -(uintptr_t)at & (HUGE_PAGE - 1);
    madvise(at, size, MADV_HUGEPAGE);
    return at;
}

static void provide_buffers(void)
{
    memory = map_memory(MEMORY);
    buffer_ring = map_memory(BUFFER_COUNT * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg ring = {.ring_addr =
                                        (uint64_t)(uintptr_t)buffer_ring,
                                    .ring_entries = BUFFER_COUNT};
    reg(IORING_REGISTER_PBUF_RING, &ring, 1);
    for (unsigned id = 0; id < BUFFER_COUNT; id++)
        give_back(id);
    publish_buffers();
}

int main(int argc, char **argv)
{
    int listener = listen_on((int)bench_arg(argc, argv, 1, 1, 65535, 8080));
    open_ring();
    provide_buffers();
    register_ring();
    arm_accept(listener);
    serve(listener);
}

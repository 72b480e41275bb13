/* SPDX-License-Identifier: MIT */
/*
 * hand_uring_echo.c — a TCP echo server as one writes it by hand on io_uring,
 * with everything that the kernel offers for it: the limit for every runtime.
 *
 *     accept   multishot, into the table of fixed files
 *     recv     multishot, into a ring of provided buffers in a huge page
 *     send     from the same buffer, with MSG_WAITALL: all of it, or an error
 *     enter    one call a turn, by registered ring, with DEFER_TASKRUN: it
 *              sends the last turn's replies and waits for the next messages
 *
 * A buffer goes back to the kernel when its send has completed. A connection
 * has one send under way; what arrives meanwhile waits in its list. Without a
 * free buffer the kernel ends the recv with ENOBUFS; it is armed anew when the
 * connection has nothing left to send.
 *
 * Sends whose success makes no completion (CQE_SKIP_SUCCESS, MSG_DONTWAIT)
 * were tried and made no difference that could be measured.
 *
 *     hand_uring_echo [KiB of a buffer]
 *
 * Prints `port=N` and serves until it is killed. No liburing.
 */
#include "../bench.h"

#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of some systems; the values are the kernel's ABI. */
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16) /* Linux 6.6 */
#endif

enum {
    SQ_ENTRIES = 1024,
    CQ_ENTRIES = 4096,
    MAX_CONNECTIONS = 16384,
    MEMORY = 4 << 20, /* of all buffers */
    MAX_BUFFERS = 1024,
    NONE = -1
};

enum purpose { ON_ACCEPT, ON_RECV, ON_SENT, ON_CLOSE };

struct connection {
    int head;       /* the buffer that is being sent, first of a list */
    int tail;
    bool open;
    bool receiving; /* the multishot recv is armed */
    bool ended;     /* nothing more will be received: close when sent */
    bool starved;   /* no buffer was free: arm when nothing waits */
};

struct buffer {
    uint32_t len;
    int next; /* in the connection's list */
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
static struct buffer buffers[MAX_BUFFERS];
static unsigned buffer_size, buffer_count; /* powers of two */

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
    connections[slot].starved = false;
}

static void close_slot(int slot)
{
    struct io_uring_sqe *sqe = next_sqe(ON_CLOSE, slot);
    sqe->opcode = IORING_OP_CLOSE;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->file_index = (uint32_t)slot + 1;
    connections[slot].open = false;
}

static void send_head(int slot)
{
    int id = connections[slot].head;
    struct io_uring_sqe *sqe = next_sqe(ON_SENT, slot);
    sqe->opcode = IORING_OP_SEND;
    sqe->fd = slot;
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->addr = (uint64_t)(uintptr_t)(memory + (size_t)id * buffer_size);
    sqe->len = buffers[id].len;
    sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

/* Give a buffer to the kernel, which sees it when the tail is published. */
static void give_back(int id)
{
    struct io_uring_buf *slot =
        &buffer_ring->bufs[buffer_tail++ & (buffer_count - 1)];
    slot->addr = (uint64_t)(uintptr_t)(memory + (size_t)id * buffer_size);
    slot->len = buffer_size;
    slot->bid = (uint16_t)id;
}

/* The list has become empty: do what waited for that. */
static void when_sent(int slot)
{
    struct connection *connection = &connections[slot];
    if (connection->open && connection->ended && !connection->receiving)
        close_slot(slot);
    else if (connection->starved && !connection->ended)
        arm_recv(slot);
}

static void on_accept(const struct io_uring_cqe *cqe, int listener)
{
    if (cqe->res >= 0) {
        connections[cqe->res] =
            (struct connection){.head = NONE, .tail = NONE, .open = true};
        arm_recv(cqe->res);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        arm_accept(listener);
}

static void on_recv(const struct io_uring_cqe *cqe, int slot)
{
    struct connection *connection = &connections[slot];
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        int id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        buffers[id].len = (uint32_t)cqe->res;
        buffers[id].next = NONE;
        if (connection->head == NONE) {
            connection->head = id;
            send_head(slot);
        } else {
            buffers[connection->tail].next = id;
        }
        connection->tail = id;
    }
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    connection->receiving = false;
    if (cqe->res > 0 || cqe->res == -ENOBUFS)
        connection->starved = true;
    else
        connection->ended = true;
    if (connection->head == NONE)
        when_sent(slot);
}

/* Part of a message has gone out only if the connection has failed. */
static void on_sent(const struct io_uring_cqe *cqe, int slot)
{
    struct connection *connection = &connections[slot];
    bool failed = cqe->res < (int)buffers[connection->head].len;
    do {
        int id = connection->head;
        connection->head = buffers[id].next;
        give_back(id);
    } while (failed && connection->head != NONE);
    if (connection->head != NONE)
        send_head(slot);
    else
        when_sent(slot);
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
    buffer_ring = map_memory(buffer_count * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg ring = {.ring_addr =
                                        (uint64_t)(uintptr_t)buffer_ring,
                                    .ring_entries = buffer_count};
    reg(IORING_REGISTER_PBUF_RING, &ring, 1);
    for (int id = 0; id < (int)buffer_count; id++)
        give_back(id);
    publish_buffers();
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Connections inherit TCP_NODELAY. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        bench_die("listen: %s", strerror(errno));
    printf("port=%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    unsigned kib = (unsigned)bench_arg(argc, argv, 1, 4, 1024, 4);
    if ((kib & (kib - 1)) != 0)
        bench_die("the buffers' size is %u KiB; it must be a power of two",
                  kib);
    buffer_size = kib << 10;
    buffer_count = MEMORY / buffer_size;
    int listener = listen_somewhere();
    open_ring();
    provide_buffers();
    register_ring();
    arm_accept(listener);
    serve(listener);
}

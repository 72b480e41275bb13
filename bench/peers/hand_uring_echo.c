/* SPDX-License-Identifier: MIT */
/*
 * hand_uring_echo.c — a TCP echo server as one writes it by hand on io_uring,
 * with everything that the kernel offers for it: the limit for every runtime.
 *
 *     accept   multishot, into the table of fixed files
 *     recv     multishot, into a ring of provided buffers
 *     send     from the same buffer; success makes no completion
 *     enter    one call a turn, by registered ring, with DEFER_TASKRUN: it
 *              sends the last turn's replies and waits for the next messages
 *
 * A send is tried when it is submitted (MSG_DONTWAIT), so it is over when
 * io_uring_enter(2) returns: only one that failed, or went out in part, posts
 * a completion (MSG_WAITALL makes a part count as failure). Without the others
 * a wait for one completion waits for a message, not for our own replies.
 *
 * The buffers of a turn are given back after the next enter, except those
 * whose send failed: they wait in the connection's list, the oldest first, and
 * go out one by one with an ordinary send. To keep the order, a connection
 * tries one send a turn; what else it receives in the turn joins the list.
 * Without a free buffer the kernel ends the recv with ENOBUFS; it is armed anew
 * when the connection has nothing left to send.
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
    BUFFERS = 1024, /* a power of two */
    BUFFER_SIZE = 4096,
    NONE = -1
};

enum purpose { ON_ACCEPT, ON_RECV, ON_TRIED, ON_SENT, ON_CLOSE };

struct connection {
    int head;       /* first of the buffers that wait to be sent, or none */
    int tail;
    uint32_t sent;  /* bytes of the head that are out */
    uint32_t tried; /* the turn in which a send was tried last */
    bool sending;   /* an ordinary send of the head is under way */
    bool open;
    bool receiving; /* the multishot recv is armed */
    bool ended;     /* nothing more will be received: close when sent */
    bool failed;    /* and nothing more can be sent */
    bool starved;   /* no buffer was free: arm when nothing waits */
};

struct buffer {
    uint32_t len;
    int next;  /* in the connection's list */
    bool kept; /* is, or was, in a list: not to be given back with the turn */
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
static struct buffer buffers[BUFFERS];

static uint32_t turn = 1;

/* The buffers that a send was tried from in this turn and in the one before,
 * and the connections that have something in their list since this turn. */
static int tried_lists[2][BUFFERS];
static int *tried_now = tried_lists[0], *tried_before = tried_lists[1];
static int tried_now_count, tried_before_count;
static int waiting[2 * BUFFERS];
static int waiting_count;

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

static struct io_uring_sqe *next_sqe(enum purpose purpose, int slot, int id)
{
    if (sq_local - sq_entered == SQ_ENTRIES)
        submit(0);
    struct io_uring_sqe *sqe = &sqes[sq_local++ & sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->user_data = (uint64_t)purpose << 56 | (uint64_t)(uint32_t)id << 16 |
                     (uint64_t)(uint32_t)slot;
    return sqe;
}

static void arm_accept(int listener)
{
    struct io_uring_sqe *sqe = next_sqe(ON_ACCEPT, 0, 0);
    sqe->opcode = IORING_OP_ACCEPT;
    sqe->fd = listener;
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->file_index = IORING_FILE_INDEX_ALLOC;
}

static void arm_recv(int slot)
{
    struct io_uring_sqe *sqe = next_sqe(ON_RECV, slot, 0);
    sqe->opcode = IORING_OP_RECV;
    sqe->fd = slot;
    sqe->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    connections[slot].receiving = true;
    connections[slot].starved = false;
}

static void close_slot(int slot)
{
    struct io_uring_sqe *sqe = next_sqe(ON_CLOSE, slot, 0);
    sqe->opcode = IORING_OP_CLOSE;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->file_index = (uint32_t)slot + 1;
    connections[slot].open = false;
}

static struct io_uring_sqe *send_from(enum purpose purpose, int slot, int id,
                                      uint32_t from)
{
    struct io_uring_sqe *sqe = next_sqe(purpose, slot, id);
    sqe->opcode = IORING_OP_SEND;
    sqe->fd = slot;
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->addr = (uint64_t)(uintptr_t)(memory + (size_t)id * BUFFER_SIZE + from);
    sqe->len = buffers[id].len - from;
    sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
    return sqe;
}

static void try_send(int slot, int id)
{
    struct io_uring_sqe *sqe = send_from(ON_TRIED, slot, id, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->msg_flags |= MSG_DONTWAIT;
    buffers[id].kept = false;
    connections[slot].tried = turn;
    tried_now[tried_now_count++] = id;
}

/* Give a buffer to the kernel; it sees it at the next publish_buffers(). */
static void give_back(int id)
{
    struct io_uring_buf *slot =
        &buffer_ring->bufs[buffer_tail++ & (BUFFERS - 1)];
    slot->addr = (uint64_t)(uintptr_t)(memory + (size_t)id * BUFFER_SIZE);
    slot->len = BUFFER_SIZE;
    slot->bid = (uint16_t)id;
}

/* Send the head of the list or, when nothing is left, do what waited for it. */
static void go_on(int slot)
{
    struct connection *connection = &connections[slot];
    while (connection->head != NONE) {
        int id = connection->head;
        if (!connection->failed && connection->sent < buffers[id].len) {
            send_from(ON_SENT, slot, id, connection->sent);
            connection->sending = true;
            return;
        }
        connection->head = buffers[id].next;
        connection->sent = 0;
        give_back(id);
    }
    if (connection->open && connection->ended)
        close_slot(slot);
    else if (connection->starved)
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

static void append(int slot, int id)
{
    struct connection *connection = &connections[slot];
    buffers[id].next = NONE;
    buffers[id].kept = true;
    if (connection->head != NONE) {
        buffers[connection->tail].next = id;
    } else {
        connection->head = id;
        waiting[waiting_count++] = slot;
    }
    connection->tail = id;
}

static void on_recv(const struct io_uring_cqe *cqe, int slot)
{
    struct connection *connection = &connections[slot];
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        int id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        buffers[id].len = cqe->res > 0 ? (uint32_t)cqe->res : 0;
        if (connection->head == NONE && connection->tried != turn)
            try_send(slot, id);
        else
            append(slot, id);
    }
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    connection->receiving = false;
    if (cqe->res > 0 || cqe->res == -ENOBUFS)
        connection->starved = true;
    else
        connection->ended = true;
    if (connection->head == NONE)
        go_on(slot);
}

/* A send that was tried in the turn before has not, or not all, gone out. Its
 * buffer is older than anything in the list. */
static void on_tried(const struct io_uring_cqe *cqe, int slot, int id)
{
    struct connection *connection = &connections[slot];
    if (!connection->open)
        return;
    connection->sent = cqe->res > 0 ? (uint32_t)cqe->res : 0;
    connection->failed = cqe->res < 0 && cqe->res != -EAGAIN;
    if (connection->head == NONE) {
        append(slot, id);
    } else {
        buffers[id].next = connection->head;
        buffers[id].kept = true;
        connection->head = id;
    }
}

static void on_sent(const struct io_uring_cqe *cqe, int slot)
{
    struct connection *connection = &connections[slot];
    connection->sending = false;
    if (cqe->res < 0)
        connection->failed = true;
    else
        connection->sent += (uint32_t)cqe->res;
    go_on(slot);
}

static void handle(const struct io_uring_cqe *cqe, int listener)
{
    int slot = (int)(cqe->user_data & 0xffff);
    switch ((enum purpose)(cqe->user_data >> 56)) {
    case ON_ACCEPT:
        on_accept(cqe, listener);
        break;
    case ON_RECV:
        on_recv(cqe, slot);
        break;
    case ON_TRIED:
        on_tried(cqe, slot, (int)(cqe->user_data >> 16 & 0xffff));
        break;
    case ON_SENT:
        on_sent(cqe, slot);
        break;
    case ON_CLOSE:
        break;
    }
}

static void finish_turn(void)
{
    for (int i = 0; i < tried_before_count; i++)
        if (!buffers[tried_before[i]].kept)
            give_back(tried_before[i]);
    __atomic_store_n(&buffer_ring->tail, buffer_tail, __ATOMIC_RELEASE);
    turn++;
}

static void serve(int listener)
{
    for (;;) {
        /* A list that began in the last turn may have a send before it whose
         * fate is known only after this enter: it goes on below. */
        int from_last_turn = waiting_count;
        submit(from_last_turn > 0 ? 0 : 1);

        int *swap = tried_before;
        tried_before = tried_now;
        tried_before_count = tried_now_count;
        tried_now = swap;
        tried_now_count = 0;
        unsigned head = *cq_head;
        unsigned tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++)
            handle(&cqes[head & cq_mask], listener);
        __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
        for (int i = 0; i < from_last_turn; i++)
            if (!connections[waiting[i]].sending)
                go_on(waiting[i]);
        waiting_count -= from_last_turn;
        memmove(waiting, waiting + from_last_turn,
                (size_t)waiting_count * sizeof *waiting);
        finish_turn();
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
    memory = map_memory((size_t)BUFFERS * BUFFER_SIZE);
    buffer_ring = map_memory(BUFFERS * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg ring = {.ring_addr =
                                        (uint64_t)(uintptr_t)buffer_ring,
                                    .ring_entries = BUFFERS};
    reg(IORING_REGISTER_PBUF_RING, &ring, 1);
    for (int id = 0; id < BUFFERS; id++)
        give_back(id);
    finish_turn();
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

int main(void)
{
    int listener = listen_somewhere();
    open_ring();
    provide_buffers();
    register_ring();
    arm_accept(listener);
    serve(listener);
}

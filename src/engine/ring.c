/* SPDX-License-Identifier: MIT */
/*
 * ring.c — making a ring, entering it, registering with it.
 *
 * Written on the bare system calls, so that the library needs nothing but
 * libc: docs/decisions/uring-without-liburing.md.
 *
 * The kernel answers -EINVAL to a flag that it does not know, without saying
 * which. So the flags are dropped newest first until it agrees; in practice
 * the first or second attempt succeeds. One mapping holds both queues
 * (IORING_FEAT_SINGLE_MMAP), a second one the submission slots.
 *
 * Not here: what is put into the slots (uring.c), which level is good enough
 * (uring_open.c).
 */
#include "engine/ring.h"

#include <bide/engine.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Kernels before 5.11 lack one of these, and we make no other demand. */
#define REQUIRED_FEATURES                                                     \
    (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |                           \
     IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS |                     \
     IORING_FEAT_FAST_POLL | IORING_FEAT_POLL_32BITS | IORING_FEAT_EXT_ARG)

/* Pooled buffers that the kernel is offered at first. */
#define FIRST_WANTED 64

/* What each level adds to the flags of the one before. */
static const uint32_t level_flags[BIDE__RING_LEVELS] = {
    [BIDE__RING_5_11] = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
    [BIDE__RING_5_18] = IORING_SETUP_SUBMIT_ALL,
    [BIDE__RING_5_19] = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    [BIDE__RING_6_0] = IORING_SETUP_SINGLE_ISSUER,
    [BIDE__RING_6_1] = IORING_SETUP_DEFER_TASKRUN,
    [BIDE__RING_6_6] = BIDE__SETUP_NO_SQARRAY,
};

/* ── Making and closing ───────────────────────────────────────────────── */

static int setup(struct io_uring_params *params, uint32_t entries,
                 enum bide__ring_level level)
{
    *params = (struct io_uring_params){.cq_entries = entries * 4};
    for (unsigned i = 0; i <= (unsigned)level; i++)
        params->flags |= level_flags[i];
    long fd = syscall(__NR_io_uring_setup, entries, params);
    return fd < 0 ? -errno : (int)fd;
}

static void *map(int fd, size_t len, off_t what)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_POPULATE, fd, what);
    return memory == MAP_FAILED ? NULL : memory;
}

/* The kernel says where in the mapping its counters are. */
static uint32_t *word_at(const struct bide__ring *ring, uint32_t offset)
{
    return (uint32_t *)(void *)((char *)ring->map + offset);
}

static void find_queues(struct bide__ring *ring,
                        const struct io_uring_params *params)
{
    ring->sq_head = word_at(ring, params->sq_off.head);
    ring->sq_tail_shared = word_at(ring, params->sq_off.tail);
    ring->sq_flags = word_at(ring, params->sq_off.flags);
    ring->sq_entries = params->sq_entries;
    ring->sq_tail = *ring->sq_tail_shared;
    ring->cq_head_shared = word_at(ring, params->cq_off.head);
    ring->cq_tail = word_at(ring, params->cq_off.tail);
    ring->cq_mask = params->cq_entries - 1;
    ring->cq_head = *ring->cq_head_shared;
    ring->cqes = (void *)((char *)ring->map + params->cq_off.cqes);
    /* Slots are used in turn, so the indirection is filled in once. */
    if (!(params->flags & BIDE__SETUP_NO_SQARRAY)) {
        uint32_t *array = word_at(ring, params->sq_off.array);
        for (uint32_t i = 0; i < params->sq_entries; i++)
            array[i] = i;
    }
}

static int map_queues(struct bide__ring *ring,
                      const struct io_uring_params *params)
{
    size_t sq_len = params->sq_off.array;
    if (!(params->flags & BIDE__SETUP_NO_SQARRAY))
        sq_len += params->sq_entries * sizeof(uint32_t);
    size_t cq_len = params->cq_off.cqes +
                    params->cq_entries * sizeof(struct io_uring_cqe);
    ring->map_len = sq_len > cq_len ? sq_len : cq_len;
    ring->sqes_len = params->sq_entries * sizeof(struct io_uring_sqe);
    ring->map = map(ring->fd, ring->map_len, IORING_OFF_SQ_RING);
    if (!ring->map)
        return -errno;
    ring->sqes = map(ring->fd, ring->sqes_len, IORING_OFF_SQES);
    if (!ring->sqes)
        return -errno;
    find_queues(ring, params);
    return 0;
}

int bide__ring_open(struct bide__ring *ring, uint32_t entries,
                    enum bide__ring_level most)
{
    struct io_uring_params params;
    int level = (int)most;
    int fd = setup(&params, entries, most);
    while (fd == -EINVAL && level > 0)
        fd = setup(&params, entries, (enum bide__ring_level)--level);
    if (fd < 0)
        return fd;
    *ring = (struct bide__ring){
        .fd = fd,
        .enter_fd = fd,
        .level = (enum bide__ring_level)level,
        .features = params.features,
    };
    int rc = -ENOSYS;
    if ((params.features & REQUIRED_FEATURES) == REQUIRED_FEATURES)
        rc = map_queues(ring, &params);
    if (rc < 0)
        bide__ring_close(ring, false);
    return rc;
}

void bide__ring_register_self(struct bide__ring *ring)
{
    struct io_uring_rsrc_update update = {
        .offset = UINT32_MAX, /* any free index */
        .data = (uint32_t)ring->fd,
    };
    if (bide__ring_register(ring, IORING_REGISTER_RING_FDS, &update, 1) != 1)
        return;
    ring->enter_fd = (int)update.offset;
    ring->enter_flags = IORING_ENTER_REGISTERED_RING;
}

/* A thread has few indices for rings: leaving one behind would use them up.
 * They are the thread's, so a child of fork has none to give back. */
static void unregister_self(struct bide__ring *ring)
{
    struct io_uring_rsrc_update update = {
        .offset = (uint32_t)ring->enter_fd,
    };
    if (!(ring->enter_flags & IORING_ENTER_REGISTERED_RING))
        return;
    bide__ring_register(ring, IORING_UNREGISTER_RING_FDS, &update, 1);
}

void bide__ring_close(struct bide__ring *ring, bool forked)
{
    if (!forked)
        unregister_self(ring);
    if (ring->sqes)
        munmap(ring->sqes, ring->sqes_len);
    if (ring->map)
        munmap(ring->map, ring->map_len);
    close(ring->fd);
    ring->sqes = NULL;
    ring->map = NULL;
    ring->fd = -1;
}

/* ── System calls ─────────────────────────────────────────────────────── */

int bide__ring_enter(struct bide__ring *ring, bool events, int64_t timeout_ns)
{
    uint32_t flags = ring->enter_flags | (events ? IORING_ENTER_GETEVENTS : 0);
    uint32_t pending = bide__ring_pending(ring);
    struct __kernel_timespec limit;
    struct io_uring_getevents_arg arg = {.ts = 0};
    void *extra = NULL;
    size_t extra_len = 0;
    if (timeout_ns > 0 && timeout_ns != BIDE_FOREVER) {
        limit.tv_sec = timeout_ns / 1000000000;
        limit.tv_nsec = timeout_ns % 1000000000;
        arg.ts = (uint64_t)(uintptr_t)&limit;
        extra = &arg;
        extra_len = sizeof arg;
        flags |= IORING_ENTER_EXT_ARG;
    }
    bide__ring_seen(ring);
    __atomic_store_n(ring->sq_tail_shared, ring->sq_tail, __ATOMIC_RELEASE);
    long rc = syscall(__NR_io_uring_enter, ring->enter_fd, pending,
                      timeout_ns > 0, flags, extra, extra_len);
    return rc < 0 ? -errno : (int)rc;
}

int bide__ring_register(struct bide__ring *ring, uint32_t opcode, void *arg,
                        uint32_t count)
{
    int fd = ring->fd;
    if ((ring->enter_flags & IORING_ENTER_REGISTERED_RING) &&
        (ring->features & BIDE__FEAT_REG_REG_RING)) {
        fd = ring->enter_fd;
        opcode |= BIDE__REGISTER_USE_REGISTERED_RING;
    }
    long rc = syscall(__NR_io_uring_register, fd, opcode, arg, count);
    return rc < 0 ? -errno : (int)rc;
}

/* ── Buffers ──────────────────────────────────────────────────────────── */

/* One mapping: the ring of free ones, then their memory. */
static bool map_buffers(struct bide__ring_buffers *buffers)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t ring_len = buffers->count * sizeof(struct io_uring_buf);
    ring_len = (ring_len + page - 1) / page * page;
    buffers->map_len = ring_len + (size_t)buffers->count * buffers->size;
    char *memory = mmap(NULL, buffers->map_len, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    /* A huge page would commit all buffers at the first touch of one. That
     * this fails where there are no huge pages is as good. */
    (void)madvise(memory, buffers->map_len, MADV_NOHUGEPAGE);
    buffers->ring = (struct io_uring_buf_ring *)(void *)memory;
    buffers->memory = memory + ring_len;
    return true;
}

int bide__ring_buffers_open(struct bide__ring_buffers *buffers, uint32_t count,
                            uint32_t size)
{
    *buffers = (struct bide__ring_buffers){
        .count = count,
        .size = size,
        .spare = bide__malloc(count * sizeof *buffers->spare),
        .kept = bide__calloc(count, sizeof *buffers->kept),
        .wanted = count < FIRST_WANTED ? count : FIRST_WANTED,
    };
    if (!buffers->spare || !buffers->kept || !map_buffers(buffers)) {
        bide__ring_buffers_close(buffers);
        return -ENOMEM;
    }
    bide__ring_buffers_reset(buffers);
    return 0;
}

void bide__ring_buffers_reset(struct bide__ring_buffers *buffers)
{
    buffers->ring->tail = 0;
    buffers->tail = 0;
    buffers->offered = 0;
    buffers->spare_count = 0;
    for (uint32_t id = buffers->count; id-- > 0;)
        if (!buffers->kept[id])
            bide__ring_buffer_free(buffers, id);
}

int bide__ring_buffers_register(struct bide__ring_buffers *buffers,
                                struct bide__ring *ring)
{
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)buffers->ring,
        .ring_entries = buffers->count,
    };
    int rc = bide__ring_register(ring, IORING_REGISTER_PBUF_RING,
                                 &registration, 1);
    if (rc == 0)
        bide__ring_buffers_offer(buffers);
    return rc;
}

void bide__ring_buffers_close(struct bide__ring_buffers *buffers)
{
    if (buffers->ring)
        munmap(buffers->ring, buffers->map_len);
    bide__free(buffers->spare);
    bide__free(buffers->kept);
    *buffers = (struct bide__ring_buffers){.ring = NULL};
}

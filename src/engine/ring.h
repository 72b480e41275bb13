/* SPDX-License-Identifier: MIT */
/*
 * ring.h — one io_uring: its memory, its system calls, its pool of buffers.
 *
 * Knows nothing of operations. What is on the hot path is inline: taking a
 * submission slot, looking at completions, giving a buffer back.
 *
 *   sqes   [ taken by the kernel | filled by us      | free … ]
 *                           *sq_head            sq_tail
 *   cqes   [ seen by us      | written by the kernel | free … ]
 *                      cq_head                 *cq_tail
 *
 * The counters run freely and are masked on use. Ours (sq_tail, cq_head) are
 * plain numbers that become visible to the kernel by bide__ring_enter() and
 * bide__ring_seen(): until then the slots can be filled without any ordering.
 */
#ifndef BIDE_SRC_ENGINE_RING_H
#define BIDE_SRC_ENGINE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "engine/uring_abi.h"

/* What io_uring_setup(2) may be asked for, by the kernel that brought it: each
 * step includes those before it. A step also stands for what came with that
 * kernel and cannot be asked for by itself, such as multishot receives. */
enum bide__ring_level {
    BIDE__RING_5_11 = 0, /* waiting with a timeout: the least we accept */
    BIDE__RING_5_18,     /* a wrong request does not stop the following */
    BIDE__RING_5_19,     /* no interrupts for task work; multishot accept */
    BIDE__RING_6_0,      /* one thread submits; multishot receive */
    BIDE__RING_6_1,      /* task work only when we ask for it */
    BIDE__RING_6_6,      /* no indirection between queue and slots */
    BIDE__RING_LEVELS
};

struct bide__ring {
    /* Submission. */
    struct io_uring_sqe *sqes;
    uint32_t sq_tail;        /* the next slot to fill */
    uint32_t sq_entries;     /* a power of two */
    const uint32_t *sq_head; /* the kernel's: slots it has taken */
    const uint32_t *sq_flags;

    /* Completion. */
    const struct io_uring_cqe *cqes;
    uint32_t cq_head;        /* the next one to look at */
    uint32_t cq_mask;
    const uint32_t *cq_tail; /* the kernel's: what it has written */

    uint32_t *sq_tail_shared; /* where we tell the kernel */
    uint32_t *cq_head_shared;
    int enter_fd;             /* the descriptor, or its registered index */
    uint32_t enter_flags;     /* which of the two */

    int fd;
    enum bide__ring_level level;
    uint32_t features; /* IORING_FEAT_ */
    void *map;         /* both queues */
    size_t map_len;
    size_t sqes_len;
};

/*
 * Buffers of one size that the kernel picks from by itself: the ring of free
 * ones, and their memory, in one mapping. Pages come into being when first
 * used. Where the kernel cannot, all stay on our stack of free ones.
 *
 * The kernel takes the oldest of the ring. If all free ones lay there, each
 * would be used in turn and none found in the cache; so the ring holds only
 * as many as a turn needs (`wanted`), and the rest wait on a stack, the last
 * one used on top.
 */
struct bide__ring_buffers {
    struct io_uring_buf_ring *ring; /* NULL: there are no buffers */
    char *memory;
    uint32_t count; /* a power of two */
    uint32_t size;  /* bytes of each */
    uint16_t tail;  /* ours: where the next free one goes */
    uint16_t *spare; /* the stack of free ones outside the ring */
    uint32_t spare_count;
    uint32_t offered; /* in the ring, for the kernel to take */
    uint32_t wanted;  /* how many there should be */
    bool *kept;       /* by number: a receiver has it, perhaps for long */
    size_t map_len;
};

/*
 * Make a ring with at least `entries` slots and four times as many results,
 * of the highest level up to `most` that the kernel takes. Returns 0 or a
 * negative errno and holds nothing then.
 */
int bide__ring_open(struct bide__ring *ring, uint32_t entries,
                    enum bide__ring_level most);

/* Enter the ring by an index from now on, which saves looking the descriptor
 * up at each call. Stays as it is where the kernel cannot. */
void bide__ring_register_self(struct bide__ring *ring);

/* Give everything back. In a child of fork `forked` leaves alone what belongs
 * to the parent's thread. */
void bide__ring_close(struct bide__ring *ring, bool forked);

/*
 * Hand over all filled slots; if `events`, let the kernel also post what has
 * completed; and if timeout_ns is not 0, wait until at least one completion is
 * there. BIDE_FOREVER waits without limit. Returns how many slots it took, or
 * a negative errno: -ETIME and -EINTR if the wait ended so and none was taken.
 */
int bide__ring_enter(struct bide__ring *ring, bool events, int64_t timeout_ns);

/* io_uring_register(2). */
int bide__ring_register(struct bide__ring *ring, uint32_t opcode, void *arg,
                        uint32_t count);

/* Make `count` buffers of `size` bytes. Returns 0 or -ENOMEM, and holds
 * nothing then. */
int bide__ring_buffers_open(struct bide__ring_buffers *buffers, uint32_t count,
                            uint32_t size);

/* All that are not kept are free again: a child of fork has a new ring. */
void bide__ring_buffers_reset(struct bide__ring_buffers *buffers);

/* Let a ring pick from them, as its group 0. Returns 0 or a negative errno. */
int bide__ring_buffers_register(struct bide__ring_buffers *buffers,
                                struct bide__ring *ring);

/* Release their memory. The ring must be closed. */
void bide__ring_buffers_close(struct bide__ring_buffers *buffers);

/* Slots that are filled and not yet taken by the kernel. */
static inline uint32_t bide__ring_pending(const struct bide__ring *ring)
{
    return ring->sq_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/* The next free slot, to be filled wholly before the next enter; NULL if the
 * queue is full. */
static inline struct io_uring_sqe *bide__ring_slot(struct bide__ring *ring)
{
    if (BIDE__UNLIKELY(bide__ring_pending(ring) >= ring->sq_entries))
        return NULL;
    return &ring->sqes[ring->sq_tail++ & (ring->sq_entries - 1)];
}

/* Completions that have not been looked at. */
static inline uint32_t bide__ring_ready(const struct bide__ring *ring)
{
    return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - ring->cq_head;
}

static inline uint32_t bide__ring_flags(const struct bide__ring *ring)
{
    return __atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED);
}

/* Let the kernel reuse the room of completions that were looked at. */
static inline void bide__ring_seen(struct bide__ring *ring)
{
    __atomic_store_n(ring->cq_head_shared, ring->cq_head, __ATOMIC_RELEASE);
}

static inline char *bide__ring_buffer(const struct bide__ring_buffers *buffers,
                                      uint32_t id)
{
    return buffers->memory + (size_t)id * buffers->size;
}

/* Take a free one ourselves; there must be one outside the ring. */
static inline uint32_t
bide__ring_buffer_take(struct bide__ring_buffers *buffers)
{
    BIDE__ASSERT(buffers->spare_count > 0);
    return buffers->spare[--buffers->spare_count];
}

/* Give a buffer back that was taken, or kept. */
static inline void bide__ring_buffer_free(struct bide__ring_buffers *buffers,
                                          uint32_t id)
{
    buffers->kept[id] = false;
    buffers->spare[buffers->spare_count++] = (uint16_t)id;
}

/* The kernel has taken one. */
static inline void bide__ring_buffer_taken(struct bide__ring_buffers *buffers)
{
    buffers->offered--;
}

/* Offer as many as are wanted. `resv` of the ring's first entry is its tail
 * and must not be written. */
static inline void bide__ring_buffers_offer(struct bide__ring_buffers *buffers)
{
    while (buffers->offered < buffers->wanted && buffers->spare_count > 0) {
        uint16_t id = buffers->spare[--buffers->spare_count];
        struct io_uring_buf *entry =
            &buffers->ring->bufs[buffers->tail++ & (buffers->count - 1)];
        entry->addr = (uint64_t)(uintptr_t)bide__ring_buffer(buffers, id);
        entry->len = buffers->size;
        entry->bid = id;
        buffers->offered++;
    }
    __atomic_store_n(&buffers->ring->tail, buffers->tail, __ATOMIC_RELEASE);
}

/* A turn is over: offer again what was taken, and more from now on if the
 * kernel came close to the last one. */
static inline void
bide__ring_buffers_publish(struct bide__ring_buffers *buffers)
{
    if (buffers->offered < buffers->wanted / 4 &&
        buffers->wanted < buffers->count)
        buffers->wanted *= 2;
    bide__ring_buffers_offer(buffers);
}

/* The kernel ran out: offer twice as many at once. Returns false if it had
 * been offered all that are free. */
static inline bool bide__ring_buffers_grow(struct bide__ring_buffers *buffers)
{
    if (buffers->spare_count == 0 || buffers->wanted >= buffers->count)
        return false;
    buffers->wanted *= 2;
    bide__ring_buffers_offer(buffers);
    return true;
}

#endif

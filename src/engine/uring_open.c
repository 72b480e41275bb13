/* SPDX-License-Identifier: MIT */
/*
 * uring_open.c — making the backend, and with which of the kernel's features.
 *
 * Two standards. Chosen by default, the ring must be as good as it gets for
 * sockets: task work that waits for us (6.1), multishot accept and receive,
 * buffers that the kernel picks. Without the first, epoll is faster. Asked
 * for by name, any kernel since 5.11 will do, and what it lacks is made up
 * for: multishot operations are started again and again, pooled receives
 * wait for readiness and pick their buffers here.
 *
 * To test that on a newer kernel, the environment variable
 * BIDE_URING_WITHOUT holds back features by name, separated by commas:
 *
 *   no_sqarray defer_taskrun single_issuer coop_taskrun submit_all
 *                     act as a kernel from before that setup flag, and so
 *                     without what came along with it (enum bide__ring_level)
 *   registered_ring   enter by descriptor
 *   buffer_ring       as if registering one failed; needs a wish by name
 *   fixed_files       as before 6.14: no table of descriptors
 *   cqe_skip          closes and cancellations post results
 *   file_ops          open, statx, fsync and close unknown: they go to the
 *                     pool
 *   flush             a full queue stays full until the next poll
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "engine/uring.h"

/* ── What is held back ────────────────────────────────────────────────── */

static const struct {
    const char *name;
    uint32_t without;            /* enum bide__uring_feature, or */
    enum bide__ring_level below; /* the level that needs it, if not 0 */
} features[] = {
    {"no_sqarray", 0, BIDE__RING_6_6},
    {"defer_taskrun", 0, BIDE__RING_6_1},
    {"single_issuer", 0, BIDE__RING_6_0},
    {"coop_taskrun", 0, BIDE__RING_5_19},
    {"submit_all", 0, BIDE__RING_5_18},
    {"registered_ring", BIDE__URING_REGISTERED_RING, 0},
    {"buffer_ring", BIDE__URING_BUFFER_RING, 0},
    {"fixed_files", BIDE__URING_FIXED_FILES, 0},
    {"cqe_skip", BIDE__URING_CQE_SKIP, 0},
    {"file_ops", BIDE__URING_FILE_OPS, 0},
    {"flush", BIDE__URING_FLUSH, 0},
};

static int hold_back(const char *name, size_t len, uint32_t *without,
                     enum bide__ring_level *most)
{
    for (size_t i = 0; i < BIDE__COUNT(features); i++) {
        if (strlen(features[i].name) != len ||
            memcmp(features[i].name, name, len) != 0)
            continue;
        *without |= features[i].without;
        if (features[i].below && *most >= features[i].below)
            *most = (enum bide__ring_level)(features[i].below - 1);
        return 0;
    }
    return bide_raise(-EINVAL, "BIDE_URING_WITHOUT names '%.*s', unknown",
                      (int)len, name);
}

static int read_without(uint32_t *without, enum bide__ring_level *most)
{
    const char *text = getenv("BIDE_URING_WITHOUT");
    *without = 0;
    *most = BIDE__RING_LEVELS - 1;
    while (text && *text) {
        size_t len = strcspn(text, ",");
        int rc = len ? hold_back(text, len, without, most) : 0;
        if (rc < 0)
            return rc;
        text += len + (text[len] == ',');
    }
    return 0;
}

/* ── What the kernel has ──────────────────────────────────────────────── */

/* Operations that plain calls on a thread can stand in for. */
#define POOLABLE                                                              \
    (1u << BIDE_OP_OPENAT | 1u << BIDE_OP_STATX | 1u << BIDE_OP_FSYNC |       \
     1u << BIDE_OP_CLOSE)

/* Those that never go into the ring. */
#define NEVER_IN_RING                                                         \
    (1u << BIDE_OP_NOP | 1u << BIDE_OP_SHUTDOWN | 1u << BIDE_OP_WORK)

/* Ask which opcodes there are and set u->special. Returns -ENOSYS if one is
 * missing that nothing can stand in for. */
static int probe_opcodes(struct bide__uring *u)
{
    enum { OPS = 64 };
    union {
        struct io_uring_probe probe;
        char room[sizeof(struct io_uring_probe) +
                  OPS * sizeof(struct io_uring_probe_op)];
    } answer;
    memset(&answer, 0, sizeof answer);
    int rc = bide__ring_register(&u->ring, IORING_REGISTER_PROBE, &answer, OPS);
    if (rc < 0)
        return rc;
    u->special = NEVER_IN_RING;
    for (unsigned code = 0; code < BIDE_OP_MAX_; code++) {
        unsigned opcode = bide__uring_opcodes[code];
        bool known = opcode < answer.probe.ops_len &&
                     (answer.probe.ops[opcode].flags & IO_URING_OP_SUPPORTED);
        if (!known)
            u->special |= 1u << code;
    }
    if (u->without & BIDE__URING_FILE_OPS)
        u->special |= POOLABLE;
    return u->special & ~(POOLABLE | NEVER_IN_RING) ? -ENOSYS : 0;
}

/* Buffers for RECV_MULTI, picked by the kernel or by us. A child of fork has
 * those of its parent, of which some may be kept. */
static int open_buffers(struct bide__uring *u,
                        const bide_engine_options *options)
{
    int rc = 0;
    if (u->buffers.ring)
        bide__ring_buffers_reset(&u->buffers);
    else
        rc = bide__ring_buffers_open(&u->buffers, options->buffer_count,
                                     options->buffer_size);
    if (rc < 0)
        return rc;
    u->multishot_recv = u->ring.level >= BIDE__RING_6_0 &&
                        !(u->without & BIDE__URING_BUFFER_RING) &&
                        !bide__ring_buffers_register(&u->buffers, &u->ring);
    if (!u->multishot_recv)
        u->special |= 1u << BIDE_OP_RECV_MULTI;
    return 0;
}

/* ── Opening ──────────────────────────────────────────────────────────── */

/* Make what a fork does not share. On failure, the ring is closed again. */
static int open_ring(struct bide__uring *u, const bide_engine_options *options)
{
    enum bide__ring_level most;
    int rc = read_without(&u->without, &most);
    if (rc == 0)
        rc = bide__ring_open(&u->ring, options->ring_entries, most);
    if (rc < 0)
        return rc;
    if (!(u->without & BIDE__URING_REGISTERED_RING))
        bide__ring_register_self(&u->ring);
    u->quiet = (u->ring.features & IORING_FEAT_CQE_SKIP) &&
                       !(u->without & BIDE__URING_CQE_SKIP)
                   ? IOSQE_CQE_SKIP_SUCCESS
                   : 0;
    u->multishot_accept = u->ring.level >= BIDE__RING_5_19;
    u->multishot_poll = u->ring.features & IORING_FEAT_RSRC_TAGS;
    u->wake_watched = false;
    u->parked.prev = u->parked.next = &u->parked;
    bide__uring_files_init(u);
    rc = probe_opcodes(u);
    if (rc == 0)
        rc = open_buffers(u, options);
    u->wake_fd = rc < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rc == 0 && u->wake_fd < 0)
        rc = -errno;
    if (rc < 0)
        bide__ring_close(&u->ring, false);
    return rc;
}

static void close_ring(struct bide__uring *u, bool forked)
{
    bide__uring_host_close(u);
    close(u->wake_fd);
    bide__ring_close(&u->ring, forked);
}

static void free_state(struct bide__uring *u)
{
    bide__uring_files_free(u);
    bide__ring_buffers_close(&u->buffers);
    bide__free(u);
}

/* Close by hand what will not be closed by the ring. */
static void close_left_over(struct bide__uring *u)
{
    for (uint32_t i = 0; i < u->closing_count; i++)
        close(u->closing[i].fd);
    u->closing_count = 0;
}

static bool wished_by_name(const bide_engine_options *options)
{
    const char *name = options->backend;
    if (!name || !*name)
        name = getenv("BIDE_BACKEND");
    return name && *name;
}

int bide__uring_open(bide_engine *engine)
{
    struct bide__uring *u = bide__calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    u->epoch = 1;
    u->host_fd = -1;
    u->host_event = -1;
    int rc = open_ring(u, &engine->options);
    if (rc < 0) {
        free_state(u);
        return rc;
    }
    u->closing = bide__calloc(u->ring.sq_entries, sizeof *u->closing);
    if (!u->closing)
        rc = -ENOMEM;
    else if (!wished_by_name(&engine->options) &&
             (u->ring.level < BIDE__RING_6_1 || !u->multishot_recv))
        rc = -ENOSYS;
    if (rc < 0) {
        close_ring(u, false);
        free_state(u);
        return rc;
    }
    engine->state = u;
    return 0;
}

void bide__uring_close(bide_engine *engine)
{
    struct bide__uring *u = engine->state;
    /* Descriptors may be waiting in the queue to be closed. */
    if (u->ring.fd >= 0 && bide__ring_pending(&u->ring) > 0)
        (void)bide__uring_enter(u, false, 0);
    close_left_over(u);
    close_ring(u, false);
    free_state(u);
    engine->state = NULL;
}

int bide__uring_after_fork(bide_engine *engine)
{
    struct bide__uring *u = engine->state;
    /* The queue is shared with the parent, who has its closes executed; the
     * copies of the descriptors are ours. */
    close_left_over(u);
    close_ring(u, true);
    u->epoch++;
    return open_ring(u, &engine->options);
}

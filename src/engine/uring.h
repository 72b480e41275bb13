/* SPDX-License-Identifier: MIT */
/*
 * uring.h — the state of the uring backend, shared by its files:
 * uring_start.c (into the ring), uring.c (out of it), uring_files.c (registered
 * descriptors), uring_host.c (for a host's loop) and uring_open.c (making,
 * forking, ending).
 */
#ifndef BIDE_SRC_ENGINE_URING_H
#define BIDE_SRC_ENGINE_URING_H

#include "engine/engine.h"
#include "engine/ring.h"

/* The registered descriptors: which slots of the kernel's table are free. */
struct bide__uring_slots {
    int32_t *next;   /* links of the two lists, by slot */
    int32_t count;   /* how many there are; 0: not registered */
    int32_t fresh;   /* from here on, none was ever used */
    int32_t free;    /* list: to be used again, -1 at its end */
    int32_t leaving; /* list: release is queued, not yet executed */
    int32_t leaving_last;
};

struct bide__uring {
    struct bide__ring ring;
    struct bide__ring_buffers buffers; /* for RECV_MULTI */

    /* Whose slot is valid: bide_fd.generation equals this. Never 0; a fork
     * counts it up, which makes all slots of the parent invalid at once. */
    uint32_t epoch;
    uint32_t promote_after; /* uses that make a descriptor worth a slot */
    struct bide__uring_slots slots;

    /* Descriptors whose close is queued and not yet executed: a forked child
     * has to close its copies by hand. At most one a submission slot. */
    struct bide__uring_closing {
        int fd;
        uint32_t at; /* the position of its slot in the queue */
    } *closing;
    uint32_t closing_count;
    bool unsettled; /* something is in `closing` or in slots.leaving */

    /* Operations that found no slot of the ring, oldest first: state WAITING
     * if they have to be started, CANCELLING if only their cancellation is
     * missing. A circular list through prev and next; elsewhere prev is
     * NULL. */
    bide_op parked;

    uint32_t special; /* operations that do not simply go into the ring: bits */
    uint8_t quiet;    /* IOSQE_CQE_SKIP_SUCCESS where the kernel has it */
    bool multishot_accept;
    bool multishot_recv;
    bool multishot_poll;
    bool wake_watched; /* the ring polls wake_fd */
    bool hosted;       /* another loop waits for what we have */
    int wake_fd;
    int host_fd;    /* what it waits on, if not the ring itself, or -1 */
    int host_event; /* signalled by the ring, in host_fd; or -1 */
    uint32_t without; /* enum bide__uring_feature: what is left unused */
};

/* What the environment variable BIDE_URING_WITHOUT can turn off. */
enum bide__uring_feature {
    BIDE__URING_REGISTERED_RING = 1u << 0,
    BIDE__URING_BUFFER_RING = 1u << 1,
    BIDE__URING_FIXED_FILES = 1u << 2,
    BIDE__URING_CQE_SKIP = 1u << 3,
    BIDE__URING_FILE_OPS = 1u << 4,
    BIDE__URING_FLUSH = 1u << 5,
};

/* The opcode of the ring for each one of the engine's. */
extern const uint8_t bide__uring_opcodes[BIDE_OP_MAX_];

/* What completions that are no operation carry as user data: an operation's
 * is its address, which is greater. */
enum { BIDE__URING_IGNORED = 0, BIDE__URING_WAKE = 1 };

/* In bide_op.flags while in the ring: this is the wait for readiness before
 * the operation itself. */
#define BIDE__URING_POLLED 0x8000u

/* The kernel takes the 32 bits as two halves, low one first. */
static inline uint32_t bide__uring_poll_bits(uint32_t events)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return events << 16 | events >> 16;
#else
    return events;
#endif
}

/* ── uring_start.c ────────────────────────────────────────────────────── */

/* A slot of the ring; NULL if it is full and cannot be flushed. */
struct io_uring_sqe *bide__uring_slot(struct bide__uring *u);

/* Enter the ring and note what has been executed thereby. */
int bide__uring_enter(struct bide__uring *u, bool events, int64_t timeout_ns);

/* Put an operation into the ring, or park it. */
void bide__uring_start(struct bide__uring *u, bide_op *op);

/* The same, to wait first until its descriptor has one of these events. */
void bide__uring_start_polled(struct bide__uring *u, bide_op *op,
                              uint32_t events);

/* Put in what is parked. Returns whether all has found room. */
bool bide__uring_start_parked(struct bide__uring *u);
void bide__uring_unpark(bide_op *op);

/* Bytes of a SENDMSG. */
uint64_t bide__uring_message_len(const bide_op *op);

/* The backend's submit and cancel. */
bool bide__uring_submit(bide_engine *engine, bide_op *op);
void bide__uring_cancel(bide_engine *engine, bide_op *op);

/* ── uring_files.c ────────────────────────────────────────────────────── */

/* A descriptor has been used often: put it into the table if there is room,
 * which sets file->slot and file->generation. */
void bide__uring_promote(struct bide__uring *u, bide_fd *file);

/* The backend's detach. */
void bide__uring_detach(bide_engine *engine, bide_fd *file, bool close_it);

/* The kernel has taken some of the queue: forget those descriptors and slots
 * on their way out that are gone by now. */
void bide__uring_settle(struct bide__uring *u);

/* Start or forget the bookkeeping of slots. */
void bide__uring_files_init(struct bide__uring *u);
void bide__uring_files_free(struct bide__uring *u);

/* ── uring_host.c ─────────────────────────────────────────────────────── */

/* A descriptor that polls readable when the ring has something; -1 if there
 * is none to be had. Stays until _close. */
int bide__uring_host_open(struct bide__uring *u);
void bide__uring_host_close(struct bide__uring *u);

/* Before results are taken, and after. */
void bide__uring_host_clear(struct bide__uring *u);
void bide__uring_host_settle(struct bide__uring *u);

/* ── uring_open.c ─────────────────────────────────────────────────────── */

/* The backend's open, close and after_fork. */
int bide__uring_open(bide_engine *engine);
void bide__uring_close(bide_engine *engine);
int bide__uring_after_fork(bide_engine *engine);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * epoll.h — the state of the epoll backend, which sim uses, too.
 *
 * What is known of a descriptor lies in a slot, found by the descriptor's
 * number and shared by all that attached it:
 *
 *     event {generation, number} ──► slots[number] ──► active ──► serve
 *                                       reads, writes, polls: operations
 *
 * An event carries a number and a generation, never an address. So one that
 * comes late (the number was reused, or another process keeps the description
 * of a closed one alive) is noticed and dropped. A slot stays where it is
 * until the engine ends; what a callback does to the descriptor meanwhile can
 * change its content, but not make a pointer to it stale.
 *
 * epoll_set.c keeps the slots and waits; epoll.c runs the operations.
 */
#ifndef BIDE_SRC_ENGINE_EPOLL_H
#define BIDE_SRC_ENGINE_EPOLL_H

#include <bide/engine.h>
#include <sys/epoll.h>

#include "base/list.h"

/* Events taken from the kernel at once; more stay there for the next wait. Not
 * many, so that what is received for one batch is still in the cache when the
 * tasks that it wakes look at it: 256 cost 500 busy connections a fifth. */
#define BIDE__EPOLL_EVENTS 64

/* What is believed of a descriptor. An operation is tried when its bit is
 * set; EAGAIN clears it, an event sets it. */
enum {
    BIDE__READABLE = 1,
    BIDE__WRITABLE = 2,
    BIDE__UNSURE = 4 /* an end, an error or urgent data was reported: a short
                        read no longer proves that nothing is left */
};

enum bide__transport {
    BIDE__TRANSPORT_UNKNOWN = 0,
    BIDE__TRANSPORT_TCP, /* a short read has taken all there was */
    BIDE__TRANSPORT_OTHER
};

struct bide__slot {
    bide_op *reads;           /* wait for input: queues of oplist.h */
    bide_op *writes;          /* wait for room, or to be connected */
    bide_op *polls;           /* POLL and POLL_MULTI */
    struct bide__link active; /* among the slots to serve next */
    struct bide__link hot;    /* among those a POLL_MULTI found ready */
    int fd;
    uint32_t generation; /* changes when the number changes its meaning */
    uint32_t attached;   /* how many bide_fd name it */
    uint32_t bits;       /* of poll(2), for the polls; 0 unless active */
    uint8_t readiness;
    uint8_t transport;
    bool registered; /* in the epoll set, edge-triggered, for good */
};

struct bide__epoll_state {
    int fd;                    /* the epoll set */
    int wake_fd;               /* an eventfd in it */
    struct bide__slot **slots; /* by number; NULL for those never seen */
    size_t slots_len;
    struct bide__link active;
    struct bide__link hot;
    uint32_t turn;      /* counts calls of serve: none serves a poll twice */
    bool hosted;        /* somebody else's loop watches the epoll set */
    bool no_pwait2;     /* the kernel lacks epoll_pwait2(2) */
    char *buffer;       /* of RECV_MULTI; allocated when first needed */
    int64_t virtual_ns; /* the clock of sim */
    struct epoll_event events[BIDE__EPOLL_EVENTS];
};

/* ── epoll_set.c: slots, registration, waiting ────────────────────────── */

/* The slot of an attached descriptor; NULL if it is detached, or somebody has
 * closed it by another bide_fd of the same number. */
struct bide__slot *bide__slot_of(const struct bide__epoll_state *state,
                                 const bide_fd *file);

/* Have events of a slot reported from now on; one comes at once for what is
 * ready already. Returns 0 or a negative errno: -EPERM for what cannot be
 * polled, such as regular files. */
int bide__slot_register(struct bide__epoll_state *state,
                        struct bide__slot *slot);

/* Have a slot served by the next call of bide__epoll_serve(). */
void bide__slot_activate(struct bide__epoll_state *state,
                         struct bide__slot *slot);

/* What poll(2) says of a descriptor now. */
uint32_t bide__poll_now(int fd);

/* The bits of those that an operation POLL or POLL_MULTI reports. */
uint32_t bide__poll_match(const bide_op *op, uint32_t bits);

/* Wait for events and put their slots on the active list. Returns 0 or a
 * negative errno. */
int bide__epoll_collect(bide_engine *engine, int64_t timeout_ns);

int bide__epoll_open(bide_engine *engine);
void bide__epoll_close(bide_engine *engine);
void bide__epoll_wake(bide_engine *engine);
int bide__epoll_attach(bide_engine *engine, bide_fd *file);
void bide__epoll_detach(bide_engine *engine, bide_fd *file, bool close_it);
int bide__epoll_fileno(const bide_engine *engine);
int bide__epoll_after_fork(bide_engine *engine);

/* ── epoll.c: operations ──────────────────────────────────────────────── */

bool bide__epoll_submit(bide_engine *engine, bide_op *op);
void bide__epoll_cancel(bide_engine *engine, bide_op *op);

/* Serve the active list. Returns how many deliveries were made. */
int bide__epoll_serve(bide_engine *engine);

#endif

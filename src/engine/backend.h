/* SPDX-License-Identifier: MIT */
/*
 * backend.h — the contract between the engine and what talks to the kernel.
 *
 * uring.c, epoll.c and sim.c each fill one struct bide__backend; nothing else
 * in the library knows which one runs. All must give the same results for the
 * same operations, down to the errno. A simulated network would be a fourth:
 * everything that touches a descriptor passes through `submit`, `cancel`,
 * `attach` and `detach`, and time through `clock` and `poll`.
 *
 * Who calls: the engine's thread alone, except `wake`.
 * docs/internals/engine.md shows how the backends divide their work.
 */
#ifndef BIDE_SRC_ENGINE_BACKEND_H
#define BIDE_SRC_ENGINE_BACKEND_H

#include <bide/engine.h>

/* The states of an operation; bide__op_move() asserts the transitions. */
enum bide__op_state {
    BIDE__OP_IDLE = 0,  /* the caller's: not submitted, or completed */
    BIDE__OP_WAITING,   /* epoll: parked on its descriptor */
    BIDE__OP_KERNEL,    /* uring: in the ring */
    BIDE__OP_QUEUED,    /* pool: waiting for a thread, or on one */
    BIDE__OP_FINISHED,  /* result is set, done not yet called */
    BIDE__OP_CANCELLING /* uring: in the ring, cancellation asked for */
};

struct bide__backend {
    const char *name;

    /* What streams may count on: RECV_MULTI costs less than RECV, because
     * the kernel picks the buffer. Otherwise RECV into the caller's buffer is
     * tried at once and costs less. */
    bool prefers_multishot;

    /*
     * Allocate and set engine->state. Pre: engine->options is complete.
     * Post: 0, or a negative errno and nothing is held. -ENOSYS, -EPERM,
     * -EACCES and -EINVAL mean "not on this kernel": another is tried.
     */
    int (*open)(bide_engine *engine);

    /* Release everything. Pre: no operation is in flight. */
    void (*close)(bide_engine *engine);

    /*
     * Start an operation (not BIDE_OP_WORK, which the engine gives to the
     * pool). Post: true with op->result set, state IDLE, done not called; or
     * false, and exactly one bide__engine_deliver() without MORE will follow,
     * from `poll`.
     * May not call done. Never fails otherwise: lack of room is the
     * backend's to resolve, -ENOMEM is a result.
     */
    bool (*submit)(bide_engine *engine, bide_op *op);

    /* Ask for the end of an operation that is in flight here. Post: its
     * final delivery will follow from `poll`. May not call done. */
    void (*cancel)(bide_engine *engine, bide_op *op);

    /*
     * Hand over what was submitted, wait until something completes, `wake`
     * was called or timeout_ns (BIDE_FOREVER: no limit) has passed, deliver
     * every completion by bide__engine_deliver(). When it will block, calls
     * bide__engine_before_block() and bide__engine_after_block() around the
     * wait. Returns the number of deliveries or a negative errno; EINTR is 0.
     * `sim` advances its clock instead of waiting for a timer.
     */
    int (*poll)(bide_engine *engine, int64_t timeout_ns);

    /* End a `poll` that waits, or the next one. Any thread, also a signal
     * handler. The engine coalesces: at most one call between two polls. */
    void (*wake)(bide_engine *engine);

    /* A descriptor comes into use; may set the private fields of file.
     * Returns 0 or a negative errno. */
    int (*attach)(bide_engine *engine, bide_fd *file);

    /* It goes out of use; if `close_it`, it is closed, too (at the latest
     * when the next poll hands over submissions). The memory of file is the
     * caller's again at once. Pre: no operation on it is in flight. */
    void (*detach)(bide_engine *engine, bide_fd *file, bool close_it);

    /* A pooled buffer that was kept (engine->keeping) is free again. NULL if
     * none can be kept. */
    void (*give_back)(bide_engine *engine, void *buffer);

    /* A descriptor that polls readable when `poll` would deliver. */
    int (*fileno)(const bide_engine *engine);

    /* Nanoseconds: CLOCK_MONOTONIC, or virtual. */
    int64_t (*clock)(const bide_engine *engine);

    /* In a child of fork: forget what is in flight, renew descriptors. */
    int (*after_fork)(bide_engine *engine);
};

extern const struct bide__backend bide__uring;
extern const struct bide__backend bide__epoll;
extern const struct bide__backend bide__sim;

#endif

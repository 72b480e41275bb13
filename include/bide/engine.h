/* SPDX-License-Identifier: MIT */
/*
 * <bide/engine.h> — the engine: completions, timers and a ready queue.
 *
 * The layer under the coroutines, and the one to build another runtime on. It
 * knows nothing of tasks or stacks: everything it reports, it reports by
 * calling a function that you gave it. One engine belongs to one thread.
 *
 *     bide_engine_submit(engine, &op) ──► kernel or pool ──► op.done(&op)
 *     bide_engine_timer_set(engine, &timer, when) ─────────► timer.fire(&timer)
 *     bide_engine_ready(engine, &ready) ───────────────────► ready.run(&ready)
 *     bide_engine_post(engine, &post)  (any thread) ───────► post.run(&post)
 *
 * Operations, timers, ready items and posts are memory of the caller:
 * handing one over allocates nothing, and it must stay where it is until its
 * function has been called or it was cleared. The engine is driven step by
 * step, so that a host decides what happens between the steps:
 *
 *     for (;;) {
 *         bide_engine_run(engine);              // what is ready
 *         bide_engine_poll(engine, BIDE_FOREVER); // wait, then deliver
 *     }
 *
 * Three backends stand behind it, chosen when the engine is made: `uring`,
 * `epoll`, and `sim` with virtual time and a seeded schedule. All deliver the
 * same results.
 */
#ifndef BIDE_ENGINE_H
#define BIDE_ENGINE_H

#include <bide/base.h>

struct iovec;
struct msghdr;
struct sockaddr;
struct statx;

BIDE_BEGIN

typedef struct bide_engine bide_engine;
typedef struct bide_ready bide_ready;
typedef struct bide_timer bide_timer;
typedef struct bide_post bide_post;
typedef struct bide_fd bide_fd;
typedef struct bide_op bide_op;
typedef struct bide_pool bide_pool;

/* As a timeout: no limit. As a deadline: never. */
#define BIDE_FOREVER INT64_MAX

/* ── The objects that callers own ─────────────────────────────────────── */

/* Something to run in this or the next turn. In the queue at most once. */
struct bide_ready {
    bide_ready *next; /* private: the queue */
    void (*run)(bide_ready *ready);
};

/* Something to run at a time. Zeroed but for `fire` is its initial state. */
struct bide_timer {
    void (*fire)(bide_timer *timer);
    int64_t deadline_ns;   /* of the engine's clock */
    uint64_t order;        /* private: equal deadlines fire as they were set */
    bide_timer *prev;      /* private: wheel slot or heap */
    bide_timer *next;      /* private */
    bide_timer *child;     /* private */
    uint32_t place;        /* private: 0 is not set */
};

/* Something to run on the engine's thread, sent from any other. */
struct bide_post {
    bide_post *next; /* private */
    void (*run)(bide_post *post);
};

/* A descriptor that operations work on. Initialise by bide_engine_attach(). */
struct bide_fd {
    int fd;              /* the descriptor; -1 when not attached */
    uint32_t kind;       /* enum bide_fd_kind */
    int32_t slot;        /* private: uring, index of the fixed file or -1 */
    uint32_t uses;       /* private: operations so far, up to promotion */
    uint32_t generation; /* private: tells a reused number apart */
};

enum bide_fd_kind {
    BIDE_FD_STREAM = 0, /* socket, pipe, terminal: can be polled. Is made
                           non-blocking by bide_engine_attach() */
    BIDE_FD_FILE = 1,   /* regular file, block device, directory: always
                           ready; calls may block and go to the pool where
                           the kernel has no asynchronous ones */
    BIDE_FD_FOREIGN = 2 /* as STREAM, but its flags are left alone: only
                           BIDE_OP_POLL may be used on it */
};

enum bide_opcode {
    BIDE_OP_NOP = 0,
    BIDE_OP_ACCEPT,       /* one connection: result is the descriptor */
    BIDE_OP_ACCEPT_MULTI, /* connections until cancelled */
    BIDE_OP_CONNECT,
    BIDE_OP_RECV,         /* into the caller's buffer */
    BIDE_OP_RECV_MULTI,   /* into pooled buffers until cancelled or end */
    BIDE_OP_SEND,         /* all bytes, but for an error */
    BIDE_OP_RECVMSG,
    BIDE_OP_SENDMSG,      /* all bytes of a stream; one datagram */
    BIDE_OP_READ,         /* STREAM or FILE; offset -1 is the position */
    BIDE_OP_WRITE,
    BIDE_OP_READV,
    BIDE_OP_WRITEV,
    BIDE_OP_POLL,         /* one readiness event: result is poll(2)'s bits */
    BIDE_OP_POLL_MULTI,   /* readiness events until cancelled */
    BIDE_OP_OPENAT,       /* file operations without a descriptor: */
    BIDE_OP_STATX,        /* these two take a path */
    BIDE_OP_FSYNC,
    BIDE_OP_SHUTDOWN,
    BIDE_OP_CLOSE,        /* takes the bare descriptor in `arg` */
    BIDE_OP_WORK,         /* a function on a pool's thread */
    BIDE_OP_MAX_          /* private: how many there are */
};

/* Flags that an operation carries back. */
#define BIDE_OP_MORE 1u   /* a multishot operation goes on */
#define BIDE_OP_DATA 2u   /* `buffer` holds `result` bytes, for this call or
                             as long as it is kept: bide_engine_keep() */

/*
 * An operation. Fill it by one of the bide_op_* functions below, set `done`
 * and perhaps `data`, and submit it. The memory it names (buffer, address,
 * path, iovec) must stay in place as long as the operation itself.
 */
struct bide_op {
    void (*done)(bide_op *op); /* called once, or once per BIDE_OP_MORE */
    void *data;                /* yours */
    int64_t result;            /* >= 0, or a negative errno */
    void *buffer;              /* what is read or written; see BIDE_OP_DATA */
    bide_fd *file;             /* the descriptor, NULL where none is used */
    uint64_t len;              /* bytes of buffer, or count of iovecs */
    int64_t offset;            /* in a file, or -1 for its position */
    uint32_t arg;              /* flags of the call; poll events; backlog */
    uint32_t mode;             /* OPENAT: permissions; STATX: mask */
    uint8_t code;              /* enum bide_opcode */
    uint8_t state;             /* private: enum bide__op_state */
    uint16_t flags;            /* BIDE_OP_MORE, BIDE_OP_DATA */
    uint32_t progress;         /* private: bytes already moved */
    bide_op *prev;             /* private: the backend's list */
    bide_op *next;             /* private */
};

/* ── Life of an engine ────────────────────────────────────────────────── */

/* How to make an engine. Zeroed means: the defaults. */
typedef struct bide_engine_options {
    const char *backend;   /* "uring", "epoll", "sim"; NULL: BIDE_BACKEND, or
                              uring where the kernel is able, else epoll */
    uint64_t seed;         /* sim: shuffles what may be shuffled; 0: BIDE_SEED,
                              or no shuffling */
    uint32_t ring_entries; /* uring: submission slots, 8 to 32,768; 0: 256 */
    uint32_t buffer_count; /* pooled receive buffers, a power of two, 8 to
                              32,768; 0: 256 */
    uint32_t buffer_size;  /* bytes of each, 64 to 1 MiB; 0: 8192 */
    uint32_t user_threads; /* most threads for users' work, up to 1024; 0:
                              CPUs + 4, at most 32, as asyncio's default
                              executor */
    uint32_t file_threads; /* most threads for files, up to 1024; 0: 4 */
    uint32_t dns_threads;  /* most threads for names, up to 1024; 0: 8 */
    void *reserved[6];     /* zero */
} bide_engine_options;

/*
 * bide_engine_new — make an engine for the calling thread.
 *
 *   options      copied; NULL means the defaults
 *   ret_engine   set on success
 *
 * Returns:  0, or a negative code with a message.
 * Suspends: never; no function of this header does.
 * Errors:   -EINVAL      an unknown backend, an option out of range, or a
 *                        BIDE_SEED that is no number
 *           -ENOSYS      `uring` asked for by name and refused by the kernel
 *           -ENOMEM, -EMFILE, -ENFILE
 * Owns:     the caller frees the engine by bide_engine_free().
 * Thread:   any; the engine then belongs to the calling thread.
 * Like:     asyncio.new_event_loop.
 */
BIDE_API BIDE_NODISCARD int bide_engine_new(const bide_engine_options *options,
                                            bide_engine **ret_engine);

/*
 * bide_engine_free — release an engine and everything it holds.
 *
 * No operation may be in flight and no descriptor attached. Pool threads that
 * are stuck in a name look-up are left behind, not waited for.
 *
 * Suspends: never.
 * Thread:   the engine's. NULL is allowed.
 * Like:     loop.close.
 */
BIDE_API void bide_engine_free(bide_engine *engine);

/*
 * bide_engine_backend — which backend the engine runs on.
 *
 * Returns:  "uring", "epoll" or "sim": a static string.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API const char *bide_engine_backend(const bide_engine *engine);

/* ── Driving ──────────────────────────────────────────────────────────── */

/*
 * bide_engine_poll — submit what was queued, wait, deliver what has come.
 *
 * Waits until something completes, a timer is due, a post arrives or
 * timeout_ns has passed, whichever is first; does not wait at all while
 * something is ready. Then calls the functions of completed operations, due
 * timers and posts. Does not run ready items.
 *
 *   timeout_ns   >= 0, or BIDE_FOREVER
 *
 * Returns:  how many functions it called, or a negative code.
 * Suspends: never a task; blocks the thread.
 * Errors:   -EINTR is not one: a signal ends the wait early, with 0.
 * Thread:   the engine's.
 * Like:     the select step of asyncio's _run_once.
 */
BIDE_API int bide_engine_poll(bide_engine *engine, int64_t timeout_ns);

/*
 * bide_engine_run — run the items that are ready now, in the order they came.
 *
 * Items made ready meanwhile stay for the next call, so that polling is never
 * starved.
 *
 * Returns:  how many items ran.
 * Thread:   the engine's.
 * Like:     the run step of asyncio's _run_once.
 */
BIDE_API size_t bide_engine_run(bide_engine *engine);

/*
 * bide_engine_timeout — how long a poll may wait before it has work to do.
 *
 * Returns:  nanoseconds to the next timer, 0 if something is ready or due,
 *           BIDE_FOREVER if nothing is pending.
 * Thread:   the engine's.
 */
BIDE_API int64_t bide_engine_timeout(bide_engine *engine);

/*
 * bide_engine_fileno — a descriptor that polls readable when there is work.
 *
 * For a host's own event loop: wait for it at most bide_engine_timeout()
 * nanoseconds, then call bide_engine_poll(engine, 0) and bide_engine_run().
 * Submissions are handed to the kernel by bide_engine_poll(): call it once
 * before waiting, too.
 *
 * Returns:  the descriptor, which stays the engine's; -1 when the process has
 *           no more of them. Always the same, but for bide_engine_after_fork().
 * Thread:   the engine's.
 */
BIDE_API int bide_engine_fileno(const bide_engine *engine);

/*
 * bide_engine_on_block — functions around each wait that really blocks.
 *
 *   before, after   called on the engine's thread, NULL for none; a wait of
 *                   zero length calls neither
 *   data            passed to both
 *
 * Thread:   the engine's.
 * Like:     what releases Python's GIL around select().
 */
BIDE_API void bide_engine_on_block(bide_engine *engine,
                                   void (*before)(void *data),
                                   void (*after)(void *data), void *data);

/*
 * bide_engine_clock — read the engine's clock.
 *
 * Returns:  nanoseconds of CLOCK_MONOTONIC, or of virtual time on `sim`.
 * Thread:   the engine's.
 * Like:     loop.time.
 */
BIDE_API int64_t bide_engine_clock(const bide_engine *engine);

/*
 * bide_engine_now — the time at which the present turn began.
 *
 * Costs nothing: it was read when the last poll returned.
 *
 * Returns:  nanoseconds of bide_engine_clock(), some of them ago.
 * Thread:   the engine's.
 * Like:     libuv's uv_now.
 */
BIDE_API int64_t bide_engine_now(const bide_engine *engine);

/*
 * bide_engine_after_fork — make the engine usable in a child of fork(2).
 *
 * Rebuilds what the kernel does not share (ring, epoll set, wake-up
 * descriptor, pool threads). Operations that were in flight are the parent's
 * and are forgotten: none of their functions will be called. Attached
 * descriptors stay attached.
 *
 * Returns:  0 or a negative code.
 * Thread:   the child's only one.
 */
BIDE_API BIDE_NODISCARD int bide_engine_after_fork(bide_engine *engine);

/* ── Ready items, timers, posts ───────────────────────────────────────── */

/*
 * bide_engine_ready — append an item to the ready queue.
 *
 *   ready   not in the queue already
 *
 * Thread:   the engine's.
 * Like:     loop.call_soon.
 */
BIDE_API void bide_engine_ready(bide_engine *engine, bide_ready *ready);

/*
 * bide_engine_timer_set — call timer->fire at a time, or change that time.
 *
 *   deadline_ns   of bide_engine_clock(); one in the past fires in the next
 *                 poll
 *
 * Timers fire in the order of their deadlines, equal ones as they were set.
 * Thread:   the engine's.
 * Like:     loop.call_at.
 */
BIDE_API void bide_engine_timer_set(bide_engine *engine, bide_timer *timer,
                                    int64_t deadline_ns);

/*
 * bide_engine_timer_clear — take a timer back.
 *
 * Returns:  true if it was set; false if it had fired or was never set.
 * Thread:   the engine's.
 * Like:     TimerHandle.cancel.
 */
BIDE_API bool bide_engine_timer_clear(bide_engine *engine, bide_timer *timer);

/*
 * bide_engine_post — have post->run called on the engine's thread.
 *
 * Wakes the engine; wake-ups that come together cost one.
 *
 *   post   not posted already; released to the caller when run is called
 *
 * Thread:   any; also from a signal handler.
 * Like:     loop.call_soon_threadsafe.
 */
BIDE_API void bide_engine_post(bide_engine *engine, bide_post *post);

/* ── Descriptors ──────────────────────────────────────────────────────── */

/*
 * bide_engine_attach — let operations of this engine use a descriptor.
 *
 *   file   the caller's memory, filled here; must stay in place until
 *          bide_engine_detach() or bide_engine_close()
 *   fd     an open descriptor; stays the caller's to close
 *   kind   BIDE_FD_STREAM sets O_NONBLOCK on it
 *
 * Returns:  0, or a negative code.
 * Errors:   -EBADF, -ENOMEM
 * Thread:   the engine's.
 */
BIDE_API BIDE_NODISCARD int bide_engine_attach(bide_engine *engine,
                                               bide_fd *file, int fd,
                                               enum bide_fd_kind kind);

/*
 * bide_engine_detach — end the use of a descriptor without closing it.
 *
 * No operation on it may be in flight.
 *
 *   file   file->fd becomes -1
 *
 * Thread:   the engine's.
 */
BIDE_API void bide_engine_detach(bide_engine *engine, bide_fd *file);

/*
 * bide_engine_close — detach a descriptor and close it.
 *
 * No operation on it may be in flight. Errors of close(2) cannot be learned
 * this way: for files, use BIDE_OP_FSYNC and BIDE_OP_CLOSE.
 *
 *   file   file->fd becomes -1
 *
 * Owns:     takes the descriptor.
 * Thread:   the engine's.
 */
BIDE_API void bide_engine_close(bide_engine *engine, bide_fd *file);

/* ── Pooled buffers ───────────────────────────────────────────────────── */

/*
 * bide_engine_keep — keep the pooled buffer that is being delivered.
 *
 * Only within a `done` that was called with BIDE_OP_DATA. The buffer is then
 * the caller's until bide_engine_give_back(). At most half of the pool can be
 * kept, so that receiving goes on; who is refused copies the bytes.
 *
 * Returns:  true if op->buffer stays valid after `done`; false if not, always
 *           so on a backend that reuses one buffer at once.
 * Thread:   the engine's.
 */
BIDE_API BIDE_NODISCARD bool bide_engine_keep(bide_engine *engine);

/*
 * bide_engine_give_back — end the use of a buffer that was kept.
 *
 *   buffer   the op->buffer of that delivery
 *
 * Thread:   the engine's.
 */
BIDE_API void bide_engine_give_back(bide_engine *engine, void *buffer);

/* ── Operations ───────────────────────────────────────────────────────── */

/*
 * bide_engine_submit — start an operation.
 *
 * Returns:  true if it is complete already: op->result is set and op->done
 *           will not be called. false if it is in flight: op->done will be
 *           called from bide_engine_poll(), never from here.
 * Errors:   all arrive as op->result.
 * Owns:     op and its memory belong to the engine until completion.
 * Thread:   the engine's.
 */
BIDE_API bool bide_engine_submit(bide_engine *engine, bide_op *op);

/*
 * bide_engine_cancel — ask for an operation in flight to end.
 *
 * op->done is still called, from bide_engine_poll() and exactly once without
 * BIDE_OP_MORE: with -ECANCELED, or with the result if that came first. Until
 * then the kernel may use the memory. Work that has begun on a thread cannot
 * be stopped and completes with its result. Cancelling twice, or what has
 * completed, does nothing.
 *
 * Thread:   the engine's.
 */
BIDE_API void bide_engine_cancel(bide_engine *engine, bide_op *op);

/* Fill an operation; `done` and `data` are not touched. None can fail. */

static inline void bide__op_set(bide_op *op, enum bide_opcode code,
                                bide_fd *file, void *buffer, uint64_t len)
{
    op->code = (uint8_t)code;
    op->state = 0;
    op->flags = 0;
    op->file = file;
    op->buffer = buffer;
    op->len = len;
    op->offset = -1;
    op->arg = 0;
    op->mode = 0;
    op->progress = 0;
    op->result = 0;
}

/* Accept one connection. Descriptors come CLOEXEC and non-blocking. */
static inline void bide_op_accept(bide_op *op, bide_fd *listener)
{
    bide__op_set(op, BIDE_OP_ACCEPT, listener, NULL, 0);
}

/* Accept connections, each one call of done with BIDE_OP_MORE. */
static inline void bide_op_accept_multi(bide_op *op, bide_fd *listener)
{
    bide__op_set(op, BIDE_OP_ACCEPT_MULTI, listener, NULL, 0);
}

/* Connect; the address must stay in place. */
static inline void bide_op_connect(bide_op *op, bide_fd *file,
                                   const struct sockaddr *address,
                                   uint32_t address_len)
{
    bide__op_set(op, BIDE_OP_CONNECT, file, (void *)(uintptr_t)address,
                 address_len);
}

/* Receive 1..len bytes, 0 at the end of the stream. */
static inline void bide_op_recv(bide_op *op, bide_fd *file, void *buffer,
                                size_t len)
{
    bide__op_set(op, BIDE_OP_RECV, file, buffer, len);
}

/*
 * Receive into pooled buffers: each call of done has BIDE_OP_DATA and
 * `buffer`, which is the engine's again when done returns. Ends (no
 * BIDE_OP_MORE) with 0 at the end of the stream, with a negative code, or
 * with -ENOBUFS when no pooled buffer was free: then submit anew.
 */
static inline void bide_op_recv_multi(bide_op *op, bide_fd *file)
{
    bide__op_set(op, BIDE_OP_RECV_MULTI, file, NULL, 0);
}

/* Send all len bytes. After a cancellation op->progress says how many went
 * out; a prefix of unknown length may have gone otherwise. */
static inline void bide_op_send(bide_op *op, bide_fd *file, const void *buffer,
                                size_t len)
{
    bide__op_set(op, BIDE_OP_SEND, file, (void *)(uintptr_t)buffer, len);
}

/* recvmsg(2) and sendmsg(2); `arg` takes MSG_ flags. */
static inline void bide_op_recvmsg(bide_op *op, bide_fd *file,
                                   struct msghdr *message, uint32_t flags)
{
    bide__op_set(op, BIDE_OP_RECVMSG, file, message, 1);
    op->arg = flags;
}

static inline void bide_op_sendmsg(bide_op *op, bide_fd *file,
                                   const struct msghdr *message,
                                   uint32_t flags)
{
    bide__op_set(op, BIDE_OP_SENDMSG, file, (void *)(uintptr_t)message, 1);
    op->arg = flags;
}

/* Read or write once, as pread(2) and pwrite(2); offset -1 is the position. */
static inline void bide_op_read(bide_op *op, bide_fd *file, void *buffer,
                                size_t len, int64_t offset)
{
    bide__op_set(op, BIDE_OP_READ, file, buffer, len);
    op->offset = offset;
}

static inline void bide_op_write(bide_op *op, bide_fd *file,
                                 const void *buffer, size_t len,
                                 int64_t offset)
{
    bide__op_set(op, BIDE_OP_WRITE, file, (void *)(uintptr_t)buffer, len);
    op->offset = offset;
}

/* The same from and to several buffers; at most IOV_MAX of them. */
static inline void bide_op_readv(bide_op *op, bide_fd *file,
                                 const struct iovec *iov, size_t count,
                                 int64_t offset)
{
    bide__op_set(op, BIDE_OP_READV, file, (void *)(uintptr_t)iov, count);
    op->offset = offset;
}

static inline void bide_op_writev(bide_op *op, bide_fd *file,
                                  const struct iovec *iov, size_t count,
                                  int64_t offset)
{
    bide__op_set(op, BIDE_OP_WRITEV, file, (void *)(uintptr_t)iov, count);
    op->offset = offset;
}

/* Wait for poll(2) events: POLLIN, POLLOUT, POLLPRI; errors always count. */
static inline void bide_op_poll(bide_op *op, bide_fd *file, uint32_t events)
{
    bide__op_set(op, BIDE_OP_POLL, file, NULL, 0);
    op->arg = events;
}

/* The same again and again: level-triggered, one call a poll of the engine
 * as long as the descriptor is ready. */
static inline void bide_op_poll_multi(bide_op *op, bide_fd *file,
                                      uint32_t events)
{
    bide__op_set(op, BIDE_OP_POLL_MULTI, file, NULL, 0);
    op->arg = events;
}

/* openat(2) from the working directory, CLOEXEC added; result: descriptor. */
static inline void bide_op_open(bide_op *op, const char *path, uint32_t flags,
                                uint32_t mode)
{
    bide__op_set(op, BIDE_OP_OPENAT, NULL, (void *)(uintptr_t)path, 0);
    op->arg = flags;
    op->mode = mode;
}

/* statx(2) of a path from the working directory; `result` is filled. */
static inline void bide_op_statx(bide_op *op, const char *path, uint32_t flags,
                                 uint32_t mask, struct statx *result)
{
    bide__op_set(op, BIDE_OP_STATX, NULL, (void *)(uintptr_t)path,
                 (uint64_t)(uintptr_t)result);
    op->arg = flags;
    op->mode = mask;
}

/* fsync(2), or fdatasync(2) where data_only. */
static inline void bide_op_fsync(bide_op *op, bide_fd *file, bool data_only)
{
    bide__op_set(op, BIDE_OP_FSYNC, file, NULL, 0);
    op->arg = data_only;
}

/* shutdown(2); how is SHUT_RD, SHUT_WR or SHUT_RDWR. */
static inline void bide_op_shutdown(bide_op *op, bide_fd *file, int how)
{
    bide__op_set(op, BIDE_OP_SHUTDOWN, file, NULL, 0);
    op->arg = (uint32_t)how;
}

/* close(2) of a descriptor that is not attached, to learn its error. */
static inline void bide_op_close(bide_op *op, int fd)
{
    bide__op_set(op, BIDE_OP_CLOSE, NULL, NULL, 0);
    op->arg = (uint32_t)fd;
}

/* Run fn(arg) on a thread of the pool; the result is what it returns. */
static inline void bide_op_work(bide_op *op, bide_pool *pool,
                                int (*fn)(void *arg), void *arg)
{
    union {
        int (*fn)(void *);
        uint64_t bits;
    } function;
    function.bits = 0;
    function.fn = fn;
    bide__op_set(op, BIDE_OP_WORK, NULL, arg, function.bits);
    op->file = (bide_fd *)(void *)pool;
}

/* ── Pools of threads ─────────────────────────────────────────────────── */

/* The pools that each engine has; none starves another. */
enum bide_pool_id {
    BIDE_POOL_USER = 0, /* work of the program */
    BIDE_POOL_FILE = 1, /* file operations that the kernel cannot do alone */
    BIDE_POOL_DNS = 2,  /* names */
    BIDE_POOL_COUNT = 3
};

/*
 * bide_engine_pool — one of the engine's own pools.
 *
 * Returns:  the pool; the engine's.
 * Thread:   the engine's.
 */
BIDE_API bide_pool *bide_engine_pool(bide_engine *engine,
                                     enum bide_pool_id id);

/*
 * bide_pool_new — a pool of threads, started as work arrives.
 *
 *   threads     most threads, 1..1024
 *   queue_max   most operations waiting for a thread, >= 1; one more
 *               completes with -EAGAIN
 *   name        of its threads, at most 15 characters; copied
 *   ret_pool    set on success
 *
 * Returns:  0, or a negative code.
 * Errors:   -EINVAL, -ENOMEM
 * Owns:     the caller frees it by bide_pool_free().
 * Thread:   any. One pool can serve engines of several threads.
 * Like:     concurrent.futures.ThreadPoolExecutor.
 */
BIDE_API BIDE_NODISCARD int bide_pool_new(unsigned threads, size_t queue_max,
                                          const char *name,
                                          bide_pool **ret_pool);

/*
 * bide_pool_free — end a pool.
 *
 *   wait   true: block until what has begun is finished. false: leave
 *          threads that are busy behind; they end by themselves
 *
 * No operation may be in flight unless it was abandoned. NULL is allowed.
 * Thread:   any but the pool's own.
 * Like:     Executor.shutdown.
 */
BIDE_API void bide_pool_free(bide_pool *pool, bool wait);

/*
 * bide_pool_abandon — stop waiting for work that cannot be stopped.
 *
 * Work that is still queued is taken out and nothing more happens. Work that
 * has begun goes on; when it ends, op->done is called on the pool's thread
 * with BIDE_OP_MORE unset and must only release memory. Either way the engine
 * forgets the operation.
 *
 * Returns:  true if op->done will be called on a thread of the pool, false if
 *           it will not be called at all and the memory is the caller's again.
 * Thread:   the engine's.
 */
BIDE_API BIDE_NODISCARD bool bide_pool_abandon(bide_engine *engine,
                                               bide_op *op);

BIDE_END

#endif

/* SPDX-License-Identifier: MIT */
/* uring_probe.h — an engine, an operation and a pair of sockets to watch, for
 * the tests of the uring backend. */
#ifndef BIDE_TESTS_ENGINE_URING_PROBE_H
#define BIDE_TESTS_ENGINE_URING_PROBE_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/uring.h"
#include "helpers/uring.h"
#include "test.h"

/* What became of an operation. */
struct probe {
    bide_op op;
    int calls;        /* of done */
    int ends;         /* of those, without MORE */
    int64_t last;     /* result */
    size_t len;       /* bytes of pooled buffers so far */
    char bytes[8192]; /* and what they held */
    bool cancel_in_done;
    bide_engine *engine;
};

static inline void note(bide_op *op)
{
    struct probe *probe = BIDE__CONTAINER(op, struct probe, op);
    probe->calls++;
    probe->last = op->result;
    probe->ends += !(op->flags & BIDE_OP_MORE);
    if ((op->flags & BIDE_OP_DATA) && op->result > 0) {
        size_t len = (size_t)op->result;
        if (CHECK(probe->len + len <= sizeof probe->bytes))
            memcpy(probe->bytes + probe->len, op->buffer, len);
        probe->len += len;
    }
    if (probe->cancel_in_done && probe->ends == 0)
        bide_engine_cancel(probe->engine, op);
}

static inline void probe_init(struct probe *probe, bide_engine *engine)
{
    *probe = (struct probe){.op.done = note, .engine = engine};
}

static inline void submit(struct probe *probe)
{
    if (bide_engine_submit(probe->engine, &probe->op))
        note(&probe->op);
}

/* Poll until that many ends of operations have been seen. */
static inline void wait_for(struct probe *probe, int ends)
{
    for (int i = 0; i < 1000 && probe->ends < ends; i++)
        bide_engine_poll(probe->engine, INT64_C(1000000000));
    CHECK_INT(probe->ends, ends);
}

static inline void wait_for_calls(struct probe *probe, int calls)
{
    for (int i = 0; i < 1000 && probe->calls < calls; i++)
        bide_engine_poll(probe->engine, INT64_C(1000000000));
    CHECK_INT(probe->calls, calls);
}

static inline void poll_once(bide_engine *engine)
{
    CHECK_OK(bide_engine_poll(engine, 0));
}

/* An engine on uring without some features; NULL skips or fails the test. */
static inline bide_engine *open_engine(const char *without,
                                bide_engine_options options)
{
    bide_engine *engine = NULL;
    options.backend = "uring";
    if (!kernel_grants_uring()) {
        test_skip("the kernel refuses io_uring");
        return NULL;
    }
    setenv("BIDE_URING_WITHOUT", without, 1);
    CHECK_OK(bide_engine_new(&options, &engine));
    unsetenv("BIDE_URING_WITHOUT");
    return engine;
}

static inline bide_engine *open_plain(void)
{
    return open_engine("", (bide_engine_options){0});
}

static inline struct bide__uring *state_of(const bide_engine *engine)
{
    return engine->state;
}

static inline bool has_fixed_files(const bide_engine *engine)
{
    return state_of(engine)->promote_after != UINT32_MAX;
}

/* A connected pair: ours is attached, the peer blocks. */
struct pair {
    bide_fd ours;
    int peer;
};

static inline void pair_open(bide_engine *engine, struct pair *pair)
{
    int fds[2];
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    CHECK_OK(bide_engine_attach(engine, &pair->ours, fds[0], BIDE_FD_STREAM));
    pair->peer = fds[1];
}

static inline void pair_close(bide_engine *engine, struct pair *pair)
{
    bide_engine_close(engine, &pair->ours);
    close(pair->peer);
}

/* Send a byte often enough that the descriptor is promoted. */
static inline void use_often(bide_engine *engine, struct pair *pair)
{
    struct probe send;
    char byte;
    for (int i = 0; i < 16; i++) {
        probe_init(&send, engine);
        bide_op_send(&send.op, &pair->ours, "x", 1);
        submit(&send);
        wait_for(&send, 1);
        CHECK_INT(send.last, 1);
        CHECK_INT(read(pair->peer, &byte, 1), 1);
    }
}

/* Whether the peer sees the end of the stream, without waiting for it. */
static inline bool peer_at_end(const struct pair *pair)
{
    char byte;
    return recv(pair->peer, &byte, 1, MSG_DONTWAIT) == 0;
}

#endif

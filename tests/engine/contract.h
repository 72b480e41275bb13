/* SPDX-License-Identifier: MIT */
/*
 * contract.h — what the tests of the engine's contract share: an operation
 * that records how it ended, and sockets to run it on.
 *
 * These tests run on whatever backend BIDE_BACKEND names and expect the same
 * results of each.
 */
#ifndef BIDE_TESTS_ENGINE_CONTRACT_H
#define BIDE_TESTS_ENGINE_CONTRACT_H

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bide/engine.h>
#include <bide/error.h>

#include "base/base.h"
#include "test.h"

/* An operation, and what has become of it. */
struct call {
    bide_op op;
    bool over;      /* the final result has come */
    bool at_once;   /* from bide_engine_submit() itself */
    int deliveries; /* calls of done */
    int64_t result;
};

static inline bide_engine *engine_open(void)
{
    bide_engine *engine = NULL;
    CHECK_OK(bide_engine_new(NULL, &engine));
    return engine;
}

static inline void call_done(bide_op *op)
{
    struct call *call = BIDE__CONTAINER(op, struct call, op);
    call->deliveries++;
    call->result = op->result;
    CHECK(!call->over);
    call->over = !(op->flags & BIDE_OP_MORE);
}

/* Submit an operation that was filled in. */
static inline void start_with(bide_engine *engine, struct call *call,
                              void (*done)(bide_op *op))
{
    call->over = false;
    call->at_once = false;
    call->deliveries = 0;
    call->op.done = done;
    if (bide_engine_submit(engine, &call->op)) {
        CHECK_INT(call->deliveries, 0);
        call->over = true;
        call->at_once = true;
        call->result = call->op.result;
    }
}

static inline void start(bide_engine *engine, struct call *call)
{
    start_with(engine, call, call_done);
}

/* Drive the engine until an operation is over. */
static inline int64_t await(bide_engine *engine, struct call *call)
{
    while (!call->over) {
        if (!CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER)))
            return INT64_MIN;
        bide_engine_run(engine);
    }
    return call->result;
}

static inline int64_t perform(bide_engine *engine, struct call *call)
{
    start(engine, call);
    return await(engine, call);
}

/* Poll a few times without waiting: what can happen now does. */
static inline void settle(bide_engine *engine)
{
    for (int i = 0; i < 4; i++) {
        CHECK_OK(bide_engine_poll(engine, 0));
        bide_engine_run(engine);
    }
}

/* Check that an operation stays in flight, cancel it, and check its end. */
static inline void check_cancels(bide_engine *engine, struct call *call)
{
    settle(engine);
    if (!CHECK(!call->over))
        return;
    bide_engine_cancel(engine, &call->op);
    bide_engine_cancel(engine, &call->op); /* twice does nothing */
    CHECK(!call->over);
    CHECK_ERR(await(engine, call), -ECANCELED);
    bide_engine_cancel(engine, &call->op);
}

/* ── Sockets ──────────────────────────────────────────────────────────── */

/* A TCP socket that listens on a free port of the loopback interface. */
static inline int listen_tcp(int backlog, struct sockaddr_in *ret_address)
{
    socklen_t len = sizeof *ret_address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    CHECK_OK(bind(fd, (struct sockaddr *)ret_address, len));
    CHECK_OK(listen(fd, backlog));
    CHECK_OK(getsockname(fd, (struct sockaddr *)ret_address, &len));
    return fd;
}

/* Two sockets connected to each other by TCP. */
static inline void pair_tcp(int fds[2])
{
    struct sockaddr_in address;
    int listener = listen_tcp(1, &address);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(connect(fds[0], (struct sockaddr *)&address, sizeof address));
    fds[1] = accept(listener, NULL, NULL);
    CHECK_OK(fds[1]);
    close(listener);
}

/* An engine with one end of a connection attached; the other is plain. */
struct wire {
    bide_engine *engine;
    bide_fd file;
    int peer;
};

static inline void wire_open_fds(struct wire *wire, const int fds[2])
{
    wire->engine = engine_open();
    wire->peer = fds[1];
    CHECK_OK(bide_engine_attach(wire->engine, &wire->file, fds[0],
                                BIDE_FD_STREAM));
}

static inline void wire_open_tcp(struct wire *wire)
{
    int fds[2];
    pair_tcp(fds);
    wire_open_fds(wire, fds);
}

static inline void wire_open(struct wire *wire, int type)
{
    int fds[2];
    CHECK_OK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds));
    wire_open_fds(wire, fds);
}

static inline void wire_close(struct wire *wire)
{
    bide_engine_close(wire->engine, &wire->file);
    bide_engine_free(wire->engine);
    if (wire->peer >= 0)
        close(wire->peer);
}

/* End the peer's side. */
static inline void wire_hang_up(struct wire *wire)
{
    close(wire->peer);
    wire->peer = -1;
}

#endif

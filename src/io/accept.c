/* SPDX-License-Identifier: MIT */
/*
 * accept.c — the work of a server: accept, and run a handler for each.
 *
 *      listener ── accept ──► stream + task ──► handler ──► stream closed
 *         ▲                                                    │
 *         └── after lack of descriptors or memory, or at the ──┘
 *             maximum of connections: when one ends
 *
 * Accepting is one multishot operation a listener. With a maximum it is a
 * one-shot, so that the kernel accepts no more than there is room for. Where
 * there are several listeners, each may come to hold one connection beyond
 * the maximum; it is the next to be served.
 *
 * Without descriptors or memory (EMFILE and the like) accepting stops until a
 * connection ends or a moment has passed; clients wait in the kernel's queue.
 *
 * A handler's task always runs, even if it was cancelled before it started
 * (then it skips the handler), because it is what closes the stream.
 */
#include <errno.h>
#include <unistd.h>

#include "io/server.h"

#define RETRY_NS INT64_C(100000000) /* after lack of descriptors or memory */

/* ── Connections ──────────────────────────────────────────────────────── */

static bool is_full(const bide_server *server)
{
    size_t max = server->options.connections;
    return max > 0 && server->open >= max;
}

/* A peer that went away is no error of the handler's, nor is one that could
 * not be agreed with on how to talk. */
static bool is_worth_reporting(const bide_loop *loop, int code, bool secure)
{
    if (!secure)
        return code < 0 && code != -ECANCELED && loop->debug;
    switch (code) {
    case -ECANCELED:
        return false;
    case -ECONNRESET:
    case -EPIPE:
    case -ETIMEDOUT:
        return loop->debug;
    default:
        return code < 0;
    }
}

static int serve(void *arg)
{
    struct bide__connection *connection = arg;
    bide_task *self = connection->task;
    bide_stream *stream = connection->stream;
    bide_server *server = stream->server;
    int rc = self->resume_value; /* -ECANCELED if it came before the start */
    const void *tls = server->options.tls;
    if (rc == 0 && tls)
        rc = bide__stream_secure(stream, tls, NULL);
    bool secure = rc == 0;
    if (secure)
        rc = server->handler(stream, server->arg);
    if (is_worth_reporting(self->loop, rc, secure))
        bide__report_handler(self->loop, self, rc);
    self->flags |= BIDE__FLAG_RETRIEVED;
    stream->server = NULL;
    if (!stream->closing) /* the handler may have done it */
        bide_stream_close(stream);
    bide__stream_unref(stream);
    bide__list_remove(&connection->link);
    server->open--;
    if (server->paused || server->options.connections > 0)
        bide__server_resume(server);
    bide__server_settle(server);
    return rc;
}

/* A task is taken for one that is about to go on from here, so cancelling it
 * early does not end it but is told by its resume_value. */
static const struct bide__wait begin_wait = {
    .name = "bide_start_server",
    .weak = true,
};

/* Have a task serve a stream. Returns whether there was memory for it. */
static bool launch(bide_server *server, bide_stream *stream)
{
    bide_loop *loop = server->loop;
    struct bide__connection connection = {.stream = stream};
    const bide_task_options options = {
        .stack_size = server->options.stack_size,
        .copy = &connection,
        .copy_size = sizeof connection,
    };
    bide_task *task = bide__task_new(loop, serve, NULL, &options);
    if (!task)
        return false;
    struct bide__connection *placed = task->arg;
    placed->task = task;
    bide__list_append(&server->connections, &placed->link);
    if (task->context)
        bide__context_unref(task->context); /* of whoever runs just now */
    task->context =
        server->context ? bide__context_ref(server->context) : NULL;
    task->state = BIDE__TASK_READY;
    task->wait = &begin_wait;
    bide__ready_push(loop->engine, &task->ready);
    bide__task_unref(task); /* it is detached */
    server->open++;
    return true;
}

/* Serve a new connection; takes the descriptor. Returns 0 or -ENOMEM. */
static int begin(bide_server *server, int fd)
{
    bide_stream *stream;
    int rc = bide__stream_new(server->loop, fd, server->options.limit,
                              &stream);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    stream->server = server;
    if (launch(server, stream)) {
        bide__stream_ref(stream); /* ours, the other is the handler's */
        return 0;
    }
    bide_stream_close(stream);
    return -ENOMEM;
}

/* ── Accepting ────────────────────────────────────────────────────────── */

void bide__server_cancel_accepting(bide_server *server)
{
    for (size_t i = 0; i < server->count; i++)
        bide_engine_cancel(server->loop->engine, &server->listeners[i].accept);
}

/* Stop accepting for a moment. One report for each time of trouble, not for
 * each attempt. */
static void pause_accepting(bide_server *server, int code)
{
    bide_loop *loop = server->loop;
    if (!server->reported) {
        char text[BIDE__ADDRESS_TEXT];
        bide__bound_text(server->listeners[0].file.fd, text, sizeof text);
        bide__report_accept(loop, code, text);
    }
    server->reported = true;
    server->paused = true;
    bide__server_cancel_accepting(server);
    bide_engine_timer_set(loop->engine, &server->retry,
                          bide__deadline(loop, RETRY_NS));
}

/* What accepting has brought: a descriptor, or an error. */
static void take(struct bide__listener *listener, int64_t result)
{
    bide_server *server = listener->server;
    if (result < 0) {
        bool expected = server->stopped || result == -ECANCELED ||
                        result == -ECONNABORTED;
        if (!expected)
            pause_accepting(server, (int)result);
        return;
    }
    int fd = (int)result;
    if (server->closing || server->loop->closing) {
        close(fd);
        return;
    }
    if (is_full(server)) {
        listener->held = fd;
        return;
    }
    int rc = begin(server, fd);
    if (rc == 0)
        server->reported = false;
    else if (!server->stopped)
        pause_accepting(server, rc);
}

static bool may_accept(const struct bide__listener *listener)
{
    const bide_server *server = listener->server;
    return !server->stopped && !server->paused && !listener->accepting &&
           listener->held < 0 && !is_full(server);
}

static void accepted(bide_op *op);

static void accept_on(struct bide__listener *listener)
{
    bide_server *server = listener->server;
    bide_op *op = &listener->accept;
    while (may_accept(listener)) {
        if (server->options.connections > 0)
            bide_op_accept(op, &listener->file);
        else
            bide_op_accept_multi(op, &listener->file);
        op->done = accepted;
        op->data = listener;
        listener->accepting = true;
        server->in_flight++;
        if (!bide_engine_submit(server->loop->engine, op))
            return;
        listener->accepting = false;
        server->in_flight--;
        take(listener, op->result);
    }
}

static void accepted(bide_op *op)
{
    struct bide__listener *listener = op->data;
    bool more = op->flags & BIDE_OP_MORE;
    if (!more) {
        listener->accepting = false;
        listener->server->in_flight--;
    }
    take(listener, op->result);
    if (more)
        return;
    accept_on(listener);
    bide__server_settle(listener->server);
}

void bide__server_resume(bide_server *server)
{
    bide_engine *engine = server->loop->engine;
    if (server->paused)
        (void)bide_engine_timer_clear(engine, &server->retry);
    server->paused = false;
    for (size_t i = 0; i < server->count; i++) {
        struct bide__listener *listener = &server->listeners[i];
        int fd = listener->held;
        if (fd >= 0 && !is_full(server)) {
            listener->held = -1;
            take(listener, fd);
        }
    }
    for (size_t i = 0; i < server->count; i++)
        accept_on(&server->listeners[i]);
}

/* SPDX-License-Identifier: MIT */
/*
 * server.c — the life of a server: start, stop, wait, close.
 *
 *     serving ──stop──► stopped ──close──► closing ──► freed, when idle:
 *                                          no handler, no accept in flight
 *
 * A server that the program leaves open is closed by its loop, at a time when
 * no task is left to wait for that: it frees itself.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/server.h"

#define PORT_MAX 65535
#define DEFAULT_BACKLOG 1024
#define MODE_MAX 0777u

static void require_own(const bide_server *server, const char *function)
{
    BIDE__REQUIRE(server->loop == bide__loop,
                  "%s() was called on another thread than the server's loop; "
                  "use bide_loop_call_soon_threadsafe() to call it there",
                  function);
}

/* ── Ending ───────────────────────────────────────────────────────────── */

static void free_server(bide_server *server)
{
    bide__list_remove(&server->resource.link);
    if (server->context)
        bide__context_unref(server->context);
    bide__free(server);
}

static void wake(bide_task **place)
{
    bide_task *task = *place;
    *place = NULL;
    if (task)
        bide__wake(task, 0);
}

/* No handler runs, and none will but for new connections. */
static bool is_quiet(const bide_server *server)
{
    return server->open == 0 && (!server->stopped || server->in_flight == 0);
}

void bide__server_settle(bide_server *server)
{
    bide_engine *engine = server->loop->engine;
    for (size_t i = 0; server->stopped && i < server->count; i++) {
        struct bide__listener *listener = &server->listeners[i];
        if (!listener->accepting && listener->file.fd >= 0)
            bide_engine_close(engine, &listener->file);
    }
    if (!is_quiet(server))
        return;
    wake(&server->waiter);
    wake(&server->closer);
    if (server->left_open)
        free_server(server);
}

/* ── Stopping and closing ─────────────────────────────────────────────── */

/* Shutting a listener down ends it at once, whoever else still holds it: the
 * kernel for the operation in flight. */
static void stop(bide_server *server)
{
    if (server->stopped)
        return;
    server->stopped = true;
    (void)bide_engine_timer_clear(server->loop->engine, &server->retry);
    bide__socket_file_remove(&server->file);
    for (size_t i = 0; i < server->count; i++)
        (void)shutdown(server->listeners[i].file.fd, SHUT_RDWR);
    bide__server_cancel_accepting(server);
}

static void begin_to_close(bide_server *server)
{
    stop(server);
    server->closing = true;
    server->resource.close = NULL;
    for (size_t i = 0; i < server->count; i++) {
        struct bide__listener *listener = &server->listeners[i];
        if (listener->held >= 0)
            close(listener->held);
        listener->held = -1;
    }
}

/* Its handlers have ended: the loop has seen to that. */
static void close_left_open(struct bide__resource *resource)
{
    bide_server *server = BIDE__CONTAINER(resource, bide_server, resource);
    begin_to_close(server);
    server->left_open = true;
    bide__server_settle(server);
}

void bide_server_stop(bide_server *server)
{
    require_own(server, "bide_server_stop");
    stop(server);
    bide__server_settle(server);
}

/* A handler that waits for its own end would wait for ever. */
static void require_outside(const bide_server *server, const bide_task *self,
                            const char *function)
{
    const struct bide__link *head = &server->connections;
    const struct bide__link *link = head->next;
    for (; link != head; link = link->next)
        BIDE__REQUIRE(
            BIDE__CONTAINER(link, struct bide__connection, link)->task != self,
            "%s() was called in a handler of the server, task '%s', whose end "
            "it waits for; call it in another task, or only call "
            "bide_server_stop()",
            function, bide_task_name((bide_task *)(uintptr_t)self));
}

static void cancel_waiting(bide_task *task, void *object)
{
    bide_server *server = object;
    server->waiter = NULL;
    bide__wake(task, -ECANCELED);
}

static const struct bide__wait wait_wait = {
    .name = "bide_server_wait",
    .cancel = cancel_waiting,
    .weak = true,
};

int bide_server_wait(bide_server *server)
{
    bide_task *self = bide__enter("bide_server_wait");
    require_own(server, "bide_server_wait");
    require_outside(server, self, "bide_server_wait");
    BIDE__REQUIRE(!server->waiter,
                  "bide_server_wait() was called by task '%s' while task '%s' "
                  "waits for the same server; let one of them wait",
                  bide_task_name(self), bide_task_name(server->waiter));
    if (self->must_cancel)
        return bide__take_cancel(self);
    if (is_quiet(server))
        return 0;
    server->waiter = self;
    return bide__park(self, &wait_wait, server);
}

/* Closing goes on; the request is delivered at its end. */
static void cancel_closing(bide_task *task, void *object)
{
    (void)object;
    task->must_cancel = true;
}

static const struct bide__wait close_wait = {
    .name = "bide_server_close",
    .cancel = cancel_closing,
};

int bide_server_close(bide_server *server)
{
    bide_task *self = bide__enter("bide_server_close");
    if (server) {
        require_own(server, "bide_server_close");
        require_outside(server, self, "bide_server_close");
        BIDE__REQUIRE(!server->closing,
                      "bide_server_close() was called by task '%s' for a "
                      "server that is being closed; close it once",
                      bide_task_name(self));
        begin_to_close(server);
        struct bide__link *head = &server->connections;
        struct bide__link *link = head->next;
        for (; link != head; link = link->next)
            (void)bide_task_cancel(
                BIDE__CONTAINER(link, struct bide__connection, link)->task);
        bide__server_settle(server);
        if (!is_quiet(server)) {
            server->closer = self;
            (void)bide__park(self, &close_wait, server);
        }
        free_server(server);
    }
    return self->must_cancel ? bide__take_cancel(self) : 0;
}

/* ── Looking ──────────────────────────────────────────────────────────── */

int bide_server_port(const bide_server *server)
{
    require_own(server, "bide_server_port");
    return (int)server->port;
}

size_t bide_server_connections(const bide_server *server)
{
    require_own(server, "bide_server_connections");
    return server->open;
}

/* ── Starting ─────────────────────────────────────────────────────────── */

/* Check the options and fill in the defaults. */
static int check_options(bide_server_options *options)
{
    int rc = bide__stream_limit(&options->limit);
    if (rc == 0)
        rc = bide__check_family(options->family);
    if (rc < 0)
        return rc;
    if (options->backlog < 0)
        return bide_raise(-EINVAL, "backlog is %d, must be at least 0",
                          options->backlog);
    if (options->backlog == 0)
        options->backlog = DEFAULT_BACKLOG;
    if (options->stack_size && bide__stack_class_of(options->stack_size) < 0)
        return bide_raise(-EINVAL, "stack_size is %zu bytes, at most %u",
                          options->stack_size, BIDE__STACK_MAX);
    if (options->mode > MODE_MAX)
        return bide_raise(-EINVAL, "mode is 0%o, at most 0%o", options->mode,
                          MODE_MAX);
    return bide__check_security(options->tls, true);
}

static void retry(bide_timer *timer)
{
    bide__server_resume(BIDE__CONTAINER(timer, bide_server, retry));
}

/* Attach the descriptors. On failure all of them are closed. */
static int attach_all(bide_server *server, const int *fds)
{
    bide_engine *engine = server->loop->engine;
    int rc = 0;
    for (size_t i = 0; i < server->count; i++) {
        struct bide__listener *listener = &server->listeners[i];
        listener->server = server;
        listener->held = -1;
        listener->file.fd = -1;
        if (rc == 0)
            rc = bide_engine_attach(engine, &listener->file, fds[i],
                                    BIDE_FD_STREAM);
        if (rc < 0)
            close(fds[i]);
    }
    for (size_t i = 0; rc < 0 && i < server->count; i++)
        if (server->listeners[i].file.fd >= 0)
            bide_engine_close(engine, &server->listeners[i].file);
    return rc;
}

/* Serve on listening descriptors; takes them, also on failure. */
static int start(const int *fds, size_t count, bide_stream_handler *handler,
                 void *arg, const bide_server_options *options,
                 bide_server **ret_server)
{
    bide_loop *loop = bide__loop;
    bide_server *server = bide__calloc(
        1, sizeof *server + count * sizeof server->listeners[0]);
    if (!server) {
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
        return -ENOMEM;
    }
    server->loop = loop;
    server->count = count;
    int rc = attach_all(server, fds);
    if (rc < 0) {
        bide__free(server);
        return rc;
    }
    server->resource.kind = "server";
    server->resource.close = close_left_open;
    bide__list_append(&loop->resources, &server->resource.link);
    server->handler = handler;
    server->arg = arg;
    server->options = *options;
    if (loop->current->context)
        server->context = bide__context_ref(loop->current->context);
    bide__list_init(&server->connections);
    server->retry.fire = retry;
    server->port = bide__bound_port(fds[0]);
    bide__server_resume(server);
    *ret_server = server;
    return 0;
}

/* What both kinds of servers begin with. */
static int check_start(bide_task *self, bide_stream_handler *handler,
                       bide_server_options *options, const char *function)
{
    BIDE__REQUIRE(handler,
                  "%s() was called without a handler; pass a function that "
                  "serves one connection",
                  function);
    if (self->must_cancel)
        return bide__take_cancel(self);
    return check_options(options);
}

int bide_start_server(const char *host, int port, bide_stream_handler *handler,
                      void *arg, const bide_server_options *options,
                      bide_server **ret_server)
{
    bide_task *self = bide__enter("bide_start_server");
    bide_server_options given = {.limit = 0};
    if (options)
        given = *options;
    int rc = check_start(self, handler, &given, "bide_start_server");
    if (rc < 0)
        return rc;
    if (port < 0 || port > PORT_MAX)
        return bide_raise(-EINVAL, "port is %d, must be 0 to %d", port,
                          PORT_MAX);
    struct addrinfo *list;
    rc = bide__look_up(host && *host ? host : NULL, (unsigned)port,
                       given.family, AI_PASSIVE, &list);
    if (rc < 0)
        return rc;
    int fds[BIDE__LISTENERS_MAX];
    rc = bide__listen_tcp(list, &given, fds);
    freeaddrinfo(list);
    return rc < 0 ? rc
                  : start(fds, (size_t)rc, handler, arg, &given, ret_server);
}

int bide_start_unix_server(const char *path, bide_stream_handler *handler,
                           void *arg, const bide_server_options *options,
                           bide_server **ret_server)
{
    bide_task *self = bide__enter("bide_start_unix_server");
    bide_server_options given = {.limit = 0};
    if (options)
        given = *options;
    int rc = check_start(self, handler, &given, "bide_start_unix_server");
    if (rc < 0)
        return rc;
    struct bide__socket_file file;
    int fd = bide__listen_unix(path, &given, &file);
    if (fd < 0)
        return fd;
    rc = start(&fd, 1, handler, arg, &given, ret_server);
    if (rc < 0)
        bide__socket_file_remove(&file);
    else
        (*ret_server)->file = file;
    bide__op_yield(self);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * datagram.c — sockets for datagrams: opening, closing, looking.
 *
 * With both a local and a remote name, every pair of addresses of one family
 * is tried until one binds and connects, in the order of the remote ones.
 */
#include "io/datagram.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bide/dns.h>

#include "io/address.h"

/* Of Linux 4.18 and 5.0; older C libraries do not name them. */
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Bytes of a buffer, either way: what the kernel can count doubled. */
#define BUFFER_MAX (1 << 29)

/* ── Options ──────────────────────────────────────────────────────────── */

static int check_buffer(const char *name, int size)
{
    if (size >= 0 && size <= BUFFER_MAX)
        return 0;
    return bide_raise(-EINVAL, "%s is %d bytes, must be 0 to %d", name, size,
                      BUFFER_MAX);
}

static int check_options(const bide_datagram_options *options)
{
    int rc = bide__check_family(options->family);
    if (rc == 0)
        rc = check_buffer("send_buffer", options->send_buffer);
    if (rc == 0)
        rc = check_buffer("receive_buffer", options->receive_buffer);
    if (rc == 0 && options->remote_host && options->remote_port == 0)
        return bide_raise(-EINVAL, "remote_port is 0, must be 1 to 65535");
    return rc;
}

static int set_option(int fd, int level, int name, int value)
{
    if (value == 0)
        return 0;
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int set_options(int fd, const bide_datagram_options *options)
{
    int rc = set_option(fd, SOL_SOCKET, SO_SNDBUF, options->send_buffer);
    if (rc == 0)
        rc = set_option(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer);
    if (rc == 0)
        rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT, options->reuse_port);
    if (rc == 0)
        rc = set_option(fd, SOL_SOCKET, SO_BROADCAST, options->broadcast);
    return rc;
}

/* ── Making the object ────────────────────────────────────────────────── */

static void close_left_open(struct bide__resource *resource)
{
    bide_datagram_close(BIDE__CONTAINER(resource, bide_datagram, resource));
}

/* Takes fd, in any case. */
static int datagram_new(bide_loop *loop, int fd, bool udp, bool coalesce,
                        bide_datagram **ret_datagram)
{
    bide_datagram *datagram = bide__calloc(1, sizeof *datagram);
    int rc = datagram ? 0 : -ENOMEM;
    if (rc == 0 && coalesce &&
        set_option(fd, IPPROTO_UDP, UDP_GRO, 1) == 0) {
        datagram->coalesced.data = bide__malloc(BIDE__DATAGRAM_MAX);
        rc = datagram->coalesced.data ? 0 : -ENOMEM;
    }
    if (rc == 0)
        rc = bide_engine_attach(loop->engine, &datagram->file, fd,
                                BIDE_FD_STREAM);
    if (rc < 0) {
        if (datagram)
            bide__free(datagram->coalesced.data);
        bide__free(datagram);
        close(fd);
        return rc;
    }
    datagram->loop = loop;
    datagram->refs = 1;
    datagram->udp = udp;
    datagram->segment_max = udp ? SIZE_MAX : 0;
    bide__list_init(&datagram->calls);
    datagram->resource.kind = "datagram socket";
    datagram->resource.close = close_left_open;
    bide__list_append(&loop->resources, &datagram->resource.link);
    *ret_datagram = datagram;
    return 0;
}

/* ── UDP ──────────────────────────────────────────────────────────────── */

static int look_up(const char *host, unsigned port, int family, int flags,
                   struct addrinfo **ret_list)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {
        .ai_flags = flags,
        .ai_family = family,
        .ai_socktype = SOCK_DGRAM,
        .ai_protocol = IPPROTO_UDP,
    };
    return bide_getaddrinfo(host, service, &hints, ret_list);
}

static int raise_opening(int code, const char *what,
                         const struct addrinfo *info)
{
    char text[BIDE__ADDRESS_TEXT];
    bide__sockaddr_text(info->ai_addr, info->ai_addrlen, text, sizeof text);
    return bide_raise(code, "%s %s: %s", what, text, bide_strerror(code));
}

/* A socket for one pair of addresses, either of which may be NULL. Returns the
 * descriptor or a negative code with a message. */
static int open_pair(const struct addrinfo *local,
                     const struct addrinfo *remote,
                     const bide_datagram_options *options)
{
    int family = remote           ? remote->ai_family
                 : local          ? local->ai_family
                 : options->family ? options->family
                                  : AF_INET;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bide_raise(-errno, "a datagram socket: %s",
                          bide_strerror(-errno));
    int rc = set_options(fd, options);
    if (rc == 0 && local && bind(fd, local->ai_addr, local->ai_addrlen) < 0)
        rc = raise_opening(-errno, "binding to", local);
    if (rc == 0 && remote &&
        connect(fd, remote->ai_addr, remote->ai_addrlen) < 0)
        rc = raise_opening(-errno, "connecting to", remote);
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

/* Try every local address of the remote one's family. */
static int open_with_locals(const struct addrinfo *locals,
                            const struct addrinfo *remote,
                            const bide_datagram_options *options)
{
    int rc = -EAFNOSUPPORT;
    if (!locals)
        return open_pair(NULL, remote, options);
    for (; locals && rc < 0; locals = locals->ai_next)
        if (!remote || locals->ai_family == remote->ai_family)
            rc = open_pair(locals, remote, options);
    if (rc == -EAFNOSUPPORT)
        return bide_raise(rc, "no local and remote address are of the same "
                              "family");
    return rc;
}

static int open_first(const struct addrinfo *locals,
                      const struct addrinfo *remotes,
                      const bide_datagram_options *options)
{
    if (!remotes)
        return open_with_locals(locals, NULL, options);
    int rc = -EADDRNOTAVAIL;
    for (; remotes && rc < 0; remotes = remotes->ai_next)
        rc = open_with_locals(locals, remotes, options);
    return rc;
}

/* Look the names up and open. Returns the descriptor or a negative code. */
static int open_udp(const bide_datagram_options *options)
{
    struct addrinfo *locals = NULL, *remotes = NULL;
    int family = options->family;
    int rc = 0;
    if (!options->local_host && !options->remote_host && family == AF_UNSPEC)
        family = AF_INET;
    if (options->local_host || options->local_port)
        rc = look_up(options->local_host, options->local_port, family,
                     AI_PASSIVE | AI_NUMERICSERV, &locals);
    if (rc == 0 && options->remote_host)
        rc = look_up(options->remote_host, options->remote_port, family,
                     AI_NUMERICSERV, &remotes);
    if (rc == 0)
        rc = open_first(locals, remotes, options);
    if (locals)
        freeaddrinfo(locals);
    if (remotes)
        freeaddrinfo(remotes);
    return rc;
}

int bide_datagram_open(const bide_datagram_options *given,
                       bide_datagram **ret_datagram)
{
    bide_task *self = bide__enter("bide_datagram_open");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    bide_datagram_options options = {.family = AF_UNSPEC};
    if (given)
        options = *given;
    int rc = check_options(&options);
    if (rc == 0)
        rc = open_udp(&options);
    if (rc < 0)
        return rc;
    return datagram_new(self->loop, rc, true, options.coalesce, ret_datagram);
}

/* ── Unix ─────────────────────────────────────────────────────────────── */

static int bind_unix(int fd, const char *path, struct bide__socket_file *file)
{
    struct bide__unix_address address;
    int rc = bide__unix_address(path, &address);
    if (rc < 0)
        return rc;
    address.info.ai_socktype = SOCK_DGRAM;
    rc = bide__bind_unix(fd, &address, 0, file);
    return rc < 0 ? raise_opening(rc, "binding to", &address.info) : 0;
}

static int connect_unix(int fd, const char *path)
{
    struct bide__unix_address address;
    int rc = bide__unix_address(path, &address);
    if (rc < 0)
        return rc;
    if (connect(fd, address.info.ai_addr, address.info.ai_addrlen) < 0)
        return raise_opening(-errno, "connecting to", &address.info);
    return 0;
}

static int open_unix(int fd, const char *local_path, const char *remote_path,
                     const bide_datagram_options *options,
                     struct bide__socket_file *ret_file)
{
    int rc = check_options(options);
    if (rc == 0)
        rc = set_option(fd, SOL_SOCKET, SO_SNDBUF, options->send_buffer);
    if (rc == 0)
        rc = set_option(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer);
    if (rc == 0 && local_path)
        rc = bind_unix(fd, local_path, ret_file);
    if (rc == 0 && remote_path)
        rc = connect_unix(fd, remote_path);
    return rc;
}

int bide_datagram_open_unix(const char *local_path, const char *remote_path,
                            const bide_datagram_options *given,
                            bide_datagram **ret_datagram)
{
    bide_loop *loop = bide__enter_loop("bide_datagram_open_unix");
    bide_datagram_options options = {.family = AF_UNSPEC};
    struct bide__socket_file file = {.path = ""};
    if (given)
        options = *given;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int rc = open_unix(fd, local_path, remote_path, &options, &file);
    if (rc < 0)
        close(fd);
    else
        rc = datagram_new(loop, fd, false, false, ret_datagram);
    if (rc < 0) {
        bide__socket_file_remove(&file);
        return rc;
    }
    (*ret_datagram)->socket_file = file;
    return 0;
}

/* ── Calls ────────────────────────────────────────────────────────────── */

static void check(const bide_datagram *datagram, const char *function)
{
    BIDE__REQUIRE(datagram->loop == bide__loop,
                  "%s() was called on another thread than the socket's loop; "
                  "use bide_loop_call_soon_threadsafe() to call it there",
                  function);
    BIDE__REQUIRE(!datagram->closing,
                  "%s() was called for a datagram socket that is closed "
                  "already; bide_datagram_close() releases it",
                  function);
}

int bide__datagram_begin(bide_datagram *datagram, const char *function)
{
    bide_task *self = bide__enter(function);
    check(datagram, function);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    datagram->refs++;
    return 0;
}

static void unref(bide_datagram *datagram)
{
    if (--datagram->refs > 0)
        return;
    bide_engine_close(datagram->loop->engine, &datagram->file);
    bide__list_remove(&datagram->resource.link);
    bide__free(datagram->coalesced.data);
    bide__free(datagram);
}

void bide__datagram_end(bide_datagram *datagram)
{
    unref(datagram);
}

/* The object of the wait is the operation. */
static void cancel_call(bide_task *task, void *object)
{
    BIDE__CONTAINER(object, struct bide__datagram_call, op)->cancelled = true;
    bide__op_wait_cancel(task, object);
}

const struct bide__wait bide__datagram_recv_wait = {
    .name = "bide_datagram_recv",
    .cancel = cancel_call,
};

const struct bide__wait bide__datagram_send_wait = {
    .name = "bide_datagram_send",
    .cancel = cancel_call,
};

int64_t bide__datagram_await(bide_datagram *datagram,
                             struct bide__datagram_call *call,
                             const struct bide__wait *wait)
{
    call->cancelled = false;
    bide__list_append(&datagram->calls, &call->link);
    int64_t rc = bide__op_await(bide__loop->current, &call->op, wait);
    bide__list_remove(&call->link);
    if (BIDE__LIKELY(rc != -ECANCELED) || call->cancelled)
        return rc;
    return datagram->closing ? -EBADF : -EAGAIN;
}

static void end_wait(bide_datagram *datagram, struct bide__link *link)
{
    bide_engine_cancel(
        datagram->loop->engine,
        &BIDE__CONTAINER(link, struct bide__datagram_call, link)->op);
}

void bide__datagram_nudge(bide_datagram *datagram)
{
    if (!bide__list_empty(&datagram->calls))
        end_wait(datagram, datagram->calls.next);
}

void bide_datagram_close(bide_datagram *datagram)
{
    if (!datagram)
        return;
    check(datagram, "bide_datagram_close");
    datagram->closing = true;
    datagram->resource.close = NULL;
    bide__socket_file_remove(&datagram->socket_file);
    struct bide__link *head = &datagram->calls;
    for (struct bide__link *link = head->next; link != head; link = link->next)
        end_wait(datagram, link);
    unref(datagram);
}

/* ── Looking ──────────────────────────────────────────────────────────── */

int bide_datagram_fileno(const bide_datagram *datagram)
{
    return datagram->file.fd;
}

int bide_datagram_sockname(const bide_datagram *datagram,
                           struct sockaddr_storage *ret_address)
{
    socklen_t len = sizeof *ret_address;
    int rc = getsockname(datagram->file.fd, (struct sockaddr *)ret_address,
                         &len);
    return rc < 0 ? -errno : (int)len;
}

int bide_datagram_peername(const bide_datagram *datagram,
                           struct sockaddr_storage *ret_address)
{
    socklen_t len = sizeof *ret_address;
    int rc = getpeername(datagram->file.fd, (struct sockaddr *)ret_address,
                         &len);
    return rc < 0 ? -errno : (int)len;
}

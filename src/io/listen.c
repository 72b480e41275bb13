/* SPDX-License-Identifier: MIT */
/*
 * listen.c — making sockets that listen.
 *
 * Nothing here suspends. A server for several addresses binds all of them
 * before it listens on the first, so that no client gets through to a server
 * that then fails to start.
 */
#include "io/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ports to try where the system chooses one for several addresses and it is
 * taken on the second. */
#define PORTS_MAX 16

static int raise_listening(int code, const struct sockaddr *address,
                           size_t len)
{
    char text[BIDE__ADDRESS_TEXT];
    bide__sockaddr_text(address, len, text, sizeof text);
    return bide_raise(code, "listening on %s: %s", text, bide_strerror(code));
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

/* ── TCP ──────────────────────────────────────────────────────────────── */

static int set_option(int fd, int level, int name)
{
    const int on = 1;
    return setsockopt(fd, level, name, &on, sizeof on) < 0 ? -errno : 0;
}

/* Options of the listener are inherited by what it accepts: TCP_NODELAY and
 * SO_KEEPALIVE cost nothing for each connection. */
static int set_options(int fd, int family, const bide_server_options *options)
{
    int rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (rc == 0 && options->reuse_port)
        rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    if (rc == 0 && family == AF_INET6)
        rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    bide__socket_options(fd, options->delay, options->keep_alive);
    return rc;
}

/* A copy of an address with another port. */
union inet {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static int bind_tcp(const struct addrinfo *info, unsigned port,
                    const bide_server_options *options)
{
    union inet address;
    memset(&address, 0, sizeof address);
    if (info->ai_addrlen > sizeof address)
        return -EAFNOSUPPORT;
    memcpy(&address, info->ai_addr, info->ai_addrlen);
    if (port && info->ai_family == AF_INET6)
        address.in6.sin6_port = htons((uint16_t)port);
    else if (port)
        address.in.sin_port = htons((uint16_t)port);
    int fd = socket(info->ai_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int rc = set_options(fd, info->ai_family, options);
    if (rc == 0 && bind(fd, &address.any, info->ai_addrlen) < 0)
        rc = -errno;
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

/* A name may have an address twice, and to bind it twice would fail. */
static bool is_repeated(const struct addrinfo *list,
                        const struct addrinfo *info)
{
    for (; list != info; list = list->ai_next)
        if (list->ai_addrlen == info->ai_addrlen &&
            memcmp(list->ai_addr, info->ai_addr, info->ai_addrlen) == 0)
            return true;
    return false;
}

/* This machine has no such address, or none of the family. */
static bool is_lacking(int code)
{
    return code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT;
}

/* Bind all, then listen on all. `failed` is the address of the last error.
 * Returns the number or the error. */
static int try_all(const struct addrinfo *list,
                   const bide_server_options *options, int *fds,
                   const struct addrinfo **ret_failed)
{
    const struct addrinfo *bound[BIDE__LISTENERS_MAX];
    int count = 0;
    int rc = 0;
    unsigned port = 0; /* the one that the list says, or the system chose */
    for (const struct addrinfo *info = list;
         info && count < BIDE__LISTENERS_MAX; info = info->ai_next) {
        if (is_repeated(list, info))
            continue;
        int fd = bind_tcp(info, port, options);
        if (fd >= 0) {
            bound[count] = info;
            fds[count++] = fd;
            port = bide__bound_port(fd);
            continue;
        }
        rc = fd;
        *ret_failed = info;
        if (!is_lacking(rc))
            goto fail;
    }
    for (int i = 0; i < count; i++) {
        if (listen(fds[i], options->backlog) < 0) {
            rc = -errno;
            *ret_failed = bound[i];
            goto fail;
        }
    }
    return count > 0 ? count : rc;
fail:
    close_all(fds, count);
    return rc;
}

static bool has_port(const struct addrinfo *info)
{
    union inet address;
    memset(&address, 0, sizeof address);
    memcpy(&address, info->ai_addr,
           info->ai_addrlen < sizeof address ? info->ai_addrlen
                                             : sizeof address);
    return info->ai_family == AF_INET6 ? address.in6.sin6_port != 0
                                       : address.in.sin_port != 0;
}

int bide__listen_tcp(const struct addrinfo *list,
                     const bide_server_options *options, int *fds)
{
    const struct addrinfo *failed = list;
    int left = has_port(list) ? 1 : PORTS_MAX;
    int rc;
    do {
        rc = try_all(list, options, fds, &failed);
    } while (rc == -EADDRINUSE && --left > 0);
    if (rc < 0)
        return raise_listening(rc, failed->ai_addr, failed->ai_addrlen);
    return rc;
}

/* ── Unix ─────────────────────────────────────────────────────────────── */

/* Whether a socket's file is left over from a server that is gone: then
 * connecting to it is refused. */
static bool is_stale(const struct bide__unix_address *address)
{
    struct stat status;
    if (lstat(address->address.sun_path, &status) < 0 ||
        !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX,
                    address->info.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    if (fd < 0)
        return false;
    bool stale =
        connect(fd, address->info.ai_addr, address->info.ai_addrlen) < 0 &&
        errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int bind_unix(int fd, const struct bide__unix_address *address)
{
    const struct addrinfo *info = &address->info;
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0)
        return 0;
    int code = -errno;
    const char *path = address->address.sun_path;
    if (code != -EADDRINUSE || !*path || !is_stale(address))
        return code;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    return bind(fd, info->ai_addr, info->ai_addrlen) < 0 ? -errno : 0;
}

/*
 * Bind with the permissions that were asked for. The file appears with those
 * of the descriptor less the umask, so it is never open to more than `mode`;
 * what the umask has taken away is added afterwards.
 */
int bide__bind_unix(int fd, const struct bide__unix_address *address,
                    unsigned mode, struct bide__socket_file *ret_file)
{
    const char *path = address->address.sun_path;
    if (mode && fchmod(fd, mode) < 0)
        return -errno;
    int rc = bind_unix(fd, address);
    if (rc < 0 || !*path)
        return rc;
    struct stat status;
    if ((mode && chmod(path, mode) < 0) || lstat(path, &status) < 0) {
        rc = -errno;
        (void)unlink(path);
        return rc;
    }
    ret_file->device = status.st_dev;
    ret_file->inode = status.st_ino;
    memcpy(ret_file->path, path, sizeof ret_file->path);
    return 0;
}

int bide__listen_unix(const char *path, const bide_server_options *options,
                      struct bide__socket_file *ret_file)
{
    struct bide__unix_address address;
    int rc = bide__unix_address(path, &address);
    if (rc < 0)
        return rc;
    const struct addrinfo *info = &address.info;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return raise_listening(-errno, info->ai_addr, info->ai_addrlen);
    ret_file->path[0] = '\0';
    rc = bide__bind_unix(fd, &address, options->mode, ret_file);
    if (rc == 0 && listen(fd, options->backlog) < 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    bide__socket_file_remove(ret_file);
    close(fd);
    return raise_listening(rc, info->ai_addr, info->ai_addrlen);
}

void bide__socket_file_remove(struct bide__socket_file *file)
{
    struct stat status;
    if (file->path[0] && lstat(file->path, &status) == 0 &&
        status.st_dev == file->device && status.st_ino == file->inode)
        (void)unlink(file->path);
    file->path[0] = '\0';
}

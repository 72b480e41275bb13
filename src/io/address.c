/* SPDX-License-Identifier: MIT */
/*
 * address.c — addresses of sockets: as text, from paths, of descriptors; and
 * the options that every TCP socket gets.
 *
 * Addresses are copied before they are looked at, because what the kernel or
 * getaddrinfo(3) fill in need not be aligned for the type it turns out to be.
 */
#include "io/address.h"

#include <arpa/inet.h>
#include <bide/dns.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "io/stream.h"

/* ── As text ──────────────────────────────────────────────────────────── */

/* A link-local address means nothing without the interface it is on. */
static void inet6_text(const struct sockaddr_in6 *address, char *buf,
                       size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    char name[IF_NAMESIZE] = "";
    (void)inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
    unsigned scope = address->sin6_scope_id;
    if (scope && !if_indextoname(scope, name))
        snprintf(name, sizeof name, "%u", scope);
    snprintf(buf, size, "[%s%s%s]:%u", text, scope ? "%" : "", name,
             ntohs(address->sin6_port));
}

/* A name of the abstract namespace begins with a NUL and may hold any byte;
 * what cannot be shown must not reach a terminal or a log. */
static void unix_text(const struct sockaddr_un *address, size_t len, char *buf,
                      size_t size)
{
    char text[sizeof address->sun_path + 1];
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t path_len = len > head ? len - head : 0;
    if (path_len > sizeof address->sun_path)
        path_len = sizeof address->sun_path;
    if (path_len > 0 && address->sun_path[0])
        path_len = strnlen(address->sun_path, path_len);
    for (size_t i = 0; i < path_len; i++) {
        unsigned char byte = (unsigned char)address->sun_path[i];
        bool shown = byte >= ' ' && byte != 0x7f;
        text[i] = shown ? (char)byte : byte == 0 ? '@' : '?';
    }
    text[path_len] = '\0';
    snprintf(buf, size, "unix:%s", text);
}

char *bide__sockaddr_text(const struct sockaddr *address, size_t len,
                          char *buf, size_t size)
{
    union {
        sa_family_t family;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } copy;
    memset(&copy, 0, sizeof copy);
    memcpy(&copy, address, len < sizeof copy ? len : sizeof copy);
    char text[INET_ADDRSTRLEN] = "?";
    switch (copy.family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &copy.in.sin_addr, text, sizeof text);
        snprintf(buf, size, "%s:%u", text, ntohs(copy.in.sin_port));
        break;
    case AF_INET6:
        inet6_text(&copy.in6, buf, size);
        break;
    case AF_UNIX:
        unix_text(&copy.un, len, buf, size);
        break;
    default:
        snprintf(buf, size, "(address family %u)", copy.family);
        break;
    }
    return buf;
}

char *bide_address_text(const struct sockaddr_storage *address,
                        size_t address_len, char *buf, size_t size)
{
    return bide__sockaddr_text((const struct sockaddr *)address, address_len,
                               buf, size);
}

/* ── From paths and names ─────────────────────────────────────────────── */

int bide__unix_address(const char *path, struct bide__unix_address *ret)
{
    size_t len = strlen(path);
    size_t max = sizeof ret->address.sun_path - 1;
    if (len == 0)
        return bide_raise(-EINVAL, "the path of the socket is empty");
    if (len > max)
        return bide_raise(-ENAMETOOLONG,
                          "the path of the socket is %zu bytes, at most %zu: "
                          "%.100s",
                          len, max, path);
    bool is_abstract = path[0] == '@';
    size_t head = offsetof(struct sockaddr_un, sun_path);
    memset(ret, 0, sizeof *ret);
    ret->address.sun_family = AF_UNIX;
    memcpy(ret->address.sun_path, path, len);
    if (is_abstract)
        ret->address.sun_path[0] = '\0';
    ret->info.ai_family = AF_UNIX;
    ret->info.ai_socktype = SOCK_STREAM;
    ret->info.ai_addr = (struct sockaddr *)&ret->address;
    ret->info.ai_addrlen = (socklen_t)(head + len + !is_abstract);
    return 0;
}

int bide__look_up(const char *host, unsigned port, int family, int flags,
                  struct addrinfo **ret_list)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {
        .ai_flags = flags,
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
    };
    return bide_getaddrinfo(host, service, &hints, ret_list);
}

int bide__check_family(int family)
{
    if (family == AF_UNSPEC || family == AF_INET || family == AF_INET6)
        return 0;
    return bide_raise(-EINVAL,
                      "family is %d, must be AF_INET (%d), AF_INET6 (%d) or 0",
                      family, AF_INET, AF_INET6);
}

/* ── Of descriptors ───────────────────────────────────────────────────── */

char *bide__bound_text(int fd, char *buf, size_t size)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        snprintf(buf, size, "?");
    else
        bide_address_text(&address, len, buf, size);
    return buf;
}

unsigned bide__bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage room;
    } address;
    socklen_t len = sizeof address;
    if (getsockname(fd, &address.any, &len) < 0)
        return 0;
    switch (address.any.sa_family) {
    case AF_INET:
        return ntohs(address.in.sin_port);
    case AF_INET6:
        return ntohs(address.in6.sin6_port);
    default:
        return 0;
    }
}

int bide_stream_peername(const bide_stream *stream,
                         struct sockaddr_storage *ret_address)
{
    int rc = bide__stream_check(stream, "bide_stream_peername");
    if (rc < 0)
        return rc;
    socklen_t len = sizeof *ret_address;
    if (getpeername(bide_stream_fileno(stream),
                    (struct sockaddr *)ret_address, &len) < 0)
        return -errno;
    return (int)len;
}

int bide_stream_sockname(const bide_stream *stream,
                         struct sockaddr_storage *ret_address)
{
    int rc = bide__stream_check(stream, "bide_stream_sockname");
    if (rc < 0)
        return rc;
    socklen_t len = sizeof *ret_address;
    if (getsockname(bide_stream_fileno(stream),
                    (struct sockaddr *)ret_address, &len) < 0)
        return -errno;
    return (int)len;
}

/* A socket without these options works all the same: nothing to report. */
void bide__socket_options(int fd, bool delay, bool keep_alive)
{
    const int on = 1;
    if (!delay)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (keep_alive)
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

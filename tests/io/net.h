/* SPDX-License-Identifier: MIT */
/*
 * net.h — what the tests of connections share: plain sockets, on the loopback
 * interface only, and loops that must not leave a descriptor open.
 */
#ifndef BIDE_TESTS_IO_NET_H
#define BIDE_TESTS_IO_NET_H

#include <bide/stream.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

/* A port on which connecting is refused: nothing listens there, because no
 * program may without privileges, and this is "tcpmux". */
#define CLOSED_PORT 1

/* ── Descriptors ──────────────────────────────────────────────────────── */

static inline int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -1; /* the directory's own */
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* Run a test's coroutine in a loop of its own; it must succeed, and leave no
 * descriptor open. */
static inline void run_clean_with(bide_coroutine *coroutine, void *arg,
                                  const bide_options *options)
{
    int before = count_fds();
    CHECK_OK(bide_run_with(coroutine, arg, options));
    CHECK_INT(count_fds(), before);
}

static inline void run_clean(bide_coroutine *coroutine)
{
    run_clean_with(coroutine, NULL, NULL);
}

/* ── Plain sockets ────────────────────────────────────────────────────── */

static inline bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6,
        .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&address,
                               sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

/* The address 127.0.0.1 and a port. */
static inline struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/* A socket that listens on 127.0.0.1; its address is filled in. */
static inline int plain_listen(int backlog, struct sockaddr_in *ret_address)
{
    socklen_t len = sizeof *ret_address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_address = loopback(0);
    CHECK_OK(bind(fd, (struct sockaddr *)ret_address, len));
    CHECK_OK(listen(fd, backlog));
    CHECK_OK(getsockname(fd, (struct sockaddr *)ret_address, &len));
    return fd;
}

/* A socket that is connected to a port of 127.0.0.1, or connecting. */
static inline int plain_connect(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    CHECK(rc == 0 || errno == EINPROGRESS);
    return fd;
}

/* An address that does not answer: the queue of its listener is full, so the
 * kernel drops what asks for more. */
struct silent {
    struct sockaddr_in address;
    int listener;
    int fillers[4];
};

static inline void silent_open(struct silent *silent)
{
    silent->listener = plain_listen(0, &silent->address);
    for (int i = 0; i < 4; i++)
        silent->fillers[i] = plain_connect(ntohs(silent->address.sin_port));
}

static inline void silent_close(struct silent *silent)
{
    for (int i = 0; i < 4; i++)
        close(silent->fillers[i]);
    close(silent->listener);
}

/* ── Streams ──────────────────────────────────────────────────────────── */

/* A handler that sends back what it receives. */
static inline int echo(bide_stream *stream, void *arg)
{
    (void)arg;
    char buf[256];
    for (;;) {
        ssize_t n = bide_stream_read(stream, buf, sizeof buf);
        if (n <= 0)
            return (int)n;
        int rc = bide_stream_write(stream, buf, (size_t)n);
        if (rc < 0)
            return rc;
    }
}

/* Send a line and check that it comes back. Returns 0 or a negative code. */
static inline int check_echo(bide_stream *stream, const char *line)
{
    char buf[256];
    size_t len = strlen(line);
    int rc = bide_stream_write(stream, line, len);
    if (rc < 0)
        return rc;
    ssize_t n = bide_stream_readexactly(stream, buf, len);
    if (n < 0)
        return (int)n;
    CHECK_MEM(buf, line, len);
    return 0;
}

/* Connect to a port of 127.0.0.1, exchange a line, close. */
static inline int echo_once(int port)
{
    bide_stream *stream;
    int rc = bide_open_connection("127.0.0.1", port, NULL, &stream);
    if (rc < 0)
        return rc;
    rc = check_echo(stream, "hello\n");
    bide_stream_close(stream);
    return rc;
}

#endif

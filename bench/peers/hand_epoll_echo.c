/* SPDX-License-Identifier: MIT */
/*
 * hand_epoll_echo.c — a TCP echo server as one writes it by hand on epoll: the
 * limit for every runtime on epoll.
 *
 * Edge-triggered: a connection is added once and never touched again. A read
 * that leaves room in the buffer has emptied the socket, so there is no second
 * read for EAGAIN; more data makes a new edge. What cannot be sent at once is
 * kept, and the connection is not read until it has gone out.
 *
 *     hand_epoll_echo [lt]      level-triggered instead, for comparison
 *
 * Prints `port=N` and serves until it is killed.
 */
#include "../bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 20000, MAX_EVENTS = 512, BUFFER = 256 << 10 };

/* What is still to be sent on a connection; NULL almost always. */
struct unsent {
    size_t begin;
    size_t len;
    char bytes[];
};

static struct unsent *unsent_of[MAX_FDS];
static int epoll_fd;
static uint32_t edge = EPOLLET;

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        bench_die("listen: %s", strerror(errno));
    printf("port=%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void drop(int fd)
{
    free(unsent_of[fd]);
    unsent_of[fd] = NULL;
    close(fd);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (edge)
            event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        if (fd >= MAX_FDS ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
            close(fd);
    }
}

/* Level-triggered only: edges for writing come unasked. */
static void want(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (!edge)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

/* Returns 1 when everything went out, 0 when some is left, -1 on an error. */
static int flush(int fd)
{
    struct unsent *unsent = unsent_of[fd];
    while (unsent->len > 0) {
        ssize_t n = send(fd, unsent->bytes + unsent->begin, unsent->len,
                         MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        unsent->begin += (size_t)n;
        unsent->len -= (size_t)n;
    }
    free(unsent);
    unsent_of[fd] = NULL;
    want(fd, EPOLLIN);
    return 1;
}

static void keep(int fd, const char *bytes, size_t len)
{
    struct unsent *unsent = malloc(sizeof *unsent + len);
    if (!unsent)
        bench_die("out of memory");
    unsent->begin = 0;
    unsent->len = len;
    memcpy(unsent->bytes, bytes, len);
    unsent_of[fd] = unsent;
    want(fd, EPOLLOUT);
}

/* Returns 0 to go on with the connection, -1 to drop it. */
static int serve(int fd, uint32_t ready)
{
    static char buffer[BUFFER];
    if (unsent_of[fd]) {
        int flushed = flush(fd);
        if (flushed <= 0)
            return flushed;
    }
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0)
            return -1;
        ssize_t sent = send(fd, buffer, (size_t)n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return -1;
        if (sent < n) {
            size_t done = sent < 0 ? 0 : (size_t)sent;
            keep(fd, buffer + done, (size_t)n - done);
            return 0;
        }
        /* An end that came with the data makes no edge of its own. */
        if (n < (ssize_t)sizeof buffer && !(ready & EPOLLRDHUP))
            return 0;
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[MAX_EVENTS];
    int listener = listen_somewhere();
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (strcmp(bench_word(argc, argv, 1, "et"), "lt") == 0)
        edge = 0;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, MAX_EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener);
            else if (serve(events[i].data.fd, events[i].events) < 0)
                drop(events[i].data.fd);
        }
    }
}

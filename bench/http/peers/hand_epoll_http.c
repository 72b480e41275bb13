/* SPDX-License-Identifier: MIT */
/*
 * hand_epoll_http.c — HTTP as one writes it by hand on epoll: edge-triggered,
 * one read and one write an event.
 *
 *     hand_epoll_http PORT
 *
 * A client that does not read its replies is disconnected.
 */
#include "reply.h"

#include <fcntl.h>
#include <sys/epoll.h>

enum { EVENTS = 512, BUFFER = 65536, DESCRIPTORS = 65536 };

static unsigned matched[DESCRIPTORS];
static int epoll;

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                                .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        bench_die("epoll_ctl: %s", strerror(errno));
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= DESCRIPTORS) {
            close(fd);
            continue;
        }
        matched[fd] = 0;
        watch(fd);
    }
}

/* Returns whether the connection goes on. */
static bool reply(int fd, unsigned count)
{
    while (count > 0) {
        unsigned some = count < REPLIES ? count : REPLIES;
        size_t len = some * reply_len;
        if (send(fd, reply_text, len, MSG_NOSIGNAL) != (ssize_t)len)
            return false;
        count -= some;
    }
    return true;
}

static void serve_one(int fd)
{
    static char buffer[BUFFER];
    ssize_t n;
    do {
        n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 ||
            !reply(fd, count_requests(buffer, (size_t)n, &matched[fd]))) {
            close(fd);
            return;
        }
    } while (n == BUFFER);
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    int listener = listen_on((int)bench_arg(argc, argv, 1, 1, 65535, 8080));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
        bench_die("epoll_create1: %s", strerror(errno));
    watch(listener);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        reply_refresh();
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listener)
                accept_all(listener);
            else
                serve_one(events[i].data.fd);
    }
}

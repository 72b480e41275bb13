/* SPDX-License-Identifier: MIT */
/*
 * uring_host.c — a descriptor for a host's loop to wait on.
 *
 * The ring's own descriptor does not do with IORING_SETUP_DEFER_TASKRUN: who
 * is in poll(2) on it already is not woken by what arrives then. The kernel
 * does signal an eventfd that is registered with the ring, except when what
 * has arrived was a write to another eventfd, such as our wake-up: there, it
 * does so at best once. So the host gets an epoll set of the two:
 *
 *     host's poll ──► host_fd ─┬─ host_event   what the ring signals
 *                              └─ wake_fd      posts; edge-triggered
 *
 * Both are cleared before results are taken, so what comes after that shows.
 * Taking results makes the kernel signal as well; that is cleared afterwards,
 * unless something is left.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "engine/uring.h"

static bool add(int set, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0;
}

int bide__uring_host_open(struct bide__uring *u)
{
    if (u->ring.level < BIDE__RING_6_1)
        return u->ring.fd; /* task work is not deferred */
    if (u->host_fd >= 0)
        return u->host_fd;
    u->host_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    u->host_fd = epoll_create1(EPOLL_CLOEXEC);
    if (u->host_event >= 0 && u->host_fd >= 0 &&
        add(u->host_fd, u->host_event, EPOLLIN) &&
        add(u->host_fd, u->wake_fd, EPOLLIN | EPOLLET) &&
        bide__ring_register(&u->ring, IORING_REGISTER_EVENTFD, &u->host_event,
                            1) == 0)
        return u->host_fd;
    bide__uring_host_close(u);
    return -1;
}

void bide__uring_host_close(struct bide__uring *u)
{
    if (u->host_event >= 0)
        close(u->host_event);
    if (u->host_fd >= 0)
        close(u->host_fd);
    u->host_event = -1;
    u->host_fd = -1;
}

static void clear_event(struct bide__uring *u)
{
    uint64_t count;
    ssize_t len = read(u->host_event, &count, sizeof count);
    (void)len; /* nothing to read is as good */
}

void bide__uring_host_clear(struct bide__uring *u)
{
    struct epoll_event events[2];
    if (u->host_fd < 0)
        return;
    clear_event(u);
    (void)epoll_wait(u->host_fd, events, 2, 0); /* takes the edge */
}

void bide__uring_host_settle(struct bide__uring *u)
{
    if (u->host_fd < 0)
        return;
    clear_event(u);
    if (bide__ring_ready(&u->ring) == 0 &&
        !(bide__ring_flags(&u->ring) &
          (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)))
        return;
    ssize_t len = write(u->host_event, &(uint64_t){1}, sizeof(uint64_t));
    (void)len; /* the counter is 0 or was just signalled */
}

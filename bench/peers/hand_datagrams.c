/* SPDX-License-Identifier: MIT */
/*
 * hand_datagrams.c — datagrams of UDP from one socket to another of the same
 * process, by plain calls.
 *
 *     hand_datagrams singly|pong|mmsg|segments [count [bytes]]
 *
 * singly: 32 by send(2), then 32 by recv(2). pong: one there and back; before
 * each is received it is waited for by epoll_wait(2). mmsg: 32 by sendmmsg(2)
 * and recvmmsg(2). segments: 32 by UDP_SEGMENT, received whole by UDP_GRO.
 */
#include "../bench.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

enum { BATCH = 32, BYTES_MAX = 1400, ROOM = 65536 };

static int from, to;
static size_t len;
static char bytes[BATCH][BYTES_MAX];
static char room[BATCH][ROOM];
static struct iovec out_iov[BATCH], in_iov[BATCH];

static void check(long rc, const char *what)
{
    if (rc < 0)
        bench_die("%s: %s", what, strerror(errno));
}

static void open_sockets(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct sockaddr_in other = address;
    socklen_t size = sizeof address;
    to = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    from = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    check(bind(to, (struct sockaddr *)&address, size), "bind");
    check(bind(from, (struct sockaddr *)&other, size), "bind");
    check(getsockname(to, (struct sockaddr *)&address, &size), "getsockname");
    check(connect(from, (struct sockaddr *)&address, size), "connect");
    for (int i = 0; i < BATCH; i++) {
        out_iov[i] = (struct iovec){bytes[i], len};
        in_iov[i] = (struct iovec){room[i], ROOM};
    }
}

static void singly(long count)
{
    for (long i = 0; i < count / BATCH; i++) {
        for (int j = 0; j < BATCH; j++)
            check(send(from, bytes[0], len, 0), "send");
        for (int j = 0; j < BATCH; j++)
            check(recv(to, room[0], ROOM, 0), "recv");
    }
}

static void pong(long count)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0);
    check(epoll_ctl(set, EPOLL_CTL_ADD, to, &event), "epoll_ctl");
    event.data.fd = from;
    check(epoll_ctl(set, EPOLL_CTL_ADD, from, &event), "epoll_ctl");
    for (long i = 0; i < count / 2; i++) {
        struct sockaddr_in address;
        socklen_t size = sizeof address;
        check(send(from, bytes[0], len, 0), "send");
        check(epoll_wait(set, &event, 1, -1), "epoll_wait");
        check(recvfrom(to, room[0], ROOM, 0, (struct sockaddr *)&address,
                       &size),
              "recvfrom");
        check(sendto(to, room[0], len, 0, (struct sockaddr *)&address, size),
              "sendto");
        check(epoll_wait(set, &event, 1, -1), "epoll_wait");
        check(recv(from, room[0], ROOM, 0), "recv");
    }
}

static void mmsg(long count)
{
    struct mmsghdr out[BATCH], in[BATCH];
    memset(out, 0, sizeof out);
    memset(in, 0, sizeof in);
    for (int i = 0; i < BATCH; i++) {
        out[i].msg_hdr = (struct msghdr){.msg_iov = &out_iov[i],
                                         .msg_iovlen = 1};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &in_iov[i],
                                        .msg_iovlen = 1};
    }
    for (long i = 0; i < count / BATCH; i++) {
        check(sendmmsg(from, out, BATCH, 0), "sendmmsg");
        for (int got = 0; got < BATCH;) {
            int n = recvmmsg(to, in, BATCH, 0, NULL);
            check(n, "recvmmsg");
            got += n;
        }
    }
}

static void segments(long count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(uint16_t))];
    } control = {.header = {.cmsg_level = IPPROTO_UDP,
                            .cmsg_type = UDP_SEGMENT,
                            .cmsg_len = CMSG_LEN(sizeof(uint16_t))}};
    uint16_t segment = (uint16_t)len;
    struct msghdr message = {.msg_iov = out_iov,
                             .msg_iovlen = BATCH,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int on = 1;
    memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
    check(setsockopt(to, IPPROTO_UDP, UDP_GRO, &on, sizeof on), "UDP_GRO");
    for (long i = 0; i < count / BATCH; i++) {
        check(sendmsg(from, &message, 0), "sendmsg");
        for (size_t got = 0; got < BATCH * len;) {
            ssize_t n = recv(to, room[0], ROOM, 0);
            check(n, "recv");
            got += (size_t)n;
        }
    }
}

int main(int argc, char **argv)
{
    const char *mode = bench_word(argc, argv, 1, "singly");
    long count = bench_arg(argc, argv, 2, BATCH, 1000000000, 500000);
    len = (size_t)bench_arg(argc, argv, 3, 1, BYTES_MAX, 64);
    count -= count % BATCH;
    open_sockets();
    int64_t begin = bench_cpu_ns();
    if (strcmp(mode, "singly") == 0)
        singly(count);
    else if (strcmp(mode, "pong") == 0)
        pong(count);
    else if (strcmp(mode, "mmsg") == 0)
        mmsg(count);
    else if (strcmp(mode, "segments") == 0)
        segments(count);
    else
        bench_die("mode is '%s'", mode);
    printf("ns=%.1f\n", (double)(bench_cpu_ns() - begin) / (double)count);
    return 0;
}

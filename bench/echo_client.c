/* SPDX-License-Identifier: MIT */
/*
 * echo_client.c — the load for the echo servers: many connections, each with
 * one message under way, for a bounded time.
 *
 * Each connection sends a message, waits until all of it has come back,
 * compares every byte, and sends the next one, which differs. After a warm-up
 * it reads the processor clock of the server, and again at the end: the
 * difference over the number of replies in between is what a request costs
 * the server, whatever the client costs.
 *
 *     echo_client port server-pid connections bytes warm-up-ms measured-ms
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 512, CONNECT_PAUSE = 64 };

struct connection {
    int fd;
    uint32_t received;
    uint64_t sequence;
    char *sent; /* the message under way */
};

static long message_bytes;
static char *incoming;
static int64_t replies;

static void connect_one(struct connection *connection, long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&address,
                sizeof address) < 0 ||
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one,
                   sizeof one) < 0)
        bench_die("connect to port %ld: %s", port, strerror(errno));
}

static void send_next(struct connection *connection)
{
    connection->sequence += 1;
    connection->received = 0;
    memcpy(connection->sent, &connection->sequence,
           sizeof connection->sequence);
    ssize_t n = send(connection->fd, connection->sent, (size_t)message_bytes,
                     MSG_NOSIGNAL);
    if (n != message_bytes)
        bench_die("send: %s", n < 0 ? strerror(errno) : "incomplete");
}

static void on_readable(struct connection *connection)
{
    size_t room = (size_t)message_bytes - connection->received;
    ssize_t n = recv(connection->fd, incoming, room, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        bench_die("recv: %s", n < 0 ? strerror(errno) : "closed by the server");
    if (memcmp(incoming, connection->sent + connection->received,
               (size_t)n) != 0)
        bench_die("the server changed a message");
    connection->received += (uint32_t)n;
    if (connection->received == message_bytes) {
        replies++;
        send_next(connection);
    }
}

static void run_until(int epoll_fd, int64_t end_ns)
{
    struct epoll_event events[MAX_EVENTS];
    while (bench_wall_ns() < end_ns) {
        int n = epoll_wait(epoll_fd, events, MAX_EVENTS, 100);
        for (int i = 0; i < n; i++)
            on_readable(events[i].data.ptr);
    }
}

static struct connection *open_all(int epoll_fd, long count, long port)
{
    struct connection *all = calloc((size_t)count, sizeof *all);
    incoming = malloc((size_t)message_bytes);
    if (!all || !incoming)
        bench_die("out of memory");
    for (long i = 0; i < count; i++) {
        struct connection *one = &all[i];
        one->sent = malloc((size_t)message_bytes);
        if (!one->sent)
            bench_die("out of memory");
        for (long at = 0; at < message_bytes; at++)
            one->sent[at] = (char)(i + at * 7);
        one->sequence = (uint64_t)i << 40;
        connect_one(one, port);
        struct epoll_event event = {.events = EPOLLIN | EPOLLET,
                                    .data.ptr = one};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, one->fd, &event) < 0)
            bench_die("epoll_ctl: %s", strerror(errno));
        if (i % CONNECT_PAUSE == CONNECT_PAUSE - 1)
            usleep(1000); /* do not overrun the server's backlog */
    }
    return all;
}

int main(int argc, char **argv)
{
    long port = bench_arg(argc, argv, 1, 1, 65535, 0);
    long pid = bench_arg(argc, argv, 2, 1, INT32_MAX, 0);
    long count = bench_arg(argc, argv, 3, 1, 15000, 50);
    message_bytes = bench_arg(argc, argv, 4, 8, 65536, 64);
    long warm_up_ms = bench_arg(argc, argv, 5, 0, 10000, 200);
    long measured_ms = bench_arg(argc, argv, 6, 1, 60000, 1000);
    clockid_t server;
    if (argc < 3 || clock_getcpuclockid((pid_t)pid, &server) != 0)
        bench_die("usage: echo_client port server-pid [connections [bytes "
                  "[warm-up-ms [measured-ms]]]]");
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = open_all(epoll_fd, count, port);
    for (long i = 0; i < count; i++)
        send_next(&all[i]);

    int64_t begin = bench_wall_ns() + warm_up_ms * 1000000;
    run_until(epoll_fd, begin);
    int64_t server_ns = bench_clock(server);
    int64_t client_ns = bench_cpu_ns();
    begin = bench_wall_ns();
    replies = 0;
    run_until(epoll_fd, begin + measured_ms * 1000000);
    double wall_ns = (double)(bench_wall_ns() - begin);
    client_ns = bench_cpu_ns() - client_ns;
    server_ns = bench_clock(server) - server_ns;
    if (replies == 0)
        bench_die("no reply within %ld ms", measured_ms);
    printf("requests=%lld seconds=%.6f server_us=%.4f client_us=%.4f "
           "server_busy=%.3f\n",
           (long long)replies, wall_ns / 1e9,
           (double)server_ns / 1e3 / (double)replies,
           (double)client_ns / 1e3 / (double)replies,
           (double)server_ns / wall_ns);
    return 0;
}

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
 *                 [messages a connection]
 *
 * After so many messages, 0 for no end, a connection is closed and a new one
 * made. They come from many addresses of the loopback network: one alone would
 * run out of ports, which the kernel keeps for a minute after a close.
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 512, CONNECT_PAUSE = 64, CHUNK = 256 << 10 };

struct connection {
    int fd;
    size_t sent;     /* of the message under way */
    size_t received; /* of the reply to it */
    uint64_t sequence;
    long messages;   /* on this connection so far */
    char *message;
};

static int epoll_fd;
static long port;
static size_t message_bytes;
static long messages_most; /* a connection, or 0 */
static char *incoming;
static int64_t replies;

static struct sockaddr_in loopback(uint32_t host, long its_port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)its_port),
        .sin_addr.s_addr = htonl((127u << 24) + host)};
}

static void connect_one(struct connection *connection)
{
    static uint32_t turn;
    struct sockaddr_in from = loopback(1 + turn++ % 250, 0);
    struct sockaddr_in to = loopback(1, port);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
                   sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        bench_die("connect to port %ld: %s", port, strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        bench_die("epoll_ctl: %s", strerror(errno));
    connection->fd = fd;
    connection->messages = 0;
}

static void send_some(struct connection *connection)
{
    while (connection->sent < message_bytes) {
        ssize_t n = send(connection->fd,
                         connection->message + connection->sent,
                         message_bytes - connection->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            bench_die("send: %s", strerror(errno));
        connection->sent += (size_t)n;
    }
}

static void send_next(struct connection *connection)
{
    connection->sequence++;
    connection->messages++;
    connection->received = 0;
    connection->sent = 0;
    memcpy(connection->message, &connection->sequence,
           sizeof connection->sequence);
    send_some(connection);
}

/* A reply has come: count it, and go on. */
static void on_reply(struct connection *connection)
{
    replies++;
    if (messages_most > 0 && connection->messages == messages_most) {
        close(connection->fd);
        connect_one(connection);
    }
    send_next(connection);
}

static void on_ready(struct connection *connection)
{
    if (connection->sent < message_bytes)
        send_some(connection);
    for (;;) {
        size_t room = message_bytes - connection->received;
        if (room > CHUNK)
            room = CHUNK;
        ssize_t n = recv(connection->fd, incoming, room, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            bench_die("recv: %s",
                      n < 0 ? strerror(errno) : "closed by the server");
        if (memcmp(incoming, connection->message + connection->received,
                   (size_t)n) != 0)
            bench_die("the server changed a message");
        connection->received += (size_t)n;
        if (connection->received == message_bytes) {
            on_reply(connection);
            return;
        }
        if ((size_t)n < room)
            return; /* what follows makes a new edge */
    }
}

static void run_until(int64_t end_ns)
{
    struct epoll_event events[MAX_EVENTS];
    while (bench_wall_ns() < end_ns) {
        int n = epoll_wait(epoll_fd, events, MAX_EVENTS, 100);
        for (int i = 0; i < n; i++)
            on_ready(events[i].data.ptr);
    }
}

static void open_all(struct connection *all, long count)
{
    for (long i = 0; i < count; i++) {
        struct connection *one = &all[i];
        one->message = malloc(message_bytes);
        if (!one->message)
            bench_die("out of memory");
        for (size_t at = 0; at < message_bytes; at++)
            one->message[at] = (char)((size_t)i + at * 7);
        one->sequence = (uint64_t)i << 40;
        connect_one(one);
        if (i % CONNECT_PAUSE == CONNECT_PAUSE - 1)
            usleep(1000); /* do not overrun the server's backlog */
    }
}

int main(int argc, char **argv)
{
    port = bench_arg(argc, argv, 1, 1, 65535, 0);
    long pid = bench_arg(argc, argv, 2, 1, INT32_MAX, 0);
    long count = bench_arg(argc, argv, 3, 1, 15000, 50);
    message_bytes = (size_t)bench_arg(argc, argv, 4, 8, 16 << 20, 64);
    long warm_up_ms = bench_arg(argc, argv, 5, 0, 10000, 200);
    long measured_ms = bench_arg(argc, argv, 6, 1, 60000, 1000);
    messages_most = bench_arg(argc, argv, 7, 0, 1000000, 0);
    clockid_t server;
    if (argc < 3 || clock_getcpuclockid((pid_t)pid, &server) != 0)
        bench_die("usage: echo_client port server-pid [connections [bytes "
                  "[warm-up-ms [measured-ms [messages]]]]]");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)count, sizeof *all);
    incoming = malloc(CHUNK);
    if (!all || !incoming)
        bench_die("out of memory");
    open_all(all, count);
    for (long i = 0; i < count; i++)
        send_next(&all[i]);

    run_until(bench_wall_ns() + warm_up_ms * 1000000);
    int64_t server_ns = bench_clock(server);
    int64_t client_ns = bench_cpu_ns();
    int64_t begin = bench_wall_ns();
    replies = 0;
    run_until(begin + measured_ms * 1000000);
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

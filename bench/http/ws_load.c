/* SPDX-License-Identifier: MIT */
/*
 * ws_load.c — the load of WebSocket servers that echo: so many connections,
 * with so many messages of 64 bytes under way on each.
 *
 *     ws_load PORT PATH CONNECTIONS DEPTH SECONDS
 *
 * Prints requests=, the messages that came back. Replies are counted by their
 * bytes: an echo of 64 B has 66, and the first one is compared.
 */
#include "../bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PAYLOAD = 64, SENT = 6 + PAYLOAD, GOT = 2 + PAYLOAD, MOST = 1024 };

struct connection {
    int fd;
    size_t part; /* bytes of a message that has not come whole */
};

static char burst[MOST * SENT];

static void make_burst(void)
{
    for (size_t i = 0; i < MOST; i++) {
        char *at = burst + i * SENT;
        at[0] = (char)0x82;
        at[1] = (char)(0x80 | PAYLOAD);
        memcpy(at + 2, "\x11\x22\x33\x44", 4);
        for (size_t j = 0; j < PAYLOAD; j++)
            at[6 + j] = (char)((char)j ^ at[2 + j % 4]);
    }
}

static void send_some(const struct connection *connection, size_t count)
{
    size_t len = count * SENT;
    if (send(connection->fd, burst, len, MSG_NOSIGNAL) != (ssize_t)len)
        bench_die("send: %s", strerror(errno));
}

static void receive_exactly(int fd, char *buf, size_t len)
{
    if (recv(fd, buf, len, MSG_WAITALL) != (ssize_t)len)
        bench_die("the server left");
}

static void shake_hands(int fd, const char *path)
{
    char text[1024];
    size_t got = 0;
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                     path);
    if (send(fd, text, (size_t)n, 0) != n)
        bench_die("send: %s", strerror(errno));
    do {
        if (got == sizeof text - 1)
            bench_die("the server's head is too long");
        receive_exactly(fd, text + got, 1);
        text[++got] = '\0';
    } while (!strstr(text, "\r\n\r\n"));
    if (strncmp(text, "HTTP/1.1 101 ", 13) != 0)
        bench_die("the server says: %.*s", (int)strcspn(text, "\r"), text);
}

/* One message there and back, to see that it is an echo. */
static void try_once(const struct connection *connection)
{
    char reply[GOT];
    send_some(connection, 1);
    receive_exactly(connection->fd, reply, GOT);
    for (int i = 0; i < PAYLOAD; i++)
        if (reply[2 + i] != (char)i)
            bench_die("byte %d of the echo is wrong", i);
}

static void open_connection(struct connection *connection, int port,
                            const char *path, int epoll)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    const struct timeval patience = {.tv_sec = 10};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) <
            0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) <
            0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        bench_die("connect: %s", strerror(errno));
    connection->fd = fd;
    connection->part = 0;
    shake_hands(fd, path);
    try_once(connection);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        bench_die("epoll_ctl: %s", strerror(errno));
}

/* Take what has come and send as many anew. Returns how many. */
static size_t take_turn(struct connection *connection)
{
    static char buf[MOST * GOT];
    ssize_t n = recv(connection->fd, buf, sizeof buf, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        bench_die("the server left");
    size_t bytes = connection->part + (size_t)n;
    connection->part = bytes % GOT;
    if (bytes / GOT > 0)
        send_some(connection, bytes / GOT);
    return bytes / GOT;
}

int main(int argc, char **argv)
{
    static struct connection connections[MOST];
    struct epoll_event events[256];
    uint64_t messages = 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int port = (int)bench_arg(argc, argv, 1, 1, 65535, 8080);
    long count = bench_arg(argc, argv, 3, 1, MOST, 64);
    long depth = bench_arg(argc, argv, 4, 1, 256, 1);
    long seconds = bench_arg(argc, argv, 5, 1, 600, 2);
    make_burst();
    for (long i = 0; i < count; i++)
        open_connection(&connections[i], port, argc > 2 ? argv[2] : "/ws",
                        epoll);
    for (long i = 0; i < count; i++)
        send_some(&connections[i], (size_t)depth);
    int64_t end = bench_wall_ns() + seconds * 1000000000;
    while (bench_wall_ns() < end) {
        int ready = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < ready; i++)
            messages += take_turn(events[i].data.ptr);
    }
    printf("requests=%llu\n", (unsigned long long)messages);
    return 0;
}

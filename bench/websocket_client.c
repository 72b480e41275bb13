/* SPDX-License-Identifier: MIT */
/*
 * websocket_client.c — the load for WebSocket echo servers: connections with
 * some messages under way on each, for a bounded time.
 *
 * Each connection sends `depth` binary messages in one write, waits until all
 * have come back, checks the last one, and sends the next ones. Frames are
 * masked by zeros, which servers unmask like any other. What a message costs
 * the server is its processor time over the number of echoes.
 *
 *     websocket_client port server-pid connections bytes depth warm-up-ms
 *                      measured-ms
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256 };

struct connection {
    int fd;
    size_t received; /* of the echoes under way */
};

static int epoll_fd;
static size_t depth, reply_bytes, request_bytes, message_bytes;
static char *request, *reply;
static int64_t echoes;

/* ── Opening ──────────────────────────────────────────────────────────── */

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            bench_die("send: %s", strerror(errno));
        data += n;
        len -= (size_t)n;
    }
}

static void shake_hands(int fd)
{
    static const char ask[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[4096] = "";
    size_t got = 0;
    send_all(fd, ask, sizeof ask - 1);
    while (!strstr(answer, "\r\n\r\n")) {
        ssize_t n = recv(fd, answer + got, sizeof answer - 1 - got, 0);
        if (n <= 0)
            bench_die("the server has not accepted: %s", answer);
        got += (size_t)n;
        answer[got] = '\0';
    }
    if (!strstr(answer, " 101 "))
        bench_die("the server has not accepted: %s", answer);
}

static void open_one(struct connection *connection, long port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        bench_die("connect to port %ld: %s", port, strerror(errno));
    shake_hands(fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        bench_die("epoll_ctl: %s", strerror(errno));
    connection->fd = fd;
}

/* ── Load ─────────────────────────────────────────────────────────────── */

static size_t put_head(char *out, size_t len, int masked)
{
    size_t at = 0;
    out[at++] = (char)0x82;
    if (len < 126) {
        out[at++] = (char)(masked << 7 | (int)len);
    } else {
        out[at++] = (char)(masked << 7 | (len > 0xffff ? 127 : 126));
        for (int shift = len > 0xffff ? 56 : 8; shift >= 0; shift -= 8)
            out[at++] = (char)((uint64_t)len >> shift);
    }
    for (int i = 0; masked && i < 4; i++)
        out[at++] = 0;
    return at;
}

static void make_messages(void)
{
    size_t most = depth * (message_bytes + 14);
    request = malloc(most);
    reply = malloc(most);
    if (!request || !reply)
        bench_die("out of memory");
    for (size_t i = 0; i < depth; i++) {
        request_bytes += put_head(request + request_bytes, message_bytes, 1);
        memset(request + request_bytes, 'a' + (int)(i % 26), message_bytes);
        request_bytes += message_bytes;
        reply_bytes += put_head(reply + reply_bytes, message_bytes, 0);
        memset(reply + reply_bytes, 'a' + (int)(i % 26), message_bytes);
        reply_bytes += message_bytes;
    }
}

static void on_ready(struct connection *connection)
{
    static char buf[1 << 20];
    size_t room = reply_bytes - connection->received;
    ssize_t n = recv(connection->fd, buf, room < sizeof buf ? room : sizeof buf,
                     MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        bench_die("recv: %s", n < 0 ? strerror(errno) : "closed");
    if (memcmp(buf, reply + connection->received, (size_t)n) != 0)
        bench_die("the server changed a message");
    connection->received += (size_t)n;
    if (connection->received < reply_bytes)
        return;
    echoes += (int64_t)depth;
    connection->received = 0;
    send_all(connection->fd, request, request_bytes);
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

int main(int argc, char **argv)
{
    long port = bench_arg(argc, argv, 1, 1, 65535, 0);
    long pid = bench_arg(argc, argv, 2, 1, INT32_MAX, 0);
    long count = bench_arg(argc, argv, 3, 1, 15000, 64);
    message_bytes = (size_t)bench_arg(argc, argv, 4, 0, 1 << 20, 64);
    depth = (size_t)bench_arg(argc, argv, 5, 1, 1024, 1);
    long warm_up_ms = bench_arg(argc, argv, 6, 0, 10000, 200);
    long measured_ms = bench_arg(argc, argv, 7, 1, 60000, 1000);
    clockid_t server;
    if (argc < 3 || clock_getcpuclockid((pid_t)pid, &server) != 0)
        bench_die("usage: websocket_client port server-pid [connections "
                  "[bytes [depth [warm-up-ms [measured-ms]]]]]");
    make_messages();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)count, sizeof *all);
    if (!all)
        bench_die("out of memory");
    for (long i = 0; i < count; i++)
        open_one(&all[i], port);
    for (long i = 0; i < count; i++)
        send_all(all[i].fd, request, request_bytes);
    run_until(bench_wall_ns() + warm_up_ms * 1000000);
    int64_t server_ns = bench_clock(server);
    int64_t begin = bench_wall_ns();
    echoes = 0;
    run_until(begin + measured_ms * 1000000);
    double wall_ns = (double)(bench_wall_ns() - begin);
    server_ns = bench_clock(server) - server_ns;
    if (echoes == 0)
        bench_die("no echo within %ld ms", measured_ms);
    printf("messages=%lld seconds=%.6f rate=%.0f server_us=%.4f "
           "server_busy=%.3f\n",
           (long long)echoes, wall_ns / 1e9, (double)echoes / wall_ns * 1e9,
           (double)server_ns / 1e3 / (double)echoes,
           (double)server_ns / wall_ns);
    return 0;
}

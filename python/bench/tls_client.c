/* SPDX-License-Identifier: MIT */
/*
 * tls_client.c — the load for TLS echo servers: connections, each with one
 * message under way, in one thread.
 *
 *     tls_client port connections bytes warm-up-ms measured-ms
 *
 * The certificate is not verified: it is the benchmark's own. Prints the
 * messages that came back whole, a second.
 */
#include "../../bench/bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1024, BIGGEST = 1 << 20 };

static struct connection {
    SSL *ssl;
    long got; /* bytes of the message that came back */
} connections[MOST];

static char message[BIGGEST], answer[BIGGEST];

static void connect_one(struct connection *connection, SSL_CTX *context,
                        int port, int set)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        bench_die("connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->ssl = SSL_new(context);
    SSL_set_fd(connection->ssl, fd);
    if (SSL_connect(connection->ssl) != 1)
        bench_die("no handshake");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void send_message(struct connection *connection, long size)
{
    connection->got = 0;
    int rc = SSL_write(connection->ssl, message, (int)size);
    if (rc != size)
        bench_die("a message was not taken whole");
}

/* Whether a whole message came back. */
static bool receive(struct connection *connection, long size)
{
    while (connection->got < size) {
        int got = SSL_read(connection->ssl, answer,
                           (int)(size - connection->got));
        if (got <= 0) {
            int why = SSL_get_error(connection->ssl, got);
            if (why == SSL_ERROR_WANT_READ)
                return false;
            bench_die("the connection was lost");
        }
        if (memcmp(answer, message + connection->got, (size_t)got) != 0)
            bench_die("other bytes came back");
        connection->got += got;
    }
    return true;
}

int main(int argc, char **argv)
{
    int port = (int)bench_arg(argc, argv, 1, 1, 65535, 0);
    long count = bench_arg(argc, argv, 2, 1, MOST, 32);
    long size = bench_arg(argc, argv, 3, 1, 16384, 1024);
    int64_t warm_up = bench_arg(argc, argv, 4, 0, 60000, 200) * 1000000;
    int64_t measured = bench_arg(argc, argv, 5, 1, 60000, 1000) * 1000000;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int set = epoll_create1(EPOLL_CLOEXEC);
    for (long i = 0; i < size; i++)
        message[i] = (char)(i * 7);
    for (long i = 0; i < count; i++)
        connect_one(&connections[i], context, port, set);
    int64_t begin = bench_wall_ns() + warm_up; /* without handshakes */
    int64_t end = begin + measured;
    for (long i = 0; i < count; i++)
        send_message(&connections[i], size);
    long done = 0;
    for (int64_t now = bench_wall_ns(); now < end; now = bench_wall_ns()) {
        struct epoll_event events[64];
        int ready = epoll_wait(set, events, 64, 1000);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!receive(connection, size))
                continue;
            done += now >= begin;
            send_message(connection, size);
        }
    }
    printf("requests=%ld seconds=%.6f\n", done,
           (double)(bench_wall_ns() - begin) * 1e-9);
    return 0;
}

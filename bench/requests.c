/* SPDX-License-Identifier: MIT */
/*
 * requests.c — so many requests to a server that takes a second for each, all
 * together: how long the whole takes. Server and client are processes of
 * their own and talk TCP; both run on bide.
 *
 *     requests [count [plain]]
 *
 * `plain` asks by blocking calls, one after the other, and reads the answers
 * in the same order: what the kernel's share of it is.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <bide.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../demo/server.h"

/* Connections under way at once: a listening socket's queue is finite, and
 * what it cannot hold is tried again a second later. */
#define CONNECTING 1000

struct load {
    long count;
    int port;
    bide_semaphore connecting;
};

static const char ask[] = "GET /delay/1 HTTP/1.1\r\nHost: a\r\n\r\n";

static int exchange(bide_stream *stream)
{
    char answer[512];
    int rc = bide_stream_write(stream, ask, sizeof ask - 1);
    if (rc < 0)
        return rc;
    ssize_t n = bide_stream_readline(stream, answer, sizeof answer);
    if (n <= 0 || strncmp(answer, "HTTP/1.1 200", 12) != 0)
        return n < 0 ? (int)n : bide_raise(-EPROTO, "not answered by 200");
    while (n > 0)
        n = bide_stream_read(stream, answer, sizeof answer);
    return (int)n;
}

static int request(void *arg)
{
    struct load *load = arg;
    bide_stream *stream;
    int rc = bide_semaphore_acquire(&load->connecting);
    if (rc < 0)
        return rc;
    rc = bide_open_connection("127.0.0.1", load->port, NULL, &stream);
    bide_semaphore_release(&load->connecting);
    if (rc < 0)
        return rc;
    rc = exchange(stream);
    bide_stream_close(stream);
    return rc;
}

static int measure(void *arg)
{
    struct load *load = arg;
    size_t count = (size_t)load->count;
    bide_task **tasks = calloc(count, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    bide_semaphore_init(&load->connecting, CONNECTING);
    int64_t begin = bench_wall_ns();
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(request, load);
    int rc = bide_gather(tasks, count);
    double ns = (double)(bench_wall_ns() - begin);
    free(tasks);
    if (rc < 0)
        return rc;
    printf("seconds=%.4f\n", ns / 1e9);
    return 0;
}

/* ── By blocking calls ────────────────────────────────────────────────── */

static int ask_plainly(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        send(fd, ask, sizeof ask - 1, 0) != sizeof ask - 1)
        bench_die("a request: %s", strerror(errno));
    return fd;
}

static void hear_plainly(int fd)
{
    char answer[512];
    if (recv(fd, answer, sizeof answer, 0) < 12 ||
        strncmp(answer, "HTTP/1.1 200", 12) != 0)
        bench_die("not answered by 200");
    while (recv(fd, answer, sizeof answer, 0) > 0)
        continue;
    close(fd);
}

static int measure_plain(struct load *load)
{
    size_t count = (size_t)load->count;
    int *fds = calloc(count, sizeof *fds);
    if (!fds)
        return -ENOMEM;
    int64_t begin = bench_wall_ns();
    for (size_t i = 0; i < count; i++)
        fds[i] = ask_plainly(load->port);
    for (size_t i = 0; i < count; i++)
        hear_plainly(fds[i]);
    printf("seconds=%.4f\n", (double)(bench_wall_ns() - begin) / 1e9);
    free(fds);
    return 0;
}

int main(int argc, char **argv)
{
    struct load load = {.count = bench_arg(argc, argv, 1, 1, 15000, 10)};
    bool plain = argc > 2 && strcmp(argv[2], "plain") == 0;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    load.port = demo_server_start();
    if (load.port < 0)
        bench_die("the server did not start: %s", bide_strerror(load.port));
    int rc = plain ? measure_plain(&load) : bide_run(measure, &load);
    demo_server_stop();
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * server.c — a web server that takes a second for every answer.
 *
 * It runs in a process of its own, as a server would, so that ten thousand
 * connections need ten thousand descriptors in each process and not twice as
 * many in one.
 */
#include "server.h"

#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t server_process;

/* One connection: a request's head comes, a second passes, the answer goes. */
static int answer(bide_stream *stream, void *arg)
{
    static const char text[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Length: 6\r\n"
                               "Connection: close\r\n"
                               "\r\n"
                               "done.\n";
    char head[2048];
    (void)arg;
    ssize_t n = bide_stream_readuntil(stream, "\r\n\r\n", 4, head,
                                      sizeof head);
    if (n < 0)
        return (int)n;
    int rc = bide_sleep(1.0);
    if (rc < 0)
        return rc;
    return bide_stream_write(stream, text, sizeof text - 1);
}

/* Tell the port through the pipe, then serve until killed. */
static int serve(void *arg)
{
    int pipe_end = *(int *)arg;
    const bide_server_options options = {.backlog = 16384};
    bide_server *server;
    int rc = bide_start_server("127.0.0.1", 0, answer, NULL, &options,
                               &server);
    int port = rc < 0 ? rc : bide_server_port(server);
    if (write(pipe_end, &port, sizeof port) != sizeof port || rc < 0)
        return rc;
    close(pipe_end);
    return bide_sleep((double)INT32_MAX);
}

int demo_server_start(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -errno;
    server_process = fork();
    if (server_process < 0)
        return -errno;
    if (server_process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive the demo */
        close(ends[0]);
        _exit(bide_run(serve, &ends[1]) < 0);
    }
    close(ends[1]);
    int port = -EPIPE;
    if (read(ends[0], &port, sizeof port) != sizeof port)
        port = -EPIPE;
    close(ends[0]);
    return port;
}

void demo_server_stop(void)
{
    kill(server_process, SIGKILL);
    waitpid(server_process, NULL, 0);
}

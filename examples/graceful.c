/* SPDX-License-Identifier: MIT */
/*
 * graceful.c — a server that stops: no new connections, some time for those
 * that are served, then the end for the rest. Try a time of two seconds.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static int serve(bide_stream *stream, void *arg)
{
    char line[64];
    (void)arg;
    ssize_t n = bide_stream_readline(stream, line, sizeof line);
    if (n <= 0)
        return (int)n;
    int rc = bide_sleep(line[0] == 'q' ? 0.02 : 1.0); /* quick or slow */
    printf("%s: %.*s", rc == 0 ? "served" : "cut off", (int)n, line);
    return rc;
}

static int stop_gracefully(bide_server *server, double time)
{
    bide_timeout grace;
    bide_server_stop(server);
    bide_timeout_enter(&grace, time);
    int rc = bide_timeout_exit(&grace, bide_server_wait(server));
    if (rc == -ETIME)
        printf("still at work: %zu\n", bide_server_connections(server));
    int closed = bide_server_close(server); /* cancels the others */
    return rc < 0 && rc != -ETIME ? rc : closed;
}

static int amain(void *arg)
{
    bide_server *server;
    bide_stream *clients[2] = {NULL, NULL};
    static const char *const lines[] = {"quick\n", "slow\n"};
    (void)arg;
    int rc = bide_start_server("127.0.0.1", 0, serve, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    int port = bide_server_port(server);
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = bide_open_connection("127.0.0.1", port, NULL, &clients[i]);
        if (rc == 0)
            rc = bide_stream_write(clients[i], lines[i], i ? 5 : 6);
    }
    while (rc == 0 && bide_server_connections(server) < 2)
        rc = bide_sleep(0.001);
    int stopped = stop_gracefully(server, 0.2);
    bide_stream_close(clients[0]);
    bide_stream_close(clients[1]);
    return rc < 0 ? rc : stopped;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}

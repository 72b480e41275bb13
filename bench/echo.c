/* SPDX-License-Identifier: MIT */
/*
 * echo.c — a TCP echo server on bide: a task a connection, that reads and
 * writes. Prints `port=N` and serves until it is killed. BIDE_BACKEND chooses
 * the backend.
 *
 * The buffer is larger than the messages, as with the servers by hand: a read
 * that fills its buffer cannot know whether more has come.
 */
#include "bench.h"

#include <bide.h>
#include <math.h>

static int echo(bide_stream *stream, void *arg)
{
    (void)arg;
    char buffer[8192];
    for (;;) {
        ssize_t n = bide_stream_read(stream, buffer, sizeof buffer);
        if (n <= 0)
            return (int)n;
        int rc = bide_stream_write(stream, buffer, (size_t)n);
        if (rc < 0)
            return rc;
    }
}

static int serve(void *arg)
{
    (void)arg;
    bide_server *server;
    int rc = bide_start_server("127.0.0.1", 0, echo, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    printf("port=%d\n", (int)bide_server_port(server));
    fflush(stdout);
    return bide_sleep(INFINITY);
}

int main(void)
{
    int rc = bide_run(serve, NULL);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * echo.c — a TCP echo server on bide: a task a connection, that reads and
 * writes. Prints `port=N` and serves until it is killed. BIDE_BACKEND chooses
 * the backend.
 *
 * The buffer is larger than the messages, as with the servers by hand: a read
 * that fills its buffer cannot know whether more has come. `bulk` makes it
 * larger still.
 *
 *     echo [bulk]
 */
#include "bench.h"

#include <bide.h>
#include <math.h>

enum { BUFFER = 8 << 10, BULK_BUFFER = 256 << 10 };

static int copy_all(bide_stream *stream, char *buffer, size_t size)
{
    for (;;) {
        ssize_t n = bide_stream_read(stream, buffer, size);
        if (n <= 0)
            return (int)n;
        int rc = bide_stream_write(stream, buffer, (size_t)n);
        if (rc < 0)
            return rc;
    }
}

static int echo(bide_stream *stream, void *arg)
{
    (void)arg;
    char buffer[BUFFER];
    return copy_all(stream, buffer, sizeof buffer);
}

static int echo_bulk(bide_stream *stream, void *arg)
{
    (void)arg;
    char *buffer = malloc(BULK_BUFFER);
    if (!buffer)
        return -ENOMEM;
    int rc = copy_all(stream, buffer, BULK_BUFFER);
    free(buffer);
    return rc;
}

static int serve(void *arg)
{
    bool bulk = strcmp(arg, "bulk") == 0;
    bide_server *server;
    int rc = bide_start_server("127.0.0.1", 0, bulk ? echo_bulk : echo, NULL,
                               NULL, &server);
    if (rc < 0)
        return rc;
    printf("port=%d\n", (int)bide_server_port(server));
    fflush(stdout);
    return bide_sleep(INFINITY);
}

int main(int argc, char **argv)
{
    char *mode = argc > 1 ? argv[1] : "";
    int rc = bide_run(serve, mode);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}
